"""The tasks of a workspace as they are now: how far each is, since when, and who works on it.

Everything is read from the files, and nothing is changed.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sow import files, process
from sow.accounts import Accounts
from sow.clock import moment, stamp
from sow.errors import BadFile, SowError
from sow.pool import Limit
from sow.result import Result, plain
from sow.taskfiles import limits, runs, task_file
from sow.taskfiles.limits import Limits
from sow.taskfiles.stages import Settings
from sow.taskfiles.task_file import QUEUED, RUNNING, Status, TaskFile
from sow.taskfiles.workspace import Workspace

State = Literal["alive", "dead", "unknown", "left", "foreign"]
"""Of a claim: its runner lives, or died; it can't be asked from here; it left the task for the next run; or
there is no claim of ours: whatever runs the task is another program."""


@dataclass(frozen=True, slots=True)
class Holder(Result):
    """Who works on a running task."""

    state: State
    pid: int | None = None
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Row(Result):
    """One task of a workspace, as it is now."""

    id: str
    file: str
    status: Status
    since: str
    """When it came to be so: its claim, else the last write of its file."""
    age_seconds: float
    pipeline: tuple[str, ...]
    stage: str | None
    """What is done now; None where nothing is."""
    progress: float
    """Of the whole pipeline, from 0 to 1."""
    message: str | None
    """What the stage told last."""
    holder: Holder | None
    """None for a task that does not run."""
    waits_until: str | None
    """When the limit is over that it waits for; None for none."""
    error: str | None


@dataclass(frozen=True, slots=True)
class Page(Result):
    """A whole workspace, as it is now."""

    workspace: str
    tasks: tuple[Row, ...]
    """In the order in which they are picked up."""
    broken: tuple[BadFile, ...]
    limits: tuple[Limit, ...]
    """What is known of the limits of the user's accounts."""

    @property
    def counts(self) -> Counter[Status]:
        """How many tasks there are of each status."""
        return Counter(row.status for row in self.tasks)

    def as_json(self) -> Any:
        """As `sow status --json` prints it."""
        return {
            "workspace": self.workspace,
            "counts": dict(self.counts),
            "tasks": plain(self.tasks),
            "broken": [fault.as_json() for fault in self.broken],
            "limits": plain(self.limits),
        }


def page(workspace: Workspace, now: float, environment: Mapping[str, str] = os.environ) -> Page:
    """All tasks of a workspace. Raises Unreadable for its folders.

    `now`: in seconds since the epoch. `environment`: where what is known of the user's accounts lies.
    """
    tasks, broken = [], []
    for name in workspace.names():
        try:
            tasks.append(task_file.read(f"{workspace.tasks}/{name}", workspace.roots))
        except FileNotFoundError:
            continue  # it went just now
        except BadFile as fault:
            broken.append(fault)
    rows = tuple(_rows(workspace, tasks, now, environment))
    known = tuple(Limit.of(pool, now) for pool in Accounts(environment).all(now))
    return Page(workspace.folder, rows, tuple(broken), known)


def row(workspace: Workspace, task: TaskFile, now: float, environment: Mapping[str, str]) -> Row:
    """One task of a workspace; for the rest see `page`."""
    return next(_rows(workspace, [task], now, environment))


def _rows(
    workspace: Workspace, tasks: Sequence[TaskFile], now: float, environment: Mapping[str, str]
) -> Iterator[Row]:
    claims = {task.stem: _claimed(workspace, task) for task in tasks if task.status == RUNNING}
    told = _told(workspace, min(claims.values(), default=now))
    waiting = _Waiting(workspace, Limits(workspace, Accounts(environment), lambda: now), environment)
    for task in tasks:
        yield _row(workspace, task, claims.get(task.stem), told, waiting.until(task), now)


def _row(
    workspace: Workspace, task: TaskFile, claimed: float | None, told: Mapping[_Key, Mapping[str, Any]],
    waits_until: float | None, now: float,
) -> Row:  # fmt: skip
    pipeline = tuple(task.fields["pipeline"])
    since = claimed if claimed is not None else _changed(task.path)
    stage, progress, message = None, 1.0 if task.status == "done" else 0.0, None
    if claimed is not None:
        done, stage = _stage(workspace, task, pipeline)
        last = told.get(_key(task), {"ts": "", "stage": ""})
        # An event of an earlier run says nothing of this one.
        own = last if last["stage"] == stage and moment(last["ts"]) >= claimed - 1 else {}
        progress = (done + own.get("progress", 0.0)) / len(pipeline) if pipeline else 0.0
        message = own.get("msg") or None
    return Row(
        id=task.id,
        file=task.path,
        status=task.status,
        since=stamp(since),
        age_seconds=round(max(now - since, 0.0), 3),
        pipeline=pipeline,
        stage=stage,
        progress=round(progress, 4),
        message=message,
        holder=_holder(workspace, task.stem) if task.status == RUNNING else None,
        waits_until=None if waits_until is None else stamp(waits_until),
        error=task.fields.get("error"),
    )


def _holder(workspace: Workspace, stem: str) -> Holder:
    held = runs.holder(workspace, stem)
    if held:
        return Holder(process.fate(held.holder), held.holder.identity.pid, held.holder.host)
    return Holder("left" if runs.open_run(workspace, stem) else "foreign")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What tasks wait for: a limit that they met, or that somebody else did."""

    workspace: Workspace
    limits: Limits
    environment: Mapping[str, str]
    _settings: list[Settings | None] = field(default_factory=list)

    def until(self, task: TaskFile) -> float | None:
        """When the limit is over that a task waits for; None for none."""
        hold = None
        if task.status == RUNNING:
            folder = runs.open_run(self.workspace, task.stem)
            hold = runs.hold(folder) if folder else None
        elif task.status == QUEUED and self.limits.is_any():
            settings = self._held_settings()
            if settings:
                hold = limits.ahead(task, self.workspace, settings, self.environment)
        return hold.until if hold and hold.why and self.limits.holds(hold, task.stem) else None

    def _held_settings(self) -> Settings | None:
        if not self._settings:
            try:
                self._settings.append(Settings.read(self.workspace))
            except SowError:
                self._settings.append(None)
        return self._settings[0]


def _stage(workspace: Workspace, task: TaskFile, pipeline: tuple[str, ...]) -> tuple[int, str | None]:
    """How many stages of a running task are behind it, and the one that is begun."""
    folder = runs.open_run(workspace, task.stem)
    begun = [int(os.path.basename(each).partition(".")[0]) for each in runs.attempts(folder or "")]
    number = max((each for each in begun if each <= len(pipeline)), default=0)
    if not folder or not number:
        return 0, None
    if runs.is_finished(folder, number):
        return number, pipeline[number] if number < len(pipeline) else None
    return number - 1, pipeline[number - 1]


def _claimed(workspace: Workspace, task: TaskFile) -> float:
    """When a running task was claimed; when its file was written, where that is not known."""
    folder = runs.open_run(workspace, task.stem)
    try:
        kept = json.loads(files.contents(f"{folder}/{runs.CLAIM}", 16 * task_file.SIZE)) if folder else {}
        return float(kept["started_at"])
    except (OSError, ValueError, KeyError, TypeError, BadFile):
        return _changed(task.path)


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


# -- what the stream says ------------------------------------------------------------------------

_Key = tuple[str, str | None]


def _key(task: TaskFile) -> _Key:
    return task.id, task.fields.get("run_id")


def _told(workspace: Workspace, since: float) -> dict[_Key, Mapping[str, Any]]:
    """The last progress that each task told since a day, by its id and its run's: payload and `ts`."""
    first = f"{stamp(since)[:10].replace('-', '')}_events.jsonl"
    found: dict[_Key, Mapping[str, Any]] = {}
    for name in sorted(files.names(workspace.events)):
        if name.endswith("_events.jsonl") and name >= first:
            for event in _progress(f"{workspace.events}/{name}"):
                found[event["task_id"], event["run_id"]] = {**event["payload"], "ts": event["ts"]}
    return found


def _progress(path: str) -> Iterator[Any]:
    """The events of progress in a file of the stream."""
    if not os.path.isfile(path):
        return
    with open(path, "rb") as stream:
        for line in stream:
            if b'"stage.progress"' not in line:
                continue
            try:
                event = json.loads(line)
                moment(event["ts"])
                float(event["payload"]["progress"])
                hash((event["task_id"], event["run_id"], event["payload"]["msg"]))
            except (ValueError, KeyError, TypeError):
                continue  # torn, or another program's
            yield event
