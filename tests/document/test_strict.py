"""The strict reader takes what is clear, refuses what could surprise, and survives the rest."""

import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sow.document import SIZE, BadDocument, strict
from sow.document.canonical import same


def _load(text: str) -> Any:
    return strict.load(text.encode(), "a.yaml").value


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("010", "010"),
        ("-010", "-010"),
        ("00.5", "00.5"),
        ("no", "no"),
        ("On", "On"),
        ("y", "y"),
        ("1_000", "1_000"),
        ("22:22", "22:22"),
        ("0b1", "0b1"),
        ("see #12", "see"),
        ("see#12", "see#12"),
        ("2025-01-15T10:00:00Z", "2025-01-15T10:00:00Z"),
        ("2025-01-15", "2025-01-15"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("2025-01-15T10:00:00.123456789+05:30", "2025-01-15T10:00:00.123456789+05:30"),
        ("85e77598", "85e77598"),
        ("=", "="),
        ("'1'", "1"),
        ('"null"', "null"),
        ("!x", BadDocument),
        ("0", 0),
        ("-7", -7),
        ("+7", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.0", 1.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("-1.5E-3", -0.0015),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("null", None),
        ("~", None),
        ("", None),
        (".inf", BadDocument),
        (".NaN", BadDocument),
    ],
)
def test_a_scalar_means_what_yaml_1_2_says(scalar: str, value: Any) -> None:
    if value is BadDocument:
        with pytest.raises(BadDocument):
            _load(f"key: {scalar}")
    else:
        assert same(_load(f"key: {scalar}"), {"key": value})


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        pytest.param(b"a: 1\nb: 2\na: 3\n", "3:1", "`a` stands here a second time", id="a key twice"),
        pytest.param(b"a: {b: 1, b: 2}\n", "1:11", "`b` stands here a second time", id="a nested key twice"),
        pytest.param(b"a: &x 1\n", "1:4", "an anchor", id="an anchor"),
        pytest.param(b"a: *x\n", "1:4", "an alias", id="an alias"),
        pytest.param(b"a: !!str 1\n", "1:4", "a tag", id="a tag"),
        pytest.param(b"a: !!python/object/apply:os.system [x]\n", "1:4", "a tag", id="a tag that runs code"),
        pytest.param(b"a: 1\n<<: {b: 1}\n", "2:1", "a merge", id="a merge key"),
        pytest.param(b"1: a\n", "1:1", "this key is no text", id="a number for a key"),
        pytest.param(b"true: a\n", "1:1", "this key is no text", id="a truth for a key"),
        pytest.param(b"? [a]\n: b\n", "1:3", "a list can't be a key", id="a list for a key"),
        pytest.param(b"a: 1\n---\nb: 2\n", "2:1", "a second document", id="two documents"),
        pytest.param(b"%YAML 1.1\n---\na: 1\n", "1:1", "begins with %", id="a directive"),
        pytest.param(b"- a\n", "1:1", "should be a mapping", id="a list at the top"),
        pytest.param(b"just words\n", "1:1", "should be a mapping", id="words at the top"),
        pytest.param(b"a:\n\t- b\n", "2:1", "a tab where YAML wants spaces", id="a tab"),
        pytest.param(b"a: b: c\n", "1:5", "a second colon in one line", id="a colon in a plain text"),
        pytest.param(b"a: 1\nb\nc: 2\n", "3:1", "a key stands without its colon", id="a key without a colon"),
        pytest.param(b'a: "C:\\q"\n', "1:7", "a backslash", id="an escape that there is not"),
        pytest.param(b"a: 1\n```\n", "2:1", "can't begin with this", id="a line of Markdown"),
        pytest.param(b"a: [1\n", "2:1", "expected", id="an open bracket"),
        pytest.param(b'a: 1\nb: "x\nc: 2\n', "2:4", "a quote opens here", id="an open quote"),
        pytest.param(b"a: x\nb: \xff\n", "2:4", "0xff is no UTF-8", id="no UTF-8"),
        pytest.param("é: x\nb: ü".encode("latin-1"), "1:1", "0xe9 is no UTF-8", id="Latin-1"),
        pytest.param("a: b\n".encode("utf-16"), "1:1", "0xff is no UTF-8", id="UTF-16"),
        pytest.param(b"a: \x00\n", "1:4", "U+0000", id="a NUL"),
        pytest.param(b"a: \x1b[0m\n", "1:4", "U+001B", id="a terminal's colour"),
        pytest.param(b"a: .inf\n", "1:4", "is no number", id="infinity"),
        pytest.param(b"a: " + b"9" * 5000, "1:4", "a number of 5,000 digits", id="a long number"),
        pytest.param(b"b: 1\n<<<<<<< A\na: 1\n=======\na: 2\n>>>>>>> B\n", "2:1", "a merge", id="a conflict"),
        pytest.param(b"a: [" + b"1," * 100_000 + b"1]\n", "1:", "more than 100,000 values", id="too many"),
    ],
)
def test_a_bad_document_is_refused_with_its_place(text: bytes, place: str, words: str) -> None:
    with pytest.raises(BadDocument) as caught:
        strict.load(text, "a.yaml")
    assert str(caught.value).startswith(f"a.yaml:{place}")
    assert words in str(caught.value)
    assert caught.value.hint


BOMB = "a: &a [x,x]\n" + "".join(f"b{i}: &b{i} [*a,*a]\n" for i in range(9))
HOSTILE = {
    "50,000 nested lists": "a: " + "[" * 50_000,
    "50,000 nested mappings": "a: " + "{a: " * 50_000,
    "a million dashes": "- " * 1_000_000,
    "a million question marks": "? " * 1_000_000,
    "a billion laughs": BOMB,
    "300,000 directives": "%TAG !a! b\n" * 300_000,
    "a million tags": "a: " + "!" * 1_000_000,
    "a long key": "k" * 2_000_000 + ": 1",
    "a long number": "a: " + "1" * 2_000_000,
    "an open quote": 'a: "' + "x " * 1_000_000,
    "more than the size allowed": "#" * (SIZE + 1),
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_a_hostile_document_is_refused_at_once(text: str) -> None:
    began = time.process_time()
    with pytest.raises(BadDocument):
        _load(text)
    assert time.process_time() - began < 1.5


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: >\n" + " x\n" * 1_000_000, id="a long folded text"),
        pytest.param("\n" * 4_000_000, id="nothing but lines"),
        pytest.param("a: " + "x " * 1_000_000, id="a long plain text"),
    ],
)
def test_a_long_document_is_read_in_time(text: str) -> None:
    began = time.process_time()
    _load(text)
    assert time.process_time() - began < 1.5


@settings(max_examples=150)
@given(
    st.text(st.sampled_from("ab10:-?#[]{},&*!|>%'\"\\ \n\t\r~<=.é\ufeff\x85\u2028"), max_size=40)
    | st.binary(max_size=30).map(lambda data: data.decode("latin-1"))
)
def test_any_text_is_a_document_or_a_bad_one(text: str) -> None:
    try:
        value = _load(text)
    except BadDocument as error:
        value = {"line": error.line, "column": error.column} if error.line and error.column else None
    assert isinstance(value, dict)


PLAIN = (
    st.text("abcdé :#-'\"\n", min_size=1, max_size=12).map("w".__add__)
    | st.integers()
    | st.booleans()
    | st.none()
)
NESTED = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text("abcd"), inner), max_leaves=8
)


@given(st.dictionaries(st.text("abcd"), NESTED), st.sampled_from([True, False, None]), st.booleans())
def test_what_pyyaml_writes_is_read_in_every_style(
    value: dict[str, Any], flow: bool | None, ascii: bool
) -> None:
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=not ascii, width=20)
    assert same(_load(text), value)


def test_places_count_from_one() -> None:
    loaded = strict.load(b"a: 1\nb:\n  - x: 1\n    y: 2\n", "a.yaml")
    assert loaded.place(("b", 0, "y")) == (4, 5)
    assert loaded.place(("b", 0)) == (3, 5)
    assert loaded.place(("b", 0, "z")) == (3, 5)
    assert loaded.place(()) == (1, 1)


def test_python_without_the_c_half_of_pyyaml_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: \"é\"\nb:\n  - {x: 1, y: 010}\n  # c\n  - |\n    lines\nc:\nd: 'it''s'\n"
    quick = strict.load(text.encode(), "a.yaml")
    monkeypatch.setattr(strict, "_Events", yaml.BaseLoader)
    slow = strict.load(text.encode(), "a.yaml")
    assert same(quick.value, slow.value)
    for path in [("b", 0, "y"), ("b", 1), ("d",)]:
        assert quick.place(path) == slow.place(path)
