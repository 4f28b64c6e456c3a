"""What a CLI writes down in a file of its own while it works: read as it grows, beside its output."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from sow.runner.watch import Tail
from sow_executors import base, extras


class Record:
    """The record of one attempt; nothing of what was in it before."""

    def __init__(self, find: Callable[[str], str], reader: extras.ReadsRecord, session: str | None) -> None:
        """`find`: the file of a session, once it is there. `session`: the one that is gone on in, if any."""
        self._find, self._reader = find, reader
        self._tail: Tail | None = None
        if session and (path := find(session)):
            self._tail = Tail(path, _size(path))

    def read(self, session: str) -> Iterator[list[base.Report]]:
        """What was written of `session` since the last call, line by line; nothing while it has no name."""
        if self._tail is None and session and (path := self._find(session)):
            self._tail = Tail(path)
        if self._tail is not None:
            yield from filter(None, map(self._reader.read_record, self._tail.read()))


def of(
    executor: base.Executor, reader: base.Reader, session: str | None, folder: str, env: Mapping[str, str]
) -> Record | None:
    """The record of an attempt that works in `folder`; None for a CLI that keeps none."""
    if not isinstance(executor, extras.KeepsRecord) or not isinstance(reader, extras.ReadsRecord):
        return None
    keeper = executor
    return Record(lambda named: keeper.record(named, folder, env), reader, session)


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0
