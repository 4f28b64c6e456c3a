"""Moving a task to another phase, and taking it out of the project, when nobody is at work on it.

    remove:  at rest -> nothing depends on it -> nothing unmerged -> worktree and branch -> state

A kill between the last two leaves a task whose branch is made anew at its next
start. Nothing is deleted that is not merged, and its folder is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sow import phase as phases
from sow.errors import Refused
from sow.task import ABANDONED, Task
from sow.turn import Turns


def move(turns: Turns, task_id: str, phase: str) -> Task:
    """Takes a task to another phase; gives the task as it is then.

    Raises NotFound for a task or phase that is not there, Refused for a phase without tasks, Busy
    while its agent is at work.
    """
    turns.store.task(task_id)
    turns.store.phase(phase)
    phases.check_tasks(turns.store.type(), phase)
    # Not while the state is being committed: a commit has all of the move or nothing.
    with _at_rest(turns, task_id), turns.workspace.lease():
        return turns.store.move_task(task_id, phase)


def remove(turns: Turns, task_id: str) -> str:
    """Takes a task out of the project; gives the folder where it is kept from now on.

    Raises NotFound, Refused while others depend on it or while work of it is not merged, Busy while
    its agent is at work.
    """
    turns.store.task(task_id)
    with _at_rest(turns, task_id):
        task = turns.store.task(task_id)
        _check_alone(task, turns.store.tasks().tasks)
        if reason := turns.workspace.unmerged(task) or turns.workspace.clear_up(task):
            raise Refused(f"task {task_id} has work that would be lost: {reason}", _instead(task))
        with turns.workspace.lease():
            return turns.store.remove_task(task_id, _check_alone)


@contextmanager
def _at_rest(turns: Turns, task_id: str) -> Iterator[None]:
    """No agent is at work on the task, and none is started meanwhile."""
    turns.attempts.check_at_rest(task_id)
    with turns.drivers.kept_off(task_id):
        turns.attempts.check_at_rest(task_id)
        yield


def _check_alone(task: Task, others: tuple[Task, ...]) -> None:
    waiting = [other.id for other in others if task.id in (other.depends_on or ())]
    if waiting:
        raise Refused(
            f"task {task.id} can't be removed: {', '.join(waiting)} {_depend(waiting)} on it",
            f"take that away first: `sow task set depends_on IDS --id {waiting[0]}`, or --unset",
        )


def _depend(ids: list[str]) -> str:
    return "depends" if len(ids) == 1 else "depend"


def _instead(task: Task) -> str:
    if task.status == ABANDONED:
        return (
            "it is abandoned, and its work stays; if nobody needs that, remove it yourself: "
            f"`git worktree remove --force {task.worktree}`, `git branch -D {task.branch}`"
        )
    return f"give it up, and its work stays: `sow task abandon {task.id}`"
