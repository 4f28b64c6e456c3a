"""Runs task files: a runner in this process, told to end from outside, and what became of the tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

from sow.api.stop import Stop
from sow.errors import INTERRUPTED, BadFile, Failed, Waits
from sow.result import Result
from sow.taskfiles.claim import Claims
from sow.taskfiles.events import EventWriter
from sow.taskfiles.loader import Seen, TaskLoader
from sow.taskfiles.runner import Note, Outcome, TaskRunner
from sow.taskfiles.runner import Stop as Ending
from sow.taskfiles.serving import Server, chosen
from sow.taskfiles.stages import Settings
from sow.taskfiles.task_file import RUNNING
from sow.taskfiles.workspace import Workspace

Watch = Callable[[Note], None]
"""Is called with each thing that happens, one call at a time, mostly in the thread of the task."""

ENDS = ("done", "failed", "canceled", "left", "held")
"""What may become of a task."""


@dataclass(frozen=True, slots=True)
class Served(Result):
    """How a run of task files ended."""

    outcomes: tuple[Outcome, ...]
    """What became of each task that it worked on."""
    bad: tuple[BadFile, ...]
    """The files that can't be read."""
    stuck: tuple[Seen, ...]
    """What is queued, and can't be claimed for what lies beside it."""
    already: Seen | None = None
    """The one task that was asked for, where nothing was to be done for it."""
    interrupted: bool = False
    held_back: bool = False
    """Whether more would have been begun, had there been money for it."""
    budget_usd: float | None = None
    """What it was allowed to spend; None for any amount."""
    spent_usd: float = 0.0

    @property
    def counts(self) -> dict[str, int]:
        """How many tasks came to each end: `done`, `failed`, `canceled`, `left`, `held`."""
        return {status: sum(each.status == status for each in self.outcomes) for status in ENDS}

    @property
    def exit_code(self) -> int:
        """What `sow run` ends with."""
        if self.interrupted:
            return INTERRUPTED
        counts = self.counts
        # What a run leaves that nobody ended, and that has money, is an end that could not be written.
        lost = counts["left"] and not self.held_back
        if counts["failed"] or self.bad or self.stuck or lost:
            return Failed.exit_code
        return Waits.exit_code if self.held_back else 0

    def as_json(self) -> Any:
        """The last line of `sow run --json`."""
        told: dict[str, Any] = {
            "kind": "ended", **self.counts, "bad_files": len(self.bad), "stuck": len(self.stuck)
        }  # fmt: skip
        if self.budget_usd is not None:
            told |= {"spent_usd": round(self.spent_usd, 6), "budget_usd": self.budget_usd}
        return {**told, "exit_code": self.exit_code}


@dataclass(frozen=True, slots=True)
class PlannedFile(Result):
    """A task that a run would begin."""

    id: str
    file: str


def run(
    place: Workspace, environment: Mapping[str, str], *, task: str | None, jobs: int | None, stay: bool,
    budget: float | None, watch: Watch | None, stop: Stop | None,
) -> Served:  # fmt: skip
    """Works on the task files of a workspace; see `Workspace.run`."""
    settings, loader = Settings.read(place), TaskLoader(place)
    seen = None if task is None else chosen(loader, task, stay=stay)
    ending = Ending()
    told = _Watched(watch, ending)
    claims = Claims(
        place, settings, EventWriter(place.events), time.time,
        lambda text: told(Note("problem", "", text)), environment,
    )  # fmt: skip
    runner = TaskRunner(place, settings, claims, watch=told, stop=ending, budget_usd=budget)
    server = Server(place, loader, runner, jobs or settings.jobs, seen.stem if seen else None, told)
    if seen and not stay and seen.status == RUNNING:
        claims.check_free(seen)
    with _heard(stop or Stop(), ending):
        outcomes = server.run(stay=stay)
    if told.fault:
        raise told.fault
    return _served(server, seen, outcomes)


def planned(place: Workspace, task: str | None, *, stay: bool) -> list[PlannedFile]:
    """The tasks that a run would begin now, in their order."""
    Settings.read(place)
    loader = TaskLoader(place)
    only = None if task is None else chosen(loader, task, stay=stay).stem
    return [PlannedFile(seen.id, seen.path) for seen in loader.queued() if only in (None, seen.stem)]


def _served(server: Server, wanted: Seen | None, outcomes: list[Outcome]) -> Served:
    wish = server.runner.stop.wish
    nothing_to_do = wanted and not outcomes and not wish and not server.stuck()
    # What was held, or left, may have come to its end since.
    runs_yet = {seen.path for seen in server.loader.known() if seen.status == RUNNING}
    return Served(
        tuple(
            each
            for each in {each.path: each for each in outcomes}.values()
            # Another runner may have gone on with what was held.
            if each.status != "held" or each.path in runs_yet
        ),
        tuple(fault for fault in server.loader.bad() if server.only is None),
        () if wish else tuple(seen for seen in server.stuck() if server.only in (None, seen.stem)),
        wanted if nothing_to_do else None,
        bool(wish),
        not wish and server.held_back(),
        server.runner.budget.usd,
        server.runner.spent,
    )


# -- from outside, and to the outside ----------------------------------------------------------------


class _Watched:
    """Hands on what happens, one thing at a time. What the one who watches raises ends the run."""

    def __init__(self, watch: Watch | None, ending: Ending) -> None:
        self._watch, self._ending, self._lock = watch, ending, Lock()
        self.fault: BaseException | None = None

    def __call__(self, note: Note) -> None:
        with self._lock:
            if self._watch is None or self.fault:
                return
            try:
                self._watch(note)
            except BaseException as fault:
                # In the thread of a task it would be taken for a fault of its stage.
                self.fault = fault
                self._ending.ask("leave")


@dataclass(frozen=True, slots=True)
class _Heard:
    """Tells a runner what its caller wishes."""

    stop: Stop
    ending: Ending

    def wake(self) -> None:
        """Something was wished for."""
        if self.stop.wishes:
            self.ending.ask("leave" if "leave" in self.stop.wishes else "end")


@contextmanager
def _heard(stop: Stop, ending: Ending) -> Iterator[None]:
    heard = _Heard(stop, ending)
    with stop.heard_by(heard):
        heard.wake()  # it may have been wished before
        yield
