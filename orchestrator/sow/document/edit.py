"""A change of a document that touches only the lines of what changed.

    status: paused      # waits for Ada           status: in_progress      # waits for Ada
    inputs:                               -->     inputs:
      - a.md                                        - a.md
                                                    - b.md

A canonical text is changed line by line. For any other the strict reader says
where each value stands; the change becomes a list of cuts, and what they make
is read again: should it not hold the new value, whole top-level fields are
rewritten, and at the very last the document, all but its comments.
"""

from sow.document import canonical
from sow.document.canonical import as_json, quoted, same, written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from sow.document.strict import Node

    Block = Callable[[Any, tuple[str, ...]], list[str]]
    """The lines of a value as people set it out, below the fields of these names."""


def edit(text: str, old: "Mapping[str, Any]", new: "Mapping[str, Any]", block: "Block | None" = None) -> str:
    """The text of a document that held `old`, changed so that it holds `new`.

    Comments, order, quoting, empty lines and line endings stay as they are
    wherever the value does. A new field comes behind the one that precedes it
    in `new`. Among what people wrote, new mappings and lists are set out by
    `block`; without it they stand in one line. Raises Unwritable for a value
    that has no place in a document, and BadDocument if `text` is none.
    """
    if same(old, new):
        return text
    current = canonical.read(text)
    if current is None:
        return canonical.sized(_edit_any(text, new, block))
    edited = canonical.sized(_edit_lines(text, current, new))
    return edited if same(canonical.read(edited), new) else canonical.emit(new)


def _edit_lines(text: str, current: "dict[str, Any]", new: "Mapping[str, Any]") -> str:
    """The change of a canonical text: one line a field."""
    if not current:
        return _emptied(text) + canonical.emit(new)
    lines: list[tuple[str | None, str]] = []
    for each in text.removesuffix("\n").split("\n"):
        if not each or each[0] == "#":
            lines.append((None, each))
            continue
        key, value = canonical.split(each)
        if key in new:
            lines.append((key, each if same(current[key], new[key]) else _line(key, new[key], value)))
    before: str | None = None
    for key in new:
        if key not in current:
            places = [i for i, (name, _) in enumerate(lines) if name is not None]
            found = [i for i in places if lines[i][0] == before]
            place = found[0] + 1 if found else places[0] if places else len(lines)
            lines.insert(place, (key, canonical.line(key, new[key], "")))
        before = key
    ended = text.endswith("\n") or (bool(lines) and lines[-1][0] not in (None, *current))
    return "\n".join([each for _, each in lines]) + ("\n" if ended else "") if lines else "{}\n"


def _line(key: str, value: object, old: str) -> str:
    """A changed line; what stood in quotes stays in quotes."""
    if type(value) is str and old[0] == '"':
        return f"{canonical.written_key(key)}: {quoted(value)}"
    return canonical.line(key, value, "")


def _emptied(text: str) -> str:
    """What an empty document has to keep: its comments."""
    return "" if text == "{}\n" or not text else text.removesuffix("\n") + "\n"


def _edit_any(text: str, new: "Mapping[str, Any]", block: "Block | None") -> str:
    """The change of a text that people wrote."""
    from sow.document import BadDocument, strict

    mark = "\ufeff" if text.startswith("\ufeff") else ""
    bare = text.removeprefix(mark)
    root = strict.load(bare.encode(), "the document").root
    if root is None:
        return mark + _emptied(bare) + canonical.emit(new)
    canonical.emit(new)  # whatever has no place in a document is refused before any cut
    for fine, greedy in ((True, False), (True, True), (False, True)):
        try:
            edited = _Cuts(bare, fine, greedy, block).made(root, new)
            if same(strict.load(edited.encode(), "the change").value, new):
                return mark + edited
        except (_TooHard, BadDocument):
            continue
    kept = _Cuts(bare).comments(0, None, root) + _comments(bare[root.end :])
    return "".join(f"{comment}\n" for comment in kept) + canonical.emit(new)


class _TooHard(Exception):
    """No cut of this kind leaves the text around it as it is."""


class _Cuts:
    """The cuts that turn one text into another: from, to, and what comes in their place.

    `fine` goes down to the leaves; else a changed top-level field is rewritten whole.
    `greedy` takes the empty lines behind a field away with it, which a `|+`
    text above would take for its own.
    """

    def __init__(
        self, text: str, fine: bool = True, greedy: bool = False, block: "Block | None" = None
    ) -> None:
        self.text = text
        self.fine = fine
        self.greedy = greedy
        self.block = block
        self.above: tuple[str, ...] = ()
        """The names of the fields that the cut is made below."""
        self.newline = "\r\n" if "\r\n" in text else "\n"
        self.cuts: list[tuple[int, int, str]] = []

    def made(self, root: "Node", new: "Mapping[str, Any]") -> str:
        """The text once all cuts are made. Raises _TooHard where two of them overlap."""
        self.change(root, new, -1)
        parts: list[str] = []
        reached = 0
        for start, end, instead in sorted(self.cuts, key=lambda cut: cut[:2]):
            if start < reached:
                raise _TooHard
            parts += self.text[reached:start], instead
            reached = end
        return "".join([*parts, self.text[reached:]])

    def change(self, node: "Node", new: "Any", head: int) -> None:
        """Cut so that `node` becomes `new`; `head` is where its `key:` or `-` ends, -1 if it has none."""
        if same(node.value, new):
            return
        whole = head >= 0 and not self.fine
        made = len(self.cuts)
        try:
            if whole or not self.entered(node, new):
                self.rewrite(node, new, head)
        except _TooHard:
            if head < 0:
                raise
            del self.cuts[made:]
            self.rewrite(node, new, head)

    def entered(self, node: "Node", new: "Any") -> bool:
        """Whether the change could be made inside of `node`."""
        if not node.items or not new or type(new) is not type(node.value):
            return False
        if node.flow:
            return self.flow(node, new)
        if isinstance(new, dict):
            self.block_mapping(node, new)
        else:
            self.block_list(node, new)
        return True

    # In brackets: while the fields or items are the same ones, only the leaves change.

    def flow(self, node: "Node", new: "Any") -> bool:
        if isinstance(new, dict):
            if new.keys() != node.value.keys():
                return False
            new = [new[key.value] for key in node.keys]
        if len(new) != len(node.items):
            return False
        for item, value in zip(node.items, new, strict=True):
            if same(item.value, value) or self.entered(item, value):
                continue
            gap = " " if item.start == item.end else ""
            self.keep_comments(item)
            self.cuts.append((item.start, item.end, gap + as_json(value)))
        return True

    # In blocks: a field or an item is a run of lines.

    def block_mapping(self, node: "Node", new: "dict[str, Any]") -> None:
        entries = {key.value: (key, item) for key, item in zip(node.keys, node.items, strict=True)}
        for name, (key, item) in entries.items():
            if name in new:
                self.above += (name,)
                self.change(item, new[name], self.text.index(":", key.end) + 1)
                self.above = self.above[:-1]
            else:
                self.remove(self.sign_before(key), key, item)
        indent = " " * node.column
        place = -1
        for name, value in new.items():
            if name in entries:
                place = self.after(entries[name][1])
                continue
            if place < 0:
                place = self.line_start(node.start)
            self.insert(place, *self.lines({name: value}, indent, canonical.line(name, value, "")))

    def block_list(self, node: "Node", new: "list[Any]") -> None:
        old = node.value
        short = min(len(old), len(new))
        head = next((i for i in range(short) if not same(old[i], new[i])), short)
        rest = short - head
        tail = next((i for i in range(rest) if not same(old[-1 - i], new[-1 - i])), rest)
        dashes = self.dashes(node)
        old_end, new_end = len(old) - tail, len(new) - tail
        for i in range(head, min(old_end, new_end)):
            self.change(node.items[i], new[i], dashes[i] + 1)
        for i in range(new_end, old_end):
            self.remove(dashes[i], None, node.items[i])
        place = self.after(node.items[old_end - 1]) if old_end else self.line_start(dashes[0])
        for i in range(old_end, new_end):
            self.insert(place, *self.lines([new[i]], " " * node.column, f"- {written(new[i])}"))

    def dashes(self, node: "Node") -> list[int]:
        """Where the `-` of each item of a block list stands."""
        found = [node.start]
        lead = " " * node.column + "-"
        for item in node.items[:-1]:
            place = self.after(item)
            while not self.text.startswith(lead, place):
                following = self.text.find("\n", place) + 1
                if not following:
                    raise _TooHard
                place = following
            found.append(place + node.column)
        return found

    def lines(self, new: "Any", indent: str, line: str) -> list[str]:
        """The lines of a field or an item that is new: `line`, or a block."""
        return [indent + each for each in (self.block(new, self.above) if self.block else (line,))]

    def insert(self, place: int, *lines: str) -> None:
        # The last line of a text may lack its end; the first that is put behind it brings one.
        open_end = place == len(self.text) and not self.text.endswith("\n")
        first = all(start != place for start, _, _ in self.cuts)
        ended = "".join(line + self.newline for line in lines)
        self.cuts.append((place, place, self.newline * (open_end and first) + ended))

    def remove(self, start: int, key: "Node | None", item: "Node") -> None:
        """Cut the lines of a field or an item; comments on lines of their own stay."""
        first = self.line_start(start)
        indent = self.text[first:start]
        kept = [indent + comment + self.newline for comment in self.comments(start, key, item)]
        last = self.after(item)
        while self.greedy and self.text.startswith(self.newline, last):
            last += len(self.newline)
        self.cuts.append((first, last, "".join(kept)))

    def rewrite(self, node: "Node", new: object, head: int) -> None:
        """Put `new` on one line in the place of `node`."""
        eol = self.line_end(max(head, 0))
        if node.style in ("|", ">"):
            self.rewrite_literal(node, new)
        elif self.block and head >= 0 and new and isinstance(new, dict | list) and node.start <= eol:
            self.rewrite_as_block(node, self.block(new, self.above), head)
        elif head < 0 or node.start <= eol:
            self.keep_comments(node)
            gap = " " if node.start == node.end else ""
            self.cuts.append((node.start, self.trimmed(node.end), gap + self.scalar(node, new)))
        else:
            self.keep_comments(node, head)
            self.cuts.append((head, head, " " + written(new)))
            self.cuts.append((eol, self.trimmed(node.end), ""))

    def rewrite_as_block(self, node: "Node", lines: list[str], head: int) -> None:
        """Put a block below the line of a `key:` or `-` whose value stands beside it."""
        self.keep_comments(node)
        self.cuts.append((head, self.trimmed(node.end), ""))
        lead = self.text[self.line_start_of(head) : head]
        indent = " " * (len(lead) - len(lead.lstrip(" -")) + 4)
        self.insert(self.after(node), *(indent + line for line in lines))

    def rewrite_literal(self, node: "Node", new: object) -> None:
        """In the place of a `|` or `>` text: the comment behind the sign stays."""
        _sign, mark, comment = self.text[node.start : self.line_end(node.start)].partition(" #")
        self.cuts.append((node.start, self.trimmed(node.end), written(new) + mark + comment))

    def scalar(self, node: "Node", new: object) -> str:
        """`new` in the quotes of the scalar that it replaces."""
        if type(new) is str and node.style == '"':
            return quoted(new)
        if type(new) is str and node.style == "'" and new.isascii() and new.isprintable():
            return "'" + new.replace("'", "''") + "'"
        return self.block(new, self.above)[0] if self.block and type(new) is str else written(new)

    # Comments that stand between the parts of what is cut.

    def keep_comments(self, node: "Node", head: int = -1) -> None:
        """Give the comments inside `node` lines of their own, above the one where it begins."""
        start = self.line_start_of(head if head >= 0 else node.start)
        lead = self.text[start:]
        indent = lead[: len(lead) - len(lead.lstrip(" "))]
        began = self.line_end(head) if head >= 0 else node.start
        comments = self.comments(began, None, node)
        if comments:
            self.cuts.append((start, start, "".join(indent + each + self.newline for each in comments)))

    def comments(self, start: int, key: "Node | None", node: "Node") -> list[str]:
        """The comments between `start` and the last leaf of `node`."""
        found: list[str] = []
        for leaf in ([key] if key else []) + list(node.leaves()):
            # Between leaves there are only signs, spaces and comments.
            gaps = [self.text[start : leaf.start]]
            if leaf.style in ("|", ">"):
                gaps.append(self.text[leaf.start : self.line_end(leaf.start)])
            for gap in gaps:
                found += _comments(gap)
            start = leaf.end
        return found + _comments(self.text[start : node.end])

    # Places in the text.

    def line_start_of(self, place: int) -> int:
        return self.text.rfind("\n", 0, place) + 1

    def sign_before(self, key: "Node") -> int:
        """Where the field of `key` begins: at its `?`, where it has one."""
        start = self.line_start_of(key.start)
        lead = self.text[start : key.start]
        return start + lead.index("?") if lead.strip(" ") == "?" else key.start

    def line_start(self, place: int) -> int:
        """Where the line begins whose first sign is at `place`. Raises _TooHard where it is not the first."""
        start = self.line_start_of(place)
        if self.text[start:place].strip(" "):
            raise _TooHard
        return start

    def line_end(self, place: int) -> int:
        """Where the line ends in which `place` is, before its line break."""
        end = self.text.find("\n", place)
        end = len(self.text) if end < 0 else end
        return end - 1 if end > place and self.text[end - 1] == "\r" else end

    def after(self, item: "Node") -> int:
        """Where the line begins that follows the last one of `item`."""
        if item.end > item.start and self.text[item.end - 1] == "\n":
            return item.end
        return self.text.find("\n", item.end) + 1 or len(self.text)

    def trimmed(self, end: int) -> int:
        """`end` without line breaks before it: a literal text ends behind them."""
        return len(self.text[:end].rstrip("\r\n"))


def _comments(gap: str) -> list[str]:
    return ["#" + line.partition("#")[2] for line in gap.splitlines() if "#" in line]
