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

    def __init_subclass__(cls) -> None:
        own = cls.__annotations__
        cls._fields = cls._fields + tuple(n for n in own if n not in cls._fields and n[0] != "_")

    if not TYPE_CHECKING:

        def __init__(self, **given):
            mine = self.__dict__
            for name in self._fields:
                if name in given:
                    mine[name] = given.pop(name)
                elif not hasattr(type(self), name):
                    raise TypeError(f"{type(self).__name__} needs {name}")
            if given:
                raise TypeError(f"{type(self).__name__} has no field {', '.join(given)}")

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
        return all(getattr(self, n) == getattr(other, n) for n in self._fields)

    def __hash__(self) -> int:
        return hash((type(self), repr(self)))

    def __repr__(self) -> str:
        shown = (f"{n}={getattr(self, n)!r}" for n in self._fields)
        return f"{type(self).__name__}({', '.join(shown)})"
