"""How far the clock has jumped: somebody set it, or the machine was asleep.

What waits for a time of day goes by the clock. How long an agent was silent, and
how long it has worked, does not: an agent that slept with its machine hangs no more
than it did before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

LEAST = 5.0
"""Seconds; a clock that is put right little by little is borne once it comes to that."""


@dataclass(slots=True)
class Jumps:
    """Compares the clock with the time that went by while the machine was awake."""

    began: float
    """What the clock said at the beginning."""
    awake: Callable[[], float] = time.monotonic
    _apart: float = field(init=False)

    def __post_init__(self) -> None:
        self._apart = self.began - self.awake()

    def new(self, now: float) -> float:
        """How many seconds the clock, which says `now`, went on or back beside the time that passed since the
        last call; 0.0 for next to nothing."""
        jump = now - self.awake() - self._apart
        if abs(jump) < LEAST:
            return 0.0
        self._apart += jump
        return jump
