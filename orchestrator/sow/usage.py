"""What an attempt has used that its CLI does not tell: time, memory, processor time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sow.clock import seconds
from sow.runner.resources import Sample

NOTED = 1.1
"""By how much the peak has to have grown since it was last noted, to be noted again."""


@dataclass(slots=True)
class Usage:
    """What one attempt has used so far. Times are in seconds since the epoch."""

    began: float = 0.0
    """When its agent began: behind the setup of its worktree."""
    waited: float = 0.0
    """How many seconds it has waited for a person, before the wait that may be on."""
    waits_since: float | None = None
    memory: int = 0
    peak_memory: int = 0
    cpu_seconds: float = 0.0
    _noted: float = 0.0

    def seconds(self, now: float) -> float:
        """How long it has worked: what it waits for a person is not its own time."""
        waits = now - self.waits_since if self.waits_since is not None else 0.0
        return max(now - self.began - self.waited - waits, 0.0)

    def wait(self, now: float, waits: bool) -> None:
        """Takes in whether it waits for a person now."""
        if waits and self.waits_since is None:
            self.waits_since = now
        elif not waits and self.waits_since is not None:
            self.waited += now - self.waits_since
            self.waits_since = None

    def shift(self, jump: float) -> None:
        """Takes in that the clock has jumped by so many seconds."""
        self.began += jump
        if self.waits_since is not None:
            self.waits_since += jump

    def take(self, sample: Sample) -> bool:
        """Takes in a look at its processes; gives whether there is a new peak that is worth a note."""
        self.memory = sample.memory
        self.peak_memory = max(self.peak_memory, sample.memory)
        self.cpu_seconds = max(self.cpu_seconds, sample.cpu_seconds)
        if self.peak_memory <= self._noted * NOTED:
            return False
        self._noted = self.peak_memory
        return True


def waited(events: Iterable[Mapping[str, Any]], since: float) -> tuple[float, float | None]:
    """For how long a task waited for a person after `since`, by its events, and since when it does so now."""
    total, begun = 0.0, None
    for event in events:
        at = seconds(event["ts"])
        if event["type"] == "task.paused" and at >= since and begun is None:
            begun = at
        elif event["type"] == "task.resumed" and begun is not None:
            total, begun = total + at - begun, None
    return total, begun
