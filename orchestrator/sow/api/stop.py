"""How something that lasts is ended from outside: from another thread, or by the handler of a signal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Protocol


class Sleeper(Protocol):
    """What waits for something to happen."""

    def wake(self) -> None:
        """Ends the wait; may be called by a signal's handler."""
        ...


class Stop:
    """Ends the run, the turn or the reading that it was given to; for one of them.

    All of it may be called from any thread and from the handler of a signal, also before what it is to end
    has begun, which then ends at once. What is said of agents here holds for the stages of task files.
    """

    def __init__(self) -> None:
        self.wishes: list[str] = []
        """What was asked for, in its order: empty as long as nothing was."""
        self._watcher: Sleeper | None = None
        # The handler of a signal may come in the midst of ours: it is the same thread, which may go on.
        self._lock = RLock()

    def end(self, why: str = "SIGTERM") -> None:
        """Ends it, and the agents gently; called once more, it leaves the agents running."""
        self.wishes.append("leave" if self.wishes else why)
        self._wake()

    def leave(self) -> None:
        """Ends it, and leaves the agents running: the next run adopts them."""
        self.wishes.append("leave")
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            if self._watcher:
                self._watcher.wake()

    @contextmanager
    def heard_by(self, watcher: Sleeper) -> Iterator[None]:
        """A wish wakes that watcher, in a `with` block."""
        self._watcher = watcher
        try:
            yield
        finally:
            with self._lock:
                self._watcher = None
