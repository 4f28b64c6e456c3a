"""Whatever happens to an attempt is seen at once, and its output is read line by line."""

import errno
import os
import random
import signal
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from inotify_simple import INotify
from tests.runner.parts import Attempts, kill

from sow import process
from sow.runner.local import Running
from sow.runner.watch import Tail, Watcher


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    with Watcher() as made:
        yield made


def test_the_end_of_an_attempt_is_seen_once_and_leaves_no_zombie(
    attempts: Attempts, watcher: Watcher
) -> None:
    running = attempts.start("true")
    watcher.add_process(running)
    assert watcher.wait(120) == {("process", running.attempt)}
    assert process.of(running.identity.pid) is None
    assert watcher.wait(0) == set()


def test_an_end_that_came_before_the_watch_is_seen(attempts: Attempts, watcher: Watcher) -> None:
    running = attempts.start("true")
    attempts.done(running)
    attempts.runner.stop(running)
    watcher.add_process(running)
    assert watcher.wait(120) == {("process", running.attempt)}
    assert watcher.wait(0) == set()


def test_another_process_with_the_pid_is_not_waited_for(attempts: Attempts, watcher: Watcher) -> None:
    running = attempts.start("sleep", "60")
    earlier = running.identity.replace(start_ticks=running.identity.start_ticks - 1)
    watcher.add_process(Running("earlier", running.folder, earlier))
    assert watcher.wait(120) == {("process", "earlier")}


def test_an_attempt_that_is_forgotten_is_not_seen(attempts: Attempts, watcher: Watcher) -> None:
    running = attempts.start("sleep", "60")
    watcher.add_process(running)
    watcher.forget_process(running.attempt)
    attempts.runner.stop(running)
    assert watcher.wait(0.01) == set()


@pytest.mark.parametrize("how", ["append", "create", "rename"])
def test_a_change_in_a_folder_is_seen(tmp_path: Path, watcher: Watcher, how: str) -> None:
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "old").touch()
    (tmp_path / "new").touch()
    watcher.add_folder(str(folder))
    watcher.add_folder(str(folder))
    assert watcher.wait(0) == set()
    match how:
        case "append":
            with open(folder / "old", "a") as file:
                file.write("x")
        case "create":
            (folder / "fresh").touch()
        case "rename":
            (tmp_path / "new").rename(folder / "new")
    assert watcher.wait(120) == {("folder", str(folder))}
    assert watcher.wait(0) == set(), "many events of one folder are one"
    watcher.forget_folder(str(folder))
    (folder / "last").touch()
    assert watcher.wait(0.01) == set()


def test_a_folder_that_goes_is_seen_and_does_no_harm(tmp_path: Path, watcher: Watcher) -> None:
    folder = tmp_path / "tasks"
    folder.mkdir()
    watcher.add_folder(str(folder))
    folder.rmdir()
    assert watcher.wait(120) == {("folder", str(folder))}
    watcher.forget_folder(str(folder))
    with pytest.raises(FileNotFoundError):
        watcher.add_folder(str(folder))


def test_a_signal_is_seen_by_its_name(watcher: Watcher) -> None:
    handler = signal.signal(signal.SIGUSR1, lambda number, frame: None)
    fd = signal.set_wakeup_fd(watcher.wake_fd)
    try:
        signal.raise_signal(signal.SIGUSR1)
        assert watcher.wait(120) == {("signal", "SIGUSR1")}
    finally:
        signal.set_wakeup_fd(fd)
        signal.signal(signal.SIGUSR1, handler)


def test_another_thread_can_wake_the_watcher_as_often_as_it_likes(watcher: Watcher) -> None:
    def wake() -> None:
        for _ in range(70_000):  # more than a pipe holds
            watcher.wake()

    thread = threading.Thread(target=wake)
    thread.start()
    assert watcher.wait(120) == {("wake", "")}
    thread.join()


def test_a_timeout_is_kept(watcher: Watcher) -> None:
    before = time.monotonic()
    assert watcher.wait(0.05) == set()
    assert time.monotonic() - before >= 0.05


@pytest.mark.parametrize("missing", ["instances", "watches", "files"])
def test_what_the_kernel_has_no_room_for_is_looked_at(
    attempts: Attempts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def refused(*args: object, **options: object) -> int:
        raise OSError(errno.EMFILE if missing != "watches" else errno.ENOSPC, "no room")

    match missing:
        case "instances":
            monkeypatch.setattr("sow.runner.watch.INotify", refused)
        case "watches":
            monkeypatch.setattr(INotify, "add_watch", refused)
        case "files":
            monkeypatch.setattr(os, "pidfd_open", refused)
    with Watcher() as watcher:
        running = attempts.start("sleep", "60")
        watcher.add_process(running)
        watcher.add_folder(str(tmp_path))
        assert watcher.wait(0.01) == set()
        (tmp_path / "new").touch()
        assert watcher.wait(120) == {("folder", str(tmp_path))}
        kill(running, signal.SIGKILL)
        assert watcher.wait(120) == {("process", running.attempt)}
        assert watcher.wait(0.01) == set()
    monkeypatch.undo()
    attempts.runner.stop(running)


def test_all_descriptors_are_given_back(attempts: Attempts, tmp_path: Path) -> None:
    before = os.listdir("/proc/self/fd")
    running = attempts.start("sleep", "60")
    with Watcher() as watcher:
        watcher.add_process(running)
        watcher.add_folder(str(tmp_path))
        assert len(os.listdir("/proc/self/fd")) > len(before)
    assert os.listdir("/proc/self/fd") == before


# Tail


def test_lines_are_read_when_they_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "transcript.jsonl"
    tail = Tail(str(path))
    assert list(tail.read()) == []
    with open(path, "ab", buffering=0) as file:
        file.write(b"one\ntw")
        assert list(tail.read()) == ["one"]
        assert tail.offset == 4
        file.write(b"o\n\nthree")
        assert list(tail.read()) == ["two", ""]
        assert list(tail.read()) == []
        assert list(tail.read(final=True)) == ["three"]
        assert list(tail.read(final=True)) == []
        assert tail.offset == path.stat().st_size


@given(
    content=some.binary(max_size=200) | some.text("ab\n", max_size=200).map(str.encode),
    cuts=some.lists(some.integers(0, 200), max_size=5),
    data=some.data(),
)
def test_however_a_file_grows_and_is_read_each_line_comes_once(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cuts: list[int], data: some.DataObject
) -> None:
    path = tmp_path_factory.mktemp("tail") / "t"
    lines = [line.decode("utf-8", "replace") for line in content.split(b"\n")]
    tail, got = Tail(str(path)), list[str]()
    for cut in [*sorted(cuts), len(content)]:
        path.write_bytes(content[:cut])
        reading = tail.read()
        for _ in range(data.draw(some.integers(0, 3))):
            if (line := next(reading, None)) is not None:
                got.append(line)
        if data.draw(some.booleans()):
            # Another reader goes on where this one is.
            tail = Tail(str(path), tail.offset)
    got += tail.read(final=True)
    assert got == (lines[:-1] if lines[-1] == "" else lines)
    assert tail.offset == len(content)


def test_a_line_of_any_length_is_cut_and_memory_stays_small(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_bytes(b"first\n<" + b"x" * 20_000_000 + b">\nlast\n")
    tail = Tail(str(path))
    tracemalloc.start()
    try:
        first, long, last = tail.read()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (first, last) == ("first", "last")
    assert long.startswith("<xxx")
    assert long.endswith("xxx>")
    left_out = 20_000_002 - (1 << 20)
    assert f" [... {left_out} bytes left out ...] " in long
    assert len(long) < (1 << 20) + 100
    assert peak < 10_000_000


@pytest.mark.parametrize("length", [9, 10, 11, 12, 40])
@pytest.mark.parametrize("step", [1, 3, 7, 100])
def test_a_line_is_cut_the_same_in_whatever_pieces_it_comes(tmp_path: Path, length: int, step: int) -> None:
    path = tmp_path / "t"
    line = "".join(random.Random(length).choices("abcdef", k=length))
    tail = Tail(str(path), limit=10)
    for end in range(0, length, step):
        path.write_text(line[:end])
        assert list(tail.read()) == []
    path.write_text(line + "\n")
    note = f"{line[:5]} [... {length - 10} bytes left out ...] {line[-5:]}"
    assert list(tail.read()) == [line if length <= 10 else note]
    assert tail.offset == length + 1


def test_undecodable_bytes_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_bytes(b"a\xff\xc3\nb\xe2\x82\xac\n")
    assert list(Tail(str(path)).read()) == ["a\ufffd\ufffd", "b€"]


def test_a_file_that_shrank_is_read_on_from_its_new_end(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text("one\ntwo\nthr")
    tail = Tail(str(path))
    assert list(tail.read()) == ["one", "two"]
    path.write_text("x\n")
    assert list(tail.read()) == []
    with open(path, "a") as file:
        file.write("new\n")
    assert list(tail.read()) == ["new"]


def test_a_killed_agents_half_line_is_its_last(attempts: Attempts) -> None:
    running = attempts.hostile("half")
    tail = Tail(f"{running.folder}/transcript.jsonl")
    assert list(tail.read()) == []
    attempts.runner.stop(running, grace=0.5)
    assert list(tail.read(final=True)) == ['{"type": "resu']
