"""`sow run`: the orchestrator."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from sow.api.stop import Stop
from sow.cli import completion, opening, workspace
from sow.cli.commands import dollars
from sow.cli.text import plain
from sow.cli.watching import face
from sow.task import COMPLETED, NEEDS_REVIEW, PAUSED

if TYPE_CHECKING:
    from sow.api.running import Planned, Ran


@click.command()
@click.option("--task", "task_id", metavar="ID", help="Only this task.", shell_complete=completion.any_tasks)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Agents at once. [default: 3, or 1 in a shared folder; or configured]",
)
@click.option("--watch", "stay", is_flag=True, help="Stay, and take up what is added or decided meanwhile.")
@click.option(
    "--budget",
    callback=dollars,
    metavar="USD",
    help="Start nothing more once this run has spent that much, as the CLIs tell it; what runs goes on.",
)
@click.option("--dry-run", is_flag=True, help="Say what would start, and start nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def run(
    settings: dict[str, Any], task_id: str | None, jobs: int | None, stay: bool, budget: float | None,
    dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    """Let agents work, until nothing can go on without you.

    Starts what is ready, by dependency, priority and age. Ctrl-C ends the agents gently and the next
    run resumes them; a second Ctrl-C leaves them running for the next run to adopt. The exit code
    is 0 when all is done, 5 when something waits for you. Files in .sow/inbox/ become tasks as they
    come. Where there is no .sow/, but a folder tasks/ or workspace/tasks/ with task files in it, those
    are run.

    \b
    Example:  sow run
              sow run --jobs 6 --watch
              sow run --budget 5
    """
    if place := workspace.here(settings):
        from sow.cli import task_files

        return task_files.run(
            place, task=task_id, jobs=jobs, stay=stay, budget=budget, dry_run=dry_run,
            as_json=as_json, quiet=settings["quiet"],
        )  # fmt: skip
    project = opening.project(settings)
    if dry_run:
        return _tell_plan(project.planned(task_id), as_json)
    shown = face(project.tasks().tasks, as_json=as_json, quiet=settings["quiet"])
    with shown, heard_signals() as stop:
        ran = project.run(task=task_id, jobs=jobs, stay=stay, budget=budget, watch=shown.note, stop=stop)
    return tell(ran, as_json=as_json, quiet=settings["quiet"])


def tell(ran: Ran, *, as_json: bool, quiet: bool) -> int:
    """Says how a run ended and what it waits for; gives the exit code."""
    if as_json:
        print(json.dumps(ran.as_json()), flush=True)
    elif not quiet:
        for line in _ending(ran):
            click.echo(line)
    return ran.exit_code


def _ending(ran: Ran) -> Iterator[str]:
    """How a run ended, for a person."""
    if ran.interrupted:
        left = "the agents go on by themselves" if ran.left_running else "no agent runs any more"
        yield f"Interrupted; {left}. `sow run` goes on from here."
        return
    if not ran.tasks:
        yield 'There is no task yet: sow task add "..." --agent implementer'
        return
    if ran.done:
        yield f"Done: {len(ran.of(COMPLETED))} of {len(ran.tasks)} tasks completed."
        return
    if ran.held_back:
        spent = f"${ran.spent_usd:.2f} of ${ran.budget_usd:.2f}"
        yield f"The budget of this run is spent ({spent}). With more: sow run --budget USD"
    if ran.waits:
        asks, reviews = len(ran.of(PAUSED)), len(ran.of(NEEDS_REVIEW))
        parts = [f"{asks} to answer"] * bool(asks) + [f"{reviews} to review"] * bool(reviews)
        held = "; an agent stays, and waits for its answer" if ran.left_running else ""
        yield f"Waiting for you: {', '.join(parts)}{held}. Go through them: sow review"
    elif not ran.held_back and not ran.stuck:
        yield "Nothing can start now: see `sow status`"
    for way, out in ran.stuck.items():
        yield f"Waiting for each other, so none of them starts: {way}"
        yield f"  {out}"


def _tell_plan(order: Sequence[Planned], as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps([row.as_json() for row in order]))
        return 0
    for row in order:
        click.echo(f"would start [{row.id}] {plain(row.name)} — {row.agent} on {row.executor}")
    if not order:
        click.echo("nothing would start")
    return 0


@contextmanager
def heard_signals() -> Iterator[Stop]:
    """Ctrl-C, a kill and a lost terminal end what heeds the Stop through its one wait, never in mid-write."""
    stop = Stop()

    def hear(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            stop.leave()
        else:
            stop.end(signal.Signals(number).name)
        if os.isatty(2):
            # Past Python's streams: a live display may be in the midst of writing to them.
            os.write(2, b"\r\nEnding the agents; once more to leave them running.\r\n")

    before = {
        number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
