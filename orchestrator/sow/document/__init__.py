"""A document: a file's text and the value that it holds, read and changed so that neither lies.

text --> canonical.read (sow's own lines, quick) --+--> Document.value
     \\-> strict.load (any YAML that is clear) ----/
Document.changed(new) --> edit: the same text, with other lines only where the value is another
"""

from sow import files
from sow.document import canonical
from sow.errors import BadFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sow.document.edit import Block
    from sow.document.strict import Loaded

__all__ = ["SIZE", "BadDocument", "Document", "parse", "read_file"]

SIZE = canonical.SIZE


class BadDocument(BadFile):
    """A file that can't be read as a document: what is wrong, and where in it."""

    hint = "mend the file at that place"

    def __init__(self, where: str, what: str, hint: str = "", line: int = 0, column: int = 0) -> None:
        super().__init__(where, what, hint, line=line, column=column)


class Document:
    """What stands in a file: its text, and its value (plain dicts, lists, texts, numbers)."""

    __slots__ = ("_places", "canonical", "text", "value", "where")

    def __init__(self, text: str, value: "Any", canonical: bool, where: str) -> None:
        self.text = text
        self.value = value
        """Of the type that `sow_schemas.documents` has for the schema that it was checked by."""
        self.canonical = canonical
        """Whether the text is in the form that sow writes, and cheap to read."""
        self.where = where
        self._places: Loaded | None = None

    def changed(self, new: "Mapping[str, Any]", block: "Block | None" = None) -> str:
        """The text that holds `new`, with other lines only where `value` is another.

        `block` sets out mappings and lists that are new among what people wrote. Raises
        `canonical.Unwritable` (a ValueError) for a value that has no place in a document.
        """
        from sow.document.edit import edit

        return edit(self.text, self.value, new, block)

    def place(self, path: "tuple[str | int, ...]") -> tuple[int, int]:
        """Line and column (from 1) of the field at `path`, or of the last field above it that is there."""
        from sow.document import strict

        if self._places is None:
            self._places = strict.load(self.text.encode(), self.where)
        return self._places.place(path)


def read_file(path: str, where: str | None = None, roots: "tuple[str, ...]" = ()) -> Document:
    """The document in the file at `path`; `where` is its name in error messages, the path if not given.

    For the rest see `contents`. Raises BadDocument where it holds no document, too.
    """
    return parse(contents(path, where, roots), path if where is None else where)


def contents(path: str, where: str | None = None, roots: "tuple[str, ...]" = ()) -> bytes:
    """The bytes of a document's file.

    `roots`: the folders out of which no link may lead. Raises FileNotFoundError where there is no such file,
    and BadDocument where it can't be read, is not a regular file, is larger than `SIZE` or lies outside of
    `roots`.
    """
    try:
        return files.contents(path, SIZE, roots)
    except files.Unreadable as fault:
        # A folder above it may be what is wrong: then that is named.
        name = where if where is not None and fault.path == path else fault.path
        raise BadDocument(name, fault.what, fault.hint) from fault


def parse(data: bytes, where: str) -> Document:
    """The document in `data`, the bytes of a file. Raises BadDocument."""
    _check_size(len(data), where)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = ""
    # What is no UTF-8 the strict reader refuses, with the place.
    value = canonical.read(text) if text else None
    if value is not None:
        return Document(text, value, True, where)
    from sow.document import strict

    return Document(data.decode("utf-8", "replace"), strict.load(data, where).value, False, where)


def _check_size(size: int, where: str) -> None:
    if size > SIZE:
        what = f"is {size:,} bytes long; a document has at most {SIZE:,}"
        raise BadDocument(where, what, "keep long texts in files of their own, and their paths here")
