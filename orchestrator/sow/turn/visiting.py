"""A session on a terminal: a person sits where the agent does, and leaves as an agent would."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sow import opened, outfit
from sow.attempt import Attempt
from sow.branches import Branches
from sow.config import executor_of
from sow.errors import Failed, Refused
from sow.state import PutBack
from sow.task import Task
from sow.turn import beside, closing, sessions, surroundings
from sow.turn.means import Means
from sow.visit import Visit
from sow_executors import base, extras

if TYPE_CHECKING:
    from sow.runner.terminal import TerminalRunner


def attach(means: Means, task: Task, terminal: TerminalRunner) -> Visit:
    """Opens the task's session for a person on this terminal; gives what they left when they leave it."""
    if not task.session_id:
        raise Refused(
            f"task {task.id} has no session to attach to", f"start its agent: `sow agent spawn {task.id}`"
        )
    surroundings.check_alone(means, task.id)
    beside.know_state(means, only=task.id)
    task = means.store.task(task.id)
    choice = sessions.choice(means, task)
    executor = executor_of(choice)
    opened.check(
        executor, task.session_id or "", sessions.passed(means, executor), task.id, now=means.clock()
    )
    folder, _, _ = means.workspace.prepare(task)
    branches = Branches(means.store, means.workspace)
    branches.look({}, ())
    block = surroundings.ports_of(means, task)
    attempt_id = means.attempts.reserve(task.id, task.iteration)
    scratch = means.attempts.folder(attempt_id)
    variables = surroundings.environment_of(means, task, attempt_id, executor, block)
    turn = base.Turn(
        prompt="",
        folder=folder,
        scratch=scratch,
        session_id=task.session_id,
        role=task.assigned_agent,
        task_id=task.id,
        settings=choice.settings,
        custom_args=choice.custom_args,
        params=task.params or {},
        tools=surroundings.tools(means, executor, choice, variables, scratch),
    )
    bare = surroundings.command(means, executor, turn, "attach", choice.name)
    command = surroundings.made_ready(means, bare, turn)
    leases = surroundings.take_leases(means, task.id, task.session_id, attempt_id)
    attempt = means.attempts.keep(
        Attempt(
            id=attempt_id,
            task_id=task.id,
            agent=task.assigned_agent,
            executor=choice.name,
            session_id=task.session_id,
            iteration=task.iteration,
            action="attach",
            reason="attach",
            run_id=means.run_id,
            folder=folder,
            argv=list(command.argv),
            created_at=means.store.now(),
            started_at=means.store.now(),
        )
    )
    status = None
    try:
        _prepare_terminal(executor, folder, {**variables, **command.env})
        status = terminal.run(command, attempt_id, scratch, variables)
        visit = _come_back(means, task, attempt, branches)
    finally:
        closing.close(means, attempt, leases, outcome="attached", status=status)
    if failure := outfit.setup_failure(scratch):
        words = f"the worktree of task {task.id} could not be set up: {failure}"
        raise Failed(words, f"mend that, then attach again: `sow agent attach {task.id}`")
    return visit


def _prepare_terminal(executor: base.Executor, folder: str, environment: Mapping[str, str]) -> None:
    if not isinstance(executor, extras.PreparesTerminal):
        return
    try:
        executor.prepare_terminal(folder, environment)
    except (OSError, ValueError) as fault:
        raise Refused(
            f"the terminal could not be prepared: {fault}", "mend that file, then attach again"
        ) from fault


def _come_back(means: Means, before: Task, attempt: Attempt, branches: Branches) -> Visit:
    """What a session on a terminal has left is taken in, as at the end of any turn."""
    put_back = beside.know_state(means, ended=before.id)
    after = closing.task_after(means, attempt)
    was = branches.tip(before.branch)
    moved = branches.look({task.id: task for task in means.store.tasks().tasks}, {before.id})
    now = branches.tip(before.branch)
    after, left_over = closing.commit_leftovers(means, after)
    return Visit(before, after, (was, now), left_over, tuple(put_back), tuple(moved))


def end_attached(means: Means, attempt: Attempt) -> list[PutBack]:
    """Records the end of an attached session whose terminal is gone; gives what was put back."""
    means.runner.sweep(attempt.id)
    put_back = beside.know_state(means, ended=attempt.task_id)
    closing.commit_leftovers(means, closing.task_after(means, attempt))
    closing.close(means, attempt, means.drivers.of(attempt), outcome="lost", message="its terminal is gone")
    return put_back
