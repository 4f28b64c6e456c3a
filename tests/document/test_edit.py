"""An edit changes the lines of what changed, and no other byte."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.document.values import DOCUMENTS, KEYS, VALUES

from sow.document import parse
from sow.document.canonical import emit, read, same, written
from sow.document.edit import edit

BY_HAND = """\
# The task of Ada
id: '010'   # never change this

name: Add a form
status: paused      # waits for Ada
"quoted key": "old"  # keeps its quotes
iteration:    1
inputs:   # what it takes in
  # the design
  - type: reference
    path: a.md   # the first
    approved: true
  - {type: log, path: "b.md"}
outputs: [ # in brackets
  a, # behind a
  b ]
metadata:
  note: |   # as it stands
    # no comment
    words

  list:
  - 1
  -
  - three   # the third
  nothing:
  deep: {a: {b: 1, c: [1,2]}}
last: >-
  folded
  words
"""


def _with(path: str, value: Any, text: str = BY_HAND) -> str:
    """The text once the field at `path` (`inputs.0.path`) holds `value`; Ellipsis takes it away."""
    document = parse(text.encode(), "a.yaml")
    new = copy.deepcopy(document.value)
    *above, name = [int(part) if part.isdigit() else part for part in path.split(".")]
    holder: Any = new
    for part in above:
        holder = holder[part]
    if value is ...:
        del holder[name]
    elif isinstance(holder, list) and name == len(holder):
        holder.append(value)
    else:
        holder[name] = value
    changed = document.changed(new)
    assert same(parse(changed.encode(), "changed").value, new)
    return changed


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        pytest.param("status", "pending", "status: paused ", "status: pending ", id="a plain text"),
        pytest.param("id", "it's", "id: '010'", "id: 'it''s'", id="single quotes stay"),
        pytest.param("quoted key", 'a "b"', ': "old"', ': "a \\"b\\""', id="double quotes stay"),
        pytest.param("iteration", 2, "iteration:    1", "iteration:    2", id="a number"),
        pytest.param("name", "010", "name: Add a form", 'name: "010"', id="a text that needs quotes"),
        pytest.param("inputs.0.path", "c.md", "path: a.md ", "path: c.md ", id="a field of an item"),
        pytest.param("inputs.1.path", "c.md", '"b.md"', '"c.md"', id="a field in brackets"),
        pytest.param("inputs.0.approved", ..., "    approved: true\n", "", id="a field of an item goes"),
        pytest.param("inputs.1", ..., '  - {type: log, path: "b.md"}\n', "", id="an item goes"),
        pytest.param("outputs.1", "c", "  b ]", '  "c" ]', id="an item in brackets"),
        pytest.param("metadata.list.1", "two", "  -\n", "  - two\n", id="an empty item"),
        pytest.param("metadata.nothing", 1, "nothing:\n", "nothing: 1\n", id="an empty field"),
        pytest.param("metadata.deep.a.b", 2, "{b: 1,", "{b: 2,", id="a leaf deep in brackets"),
        pytest.param("metadata.deep.a.c", [1], "[1,2]", "[1]", id="a list in brackets that shrinks"),
        pytest.param(
            "inputs.2",
            {"type": "x"},
            '  - {type: log, path: "b.md"}\n',
            '  - {type: log, path: "b.md"}\n  - {"type": "x"}\n',
            id="an item comes",
        ),
        pytest.param(
            "metadata.list.3",
            "four",
            "  - three   # the third\n",
            "  - three   # the third\n  - four\n",
            id="an item comes to a list without indentation",
        ),
        pytest.param(
            "inputs.0.extra",
            [1],
            "    approved: true\n",
            "    approved: true\n    extra: [1]\n",
            id="a field comes to an item",
        ),
        pytest.param(
            "metadata.note",
            "new",
            "note: |   # as it stands\n    # no comment\n    words\n",
            "note: new # as it stands\n",
            id="a literal text",
        ),
        pytest.param(
            "metadata.list",
            [],
            "  list:\n  - 1\n  -\n  - three   # the third\n",
            "  list: []   # the third\n",
            id="a list becomes empty",
        ),
        pytest.param("last", "x", "last: >-\n  folded\n  words\n", "last: x\n", id="a folded text"),
        pytest.param(
            "new", True, "  folded\n  words\n", "  folded\n  words\nnew: true\n", id="a field comes"
        ),
        pytest.param(
            "outputs",
            ["a", "b", "c"],
            "outputs: [ # in brackets\n  a, # behind a\n  b ]\n",
            '# in brackets\n# behind a\noutputs: ["a", "b", "c"]\n',
            id="a list in brackets that grows is written on one line and keeps its comments",
        ),
        pytest.param(
            "inputs.0.type",
            ...,
            "  - type: reference\n    path: a.md   # the first\n    approved: true\n",
            '  # the first\n  - {"path": "a.md", "approved": true}\n',
            id="the first field of an item goes",
        ),
    ],
)
def test_a_change_by_hand_is_this(path: str, value: Any, old: str, new: str, ending: str) -> None:
    before, found, after = BY_HAND.rpartition(old)
    assert found
    changed = _with(path, value, BY_HAND.replace("\n", ending))
    assert changed == (before + new + after).replace("\n", ending)


@pytest.mark.parametrize("text", [BY_HAND, "\ufeff" + BY_HAND, emit({"a": 1}), "", "# nothing\n", "{a: 1}"])
def test_a_change_that_changes_nothing_returns_the_same_text(text: str) -> None:
    value = parse(text.encode(), "a.yaml").value
    assert edit(text, value, copy.deepcopy(value)) == text


def test_the_mark_at_the_head_of_a_file_stays() -> None:
    assert _with("status", "pending", "\ufeff" + BY_HAND) == "\ufeff" + _with("status", "pending")


def test_a_new_field_comes_behind_the_one_that_precedes_it_in_the_value() -> None:
    for text in ("a: 1\n# about c\nc: 3\n", "a:   1\n# about c\nc: 3\n"):
        document = parse(text.encode(), "a.yaml")
        changed = document.changed({"z": 0, "a": 1, "b": 2, "c": 3, "d": 4})
        first, rest = text.split("\n", 1)
        assert changed == f"z: 0\n{first}\nb: 2\n{rest}d: 4\n"


def test_the_last_line_may_lack_its_end() -> None:
    for text in ("a: 1\nb: x", "a:   1\nb: x"):
        assert _with("a", 2, text) == text.replace("1", "2")
        assert _with("c", 3, text) == text + "\nc: 3\n"


def test_true_in_the_place_of_one_is_a_change() -> None:
    assert _with("a", True, "a: 1\n") == "a: true\n"
    assert _with("a", True, "a:  1\n") == "a:  true\n"


def test_an_empty_document_takes_fields_and_keeps_its_comments() -> None:
    for text in ("# settings\n", "# settings", "# settings\n\n", "#\tsettings\n"):
        changed = parse(text.encode(), "a.yaml").changed({"jobs": 2})
        assert changed == text.removesuffix("\n") + "\njobs: 2\n"
    assert parse(b"", "a").changed({"jobs": 2}) == parse(b"{}\n", "a").changed({"jobs": 2}) == "jobs: 2\n"


def test_a_document_may_lose_all_its_fields() -> None:
    for text in ("a: 1\n", "a:  1\n", "{a: 1}\n"):
        assert parse(parse(text.encode(), "a").changed({}).encode(), "b").value == {}


def test_a_value_that_has_no_place_in_a_document_changes_nothing() -> None:
    for text in ("a: 1\n", "a:  1\n"):
        with pytest.raises(ValueError, match="nan is no number"):
            parse(text.encode(), "a").changed({"a": float("nan")})


# Documents as people write them: each field in a style of its own, with a
# comment above it and one behind it, that no other field has.


@st.composite
def _styled(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from("abcdefg"), unique=True, min_size=1))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    lines: list[str] = []
    for name in names:
        if draw(st.booleans()):
            lines += [f"# above {name}"]
        if draw(st.booleans()):
            lines += [""]
        lines += draw(st.sampled_from(_STYLES)).replace("NAME", name).split("\n")
    text = newline.join(lines)
    return text + draw(st.sampled_from([newline, "", newline * 2]))


_STYLES = [
    "NAME: words  # behind NAME",
    "NAME: 'it''s' # behind NAME",
    'NAME: "x # y"   # behind NAME',
    "NAME: 1",
    "NAME:",
    "NAME:   # behind NAME\n  # inside NAME\n  one: 1 # first of NAME\n  two:\n    - x # item\n    - y",
    "NAME:\n- 1\n# inside NAME\n- two: 2\n  three: 3 # behind NAME\n-\n- - a\n  - b",
    "NAME: {one: 1, two: [1, 2]}  # behind NAME",
    "NAME: [ # inside NAME\n  1, {one: 1}, # behind NAME\n  3 ]",
    "NAME: |  # behind NAME\n  literal\n\n  # no comment\n",
    "NAME: >+\n  folded\n  words\n\n",
    "NAME: several\n  words in\n  lines",
    "? NAME\n: explained # behind NAME",
    "NAME: 2025-01-15T10:00:00Z # behind NAME",
]


@st.composite
def _changed(draw: st.DrawFn, value: Any) -> Any:
    """`value` with one leaf, item or field changed, added or removed somewhere in it."""
    inner = VALUES | st.sampled_from(["plain", 2, [], {}])
    if isinstance(value, dict) and draw(st.booleans() if value else st.just(True)):
        new = dict(value)
        key = draw(st.sampled_from([*value, "new"]))
        if key in value and draw(st.booleans()):
            del new[key]
        else:
            new[key] = draw(_changed(value[key])) if key in value else draw(inner)
        return new
    if isinstance(value, list) and value and draw(st.booleans()):
        place = draw(st.integers(0, len(value) - 1))
        put = draw(
            st.sampled_from([[], [value[place], draw(inner)], [draw(inner)], [draw(_changed(value[place]))]])
        )
        return [*value[:place], *put, *value[place + 1 :]]
    return draw(inner)


@settings(max_examples=75, deadline=None)
@given(st.data())
def test_any_sequence_of_edits_holds_the_value_and_leaves_other_fields_alone(data: st.DataObject) -> None:
    text = data.draw(_styled())
    for _ in range(3):
        document = parse(text.encode(), "a.yaml")
        old = document.value
        key = data.draw(st.sampled_from([*old, "new"]))
        new = dict(old)
        if key in old and len(old) > 1 and data.draw(st.booleans()):
            del new[key]
        else:
            new[key] = data.draw(_changed(old[key])) if key in old else data.draw(VALUES)
        text_after = document.changed(new)
        assert same(parse(text_after.encode(), "changed").value, new)
        left = _lines_of_others(text_after, key)
        assert [line for line in _lines_of_others(text, key) if line not in left] == []
        text = text_after


def _lines_of_others(text: str, key: str) -> list[str]:
    """The lines that do not belong to the field called `key`, and all comments on lines of their own."""
    lines: list[str] = []
    owner = ""
    for line in text.splitlines():
        name = line.removeprefix("? ")[:1]
        if line and (line.startswith("? ") or line[1:2] == ":") and line[0] != ":":
            owner = name
        elif line.startswith("new:"):
            owner = "new"
        comment = line.strip().startswith("#") and "no comment" not in line
        if comment or (owner != key and line.strip()):
            lines.append(line.strip())
    return lines


@settings(max_examples=100)
@given(DOCUMENTS, KEYS, VALUES, st.booleans())
def test_an_edit_of_a_canonical_text_changes_one_line(
    value: dict[str, Any], key: str, held: Any, commented: bool
) -> None:
    text = "# what this is\n\n" * commented + (emit(value) if value else "")
    new = {**value, key: held}
    changed = edit(text, value, new)
    assert same(read(changed), new)
    before, after = text.splitlines(), changed.splitlines()
    assert len(after) == len(before) + (key not in value)
    assert sum(line not in before for line in after) <= 1
    removed = edit(changed, new, value)
    assert same(read(removed), value)
    if key not in value and value:
        assert removed == text


def test_comments_outlive_even_a_change_that_no_cut_can_make() -> None:
    # A literal text at the very end lacks its line break: whatever is put behind it gives it one.
    changed = _with("b", 1, "# above\na: |  # behind\n  words")
    assert changed == "# above\n# behind\na: words\nb: 1\n"


def test_a_comment_before_an_empty_list_outlives_the_list_that_it_stands_in() -> None:
    assert _with("a", 1, "a:\n- null\n# inside a\n- []  # behind a\nb: 2\n") == (
        "# inside a\na: 1  # behind a\nb: 2\n"
    )


@given(VALUES)
def test_a_value_behind_a_dash_is_the_same_value(value: Any) -> None:
    assert same(parse(f"a:\n - {written(value)}\n".encode(), "a").value, {"a": [value]})
