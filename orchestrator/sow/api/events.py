"""The log of what happened, read from its beginning and, if wanted, on as it grows."""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from sow import eventlog, files
from sow.api.stop import Stop
from sow.clock import seconds
from sow.errors import NotFound, Usage
from sow.result import Result
from sow.runner.watch import HEARING_SECONDS, Tail, Watcher
from sow.store import Store


@dataclass(frozen=True, slots=True)
class Event(Result):
    """Something that happened."""

    ts: str
    """RFC 3339, UTC, to the millisecond."""
    type: str
    """Such as `task.completed`; a later sow may have others (docs/reference/files.md)."""
    task_id: str | None
    """None for what is the project's."""
    payload: dict[str, Any]
    """What the type has to tell."""
    line: str
    """The line of the log, a JSON object, as it is."""

    def as_json(self) -> Any:
        """The line of the log as a document."""
        return json.loads(self.line)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for."""

    types: Collection[str] = ()
    """Empty for all."""
    task: str | None = None
    since: float = 0.0
    """In seconds since the epoch."""

    def has(self, event: Event) -> bool:
        """Whether an event is among them."""
        return (
            (not self.types or event.type in self.types)
            and self.task in (None, event.task_id)
            and (not self.since or _at(event) >= self.since)
        )


def _at(event: Event) -> float:
    """When it happened; before all else where its time is none, of another program's."""
    try:
        return seconds(event.ts)
    except ValueError:
        return 0.0


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def moment(since: str, now: float) -> float:
    """A day or a time, in RFC 3339, or how long before `now` (`90s`, `30m`, `2h`, `3d`), as seconds since the
    epoch. Raises Usage."""
    number, unit = since[:-1], _UNITS.get(since[-1:])
    if unit and number.isascii() and number.isdecimal():
        return now - int(number) * unit
    try:
        return seconds(since)
    except ValueError:
        raise Usage(
            f"--since {since}: that is no time", "such as 2026-11-20, 2026-11-20T18:30:00Z, 30m or 2h"
        ) from None


def check_task(store: Store, task_id: str | None) -> None:
    """Raises NotFound for a task that the project has not, be its file good or broken."""
    if task_id is not None and not any(path.split("/")[-2] == task_id for path in store.task_files()):
        raise NotFound(f"task not found: {task_id}", "see the tasks there are: `sow task list`")


@dataclass(slots=True)
class Reading:
    """One reading of the log: an iterator of events."""

    folder: str
    """Of the log's files."""
    wanted: Wanted
    follow: bool = False
    stop: Stop | None = None
    ending: str = eventlog.ENDING
    """Of their names."""
    torn: int = 0
    """How many lines were met that a kill had torn."""
    _events: Generator[Event, None, None] = field(init=False)

    def __post_init__(self) -> None:
        self._events = self._read()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        return next(self._events)

    def close(self) -> None:
        """Ends the reading; what it holds of the system is given back."""
        self._events.close()

    def _read(self) -> Generator[Event, None, None]:
        for line in self._lines():
            found = eventlog.parse(line.encode())
            if found is None:
                self.torn += bool(line.strip())
                continue
            event = Event(found["ts"], found["type"], found.get("task_id"), found["payload"], line)
            if self.wanted.has(event):
                yield event

    def _lines(self) -> Iterator[str]:
        tails = {path: Tail(path) for path in self._files()}
        for tail in tails.values():
            yield from tail.read()
        if not self.follow:
            return
        files.make_folder(self.folder)
        stop = self.stop or Stop()
        with Watcher() as watcher, stop.heard_by(watcher):
            watcher.add_folder(self.folder)
            while not stop.wishes:
                for path in self._files():
                    yield from tails.setdefault(path, Tail(path)).read()
                if not stop.wishes:
                    watcher.wait(HEARING_SECONDS)

    def _files(self) -> list[str]:
        return eventlog.files_in(self.folder, self.ending)
