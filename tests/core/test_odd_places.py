"""What an agent may put in the place of a file or folder: read or written through by nobody."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.core.parts import AT, add, files_below, in_status, keep, new_store, new_task, put

from sow import files
from sow.change import Change
from sow.errors import NotFound, Refused
from sow.files import Unreadable
from sow.judgement import sent_back
from sow.store import Store
from sow.task import Task


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "repository").mkdir()
    (tmp_path / "outside").mkdir()
    return new_store(tmp_path / "repository")


def outside(store: Store) -> Path:
    return Path(store.layout.main).parent / "outside"


def folder(store: Store, task_id: str = "010") -> Path:
    return Path(store.layout.task("implementation", task_id))


def send_back(store: Store) -> Task:
    def change(task: Task) -> Change:
        return sent_back(task, "better", by="ada", at=AT, file=f"{folder(store)}/feedback/001.md")

    return store.change_task("010", change)


def note(store: Store) -> bool:
    return store.append_log(store.task("010"), "a note", by="implementer") is not None


# -- links that lead out ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "write"),
    [
        pytest.param("log.md", note, id="a note"),
        pytest.param("feedback", send_back, id="feedback"),
        pytest.param("../../tasks", add, id="a new task"),
        pytest.param("../../../../phases", lambda store: add(store, "030"), id="a phase elsewhere"),
    ],
)
def test_nothing_is_written_through_a_link_that_leads_out(
    store: Store, place: str, write: Callable[[Store], object]
) -> None:
    put(store, in_status("needs_review"))
    path = Path(os.path.normpath(folder(store) / place))
    target = outside(store) / "target"
    if path.is_dir():
        path.rename(target)
    elif place == "feedback":
        target.mkdir()
    else:
        target.write_text("theirs\n")
    path.symlink_to(target)
    before = {name: (outside(store) / name).read_bytes() for name in files_below(outside(store))}
    with pytest.raises(Refused, match="a link leads out of the repository"):
        write(store)
    assert {name: (outside(store) / name).read_bytes() for name in files_below(outside(store))} == before
    assert not os.path.exists(store.layout.journal) or os.listdir(store.layout.journal) == []


def test_a_link_that_stays_in_the_repository_is_followed_and_replaced_by_a_write(store: Store) -> None:
    path = put(store, new_task())
    kept = Path(store.layout.main, "kept.yaml")
    path.rename(kept)
    path.symlink_to(kept)
    before = kept.read_bytes()
    assert store.change_task("010", keep(priority="high")).priority == "high"
    assert (kept.read_bytes(), path.is_symlink()) == (before, False)
    (folder(store) / "log.md").symlink_to(Path(store.layout.main, "log.md"))
    assert note(store)
    assert "a note" in Path(store.layout.main, "log.md").read_text()


def test_a_repository_that_is_itself_reached_by_a_link_is_none_that_leads_out(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    store = new_store(tmp_path / "linked")
    add(store)
    store.change_task("010", keep(priority="high"))
    assert note(store)
    assert [task.priority for task in store.tasks().tasks] == ["high"]
    assert store.broken_files() == ()


def test_what_lies_outside_is_not_read(store: Store) -> None:
    add(store)
    secret = outside(store) / "secret.md"
    secret.write_text("the password")
    for name in ("description.md", "feedback/001.md"):
        (folder(store) / name).unlink(missing_ok=True)
        (folder(store) / name).symlink_to(secret)
    task = store.task("010")
    for read in (store.description, store.feedback):
        with pytest.raises(Unreadable, match="a link leads out") as refused:
            read(task)
        assert "password" not in str(refused.value)


# -- pipes, folders, files ------------------------------------------------------------------------


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _file(path: Path) -> None:
    path.write_text("x")


@pytest.mark.parametrize("made", [_pipe, _folder], ids=["a pipe", "a folder"])
@pytest.mark.parametrize(
    ("name", "use"),
    [
        pytest.param("description.md", lambda s: s.description(s.task("010")), id="description"),
        pytest.param("log.md", note, id="log"),
        pytest.param("feedback/001.md", lambda s: s.feedback(s.task("010")), id="feedback"),
        pytest.param(
            "log.md", lambda s: s.append_log(s.task("010"), "words", by="w", at=AT), id="a note of then"
        ),
    ],
)
def test_what_is_no_text_is_refused_and_not_waited_for(
    store: Store, name: str, use: Callable[[Store], object], made: Callable[[Path], None]
) -> None:
    add(store)
    path = folder(store) / name
    path.unlink(missing_ok=True)
    made(path)
    with pytest.raises(Unreadable, match=f"{name}: is (a folder|not a regular file)"):
        use(store)
    assert store.change_task("010", keep(priority="low")).priority == "low"


@pytest.mark.parametrize(
    ("place", "made"),
    [
        pytest.param("feedback", _pipe, id="a pipe for the folder"),
        pytest.param("feedback", _file, id="a file for the folder"),
        pytest.param("feedback/001.md", _folder, id="a folder for the file"),
    ],
)
def test_a_change_that_could_not_be_completed_is_not_begun(
    store: Store, place: str, made: Callable[[Path], None]
) -> None:
    path = put(store, in_status("needs_review"))
    (path.parent / place).parent.mkdir(exist_ok=True)
    made(path.parent / place)
    before = path.read_bytes()
    with pytest.raises(Unreadable, match=r"is a (file|folder), and should be a"):
        send_back(store)
    assert path.read_bytes() == before
    assert not os.path.exists(store.layout.journal)
    assert store.change_task("010", keep(priority="low")).priority == "low"


def test_a_text_of_a_hundred_megabytes_is_refused_before_it_is_read(store: Store) -> None:
    task = add(store)
    with (folder(store) / "description.md").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    with pytest.raises(Unreadable, match="is 104,857,600 bytes long; it may have 16,777,216"):
        store.description(task)


def test_a_good_copy_that_can_not_be_kept_keeps_no_change_from_being_made(store: Store) -> None:
    add(store)
    os.makedirs(store.layout.last_good, exist_ok=True)
    Path(store.layout.last_good, ".task-010.yaml.tmp").mkdir()
    assert store.change_task("010", keep(priority="low")).priority == "low"
    assert store.task("010").priority == "low"


def test_notes_beside_the_phases_are_no_phases(store: Store) -> None:
    for name in ("README.md", ".DS_Store", "notes.txt~"):
        Path(store.layout.phases, name).write_text("x")
    add(store)
    assert store.phases() == ["finalize", "implementation", "review"]
    assert (store.tasks().broken, store.broken_files()) == ((), ())


def test_a_phase_is_one_of_the_folders_and_no_path(store: Store) -> None:
    with pytest.raises(NotFound, match="phase not found"):
        add(store, phase="../phases/implementation")


def test_an_unreadable_folder_keeps_ids_from_being_given(store: Store) -> None:
    """They are never given twice, and nobody can see which ones are."""
    add(store)
    tasks = Path(store.layout.tasks("review"))
    _file(tasks)
    with pytest.raises(Refused, match="which ids are used can't be seen"):
        add(store)
    tasks.unlink()
    assert add(store).id == "020"


# -- what is put aside ----------------------------------------------------------------------------


def test_what_is_put_aside_is_numbered_and_put_aside_once(tmp_path: Path) -> None:
    path = tmp_path / "state.yaml"
    for number, text in enumerate(("one", "two", "three"), 1):
        path.write_text(text)
        aside = files.set_aside(str(path))
        assert files.set_aside(str(path)) == aside, "as after a kill in the middle"
        assert path.read_text() == text, "until another is written it is at its place, too"
        assert aside == f"{path}.broken" + (f".{number}" if number > 1 else "")
        files.write(str(path), "whole")
    assert [Path(f"{path}.broken{end}").read_text() for end in ("", ".2", ".3")] == ["one", "two", "three"]


@pytest.mark.parametrize("made", [_pipe, _folder, lambda path: path.symlink_to("/etc/passwd")])
def test_whatever_it_is_can_be_put_aside(tmp_path: Path, made: Callable[[Path], Any]) -> None:
    path = tmp_path / "state.yaml"
    made(path)
    kind = path.lstat().st_mode
    assert Path(files.set_aside(str(path))).lstat().st_mode == kind
    assert not os.path.lexists(path)
