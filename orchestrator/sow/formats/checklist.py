"""Check lists in Markdown: `- [ ] text` is a task, and a box that is ticked is one that is done.

What stands below an item, farther in, tells more of it: the rest of a sentence, a list without boxes, code.

An item has no id of its own. It is known again by its text and the heading above it, then by its text
alone, then by being the most like one that is gone; so it may be moved, and its words may be mended.
"""

from __future__ import annotations

import hashlib
import math
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Any

from sow.errors import Refused
from sow.formats import Held, Raw, Reading, Record, Routes, Standing, Wanted, id_in, texts
from sow.task import COMPLETED, PENDING, Task

NAME = "checklist"

_ITEM = re.compile(
    r"(?P<head>(?P<quote>(?:\s*>)*)\s*(?:[-*+]|\d+[.)])\s+\[)"
    r"(?P<box>[ xX])(?P<gap>\]\s+)(?P<text>.*\S)(?P<end>\s*)"
)
_HEADING = re.compile(r" {0,3}#{1,6}\s+(?P<text>.*?)\s*#*\s*")
_QUOTE = re.compile(r"\s*> ?")
_FENCE = re.compile(r"\s*(?P<fence>`{3,}|~{3,})")
_LIKE = 0.6
"""From which likeness on, of 1, an item is taken for one whose words were mended."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a check list."""

    line: int
    """From 1."""
    text: str
    done: bool
    module: str
    """The heading above it; empty for none."""
    details: str = ""
    """What stands below it and belongs to it; empty for nothing."""

    def raw(self, path: str) -> dict[str, Any]:
        more = {"details": self.details} if self.details else {}
        where = {"source_file": path, "module": self.module, "original_line": self.line}
        return {"text": self.text, **more, "done": self.done, **where}


class CheckList:
    """The format of check lists."""

    name = NAME
    in_place = True
    is_one = False
    groups: tuple[tuple[str, ...], ...] = ()
    soft: frozenset[str] = frozenset()

    def fits(self, path: str, text: str) -> bool:
        """Whether it is Markdown with a box in it."""
        return path.endswith((".md", ".markdown")) and any(items(text))

    def read(self, path: str, text: str, base: Mapping[str, Raw]) -> Reading:
        """The items of a list. Raises Refused where there is none."""
        found = list(items(text))
        if not found and not base:
            raise Refused(f"{path} has no item with a box", "an item is a line like `- [ ] what to do`")
        for item in found:
            texts.check_characters([item.text, item.details])
        ids = _known(found, base)
        return Reading(tuple(Record(ids[item.line], f"line {item.line}", item.raw(path)) for item in found))

    def wanted(self, raw: Raw, routes: Routes, at: str) -> Wanted:
        """What an item asks a task to be."""
        source: dict[str, Any] = {"file": raw.get("source_file", "")}
        if "original_line" in raw:
            source["line"] = raw["original_line"]
        details = raw.get("details", "")
        extras = {"module": raw.get("module", ""), **({"details": details} if details else {})}
        return Wanted(
            name=texts.headline(raw["text"]),
            description="\n".join(filter(None, (raw["text"], details))),
            agent=routes.fallback(),
            standing=Standing(COMPLETED if raw["done"] else PENDING),
            source={**source, "extras": extras},
        )

    def given(self, held: Held, routes: Routes) -> dict[str, Any]:
        """The item of a task: its text is the first line of what there is to do."""
        source = held.source(NAME)
        lines = (line.strip() for line in held.description.splitlines())
        raw: dict[str, Any] = {
            "text": next(filter(None, lines), held.task.name),
            "done": held.task.status == COMPLETED,
        }
        if source:
            extras = source.get("extras") or {}
            raw["source_file"] = source.get("file", "")
            raw["module"] = extras.get("module", "")
            if details := extras.get("details"):
                raw["details"] = details
        if "line" in source:
            raw["original_line"] = source["line"]
        return raw

    def id_of(self, task: Task) -> str:
        """The id under which an item came, or one that is always the same for a task of ours."""
        return id_in(task, NAME)

    def status(self, raw: Raw) -> str:
        """Whether an item's box is ticked."""
        return "done" if raw.get("done") else "open"

    def check_step(self, before: str, after: str, *, summed: bool) -> None:
        """Raises Refused where a box is empty again: what was done stays so."""
        if (before, after) == ("done", "open"):
            raise Refused("its box is empty again, and it is done here", "add another item to the list")

    def written(self, text: str, raws: Mapping[str, Raw]) -> str:
        """The list with these items, each in its place, new ones at the end."""
        lines = text.split("\n")
        there = list(items(text))
        for raw in raws.values():
            item = _place(raw, there)
            if item is None:
                lines = _with_new(lines, raw)
                continue
            there.remove(item)
            found = _ITEM.fullmatch(lines[item.line - 1])
            assert found, "an item is one"
            box = found["box"] if item.done == raw["done"] else "x" if raw["done"] else " "
            lines[item.line - 1] = f"{found['head']}{box}{found['gap']}{raw['text']}{found['end']}"
        return "\n".join(lines)


FORMAT = CheckList()


def items(text: str) -> Iterator[Item]:
    """The items of a Markdown text, those in quotes too; what stands in a block of code is none.

    A heading in a quote is one for the items of that quote.
    """
    headings: list[tuple[int, str]] = []
    fence, fenced = "", 0
    open_: _Open | None = None
    for number, line in enumerate(text.split("\n"), 1):
        # In a block of code a mark of a quote is code.
        depth, inner = _unquoted(line, fenced if fence else math.inf)
        if depth < fenced:
            fence = ""  # a block of code ends with the quote that it stands in
        headings = [heading for heading in headings if heading[0] <= depth]
        found = None
        if opened := _FENCE.match(inner):
            if not fence:
                fence, fenced = opened["fence"], depth
            elif opened["fence"].startswith(fence) and inner.strip() == opened["fence"]:
                fence = ""
        elif not fence and (heading := _HEADING.fullmatch(inner)):
            headings = [*(above for above in headings if above[0] < depth), (depth, heading["text"])]
        elif not fence:
            found = _ITEM.fullmatch(inner)
        if open_ and (found or not open_.takes(inner, depth)):
            yield open_.item()
            open_ = None
        if found:
            module = headings[-1][1] if headings else ""
            item = Item(number, found["text"], found["box"] != " ", module)
            open_ = _Open(item, depth, _indent(inner))
    if open_:
        yield open_.item()


@dataclass(slots=True)
class _Open:
    """An item of which more may be told on the next line."""

    head: Item
    depth: int
    """How many quotes it stands in."""
    indent: int
    below: list[str] = field(default_factory=list)

    def takes(self, line: str, depth: int) -> bool:
        """Whether a line belongs to it: it stands farther in, or it is empty and such a one may follow."""
        if line.strip() and (depth != self.depth or _indent(line) <= self.indent):
            return False
        self.below.append(line.rstrip())
        return True

    def item(self) -> Item:
        """The whole item."""
        return replace(self.head, details=textwrap.dedent("\n".join(self.below).expandtabs(4)).strip("\n"))


def _indent(line: str) -> int:
    """How far in a line begins, in columns."""
    wide = line.expandtabs(4)
    return len(wide) - len(wide.lstrip())


def _unquoted(line: str, most: float) -> tuple[int, str]:
    """How many quotes a line stands in, as far as `most`, and the line without their marks."""
    depth, at = 0, 0
    while depth < most and (mark := _QUOTE.match(line, at)):
        depth, at = depth + 1, mark.end()
    return depth, line[at:]


# -- which is which --------------------------------------------------------------------------------


def _known(found: list[Item], base: Mapping[str, Raw]) -> dict[int, str]:
    """The id of each item, by its line."""
    ids: dict[int, str] = {}
    left = dict(base)
    for alike in (_same_place, _same_text, _mended):
        for item in found:
            if item.line not in ids and (known := alike(item, left)):
                ids[item.line] = known
                del left[known]
    taken = {*ids.values(), *base}
    for item in found:
        if item.line not in ids:
            ids[item.line] = _new_id(item, taken)
            taken.add(ids[item.line])
    return ids


def _same_place(item: Item, left: Mapping[str, Raw]) -> str:
    wanted = (item.module, item.text)
    return next((name for name, raw in left.items() if (raw.get("module", ""), raw["text"]) == wanted), "")


def _same_text(item: Item, left: Mapping[str, Raw]) -> str:
    return next((name for name, raw in left.items() if raw["text"] == item.text), "")


def _mended(item: Item, left: Mapping[str, Raw]) -> str:
    """The one of those that are gone whose words are the most like the item's."""
    likeness = {
        name: _likeness(raw["text"], item.text)
        for name, raw in left.items()
        if raw.get("module", "") == item.module
    }
    best = max(likeness, key=lambda name: likeness[name], default="")
    return best if best and likeness[best] >= _LIKE else ""


def _likeness(before: str, now: str) -> float:
    """How much two texts are alike, from 0 to 1; enough where words were added at the end, or taken away."""
    ratio = SequenceMatcher(None, before, now).ratio()
    return max(ratio, _LIKE) if now.startswith(f"{before} ") or before.startswith(f"{now} ") else ratio


def _new_id(item: Item, taken: set[str]) -> str:
    for number in range(len(taken) + 1):
        told = f"{item.module}\n{item.text}\n{number}"
        name = hashlib.sha256(told.encode()).hexdigest()[:16]
        if name not in taken:
            return name
    raise AssertionError("there are more names than are taken")


def _place(raw: Raw, there: list[Item]) -> Item | None:
    """The item of a list that a record is."""
    by_line = [item for item in there if item.line == raw.get("original_line")]
    by_place = [item for item in there if (item.module, item.text) == (raw.get("module"), raw["text"])]
    same = [item for item in by_line if item.text == raw["text"]]
    return next(iter((*same, *by_place, *by_line)), None)


def _with_new(lines: list[str], raw: Raw) -> list[str]:
    """The lines with one more item behind the last that is not empty."""
    last = max((number for number, line in enumerate(lines) if line.strip()), default=-1)
    end = "\r" if last >= 0 and lines[last].endswith("\r") else ""
    if last >= 0 and last == len(lines) - 1:
        end, lines = "", [*lines[:-1], lines[-1]]
    item_before = _ITEM.fullmatch(lines[last]) if last >= 0 else None
    gap = [] if last < 0 or (item_before and not item_before["quote"]) else [end]
    item = f"- [{'x' if raw['done'] else ' '}] {raw['text']}{end}"
    rest = lines[last + 1 :] if last >= 0 else [""]
    return [*lines[: last + 1], *gap, item, *rest]
