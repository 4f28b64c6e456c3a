"""The lock beside a task file, heeded by our runners and by any program that makes it with O_EXCL.

That the file is there says that it is held. Ours names its process and bears a
`flock`: the kernel lets go of it when that process dies, and the next one takes the
file over. One that names no process is another program's, and only its age can tell
that nobody holds it. A lock is held for one write.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from sow import clock, files, process
from sow.errors import Busy, Failed
from sow.process import Address, Identity

LONGEST = 4096


class Lock:
    """The lock at `path`, for a `with` block. Raises Busy where it is held for longer than `wait_seconds`."""

    def __init__(
        self,
        path: str,
        *,
        wait_seconds: float = 0.0,
        stale_seconds: float = 60.0,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        """`stale_seconds`: from which age on a lock that names no process is broken, which `tell` is told."""
        self.path = path
        self._wait, self._stale, self._tell = wait_seconds, stale_seconds, tell
        self._handle = -1

    def __enter__(self) -> Self:
        deadline, pause = time.monotonic() + self._wait, 0.001
        while not self._taken():
            if time.monotonic() >= deadline:
                raise Busy(
                    f"{self.path}: another program holds this lock",
                    "wait for it; if no such program runs, remove the file",
                )
            # Nothing tells when a file goes that another program made.
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        # First the name: whoever gets our `flock` is to find that the file is no more.
        if _is_at(self._handle, self.path):
            with suppress(FileNotFoundError):
                os.unlink(self.path)
        os.close(self._handle)

    def _taken(self) -> bool:
        try:
            handle = _made(self.path)
            if handle is None:
                handle = self._taken_over()
        except OSError as fault:
            raise Failed(
                f"can't lock {self.path}: {fault.strerror}",
                f"look at its folder: `ls -ld {os.path.dirname(self.path)}`",
            ) from fault
        if handle is None:
            return False
        self._handle = handle
        return True

    def _taken_over(self) -> int | None:
        """The lock that is there, once it is ours; None while somebody may hold it."""
        try:
            # Neither through a link nor of a pipe.
            handle = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None  # given back just now: the next look makes it
        kept = False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Given back, and perhaps made anew, before we had its `flock`.
            kept = _is_at(handle, self.path) and self._is_dead(handle)
            if kept:
                os.ftruncate(handle, 0)
                _write_name(handle, self.path)
        except BlockingIOError:
            pass
        finally:
            if not kept:
                os.close(handle)
        return handle if kept else None

    def _is_dead(self, handle: int) -> bool:
        """Whether nobody holds the lock any more, told by its holder's name, else by its age."""
        holder = _holder(os.pread(handle, LONGEST, 0))
        fate = process.fate(holder) if holder else "unknown"
        if fate != "unknown":
            return fate == "dead"
        age = time.time() - os.fstat(handle).st_mtime
        if age < self._stale:
            return False
        whose = f"process {holder.identity.pid} on {holder.host}" if holder else "an unnamed program"
        self._tell(f"{self.path}: the lock of {whose} was broken, {age:.0f} s old")
        return True


def holder(path: str) -> Address | None:
    """Whom the lock at `path` names; None for one of another program's. Raises FileNotFoundError, BadFile."""
    return _holder(files.contents(path, LONGEST))


def _made(path: str) -> int | None:
    """A new lock, ours from the moment on in which it can be seen; None where there is one."""
    folder = os.path.dirname(path)
    try:
        handle = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o644)
    except OSError:
        return _made_openly(path)  # a file system that has no files without a name
    try:
        os.write(handle, _mine())
        fcntl.flock(handle, fcntl.LOCK_EX)
        # The descriptor of a folder makes Python take the call that follows the link.
        where = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.link(f"/proc/self/fd/{handle}", path, src_dir_fd=where, follow_symlinks=True)
        finally:
            os.close(where)
    except FileExistsError:
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        return _made_openly(path)
    return handle


def _made_openly(path: str) -> int | None:
    """The same where the file is seen before it names us: killed in between, it is broken by its age."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        return None
    # Somebody who looks whether it is a dead one's has it for a moment.
    fcntl.flock(handle, fcntl.LOCK_EX)
    if not _is_at(handle, path) or os.pread(handle, 1, 0):
        os.close(handle)
        return None
    _write_name(handle, path)
    return handle


def _write_name(handle: int, path: str) -> None:
    """Writes who holds a lock; one that can't be named, on a full disk, is given back."""
    try:
        os.pwrite(handle, _mine(), 0)
    except OSError:
        with suppress(FileNotFoundError):
            os.unlink(path)
        os.close(handle)
        raise


def _is_at(handle: int, path: str) -> bool:
    """Whether the file that is open as `handle` still has the name `path`."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False


def _mine() -> bytes:
    me = process.address()
    told = {
        "pid": me.identity.pid,
        "host": me.host,
        "pid_ns": me.pid_ns,
        "boot_id": me.identity.boot_id,
        "start_ticks": me.identity.start_ticks,
        "at": clock.stamp(time.time()),
    }
    return json.dumps(told).encode() + b"\n"


def _holder(data: bytes) -> Address | None:
    """Whom a lock names; None for one of another program's."""
    try:
        told = json.loads(data)
        identity = Identity(
            boot_id=str(told["boot_id"]), pid=int(told["pid"]), start_ticks=int(told["start_ticks"])
        )
        return Address(host=str(told["host"]), pid_ns=int(told["pid_ns"]), identity=identity)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
