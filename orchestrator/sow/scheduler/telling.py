"""What a run tells whoever watches it, note by note, and in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sow import opened
from sow.attempt import Attempt
from sow.budget import Budget
from sow.recovery.policy import Nudge, Restart
from sow.task import ENDED, IN_PROGRESS, NEEDS_REVIEW, PAUSED, PENDING, Task
from sow.turn.live import Live, Settled

SHOWN = 5
"""How many files are named where there may be many."""

Kind = Literal[
    "added", "started", "setup", "said", "used", "usage", "retried", "settled", "changed", "problem", "limit",
    "inbox", "waits",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Note:
    """Something for whoever watches the run."""

    kind: Kind
    task: Task | None
    text: str
    attempt: Attempt | None = None

    def as_json(self) -> dict[str, Any]:
        """As `sow run --json` prints it."""
        return {
            "kind": self.kind,
            "task": self.task.id if self.task else None,
            "status": self.task.status if self.task else None,
            "attempt": self.attempt.id if self.attempt else None,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    tasks: tuple[Task, ...]
    interrupted: bool = False
    left_running: bool = False
    budget: Budget = field(default_factory=Budget)

    def of(self, *statuses: str) -> list[Task]:
        return [task for task in self.tasks if task.status in statuses]

    @property
    def waits(self) -> list[Task]:
        """The tasks that wait for a person."""
        return self.of(PAUSED, NEEDS_REVIEW)

    @property
    def done(self) -> bool:
        return all(task.status in ENDED for task in self.tasks)

    @property
    def held_back(self) -> bool:
        """Whether more would have been started, had there been money for it."""
        return bool(self.of(PENDING, IN_PROGRESS)) and self.budget.is_spent(())


def question_of(task: Task) -> str:
    """What a task asks; empty for nothing."""
    return task.question["text"] if task.question else ""


def wait_of(task: Task) -> str:
    """What a task waits for, where somebody else has its session."""
    return task.error["message"] if task.error and task.not_before and opened.is_waiting(task) else ""


def found_words(live: Live) -> str:
    """What is told of files that came into a task's worktree between two turns of its agent."""
    shown, rest = live.found[:SHOWN], len(live.found) - SHOWN
    files = ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")
    return (
        f"the worktree of task {live.attempt.task_id} held changes that its agent had not left there (you, "
        f"another agent, a check?): {files}. They become part of its work; to take them away: "
        f"`git -C {live.attempt.folder} status`"
    )


def homeless_words(settled: Settled) -> str:
    """What is told of a worktree that was gone when its agent ended."""
    return (
        f"the worktree of task {settled.task.id} was removed while its agent was at work: what was not "
        f"committed there is gone. Its branch has the rest: `git log {settled.task.branch}`"
    )


def ending(settled: Settled) -> str:
    """One line about how a turn ended."""
    attempt = settled.attempt
    match settled.decision:
        case Nudge():
            return "ended without a report: asked how it ended"
        case Restart(by):
            return {
                "spawn": "no such session: starts it anew",
                "resume": "the session exists: resumes it",
            }.get(by, "the session can't be used: starts a new one")
        case _:
            words = str(settled.task.status)
            if settled.task.question and settled.task.status == PAUSED:
                words += f": {settled.task.question['text']}"
            elif attempt.message:
                words += f" ({attempt.message})"
            return words
