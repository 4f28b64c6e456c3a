"""What an agent finds around it: variables, ports, sow's tools, a worktree set up, and nobody else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace

from sow import lease, outfit, ports, roles, shim, toolbox
from sow.attempt import OnTerminal
from sow.config import ExecutorChoice, command_of
from sow.errors import Busy
from sow.ports import Block
from sow.runner import attempt as folders
from sow.runner import environment
from sow.runner.local import Running
from sow.task import Task
from sow.turn import sessions
from sow.turn.means import Means
from sow_executors import base


def environment_of(
    means: Means, task: Task, attempt: str, executor: base.Executor, block: Block | None
) -> dict[str, str]:
    """What a worker finds its task by; the `sow` that started it comes first on its PATH."""
    path = f"{shim.folder(means.layout.main)}{os.pathsep}{means.environment.get('PATH', os.defpath)}"
    mine = {
        "PATH": path,
        "SOW_TASK_ID": task.id,
        "SOW_TASK_DIR": means.layout.task(task.phase, task.id),
        "SOW_PROJECT_DIR": means.layout.project,
        "SOW_PROJECT_RUNTIME": means.layout.runtime,
        "SOW_RUN_ID": means.run_id,
        "SOW_ATTEMPT_ID": attempt,
        **(block.variables() if block else {}),
        # An agent that starts others is to choose as the user did.
        **{name: value for name, value in means.environment.items() if name.startswith(roles.VARIABLES)},
    }
    return environment.build(means.environment, (*executor.environment, *means.repository.environment), mine)


def tools(
    means: Means,
    executor: base.Executor,
    choice: ExecutorChoice,
    variables: Mapping[str, str],
    scratch: str,
) -> base.Tools | None:
    """sow's own tools for an agent with these variables; None where it can't be offered any.

    `scratch`: the folder of its attempt, which is there.
    """
    passed = sessions.passed(means, executor)
    if not (means.repository.mcp and toolbox.is_offered(executor, choice.settings, passed, scratch)):
        return None
    return toolbox.tools(f"{shim.folder(means.layout.main)}/sow", variables)


def ports_of(means: Means, task: Task) -> Block | None:
    """The ports that the task has to itself; None where the settings ask for none."""
    count = means.repository.worktree.ports
    return ports.lease(means.layout, task.id, count, means.environment) if count else None


def command(means: Means, executor: base.Executor, turn: base.Turn, action: str, name: str) -> base.Command:
    """What is to be run by the executor that the user calls `name`; its program is sought on their PATH."""
    return command_of(executor, turn, action, means.environment.get("PATH", os.defpath), name)


def made_ready(means: Means, command: base.Command, turn: base.Turn) -> base.Command:
    """The command with what is to be run in its worktree before it, where that was not done yet."""
    script = outfit.setup(turn.folder, means.repository.worktree.setup)
    if script is None:
        return command
    return replace(command, files={**command.files, f"{turn.scratch}/{folders.SETUP}": script})


def check_alone(means: Means, task_id: str) -> None:
    """Raises Busy where a process of the task lives, though nobody may drive it just now."""
    for attempt in means.attempts.of_task(task_id):
        if not attempt.ended and isinstance(means.runner.look(means.attempts.folder(attempt.id)), Running):
            if attempt.action == "attach":
                raise OnTerminal(attempt)
            raise Busy(
                f"the agent of task {task_id} is at work (attempt {attempt.id})",
                f"`sow run` follows it; end it: `sow agent stop {task_id}`",
            )


def take_leases(means: Means, task_id: str, session: str | None, attempt: str) -> tuple[lease.Lease, ...]:
    """Takes the task's turn and session; where either is held, nothing is left of the attempt."""
    try:
        return means.drivers.take(task_id, session, attempt)
    except Busy:
        shutil.rmtree(means.attempts.folder(attempt), ignore_errors=True)
        raise
