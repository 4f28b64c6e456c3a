"""A document: a file's text and the value that it holds, read and changed so that neither lies.

text --> canonical.read (sow's own lines, quick) --+--> Document.value
     \\-> strict.load (any YAML that is clear) ----/
Document.changed(new) --> edit: the same text, with other lines only where the value is another
"""

import os
import stat

from sow.document import canonical
from sow.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sow.document.strict import Loaded

__all__ = ["SIZE", "BadDocument", "Document", "parse", "read_file"]

SIZE = 4 * 1024 * 1024
"""The most bytes that a document may have."""


class BadDocument(Refused):
    """A file that can't be read as a document: what is wrong, and in which line (from 1; 0 for none)."""

    hint = "mend the file at that place"

    def __init__(self, where: str, what: str, hint: str = "", line: int = 0, column: int = 0) -> None:
        place = f"{where}:{line}:{column}" if line else where
        super().__init__(f"{place}: {what}", hint)
        self.where = where
        self.what = what
        self.line = line
        self.column = column


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

    def changed(self, new: "Mapping[str, Any]") -> str:
        """The text that holds `new`, with other lines only where `value` is another.

        Raises `canonical.Unwritable` (a ValueError) for a value that has no place in a document.
        """
        from sow.document.edit import edit

        return edit(self.text, self.value, new)

    def place(self, path: "tuple[str | int, ...]") -> tuple[int, int]:
        """Line and column (from 1) of the field at `path`, or of the last field above it that is there."""
        from sow.document import strict

        if self._places is None:
            self._places = strict.load(self.text.encode(), self.where)
        return self._places.place(path)


def read_file(path: str, where: str | None = None) -> Document:
    """The document in the file at `path`; `where` is its name in error messages, the path if not given.

    Raises FileNotFoundError where there is no such file, and BadDocument where
    it can't be read, is not a regular file, is larger than `SIZE` or holds no
    document.
    """
    name = path if where is None else where
    try:
        # Without O_NONBLOCK a named pipe would keep us here for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BadDocument(name, f"can't be read: {error.strerror}", "look at its owner and mode") from error
    try:
        return parse(_contents(descriptor, name), name)
    finally:
        os.close(descriptor)


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


def _contents(descriptor: int, where: str) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        what = "is a folder" if stat.S_ISDIR(status.st_mode) else "is not a regular file"
        raise BadDocument(where, f"{what}, and should be a YAML file", "move it away")
    _check_size(status.st_size, where)
    parts: list[bytes] = []
    # One byte more than is allowed shows a file that grows while it is read.
    while part := os.read(descriptor, SIZE + 1 - sum(map(len, parts))):
        parts.append(part)
    return b"".join(parts)


def _check_size(size: int, where: str) -> None:
    if size > SIZE:
        what = f"is {size:,} bytes long; a document has at most {SIZE:,}"
        raise BadDocument(where, what, "keep long texts in files of their own, and their paths here")
