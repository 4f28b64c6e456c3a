"""Frozen values for the modules that every quick command imports.

To a type checker a `Value` is a frozen dataclass. At run time it costs no
import: `dataclasses` alone nearly doubles the start of the interpreter (see
docs/adr/0002), so it is left to the modules that only the orchestrator loads.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self, dataclass_transform
else:

    def dataclass_transform(**_):
        return lambda cls: cls


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Value:
    """A frozen value: fields are the annotations, defaults the class attributes.

    Fields are given by keyword. Two values are equal when they are of one
    class and all fields are equal. A default is shared, so it is immutable.
    """

    _fields: "tuple[str, ...]" = ()
    _known: "frozenset[str]" = frozenset()
    _needed: "frozenset[str]" = frozenset()

    def __init_subclass__(cls) -> None:
        own = cls.__annotations__
        cls._fields = cls._fields + tuple(n for n in own if n not in cls._fields and n[0] != "_")
        cls._known = frozenset(cls._fields)
        cls._needed = frozenset(n for n in cls._fields if not hasattr(cls, n))

    if not TYPE_CHECKING:

        def __init__(self, **given):
            names = given.keys()
            if not self._needed <= names <= self._known:
                raise self._refusal(given)
            self.__dict__.update(given)

        def _refusal(self, given):
            missing = [name for name in self._fields if name in self._needed and name not in given]
            if missing:
                return TypeError(f"{type(self).__name__} needs {missing[0]}")
            unknown = [name for name in given if name not in self._known]
            return TypeError(f"{type(self).__name__} has no field {', '.join(unknown)}")

        def __setattr__(self, name, value):
            raise AttributeError(f"{type(self).__name__} is frozen: {name} can't be set")

        def __delattr__(self, name):
            raise AttributeError(f"{type(self).__name__} is frozen: {name} can't be deleted")

    def replace(self, **changes: "Any") -> "Self":
        """A copy with some fields changed; raises TypeError for a field that is not there."""
        return type(self)(**{**self.__dict__, **changes})

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        mine, others = self.__dict__, other.__dict__
        # What is not given has the default of the class.
        return mine == others or (
            mine.keys() != others.keys() and all(getattr(self, n) == getattr(other, n) for n in self._fields)
        )

    def __hash__(self) -> int:
        return hash((type(self), repr(self)))

    def __repr__(self) -> str:
        shown = (f"{n}={getattr(self, n)!r}" for n in self._fields)
        return f"{type(self).__name__}({', '.join(shown)})"
