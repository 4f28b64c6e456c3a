"""Dataclasses whose definition costs next to nothing; else they are the standard library's.

That one writes and compiles up to eight functions for each class, which takes a millisecond, and sow has some
hundreds of them: it was half of what `sow run` took to begin (see docs/adr/00XX). Here all classes share
their functions, which look the fields up.

To a type checker, to `match`, and to `dataclasses.fields`, `replace`, `asdict` and `inspect.signature`, they
are what the standard library would have made. What sow does not use is not there: `InitVar`, `kw_only`,
`order`.
"""

from __future__ import annotations

from reprlib import recursive_repr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from dataclasses import asdict as asdict
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import fields as fields
    from dataclasses import replace as replace
    from typing import Any, NoReturn

__all__ = ["asdict", "dataclass", "field", "fields", "replace"]

_put = object.__setattr__


class _Missing:
    """What stands where there is no default."""

    def __repr__(self) -> str:
        return "missing"


_MISSING = _Missing()


class _Field:
    """One field of a class."""

    __slots__ = ("annotation", "compare", "default", "default_factory", "init", "name", "repr")

    def __init__(
        self,
        *,
        default: object = _MISSING,
        default_factory: Callable[[], object] | _Missing = _MISSING,
        init: bool = True,
        repr: bool = True,
        compare: bool = True,
    ) -> None:
        self.name, self.annotation = "", ""
        self.default, self.default_factory = default, default_factory
        self.init, self.repr, self.compare = init, repr, compare

    def of_the_library(self) -> Any:
        """The same as the standard library's."""
        from dataclasses import MISSING, field

        default, factory = (
            MISSING if given is _MISSING else given for given in (self.default, self.default_factory)
        )
        make: Any = field
        return make(
            default=default, default_factory=factory, init=self.init, repr=self.repr, compare=self.compare
        )


class _Twin:
    """What the standard library holds of a class, made when somebody asks for it."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: Any) -> Any:
        from dataclasses import make_dataclass
        from inspect import signature

        made = make_dataclass(
            owner.__name__,
            [(one.name, one.annotation, one.of_the_library()) for one in owner._fields_.values()],
            frozen=owner._frozen_,
        )
        held = {
            "__dataclass_fields__": made.__dataclass_fields__,  # type: ignore[attr-defined]
            "__dataclass_params__": made.__dataclass_params__,  # type: ignore[attr-defined]
            "__signature__": signature(made),
        }
        for name, value in held.items():
            setattr(owner, name, value)
        return held[self._name]


_TWINS = {name: _Twin(name) for name in ("__dataclass_fields__", "__dataclass_params__", "__signature__")}


# -- what all instances share --------------------------------------------------------------------------


def _begin(self: Any, /, *values: object, **given: object) -> None:
    cls = type(self)
    names = cls._taken_
    if len(values) > len(names):
        raise TypeError(f"{cls.__name__} takes {len(names)} values, and was given {len(values)}")
    for name, value in zip(names, values, strict=False):
        if name in given:
            raise TypeError(f"{cls.__name__} was given {name} twice")
        _put(self, name, value)
    for name in names[len(values) :]:
        if name in given:
            _put(self, name, given.pop(name))
        else:
            _put_default(self, cls._fields_[name], cls)
    for one in cls._later_:
        if not (one.default is _MISSING and one.default_factory is _MISSING):
            _put_default(self, one, cls)
    if given:
        raise TypeError(f"{cls.__name__} has no field {', '.join(given)} to be given")
    if cls._after_:
        self.__post_init__()


def _put_default(self: object, one: _Field, cls: type) -> None:
    if one.default is not _MISSING:
        _put(self, one.name, one.default)
    elif not isinstance(one.default_factory, _Missing):
        _put(self, one.name, one.default_factory())
    else:
        raise TypeError(f"{cls.__name__} needs {one.name}")


def _compared(self: Any) -> tuple[object, ...]:
    return tuple(getattr(self, name) for name in self._equal_)


def _equals(self: object, other: object) -> bool:
    return _compared(self) == _compared(other) if type(self) is type(other) else NotImplemented


def _hashed(self: object) -> int:
    return hash(_compared(self))


@recursive_repr()
def _shown(self: Any) -> str:
    told = (f"{one.name}={getattr(self, one.name)!r}" for one in self._fields_.values() if one.repr)
    return f"{type(self).__qualname__}({', '.join(told)})"


def _refused(name: str, what: str) -> NoReturn:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot {what} field {name!r}")


def _set(self: Any, name: str, value: object) -> None:
    if name in self._fields_ or "_fields_" in type(self).__dict__:
        _refused(name, "assign to")
    _put(self, name, value)


def _delete(self: Any, name: str) -> None:
    if name in self._fields_ or "_fields_" in type(self).__dict__:
        _refused(name, "delete")
    object.__delattr__(self, name)


def _state(self: Any) -> list[object]:
    return [getattr(self, name) for name in self._fields_]


def _restore(self: Any, state: list[object]) -> None:
    for name, value in zip(self._fields_, state, strict=True):
        _put(self, name, value)


# -- the making of a class -----------------------------------------------------------------------------


def _dataclass(cls: Any = None, /, *, frozen: bool = False, slots: bool = False) -> Any:
    """Makes a dataclass of a class, as the standard library's decorator does."""
    if cls is None:
        return lambda given: _made(given, frozen, slots)
    return _made(cls, frozen, slots)


def _made(cls: Any, frozen: bool, slots: bool) -> Any:
    own = _own_fields(cls)
    every = _inherited(cls, frozen) | own
    held = {
        "_fields_": every,
        "_frozen_": frozen,
        "_taken_": tuple(one.name for one in every.values() if one.init),
        "_later_": tuple(one for one in every.values() if not one.init),
        "_equal_": tuple(one.name for one in every.values() if one.compare),
        "_after_": hasattr(cls, "__post_init__"),
        "__init__": _begin,
        **_TWINS,
    }
    there = cls.__dict__
    more = {"__match_args__": held["_taken_"], "__repr__": _shown, "__eq__": _equals, "__replace__": _replace}
    if there.get("__hash__") is None:
        held["__hash__"] = _hashed if frozen else None
    if frozen:
        held |= {"__setattr__": _set, "__delattr__": _delete}
    held |= {name: value for name, value in more.items() if name not in there}
    return _with_slots(cls, own, held, frozen) if slots else _with_all(cls, own, held)


def _own_fields(cls: Any) -> dict[str, _Field]:
    found = {}
    for name, annotation in cls.__annotations__.items():
        if str(annotation).startswith(("ClassVar", "typing.ClassVar")):
            continue
        given = cls.__dict__.get(name, _MISSING)
        one = given if isinstance(given, _Field) else _Field(default=given)
        if type(one.default).__hash__ is None:
            raise ValueError(f"mutable default {type(one.default)} for field {name}: use default_factory")
        one.name, one.annotation = name, annotation
        found[name] = one
    return found


def _inherited(cls: Any, frozen: bool) -> dict[str, _Field]:
    """The fields of the classes that this one comes from."""
    found: dict[str, _Field] = {}
    for base in cls.__mro__[-1:0:-1]:
        if "_fields_" in base.__dict__:
            if base._frozen_ is not frozen:
                raise TypeError("of a frozen class and its base both are frozen, or none")
            found |= base._fields_
        elif "__dataclass_fields__" in base.__dict__:
            raise TypeError(f"{base} is a dataclass of another make")
    return found


def _with_all(cls: Any, own: Mapping[str, _Field], held: Mapping[str, object]) -> Any:
    """The class itself, with what it holds now."""
    for name, value in held.items():
        setattr(cls, name, value)
    for name, one in own.items():
        if one.default is not _MISSING:
            setattr(cls, name, one.default)
        elif name in cls.__dict__:
            delattr(cls, name)
    return cls


def _with_slots(cls: Any, own: Mapping[str, _Field], held: Mapping[str, object], frozen: bool) -> Any:
    """The class once more, for slots can't be given to one that is made."""
    left_out = (*own, "__dict__", "__weakref__")
    namespace = {name: value for name, value in cls.__dict__.items() if name not in left_out}
    above = {name for base in cls.__mro__[1:] for name in _slots_of(base)}
    namespace["__slots__"] = tuple(name for name in own if name not in above)
    if frozen:
        # A copy sets no attribute of what is frozen.
        namespace |= {"__getstate__": _state, "__setstate__": _restore}
    made = type(cls)(cls.__name__, cls.__bases__, {**namespace, **held})
    made.__qualname__ = cls.__qualname__
    return made


def _slots_of(base: type) -> tuple[str, ...]:
    slots = base.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


# -- what is done with instances -----------------------------------------------------------------------


def _replace(value: Any, /, **changes: object) -> Any:
    """A copy of a value with some fields changed; raises TypeError for a field that can't be given."""
    for one in value._fields_.values():
        if one.init:
            changes.setdefault(one.name, getattr(value, one.name))
        elif one.name in changes:
            raise TypeError(f"{type(value).__name__} makes {one.name} itself")
    return type(value)(**changes)


def _fields_of(value: Any) -> tuple[_Field, ...]:
    """The fields of a class or of a value: each has a `name`."""
    return tuple(value._fields_.values())


def _as_dict(value: Any) -> dict[str, Any]:
    """A value, and all values in it, as dictionaries; what else is in it is not copied."""
    return {name: _plain(getattr(value, name)) for name in value._fields_}


def _plain(value: Any) -> Any:
    if hasattr(type(value), "_fields_"):
        return _as_dict(value)
    if isinstance(value, dict):
        return {key: _plain(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(held) for held in value)
    return value


if not TYPE_CHECKING:
    dataclass, field, fields, replace, asdict = _dataclass, _Field, _fields_of, _replace, _as_dict
