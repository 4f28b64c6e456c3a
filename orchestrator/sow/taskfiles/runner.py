"""Takes a claimed task through its pipeline, one stage after the other, and writes its end.

Each stage is an attempt of the one runner of processes: it outlives us, its output goes to
files, its exit status is left behind. So whoever takes a claim up goes on where it is.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from sow import caps, files
from sow.budget import Budget
from sow.caps import Cap, Used
from sow.clock import stamp
from sow.errors import SowError
from sow.recovery.policy import NO_RESET_KNOWN, least_wait
from sow.result import Result
from sow.runner import attempt as folders
from sow.runner import resources
from sow.runner.local import Ended, LocalRunner, NeverStarted, Running
from sow.runner.resources import Meter
from sow.runner.watch import Tail, Watcher
from sow.taskfiles import paths, runs, stages
from sow.taskfiles.claim import Claim, Claims, age
from sow.taskfiles.runs import FINISHED
from sow.taskfiles.stages import (
    Failure,
    Hold,
    Limited,
    Over,
    Progress,
    Reader,
    Settings,
    Shares,
    Spent,
    Stage,
    Start,
    Warns,
)
from sow.taskfiles.task_file import CANCELED, RUNNING, Status
from sow.taskfiles.workspace import Workspace

if TYPE_CHECKING:
    from sow.clock import Clock

BEFORE = "before.json"
INTERRUPTED = "interrupted"
"""Marks a stage that was ended to be begun again."""
TICK = 0.5
"""How long, in seconds, a change that the kernel does not tell of can stay unseen."""
MOMENT = 0.2
"""For how long, in seconds, a stage is listened to before it is looked at who else wants something."""
LINES = 1000
"""After how many lines it is looked at how long that took."""
LOOK_SECONDS = 5.0
"""How often, in seconds, it is looked at what the processes of a stage hold that has a cap of memory."""
AFTER_END = 10.0
"""How long, in seconds, a process may live on after it said that it is done: some never end."""
LONGEST_LIMIT = 40 * 86400.0
"""Seconds: what a program tells beyond that is no time."""
MOST_EVENTS = 1000
"""So many events of progress a stage may cause; after that only those of another hundredth."""

Kind = Literal[
    "started",
    "stage",
    "progress",
    "artifact",
    "done",
    "failed",
    "canceled",
    "left",
    "held",
    "limit",
    "waits",
    "problem",
]


@dataclass(frozen=True, slots=True)
class Note(Result):
    """Something for whoever watches a runner of task files."""

    kind: Kind
    """A task's beginning and end, a step of it, a limit, or a problem."""
    task_id: str
    """Empty for what is about none."""
    text: str
    path: str = ""
    """The task's file."""

    def as_json(self) -> Any:
        """A line of `sow run --json`."""
        return {
            "kind": self.kind, "task": self.task_id or None, "file": self.path or None, "text": self.text
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome(Result):
    """What became of a task file.

    `left`: it goes on without us, or with the next runner; `held`: it waits for the end of a limit.
    """

    task_id: str
    path: str
    status: Status | Literal["left", "held"]
    error: str = ""


@dataclass(slots=True)
class Stop:
    """The wish that runners end, heard by all of their waits."""

    wish: Literal["", "end", "leave"] = ""
    """`end`: stages are ended, to be begun again; `leave`: they go on by themselves."""
    _watchers: set[Watcher] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, wish: Literal["end", "leave"]) -> None:
        """Ends every wait; may be called by a signal's handler."""
        self.wish = wish
        for watcher in tuple(self._watchers):
            watcher.wake()

    def add(self, watcher: Watcher) -> None:
        """Has a wait end when the wish comes."""
        with self._lock:
            self._watchers.add(watcher)

    def forget(self, watcher: Watcher) -> None:
        with self._lock:
            self._watchers.discard(watcher)


class _Left(Exception):
    """The task is not ours to end: it was canceled, is gone, goes on without us, or waits for a limit."""

    def __init__(self, status: Literal["canceled", "left", "held"], text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(slots=True)
class TaskRunner:
    """Executes claimed tasks of a workspace; one object for all threads."""

    workspace: Workspace
    settings: Settings
    claims: Claims
    clock: Clock = time.time
    watch: Callable[[Note], None] = lambda note: None
    stop: Stop = field(default_factory=Stop)
    runner: LocalRunner = field(default_factory=lambda: LocalRunner(base_env={}))
    budget_usd: float | None = None
    """The most that it may spend, in US dollars; None for as much as it takes."""
    budget: Budget = field(init=False)
    _last: dict[str, tuple[str, float]] = field(default_factory=dict)
    """The stage that each run of a task told of last, by its folder, and how far that was."""
    _spent: dict[str, float] = field(default_factory=dict)
    """What each attempt at a stage has spent, in US dollars, by its folder."""

    def __post_init__(self) -> None:
        self.budget = Budget(self.budget_usd)

    @property
    def spent(self) -> float:
        """What all stages of this runner came to so far, in US dollars."""
        return self.budget.spent(tuple(self._spent.values()))

    @property
    def is_spent(self) -> bool:
        """Whether the budget is gone: nothing more is to be begun that draws on it."""
        return self.budget.is_spent(tuple(self._spent.values()))

    def run(self, claim: Claim) -> Outcome:
        """Executes a claimed task to its end, whatever that is; its lease is given back. Raises nothing."""
        try:
            return self._run(claim)
        finally:
            self._last.pop(claim.folder, None)
            claim.lease.release()

    def settle(self, claim: Claim) -> None:
        """Ends what is left of a task whose file says that it runs no more, while its runner was dead."""
        try:
            for folder in runs.attempts(claim.folder):
                found = self.runner.adopt(folder)
                if isinstance(found, Running):
                    self.runner.stop(found, self.settings.grace_seconds)
            self.claims.close(claim)
            # Killed right behind its end, a runner may have left a failure, whose error tells of this run.
            status = self.claims.status(claim)
            self._clean(claim, status if status in ("done", "failed") else "canceled")
        finally:
            claim.lease.release()

    def _run(self, claim: Claim) -> Outcome:
        task = claim.task
        self._note(claim, "started", " -> ".join(task.fields["pipeline"]) or "no stage")
        try:
            failure = self._failure(claim)
        except _Left as left:
            if left.status == "canceled":
                self.claims.close(claim)
                self._clean(claim, "canceled")
            return self._ended(claim, left.status, str(left))
        status: Status = "failed" if failure else "done"
        error = _told(failure) if failure else None
        try:
            now = self.claims.end(claim, status, error)
        except (FileNotFoundError, SowError) as fault:
            what = "its file is gone" if isinstance(fault, FileNotFoundError) else str(fault)
            return self._ended(claim, "left", f"its end ({status}) can't be written: {what}")
        if now != status:
            return self._ended(claim, "left" if now in ("queued", "running") else now, f"its file says {now}")
        self._clean(claim, status)
        if failure:
            payload = {"error": failure.error, "stack": failure.stack}
            self.claims.told(claim, "task.failed", payload)
            return self._ended(claim, status, error or "")
        took = age(claim, self.clock())
        self.claims.told(claim, "task.completed", {"duration_sec": took})
        return self._ended(claim, status, f"{took:.1f} s")

    def _failure(self, claim: Claim) -> Failure | None:
        """Takes the task through its pipeline; gives what failed. Raises _Left."""
        if problem := claim.problem or paths.clash(claim.task, self.workspace):
            return Failure(problem)
        for number, name in enumerate(claim.task.fields["pipeline"], 1):
            if name not in claim.stages:
                self._skip(claim, name)
                continue
            try:
                failure = self._stage(claim, number, name)
            except SowError as fault:
                failure = Failure(f"{fault}\n{fault.hint}".rstrip())
            except _Left:
                raise
            except Exception as fault:
                # A handler of somebody else's: its fault is this task's alone.
                failure = Failure(f"{type(fault).__name__}: {fault}", traceback.format_exc())
            if failure:
                return Failure(f"stage {name}: {failure.error}", failure.stack)
        return None

    def _skip(self, claim: Claim, name: str) -> None:
        why = stages.skipped(name, claim.task, self.settings.stages) or f"stages.{name}.enabled"
        self._progress(claim, name, Progress(1.0, f"passed over: {why} is false"))

    # -- one stage ----------------------------------------------------------------------------

    def _stage(self, claim: Claim, number: int, name: str) -> Failure | None:
        config = claim.stages[name]
        if runs.is_finished(claim.folder, number):
            return None
        handler = stages.handler(config["handler"])
        found = self._found(claim, number)
        if found is None and self.is_spent and isinstance(handler, Shares):
            raise _Left("left", f"the budget of this run is spent; the next one begins stage {name}")
        folder = found.folder if found else self._new(claim, number, name)
        stage = paths.described(claim.task, name, config, self.workspace, folder, self.claims.environment)
        earlier = self._earlier(claim, number, folder)
        if hold := runs.limit(earlier) if earlier else None:
            stage = replace(stage, session=hold.session)
        begun_now = found is None
        if found is None:
            self._check_wanted(claim)
        start = handler.start(stage)
        if found is None:
            if isinstance(handler, Shares):
                self._wait_for_leave(claim, handler, stage, earlier)
            self._make_ready(stage, earlier)
            self._progress(claim, name, Progress(0.0, "begun"))
            found = self.runner.start(
                start.command, os.path.basename(stage.scratch), stage.scratch, start.environment
            )
        stage = replace(stage, begun_at=os.stat(f"{stage.scratch}/{BEFORE}").st_mtime)
        ending = self._followed(claim, stage, found, start, handler.reader(stage), begun_now=begun_now)
        if isinstance(ending, Limited):
            again = self._limits_before(claim, number, folder)
            self._hold(claim, stage, _hold_of(ending, self.clock(), again))
        return ending or self._finished(claim, stage, start.writes)

    def _wait_for_leave(self, claim: Claim, handler: Shares, stage: Stage, earlier: str) -> None:
        """Waits for the stage's turn, where others begin as well. Raises _Left where a limit holds it."""
        while hold := handler.take(stage):
            if hold.why:
                self._make_ready(stage, earlier)
                self._hold(claim, stage, replace(hold, session=stage.session))
            self._pause(claim, hold.until)

    def _pause(self, claim: Claim, until: float) -> None:
        """Waits for a time, in seconds since the epoch. Raises _Left."""
        with Watcher() as watcher:
            self.stop.add(watcher)
            try:
                while (left := until - self.clock()) > 0:
                    self._check_wanted(claim)
                    watcher.wait(min(TICK, left))
            finally:
                self.stop.forget(watcher)

    def _earlier(self, claim: Claim, number: int, folder: str) -> str:
        """The attempt at the stage that met a limit and is gone on with in `folder`; empty for none."""
        for each in reversed(runs.attempts(claim.folder, number)):
            if each != folder and runs.limit(each):
                return each
            if os.path.exists(f"{each}/{INTERRUPTED}"):
                break
        return ""

    def _limits_before(self, claim: Claim, number: int, folder: str) -> int:
        """How many attempts at the stage in a row met a limit, up to the one in `folder`, and without it."""
        before = [each for each in runs.attempts(claim.folder, number) if each != folder]
        return sum(1 for _ in takewhile(runs.limit, reversed(before[-16:])))

    def _hold(self, claim: Claim, stage: Stage, hold: Hold) -> NoReturn:
        """Leaves the task `running` until a limit is over: none of its states says that it waits."""
        runs.note_limit(stage.scratch, hold)
        text = f"waits until {stamp(hold.until)}: {hold.why}"
        self._progress(claim, stage.name, Progress(self._so_far(claim, stage), text))
        raise _Left("held", f"stage {stage.name} goes on at {stamp(hold.until)}")

    def _found(self, claim: Claim, number: int) -> Running | Ended | None:
        """What an earlier runner has begun of this stage; None where it is to be begun."""
        mine = runs.attempts(claim.folder, number)
        if not mine:
            return None
        found = self.runner.adopt(mine[-1])
        if runs.limit(mine[-1]) or os.path.exists(f"{mine[-1]}/{INTERRUPTED}"):
            if isinstance(found, Running):
                self.runner.stop(found, self.settings.grace_seconds)
            return None
        return None if isinstance(found, NeverStarted) else found

    def _new(self, claim: Claim, number: int, name: str) -> str:
        """The folder of a new attempt; its name is one on the whole machine, for it marks processes."""
        tries = len(runs.attempts(claim.folder, number))
        safe = re.sub(r"[^A-Za-z0-9_-]", "_", name)[:40]
        folder = f"{claim.folder}/{number}.{tries + 1}-{safe}-{uuid.uuid4().hex[:12]}"
        os.makedirs(folder, mode=0o700)
        return folder

    def _make_ready(self, stage: Stage, earlier: str) -> None:
        """Makes the folders that the stage writes to, and notes what its files are before.

        What the `earlier` attempt has written is the stage's own.
        """
        for path in filter(None, stage.output.values()):
            files.make_folder(os.path.dirname(path))
        files.make_folder(stage.tmp)
        outputs = _before(earlier)["output"] if earlier else paths.signs(stage.output)
        before = {"input": paths.signs(paths.inputs(stage)), "output": outputs}
        files.write(f"{stage.scratch}/{BEFORE}", json.dumps(before) + "\n", flushed=False)

    def _followed(
        self, claim: Claim, stage: Stage, found: Running | Ended, start: Start, reader: Reader, *,
        begun_now: bool,
    ) -> Failure | Limited | None:  # fmt: skip
        path = f"{stage.scratch}/{folders.TRANSCRIPT}"
        # What was printed before a runner took the stage up was told by the one before it, or is late.
        printed = 0 if begun_now else _size(path)
        ears = _Ears(
            Tail(path),
            reader,
            lambda report: self._progress(claim, stage.name, report),
            lambda report: self._spent.update({stage.scratch: report.usd}),
            lambda report: self._note(claim, "limit", report.text),
            printed,
        )
        if isinstance(found, Running):
            failure = self._waited(claim, stage, found, start, ears)
            left = self.runner.stop(found, self.settings.grace_seconds)
            if failure:
                return failure
        else:
            self.runner.sweep(found.attempt)
            left = found.exit
        failure = ears.hear(final=True)
        while ears.behind and not failure:
            self._check_wanted(claim, stage)
            failure = ears.hear(final=True)
        status = 0 if ears.kept_on else left.status if left else None
        return failure or reader.end(status, folders.end_of(f"{stage.scratch}/{folders.STDERR}"))

    def _waited(
        self, claim: Claim, stage: Stage, running: Running, start: Start, ears: _Ears
    ) -> Failure | None:
        """Waits for the end of a stage's process; gives why it is to be ended before. Raises _Left."""
        seconds, overdue = _time(stage, start)
        ends_at = os.stat(f"{stage.scratch}/{BEFORE}").st_mtime + seconds
        memory = _Memory(start.memory, running.attempt) if start.memory else None
        looked = 0.0
        with Watcher() as watcher:
            self.stop.add(watcher)
            try:
                watcher.add_process(running)
                watcher.add_folder(stage.scratch)
                watcher.add_folder(self.workspace.tasks)
                while True:
                    if self.stop.wish:
                        self._leave(stage, running)
                    if time.monotonic() >= looked + TICK:
                        looked = time.monotonic()
                        self._check_wanted(claim, stage, running)
                    if time.time() >= ends_at:
                        return Failure(overdue)
                    if memory and (failure := memory.look()):
                        return failure
                    most = 0.0 if ears.behind else TICK
                    seen = watcher.wait(min(most, max(ends_at - time.time(), 0.0)))
                    if failure := ears.hear():
                        return failure
                    if ("process", running.attempt) in seen or ears.keeps_on():
                        return None
                    if ("folder", self.workspace.tasks) in seen:
                        looked = 0.0
            finally:
                self.stop.forget(watcher)

    def _leave(self, stage: Stage, running: Running) -> None:
        if self.stop.wish == "end":
            # First the mark: killed in between, what was begun is not taken for the stage's end.
            files.write(f"{stage.scratch}/{INTERRUPTED}", "")
            self.runner.stop(running, self.settings.grace_seconds)
            raise _Left("left", f"stage {stage.name} was ended; the next run begins it again")
        raise _Left("left", f"stage {stage.name} goes on by itself; the next run takes it up")

    def _check_wanted(self, claim: Claim, stage: Stage | None = None, running: Running | None = None) -> None:
        """Raises _Left where the task was canceled, or nobody wants it any more; its process is ended."""
        if running is None and self.stop.wish:
            raise _Left("left", "the next run takes it up")
        status = self.claims.status(claim)
        if status == RUNNING:
            return
        if running:
            self.runner.stop(running, self.settings.grace_seconds)
        why = "its file is gone" if status is None else "canceled"
        if status not in (None, CANCELED):
            why = f"its file says {status}"
        if stage:
            self._progress(claim, stage.name, Progress(self._so_far(claim, stage), why))
        raise _Left("canceled", why)

    def _finished(self, claim: Claim, stage: Stage, writes: Iterable[str]) -> Failure | None:
        """What is wrong with what a stage left, though it ended well; tells what it has written."""
        before = _before(stage.scratch)
        now = paths.signs(paths.inputs(stage))
        for name, sign in before["input"].items():
            if now.get(name) != sign:
                path = paths.inputs(stage)[name]
                return Failure(f"the input {name} ({path}) was changed meanwhile: inputs are never modified")
        outputs = paths.signs(stage.output)
        for kind in writes:
            if stage.output.get(kind) and kind not in outputs:
                return Failure(f"it ended well and has not written {kind} ({stage.output[kind]})")
        for kind, sign in outputs.items():
            if before["output"].get(kind) != sign:
                path = str(claim.task.fields["output"][kind])
                self.claims.told(claim, "artifact.written", {"path": path, "kind": kind})
                self._note(claim, "artifact", f"{kind}: {path}")
        self._progress(claim, stage.name, Progress(1.0, "done"))
        files.write(f"{stage.scratch}/{FINISHED}", "", flushed=False)
        return None

    # -- telling ------------------------------------------------------------------------------

    def _progress(self, claim: Claim, name: str, report: Progress) -> None:
        self._last[claim.folder] = name, report.progress
        payload = {"stage": name, "progress": report.progress, "msg": report.msg}
        self.claims.told(claim, "stage.progress", payload)
        edge = report.progress in (0.0, 1.0)
        text = f"{name} {report.progress:.0%} {report.msg}".rstrip()
        self._note(claim, "stage" if edge else "progress", text)

    def _so_far(self, claim: Claim, stage: Stage) -> float:
        """How far a stage was told to be; 0 where it has told nothing yet."""
        name, progress = self._last.get(claim.folder, ("", 0.0))
        return progress if name == stage.name else 0.0

    def _note(self, claim: Claim, kind: Kind, text: str) -> None:
        self.watch(Note(kind, claim.task.id, text, claim.task.path))

    def _ended(self, claim: Claim, status: Status | Literal["left", "held"], text: str) -> Outcome:
        kind: Any = status
        self._note(claim, kind, text)
        return Outcome(claim.task.id, claim.task.path, status, text if status == "failed" else "")

    def _clean(self, claim: Claim, status: Status) -> None:
        keep, stem = self.settings.keep_tmp, claim.task.stem
        if keep == "never" or (keep == "failed" and status != "failed"):
            shutil.rmtree(self.workspace.tmp(stem), ignore_errors=True)
        runs.clear(self.workspace, stem, status, self.settings.keep_runs)


@dataclass(slots=True)
class _Ears:
    """Hears what a stage prints: each progress once, and not without an end."""

    tail: Tail
    reader: Reader
    tell: Callable[[Progress], None]
    spend: Callable[[Spent], None]
    warn: Callable[[Warns], None]
    told_before: int
    """So many bytes were printed before we came: they are read, and not told."""
    count: int = 0
    last: Progress | None = None
    over_at: float = 0.0
    """When it said that it has come to its end; 0 while it hasn't."""
    kept_on: bool = False
    """Whether its process had to be ended after that."""
    behind: bool = False
    """Whether it has printed more than was heard in a moment."""

    def hear(self, *, final: bool = False) -> Failure | None:
        """Takes in what is new, as much as can be in a moment; gives the failure that ends the stage."""
        until, self.behind = time.monotonic() + MOMENT, False
        for number, line in enumerate(self.tail.read(final=final), 1):
            for report in self.reader.read(line):
                match report:
                    case Failure():
                        return report
                    case Over():
                        self.over_at = time.monotonic()
                    case Spent():
                        self.spend(report)
                    case Warns():
                        self.warn(report)
                    case Progress() if self._counts(report):
                        self.tell(report)
            if number % LINES == 0 and time.monotonic() >= until:
                self.behind = True
                break
        return None

    def keeps_on(self) -> bool:
        """Whether its process has lived on for too long after its end."""
        self.kept_on = bool(self.over_at) and time.monotonic() > self.over_at + AFTER_END
        return self.kept_on

    def _counts(self, report: Progress) -> bool:
        last, self.count = self.last, self.count + 1
        many = self.count > MOST_EVENTS and last and abs(report.progress - last.progress) < 0.01
        if many or report == last or self.tail.offset <= self.told_before:
            return False
        self.last = report
        return True


@dataclass(slots=True)
class _Memory:
    """Looks now and then at what the processes of a stage hold."""

    cap: Cap
    attempt: str
    meter: Meter = field(default_factory=Meter)
    looked: float = 0.0

    def look(self) -> Failure | None:
        """The failure that ends the stage, where they hold too much."""
        if time.monotonic() < self.looked + LOOK_SECONDS:
            return None
        self.looked = time.monotonic()
        sample = self.meter.look([self.attempt]).get(self.attempt)
        if sample is None or not caps.reached((self.cap,), Used(memory=sample.memory)):
            return None
        # Before anything is ended for it: what its processes share counts once.
        held = min(sample.memory, resources.exact(sample.pids) or sample.memory)
        found = caps.reached((self.cap,), Used(memory=held))
        return Failure(stages.capped(found)) if found else None


def _hold_of(limited: Limited, now: float, again: int) -> Hold:
    """What a stage that met a limit waits for; `again`: how often in a row it had met one before."""
    resets_at = limited.resets_at if limited.resets_at is not None else now + NO_RESET_KNOWN
    until = min(max(resets_at, now + least_wait(again)), now + LONGEST_LIMIT)
    return Hold(until, limited.error, limited.session, limited.account, limited.model)


def _told(failure: Failure) -> str:
    """An error as the task's file has it: what failed, and the whole stack."""
    return f"{failure.error}\n\n{failure.stack}" if failure.stack else failure.error


def _before(folder: str) -> Any:
    """What the files of a stage were before an attempt at it."""
    return json.loads(files.contents(f"{folder}/{BEFORE}", 1 << 24))


def _time(stage: Stage, start: Start) -> tuple[float, str]:
    """How long a stage may take, in seconds, and what is told where it takes longer."""
    limit = stage.config.get("timeout_seconds")
    most = start.seconds if start.seconds is not None else float("inf")
    if limit and limit <= most:
        return limit, f"it took longer than timeout_seconds, {limit:g} s, and was ended"
    return most, start.overdue


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
