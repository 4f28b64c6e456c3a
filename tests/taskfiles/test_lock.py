"""The lock beside a task file: ours and other programs' keep each other out, and a dead one's is broken."""

from __future__ import annotations

import errno
import json
import os
import signal
import time
from pathlib import Path

import pytest
from tests.taskfiles.parts import ended, forked

from sow.errors import Busy, Failed
from sow.taskfiles import lock
from sow.taskfiles.lock import Lock


@pytest.fixture(params=["named at once", "named later"])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A lock's path, where the file system has files without a name, and where it has none."""
    if request.param == "named later":
        monkeypatch.setattr(lock, "_made", lock._made_openly)
    return str(tmp_path / "task.lock")


def test_a_lock_is_a_file_that_names_its_process_and_goes_with_its_end(path: str) -> None:
    with Lock(path):
        assert json.loads(Path(path).read_text())["pid"] == os.getpid()
        with pytest.raises(FileExistsError):  # so do other programs
            os.open(path, os.O_CREAT | os.O_EXCL)
        with pytest.raises(Busy, match="another program holds this lock"), Lock(path):
            pass
    assert os.listdir(os.path.dirname(path)) == []


@pytest.mark.parametrize("of_a_dead_one", [False, True], ids=["new", "of a dead one"])
def test_a_lock_that_can_not_be_written_on_a_full_disk_is_not_left_behind(
    path: str, monkeypatch: pytest.MonkeyPatch, of_a_dead_one: bool
) -> None:
    def full() -> bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if of_a_dead_one:
        Path(path).touch()
        os.utime(path, (0, 0))
    with monkeypatch.context() as patch:
        patch.setattr(lock, "_mine", full)
        with pytest.raises(Failed, match=f"can't lock {path}: No space left on device"), Lock(path):
            pass
    assert os.listdir(os.path.dirname(path)) == []
    with Lock(path):
        pass


def test_a_lock_of_a_process_that_was_killed_is_taken_over_at_once(path: str) -> None:
    def die() -> None:
        with Lock(path):
            os.kill(os.getpid(), signal.SIGKILL)

    assert ended(forked(die)) == -signal.SIGKILL
    assert os.path.exists(path)
    told: list[str] = []
    with Lock(path, tell=told.append):
        assert json.loads(Path(path).read_text())["pid"] == os.getpid()
    assert (told, os.path.exists(path)) == ([], False)


@pytest.mark.parametrize("held", ["", "4711", "{}", '{"pid": 1}'])
def test_a_lock_of_another_program_is_heeded_until_it_is_old(path: str, held: str) -> None:
    Path(path).write_text(held)
    with pytest.raises(Busy), Lock(path, stale_seconds=60):
        pass
    assert Path(path).read_text() == held
    os.utime(path, (time.time() - 61, time.time() - 61))
    told: list[str] = []
    with Lock(path, stale_seconds=60, tell=told.append):
        pass
    assert told == [f"{path}: the lock of an unnamed program was broken, 61 s old"]


def test_a_lock_that_is_given_back_meanwhile_is_waited_for(path: str) -> None:
    Path(path).touch()
    read, write = os.pipe()

    def give_back() -> None:
        os.read(read, 1)
        os.unlink(path)

    pid = forked(give_back)
    os.write(write, b"x")
    with Lock(path, wait_seconds=10):
        pass
    assert ended(pid) == 0


def test_what_a_lock_takes_away_is_its_own_file_only(path: str) -> None:
    with Lock(path):
        os.unlink(path)
        Path(path).write_text("somebody else's")
    assert Path(path).read_text() == "somebody else's"


def test_of_many_processes_one_has_it_at_a_time_though_some_are_killed(path: str) -> None:
    shared = os.path.dirname(path) + "/inside"

    def work() -> None:
        for round_ in range(15):
            with Lock(path, wait_seconds=30):
                os.close(os.open(shared, os.O_CREAT | os.O_EXCL))
                os.unlink(shared)
                if round_ == 7 and os.getpid() % 3 == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

    codes = [ended(pid) for pid in [forked(work) for _ in range(6)]]
    assert set(codes) <= {0, -signal.SIGKILL}
    assert not os.path.exists(shared)
