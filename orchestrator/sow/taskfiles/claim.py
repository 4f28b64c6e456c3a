"""Who works on a task: claimed under its lock, held by a lease, given back with its end.

    lock -> read -> (created) -> lease -> claim.json -> `running` -> unlock -> execute
    lock -> read -> `done` | `failed` -> ended -> unlock -> give back the lease

A runner that dies in between leaves a claim without an end. Another one takes that up,
and goes on with the very stage: its process may live, or its exit status lie there.
A file that says `running` without such a claim is another program's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sow import files, lease
from sow.errors import BadFile, Busy, NotFound, Refused, SowError
from sow.lease import Lease
from sow.taskfiles import runs, task_file, text
from sow.taskfiles.events import EventWriter
from sow.taskfiles.limits import Limits
from sow.taskfiles.loader import Seen
from sow.taskfiles.lock import Lock
from sow.taskfiles.runs import CLAIM, END
from sow.taskfiles.stages import Settings
from sow.taskfiles.task_file import QUEUED, RUNNING, Status, TaskFile
from sow.taskfiles.workspace import Workspace

if TYPE_CHECKING:
    from sow.clock import Clock

PATIENCE = 5.0
"""How long, in seconds, the lock is waited for beyond the age from which on it may be broken."""
PERSONS_PATIENCE = 5.0
"""How long, in seconds, a person's command waits for the lock."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A task that this runner works on, as it was when it was claimed."""

    task: TaskFile
    folder: str
    """Of this run of it: runs/<task>/<n>."""
    started_at: float
    """In seconds since the epoch."""
    stages: Mapping[str, Any]
    """How each stage is done, that is not passed over."""
    problem: str
    """Why it can't be begun at all; empty for none."""
    lease: Lease

    @property
    def run_id(self) -> str | None:
        return self.task.fields.get("run_id")


@dataclass(frozen=True, slots=True)
class Claims:
    """Claims tasks of a workspace and gives them back."""

    workspace: Workspace
    settings: Settings
    events: EventWriter
    clock: Clock
    tell: Callable[[str], None] = lambda text: None
    """Is told what a person should know of: a lock that was broken."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    """Where the user's settings lie and what is known of their accounts; stages are given it."""
    limits: Limits = field(init=False)

    def __post_init__(self) -> None:
        limits = Limits.of(self.workspace, self.environment)
        object.__setattr__(self, "limits", limits)

    def announce(self, path: str) -> None:
        """Tells, once for all runners, that a queued task is there; nothing while it is locked."""
        with suppress(FileNotFoundError, BadFile, Busy), self._lock(path):
            task = self._read(path)
            if task.status == QUEUED:
                self._announce(task)

    def is_announced(self, stem: str) -> bool:
        return os.path.isdir(self.workspace.runs(stem))

    def claim(self, path: str) -> Claim | None:
        """The task at `path`, ours and `running` from now on; None where it is no longer queued.

        Raises Busy while its lock is held, BadFile where it can't be taken as it is.
        """
        with self._lock(path):
            task = self._present(path, QUEUED)
            if task is None:
                return None
            self._announce(task)
            held = self._lease(task)
            if held is None:
                return None
            try:
                claim = self._begun(task, held)
                files.write(path, task.held.changed({"status": RUNNING}))
            except BaseException:
                held.release()
                raise
            self.told(claim, "task.started", {"pipeline": task.fields["pipeline"]})
        return claim

    def take_up(self, path: str) -> Claim | None:
        """The running task of a runner that died or left it; None for none. Raises as `claim` does.

        One that waits for a limit is none before that is over.
        """
        stem = os.path.basename(path).removesuffix(task_file.SUFFIX)
        folder = runs.open_run(self.workspace, stem)
        if folder is None or runs.is_held(self.workspace, stem) or self.waits(stem):
            return None
        with self._lock(path):
            task = self._present(path, RUNNING)
            held = self._lease(task) if task else None
            if task is None or held is None:
                return None
            if runs.open_run(self.workspace, stem) != folder:
                held.release()
                return None
            return self._loaded(folder, path, held)

    def check_free(self, seen: Seen) -> None:
        """Raises Busy where a running task is a living runner's, or another program's."""
        if runs.is_held(self.workspace, seen.stem):
            held = runs.holder(self.workspace, seen.stem)
            pid = held.holder.identity.pid if held else 0
            raise Busy(
                f"task {seen.id} is run by process {pid}",
                f'to end it, write "status": "canceled" into {seen.path}',
            )
        if runs.open_run(self.workspace, seen.stem) is None:
            raise Busy(
                f"task {seen.id} is run by another program, as {seen.path} says",
                'wait for it; if nothing runs it, write "status": "queued" into the file',
            )

    def waits(self, stem: str) -> bool:
        """Whether a task that was claimed waits for the end of a limit."""
        folder = runs.open_run(self.workspace, stem)
        return self.limits.holds(runs.hold(folder) if folder else None, stem)

    def is_open(self, stem: str) -> bool:
        """Whether a runner has claimed a task and not noted that it came to its end."""
        return runs.open_run(self.workspace, stem) is not None

    def left(self, path: str) -> Claim | None:
        """The claim that a dead runner left of a task that runs no more by its file; None for none.

        It is to be settled; so is one that the runner had not come to begin.
        """
        stem = os.path.basename(path).removesuffix(task_file.SUFFIX)
        folder = runs.open_run(self.workspace, stem)
        if folder is None or runs.is_held(self.workspace, stem):
            return None
        with self._lock(path):
            task = self._read(path)
            held = self._lease(task) if task.status != RUNNING else None
            return self._loaded(folder, path, held) if held else None

    def end(self, claim: Claim, status: Status, error: str | None) -> Status:
        """Writes how a task ended, unless its file says by now that it has; gives what it says then.

        Raises FileNotFoundError where it is gone, BadFile where it was broken meanwhile: then the
        claim stays open, and is ended by the next runner that can read it.
        """
        path = claim.task.path
        with self._lock(path, wait_seconds=self.settings.stale_lock_seconds + PATIENCE):
            now = self._read(path)
            if now.status != RUNNING:
                self.close(claim)
                return now.status
            new: dict[str, Any] = {"status": status, "error": error}
            if "config_snapshot" in claim.task.held.value:
                new["config_snapshot"] = claim.task.snapshot  # which was frozen
            files.write(path, now.held.changed(new, back=claim.task.held))
            self.close(claim)
        return status

    def decide(self, path: str, change: Callable[[TaskFile], Mapping[str, Any]]) -> TaskFile:
        """Writes what a person decides; gives the task as it was.

        `change`: gives the keys that get new values, or raises. Raises NotFound where the file is gone,
        BadFile, Busy while its lock is held.
        """
        with self._lock(path, wait_seconds=PERSONS_PATIENCE):
            task = self._present(path)
            if task is None:
                raise NotFound(f"{path} is gone", "see what there is: `sow task list`")
            files.write(path, task.held.changed(change(task)))
        return task

    def clear(self, path: str) -> None:
        """Removes the lock of a task that has ended, where its holder died behind that. Raises Busy."""
        lock = self._lock(path)
        if os.path.lexists(lock.path):
            with lock:
                pass

    def clear_runs(self, seen: Seen) -> None:
        """Removes the runs of a task that has ended and that nobody wants, unless somebody works on it."""
        numbers, keep = runs.numbered(self.workspace, seen.stem), self.settings.keep_runs
        if not runs.superfluous(keep, seen.status, numbers):
            return
        # Under the lease nobody claims the task anew, whose run would have a number that is free again.
        with suppress(lease.Held):
            held = lease.acquire(f"{self.workspace.runs(seen.stem)}/runner.lease", f"task {seen.id}")
            try:
                runs.clear(self.workspace, seen.stem, seen.status, keep)
            finally:
                held.release()

    def close(self, claim: Claim) -> None:
        """Notes that nothing is left to do for a claim."""
        files.write(f"{claim.folder}/{END}", "", flushed=False)

    def status(self, claim: Claim) -> Status | None:
        """What the task's file says now; None where it is gone. Of one that can't be read: `running`."""
        try:
            return self._read(claim.task.path).status
        except FileNotFoundError:
            return None
        except BadFile:
            return RUNNING

    def told(self, claim: Claim, kind: str, payload: Mapping[str, Any]) -> None:
        """Writes an event about a task. One that can't be written is told of, and ends nothing."""
        self._event(claim.task, kind, payload)

    # -- the parts ----------------------------------------------------------------------------

    def _begun(self, task: TaskFile, held: Lease) -> Claim:
        number = max(runs.numbered(self.workspace, task.stem), default=0) + 1
        folder = f"{self.workspace.runs(task.stem)}/{number}"
        files.make_folder(folder)
        stages: Mapping[str, Any] = {}
        problem = ""
        try:
            stages = self.settings.of(task)
        except SowError as fault:
            problem = f"{fault}\n{fault.hint}".rstrip()
        started = self.clock()
        kept = {"started_at": started, "stages": stages, "problem": problem, "text": task.held.text}
        files.write(f"{folder}/{CLAIM}", json.dumps(kept) + "\n", mode=0o600)
        return Claim(task, folder, started, stages, problem, held)

    def _loaded(self, folder: str, path: str, held: Lease) -> Claim:
        try:
            kept = json.loads(files.contents(f"{folder}/{CLAIM}", 16 * task_file.SIZE))
            task = TaskFile(path, text.parse(kept["text"].encode(), path))
            return Claim(task, folder, kept["started_at"], kept["stages"], kept["problem"], held)
        except (OSError, ValueError, KeyError, TypeError, SowError) as fault:
            held.release()
            raise Refused(
                f"{folder}/{CLAIM} is not what a runner wrote: {fault}",
                f"remove {folder}, and say in {path} how far the task is",
            ) from fault

    def _announce(self, task: TaskFile) -> None:
        folder = self.workspace.runs(task.stem)
        files.make_folder(os.path.dirname(folder))
        try:
            os.mkdir(folder)
        except FileExistsError:
            return
        values = task.fields.get("input", {}).values()
        main = next((value for value in values if isinstance(value, str)), "")
        self._event(task, "task.created", {"input": main})

    def _event(self, task: TaskFile, kind: str, payload: Mapping[str, Any]) -> None:
        # What a stage says of its progress is not in the task's file.
        whole = "" if kind == "stage.progress" else f"workspace/tasks/{os.path.basename(task.path)}"
        try:
            self.events.write(kind, payload, task_id=task.id, run_id=task.fields.get("run_id"), whole=whole)
        except SowError as fault:
            self.tell(str(fault))

    def _lease(self, task: TaskFile) -> Lease | None:
        try:
            return lease.acquire(f"{self.workspace.runs(task.stem)}/runner.lease", f"task {task.id}")
        except lease.Held:
            return None

    def _present(self, path: str, status: Status | None = None) -> TaskFile | None:
        """The task that is there, where it has that status; None where there is none."""
        try:
            task = self._read(path)
        except FileNotFoundError:
            return None
        return task if status in (None, task.status) else None

    def _read(self, path: str) -> TaskFile:
        return task_file.read(path, self.workspace.roots)

    def _lock(self, path: str, *, wait_seconds: float = 0.0) -> Lock:
        stem = os.path.basename(path).removesuffix(task_file.SUFFIX)
        stale = self.settings.stale_lock_seconds
        return Lock(self.workspace.lock(stem), wait_seconds=wait_seconds, stale_seconds=stale, tell=self.tell)


def age(claim: Claim, now: float) -> float:
    """How long a task has been worked on, in seconds, to the millisecond."""
    return round(max(now - claim.started_at, 0.0), 3)
