"""What a person decides about a task of a workspace: nobody wants it any more, or it is to be done again.

    queued | running -> canceled          failed | canceled -> queued

Both are written under the task's lock, as any program may write them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sow.errors import Refused, SowError
from sow.result import Result
from sow.taskfiles.claim import Claims
from sow.taskfiles.events import EventWriter
from sow.taskfiles.loader import TaskLoader
from sow.taskfiles.runner import TaskRunner
from sow.taskfiles.serving import named
from sow.taskfiles.stages import Settings
from sow.taskfiles.task_file import CANCELED, QUEUED, RUNNING, Status, TaskFile
from sow.taskfiles.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Decided(Result):
    """A task that a person decided about."""

    id: str
    file: str
    before: Status
    status: Status


def cancel(workspace: Workspace, wanted: str) -> Decided:
    """Cancels the task that is meant by its id, or by its file's name without the ending.

    Whoever runs it ends its stage; what a dead runner's stage still does is ended here. Raises NotFound,
    Refused for a task that has ended, Busy while its lock is held.
    """
    seen = named(TaskLoader(workspace), wanted)
    claims = _claims(workspace)
    before = claims.decide(seen.path, _to_canceled)
    if claim := claims.left(seen.path):
        TaskRunner(workspace, claims.settings, claims).settle(claim)
    return Decided(before.id, before.path, before.status, CANCELED)


def retry(workspace: Workspace, wanted: str) -> Decided:
    """Queues a task again that failed or was canceled. Raises as `cancel` does, Refused for any other."""
    seen = named(TaskLoader(workspace), wanted)
    before = _claims(workspace).decide(seen.path, _to_queued)
    return Decided(before.id, before.path, before.status, QUEUED)


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


def _claims(workspace: Workspace) -> Claims:
    try:
        settings = Settings.read(workspace)
    except SowError:
        settings = Settings()  # nobody has to mend them to be rid of a task
    return Claims(workspace, settings, EventWriter(workspace.events), time.time)
