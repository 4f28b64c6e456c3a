"""When a usage limit is over, by the words in which CLIs tell it: a fallback for what no field tells.

A time is that of a clock, to the minute or to the hour. What is given is the
end of that minute: an earlier start would only be refused again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def told(said: str, now: float) -> float | None:
    """The end of a limit in what an agent said at `now`, both in seconds since the epoch; None for none.

    Of all that it may be told in: `by_the_clock`, `in_a_zone`, `after`.
    """
    if (wait := after(said)) is not None:
        return now + wait
    found = by_the_clock(said)
    return in_a_zone(said, now) if found is None else found


# -- as Codex tells it -----------------------------------------------------------------------------

_TRY_AGAIN = re.compile(
    r"try again at (?:(?P<month>[A-Z][a-z]{2}) (?P<day>\d{1,2})(?:st|nd|rd|th), (?P<year>\d{4}) )?"
    r"(?P<hour>\d{1,2}):(?P<minute>[0-5]\d) (?P<half>[AP]M)"
)


def by_the_clock(said: str) -> float | None:
    """`try again at Nov 21st, 2026 1:44 AM`, in local time; a time without a date is one of today."""
    found = _TRY_AGAIN.search(said)
    if found is None or (found["month"] and found["month"] not in _MONTHS):
        return None
    today = time.localtime()
    year, month, day = today.tm_year, today.tm_mon, today.tm_mday
    if found["month"]:
        year, month, day = int(found["year"]), _MONTHS.index(found["month"]) + 1, int(found["day"])
    try:
        return time.mktime((year, month, day, _hour(found), int(found["minute"]) + 1, 0, 0, 0, -1))
    except (OverflowError, ValueError):
        return None


# -- as Claude Code tells it -----------------------------------------------------------------------

_RESETS = re.compile(
    r"\bresets (?:(?P<month>[A-Z][a-z]{2}) (?P<day>\d{1,2})(?:, (?P<year>\d{4}))?(?:,| at) )?"
    r"(?P<hour>\d{1,2})(?::(?P<minute>[0-5]\d))?(?P<half>[ap]m)(?: \((?P<zone>[\w+/-]{1,64})\))?"
)


def in_a_zone(said: str, now: float) -> float | None:
    """`resets Nov 23, 11:18pm (Europe/Berlin)`, the next such time after `now`; local time without a zone."""
    found = _RESETS.search(said)
    if found is None or (found["month"] and found["month"] not in _MONTHS):
        return None
    try:
        here = datetime.fromtimestamp(now, _zone(found["zone"]))
        at = here.replace(hour=_hour(found), minute=int(found["minute"] or 0), second=0, microsecond=0)
        at += timedelta(minutes=1)
        if not found["month"]:
            return (at if at > here else at + timedelta(days=1)).timestamp()
        at = at.replace(month=_MONTHS.index(found["month"]) + 1, day=int(found["day"]))
        if found["year"]:
            return at.replace(year=int(found["year"])).timestamp()
        # A day of the last months is one of the coming year: no limit takes so long to be told.
        past = at < here - timedelta(days=180)
        return at.replace(year=at.year + past).timestamp()
    except (OverflowError, ValueError, OSError):
        return None


def _zone(name: str | None) -> tzinfo | None:
    """A zone by its name; None for the local one. Raises ValueError for one that nobody knows."""
    if not name:
        return None
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(name) from error


def _hour(found: re.Match[str]) -> int:
    return int(found["hour"]) % 12 + (12 if found["half"].upper() == "PM" else 0)


# -- as Gemini tells it ----------------------------------------------------------------------------

_WAITS = (
    r"reset after ((?:\d+[hms])+)",
    r"[Ss]uggested retry after ([\d.]+s)",
    r"[Pp]lease retry in ((?:[\d.]+[hms])+)",
    r'"retryDelay":\s*"([\d.]+s)"',
)

_UNITS = {"h": 3600, "m": 60, "s": 1}


def after(said: str) -> float | None:
    """`quota will reset after 3h12m5s`: how long to wait, in seconds."""
    for pattern in _WAITS:
        if found := re.search(pattern, said):
            return sum(_parts(found[1]))
    return None


def _parts(span: str) -> Iterator[float]:
    """The seconds of `3h12m5s`, part by part."""
    for number, unit in re.findall(r"(\d{1,9}(?:\.\d{1,9})?)([hms])", span):
        yield float(number) * _UNITS[unit]
