"""Merging two versions of a record by the one that both came from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sow.formats.merging import merge

GROUPS = (("a", "b"),)
RECORDS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2) | st.none(), max_size=4)


@pytest.mark.parametrize(
    ("base", "file", "project", "after"),
    [
        pytest.param({"c": 1}, {"c": 2}, {"c": 1}, ({"c": 2}, {"c": 2}, ()), id="the file has changed it"),
        pytest.param({"c": 1}, {"c": 1}, {"c": 2}, ({"c": 2}, {"c": 2}, ()), id="the project has"),
        pytest.param({"c": 1}, {"c": 2}, {"c": 2}, ({"c": 2}, {"c": 2}, ()), id="both, alike"),
        pytest.param({"c": 1}, {"c": 2}, {"c": 3}, ({"c": 2}, {"c": 3}, ("c",)), id="both, otherwise"),
        pytest.param({"c": 1}, {}, {"c": 1}, ({}, {}, ()), id="the file has taken it out"),
        pytest.param({"c": 1}, {}, {"c": 2}, ({}, {"c": 2}, ("c",)), id="taken out, and changed"),
        pytest.param({}, {"c": 1}, {"d": 1}, ({"c": 1, "d": 1}, {"c": 1, "d": 1}, ()), id="each has another"),
        pytest.param(
            {"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 1, "b": 2},
            ({"a": 2, "b": 1}, {"a": 1, "b": 2}, ("a", "b")),
            id="two keys that go together",
        ),
        pytest.param({"c": None}, {}, {"c": None}, ({}, {}, ()), id="null is not nothing"),
    ],
)  # fmt: skip
def test_merge(base: Any, file: Any, project: Any, after: Any) -> None:
    done = merge(base, file, project, groups=GROUPS)
    assert (done.file, done.project, done.conflicts) == after


def test_a_time_goes_with_the_change_that_it_tells_of_and_is_never_in_conflict() -> None:
    base = {"c": 1, "d": 1, "at": 1}
    done = merge(base, {**base, "c": 2, "at": 2}, {**base, "at": 3}, soft=frozenset(["at"]))
    assert (done.project["at"], done.file["at"], done.conflicts) == (2, 2, ())
    done = merge(base, {**base, "at": 2}, {**base, "d": 2, "at": 3}, soft=frozenset(["at"]))
    assert (done.project["at"], done.file["at"], done.conflicts) == (3, 3, ())


@given(RECORDS, RECORDS, RECORDS, st.sampled_from(["file", "project", None]))
@settings(max_examples=80, deadline=None)
def test_nothing_is_lost_and_what_is_done_is_not_done_again(
    base: Any, file: Any, project: Any, prefer: Any
) -> None:
    done = merge(base, file, project, groups=GROUPS, prefer=prefer)
    if prefer or not done.conflicts:
        assert done.file == done.project == done.base
    for key in done.conflicts:
        assert (done.file.get(key), done.project.get(key)) == (file.get(key), project.get(key))
    again = merge(done.base, done.file, done.project, groups=GROUPS)
    assert (again.taken, again.given) == ((), ())
    assert again.conflicts == done.conflicts


@given(RECORDS, RECORDS, RECORDS)
@settings(max_examples=80, deadline=None)
def test_killed_halfway_the_next_merge_comes_to_the_same(base: Any, file: Any, project: Any) -> None:
    done = merge(base, file, project, groups=GROUPS)
    next_ = merge(done.halfway, file, done.project, groups=GROUPS)
    assert (next_.file, next_.project, next_.conflicts) == (done.file, done.project, done.conflicts)
    assert next_.taken == ()
