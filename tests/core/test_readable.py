"""The readable transcript: what every executor's agent said and did, as it was reported."""

import os
import stat
from pathlib import Path

from sow.readable import Readable, words_of
from sow_executors import base


def test_it_is_written_anew_by_whoever_reads_from_the_beginning_and_for_this_user_only(
    tmp_path: Path,
) -> None:
    path = tmp_path / "transcript.log"
    for _ in range(2):
        readable = Readable(str(path))
        readable.add([base.Said("Two\nlines."), base.Started("s-1"), base.Used("edit", "a.py")])
        readable.flush()
        readable.add([base.Denied("run", "rm", "no"), base.Failed("network", "cut")])
        readable.flush()
    assert path.read_text() == "Two\nlines.\n  > edit: a.py\n  ! denied run rm no\n  ! network: cut\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_much_is_written_before_anybody_asks_for_it(tmp_path: Path) -> None:
    readable = Readable(str(tmp_path / "transcript.log"))
    readable.add([base.Said("x" * 100)] * 1000)
    assert (tmp_path / "transcript.log").stat().st_size == 101_000


def test_nothing_stops_at_a_file_that_can_not_be_written(tmp_path: Path) -> None:
    os.symlink(tmp_path / "elsewhere", tmp_path / "transcript.log")
    readable = Readable(str(tmp_path / "transcript.log"))
    readable.add([base.Said("hello")])
    readable.flush()
    assert not (tmp_path / "elsewhere").exists()


def test_what_a_person_need_not_know_has_no_words() -> None:
    silent: list[base.Report] = [
        base.Started("s-1"),
        base.Finished("done"),
        base.Spent(1, 2),
        base.Returned("1"),
    ]
    assert [words_of(report) for report in silent] == [""] * 4
