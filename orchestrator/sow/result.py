"""What operations give: frozen values, each of which can be told as one JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any


class Result:
    """The base of frozen dataclasses whose `as_json` is what the command line prints with `--json`."""

    __slots__ = ()

    def as_json(self) -> Any:
        """The same as a document of plain values, which `json.dumps` takes."""
        return {each.name: plain(getattr(self, each.name)) for each in fields(self)}  # type: ignore[arg-type]


def plain(value: object) -> Any:
    """A value, and all in it, as JSON has it."""
    match value:
        case Result():
            return value.as_json()
        case Mapping():
            return {key: plain(held) for key, held in value.items()}
        case tuple() | list():
            return [plain(held) for held in value]
    return value
