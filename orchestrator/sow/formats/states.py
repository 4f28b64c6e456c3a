"""Where imported tasks stand: what formats with words for it have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sow.errors import Refused
from sow.formats import IMPORT, Standing
from sow.task import PAUSED, Task

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


def is_as_it_came(task: Task, came: str, here: Mapping[str, documents.Status]) -> bool:
    """Whether a task still stands where its record, by the status `came`, had it.

    `here`: each status of the format, and what is made of it; one that is FAILED asks about a failure.
    """
    if came not in here or task.status != here[came]:
        return False
    if not task.question:
        return task.status != PAUSED
    return task.question["by"] == IMPORT and (task.question["kind"] == "failure") == (came == "FAILED")


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
