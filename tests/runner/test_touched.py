"""What was touched in a folder since the last look is told; where that can't be, everything is in doubt."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from inotify_simple import Event, INotify, flags

from sow.runner.touched import Names, Touched


class Heard:
    """A follower with a memory."""

    def __init__(self) -> None:
        self.told: list[tuple[str, bool]] = []
        self.doubts = 0

    def heard(self, folder: str, name: str, gone: bool) -> None:
        self.told.append((name, gone))

    def lost(self) -> None:
        self.doubts += 1


@pytest.fixture
def touched() -> Iterator[Touched]:
    made = Touched()
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "followed"
    made.mkdir()
    (made / "there").write_text("before")
    return made


@pytest.mark.parametrize(
    ("touch", "told"),
    [
        pytest.param(lambda at: (at / "new").write_text(""), ("new", False), id="a file is made"),
        pytest.param(lambda at: (at / "new").mkdir(), ("new", False), id="a folder is made"),
        pytest.param(lambda at: (at / "there").write_text("x"), ("there", False), id="a file is written"),
        pytest.param(lambda at: os.truncate(at / "there", 1), ("there", False), id="a file is cut"),
        pytest.param(lambda at: (at / "there").chmod(0o600), ("there", False), id="its mode is changed"),
        pytest.param(lambda at: os.utime(at / "there"), ("there", False), id="its time is changed"),
        pytest.param(lambda at: os.link(at / "there", at / "two"), ("two", False), id="a link is made"),
        pytest.param(lambda at: os.symlink("there", at / "two"), ("two", False), id="a symbolic one, too"),
        pytest.param(lambda at: (at / "there").unlink(), ("there", True), id="a file goes"),
        pytest.param(
            lambda at: (at / "there").rename(at.parent / "x"), ("there", True), id="it is moved away"
        ),
        pytest.param(lambda at: (at / "there").rename(at / "x"), ("x", False), id="it is moved here"),
    ],
)
def test_what_is_touched_is_told_at_the_next_look(
    touched: Touched, folder: Path, touch: Callable[[Path], object], told: tuple[str, bool]
) -> None:
    heard = Heard()
    assert touched.follow(str(folder), heard, contents=True)
    touched.look()
    assert heard.told == []
    touch(folder)
    touched.look()
    assert told in heard.told
    heard.told.clear()
    touched.look()
    assert (heard.told, heard.doubts) == ([], 0), "each is told once"


def test_whatever_a_process_has_done_that_has_ended_is_told(touched: Touched, folder: Path) -> None:
    heard = Heard()
    touched.follow(str(folder), heard, contents=True)
    subprocess.run(["/bin/sh", "-c", "echo a >>there; : >new; rm new"], cwd=folder, check=True)
    touched.look()
    assert {("there", False), ("new", False), ("new", True)} <= set(heard.told)


def test_a_folder_that_is_moved_or_removed_puts_everything_in_doubt(touched: Touched, folder: Path) -> None:
    heard = Heard()
    touched.follow(str(folder), heard)
    folder.rename(folder.with_name("moved"))
    touched.look()
    assert heard.doubts == 1
    (folder.with_name("moved") / "there").unlink()
    folder.with_name("moved").rmdir()
    touched.look()
    assert heard.doubts == 2


def test_where_the_kernel_has_lost_count_everybody_looks_at_everything(
    touched: Touched, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = Heard(), Heard()
    touched.follow(str(folder), one)
    touched.follow(str(folder.parent), other)
    overflow = Event(-1, flags.Q_OVERFLOW, 0, "")
    monkeypatch.setattr(INotify, "read", lambda self, timeout: [overflow])
    touched.look()
    assert (one.doubts, other.doubts) == (1, 1)


@pytest.mark.parametrize("limited", ["__init__", "add_watch"])
def test_where_the_kernel_lets_nothing_be_followed_names_are_listed_each_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch, limited: str
) -> None:
    def no_more(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE if limited == "__init__" else errno.ENOSPC, "no more")

    monkeypatch.setattr(INotify, limited, no_more)
    touched = Touched()
    assert not touched.follow(str(folder), Heard())
    names = Names(touched, str(folder), lambda name: name[:1])
    assert names.of("t") == ("there",)
    (folder / "two").write_text("")
    assert set(names.of("t")) == {"there", "two"}
    touched.close()


def test_names_are_those_that_are_there_and_listed_once(
    touched: Touched, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(touched, str(folder), lambda name: name[:1].strip("."))
    listed: list[object] = []
    assert (names.of("t"), names.of("n")) == (("there",), ())
    real = os.listdir

    def counted(*at: int) -> list[str]:
        listed.append(at)
        return real(*at)

    monkeypatch.setattr(os, "listdir", counted)
    (folder / "new").mkdir()
    (folder / ".hidden").write_text("")
    (folder / "there").unlink()
    assert (names.of("t"), names.of("n"), names.of("")) == ((), ("new",), ())
    (folder / "new").rename(folder / "two")
    assert (names.of("t"), names.of("n"), listed) == (("two",), (), [])
    touched.doubt()
    assert (names.of("t"), len(listed)) == (("two",), 1)


def test_a_folder_that_comes_later_is_followed_from_then_on(touched: Touched, tmp_path: Path) -> None:
    names = Names(touched, str(tmp_path / "later"), lambda name: name)
    assert names.of("a") == ()
    (tmp_path / "later").mkdir()
    assert names.of("a") == ()
    (tmp_path / "later/a").write_text("")
    assert names.of("a") == ("a",)


def test_what_was_closed_is_in_doubt(touched: Touched, folder: Path) -> None:
    names = Names(touched, str(folder), lambda name: name[:1])
    assert names.of("t") == ("there",)
    touched.close()
    (folder / "two").write_text("")
    assert set(names.of("t")) == {"there", "two"}
