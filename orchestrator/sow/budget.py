"""What a run may spend: once that is gone it starts nothing more, and what runs goes on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(slots=True)
class Budget:
    """The money of one run, in US dollars."""

    usd: float | None = None
    """The most that it may spend; None for as much as it takes."""
    settled: float = 0.0
    """What the attempts came to that have ended."""
    told: bool = False
    """Whether the person who watches knows that it is spent."""

    def spent(self, live: Iterable[float | None]) -> float:
        """What all attempts of the run came to. `live`: what those that run have told so far."""
        return self.settled + sum(usd or 0.0 for usd in live)

    def is_spent(self, live: Iterable[float | None]) -> bool:
        """Whether nothing more may be started."""
        return self.usd is not None and self.spent(live) >= self.usd
