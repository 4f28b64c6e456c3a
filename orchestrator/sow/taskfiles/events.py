"""The event stream of a workspace: one JSON object a line, a file a UTC day, the keys of the document."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sow import eventlog, jsonlines
from sow.clock import stamp

if TYPE_CHECKING:
    from sow.clock import Clock

TYPES = (
    "task.created", "task.started", "stage.progress", "artifact.written", "task.completed", "task.failed",
)  # fmt: skip
"""What is told, and nothing else."""

LONGEST = 3000
"""The most characters of a text in an event: the task's file has the whole of an error."""


@dataclass(frozen=True, slots=True)
class EventWriter:
    """Appends events to `<folder>/<YYYYMMDD>_events.jsonl`, each with one write, whoever else appends."""

    folder: str
    clock: Clock = time.time

    def write(
        self, kind: str, payload: Mapping[str, Any], *, task_id: str, run_id: str | None, whole: str = ""
    ) -> None:  # fmt: skip
        """Appends one event. Raises Failed where the disk refuses.

        `whole`: the file that has all of what is cut.
        """
        now = stamp(self.clock())
        event = {
            "ts": now,
            "run_id": run_id,
            "task_id": task_id,
            "type": kind,
            "payload": {key: _cut(value, whole) for key, value in payload.items()},
        }
        path = f"{self.folder}/{now[:10].replace('-', '')}_events.jsonl"
        eventlog.add_line(path, jsonlines.dump(event).encode() + b"\n", f"the event {kind}")


def _cut(value: Any, whole: str) -> Any:
    if isinstance(value, str) and len(value) > LONGEST:
        where = f", all of them in {whole}" if whole else ""
        # What went wrong stands at the end of a stack.
        return f"({len(value)} characters{where}) …{value[-LONGEST:]}"
    return value
