"""A process is known again, and never taken for another."""

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator

import pytest
from tests.waiting import SECONDS, until

from sow import process
from sow.process import Identity
from sow.runner import ending


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    child = subprocess.Popen(["sleep", "60"])
    yield child
    child.kill()
    child.wait()


def test_this_process_lives_and_is_itself() -> None:
    assert process.alive(process.me())
    assert process.of(os.getpid()) == process.me()


def test_a_later_process_with_the_same_pid_is_another(sleeper: "subprocess.Popen[bytes]") -> None:
    known = process.of(sleeper.pid)
    assert known is not None
    earlier = known.replace(start_ticks=known.start_ticks - 1)
    assert process.alive(known)
    assert not process.alive(earlier)
    assert process.open_pidfd(earlier) is None


def test_a_process_of_an_earlier_boot_is_dead(sleeper: "subprocess.Popen[bytes]") -> None:
    known = process.of(sleeper.pid)
    assert known is not None
    assert not process.alive(known.replace(boot_id="00000000-0000-0000-0000-000000000000"))


def test_a_zombie_is_dead_though_its_pid_is_taken() -> None:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    known = process.of(pid)
    assert known is not None
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert process.of(pid) == known
    assert not process.alive(known)
    os.waitpid(pid, 0)
    assert process.of(pid) is None


@pytest.mark.parametrize("name", ["a b", "a) S 1 (", ")) Z 7", "(x"], ids=repr)
def test_a_name_with_blanks_and_brackets_does_not_shift_the_fields(name: str) -> None:
    code = "import sys; open('/proc/self/comm', 'w').write(sys.argv[1]); print(flush=True); input()"
    child = subprocess.Popen(
        ["python3", "-S", "-c", code, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    known = process.of(child.pid)
    with open(f"/proc/{child.pid}/stat") as file:
        kept = process.from_stat(process.boot_id(), file.read())
    assert known is not None
    assert kept == known
    assert abs(known.start_ticks - process.me().start_ticks) < 10 * 60 * 60 * os.sysconf("SC_CLK_TCK")
    assert process.alive(known)
    child.communicate(b"\n")


@pytest.mark.parametrize("line", ["", "12", "12 (sh) S 1 1", "x (sh) " + "1 " * 30], ids=repr)
def test_a_torn_stat_line_is_nobody(line: str) -> None:
    assert process.from_stat("boot", line) is None


def test_the_mark_is_the_whole_value_and_this_process_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = uuid.uuid4().hex
    one = subprocess.Popen(["sleep", "60"], env={process.MARK: mark})
    longer = subprocess.Popen(["sleep", "60"], env={process.MARK: mark + "x", "OTHER": mark})
    inside = subprocess.Popen(["sleep", "60"], env={"NOT_" + process.MARK: mark})
    try:
        assert process.marked(mark) == [one.pid]
        assert process.marks()[mark + "x"] == [longer.pid]
        assert process.environ(longer.pid) == {process.MARK: mark + "x", "OTHER": mark}
    finally:
        for child in (one, longer, inside):
            child.kill()
            child.wait()
    assert process.marked(mark) == []


def test_a_process_is_seen_through_its_exec() -> None:
    """A shell that becomes another program over and over never looks unmarked."""
    mark = uuid.uuid4().hex
    loop = 'i=$(($1 - 1)); [ "$i" -gt 0 ] && exec sh -c "$0" "$0" "$i"; exec sleep 60'
    child = subprocess.Popen(["sh", "-c", loop, loop, "400"], env={process.MARK: mark, "PATH": os.defpath})
    try:
        until(lambda: process.marked(mark))
        looks = 0
        while process.argv(child.pid) != ("sleep", "60"):
            assert process.marked(mark) == [child.pid]
            looks += 1
        assert looks > 5
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


@pytest.mark.parametrize(
    ("changes", "fate"),
    [
        pytest.param({}, "alive", id="here"),
        pytest.param({"pid_ns": 1}, "unknown", id="in another container of this machine"),
        pytest.param({"host": "elsewhere"}, "alive", id="here, the host renamed since"),
    ],
)
def test_fate_of_a_process_that_lives(changes: dict[str, object], fate: str) -> None:
    assert process.fate(process.address().replace(**changes)) == fate


@pytest.mark.parametrize(
    ("changes", "fate"),
    [
        pytest.param({}, "dead", id="this host, rebooted"),
        pytest.param({"pid_ns": 1}, "dead", id="a container of this host, rebooted"),
        pytest.param({"host": "elsewhere"}, "unknown", id="another host"),
    ],
)
def test_fate_of_a_process_of_another_boot(changes: dict[str, object], fate: str) -> None:
    then = Identity(boot_id="an earlier boot", pid=1, start_ticks=1)
    assert process.fate(process.address(then).replace(**changes)) == fate


def test_whoever_ends_in_the_time_that_it_has_does_not_live_on(sleeper: "subprocess.Popen[bytes]") -> None:
    with subprocess.Popen(["sleep", "0.1"]) as ends:
        stays, goes = process.of(sleeper.pid), process.of(ends.pid)
        assert stays
        assert goes
        assert ending.outliving([goes], SECONDS) == set()
        assert ending.outliving([stays, goes], 0.0) == {stays}
