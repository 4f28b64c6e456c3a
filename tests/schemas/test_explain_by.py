"""A schema of somebody else's, as a project's type has one for metadata, is told in the same words."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.schemas.documents import JSON, peer

from sow_schemas import explain

LEVEL = {"properties": {"level": {"type": "integer", "minimum": 1, "maximum": 5}}}


@pytest.mark.parametrize(
    ("schema", "value", "where", "message", "hint"),
    [
        (
            LEVEL,
            {"level": "3"},
            "level",
            '"3" is a text, not a whole number',
            "did you mean `3`? allowed: a whole number from 1 to 5",
        ),
        (
            LEVEL,
            {"level": 9},
            "level",
            "9 is too large",
            "did you mean `5`? allowed: a whole number from 1 to 5",
        ),
        (
            {"properties": {"size": {"enum": ["small", "large"]}}},
            {"size": "smal"},
            "size",
            '"smal" is not allowed',
            "did you mean `small`? allowed: small, large",
        ),
        ({"properties": {"n": {"enum": [1, 2]}}}, {"n": "1"}, "n", '"1" is not allowed', "allowed: 1, 2"),
        (
            {"required": ["owner"], "properties": {"owner": {"type": "string"}}},
            {},
            "owner",
            "is missing",
            "add it: a text",
        ),
        (
            {"properties": {"url": {"type": "string", "pattern": "^https://"}}},
            {"url": "http://example.org"},
            "url",
            '"http://example.org" has the wrong form',
            "allowed: a text of the form ^https://",
        ),
        (
            {"properties": {"tags": {"type": "array"}}},
            {"tags": "x"},
            "tags",
            '"x" is a text, not a list',
            "did you mean `[\"x\"]`? allowed: a list",
        ),
        (
            {"properties": {"a": {"anyOf": [{"type": "integer"}, {"const": "none"}]}}},
            {"a": "some"},
            "a",
            '"some" is not allowed',
            'its schema there: {"anyOf": [{"type": "integer"}, {"const": "none"}]}',
        ),
        (
            {"$defs": {"n": {"type": "integer"}}, "properties": {"a": {"$ref": "#/$defs/n"}}},
            {"a": "x"},
            "a",
            '"x" is a text, not a whole number',
            "allowed: a whole number",
        ),
        (
            {"patternProperties": {"^x-": {}}, "properties": {"a": {}}, "additionalProperties": False},
            {"x-mine": 1, "b": 2},
            "b",
            "is not a known field",
            "allowed: a",
        ),
    ],
)  # fmt: skip
def test_it_is_told_in_words(schema: Any, value: Any, where: str, message: str, hint: str) -> None:
    (problem,) = explain.find_by(schema, value)
    assert (problem.where, problem.message, problem.hint) == (where, message, hint)


@pytest.mark.parametrize("reference", ["https://example.org/other.json", "#/$defs/missing", "other.json"])
def test_a_schema_that_is_elsewhere_is_not_fetched_but_named(reference: str) -> None:
    with pytest.raises(explain.Unreachable, match=re.escape(reference.lstrip("#"))):
        explain.find_by({"properties": {"a": {"$ref": reference}}}, {"a": 1})


SMALL = st.integers(0, 3)
LEAF = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"]),
        "enum": st.lists(JSON, min_size=1, max_size=3),
        "const": JSON,
        "minimum": SMALL,
        "exclusiveMaximum": SMALL,
        "multipleOf": st.integers(1, 3),
        "minLength": SMALL,
        "maxLength": SMALL,
        "pattern": st.sampled_from(["^a", "b$", "^[0-9]{3}$"]),
        "format": st.sampled_from(["date-time", "email", "ours"]),
        "minItems": SMALL,
        "uniqueItems": st.booleans(),
        "maxProperties": SMALL,
        "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
    },
)


def around(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    some = st.lists(below, min_size=1, max_size=2)
    optional: Any = {
        "items": below,
        "contains": below,
        "prefixItems": some,
        "properties": st.dictionaries(st.sampled_from("abc"), below | st.booleans(), max_size=3),
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b"]), below, max_size=2),
        "additionalProperties": below | st.booleans(),
        "propertyNames": below,
        "anyOf": some,
        "allOf": some,
        "oneOf": some,
        "not": below,
        "if": below,
        "then": below,
        "dependentRequired": st.just({"a": ["b"]}),
    }
    return st.fixed_dictionaries({}, optional=optional)


SCHEMAS = st.recursive(LEAF, around, max_leaves=6)


@given(SCHEMAS, st.dictionaries(st.sampled_from("abc"), JSON, max_size=3) | JSON)
@settings(max_examples=100, deadline=None)
def test_any_schema_refuses_in_words_what_it_does_not_allow(schema: Any, value: Any) -> None:
    Draft202012Validator.check_schema(schema)
    found = explain.find_by(schema, value)
    assert all(problem.message and problem.hint for problem in found)
    if not peer(schema).is_valid(value):
        assert found
