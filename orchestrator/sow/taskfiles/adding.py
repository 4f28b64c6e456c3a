"""A new task file: checked as a runner would take it, and there whole or not at all.

Who adds holds a lock, so that two who give the same id at the same time don't both get it.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sow import __version__, files
from sow.clock import stamp
from sow.errors import BadFile, Refused
from sow.taskfiles import checking, task_file, text
from sow.taskfiles.loader import Seen, TaskLoader
from sow.taskfiles.lock import Lock
from sow.taskfiles.stages import Settings
from sow.taskfiles.task_file import QUEUED, SUFFIX, TaskFile
from sow.taskfiles.workspace import Workspace

LOCK = ".adding.lock"
"""In `tasks/`, where what begins with a dot is no task."""
PATIENCE = 5.0
"""How long, in seconds, others who add are waited for."""
LONGEST = 255
"""The most bytes that the name of a file may have."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a new task is to be."""

    pipeline: Sequence[str]
    id: str | None = None
    """None for one that nobody else has."""
    input: Mapping[str, Any] | None = None
    output: Mapping[str, str | None] | None = None
    config: Mapping[str, Any] | None = None
    type: str | None = None
    run_id: str | None = None
    """What its events are marked with; None for one of its own."""

    def document(self, *, by: str, at: str) -> dict[str, Any]:
        """The task, in the order in which a file has its keys. `at`: RFC 3339, when; `by`: who wants it."""
        mark = uuid.uuid4().hex[:12]
        told = {
            "task_id": self.id if self.id is not None else f"task_{mark}",
            "run_id": self.run_id if self.run_id is not None else f"run_{mark}",
            "created_at": at,
            "status": QUEUED,
            "type": self.type,
            "requested_by": by,
            "tool": f"sow-{__version__}",
            "config_snapshot": self.config,
            "input": self.input or {},
            "pipeline": list(self.pipeline),
            "output": self.output or {},
        }
        return {key: value for key, value in told.items() if value is not None} | {"error": None}


def add(
    workspace: Workspace, order: Order, *, by: str, now: float, environment: Mapping[str, str] = os.environ
) -> Seen:
    """Queues a new task. `by`: who wants it; `now`: in seconds since the epoch.

    Raises Refused for what no runner could take as it is and for an id that there is already, Busy while
    somebody else adds for long.
    """
    at = stamp(now)
    document = order.document(by=by, at=at)
    task = _checked(workspace, document, at, environment)
    with Lock(f"{workspace.tasks}/{LOCK}", wait_seconds=PATIENCE):
        loader = TaskLoader(workspace)
        taken = next((seen for seen in loader.scan() if task.id in (seen.id, seen.stem)), None)
        if taken or os.path.lexists(task.path):
            place = taken.path if taken else task.path
            raise Refused(
                f"task {task.id} is there already: {place}", "give it another id, or none for a new one"
            )
        files.write(task.path, task.held.text)
    return Seen(task.path, task.id, QUEUED)


def _checked(
    workspace: Workspace, document: Mapping[str, Any], at: str, environment: Mapping[str, str]
) -> TaskFile:
    """The file that it will be. Raises Refused."""
    path = f"{workspace.tasks}/{_name(document['task_id'], at)}"
    try:
        written = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        data = written.encode()
    except (TypeError, ValueError, RecursionError) as fault:
        raise Refused(
            f"the task can't be written as JSON: {fault}", "give texts, numbers and lists"
        ) from fault
    if len(data) > task_file.SIZE:
        raise Refused(
            f"the task has {len(data):,} bytes, and a task file may have {task_file.SIZE:,}",
            "put what is long into a file, and name that among its inputs",
        )
    try:
        task = TaskFile(path, text.parse(data, path))
        task_file.check(task_file.SCHEMA, task.held)
    except BadFile as fault:
        raise _in_words(fault) from fault
    settings = Settings.read(workspace)
    for problem in checking.of_queued(workspace, task, settings, environment):
        raise _in_words(problem)
    return task


def _in_words(fault: BadFile) -> Refused:
    """What is wrong with a file that is not there yet."""
    return Refused(f"{fault.field}: {fault.what}" if fault.field else f"the task {fault.what}", fault.hint)


def _name(task_id: str, at: str) -> str:
    """The name of its file. Raises Refused for an id that can't be part of one."""
    bad = next((char for char in task_id if char == "/" or not char.isprintable()), "")
    if bad or not task_id.strip():
        what = f"has a character in it that no file's name may have: {bad!r}" if bad else "is empty"
        raise Refused(f"task_id: {task_id!r} {what}", "take letters, digits, - and _")
    name = f"{re.sub('[-:.]', '', at)}_{task_id}{SUFFIX}"
    if len(name.encode()) > LONGEST:
        raise Refused(
            f"task_id: it has {len(task_id)} characters, and the name of its file would be too long",
            f"give a shorter one: its file would be {name[:40]} ...",
        )
    return name
