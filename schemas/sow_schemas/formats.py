"""The few patterns and formats of the schemas as plain functions, for code that can't wait for `re`.

A pattern of a schema has its function in `PATTERNS`, a format in `FORMATS`;
the generator refuses a schema with one that is not there. The functions read a
`$` as JSON Schema does (the very end) and not as Python does (or before a last
line break).
"""

_DIGITS = frozenset("0123456789")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_TYPE = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")
_CODE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_UNITS = frozenset(("B", "KiB", "MiB", "GiB", "TiB", "kB", "MB", "GB", "TB"))
_times: "set[str]" = set()
"""Moments that were found to be ones: the same are looked at over and over."""
_KNOWN = 1024
_KNOWN_LENGTH = 40
_DAYS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_task_id(text: str) -> bool:
    """Three digits: `^[0-9]{3}$`."""
    return len(text) == 3 and _DIGITS.issuperset(text)


def is_project_name(text: str) -> bool:
    """Two or more of a-z, 0-9 and hyphens, none at either end: `^[a-z0-9][a-z0-9-]*[a-z0-9]$`."""
    return len(text) > 1 and _NAME.issuperset(text) and text[0] != "-" != text[-1]


def is_project_type(text: str) -> bool:
    """One or more of a-z, 0-9 and underscores: `^[a-z0-9_]+$`."""
    return text != "" and _TYPE.issuperset(text)


def is_error_code(text: str) -> bool:
    """Words of A-Z and 0-9 joined by underscores, a letter first: `^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`."""
    return _CODE.issuperset(text) and "A" <= text[:1] <= "Z" and text[-1] != "_" and "__" not in text


def is_size(text: str) -> bool:
    """A number above 0 and a unit: `4GiB`, `1.5 GiB`, `512MB`.

    `^([1-9][0-9]*(\\.[0-9]+)?|0\\.[0-9]*[1-9][0-9]*) ?([KMGT]iB|[kMGT]B|B)$`.
    """
    number = text.rstrip("KMGTikB")
    if text[len(number) :] not in _UNITS:
        return False
    whole, point, part = number.removesuffix(" ").partition(".")
    if not whole or not _DIGITS.issuperset(whole + part) or (point and not part):
        return False
    return whole[0] != "0" or (whole == "0" and part.strip("0") != "")


def has_line_break(text: str) -> bool:
    """Whether there is a line feed in `text`."""
    return "\n" in text


def is_time(text: str) -> bool:
    """A moment as RFC 3339 writes it, on a day that the calendar has.

    `2025-01-15T10:00:00Z`, with any number of digits behind a point and any
    offset (`+05:30`). T and Z are capitals, the year is 0001 or later and
    there is no second 60: what Go's `time.Time` and Python's `datetime` both
    read.
    """
    if text in _times:
        return True
    if len(text) < 20 or text[4] != "-" or text[7] != "-" or text[10] != "T":
        return False
    if text[13] != ":" or text[16] != ":":
        return False
    if not _DIGITS.issuperset(text[:4] + text[5:7] + text[8:10] + text[11:13] + text[14:16] + text[17:19]):
        return False
    if text[11:13] > "23" or text[14:16] > "59" or text[17:19] > "59":
        return False
    if not (_is_day(int(text[:4]), int(text[5:7]), int(text[8:10])) and _is_rest(text[19:])):
        return False
    if len(_times) >= _KNOWN:
        _times.clear()
    if len(text) <= _KNOWN_LENGTH:
        _times.add(text)
    return True


def is_iso_time(text: str) -> bool:
    """A moment or a day as ISO 8601 writes it, and Python's `datetime` reads it: also one without a zone."""
    if is_time(text):
        return True
    from datetime import datetime

    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_day(year: int, month: int, day: int) -> bool:
    if not (year and 1 <= month <= 12 and day):
        return False
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return day <= _DAYS[month] + leap


def _is_rest(rest: str) -> bool:
    """What follows the seconds: `Z`, `.123Z`, `+05:30`, `.123-08:00`."""
    if rest[-1] == "Z":
        fraction = rest[:-1]
    else:
        fraction, zone = rest[:-6], rest[-6:]
        if len(zone) < 6 or zone[0] not in "+-" or zone[3] != ":":
            return False
        if not _DIGITS.issuperset(zone[1:3] + zone[4:]) or zone[1:3] > "23" or zone[4:] > "59":
            return False
    return fraction == "" or (len(fraction) > 1 and fraction[0] == "." and _DIGITS.issuperset(fraction[1:]))


PATTERNS = {
    r"^[0-9]{3}$": is_task_id,
    r"^[a-z0-9][a-z0-9-]*[a-z0-9]$": is_project_name,
    r"^[a-z0-9_]+$": is_project_type,
    r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$": is_error_code,
    r"^([1-9][0-9]*(\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*) ?([KMGT]iB|[kMGT]B|B)$": is_size,
    r"\n": has_line_break,
}

FORMATS = {"date-time": is_time, "iso-8601": is_iso_time}
