"""A decision about a turn as a change of its task: pure, for the store to carry out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sow.change import Change, Event
from sow.clock import stamp
from sow.progress import End
from sow.recovery.policy import AskPerson, Decision, Later, Nothing, Nudge, Restart
from sow.task import Task
from sow_executors.base import Failed

if TYPE_CHECKING:
    from sow_schemas.documents import ErrorType, TaskFeedback, TaskPaused, TaskRetryScheduled

ERROR_TYPES: dict[str, ErrorType] = {
    "rate_limit": "network",
    "overloaded": "network",
    "server_error": "network",
    "network": "network",
    "usage_limit": "resource",
    "billing_exhausted": "resource",
    "context_overflow": "resource",
    "output_limit": "resource",
    "max_turns": "resource",
    "budget_exceeded": "resource",
    "out_of_memory": "resource",
    "timeout": "timeout",
    "auth_invalid": "user",
    "access_denied": "user",
    "content_filter": "user",
    "tool_permission_denied": "user",
    "interrupted": "user",
    "model_not_found": "validation",
    "invalid_request": "validation",
    "session_not_found": "validation",
    "session_conflict": "validation",
    "config_invalid": "validation",
    "missing_tool": "system",
    "setup_failed": "system",
    "crash_signal": "runtime",
}
"""A class of failure in the words of the wire format that others read; any other is `unknown`."""

LONGEST_WAIT = 40 * 86400.0
"""Seconds: no limit has a longer window than a month."""

RETRYABLE = ("usage_limit", "rate_limit", "overloaded", "server_error", "network", "session_conflict")


def judged(task: Task, decision: Decision, end: End, now: float) -> Change:
    """What `decision` makes of a task that is in progress. `now`: seconds since the epoch."""
    # What the agent was told has reached it once it did something; until then it is told again.
    told = task.replace(answer=None) if end.tally.alive else task
    match decision:
        case AskPerson():
            return _asked(told, decision, end, now)
        case Later():
            return _later(told, decision, end, now)
        case Restart():
            # A start that found no session used up no try.
            return Change(task=_without_a_try(told))
        case Nudge() | Nothing():
            return Change(task=told)


def sent_back(task: Task, words: str, *, by: str, at: str, file: str) -> Change:
    """A task that comes back with feedback: the next iteration, and the file that says why.

    `file`: its absolute path. Raises Refused for a task that is not to be reviewed.
    """
    back = task.send_back(words, by=by, at=at)
    payload: TaskFeedback = {"iteration": back.iteration, "feedback": words}
    event = Event(type="task.feedback", task_id=task.id, payload=payload, whole=file)
    return Change(task=back, events=(event,), files={file: words.rstrip() + "\n"})


def _asked(task: Task, ask: AskPerson, end: End, now: float) -> Change:
    if isinstance(end.ending, Failed) and end.ending.kind == "setup_failed":
        task = _without_a_try(task)  # no agent was started
    paused = task.pause(ask.text, kind=ask.kind, by="orchestrator", at=stamp(now), options=ask.options)
    if isinstance(end.ending, Failed) and ask.kind in ("failure", "cap"):
        paused = _with_error(paused, end.ending, now)
    payload: TaskPaused = {"question": ask.text, "kind": ask.kind}
    return Change(task=paused, events=(Event(type="task.paused", task_id=task.id, payload=payload),))


def _later(task: Task, later: Later, end: End, now: float) -> Change:
    assert isinstance(end.ending, Failed), "only a failure is tried again later"
    at = later.until if later.until is not None else now + later.seconds
    at = max(at, now + later.least)
    at = min(at, now + LONGEST_WAIT)  # a time is what a program printed
    not_before = stamp(at) if at > now else None
    waiting = _with_error(task.postpone(not_before=not_before), end.ending, now)
    payload: TaskRetryScheduled = {"not_before": not_before or stamp(now), "reason": end.ending.message}
    event = Event(type="task.retry_scheduled", task_id=task.id, payload=payload)
    return Change(task=waiting if later.counts else _without_a_try(waiting), events=(event,))


def _without_a_try(task: Task) -> Task:
    return task.replace(attempts=max((task.attempts or 1) - 1, 0))


def _with_error(task: Task, failed: Failed, now: float) -> Task:
    tries = task.error.get("retry_count", 0) + 1 if task.error else 0
    return task.replace(
        error={
            "error_type": ERROR_TYPES.get(failed.kind, "unknown"),
            "message": failed.message,
            "timestamp": stamp(now),
            "retry_count": tries,
            "is_retryable": failed.kind in RETRYABLE,
        },
        error_detail={"class": failed.kind},
    )
