"""What a person decides about a task of a workspace: nobody wants it any more, or it is to be done again.

    queued | running -> canceled          failed | canceled -> queued

Both are written under the task's lock, as any program may write them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sow.errors import BadFile, Refused, SowError
from sow.result import Result
from sow.taskfiles import limits, runs, task_file
from sow.taskfiles.claim import Claims
from sow.taskfiles.events import EventWriter
from sow.taskfiles.loader import Seen, TaskLoader
from sow.taskfiles.runner import TaskRunner
from sow.taskfiles.serving import named
from sow.taskfiles.stages import Settings
from sow.taskfiles.task_file import CANCELED, QUEUED, RUNNING, Status, TaskFile
from sow.taskfiles.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Decided(Result):
    """A task file that a person decided about."""

    id: str
    file: str
    before: Status
    status: Status
    in_spite: bool = False
    """Whether it is tried once in spite of a limit that it waits for."""


def cancel(workspace: Workspace, wanted: str, environment: Mapping[str, str] = os.environ) -> Decided:
    """Cancels the task that is meant by its id, or by its file's name without the ending.

    Whoever runs it ends its stage; what a dead runner's stage still does is ended here. `environment`: where
    what is known of the user's accounts lies. Raises NotFound, Refused for a task that has ended, Busy while
    its lock is held.
    """
    seen = named(TaskLoader(workspace), wanted)
    claims = _claims(workspace, environment)
    before = claims.decide(seen.path, _to_canceled)
    if claim := claims.left(seen.path):
        TaskRunner(workspace, claims.settings, claims).settle(claim)
    return Decided(before.id, before.path, before.status, CANCELED)


def retry(workspace: Workspace, wanted: str, environment: Mapping[str, str] = os.environ) -> Decided:
    """Queues a task again that failed or was canceled; has one that waits for a limit try at once.

    Raises as `cancel` does, Refused for any other.
    """
    seen = named(TaskLoader(workspace), wanted)
    claims = _claims(workspace, environment)
    if _let_through(claims, seen):
        return Decided(seen.id, seen.path, seen.status, seen.status, in_spite=True)
    before = claims.decide(seen.path, _to_queued)
    return Decided(before.id, before.path, before.status, QUEUED)


def _let_through(claims: Claims, seen: Seen) -> bool:
    """Whether a task waits for a limit, and now is to try in spite of it."""
    if seen.status == QUEUED:
        try:
            task = task_file.read(seen.path, claims.workspace.roots)
        except (FileNotFoundError, BadFile):
            return False  # gone just now
        hold = limits.ahead(task, claims.workspace, claims.settings, claims.environment)
        return hold is not None and bool(hold.why) and claims.limits.let_try(hold, seen.stem)
    folder = runs.open_run(claims.workspace, seen.stem) if seen.status == RUNNING else None
    begun = runs.attempts(folder) if folder else []
    hold = runs.limit(begun[-1]) if begun else None
    if hold is None or not claims.limits.holds(hold, seen.stem):
        return False
    if not claims.limits.let_try(hold, seen.stem):
        runs.note_limit(begun[-1], replace(hold, until=time.time()))
    return True


def _to_canceled(task: TaskFile) -> Mapping[str, Any]:
    if task.status not in (QUEUED, RUNNING):
        hint = "only what is queued or running can be canceled; see them: `sow task list`"
        raise Refused(f"task {task.id} is {task.status}", hint)
    return {"status": CANCELED}


def _to_queued(task: TaskFile) -> Mapping[str, Any]:
    match task.status:
        case "queued":
            raise Refused(f"task {task.id} is queued already", "`sow run` runs it")
        case "running":
            raise Refused(
                f"task {task.id} is running", f"to begin it anew, first: `sow task cancel {task.id}`"
            )
        case "done":
            hint = f'to do it once more all the same, write "status": "queued" into {task.path}'
            raise Refused(f"task {task.id} is done", hint)
    # Of the failure its last run tells.
    return {"status": QUEUED, "error": None}


def _claims(workspace: Workspace, environment: Mapping[str, str]) -> Claims:
    try:
        settings = Settings.read(workspace)
    except SowError:
        settings = Settings()  # nobody has to mend them to be rid of a task
    return Claims(workspace, settings, EventWriter(workspace.events), time.time, environment=environment)
