"""`sow repair`: what has one right answer is mended, the rest is explained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from sow.cli import opening
from sow.cli.text import plain
from sow.cli.validate import told
from sow.cli.words import counted
from sow.errors import Refused

if TYPE_CHECKING:
    from sow.recovery.repair import Mended, Repaired


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be mended, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def repair(settings: dict[str, Any], dry_run: bool, as_json: bool) -> None:
    """Mend what is broken in the project and has one right answer; explain the rest.

    Broken and missing state files come back from their last good copies, missing texts are made anew,
    leases of dead processes are given back. What is replaced is kept beside, as FILE.broken. The exit
    code is 4 where something is left for you. After a kill nobody needs this.

    \b
    Example:  sow repair --dry-run
              sow repair
    """
    done = opening.project(settings).repair(dry_run=dry_run)
    click.echo(json.dumps(done.as_json()) if as_json else _text(done))
    if done.left:
        raise Refused(
            f"{counted(len(done.left), 'problem')} left that nobody but you can mend",
            "mend them at the places named, and check again: `sow validate`",
        )


def _text(done: Repaired) -> str:
    lines = [_line(mended, done.dry_run) for mended in done.mended]
    if done.left:
        lines += ["Left for you:", *map(told, done.left)]
    return "\n".join(lines) if lines else "Nothing to mend"


def _line(mended: Mended, dry_run: bool) -> str:
    kept = f"; what was there is kept as {mended.kept}" if mended.kept else ""
    return plain(f"{'Would mend' if dry_run else 'Mended'} {mended.step.path}: {mended.step.what}{kept}")
