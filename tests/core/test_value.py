"""A frozen value takes its fields, each once, and is equal to one that has the same."""

import pytest

from sow.value import Value


class Point(Value):
    x: int
    y: int = 0
    _note: str = ""


class Named(Point):
    name: str


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        pytest.param(Point(x=1), Point(x=1, y=0), True, id="a default that is given is the default"),
        pytest.param(Point(x=1, y=2), Point(y=2, x=1), True, id="the order of the fields is none"),
        pytest.param(Point(x=1), Point(x=2), False, id="another field"),
        pytest.param(Point(x=1), Point(x=1, y=1), False, id="another than the default"),
        pytest.param(Point(x=1), Named(x=1, name="a"), False, id="another class"),
    ],
)
def test_equal_values(one: Point, other: Point, are_equal: bool) -> None:
    assert (one == other) is are_equal
    if are_equal:
        assert hash(one) == hash(other)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({}, "Named needs x", id="the first that is missing is named"),
        pytest.param({"x": 1}, "Named needs name", id="one of the class below"),
        pytest.param({"x": 1, "name": "a", "z": 1}, "Named has no field z", id="unknown"),
        pytest.param(
            {"x": 1, "name": "a", "_note": ""}, "Named has no field _note", id="no field of its own"
        ),
    ],
)
def test_fields_that_do_not_fit_are_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        Named(**fields)  # type: ignore[arg-type]


def test_a_copy_has_the_changes_and_the_first_stays() -> None:
    first = Named(x=1, name="a")
    assert first.replace(y=3) == Named(x=1, y=3, name="a")
    assert (first.y, repr(first)) == (0, "Named(x=1, y=0, name='a')")
    with pytest.raises(AttributeError, match="frozen"):
        first.x = 2  # type: ignore[misc]
