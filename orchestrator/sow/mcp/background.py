"""What goes on behind a call that did not stay for it: as long as the server lives, and the agents longer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from sow import logs
from sow.api.stop import Stop
from sow.errors import SowError

T = TypeVar("T")


class Note(Protocol):
    """Something that happens meanwhile: of a run of a project, or of task files."""

    @property
    def kind(self) -> str: ...


N = TypeVar("N", bound=Note)

Act = Callable[[Callable[[N], None], Stop], T]
"""Something that lasts: is given whom to tell what happens, and what ends it."""


class Background:
    """The threads behind the calls of one server."""

    def __init__(self) -> None:
        self._stops: set[Stop] = set()
        self._left = False
        self._lock = threading.Lock()

    def start(self, act: Act[N, T]) -> T | N:
        """Has something go on by itself from its first start of an agent, or of a task, on.

        Gives the note of that start, or that it waits for a time in which it may be, or how it ended where
        that came before. Raises what it then raises.
        """
        first = threading.Event()
        began: Future[N] = Future()
        ended: Future[T] = Future()

        def watch(note: N) -> None:
            if note.kind in ("started", "waits") and not began.done():
                began.set_result(note)
                first.set()

        def run(stop: Stop) -> None:
            try:
                ended.set_result(act(watch, stop))
            except BaseException as fault:
                if began.done():
                    _tell(fault)
                ended.set_exception(fault)
            finally:
                first.set()

        self._go_on(run)
        first.wait()
        return began.result() if began.done() else ended.result()

    def leave_to_itself(self, act: Act[N, T]) -> None:
        """Has something go on by itself, whenever its first start is."""

        def run(stop: Stop) -> None:
            try:
                act(lambda note: None, stop)
            except BaseException as fault:
                _tell(fault)

        self._go_on(run)

    def _go_on(self, run: Callable[[Stop], None]) -> None:
        stop = Stop()

        def go() -> None:
            try:
                run(stop)
            finally:
                with self._lock:
                    self._stops.discard(stop)

        with self._lock:
            self._stops.add(stop)
            if self._left:
                stop.leave()
        threading.Thread(target=go, name="behind a call").start()

    def leave(self) -> None:
        """Ends all of it, and leaves what was started running: the next run takes it up."""
        with self._lock:
            self._left = True
            for stop in self._stops:
                stop.leave()


def _tell(fault: BaseException) -> None:
    """Says what ended something that nobody waited for."""
    words = fault.in_a_line if isinstance(fault, SowError) else f"{type(fault).__name__}: {fault}"
    logs.warning("ended behind the call that began it", why=words)
