"""`sow doctor`: what is wrong here, and what mends it."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from sow import logs
from sow.cli import opening
from sow.cli.text import plain, styled
from sow.cli.words import counted
from sow.errors import Failed

if TYPE_CHECKING:
    from sow.api.checkup import Examination
    from sow.doctor.finding import Level

_STYLES: dict[Level, dict[str, Any]] = {
    "ok": {"fg": "green"},
    "note": {"fg": "cyan"},
    "warning": {"fg": "yellow"},
    "error": {"fg": "red", "bold": True},
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def doctor(settings: dict[str, Any], as_json: bool) -> None:
    """See what is wrong here, each with the command that mends it. Nothing is changed.

    Looks at this machine, at the agents' programs (there, which version, logged in or not),
    at the repository and its projects, or at a workspace of task files: as much of it as
    there is in this folder. The exit code is 1 when something must be mended; notes and
    warnings are none of that.

    \b
    Example:  sow doctor
              sow doctor --json
    """
    logs.set_up(verbose=settings["verbose"])
    seen = opening.here().doctor(settings["project"])
    if as_json:
        for _ in seen:
            pass
        click.echo(json.dumps(seen.as_json()))
    else:
        _show(seen)
        click.echo(f"\n{_summary(seen.levels)}")
    levels = seen.levels
    if levels["error"]:
        raise Failed(
            f"{counted(levels['error'], 'thing')} must be mended",
            "do what stands below each, then look again: `sow doctor`",
        )


def _show(seen: Examination) -> None:
    """Prints each finding as it is made."""
    room = ""
    for entry in seen:
        if entry.room != room:
            click.echo(f"{chr(10) if room else ''}{plain(entry.room)}")
            room = entry.room
        level = entry.finding.level
        click.echo(f"  {styled(f'{level:<7}', **_STYLES[level])}  {plain(entry.finding.text)}")
        if entry.finding.mend:
            click.echo(f"  {'':<7}  {plain(entry.finding.mend)}")


def _summary(levels: Counter[Level]) -> str:
    told = [counted(levels[level], level) for level in ("error", "warning", "note") if levels[level]]
    return ", ".join(told) if told else "Nothing to mend"
