"""A JSON file of somebody else's: read strictly, and changed in those values alone that change.

Order, indentation, line ends, numbers as they were written, keys that nobody
here knows: all of it stays, for only the places of the new values are cut out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from sow.errors import BadFile

MEND = "mend the file at that place"
MARK = "\ufeff"

_BLANK = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
_DEEPEST = 100

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a JSON file that holds an object, and its value."""

    text: str
    value: dict[str, Any]
    where: str

    def changed(self, new: Mapping[str, Any], back: Text | None = None) -> str:
        """The text once the top-level keys of `new` have these values; nothing else of it is another.

        What is in `back` already is written as it stands there.
        """
        places = self._places()
        cuts = [
            (places[key,].begin, places[key,].end, self._written(value, back.as_written(key) if back else ""))
            for key, value in new.items()
            if key in self.value and self.value[key] != value
        ]
        # Behind the last one, each set out as that one is.
        last = places[list(self.value)[-1],]
        added = [
            f",{last.before}{self._written(key)}{last.between}{self._written(value)}"
            for key, value in new.items()
            if key not in self.value
        ]
        text = self.text
        for begin, end, written in sorted([*cuts, (last.end, last.end, "".join(added))], reverse=True):
            text = text[:begin] + written + text[end:]
        return text

    def line(self, path: Path) -> tuple[int, int]:
        """Line and column (from 1) of the value at `path`, or of the nearest above it that is there."""
        places = self._places()
        while path not in places:
            path = path[:-1]
        before = self.text[: places[path].begin].removeprefix(MARK)
        return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1

    def as_written(self, key: str) -> str:
        """The value of a top-level key as it stands in the text; empty for none."""
        place = self._places().get((key,))
        return self.text[place.begin : place.end] if place else ""

    def _written(self, value: object, as_before: str = "") -> str:
        if as_before and json.loads(as_before) == value:
            return as_before
        return json.dumps(value, ensure_ascii=self.text.removeprefix(MARK).isascii())

    def _places(self) -> dict[Path, _Place]:
        found: dict[Path, _Place] = {}
        begin = len(self.text) - len(self.text.removeprefix(MARK))
        _walk(self.text, _after_blank(self.text, begin), (), found)
        return found


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands in the text, and what blanks are around its key."""

    begin: int
    end: int
    before: str = ""
    between: str = ""
    """What stands between its key and it, the colon among it."""


def parse(data: bytes, where: str) -> Text:
    """The object in the bytes of a JSON file. Raises BadFile, with line and column where there is one."""
    try:
        text = data.decode()
    except UnicodeDecodeError as fault:
        line = data[: fault.start].count(b"\n") + 1
        raise BadFile(where, "is no UTF-8", "save it as UTF-8", line=line) from fault
    try:
        value = json.loads(text.removeprefix(MARK), object_pairs_hook=_object, parse_constant=_no_number)
        if not isinstance(value, dict):
            raise BadFile(where, "is no JSON object", "put the task's fields into { }")
        if _is_deep(value):
            raise RecursionError
    except json.JSONDecodeError as fault:
        what = f"is no JSON here: {fault.msg[:1].lower()}{fault.msg[1:]}"
        raise BadFile(where, what, MEND, line=fault.lineno, column=fault.colno) from fault
    except _Twice as fault:
        # The reader of JSON tells no place for this.
        raise BadFile(where, f"the key {fault} stands there a second time", "keep one of the two") from fault
    except _NoNumber as fault:
        raise BadFile(where, f"{fault} is no number of JSON", "put it in quotes, or write null") from fault
    except (RecursionError, ValueError) as fault:
        what = "nests too deep" if isinstance(fault, RecursionError) else f"is no JSON: {fault}"
        raise BadFile(where, what, "make it simpler") from fault
    return Text(text, value, where)


class _Twice(ValueError):
    """A key that stands twice in an object: other programs may heed the other one."""


class _NoNumber(ValueError):
    """NaN or Infinity, which Python reads and JSON does not have."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        raise _Twice(next(json.dumps(key) for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return made


def _no_number(word: str) -> Any:
    raise _NoNumber(word)


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        inner = [held.values() if isinstance(held, dict) else held for held in level]
        level = [one for held in inner for one in held if isinstance(one, dict | list)]
        if not level:
            return False
    return True


def _walk(text: str, at: int, path: Path, found: dict[Path, _Place]) -> int:
    """Notes where the values are in a text that is known to be JSON; gives the end of the one at `at`."""
    begin = at
    if text[at] not in "{[":
        _, at = _DECODER.raw_decode(text, at)
    else:
        is_object, number = text[at] == "{", 0
        while text[at] not in "}]":
            key_at = at = _after_blank(text, (opened := at) + 1)
            if text[at] in "}]":  # nothing in it
                break
            key: str | int = number
            between = ""
            if is_object:
                key, key_end = scanstring(text, at + 1)
                at = _after_blank(text, _after_blank(text, key_end) + 1)
                between = text[key_end:at]
            inner = (*path, key)
            end = _walk(text, at, inner, found)
            if is_object:
                found[inner] = _Place(at, end, text[opened + 1 : key_at], between)
            at, number = _after_blank(text, end), number + 1
        at += 1
    found[path] = _Place(begin, at)
    return at


def _after_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    assert match
    return match.end()
