"""A document held against its schema, and as the text of its file."""

import sow_schemas
from sow import document
from sow.document import canonical
from sow.errors import BadFile, Refused
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def taken(held: "document.Document", schema: str) -> "document.Document":
    """`held`, which `schema` is for. Raises Refused where it does not satisfy that."""
    if not sow_schemas.valid(schema, held.value):
        raise _invalid(schema, held.value, held.where, held)
    return held


def check(schema: str, value: "Mapping[str, Any]", path: str) -> None:
    """Raises Refused where what is to be written to `path` does not satisfy `schema`."""
    if not sow_schemas.valid(schema, value):
        raise _invalid(schema, value, path, None)


def changed(held: "document.Document", after: "Mapping[str, Any]", path: str) -> str:
    """The text of a file once its document is `after`. Raises Refused where no file can hold that."""
    try:
        return held.changed(after)
    except canonical.Unwritable as fault:
        raise _unwritable(path, fault) from fault


def written(value: "Mapping[str, Any]", path: str) -> str:
    """The text of a new file. Raises Refused where no file can hold that."""
    try:
        return canonical.emit(value)
    except canonical.Unwritable as fault:
        raise _unwritable(path, fault) from fault


def as_text(description: str) -> str:
    """A description as the text of its file: with one line break behind it, or empty."""
    return description.rstrip() + "\n" if description.strip() else ""


def _unwritable(path: str, fault: ValueError) -> Refused:
    return Refused(f"{path}: {fault}", "give a value that a YAML file can hold")


def _invalid(schema: str, value: "Mapping[str, Any]", path: str, held: "document.Document | None") -> BadFile:
    """The refusal of a document, with the place of its first problem."""
    from sow.document import faults

    return faults.refusal(schema, value, path, held)
