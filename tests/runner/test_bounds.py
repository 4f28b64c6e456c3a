"""What an attempt prints is kept within bounds: its head and its tail stay, and whoever reads it reads on."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sow.runner import bounds
from sow.runner.watch import Tail

MOST = 64 << 10
LINE = b"%06d " + b"x" * 92 + b"\n"


def lines(first: int, count: int) -> bytes:
    return b"".join(LINE % number for number in range(first, first + count))


def held(path: Path) -> int:
    """The bytes that a file takes on the disk."""
    return path.stat().st_blocks * 512


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file on a disk that can give back what is in its middle."""
    made = tmp_path / "transcript.jsonl"
    append(made, lines(0, 2000))
    try:
        assert bounds.cut(str(made), MOST) > 0
    except OSError:
        pytest.skip("this file system punches no holes")
    made.unlink()
    return made


def test_a_file_that_is_too_long_keeps_its_head_and_its_tail_and_every_byte_its_place(path: Path) -> None:
    whole = lines(0, 2000)
    append(path, whole)
    freed = bounds.cut(str(path), MOST)
    assert held(path) <= MOST
    now = path.read_bytes()
    assert len(now) == len(whole)
    assert (now[: MOST // 4], now[-MOST // 4 :]) == (whole[: MOST // 4], whole[-MOST // 4 :])
    left_out = bounds.left_out(str(path))
    assert 0 < freed <= left_out < len(whole) - MOST // 2 + 1
    assert bounds.cut(str(path), MOST) == 0, "what is left is not too long"
    got = list(Tail(str(path)).read())
    assert (got[0], got[-1]) == ((LINE % 0).decode().rstrip(), (LINE % 1999).decode().rstrip())
    (torn,) = (line for line in got if "left out" in line)
    assert f"[... {left_out} bytes left out ...]" in torn
    assert "\0" not in "".join(got)


def test_what_is_not_read_yet_stays_as_long_as_there_is_room(path: Path) -> None:
    append(path, lines(0, 900))
    tail = Tail(str(path))
    got = list(tail.read())
    append(path, lines(900, 200))
    assert bounds.cut(str(path), MOST, read=tail.offset) > 0
    got += tail.read()
    assert got == lines(0, 1100).decode().splitlines()


def test_a_small_file_and_one_that_is_not_there_stay_as_they_are(tmp_path: Path) -> None:
    append(tmp_path / "stderr.log", lines(0, 100))
    assert bounds.bound(str(tmp_path), MOST, 0) == 0
    assert bounds.left_out(str(tmp_path / "stderr.log")) == bounds.left_out(str(tmp_path / "none")) == 0
    assert (tmp_path / "stderr.log").read_bytes() == lines(0, 100)


def test_all_files_that_grow_are_kept_within_bounds(path: Path) -> None:
    for name in bounds.FILES:
        append(path.parent / name, lines(0, 2000))
    bounds.bound(str(path.parent), MOST, 0)
    assert [held(path.parent / name) <= MOST for name in bounds.FILES] == [True] * len(bounds.FILES)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 900), st.booleans()), min_size=1, max_size=8))
def test_however_it_grows_and_is_read_the_disk_holds_no_more_and_the_last_line_is_read(
    steps: list[tuple[int, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "transcript.jsonl")
        tail, printed, got = Tail(str(path)), 0, list[str]()
        for count, reads in steps:
            append(path, lines(printed, count))
            printed += count
            if reads:
                got += tail.read()
            try:
                bounds.cut(str(path), MOST, read=tail.offset)
            except OSError:
                return
            assert held(path) <= MOST
        got += tail.read()
        size = os.path.getsize(path)
        assert (tail.offset, size) == (size, printed * len(LINE % 0))
        whole = [int(line[:6]) for line in got if len(line) == 99 and "left out" not in line]
        assert whole == sorted(set(whole))
        assert (whole[0], whole[-1]) == (0, printed - 1)
