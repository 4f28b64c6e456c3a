"""Whether somebody is writing a file, and what writers left that were killed at it."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import stat
import time
from contextlib import suppress

_TEMPORARY = re.compile(r"\..+\.(?P<pid>\d+)\.\d+\.\d+\.tmp")
"""How `sow.files` calls what it writes beside a file."""

_SET_SIGNAL = 10
"""F_SETSIG, which Python has no name for before 3.12."""


def is_written(path: str) -> bool:
    """Whether some process has the plain file at `path` open to write; False where nobody can tell.

    The kernel gives a lease to a reader only where nobody can write.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return False
        # Whoever opens it while we hold the lease is waited for by a signal: one that ends nobody.
        fcntl.fcntl(handle, _SET_SIGNAL, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as fault:
        return fault.errno == errno.EAGAIN
    finally:
        os.close(handle)
    return False


def age(path: str) -> float:
    """For how many seconds a file has not been written; more than any where its clock is ahead of ours.

    Raises FileNotFoundError.
    """
    passed = time.time() - os.lstat(path).st_mtime
    return passed if passed >= 0 else float("inf")


def sweep(folder: str) -> None:
    """Removes what writers of ours left in a folder that were killed before they could rename it."""
    with suppress(OSError):
        for name in os.listdir(folder):
            half = _TEMPORARY.fullmatch(name)
            if half and not _lives(int(half["pid"])):
                with suppress(OSError):
                    os.unlink(f"{folder}/{name}")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    return True
