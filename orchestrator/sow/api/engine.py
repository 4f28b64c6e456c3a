"""Composes the engine for one project: what runs agents, does a person's decisions, begins and ends projects.

The only place that knows all parts; what they need is handed to them here.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from sow import find
from sow.allowance import Allowance
from sow.api.caller import Caller
from sow.attempt import Attempts
from sow.config import RepositoryConfig, executor_of
from sow.driving import Drivers
from sow.errors import NotFound, Refused
from sow.layout import Layout, Plain
from sow.outside.folder import Folder
from sow.review import Reviewer
from sow.runner.local import LocalRunner
from sow.task import Task
from sow.turn import Turns
from sow.workspace import Workspace
from sow_executors.base import BadSettings, Turn

if TYPE_CHECKING:
    from sow.deleting import Deleter
    from sow.finishing import Finisher
    from sow.git.places import Places
    from sow.outside.ending import Deleter as OutsideDeleter
    from sow.outside.ending import Finisher as OutsideFinisher
    from sow.project import Plan
    from sow.setup import Made
    from sow_schemas.documents import Actor


def turns(caller: Caller, layout: Layout, *, actor: Actor = "orchestrator") -> Turns:
    """All that it takes to run agents in a project."""
    variables = dict(caller.environment)
    run = variables.get("SOW_RUN_ID") or f"run-{uuid.uuid4().hex[:12]}"
    held = caller.store(layout, actor=actor, run_id=run)
    settings = RepositoryConfig.read(held.layout.main)
    chosen = caller.user()
    return Turns(
        layout=held.layout,
        store=held,
        attempts=Attempts(held.layout),
        workspace=Folder.of(held) if held.layout.outside else Workspace.of(held, settings, variables),
        drivers=Drivers(held),
        runner=LocalRunner(base_env={}),
        user=chosen,
        repository=settings,
        environment=variables,
        run_id=run,
        clock=time.time,
        allowance=Allowance.of(held.layout.folder, chosen, settings, variables),
    )


def reviewer(turns: Turns) -> Reviewer:
    """What does a person's decisions, with the parts of `turns`."""
    return Reviewer(
        layout=turns.layout,
        store=turns.store,
        attempts=turns.attempts,
        workspace=turns.workspace,
        checks=turns.repository.checks,
        environment=turns.environment,
        ports=turns.repository.worktree.ports,
    )


def check_can_start(turns: Turns, task: Task, role: str = "") -> None:
    """Raises NotFound where the program that would play the task is not on this machine, SessionOpen where
    somebody else has its session open.

    To be called before anything is changed; what can't be told by the name is left to the start.
    """
    turns.check_session(task)
    role = role or task.assigned_agent
    choice = turns.choice(task.replace(assigned_agent=role))
    executor = executor_of(choice)
    # What a start would say is found by asking for its command: an executor starts nothing itself.
    rehearsal = Turn(
        prompt=task.name, folder=turns.layout.folder, scratch=turns.layout.runtime,
        session_id=str(uuid.uuid4()), role=role, task_id=task.id, settings=choice.settings,
        custom_args=choice.custom_args, params=task.params or {},
    )  # fmt: skip
    try:
        executor.spawn(rehearsal)
        names = executor.program(choice.settings)
    except BadSettings as fault:
        raise Refused(
            f"executor {choice.name}: {fault}", "mend it in the file that `sow config path` names"
        ) from fault
    path = turns.environment.get("PATH", os.defpath)
    # A path below the agent's folder is nowhere yet.
    if not any(shutil.which(name, path=path) or ("/" in name and name[0] != "/") for name in names):
        raise NotFound(
            f"no program {names[0]} here: executor {choice.name} ({choice.source}) needs it to be {role}",
            "install it, or choose another executor in the settings: `sow config show`, `sow config init`",
        )


# -- projects begin and end ------------------------------------------------------------------------


def prepare(here: Places | Plain) -> list[str]:
    """Makes what sow needs there; says what it made, nothing where all was there."""
    from sow import setup
    from sow.outside import beginning

    return beginning.prepare(here) if isinstance(here, Plain) else setup.prepare(here)


def check_new(here: Places | Plain, plan: Plan, *, start: str | None = None, worktree: bool = True) -> None:
    """Raises Refused or NotFound for whatever would be in the way of a new project there."""
    from sow import setup
    from sow.outside import beginning

    if isinstance(here, Plain):
        beginning.check_new(here, plan, start=start)
    else:
        setup.check_new(here, plan, start=start, worktree=worktree)


def begin(caller: Caller, here: Places | Plain, plan: Plan, *, start: str | None, worktree: bool) -> Made:
    """Makes a new project there: with a branch where there is git, else in the folder."""
    from sow import setup
    from sow.outside import beginning

    if isinstance(here, Plain):
        return beginning.new_project(here, plan, start=start, store_of=caller.store_of)
    return setup.new_project(here, plan, start=start, worktree=worktree, store_of=caller.store_of)


def finisher(turns: Turns, tell: Callable[[str], None]) -> Finisher | OutsideFinisher:
    """What ends the project, with the parts of `turns`. `tell`: is given a line about each step."""
    from sow.finishing import Finisher
    from sow.outside import ending

    if not isinstance(turns.workspace, Workspace):
        return ending.Finisher(
            layout=turns.layout, store=turns.store, attempts=turns.attempts, settings=turns.repository,
            environment=turns.environment, tell=tell,
        )  # fmt: skip
    return Finisher(
        layout=turns.layout,
        places=find.repository(turns.layout.folder),
        store=turns.store,
        attempts=turns.attempts,
        workspace=turns.workspace,
        settings=turns.repository,
        environment=turns.environment,
        tell=tell,
    )


def deleter(turns: Turns) -> Deleter | OutsideDeleter:
    """What takes the project away, with the parts of `turns`."""
    from sow.deleting import Deleter
    from sow.outside import ending

    if turns.layout.outside:
        return ending.Deleter(layout=turns.layout, store=turns.store, attempts=turns.attempts)
    return Deleter(
        layout=turns.layout,
        places=find.repository(turns.layout.folder),
        store=turns.store,
        attempts=turns.attempts,
        settings=turns.repository,
    )
