"""What starts next: the same as by looking at all tasks, without looking at them all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.parts import new_task, started

from sow import ready
from sow.clock import is_unset, seconds, stamp
from sow.errors import Refused
from sow.ready import Ready, check_dependencies
from sow.task import PRIORITIES, Task

NOW = 1_800_000_000.0
DAYS = [f"2026-11-{day:02d}T00:00:00Z" for day in (1, 2, 3)]


def naive(tasks: dict[str, Task], now: float, busy: set[str]) -> Task | None:
    """The next task by the words of the design: all are looked at."""

    def may_start(task: Task) -> bool:
        waits = not is_unset(task.not_before) and seconds(str(task.not_before)) > now
        needed = [tasks.get(other) for other in task.depends_on or ()]
        free = all(other is not None and other.status == "completed" for other in needed)
        begun = task.status == "in_progress"
        return task.id not in busy and not waits and (begun or (task.status == "pending" and free))

    def order(task: Task) -> Any:
        begun = task.status == "in_progress"
        return PRIORITIES.index(task.priority or "normal"), not begun, seconds(task.created_at), task.id

    return min((task for task in tasks.values() if may_start(task)), key=order, default=None)


IDS = ["010", "020", "030", "040", "050", "060"]
TASKS = st.builds(
    lambda task_id, **fields: new_task(task_id, **fields),
    st.sampled_from(IDS),
    status=st.sampled_from(["pending"] * 3 + ["in_progress", "paused", "completed", "abandoned"]),
    priority=st.sampled_from([None, *PRIORITIES]),
    created_at=st.sampled_from(DAYS),
    depends_on=st.none() | st.lists(st.sampled_from([*IDS, "900"]), max_size=2, unique=True),
    not_before=st.sampled_from([None, "0001-01-01T00:00:00Z", *(stamp(NOW + n) for n in (-5, 5, 50))]),
)  # fmt: skip
STEPS = st.lists(
    st.tuples(st.just("put"), TASKS)
    | st.tuples(st.just("drop"), st.sampled_from(IDS))
    | st.tuples(st.just("take"), st.sets(st.sampled_from(IDS), max_size=2))
    | st.tuples(st.just("later"), st.sampled_from([1.0, 10.0, 100.0])),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(TASKS, max_size=6, unique_by=lambda task: task.id), STEPS)
def test_it_takes_what_a_look_at_all_tasks_would_take(begin: list[Task], steps: list[Any]) -> None:
    held, now = Ready(begin), NOW
    tasks, running = {task.id: task for task in begin}, set[str]()
    for step, given_value in [*steps, *[("take", set())] * 7]:
        if step == "later":
            now += given_value
        elif step == "drop":
            running.discard(given_value)
            tasks.pop(given_value, None)
            held.drop(given_value)
        elif step == "put":
            running.discard(given_value.id)
            tasks[given_value.id] = given_value
            held.put(given_value)
        else:
            taken = held.take(now, running | given_value)
            assert taken == naive(tasks, now, running | given_value)
            if taken:  # who takes a task starts it, or says what else became of it
                tasks[taken.id] = started(taken)
                running.add(taken.id)
                held.put(tasks[taken.id])
        assert list(held.orphans()) == list(in_vain(tasks))


def in_vain(tasks: dict[str, Task]) -> Iterator[tuple[Task, str]]:
    """The pending tasks that need one which is abandoned or gone, each with the first of these."""
    for _, task in sorted(tasks.items()):
        needs = {need: tasks.get(need) for need in task.depends_on or ()}
        lost = [need for need, other in needs.items() if other is None or other.status == "abandoned"]
        if task.status == "pending" and lost:
            yield task, lost[0]


@settings(max_examples=150, deadline=None)
@given(st.lists(TASKS, max_size=6, unique_by=lambda task: task.id))
def test_it_wakes_when_the_next_one_that_waits_may_start(begin: list[Task]) -> None:
    held = Ready(begin)
    for gone in begin[4:]:
        held.drop(gone.id)
    while task := held.take(NOW):
        held.put(task.replace(status="paused", not_before=None))
    wakes = held.wakes_at()
    if wakes is None:
        assert held.take(NOW + 1000) is None
    else:
        assert wakes > NOW
        assert held.take(wakes - 0.001) is None
        assert held.take(wakes) is not None


def test_a_task_waits_until_all_that_it_depends_on_is_completed() -> None:
    held = Ready([new_task("010"), new_task("020"), new_task("030", depends_on=["010", "020"])])
    order = []
    while task := held.take(NOW):
        order.append(task.id)
        held.put(task.replace(status="completed"))
    assert order == ["010", "020", "030"]


def test_a_task_that_is_being_worked_on_is_passed_over_and_not_lost() -> None:
    held = Ready([new_task("010", priority="critical"), new_task("020")])
    assert [task and task.id for task in (held.take(NOW, {"010"}), held.take(NOW, {"010", "020"}))] == [
        "020",
        None,
    ]
    assert (held.take(NOW) or new_task("900")).id == "010"


@pytest.mark.parametrize(
    ("other", "orphaned"),
    [(None, True), ("abandoned", True), ("completed", False), ("paused", False), ("pending", False)],
)
def test_a_task_that_can_never_start_is_named_with_what_it_waits_for(
    other: str | None, orphaned: bool
) -> None:
    waiting = new_task("020", depends_on=["010"])
    tasks = [waiting] + ([new_task("010", status=other)] if other else [])
    assert list(Ready(tasks).orphans()) == ([(waiting, "010")] if orphaned else [])


# -- circles ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("needs", "task_id", "depends_on", "words"),
    [
        pytest.param({}, "010", ["010"], "can't depend on itself", id="itself"),
        pytest.param({}, "010", ["900"], "no such task", id="unknown"),
        pytest.param({"020": ["010"]}, "010", ["020"], "010 -> 020 -> 010 is a circle", id="two"),
        pytest.param(
            {"020": ["030", "040"], "030": ["040"], "040": ["010"]}, "010", ["020"], "-> 040 -> 010 is a",
            id="four",
        ),
    ],
)  # fmt: skip
def test_a_dependency_that_can_never_be_met_is_refused(
    needs: dict[str, list[str]], task_id: str, depends_on: list[str], words: str
) -> None:
    tasks = [new_task(name, depends_on=needs.get(name)) for name in IDS]
    with pytest.raises(Refused, match=words) as refused:
        check_dependencies(task_id, depends_on, tasks)
    assert refused.value.hint


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(st.sampled_from(IDS), st.lists(st.sampled_from(IDS), max_size=3)),
    st.sampled_from(IDS),
    st.sampled_from(IDS),
)
def test_a_circle_is_found_exactly_where_there_is_one(
    needs: dict[str, list[str]], task_id: str, needed: str
) -> None:
    reached, todo = set[str](), [needed]
    while todo:
        here = todo.pop()
        if here not in reached:
            reached.add(here)
            todo += needs.get(here, [])
    tasks = [new_task(name, depends_on=needs.get(name)) for name in IDS]
    try:
        check_dependencies(task_id, [needed], tasks)
        refused = False
    except Refused:
        refused = True
    assert refused == (task_id in reached)


# -- many -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["a chain", "a star"])
def test_the_work_for_many_tasks_grows_with_their_number_and_not_its_square(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    real = Ready._startable

    def counted(self: Ready, task: Task) -> bool:
        nonlocal looks
        looks += 1
        return real(self, task)

    monkeypatch.setattr(ready.Ready, "_startable", counted)
    for count in (300, 3000):
        looks = 0
        needed = {n: f"{n - 1 if shape == 'a chain' else 0:04d}" for n in range(1, count)}
        tasks = [new_task(f"{n:04d}", depends_on=[needed[n]] if n else None) for n in range(count)]
        held, order = Ready(reversed(tasks)), []
        while task := held.take(NOW):
            order.append(task.id)
            held.put(task.replace(status="completed"))
        assert order == [f"{n:04d}" for n in range(count)]
        assert looks <= 5 * count
