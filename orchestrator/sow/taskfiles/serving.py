"""A runner's life: finds what is queued, claims it, works on so many tasks at once, and waits.

Any number of runners may serve one workspace; what one leaves when it dies another takes up.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from sow.clock import local
from sow.errors import BadFile, Busy, Failed, NotFound, Refused, SowError
from sow.nearest import did_you_mean
from sow.runner.watch import Watcher
from sow.taskfiles import limits, task_file
from sow.taskfiles.claim import Claim
from sow.taskfiles.loader import Seen, TaskLoader
from sow.taskfiles.runner import Note, Outcome, TaskRunner
from sow.taskfiles.stages import Hold, Settings
from sow.taskfiles.task_file import QUEUED, RUNNING, SUFFIX
from sow.taskfiles.workspace import Workspace

MOST_REST = 0.4
"""How long, in seconds, a change among the files may stay unseen for that."""
TICK = 0.5
"""How long, in seconds, a new task file can stay unseen where the kernel tells of no change."""
WRITING = 1.0
"""How long, in seconds, a file may be broken before that is told: somebody may be writing it."""
SCAN = 5.0
"""After how many seconds all files are looked at, though nothing told of a change."""
SHARE = 20
"""Where other runners change the folder all the time: of so much time one part is spent on looking at all."""


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
    """Whether a task could not be claimed just now, for its lock is held or it waits for a limit."""
    _holding: bool = False
    """Whether one waits for a limit."""
    _idles: bool = False
    """Whether it was told that nothing can begin."""
    _changed: bool = False
    """Whether something happened in the folder since all files were looked at."""
    _looked: bool = False
    """Whether all files were looked at just before what is claimed now."""
    _scanned: float = 0.0
    _rested: float = 0.0
    """From when on all files may be looked at again, for some change among them."""
    _folder_at: tuple[int, ...] = ()
    _ahead_of_us: deque[Seen] = field(default_factory=deque)
    """What this round has still to look at; each round looks at every task that has not ended once."""
    _behind_us: list[Seen] = field(default_factory=list)
    """What it has looked at, and the next one will again."""
    _unannounced: list[Seen] = field(default_factory=list)
    _lost: str = "not looked at yet"
    """Why the folder of the tasks can't be listed; empty where it can, and is watched."""
    _rests: dict[str, float] = field(default_factory=dict)
    """Until when a task is left alone whose end could not be written: on a full disk it can't be again."""
    _announced: set[str] = field(default_factory=set)
    _settled: dict[str, Seen] = field(default_factory=dict)
    _held: dict[str, tuple[Seen, Hold]] = field(default_factory=dict)
    """The queued tasks that a limit holds, by their files."""
    _told_of: set[tuple[str, float]] = field(default_factory=set)
    """Until when the limit of an account holds tasks, as it was told."""
    _settings_at: tuple[tuple[int, ...], ...] = ()

    def run(self, *, stay: bool = False) -> list[Outcome]:
        """Works until nothing is queued any more; with `stay`, until it is told to stop."""
        stop, self._stays = self.runner.stop, stay
        with Watcher() as watcher, ThreadPoolExecutor(self.jobs, "task") as threads:
            stop.add(watcher)
            try:
                while not stop.wish:
                    self._collect()
                    self._heed_settings()
                    self._look_after(watcher)
                    if self.runner.is_spent:
                        self._tell_spent()
                    else:
                        self._start(threads, watcher)
                        self._tell_idle()
                    self._tell_bad()
                    may_be_more = self._waiting or (not self._looked and self._has_changed())
                    goes_on = not self.runner.is_spent and (stay or may_be_more)
                    if not (goes_on or self._busy):
                        break
                    self._changed |= ("folder", self.workspace.tasks) in watcher.wait(TICK)
                for future in list(self._busy.values()):
                    future.result()
                self._collect()
            except BaseException as fault:
                if not isinstance(fault, SowError):
                    # Who waits for the threads below would wait for the stages to come to their ends.
                    stop.ask("leave")
                raise
            finally:
                stop.forget(watcher)
        return self.outcomes

    def _start(self, threads: ThreadPoolExecutor, watcher: Watcher) -> None:
        """Claims what can be claimed, as long as there is a free place.

        A claim looks at the files from where the last one stopped, and at no other.
        """
        self._begin_round()
        while self._ahead_of_us and len(self._busy) < self.jobs:
            seen = self._as_it_is_now(self._ahead_of_us.popleft())
            if seen is None:
                continue
            self._behind_us.append(seen)
            if seen.path in self._busy or self._rests.get(seen.path, 0.0) > time.monotonic():
                continue
            if claim := self._claimed(seen):
                self._told.pop(seen.stem, None)
                future = threads.submit(self.runner.run, claim)
                self._busy[seen.path] = future
                future.add_done_callback(lambda _: watcher.wake())
        if self._unannounced and len(self._busy) >= self.jobs:
            waiting, self._unannounced = self._unannounced, []
            for seen in waiting:
                self._announce(seen)

    def _begin_round(self) -> None:
        """Sees to it that something is ahead: all files where some have changed, else the same again."""
        is_full = len(self._busy) >= self.jobs
        self._looked = self._is_due(is_full=is_full)
        if self._looked:
            self._ahead_of_us, self._behind_us = deque(self._tasks()), []
            self._unannounced = [
                seen
                for seen in self._ahead_of_us
                if seen.status == QUEUED and seen.path not in self._announced
            ]
        elif not (self._ahead_of_us or is_full):
            self._ahead_of_us, self._behind_us = deque(self._behind_us), []
        else:
            return
        self._waiting = self._holding = False

    def _as_it_is_now(self, seen: Seen) -> Seen | None:
        """A task that a round comes to; None where nothing more is to be done for it, as for most."""
        if self._settled.get(seen.path) is seen or (now := self.loader.look(seen.path)) is None:
            return None
        return now

    def _announce(self, seen: Seen) -> None:
        if seen.path in self._busy:
            return
        claims = self.runner.claims
        if not claims.is_announced(seen.stem):
            claims.announce(seen.path)
        if claims.is_announced(seen.stem):
            self._announced.add(seen.path)
        else:
            self._unannounced.append(seen)

    def _tell_idle(self) -> None:
        """Says once, until something runs again, that limits hold all that is there."""
        is_idle = self._holding and not self._busy
        if is_idle and not self._idles:
            self.watch(Note("waits", "", "nothing can begin before the end of a limit"))
        self._idles = is_idle

    def _tell_spent(self) -> None:
        """Says once that the budget is gone."""
        budget = self.runner.budget
        if budget.told or budget.usd is None:
            return
        budget.told = True
        rest = "; what runs goes on to its end" if self._busy else ""
        words = f"the budget of this run is spent: ${self.runner.spent:.2f} of ${budget.usd:.2f}"
        self.watch(Note("limit", "", f"{words}. Nothing more is started{rest}"))

    def held_back(self) -> bool:
        """Whether more would have been begun or gone on with, had there been money for it."""
        return self.runner.is_spent and any(
            seen.status == QUEUED or (seen.status == RUNNING and self.runner.claims.is_open(seen.stem))
            for seen in self._tasks()
        )

    def _tasks(self) -> list[Seen]:
        found = self._scan()
        self._tell_bad()
        return found if self.only is None else [seen for seen in found if self.only == seen.stem]

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

    def _look_after(self, watcher: Watcher) -> None:
        """Sees to it that the folder of the tasks is watched. While it is gone, a share that was unmounted,
        who stays waits for it; who doesn't has failed."""
        folder, before = self.workspace.tasks, self._lost
        self._lost = _unlisted(folder)
        if self._lost and not self._stays:
            raise Failed(self._lost, f"make it, or mount it: `ls -ld {folder}`")
        if self._lost and self._lost != before:
            self.watch(Note("problem", "", f"{self._lost}; its tasks are picked up once it is back", folder))
        elif before and not self._lost:
            watcher.forget_folder(folder)
            watcher.add_folder(folder)

    def _is_due(self, *, is_full: bool) -> bool:
        """Whether it is time to look at all files: something may have changed. There may be many of them, and
        other runners at work on them; what is at hand is done before that, for a while."""
        now = time.monotonic()
        if now >= self._scanned + SCAN:
            return True
        is_idle = not (self._ahead_of_us or self._busy or is_full)
        return (is_idle or now >= self._rested) and self._has_changed()

    def _has_changed(self) -> bool:
        """Whether something may be another than when all files were looked at."""
        return self._changed or _signature(self.workspace.tasks) != self._folder_at

    def _scan(self) -> list[Seen]:
        """The task files, all of them looked at anew."""
        began, self._changed = time.monotonic(), False
        self._scanned, self._folder_at = began, _signature(self.workspace.tasks)
        try:
            return self.loader.scan()
        except BadFile:
            return []  # told at the next look
        finally:
            ended = time.monotonic()
            self._rested = ended + min(SHARE * (ended - began), MOST_REST)

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
        self._held.clear()  # and another agent may do what waits

    def _claimed(self, seen: Seen) -> Claim | None:
        claims = self.runner.claims
        try:
            if seen.status == RUNNING:
                # A run that does not stay waits for this as for what it works on.
                self._holding |= claims.waits(seen.stem)
                self._waiting |= self._holding
                return claims.take_up(seen.path)
            # Once a file: those that have ended are the most.
            if self._settled.get(seen.path) is seen:
                return None
            if claim := claims.left(seen.path):
                self.runner.settle(claim)
            if seen.status == QUEUED:
                if self._is_held(seen):
                    self._waiting = self._holding = True
                    return None
                return claims.claim(seen.path)
            if not claims.is_open(seen.stem):
                claims.clear(seen.path)
                claims.clear_runs(seen)
                self._settled[seen.path] = seen
        except Busy:
            self._waiting |= seen.status == QUEUED
        except FileNotFoundError:
            pass  # gone since the scan
        except BadFile as fault:
            # Changed since the scan, which the next one tells, or what lies beside the task is at fault.
            if fault.path != seen.path:
                self._tell_once(seen, f"{fault}; {fault.hint}")
        except Failed as fault:
            self._tell_once(seen, str(fault))
        except OSError as fault:
            self._tell_once(seen, f"no task can be claimed: {fault.strerror}")
        except SowError as fault:
            self._tell_once(seen, f"{fault}; {fault.hint}")
        return None

    def _is_held(self, seen: Seen) -> bool:
        """Whether a limit that somebody met holds what a queued task would begin with: it stays queued."""
        before, known = self._held.pop(seen.path, (None, None))
        # Each needs a look at its file and at the settings, and there may be many.
        if before is not seen or not self.runner.claims.limits.holds(known, seen.stem):
            known = self._ahead(seen)
        if known is None:
            return False
        if not known.why:
            if known.over:
                self._tell_of(
                    known.account, f"{known.over}; its tasks start one after the other", known.over_until
                )
            return False
        self._held[seen.path] = (seen, known)
        self._tell_of(known.account, f"{known.why}; its tasks wait", known.until)
        return True

    def _tell_of(self, account: str, what: str, until: float) -> None:
        """Says once of an account what holds its tasks, and how long."""
        if (account, until) not in self._told_of:
            self._told_of.add((account, until))
            self.watch(Note("limit", "", f"{what} until {local(until, time.time())}"))

    def _ahead(self, seen: Seen) -> Hold | None:
        try:
            task = task_file.read(seen.path, self.workspace.roots)
        except (BadFile, FileNotFoundError):
            return None
        return limits.ahead(task, self.workspace, self.runner.settings, self.runner.claims.environment)

    def stuck(self) -> list[Seen]:
        """What is queued, and could not be claimed for what lies beside it; each was told."""
        return [seen for seen in self.loader.known() if seen.status == QUEUED and seen.stem in self._told]

    def _tell_once(self, seen: Seen, text: str) -> None:
        known = text in self._told.values()
        self._told[seen.stem] = text
        if not known:
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
    """The one task that is to be run. Raises as `named` does, Refused where it has ended and nobody waits."""
    seen = named(loader, wanted, "--task ")
    if seen.status in ("failed", "canceled") and not stay:
        raise Refused(
            f"task {seen.id} is {seen.status}", f'to do it again, write "status": "queued" into {seen.path}'
        )
    return seen


def named(loader: TaskLoader, wanted: str, option: str = "") -> Seen:
    """The one task that is meant by its id, or by its file's name without the ending.

    `option`: by which it is given. Raises NotFound, BadFile for one that can't be read, Refused where
    several have that id.
    """
    tasks = loader.scan()
    found = [seen for seen in tasks if seen.stem == wanted] or [seen for seen in tasks if seen.id == wanted]
    if not found:
        for fault in loader.bad():
            if wanted and wanted in os.path.basename(fault.path):
                raise fault
        known = sorted({seen.id for seen in tasks})
        listed = f"the tasks: {', '.join(known[:12])}{' ...' if len(known) > 12 else ''}"
        hint = f"{did_you_mean(wanted, known)}{listed}" if known else "there is none yet"
        raise NotFound(f"task not found: {wanted}", hint)
    if len(found) > 1:
        names = ", ".join(os.path.basename(seen.path) for seen in found)
        raise Refused(
            f"{len(found)} task files have the id {wanted}: {names}",
            f"name one by its file: {option}{found[0].stem}",
        )
    return found[0]


def _unlisted(folder: str) -> str:
    """Why a folder can't be listed; empty where it can."""
    try:
        os.scandir(folder).close()
    except OSError as fault:
        return f"can't list {folder}: {fault.strerror}"
    return ""


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
