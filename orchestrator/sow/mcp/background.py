"""What goes on behind a call that did not stay for it: as long as the server lives, and the agents longer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from sow import logs
from sow.api.stop import Stop
from sow.errors import SowError

if TYPE_CHECKING:
    from sow.scheduler.telling import Note

T = TypeVar("T")

Act = Callable[[Callable[["Note"], None], Stop], T]
"""Something that lasts: is given whom to tell what happens, and what ends it."""


class Background:
    """The threads behind the calls of one server."""

    def __init__(self) -> None:
        self._stops: set[Stop] = set()
        self._left = False
        self._lock = threading.Lock()

    def start(self, act: Act[T]) -> T | Note:
        """Has something go on by itself from its first start of an agent on.

        Gives the note of that start, or how it ended where that came before. Raises what it then raises.
        """
        stop, first = Stop(), threading.Event()
        began: Future[Note] = Future()
        ended: Future[T] = Future()

        def watch(note: Note) -> None:
            if note.kind == "started" and not began.done():
                began.set_result(note)
                first.set()

        def run() -> None:
            try:
                ended.set_result(act(watch, stop))
            except SowError as fault:
                if began.done():
                    logs.warning("ended behind the call that began it", why=fault.in_a_line)
                ended.set_exception(fault)
            except BaseException as fault:
                ended.set_exception(fault)
            finally:
                with self._lock:
                    self._stops.discard(stop)
                first.set()

        with self._lock:
            self._stops.add(stop)
            if self._left:
                stop.leave()
        threading.Thread(target=run, name="behind a call").start()
        first.wait()
        return began.result() if began.done() else ended.result()

    def leave(self) -> None:
        """Ends all of it, and leaves the agents running: the next run adopts them."""
        with self._lock:
            self._left = True
            for stop in self._stops:
                stop.leave()
