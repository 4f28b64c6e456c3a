"""From measured pairs to a figure: the median of their ratios, its interval, a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median
from typing import Literal

CONFIDENCE = 0.95

Verdict = Literal["moonshot", "reached", "open", "missed"]


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the median lies, with the probability `confidence` (0 to 1)."""

    low: float
    high: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """A subject against its yardstick: seconds of both, round by round."""

    pairs: tuple[tuple[float, float], ...]
    """(subject, yardstick), measured back to back; at least one pair, no yardstick of 0."""

    @property
    def ratios(self) -> list[float]:
        return [subject / yardstick for subject, yardstick in self.pairs]

    @property
    def value(self) -> float:
        return median(self.ratios)

    @property
    def interval(self) -> Interval:
        return interval(self.ratios)

    @property
    def subject(self) -> float:
        """The median time of the subject, in seconds."""
        return median(subject for subject, _ in self.pairs)

    @property
    def yardstick(self) -> float:
        """The median time of the yardstick, in seconds."""
        return median(yardstick for _, yardstick in self.pairs)


@dataclass(frozen=True, slots=True)
class Count:
    """A number that was counted, not timed: it has no interval."""

    value: int
    of: int
    """How many there could have been."""


Figure = Ratio | Count


def interval(values: Sequence[float]) -> Interval:
    """The shortest interval of two of the values, equally far from both ends, that holds the median.

    No shape of the distribution is assumed: the number of values below the true
    median is binomial with a half. Of fewer than six values not even the whole
    range reaches `CONFIDENCE`; it is given then, with the confidence that it has.
    Raises ValueError for no values.
    """
    if not values:
        raise ValueError("an interval of no values")
    ordered = sorted(values)
    count = len(ordered)
    cut = 0
    while cut + 1 < (count + 1) // 2 and _confidence(count, cut + 1) >= CONFIDENCE:
        cut += 1
    return Interval(ordered[cut], ordered[count - 1 - cut], _confidence(count, cut))


def verdict(figure: Figure, goal: float, moonshot: float) -> Verdict:
    """Where a figure stands: a goal is missed only if the whole interval misses it.

    `open`: the median misses the goal, and the interval does not.
    """
    low = figure.interval.low if isinstance(figure, Ratio) else figure.value
    if figure.value <= moonshot:
        return "moonshot"
    if figure.value <= goal:
        return "reached"
    return "open" if low <= goal else "missed"


def _confidence(count: int, cut: int) -> float:
    """How sure it is that the median lies between the values that stay when `cut` go at each end."""
    beyond: int = sum(comb(count, below) for below in range(cut + 1))
    return 1 - 2 * beyond / 2**count if count > 1 else 0.0
