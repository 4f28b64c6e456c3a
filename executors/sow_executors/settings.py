"""Reads a user's settings for an executor; whatever it can't work with is told by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sow_executors.base import BadSettings

Settings = Mapping[str, object]


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, as the words ` (did you mean X?)`; empty if none is near."""
    from difflib import get_close_matches

    found = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean {found[0]}?)" if found else ""


def only(executor: str, settings: Settings, known: Iterable[str]) -> None:
    """Raises BadSettings for a key that the executor does not know."""
    known = sorted(known)
    for name in settings:
        if name not in known:
            guess = nearest(str(name), known) or f"; it knows {', '.join(known)}"
            raise BadSettings(f"{executor} has no setting {name}{guess}", name)


def flag(settings: Settings, name: str) -> bool:
    """A switch, off where it is not set."""
    value = settings.get(name, False)
    if not isinstance(value, bool):
        raise BadSettings(f"{name} is true or false, not {value!r}", name)
    return value


def word(settings: Settings, name: str) -> str:
    """A text, empty where it is not set."""
    value = settings.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise BadSettings(f"{name} is a text, not {value!r}", name)
    if value.startswith("-"):
        raise BadSettings(f"{name} can't begin with a dash: {value!r}", name)
    return value


def number(settings: Settings, name: str, *, whole: bool) -> int | float | None:
    """A number above 0, None where it is not set."""
    value = settings.get(name)
    if value is None:
        return None
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 < value < float("inf"):
        raise BadSettings(f"{name} is a {'whole ' if whole else ''}number above 0, not {value!r}", name)
    return value


def choice(settings: Settings, name: str, choices: tuple[str, ...]) -> str:
    """One of some words, the first where it is not set."""
    value = settings.get(name, choices[0])
    if value not in choices:
        raise BadSettings(f"{name} is {' or '.join(choices)}, not {value!r}", name)
    return str(value)


def strings(settings: Settings, name: str) -> tuple[str, ...]:
    """A list of texts, empty where it is not set."""
    value = settings.get(name)
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) and "\0" not in v for v in value):
        raise BadSettings(f"{name} is a list of texts, not {value!r}", name)
    return tuple(value)


def spare(executor: str, custom_args: tuple[str, ...], owned: frozenset[str]) -> tuple[str, ...]:
    """The user's own arguments, once none of them is one that sow sets or relies on."""
    for given in custom_args:
        if given.split("=", 1)[0] in owned:
            told = f"can't hold {given}: sow sets it or relies on its absence"
            raise BadSettings(f"custom_args of {executor} {told}", "custom_args")
    return custom_args
