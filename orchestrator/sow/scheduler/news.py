"""What has come into the event log since it was looked at last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sow_schemas
from sow import eventlog

AT_ONCE_BYTES = 4 << 20
"""How much of one file of the log is read at once."""


@dataclass(slots=True)
class News:
    """The news of one event log."""

    log: eventlog.EventLog
    _offsets: dict[str, int] = field(default_factory=dict)
    """How far each file of it was read."""

    def skip(self) -> None:
        """What the log says up to here is in the state that is read right after."""
        for path in self.log.files():
            with open(path, "rb") as file:
                self._offsets[path] = file.seek(0, 2)

    def new(self) -> Iterator[dict[str, Any]]:
        """The events that came since, of whomever; whatever else an agent wrote into the log is none."""
        # Only the newest file that is known, and newer ones, can have grown.
        newest = max(self._offsets, default="").rpartition("/")[2]
        for path in self.log.files(newest):
            yield from self._new_in(path)

    def _new_in(self, path: str) -> Iterator[dict[str, Any]]:
        """The events that one file of the log has gained."""
        with open(path, "rb") as file:
            file.seek(self._offsets.get(path, 0))
            while data := file.read(AT_ONCE_BYTES):
                whole = data[: data.rfind(b"\n") + 1]
                if not whole and len(data) < AT_ONCE_BYTES:
                    return  # a line that is being written
                begun = self._offsets.get(path, 0) + len(whole or data)
                self._offsets[path] = file.seek(begun)
                for line in whole.split(b"\n"):
                    event = eventlog.parse(line) if line else None
                    if event and sow_schemas.valid("event", event):
                        yield event
