"""What was seen of one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sow.errors import SowError

Level = Literal["ok", "note", "warning", "error"]
"""`note`: good to know. `warning`: sow goes on, or mends it by itself. `error`: it must be mended."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How one thing is, and what to do about it."""

    level: Level
    text: str
    mend: str = ""
    """The command, or the step, that mends it."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The same for programs."""


def ok(text: str, **facts: Any) -> Finding:
    """It is as it should be."""
    return Finding("ok", text, facts=facts)


def note(text: str, mend: str = "", **facts: Any) -> Finding:
    """Good to know, and nothing to be mended."""
    return Finding("note", text, mend, facts)


def warning(text: str, mend: str, **facts: Any) -> Finding:
    """sow goes on with it, less well, or mends it by itself sooner or later."""
    return Finding("warning", text, mend, facts)


def error(text: str, mend: str, **facts: Any) -> Finding:
    """It must be mended: something does not work, or something may be lost."""
    return Finding("error", text, mend, facts)


def told(fault: SowError) -> Finding:
    """The error that somebody else raised about it."""
    return Finding("error", str(fault), fault.hint)
