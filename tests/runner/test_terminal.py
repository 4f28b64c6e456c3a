"""A person talks with a command on a terminal; it is an attempt like any other."""

import hashlib
import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
import pytest
from tests.runner.parts import BARE, HOSTILE, ROOT, Attempts, python
from tests.waiting import until

from sow import process
from sow.runner import attempt as folders
from sow.runner.attempt import Exit
from sow.runner.local import Ended

# What `sow agent attach` does, in small: argv is the attempt's folder, the command's folder, the command.
ATTACH = """
import os, sys
from sow.runner.terminal import TerminalRunner
from sow_executors.base import Command
place, work, *argv = sys.argv[1:]
runner = TerminalRunner(grace=0.2)
left = runner.run(Command(tuple(argv), work), os.path.basename(place), place, {"TASK": "010"})
print("left", left.code, left.signal)
"""

# A thread hears the signals, for a handler waits where one comes between a prompt and the wait for its line.
TALK = """
import os, signal, sys, threading
HEARD = {signal.SIGWINCH, signal.SIGINT}
signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
def hear():
    while True:
        if signal.sigwait(HEARD) == signal.SIGINT:
            print("not yet", flush=True)
        else:
            print("now", *os.get_terminal_size(), flush=True)
threading.Thread(target=hear, daemon=True).start()
print("size", *os.get_terminal_size(), os.environ["TASK"], flush=True)
while True:
    line = input("> ")
    if line == "bye":
        print("x" * 5000 + "the end")
        sys.exit(4)
    print("heard", line[::-1], flush=True)
"""


@contextmanager
def attached(attempts: Attempts, *argv: str) -> Iterator[tuple[Any, str, str]]:
    """A person's terminal, in which TerminalRunner runs `argv`; with the attempt's name and folder."""
    name, folder = attempts.new()
    path = os.pathsep.join(str(ROOT / part) for part in ("orchestrator", "executors"))
    child: Any = pexpect.spawn(
        sys.executable,
        ["-c", ATTACH, folder, str(attempts.work), *argv],
        env={**BARE, "PYTHONPATH": path, "TERM": "xterm"},
        dimensions=(31, 97),
        encoding="utf-8",
        timeout=120,
    )
    child.delaybeforesend = None
    try:
        yield child, name, folder
    finally:
        child.close(force=True)


def modes(child: Any) -> list[Any]:
    """The modes of the person's terminal."""
    return termios.tcgetattr(child.child_fd)


def test_a_person_talks_with_a_command(attempts: Attempts) -> None:
    with attached(attempts, sys.executable, "-S", "-c", TALK) as (child, name, folder):
        child.expect_exact("size 97 31 010")
        assert process.marked(name)
        child.sendline("abc")
        child.expect_exact("heard cba")
        child.send("\x1d]\r")  # the escape character of telnet is the command's, as any other
        child.expect_exact("heard ]\x1d")
        child.setwinsize(20, 60)
        child.expect_exact("now 60 20")
        child.send("\x03")
        child.expect_exact("not yet")
        child.sendline("bye")
        child.expect_exact("the end")
        child.expect_exact("left 4 None")
        child.expect(pexpect.EOF)
    assert attempts.runner.adopt(folder) == Ended(name, folder, Exit(code=4))
    assert process.marked(name) == []
    log = Path(folder, folders.TERMINAL)
    assert "heard cba" in log.read_text()
    assert log.read_bytes().endswith(b"the end\r\n")
    assert log.stat().st_mode & 0o777 == 0o600


def test_all_that_a_command_shows_before_its_end_is_shown(attempts: Attempts) -> None:
    code = "import os; os.write(1, b'y' * 3500 + b'last')"
    for _ in range(5):
        with attached(attempts, sys.executable, "-S", "-c", code) as (child, _, folder):
            child.expect_exact("y" * 3500 + "last")
            child.expect_exact("left 0 None")
        assert Path(folder, folders.TERMINAL).read_text() == "y" * 3500 + "last"


def test_more_can_be_pasted_than_a_command_reads_at_once(attempts: Attempts) -> None:
    script = "stty raw -echo; echo up; head -c 300000 | md5sum"
    text = "0123456789" * 30_000
    with attached(attempts, "sh", "-c", script) as (child, _, _):
        child.expect_exact("up")
        sent = 0
        while sent < len(text):
            sent += child.send(text[sent:])  # a write that a signal cuts is not gone on with
        child.expect_exact(hashlib.md5(text.encode()).hexdigest())
        child.expect_exact("left 0 None")


def test_the_terminal_is_as_before_and_nothing_is_left_when_attach_is_told_to_end(
    attempts: Attempts,
) -> None:
    with attached(attempts, "sh", "-c", "stty -a >/dev/null; echo up; read x") as (child, name, folder):
        child.expect_exact("up")
        raw = modes(child)
        os.kill(child.pid, signal.SIGTERM)
        until(lambda: not child.isalive())
        assert child.signalstatus == signal.SIGTERM
        assert modes(child) != raw
        assert modes(child)[3] & termios.ICANON
    assert process.marked(name) == []
    assert attempts.runner.exit_status(folder) is not None


def test_nothing_is_left_when_the_terminal_is_closed(attempts: Attempts) -> None:
    with attached(attempts, "sh", "-c", "trap '' HUP; echo up; read x; sleep 60") as (child, name, _):
        child.expect_exact("up")
        child.ptyproc.fileobj.close()
        child.closed = child.ptyproc.closed = True
        until(lambda: not process.marked(name))
        until(lambda: not child.isalive())


def test_when_attach_is_killed_its_command_is_hung_up(attempts: Attempts) -> None:
    with attached(attempts, "sh", "-c", "echo up; sleep 60") as (child, name, folder):
        child.expect_exact("up")
        os.kill(child.pid, signal.SIGKILL)
        until(lambda: not process.marked(name))
    assert attempts.runner.adopt(folder) == Ended(name, folder, None)


@pytest.mark.parametrize("mode", ["stray", "daemon"])
def test_nothing_is_left_of_a_hostile_command_on_a_terminal(attempts: Attempts, mode: str) -> None:
    ready = str(attempts.work / "ready")
    with attached(attempts, sys.executable, "-S", "-E", HOSTILE, mode, ready) as (child, name, _):
        until(lambda: os.path.exists(ready))
        if mode == "daemon":
            os.kill(child.pid, signal.SIGTERM)
        child.expect(pexpect.EOF)
        until(lambda: not child.isalive())
    assert process.marked(name) == []


def test_without_a_terminal_it_says_so_and_runs_nothing(attempts: Attempts) -> None:
    _name, folder = attempts.new()
    child = python(ATTACH, folder, str(attempts.work), "touch", "ran")
    _, errors = child.communicate()
    assert "NoTerminal: standard input and output are no terminal" in errors
    assert not os.path.exists(folder)
    assert list(attempts.work.iterdir()) == []
