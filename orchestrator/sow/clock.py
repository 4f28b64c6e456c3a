"""The time, as sow writes it: RFC 3339 in UTC, handed in wherever time matters."""

import time

from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol

    class Clock(Protocol):
        """Tells the time; a test hands in its own."""

        def __call__(self) -> float:
            """Seconds since the epoch."""
            ...


def stamp(seconds: float) -> str:
    """`seconds` since the epoch as RFC 3339 with milliseconds, in UTC."""
    milliseconds = round(seconds * 1000)
    whole, part = divmod(milliseconds, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{part:03d}Z"


def seconds(stamped: str) -> float:
    """Seconds since the epoch of an RFC 3339 time, whatever its zone and precision.

    Raises ValueError where `stamped` is none.
    """
    from datetime import UTC, datetime

    # Go writes nanoseconds, `fromisoformat` takes six digits: the rest is below what we compare.
    head, dot, tail = stamped.partition(".")
    if dot:
        digits = len(tail) - len(tail.lstrip("0123456789"))
        stamped = f"{head}.{tail[:digits][:6]}{tail[digits:]}"
    moment = datetime.fromisoformat(stamped.replace("Z", "+00:00").replace("z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def local(at: float, now: float) -> str:
    """A moment for people, both in seconds since the epoch: `14:30 (in 2 h 5 min)`, in local time."""
    there, here = time.localtime(at), time.localtime(now)
    left = max(round(at - now), 0)
    form = "%H:%M:%S" if left < 120 else "%H:%M" if there[:3] == here[:3] else "%a %d %b %H:%M"
    days, hours, minutes = left // 86400, left % 86400 // 3600, left % 3600 // 60
    parts = [f"{days} d"] * bool(days) + [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes)
    return f"{time.strftime(form, there)} (in {' '.join(parts[:2]) if left >= 120 else f'{left} s'})"


def moment(stamped: "str | None") -> float:
    """The same for a time that may not be set, which is before any other: 0."""
    return 0.0 if is_unset(stamped) else seconds(str(stamped))


def is_unset(stamped: "str | None") -> bool:
    """Whether a time counts as not set: absent, or the zero date that Go programs write."""
    return not stamped or stamped.startswith("0001-01-01")
