"""A scratch folder in which an executor's turns are taken, as `sow run` takes them.

sow-check-…/
  tree/       the folder in which the agent works, a repository of its own
  home/       the agent's HOME, where its model is ours
  attempts/   one folder a turn, as in a project

Of processes and folder nothing is left behind, whatever happens meanwhile.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from types import FrameType

from sow import process
from sow.config import ExecutorChoice, command_of
from sow.contract import leftovers, plan
from sow.contract.heard import Cut, Heard, Seen
from sow.contract.plan import Part
from sow.git import commits
from sow.git.repository import Git
from sow.process import Identity
from sow.progress import Tally, after
from sow.runner import attempt as folders
from sow.runner import ending, environment
from sow.runner.local import LocalRunner, Running
from sow.runner.watch import Tail, Watcher
from sow.turn.live import AFTER_RESULT_SECONDS
from sow_executors import base, extras
from sow_executors.model_server import ModelServer

GRACE_SECONDS = 8.0
"""How long the agent has after a TERM, as with the defaults of a repository."""

TURN_SECONDS = 180.0
"""How long a turn may take: these are short ones."""

MOMENT_SECONDS = 3.0
"""How long what dies with an agent may take to do so, on a machine that has much else to do."""

_LOOKS = 0.1
_PATIENCE = 15.0
"""Seconds from the call of a tool to its process; then the turn is stopped as it is."""

_NEUTRAL = ("PATH", "USER", "LOGNAME", "SHELL", "TZ", "LANG", "LANGUAGE", "LC_*", "TERM", "NO_COLOR")
"""What an agent sees of the user's where its model is ours: neither a home, nor a key, nor a proxy."""


@dataclass(slots=True)
class Bench:
    """One executor in one scratch folder."""

    folder: str
    choice: ExecutorChoice
    executor: base.Executor
    environment: Mapping[str, str]
    """The user's own."""
    patterns: tuple[str, ...] = ()
    """Variables that are passed on besides those that the executor names."""
    server: ModelServer | None = None
    """Where the model is ours."""
    session: str | None = None
    """Of the first turn, in which others go on."""
    spent: base.Spent = field(default_factory=base.Spent)
    """What was told of that session so far."""

    @property
    def tree(self) -> str:
        return f"{self.folder}/tree"

    def take(self, part: Part) -> Heard:
        """Takes one turn to its end, and ends all that it started. Raises SowError where it can't begin."""
        offline = self._offline(part)
        env = self._environment(offline)
        session = self.session if part.resumes else self._new_session()
        if part.name == "lost" and session:
            session = plan.unlike(session)
        if part.resumes and session and self._is_lost(session, env):
            gone = base.Failed("session_not_found", f"its own store has no session {session}")
            return Heard(part.name, gone, session=session)
        attempt = f"check-{part.name}-{uuid.uuid4().hex[:8]}"
        turn = self._turn(part, attempt, session, offline)
        action = "resume" if part.resumes else "spawn"
        command = command_of(self.executor, turn, action, env.get("PATH", os.defpath))
        runner = LocalRunner(base_env={})
        try:
            running = runner.start(command, attempt, turn.scratch, env)
            heard = _followed(runner, running, self._reader(session, part), part)
        finally:
            with _undisturbed():
                runner.sweep(attempt)
        heard = replace(heard, session=session, seen=self._seen(part))
        if part.name not in plan.REFUSED and part.name != "lost":
            self._keep(heard)
        return heard

    def _is_lost(self, session: str, env: Mapping[str, str]) -> bool:
        return isinstance(self.executor, extras.KnowsSessions) and not self.executor.knows(session, env)

    def _new_session(self) -> str | None:
        return str(uuid.uuid4()) if self.executor.ids == "ours" else None

    def _keep(self, heard: Heard) -> None:
        """The session of the first turn, and what it has used up to now."""
        named = next((each.session_id for each in heard.of(base.Started) if each.session_id), None)
        self.session = self.session or heard.session or named
        if told := heard.spent:
            known = self.spent.usd is not None or told.usd is not None
            self.spent = base.Spent(
                self.spent.input_tokens + told.input_tokens,
                self.spent.output_tokens + told.output_tokens,
                self.spent.cached_tokens + told.cached_tokens,
                (self.spent.usd or 0.0) + (told.usd or 0.0) if known else None,
            )

    def _reader(self, session: str | None, part: Part) -> base.Reader:
        if session and part.resumes and isinstance(self.executor, extras.CountsOn):
            return self.executor.reader_after(session, self.spent)
        return self.executor.reader(session)

    def _turn(
        self, part: Part, attempt: str, session: str | None, offline: extras.Offline | None
    ) -> base.Turn:
        params: dict[str, object] = {}
        if self.executor.name == "script":
            params["script"] = f"{self.folder}/{part.name}.yaml"
            folders.write(f"{self.folder}/{part.name}.yaml", plan.script(part))
        return base.Turn(
            prompt=part.prompt,
            folder=self.tree,
            scratch=f"{self.folder}/attempts/{attempt}",
            session_id=session,
            role="implementer",
            task_id="010",
            settings=offline.settings if offline else self.choice.settings,
            custom_args=self.choice.custom_args,
            params=params,
            allowed_commands=plan.COMMANDS,
            grace_seconds=GRACE_SECONDS,
        )

    # -- where the model is ours --------------------------------------------------------------

    def _offline(self, part: Part) -> extras.Offline | None:
        """How the CLI is run on our server, which plays the part for it; its files are laid down."""
        if self.server is None or not isinstance(self.executor, extras.RunsOffline):
            return None
        home = f"{self.folder}/home"
        url = self.server.scenario(part.name, part.replies)
        found = self.executor.offline(self.choice.settings, home, url)
        for path, text in found.files.items() if found else ():
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            folders.write(path, text)
        return found

    def _environment(self, offline: extras.Offline | None) -> dict[str, str]:
        if offline is None:
            mine = {"SOW_SCRIPT_HOME": f"{self.folder}/home"} if self.executor.name == "script" else {}
            return environment.build(self.environment, (*self.executor.environment, *self.patterns), mine)
        wanted = (*_NEUTRAL, *offline.passed)
        seen = {name: value for name, value in self.environment.items() if _is_one_of(name, wanted)}
        return {**seen, "HOME": f"{self.folder}/home", **offline.env}

    def _seen(self, part: Part) -> Seen | None:
        if self.server is None:
            return None
        every = self.server.seen(part.name)
        # What is asked after the last reply is no part of the turn: a suggestion of what to say next.
        requests = every[: len(part.replies)]
        errands = self.server.errands(part.name) + len(every) - len(requests)
        if not requests:
            return Seen(errands=errands)
        last = requests[-1]
        texts = tuple(text for _, text in last.asked.said)
        return Seen(texts, tuple(last.tool_results()), len(requests), errands)


@contextmanager
def laid(*, keep: bool = False) -> Iterator[str]:
    """A scratch folder with an empty repository in it, for a `with` block; it is gone afterwards.

    `keep`: it stays, for a person to look at.
    """
    with _interrupted_by_all():
        folder = tempfile.mkdtemp(prefix=leftovers.PREFIX)
        try:
            leftovers.hold(folder)
            for name in ("tree", "home", "attempts"):
                os.mkdir(f"{folder}/{name}", 0o700)
            git = Git(f"{folder}/tree")
            git.run("init", "--quiet", "--initial-branch=main")
            commits.ensure_commit(git)
            yield folder
        finally:
            with _undisturbed():
                if keep:
                    leftovers.let_go(folder)
                else:
                    shutil.rmtree(folder, ignore_errors=True)


class _Listener:
    """Reads what a turn prints, while it is printed."""

    def __init__(self, running: Running, reader: base.Reader) -> None:
        self.reader = reader
        self.reports: list[base.Report] = []
        self.tally = Tally()
        self.result_at: float | None = None
        """When its result was read, unless the agent went on after it."""
        self._tail = Tail(f"{running.folder}/{folders.TRANSCRIPT}")

    def read(self, now: float, *, final: bool = False) -> None:
        for line in self._tail.read(final=final):
            told = self.reader.read(line)
            self.reports += told
            self.tally = after(self.tally, told)
        if not self.tally.finished:
            self.result_at = None
        elif self.result_at is None:
            self.result_at = now


def _followed(runner: LocalRunner, running: Running, reader: base.Reader, part: Part) -> Heard:
    """Reads a turn to its end; stops it where it is to be stopped, or does not end."""
    listener, begun = _Listener(running, reader), time.monotonic()
    cut = _until_its_end(running, listener, part)
    ended = time.monotonic()
    there = _tree(running) if cut else set()
    strays = 0 if cut else len(process.marked(running.attempt))
    status = runner.stop(running, GRACE_SECONDS)
    stopped = time.monotonic()
    # What dies with the agent takes a moment to go.
    left = ending.outliving(there, MOMENT_SECONDS)
    _end(left)
    listener.read(ended, final=True)
    code = 0 if cut == "after result" else None if status is None else status.status
    return Heard(
        part.name,
        reader.end(code, folders.end_of(f"{running.folder}/{folders.STDERR}")),
        tuple(listener.reports),
        exit=status,
        lived_on=None if listener.result_at is None else ended - listener.result_at,
        cut=cut,
        seconds=stopped - ended if cut == "told" else ended - begun,
        left=strays + len(left),
    )


def _until_its_end(running: Running, listener: _Listener, part: Part) -> Cut:
    """Follows a turn until its process has ended, or must be: gives why."""
    begun = time.monotonic()
    called: float | None = None
    with Watcher() as watcher:
        watcher.add_process(running)
        watcher.add_folder(running.folder)
        while True:
            seen = watcher.wait(_LOOKS)
            now = time.monotonic()
            listener.read(now)
            if ("process", running.attempt) in seen:
                return ""
            if part.name == "stop":
                called = called or (now if listener.tally.open_calls else None)
                if _is_sleeping(running.attempt) or (called and now - called > _PATIENCE):
                    return "told"
            if listener.result_at is not None and now - listener.result_at > AFTER_RESULT_SECONDS:
                return "after result"
            if now - begun > TURN_SECONDS:
                return "late"


def _tree(running: Running) -> set[Identity]:
    """The processes that a turn has now: by their parents, and by its mark."""
    found, coming = set(process.marked(running.attempt)), [running.identity.pid]
    while coming:
        pid = coming.pop()
        found.add(pid)
        coming += process.children(pid)
    return {known for pid in found if (known := process.of(pid))}


def _end(left: Iterable[Identity]) -> None:
    """Ends what no mark gave away: the check has seen itself whose it is."""
    for known in left:
        if (handle := process.open_pidfd(known)) is not None:
            with suppress(ProcessLookupError, PermissionError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.close(handle)


def _is_sleeping(attempt: str) -> bool:
    """Whether the command of the turn that is to be stopped runs."""
    for pid in process.marked(attempt):
        words = process.argv(pid)
        if len(words) == 2 and os.path.basename(words[0]) == "sleep" and words[1] == str(plan.SLEEPS):
            return True
    return False


def _is_one_of(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@contextmanager
def _interrupted_by_all() -> Iterator[None]:
    """A hang-up and a TERM end a `with` block as Ctrl-C does: what it started is ended with it."""
    ending = (signal.SIGTERM, signal.SIGHUP)
    # Under nohup, the user wants none of it.
    heard = [number for number in ending if signal.getsignal(number) != signal.SIG_IGN]
    with _handled(heard, signal.default_int_handler):
        yield


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Whoever tidies up in a `with` block is interrupted at its end at the soonest.

    By a handler, for a mask of this thread's keeps no signal from the model server's.
    """
    told: list[int] = []
    with _handled((signal.SIGTERM, signal.SIGHUP, signal.SIGINT), lambda number, _: told.append(number)):
        yield
    if told:
        raise KeyboardInterrupt


@contextmanager
def _handled(
    numbers: Sequence[signal.Signals], handler: Callable[[int, FrameType | None], object]
) -> Iterator[None]:
    before = [(number, signal.signal(number, handler)) for number in numbers]
    try:
        yield
    finally:
        for number, former in before:
            signal.signal(number, former)
