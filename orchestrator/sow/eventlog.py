"""The event log: what happened, one JSON object a line, a file a day.

May be lost: the last event of a process that was killed, for the state is
written first. Never: an event that was written, or a change that the log tells
and that did not happen. A line torn by a kill is closed by the next writer and
skipped, and counted, by readers.

A text that is too long for a line is cut, and says which file has it whole.
"""

import os
import time

from sow import files, jsonlines
from sow.change import Event
from sow.clock import stamp
from sow.errors import Failed
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sow_schemas.documents import Actor
    from sow_schemas.documents import Event as Document

LINE_BYTES = 4096
"""An event stays below this, so that one `write` is one line, whoever else writes."""
_LONGEST_TEXT = 900
_SURELY_WHOLE = 100
"""Characters: a text that is no longer is hardly ever cut."""
_LONGEST_PATH = 400
ENDING = ".ndjson"


class EventLog:
    """Appends to and reads the log in `folder`; it is made when first needed."""

    def __init__(
        self, folder: str, *, run_id: "str | None", actor: "Actor", clock: "Any" = time.time
    ) -> None:
        self._folder, self._run_id, self.actor, self._clock = folder, run_id, actor, clock

    def append(self, event: Event, seq: int) -> None:
        """Writes one event with one `write`. `seq`: the task's own count, given under its lock."""
        now = self._clock()
        line = self._line(event, seq, now)
        path = f"{self._folder}/{stamp(now)[:10]}.ndjson"
        add_line(path, line, f"the event {event.type}")

    def _line(self, event: Event, seq: int, now: float) -> bytes:
        def encoded(payload: "Any") -> bytes:
            document: Document = {
                "ts": stamp(now), "run_id": self._run_id, "task_id": event.task_id, "type": event.type,
                "payload": payload, "seq": seq, "actor": self.actor,
            }  # fmt: skip
            return jsonlines.dump(document).encode() + b"\n"

        whole = f", whole in {event.whole}" if 0 < len(event.whole) <= _LONGEST_PATH else ""
        line, longest = encoded(event.payload), _LONGEST_TEXT
        while len(line) >= LINE_BYTES and longest > 8:
            line, longest = encoded(_shortened(event.payload, longest, whole)), longest // 2
            if longest < _SURELY_WHOLE:
                whole = ""  # so many texts that to say of each where it is takes the room for them
        return line

    def lines(self, since_day: str = "") -> "Iterator[bytes]":
        """All whole lines of the log from `since_day` (YYYY-MM-DD) on, oldest first.

        Of what is too long to be an event only the beginning comes, which is none.
        """
        for path in self.files(since_day):
            with open(path, "rb") as file:
                begins = True
                while part := file.readline(16 * LINE_BYTES):
                    if begins:
                        yield part
                    begins = part.endswith(b"\n")

    def files(self, since_day: str = "") -> "list[str]":
        """The log's files from `since_day` (YYYY-MM-DD) on, oldest first; what is no plain file is none.

        Raises Unreadable where one may not be read.
        """
        return files_in(self._folder, ENDING, since_day)


def files_in(folder: str, ending: str, first: str = "") -> "list[str]":
    """The files of a log from the one that is called `first` on, oldest first. Raises as `EventLog.files`."""
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(ending))
    except (FileNotFoundError, NotADirectoryError):
        return []
    paths = [f"{folder}/{name}" for name in names if name >= first]
    found = [path for path in paths if os.path.isfile(path)]
    for path in found:
        if not os.access(path, os.R_OK):
            raise files.Unreadable(path, "can't be read", f"give yourself the right to: `ls -ld {path}`")
    return found


def add_line(path: str, line: bytes, what: str) -> None:
    """Appends a line to the file at `path` with one `write`, behind one that a kill tore; made where missing.

    `what`: what the line is, for the error. Raises Failed where the system refuses.
    """
    try:
        handle = _opened(path)
        try:
            size = os.fstat(handle).st_size
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            os.write(handle, b"\n" + line if torn else line)
        finally:
            os.close(handle)
    except OSError as fault:
        raise Failed(
            f"{what} can't be added to {path}: {fault.strerror}",
            "what it tells of is done all the same; mend that file: `sow validate`",
        ) from fault


def _opened(path: str) -> int:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o644)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return os.open(path, flags, 0o644)


def parse(line: bytes) -> "dict[str, Any] | None":
    """The event of one line of the log, or None where a kill tore it, or an agent wrote what is none."""
    import json

    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and _is_event(event) else None


def _is_event(found: "dict[str, Any]") -> bool:
    """Whether it has the parts that every reader looks at; its type may be one of a later sow."""
    texts = isinstance(found.get("type"), str) and isinstance(found.get("ts"), str)
    return texts and isinstance(found.get("payload"), dict) and isinstance(found.get("task_id"), str | None)


def with_whole(event: Event, held: "Any", path: str) -> Event:
    """`event`, and that the file at `path`, whose document is `held`, has its texts whole, where it has."""
    texts = [text for text in event.payload.values() if isinstance(text, str) and len(text) > _SURELY_WHOLE]
    if event.whole or not texts or not all(_has(held, text) for text in texts):
        return event
    return event.replace(whole=path)


def _has(held: "Any", text: str) -> bool:
    """Whether a text is in a document, whatever white space it ends with there."""
    match held:
        case str():
            return held.rstrip() == text.rstrip()
        case dict():
            return any(_has(each, text) for each in held.values())
        case list():
            return any(_has(each, text) for each in held)
    return False


def _shortened(value: "Any", longest: int, whole: str) -> "Any":
    """`value` with its texts and lists cut, each cut said. `whole`: what each cut text says besides."""
    match value:
        case str() if len(value) > longest:
            return f"{value[:longest]}… ({len(value)} characters{whole})"
        case dict():
            return {key: _shortened(held, longest, whole) for key, held in value.items()}
        case list() if len(value) > max(longest // 40, 1):
            kept = max(longest // 40, 1)
            return [_shortened(held, longest, whole) for held in value[:kept]] + [f"… ({len(value)} in all)"]
        case list():
            return [_shortened(held, longest, whole) for held in value]
    return value
