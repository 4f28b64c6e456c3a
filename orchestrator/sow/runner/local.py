"""Runs commands on this machine, as attempts that outlive the orchestrator.

Nothing of an attempt hangs on the process that started it: its output goes to
files, its exit status is left in its folder, it leads a session of its own and
bears a mark. So a later orchestrator can `adopt` it, and anybody can `stop` it.
"""

import errno
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sow import process
from sow.errors import Busy
from sow.process import Address, Identity
from sow.runner import attempt as folders
from sow.runner import ending, environment
from sow.runner.attempt import CannotStart, Exit
from sow_executors.base import Command

# A shell writes its line within a millisecond or two of making the file.
_BREATH = 1.0

# The default time that what a command left behind gets between TERM and KILL.
SWEEP_GRACE = 1.0


@dataclass(frozen=True, slots=True)
class Running:
    """An attempt whose command runs."""

    attempt: str
    folder: str
    identity: Identity
    """The shell around the command; it leads the process group and ends right after the command."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt whose command has ended; strays that bear its mark may live until a `sweep`."""

    attempt: str
    folder: str
    exit: Exit | None
    """None where the status is lost: the shell was killed, or the machine went down."""


@dataclass(frozen=True, slots=True)
class NeverStarted:
    """An attempt whose command has not run, and never will."""

    attempt: str
    folder: str


class Elsewhere(Busy):
    """An attempt that runs, or ran, where this process can't look."""

    hint = "run `sow` there; if it is gone for good, remove the attempt's folder"

    def __init__(self, attempt: str, address: Address) -> None:
        place = f"on {address.host}"
        if address.identity.boot_id == process.boot_id():
            place += f", in another container (pid namespace {address.pid_ns})"
        super().__init__(f"attempt {attempt} was started {place}: whether it lives can't be seen from here")


class LocalRunner:
    """Starts, adopts and ends attempts. It keeps nothing: all it knows is in the attempts' folders."""

    def __init__(self, *, base_env: Mapping[str, str] | None = None) -> None:
        """`base_env` lies under every command's environment; by default what passes of this process's own."""
        self._base = environment.build(os.environ, (), {}) if base_env is None else dict(base_env)

    def start(self, command: Command, attempt: str, folder: str, env: Mapping[str, str]) -> Running:
        """Start `command` as the attempt named `attempt`, once; return as soon as its process exists.

        `folder` is absolute, bears the attempt's name and is made if need be.
        The environment is the runner's base, `env`, the command's own
        variables, and the mark, later ones over earlier ones; `env` is what
        `environment.build` gives. Raises `MissingProgram`, `MissingFolder`,
        `AlreadyStarted`, `CannotStart`.
        """
        prepared = folders.prepare(command, attempt, folder, {**self._base, **env})
        try:
            # A fork copies the page tables of its parent: 80 times slower than this, from a large one.
            pid = os.posix_spawn(
                folders.SHELL,
                prepared.argv,
                prepared.env,
                file_actions=_files(folder, prepared.prompt),
                setsid=True,
                # Python ignores SIGPIPE, nohup SIGHUP, some parents SIGCHLD: the command shall not.
                setsigmask=(),
                setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
            )
        except (OSError, ValueError) as error:
            raise _refused(attempt, error) from error
        identity = process.of(pid)
        if identity is None:
            # Only where SIGCHLD is ignored, and the kernel reaps for us: then it is over, and `go` tells.
            known = folders.decided(folder)
            if known is None or known.by is None:
                hint = f"see {folder}/{folders.STDERR}"
                raise CannotStart(f"attempt {attempt} ended before it began", hint)
            identity = known.by.identity
        return Running(attempt, folder, identity)

    def adopt(self, folder: str) -> Running | Ended | NeverStarted:
        """What has become of the attempt in `folder`, whoever started it. The answer holds.

        Where nobody is seen to have begun, this very look decides that nobody
        will: a shell that comes late finds `go` taken and runs nothing.
        Raises `Elsewhere`.
        """
        name = os.path.basename(folder)
        if folders.claim(folder):
            return NeverStarted(name, folder)
        return _state(name, folder, _first_breath(name, folder))

    def look(self, folder: str) -> Running | Ended | NeverStarted | None:
        """What is seen of the attempt in `folder`; None while its start is undecided. Changes nothing.

        For whoever looks on while the orchestrator lives. Raises `Elsewhere`.
        """
        known = folders.decided(folder)
        return None if known is None else _state(os.path.basename(folder), folder, known)

    def stop(self, running: Running, grace: float = 8.0) -> Exit | None:
        """End an attempt and all that it started; return when nothing of it is left, with its status.

        TERM to its process group, `grace` seconds for the command to end, KILL,
        then a sweep. For an attempt that has ended by itself it is just the
        sweep, so it fits every end. The status is None where it is lost.
        Raises `NotEnded`.
        """
        killed = ending.end_group(running.identity, grace)
        ending.sweep(running.attempt, SWEEP_GRACE)
        ending.reap(running.identity)
        if killed:
            return folders.leave_exit(running.folder, signal.SIGKILL)
        return folders.read_exit(running.folder)

    def sweep(self, attempt: str, grace: float = SWEEP_GRACE) -> int:
        """End every process that bears the attempt's mark; gives how many there were. Raises `NotEnded`."""
        return ending.sweep(attempt, grace)

    def exit_status(self, folder: str) -> Exit | None:
        """The status that the attempt in `folder` left; None while it has left none."""
        return folders.read_exit(folder)

    def wait_handle(self, running: Running) -> int | None:
        """A pidfd for a selector, readable once the attempt has ended; the caller closes it.

        None where it has ended already and was reaped.
        """
        return process.open_pidfd(running.identity)


def _state(attempt: str, folder: str, known: folders.Decided) -> Running | Ended | NeverStarted:
    if known.by is None:
        return NeverStarted(attempt, folder)
    left = folders.read_exit(folder)
    if left is None:
        match process.fate(known.by):
            case "alive":
                return Running(attempt, folder, known.by.identity)
            case "unknown":
                raise Elsewhere(attempt, known.by)
        # It may have ended between the two looks.
        left = folders.read_exit(folder)
    return Ended(attempt, folder, left)


def _first_breath(attempt: str, folder: str) -> folders.Decided:
    """What `go` says, given that it exists: waits for its line while somebody may still write it.

    A `go` without a line is a shell in mid-write, or one that was killed or
    met a full disk there. In each case the command has not run: so a shell
    that doesn't get on is ended before it can.
    """
    deadline = time.monotonic() + _BREATH
    while (known := folders.decided(folder)) is None:
        if process.marked(attempt) and time.monotonic() < deadline:
            time.sleep(0.002)
            continue
        ending.sweep(attempt, 0.0)
        # It may have got on just before its end.
        return folders.decided(folder) or folders.Decided(None)
    return known


def _files(folder: str, prompt: str) -> list[tuple[object, ...]]:
    """The command's three files, and nothing else of what this process has open."""
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    leaks = [fd for fd in map(int, os.listdir("/proc/self/fd")) if fd > 2 and _inheritable(fd)]
    return [
        (os.POSIX_SPAWN_OPEN, 0, prompt, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, f"{folder}/{folders.TRANSCRIPT}", append, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, f"{folder}/{folders.STDERR}", append, 0o600),
        *((os.POSIX_SPAWN_CLOSE, fd) for fd in leaks),
    ]


def _inheritable(fd: int) -> bool:
    try:
        return os.get_inheritable(fd)
    except OSError:
        return False  # the one with which the folder was listed


def _refused(attempt: str, error: OSError | ValueError) -> CannotStart:
    """What the system's refusal means to a person."""
    hint = ""
    if isinstance(error, OSError):
        hint = {
            errno.E2BIG: "an argument is limited to 128 KiB: long text belongs in the prompt or in a file",
            errno.EAGAIN: "there are too many processes: see `ulimit -u`, or run with fewer --jobs",
            errno.ENOMEM: "memory is short: run with fewer --jobs",
            errno.ENOSPC: "make room on the disk",
        }.get(error.errno or 0, "")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return CannotStart(f"attempt {attempt} could not be started: {reason}", hint)
