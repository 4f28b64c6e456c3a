"""Runs a command on the terminal in front of a person, as an attempt that ends with it.

The command gets a terminal of its own; what is typed goes in, what it shows
comes out, and is kept in the attempt's `terminal.log`. Signs of life, exit
status, mark and sweep are those of any other attempt (`sow.runner.attempt`).
"""

import errno
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, BinaryIO

import pexpect

from sow import process
from sow.errors import Refused
from sow.runner import attempt as folders
from sow.runner import ending, environment
from sow.runner.attempt import CannotStart, Exit
from sow.runner.local import SWEEP_GRACE
from sow_executors.base import Command


class NoTerminal(Refused):
    """There is no person in front of this process."""

    hint = "call it in a terminal, with its input and output not redirected"

    def __init__(self) -> None:
        super().__init__("standard input and output are no terminal")


class _Told(BaseException):
    """This process was told to end (SIGTERM), or its terminal was closed (SIGHUP)."""


class TerminalRunner:
    """Runs one command on this process's terminal."""

    def __init__(self, *, base_env: Mapping[str, str] | None = None, grace: float = 3.0) -> None:
        """`base_env` as for `LocalRunner`; `grace`: seconds between TERM and KILL, if it has to be ended."""
        self._base = environment.build(os.environ, (), {}) if base_env is None else dict(base_env)
        self._grace = grace

    def run(self, command: Command, attempt: str, folder: str, env: Mapping[str, str]) -> Exit:
        """Run `command` on the terminal until it ends; nothing of it is left then, the terminal as before.

        Arguments and errors are those of `LocalRunner.start`; raises
        `NoTerminal` too. SIGTERM and SIGHUP to this process end the command,
        and then this process, as they would have without it.
        """
        if command.stdin is not None:
            raise ValueError("a command on a terminal takes its input from the person")
        if not (os.isatty(sys.stdin.fileno()) and os.isatty(sys.stdout.fileno())):
            raise NoTerminal()
        prepared = folders.prepare(command, attempt, folder, {**self._base, **env}, on_terminal=True)
        before = termios.tcgetattr(sys.stdin.fileno())
        try:
            with (
                _told_to_end() as told,
                open(f"{folder}/{folders.TERMINAL}", "ab", opener=folders.private) as log,
            ):
                try:
                    self._talk(prepared, attempt, log)
                except _Told:
                    pass  # all is ended and swept; what we were told is done below
                except OSError as error:
                    if error.errno != errno.EIO:
                        raise
                    # Our own terminal was closed, and SIGHUP is on its way.
        finally:
            _put_back(before)
        if told:
            os.kill(os.getpid(), told[0])
        # Only a KILL keeps the shell from leaving a status.
        return folders.leave_exit(folder, signal.SIGKILL)

    def _talk(self, prepared: folders.Prepared, attempt: str, log: BinaryIO) -> None:
        """Let person and command talk until the command ends or we are told to; then end all of it."""
        child = leader = None
        try:
            # Not told in mid-spawn, when nobody could end what was spawned.
            with _undisturbed():
                child = _spawn(prepared, attempt)
                leader = process.of(child.pid)
            with _size_passed_on(child):
                _interact(child, log)
        finally:
            with _undisturbed():
                if leader is not None:
                    ending.end_group(leader, self._grace)
                    ending.sweep(attempt, SWEEP_GRACE)
                if child is not None:
                    while _shown(child.child_fd, log):
                        pass
                    # It was reaped here, which pexpect would take for a mistake.
                    child.ptyproc.terminated = True
                    child.close()


def _spawn(prepared: folders.Prepared, attempt: str) -> Any:
    """The command's shell on a terminal of its own, of the size of ours: a `pexpect.spawn` of bytes."""
    try:
        # A fork: dear from a large process, but this one is small and starts nothing else.
        child: Any = pexpect.spawn(
            prepared.argv[0],
            prepared.argv[1:],
            timeout=None,
            env=prepared.env,
            dimensions=_size(),
            preexec_fn=_default_signals,
        )
    except (pexpect.ExceptionPexpect, OSError) as error:
        raise CannotStart(f"attempt {attempt} could not be started: {error}") from error
    # pexpect waits before it sends and after it closes, for programs that are in no hurry.
    child.delaybeforesend = None
    child.delayafterread = None
    child.delayafterclose = child.ptyproc.delayafterclose = 0.0
    child.delayafterterminate = child.ptyproc.delayafterterminate = 0.0
    return child


def _interact(child: Any, log: BinaryIO) -> None:
    """Pass on what is typed and what is shown, byte by byte, until the command's shell has ended.

    pexpect's own `interact` waits for the terminal's last user, which a daemon
    may be for ever, and blocks when more is pasted than the command reads.
    """
    typed, shown, ended = sys.stdin.fileno(), child.child_fd, os.pidfd_open(child.pid)
    try:
        tty.setraw(typed)
        os.set_blocking(shown, False)
        pending = b""
        while True:
            poll = select.poll()
            poll.register(ended, select.POLLIN)
            poll.register(shown, select.POLLIN | (select.POLLOUT if pending else 0))
            if not pending:
                poll.register(typed, select.POLLIN)
            ready = dict(poll.poll())
            if typed in ready:
                pending = os.read(typed, 65536)
                if not pending:
                    return
            if ready.get(shown, 0) & select.POLLOUT:
                pending = pending[os.write(shown, pending) :]
            if ready.get(shown, 0) & ~select.POLLOUT and not _shown(shown, log):
                return
            if ended in ready:
                return
    finally:
        os.close(ended)


def _shown(fd: int, log: BinaryIO) -> bool:
    """Show and keep what the command has written by now; False where there is nothing (more)."""
    try:
        data = os.read(fd, 65536)
    except OSError:
        return False  # EAGAIN: nothing now; EIO: all is read, and nobody is left to write
    if data:
        log.write(data)
        with open(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as screen:
            while data:
                data = data[screen.write(data) or 0 :]
        return True
    return False


def _default_signals() -> None:
    """In the child: no signal ignored or blocked that our parent had so."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _size() -> tuple[int, int]:
    """Rows and columns of our terminal; 24 and 80 where it does not say."""
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    return rows or 24, columns or 80


@contextmanager
def _size_passed_on(child: Any) -> Iterator[None]:
    """While it lasts, the command's terminal has the size of ours."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        child.setwinsize(*_size())

    before = signal.signal(signal.SIGWINCH, pass_on)
    try:
        # It may have changed between the spawn and the handler.
        child.setwinsize(*_size())
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


@contextmanager
def _told_to_end() -> Iterator[list[int]]:
    """While it lasts, the first SIGTERM or SIGHUP raises `_Told`; its number is put in the list."""
    told: list[int] = []

    def tell(number: int, frame: FrameType | None) -> None:
        told.append(number)
        if len(told) == 1:
            raise _Told

    before = {number: signal.signal(number, tell) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """While it lasts, signals that would end this process wait."""
    waiting = {signal.SIGTERM, signal.SIGHUP, signal.SIGINT}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waiting)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _put_back(modes: list[Any]) -> None:
    """Set our terminal's modes as they were before."""
    try:
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, modes)
    except termios.error:
        pass  # it was closed
