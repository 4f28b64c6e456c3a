"""What is held for longer than a write: an orchestrator, a session, git in a worktree.

A lease is a file that names a process. It is held while that process lives,
and taken over when its death can be proved: never on a timer, never on a
guess. Every look and every change happens under a lock of the kernel's on the
file beside it, `<path>.lock`, which is never removed.

There is no fsync: after a power cut the boot id has changed, and a lease that
came back torn would be void anyway.
"""

import fcntl
import json
import os
import time
from contextlib import contextmanager

from sow import files, process
from sow.errors import BadFile, Busy
from sow.process import Address, Identity
from sow.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


MOST = 1 << 16
"""The most bytes that the file of a lease may have."""


class Held(Busy):
    """A lease that somebody else has; `.lease` says who."""

    def __init__(self, lease: "Lease") -> None:
        self.lease = lease
        pid, host = lease.holder.identity.pid, lease.holder.host
        if process.fate(lease.holder) == "alive":
            where, hint = "", f"wait for it, or end it with `kill {pid}`"
        else:
            where = f" on {host}, which can't be asked from here"
            hint = f"if process {pid} is gone, remove {lease.path} and try again"
        super().__init__(f"{lease.what}: held by process {pid}{where} since {lease.since}", hint)


class Lost(Busy):
    """A lease that is no longer ours to hand on."""

    hint = "another process took it over; look at it with `sow status`"

    def __init__(self, lease: "Lease") -> None:
        super().__init__(f"{lease.what}: the lease of process {lease.holder.identity.pid} is gone")


class Lease(Value):
    """Who holds what, since when; as a value it can be shown, handed on and given back."""

    path: str
    what: str
    """For people: `the orchestrator of todo-app`."""
    since: str
    """RFC 3339, UTC."""
    holder: Address
    broken: "Lease | None" = None
    """The dead holder's lease that this one replaced, to be told as an event."""

    def release(self) -> bool:
        """Give the lease back; False, and nothing done, if the file no longer says what this value says."""
        with _locked(self.path):
            if not self._is_ours():
                return False
            os.unlink(self.path)
            return True

    def hand_to(self, identity: Identity) -> "Lease":
        """The same lease, held by another process of this pid namespace from now on; raises `Lost`."""
        with _locked(self.path):
            if not self._is_ours():
                raise Lost(self)
            handed = self.replace(holder=process.address(identity))
            _write(handed)
            return handed

    def _is_ours(self) -> bool:
        return _read(self.path) == self.replace(broken=None)


def acquire(path: str, what: str, identity: Identity | None = None) -> Lease:
    """Take the lease at `path` for `identity`, by default this process; raises `Held`.

    A holder that is provably dead is replaced and named in `.broken`. A file
    that can't be read is nobody's: its writer died before it had the lease.
    The same process can't hold a lease twice.
    """
    files.make_folder(os.path.dirname(path) or ".")
    with _locked(path):
        old = _read(path)
        if old is not None and process.fate(old.holder) != "dead":
            raise Held(old)
        lease = Lease(path=path, what=what, since=_now(), holder=process.address(identity), broken=old)
        _write(lease)
        return lease


def holder(path: str) -> Lease | None:
    """The lease at `path` as the file has it, its holder dead or alive; None where there is none.

    It is read without the lock: a lease is written by a rename.
    """
    return _read(path)


@contextmanager
def _locked(path: str) -> "Iterator[None]":
    fd = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _read(path: str) -> Lease | None:
    try:
        data = json.loads(files.contents(path, MOST))
        return Lease(
            path=path,
            what=str(data["what"]),
            since=str(data["since"]),
            holder=Address(
                host=str(data["host"]),
                pid_ns=int(data["pid_ns"]),
                identity=Identity(
                    boot_id=str(data["boot_id"]),
                    pid=int(data["pid"]),
                    start_ticks=int(data["start_ticks"]),
                ),
            ),
        )
    except (FileNotFoundError, BadFile, ValueError, KeyError, TypeError, RecursionError):
        return None


def _write(lease: Lease) -> None:
    mine = lease.holder.identity
    data = {
        "host": lease.holder.host,
        "pid_ns": lease.holder.pid_ns,
        "boot_id": mine.boot_id,
        "pid": mine.pid,
        "start_ticks": mine.start_ticks,
        "what": lease.what,
        "since": lease.since,
    }
    # Under the lock there is one writer: what a killed one left under this name is written over.
    beside = f"{lease.path}.new"
    try:
        with open(beside, "w", encoding="utf-8") as file:
            file.write(json.dumps(data) + "\n")
        os.replace(beside, lease.path)
    except OSError as fault:
        raise files.refused(lease.path, fault) from fault


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
