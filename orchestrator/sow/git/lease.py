"""One git at a time in a worktree: what `run`, `review` and every other sow share."""

from __future__ import annotations

import fcntl
import os
import time
from types import TracebackType
from typing import Self

from sow.errors import Busy

WAIT_SECONDS = 60.0


class GitLease:
    """A lock of the kernel's on the file at `path`, for a `with` block; it can't outlive its holder.

    Raises Busy after `timeout` seconds, with the holder's pid.
    """

    def __init__(self, path: str, timeout: float = WAIT_SECONDS) -> None:
        self.path = path
        self._timeout = timeout
        self._handle = -1

    def __enter__(self) -> Self:
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._take(handle)
            os.ftruncate(handle, 0)
            os.pwrite(handle, b"%d\n" % os.getpid(), 0)
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)

    def _take(self, handle: int) -> None:
        # A blocking flock has no time limit without a signal, so the wait goes in short steps.
        end, pause = time.monotonic() + self._timeout, 0.001
        while True:
            try:
                return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise self._busy(handle) from None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def _busy(self, handle: int) -> Busy:
        pid = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
        return Busy(
            f"{self.path} is held by process {pid} for longer than {self._timeout:g} s",
            f"let it finish, or look at it with `ps -p {pid}`; then repeat",
        )
