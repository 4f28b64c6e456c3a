"""A JSON text that is changed: only what is another is written anew, however the rest is spelled."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sow.document.canonical import same
from sow.formats import json_text, texts

LEAVES = (
    "1.50", "1E3", "-0", "-0.0e+2", "123456789012345678901234567890", '"\\u00e9\\/"', '"ü"', '""', "true",
    "null", '"\\ud83d\\ude00 }],\\""',
)  # fmt: skip
"""Values as somebody may spell them."""

BLANKS = st.sampled_from(["", " ", "\n", "\r\n\t"])
SCALARS = st.sampled_from([None, True, 0, 1, 1.0, "", "x", "ü", '"'])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("aüb"), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def spelled(draw: Any, depth: int = 0) -> list[str | None]:
    """A JSON text in pieces; before and behind each leaf stands None."""
    kind = draw(st.sampled_from(["leaf", "list", "object"][: 3 if depth < 3 else 1]))
    if kind == "leaf":
        return [None, draw(st.sampled_from(LEAVES)), None]
    pieces: list[str | None] = ["[" if kind == "list" else "{", draw(BLANKS)]
    for number in range(draw(st.integers(0, 3))):
        key = f'"\\u006b{number}"{draw(BLANKS)}:{draw(BLANKS)}' if kind == "object" else ""
        pieces += [f",{draw(BLANKS)}" if number else "", key, *draw(spelled(depth + 1)), draw(BLANKS)]
    return [*pieces, "]" if kind == "list" else "}"]


@given(spelled(), st.integers(0), st.sampled_from([2, "other", False, 0.5]))
@settings(max_examples=50, deadline=None)
def test_an_edit_changes_the_bytes_of_its_leaf_and_no_other(
    pieces: list[str | None], which: int, new: Any
) -> None:
    marks = [at for at, piece in enumerate(pieces) if piece is None]
    if not marks:
        return
    leaf = marks[2 * (which % (len(marks) // 2))] + 1

    def text(word: str) -> str:
        return "".join(word if at == leaf else piece or "" for at, piece in enumerate(pieces))

    before, after = text(pieces[leaf] or ""), text(json.dumps(new))
    assert json_text.edited(before, json.loads(before)) == before
    assert json_text.edited(before, json.loads(after)) == after


@given(VALUES, VALUES, st.sampled_from([None, 2, "\t"]))
@settings(max_examples=50, deadline=None)
def test_whatever_it_held_it_holds_the_new_value(old: Any, new: Any, indent: Any) -> None:
    text = json.dumps(old, indent=indent, ensure_ascii=False)
    after = json_text.edited(text, new)
    assert same(json.loads(after), new)
    assert json_text.edited(after, new) == after


@pytest.mark.parametrize(
    ("text", "new", "after"),
    [
        pytest.param('{"a": 1.50,\n "b": 1}', {"a": 1.5, "b": 2}, '{"a": 1.50,\n "b": 2}', id="a member"),
        pytest.param('{"a":1,"b":1E3}', {"b": 1e3}, '{"b":1E3}', id="the first is taken out"),
        pytest.param('{"a": 1e0, "b": 2 }', {"a": 1.0}, '{"a": 1e0 }', id="the last is taken out"),
        pytest.param("[1, 2.0, 3]", [1, 3], "[1, 3]", id="an item is taken out"),
        pytest.param("[1.0, 3E0]", [1.0, 2, 3.0], "[1.0, 2, 3E0]", id="an item comes between"),
        pytest.param('{"a":1}', {"a": 1, "b": [1, {}]}, '{"a":1,"b":[1,{}]}', id="as tight as the rest"),
        pytest.param(
            '{\r\n\t"a": 1\r\n}', {"a": 1, "b": {"c": 1}},
            '{\r\n\t"a": 1,\r\n\t"b": {\r\n\t\t"c": 1\r\n\t}\r\n}',
            id="set out as the rest",
        ),
    ],
)  # fmt: skip
def test_what_comes_and_goes_leaves_the_rest_as_it_is_spelled(text: str, new: Any, after: str) -> None:
    assert json_text.edited(text, new) == after


def test_of_a_record_that_changes_all_other_values_keep_their_spelling() -> None:
    kept = '"cost": 1.50, "n":1E3 , "who": "J\\u00fcrgen", "big": 12345678901234567890123, "of": {"x": 2.0}'
    tasks = f'[\n {{"task_id": "a", "status": "PENDING", {kept}}},\n {{"task_id": "b", {kept}}}\n]'
    text = f'\ufeff{{"version": 3.0, "tasks" : {tasks}}}'
    now = {**json.loads(tasks)[0], "status": "COMPLETED", "result": {"status": "success"}}
    after = text.replace("PENDING", "COMPLETED").replace(
        f"{kept}}},", f'{kept}, "result": {{"status": "success"}}}},'
    )
    assert texts.with_tasks(text, "tasks", "task_id", {"a": now}) == after
