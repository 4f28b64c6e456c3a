"""A project on one page: its tasks, what runs, what waits for a person, what it cost."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sow.accounts import Accounts
from sow.api.caller import Caller
from sow.attempt import Attempts, seen, summed
from sow.clock import is_unset
from sow.errors import SowError
from sow.pool import Limit
from sow.ready import stuck
from sow.result import Result
from sow.runner.attempt import setting_up_for
from sow.runner.local import LocalRunner, Running
from sow.runner.resources import Sample
from sow.state import Broken
from sow.store import Store
from sow.task import IN_PROGRESS, PENDING, Task
from sow.waiting import waiting


@dataclass(frozen=True, slots=True)
class TaskRow(Result):
    """A task in a line of the page."""

    id: str
    name: str
    status: str
    running: str | None
    """The attempt that runs; None for none."""
    setting_up: float | None
    """For how many seconds its worktree has been set up, where that is not done."""
    memory: int | None
    """Bytes that its processes hold now."""
    cpu_seconds: float | None
    agent: str
    iteration: int
    priority: str
    depends_on: tuple[str, ...]
    not_before: str | None
    """RFC 3339: when it may start, where that is later."""
    limited: bool
    """Whether its start waits for a limit of the account that it uses."""
    error: str | None
    """What went wrong last."""


@dataclass(frozen=True, slots=True)
class Waiting(Result):
    """Something that waits for a person."""

    id: str
    """Of the task."""
    kind: str
    """`question`, `permission`, `failure`, `cap`, `review` or `merge`."""
    text: str
    since: str | None
    """RFC 3339; None where its file does not tell."""


@dataclass(frozen=True, slots=True)
class BrokenFile(Result):
    """A state file that can't be taken as it is."""

    path: str
    message: str
    hint: str

    @classmethod
    def of(cls, broken: Broken) -> BrokenFile:
        """The same of a value of the store's."""
        return cls(broken.path, broken.message, broken.hint)


@dataclass(frozen=True, slots=True)
class Inbox(Result):
    """What lies in the inbox folder, for this project or nobody knows for which."""

    files: tuple[dict[str, str | None], ...]
    """Of each its `file`, `project`, `state`, and where it was not taken `reason` and `hint`."""
    text: str
    """The same in words."""


@dataclass(frozen=True, slots=True)
class Status(Result):
    """The page of one project."""

    project: str
    branch: str
    state: str
    """Of the project's state machine; `broken` where its file is."""
    folder: str
    outside: bool
    """Whether it was begun outside of git."""
    tasks: tuple[TaskRow, ...]
    waits: tuple[Waiting, ...]
    broken: tuple[BrokenFile, ...]
    stuck: dict[str, str]
    """Circles in which tasks wait for each other, as `010 -> 020 -> 010`, each with what opens it."""
    spent: dict[str, Any]
    """By all attempts: `usd`, `input_tokens`, `output_tokens`, `cpu_seconds`; the highest `peak_memory`."""
    limits: tuple[Limit, ...]
    inbox: Inbox
    now: float
    """When it was looked at, in seconds since the epoch."""


def look(caller: Caller, store: Store) -> Status:
    """The page of the project in `store`, as it stands now."""
    held = store.tasks()
    now = store.clock()
    pools = Accounts(caller.environment).all(now)
    limited = _limited(caller, store, held.tasks) if pools else set()
    attempts = Attempts(store.layout)
    every, samples = seen(attempts.all())
    running = {a.task_id: a.id for a in every if not a.ended and runs(attempts, a.id)}
    preparing = {task_id: setting_up_for(attempts.folder(one), now) for task_id, one in running.items()}
    branch, state = standing(store)
    return Status(
        project=store.layout.name,
        branch=branch,
        state=state,
        folder=store.layout.folder,
        outside=store.layout.outside,
        tasks=tuple(
            _row(task, running.get(task.id), samples, preparing.get(task.id), limited=task.id in limited)
            for task in held.tasks
        ),
        waits=tuple(Waiting(i.task.id, i.kind, i.text, i.since) for i in waiting(held.tasks)),
        broken=tuple(map(BrokenFile.of, (*store.broken_files(), *held.broken))),
        stuck=stuck(held.tasks),
        spent=summed(every),
        limits=tuple(Limit.of(pool, now) for pool in pools),
        inbox=_inbox(caller, store),
        now=now,
    )


def standing(store: Store) -> tuple[str, str]:
    """A project's branch and state, as far as they can be told where its file is broken."""
    try:
        project = store.project()
    except SowError:
        good = store.good_copy("project")
        return (str(good.value["branch"]) if good else ""), "broken"
    return project["branch"], project["statechart"]["current_state"]


def runs(attempts: Attempts, attempt: str) -> bool:
    """Whether the process of an attempt runs, as far as can be seen from here."""
    try:
        return isinstance(LocalRunner(base_env={}).look(attempts.folder(attempt)), Running)
    except SowError:
        return True  # on another machine or in another container: its record says that it runs


def _limited(caller: Caller, store: Store, tasks: Iterable[Task]) -> set[str]:
    """The tasks whose next start waits for a limit of the account that they use."""
    from sow.allowance import Allowance
    from sow.config import RepositoryConfig

    variables = caller.environment
    try:
        user, settings = caller.user(), RepositoryConfig.read(store.layout.main)
    except SowError:
        return set()  # a run will say what is wrong with them
    allowance = Allowance.of(store.layout.folder, user, settings, variables)
    found = set()
    for task in tasks:
        if task.status in (PENDING, IN_PROGRESS):
            with suppress(SowError):
                if allowance.hold(task, user.for_task(task, variables)):
                    found.add(task.id)
    return found


def _inbox(caller: Caller, store: Store) -> Inbox:
    if not os.path.isdir(store.layout.inbox) or not os.listdir(store.layout.inbox):
        return Inbox((), "no files")
    from sow import dropped
    from sow.api import inbox

    try:
        there = inbox.survey(caller, store)
    except SowError as fault:
        return Inbox((), str(fault))
    return Inbox(tuple(map(dropped.document, there)), dropped.counted(there))


def _row(
    task: Task, attempt: str | None, samples: dict[str, Sample], setting_up: float | None, *, limited: bool
) -> TaskRow:
    sample = samples.get(attempt or "")
    return TaskRow(
        id=task.id,
        name=task.name,
        status=task.status,
        running=attempt,
        setting_up=setting_up,
        memory=sample.memory if sample else None,
        cpu_seconds=sample.cpu_seconds if sample else None,
        agent=task.assigned_agent,
        iteration=task.iteration,
        priority=task.priority or "normal",
        depends_on=tuple(task.depends_on or ()),
        not_before=None if is_unset(task.not_before) else task.not_before,
        limited=limited and not attempt,
        error=task.error["message"] if task.error else None,
    )
