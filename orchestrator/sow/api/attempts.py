"""The attempts of a project's tasks: one run of an agent's process each, and what it said."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sow import attempt as records
from sow import sizes
from sow.api.caller import Caller
from sow.api.stop import Stop
from sow.attempt import Attempts, seen
from sow.config import executor_of
from sow.errors import SowError
from sow.progress import Tally, after
from sow.readable import NAME as READABLE
from sow.readable import words_of
from sow.result import Result
from sow.runner import bounds
from sow.runner.attempt import SETUP_LOG, TERMINAL, TRANSCRIPT, setting_up_for
from sow.runner.local import LocalRunner, Running
from sow.runner.watch import Tail, Watcher


@dataclass(frozen=True, slots=True)
class Attempt(Result):
    """One run of an agent's process."""

    id: str
    task: str
    agent: str
    """The role."""
    executor: str
    session_id: str | None
    state: str
    """`running`, `ended` where nobody has settled it yet, else how it ended."""
    setting_up: float | None
    """For how many seconds its worktree has been set up, where that is not done."""
    pid: int | None
    """While it runs."""
    created_at: str
    """RFC 3339."""
    ended_at: str | None
    cost_usd: float | None
    turns: int | None
    memory: int | None
    """Bytes that its processes hold now."""
    peak_memory: int | None
    cpu_seconds: float | None
    message: str | None
    """How it ended, in words."""
    left_out: int | None
    """How many bytes of its transcript were not kept."""


def listed(attempts: Attempts, *, ended: bool, task_id: str | None = None) -> list[Attempt]:
    """The attempts of a project, or of one task, by id. `ended`: those that have ended, too."""
    found = attempts.all() if task_id is None else attempts.of_task(task_id)
    every, now = seen(one for one in found if ended or not one.ended)
    return [_told(attempts, one, now[one.id].memory if one.id in now else None) for one in every]


def _told(attempts: Attempts, held: records.Attempt, memory: int | None) -> Attempt:
    folder = attempts.folder(held.id)
    state = held.outcome or ("running" if _runs(attempts, held.id) else "ended")
    return Attempt(
        id=held.id,
        task=held.task_id,
        agent=held.agent,
        executor=held.executor,
        session_id=held.session_id,
        state=state,
        setting_up=setting_up_for(folder, time.time()) if state == "running" else None,
        pid=held.pid if state == "running" else None,
        created_at=held.created_at,
        ended_at=held.ended_at,
        cost_usd=held.cost_usd,
        turns=held.turns,
        memory=memory,
        peak_memory=held.peak_memory,
        cpu_seconds=held.cpu_seconds,
        message=held.message,
        left_out=held.left_out,
    )


def _runs(attempts: Attempts, attempt: str) -> bool:
    return isinstance(LocalRunner(base_env={}).look(attempts.folder(attempt)), Running)


# -- transcripts -----------------------------------------------------------------------------------


def head(attempts: Attempts, attempt: records.Attempt) -> str:
    """The line above what an attempt did: which it is, when, how it ended, how much of it is not there."""
    cut = bounds.left_out(f"{attempts.folder(attempt.id)}/{TRANSCRIPT}")
    parts = [attempt.created_at, attempt.outcome, f"{sizes.told(cut)} in its middle left out" if cut else ""]
    return f"--- {attempt.id} {attempt.action} ({attempt.reason}) {', '.join(filter(None, parts))}"


def readable(
    caller: Caller,
    attempts: Attempts,
    attempt: records.Attempt,
    *,
    follow: bool = False,
    stop: Stop | None = None,
) -> Iterator[str]:
    """What an attempt did, as a person reads it: its setup, then what its agent said and did.

    `follow`: on until it has ended. What keeps it from being read is told to the caller.
    """
    folder = attempts.folder(attempt.id)
    yield from Tail(f"{folder}/{SETUP_LOG}").read(final=True)
    if os.path.exists(f"{folder}/{TERMINAL}"):
        yield f"  it was on a terminal, all of which is in {folder}/{TERMINAL}"
    if attempt.ended and os.path.exists(f"{folder}/{READABLE}"):
        yield from Tail(f"{folder}/{READABLE}").read(final=True)
        return
    try:
        choice = caller.user().named(attempt.executor, f"attempt {attempt.id}")
        reader = executor_of(choice).reader(attempt.session_id)
    except SowError as fault:
        caller.tell(f"sow: {fault}")
        return
    for line in raw(attempts, attempt, follow=follow, stop=stop):
        yield from filter(None, map(words_of, reader.read(line)))


def raw(
    attempts: Attempts, attempt: records.Attempt, *, follow: bool = False, stop: Stop | None = None
) -> Iterator[str]:
    """What the CLI of an attempt printed, line by line as it printed it. `follow`: on until it has ended."""
    folder = attempts.folder(attempt.id)
    tail = Tail(f"{folder}/{TRANSCRIPT}")
    if not follow or attempt.ended:
        yield from tail.read(final=True)
        return
    stop = stop or Stop()
    with Watcher() as watcher, stop.heard_by(watcher):
        watcher.add_folder(folder)
        while not stop.wishes and not attempts.read(attempt.id).ended:
            yield from tail.read()
            watcher.wait()
    yield from tail.read(final=True)


def last_words(caller: Caller, attempts: Attempts, of: Iterable[records.Attempt]) -> str:
    """What the agents of some attempts said last."""
    tally = Tally()
    for attempt in of:
        choice = caller.user().named(attempt.executor, f"attempt {attempt.id}")
        reader = executor_of(choice).reader(attempt.session_id)
        for line in raw(attempts, attempt):
            tally = after(tally, reader.read(line))
    return tally.last_words
