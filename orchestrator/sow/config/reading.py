"""A file of settings, read and checked: YAML that people write, and in which line each setting stands."""

from __future__ import annotations

from dataclasses import dataclass

import sow_schemas
from sow import document
from sow.document import Document
from sow.errors import Refused

Path = tuple[str | int, ...]
"""Keys and indices from the top of a document to a field."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a setting was given: in a variable, in a line of a file, or nowhere: then it is the default."""

    variable: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return self.variable or (f"{self.file}:{self.line}" if self.file else "default")


def read(path: str, schema: str) -> Document:
    """The settings in the file at `path`; an empty document where there is none.

    Raises Refused for a file that can't be read, that needs a newer sow, or that the schema refuses.
    """
    try:
        held = document.read_file(path)
    except FileNotFoundError:
        return Document("", {}, True, path)
    check_requires(held)
    if not sow_schemas.valid(schema, held.value):
        first, *more = sow_schemas.problems(schema, held.value)
        others = f" (and {len(more)} more: `sow config validate`)" if more else ""
        raise Refused(f"{source(held, first.path)}: {first.message}{others}", first.hint)
    return held


def source(held: Document, path: Path) -> Source:
    """Where the field at `path` stands in a file."""
    return Source(file=held.where, line=held.place(path)[0])


def check_requires(held: Document) -> None:
    """Raises Refused where the file needs a newer sow, whose keys this one would not know."""
    from sow import __version__

    requires = held.value.get("requires")
    needed = requires.removeprefix(">=").strip() if isinstance(requires, str) else ""
    if needed and _numbers(__version__) < _numbers(needed):
        at = source(held, ("requires",))
        raise Refused(f"{at}: needs sow {needed} or newer, and this is {__version__}", "install a newer sow")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
