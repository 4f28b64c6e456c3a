"""Setting a field: every field of the schema is settable or refused with a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.parts import AT, add, events, in_status, new_store, new_task, put

import sow_schemas
from sow import fields, report
from sow.errors import Refused
from sow.fields import KEPT
from sow.store import Store
from sow.task import STATUSES

SETTABLE: dict[str, tuple[str, Any]] = {
    "name": ("007", "007"),
    "assigned_agent": ("reviewer", "reviewer"),
    "metadata": ("{a: [1, x]}", {"a": [1, "x"]}),
    "priority": ("high", "high"),
    "depends_on": ("[020, 030]", ["020", "030"]),
    "task_type": ("1e3", "1e3"),
    "params": ("{files: 3}", {"files": 3}),
    "not_before": ("2026-11-22T08:00:00+01:00", "2026-11-22T08:00:00+01:00"),
    "fresh": ("true", True),
    "result": ("{status: success, message: well}", {"status": "success", "message": "well"}),
}
"""Every field that a person may set: a value as typed, and as stored."""


@pytest.fixture
def store(tmp_path: Any) -> Store:
    made = new_store(tmp_path)
    add(made)
    return made


def set_(store: Store, path: str, value: str, *, worker: bool = False, text: bool = False) -> Any:
    """Sets a field; gives what is stored in the top field then."""
    change = fields.setting(path, value, now=store.now(), worker=worker, text=text)
    store.change_task("010", change)
    return getattr(store.task("010"), path.split(".")[0])


def unset(store: Store, path: str) -> Any:
    store.change_task("010", fields.unsetting(path))
    return getattr(store.task("010"), path.split(".")[0])


@pytest.mark.parametrize("name", sow_schemas.fields("task_state"))
def test_every_field_is_set_by_its_type_or_refused_with_what_to_do_instead(store: Store, name: str) -> None:
    if name == "status":
        assert set_(store, name, "abandoned") == "abandoned"
    elif name in SETTABLE:
        typed, stored = SETTABLE[name]
        assert set_(store, name, typed) == stored
    else:
        with pytest.raises(Refused, match=f"{name} can't be set: {KEPT[name][:20]}") as refused:
            set_(store, name, "x")
        assert refused.value.hint
        with pytest.raises(Refused, match=f"{name} can't be set"):
            set_(store, f"{name}.x", "x")
        with pytest.raises(Refused, match=f"{name} can't be set"):
            unset(store, name)


@pytest.mark.parametrize(
    ("path", "value", "stored"),
    [
        ("metadata.n", "3", {"n": 3}),
        ("metadata.n", "007", {"n": "007"}),
        ("metadata.n", "no", {"n": "no"}),
        ("metadata.n", "true", {"n": True}),
        ("metadata.n", "2026-01-01", {"n": "2026-01-01"}),
        ("metadata.n", "[1, {a: b}]", {"n": [1, {"a": "b"}]}),
        ("metadata.n", "see #12", {"n": "see #12"}),
        ("metadata.n", "#12", {"n": "#12"}),
        ("metadata.n", '"quoted" # so', {"n": "quoted"}),
        ("metadata.a.b.c", "1", {"a": {"b": {"c": 1}}}),
        ("params.level", "null", {"level": None}),
        ("result.message", "007", {"status": "success", "message": "007"}),
        ("result.data.count", "7", {"status": "success", "data": {"count": 7}}),
    ],
)
def test_in_open_objects_a_value_is_yaml_and_means_what_it_looks_like(
    store: Store, path: str, value: str, stored: Any
) -> None:
    assert set_(store, path, value) == stored


def test_a_value_is_text_whatever_it_looks_like_where_that_is_asked(store: Store) -> None:
    for value in ("3", "true", "[1", "a: b", "one\ntwo: 2", "&x", ""):
        assert set_(store, "metadata.n", value, text=True) == {"n": value}


@pytest.mark.parametrize(
    "value", ["[1", "a: b", "one\ntwo: 2", "&x [*x]", "!!python/none x", ".inf", "- a", "\x00"]
)
def test_what_is_no_single_value_is_refused_and_text_is_offered(store: Store, value: str) -> None:
    with pytest.raises(Refused) as refused:
        set_(store, "metadata.n", value)
    assert "--string" in refused.value.hint
    assert store.task("010").metadata is None


def test_a_path_goes_into_lists_by_place_and_one_past_the_end_adds(store: Store) -> None:
    set_(store, "metadata.items", "[a, b]")
    assert set_(store, "metadata.items.1", "c") == {"items": ["a", "c"]}
    assert set_(store, "metadata.items.2", "{x: 1}") == {"items": ["a", "c", {"x": 1}]}
    assert set_(store, "metadata.items.2.x", "2") == {"items": ["a", "c", {"x": 2}]}
    for place in ("5", "-1", "first", "²"):
        with pytest.raises(Refused, match="index out of range") as refused:
            set_(store, f"metadata.items.{place}", "x")
        assert "3 items" in refused.value.hint
    assert unset(store, "metadata.items.0") == {"items": ["c", {"x": 2}]}
    assert unset(store, "metadata.items.1.x") == {"items": ["c", {}]}


def test_a_name_is_a_name_also_where_it_is_taken_as_text(store: Store) -> None:
    assert set_(store, "name", " two\nwords ", text=True) == "two words"
    with pytest.raises(Refused, match="the name of the task is empty"):
        set_(store, "name", " ", text=True)


def test_a_path_into_a_plain_value_or_with_an_empty_step_is_refused(store: Store) -> None:
    set_(store, "metadata.a", "1")
    with pytest.raises(Refused, match=r"b can't be set inside 1"):
        set_(store, "metadata.a.b", "2")
    with pytest.raises(Refused, match="x can't be set inside 'task 010'"):
        set_(store, "name.x", "2")
    for path in ("metadata.", "metadata..a"):
        with pytest.raises(Refused, match="empty"):
            set_(store, path, "2")


def test_unset_removes_a_field_and_says_where_there_is_none(store: Store) -> None:
    set_(store, "priority", "high")
    set_(store, "metadata", "{a: 1, b: {c: 2, d: 3}}")
    assert unset(store, "priority") is None
    assert unset(store, "metadata.b.c") == {"a": 1, "b": {"d": 3}}
    assert unset(store, "metadata.a") == {"b": {"d": 3}}
    for path in ("metadata.a", "metadata.b.x.y", "metadata.b.d.e", "params.a"):
        with pytest.raises(Refused, match="there is no"):
            unset(store, path)
    for needed in ("name", "status", "assigned_agent"):
        with pytest.raises(Refused, match=f"{needed} can't be removed: every task has one"):
            unset(store, needed)
    assert unset(store, "metadata") is None


def test_an_unknown_field_names_the_nearest(store: Store) -> None:
    with pytest.raises(Refused, match="unknown field: prioritty") as refused:
        set_(store, "prioritty", "high")
    assert refused.value.hint == "did you mean priority?"
    with pytest.raises(Refused, match="unknown field: qqq") as other:
        set_(store, "qqq", "1")
    assert "sow schema" in other.value.hint


def test_a_change_is_told_once_and_no_change_not_at_all(store: Store) -> None:
    for value in ("1", "1", "true", "true"):
        set_(store, "metadata.n", value)
    unset(store, "priority")
    told = [event["payload"] for event in events(store) if event["type"] == "task.changed"]
    assert told == [{"fields": ["metadata.n"]}] * 2


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["metadata", "params", "result", "a", "b", "0", "1", "message", "data", "name"]),
             min_size=1, max_size=4).map(".".join),
    st.text("ab01:#[]{}, -\n'\"", max_size=8),
    st.booleans(),
)  # fmt: skip
def test_no_path_and_no_value_does_more_than_be_stored_or_refused(
    store: Store, path: str, value: str, text: bool
) -> None:
    acts: list[Callable[[], Any]] = [
        lambda: set_(store, path, value, text=text),
        lambda: unset(store, path),
    ]
    for act in acts:
        before, hint = store.task("010"), None
        try:
            act()
        except Refused as refused:
            hint = refused.hint
        assert hint is None or (hint != "" and store.task("010") == before)
        assert store.tasks().broken == ()


# -- status -----------------------------------------------------------------------------------

BY_PERSON = {
    "pending": {"paused", "needs_review", "completed", "abandoned"},
    "in_progress": {"paused", "needs_review", "completed", "abandoned"},
    "paused": {"pending", "needs_review", "completed", "abandoned"},
    "needs_review": {"abandoned"},
    "completed": set(),
    "abandoned": set(),
}
HOW = {
    ("pending", "in_progress"): "sow run",
    ("paused", "in_progress"): "sow task answer 010",
    ("needs_review", "in_progress"): "sow task feedback 010",
    ("needs_review", "pending"): "sow task feedback 010",
    ("in_progress", "pending"): "sow agent stop 010",
    ("abandoned", "pending"): "sow task retry 010",
    ("completed", "pending"): "sow task add",
    ("completed", "in_progress"): "sow task add",
}


@pytest.mark.parametrize("to", STATUSES)
@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_reached_by_its_move_or_refused_with_the_way_there(
    store: Store, status: str, to: str
) -> None:
    put(store, in_status(status))
    if to == status or to in BY_PERSON[status]:
        assert set_(store, "status", to) == to
        return
    with pytest.raises(Refused, match=f"task 010 is {status}") as refused:
        set_(store, "status", to)
    assert HOW.get((status, to), "sow") in refused.value.hint
    assert store.task("010") == in_status(status)


@pytest.mark.parametrize("to", STATUSES)
def test_a_worker_hands_in_or_pauses_and_nothing_else(store: Store, to: str) -> None:
    put(store, in_status("in_progress"))
    if to in ("in_progress", "needs_review", "paused"):
        assert set_(store, "status", to, worker=True) == to
        return
    with pytest.raises(Refused, match=f"an agent can't set its own task to {to}") as refused:
        set_(store, "status", to, worker=True)
    assert "needs_review" in refused.value.hint


@pytest.mark.parametrize("status", ["completed", "abandoned", "needs_review"])
def test_a_worker_can_t_reopen_what_is_decided(store: Store, status: str) -> None:
    put(store, in_status(status))
    for to in set(STATUSES) - {status}:
        with pytest.raises(Refused):
            set_(store, "status", to, worker=True)


def test_a_status_that_is_none_lists_those_that_are(store: Store) -> None:
    with pytest.raises(Refused, match="'done'") as refused:
        set_(store, "status", "done")
    assert "needs_review" in refused.value.hint


def test_the_words_of_a_worker_s_result_are_those_of_its_handing_in(store: Store) -> None:
    put(store, in_status("in_progress"))
    set_(store, "result.message", "all 12 tests pass", worker=True)
    set_(store, "status", "needs_review", worker=True)
    assert store.task("010").result == {"status": "success", "message": "all 12 tests pass"}
    assert events(store)[-1]["payload"] == {"summary": "all 12 tests pass"}


@pytest.mark.parametrize(
    ("attempt", "heard"),
    [("010-2-1", True), ("010-2-7", True), ("010-1-1", False), ("010-3-1", False), ("", True)],
)
def test_a_late_process_of_another_iteration_is_not_heard(store: Store, attempt: str, heard: bool) -> None:
    put(store, in_status("needs_review").send_back("more", by="ada", at=AT))

    def say() -> None:
        report.set_field(store, "010", "status", "needs_review", attempt=attempt)

    if heard:
        say()
        assert store.task("010").status == "needs_review"
        return
    with pytest.raises(Refused, match="is in iteration 2"):
        say()
    with pytest.raises(Refused, match="is in iteration 2"):
        report.ask(store, "010", "which?", (), attempt=attempt)
    assert store.task("010").status == "in_progress"


def test_a_worker_can_t_make_its_task_wait_for_itself(store: Store) -> None:
    put(store, new_task("020", depends_on=["010"]))
    for value, words in (("010", "itself"), ("020", "circle"), ("900", "no such task")):
        with pytest.raises(Refused, match=words):
            report.set_field(store, "010", "depends_on", value, attempt="010-1-1")
    assert store.task("010").depends_on is None
