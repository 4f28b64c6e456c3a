"""After a crash: first the state is made true, then anything goes on.

Each stage completes what a killed process had begun, and repeating it changes
nothing. It runs unasked at the head of `sow run`, and before a review.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sow.attempt import Attempt
from sow.edits import put_back_words
from sow.errors import SowError
from sow.review import Reviewer
from sow.runner.local import Ended, NeverStarted, Running
from sow.task import COMPLETED, NEEDS_REVIEW
from sow.turn import Turns
from sow.turn.live import Live, Settled

RESTORING = "making the state true"
"""What the orchestrator's lease is for while a command that is no orchestrator holds it."""


@dataclass(slots=True)
class Restored:
    """What was found: attempts that live, turns settled just now, and what could not be mended."""

    adopt: bool = False
    live: list[Live] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def restore(turns: Turns, reviewer: Reviewer, *, adopt: bool) -> Restored:
    """Makes the state of the project true. The caller holds the orchestrator's lease.

    Attempts that live are given in `live` where the caller is to `adopt` them;
    else they are left to the next run.
    """
    found = Restored(adopt=adopt)
    for stage in (_journals, _state, _merges, _attempts, _approvals):
        stage(turns, reviewer, found)
    return found


def _journals(turns: Turns, reviewer: Reviewer, found: Restored) -> None:
    """Changes of several files that a killed writer left half done are completed."""
    try:
        turns.store.settle()
    except SowError as fault:
        # Whoever changes what it is about is told; the rest goes on.
        found.problems.append(fault.in_a_line)


def _state(turns: Turns, reviewer: Reviewer, found: Restored) -> None:
    """Copies are kept of what people wrote into state files; what agents did to them is put right."""
    try:
        put_back = turns.know_state()
        found.problems += [put_back_words(back.path, back.kept, back.changes) for back in put_back]
    except SowError as fault:
        found.problems.append(fault.in_a_line)


def _merges(turns: Turns, reviewer: Reviewer, found: Restored) -> None:
    """A merge that was killed while the branch moved is completed."""
    try:
        turns.workspace.settle_merges()
    except SowError as fault:
        found.problems.append(fault.in_a_line)


def _attempts(turns: Turns, reviewer: Reviewer, found: Restored) -> None:
    """An attempt without an end is adopted, settled, or was never started."""
    for attempt in turns.attempts.open():
        try:
            take_up(turns, attempt, found)
        except SowError as fault:
            found.problems.append(f"attempt {attempt.id}: {fault.in_a_line}")


def take_up(turns: Turns, attempt: Attempt, found: Restored) -> None:
    """Takes up one attempt without an end, unless the process that drives it lives."""
    # In this order: a driver records the end before it lets go.
    if turns.drivers.driven(attempt.task_id) or turns.attempts.read(attempt.id).ended:
        return
    if attempt.action == "attach":
        put_back = turns.end_attached(attempt)
        found.problems += [put_back_words(back.path, back.kept, back.changes) for back in put_back]
        return
    match turns.runner.adopt(turns.attempts.folder(attempt.id)):
        case Running() as running if found.adopt:
            found.live.append(turns.adopt(attempt, running))
        case Ended(_, _, status):
            live = turns.adopt(attempt, turns.gone(attempt))
            found.settled.append(turns.settle(live, status))
        case NeverStarted():
            turns.forget(attempt)
        case _:
            pass  # it runs, and the next run adopts it


def _approvals(turns: Turns, reviewer: Reviewer, found: Restored) -> None:
    """Approved work whose merge was cut off is merged, once, and worktrees that it needs no longer go."""
    tasks = turns.store.tasks().tasks
    turns.workspace.clear_up_left(task for task in tasks if task.status == COMPLETED)
    for task in tasks:
        if task.status == NEEDS_REVIEW and task.approval:
            try:
                done = reviewer.merge(task)
                if done.how == "blocked":
                    found.problems.append(f"task {task.id} is approved and its merge waits: {done.detail}")
            except SowError as fault:
                found.problems.append(f"task {task.id} is approved and not merged: {fault.in_a_line}")
