"""How bytes reach the disk: a lock, a whole file, a rename.

A file is never seen half written: it is written beside, flushed to the disk
and renamed into place. A lock is a `flock` on a file of its own, so the kernel
frees it when its holder dies, and it can't go stale.
"""

import errno
import os
import time

from sow.errors import Busy, Failed
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

LOCK_SECONDS = 60.0
"""A lock is held for one write; who waits a minute for it waits for something broken."""

_written = 0


def write(path: str, text: str, *, mode: int = 0o644, flushed: bool = True) -> None:
    """Replaces the file at `path` with `text`, whole or not at all; its folder must exist.

    An existing file keeps its mode. `flushed`: whether it is to survive a power
    cut, and not only any kill. Raises Failed where the disk refuses.
    """
    global _written
    _written += 1
    folder, name = os.path.split(path)
    # Every writer has a name of its own, so that two that got past the lock can't mix their bytes.
    beside = f"{folder}/.{name}.{os.getpid()}.{_written}.tmp"
    try:
        try:
            mode = os.stat(path).st_mode & 0o777
        except FileNotFoundError:
            pass
        _write_through(beside, text.encode("utf-8", "replace"), mode, flushed)
        os.rename(beside, path)
        if flushed:
            flush_folder(folder)
    except OSError as fault:
        try:
            os.unlink(beside)
        except OSError:
            pass
        raise _refused(path, fault) from fault


def _write_through(path: str, data: bytes, mode: int, flushed: bool) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        if flushed:
            os.fsync(handle)
    finally:
        os.close(handle)


def move(path: str, to: str) -> None:
    """Moves a file or folder to a place that is free, also to another disk; nothing where it is gone.

    Repeated after a kill in the middle it completes the move. Raises Failed where the disk refuses.
    """
    aside = f"{os.path.dirname(path)}/.moving-{os.path.basename(path)}"
    try:
        if os.path.lexists(aside):
            _carry_over(aside, to)
        elif os.path.lexists(path):
            make_folder(os.path.dirname(to))
            try:
                os.rename(path, to)
            except OSError as fault:
                if fault.errno != errno.EXDEV:
                    raise
                # Readers of it see all of it or nothing: it goes before it is copied.
                os.rename(path, aside)
                _carry_over(aside, to)
            flush_folder(os.path.dirname(path))
            flush_folder(os.path.dirname(to))
    except OSError as fault:
        raise _refused(to, fault) from fault


def _carry_over(aside: str, to: str) -> None:
    """Copies what was put aside to another disk, whole, then removes it here."""
    import shutil

    beside = f"{os.path.dirname(to)}/.moving-{os.path.basename(to)}"
    if not os.path.lexists(to):
        make_folder(os.path.dirname(to))
        shutil.rmtree(beside, ignore_errors=True)
        if os.path.isdir(aside):
            shutil.copytree(aside, beside, symlinks=True)
        else:
            shutil.copy2(aside, beside, follow_symlinks=False)
        os.sync()  # all of it, at once: this is rare, and what was here is about to go
        os.rename(beside, to)
        flush_folder(os.path.dirname(to))
    if os.path.isdir(aside):
        shutil.rmtree(aside)
    else:
        os.unlink(aside)


def flush_folder(folder: str) -> None:
    """Makes what was renamed, made or removed in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: str) -> None:
    """Makes `path` and what is missing above it."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as fault:
        raise _refused(path, fault) from fault


def _refused(path: str, fault: OSError) -> Failed:
    what = os.strerror(fault.errno) if fault.errno else str(fault)
    hints = {
        errno.ENOSPC: "free some space on that disk and repeat the command",
        errno.EDQUOT: "free some of your quota and repeat the command",
        errno.EACCES: f"give yourself the right to write there: `ls -ld {os.path.dirname(path)}`",
        errno.EROFS: "the file system is mounted read-only",
    }
    return Failed(
        f"can't write {path}: {what}", hints.get(fault.errno or 0, "mend that and repeat the command")
    )


class Lock:
    """An exclusive lock on the document that `path` stands for, for a `with` block.

    The lock's file also carries a small counter, which only its holder touches.
    Raises Busy when another process holds it for longer than `seconds`.
    """

    def __init__(self, path: str, *, wait_seconds: float = LOCK_SECONDS) -> None:
        self.path = path
        self._wait = wait_seconds
        self._handle = -1

    def __enter__(self) -> "Lock":
        try:
            self._handle = self._open()
        except FileNotFoundError:
            make_folder(os.path.dirname(self.path))
            self._handle = self._open()
        except OSError as fault:
            raise _refused(self.path, fault) from fault
        try:
            self._take()
        except BaseException:
            os.close(self._handle)
            raise
        return self

    def __exit__(
        self, kind: "type[BaseException] | None", fault: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        os.close(self._handle)

    def _open(self) -> int:
        return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def _take(self) -> None:
        from fcntl import LOCK_EX, LOCK_NB, flock

        try:
            return flock(self._handle, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            pass
        # A blocking flock can't be given a time limit without signals, so the wait is stepped: the
        # steps are short beside the write that is waited for, and a killed holder frees it at once.
        end, pause = time.monotonic() + self._wait, 0.0005
        while True:
            try:
                return flock(self._handle, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Busy(
                        f"{self.path} has been locked by another process for {self._wait:.0f} s",
                        f"see who holds it: `fuser {self.path}`; then repeat the command",
                    ) from None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.02)

    def count(self) -> int:
        """The counter's next value, from 1; kept in the lock's file."""
        text = os.pread(self._handle, 20, 0)
        number = (int(text) if text.strip().isdigit() else 0) + 1
        os.pwrite(self._handle, b"%020d" % number, 0)
        return number


class FolderLock(Lock):
    """The same on a folder of the user's that is there: it leaves no file behind, and can't count."""

    def _open(self) -> int:
        return os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
