"""`sow run` in a workspace of task files, which is `sophia-cli run` as well."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click

from sow.api.serving import ENDS, PlannedFile, Served
from sow.api.stop import Stop
from sow.cli.text import plain

if TYPE_CHECKING:
    from sow.api.workspace import Workspace
    from sow.taskfiles.runner import Note


def run(
    place: Workspace, *, task: str | None, jobs: int | None, stay: bool, budget: float | None, dry_run: bool,
    as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Works on the task files of a workspace; gives the exit code. `budget`: in US dollars."""
    if dry_run:
        return _tell_plan(place.planned(task, stay=stay), as_json=as_json)
    face = _Face(as_json=as_json, quiet=quiet)
    with _heard_signals() as stop:
        served = place.run(task=task, jobs=jobs, stay=stay, budget=budget, watch=face, stop=stop)
    if served.already and not as_json:
        click.echo(f"Task {served.already.id} is {served.already.status} already.")
        return 0
    return _tell_end(served, as_json=as_json, quiet=quiet)


LONGEST = 300
"""The most characters of a line that tells what happens: `sow task show` has an error whole."""


class _Face:
    """A line for each thing that matters, or one JSON object; what is wrong on standard error."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json, self._quiet = as_json, quiet

    def __call__(self, note: Note) -> None:
        if note.kind == "problem":
            sys.stderr.write(f"! {plain(' '.join(note.text.split()))}\n")
        elif self._as_json:
            _write(json.dumps(note.as_json()))
        elif not self._quiet:
            first = note.text.partition("\n")[0]
            first = first if len(first) <= LONGEST else f"{first[: LONGEST - 3]}..."
            shown = f"{note.kind}{': ' if first else ''}{first}" if note.kind in ENDS else first
            # A line of output is one, whatever the ids of another program hold.
            whose = f"[{' '.join(note.task_id.split())}] " if note.task_id else ""
            _write(plain(f"{whose}{shown}"))


def _write(line: str) -> None:
    try:
        # In one piece: several threads tell something.
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError:
        # Whoever read along has had enough, or their disk is full: the work goes on.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _tell_end(served: Served, *, as_json: bool, quiet: bool) -> int:
    if as_json:
        _write(json.dumps(served.as_json()))
    elif not quiet:
        for line in _ending(served):
            click.echo(line)
    return served.exit_code


def _ending(served: Served) -> Iterator[str]:
    """How a run ended, for a person."""
    told = [f"{count} {status}" for status, count in served.counts.items() if count]
    told += [f"{len(served.stuck)} can't be claimed"] * bool(served.stuck)
    told += [f"{len(served.bad)} can't be read"] * bool(served.bad)
    if told or not served.held_back:
        nothing = "Nothing was running." if served.interrupted else "Nothing is queued."
        yield f"{', '.join(told)}." if told else nothing
    if served.held_back:
        spent = f"${served.spent_usd:.2f} of ${served.budget_usd:.2f}"
        yield f"The budget of this run is spent ({spent}). With more: --budget USD"


def _tell_plan(planned: Sequence[PlannedFile], *, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps([each.as_json() for each in planned]))
        return 0
    for each in planned:
        click.echo(plain(f"would run [{each.id}] {os.path.basename(each.file)}"))
    if not planned:
        click.echo("nothing would run")
    return 0


@contextmanager
def _heard_signals() -> Iterator[Stop]:
    """Ctrl-C ends the stages gently, once more leaves them running; so do a kill and a lost terminal."""
    stop = Stop()

    def hear(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            stop.end("SIGINT")
        else:
            stop.leave()
        if os.isatty(2):
            told = (
                "Leaving the stages"
                if "leave" in stop.wishes
                else "Ending the stages; once more to leave them running"
            )
            os.write(2, f"\r\n{told}.\r\n".encode())

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, hear) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
