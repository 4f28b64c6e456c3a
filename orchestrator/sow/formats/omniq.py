"""OmniQ: tasks of its wire format, a JSON object each, and their TaskErrors.

    PENDING --> RUNNING --> SUCCESS | CANCELLED
     ^  ^         |   \\
     |  +-- RETRYING   FAILED

A task there calls a function; here its path is the type of the task, and an agent does what it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import sow_schemas
from sow.errors import Refused
from sow.formats import (
    Held,
    Raw,
    Reading,
    Routes,
    Standing,
    Wanted,
    id_in,
    states,
    texts,
)
from sow.task import ABANDONED, COMPLETED, IN_PROGRESS, NEEDS_REVIEW, PAUSED, PENDING, Task

if TYPE_CHECKING:
    from sow_schemas import documents

NAME = "omniq"

KEYS = (
    "id", "func_path", "args", "kwargs", "status", "schedule", "max_retries", "timeout", "attempts",
    "created_at", "updated_at", "last_attempt_at", "error",
)  # fmt: skip
"""The keys of a task, in the order in which they are written."""

TRANSITIONS = {
    "PENDING": ("RUNNING", "CANCELLED"),
    "RUNNING": ("SUCCESS", "FAILED", "RETRYING", "CANCELLED", "PENDING"),
    "RETRYING": ("PENDING", "RUNNING", "CANCELLED"),
    "FAILED": ("PENDING",),
    "SUCCESS": (),
    "CANCELLED": (),
}
"""From a status to those that one step leads to; back to PENDING by being rescheduled."""

HERE: dict[str, documents.Status] = {
    "PENDING": PENDING,
    "RUNNING": PAUSED,
    "RETRYING": PENDING,
    "FAILED": PAUSED,
    "SUCCESS": COMPLETED,
    "CANCELLED": ABANDONED,
}
"""Each status, and that of the task which is made of it."""

THERE = {
    PENDING: "PENDING",
    IN_PROGRESS: "RUNNING",
    NEEDS_REVIEW: "RUNNING",
    COMPLETED: "SUCCESS",
    ABANDONED: "CANCELLED",
}
"""Each status of a task, and how OmniQ has it; a paused one is FAILED after a failure, else RUNNING."""

ERROR = ("error_type", "message", "timestamp", "traceback", "retry_count", "is_retryable")
"""The fields of a TaskError that is kept here; what others a later version has stays with the record."""


class OmniQ:
    """The format of OmniQ."""

    name = NAME
    in_place = False
    is_one = False
    groups: tuple[tuple[str, ...], ...] = (("status", "error"), ("func_path", "args", "kwargs"))
    soft = frozenset(("updated_at", "attempts", "last_attempt_at"))

    def fits(self, path: str, text: str) -> bool:
        """Whether it is JSON with a task that has a `func_path`, or a list of such."""
        tasks = texts.listed(text, "tasks", "func_path")
        return bool(tasks) and isinstance(tasks[0], dict) and "func_path" in tasks[0]

    def read(self, path: str, text: str, base: Mapping[str, Raw]) -> Reading:
        """The tasks of a file: a list of them, or one. Raises Refused for a file that is neither."""
        tasks, above = texts.tasks(path, text, "tasks", "func_path")
        return texts.reading(tasks, above, "id", _check, _twice)

    def wanted(self, raw: Raw, routes: Routes, at: str) -> Wanted:
        """What a record asks a task to be; one that nobody can do as it is has failed."""
        status = self.status(raw)
        params = {key: raw[key] for key in ("args", "kwargs") if key in raw}
        agent, standing = routes.fallback(), _standing(raw, status, at)
        try:
            agent = routes.agent(None, raw["func_path"])
            routes.check(raw["func_path"], params)
        except Refused as fault:
            if status == "PENDING":
                standing = states.invalid(fault, at)
        told = _call(raw)
        own = ("id", "func_path", "args", "kwargs")
        return Wanted(
            name=texts.headline(told),
            description=f"Do what `{told}` was to do.",
            agent=agent,
            standing=standing,
            source={"extras": {key: value for key, value in raw.items() if key not in own}},
            task_type=raw["func_path"],
            params=params or None,
            created_at=texts.moment(raw.get("created_at")),
        )

    def given(self, held: Held, routes: Routes) -> dict[str, Any]:
        """The record of a task: in the words in which it came, where they still hold."""
        task, source = held.task, held.source(NAME)
        extras: Mapping[str, Any] = source.get("extras") or {}
        raw: dict[str, Any] = {"id": self.id_of(task), "func_path": task.task_type or task.assigned_agent}
        if source:
            params = task.params or {}
            raw |= {key: params[key] for key in ("args", "kwargs") if key in params}
        else:
            raw |= {"args": [], "kwargs": {"name": task.name, "description": held.description.strip()}}
            raw |= {"schedule": {}, "max_retries": 0, "timeout": None, "created_at": task.created_at}
        raw |= extras
        if not source or not states.is_as_it_came(task, str(extras.get("status")), HERE):
            raw |= {"status": _status(task), "updated_at": task.updated_at, "error": _error(task)}
            raw["attempts"] = int(extras.get("attempts") or 0) + (task.attempts or 0)
            if raw["error"] is None and not extras.get("error"):
                del raw["error"]
        return {**{key: raw[key] for key in KEYS if key in raw}, **raw}

    def id_of(self, task: Task) -> str:
        """The id with which a task came, or one that is always the same for a task of ours."""
        return id_in(task, NAME)

    def status(self, raw: Raw) -> str:
        """The status of a record."""
        return str(raw.get("status"))

    def check_step(self, before: str, after: str, *, summed: bool) -> None:
        """Raises Refused for a step that is not in the table, or for a sum of steps to which none leads."""
        states.check_step(before, after, TRANSITIONS, summed=summed)

    def written(self, text: str, raws: Mapping[str, Raw]) -> str:
        """The file with these tasks, each in its place, new ones at the end."""
        return texts.with_tasks(text, "tasks", "id", raws)


FORMAT = OmniQ()


def _twice(task_id: str, first: str) -> Refused:
    return Refused(f"id: {task_id} is there already", "give it one of its own")


def _check(raw: Any) -> None:
    """Raises Refused for what is no task of OmniQ's."""
    if not isinstance(raw, dict):
        raise Refused(
            "that is no task but " + texts.kind(raw), "a task is an object with id, func_path, status"
        )
    for key in ("id", "func_path", "status"):
        if key not in raw:
            raise Refused(f"{key} is missing", "each task has id, func_path and status")
        if not isinstance(raw.get(key), str) or not raw[key].strip():
            raise texts.no_text(key, raw[key])
    if raw["status"] not in TRANSITIONS:
        raise Refused(
            f"status: {texts.shown(raw['status'])} is none", f"the statuses: {', '.join(TRANSITIONS)}"
        )
    for key, kind, told in (
        ("args", list, "a list"),
        ("kwargs", dict, "an object"),
        ("schedule", dict, "an object"),
    ):
        if not isinstance(raw.get(key, kind()), kind):
            raise Refused(f"{key}: should be {told}, and is {texts.shown(raw[key])}", "mend it there")
    if type(raw.get("attempts") or 0) is not int:
        raise Refused(f"attempts: should be a number, and is {texts.shown(raw['attempts'])}", "such as 0")
    error = raw.get("error")
    if error is not None and not (isinstance(error, dict) and isinstance(error.get("message"), str)):
        raise Refused(
            f"error: should be a TaskError, and is {texts.shown(error)}",
            "it has a message, a text",
        )
    texts.check_characters(raw)


def _standing(raw: Raw, status: str, at: str) -> Standing:
    error = task_error(raw.get("error"), at)
    match status:
        case "RUNNING":
            return Standing(PAUSED, "a worker is at it (RUNNING); answer to have an agent here take it over")
        case "FAILED":
            known: documents.TaskError = error or {
                "error_type": "unknown",
                "message": "it failed",
                "timestamp": at,
            }
            return Standing(PAUSED, known["message"] or "it failed", "failure", error=known)
        case "SUCCESS" | "CANCELLED":
            return Standing(HERE[status], error=error, ended_at=texts.moment(raw.get("updated_at")))
    eta = texts.moment((raw.get("schedule") or {}).get("eta"))
    return Standing(HERE[status], error=error, not_before=eta)


def task_error(given: Mapping[str, Any] | None, at: str) -> documents.TaskError | None:
    """A TaskError with the six fields that it has here; None for none."""
    if given is None:
        return None
    kept: dict[str, Any] = {key: given[key] for key in ERROR if given.get(key) is not None}
    kept["error_type"] = str(given.get("error_type", "unknown")).lower()
    kept["timestamp"] = texts.moment(given.get("timestamp")) or at
    for key, other in (
        ("error_type", "unknown"),
        ("retry_count", 0),
        ("is_retryable", True),
        ("traceback", None),
    ):
        if not sow_schemas.valid(
            "task_error", {"error_type": "unknown", "message": "", "timestamp": at, key: kept.get(key, other)}
        ):
            kept[key] = other
    return cast("documents.TaskError", kept)


def _call(raw: Raw) -> str:
    """The call of a task, as Python would have it."""
    words = [texts.shown(arg, is_ascii=False) for arg in raw.get("args", ())]
    words += [f"{key}={texts.shown(value, is_ascii=False)}" for key, value in raw.get("kwargs", {}).items()]
    return f"{raw['func_path']}({', '.join(words)})"


def _status(task: Task) -> str:
    if task.status == PAUSED:
        return "FAILED" if task.question and task.question["kind"] == "failure" else "RUNNING"
    return THERE[task.status]


def _error(task: Task) -> dict[str, Any] | None:
    """What went wrong with a task, in the six fields of a TaskError."""
    if not task.error:
        return None
    whole = {"traceback": None, "retry_count": 0, "is_retryable": True, **task.error}
    return {key: whole[key] for key in ERROR}
