"""A writer may be killed at any moment: the next command finds a valid state and goes on from there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest
from tests.core import killed_writer
from tests.core.parts import (
    add,
    events,
    in_status,
    keep,
    new_store,
    old_state,
    old_store,
    open_store,
    put,
    temporary,
)

from sow import document, splitting
from sow.store import Store

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def kill_everywhere(scenario: str, folder: Path) -> Iterator[tuple[str, Store]]:
    """Every place at which a writer was killed, and the store that it left; last the one that survived."""
    path = [ROOT / "orchestrator", ROOT / "executors", ROOT / "schemas", ROOT]
    done = subprocess.run(
        [sys.executable, killed_writer.__file__, scenario, str(folder)],
        env={**os.environ, "HOME": str(folder), "PYTHONPATH": os.pathsep.join(map(str, path))},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.partition(" ") for line in done.stdout.splitlines()]
    assert lines[-1][2] == "survived"
    assert len(lines) > 10, "the calls are really counted"
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
        if place.startswith("before open") and "/.001.md." in place
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
