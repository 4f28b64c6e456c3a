"""`sow repair`: what has one right answer is mended, the rest is explained."""

from __future__ import annotations

import json
import os
from typing import Any

import click

from sow.cli import opening
from sow.cli.text import plain
from sow.cli.validate import row, told
from sow.cli.words import counted
from sow.errors import Refused
from sow.recovery import repair as repairing
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
    done = repairing.repair(opening.store(settings["project"]), os.environ, dry_run=dry_run)
    click.echo(json.dumps(_document(done, dry_run)) if as_json else _text(done, dry_run))
    if done.left:
        raise Refused(
            f"{counted(len(done.left), 'problem')} left that nobody but you can mend",
            "mend them at the places named, and check again: `sow validate`",
        )


def _text(done: Repaired, dry_run: bool) -> str:
    lines = [_line(mended, dry_run) for mended in done.mended]
    if done.left:
        lines += ["Left for you:", *map(told, done.left)]
    return "\n".join(lines) if lines else "Nothing to mend"


def _line(mended: Mended, dry_run: bool) -> str:
    kept = f"; what was there is kept as {mended.kept}" if mended.kept else ""
    return plain(f"{'Would mend' if dry_run else 'Mended'} {mended.step.path}: {mended.step.what}{kept}")


def _document(done: Repaired, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "mended": [
            {"path": each.step.path, "what": each.step.what, "kept": each.kept or None}
            for each in done.mended
        ],
        "left": [row(problem) for problem in done.left],
    }
