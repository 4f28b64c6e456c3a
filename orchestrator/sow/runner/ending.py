"""Ends processes: exactly the ones that are meant, and all of them.

A signal goes through a pidfd whose process was recognised, never to a bare
pid; a wait is for the pidfd, never a guess. What is left of an attempt, in
whatever session or group it hides, is found by its mark.
"""

import os
import select
import signal
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack

from sow import process
from sow.errors import Failed
from sow.process import Identity

# How long a sweep goes on against a tree that makes processes faster than it ends them.
PATIENCE = 10.0

# A shell mostly takes less than this from its last look at its signals to the start of its command.
_STARTING = 0.1

# How often a program is told that came after the group was: in mid-exec it may miss it once.
_TIMES = 2


class NotEnded(Failed):
    """Processes of an attempt that would not end."""

    hint = "do they hang in the kernel, on a dead disk? `ps -o pid,stat,wchan,args -p PID` tells"

    def __init__(self, attempt: str, pids: list[int]) -> None:
        told = ", ".join(f"{pid} ({' '.join(process.argv(pid))[:80] or '?'})" for pid in pids)
        super().__init__(f"attempt {attempt} still has processes that can't be ended: {told}")
        self.pids = pids


def end_group(leader: Identity, grace: float) -> bool:
    """End the process group that `leader` leads: TERM, up to `grace` seconds for the leader, KILL.

    Gives whether it took a KILL. Does nothing if the leader has ended.
    """
    fd = process.open_pidfd(leader)
    if fd is None:
        return False
    try:
        if _ended([fd], 0):
            return False
        told = Counter(dict.fromkeys(_started(leader.pid), _TIMES))
        # While the leader lives, its pid is the group's number and nobody else's.
        _to_group(leader.pid, signal.SIGTERM)
        # A stopped process gets its TERM only when it goes on.
        _to_group(leader.pid, signal.SIGCONT)
        deadline = time.monotonic() + grace
        # Told in the moment in which it starts its command, or what comes before that, a shell keeps it
        # from the command.
        while (left := deadline - time.monotonic()) > 0:
            if _ended([fd], min(_STARTING, left)):
                return False
            late = {pid for pid in _started(leader.pid) if told[pid] < _TIMES}
            _tell(late)
            told.update(late)
        _to_group(leader.pid, signal.SIGKILL)
        _ended([fd], PATIENCE)
        return True
    finally:
        _reap(fd)
        os.close(fd)


def reap(identity: Identity) -> None:
    """Take a dead child off the kernel's list, so that it is no zombie; nothing for what is no child."""
    fd = process.open_pidfd(identity)
    if fd is not None:
        _reap(fd)
        os.close(fd)


def sweep(attempt: str, grace: float) -> int:
    """End every process that bears the attempt's mark; gives how many there were.

    TERM and up to `grace` seconds for those found first, KILL for the rest and
    for whatever comes after, until a scan finds none. Raises `NotEnded`.
    """
    ended: set[Identity] = set()
    deadline = time.monotonic() + grace + PATIENCE
    gentle = True
    while found := [known for pid in process.marked(attempt) if (known := process.of(pid))]:
        if time.monotonic() > deadline:
            raise NotEnded(attempt, [known.pid for known in found])
        ended |= _end(found, grace if gentle else None)
        gentle = False
    return len(ended)


def outliving(known: Iterable[Identity], seconds: float) -> set[Identity]:
    """Those that live on, though they had up to `seconds` to end by themselves."""
    with ExitStack() as stack:
        fds = _opened(known, stack)
        ended = _ended(list(fds), seconds)
        return {known for fd, known in fds.items() if fd not in ended}


def _opened(found: Iterable[Identity], stack: ExitStack) -> dict[int, Identity]:
    """The pidfds of those that live, until `stack` closes them."""
    fds: dict[int, Identity] = {}
    for known in found:
        fd = process.open_pidfd(known)
        if fd is not None:
            stack.callback(os.close, fd)
            fds[fd] = known
    return fds


def _end(found: list[Identity], grace: float | None) -> set[Identity]:
    """TERM with `grace` seconds, then KILL (at once if it is None), for all of `found`; gives whom it met."""
    with ExitStack() as stack:
        fds = _opened(found, stack)
        if grace is not None:
            _to_each(fds, signal.SIGTERM)
            _to_each(fds, signal.SIGCONT)
            _ended(list(fds), grace)
        _to_each(fds, signal.SIGKILL)
        for fd in _ended(list(fds), 1.0):
            _reap(fd)
        return set(fds.values())


def _started(leader: int) -> set[int]:
    """The children of `leader` that are programs of their own.

    One that still is a copy of it takes a signal as `leader` would, and forgets it with its exec.
    """
    # The leader's words after the child's: it may have become the shell just now.
    return {
        pid
        for pid in process.children(leader)
        if (words := process.argv(pid)) and words != process.argv(leader)
    }


def _tell(pids: set[int]) -> None:
    """SIGTERM for each of `pids`, seen a moment ago, and no wait."""
    for pid in pids:
        known = process.of(pid)
        fd = None if known is None else process.open_pidfd(known)
        if fd is not None:
            _to_each([fd], signal.SIGTERM)
            os.close(fd)


def _to_each(fds: Iterable[int], number: signal.Signals) -> None:
    for fd in fds:
        try:
            signal.pidfd_send_signal(fd, number)
        except (ProcessLookupError, PermissionError):
            pass  # gone, or it has another user's rights now: the next scan says which


def _to_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        pass  # ended in between, or none of it is ours to end: the sweep says which


def _ended(fds: list[int], timeout: float) -> list[int]:
    """Wait up to `timeout` seconds for all processes to end; gives the pidfds of those that did."""
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    ended: list[int] = []
    deadline = time.monotonic() + timeout
    while len(ended) < len(fds):
        left = max(0.0, deadline - time.monotonic())
        ready = poll.poll(left * 1000)
        for fd, _ in ready:
            poll.unregister(fd)
            ended.append(fd)
        if not ready and left == 0.0:
            break
    return ended


def _reap(fd: int) -> None:
    try:
        os.waitid(os.P_PIDFD, fd, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        pass  # somebody else's child, or reaped already
