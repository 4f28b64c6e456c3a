"""Whatever is wrong with a document is told with its place, the value, what is allowed, the nearest of it."""

import copy
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.schemas.documents import JSON, damaged

import sow_schemas
from sow.document import strict
from sow_schemas import explain, keywords, nearest, words
from sow_schemas.formats import FORMATS, PATTERNS

Path = tuple[str | int, ...]
TEXTS = {
    r"^[0-9]{3}$": "010",
    r"^[a-z0-9][a-z0-9-]*[a-z0-9]$": "add-login",
    r"^[a-z0-9_]+$": "standard",
    r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$": "TIMEOUT",
    r"^([1-9][0-9]*(\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*) ?([KMGT]iB|[kMGT]B|B)$": "4GiB",
}
"""A text for each pattern."""


# -- every keyword of every schema ----------------------------------------------------------------


def whole(schema: Any, then: Any = None) -> Any:
    """A valid value with everything in it that a schema has a place for. `then`: the branch it is in."""
    if name := keywords.referred(schema):
        return whole(sow_schemas.load(name), first_branch(sow_schemas.load(name)))
    if "enum" in schema:
        return schema["enum"][0]
    if not keywords.kinds(schema):
        return "anything"
    match keywords.kinds(schema)[0]:
        case "string" if "format" in schema:
            return "2026-11-20T08:30:00Z"
        case "string":
            return TEXTS.get(schema.get("pattern", ""), "a text")
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "array":
            return [whole(schema["items"])]
    if "properties" in schema:
        narrowed = (then or {}).get("properties", {})
        parts = {name: narrowed.get(name, part) for name, part in schema["properties"].items()}
        return {name: whole(part) for name, part in parts.items() if part is not False}
    return {"some": whole(schema["additionalProperties"])} if schema.get("additionalProperties") else {}


def first_branch(schema: Any) -> Any:
    return schema["allOf"][0]["then"] if "allOf" in schema else None


@dataclass(frozen=True)
class Damage:
    """One thing that is made wrong with a document by one keyword of its schema."""

    name: str
    keyword: str
    path: Path
    """Where it is to be found."""
    document: Any
    message: str
    hint: str
    """What the hint must hold."""

    @property
    def id(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.path))} {self.keyword}"


def damages(name: str) -> Iterator[Damage]:
    """Every keyword at every place of a schema, each broken once."""
    schema = sow_schemas.load(name)
    tag, by_value = keywords.branches(schema, name)
    for value, then in by_value.items() or [("", None)]:
        document = whole(schema, then) | ({tag: value} if tag else {})
        assert sow_schemas.valid(name, document), (name, value, sow_schemas.problems(name, document))
        for keyword, path, wrong, message, hint in broken(schema, then, document, ()):
            yield Damage(name, keyword, path, put(document, path, wrong), message, hint)


GONE = object()
Row = tuple[str, Path, Any, str, str]


def put(document: Any, path: Path, value: Any) -> Any:
    """A copy of a document with `value` at `path`; without what is there for GONE."""
    made = copy.deepcopy(document)
    holder = made
    for step in path[:-1]:
        holder = holder[step]
    if value is GONE:
        del holder[path[-1]]
    elif isinstance(holder, list) and path[-1] == len(holder):
        holder.append(value)
    else:
        holder[path[-1]] = value
    return made


def broken(schema: Any, then: Any, value: Any, path: Path) -> Iterator[Row]:
    """What can be made wrong with `value` by `schema`: keyword, place, wrong value, message, hint."""
    if name := keywords.referred(schema):
        schema = sow_schemas.load(name)
        then = first_branch(schema)
    for keyword, wanted in schema.items():
        for row in by_keyword(keyword, wanted, schema, value, path):
            yield keyword, *row
    for name, part in {**schema.get("properties", {}), **(then or {}).get("properties", {})}.items():
        if part is False:
            yield "properties", (*path, name), "x", '"x" has no place where status is ', "remove it"
        else:
            yield from broken(part, None, value[name], (*path, name))
    for name in (then or {}).get("required", ()):
        if name not in schema["required"]:
            yield "required", (*path, name), GONE, "is missing where status is ", "add it: "
    if isinstance(schema.get("additionalProperties"), dict):
        yield from broken(schema["additionalProperties"], None, value["some"], (*path, "some"))
    if "items" in schema:
        yield from broken(schema["items"], None, value[0], (*path, 0))


def by_keyword(
    keyword: str, wanted: Any, schema: Any, value: Any, path: Path
) -> Iterator[tuple[Path, Any, str, str]]:
    match keyword:
        case "type" if {"integer", "string"} <= set(keywords.kinds(schema)):
            yield path, [7], "[7] is a list, not a whole number or a text", "allowed: "
        case "type" if path:
            kind, said = {"string": (7, "a text"), "array": (7, "a list"), "object": (7, "a mapping")}.get(
                keywords.kinds(schema)[0], ("seven", "")
            )
            told = f"7 is a whole number, not {said}" if kind == 7 else '"seven" is a text, not '
            yield path, kind, told, "allowed: "
        case "enum":
            yield path, "nonsense", '"nonsense" is not allowed', f"allowed: {', '.join(wanted)}"
        case "minLength":
            yield path, "", "is empty", "allowed: a text that is not empty"
        case "pattern":
            yield path, "?!", '"?!" has the wrong form', f"allowed: {words.FORMS[wanted]}"
        case "not" | "maxLength":
            # What a pattern with `$` at its end lets through.
            yield path, f"{value}\n", "has a line break in it", f"did you mean `{words.written(value)}`?"
        case "format":
            yield path, "yesterday", '"yesterday" is no time', "allowed: a time like 2026-11-20T08:30:00Z"
        case "minimum":
            yield path, wanted - 1, f"{wanted - 1} is too small", f"did you mean `{wanted}`? allowed: "
        case "exclusiveMinimum":
            yield path, wanted, f"{wanted} is too small", f"allowed: a number above {wanted}"
        case "maximum":
            yield path, wanted + 1, f"{wanted + 1} is too large", f"did you mean `{wanted}`? allowed: "
        case "uniqueItems":
            yield (*path, 1), value[0], f'"{value[0]}" stands here a second time', "keep one of the two"
        case "required":
            for name in wanted:
                yield (*path, name), GONE, "is missing", "add it: "
        case "additionalProperties" if wanted is False:
            known = ", ".join(schema["properties"])
            yield (*path, "qqq"), 1, "is not a known field", f"allowed: {known}"
            for name in list(schema["properties"])[:1]:
                yield (*path, f"{name}x"), 1, "is not a known field", "did you mean `"


ALL = {damage.id: damage for name in sow_schemas.names() for damage in damages(name)}


@pytest.mark.parametrize("name", sow_schemas.names())
def test_every_keyword_of_a_schema_tells_place_value_and_what_is_allowed(name: str) -> None:
    mine = [damage for damage in ALL.values() if damage.name == name]
    assert mine
    for damage in mine:
        assert not sow_schemas.valid(name, damage.document), damage.id
        found = sow_schemas.problems(name, damage.document)
        assert [problem.path for problem in found] == [damage.path], damage.id
        assert damage.message in found[0].message, damage.id
        assert damage.hint in found[0].hint, damage.id
        assert damage.hint != "add it: " or len(found[0].hint) > len(damage.hint), damage.id


def test_every_keyword_that_there_is_code_for_is_in_the_table() -> None:
    said = {damage.keyword for damage in ALL.values()}
    # `items` and `$ref` say where to look and `allOf` when: what they lead to is in the table.
    leading = {"items", "$ref", "allOf"}
    notes = {"$schema", "title", "description", "default"}
    assert said == keywords.KNOWN - leading - notes


def test_every_pattern_and_format_has_its_words_and_a_way_to_mend_a_text() -> None:
    assert set(PATTERNS) - {r"\n"} == set(words.FORMS) == set(nearest.MENDED) == set(TEXTS)
    assert set(FORMATS) == set(words.FORMATS)


# -- the very words ---------------------------------------------------------------------------------


TASK: dict[str, Any] = {
    "id": "010", "name": "Add a form", "phase": "implementation", "status": "paused",
    "created_at": "2025-01-15T10:00:00Z", "updated_at": "2025-01-15T11:30:00Z", "iteration": 1,
    "assigned_agent": "implementer", "inputs": [], "outputs": [],
}  # fmt: skip
FILE = {"type": "a", "path": "b", "created_at": "0001-01-01T00:00:00Z"}
TIME = "allowed: a time like 2026-11-20T08:30:00Z"
IDS = 'allowed: a list, each item three digits in quotes, like "010", none twice'
STATUSES = "allowed: pending, in_progress, paused, needs_review, completed, abandoned"


@pytest.mark.parametrize(
    ("change", "where", "message", "hint"),
    [
        pytest.param(
            {"status": "complete"}, "status", '"complete" is not allowed',
            f"did you mean `completed`? {STATUSES}", id="a word that is nearly right",
        ),
        pytest.param(
            {"status": "Needs-Review"}, "status", '"Needs-Review" is not allowed',
            f"did you mean `needs_review`? {STATUSES}", id="a word written another way",
        ),
        pytest.param({"status": None}, "status", "null is not allowed", STATUSES, id="nothing for a word"),
        pytest.param(
            {"iteration": "2"}, "iteration", '"2" is a text, not a whole number',
            "did you mean `2`? allowed: a whole number of at least 1", id="a number in quotes",
        ),
        pytest.param(
            {"iteration": True}, "iteration", "true is not a whole number",
            "allowed: a whole number of at least 1", id="true for a number",
        ),
        pytest.param(
            {"iteration": 2.5}, "iteration", "2.5 is a number, not a whole number",
            "did you mean `2`? allowed: a whole number of at least 1", id="half a number",
        ),
        pytest.param(
            {"id": 20}, "id", "20 is a whole number, not a text",
            'did you mean `"020"`? allowed: three digits in quotes, like "010"', id="an id without quotes",
        ),
        pytest.param(
            {"name": False}, "name", "false is not a text",
            'did you mean `"false"`? allowed: a text that is not empty', id="a word that is no text",
        ),
        pytest.param(
            {"created_at": "2026-11-20 08:30"}, "created_at", '"2026-11-20 08:30" is no time',
            f"did you mean `2026-11-20T08:30:00Z`? {TIME}", id="a time of another form",
        ),
        pytest.param(
            {"created_at": "2025-02-30T00:00:00Z"}, "created_at", '"2025-02-30T00:00:00Z" is no time',
            f"did you mean `2025-02-28T00:00:00Z`? {TIME}", id="a day that no calendar has",
        ),
        pytest.param(
            {"depends_on": ["020", "030", "020"]}, "depends_on.2", '"020" stands here a second time',
            "keep one of the two", id="an item twice",
        ),
        pytest.param(
            {"depends_on": "020, 030"}, "depends_on", '"020, 030" is a text, not a list',
            f'did you mean `["020", "030"]`? {IDS}', id="a list without brackets",
        ),
        pytest.param(
            {"inputs": None}, "inputs", "null is not a list",
            "did you mean `[]`? allowed: a list, each item a mapping with type, path, approved, created_at",
            id="nothing for a list",
        ),
        pytest.param(
            {"fresh": "no"}, "fresh", '"no" is a text, not true or false',
            "did you mean `false`? allowed: true or false", id="no for false",
        ),
        pytest.param(
            {"inputs": [FILE]}, "inputs.0.approved", "is missing", "add it: true or false",
            id="a missing field of another file's schema",
        ),
        pytest.param(
            {"inputs": [{**FILE, "aproved": True}]}, "inputs.0.aproved", "is not a known field",
            "did you mean `approved`? allowed: type, path, approved, created_at, metadata",
            id="a misspelt field, which is not missing besides",
        ),
        pytest.param(
            {"result": {"status": "success", "error_code": "TIMEOUT"}}, "result.error_code",
            '"TIMEOUT" has no place where status is success', "remove it", id="an error's field in a success",
        ),
        pytest.param(
            {"result": {"status": "error", "error_code": "TIMEOUT"}}, "result.message",
            "is missing where status is error", "add it: a text", id="a field that an error needs",
        ),
        pytest.param(
            {"answer": {"text": "x" * 5000, "by": 7, "at": "2026-11-20T08:30:00Z"}}, "answer.by",
            "7 is a whole number, not a text", 'did you mean `"7"`? allowed: a text that is not empty',
            id="a field beside a long one",
        ),
        pytest.param(
            {"priority": "x" * 5000}, "priority", f'"{"x" * 56}... is not allowed',
            "allowed: critical, high, normal, low", id="a long value, cut",
        ),
        pytest.param(
            {"a key\n": 1}, '"a key\\n"', "is not a known field", f"allowed: {', '.join([*TASK][:4])}",
            id="a key that is no name",
        ),
    ],
)  # fmt: skip
def test_a_problem_is_told_in_words(change: dict[str, Any], where: str, message: str, hint: str) -> None:
    (problem,) = sow_schemas.problems("task_state", {**TASK, **change})
    assert (problem.where, problem.message) == (where, message)
    assert problem.hint == hint or (where.startswith('"') and problem.hint.startswith(hint))


def test_all_problems_are_told_at_once() -> None:
    value = {key: held for key, held in TASK.items() if key not in ("phase", "name")}
    found = sow_schemas.problems("task_state", {**value, "iteration": 0, "a": 1, "b": 2})
    assert {problem.path for problem in found} == {("phase",), ("name",), ("iteration",), ("a",), ("b",)}


def test_a_field_of_a_misspelt_name_is_not_told_to_be_missing_besides() -> None:
    value = {key: held for key, held in TASK.items() if key != "status"}
    (problem,) = sow_schemas.problems("task_state", {**value, "statsu": "paused"})
    assert (problem.where, problem.hint.split("?")[0]) == ("statsu", "did you mean `status`")
    both = sow_schemas.problems("task_state", {**value, "statsu": "paused", "zzz": 1})
    assert [problem.where for problem in both] == ["statsu", "zzz"]


def test_a_field_that_has_no_place_is_not_told_to_be_wrong_besides() -> None:
    (problem,) = sow_schemas.problems("result", {"status": "success", "error_code": "small letters"})
    assert (problem.where, problem.hint) == ("error_code", "remove it")


# -- for any damage -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sow_schemas.names())
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_meant_is_allowed_there(name: str, data: st.DataObject) -> None:
    document = data.draw(damaged(name))
    for problem in sow_schemas.problems(name, document):
        assert problem.message
        assert problem.hint
        found = re.match(r"did you mean `(.*?)`\?( allowed: |$)", problem.hint, re.DOTALL)
        if not found or not problem.path:
            continue
        if problem.message.startswith("is not a known field"):
            held = put(document, problem.path, GONE)
            mended = put(held, (*problem.path[:-1], found[1]), None)
        else:
            mended = put(document, problem.path, strict.load(f"v: {found[1]}".encode(), "v").value["v"])
        assert problem.path not in [left.path for left in sow_schemas.problems(name, mended)], problem


@given(JSON)
@settings(max_examples=25, deadline=None)
def test_anything_at_all_is_told_in_words(value: Any) -> None:
    for name in sow_schemas.names():
        assert (sow_schemas.problems(name, value) == []) == sow_schemas.valid(name, value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({f"key {n}": n for n in range(50_000)}, id="unknown fields"),
        pytest.param({"inputs": [7] * 50_000}, id="wrong items"),
        pytest.param({"depends_on": ["010"] * 50_000}, id="one item again and again"),
        pytest.param({"status": "x" * 3_000_000}, id="a text"),
        pytest.param({"x" * 3_000_000: 1}, id="a key"),
        pytest.param({"iteration": ["x" * 1000] * 3000}, id="a list for a number"),
    ],
)
def test_a_huge_document_is_told_of_at_once_and_in_few_words(value: Any) -> None:
    began = time.process_time()
    found = sow_schemas.problems("task_state", {**TASK, **value})
    assert 1 <= len(found) <= explain.MOST
    assert all(len(problem.where + problem.message + problem.hint) < 700 for problem in found)
    assert time.process_time() - began < 5
