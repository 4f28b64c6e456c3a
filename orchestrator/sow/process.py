"""Which process is meant: an identity that outlives pid reuse, a mark that outlives every parent.

A pid comes back after some tens of thousands of starts, so a process is named
by (boot id, pid, start time). A tree of processes is named by a variable in
its environment, which children inherit wherever they hide: own session, own
group, daemon. All facts are read from Linux's /proc (see proc(5)).
"""

import os
import time

from sow.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

MARK = "SOW_ATTEMPT_ID"
"""The variable that every process of an attempt bears."""

_KTHREAD = 0x00200000  # PF_KTHREAD of the kernel's sched.h
_ROUNDS = 50
_ENVIRON = 1 << 16
"""How much of an environment is read at once: nearly always all of it."""

_boot_id = ""


class Identity(Value):
    """One process, on this boot of this kernel, and no later one with its pid."""

    boot_id: str
    pid: int
    start_ticks: int
    """Start time in clock ticks since the boot."""


class Address(Value):
    """Where a process is to be found: a pid means something in its own pid namespace only."""

    host: str
    pid_ns: int
    identity: Identity


def boot_id() -> str:
    """The random name that the kernel took at this boot."""
    global _boot_id
    if not _boot_id:
        check_system()
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            _boot_id = file.read().strip()
    return _boot_id


def check_system() -> None:
    """Raises Refused where processes can't be named as they are here: on any system but Linux."""
    import sys

    if sys.platform != "linux":
        from sow.errors import Refused

        raise Refused(
            f"this needs Linux, whose kernel tells of processes what sow goes by, and this is {sys.platform}",
            "use sow in a virtual machine or a container with Linux; `sow doctor` tells what else is missing",
        )


def pid_namespace() -> int:
    """The inode of this process's pid namespace; it differs between containers."""
    check_system()
    return os.stat("/proc/self/ns/pid").st_ino


def host() -> str:
    """The name of this host, without white space."""
    return "".join(os.uname().nodename.split()) or "localhost"


def me() -> Identity:
    """The identity of this process."""
    check_system()
    mine = of(os.getpid())
    if mine is None:
        raise RuntimeError("/proc does not show this process: is it mounted?")
    return mine


def of(pid: int) -> Identity | None:
    """The identity of the process that has `pid` now, be it a zombie; None where there is none."""
    fields = _stat(pid)
    if fields is None:
        return None
    return Identity(boot_id=boot_id(), pid=pid, start_ticks=int(fields[19]))


def in_namespace(pid_ns: int, pid: int) -> Identity | None:
    """The process that has `pid` in another pid namespace, as far as it can be seen from here; else None.

    A namespace shows the processes of those that were made below it.
    """
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            if os.stat(f"/proc/{name}/ns/pid").st_ino != pid_ns:
                continue
            with open(f"/proc/{name}/status", encoding="ascii", errors="replace") as file:
                inner = next((line for line in file if line.startswith("NSpid:")), "")
        except OSError:
            continue  # it is gone, or somebody else's
        if inner.split()[-1:] == [str(pid)]:
            return of(int(name))
    return None


def from_stat(boot: str, line: str) -> Identity | None:
    """The identity in a line of /proc/<pid>/stat that was kept on boot `boot`; None if it is torn."""
    fields = line[line.rfind(")") + 1 :].split()
    pid = line.split(" ", 1)[0]
    if len(fields) < 20 or not pid.isdecimal() or not fields[19].isdecimal():
        return None
    return Identity(boot_id=boot, pid=int(pid), start_ticks=int(fields[19]))


def alive(identity: Identity) -> bool:
    """Whether this very process runs. A zombie is dead: it only waits for its parent."""
    if identity.boot_id != boot_id():
        return False
    fields = _stat(identity.pid)
    return fields is not None and int(fields[19]) == identity.start_ticks and fields[0] not in ("Z", "X")


def address(identity: Identity | None = None) -> Address:
    """The address of a process of this pid namespace; without `identity`, of this process."""
    return Address(host=host(), pid_ns=pid_namespace(), identity=identity or me())


def fate(address: Address) -> "Literal['alive', 'dead', 'unknown']":
    """What can be proved from here about the process at `address`.

    Another boot of the same host proves its death. On another host, or in
    another pid namespace of this kernel, nothing can be proved.
    """
    if address.identity.boot_id != boot_id():
        return "dead" if address.host == host() else "unknown"
    if address.pid_ns != pid_namespace():
        return "unknown"
    return "alive" if alive(address.identity) else "dead"


def open_pidfd(identity: Identity) -> int | None:
    """A pidfd (the caller closes it) of exactly this process; None once it was reaped.

    The pidfd is opened first and the start time read after: the other way
    round the pid could change hands in between.
    """
    if identity.boot_id != boot_id():
        return None
    try:
        fd = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return None
    if of(identity.pid) == identity:
        return fd
    os.close(fd)
    return None


def argv(pid: int) -> tuple[str, ...]:
    """The words with which a process was started; () where it is gone, a zombie, or in mid-exec."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            data = file.read()
    except OSError:
        return ()
    return tuple(os.fsdecode(data).removesuffix("\0").split("\0")) if data else ()


def children(pid: int) -> set[int]:
    """The pids of a process's own children; empty where it is gone, or the kernel was built not to tell."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return {int(child) for child in file.read().split()}
    except OSError:
        return set()


def environ(pid: int) -> dict[str, str]:
    """The environment with which a process started; {} where it is gone or not ours to read."""
    try:
        data = _environ(pid)
    except OSError:
        return {}
    pairs = (os.fsdecode(entry).partition("=") for entry in data.split(b"\0") if entry)
    return {key: value for key, _, value in pairs}


def marked(mark: str) -> list[int]:
    """All live processes, but this one, that bear `SOW_ATTEMPT_ID=<mark>`."""
    return marks().get(mark, [])


def marks() -> dict[str, list[int]]:
    """The pids of all live processes, but this one, that bear a mark, by mark. One scan of /proc.

    A process that changed its uid, or was made unreadable (as ssh-agent does),
    or wrote over its environment can't be seen.
    """
    found: dict[str, list[int]] = {}
    seen = {str(os.getpid())}
    # Listing and reading are not one moment: what was forked in between, by a
    # parent that is gone when its turn comes, shows up as new in the next listing.
    for _ in range(_ROUNDS):
        new = [pid for pid in os.listdir("/proc") if pid not in seen and pid.isdecimal()]
        if not new:
            break
        unsure = False
        for pid in new:
            borne = mark(int(pid))
            if borne is None:
                unsure = True
                continue
            seen.add(pid)
            if borne:
                found.setdefault(borne, []).append(int(pid))
        if unsure:
            time.sleep(0.001)
    return found


def used(pid: int) -> tuple[int, int] | None:
    """Pages that a process holds in memory, and its clock ticks with those of ended children; None if it is
    gone or a zombie."""
    fields = _stat(pid)
    if fields is None or fields[0] in ("Z", "X"):
        return None
    return int(fields[21]), sum(map(int, fields[11:15]))


def mark(pid: int) -> str | None:
    """The mark of a process; empty if it has none; None in mid-exec, when nothing is to be seen."""
    try:
        data = _environ(pid)
    except OSError:
        return ""
    if not data:
        return "" if _has_none(pid) else None
    key = MARK.encode() + b"="
    if key not in data:
        return ""
    return next((os.fsdecode(e[len(key) :]) for e in data.split(b"\0") if e.startswith(key)), "")


def _has_none(pid: int) -> bool:
    """Whether a process that showed no environment has none, rather than being between two of them."""
    fields = _stat(pid)
    if fields is None or fields[0] in ("Z", "X") or int(fields[6]) & _KTHREAD:
        return True
    # Where its code and its environment start, and where that ends. An exec sets the last two to 0,
    # then to one address, then apart, unless there is nothing between; only then it sets the first.
    return fields[23] != "0" and fields[47] == fields[48] != "0"


def _environ(pid: int) -> bytes:
    # Of all processes, at the end of each turn: a file object would cost as much as the reading.
    handle = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = b""
        while part := os.read(handle, _ENVIRON):
            data += part
        return data
    finally:
        os.close(handle)


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the third (state) on; field n of proc(5) is [n - 3]."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            line = file.read()
    except OSError:
        return None
    # The second field is the program's name in brackets, and may hold blanks and brackets itself.
    return line[line.rfind(")") + 1 :].split() or None
