"""How a run is watched: live on a terminal, plain lines elsewhere, JSON for programs."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from sow.cli.text import plain
from sow.task import COMPLETED, IN_PROGRESS, NEEDS_REVIEW, PAUSED, Task

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from sow.scheduler.telling import Note

STYLES = {
    "pending": "dim",
    "in_progress": "cyan",
    "paused": "yellow",
    "needs_review": "magenta",
    "completed": "green",
    "abandoned": "red",
}


AGAIN_SECONDS = 0.25
"""How often the table of a live display is drawn anew."""


class Face(Protocol):
    """Shows a run while it goes on; a context manager."""

    def note(self, note: Note) -> None:
        """Takes in something that happened."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PlainFace:
    """A line for each thing that matters; what agents say is left to the transcripts."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self._write = write or (lambda line: print(line, flush=True))

    def note(self, note: Note) -> None:
        if line := sentence(note):
            self._write(plain(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class JsonFace(PlainFace):
    """One JSON object a line, for each note but those of what an agent uses just now, which are no news."""

    def note(self, note: Note) -> None:
        if note.kind == "usage":
            return
        self._write(json.dumps(note.as_json()))


class LiveFace:
    """A table that stays in place while lines scroll above it."""

    def __init__(self, tasks: Sequence[Task] | None) -> None:
        """`tasks`: None where they are not known before something happens; then it is there from then on."""
        from rich.console import Console
        from rich.live import Live

        self._console = Console()
        self._at_once = tasks is not None
        self._tasks = {task.id: task for task in tasks or ()}
        self._doing: dict[str, str] = {}
        self._began: dict[str, float] = {}
        self._memory: dict[str, str] = {}
        self._live = Live(
            get_renderable=self._page, console=self._console, auto_refresh=False, transient=True
        )
        self._drawing = threading.Lock()
        self._over = threading.Event()

    def note(self, note: Note) -> None:
        with self._drawing:
            self._take_in(note)
            self._begin()
            if line := sentence(note):
                self._console.print(plain(line), markup=False, highlight=False)

    def _begin(self) -> None:
        if not self._live.is_started:
            self._live.start(refresh=True)
            threading.Thread(target=self._keep_up, daemon=True).start()

    def _keep_up(self) -> None:
        """Draws the table anew while nothing happens, for time passes.

        Not the display's own thread: what that draws may reach the terminal between a line and the table that
        was computed with it, and then a row too few is taken back.
        """
        while not self._over.wait(AGAIN_SECONDS):
            with self._drawing:
                if not self._over.is_set():
                    self._live.refresh()

    def _take_in(self, note: Note) -> None:
        if note.task:
            self._tasks[note.task.id] = note.task
            match note.kind:
                case "started":
                    self._began[note.task.id] = time.monotonic()
                    self._doing[note.task.id] = ""
                case "said" | "used" | "retried" | "setup":
                    self._doing[note.task.id] = " ".join(note.text.split())
                case "usage":
                    self._memory[note.task.id] = note.text
                case "settled":
                    self._began.pop(note.task.id, None)
                    self._memory.pop(note.task.id, None)

    def _page(self) -> Group:
        from rich.console import Group
        from rich.text import Text

        done = sum(task.status == COMPLETED for task in self._tasks.values())
        count = Text(
            f"{done} of {len(self._tasks)} tasks completed", "dim", no_wrap=True, overflow="ellipsis"
        )
        return Group(self._table(), count)

    def _table(self) -> Table:
        """The tasks that somebody works on or waits for; a narrow terminal shows less of each."""
        from rich.table import Table
        from rich.text import Text

        wide, middling = self._console.width >= 70, self._console.width >= 45
        table = Table(box=None, show_header=False, pad_edge=False, expand=True)
        table.add_column(width=3)
        table.add_column(width=12)
        if middling:
            table.add_column(width=6, justify="right")
        if wide:
            table.add_column(width=9, justify="right")
        table.add_column(ratio=2, no_wrap=True, overflow="ellipsis")
        if wide:
            table.add_column(ratio=3, no_wrap=True, overflow="ellipsis")
        shown = [t for _, t in sorted(self._tasks.items()) if t.status in (IN_PROGRESS, PAUSED, NEEDS_REVIEW)]
        for task in shown[:12]:
            began = self._began.get(task.id)
            took = f"{time.monotonic() - began:.0f}s" if began is not None else ""
            doing = self._doing.get(task.id, "") if began is not None else ""
            cells: list[Text | str] = [task.id, Text(task.status, STYLES[task.status])]
            cells += [took] if middling else []
            cells += [self._memory.get(task.id, "")] if wide else []
            cells += [Text(plain(task.name))]
            cells += [Text(plain(doing), "dim")] if wide else []
            table.add_row(*cells)
        return table

    def __enter__(self) -> Self:
        if self._at_once:
            self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        with self._drawing:
            self._live.stop()


def face(tasks: Sequence[Task] | None, *, as_json: bool, quiet: bool) -> Face:
    """The face that fits where standard output goes. `tasks`: those that it begins with, if known."""
    if as_json:
        return JsonFace()
    if quiet:
        return PlainFace(lambda line: None)
    return LiveFace(tasks) if sys.stdout.isatty() else PlainFace()


def sentence(note: Note) -> str:
    """A note as one line for a person; empty for what only a live display shows."""
    who = f"[{note.task.id}] {note.task.name}" if note.task else ""
    match note.kind:
        case "started":
            how = {"start": "starts", "adopted": "still runs: adopted", "nudge": "is asked how it ended"}
            words = how.get(note.text, f"goes on ({note.text})")
            agent = f" — {note.attempt.agent} on {note.attempt.executor}" if note.attempt else ""
            return f"{who}: {words}{agent}"
        case "settled" | "retried" | "setup":
            return f"{who}: {' '.join(note.text.split())}"
        case "changed" if note.task:
            return f"{who}: {note.task.status}" + (f": {note.text}" if note.text else "")
        case "problem" | "limit":
            return f"! {note.text}"
        case "inbox":
            return f"inbox: {note.text}"
        case "waits":
            return note.text
    return ""
