"""Sessions that sow must know of beside the stored ones: open elsewhere, or begun and never told.

Some CLIs refuse a second process themselves, which is a failure of its attempt;
of one that does not, its notes are asked before every resume. An agent that was
killed before its CLI named the session may have begun one all the same.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from sow import process
from sow.attempt import Attempt
from sow.change import Change, Event
from sow.clock import local, stamp
from sow.errors import Busy
from sow.process import Identity
from sow.task import IN_PROGRESS, PENDING, Task
from sow_executors import base, extras

LOOK_SECONDS = 60.0
"""How soon a session is looked at again, where the end of the process that has it goes unseen."""

FRESH_SECONDS = 900.0
"""How long a process that can't be seen from here has a session open after something was last noted of it."""


class SessionOpen(Busy):
    """Another process has the session of a task open: `.holder`, None where it can't be seen from here."""

    def __init__(self, task_id: str, holder: Identity | None, where: str) -> None:
        self.holder = holder
        place = f"process {holder.pid} ({where})" if holder else where
        self.reason = f"its session is open in {place}"
        super().__init__(
            f"task {task_id}: {self.reason}",
            f"close it there, or go on in a fresh one: `sow task retry {task_id} --fresh`",
        )


def check(
    executor: base.Executor, session: str, env: Mapping[str, str], task_id: str, *, now: float | None = None
) -> None:
    """Raises SessionOpen where a process that lives has the session open, as far as its CLI notes that.

    Of a process in a container or on another machine with the same home, what can't be seen from here
    counts as alive until nothing was noted of it for some minutes: a killed one leaves its note behind.
    """
    if not isinstance(executor, extras.ShowsOpenSessions):
        return
    now = time.time() if now is None else now
    for opened in executor.open_in(session, env):
        there = (
            process.of(opened.pid)
            if opened.pid_ns is None
            else process.in_namespace(opened.pid_ns, opened.pid)
        )
        # A pid comes back: without its start time it may be anybody's.
        same = there and opened.start_ticks in (None, there.start_ticks)
        if there and same and process.alive(there):
            raise SessionOpen(task_id, there, opened.where)
        if opened.pid_ns is not None and there is None and now - opened.noted_at < FRESH_SECONDS:
            since = local(opened.noted_at, now)
            raise SessionOpen(
                task_id, None, f"{opened.where} of a container or another machine, noted last at {since}"
            )


def untold(executor: base.Executor, attempt: Attempt, scratch: str, env: Mapping[str, str]) -> str:
    """The session that an attempt began, whose process is gone, and did not tell; empty for none."""
    if attempt.session_id or attempt.action != "spawn" or not isinstance(executor, extras.FindsSessions):
        return ""
    found = executor.begun(attempt.task_id, attempt.agent, scratch, env)
    return found if executor.accepts(found) else ""


def waiting(task: Task, reason: str, now: float) -> Change:
    """What becomes of a task that could not be started, because its session is open elsewhere."""
    if task.status not in (PENDING, IN_PROGRESS):
        return Change(task=task)
    at = stamp(now + LOOK_SECONDS)
    told_before = is_waiting(task) and task.error is not None and task.error["message"] == reason
    waits = task.postpone(not_before=at) if task.status == IN_PROGRESS else task.replace(not_before=at)
    waits = waits.replace(
        error={
            "error_type": "validation",
            "message": reason,
            "timestamp": stamp(now),
            "retry_count": task.error.get("retry_count", 0) + 1 if task.error and told_before else 0,
            "is_retryable": True,
        },
        error_detail={"class": "session_conflict"},
    )
    event = Event(type="task.retry_scheduled", task_id=task.id, payload={"not_before": at, "reason": reason})
    return Change(task=waits, events=() if told_before else (event,))


def is_waiting(task: Task) -> bool:
    """Whether a task waits for somebody else to leave its session."""
    return task.status == PENDING and (task.error_detail or {}).get("class") == "session_conflict"


def without_wait(task: Task) -> Task:
    """A task whose session is free, as far as is known."""
    return task.replace(not_before=None) if is_waiting(task) else task
