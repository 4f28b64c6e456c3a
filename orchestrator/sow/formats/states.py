"""Where imported tasks stand: what formats with words for it have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sow_schemas
from sow.errors import Refused
from sow.formats import IMPORT, Standing
from sow.task import COMPLETED, PAUSED, Task

if TYPE_CHECKING:
    from sow_schemas import documents


def invalid(fault: Refused, at: str) -> Standing:
    """The standing of a task that nobody here can do as it is."""
    result: documents.Result = {"status": "error", "error_code": "VALIDATION_ERROR", "message": str(fault)}
    error: documents.TaskError = {
        "error_type": "validation", "message": str(fault), "timestamp": at, "retry_count": 0,
        "is_retryable": False,
    }  # fmt: skip
    return Standing(PAUSED, f"{fault}; {fault.hint}", "failure", result, error)


ERROR_TYPES = {
    "TIMEOUT": "timeout", "VALIDATION_ERROR": "validation", "FILE_NOT_FOUND": "resource",
    "API_ERROR": "network", "AGENT_ERROR": "runtime",
}  # fmt: skip
"""Codes of errors, each with the type of error that it is here."""

_CODES = {kind: code for code, kind in ERROR_TYPES.items()}


def payload(task: Task) -> dict[str, Any] | None:
    """What came of a task, in one shape: a success with where its work went, what failed, what is asked."""
    if task.status == PAUSED and task.question and task.question["by"] != IMPORT:
        code = _CODES.get(task.error["error_type"], "AGENT_ERROR") if task.error else "NEEDS_INPUT"
        message = task.error["message"] if task.error else task.question["text"]
        told: dict[str, Any] = {"status": "error", "error_code": code, "message": message}
        if task.error and task.error.get("traceback"):
            told["details"] = {"traceback": task.error["traceback"]}
        return told
    held: dict[str, Any] | None = {**task.result} if task.result else None
    if task.status == COMPLETED and task.commit and (held is None or held["status"] == "success"):
        went = {"commit": task.commit, **({"branch": task.branch} if task.branch else {})}
        return {**(held or {"status": "success"}), "data": {**(held or {}).get("data", {}), **went}}
    return held


def is_result(value: object) -> bool:
    """Whether a value has the shape of a result."""
    return isinstance(value, dict) and sow_schemas.valid("result", value)


def is_as_it_came(task: Task, came: str, here: Mapping[str, documents.Status]) -> bool:
    """Whether a task still stands where its record, by the status `came`, had it.

    `here`: each status of the format, and what is made of it; one that is FAILED asks about a failure.
    """
    if came not in here or task.status != here[came]:
        return False
    if not task.question:
        return task.status != PAUSED
    return task.question["by"] == IMPORT and (task.question["kind"] == "failure") == (
        came.upper() == "FAILED"
    )


def check_step(before: str, after: str, table: Mapping[str, tuple[str, ...]], *, summed: bool) -> None:
    """Raises Refused for a step that is not in the table, or for a sum of steps to which none leads."""
    if before == after or after in (reached(before, table) if summed else table[before]):
        return
    ways = " or ".join(table[before])
    raise Refused(
        f"status: {before} does not become {after}",
        f"{before} goes to {ways}" if ways else f"{before} is the end: add another task to the file",
    )


def reached(status: str, table: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The statuses to which some way leads."""
    found: set[str] = set()
    todo = [status]
    while todo:
        for after in table[todo.pop()]:
            if after not in found:
                found.add(after)
                todo.append(after)
    return found
