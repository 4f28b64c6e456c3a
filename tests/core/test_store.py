"""The one door to the state, on real files: what it writes, what it refuses, what it leaves alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.parts import (
    AT,
    add,
    events,
    files_below,
    in_status,
    keep,
    new_store,
    new_task,
    put,
    temporary,
)

from sow.change import Change, Event
from sow.document.canonical import SIZE, VALUES
from sow.errors import Busy, Failed, NotFound, Refused
from sow.files import Lock
from sow.state import Step
from sow.store import Store

BY_HAND = """\
# The login, for Ada: see https://example.org/42
id: '010'
name: Add a login form   # keep it short
phase: implementation

status: pending
created_at: 2025-01-15T10:30:00+01:00
updated_at: 2025-01-15T10:30:00+01:00
iteration: 1
assigned_agent: implementer
inputs:
  # what the designer left
  - type: reference
    path: context/login.md
    approved: true
    created_at: 2025-01-15T10:30:00+01:00
outputs: []
metadata:
  # from the old tracker
  complexity: {level: 3, by: "Ada"}   # her estimate
# the end
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def state(store: Store, task_id: str = "010", phase: str = "implementation") -> Path:
    return Path(store.layout.task_file(phase, task_id))


def changed(old: str, new: str) -> bytes:
    return BY_HAND.replace(old, new).encode()


def by_hand(store: Store) -> Path:
    path = state(store)
    path.parent.mkdir(parents=True)
    path.write_text(BY_HAND)
    return path


def snapshot(store: Store) -> dict[str, bytes]:
    """Every byte of the state and of the log."""
    folders = (store.layout.project, store.layout.events)
    return {f"{top}/{name}": Path(top, name).read_bytes() for top in folders for name in files_below(top)}


# -- changing ---------------------------------------------------------------------------------


def test_a_change_writes_only_the_lines_that_it_changes(store: Store) -> None:
    path = by_hand(store)
    store.change_task("010", keep(priority="high", status="abandoned"))
    before, after = BY_HAND.splitlines(), path.read_text().splitlines()
    assert [line for line in after if line not in before] == [
        "status: abandoned",
        "updated_at: 2026-11-21T12:00:01.000Z",
        "priority: high",
    ]
    assert [line for line in before if line not in after] == [
        "status: pending",
        "updated_at: 2025-01-15T10:30:00+01:00",
    ]


def test_a_file_with_comments_keeps_every_one_of_them_through_a_task_s_whole_life(store: Store) -> None:
    path = by_hand(store)
    comments = [line[line.index("#") :] for line in BY_HAND.splitlines() if "#" in line]
    steps: list[Any] = [
        lambda t: t.start(session_id="s", executor="e", at=AT, worktree="/w", branch="b", base="c"),
        lambda t: t.pause("which: a or b?\nsay # one", kind="question", by="w", at=AT, options=("a", "b")),
        lambda t: t.take_answer("a", by="ada", at=AT),
        lambda t: t.hand_in("done: all # of it"),
        lambda t: t.send_back("more", by="ada", at=AT).replace(
            metadata={"complexity": {"level": 4, "by": "Ada"}}
        ),
        lambda t: t.hand_in().approve(by="ada", at=AT),
        lambda t: t.complete(at=AT),
    ]
    for step in steps:
        changed = store.change_task("010", lambda task, step=step: Change(task=step(task)))  # type: ignore[misc]
        assert store.task("010") == changed
    text = path.read_text()
    assert [comment for comment in comments if comment not in text] == []


def test_a_change_that_changes_nothing_touches_no_file_and_tells_nothing(store: Store) -> None:
    path = by_hand(store)
    before = (os.stat(path).st_ino, os.stat(path).st_mtime_ns, snapshot(store))
    same = store.change_task("010", lambda task: Change(task=task.replace(name="Add a login form")))
    assert same.updated_at == "2025-01-15T10:30:00+01:00"
    assert (os.stat(path).st_ino, os.stat(path).st_mtime_ns, snapshot(store)) == before


@pytest.mark.parametrize(("old", "new"), [(1, True), (True, 1), (1, 1.0), (0, False)])
def test_a_value_of_another_type_is_a_change(store: Store, old: Any, new: Any) -> None:
    add(store, metadata={"held": old})
    store.change_task("010", keep(metadata={"held": new}))
    held = store.task("010").metadata
    assert held is not None
    assert type(held["held"]) is type(new)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda task: Change(task=task.take_answer("x", by="a", at=AT)), id="an illegal move"),
        pytest.param(keep(iteration=0), id="a value below its minimum"),
        pytest.param(keep(priority="urgent"), id="a word that is none of the enum"),
        pytest.param(keep(created_at="yesterday"), id="a time that is none"),
        pytest.param(keep(depends_on=["010", "010"]), id="a list with repetition"),
        pytest.param(keep(name="caf\udce9"), id="half a character"),
        pytest.param(keep(metadata={"x": float("nan")}), id="no number"),
        pytest.param(keep(metadata={1: "x"}), id="a key that is no text"),
        pytest.param(keep(metadata={"x": "x" * SIZE}), id="more than a file may hold"),
        pytest.param(keep(metadata={"x": [1] * VALUES}), id="more values than a file may hold"),
    ],
)
def test_a_refused_change_changes_no_byte_and_says_what_to_do(store: Store, change: Any) -> None:
    by_hand(store)
    before = snapshot(store)
    with pytest.raises(Refused) as refused:
        store.change_task("010", change)
    assert refused.value.hint
    assert "010" in str(refused.value)
    assert snapshot(store) == before
    assert temporary(store) == []


def test_a_change_that_fails_in_its_own_code_changes_no_byte_and_frees_the_lock(store: Store) -> None:
    add(store)
    before = snapshot(store)
    with pytest.raises(ZeroDivisionError):
        store.change_task("010", lambda task: 1 / 0)  # type: ignore[arg-type, return-value]
    assert snapshot(store) == before
    assert store.change_task("010", keep(priority="low")).priority == "low"


def test_a_change_sees_the_state_as_it_is_now_and_not_an_old_copy(store: Store) -> None:
    add(store)
    old = store.task("010")
    store.change_task("010", keep(priority="high"))
    store.change_task("010", lambda task: Change(task=task.replace(name=f"{old.name} again")))
    assert (store.task("010").priority, store.task("010").name) == ("high", "task 010 again")


def test_a_file_is_replaced_whole_so_that_who_reads_it_meanwhile_reads_the_old_one(store: Store) -> None:
    path = by_hand(store)
    path.chmod(0o640)
    with open(path) as reader:
        begin = reader.read(10)
        store.change_task("010", keep(name="x" * 9000))
        assert begin + reader.read() == BY_HAND
    assert path.stat().st_mode & 0o777 == 0o640


def test_events_carry_the_count_of_their_task(store: Store) -> None:
    add(store)
    add(store)
    event = Event(type="task.changed", task_id="010", payload={"fields": ["name"]})
    store.change_task("010", lambda task: Change(task=task.replace(name="x"), events=(event, event)))
    store.tell(Event(type="run.started", payload={"jobs": 1}))
    assert [(e["task_id"], e["type"], e["seq"]) for e in events(store)] == [
        ("010", "task.created", 1),
        ("020", "task.created", 1),
        ("010", "task.changed", 2),
        ("010", "task.changed", 3),
        (None, "run.started", 1),
    ]


def test_a_lock_that_is_held_too_long_is_an_error_that_names_its_file(tmp_path: Path) -> None:
    path = f"{tmp_path}/locks/x.lock"
    with Lock(path), pytest.raises(Busy, match=r"x\.lock has been locked"), Lock(path, wait_seconds=0.05):
        pass


def test_the_project_s_own_file_is_changed_by_its_lines_too(store: Store) -> None:
    path = Path(store.layout.project_file)
    path.write_text(f"# ours\n{path.read_text()}")
    store.change_project(lambda held: Step(project={**held, "description": "another"}))
    assert path.read_text().startswith("# ours\nname: demo\n")
    assert store.project()["description"] == "another"
    before = (os.stat(path).st_ino, path.read_bytes())
    store.change_project(lambda held: Step(project=held))
    assert (os.stat(path).st_ino, path.read_bytes()) == before
    with pytest.raises(Refused, match="branch"):
        store.change_project(lambda held: Step(project={**held, "branch": ""}))
    assert path.read_bytes() == before[1]


# -- reading ----------------------------------------------------------------------------------


def test_an_unknown_task_or_phase_is_named_with_where_to_look(store: Store) -> None:
    for unknown in ("040", "1", "../x", "０１０"):
        with pytest.raises(NotFound, match=f"task not found: {unknown}") as missing:
            store.task(unknown)
        assert "sow task list" in missing.value.hint
    with pytest.raises(NotFound, match="phase not found: building") as no_phase:
        store.phase("building")
    assert "implementation, review, finalize" in no_phase.value.hint
    with pytest.raises(NotFound, match="phase not found: building"):
        add(store, phase="building")
    assert store.tasks().tasks == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(b"id: '010'\nname: [\n", "state.yaml:3", id="torn YAML"),
        pytest.param(b"", "state.yaml", id="empty"),
        pytest.param(b"\xff\xfe\x00", "state.yaml", id="no text"),
        pytest.param(changed("iteration: 1", "iteration: 0"), "state.yaml:9: iteration", id="invalid"),
        pytest.param(changed("inputs:", "sessoin_id: x\ninputs:"), "sessoin_id", id="unknown key"),
        pytest.param(changed("'010'", "'030'"), "id is '030', and its folder says '010'", id="copied"),
        pytest.param(changed(": implementation", ": review"), "phase is 'review'", id="moved"),
    ],
)  # fmt: skip
def test_a_broken_file_is_listed_and_the_good_ones_beside_it_go_on(
    store: Store, text: bytes, message: str
) -> None:
    put(store, new_task("020"))
    by_hand(store).write_bytes(text)
    held = store.tasks()
    assert [task.id for task in held.tasks] == ["020"]
    assert [(broken.path, bool(broken.hint)) for broken in held.broken] == [(str(state(store)), True)]
    assert message in held.broken[0].message
    with pytest.raises(Refused, match=r"state\.yaml"):
        store.change_task("010", keep(priority="low"))
    assert state(store).read_bytes() == text
    assert store.change_task("020", keep(priority="low")).priority == "low"


def test_a_task_s_folder_without_its_state_is_broken_and_not_forgotten(store: Store) -> None:
    add(store)
    add(store)
    state(store).unlink()
    held = store.tasks()
    assert [task.id for task in held.tasks] == ["020"]
    assert [broken.message for broken in held.broken] == [
        f"{state(store)}: the state file of task 010 is gone"
    ]
    with pytest.raises(Refused, match="is gone") as gone:
        store.task("010")
    assert store.layout.last_good in gone.value.hint
    shutil.rmtree(state(store).parent)
    assert store.tasks().broken == ()


def test_a_pipe_in_the_place_of_a_state_file_keeps_nobody_waiting(store: Store) -> None:
    add(store)
    state(store).unlink()
    os.mkfifo(state(store))
    assert "not a regular file" in store.tasks().broken[0].message
    assert store.restore_last_good("010") is not None
    assert store.task("010").name == "task 010"


def test_description_feedback_and_log_are_read_as_they_lie(store: Store) -> None:
    task = add(store, name="write it")
    assert store.description(task) == "write it\n"
    assert store.feedback(task) == []
    for name, text in {
        "002.md": "second",
        "001.md": "first",
        ".003.md.1.1.tmp": "no",
        "notes.txt": "no",
    }.items():
        Path(store.layout.task(task.phase, task.id), "feedback", name).write_text(text)
    assert store.feedback(task) == [("001.md", "first"), ("002.md", "second")]
    store.append_log(task, "began\nwith it\n\n", by="implementer")
    log = Path(store.layout.task(task.phase, task.id), "log.md").read_text()
    assert log == "# 010 write it\n\n## 2026-11-21T12:00:02.000Z implementer\n\nbegan\nwith it\n"


@pytest.mark.parametrize(
    ("there", "iteration", "free"),
    [
        pytest.param((), 1, "001.md", id="none"),
        pytest.param(("001.md",), 2, "002.md", id="one an iteration"),
        pytest.param(("001.md", "002.md"), 1, "003.md", id="more files than iterations"),
        pytest.param(("notes.md", "007.txt"), 3, "003.md", id="no numbers"),
    ],
)
def test_a_feedback_file_never_takes_the_place_of_another(
    store: Store, there: tuple[str, ...], iteration: int, free: str
) -> None:
    task = add(store).replace(iteration=iteration)
    folder = Path(store.layout.task(task.phase, task.id), "feedback")
    for name in there:
        (folder / name).write_text("said before")
    assert store.next_feedback(task) == f"{folder}/{free}"


def test_a_note_that_says_when_is_added_once(store: Store) -> None:
    task = add(store)
    assert store.append_log(task, "began", by="w", at=AT)
    assert not store.append_log(task, "began", by="w", at=AT)
    assert store.append_log(task, "began", by="w")
    assert Path(store.layout.task(task.phase, task.id), "log.md").read_text().count("began") == 2


# -- ids --------------------------------------------------------------------------------------


def test_ids_go_by_tens_and_one_can_be_put_between(store: Store) -> None:
    assert [add(store).id for _ in range(3)] == ["010", "020", "030"]
    assert add(store, "015").id == "015"
    assert add(store, "034").id == "034"
    assert add(store).id == "040"
    assert [task.id for task in store.tasks().tasks] == ["010", "015", "020", "030", "034", "040"]


@pytest.mark.parametrize("wanted", ["1", "0010", "abc", "", "01 ", "٠١٠", "-10", "../"])
def test_what_is_no_id_is_refused(store: Store, wanted: str) -> None:
    with pytest.raises(Refused, match="is no task id"):
        add(store, wanted)


def test_an_id_is_never_given_twice_also_when_its_task_is_gone(store: Store) -> None:
    for task_id in ("010", "020"):
        add(store, task_id)
    shutil.rmtree(state(store, "020").parent)
    with pytest.raises(Refused, match="task id 020 was given before"):
        add(store, "020")
    with pytest.raises(Refused, match="task id 010 was given before"):
        add(store, "010", phase="review")
    assert add(store).id == "030"


def test_after_the_tens_come_the_free_numbers_below_and_then_an_error(store: Store) -> None:
    """A full project, as the list of given ids has it: so this is quick."""
    assert add(store, "990").id == "990"
    assert [add(store).id for _ in range(3)] == ["999", "998", "997"]
    Path(store.layout.runtime, "ids").write_text("\n".join(f"{n:03d}" for n in range(2, 1000)) + "\n")
    assert add(store).id == "001"
    with pytest.raises(Refused, match="all 999 task ids of this project are used") as full:
        add(store)
    assert "sow project new" in full.value.hint


def test_a_task_that_is_refused_takes_no_id_and_leaves_no_folder(store: Store) -> None:
    before = snapshot(store)
    for bad in ({"priority": "urgent"}, {"name": ""}, {"name": "caf\udce9"}):
        with pytest.raises(Refused):
            add(store, **bad)
    assert snapshot(store) == before
    assert temporary(store) == []
    assert add(store).id == "010"


# -- mending ----------------------------------------------------------------------------------


def test_the_last_good_state_comes_back_and_the_broken_file_is_kept_byte_for_byte(store: Store) -> None:
    add(store)
    store.change_task("010", keep(priority="high"))
    state(store).write_bytes(b"\xffid: nonsense")
    restored = store.restore_last_good("010")
    assert restored is not None
    assert (restored, restored.priority) == (store.task("010"), "high")
    assert Path(f"{state(store)}.broken").read_bytes() == b"\xffid: nonsense"
    assert store.restore_last_good("010") is None, "nothing is broken any more"


def test_a_state_file_that_was_removed_comes_back(store: Store) -> None:
    add(store)
    shutil.rmtree(state(store).parent)
    assert store.restore_last_good("010") == store.task("010")


def test_without_a_good_copy_nothing_is_restored_and_nothing_touched(store: Store) -> None:
    by_hand(store).write_text("nonsense")
    assert store.restore_last_good("010") is None
    assert state(store).read_text() == "nonsense"


def test_what_killed_writers_left_is_swept_up_and_nothing_else(store: Store) -> None:
    task = add(store)
    folder = store.layout.task(task.phase, task.id)
    os.makedirs(store.layout.journal)
    left = [
        f"{folder}/.state.yaml.1.1.tmp",
        f"{folder}/feedback/.001.md.1.2.tmp",
        f"{store.layout.project}/.state.yaml.1.3.tmp",
        f"{store.layout.journal}/.task-010.json.1.4.tmp",
    ]
    others = [f"{folder}/notes.tmp", f"{folder}/.hidden", f"{folder}/feedback/.x.swp"]
    for path in left + others:
        Path(path).write_text("half")
    store.settle()
    assert [path for path in left if os.path.exists(path)] == []
    assert [path for path in others if not os.path.exists(path)] == []
    assert set(os.listdir(store.layout.locks)) == {"ids.lock", "project.lock", "task-010.lock"}


def test_a_disk_that_refuses_is_told_with_what_to_do(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    add(store)
    before = snapshot(store)

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(Failed, match="No space left") as refused:
            store.change_task("010", keep(priority="low"))
    assert "free some space" in refused.value.hint
    assert (snapshot(store), temporary(store)) == (before, [])


@pytest.mark.parametrize("room", [0, 20])
def test_a_disk_with_room_for_the_state_and_not_for_its_copy_keeps_the_older_copy(
    store: Store, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    add(store)
    copy = Path(store.layout.last_good, "010.yaml")
    before, real = copy.read_bytes(), os.write

    def nearly_full(handle: int, data: bytes) -> int:
        if "last-good" not in os.readlink(f"/proc/self/fd/{handle}"):
            return real(handle, data)
        if not room:
            raise OSError(28, "No space left on device")
        return real(handle, data[:room])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", nearly_full)
        store.change_task("010", keep(priority="low"))
    assert store.task("010").priority == "low"
    assert copy.read_bytes() == before
    store.settle()
    assert temporary(store) == []


# -- any value --------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    status=st.sampled_from(["pending", "in_progress", "paused", "needs_review", "completed", "abandoned"]),
    name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=30),
    metadata=st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=9),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("a#:", max_size=3), inner),
            max_leaves=4,
        ),
        max_size=3,
    ),
)  # fmt: skip
def test_what_is_stored_is_what_is_read(
    store: Store, status: str, name: str, metadata: dict[str, Any]
) -> None:
    put(store, in_status(status))
    stored = store.change_task("010", keep(name=name, metadata=metadata))
    assert store.task("010").document() == stored.document()
    assert store.task("010").metadata == metadata


@pytest.mark.parametrize("write", [0, 1], ids=["a change of one file", "a change of several"])
def test_what_is_written_is_on_the_disk_before_it_gets_its_name_and_its_name_soon_after(
    store: Store, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    add(store)
    done: list[str] = []
    fsync, rename = os.fsync, os.rename

    def flushed(handle: int) -> None:
        done.append(f"flush {os.readlink(f'/proc/self/fd/{handle}')}")
        fsync(handle)

    def renamed(path: str, to: str) -> None:
        done.append(f"rename {path} {to}")
        rename(path, to)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "rename", renamed)
    files = {store.next_feedback(store.task("010")): "more"} if write else {}
    store.change_task("010", lambda task: Change(task=task.replace(name="x"), files=files))
    named = [step.split()[1:] for step in done if step.startswith("rename") and "/last-good/" not in step]
    assert store.layout.task_file("implementation", "010") in [to for _, to in named]
    for path, to in named:
        at = done.index(f"rename {path} {to}")
        assert f"flush {path}" in done[:at], done
        assert f"flush {os.path.dirname(to)}" in done[at:], done
