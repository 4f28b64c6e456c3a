"""What waits for a person: questions, finished work, merges that something is in the way of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sow.clock import is_unset, moment
from sow.task import NEEDS_REVIEW, PAUSED, Task


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that waits for a person."""

    task: Task
    kind: Literal["question", "permission", "failure", "cap", "review", "merge"]
    text: str
    since: str | None
    """RFC 3339: when it began to wait; None where its file does not tell."""

    def as_json(self) -> dict[str, Any]:
        """As `sow review --json` prints it."""
        task = self.task
        return {
            "id": task.id,
            "name": task.name,
            "kind": self.kind,
            "text": self.text,
            "options": task.options,
            "since": self.since,
            "iteration": task.iteration,
            "agent": task.assigned_agent,
            "executor": task.executor,
            "branch": task.branch,
            "worktree": task.worktree,
        }


def waiting(tasks: tuple[Task, ...]) -> list[Item]:
    """What waits for a person, the longest wait first; questions before reviews."""
    items = [item for task in tasks if (item := _item(task))]
    return sorted(
        items, key=lambda item: (item.kind in ("review", "merge"), moment(item.since), item.task.id)
    )


def _item(task: Task) -> Item | None:
    if task.status == PAUSED:
        asked = task.question
        if asked is None:
            return Item(task, "question", "It is paused, and nobody said why.", _time(task.updated_at))
        return Item(task, asked["kind"], asked["text"], _time(asked["asked_at"]))
    if task.status == NEEDS_REVIEW:
        summary = task.result.get("message", "") if task.result else ""
        return Item(task, "merge" if task.approval else "review", summary, _time(task.updated_at))
    return None


def _time(stamped: str) -> str | None:
    return None if is_unset(stamped) else stamped
