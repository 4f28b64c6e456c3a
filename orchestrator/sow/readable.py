"""What an agent said and did, as a person reads it: the readable transcript beside the raw one.

    transcript.jsonl   what the CLI printed, in its own words
    transcript.log     the same as reports tell it, a line or more each

It is written while the raw one is read, so it is the same for every executor;
whoever reads that from its beginning writes this one anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from sow_executors import base

NAME = "transcript.log"

_AT_ONCE = 1 << 16


class Readable:
    """The readable transcript of one attempt, in the file `path`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._mode = os.O_TRUNC
        self._waiting: list[str] = []
        self._length = 0

    def add(self, reports: Iterable[base.Report]) -> None:
        """Takes in what was reported; it is in the file after the next `flush` at the latest."""
        for report in reports:
            if words := words_of(report):
                self._waiting.append(words)
                self._length += len(words)
        if self._length >= _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Writes what was taken in. A full disk stops nobody: the raw transcript tells the same."""
        if not self._waiting:
            return
        text = "".join(f"{words}\n" for words in self._waiting)
        self._waiting.clear()
        self._length = 0
        with suppress(OSError), open(self.path, "ab", opener=self._open) as file:
            file.write(text.encode("utf-8", "replace"))

    def _open(self, path: str, flags: int) -> int:
        handle = os.open(path, flags | self._mode | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._mode = 0
        return handle


def words_of(report: base.Report) -> str:
    """A report as a person reads it; empty for what only sow needs to know."""
    match report:
        case base.Said(text):
            return text
        case base.Used(tool, detail):
            return f"  > {tool}: {detail}" if detail else f"  > {tool}"
        case base.Denied(tool, detail, reason):
            return f"  ! denied {tool} {detail} {reason}".rstrip()
        case base.Limited(status, _, limit):
            return f"  ! limit {status} {limit}".rstrip()
        case base.Retried(attempt, reason):
            return f"  ! tries again ({attempt}): {reason}"
        case base.Asked(question):
            return f"  ? {question}"
        case base.Answered(_, text):
            return f"  = {text}" if text else "  = nobody answered"
        case base.Failed(kind, message):
            return f"  ! {kind}: {message}"
        case _:
            return ""
