"""A runner's life: finds what is queued, claims it, works on so many tasks at once, and waits.

Any number of runners may serve one workspace; what one leaves when it dies another takes up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from sow.errors import BadFile, Busy, Failed, NotFound, Refused, SowError
from sow.nearest import did_you_mean
from sow.runner.watch import Watcher
from sow.taskfiles.claim import Claim
from sow.taskfiles.loader import Seen, TaskLoader
from sow.taskfiles.runner import Note, Outcome, TaskRunner
from sow.taskfiles.stages import Settings
from sow.taskfiles.task_file import QUEUED, RUNNING, SUFFIX
from sow.taskfiles.workspace import Workspace

TICK = 0.5
"""How long, in seconds, a new task file can stay unseen where the kernel tells of no change."""
WRITING = 1.0
"""How long, in seconds, a file may be broken before that is told: somebody may be writing it."""
SCAN = 5.0
"""After how many seconds all files are looked at, though nothing told of a change."""


@dataclass(slots=True)
class Server:
    """Serves a workspace with one runner."""

    workspace: Workspace
    loader: TaskLoader
    runner: TaskRunner
    jobs: int = 1
    only: str | None = None
    """The file's name without its ending of the one task that is served; None for all."""
    watch: Callable[[Note], None] = lambda note: None
    outcomes: list[Outcome] = field(default_factory=list)
    _busy: dict[str, Future[Outcome]] = field(default_factory=dict)
    _stays: bool = False
    _told: dict[str, str] = field(default_factory=dict)
    """What was told of a task that can't be claimed, by its file's name without the ending."""
    _bad: dict[tuple[str, str], tuple[float, bool]] = field(default_factory=dict)
    """By file and fault: since when it is so, and whether it was told."""
    _waiting: bool = False
    """Whether a queued task could not be claimed just now, for its lock is held."""
    _scanned: float = 0.0
    _folder_at: int = 0
    _rests: dict[str, float] = field(default_factory=dict)
    """Until when a task is left alone whose end could not be written: on a full disk it can't be again."""
    _settled: dict[str, Seen] = field(default_factory=dict)
    _settings_at: tuple[tuple[int, ...], ...] = ()

    def run(self, *, stay: bool = False) -> list[Outcome]:
        """Works until nothing is queued any more; with `stay`, until it is told to stop."""
        stop, self._stays = self.runner.stop, stay
        with Watcher() as watcher, ThreadPoolExecutor(self.jobs, "task") as threads:
            stop.add(watcher)
            try:
                watcher.add_folder(self.workspace.tasks)
                while not stop.wish:
                    self._collect()
                    self._heed_settings()
                    self._start(threads, watcher)
                    if not (stay or self._busy or self._waiting):
                        break
                    if ("folder", self.workspace.tasks) in watcher.wait(TICK):
                        self._scanned = 0.0
                for future in list(self._busy.values()):
                    future.result()
                self._collect()
            finally:
                stop.forget(watcher)
        return self.outcomes

    def _start(self, threads: ThreadPoolExecutor, watcher: Watcher) -> None:
        """Claims what can be claimed, as long as there is a free place."""
        self._waiting = False
        for seen in self._tasks():
            if seen.path in self._busy or self._rests.get(seen.path, 0.0) > time.monotonic():
                continue
            claims = self.runner.claims
            if len(self._busy) >= self.jobs:
                if seen.status == QUEUED and not claims.is_announced(seen.stem):
                    claims.announce(seen.path)
                continue
            claim = self._claimed(seen)
            if claim:
                future = threads.submit(self.runner.run, claim)
                self._busy[seen.path] = future
                future.add_done_callback(lambda _: watcher.wake())

    def _tasks(self) -> list[Seen]:
        found = self._scan()
        self._tell_bad()
        return [seen for seen in found if self.only in (None, seen.stem)]

    def _tell_bad(self) -> None:
        """Tells once of each file that can't be taken; who stays lets it be written to its end first."""
        now, before = time.monotonic(), self._bad
        self._bad = {}
        for fault in self.loader.bad():
            if self.only not in (None, stem_of(fault.path)):
                continue
            text = f"{fault}; {fault.hint}"
            since, told = before.get((fault.path, text), (now, False))
            if not told and now >= since + (WRITING if self._stays else 0.0):
                self.watch(Note("problem", "", text, fault.path))
                told = True
            self._bad[fault.path, text] = (since, told)

    def _scan(self) -> list[Seen]:
        """The task files: looked at anew only where something may have changed, for there may be many."""
        now, folder_at = time.monotonic(), os.stat(self.workspace.tasks).st_mtime_ns
        if now < self._scanned + SCAN and folder_at == self._folder_at:
            return self.loader.known()
        self._scanned, self._folder_at = now, folder_at
        return self.loader.scan()

    def _heed_settings(self) -> None:
        """Takes in the settings that were changed meanwhile; bad ones are told of, and not heeded."""
        at = tuple(_signature(path) for path in self.runner.settings.files)
        before, self._settings_at = self._settings_at, at
        if before in ((), at):
            return
        try:
            settings = Settings.read(self.workspace)
        except SowError as fault:
            self.watch(Note("problem", "", f"{fault}; {fault.hint}; going on with the settings before"))
            return
        self.runner.settings = settings
        self.runner.claims = replace(self.runner.claims, settings=settings)
        self._settled.clear()  # less may be kept from now on

    def _claimed(self, seen: Seen) -> Claim | None:
        claims = self.runner.claims
        try:
            if seen.status == RUNNING:
                # A run that does not stay waits for this as for what it works on.
                self._waiting |= claims.waits(seen.stem)
                return claims.take_up(seen.path)
            # Once a file: those that have ended are the most.
            if self._settled.get(seen.path) is seen:
                return None
            if claim := claims.left(seen.path):
                self.runner.settle(claim)
            if seen.status == QUEUED:
                return claims.claim(seen.path)
            if not claims.is_open(seen.stem):
                claims.clear(seen.path)
                claims.clear_runs(seen)
                self._settled[seen.path] = seen
        except Busy:
            self._waiting |= seen.status == QUEUED
        except (BadFile, FileNotFoundError):
            pass  # changed since the scan: the next one tells
        except (Failed, OSError) as fault:
            self._tell_once(seen, str(fault))
        except SowError as fault:
            self._tell_once(seen, f"{fault}; {fault.hint}")
        return None

    def _tell_once(self, seen: Seen, text: str) -> None:
        if self._told.get(seen.stem) != text:
            self._told[seen.stem] = text
            self.watch(Note("problem", seen.id, text, seen.path))

    def _collect(self) -> None:
        for path, future in list(self._busy.items()):
            if future.done():
                del self._busy[path]
                outcome = future.result()
                self.outcomes.append(outcome)
                if outcome.status == "left":
                    self._rests[path] = time.monotonic() + SCAN


def chosen(loader: TaskLoader, wanted: str, *, stay: bool = False) -> Seen:
    """The one task that is meant by its id, or by its file's name without the ending.

    Raises NotFound, Refused where several have that id, or where it has ended and nobody waits.
    """
    tasks = loader.scan()
    found = [seen for seen in tasks if seen.stem == wanted] or [seen for seen in tasks if seen.id == wanted]
    if not found:
        for fault in loader.bad():
            if wanted in os.path.basename(fault.path):
                raise fault
        known = sorted({seen.id for seen in tasks})
        listed = f"the tasks: {', '.join(known[:12])}{' ...' if len(known) > 12 else ''}"
        raise NotFound(f"task not found: {wanted}", f"{did_you_mean(wanted, known)}{listed}")
    if len(found) > 1:
        names = ", ".join(os.path.basename(seen.path) for seen in found)
        raise Refused(
            f"{len(found)} task files have the id {wanted}: {names}",
            f"name one by its file: --task {found[0].stem}",
        )
    seen = found[0]
    if seen.status in ("failed", "canceled") and not stay:
        raise Refused(
            f"task {seen.id} is {seen.status}", f'to do it again, write "status": "queued" into {seen.path}'
        )
    return seen


def _signature(path: str) -> tuple[int, ...]:
    """What tells that a file is another: of one that is being written, the time alone may stay the same."""
    try:
        held = os.stat(path)
    except OSError:
        return ()
    return held.st_mtime_ns, held.st_size, held.st_ino


def stem_of(path: str) -> str:
    """The name of a task's file without its ending."""
    return os.path.basename(path).removesuffix(SUFFIX)
