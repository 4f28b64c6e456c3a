"""`sow events`: the log of what happened."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from sow.cli import completion, opening, workspace
from sow.cli.text import plain
from sow.cli.words import counted

if TYPE_CHECKING:
    from sow.api.events import Event


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Stay, and print what happens.")
@click.option(
    "--type",
    "kinds",
    multiple=True,
    metavar="T",
    help="Only events of this type; repeatable.",
    shell_complete=completion.event_types,
)
@click.option(
    "--task", "task_id", metavar="ID", help="Only events of this task.", shell_complete=completion.any_tasks
)
@click.option(
    "--since",
    metavar="TIME",
    help="Only events from this RFC 3339 time or day on, or of the last 30m, 2h, 3d.",
)
@click.option("--json", "as_json", is_flag=True, help="The lines of the log as they are.")
@click.pass_obj
def events(
    settings: dict[str, Any], follow: bool, kinds: tuple[str, ...], task_id: str | None, since: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Read the log of what happened; where there are task files, their event stream.

    \b
    Example:  sow events --task 020
              sow events -f --type task.paused --json
    """
    place = workspace.here(settings) or opening.project(settings)
    reading = place.events(types=kinds, task=task_id, since=since, follow=follow)
    for event in reading:
        print(event.line if as_json else sentence(event), flush=follow)
    if reading.torn:
        sys.stderr.write(f"sow: {counted(reading.torn, 'line')} of the log, torn by a kill, left out\n")


def sentence(event: Event) -> str:
    """An event as one line for a person."""
    task = f"[{event.task_id}]" if event.task_id else "-"
    said = ", ".join(f"{key}={_short(value)}" for key, value in event.payload.items())
    return f"{event.ts}  {task:<6} {event.type:<20} {said}"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = plain(" ".join(text.split()))
    if len(line) <= 120:
        return line
    _, cut, whole = line.rpartition(", whole in ")
    return f"{line[:117]}... (whole in {whole}" if cut and whole.endswith(")") else f"{line[:117]}..."
