"""Options of the form K=V: K a dotted path and V YAML, or both a text."""

from __future__ import annotations

from typing import Any

from sow import dotted
from sow.errors import Refused, Usage


def read(option: str, pairs: tuple[str, ...]) -> dict[str, Any] | None:
    """The values that were given by an option, each at its path; None for none.

    Raises Usage for what is no K=V, Refused for a value that is no YAML and a path that leads nowhere.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise Usage(f"{option} {pair}: that is no K=V", f"such as {option} files=3")
        try:
            held = dotted.as_yaml(value)
        except Refused as fault:
            raise Refused(
                f"{option} {key}: {fault}", f"put quotes around a text, such as {option} 'title=\"a: b\"'"
            ) from None
        found = dotted.placed(found, key, held)
    return found or None


def texts(option: str, pairs: tuple[str, ...]) -> dict[str, str]:
    """The texts that were given by an option, each by its name. Raises Usage for what is no NAME=PATH."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise Usage(f"{option} {pair}: that is no NAME=PATH", f"such as {option} text=workspace/a.txt")
        if name in found:
            raise Usage(f"{option} {name} is given twice", "give each a name of its own")
        found[name] = value
    return found
