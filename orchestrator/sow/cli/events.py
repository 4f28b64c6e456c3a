"""`sow events`: the log of what happened."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from sow import eventlog, files
from sow.cli import completion, opening
from sow.cli.text import plain
from sow.cli.words import counted
from sow.clock import seconds
from sow.errors import NotFound, Usage
from sow.runner.watch import Tail, Watcher


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
    "--task", "task_id", metavar="ID", help="Only events of this task.", shell_complete=completion.tasks
)
@click.option("--since", metavar="TIME", help="Only events from this RFC 3339 time or day on.")
@click.option("--json", "as_json", is_flag=True, help="The lines of the log as they are.")
@click.pass_obj
def events(
    settings: dict[str, Any], follow: bool, kinds: tuple[str, ...], task_id: str | None, since: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Read the log of what happened.

    \b
    Example:  sow events --task 020
              sow events -f --type task.paused --json
    """
    store = opening.store(settings["project"])
    after = _moment(since) if since else 0.0
    if task_id is not None and not any(path.split("/")[-2] == task_id for path in store.task_files()):
        raise NotFound(f"task not found: {task_id}", "see the tasks there are: `sow task list`")
    torn = 0
    for line in _lines(store.log, store.layout.events, follow):
        event = eventlog.parse(line.encode())
        if event is None:
            torn += bool(line.strip())
            continue
        if (kinds and event["type"] not in kinds) or (task_id and event.get("task_id") != task_id):
            continue
        if after and seconds(event["ts"]) < after:
            continue
        print(line if as_json else sentence(event), flush=follow)
    if torn:
        sys.stderr.write(f"sow: {counted(torn, 'line')} of the log, torn by a kill, left out\n")


def sentence(event: dict[str, Any]) -> str:
    """An event as one line for a person."""
    task = f"[{event['task_id']}]" if event.get("task_id") else "-"
    said = ", ".join(f"{key}={_short(value)}" for key, value in (event.get("payload") or {}).items())
    return f"{event['ts']}  {task:<6} {event['type']:<20} {said}"


def _lines(log: eventlog.EventLog, folder: str, follow: bool) -> Iterator[str]:
    tails = {path: Tail(path) for path in log.files()}
    for tail in tails.values():
        yield from tail.read()
    if not follow:
        return
    files.make_folder(folder)
    with Watcher() as watcher:
        watcher.add_folder(folder)
        while True:
            for path in log.files():
                yield from tails.setdefault(path, Tail(path)).read()
            watcher.wait()


def _moment(since: str) -> float:
    try:
        return seconds(since)
    except ValueError:
        raise Usage(
            f"--since {since}: that is no time", "such as 2026-11-20 or 2026-11-20T18:30:00Z"
        ) from None


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = plain(" ".join(text.split()))
    return f"{line[:117]}..." if len(line) > 120 else line
