"""Runs agents: all that are ready, or that of one task to the end of its turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sow import adding, roles
from sow.api import engine
from sow.api.caller import Caller
from sow.api.deciding import deciding
from sow.api.stop import Stop
from sow.attempt import Attempt, Attempts
from sow.budget import Budget
from sow.dropped import Inbox
from sow.errors import INTERRUPTED, NotFound, Refused, Waits
from sow.layout import Layout
from sow.ready import Ready, stuck
from sow.recovery.restore import Restored, take_up
from sow.result import Result
from sow.review import Reviewer
from sow.runner.local import LocalRunner, Running
from sow.runner.watch import Watcher
from sow.scheduler import Scheduler
from sow.scheduler.telling import Note, Outcome
from sow.task import COMPLETED, IN_PROGRESS, NEEDS_REVIEW, PAUSED, PENDING, Task
from sow.turn import Turns

IMPLEMENTER = "implementer"
"""Who does what is only a prompt so far."""

STOP_SECONDS = 10.0
"""How long is waited for the one who drives a task, so that what is told of its end is so."""

Watch = Callable[[Note], None]
"""Is called with each thing that happens, mostly in the thread of the one who runs."""


@dataclass(frozen=True, slots=True)
class Ran(Result):
    """How a run ended."""

    tasks: tuple[Task, ...]
    """All tasks of the project, as they are now."""
    waits: tuple[str, ...]
    """The ids of those that wait for a person."""
    done: bool
    """Whether every task is completed or abandoned."""
    interrupted: bool = False
    left_running: bool = False
    """Whether agents still run: the next run adopts them."""
    held_back: bool = False
    """Whether more would have been started, had there been money for it."""
    budget_usd: float | None = None
    """What it was allowed to spend; None for any amount."""
    spent_usd: float = 0.0

    @property
    def stuck(self) -> dict[str, str]:
        """Circles in which tasks wait for each other, as `010 -> 020 -> 010`, each with what opens it."""
        return stuck(self.tasks)

    @property
    def exit_code(self) -> int:
        """What `sow run` ends with."""
        if self.interrupted:
            return INTERRUPTED
        return Waits.exit_code if self.waits or self.held_back or self.stuck else 0

    def of(self, *statuses: str) -> list[Task]:
        """The tasks with one of these statuses."""
        return [task for task in self.tasks if task.status in statuses]

    def as_json(self) -> Any:
        """The last line of `sow run --json`."""
        told = {
            "kind": "ended", "done": self.done, "waits": list(self.waits), "exit_code": self.exit_code
        }  # fmt: skip
        if self.stuck:
            told["stuck"] = self.stuck
        if self.budget_usd is not None:
            told |= {"spent_usd": round(self.spent_usd, 6), "budget_usd": self.budget_usd}
        return told


@dataclass(frozen=True, slots=True)
class Driven:
    """How one turn of one task ended."""

    task: Task
    """As it is now."""
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """What `sow agent spawn` ends with: 0 where the work is handed in, 5 where it waits for a person."""
        codes = {NEEDS_REVIEW: 0, COMPLETED: 0, PAUSED: Waits.exit_code}
        return INTERRUPTED if self.interrupted else codes.get(self.task.status, 1)


@dataclass(frozen=True, slots=True)
class Planned(Result):
    """A task that a run would start."""

    id: str
    name: str
    agent: str
    executor: str


# -- all that are ready ----------------------------------------------------------------------------


def run(
    turns: Turns,
    *,
    task: str | None = None,
    jobs: int | None = None,
    stay: bool = False,
    budget: float | None = None,
    watch: Watch | None = None,
    stop: Stop | None = None,
    inbox: Inbox | None = None,
) -> Ran:
    """Runs what is ready; see `Project.run`."""
    stop = stop or Stop()
    with Watcher() as watcher, stop.heard_by(watcher):
        scheduler = Scheduler(
            turns, engine.reviewer(turns), watcher, jobs or turns.jobs, task, watch or _unwatched,
            budget=Budget(budget), inbox=inbox, _signals=stop.wishes,
        )  # fmt: skip
        done = scheduler.run(stay=stay)
    return Ran(
        tasks=done.tasks,
        waits=tuple(each.id for each in done.waits),
        done=done.done,
        interrupted=done.interrupted,
        left_running=done.left_running,
        held_back=done.held_back,
        budget_usd=done.budget.usd,
        spent_usd=done.budget.settled,
    )


def planned(turns: Turns, task: str | None = None) -> list[Planned]:
    """The tasks that a run would start now, in their order."""
    ready, now, order = Ready(turns.store.tasks().tasks), turns.clock(), []
    running = {attempt.task_id for attempt in turns.attempts.open()}
    while found := ready.take(now, running):
        running.add(found.id)
        if task in (None, found.id):
            choice = turns.choice(found)
            order.append(Planned(found.id, found.name, found.assigned_agent, choice.name))
    return order


# -- one task --------------------------------------------------------------------------------------


def spawn(
    caller: Caller, layout: Layout, task_id: str, *, prompt: str = "", role: str = "",
    watch: Watch | None = None, stop: Stop | None = None,
) -> Driven:  # fmt: skip
    """Starts the agent of a task, and stays until its turn ends; see `Task.spawn`."""
    with deciding(caller, layout) as (turns, reviewer):
        task = turns.store.task(task_id)
        if task.status not in (PENDING, IN_PROGRESS):
            raise Refused(f"task {task_id} is {task.status}: its agent can't be started", _next(task))
        if role:
            roles.check(role, turns.layout.main)
        engine.check_can_start(turns, task, role)
        return _driven(turns, reviewer, task, prompt, role, watch, stop)


def spawn_new(
    caller: Caller, layout: Layout, prompt: str, *, role: str = IMPLEMENTER,
    watch: Watch | None = None, stop: Stop | None = None,
) -> Driven:  # fmt: skip
    """Adds a task described by `prompt`, and drives it; see `Project.spawn`."""
    with deciding(caller, layout) as (turns, reviewer):
        reserved: list[str] = []

        def check(task: Task) -> None:
            engine.check_can_start(turns, task)
            # Its turn is ours: a run that sees it leaves it alone.
            turns.drivers.reserve(task.id)
            reserved.append(task.id)

        try:
            task = adding.add(turns.store, adding.from_prompt(prompt, role), check=check)
            (watch or _unwatched)(Note("added", task, task.name))
            return _driven(turns, reviewer, task, "", role, watch, stop)
        finally:
            for task_id in reserved:
                turns.drivers.let_go(task_id)


def resume(
    caller: Caller, layout: Layout, task_id: str, prompt: str, *, role: str = "",
    watch: Watch | None = None, stop: Stop | None = None,
) -> Driven:  # fmt: skip
    """Goes on with the session of a task; see `Task.resume`."""
    with deciding(caller, layout) as (turns, reviewer):
        task = turns.store.task(task_id)
        if role:
            roles.check(role, turns.layout.main)
        if task.status in (PAUSED, NEEDS_REVIEW, IN_PROGRESS):
            engine.check_can_start(turns, task, role)
            turns.drivers.reserve(task_id)
        try:
            task, words, reached = _told(reviewer, task, prompt, caller.name)
            if reached is None:
                return _driven(turns, reviewer, task, words, role, watch, stop)
        finally:
            turns.drivers.let_go(task_id)
        return _seen_through(turns, reviewer, task, lambda scheduler: scheduler.follow(reached), watch, stop)


def _told(reviewer: Reviewer, task: Task, prompt: str, by: str) -> tuple[Task, str, Attempt | None]:
    """Says a prompt to a task: the task then, what its next turn begins with, the attempt that heard it."""
    match task.status:
        case "paused":
            done = reviewer.answer(task.id, prompt, by=by)
            return done.task, "", done.reached
        case "needs_review":
            return reviewer.send_back(task.id, prompt, by=by), "", None
        case "in_progress":
            return task, prompt, None
    raise Refused(f"task {task.id} is {task.status}: there is nothing to resume", _next(task))


def follow(
    turns: Turns, reviewer: Reviewer, attempt: Attempt, watch: Watch | None = None, stop: Stop | None = None
) -> Driven:
    """Follows a process that was answered and goes on, to the end of its turn."""
    task = turns.store.task(attempt.task_id)
    return _seen_through(turns, reviewer, task, lambda scheduler: scheduler.follow(attempt), watch, stop)


def stop_agent(turns: Turns, task_id: str) -> Task:
    """Ends the agent of a task, and all that it started; gives the task. Raises NotFound where none runs."""
    turns.store.task(task_id)
    attempt, running = _running(turns.attempts, turns.runner, task_id)
    folder = turns.attempts.folder(attempt.id)
    with Watcher() as watcher:
        watcher.add_folder(folder)
        turns.stop(attempt, running, "person")
        if turns.drivers.driven(task_id):
            # Whoever drives it settles it: its word is waited for, so that what we tell is so.
            end = time.monotonic() + STOP_SECONDS
            while not turns.attempts.read(attempt.id).ended and time.monotonic() < end:
                watcher.wait(end - time.monotonic())
    if not turns.attempts.read(attempt.id).ended and not turns.drivers.driven(task_id):
        take_up(turns, attempt, Restored())
    return turns.store.task(task_id)


def _driven(
    turns: Turns, reviewer: Reviewer, task: Task, prompt: str, role: str, watch: Watch | None,
    stop: Stop | None,
) -> Driven:  # fmt: skip
    return _seen_through(
        turns, reviewer, task, lambda scheduler: scheduler.drive(task, prompt=prompt, agent=role), watch, stop
    )


def _seen_through(
    turns: Turns, reviewer: Reviewer, task: Task, act: Callable[[Scheduler], Outcome], watch: Watch | None,
    stop: Stop | None,
) -> Driven:  # fmt: skip
    stop = stop or Stop()
    if stop.wishes:
        return Driven(turns.store.task(task.id), interrupted=True)
    with Watcher() as watcher, stop.heard_by(watcher):
        scheduler = Scheduler(turns, reviewer, watcher, 1, watch=watch or _unwatched, _signals=stop.wishes)
        outcome = act(scheduler)
    return Driven(outcome.tasks[0], outcome.interrupted)


def _running(attempts: Attempts, runner: LocalRunner, task_id: str) -> tuple[Attempt, Running]:
    for attempt in attempts.open():
        if attempt.task_id == task_id:
            match runner.look(attempts.folder(attempt.id)):
                case Running() as running:
                    return attempt, running
                case _:
                    continue
    raise NotFound(f"no agent of task {task_id} runs", "see those that do: `sow agent list`")


def _unwatched(note: Note) -> None:
    pass


def _next(task: Task) -> str:
    return {
        PENDING: f"start it: `sow agent spawn {task.id}`",
        PAUSED: f'answer it: `sow agent resume {task.id} "..."`',
        NEEDS_REVIEW: f'`sow task approve {task.id}`, or send it back: `sow agent resume {task.id} "..."`',
        COMPLETED: "a completed task stays as it is: add another one with `sow task add`",
    }.get(task.status, f"take it up again: `sow task retry {task.id}`")
