"""The strict reader: any YAML whose meaning is clear, with the place of every value in it.

It reads events and builds the value itself, without recursion: PyYAML's own
builder reads `010` as 8, `no` as false and a second key silently, and its C
half crashes the interpreter on deep nesting. Plain scalars mean what YAML 1.2
(the core schema) says, but for numbers with leading zeros, which are texts,
and so are times. What could surprise is refused: aliases, anchors, tags, merge
keys, directives, several documents, duplicate keys, keys that are no texts.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal

import yaml

from sow.document import SIZE, BadDocument
from sow.document.canonical import DEPTH, VALUES

try:
    from yaml import CBaseLoader as _Events
except ImportError:  # PyYAML without its C half
    from yaml import BaseLoader as _Events  # type: ignore[assignment]

Kind = Literal["scalar", "mapping", "list"]

_UNPRINTABLE = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_UNPRINTABLE_IN_ASCII = "[^\t\n\r\x20-\x7e]"
"""The same for a text that has no others: it takes a hundredth of the time to compile, and most are such."""
_DIRECTIVE = re.compile("^%", re.MULTILINE)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_CONFLICT = re.compile("^(<<<<<<<|>>>>>>>)( .*)?$", re.MULTILINE)
_QUOTE = "put it in double quotes if it is meant as a text"
_SAID: dict[str, tuple[str, str]] = {
    "could not find expected ':'": (
        "here, or in the line above, a key stands without its colon",
        "write `key: value`, and indent what belongs to the line above",
    ),
    "mapping values are not allowed in this context": (
        "a second colon in one line, or a line that is indented too far",
        "put a text that has a colon in double quotes; begin each field where the one above begins",
    ),
    "found unknown escape character": (
        "a backslash before a character that it means nothing to",
        "write two backslashes, or put the text in single quotes",
    ),
    "found character that cannot start any token": (
        "a value can't begin with this character",
        "put the value in double quotes, or remove a line that is no part of the document",
    ),
}
"""What PyYAML says most often, in our words, and what to do."""


class Node:
    """A value and where it stands: offsets and line and column from 0, in the text without a mark."""

    __slots__ = ("column", "end", "flow", "items", "keys", "kind", "line", "start", "style", "value")

    def __init__(self, kind: Kind, event: Any, value: Any) -> None:
        mark = event.start_mark
        self.kind = kind
        self.value = value
        self.start: int = mark.index
        self.end: int = event.end_mark.index
        self.line: int = mark.line
        self.column: int = mark.column
        self.style: str | None = getattr(event, "style", None) or None
        """How a scalar is written: `"`, `'`, `|`, `>`, or None for a plain one."""
        self.flow: bool = bool(getattr(event, "flow_style", False))
        """Whether a mapping or list is written in brackets."""
        self.keys: list[Node] = []
        self.items: list[Node] = []

    def leaves(self) -> "Iterator[Node]":
        """The scalars in it, keys among them, in the order of the text."""
        if self.kind == "scalar":
            yield self
        for index, item in enumerate(self.items):
            if self.keys:
                yield from self.keys[index].leaves()
            yield from item.leaves()


class Loaded:
    """The value of a document and the nodes that it was read from."""

    __slots__ = ("root", "value")

    def __init__(self, value: dict[str, Any], root: Node | None) -> None:
        self.value = value
        self.root = root
        """None for an empty document."""

    def place(self, path: tuple[str | int, ...]) -> tuple[int, int]:
        """Line and column (from 1) of the field at `path`, or of the last field above it that is there."""
        line, column, node = 0, 0, self.root
        for part in path:
            if node is None:
                break
            if node.kind == "mapping" and part in node.value:
                index = list(node.value).index(part)
                place, node = node.keys[index], node.items[index]
            elif node.kind == "list" and isinstance(part, int) and part < len(node.items):
                place = node = node.items[part]
            else:
                break
            line, column = place.line, place.column
        return line + 1, column + 1


def load(data: bytes, where: str) -> Loaded:
    """The value of a document and the places in it. An empty document is an empty mapping.

    Raises BadDocument, with line and column where there is one.
    """
    if len(data) > SIZE:
        raise BadDocument(where, f"is {len(data):,} bytes long; a document has at most {SIZE:,}")
    text = _decoded(data, where).removeprefix("\ufeff")
    _check_characters(text, where)
    try:
        root = _Builder(where).build(yaml.parse(text, Loader=_Events))
    except yaml.MarkedYAMLError as error:
        raise _translated(error, text, where) from error
    except yaml.YAMLError as error:
        raise BadDocument(where, f"is no YAML: {error}") from error
    if root is None:
        return Loaded({}, None)
    if root.kind != "mapping":
        what = "should be a mapping, with a `key: value` on each line"
        raise BadDocument(
            where, what, "begin each line with the name of a field", root.line + 1, root.column + 1
        )
    return Loaded(root.value, root)


class _Builder:
    """Puts nodes together from events; a stack of its own takes the place of recursion."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.root: Node | None = None
        self.open: list[Node] = []
        self.documents = 0
        self.values = 0

    def build(self, events: Iterator[Any]) -> Node | None:
        for event in events:
            match event:
                case yaml.ScalarEvent():
                    self._check_plainness(event)
                    self._add(Node("scalar", event, self._scalar(event)))
                case yaml.MappingStartEvent():
                    self._begin(Node("mapping", event, {}), event)
                case yaml.SequenceStartEvent():
                    self._begin(Node("list", event, []), event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._finish(event)
                case yaml.AliasEvent():
                    raise self._bad(event, "an alias (*) has no place here", "write the value out")
                case yaml.DocumentStartEvent():
                    self.documents += 1
                    if self.documents > 1:
                        raise self._bad(event, "a second document begins here", "keep one document in a file")
        return self._whole()

    def _whole(self) -> Node | None:
        # A document of nothing but comments has one scalar, empty and plain.
        root = self.root
        nothing = root is not None and root.kind == "scalar" and root.style is None and root.start == root.end
        return None if nothing else root

    def _begin(self, node: Node, event: Any) -> None:
        self._check_plainness(event)
        if len(self.open) >= DEPTH:
            what = f"more than {DEPTH} mappings and lists inside one another"
            raise self._bad(event, what, "make the document flatter")
        self._add(node)
        self.open.append(node)

    def _finish(self, event: Any) -> None:
        node = self.open.pop()
        if node.flow or not node.items:
            node.end = event.end_mark.index
        else:
            # In a block the event comes at the next thing, behind comments and empty lines.
            node.end = node.items[-1].end

    def _add(self, node: Node) -> None:
        is_key = self._is_key()
        if not is_key:
            self.values += 1
            if self.values > VALUES:
                raise self._bad(node, f"more than {VALUES:,} values", "keep lists of this length in files")
        if not self.open:
            self.root = node
            return
        holder = self.open[-1]
        if holder.kind == "list":
            holder.value.append(node.value)
            holder.items.append(node)
        elif is_key:
            self._check_key(holder, node)
            holder.keys.append(node)
        else:
            holder.value[holder.keys[-1].value] = node.value
            holder.items.append(node)

    def _is_key(self) -> bool:
        """Whether what comes next is a key of the mapping that is open."""
        holder = self.open[-1] if self.open else None
        return holder is not None and holder.kind == "mapping" and len(holder.keys) == len(holder.items)

    def _check_key(self, holder: Node, node: Node) -> None:
        if node.kind != "scalar":
            raise self._bad(node, f"a {node.kind} can't be a key", "give the field a name")
        if node.value == "<<" and node.style is None:
            raise self._bad(node, "a merge (<<) has no place here", "write the fields out")
        if not isinstance(node.value, str):
            raise self._bad(node, "this key is no text", "put it in double quotes")
        if node.value in holder.value:
            raise self._bad(node, f"`{node.value[:80]}` stands here a second time", "keep one of the two")

    def _check_plainness(self, event: Any) -> None:
        if event.anchor is not None:
            raise self._bad(event, f"an anchor (&{event.anchor[:40]}) has no place here", "remove it")
        if event.tag is not None:
            raise self._bad(event, f"a tag ({event.tag[:40]}) has no place here", "remove it")

    def _scalar(self, event: Any) -> Any:
        """The value of a scalar: YAML 1.2's core schema, but for leading zeros."""
        text: str = event.value
        if event.style:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return self._integer(event, text)
        if _BASED.fullmatch(text):
            return int(text, 0)
        if _NO_NUMBER.fullmatch(text):
            raise self._bad(event, f"{text} is no number that a document can hold", _QUOTE)
        if _FLOAT.fullmatch(text) and (number := float(text)) - number == 0:
            return number
        return text

    def _integer(self, event: Any, text: str) -> int:
        try:
            return int(text)
        except ValueError as error:
            raise self._bad(event, f"a number of {len(text):,} digits", _QUOTE) from error

    def _bad(self, at: Any, what: str, hint: str) -> BadDocument:
        mark = at if isinstance(at, Node) else at.start_mark
        return BadDocument(self.where, what, hint, mark.line + 1, mark.column + 1)


def _decoded(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line, column = _line_and_column(data[: error.start].decode(), error.start)
        what = f"the byte 0x{data[error.start]:02x} is no UTF-8"
        raise BadDocument(where, what, "save the file as UTF-8", line, column) from error


def _check_characters(text: str, where: str) -> None:
    if found := re.search(_UNPRINTABLE_IN_ASCII if text.isascii() else _UNPRINTABLE, text):
        what = f"the character U+{ord(found[0]):04X} has no place in a document"
        hint = f'write it as "\\u{ord(found[0]):04x}", in double quotes'
        if found[0] == "\0":
            hint = "it is no text, or a crash of the machine tore it: bring it back from git or a copy"
        raise BadDocument(where, what, hint, *_line_and_column(text, found.start()))
    if found := _DIRECTIVE.search(text):
        raise BadDocument(where, "a line that begins with %", _QUOTE, *_line_and_column(text, found.start()))


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _translated(error: yaml.MarkedYAMLError, text: str, where: str) -> BadDocument:
    """PyYAML's words in ours, with its place."""
    if found := _CONFLICT.search(text):
        what = f"a merge conflict is left here ({found[0][:40]})"
        hint = "keep one of the two sides, and remove the lines of signs"
        return BadDocument(where, what, hint, *_line_and_column(text, found.start()))
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.split("\n")
    rest = lines[line][column:] if line < len(lines) else ""
    what = ", ".join(part for part in (error.problem, error.context) if part)
    hint = "put the value in double quotes, and look at the indentation"
    if "\t" in rest[:1] or "\t" in lines[min(line, len(lines) - 1)][:column]:
        what, hint = "a tab where YAML wants spaces", "indent with spaces"
    elif error.context == "while scanning a quoted scalar" and error.context_mark:
        line, column = error.context_mark.line, error.context_mark.column
        what, hint = "a quote opens here and is never closed", "close it, or remove it"
    else:
        what, hint = _SAID.get(error.problem or "", (what, hint))
    return BadDocument(where, what, hint, line + 1, column + 1)
