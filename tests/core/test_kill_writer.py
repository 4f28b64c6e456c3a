"""A writer may be killed at any moment: the next command finds a valid state and goes on from there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import cycle
from pathlib import Path

import pytest
from tests.core import killed_writer
from tests.core.parts import (
    AT,
    add,
    events,
    files_below,
    in_status,
    keep,
    new_store,
    old_state,
    old_store,
    open_store,
    put,
    temporary,
)
from tests.forked import process_of

from sow import document, lease, process, splitting
from sow.errors import NotFound
from sow.recovery.repair import Repaired, repair
from sow.state import Step
from sow.store import Store

pytestmark = pytest.mark.slow


def kill_everywhere(scenario: str, folder: Path) -> Iterator[tuple[str, Store]]:
    """Every place at which a writer was killed, and the store that it left; last the one that survived."""
    kill = process_of(partial(killed_writer.main, scenario, str(folder)), {**os.environ, "HOME": str(folder)})
    done = subprocess.run(
        [sys.executable], capture_output=True, text=True, timeout=120, check=False, preexec_fn=kill
    )
    assert done.returncode == 0, done.stderr
    lines = [line.partition(" ") for line in done.stdout.splitlines()]
    assert lines[-1][2] == "survived"
    assert len(lines) > 5, "the calls are really counted"
    return ((place, open_store(folder / number)) for number, _, place in lines)


def template(folder: Path) -> Store:
    """The project that each writer is let loose on."""
    (folder / "template").mkdir()
    return new_store(folder / "template")


def check_log(store: Store, place: str) -> None:
    """Counts of a task only rise; a torn line would fail in `events`."""
    for task_id in ("010", "020"):
        counts = [event["seq"] for event in events(store) if event["task_id"] == task_id]
        assert counts == sorted(set(counts)), place


def test_a_change_of_one_file_is_whole_or_not_there(tmp_path: Path) -> None:
    add(template(tmp_path))
    for place, store in kill_everywhere("change", tmp_path):
        held = store.tasks()
        assert held.broken == (), place
        changed = held.tasks[0].priority == "high"
        assert changed or held.tasks[0].priority is None, place
        told = any(event["type"] == "task.changed" for event in events(store))
        assert changed or not told, f"the log tells of what is not so, {place}"
        assert place != "survived" or (changed and told)
        store.settle()
        assert temporary(store) == [], place
        store.change_task("010", keep(priority="low"))
        assert store.task("010").priority == "low"
        check_log(store, place)


@pytest.mark.parametrize("next_command", ["settle", "a change"])
def test_feedback_and_the_next_iteration_come_together_or_not_at_all(
    tmp_path: Path, next_command: str
) -> None:
    put(template(tmp_path), in_status("needs_review"))
    outcomes = set()
    for place, store in kill_everywhere("feedback", tmp_path):
        assert store.tasks().broken == (), place
        if next_command == "settle":
            store.settle()
            assert temporary(store) == [], place
        else:
            store.change_task("010", keep(priority="low"))
        task = store.task("010")
        assert store.feedback(task) == ([("001.md", "better\n")] if task.iteration == 2 else []), place
        assert task.status == ("in_progress" if task.iteration == 2 else "needs_review"), place
        assert task.iteration == 2 or not any(e["type"] == "task.feedback" for e in events(store)), place
        assert list(Path(store.layout.journal).glob("*.json")) == [], place
        outcomes.add(task.iteration)
        check_log(store, place)
    assert outcomes == {1, 2}, "it was killed on both sides of the moment that decides"


def test_who_completes_a_killed_change_may_be_killed_too(tmp_path: Path) -> None:
    put(template(tmp_path), in_status("needs_review"))
    left = next(
        store
        for place, store in kill_everywhere("feedback", tmp_path)
        if "before open" in place and "/.001.md." in place.partition(", before ")[2]
    )
    again = tmp_path / "again"
    again.mkdir()
    Path(left.layout.main).rename(again / "template")
    outcomes = set()
    for where, store in kill_everywhere("settle", again):
        outcomes.add(os.path.exists(f"{store.layout.journal}/task-010.json"))
        store.settle()
        task = store.task("010")
        assert (task.iteration, store.feedback(task)) == (2, [("001.md", "better\n")]), where
        assert temporary(store) == [], where
    assert outcomes == {True, False}


def test_a_task_is_added_whole_or_not_at_all_and_ids_go_on(tmp_path: Path) -> None:
    add(template(tmp_path))
    counts = set()
    for place, store in kill_everywhere("add", tmp_path):
        held = store.tasks()
        assert held.broken == (), place
        added = [task for task in held.tasks if task.id != "010"]
        counts.add(len(added))
        for task in added:
            assert (task.id, store.description(task)) == ("020", "another\n"), place
            assert Path(store.layout.task(task.phase, task.id), "log.md").read_text() == "# 020 another\n"
        told = any(event["task_id"] == "020" for event in events(store))
        assert added or not told, f"the log tells of what is not so, {place}"
        assert add(store).id == ("030" if added else "020"), place
        store.settle()
        assert temporary(store) == [], place
        check_log(store, place)
    assert counts == {0, 1}


def test_what_comes_from_another_system_comes_as_one_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(template(tmp_path))
    monkeypatch.setenv("SOW_TEST_MANY", "1")  # as if it were hundreds, which are flushed at once
    outcomes = set()
    for number, (place, store) in enumerate(kill_everywhere("intake", tmp_path)):
        next_command(store, ("settle", "a change of the phase")[number % 2])
        held = store.tasks()
        assert (held.broken, store.journal.left()) == ((), []), place
        snapshot = Path(store.layout.formats, "task-list-1.json")
        ids, came = [task.id for task in held.tasks], snapshot.exists()
        outcomes.add(came)
        assert ids == (["010", "020"] if came else ["010"]), place
        assert (held.tasks[0].priority == "high") == came, place
        assert store.description(held.tasks[0]) == ("other words\n" if came else "do it\n"), place
        told = {event["task_id"] for event in events(store) if event["type"] != "phase.changed"}
        assert came or "020" not in told, f"the log tells of what is not so, {place}"
        assert add(store).id == ("030" if came else "020"), place
        store.settle()
        check_log(store, place)
    assert outcomes == {True, False}


def test_a_broken_file_is_mended_also_after_a_kill_in_the_middle(tmp_path: Path) -> None:
    store = template(tmp_path)
    add(store)
    store.change_task("010", keep(priority="high"))
    path = Path(store.layout.task_file("implementation", "010"))
    path.write_text("nonsense")
    for place, left in kill_everywhere("restore", tmp_path):
        left.restore_last_good("010")
        assert left.task("010").priority == "high", place
        assert Path(f"{left.layout.task_file('implementation', '010')}.broken").read_text() == "nonsense"
        left.settle()
        assert temporary(left) == [], place


def next_command(store: Store, name: str) -> None:
    """What somebody does after a kill: any of it completes what was left."""
    match name:
        case "settle":
            store.settle()
        case "a change of the task":
            with suppress(NotFound):
                store.change_task("010", keep(priority="low"))
        case "a change of the phase":
            store.change_phase("review", lambda held: Step(phases={"review": {**held, "enabled": False}}))
        case "an addition":
            add(store, name="another")


@pytest.mark.parametrize("scenario", ["phase", "output"])
def test_a_change_of_a_phase_and_the_project_s_time_come_together_or_not_at_all(
    tmp_path: Path, scenario: str
) -> None:
    template(tmp_path)
    outcomes = set()
    for number, (place, store) in enumerate(kill_everywhere(scenario, tmp_path)):
        next_command(store, ("settle", "a change of the phase")[number % 2])
        assert store.journal.left() == [], place
        held, project = store.phase("review"), store.project()
        done = held["status"] == "in_progress" if scenario == "phase" else bool(held["outputs"])
        outcomes.add(done)
        assert project["updated_at"] != AT or (not done and number % 2 == 0), place
        if scenario == "phase" and done:
            assert held["started_at"] == AT, place
        kinds = {event["type"] for event in events(store)} - {"phase.changed"}
        told = [
            e
            for e in events(store)
            if e["type"] == ("phase.changed", "artifact.written")[scenario == "output"]
        ]
        assert done or not told, f"the log tells of what is not so, {place}"
        assert kinds <= {"artifact.written"}
        store.settle()
        assert temporary(store) == [], place
    assert outcomes == {True, False}


SETTLE = ("settle",)
OTHERS = ("a change of the task", "a change of the phase", "an addition")


@pytest.mark.parametrize("commands", [SETTLE, OTHERS], ids=["settle", "others"])
def test_a_task_is_moved_or_not_whatever_comes_next(tmp_path: Path, commands: tuple[str, ...]) -> None:
    add(template(tmp_path))
    outcomes = set()
    for number, (place, store) in enumerate(kill_everywhere("move", tmp_path)):
        seen, left = store.tasks(), store.journal.left()
        assert ([task.id for task in seen.tasks], seen.broken) == (["010"], ()), place
        assert store.task("010") == seen.tasks[0], place
        next_command(store, commands[number % len(commands)])
        held = store.tasks()
        assert held.broken == (), place
        task = held.by_id()["010"]
        outcomes.add(task.phase)
        assert left or task.phase == seen.tasks[0].phase, "what a reader saw was the end of it"
        assert store.description(task) == "do it\n", place
        told = any(event["type"] == "task.moved" for event in events(store))
        assert task.phase == "review" or not told, f"the log tells of what is not so, {place}"
        store.settle()
        assert (store.journal.left(), temporary(store)) == ([], []), place
        good = Path(store.layout.last_good, "010.yaml").read_text()
        assert f"phase: {task.phase}\n" in good, place
        check_log(store, place)
    assert outcomes == {"implementation", "review"}


@pytest.mark.parametrize("commands", [SETTLE, OTHERS], ids=["settle", "others"])
def test_a_task_is_there_or_removed_and_kept_whatever_comes_next(
    tmp_path: Path, commands: tuple[str, ...]
) -> None:
    add(template(tmp_path))
    counts = set()
    for number, (place, store) in enumerate(kill_everywhere("remove", tmp_path)):
        assert store.tasks().broken == (), place
        then = commands[number % len(commands)]
        next_command(store, then)
        store.settle()
        held = store.tasks()
        assert held.broken == (), place
        there = "010" in held.by_id()
        counts.add(there)
        assert os.path.exists(f"{store.layout.removed}/010/state.yaml") is not there, place
        if not there:
            with pytest.raises(NotFound, match="task not found: 010"):
                store.task("010")
        told = any(event["type"] == "task.removed" for event in events(store))
        assert not (there and told), f"the log tells of what is not so, {place}"
        assert add(store).id == ("030" if then == "an addition" else "020"), place
        assert (store.journal.left(), temporary(store)) == ([], []), place
        check_log(store, place)
    assert counts == {True, False}


@pytest.mark.parametrize("scenario", ["move", "remove"])
def test_who_completes_a_killed_move_may_be_killed_too(tmp_path: Path, scenario: str) -> None:
    add(template(tmp_path))
    left = next(
        store for place, store in kill_everywhere(scenario, tmp_path) if place.startswith("after rename")
        and "/journal/" in place.partition(", ")[0]
    )  # fmt: skip
    again = tmp_path / "again"
    again.mkdir()
    Path(left.layout.main).rename(again / "template")
    for where, store in kill_everywhere("settle", again):
        store.settle()
        held = store.tasks()
        assert held.broken == (), where
        assert [task.phase for task in held.tasks] == (["review"] if scenario == "move" else []), where
        assert (store.journal.left(), temporary(store)) == ([], []), where


OLD = old_state("exploration-finalizing")


def old_template(folder: Path) -> None:
    """An old project with a task whose id is another once it is split, and a text beside it."""
    store = old_store(folder / "template", OLD)
    text = Path(store.layout.task("finalization", "010"), "description.md")
    text.parent.mkdir(parents=True)
    text.write_text("Move it.\n")


def check_whole(store: Store, place: str) -> None:
    """Every part of the old project is there, wherever it lies, and nothing is half done."""
    held = store.tasks()
    assert held.broken == (), place
    assert [task.id for task in held.tasks][:3] == ["010", "020", "030"], place
    assert store.description(store.task("030")) == "Move it.\n", place
    assert [phase["iteration"] for phase in store.whole().phases.values()] == [1, 1], place


def test_an_old_project_is_split_whole_or_not_at_all(tmp_path: Path) -> None:
    old_template(tmp_path)
    outcomes = set()
    commands: list[Callable[[Store], object]] = [
        lambda store: store.settle(),
        lambda store: store.whole(),
        lambda store: store.change_task("020", keep(name="changed")),
    ]
    for (place, store), command in zip(kill_everywhere("split", tmp_path), cycle(commands), strict=False):
        command(store)
        check_whole(store, place)
        is_split = not splitting.is_old(document.read_file(store.layout.project_file).value)
        changed = store.task("030").priority == "high"
        assert is_split or (not changed and Path(store.layout.project_file).read_bytes() == OLD), place
        if is_split:
            assert Path(f"{store.layout.project_file}.pre-split").read_bytes() == OLD, place
            assert Path(store.layout.type_file).exists(), place
        assert changed or not any(event["type"] == "task.changed" for event in events(store)), place
        store.settle()
        assert (temporary(store), store.journal.left()) == ([], []), place
        outcomes.add(changed)
    assert outcomes == {True, False}, "it was killed on both sides of the moment that decides"


def much_is_broken(store: Store) -> None:
    """Of each thing that a repair mends one."""
    for _ in range(4):
        add(store)
    store.keep_good_copies()
    state = {
        task_id: Path(store.layout.task_file("implementation", task_id)) for task_id in ("010", "020", "030")
    }
    state["010"].write_text("nonsense")
    state["020"].unlink()
    state["030"].chmod(0)
    Path(store.layout.project_file).write_text("name: demo\n")
    review = Path(store.layout.phase_file("review"))
    review.unlink()
    review.symlink_to("/etc/passwd")
    texts = Path(store.layout.task("implementation", "040"))
    (texts / "description.md").unlink()
    (texts / "log.md").unlink()
    os.mkfifo(texts / "log.md")
    (texts / "feedback").rmdir()
    (texts / "feedback").write_text("x")
    (texts / ".state.yaml.1.1.tmp").write_text("half")
    os.makedirs(store.layout.journal, exist_ok=True)
    Path(store.layout.journal, "task-040.json").write_text("{")
    half_added = Path(store.layout.tasks("implementation"), ".new-050-1")
    half_added.mkdir()
    (half_added / "state.yaml").write_text("half")
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as child:
        lease.acquire(f"{store.layout.locks}/turn-010.lease", "attempt 010-1-1", process.of(child.pid))
        child.communicate()


def everything(store: Store) -> dict[str, object]:
    """Files, links and pipes of state, copies, journals and leases; the log may tell less."""
    found: dict[str, object] = {}
    for top in (store.layout.project, store.layout.last_good, store.layout.journal, store.layout.locks):
        for name in files_below(top):
            path = Path(top, name)
            if path.name.endswith(".lock"):
                continue
            if path.is_file() and not path.is_symlink():
                found[f"{top}/{name}".removeprefix(store.layout.main)] = path.read_bytes()
            else:
                found[f"{top}/{name}".removeprefix(store.layout.main)] = path.lstat().st_mode
    return found


def test_a_repair_that_is_killed_anywhere_ends_the_same_when_it_is_repeated(tmp_path: Path) -> None:
    much_is_broken(template(tmp_path))
    left = list(kill_everywhere("repair", tmp_path))
    whole = everything(left[-1][1])
    assert sum(name.endswith((".broken", ".broken.2")) for name in whole) == 6
    for place, store in left:
        repair(store, {"HOME": str(tmp_path)})
        assert everything(store) == whole, place
        assert (store.tasks().broken, store.broken_files()) == ((), ()), place
        assert temporary(store) == [], place
    assert repair(left[0][1], {"HOME": str(tmp_path)}) == Repaired((), ())
