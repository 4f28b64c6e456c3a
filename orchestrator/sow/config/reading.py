"""A file of settings, read and checked: YAML that people write, and in which line each setting stands.

A key with nothing behind it counts as absent: so it is where all below it is commented out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sow_schemas
from sow import __version__, document
from sow.document import Document, faults
from sow.errors import Refused

UPGRADE = "install a newer sow"

Path = tuple[str | int, ...]
"""Keys and indices from the top of a document to a field."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a setting was given: in a variable, in a line of a file, or nowhere: then it is the default."""

    variable: str = ""
    file: str = ""
    line: int = 0
    """From 1; 0 where the file has no line for it."""

    def __str__(self) -> str:
        if self.file:
            return f"{self.file}:{self.line}" if self.line else self.file
        return self.variable or "default"


def read(path: str, schema: str) -> Document:
    """The settings in the file at `path`; an empty document where there is none.

    Raises Refused for a file that can't be read, that needs a newer sow, or that the schema refuses.
    """
    try:
        held = given(document.read_file(path))
    except FileNotFoundError:
        return Document("", {}, True, path)
    if newer := needs_newer(held):
        raise Refused(f"{source(held, ('requires',))}: {newer}", UPGRADE)
    if not sow_schemas.valid(schema, held.value):
        first, *more = faults.find(schema, held.value, path, held)
        others = f" (and {len(more)} more: `sow config validate`)" if more else ""
        raise Refused(f"{first}{others}", first.hint)
    return held


def given(held: Document) -> Document:
    """The document without the keys that have nothing behind them."""
    return Document(held.text, _without_nothing(held.value), held.canonical, held.where)


def source(held: Document, path: Path) -> Source:
    """Where the field at `path` stands in a file."""
    return Source(file=held.where, line=held.place(path)[0])


def needs_newer(held: Document) -> str:
    """That the file needs a newer sow, whose keys this one would not know; empty where it doesn't."""
    requires = held.value.get("requires")
    needed = requires.removeprefix(">=").strip() if isinstance(requires, str) else ""
    if needed and _numbers(__version__) < _numbers(needed):
        return f"needs sow {needed} or newer, and this is {__version__}"
    return ""


def _without_nothing(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _without_nothing(held) for key, held in value.items() if held is not None}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
