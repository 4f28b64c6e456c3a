"""`sow validate`: every file of the project and of its settings, against what it has to be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from sow.cli import opening, workspace
from sow.cli.text import plain
from sow.cli.words import counted
from sow.errors import BadFile, Refused

if TYPE_CHECKING:
    from sow.validate import Checked


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def validate(settings: dict[str, Any], as_json: bool) -> None:
    """Check every file of the project, the repository's settings and yours.

    All problems of all files are told, each with its place; nothing is changed. The exit code is 4
    where there is one. `sow repair` mends what has one right answer. Where there is no .sow/, but a
    folder tasks/ or workspace/tasks/ with task files in it, those and their config.yaml are checked.

    \b
    Example:  sow validate
              sow validate --json
    """
    if place := workspace.here(settings):
        workspace.validate(place, as_json=as_json)
        return
    found = opening.project(settings).validate()
    click.echo(json.dumps(found.as_json()) if as_json else _text(found))
    if found.problems:
        raise Refused(
            f"{counted(len(found.problems), 'problem')} in {counted(found.files, 'file')}",
            "`sow repair` mends what has one right answer; the rest is yours, at the places named",
        )


def _text(found: Checked) -> str:
    lines = [told(problem) for problem in found.problems]
    if not lines:
        parts = f"{counted(found.phases, 'phase')}, {counted(found.tasks, 'task')}"
        lines = [f"Valid: the project, {parts}, the settings"]
    if found.torn_lines:
        torn = counted(found.torn_lines, "line")
        lines.append(f"The event log has {torn} torn by a kill; readers skip them")
    return "\n".join(lines)


def told(problem: BadFile) -> str:
    """A problem for a person: its place and what is wrong, and below it what to do."""
    return plain(f"{problem}\n    {problem.hint}")
