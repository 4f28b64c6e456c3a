"""Whether a git that left something behind still lives, read from Linux's /proc."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Iterator

from sow.errors import SowError
from sow.git import places


def bearing(variable: str, value: str) -> list[int]:
    """The live processes, but this one, that were started with `variable=value` in their environment."""
    entry = f"{variable}={value}".encode()
    return [pid for pid in _pids() if entry in _bytes(f"/proc/{pid}/environ").split(b"\0")]


def wait_for_end(variable: str, value: str, seconds: float) -> bool:
    """Waits until no process bears `variable=value`; False if one still does after `seconds`."""
    return _wait_while_any(lambda: iter(bearing(variable, value)), seconds)


def in_use(git_dir: str, path: str) -> bool:
    """Whether any process may be at work behind the lock file at `path`.

    One may be where a process has the file open, or where a git (its name
    begins with `git`) stands in the checkout with the git folder `git_dir`;
    given the common one, in any of the repository. One that we may not look
    at counts.
    """
    return next(_users(git_dir, path), None) is not None


def wait_until_unused(git_dir: str, path: str, seconds: float) -> bool:
    """Waits for every process that may be at work behind the lock file at `path`, as `in_use` tells them.

    False if one still is after `seconds`. A git whose parent was killed needs
    a moment to end, or just ends its work.
    """
    return _wait_while_any(lambda: _users(git_dir, path), seconds)


def _wait_while_any(find: Callable[[], Iterator[int]], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while (pid := next(find(), None)) is not None:
        if not _ended(pid, end - time.monotonic()):
            return False
    return True


def _users(git_dir: str, path: str) -> Iterator[int]:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return
    yield from (pid for pid in _pids() if _is_git_in(pid, git_dir) or _has_open(pid, found))


def _is_git_in(pid: int, git_dir: str) -> bool:
    if not _bytes(f"/proc/{pid}/comm").startswith(b"git"):
        return False
    try:
        folder = os.readlink(f"/proc/{pid}/cwd")
        there = places.find(folder)
    except FileNotFoundError:
        return False
    except (OSError, SowError):
        return True
    return there is not None and git_dir in (there.git_dir, there.common)


def _has_open(pid: int, file: os.stat_result) -> bool:
    try:
        handles = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False
    for handle in handles:
        try:
            there = os.stat(f"/proc/{pid}/fd/{handle}")
        except OSError:
            continue
        if (there.st_dev, there.st_ino) == (file.st_dev, file.st_ino):
            return True
    return False


def _ended(pid: int, seconds: float) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(max(0.0, seconds) * 1000))
    finally:
        os.close(handle)


def _pids() -> Iterator[int]:
    mine = os.getpid()
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != mine:
            yield int(name)


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
