"""OmniQ: its tasks and TaskErrors come in, and go out as they came."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.parts import AT, in_status
from tests.formats.test_task_list import ANY, OPEN, WORDS, stored

from sow.document import canonical
from sow.errors import Refused
from sow.formats import Held, Reading, Routes, TaskType, planning, texts
from sow.formats.omniq import ERROR, FORMAT, HERE, TRANSITIONS
from sow.formats.planning import Options, Scene
from sow.task import Task

ROUTES = Routes(roles=("implementer", "reviewer"), types={"app.run": TaskType("reviewer")})
FAULT = {
    "error_type": "TIMEOUT", "message": "no answer", "timestamp": "2025-12-01T10:00:00+00:00",
    "traceback": "at line 1", "exception_type": "TimeoutError", "context": {"host": "x"}, "retry_count": 2,
    "is_retryable": True, "max_retries": 3, "severity": "error", "category": "system",
}  # fmt: skip


def raw(**keys: Any) -> dict[str, Any]:
    return {
        "id": "t-1", "func_path": "app.run", "args": [1], "kwargs": {"b": "c"}, "status": "PENDING",
        "schedule": {}, "max_retries": 3, "timeout": None, "attempts": 0,
        "created_at": "2025-12-01T09:00:00+00:00", "updated_at": "2025-12-01T09:00:00+00:00",
        "last_attempt_at": None, **keys,
    }  # fmt: skip


def scene(**given: Any) -> Scene:
    return Scene(**{"held": (), "base": None, "routes": ROUTES, "at": AT, "phase": "implementation", **given})


def read(*raws: Any) -> Reading:
    return FORMAT.read("tasks.json", json.dumps(raws), {})


def imported(one: dict[str, Any]) -> Task:
    return stored(planning.plan(FORMAT, read(one), scene(), Options()).adds[0][1])


def back(task: Task) -> dict[str, Any]:
    return FORMAT.given(Held(task, "Do it", {}), ROUTES)


@pytest.mark.parametrize(("status", "here"), HERE.items())
def test_each_status_comes_in_and_goes_out(status: str, here: str) -> None:
    task = imported(raw(status=status))
    assert task.status == here
    assert back(task) == raw(status=status)


@pytest.mark.parametrize(
    ("status", "there"),
    [
        ("pending", "PENDING"), ("in_progress", "RUNNING"), ("paused", "RUNNING"),
        ("needs_review", "RUNNING"), ("completed", "SUCCESS"), ("abandoned", "CANCELLED"),
    ],
)  # fmt: skip
def test_a_task_of_ours_is_told_in_its_words_and_can_come_in_again(status: str, there: str) -> None:
    told = back(in_status(status))
    assert told["status"] == there
    assert FORMAT.read("t", json.dumps([told]), {}).rejected == ()


def test_a_task_error_keeps_its_six_fields_here_and_all_of_them_on_the_way_out() -> None:
    task = imported(raw(status="FAILED", error=FAULT))
    assert task.error == {
        "error_type": "timeout", "message": "no answer", "timestamp": "2025-12-01T10:00:00+00:00",
        "traceback": "at line 1", "retry_count": 2, "is_retryable": True,
    }  # fmt: skip
    assert task.question
    assert task.question["kind"] == "failure"
    assert back(task)["error"] == FAULT


def test_a_task_that_failed_here_goes_out_with_exactly_six_fields() -> None:
    fault: Any = {"error_type": "network", "message": "gone", "timestamp": AT}
    task = imported(raw()).pause("again?", kind="failure", by="orchestrator", at=AT).replace(error=fault)
    told = back(task)
    assert told["status"] == "FAILED"
    assert tuple(told["error"]) == ERROR
    assert told["error"] == {**fault, "traceback": None, "retry_count": 0, "is_retryable": True}


def test_a_task_for_later_starts_no_earlier_here() -> None:
    task = imported(raw(schedule={"eta": "2026-01-01T00:00:00+00:00", "interval": {"type": "timedelta"}}))
    assert task.not_before == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize("after", TRANSITIONS)
@pytest.mark.parametrize("before", TRANSITIONS)
def test_a_second_import_takes_the_steps_of_the_table_and_lists_the_others(before: str, after: str) -> None:
    held = Held(imported(raw(status=before)), "")
    done = planning.plan(
        FORMAT, read(raw(status=after)), scene(held=(held,), base={"t-1": raw(status=before)}), Options()
    )
    goes = before == after or after in TRANSITIONS[before]
    assert bool(done.rejected) is not goes
    if goes and before != after:
        assert (done.changes[0][1].task.status, back(done.changes[0][1].task)["status"]) == (
            HERE[after],
            after,
        )


def test_a_function_that_nobody_does_is_a_validation_error() -> None:
    told = back(imported(raw(func_path="app.other")))
    assert (told["status"], told["error"]["error_type"]) == ("FAILED", "validation")
    assert told["error"]["is_retryable"] is False


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (7, "that is no task but a number"),
        (raw(id=7), "id: should be a text, and is 7"),
        (raw(status="DONE"), 'status: "DONE" is none'),
        (raw(args={}), "args: should be a list, and is {}"),
        (raw(error="x"), 'error: should be a TaskError, and is "x"'),
        (raw(attempts="x"), 'attempts: should be a number, and is "x"'),
    ],
)
def test_a_record_that_is_none_is_listed_with_its_reason(one: Any, reason: str) -> None:
    done = planning.plan(FORMAT, read(one), scene(), Options())
    assert [rejected.reason for rejected in done.rejected] == [reason]


def test_a_file_may_be_one_task() -> None:
    text = json.dumps(raw(), indent=1) + "\n"
    assert FORMAT.fits("x.task", text)
    [record] = FORMAT.read("x.task", text, {}).records
    assert FORMAT.written(text, {"t-1": record.raw}) == text
    after = FORMAT.written(text, {"t-1": raw(status="SUCCESS")})
    assert json.loads(after) == raw(status="SUCCESS")
    with pytest.raises(Refused, match="the file is one task"):
        texts.with_tasks(text, "tasks", "id", {"t-2": raw()})


ERRORS = st.fixed_dictionaries(
    {"message": WORDS},
    optional={
        "error_type": st.sampled_from(["runtime", "TIMEOUT", "odd"]), "timestamp": st.none() | WORDS,
        "traceback": st.none() | WORDS, "retry_count": st.integers(-1, 5), "is_retryable": st.booleans(),
        "severity": WORDS, "context": OPEN,
    },
)  # fmt: skip
RAWS = st.fixed_dictionaries(
    {"status": st.sampled_from(sorted(TRANSITIONS)), "func_path": st.just("app.run")},
    optional={
        "args": st.lists(OPEN, max_size=2), "kwargs": ANY, "schedule": ANY, "max_retries": st.integers(0, 9),
        "timeout": st.none() | st.integers(0, 9), "attempts": st.integers(0, 9), "error": st.none() | ERRORS,
        "created_at": WORDS, "updated_at": st.none() | WORDS, "their_own": OPEN,
    },
)  # fmt: skip


@given(st.lists(RAWS, max_size=3))
@settings(max_examples=40, deadline=None)
def test_what_comes_in_goes_out_as_it_came(ones: list[dict[str, Any]]) -> None:
    raws = [{"id": f"id {number}", **one} for number, one in enumerate(ones)]
    done = planning.plan(FORMAT, read(*raws), scene(), Options())
    assert done.rejected == []
    out = [FORMAT.given(Held(stored(task), text), ROUTES) for _, task, text in done.adds]
    assert canonical.same(out, raws)
    held = tuple(Held(stored(task), text) for _, task, text in done.adds)
    again = planning.plan(FORMAT, read(*raws), scene(held=held, base=done.base), Options("sync"))
    assert (len(again.same), again.changes, again.give) == (len(raws), [], {})
