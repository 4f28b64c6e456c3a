"""An attempt is one run of an executor's process: a folder with its record and its output.

attempts/<task>-<iteration>-<n>-<random>/
  attempt.yaml        what ran, where, as which process, how it ended, what it cost
  prompt              what the agent was told
  transcript.jsonl    what the CLI printed, as it printed it (0600)
  transcript.log      the same as a person reads it, written as it is read (0600)
  stderr.log          what it complained of (0600)
  outbox/             reports of a worker whose sandbox keeps it from the state
  inbox/              what it waits to hear, or the call that its session stopped at, and the answers

Its processes are found by its id in their environment, so the id is like no
other on the machine: another project has a first attempt of a task 010, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import sow_schemas
from sow import document, files
from sow.document import canonical, faults
from sow.errors import Busy, NotFound, Refused
from sow.layout import Layout
from sow.value import Value
from sow_executors.spent import Spent

if TYPE_CHECKING:
    from typing import Self, Unpack

    from sow.runner.resources import Sample
    from sow.runner.touched import Names, Touched
    from sow_schemas import documents


class Attempt(Value):
    """The record of one attempt. Times are RFC 3339 text."""

    id: str
    task_id: str
    agent: str
    executor: str
    session_id: str | None = None
    iteration: int
    action: documents.Action
    reason: documents.Reason | None = None
    run_id: str
    folder: str
    argv: list[str]
    created_at: str
    started_at: str | None = None
    ended_at: str | None = None
    pid: int | None = None
    start_ticks: int | None = None
    boot_id: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    outcome: documents.Outcome | None = None
    error_class: str | None = None
    message: str | None = None
    cost_usd: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    denials: list[documents.Denial] | None = None
    turns: int | None = None
    peak_memory: int | None = None
    cpu_seconds: float | None = None
    left_out: int | None = None

    if TYPE_CHECKING:

        def replace(self, **changes: Unpack[documents.AttemptChanges]) -> Self:  # type: ignore[override]
            """A copy with some fields changed: those of the schema, where any `Value` takes its own."""

    @classmethod
    def from_document(cls, document: documents.Attempt) -> Attempt:
        """The attempt of a document that the schema has accepted."""
        return cls(**document)

    @property
    def ended(self) -> bool:
        return self.ended_at is not None


class OnTerminal(Busy):
    """A person has the session of a task open."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(
            f"the session of task {attempt.task_id} is open on a terminal (attempt {attempt.id})",
            f"leave it there, or end it: `sow agent stop {attempt.task_id}`; if it is gone, `sow run`",
        )


class Attempts:
    """The attempts of a project, kept in `runtime/`, out of git."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._known: Names | None = None

    def heed(self, touched: Touched) -> None:
        """Lists the attempts no more from now on: what comes and goes is told."""
        from sow.runner.touched import Names

        self._known = Names(touched, self._layout.attempts, _task_of)

    def folder(self, attempt: str) -> str:
        return self._layout.attempt(attempt)

    def inbox(self, attempt: str) -> str:
        """The folder in which a living process of it is answered."""
        return f"{self.folder(attempt)}/inbox"

    def reserve(self, task_id: str, iteration: int) -> str:
        """Makes the folder of the task's next attempt; gives its id. No two callers get one id."""
        files.make_folder(self._layout.attempts)
        head = f"{task_id}-{iteration}-"
        names = self._names(task_id)
        number = 1 + max((_number(name) for name in names if name.startswith(head)), default=0)
        attempt = f"{task_id}-{iteration}-{number}-{os.urandom(4).hex()}"
        os.mkdir(self.folder(attempt), 0o700)
        for name in ("outbox", "inbox"):
            os.mkdir(f"{self.folder(attempt)}/{name}")
        return attempt

    def keep(self, attempt: Attempt) -> Attempt:
        """Writes the record, checked and whole."""
        held = attempt.__dict__
        value = {name: _text(held[name]) for name in Attempt._fields if held.get(name) is not None}
        value["argv"] = [_text(word) for word in attempt.argv]
        path = f"{self.folder(attempt.id)}/attempt.yaml"
        if not sow_schemas.valid("attempt", value):
            raise faults.refusal("attempt", value, path)
        # A power cut ends the process too, so only its end has to survive one.
        files.write(path, canonical.emit(value), mode=0o600, flushed=attempt.ended)
        return attempt

    def read(self, attempt: str) -> Attempt:
        """The record of an attempt. Raises NotFound where there is none, Refused for a broken one."""
        path = f"{self.folder(attempt)}/attempt.yaml"
        try:
            held = document.read_file(path)
        except FileNotFoundError:
            raise NotFound(f"attempt not found: {attempt}", "see what ran: `sow agent list --all`") from None
        if not sow_schemas.valid("attempt", held.value):
            raise faults.refusal("attempt", held.value, path, held)
        return Attempt.from_document(held.value)

    def all(self) -> Iterator[Attempt]:
        """Every attempt that has a readable record, by id."""
        return self._read_all(files.names(self._layout.attempts))

    def _read_all(self, names: Iterable[str]) -> Iterator[Attempt]:
        for name in sorted(names):
            try:
                yield self.read(name)
            except (NotFound, Refused):
                continue  # killed before its record was there: nothing ran (`go` was never taken)

    def open(self) -> list[Attempt]:
        """The attempts whose end is not recorded: they run, or ended unseen."""
        return [attempt for attempt in self.all() if not attempt.ended]

    def check_at_rest(self, task_id: str) -> None:
        """Raises Busy while a process is at work on the task: a decision about it waits for its end."""
        running = [attempt for attempt in self.of_task(task_id) if not attempt.ended]
        if running:
            if running[0].action == "attach":
                raise OnTerminal(running[0])
            raise Busy(
                f"the agent of task {task_id} is still at work (attempt {running[0].id})",
                f"wait for it, or end it: `sow agent stop {task_id}`; if no `sow run` is on, start one",
            )

    def of_task(self, task_id: str) -> list[Attempt]:
        """The attempts of a task, oldest first."""
        mine = [a for a in self._read_all(self._names(task_id)) if a.task_id == task_id]
        return sorted(mine, key=lambda a: (a.iteration, _number(a.id), a.created_at))

    def last_by_agent(self, task_id: str) -> Attempt | None:
        """The last attempt of a task that an agent made: what a person did on a terminal since is none."""
        return next((each for each in reversed(self.of_task(task_id)) if each.action != "attach"), None)

    def _names(self, task_id: str) -> Iterable[str]:
        if self._known:
            return self._known.of(task_id)
        return [name for name in files.names(self._layout.attempts) if _task_of(name) == task_id]


def spent_in(session: str, attempts: Iterable[Attempt]) -> Spent:
    """What some attempts told of the tokens and the cost of one session."""
    mine = [attempt for attempt in attempts if attempt.session_id == session]
    priced = [attempt.cost_usd for attempt in mine if attempt.cost_usd is not None]
    return Spent(
        sum(attempt.input_tokens or 0 for attempt in mine),
        sum(attempt.output_tokens or 0 for attempt in mine),
        sum(attempt.cached_tokens or 0 for attempt in mine),
        sum(priced) if priced else None,
    )


def _text(value: Any) -> Any:
    """`value`; of a text what UTF-8 can hold, for names of files hold any byte."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _task_of(attempt: str) -> str:
    """The task that an attempt is of, by its name."""
    return attempt.partition("-")[0]


def _number(attempt: str) -> int:
    """Which attempt of its iteration this is; 0 for a name that `reserve` did not give."""
    number = [*attempt.split("-"), "", ""][2]
    return int(number) if number.isdigit() else 0


def seen(attempts: Iterable[Attempt]) -> tuple[list[Attempt], dict[str, Sample]]:
    """The attempts with what those that have not ended have used by now, and what these use just now."""
    from sow.runner.resources import Meter

    every = list(attempts)
    open_ones = [attempt.id for attempt in every if not attempt.ended]
    now = Meter().look(open_ones) if open_ones else {}
    return [_with(attempt, now.get(attempt.id)) for attempt in every], now


def _with(attempt: Attempt, sample: Sample | None) -> Attempt:
    if sample is None:
        return attempt
    return attempt.replace(
        peak_memory=max(attempt.peak_memory or 0, sample.memory),
        cpu_seconds=max(attempt.cpu_seconds or 0.0, round(sample.cpu_seconds, 2)),
    )


def summed(attempts: list[Attempt]) -> dict[str, Any]:
    """What a number of attempts used together, and the most memory (bytes) that one of them held."""
    return {
        "usd": round(sum(a.cost_usd or 0.0 for a in attempts), 6),
        "input_tokens": sum(a.input_tokens or 0 for a in attempts),
        "output_tokens": sum(a.output_tokens or 0 for a in attempts),
        "cpu_seconds": round(sum(a.cpu_seconds or 0.0 for a in attempts), 2),
        "peak_memory": max((a.peak_memory or 0 for a in attempts), default=0),
    }
