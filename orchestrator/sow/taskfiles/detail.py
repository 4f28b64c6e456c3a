"""One task of a workspace with all that a person asks of it: its stages, its files, where its output lies."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sow import files
from sow.clock import stamp
from sow.errors import BadFile
from sow.result import Result, plain
from sow.taskfiles import overview, paths, runs, task_file
from sow.taskfiles.overview import Row
from sow.taskfiles.task_file import QUEUED, RUNNING, TaskFile
from sow.taskfiles.workspace import Workspace

StageState = Literal["to do", "running", "waits", "done", "failed", "ended", "passed over"]
"""`waits`: for the end of a limit; `ended`: before it had come to its own end, for the task was canceled."""


@dataclass(frozen=True, slots=True)
class StageRow(Result):
    """A stage of a task, in its newest run."""

    name: str
    state: StageState
    began: str | None
    """When its newest attempt began; None where there is none."""
    folder: str | None
    """What that printed: `transcript.jsonl` and `stderr.log`."""


@dataclass(frozen=True, slots=True)
class FileRow(Result):
    """An input or output of a task."""

    name: str
    given: str
    """As the task has it: a path, or of an input any other text."""
    is_there: bool | None
    """Whether there is such a file; None for what is no path."""


@dataclass(frozen=True, slots=True)
class Detail(Result):
    """One task of a workspace, with its stages and its files."""

    row: Row
    document: Mapping[str, Any]
    """All that its file holds."""
    stages: tuple[StageRow, ...]
    inputs: tuple[FileRow, ...]
    outputs: tuple[FileRow, ...]

    def as_json(self) -> Any:
        """As `sow task show --json` prints it: what `sow task list --json` has of it, and more."""
        more = {
            "stages": self.stages, "inputs": self.inputs, "outputs": self.outputs, "document": self.document
        }  # fmt: skip
        return {**self.row.as_json(), **plain(more)}


def of(workspace: Workspace, path: str, now: float, environment: Mapping[str, str] = os.environ) -> Detail:
    """The task whose file is at `path`; for the rest see `overview.page`.

    Raises FileNotFoundError where that is gone, BadFile.
    """
    task = task_file.read(path, workspace.roots)
    return Detail(
        row=overview.row(workspace, task, now, environment),
        document=task.held.value,
        stages=tuple(_stages(workspace, task)),
        inputs=tuple(_inputs(workspace, task.fields.get("input", {}))),
        outputs=tuple(_outputs(workspace, task.fields.get("output", {}))),
    )


def _stages(workspace: Workspace, task: TaskFile) -> Iterator[StageRow]:
    pipeline = task.fields["pipeline"]
    newest = max(runs.numbered(workspace, task.stem), default=0)
    # What is queued anew begins anew; what another program runs tells us nothing.
    is_told = newest and task.status != QUEUED
    if task.status == RUNNING:
        is_told = runs.open_run(workspace, task.stem) is not None
    folder = f"{workspace.runs(task.stem)}/{newest}" if is_told else ""
    claimed = _claimed(folder) if folder else None
    for number, name in enumerate(pipeline, 1):
        begun = runs.attempts(folder, number) if folder else []
        if not begun:
            over = claimed is not None and name not in claimed
            yield StageRow(name, "passed over" if over else "to do", None, None)
        else:
            state = _state(task, folder, number, begun[-1])
            yield StageRow(name, state, stamp(os.stat(begun[-1]).st_ctime), begun[-1])


def _state(task: TaskFile, folder: str, number: int, attempt: str) -> StageState:
    if runs.is_finished(folder, number):
        return "done"
    match task.status:
        case "running" if runs.limit(attempt):
            return "waits"
        case "running":
            return "running"
        case "failed":
            return "failed"
    return "ended"


def _claimed(folder: str) -> Mapping[str, Any] | None:
    """The stages that a run was to do; None where that is not known."""
    try:
        kept = json.loads(files.contents(f"{folder}/{runs.CLAIM}", 16 * task_file.SIZE))
        return dict(kept["stages"]) if not kept["problem"] else None
    except (OSError, ValueError, KeyError, TypeError, BadFile):
        return None


def _inputs(workspace: Workspace, held: Mapping[str, Any]) -> Iterator[FileRow]:
    for name, given in paths.texts(held):
        meant = paths.meant(given, workspace)
        is_path = given.startswith(paths.BEGINNINGS) or meant != given
        yield FileRow(name, given, os.path.exists(meant) if is_path else None)


def _outputs(workspace: Workspace, held: Mapping[str, Any]) -> Iterator[FileRow]:
    for name, given in paths.texts(held):
        yield FileRow(name, given, os.path.exists(workspace.path(given)))
