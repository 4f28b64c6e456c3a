"""What is known of the limits of one account, and which starts they hold. Pure.

    starts -->|       held        |  one after the other  |--> starts
             met                until             until + SPACED_SECONDS

A limit that is over holds nothing more, but a crowd that starts at once would
be turned away again: for a while, each start waits a little for the next.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sow.clock import local, stamp
from sow.result import Result

SPACED_SECONDS = 120.0
"""How long after the end of a limit starts go one after the other."""

LONGEST_WARNING = 8 * 86400.0
"""How long a warning that names no end is remembered: the longest window has a week."""

SAME_WINDOW = 120.0
"""Seconds within which two ends of a window are the same one, told twice."""


@dataclass(frozen=True, slots=True)
class Met:
    """A limit that is used up. Times are seconds since the epoch."""

    limit: str
    """Its name, as the program has it; empty where it names none."""
    met_at: float
    until: float
    told: bool = True
    """Whether the program said when it ends; else `until` is a guess."""
    model: str = ""
    """A word in the names of the models that it is for; empty where it is for all."""
    setting: str = ""
    """The model that the one who met it was set to; empty for the program's own."""

    def is_for(self, model: str) -> bool:
        """Whether it holds for an agent whose model is set to `model`."""
        return _is_for(self.model, model) or (bool(self.model) and self.setting == model)


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning that a limit is nearly used up."""

    limit: str
    told_at: float
    mark: float = 0.0
    """The mark that was passed, in percent."""
    used: float | None = None
    """In percent, where the program says so."""
    resets_at: float | None = None
    model: str = ""

    def is_repeated_by(self, later: Warned) -> bool:
        """Whether `later` says no more: the same limit, window and mark, or a lower one."""
        if (self.limit, self.model) != (later.limit, later.model) or later.mark > self.mark:
            return False
        if self.resets_at is None or later.resets_at is None:
            return self.resets_at == later.resets_at
        return abs(self.resets_at - later.resets_at) <= SAME_WINDOW


@dataclass(frozen=True, slots=True)
class Try:
    """A task that may be started in spite of the limits, by a person's word."""

    folder: str
    """Of its project."""
    task: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a start waits."""

    until: float
    limit: str
    """Its name; empty where starts only go one after the other."""
    used: float | None = None
    """How much is used, in percent, where a warning holds it."""
    spaced_until: float = 0.0
    """How long starts go one after the other, where that is all that holds this one."""

    @property
    def news(self) -> Hold:
        """What people are told of it, once: not of each start that waits for the one before."""
        return self if self.limit else replace(self, until=self.spaced_until)


@dataclass(frozen=True, slots=True)
class Pool:
    """One account."""

    account: str
    executor: str = ""
    """The executor that told of it last, by its user's name for it."""
    limits: tuple[Met, ...] = ()
    warnings: tuple[Warned, ...] = ()
    tries: tuple[Try, ...] = ()
    next_start: float = 0.0

    @property
    def is_empty(self) -> bool:
        return not (self.limits or self.warnings)

    def holds(self, model: str, now: float, *, hold_at: float | None = None) -> Hold | None:
        """What holds a start of an agent that is set to `model`; the longest of all that do.

        `hold_at`: from how many percent on a warning does, too.
        """
        found = [
            Hold(met.until, met.limit or "usage")
            for met in self.limits
            if met.until > now and met.is_for(model)
        ]
        if hold_at is not None:
            found += [
                Hold(warned.resets_at, warned.limit or "usage", warned.used)
                for warned in self.warnings
                if warned.used is not None and warned.used >= hold_at
                if warned.resets_at is not None and warned.resets_at > now
                if _is_for(warned.model, model)
            ]
        if not found and (spaced := self.spaced_until(now)) and self.next_start > now:
            return Hold(self.next_start, "", spaced_until=spaced)
        return max(found, key=lambda hold: hold.until, default=None)

    def spaced_until(self, now: float) -> float | None:
        """How long starts go one after the other, because a limit has just ended; None where they don't."""
        ends = [met.until + SPACED_SECONDS for met in self.limits if met.until <= now]
        return max((end for end in ends if now < end), default=None)

    # -- moves: each gives the pool as it is then ---------------------------------------------

    def meet(self, met: Met, executor: str) -> Pool:
        """A limit was met: what was known of it before counts no more, and nobody tries in spite of it."""
        known = next((one for one in self.limits if _same(one, met)), None)
        if known and known.told and not met.told and known.until > met.met_at:
            met = replace(known, met_at=met.met_at)  # better than a guess
        others = tuple(one for one in self.limits if not _same(one, met))
        return replace(self, executor=executor, limits=(*others, met), tries=())

    def warn(self, warned: Warned, executor: str) -> Pool:
        """A warning came: the last of each limit is kept, with the highest mark of its window."""
        marks = (one.mark for one in self.warnings if one.is_repeated_by(warned))
        kept = replace(warned, mark=max(warned.mark, *marks, 0.0))
        others = tuple(one for one in self.warnings if (one.limit, one.model) != (warned.limit, warned.model))
        return replace(self, executor=executor, warnings=(*others, kept))

    def is_news(self, warned: Warned) -> bool:
        """Whether a warning was not told yet."""
        return not any(one.is_repeated_by(warned) for one in self.warnings)

    def lift(self, model: str, now: float, *, begun_at: float) -> Pool:
        """An agent that began at `begun_at` works: what was met before that is over."""

        def is_over(met: Met) -> bool:
            return met.until > now and met.met_at <= begun_at and met.is_for(model)

        limits = tuple(replace(met, until=now) if is_over(met) else met for met in self.limits)
        return self if limits == self.limits else replace(self, limits=limits, tries=())

    def let(self, tried: Try) -> Pool:
        """A person lets one task try at once."""
        return self if tried in self.tries else replace(self, tries=(*self.tries, tried))

    def start(self, tried: Try, now: float, gap: float) -> Pool:
        """A task is started; where starts are spaced, the next one waits `gap` seconds."""
        tries = tuple(one for one in self.tries if one != tried)
        spaced = self.spaced_until(now) is not None
        return replace(self, tries=tries, next_start=now + gap if spaced else self.next_start)

    def forget(self, now: float) -> Pool:
        """What is over is forgotten."""
        limits = tuple(met for met in self.limits if met.until + SPACED_SECONDS > now)
        warnings = tuple(
            one for one in self.warnings if (one.resets_at or one.told_at + LONGEST_WARNING) > now
        )
        tries = self.tries if limits or warnings else ()
        next_start = self.next_start if limits else 0.0
        return replace(self, limits=limits, warnings=warnings, tries=tries, next_start=next_start)


@dataclass(frozen=True, slots=True)
class Limit(Result):
    """What is known of the limits of an account."""

    account: str
    executor: str
    used_up: tuple[dict[str, Any], ...]
    """`limit` and `until` (RFC 3339) of those that hold tasks back."""
    warnings: tuple[dict[str, Any], ...]
    """`limit`, `used` and `resets_at` (RFC 3339, or None) of those that are nearly used up."""
    text: tuple[str, ...]
    """The same in words."""

    @classmethod
    def of(cls, pool: Pool, now: float) -> Limit:
        """What a pool knows, at `now`."""
        held = [(met.until, met.limit) for met in pool.limits if met.until > now]
        return cls(
            account=pool.account,
            executor=pool.executor,
            used_up=tuple({"limit": limit, "until": stamp(until)} for until, limit in held),
            warnings=tuple(
                {
                    "limit": one.limit,
                    "used": one.used,
                    "resets_at": None if one.resets_at is None else stamp(one.resets_at),
                }
                for one in pool.warnings
            ),
            text=tuple(words(pool, now)),
        )


def mark_of(used: float | None, threshold: float | None) -> float:
    """The mark that a warning has passed, in percent: the one it names, else the tens of what is used."""
    if threshold is not None:
        return threshold
    return 0.0 if used is None else used // 10 * 10


def words(pool: Pool, now: float) -> list[str]:
    """What is to be said of an account, each thing in a line; nothing of what is over."""
    found = [
        hold_words(pool.executor, Hold(met.until, met.limit or "usage"), now)
        for met in pool.limits
        if met.until > now
    ]
    return found + [
        warning_words(pool.executor, warned.limit, warned.used, warned.resets_at, now)
        for warned in pool.warnings
        if not any(met.limit == warned.limit and met.until > now for met in pool.limits)
    ]


def hold_words(executor: str, hold: Hold, now: float) -> str:
    """What tasks wait for, in a line."""
    how = "wait" if hold.limit else "start one after the other"
    return f"{limit_words(executor, hold)}; its tasks {how} until {local(hold.news.until, now)}"


def limit_words(executor: str, hold: Hold) -> str:
    """Which limit holds a start, or has: `claude-code: its five hour limit is used up`."""
    if not hold.limit:
        return f"{executor}: its limit is over"
    much = "used up" if hold.used is None else f"{hold.used:g} % used"
    return f"{executor}: its {_called(hold.limit)} is {much}"


def warning_words(executor: str, limit: str, used: float | None, resets_at: float | None, now: float) -> str:
    """A warning, in a line."""
    much = "nearly used up" if used is None else f"{used:g} % used"
    anew = "" if resets_at is None else f"; it begins anew at {local(resets_at, now)}"
    return f"{executor}: its {_called(limit)} is {much}{anew}"


def _called(limit: str) -> str:
    """A limit's name for people: `five hour limit`."""
    return f"{limit.replace('_', ' ').strip() or 'usage'} limit"


def _same(one: Met, other: Met) -> bool:
    return (one.limit, one.model) == (other.limit, other.model)


def _is_for(word: str, model: str) -> bool:
    return not word or word in model.lower()
