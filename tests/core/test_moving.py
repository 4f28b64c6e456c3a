"""Tasks that go to another phase or out of the project: all of it or nothing, and no reader sees less."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.core.parts import add, events, files_below, keep, new_store, temporary
from tests.forked import code_of

import sow_schemas
from sow import document, files
from sow.errors import Failed, NotFound, Refused
from sow.journal import Move, Write
from sow.store import Store
from sow.task import Task

ROOT = Path(__file__).parents[2]
BY_HAND = """\
# for Ada
id: '010'
name: Which database?   # keep it short
phase: exploration      # for now
status: pending

created_at: 2025-01-15T10:30:00+01:00
updated_at: 2025-01-15T10:30:00+01:00
iteration: 1
assigned_agent: researcher
inputs:
  - {type: reference, path: a.md, approved: true, created_at: 2025-01-15T10:30:00+01:00}   # hers
outputs: []
# the end
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path, kind="exploration")


def alone(task: Task, others: tuple[Task, ...]) -> None:
    """A check that lets every task go."""


def snapshot(store: Store) -> dict[str, bytes]:
    folders = (store.layout.project, store.layout.events, store.layout.last_good, store.layout.removed)
    return {f"{top}/{name}": Path(top, name).read_bytes() for top in folders for name in files_below(top)}


def told(store: Store) -> list[Any]:
    return [(event["task_id"], event["type"], event["payload"]) for event in events(store)][1:]


# -- moving ---------------------------------------------------------------------------------------


def test_a_task_moves_with_all_that_is_its_own_and_only_two_lines_of_it_change(store: Store) -> None:
    add(store, phase="exploration", name="Which database?")
    old = Path(store.layout.task("exploration", "010"))
    (old / "state.yaml").write_text(BY_HAND)
    (old / "feedback/001.md").write_text("better\n")
    (old / "notes.txt").write_text("mine\n")
    moved = store.move_task("010", "finalization")
    new = Path(store.layout.task("finalization", "010"))
    assert (moved.phase, store.task("010"), store.tasks().broken) == ("finalization", moved, ())
    assert not old.exists()
    assert sorted(files_below(new)) == [
        "description.md", "feedback/001.md", "log.md", "notes.txt", "state.yaml"
    ]  # fmt: skip
    before, after = BY_HAND.splitlines(), (new / "state.yaml").read_text().splitlines()
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b] == [
        ("phase: exploration      # for now", "phase: finalization      # for now"),
        ("updated_at: 2025-01-15T10:30:00+01:00", f"updated_at: {moved.updated_at}"),
    ]
    assert told(store) == [("010", "task.moved", {"source": "exploration", "target": "finalization"})]
    assert sow_schemas.valid("event", events(store)[-1])
    (new / "state.yaml").write_text("nonsense")
    assert store.restore_last_good("010") == moved, "its last good copy went along"


def test_a_task_that_is_there_already_stays_as_it_is(store: Store) -> None:
    add(store, phase="exploration")
    before = snapshot(store)
    assert store.move_task("010", "exploration").phase == "exploration"
    assert snapshot(store) == before


@pytest.mark.parametrize(
    ("task_id", "phase", "kind", "message"),
    [
        ("099", "finalization", NotFound, "task not found: 099"),
        ("../010", "finalization", NotFound, "task not found"),
        ("010", "nope", NotFound, "phase not found: nope"),
        ("010", "../finalization", NotFound, "phase not found"),
    ],
)
def test_what_is_not_there_is_not_moved(
    store: Store, task_id: str, phase: str, kind: type[Exception], message: str
) -> None:
    add(store, phase="exploration")
    before = snapshot(store)
    with pytest.raises(kind, match=message):
        store.move_task(task_id, phase)
    assert snapshot(store) == before
    assert store.journal.left() == []


def test_a_task_whose_metadata_is_none_in_the_other_phase_stays(tmp_path: Path) -> None:
    store = new_store(tmp_path, kind="design")
    add(store, phase="finalization", metadata={"artifact_path": 3})
    before = snapshot(store)
    with pytest.raises(Refused, match="artifact_path: 3 is a whole number, not a text"):
        store.move_task("010", "design")
    assert snapshot(store) == before


# -- who reads meanwhile ----------------------------------------------------------------------------


def half_moved(store: Store) -> str:
    """A task whose folder has moved and whose state has not, as a killed mover leaves it; the new state."""
    add(store, phase="exploration")
    task = store.task("010").replace(phase="finalization", updated_at="2026-11-21T12:00:09.000Z")
    text = "".join(f"{line}\n" for line in _lines(task))
    old, new = store.layout.task("exploration", "010"), store.layout.task("finalization", "010")
    steps: list[Move | Write] = [Move(path=old, to=new), Write(path=f"{new}/state.yaml", text=text)]
    noted = [store.journal._noted(step) for step in steps]
    files.make_folder(store.layout.journal)
    Path(store.layout.journal, "ids+project+task-010.json").write_text(json.dumps(noted))
    files.make_folder(os.path.dirname(new))
    os.rename(old, new)
    return text


def _lines(task: Task) -> list[str]:
    return [f"{key}: {json.dumps(value)}" for key, value in task.document().items()]


def test_a_reader_in_the_middle_of_a_move_sees_the_task_moved(store: Store) -> None:
    text = half_moved(store)
    before = snapshot(store)
    assert store.task("010").document() == document.parse(text.encode(), "it").value
    held = store.tasks()
    assert ([task.phase for task in held.tasks], held.broken) == (["finalization"], ())
    assert snapshot(store) == before, "reading changes nothing"


@pytest.mark.parametrize("next_command", ["settle", "a change", "a move", "a removal", "an addition"])
def test_the_next_command_completes_a_move_that_was_killed(store: Store, next_command: str) -> None:
    half_moved(store)
    match next_command:
        case "settle":
            store.settle()
        case "a change":
            store.change_task("010", keep(priority="high"))
        case "a move":
            store.move_task("010", "exploration")
        case "a removal":
            store.remove_task("010", alone)
        case "an addition":
            add(store, phase="exploration")
    assert store.journal.left() == []
    held = store.tasks()
    assert held.broken == ()
    gone = next_command == "a removal"
    where = "exploration" if next_command == "a move" else "finalization"
    assert [task.phase for task in held.tasks if task.id == "010"] == ([] if gone else [where])


def test_a_folder_that_a_person_moved_is_broken_and_its_place_is_told(store: Store) -> None:
    half_moved(store)
    os.unlink(f"{store.layout.journal}/ids+project+task-010.json")
    with pytest.raises(Refused, match="phase is 'exploration', and its folder says 'finalization'"):
        store.task("010")
    assert len(store.tasks().broken) == 1


ENOUGH = 6
"""How often each of them has to come to something while tasks move."""

READER = f"""
import os, sys, time
from tests.core.parts import open_store
store = open_store(sys.argv[1], clock=time.time)
print("ready", flush=True)
seen, wrong = 0, []
while not wrong:
    held = store.tasks()
    ids = [task.id for task in held.tasks]
    if ids != ["010", "020", "030"] or held.broken:
        wrong.append((ids, held.broken))
    if store.task("020").id != "020":
        wrong.append("020")
    seen += 1
    if seen == {ENOUGH}:
        open(sys.argv[2] + str(os.getpid()), "w").close()
    if os.path.exists(sys.argv[2]):
        break
print(seen, wrong, flush=True)
"""
WRITER = f"""
import os, sys, time
from tests.core.parts import open_store
from sow.change import Change
store = open_store(sys.argv[1], clock=time.time)
print("ready", flush=True)
count = 0
while not os.path.exists(sys.argv[2]):
    store.change_task("020", lambda task: Change(task=task.replace(
        metadata={{"n": (task.metadata or {{}}).get("n", 0) + 1}})))
    count += 1
    if count == {ENOUGH}:
        open(sys.argv[2] + str(os.getpid()), "w").close()
print(count, flush=True)
"""


@pytest.mark.slow
def test_while_a_task_moves_to_and_fro_every_reader_sees_it_once_and_no_change_of_it_is_lost(
    tmp_path: Path, store: Store
) -> None:
    for _ in range(3):
        add(store, phase="exploration")
    path = [ROOT / "orchestrator", ROOT / "executors", ROOT / "schemas", ROOT]
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(map(str, path))}
    end = tmp_path / "end"
    others = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(end)], env=environment, stdout=subprocess.PIPE,
            text=True, preexec_fn=code_of(code, [str(tmp_path), str(end)], environment),
        )
        for code in (READER, READER, WRITER)
    ]  # fmt: skip
    try:
        for other in others:
            assert other.stdout is not None
            assert other.stdout.readline() == "ready\n"
        for n in count():
            store.move_task("020", ("finalization", "exploration")[n % 2])
            enough = all(os.path.exists(f"{end}{other.pid}") for other in others)
            if n >= 39 and (enough or any(other.poll() is not None for other in others)):
                break
        end.touch()
        said = [other.communicate(timeout=120)[0].split(" ", 1) for other in others]
    finally:
        for other in others:
            other.kill()
            other.wait()
    for seen, wrong in said[:2]:
        assert (int(seen) >= ENOUGH, wrong.strip()) == (True, "[]")
    assert (store.task("020").metadata or {})["n"] == int(said[2][0]) >= ENOUGH
    assert temporary(store) == []


# -- removing ---------------------------------------------------------------------------------------


def test_a_removed_task_is_kept_whole_and_its_id_is_never_given_again(store: Store) -> None:
    for _ in range(2):
        add(store, phase="exploration", name="Which?")
    store.change_task("020", keep(priority="high"))
    state = Path(store.layout.task_file("exploration", "020")).read_text()
    kept = store.remove_task("020", alone)
    assert kept == f"{store.layout.removed}/020"
    assert sorted(files_below(store.layout.removed)) == [
        "020.last-good.yaml", "020/description.md", "020/log.md", "020/state.yaml"
    ]  # fmt: skip
    assert Path(kept, "state.yaml").read_text() == state
    with pytest.raises(NotFound, match="task not found: 020"):
        store.task("020")
    assert ([task.id for task in store.tasks().tasks], store.tasks().broken) == (["010"], ())
    with pytest.raises(Refused, match="task id 020 was given before"):
        add(store, "020", phase="exploration")
    assert add(store, phase="exploration").id == "030"
    assert [one for one in told(store) if one[1] == "task.removed"] == [
        ("020", "task.removed", {"name": "Which?"})
    ]
    assert all(sow_schemas.valid("event", event) for event in events(store))


def test_the_id_of_a_task_that_came_by_hand_is_noted_when_it_goes(store: Store) -> None:
    add(store, phase="exploration")
    os.unlink(f"{store.layout.runtime}/ids")
    store.remove_task("010", alone)
    assert add(store, phase="exploration").id == "020"


def test_a_task_that_must_stay_stays(store: Store) -> None:
    add(store, phase="exploration")
    before = snapshot(store)

    def never(task: Task, others: tuple[Task, ...]) -> None:
        assert [other.id for other in others] == ["010"]
        raise Refused(f"{task.id} must stay", "leave it")

    with pytest.raises(Refused, match="010 must stay"):
        store.remove_task("010", never)
    assert snapshot(store) == before
    with pytest.raises(NotFound):
        store.remove_task("099", alone)


def test_a_task_that_was_brought_back_by_hand_and_goes_again_does_not_overwrite_the_first(
    store: Store,
) -> None:
    add(store, phase="exploration")
    first = store.remove_task("010", alone)
    folder = store.layout.task("exploration", "010")
    subprocess.run(["cp", "-r", first, folder], check=True)
    assert store.task("010").id == "010"
    assert store.remove_task("010", alone) == f"{store.layout.removed}/010-2"
    assert Path(first, "state.yaml").exists()


# -- another disk -----------------------------------------------------------------------------------


@pytest.fixture
def two_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rename leads from one folder to another, as from one disk to another."""
    real = os.rename

    def rename(source: str, goal: str) -> None:
        if os.path.dirname(source) != os.path.dirname(goal):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
        real(source, goal)

    monkeypatch.setattr(os, "rename", rename)


@pytest.mark.usefixtures("two_disks")
def test_a_removed_task_is_kept_also_on_another_disk(store: Store) -> None:
    add(store, phase="exploration")
    Path(store.layout.task("exploration", "010"), "link").symlink_to("log.md")
    kept = store.remove_task("010", alone)
    assert sorted(files_below(kept)) == ["description.md", "link", "log.md", "state.yaml"]
    assert os.readlink(f"{kept}/link") == "log.md"
    assert os.listdir(store.layout.tasks("exploration")) == []
    assert store.tasks().tasks == ()


@pytest.mark.usefixtures("two_disks")
@pytest.mark.parametrize("copied", ["nothing", "a part", "all of it", "all, and half is removed here"])
def test_a_move_to_another_disk_is_completed_after_a_kill_in_the_middle(tmp_path: Path, copied: str) -> None:
    source, aside, goal = tmp_path / "a/x", tmp_path / "a/.moving-x", tmp_path / "b/x"
    aside.mkdir(parents=True)
    (aside / "one").write_text("1")
    (aside / "two").write_text("2")
    if copied == "a part":
        (tmp_path / "b/.moving-x").mkdir(parents=True)
        (tmp_path / "b/.moving-x/one").write_text("")
    elif copied.startswith("all"):
        goal.mkdir(parents=True)
        (goal / "one").write_text("1")
        (goal / "two").write_text("2")
    if copied.endswith("removed here"):
        (aside / "one").unlink()
    files.move(str(source), str(goal))
    assert {name: (goal / name).read_text() for name in files_below(goal)} == {"one": "1", "two": "2"}
    assert (os.listdir(tmp_path / "a"), os.listdir(tmp_path / "b")) == ([], ["x"])
    files.move(str(source), str(goal))  # and once more: there is nothing to do


def test_a_move_that_the_disk_refuses_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "full/y").mkdir(parents=True)
    with pytest.raises(Failed, match="can't write"):
        files.move(str(tmp_path / "x"), str(tmp_path / "full"))
    assert (tmp_path / "x").exists()
