"""The dataclasses that cost nothing to define, held against those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sow_executors import values

MAKES = (values, dataclasses)


def made(make: Any) -> SimpleNamespace:
    """The same classes, by one make and by the other."""
    dataclass, field = make.dataclass, make.field

    class Above:
        __slots__ = ()

        def doubled(self: Any) -> Any:
            return self.a * 2

    @dataclass(frozen=True, slots=True)
    class Plain(Above):
        """Most are like this one."""

        known: ClassVar[int] = 7
        a: int
        b: str = "b"
        c: list[int] = field(default_factory=list)
        d: object = field(default=None, repr=False, compare=False)

        @property
        def size(self) -> int:
            return self.a

    @dataclass(frozen=True, slots=True)
    class Below(Plain):
        """One that comes from another."""

        b: str = "below"
        e: tuple[int, ...] = ()

    @dataclass(slots=True)
    class Open:
        """One that changes."""

        a: int
        seen: list[int] = field(init=False)

        def __post_init__(self) -> None:
            self.seen = [self.a]

    @dataclass(frozen=True)
    class Wide:
        """One that has a place for all, and words of its own."""

        a: int = 1

        def __repr__(self) -> str:
            return "wide"

        def __eq__(self, other: object) -> bool:
            return False

        def __hash__(self) -> int:
            return 5

    return SimpleNamespace(Plain=Plain, Below=Below, Open=Open, Wide=Wide, make=make)


LIGHT, STANDARD = map(made, MAKES)


def undone(act: Callable[[], object]) -> str:
    """The kind of error that comes of it."""
    with pytest.raises(Exception) as caught:
        act()
    return type(caught.value).__name__


def told(value: Any) -> str:
    return repr(value).replace("made.<locals>.", "")


def below_by_the_library(of: Any) -> Any:
    return dataclasses.make_dataclass(
        "X", [("z", int, dataclasses.field(default=0))], bases=(of.Plain,), frozen=True
    )


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda of: told(of.Plain(1, c=[2], d=3)), id="it is shown"),
        pytest.param(lambda of: told(of.Below(1, e=(2,))), id="one below is shown"),
        pytest.param(lambda of: of.Below.__match_args__, id="match takes it apart"),
        pytest.param(lambda of: of.Plain(1, c=(), d=2) == of.Plain(1, c=(), d=3), id="equal"),
        pytest.param(lambda of: of.Plain(1) == of.Below(1, "b"), id="one below is another"),
        pytest.param(lambda of: hash(of.Plain(1, c=(), d=[])) == hash(of.Plain(1, c=(), d={})), id="hashed"),
        pytest.param(lambda of: undone(lambda: hash(of.Open(1))), id="what changes has no hash"),
        pytest.param(lambda of: of.Plain(1).c is of.Plain(1).c, id="each has a default of its own"),
        pytest.param(lambda of: (of.Plain.known, of.Plain(3).doubled(), of.Plain(3).size), id="its methods"),
        pytest.param(lambda of: undone(lambda: of.Plain()), id="one that is needed"),
        pytest.param(lambda of: undone(lambda: of.Plain(1, "b", [], 4, 5)), id="one too many"),
        pytest.param(lambda of: undone(lambda: of.Plain(1, a=2)), id="one twice"),
        pytest.param(lambda of: undone(lambda: of.Plain(1, z=2)), id="one that there is not"),
        pytest.param(lambda of: undone(lambda: setattr(of.Plain(1), "a", 2)), id="set where it is frozen"),
        pytest.param(lambda of: undone(lambda: delattr(of.Below(1), "e")), id="deleted"),
        pytest.param(lambda of: undone(lambda: setattr(of.Open(1), "z", 2)), id="there is no place for more"),
        pytest.param(lambda of: (of.Open(4).seen, told(of.Open(4))), id="what it makes of that"),
        pytest.param(lambda of: (repr(of.Wide()), of.Wide() == of.Wide(), hash(of.Wide())), id="own words"),
        pytest.param(lambda of: undone(lambda: setattr(of.Wide(), "b", 2)), id="frozen without slots"),
        pytest.param(lambda of: told(of.make.replace(of.Plain(1, d=5), b="x")), id="replaced"),
        pytest.param(lambda of: undone(lambda: of.make.replace(of.Plain(1), z=1)), id="an unknown replaced"),
        pytest.param(lambda of: of.make.asdict(of.Plain(1, c=[of.Wide()], d={1: of.Wide()})), id="as a dict"),
        pytest.param(lambda of: [each.name for each in of.make.fields(of.Below)], id="its fields"),
        pytest.param(lambda of: dataclasses.asdict(of.Below(1)), id="as a dict by the library"),
        pytest.param(lambda of: told(dataclasses.replace(of.Plain(1), b="x")), id="replaced by the library"),
        pytest.param(lambda of: dataclasses.is_dataclass(of.Plain(1)), id="a dataclass to the library"),
        pytest.param(
            lambda of: [(f.name, f.type, f.init, f.repr, f.compare) for f in dataclasses.fields(of.Plain)],
            id="its fields by the library",
        ),
        pytest.param(lambda of: str(inspect.signature(of.Below)).replace(" -> None", ""), id="signature"),
        pytest.param(lambda of: told(copy.deepcopy(of.Plain(1, c=[2]))), id="a copy"),
        pytest.param(lambda of: told(below_by_the_library(of)(1, z=9)), id="one below by the library"),
    ],
)  # fmt: skip
def test_it_does_what_the_standard_library_does(act: Callable[[Any], object]) -> None:
    of_default = "<factory>"
    light, standard = (str(act(of)).replace(of_default, "") for of in (LIGHT, STANDARD))
    assert light == standard


@values.dataclass(frozen=True, slots=True)
class Kept:
    """One that can be found by its name."""

    a: int
    b: tuple[object, ...] = ()


@settings(max_examples=25, deadline=None)
@given(st.builds(Kept, st.integers(), st.lists(st.text() | st.integers()).map(tuple)))
def test_what_was_kept_comes_back_the_same(value: Kept) -> None:
    assert pickle.loads(pickle.dumps(value)) == copy.copy(value) == values.replace(value) == value


@pytest.mark.parametrize(
    ("bases", "held", "frozen"),
    [
        pytest.param((), {"a": []}, True, id="a default that all would share"),
        pytest.param((LIGHT.Plain,), {"a": 1}, False, id="an open one below a frozen one"),
        pytest.param((STANDARD.Plain,), {"a": 1}, True, id="one below one of another make"),
    ],
)
def test_what_would_go_wrong_is_refused_when_the_class_is_made(
    bases: tuple[type, ...], held: dict[str, object], frozen: bool
) -> None:
    cls = type("X", bases, {"__annotations__": dict.fromkeys(held, "object"), **held})
    make: Any = values.dataclass
    with pytest.raises((TypeError, ValueError)):
        make(frozen=frozen)(cls)
