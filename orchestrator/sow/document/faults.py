"""What is wrong with a document by its schema: file, line, field, value, what is allowed.

Slow, for it asks for words: only for a document that `sow_schemas.valid` refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sow_schemas
from sow.document import Document
from sow.errors import BadFile

if TYPE_CHECKING:
    from sow.document.strict import Loaded


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a document."""

    file: str
    line: int
    """From 1; 0 for a document that is not written yet."""
    column: int
    field: str
    """The path as `sow task set` takes it; empty for the whole document."""
    value: object
    message: str
    hint: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


def find(schema: str, value: object, path: str, held: Document | None = None) -> list[Fault]:
    """What is wrong with `value` by the schema called `schema`, in the order of the file at `path`.

    `held`: the document that the value was read from, for the lines; None for one to be written.
    """
    loaded = _loaded(held)
    found = []
    for problem in sow_schemas.problems(schema, value):
        line, column = loaded.place(problem.path) if loaded else (0, 0)
        found.append(Fault(path, line, column, problem.where, problem.value, problem.message, problem.hint))
    return sorted(found, key=lambda fault: (fault.line, fault.column))


class Invalid(BadFile):
    """The refusal of a document that its schema does not allow: its first fault, and how many more."""

    def __init__(self, found: list[Fault]) -> None:
        self.problems = tuple(
            BadFile(each.file, each.message, each.hint, line=each.line, field=each.field) for each in found
        )
        first, *rest = self.problems
        more = f" (and {len(rest)} more)" if rest else ""
        super().__init__(first.path, f"{first.what}{more}", first.hint, line=first.line, field=first.field)


def refusal(schema: str, value: object, path: str, held: Document | None = None) -> Invalid:
    """The refusal of a document by the schema called `schema`."""
    return Invalid(find(schema, value, path, held))


def _loaded(held: Document | None) -> Loaded | None:
    if held is None:
        return None
    from sow.document import strict

    return strict.load(held.text.encode(), held.where)
