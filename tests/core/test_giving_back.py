"""A document of the original is told what has become of its project, and keeps all else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.parts import OLD_STATES

from sow import catching_up, document, giving_back, original, splitting
from sow.document import Document, canonical
from sow.layout import Layout

NAMES = sorted(path.stem for path in OLD_STATES.glob("*.yaml"))
NOWHERE = Layout(main="/", folder="/", name="")
NOW = "2026-11-21T10:00:00.000Z"


def held(name: str) -> Document:
    return document.parse((OLD_STATES / f"{name}.yaml").read_bytes(), name)


def in_json(name: str) -> Document:
    text = json.dumps(held(name).value, indent=1).replace("\n", "\r\n")
    return document.parse(text.encode(), name)


def known(there: Document) -> tuple[dict[str, Any], dict[str, str]]:
    """The parts of a document with the ids that its tasks have here, and those by their places there."""
    ids = catching_up.ids_of(there, splitting.taken_apart(there, NOWHERE, ()))
    now, ids = catching_up.renumbered(there, ids, ())
    whole = catching_up.whole_of(splitting.taken_apart(now, NOWHERE, ()))
    return catching_up.parts(original.given_document(whole)), ids


def told(there: Document, ids: dict[str, str], wanted: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The parts of a document that was told, and its text."""
    text = giving_back.text(there, ids, wanted)
    after = document.parse(text.encode(), "after")
    now, _ = catching_up.renumbered(after, giving_back.given_places(there.value, ids, wanted), ())
    whole = catching_up.whole_of(splitting.taken_apart(now, NOWHERE, ()))
    return catching_up.parts(original.given_document(whole)), text


def in_braces(name: str) -> Document:
    value = held(name).value
    rest = ", ".join(f"{key}: {json.dumps(value[key])}" for key in value)
    return document.parse(f"{{{rest}}} # mine\n".encode(), name)


ARTIFACT = {"type": "reference", "path": "a.md", "approved": True, "created_at": NOW}
CHANGES: dict[str, list[tuple[str, Any]]] = {
    "project": [("description", "Another"), ("description", None), ("agent_sessions", {"planner": "s"})],
    "phase": [
        ("metadata", {"n": 1, "at": NOW}), ("metadata", None), ("outputs", [ARTIFACT]), ("iteration", 3)
    ],
    "task": [
        ("name", "Ü: 'x'"), ("status", "completed"), ("completed_at", NOW), ("session_id", None),
        ("metadata", {"deep": {"list": [1, {"a": NOW}], "text": "two\nlines"}}), ("inputs", [ARTIFACT]),
        ("inputs", []),
    ],
}  # fmt: skip


@pytest.mark.parametrize("form", [held, in_json, in_braces])
@given(st.data())
@settings(max_examples=12, deadline=None)
def test_what_it_is_told_is_what_it_says_then_and_nothing_else(form: Any, data: st.DataObject) -> None:
    there = form(data.draw(st.sampled_from(NAMES)))
    before, ids = known(there)
    wanted: dict[str, Any] = {}
    for name in data.draw(st.lists(st.sampled_from(sorted(before)), max_size=3, unique=True)):
        key, value = data.draw(st.sampled_from(CHANGES[name.partition(" ")[0]]))
        wanted[name] = {k: v for k, v in {**before[name], key: value}.items() if v is not None}
    if data.draw(st.booleans()):
        phase = next(iter(there.value["phases"]))
        wanted["task 990"] = {
            "id": "990", "name": "New", "phase": phase, "status": "pending", "created_at": NOW,
            "updated_at": NOW, "iteration": 1, "assigned_agent": "implementer", "inputs": [], "outputs": [],
        }  # fmt: skip
    after, text = told(there, ids, wanted)
    assert canonical.same(after, {**before, **wanted})
    if not wanted:
        assert text == there.text


def test_of_a_document_only_the_lines_change_that_say_what_is_another() -> None:
    there = held("commented-by-hand")
    before, ids = known(there)
    name = next(name for name in before if name.startswith("task "))
    _, text = told(there, ids, {name: {**before[name], "name": "Another name"}})
    lines = set(text.splitlines()) ^ set(there.text.splitlines())
    assert len(lines) == 2
    assert all("name:" in line for line in lines)


def test_a_task_that_has_another_id_here_keeps_its_own_in_the_document() -> None:
    there = held("exploration-finalizing")
    before, ids = known(there)
    place, task_id = next((place, one) for place, one in ids.items() if not place.endswith(one))
    part = before[f"task {task_id}"]
    moved = {**part, "phase": "exploration"}
    now = giving_back.given_places(there.value, ids, {f"task {task_id}": moved})
    assert place not in now
    [new] = [key for key, one in now.items() if one == task_id]
    assert new.startswith("exploration/")
    assert new not in ids, "its own id is another's there"
    kept, text = told(there, ids, {f"task {task_id}": {**part, "name": "Renamed"}})
    assert kept[f"task {task_id}"]["name"] == "Renamed"
    assert len(set(text.splitlines()) ^ set(there.text.splitlines())) == 2


def made(name: str, at: str = "1") -> dict[str, Any]:
    return {"name": name, "created_at": at}


NOTED = {"a/010": "010", "a/020": "020", "b/010": "030"}
THEN = {"010": made("Build"), "020": made("Paint"), "030": made("Ship", "2")}
THERE = {"a/010": made("Build"), "a/020": made("Paint"), "b/010": made("Ship", "2")}


def without(*places: str) -> dict[str, Any]:
    return {place: task for place, task in THERE.items() if place not in places}


@pytest.mark.parametrize(
    ("there", "moves"),
    [
        pytest.param(THERE, {}, id="as it was"),
        pytest.param({**without("a/020"), "b/020": made("Paint")}, {"b/020": "a/020"}, id="to another phase"),
        pytest.param(
            {**without("a/010"), "b/040": made("Build")}, {"b/040": "a/010"}, id="under another number"
        ),
        pytest.param(
            {**without("a/010"), "c/010": made("Build it")}, {"c/010": "a/010"}, id="and another name"
        ),
        pytest.param({**without("a/010"), "c/040": made("Build it")}, {}, id="under another number and name"),
        pytest.param({**without("a/010"), "c/010": made("Build", "9")}, {}, id="made at another time"),
        pytest.param({**THERE, "c/010": made("Build")}, {}, id="a copy of one that is still there"),
        pytest.param(
            {**without("a/010"), "b/040": made("Build"), "a/010": made("New", "3")}, {"b/040": "a/010"},
            id="and another one in its place",
        ),
        pytest.param(
            {"a/010": made("Ship", "2"), "a/020": made("Paint"), "b/010": made("Build")},
            {"a/010": "b/010", "b/010": "a/010"}, id="two that change places",
        ),
        pytest.param(
            {"b/010": made("Ship", "2"), "c/010": made("Paint"), "c/020": made("Build")},
            {"c/010": "a/020", "c/020": "a/010"}, id="two at once that change their numbers",
        ),
        pytest.param(
            {"b/010": made("Ship", "2"), "c/010": made("Build"), "d/010": made("Build")},
            {"c/010": "a/010"}, id="and twice",
        ),
    ],
)  # fmt: skip
def test_a_task_of_a_document_is_known_again_where_it_stands_now(there: Any, moves: dict[str, str]) -> None:
    assert catching_up.moved(there, NOTED, THEN) == moves
