"""Check lists in Markdown: which lines are items, which item is which, and what is written into a file."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.parts import AT

from sow.errors import Refused
from sow.formats import Held, Reading, Routes, planning
from sow.formats.checklist import FORMAT, items
from sow.formats.planning import Options, Scene

ROUTES = Routes(roles=("implementer", "planner"))
TEXT = """\
# Plan
Words - [ ] and no item.

## Login
- [ ] Write the form
* [x] Choose a colour
  1. [X] and a nested one

```
- [ ] in a block of code
```
## Later ##
- [ ] Write the form\r
"""


def read(text: str, base: Any = None) -> Reading:
    return FORMAT.read("TODO.md", text, base or {})


def ids(text: str, base: Any = None) -> dict[str, str]:
    return {str(record.raw["text"]): record.id for record in read(text, base).records}


def raws(text: str, base: Any = None) -> dict[str, Any]:
    return {record.id: record.raw for record in read(text, base).records}


def test_an_item_is_a_line_with_a_box_and_belongs_to_the_heading_above_it() -> None:
    assert [(item.line, item.text, item.done, item.module) for item in items(TEXT)] == [
        (5, "Write the form", False, "Login"),
        (6, "Choose a colour", True, "Login"),
        (7, "and a nested one", True, "Login"),
        (13, "Write the form", False, "Later"),
    ]


BELOW = """\
- [ ] A sentence that was
  broken, and\r
    - a list

  ```sh
  - [ ] in its code
  ```
  - [ ] Nested
    with more
  of nobody
- [ ] Alone
Words of the plan.

   farther in, and of nobody
> - [ ] Quoted
>   with more
  outside
1. [ ] Last
\tby a tab
"""


def test_what_stands_below_an_item_and_farther_in_is_told_of_it() -> None:
    assert [(item.text, item.details) for item in items(BELOW)] == [
        ("A sentence that was", "broken, and\n  - a list\n\n```sh\n- [ ] in its code\n```"),
        ("Nested", "with more"),
        ("Alone", ""),
        ("Quoted", "with more"),
        ("Last", "by a tab"),
    ]
    held = raws(BELOW)
    assert FORMAT.written(BELOW, held) == BELOW
    ticked = {name: {**raw, "done": True} for name, raw in held.items()}
    assert [item.details for item in items(FORMAT.written(BELOW, ticked))] == [
        item.details for item in items(BELOW)
    ]


QUOTED = """\
# Plan
- [ ] Outside
> ## From the issue
> - [ ] In a quote
>   1. [x] nested in it
> > - [ ] In a quote of a quote
>
>> * [X] close to its marks\r
> ```
> - [ ] in a block of code
> > - [ ] and there
- [ ] After the quote, and with it the block
   > - [ ] In the quote of an item
```
> - [ ] a quote in a block of code
> ```
- [ ] still in it
```
"""


def test_an_item_in_a_quote_is_one_below_the_headings_of_that_quote() -> None:
    assert [(item.line, item.text, item.done, item.module) for item in items(QUOTED)] == [
        (2, "Outside", False, "Plan"),
        (4, "In a quote", False, "From the issue"),
        (5, "nested in it", True, "From the issue"),
        (6, "In a quote of a quote", False, "From the issue"),
        (8, "close to its marks", True, "From the issue"),
        (12, "After the quote, and with it the block", False, "Plan"),
        (13, "In the quote of an item", False, "Plan"),
    ]


def test_a_box_in_a_quote_is_ticked_by_one_character() -> None:
    nested = next(raw for raw in raws(QUOTED).values() if raw["text"] == "In a quote of a quote")
    after = FORMAT.written(QUOTED, {"n": {**nested, "done": True}})
    assert after == QUOTED.replace("> > - [ ] In", "> > - [x] In", 1)


def test_the_same_words_under_two_headings_are_two_items() -> None:
    found = [record.id for record in read(TEXT).records]
    assert len(set(found)) == 4
    assert [record.id for record in read(TEXT, raws(TEXT)).records] == found


@pytest.mark.parametrize(
    ("after", "same"),
    [
        pytest.param("# A\n\n\n- [ ] First thing\n- [ ] Second thing\n", 2, id="further down"),
        pytest.param("# A\n- [ ] Second thing\n- [ ] First thing\n", 2, id="in another order"),
        pytest.param("# B\n- [ ] First thing\n# A\n- [ ] Second thing\n", 2, id="under another heading"),
        pytest.param("# A\n- [x] First thing\n- [ ] Second thing, too\n", 2, id="ticked, and mended"),
        pytest.param("# A\n- [ ] Nothing of it\n- [ ] Second thing\n", 1, id="another one"),
        pytest.param("# A\n- [ ] New\n- [ ] First thing\n- [ ] Second thing\n", 2, id="one more before"),
    ],
)
def test_an_item_is_known_again(after: str, same: int) -> None:
    before = raws("# A\n- [ ] First thing\n- [ ] Second thing\n")
    assert len(before.keys() & raws(after, before).keys()) == same


def test_a_short_item_to_which_words_are_added_is_known_again() -> None:
    before = "# A\n- [ ] One\n- [ ] Two\n"
    now = ids("# A\n- [ ] Two\n- [ ] One that is larger\n- [ ] Twofold\n", raws(before))
    assert (now["One that is larger"], now["Two"]) == (ids(before)["One"], ids(before)["Two"])


def test_the_first_item_of_two_with_the_same_words_keeps_its_id_when_the_other_goes() -> None:
    before = raws("- [ ] Twice\n- [ ] Twice\n")
    assert list(raws("- [ ] Twice\n", before)) == list(before)[:1]


def test_a_file_without_a_box_is_refused() -> None:
    with pytest.raises(Refused, match=r"TODO\.md has no item with a box"):
        read("# Plan\n- no box\n")


def test_ticking_a_box_changes_one_character() -> None:
    [first, *_] = read(TEXT).records
    after = FORMAT.written(TEXT, {first.id: {**first.raw, "done": True}})
    assert after == TEXT.replace("- [ ] Write", "- [x] Write", 1)
    assert FORMAT.written(TEXT, raws(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", "- [ ] New\n"),
        ("# A\n", "# A\n\n- [ ] New\n"),
        ("- [x] Old\n\n", "- [x] Old\n- [ ] New\n\n"),
        ("- [x] Old", "- [x] Old\n- [ ] New"),
        ("> - [x] Old\n", "> - [x] Old\n\n- [ ] New\n"),
        ("- [x] Old\r\n", "- [x] Old\r\n- [ ] New\r\n"),
    ],
)
def test_a_new_item_stands_behind_the_last(text: str, after: str) -> None:
    assert FORMAT.written(text, {"n": {"text": "New", "done": False}}) == after


LINES = st.lists(
    st.sampled_from(
        [
            "# One",
            "## Two",
            "words",
            "",
            "- [ ] do a",
            "* [x] do a",
            "  3) [X] do b",
            "- [ ] do c  ",
            "> - [ ] do a",
            "> > * [X] do d",
            "> # Three",
            "> ```",
            "```",
            "- [] no",
        ]
    ),
    max_size=12,
)


@given(LINES, st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=80, deadline=None)
def test_what_comes_in_goes_out_as_it_came(lines: list[str], end: str) -> None:
    text = end.join(lines)
    if not any(items(text)):
        return
    scene = Scene(held=(), base=None, routes=ROUTES, at=AT, phase="implementation")
    done = planning.plan(FORMAT, read(text), scene, Options())
    assert len(done.adds) == len(list(items(text)))
    out = {record.id: FORMAT.given(Held(task, words), ROUTES) for record, task, words in done.adds}
    assert out == {record.id: record.raw for record, _, _ in done.adds}
    assert FORMAT.written(text, out) == text
