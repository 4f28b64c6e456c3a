"""A lease has one holder, and outlives no holder."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.runner.parts import python

from sow import lease, process
from sow.errors import Busy, Failed
from sow.lease import Held, Lost

TAKE = """
import sys
from sow import lease
try:
    got = lease.acquire(sys.argv[1], "the orchestrator of demo")
    print("won", got.broken.holder.identity.pid if got.broken else "", flush=True)
except lease.Held as held:
    print("held", held.lease.holder.identity.pid, flush=True)
sys.stdin.read()
"""


def test_of_sixteen_processes_exactly_one_wins(tmp_path: Path) -> None:
    path = str(tmp_path / "leases/run")
    racers = [python(TAKE, path) for _ in range(16)]
    lines = [racer.stdout.readline().split() for racer in racers if racer.stdout]
    assert sorted(line[0] for line in lines) == ["held"] * 15 + ["won"]
    winner = next(racer for racer, line in zip(racers, lines, strict=True) if line[0] == "won")
    assert {line[1] for line in lines if line[0] == "held"} == {str(winner.pid)}

    winner.kill()
    winner.wait()
    after = lease.acquire(path, "the orchestrator of demo")
    assert after.broken is not None
    assert after.broken.holder.identity.pid == winner.pid
    assert lease.holder(path) == after.replace(broken=None)
    for racer in racers:
        racer.kill()
        racer.communicate()


def test_a_held_lease_tells_who_what_and_since_when(tmp_path: Path) -> None:
    path = str(tmp_path / "session")
    mine = lease.acquire(path, "session 7f of task 010")
    with pytest.raises(Held) as caught:
        lease.acquire(path, "another")
    assert isinstance(caught.value, Busy)
    assert str(caught.value) == f"session 7f of task 010: held by process {os.getpid()} since {mine.since}"
    assert f"kill {os.getpid()}" in caught.value.hint


def test_a_released_lease_is_free_and_released_once(tmp_path: Path) -> None:
    path = str(tmp_path / "git")
    mine = lease.acquire(path, "git")
    assert mine.release()
    assert not mine.release()
    assert lease.holder(path) is None
    assert lease.acquire(path, "git").broken is None


def test_a_lease_handed_on_is_held_by_the_other_process_until_that_dies(tmp_path: Path) -> None:
    path = str(tmp_path / "session")
    child = subprocess.Popen(["sleep", "60"])
    identity = process.of(child.pid)
    assert identity is not None
    mine = lease.acquire(path, "session")
    handed = mine.hand_to(identity)
    assert lease.holder(path) == handed
    assert not mine.release(), "it is not ours any more"
    with pytest.raises(Lost):
        mine.hand_to(process.me())
    with pytest.raises(Held, match=f"process {child.pid}"):
        lease.acquire(path, "session")
    child.kill()
    child.wait()
    again = lease.acquire(path, "session")
    assert again.broken == handed
    assert not handed.release(), "a lease that was taken over is not given back by its old holder"
    assert again.release()


@pytest.mark.parametrize(
    "content",
    ["", "{", '{"pid": 1', "[]", "7", '{"pid": "x"}', "\x00" * 100, "[" * 5000],
    ids=lambda text: repr(text[:20]),
)
def test_a_torn_lease_is_nobodys(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run"
    path.write_text(content)
    assert lease.holder(str(path)) is None
    assert lease.acquire(str(path), "run").broken is None


def test_what_a_killed_writer_left_beside_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "run"
    (tmp_path / "run.new").write_text('{"pid": 1')
    (tmp_path / "run.lock").write_text("")
    assert lease.acquire(str(path), "run").release()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"host": "elsewhere", "boot_id": "another"}, id="on another host"),
        pytest.param({"pid_ns": 1, "pid": 1}, id="in another container"),
    ],
)
def test_a_holder_that_cannot_be_proved_dead_keeps_its_lease(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "run"
    lease.acquire(str(path), "run")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    before = path.read_bytes()
    with pytest.raises(Held, match="can't be asked from here") as caught:
        lease.acquire(str(path), "run")
    assert str(path) in caught.value.hint
    assert path.read_bytes() == before


def test_a_lease_of_an_earlier_boot_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "run"
    lease.acquire(str(path), "run")
    path.write_text(json.dumps({**json.loads(path.read_text()), "boot_id": "an earlier one"}))
    broken = lease.acquire(str(path), "run").broken
    assert broken is not None
    assert broken.holder.identity.boot_id == "an earlier one"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no disk that is always full")
def test_a_lease_that_a_full_disk_can_not_keep_is_told_by_its_file(tmp_path: Path) -> None:
    os.symlink("/dev/full", tmp_path / "turn.new")
    with pytest.raises(Failed, match="No space left on device") as told:
        lease.acquire(str(tmp_path / "turn"), "a turn")
    assert str(tmp_path / "turn") in str(told.value)
    assert lease.holder(str(tmp_path / "turn")) is None
