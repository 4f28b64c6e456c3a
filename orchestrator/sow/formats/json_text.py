"""A JSON text that is changed in those values alone that change.

    {"id": "a", "state": "open", "cost": 1.50}  -->  {"id": "a", "state": "done", "cost": 1.50}

How numbers and letters are spelled, order, indentation and line ends stay: of an object that changes, each
member that does not keeps its bytes. What is new is set out like what stands beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from sow.document.canonical import same

MARK = "\ufeff"

_BLANK = re.compile(r"[ \t\n\r]*")
_INDENT = re.compile(r"\n([ \t]+)[^ \t\r\n]")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Part:
    """A member of an object or an item of a list, and where it stands."""

    begin: int
    """Where its key begins; an item has none, and begins with its value."""
    value_at: int
    end: int
    value: Any
    name: str = ""
    """Its key; empty for an item."""


def edited(text: str, new: Any) -> str:
    """A JSON text, changed so that it holds `new`. Raises ValueError for a text that is none."""
    begin = after_blank(text, len(text) - len(text.removeprefix(MARK)))
    old, end = _DECODER.raw_decode(text, begin)
    whole = Part(begin, begin, end, old)
    return text[:begin] + Editor(text).changed(whole, new) + text[end:]


def parts(text: str, begin: int) -> list[Part]:
    """The members of the object, or the items of the list, that begins at `begin`."""
    is_object, found = text[begin] == "{", []
    at = after_blank(text, begin + 1)
    while text[at] not in "}]":
        start, name = at, ""
        if is_object:
            name, at = scanstring(text, at + 1)
            at = after_blank(text, after_blank(text, at) + 1)
        value, end = _DECODER.raw_decode(text, at)
        found.append(Part(start, at, end, value, name))
        at = after_blank(text, end)
        at = after_blank(text, at + 1) if text[at] == "," else at
    return found


def after_blank(text: str, at: int) -> int:
    """Where the next sign stands that is no blank."""
    match = _BLANK.match(text, at)
    assert match
    return match.end()


class Editor:
    """One text, and how it is set out."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.is_ascii = text.removeprefix(MARK).isascii()
        self.is_tight = '": ' not in text and '":' in text
        self.newline = "\r\n" if "\r\n" in text else "\n"

    def changed(self, part: Part, new: Any) -> str:
        """The text of a value once it is `new`."""
        text, old = self.text[part.value_at : part.end], part.value
        if same(old, new):
            return text
        if isinstance(old, dict) and isinstance(new, dict) and old.keys() & new.keys():
            return self._members(part.value_at, part.end, new)
        if isinstance(old, list) and isinstance(new, list) and old and new:
            return self._items(part.value_at, part.end, new)
        return self.written(new, part.begin, in_line=text[:1] in "{[" and len(old) > 0 and "\n" not in text)

    def with_items(
        self, held: Part, there: Sequence[Part], replaced: Iterable[str], added: Iterable[Any]
    ) -> str:
        """A list whose items are `there`, with these texts in their places, and `added` at its end."""
        pieces: list[tuple[int | None, str]] = list(enumerate(replaced))
        pieces += ((None, self._new_item(there, one)) for one in added)
        if there:
            return self._joined(held.value_at, held.end, there, pieces)
        close = after_blank(self.text, held.value_at + 1)
        texts = self._comma().join(text for _, text in pieces)
        return self.text[held.value_at : close] + texts + self.text[close : held.end]

    def written(self, new: Any, at: int, *, in_line: bool = False) -> str:
        """A new value for the place `at`: in a line, or over several where its own line begins there."""
        line = self.text.rfind("\n", 0, at) + 1
        before = self.text[line:at].removeprefix(MARK)
        if in_line or before.strip() or "\n" not in self.text.strip():
            separators = (",", ":") if self.is_tight else None
            return json.dumps(new, ensure_ascii=self.is_ascii, separators=separators)
        first = _INDENT.search(self.text)
        unit = first[1] if first else "  "
        text = json.dumps(new, ensure_ascii=self.is_ascii, indent=unit)
        return text.replace("\n", f"{self.newline}{before}")

    # -- helpers -------------------------------------------------------------------------------

    def _members(self, begin: int, end: int, new: Mapping[str, Any]) -> str:
        """An object: its members in their order, new ones behind them."""
        there = parts(self.text, begin)
        last = there[-1]
        between = self.text[scanstring(self.text, last.begin + 1)[1] : last.value_at]
        pieces: list[tuple[int | None, str]] = []
        for index, part in enumerate(there):
            if part.name in new:
                key = self.text[part.begin : part.value_at]
                pieces.append((index, key + self.changed(part, new[part.name])))
        known = {part.name for part in there}
        for name, value in new.items():
            if name not in known:
                key = json.dumps(name, ensure_ascii=self.is_ascii)
                pieces.append((None, f"{key}{between}{self.written(value, last.begin)}"))
        return self._joined(begin, end, there, pieces)

    def _items(self, begin: int, end: int, new: Sequence[Any]) -> str:
        """A list: what is the same before and behind stays, what is between is paired in its order."""
        there = parts(self.text, begin)
        short = min(len(there), len(new))
        head = next((i for i in range(short) if not same(there[i].value, new[i])), short)
        rest = short - head
        tail = next((i for i in range(rest) if not same(there[-1 - i].value, new[-1 - i])), rest)
        pieces: list[tuple[int | None, str]] = []
        for index, value in enumerate(new):
            old = index if index < len(new) - tail else index - len(new) + len(there)
            if old < len(there) - tail or index >= len(new) - tail:
                pieces.append((old, self.changed(there[old], value)))
            else:
                pieces.append((None, self._new_item(there, value)))
        return self._joined(begin, end, there, pieces)

    def _new_item(self, there: Sequence[Part], value: Any) -> str:
        if not there:
            return json.dumps(value, ensure_ascii=self.is_ascii)
        like = there[-1]
        return self.written(value, like.begin, in_line="\n" not in self.text[like.begin : like.end])

    def _joined(
        self, begin: int, end: int, there: Sequence[Part], pieces: Iterable[tuple[int | None, str]]
    ) -> str:
        """An object or list of some texts, each with the index that it had, and what stood before it."""
        opened, closed = self.text[begin : there[0].begin], self.text[there[-1].end : end]
        usual = f",{opened[1:]}" if "\n" in opened else self._comma()
        if len(there) > 1:
            usual = self.text[there[-2].end : there[-1].begin]
        made = [opened]
        for index, text in pieces:
            if len(made) > 1:
                made.append(self.text[there[index - 1].end : there[index].begin] if index else usual)
            made.append(text)
        return "".join((*made, closed))

    def _comma(self) -> str:
        return "," if self.is_tight else ", "
