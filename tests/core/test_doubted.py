"""A look at what was touched finds what a look at everything finds, whatever was done to state files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.parts import new_store, new_task, open_store, put

from sow.runner.touched import Touched
from sow.store import Store

TASKS = ("010", "020", "030")
PHASES = ("implementation", "review")


def file_of(store: Store, task_id: str, phase: str) -> Path:
    return Path(store.layout.task_file(phase, task_id))


def write(store: Store, task_id: str, phase: str) -> None:
    put(store, new_task(task_id, phase=phase, name=f"written {os.urandom(2).hex()}"))


def append(store: Store, task_id: str, phase: str) -> None:
    path = file_of(store, task_id, phase)
    if path.is_file():
        with path.open("a") as file:
            file.write("# a comment\n")


def replace(store: Store, task_id: str, phase: str) -> None:
    """As an editor does."""
    path = file_of(store, task_id, phase)
    if path.is_file():
        path.with_name("new").write_text(path.read_text() + "# another\n")
        path.with_name("new").rename(path)


def remove(store: Store, task_id: str, phase: str) -> None:
    shutil.rmtree(file_of(store, task_id, phase).parent, ignore_errors=True)


def move(store: Store, task_id: str, phase: str) -> None:
    there, goal = file_of(store, task_id, phase).parent, file_of(store, "020", PHASES[1]).parent
    if there.is_dir() and not goal.exists():
        goal.parent.mkdir(parents=True, exist_ok=True)
        there.rename(goal)


def break_it(store: Store, task_id: str, phase: str) -> None:
    path = file_of(store, task_id, phase)
    if path.is_file():
        path.write_text("{ no document")


def lose_the_copy(store: Store, task_id: str, phase: str) -> None:
    Path(store.layout.good_copy(task_id)).unlink(missing_ok=True)


def edit_the_phase(store: Store, task_id: str, phase: str) -> None:
    path = Path(store.layout.phase_file(phase))
    if path.is_file():
        path.write_text(path.read_text() + "# a comment\n")


def edit_the_project(store: Store, task_id: str, phase: str) -> None:
    path = Path(store.layout.project_file)
    path.write_text(path.read_text() + "# a comment\n")


def move_the_phase(store: Store, task_id: str, phase: str) -> None:
    there = Path(store.layout.phase_file(phase)).parent
    aside = there.with_name(f"{phase}-aside")
    if there.is_dir() and not aside.exists():
        there.rename(aside)
    elif aside.is_dir() and not there.exists():
        aside.rename(there)


Act = Callable[[Store, str, str], None]
ACTS: list[Act] = [
    write, append, replace, remove, move, break_it, lose_the_copy, edit_the_phase, edit_the_project,
    move_the_phase,
]  # fmt: skip


DEEDS = st.tuples(st.sampled_from(ACTS), st.sampled_from(TASKS), st.sampled_from(PHASES))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(DEEDS, max_size=4), min_size=1, max_size=4))
def test_whatever_is_done_between_two_looks_is_found_by_the_next(
    batches: list[list[tuple[Act, str, str]]],
) -> None:
    with TemporaryDirectory() as folder:
        store, touched = new_store(Path(folder)), Touched()
        for task_id in TASKS[:2]:
            put(store, new_task(task_id))
        store.heed(touched)
        store.keep_good_copies()
        for batch in batches:
            for act, task_id, phase in batch:
                act(store, task_id, phase)
            store.keep_good_copies()
            kept = copies_of(store)
            open_store(folder).keep_good_copies()
            assert kept == copies_of(store), "a look at everything finds nothing more"
        touched.close()


def copies_of(store: Store) -> dict[str, str]:
    return {path.name: path.read_text() for path in Path(store.layout.last_good).glob("[!.]*")}


@pytest.mark.parametrize("count", [10, 200])
def test_a_look_costs_what_was_touched_and_not_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    store, touched = new_store(tmp_path), Touched()
    for number in range(1, count + 1):
        put(store, new_task(f"{number:03d}"))
    store.heed(touched)
    store.keep_good_copies()
    assert store.put_right(()) == []
    put(store, new_task("005", name="New"))
    looks: list[object] = []
    for name in ("lstat", "stat", "open", "listdir"):
        real = getattr(os, name)

        def counted(*given: object, real: Callable[..., object] = real, **more: object) -> object:
            looks.append(given)
            return real(*given, **more)

        monkeypatch.setattr(os, name, counted)
    assert store.put_right(()) == []
    assert 0 < len(looks) < 60
    assert store.put_right(()) == [], "what was taken is looked at once more, beside its new copy"
    looks.clear()
    assert store.put_right(()) == []
    assert looks == [], "nothing was touched"
    touched.close()
