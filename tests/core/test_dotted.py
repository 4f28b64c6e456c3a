"""A value by its dotted path: read by the type of its place, put there, found there, taken away again."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sow_schemas
from sow import dotted
from sow.document import canonical
from sow.dotted import Form
from sow.errors import Refused

TASK = Form(
    thing="a task", schema="task_state", command="sow task set", shown_by="sow task show",
    open=("metadata", "params"), kept={"id": "it is given once", "metadata.iteration": "sow notes it"},
    needed=("name",),
)  # fmt: skip
PROJECT = Form(
    thing="a project", schema="project_file", command="sow project set", shown_by="sow project show"
)
ARTIFACT = Form(
    thing="an artifact", schema="artifact_state", command="sow output set", shown_by="sow output list"
)
BY_TYPE = {
    "type": "object",
    "properties": {
        "pr_url": {"type": "string"},
        "pr_number": {"type": "integer"},
        "assessment": {"enum": ["pass", "fail"]},
        "links": {"type": "array", "items": {"type": "string"}},
        "by_name": {"type": "object", "additionalProperties": {"type": "string"}},
        "any": True,
    },
}
"""What a project's type may say of metadata."""


def put(path: str, value: str, form: Form = TASK, held: Any = None, **more: Any) -> Any:
    dotted.top(path, form)
    return dotted.put(held, path, value, form, **more)


@pytest.mark.parametrize(
    ("form", "path", "value", "top"),
    [
        pytest.param(TASK, "name", "007", "007", id="a text keeps its zeros"),
        pytest.param(TASK, "name", "true", "true", id="a text is no boolean"),
        pytest.param(TASK, "priority", "1e3", "1e3", id="one word of some is a text"),
        pytest.param(TASK, "fresh", "true", True, id="a boolean"),
        pytest.param(TASK, "attempts", "3", 3, id="a whole number"),
        pytest.param(TASK, "depends_on.0", "020", None, id="an item of a list by the type of items"),
        pytest.param(TASK, "result.message", "12", {"message": "12"}, id="a text in another schema"),
        pytest.param(TASK, "result.error_code", "404", {"error_code": "404"}, id="and one with a pattern"),
        pytest.param(TASK, "result.data.n", "12", {"data": {"n": 12}}, id="what is open there is YAML"),
        pytest.param(TASK, "error.retry_count", "2", {"retry_count": 2}, id="a number in another schema"),
        pytest.param(TASK, "metadata.n", "007", {"n": "007"}, id="no octal in what is open"),
        pytest.param(TASK, "metadata.n", "7", {"n": 7}, id="what is open is YAML"),
        pytest.param(TASK, "params.a.b", "[1, no]", {"a": {"b": [1, "no"]}}, id="lists, too"),
        pytest.param(PROJECT, "description", "12", "12", id="a field of another document"),
        pytest.param(PROJECT, "agent_sessions.planner", "12", {"planner": "12"}, id="a mapping of texts"),
        pytest.param(PROJECT, "statechart.current_state", "1", {"current_state": "1"}, id="a closed object"),
        pytest.param(ARTIFACT, "approved", "true", True, id="a boolean of an artifact"),
        pytest.param(ARTIFACT, "approved", "yes", "yes", id="what is none is left to the schema"),
        pytest.param(ARTIFACT, "path", "12", "12", id="a path that looks like a number"),
    ],
)
def test_a_value_is_read_by_the_type_of_its_place(form: Form, path: str, value: str, top: Any) -> None:
    held = ["010"] if path == "depends_on.0" else None
    assert canonical.same(put(path, value, form, held), ["020"] if held else top)


@pytest.mark.parametrize(
    ("path", "value", "stored"),
    [
        ("metadata.pr_url", "42", "42"),
        ("metadata.pr_number", "42", 42),
        ("metadata.assessment", "true", "true"),
        ("metadata.links.0", "42", "42"),
        ("metadata.by_name.ada", "42", "42"),
        ("metadata.any", "42", 42),
        ("metadata.other", "42", 42),
        ("metadata.pr_url.deeper", "42", 42),
        ("params.pr_url", "42", 42),
    ],
)
def test_what_the_project_s_type_says_of_metadata_counts_there(path: str, value: str, stored: Any) -> None:
    held = put(path, value, metadata=lambda: BY_TYPE)
    assert canonical.same(dotted.at({path.split(".")[0]: held}, path), stored)


@pytest.mark.parametrize(
    ("path", "made"),
    [
        pytest.param("metadata.links.0", {"links": ["x"]}, id="a list, by its type"),
        pytest.param("metadata.by_name.0", {"by_name": {"0": "x"}}, id="a mapping, by its type"),
        pytest.param("metadata.own.0", {"own": ["x"]}, id="a list, where no type says more"),
        pytest.param("metadata.own.0.0.a", {"own": [[{"a": "x"}]]}, id="a list in a list"),
        pytest.param("metadata.own.42", {"own": {"42": "x"}}, id="a mapping by numbers"),
        pytest.param("metadata.any.0", {"any": ["x"]}, id="a list, where everything is allowed"),
        pytest.param("depends_on.0", ["x"], id="a list that is a field itself"),
        pytest.param("metadata.0", {"0": "x"}, id="metadata is a mapping"),
    ],
)
def test_what_is_missing_on_the_way_is_made_as_its_type_says(path: str, made: Any) -> None:
    assert put(path, "x", metadata=lambda: BY_TYPE) == made


def test_the_second_item_of_a_list_that_is_not_there_is_out_of_range() -> None:
    with pytest.raises(Refused, match=r"^metadata\.links\.1: index out of range: 1$") as refused:
        put("metadata.links.1", "x", metadata=lambda: BY_TYPE)
    assert refused.value.hint == "there are 0 items, counted from 0"


def test_what_is_made_for_a_set_of_pairs_is_a_list_by_the_same_rule() -> None:
    first = dotted.placed({}, "files.0", "a")
    assert dotted.placed(first, "files.1", "b") == {"files": ["a", "b"]}


def test_a_text_is_asked_for_by_the_option_whatever_the_type_says() -> None:
    assert put("metadata.pr_number", "42", text=True, metadata=lambda: BY_TYPE) == {"pr_number": "42"}


def test_the_schema_is_not_asked_where_every_type_would_say_the_same() -> None:
    def asked() -> Any:
        raise AssertionError("a plain text needs no schema")

    assert put("metadata.x", "plain words", metadata=asked) == {"x": "plain words"}


@pytest.mark.parametrize(
    ("path", "message", "hint"),
    [
        ("nam", "unknown field: nam", "did you mean name?"),
        (
            "",
            "unknown field: its name is empty",
            "see the fields of a task: `sow schema task_state`",
        ),
        ("qqq", "unknown field: qqq", "see the fields of a task: `sow schema task_state`"),
        ("id", "id can't be set: it is given once", "see `sow task set --help` for what can be"),
        ("id.x", "id can't be set: it is given once", "see `sow task set --help` for what can be"),
        (
            "metadata.iteration",
            "metadata.iteration can't be set: sow notes it",
            "see `sow task set --help` for what can be",
        ),
        (
            "metadata..x",
            "metadata..x: a step between the dots is empty",
            "write it like metadata.complexity.level",
        ),
    ],
)
def test_a_path_that_nobody_may_set_is_told_with_what_to_do(path: str, message: str, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        dotted.top(path, TASK)
    assert (str(refused.value), refused.value.hint) == (message, hint)


def test_a_field_whose_name_only_begins_like_a_kept_one_may_be_set() -> None:
    assert dotted.top("metadata.iterations", TASK) == "metadata"


@pytest.mark.parametrize("place", ["3", "-1", "first", "²", "9" * 5000])
def test_no_place_of_a_list_is_out_of_range_with_how_many_there_are(place: str) -> None:
    with pytest.raises(Refused, match="index out of range") as refused:
        put(f"metadata.{place}", "x", held=["a", "b"])
    assert refused.value.hint == "there are 2 items, counted from 0"
    assert dotted.at(["a", "b"], place) is None
    with pytest.raises(Refused, match="there is no"):
        dotted.without(["a", "b"], f"metadata.{place}", TASK)


NAMES = st.sampled_from(["a", "b", "0", "1", "é"])
LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab01:# ", max_size=4)
TREES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(NAMES, TREES, max_size=3), st.lists(NAMES, min_size=1, max_size=4), LEAVES)
def test_what_was_put_is_found_all_else_is_as_before_and_removing_takes_it_away(
    held: dict[str, Any], steps: list[str], leaf: Any
) -> None:
    path, before = ".".join(["metadata", *steps]), copy.deepcopy(held)
    value = leaf if isinstance(leaf, str) else canonical.as_json(leaf)
    try:
        after = dotted.put(held, path, value, TASK, text=isinstance(leaf, str))
    except Refused:
        return  # it leads through a plain value, or past the end of a list
    finally:
        assert held == before, "nothing is changed in place"
    assert canonical.same(dotted.at({"metadata": after}, path), leaf)
    assert pruned(after, steps) == pruned(held, steps)
    gone = dotted.without(after, path, TASK)
    assert pruned(gone, steps, only_what_is_empty=True) == pruned(held, steps)


def pruned(held: Any, steps: list[str], *, only_what_is_empty: bool = False) -> Any:
    """`held` without what is at `steps`, and without what is empty then on the way there."""
    if not steps:
        return held if only_what_is_empty else None
    step, rest = steps[0], steps[1:]
    if isinstance(held, dict) and step in held:
        below = pruned(held[step], rest, only_what_is_empty=only_what_is_empty)
        others = {key: value for key, value in held.items() if key != step}
        return others if below in (None, {}, []) else {**others, step: below}
    if isinstance(held, list) and step.isdecimal() and int(step) < len(held):
        place = int(step)
        if only_what_is_empty and not rest:
            return held  # what follows has moved up
        below = pruned(held[place], rest, only_what_is_empty=only_what_is_empty)
        return [*held[:place], *([] if below in (None, {}, []) else [below]), *held[place + 1 :]]
    return held


@pytest.mark.parametrize("schema", ["task_state", "phase_file", "project_file", "artifact_state"])
def test_every_field_of_every_document_is_read_without_a_fault(schema: str) -> None:
    form = Form(thing="it", schema=schema, command="sow set", shown_by="sow show", open=())
    for name in sow_schemas.fields(schema):
        for value in ("x", "7", "[]", "{}"):
            put(name, value, form)
            put(f"{name}.deeper.3", value, form)
