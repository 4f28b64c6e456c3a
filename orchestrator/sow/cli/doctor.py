"""`sow doctor`: what is wrong here, and what mends it."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import click

from sow import __version__, find, logs
from sow.cli.text import plain, styled
from sow.cli.words import counted
from sow.doctor import scene
from sow.doctor.examination import Entry, examine
from sow.doctor.finding import Level
from sow.errors import Failed

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
    at the repository and its projects: as much of it as there is in this folder. The exit
    code is 1 when something must be mended; notes and warnings are none of that.

    \b
    Example:  sow doctor
              sow doctor --json
    """
    logs.set_up(verbose=settings["verbose"])
    seen = scene.look(find.here(), os.environ, settings["project"])
    entries = list(examine(seen)) if as_json else list(_shown(examine(seen)))
    levels = Counter(entry.finding.level for entry in entries)
    if as_json:
        click.echo(json.dumps(_document(seen, entries, levels)))
    else:
        click.echo(f"\n{_summary(levels)}")
    if levels["error"]:
        raise Failed(
            f"{counted(levels['error'], 'thing')} must be mended",
            "do what stands below each, then look again: `sow doctor`",
        )


def _shown(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Prints each entry as it comes."""
    room = ""
    for entry in entries:
        if entry.room != room:
            click.echo(f"{chr(10) if room else ''}{plain(entry.room)}")
            room = entry.room
        level = entry.finding.level
        click.echo(f"  {styled(f'{level:<7}', **_STYLES[level])}  {plain(entry.finding.text)}")
        if entry.finding.mend:
            click.echo(f"  {'':<7}  {plain(entry.finding.mend)}")
        yield entry


def _summary(levels: Counter[Level]) -> str:
    told = [counted(levels[level], level) for level in ("error", "warning", "note") if levels[level]]
    return ", ".join(told) if told else "Nothing to mend"


def _document(seen: scene.Scene, entries: list[Entry], levels: Counter[Level]) -> dict[str, Any]:
    return {
        "sow": __version__,
        "folder": seen.folder,
        "repository": seen.main,
        "ok": not levels["error"],
        "errors": levels["error"],
        "warnings": levels["warning"],
        "findings": [
            {
                "room": entry.room,
                "check": entry.check,
                "level": entry.finding.level,
                "text": entry.finding.text,
                "mend": entry.finding.mend or None,
                "facts": dict(entry.finding.facts),
            }
            for entry in entries
        ],
    }
