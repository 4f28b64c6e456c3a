"""Takes a line of JSON apart without ever being surprised: each function is total.

A CLI's output is foreign: a line may be noise, half a line, or JSON of a shape
that no version was ever seen to print. What is not there reads as empty.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

_MOST = 2**53
"""No count of a CLI's is above it; a number that is, is no count."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def parse(line: str) -> dict[str, Any] | None:
    """The JSON object that a line holds; None for anything else."""
    if not line.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def words(value: object) -> str:
    """A string that can be written as UTF-8 (a lone surrogate becomes `?`); empty for what is none."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def table(value: object) -> Mapping[str, Any]:
    """An object; empty for what is none."""
    return value if isinstance(value, dict) else {}


def tables(value: object) -> list[Mapping[str, Any]]:
    """The objects of an array; what else is in it is left out."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def count(value: object) -> int:
    """A whole number from 0 up; 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return value if 0 <= value <= _MOST else 0


def amount(value: object) -> float | None:
    """A finite number from 0 up; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _MOST and math.isfinite(value) else None


MOST_PIECES = 1 << 16
"""How many characters of a message that comes in pieces are held back at the most."""


class Pieces:
    """A message that comes in pieces, of which nothing marks the last."""

    def __init__(self) -> None:
        self._held: list[str] = []
        self._length = 0

    def add(self, text: str) -> bool:
        """Takes a piece in; whether that is enough to be said, be the message whole or not."""
        self._held.append(text)
        self._length += len(text)
        return self._length >= MOST_PIECES

    def take(self) -> str:
        """What has come, which is said now."""
        text = "".join(self._held)
        self._held, self._length = [], 0
        return text


def one_line(text: str, most: int = 200) -> str:
    """A text as one line of at most `most` characters."""
    flat = " ".join(text[: 4 * most].split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def detail(given: Mapping[str, Any], telling: tuple[str, ...]) -> str:
    """What a person wants to see of a tool's input: the first of the `telling` keys, else all."""
    for key in telling:
        if found := words(given.get(key)):
            return one_line(found)
    if not given:
        return ""
    try:
        return one_line(words(json.dumps(given, ensure_ascii=False)))
    except (ValueError, RecursionError):
        return ""


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID of any version, in its usual form."""
    return _UUID.fullmatch(text) is not None


def uncoloured(text: str) -> str:
    """A text without what only a terminal obeys: colours, and moves of the cursor."""
    return _ESCAPE.sub("", text)
