"""Files that one may not read or write. Root may, so there another user looks."""

import json
import os
import shutil
import stat
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.parts import Person, Said, with_project

from sow.workspace import Workspace

NOBODY = 65534
READING = (
    ("status",), ("status", "--json"), ("task", "list"), ("task", "show", "020"), ("validate",),
    ("validate", "--json"), ("project", "list"), ("events",), ("config", "show"), ("repair", "--dry-run"),
)  # fmt: skip


@pytest.fixture(scope="module")
def who() -> Iterator[Person]:
    """A person who is not root, with a project of two tasks."""
    folder = Path(tempfile.mkdtemp(prefix="sow-permission-"))
    try:
        made = with_project(folder)
        for name in ("First", "Second"):
            made.done("task", "add", name, "--agent", "implementer")
        for words in (*READING, ("project", "show"), ("task", "set", "priority", "low", "--id", "020")):
            made.sow(*words)  # what they import is imported: the other user may not read our sources
        _as_a_person(lambda: None)
        yield made
    finally:
        shutil.rmtree(folder)


def _as_a_person(act: Callable[[], object], folder: Path | None = None) -> None:
    """Does `act` as somebody whom permissions bind; fails as it does."""
    if os.getuid() != 0:
        act()
        return
    if folder:
        for above, names, files in os.walk(folder):
            for path in (above, *(f"{above}/{name}" for name in (*names, *files))):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    told, report = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            act()
        except BaseException:
            os.write(report, traceback.format_exc().encode()[-60_000:])
        os._exit(0)
    os.close(report)
    with os.fdopen(told, encoding="utf-8") as pipe:
        failure = pipe.read()
    os.waitpid(child, 0)
    assert not failure, failure


@contextmanager
def _mode(path: Path, mode: int) -> Iterator[None]:
    before = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


def _project(who: Person) -> Path:
    return who.folder / ".sow/worktrees/feat/add-login/.sow/project"


UNREADABLE = {
    "state.yaml": "task list",
    "phases/implementation/state.yaml": "task list",
    "phases/implementation/tasks/010/state.yaml": "task show 020",
    "phases/implementation/tasks/010": "task show 020",
    "phases/implementation/tasks/010/description.md": "task list",
    "phases/implementation/tasks/010/feedback": "task list",
    "phases/review": "task list",
}
"""What may not be read, below the project, and a command that does not need it."""


@pytest.mark.parametrize(("name", "other"), UNREADABLE.items())
def test_what_may_not_be_read_is_told_and_the_rest_goes_on(who: Person, name: str, other: str) -> None:
    path = _project(who) / name

    def look() -> None:
        assert who.sow("status").code == 0
        assert who.sow(*other.split()).code == 0
        assert who.sow("task", "set", "priority", "low", "--id", "020").code == 0
        checked = who.sow("validate")
        assert checked.code == 4, checked
        assert f"{path}" in checked.out
        assert "can't be read: Permission denied" in checked.out
        assert "ls -ld" in checked.out
        for words in READING:
            _is_in_order(who.sow(*words))

    with _mode(path, 0):
        _as_a_person(look, who.home.parent)


def test_folders_that_may_not_be_looked_into_are_told_by_every_command_that_needs_them(who: Person) -> None:
    for name in ("phases/implementation/tasks", "phases"):
        path = _project(who) / name

        def look(path: Path = path) -> None:
            for words in (*READING, ("task", "show", "010"), ("project", "show")):
                _is_in_order(who.sow(*words))
            code, lines = who.sow("task", "set", "priority", "low", "--id", "020").told
            assert code == 4
            assert f"{path}: can't be read: Permission denied" in lines[0]
            assert who.sow("task", "add", "Third", "--agent", "implementer").code == 4

        with _mode(path, 0):
            _as_a_person(look, who.home.parent)


def test_settings_and_events_that_may_not_be_read_are_told(who: Person) -> None:
    mine, repository = who.home / ".config/sow/config.yaml", who.folder / ".sow/config.yaml"
    who.settings("agents: {}\n")
    day = next(Path(who.store().layout.events).iterdir())
    for path in (mine, repository, day):

        def look(path: Path = path) -> None:
            checked = who.sow("validate")
            assert (checked.code, f"{path}" in checked.out) == (4, True)
            for words in READING:
                _is_in_order(who.sow(*words))
            assert who.sow("task", "list").code == 0

        with _mode(path, 0):
            _as_a_person(look, who.home.parent)
    mine.unlink()


def test_where_nothing_may_be_written_nothing_is_and_it_is_told(who: Person) -> None:
    folder = _project(who) / "phases/implementation/tasks/020"
    before = (folder / "state.yaml").read_bytes()

    def try_it() -> None:
        code, lines = who.sow("task", "set", "priority", "critical", "--id", "020").told
        assert (code, len(lines)) == (1, 2)
        assert lines[0].startswith(f"sow: can't write {folder}/state.yaml: Permission denied")
        assert who.sow("task", "show", "020").code == 0
        assert who.sow("task", "list").code == 0

    with _mode(folder, 0o555):
        _as_a_person(try_it, who.home.parent)
    assert (folder / "state.yaml").read_bytes() == before


def test_an_event_that_may_not_be_written_is_told_and_the_change_is_made(who: Person) -> None:
    day = next(Path(who.store().layout.events).iterdir())

    def try_it() -> None:
        code, lines = who.sow("task", "set", "priority", "critical", "--id", "020").told
        assert (code, len(lines)) == (1, 2)
        assert f"can't be added to {day}: Permission denied" in lines[0]
        assert "is done all the same" in lines[1]
        assert "Priority: critical" in who.sow("task", "show", "020").out

    with _mode(day, 0o444):
        _as_a_person(try_it, who.home.parent)


def test_a_repair_gives_the_right_to_read_back_and_no_content_is_replaced(who: Person) -> None:
    folder = _project(who) / "phases/implementation/tasks/010"
    locked = [folder / "state.yaml", folder / "feedback", folder, _project(who) / "phases/review/state.yaml"]
    before = (folder / "state.yaml").read_bytes()

    def mend() -> None:
        assert who.sow("validate").code == 4
        would = json.loads(who.sow("repair", "--dry-run", "--json").out)
        assert str(folder) in [each["path"] for each in would["mended"]]
        did = json.loads(who.done("repair", "--json"))
        assert sorted(each["path"] for each in did["mended"]) == sorted(map(str, locked))
        assert {each["what"] for each in did["mended"]} == {"with the right for you to read it"}
        assert who.sow("validate").code == 0

    for path in locked:
        path.chmod(0)
    _as_a_person(mend, who.home.parent)
    assert (folder / "state.yaml").read_bytes() == before


def test_what_is_another_users_is_explained(who: Person) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a file to somebody else")
    path = _project(who) / "phases/review/state.yaml"

    def look() -> None:
        said = who.sow("repair")
        assert (said.code, "Left for you" in said.out) == (4, True)
        assert f"{path}: can't be read: Permission denied" in said.out
        assert not os.path.lexists(f"{path}.broken"), "it may be whole"

    with _mode(path, 0):
        _as_a_person(lambda: None, who.home.parent)
        os.chown(path, 0, 0)
        _as_a_person(look)


def test_the_state_is_committed_without_the_file_that_may_not_be_read(who: Person) -> None:
    layout = who.store().layout
    log = Path(layout.task("implementation", "020"), "log.md")
    log.write_text("something new\n")

    def commit() -> None:
        with who.inside():
            Workspace(layout, "feat/add-login").commit_state("the run ended")

    with _mode(Path(layout.task_file("implementation", "010")), 0):
        _as_a_person(commit, who.home.parent)
    committed = who.git("-c", "safe.directory=*", "show", "--stat=200", "feat/add-login")
    assert "tasks/020/log.md" in committed
    assert "tasks/010/state.yaml" not in committed


def _is_in_order(said: Said) -> None:
    """A result, or two lines that say what is wrong and what to do."""
    assert said.code in (0, 4), said
    if said.code:
        lines = said.err.splitlines()
        assert len(lines) == 2, said
        assert lines[0].startswith("sow: ")
        assert lines[1].startswith("     ")
