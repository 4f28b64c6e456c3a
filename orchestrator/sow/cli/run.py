"""`sow run`: the orchestrator."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click

from sow import find
from sow.budget import Budget
from sow.cli import INTERRUPTED, completion, opening
from sow.cli.text import plain
from sow.cli.watching import face
from sow.errors import Usage, Waits
from sow.ready import Ready
from sow.runner.watch import Watcher
from sow.scheduler import Outcome, Scheduler
from sow.task import NEEDS_REVIEW, PAUSED, Task
from sow.turn import Turns

WAITS = Waits.exit_code


def _dollars(ctx: click.Context, param: click.Parameter, given: str | None) -> float | None:
    """An amount of money above 0."""
    if given is None:
        return None
    try:
        amount = float(given.removeprefix("$"))
    except ValueError:
        amount = 0.0
    if not 0 < amount < float("inf"):
        raise click.BadParameter(f"{given} is no amount of dollars above 0", ctx, param)
    return amount


@click.command()
@click.option(
    "--task", "task_id", metavar="ID", help="Only this task.", shell_complete=completion.tasks_to_run
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    metavar="N",
    help="Agents at once. [default: 3, or 1 in a shared folder; or configured]",
)
@click.option("--watch", "stay", is_flag=True, help="Stay, and take up what is added or decided meanwhile.")
@click.option(
    "--budget",
    callback=_dollars,
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
    if settings["project"] is None and (folder := _task_files()):
        from sow.cli import task_files

        if budget is not None:
            raise Usage("--budget: task files tell no prices", "leave it out; a stage may have a timeout")
        return task_files.run(
            settings, folder, task=task_id, jobs=jobs, stay=stay, dry_run=dry_run, as_json=as_json
        )
    turns = opening.turns(settings["project"], verbose=settings["verbose"])
    if task_id is not None:
        turns.store.task(task_id)
    if dry_run:
        return _tell_plan(turns, task_id, as_json)
    tasks = list(turns.store.tasks().tasks)
    with Watcher() as watcher, face(tasks, as_json=as_json, quiet=settings["quiet"]) as shown:
        scheduler = Scheduler(
            turns, opening.reviewer(turns), watcher, jobs or turns.jobs, task_id, shown.note,
            budget=Budget(budget), inbox=opening.inbox(turns),
        )  # fmt: skip
        with heard_signals(scheduler):
            outcome = scheduler.run(stay=stay)
    return tell(outcome, as_json=as_json, quiet=settings["quiet"])


def _task_files() -> str:
    """The workspace of task files that is here instead of a project; empty for none.

    In a worker's environment, and where `.sow/` is, nothing is looked for.
    """
    start = find.here()
    if "SOW_PROJECT_DIR" in os.environ or os.path.lexists(f"{start}/.sow"):
        return ""
    folders = (f"{start}/tasks", f"{start}/workspace/tasks")
    if not any(map(os.path.isdir, folders)):
        return ""
    from sow.taskfiles import workspace

    return workspace.here(start)


def tell(outcome: Outcome, *, as_json: bool, quiet: bool) -> int:
    """Says how a run ended and what it waits for; gives the exit code."""
    code = INTERRUPTED if outcome.interrupted else WAITS if outcome.waits or outcome.held_back else 0
    if as_json:
        waits = [task.id for task in outcome.waits]
        told = {"kind": "ended", "done": outcome.done, "waits": waits, "exit_code": code}
        if outcome.budget.usd is not None:
            told |= {"spent_usd": round(outcome.budget.settled, 6), "budget_usd": outcome.budget.usd}
        print(json.dumps(told), flush=True)
        return code
    if quiet:
        return code
    if outcome.interrupted:
        left = "the agents go on by themselves" if outcome.left_running else "the agents were ended"
        click.echo(f"Interrupted; {left}. `sow run` goes on from here.")
        return code
    if not outcome.tasks:
        click.echo('There is no task yet: sow task add "..." --agent implementer')
        return code
    if outcome.done:
        completed = len(outcome.of("completed"))
        click.echo(f"Done: {completed} of {len(outcome.tasks)} tasks completed.")
        return code
    if outcome.held_back:
        spent = f"${outcome.budget.settled:.2f} of ${outcome.budget.usd:.2f}"
        click.echo(f"The budget of this run is spent ({spent}). With more: sow run --budget USD")
    if outcome.waits:
        asks, reviews = len(outcome.of(PAUSED)), len(outcome.of(NEEDS_REVIEW))
        parts = [f"{asks} to answer"] * bool(asks) + [f"{reviews} to review"] * bool(reviews)
        held = "; an agent stays, and waits for its answer" if outcome.left_running else ""
        click.echo(f"Waiting for you: {', '.join(parts)}{held}. Go through them: sow review")
    elif not outcome.held_back:
        click.echo("Nothing can start now: see `sow status`")
    return code


def _plan(turns: Turns, task_id: str | None) -> list[Task]:
    """The tasks that would start now, in their order."""
    ready, now, order = Ready(turns.store.tasks().tasks), turns.clock(), []
    running = {attempt.task_id for attempt in turns.attempts.open()}
    while task := ready.take(now, running):
        running.add(task.id)
        if task_id in (None, task.id):
            order.append(task)
    return order


def _tell_plan(turns: Turns, task_id: str | None, as_json: bool) -> int:
    order = []
    for task in _plan(turns, task_id):
        choice = turns.choice(task)
        order.append(
            {"id": task.id, "name": task.name, "agent": task.assigned_agent, "executor": choice.name}
        )
    if as_json:
        click.echo(json.dumps(order))
        return 0
    for row in order:
        click.echo(f"would start [{row['id']}] {plain(row['name'])} — {row['agent']} on {row['executor']}")
    if not order:
        click.echo("nothing would start")
    return 0


@contextmanager
def heard_signals(scheduler: Scheduler) -> Iterator[None]:
    """Ctrl-C, a kill and a lost terminal end the run through its one wait, never in mid-write."""

    def hear(number: int, frame: FrameType | None) -> None:
        scheduler.interrupt(signal.Signals(number).name)
        if os.isatty(2):
            # Past Python's streams: a live display may be in the midst of writing to them.
            os.write(2, b"\r\nEnding the agents; once more to leave them running.\r\n")

    before = {
        number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
