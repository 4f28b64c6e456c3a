"""How every turn closes: what its agent has left is taken in, and the end of the attempt is recorded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sow import lease
from sow.attempt import Attempt
from sow.change import Change, Event
from sow.errors import Refused
from sow.git import commits
from sow.judgement import sent_back
from sow.report import apply_outbox
from sow.runner.attempt import Exit
from sow.task import NEEDS_REVIEW, Task
from sow.turn.means import Means

if TYPE_CHECKING:
    from sow_schemas.documents import AttemptEnded, Outcome


def task_after(means: Means, attempt: Attempt) -> Task:
    """The task as the worker left it; its last good state where the worker broke the file."""
    apply_outbox(means.store, f"{means.attempts.folder(attempt.id)}/outbox", attempt.task_id, attempt.id)
    try:
        return means.store.task(attempt.task_id)
    except Refused:
        restored = means.store.restore_last_good(attempt.task_id)
        if restored is None:
            raise
        return restored


def is_homeless(task: Task) -> bool:
    """Whether a task has had a worktree of its own, and its folder is no more."""
    return bool(task.branch and task.worktree) and not os.path.isdir(str(task.worktree))


def commit_leftovers(means: Means, task: Task) -> tuple[Task, str | None]:
    """Commits what the agent left; work handed in that can't be merged so goes back at once, once."""
    try:
        return task, means.workspace.commit_leftovers(task)
    except commits.Unresolved as fault:
        words = (
            f"The merge in your worktree is not finished: {', '.join(fault.files)} still hold conflict "
            "markers. Resolve them so that both changes hold, `git add` them, and report again."
        )
    except commits.Astray as fault:
        words = (
            f"{fault}. What is reviewed and merged is that branch: bring your work onto it, and report again."
        )
    told = means.store.feedback(task)
    if task.status != NEEDS_REVIEW or (told and told[-1][1].strip() == words):
        return task, None  # whoever was told so before is a person's now
    return _send_back(means, task, words), None


def _send_back(means: Means, task: Task, words: str) -> Task:
    def change(current: Task) -> Change:
        file = means.store.next_feedback(current)
        return sent_back(current, words, by="sow", at=means.store.now(), file=file)

    return means.store.change_task(task.id, change)


def close(
    means: Means,
    attempt: Attempt,
    leases: tuple[lease.Lease, ...],
    *,
    outcome: Outcome,
    status: Exit | None = None,
    message: str = "",
) -> None:
    """Records the end of an attempt, gives its leases back and tells it."""
    code = None if status is None else status.code
    means.attempts.keep(
        attempt.replace(
            ended_at=means.store.now(),
            outcome=outcome,
            exit_code=code,
            signal=None if status is None or status.signal is None else int(status.signal),
            message=attempt.message or message or None,
        )
    )
    for held in leases:
        held.release()
    payload: AttemptEnded = {"attempt": attempt.id, "outcome": outcome, "exit_code": code}
    if attempt.peak_memory is not None:
        payload["peak_memory"] = attempt.peak_memory
    if attempt.cpu_seconds is not None:
        payload["cpu_seconds"] = attempt.cpu_seconds
    means.store.tell(Event(type="attempt.ended", task_id=attempt.task_id, payload=payload))


def forget(means: Means, attempt: Attempt) -> None:
    """Records that an attempt was never started: its orchestrator died before the process."""
    leases = means.drivers.of(attempt)
    close(means, attempt, leases, outcome="lost", message="its orchestrator was killed before it started")
