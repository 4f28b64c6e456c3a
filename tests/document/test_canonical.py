"""The canonical form means one thing to every reader, and its own reader never guesses."""

import os
import subprocess
import sys
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.document.values import DOCUMENTS, DOUBTFUL, TEXTS

import sow
import sow_schemas
from sow.document import SIZE, BadDocument, canonical, parse, strict
from sow.document.canonical import DEPTH, VALUES, Unwritable, as_json, emit, read, same
from sow.document.edit import edit

TASK = """\
# made by hand
id: "010"
name: "Add a form"

status: paused
created_at: 2025-01-15T10:00:00Z
iteration: 1
ratio: 0.5
fresh: true
inputs: []
metadata: {"source": {"line": 3, "extras": [1, null, "x"]}}
"""


class Yaml11(yaml.SafeLoader):
    """PyYAML as it comes, but that times stay texts."""


Yaml11.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _strict(text: str) -> Any:
    return strict.load(text.encode(), "a file").value


@given(DOCUMENTS)
def test_what_is_written_is_read_back_by_all(value: dict[str, Any]) -> None:
    text = emit(value)
    assert same(read(text), value)
    assert same(_strict(text), value)
    assert same(yaml.load(text, Loader=Yaml11), value)


@pytest.mark.parametrize("text", DOUBTFUL)
def test_a_doubtful_text_stays_a_text_as_value_as_item_and_as_key(text: str) -> None:
    value = {"value": text, "items": [text], text: {text: text}}
    written = emit(value)
    assert same(read(written), value)
    assert same(_strict(written), value)
    assert same(yaml.load(written, Loader=Yaml11), value)
    assert len(written.splitlines()) == 3


@pytest.mark.parametrize(
    "word", ["yes", "No", "ON", "nUlL", "true", "y", "1e10", "0o17", "010", "-a", ".5", "é", "a: b"]
)
def test_what_some_reader_could_take_for_something_else_is_quoted(word: str) -> None:
    assert emit({"key": word}) == f'key: "{word}"\n'


@pytest.mark.parametrize("word", ["paused", "Add a form", "it's", "a, b", "main/x--010", "sow_schemas.valid"])
def test_a_clear_text_is_plain(word: str) -> None:
    assert emit({"key": word}) == f"key: {word}\n"


def test_a_time_is_plain() -> None:
    assert emit({"at": "2025-01-15T10:00:00.123456789+05:30"}) == "at: 2025-01-15T10:00:00.123456789+05:30\n"


def test_what_was_read_before_is_read_anew_where_its_reader_may_change_it() -> None:
    text = 'id: "010"\ninputs: []\nparams: {"deep": [1]}\n'
    first = read(text)
    assert first
    first["inputs"].append("mine")
    first["params"]["deep"].append("mine")
    assert read(text) == {"id": "010", "inputs": [], "params": {"deep": [1]}}


def test_a_canonical_text_is_read_with_its_comments_and_quotes() -> None:
    value = read(TASK)
    assert value is not None
    assert value["id"] == "010"
    assert value["metadata"] == {"source": {"line": 3, "extras": [1, None, "x"]}}
    assert same(value, _strict(TASK))


@st.composite
def _spoilt(draw: st.DrawFn) -> str:
    """A canonical text with a few characters put in, taken out or exchanged."""
    text = draw(st.just(TASK) | DOCUMENTS.map(emit))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        gone = draw(st.integers(0, 2))
        put = draw(
            st.sampled_from(
                ["", "\n", " ", ":", ": ", "#", " #", '"', "'", "0", "-", "e", "[", "}", ",", "\t"]
            )
            | TEXTS
        )
        text = text[:place] + put + text[place + gone :]
    return text


@settings(max_examples=150, deadline=None)
@given(_spoilt())
def test_a_text_that_is_taken_means_the_same_to_the_strict_reader(text: str) -> None:
    value = read(text)
    if value is not None:
        assert same(value, _strict(text))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: 1\na: 1\n", id="a key twice"),
        pytest.param('a: {"b": 1, "b": 1}\n', id="a nested key twice"),
        pytest.param("a: 010\n", id="a leading zero"),
        pytest.param("a: 1_000\n", id="an underscore in a number"),
        pytest.param("a: True\n", id="a word that is written otherwise"),
        pytest.param('a: "\\/"\n', id="an escape that is not ours"),
        pytest.param("a: [1,2]\n", id="JSON without spaces"),
        pytest.param("a: [1e5]\n", id="a float that is written otherwise"),
        pytest.param("a: [NaN]\n", id="no number of JSON"),
        pytest.param("a: " + "[" * 100_000, id="deep nesting"),
        pytest.param("a: " + "9" * 5000, id="a number of 5000 digits"),
        pytest.param("a: b # c\n", id="a comment behind a value"),
        pytest.param("a: b\r\n", id="a line break of Windows"),
        pytest.param("---\na: b\n", id="a document mark"),
        pytest.param("a:\n  b: c\n", id="a block"),
        pytest.param("# \x00\na: b\n", id="a comment that no YAML may have"),
    ],
)
def test_what_is_not_canonical_is_left_to_the_strict_reader(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param({"a": float("inf")}, "inf is no number", id="infinity"),
        pytest.param({"a": [float("nan")]}, "nan is no number", id="not a number"),
        pytest.param({"a": "\ud800"}, "surrogate", id="half a character"),
        pytest.param({"a": {"\udc00": 1}}, "surrogate", id="half a character in a key"),
        pytest.param({"a": b"x"}, "a bytes has no place", id="bytes"),
        pytest.param({"a": ("x",)}, "a tuple has no place", id="a tuple"),
        pytest.param({"a": {1: 2}}, "a key that is no text", id="a number for a key"),
        pytest.param({"k" * 1001: 1}, "a key of more than", id="a long key"),
    ],
)
def test_what_has_no_place_in_a_document_is_refused(value: Any, words: str) -> None:
    with pytest.raises(Unwritable, match=words):
        emit(value)


def _deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_what_may_be_written_may_be_read_to_the_deepest_level() -> None:
    value = {"a": _deep(DEPTH - 1)}
    assert same(_strict(emit(value)), value)
    assert same(read(emit(value)), value)
    with pytest.raises(Unwritable, match="inside one another"):
        emit({"a": _deep(DEPTH)})
    with pytest.raises(BadDocument, match="inside one another"):
        _strict(f"a: {'[' * DEPTH}{']' * DEPTH}")
    assert read(f"a: {'[' * DEPTH}{']' * DEPTH}\n") is None


def test_what_may_be_written_may_be_read_up_to_the_largest_number_of_values() -> None:
    value = {"a": [1] * (VALUES - 2)}
    assert same(_strict(emit(value)), value)
    assert same(read(emit(value)), value)
    with pytest.raises(Unwritable, match="more than 100,000 values"):
        emit({"a": [1] * (VALUES - 1)})
    with pytest.raises(Unwritable, match="more than 100,000 values"):
        edit(emit(value), value, {"a": [1] * (VALUES - 1)})
    assert read(f"a: [{'1, ' * (VALUES - 2)}1]\n") is None


def test_what_would_be_too_large_to_be_read_is_not_written() -> None:
    with pytest.raises(Unwritable, match="it would be 4,194,309 bytes long"):
        emit({"a": "w" + "x" * SIZE})
    for old in ("a: b\n", "a: 'b'\n"):
        with pytest.raises(Unwritable, match="bytes long"):
            edit(old, {"a": "b"}, {"a": "é" * (SIZE // 2)})
    largest = emit({"a": "x" * (SIZE - len("a: \n"))})
    assert len(largest) == SIZE
    assert parse(largest.encode(), "f").canonical


def test_a_key_of_the_greatest_length_is_read_by_all() -> None:
    value = {"k" * 998: {'"' * 499: 1}}
    assert same(_strict(emit(value)), value)
    assert same(yaml.load(emit(value), Loader=Yaml11), value)


def test_an_empty_document_is_written_and_read() -> None:
    assert emit({}) == "{}\n"
    assert read("{}\n") == _strict("{}\n") == {}
    assert read("# nothing yet\n") == _strict("# nothing yet\n") == {}


def test_true_and_one_are_two_values_and_the_order_of_keys_is_none() -> None:
    assert not same(1, True)
    assert not same([1], [1.0])
    assert same({"a": 1, "b": [2]}, {"b": [2], "a": 1})


def test_a_float_has_a_point_for_the_sake_of_old_yaml() -> None:
    assert as_json(1e16) == "1.0e+16"
    assert as_json(1.5e-7) == "1.5e-07"


def _roots() -> str:
    roots = [os.path.dirname(os.path.dirname(module.__file__ or "")) for module in (sow, sow_schemas)]
    return f"import sys; sys.path[:0] = {roots!r}\n"


def _run(program: str) -> str:
    command = [sys.executable, "-S", "-I", "-c", _roots() + program]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.parametrize("spoilt", ['[{"a" 1}]', '{"a": [}', "[1,, 2]", '["a" "b"]', "[{a}]", '{"a":: 1'])
def test_spoilt_json_is_refused_also_where_nothing_has_imported_json(spoilt: str) -> None:
    program = f"""
from sow.document import canonical
assert "json" not in sys.modules
print(canonical.read({f"a: {spoilt}" + chr(10)!r}))
"""
    assert _run(program) == "None\n"


def test_reading_changing_checking_and_writing_a_canonical_file_imports_next_to_nothing() -> None:
    program = f"""
before = set(sys.modules)
import sow_schemas
from sow.document import parse
document = parse({TASK.encode()!r}, "a file")
assert document.canonical
document.changed({{**document.value, "metadata": {{"a": [1]}}}})
sow_schemas.valid("task_state", document.value)
print(*sorted(set(sys.modules) - before))
"""
    heavy = {"re", "json", "typing", "dataclasses", "pathlib", "yaml", "jsonschema", "enum", "functools"}
    imported = set(_run(program).split())
    assert "sow.document.canonical" in imported
    assert not imported & heavy


def test_an_interpreter_without_the_c_half_of_json_reads_and_writes_the_same() -> None:
    program = f"""
sys.modules["_json"] = None
from sow.document import canonical
value = canonical.read({TASK!r})
print(canonical.emit(value), end="")
"""
    assert _run(program) == canonical.emit(_strict(TASK))


@pytest.mark.parametrize("value", ['{"x', '"x', '["a", ]', "{1: 2}", '{"a": 1', "[NaN]", '{"a" 1}', '"\\q"'])
def test_what_is_no_json_is_left_to_the_strict_reader_also_where_json_is_not_loaded(value: str) -> None:
    """In a quick command: the tests' own interpreter has `json`, and with it the error's class."""
    program = f"""
from sow.document import canonical
assert "json" not in sys.modules
print(canonical.read({f"a: {value}" + chr(10)!r}))
"""
    assert _run(program) == "None\n"
