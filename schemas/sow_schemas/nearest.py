"""The allowed name or value that looks most like a given one: what a person may have meant."""

import calendar
import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sow_schemas import keywords

_TIME = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)"
    r"([Tt ]+(?P<hour>\d\d?):(?P<minute>\d\d)(:(?P<second>\d\d)(?P<rest>\.\d+)?)?)?"
    r" ?(?P<zone>[Zz]|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_SIZE = re.compile(r"(?P<number>[0-9.]{1,20}) ?(?P<power>[KMGT]?)(?P<rest>i?B?)", re.ASCII | re.IGNORECASE)

LONGEST = 100
"""A text of more characters is not taken for anything else than it is."""

ALIKE = 0.7
"""How like a name must be, from 0 to 1, to be meant; `done` is not meant for `abandoned`."""

_YES = dict.fromkeys(("true", "yes", "y", "on", "1"), True) | dict.fromkeys(
    ("false", "no", "n", "off", "0"), False
)


def name(given: str, known: Iterable[str]) -> str:
    """The known name that looks most like `given`; empty where none looks like it."""
    if len(given) > LONGEST:
        return ""
    by_form = {_plain(each): each for each in known}
    close = difflib.get_close_matches(_plain(given), by_form, 1, ALIKE)
    return by_form[close[0]] if close else ""


def value(given: object, schema: Any, fits: Callable[[object], bool]) -> object:
    """The value that a person may have meant by `given`; None where none comes to mind.

    `fits`: whether a value is allowed by `schema`. What it refuses is never given.
    """
    return next((each for each in _guesses(given, schema) if fits(each)), None)


def _plain(text: str) -> str:
    return text.strip().lower().replace("-", "_").replace(" ", "_")


def _guesses(given: object, schema: Any) -> Iterator[object]:
    """What could be meant, the likeliest first; whether it is allowed is not looked at."""
    if "enum" in schema:
        known = [each for each in schema["enum"] if isinstance(each, str)]
        yield name(given, known) if isinstance(given, str) else None
        return
    kinds = keywords.kinds(schema)
    match given:
        case str() if len(given) <= LONGEST:
            yield from _by_text(given, schema, kinds)
        case bool() if "string" in kinds:
            yield json.dumps(given)
        case bool():
            pass
        case int() | float():
            yield from _by_number(given, schema, kinds)
        case None if "array" in kinds:
            yield []
        case None if "object" in kinds:
            yield {}
        case [one]:
            yield one
    if "array" in kinds and not isinstance(given, list):
        yield [given]
        yield from ([each] for each in _guesses(given, schema.get("items") or {}))


def _by_text(given: str, schema: Any, kinds: list[str]) -> Iterator[object]:
    text = given.strip()
    if "integer" in kinds or "number" in kinds:
        yield from _numbers(text)
    if "boolean" in kinds:
        yield _YES.get(text.lower())
    if "array" in kinds and "pattern" in (schema.get("items") or {}):
        # Without a pattern a blank or a comma may belong to an item.
        yield [part for part in re.split(r"[,\s]+", text) if part]
    if "string" in kinds:
        yield text
        if make := MENDED.get(schema.get("pattern", "")):
            yield make(text)
        if schema.get("format") in ("date-time", "iso-8601"):
            yield _as_time(text)


def _by_number(given: float, schema: Any, kinds: list[str]) -> Iterator[object]:
    if "boolean" in kinds:
        yield _YES.get(str(given))
    if "string" in kinds:
        yield from _by_text(str(given), schema, kinds)
    if "integer" in kinds or "number" in kinds:
        whole = round(given) if "integer" in kinds and _is_finite(given) else given
        yield max(whole, schema.get("minimum", whole))
        yield min(whole, schema.get("maximum", whole))


def _numbers(text: str) -> Iterator[object]:
    for read in (int, float):
        try:
            number = read(text)
        except ValueError:
            continue
        if _is_finite(number):
            yield number


def _is_finite(number: float) -> bool:
    return number - number == 0


def _as_task_id(text: str) -> str:
    return text.lstrip("0").zfill(3)


def _as_project_name(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _as_project_type(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def _as_error_code(text: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")


def _as_size(text: str) -> str:
    """A size that was written another way: `4g`, `512 mb`, `2Gi`; a letter alone counts by 1024."""
    found = _SIZE.fullmatch(text.strip())
    if not found:
        return text
    power = found["power"].upper()
    if found["rest"].lower() == "b" and power:
        return f"{found['number']}{'k' if power == 'K' else power}B"
    return f"{found['number']}{power}iB" if power else f"{found['number']}B"


MENDED: Mapping[str, Callable[[str], str]] = {
    r"^[0-9]{3}$": _as_task_id,
    r"^[a-z0-9][a-z0-9-]*[a-z0-9]$": _as_project_name,
    r"^[a-z0-9_]+$": _as_project_type,
    r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$": _as_error_code,
    r"^([1-9][0-9]*(\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*) ?([KMGT]iB|[kMGT]B|B)$": _as_size,
}


def _as_time(text: str) -> str | None:
    """A time that was written another way: a day alone, a space for the T, no zone, 30 February."""
    found = _TIME.fullmatch(text)
    if not found or not 1 <= int(found["month"]) <= 12 or found["year"] == "0000":
        return None
    year, month = int(found["year"]), int(found["month"])
    day = min(max(int(found["day"]), 1), calendar.monthrange(year, month)[1])
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    zone = (found["zone"] or "Z").upper()
    if len(zone) == 5:
        zone = f"{zone[:3]}:{zone[3:]}"
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{found['rest'] or ''}{zone}"
