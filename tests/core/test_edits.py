"""State files that were changed beside sow: what is taken, what is put back, and that nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.parts import AT, add, events, in_status, keep, new_store, open_store, put, started
from tests.waiting import until

from sow import edits, lease
from sow.document import canonical
from sow.process import Identity
from sow.runner.touched import Touched
from sow.store import Store
from sow.task import STATUSES

ARTIFACT = {"type": "review", "path": "a.md", "approved": False, "created_at": AT}


@pytest.fixture(params=["a look at all", "a look at what was touched"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = new_store(tmp_path)
    made.keep_good_copies()
    touched = Touched()
    if request.param == "a look at what was touched":
        made.heed(touched)
        assert made.put_right(()) == []
    yield made
    touched.close()


def edit(store: Store, **fields: Any) -> Path:
    """Writes other fields into the state file of task 010, past the store."""
    return put(store, store.task("010").replace(**fields))


# -- the rule ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "fields", "own", "wrong"),
    [
        pytest.param("pending", {"name": "New"}, False, (), id="a name is anybody's"),
        pytest.param("pending", {"depends_on": ["020"], "priority": "low"}, False, (), id="so is an order"),
        pytest.param("pending", {"metadata": {"a": 1}}, False, (), id="and metadata"),
        pytest.param("in_progress", {"status": "needs_review"}, True, (), id="an agent hands in"),
        pytest.param("in_progress", {"status": "paused"}, True, (), id="an agent pauses"),
        pytest.param(
            "in_progress", {"status": "needs_review"}, False,
            ("status: in_progress -> needs_review",), id="not for another",
        ),
        pytest.param(
            "in_progress", {"status": "completed"}, True,
            ("status: in_progress -> completed",), id="nobody completes by hand",
        ),
        pytest.param(
            "needs_review", {"status": "in_progress", "iteration": 2}, True,
            ("status: needs_review -> in_progress", "iteration: 1 -> 2"), id="nobody sends back by hand",
        ),
        pytest.param("in_progress", {"session_id": "s-2"}, True, ("session_id: s-1 -> s-2",), id="a session"),
        pytest.param("in_progress", {"attempts": None}, True, ("attempts: 1 -> nothing",), id="attempts"),
        pytest.param(
            "in_progress", {"outputs": [ARTIFACT]}, True, (), id="an output is added"
        ),
        pytest.param(
            "in_progress", {"outputs": [{**ARTIFACT, "approved": True}]}, True,
            ("outputs: a.md approved",), id="an output is not approved by hand",
        ),
    ],
)  # fmt: skip
def test_what_a_command_would_take_is_taken_and_all_else_told(
    status: str, fields: dict[str, Any], own: bool, wrong: tuple[str, ...]
) -> None:
    before = in_status(status)
    after = before.replace(**fields)
    assert edits.wrong("task", before.document(), after.document(), own=own) == wrong


@given(st.sampled_from(STATUSES), st.sampled_from(STATUSES), st.booleans())
def test_no_status_but_an_agents_own_report_comes_by_hand(before: str, after: str, own: bool) -> None:
    old = in_status(before)
    told = edits.wrong("task", old.document(), old.replace(status=after).document(), own=own)  # type: ignore[arg-type]
    reports = own and before == "in_progress" and after in ("needs_review", "paused")
    assert (told == ()) == (before == after or reports)


@given(st.text())
def test_what_is_told_of_a_value_is_one_short_line(text: str) -> None:
    old = started(in_status("pending"))
    (told,) = edits.wrong("task", old.document(), old.replace(base=f"{text}!").document())
    assert len(told) < 2 * edits.LONGEST + 20
    assert told.splitlines() == [told]


# -- the files --------------------------------------------------------------------------------


def test_what_may_not_be_changed_is_put_back_kept_beside_and_told(store: Store) -> None:
    add(store)
    good = store.task("010")
    path = edit(store, status="completed", name="New")
    theirs = path.read_text()
    (back,) = store.put_right(())
    assert (back.task_id, back.changes) == ("010", ("status: pending -> completed",))
    assert store.task("010") == good
    assert path.with_name(back.kept).read_text() == theirs
    assert events(store)[-1]["payload"] == {"kept": "state.yaml.broken", "changes": [*back.changes]}
    assert store.put_right(()) == [], "nothing is wrong any more"


def test_a_change_that_keeps_the_size_and_the_time_of_a_file_is_seen_too(store: Store) -> None:
    add(store)
    path = Path(store.layout.task_file("implementation", "010"))
    # What was changed just now is read again anyway.
    until(lambda: time.time() - path.stat().st_ctime > 0.2)
    assert store.put_right(()) == []
    before, there = path.read_bytes(), path.stat()
    assert store.put_right(()) == []
    with path.open("r+b") as file:
        file.write(before.replace(b"status: pending", b"status: stopped"))
    os.utime(path, ns=(there.st_atime_ns, there.st_mtime_ns))
    assert path.stat().st_size == there.st_size
    (back,) = store.put_right(())
    assert (back.task_id, path.read_bytes()) == ("010", before)


def test_what_the_agent_at_work_has_written_by_another_name_of_the_file_is_seen_too(
    store: Store, tmp_path: Path
) -> None:
    add(store)
    path = Path(store.layout.task_file("implementation", "010"))
    os.link(path, tmp_path / "another")
    assert store.put_right(("010",)) == []
    (tmp_path / "another").write_text(path.read_text().replace("pending", "completed"))
    (back,) = store.put_right(("010",))
    assert back.changes == ("status: pending -> completed",)


def test_what_may_be_changed_is_taken_and_told(store: Store) -> None:
    add(store)
    path = edit(store, name="New")
    path.write_text(f"# mine\n{path.read_text()}")
    theirs = path.read_text()
    assert store.put_right(()) == []
    assert path.read_text() == theirs
    assert (events(store)[-1]["type"], events(store)[-1]["payload"]) == ("task.changed", {"fields": ["name"]})
    # It is a good copy from now on.
    path.write_text("nonsense")
    assert store.restore_last_good("010") == store.task("010")
    assert path.read_text() == theirs


def test_a_comment_is_taken_and_nothing_to_tell(store: Store) -> None:
    add(store)
    path = edit(store)
    path.write_text(f"# mine\n{path.read_text()}")
    before = events(store)
    assert store.put_right(()) == []
    assert (events(store), path.read_text()[:6]) == (before, "# mine")


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda p: p.write_text("status: ["), id="broken"),
        pytest.param(lambda p: p.write_bytes(b"\xff"), id="no text"),
        pytest.param(lambda p: p.write_text(p.read_text().replace("010", "020", 1)), id="another id"),
        pytest.param(lambda p: p.unlink(), id="gone"),
        pytest.param(lambda p: shutil.rmtree(p.parent), id="gone with its folder"),
        pytest.param(lambda p: [p.unlink(), subprocess.run(["mkfifo", p], check=True)], id="a pipe"),
        pytest.param(lambda p: (p.unlink(), p.mkdir()), id="a folder"),
        pytest.param(lambda p: (p.unlink(), p.symlink_to("/etc/passwd")), id="a link that leads out"),
        pytest.param(lambda p: os.truncate(p, 50_000_000), id="huge"),
        pytest.param(lambda p: p.chmod(0), id="not to be read"),
    ],
)
def test_a_file_that_can_not_be_taken_is_put_back_whatever_lies_there(store: Store, harm: Any) -> None:
    add(store)
    good = store.task("010")
    path = Path(store.layout.task_file("implementation", "010"))
    harm(path)
    if os.geteuid() == 0 and path.is_file() and path.stat().st_mode & 0o777 == 0:
        pytest.skip("root may read anything")
    (back,) = store.put_right(("010",))
    assert (back.task_id, back.changes) == ("010", ())
    assert store.task("010") == good
    assert store.put_right(()) == []


def test_a_task_whose_folder_was_moved_is_where_it_was_with_all_its_texts(store: Store) -> None:
    add(store, name="Add a login form")
    good = store.task("010")
    folder = Path(store.layout.task("implementation", "010"))
    for phase in ("review", "finalize"):
        there = Path(store.layout.task(phase, "010"))
        there.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(there)
        if phase == "finalize":  # by one who knows what else has to be changed
            file = there / "state.yaml"
            file.write_text(canonical.emit(good.replace(phase=phase).document()))
        (back,) = store.put_right(())
        assert back.changes == (f"phase: implementation -> {phase}",)
        assert store.tasks().broken == ()
        assert (store.task("010"), store.description(good)) == (good, "Add a login form\n")


@pytest.mark.parametrize(
    ("file", "old", "new", "changes"),
    [
        pytest.param(
            "state.yaml", "branch: feat/demo", "branch: main", ["branch: feat/demo -> main"], id="the branch"
        ),
        pytest.param("state.yaml", "name: demo", "name: other", [], id="the name"),
        pytest.param(
            "phases/implementation/state.yaml", "status: in_progress", "status: completed",
            ["status: in_progress -> completed"], id="a phase's status",
        ),
        pytest.param("phases/review/state.yaml", "enabled", "enabled: [", [], id="a broken phase"),
        pytest.param(
            "type.yaml", "name: standard", "name: other", ["name: standard -> other"], id="the type"
        ),
    ],
)  # fmt: skip
def test_the_projects_own_files_are_put_back(
    store: Store, file: str, old: str, new: str, changes: list[str]
) -> None:
    path = Path(store.layout.project, file)
    good = path.read_text()
    assert old in good
    path.write_text(good.replace(old, new, 1))
    (back,) = store.put_right(())
    assert path.read_text() == good
    assert (back.path, back.task_id, [*back.changes]) == (str(path), "", changes)
    assert events(store)[-1]["payload"] == {"file": file, "kept": f"{path.name}.broken", "changes": changes}


def test_a_phases_metadata_may_be_written_by_hand(store: Store) -> None:
    path = Path(store.layout.phase_file("implementation"))
    path.write_text(f'{path.read_text()}metadata: {{"planning_approved": true}}\n')
    assert store.put_right(()) == []
    assert store.phase("implementation")["metadata"] == {"planning_approved": True}


# -- writers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("at_work", [True, False])
def test_a_worker_builds_on_what_was_changed_by_hand_only_where_no_agent_can_have_done_it(
    store: Store, at_work: bool
) -> None:
    add(store)
    edit(store, approval={"by": "ada", "at": AT})
    held = lease.acquire(f"{store.layout.locks}/turn-020.lease", "a turn")
    if not at_work:
        held.hand_to(Identity(boot_id="earlier", pid=1, start_ticks=1))
    worker = open_store(store.layout.folder, actor="worker")
    task = worker.change_task("010", keep(priority="high"))
    assert (task.priority, task.approval is None) == ("high", at_work)
    assert worker.task("010") == task


def test_what_a_person_wrote_is_built_on_by_their_next_command(store: Store) -> None:
    add(store)
    edit(store, status="abandoned", completed_at=AT)
    lease.acquire(f"{store.layout.locks}/turn-020.lease", "a turn")
    assert store.change_task("010", keep(priority="high")).status == "abandoned"
    assert store.put_right(()) == []


def test_without_agents_all_that_is_valid_is_taken_as_it_is(store: Store) -> None:
    add(store)
    path = edit(store, status="abandoned", completed_at=AT)
    store.keep_good_copies()
    assert store.put_right(()) == []
    path.write_text("nonsense")
    store.keep_good_copies()
    store.put_right(())
    assert store.task("010").status == "abandoned"


@pytest.mark.parametrize(
    ("kept", "changes", "words"),
    [
        (
            "state.yaml.broken",
            ("status: pending -> completed",),
            "put back: status: pending -> completed. What",
        ),
        ("state.yaml.broken", (), "it could not be read as what it has to be. What lay there is kept"),
        ("", (), "is put back: it was gone."),
    ],
    ids=["changed", "broken", "deleted"],
)
def test_a_person_is_told_what_was_put_back_and_why(kept: str, changes: tuple[str, ...], words: str) -> None:
    assert words in edits.put_back_words("/p/state.yaml", kept, changes)
