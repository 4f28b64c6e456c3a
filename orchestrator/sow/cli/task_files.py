"""`sow run` in a workspace of task files, which is `sophia-cli run` as well."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from sow.cli.text import plain
from sow.errors import INTERRUPTED, Failed, Waits
from sow.taskfiles.claim import Claims
from sow.taskfiles.events import EventWriter
from sow.taskfiles.loader import TaskLoader
from sow.taskfiles.runner import Note, Outcome, Stop, TaskRunner
from sow.taskfiles.serving import Server, chosen
from sow.taskfiles.stages import Settings
from sow.taskfiles.task_file import QUEUED, RUNNING
from sow.taskfiles.workspace import Workspace


def run(
    settings: dict[str, Any], folder: str, *, task: str | None, jobs: int | None, stay: bool,
    budget: float | None, dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    """Works on the task files of the workspace in `folder`; gives the exit code. `budget`: in US dollars."""
    workspace = Workspace(folder)
    held = Settings.read(workspace)
    loader = TaskLoader(workspace)
    seen = chosen(loader, task, stay=stay) if task is not None else None
    only = seen.stem if seen else None
    if dry_run:
        return _tell_plan(loader, only, as_json)
    face = _Face(as_json=as_json, quiet=settings["quiet"])
    stop = Stop()
    claims = Claims(
        workspace,
        held,
        EventWriter(workspace.events),
        time.time,
        lambda text: face(Note("problem", "", text)),
    )
    runner = TaskRunner(workspace, held, claims, watch=face, stop=stop, budget_usd=budget)
    server = Server(workspace, loader, runner, jobs or held.jobs, only, face)
    if seen and not stay and seen.status == RUNNING:
        claims.check_free(seen)
    with _heard_signals(stop):
        outcomes = server.run(stay=stay)
    if seen and not outcomes and not as_json and not stop.wish and not server.stuck():
        click.echo(f"Task {seen.id} is {seen.status} already.")
        return 0
    return _tell_end(server, outcomes, stop, as_json=as_json, quiet=settings["quiet"])


class _Face:
    """A line for each thing that matters, or one JSON object; what is wrong on standard error."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json, self._quiet = as_json, quiet
        self.problems = 0

    def __call__(self, note: Note) -> None:
        if note.kind == "problem":
            self.problems += 1
            sys.stderr.write(f"! {plain(' '.join(note.text.split()))}\n")
        elif self._as_json:
            told = {"task": note.task_id or None, "file": note.path or None}
            _write(json.dumps({"kind": note.kind, **told, "text": note.text}))
        elif not self._quiet:
            first = note.text.partition("\n")[0]
            shown = f"{note.kind}{': ' if first else ''}{first}" if note.kind in ENDS else first
            # A line of output is one, whatever the ids of another program hold.
            whose = f"[{' '.join(note.task_id.split())}] " if note.task_id else ""
            _write(plain(f"{whose}{shown}"))


ENDS = ("done", "failed", "canceled", "left", "held")


def _write(line: str) -> None:
    try:
        # In one piece: several threads tell something.
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError:
        # Whoever read along has had enough, or their disk is full: the work goes on.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _tell_end(server: Server, outcomes: list[Outcome], stop: Stop, *, as_json: bool, quiet: bool) -> int:
    budget, spent = server.runner.budget.usd, server.runner.spent
    # What was held, or left, may have come to its end since.
    runs_yet = {seen.path for seen in server.loader.known() if seen.status == RUNNING}
    last = [
        each
        for each in {each.path: each for each in outcomes}.values()
        # Another runner may have gone on with what was held.
        if each.status != "held" or each.path in runs_yet
    ]
    by_status = {status: sum(each.status == status for each in last) for status in ENDS}
    bad = [fault for fault in server.loader.bad() if server.only is None]
    stuck = [] if stop.wish else [seen for seen in server.stuck() if server.only in (None, seen.stem)]
    held_back = not stop.wish and server.held_back()
    # What a run leaves that nobody ended, and that has money, is an end that could not be written.
    amiss = by_status["failed"] or bad or stuck or (by_status["left"] and not held_back)
    code = Failed.exit_code if amiss else Waits.exit_code if held_back else 0
    if stop.wish:
        code = INTERRUPTED
    if as_json:
        told_last: dict[str, Any] = {"kind": "ended", **by_status, "bad_files": len(bad), "stuck": len(stuck)}
        if budget is not None:
            told_last |= {"spent_usd": round(spent, 6), "budget_usd": budget}
        _write(json.dumps({**told_last, "exit_code": code}))
        return code
    if quiet:
        return code
    told = [f"{count} {status}" for status, count in by_status.items() if count]
    told += [f"{len(stuck)} can't be claimed"] * bool(stuck)
    told += [f"{len(bad)} can't be read"] * bool(bad)
    if told or not held_back:
        nothing = "Nothing was running." if stop.wish else "Nothing is queued."
        click.echo(f"{', '.join(told)}." if told else nothing)
    if held_back:
        click.echo(
            f"The budget of this run is spent (${spent:.2f} of ${budget:.2f}). With more: --budget USD"
        )
    return code


def _tell_plan(loader: TaskLoader, only: str | None, as_json: bool) -> int:
    queued = [seen for seen in loader.queued() if only in (None, seen.stem)]
    if as_json:
        click.echo(json.dumps([{"id": seen.id, "file": seen.path} for seen in queued]))
        return 0
    for seen in queued:
        click.echo(plain(f"would run [{seen.id}] {os.path.basename(seen.path)}"))
    if not queued:
        click.echo("nothing would run")
    return 0


def ids(folder: str) -> list[tuple[str, str]]:
    """The ids of the tasks in a workspace, for a shell that completes them: what is queued first."""
    seen = TaskLoader(Workspace(folder)).scan()
    return [(each.id, each.status) for each in sorted(seen, key=lambda each: each.status != QUEUED)]


@contextmanager
def _heard_signals(stop: Stop) -> Iterator[None]:
    """Ctrl-C ends the stages gently, once more leaves them running; so do a kill and a lost terminal."""

    def hear(number: int, frame: FrameType | None) -> None:
        leave = bool(stop.wish) or number != signal.SIGINT
        stop.ask("leave" if leave else "end")
        if os.isatty(2):
            told = "Leaving the stages" if leave else "Ending the stages; once more to leave them running"
            os.write(2, f"\r\n{told}.\r\n".encode())

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, hear) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
