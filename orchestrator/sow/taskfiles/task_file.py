"""A task file as it was read: its text, its value, its fields."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import sow_schemas
from sow import files
from sow.errors import BadFile
from sow.taskfiles import text
from sow.taskfiles.text import Text

if TYPE_CHECKING:
    from sow_schemas import documents

SUFFIX = ".task.json"
SCHEMA = "task_file"
SIZE = 4 * 1024 * 1024
"""The most bytes that a task file may have."""

Status = Literal["queued", "running", "done", "failed", "canceled"]
QUEUED: Status = "queued"
RUNNING: Status = "running"
CANCELED: Status = "canceled"


@dataclass(frozen=True, slots=True)
class TaskFile:
    """One task file, checked."""

    path: str
    held: Text

    @property
    def stem(self) -> str:
        """The file's name without its ending, by which its lock and its runs are called."""
        return os.path.basename(self.path).removesuffix(SUFFIX)

    @property
    def fields(self) -> documents.TaskFile:
        """The fields that are known here, by the schema `task_file`."""
        value: Any = self.held.value
        return value  # type: ignore[no-any-return]

    @property
    def id(self) -> str:
        return self.fields["task_id"]

    @property
    def status(self) -> Status:
        return self.fields["status"]

    @property
    def snapshot(self) -> dict[str, Any]:
        return self.fields.get("config_snapshot", {})


def read(path: str, roots: tuple[str, ...] = ()) -> TaskFile:
    """The task file at `path`. `roots`: the folders out of which no link may lead.

    Raises FileNotFoundError where it is gone, BadFile where it can't be taken, with the line.
    """
    held = text.parse(files.contents(path, SIZE, roots), path)
    check(SCHEMA, held)
    return TaskFile(path, held)


def check(schema: str, held: Text) -> None:
    """Raises BadFile where a known field is not as the schema has it; other keys are other programs'."""
    known = sow_schemas.fields(schema)
    value = {key: part for key, part in held.value.items() if key in known}
    if sow_schemas.valid(schema, value):
        return
    found = sow_schemas.problems(schema, value)
    first = min(found, key=lambda problem: held.line(problem.path))
    line, column = held.line(first.path)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    raise BadFile(
        held.where, f"{first.message}{more}", first.hint, line=line, column=column, field=first.where
    )
