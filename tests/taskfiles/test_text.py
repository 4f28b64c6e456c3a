"""A JSON file of somebody else's is read strictly, and changed where it changes only."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.taskfiles.parts import DOCUMENT

from sow.errors import BadFile
from sow.taskfiles import task_file, text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["status", "error", "input", "ü", 'a"b\\', ""])
LOOKS = st.sampled_from([(None, None), (2, None), ("\t", None), (None, (",", ":")), (4, (" ,", " : "))])


@settings(max_examples=60, deadline=None)
@given(
    value=st.dictionaries(KEYS, VALUES, min_size=1), new=st.dictionaries(KEYS, VALUES), look=LOOKS,
    ascii_only=st.booleans(), crlf=st.booleans(), mark=st.booleans(),
)  # fmt: skip
def test_only_the_values_that_change_are_other_text(
    value: dict[str, Any], new: dict[str, Any], look: Any, ascii_only: bool, crlf: bool, mark: bool
) -> None:
    indent, separators = look
    plain = json.dumps(value, indent=indent, separators=separators, ensure_ascii=ascii_only)
    # A line break within a string is written as \n, so this is about those between the values.
    before = ("\ufeff" if mark else "") + (plain.replace("\n", "\r\n") if crlf else plain) + "\n"
    held = text.parse(before.encode("utf-8", "surrogatepass"), "task.json")
    changed = text.parse(held.changed(new).encode(), "task.json")
    assert changed.value == {**value, **new}
    assert list(changed.value) == [*value, *(key for key in new if key not in value)]
    for key in value:
        assert key in new or changed.as_written(key) == held.as_written(key)
    if new.keys() <= value.keys():
        assert changed.changed(value, back=held) == before, "and the way back is the very text"


def test_the_example_of_the_document_differs_in_one_word() -> None:
    held = text.parse(DOCUMENT.encode(), "task.json")
    assert held.changed({"status": "done", "error": None}) == DOCUMENT.replace('"queued"', '"done"')


def test_a_key_that_is_missing_is_added_as_the_last_one_is_set_out() -> None:
    held = text.parse(b'{\r\n\t"a" : 1,\r\n\t"b" : [\r\n\t\t2 ]\r\n}\r\n', "task.json")
    assert (
        held.changed({"error": "x"}) == '{\r\n\t"a" : 1,\r\n\t"b" : [\r\n\t\t2 ],\r\n\t"error" : "x"\r\n}\r\n'
    )


TASK = '{"task_id": "a", "status": "queued", "pipeline": []%s}'


@pytest.mark.parametrize(
    ("held", "said"),
    [
        pytest.param('{\n "a" 1}', "f:2:6: is no JSON here: expecting ':' delimiter", id="no colon"),
        pytest.param("[]", "f: is no JSON object", id="a list"),
        pytest.param("", "f:1:1: is no JSON here: expecting value", id="empty"),
        pytest.param(b"{\n\xff", "f:2: is no UTF-8", id="latin-1"),
        pytest.param('{"a": 1, "a": 2}', 'f: the key "a" stands there a second time', id="a key twice"),
        pytest.param('{"a": NaN}', "f: NaN is no number of JSON", id="not a number"),
        pytest.param("[" * 9 + '{"a":' * 100_000, "f: nests too deep", id="deep"),
        pytest.param('{"a":' * 200 + "1" + "}" * 200, "f: nests too deep", id="deep and whole"),
        pytest.param(
            '{\n"task_id": "a",\n "status": "waiting", "pipeline": []}',
            "f:3:12: status: \"waiting\" is not allowed",
            id="a status that there is not",
        ),
        pytest.param('{"task_id": "a", "status": "done"}', "f:1:1: pipeline: is missing", id="no pipeline"),
        pytest.param(
            TASK % ',\n"output": {"x": 3}', "f:2:17: output.x: 3 is a whole number", id="no path"
        ),
    ],
)  # fmt: skip
def test_a_file_that_can_not_be_taken_is_told_with_its_place(held: str | bytes, said: str) -> None:
    with pytest.raises(BadFile) as caught:
        task_file.check(task_file.SCHEMA, text.parse(held.encode() if isinstance(held, str) else held, "f"))
    assert str(caught.value).startswith(said)
    assert caught.value.hint


def test_keys_that_nobody_here_knows_are_no_fault() -> None:
    task_file.check(task_file.SCHEMA, text.parse((TASK % ', "mine": {"deep": [1]}').encode(), "f"))
