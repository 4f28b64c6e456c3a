"""How bytes reach the disk and come back: a lock, a whole file, a rename.

A file is never seen half written: it is written beside, flushed to the disk
and renamed into place. A lock is a `flock` on a file of its own, so the kernel
frees it when its holder dies, and it can't go stale. What is read may be
anything that an agent has put there: it is never waited for, never larger than
is allowed, and no link leads out of the folders in which it has to stay.
"""

import errno
import os
import stat
import time
from _thread import get_ident

from sow.errors import BadFile, Busy, Failed
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

LOCK_SECONDS = 60.0
"""A lock is held for one write; who waits a minute for it waits for something broken."""

TEXT_BYTES = 16 * 1024 * 1024
"""The most bytes that a text of a task's may have: a description, feedback."""

_written = 0


class Unreadable(BadFile):
    """A file or folder that can't be read: no plain one, outside, too large, or the system refuses."""


def contents(path: str, most: int, roots: "tuple[str, ...]" = ()) -> bytes:
    """The bytes of the file at `path`, of which there may be `most`; whatever it is, it is not waited for.

    `roots`: the folders out of which no link may lead; links may lead anywhere where none is given.
    Raises FileNotFoundError where there is no such file, Unreadable where it is no
    plain file, too large, outside of `roots`, or where the system refuses it.
    """
    try:
        handle = _opened(path, roots)
    except FileNotFoundError:
        if os.path.islink(path):
            raise Unreadable(path, f"is a link to {os.readlink(path)}, which is not there", _PLAIN) from None
        raise
    except OSError as fault:
        raise _unreadable(path, fault) from fault
    try:
        return _all_of(handle, path, most)
    except OSError as fault:
        raise _unreadable(path, fault) from fault
    finally:
        os.close(handle)


def text(path: str, roots: "tuple[str, ...]" = (), most: int = TEXT_BYTES) -> str:
    """What stands in the file at `path`, with a replacement for what is no UTF-8; empty where there is none.

    Raises Unreadable as `contents` does.
    """
    try:
        return contents(path, most, roots).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def names(folder: str, roots: "tuple[str, ...]" = ()) -> "list[str]":
    """The names of what lies in `folder`; none where there is no such folder.

    Raises Unreadable where it is no folder, can't be listed, or lies outside of `roots`.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return []
    except OSError as fault:
        raise _unreadable(folder, fault) from fault
    try:
        if roots and not _is_at(handle, folder):
            check_inside(folder, roots)
        return os.listdir(handle)
    except OSError as fault:
        raise _unreadable(folder, fault) from fault
    finally:
        os.close(handle)


def names_if_any(folder: str) -> "list[str]":
    """What lies in a folder: nothing where it can't be looked into."""
    try:
        return names(folder)
    except Unreadable:
        return []


def check_inside(path: str, roots: "tuple[str, ...]") -> None:
    """Raises Unreadable where a link leads from `path` out of all of `roots`."""
    real = os.path.realpath(path)
    if not any(f"{real}/".startswith(f"{os.path.realpath(root).rstrip('/')}/") for root in roots):
        raise Unreadable(path, f"a link leads out of the repository here, to {real}", _PLAIN)


def append(path: str, data: bytes, roots: "tuple[str, ...]" = ()) -> None:
    """Adds `data` to the file at `path` in one write; the file is made where it is missing.

    Raises Unreadable where it is no plain file or lies outside of `roots`, OSError where the system refuses.
    """
    if roots:
        check_inside(path, roots)
    try:
        # A pipe that nobody reads would keep us here for ever.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(path, flags, 0o644)
    except OSError as fault:
        if fault.errno in (errno.ENXIO, errno.EISDIR, errno.ENOTDIR, errno.ELOOP):
            raise _unreadable(path, fault) from fault
        raise
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unreadable(path, "is not a regular file", _AWAY)
        os.write(handle, data)
    finally:
        os.close(handle)


def create(path: str, text: str) -> bool:
    """Makes the file at `path`, whole or not at all, unless there is one; whether it did. Raises Failed."""
    folder, beside = os.path.dirname(path), _beside(path)
    try:
        _write_through(beside, text.encode("utf-8", "replace"), 0o644, True)
        try:
            # Unlike a rename it never takes the place of what somebody else has made meanwhile.
            os.link(beside, path)
        except FileExistsError:
            return False
        finally:
            os.unlink(beside)
        flush_folder(folder)
    except OSError as fault:
        raise refused(path, fault) from fault
    return True


def allow_reading(path: str) -> None:
    """Gives the owner the right to read a file, or to look into a folder. Raises Failed."""
    try:
        mode = os.lstat(path).st_mode
        os.chmod(path, stat.S_IMODE(mode) | (0o700 if stat.S_ISDIR(mode) else 0o600))
    except OSError as fault:
        raise refused(path, fault) from fault


def set_aside(path: str, *, leave: bool = True) -> str:
    """Keeps what lies at `path` under a name beside it, `<path>.broken`, numbered from the second on.

    Gives that name. With `leave` a plain file stays at `path` too, for the one that
    replaces it; whatever is killed, calling it again comes to the same. Raises Failed
    where the disk refuses.
    """
    there = os.lstat(path)
    try:
        aside = _name_beside(path, there)
        if leave and stat.S_ISREG(there.st_mode) and _linked(path, aside):
            return aside
        os.rename(path, aside)
        # To rename one of two names of a file to the other does nothing.
        if _lstat(path) is not None:
            os.unlink(path)
    except OSError as fault:
        raise refused(path, fault) from fault
    return aside


def _name_beside(path: str, there: "os.stat_result") -> str:
    """The first name that is free, or is one of this very file already."""
    number, aside = 1, f"{path}.broken"
    while (kept := _lstat(aside)) is not None and not os.path.samestat(kept, there):
        number += 1
        aside = f"{path}.broken.{number}"
    return aside


def _linked(path: str, aside: str) -> bool:
    """Whether `path` has the name `aside` as well by now; False on a file system without links."""
    try:
        os.link(path, aside, follow_symlinks=False)
    except FileExistsError:
        return True
    except OSError:
        return False
    return True


def _lstat(path: str) -> "os.stat_result | None":
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


_PLAIN = "put the file or folder itself there, not a link to it"
_AWAY = "move it away, and put a plain file there"


def _opened(path: str, roots: "tuple[str, ...]") -> int:
    # Without O_NONBLOCK a named pipe would keep us here for ever.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
    if not roots:
        return os.open(path, flags)
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW)
    except OSError as fault:
        if fault.errno != errno.ELOOP:
            raise
        # Looked at before it is opened: to open a device can do something.
        check_inside(path, roots)
        return os.open(path, flags)
    try:
        if not _is_at(handle, path):
            check_inside(path, roots)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _is_at(handle: int, path: str) -> bool:
    """Whether what was opened as `path` really lies there, with no link above it: one system call."""
    try:
        # The second one is what a rename has replaced since it was opened.
        return os.readlink(f"/proc/self/fd/{handle}") in (path, f"{path} (deleted)")
    except OSError:
        return False


def _all_of(handle: int, path: str, most: int) -> bytes:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        what = "is a folder" if stat.S_ISDIR(status.st_mode) else "is not a regular file"
        raise Unreadable(path, what, _AWAY)
    parts: list[bytes] = []
    read = 0
    # One byte more than is allowed shows a file that grows while it is read.
    while status.st_size <= most and (part := os.read(handle, most + 1 - read)):
        parts.append(part)
        read += len(part)
    if max(status.st_size, read) > most:
        what = f"is {max(status.st_size, read):,} bytes long; it may have {most:,}"
        raise Unreadable(path, what, "keep long texts in files of their own, and their paths here")
    return b"".join(parts)


def _unreadable(path: str, fault: OSError) -> Unreadable:
    match fault.errno:
        case errno.ENOTDIR:
            wrong = path
            while not os.path.isdir(os.path.dirname(wrong)):
                wrong = os.path.dirname(wrong)
            return Unreadable(wrong, "is a file, and should be a folder", "move it away")
        case errno.EISDIR:
            return Unreadable(path, "is a folder", _AWAY)
        case errno.ENXIO:
            return Unreadable(path, "is not a regular file", _AWAY)
        case errno.EACCES | errno.EPERM:
            return Unreadable(
                path, f"can't be read: {fault.strerror}", f"give yourself the right to: `ls -ld {path}`"
            )
    return Unreadable(path, f"can't be read: {fault.strerror or fault}", f"look at it: `ls -ld {path}`")


def write(path: str, text: str, *, mode: int = 0o644, flushed: bool = True) -> None:
    """Replaces the file at `path` with `text`, whole or not at all; its folder must exist.

    An existing file keeps its mode. `flushed`: whether it is to survive a power
    cut, and not only any kill. Raises Failed where the disk refuses.
    """
    folder, beside = os.path.dirname(path), _beside(path)
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
        raise refused(path, fault) from fault


def fill(path: str, text: str) -> None:
    """Writes a new file into a folder that nobody knows yet; by a flush of all it survives a power cut."""
    try:
        _write_through(path, text.encode("utf-8", "replace"), 0o644, False)
    except OSError as fault:
        raise refused(path, fault) from fault


def replace(path: str, before: str, after: str) -> bool:
    """Writes `after` in place of `before`, which the file at `path` must still say; whether it did.

    Whoever writes it meanwhile keeps what they wrote, but for the moment between a last look and a rename.
    Its mode stays. Raises Failed where the disk refuses.
    """
    folder, beside = os.path.dirname(path), _beside(path)
    try:
        try:
            _write_through(beside, after.encode("utf-8", "replace"), os.stat(path).st_mode & 0o777, True)
            # All that takes long is done: the flush, above all.
            if contents(path, max(len(before.encode()), 1)) != before.encode():
                return False
            os.rename(beside, path)
            flush_folder(folder)
            return True
        except (FileNotFoundError, Unreadable):
            return False
        finally:
            if os.path.lexists(beside):
                os.unlink(beside)
    except OSError as fault:
        raise refused(path, fault) from fault


def _beside(path: str) -> str:
    """Where a file is written before it takes the place of another one.

    Every writer, each thread, has a name of its own: two that got past the lock can't mix their bytes.
    """
    global _written
    _written += 1
    folder, name = os.path.split(path)
    return f"{folder}/.{name}.{os.getpid()}.{get_ident()}.{_written}.tmp"


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


def move(path: str, to: str, *, flushed: bool = True) -> None:
    """Moves a file or folder to a place that is free, also to another disk; nothing where it is gone.

    Repeated after a kill in the middle it completes the move. `flushed`: whether it is to survive a power cut
    by now. Raises Failed where the disk refuses.
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
            if flushed:
                flush_folder(os.path.dirname(path))
                flush_folder(os.path.dirname(to))
    except OSError as fault:
        raise refused(to, fault) from fault


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
        if not os.path.isdir(path):  # most are there: to ask costs less than to try
            os.makedirs(path, exist_ok=True)
    except OSError as fault:
        raise refused(path, fault) from fault


def refused(path: str, fault: OSError) -> Failed:
    """What a person is told of a file that can't be written: the write itself does not always name it."""
    what = os.strerror(fault.errno) if fault.errno else str(fault)
    above = os.path.dirname(path)
    while above not in ("", "/") and not os.path.lexists(above):
        above = os.path.dirname(above)
    hints = {
        errno.ENOSPC: "free some space on that disk and repeat the command",
        errno.EDQUOT: "free some of your quota and repeat the command",
        errno.EACCES: f"give yourself the right to write there: `ls -ld {above}`",
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
            raise refused(self.path, fault) from fault
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
        try:
            text = os.pread(self._handle, 20, 0)
            number = (int(text) if text.strip().isdigit() else 0) + 1
            os.pwrite(self._handle, b"%020d" % number, 0)
        except OSError as fault:
            raise refused(self.path, fault) from fault
        return number


class FolderLock(Lock):
    """The same on a folder of the user's that is there: it leaves no file behind, and can't count."""

    def _open(self) -> int:
        return os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
