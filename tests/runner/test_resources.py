"""What attempts use of the machine, looked at on real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.runner.parts import Attempts
from tests.waiting import until

from sow import process
from sow.runner import attempt as folders
from sow.runner import resources
from sow.runner.attempt import Exit
from sow.runner.resources import Meter

HOLDS = "import sys, time; held = bytearray({size}); print('up', flush=True); time.sleep(60)"
FORKS = (
    "import os, time; held = bytearray({size}); child = os.fork()\n"
    "if child: print('up', flush=True)\n"
    "time.sleep(60)"
)
SPINS = (
    "import time; end = time.process_time() + 0.3\n"
    "while time.process_time() < end: pass\n"
    "print('up', flush=True); time.sleep(60)"
)
HIDES = "import os, sys; sys.stdin.readline(); os.execve('/bin/sleep', ['sleep', '60'], {})"


@contextmanager
def marked(code: str, mark: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that bears a mark and has said that it is up; all that bear it are gone at the end."""
    env = {"PATH": os.environ["PATH"], process.MARK: mark}
    argv = [sys.executable, "-S", "-c", code]
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        try:
            assert started.stdout.readline() == "up\n"
            yield started
        finally:
            for pid in process.marked(mark):
                os.kill(pid, 9)


@pytest.fixture
def mark(tmp_path: Path) -> str:
    return f"010-1-1-{os.getpid()}-{tmp_path.name}"


def test_the_memory_of_an_attempt_is_seen_and_nobody_elses(mark: str) -> None:
    meter = Meter()
    with marked(HOLDS.format(size=50 << 20), mark), marked(HOLDS.format(size=1), mark + "x"):
        seen = meter.look([mark, "gone"])
        assert list(seen) == [mark]
        assert 50 << 20 < seen[mark].memory < 80 << 20
        assert meter.look([mark])[mark].pids == seen[mark].pids
    assert meter.look([mark]) == {}


def test_what_a_fork_shares_counts_twice_at_a_look_and_once_when_it_is_looked_at_closely(mark: str) -> None:
    with marked(FORKS.format(size=50 << 20), mark):
        (sample,) = Meter().look([mark]).values()
        assert len(sample.pids) == 2
        assert sample.memory > 100 << 20
        assert 50 << 20 < resources.exact(sample.pids) < 80 << 20


def test_the_processor_time_is_seen(mark: str) -> None:
    with marked(SPINS, mark):
        (sample,) = Meter().look([mark]).values()
        assert 0.25 <= sample.cpu_seconds < 3


def test_who_is_born_later_is_found_and_who_hid_its_mark_later_is_still_known(mark: str) -> None:
    meter = Meter()
    env = {"PATH": os.environ["PATH"], process.MARK: mark}
    with subprocess.Popen([sys.executable, "-S", "-c", HIDES], env=env, stdin=subprocess.PIPE) as hides:
        try:
            until(lambda: meter.look([mark]))
            assert hides.stdin is not None
            hides.stdin.write(b"\n")
            hides.stdin.flush()
            until(lambda: process.argv(hides.pid) == ("sleep", "60"))
            assert meter.look([mark])[mark].pids == (hides.pid,)
            assert Meter().look([mark]) == {}
        finally:
            hides.kill()


def test_the_shell_of_an_attempt_notes_what_ran_in_it_however_short_it_was(attempts: Attempts) -> None:
    spin = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    running = attempts.start("sh", "-c", f"{sys.executable} -S -c '{spin}'; exit 3")
    attempts.done(running)
    assert attempts.runner.exit_status(running.folder) == Exit(code=3)
    assert 0.2 <= (folders.cpu_seconds(running.folder) or 0) < 3


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0m0.00s 0m0.01s\n1m2.50s 0m0.25s\n", 62.76),
        ("0m0,00s 0m0,00s\n0m0,50s 0m0,00s\n", 0.5),
        ("", None),
        ("0m0.00s 0m0.0", None),
    ],
    ids=["whole", "by locale", "empty", "torn"],
)
def test_what_the_shell_noted_of_its_children_is_read(
    tmp_path: Path, text: str, seconds: float | None
) -> None:
    assert folders.cpu_seconds(str(tmp_path)) is None
    (tmp_path / folders.TIMES).write_text(text)
    assert folders.cpu_seconds(str(tmp_path)) == (seconds if seconds is None else pytest.approx(seconds))
