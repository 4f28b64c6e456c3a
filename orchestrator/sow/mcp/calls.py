"""The call that is being answered: how it tells of its progress, and how it is ended from outside."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from sow.api.stop import Stop


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool that may last."""

    stop: Stop = field(default_factory=Stop)
    """Is asked to leave once the client does not want the result any more, or is gone."""
    tell: Callable[[str], None] = lambda text: None
    """Says how far it is, in a sentence; from any thread."""


_current: ContextVar[Call] = ContextVar("call")


def current() -> Call:
    """The call in whose thread this is."""
    return _current.get(Call())


def begin(call: Call) -> None:
    """From here on, in this context, the call is the current one."""
    _current.set(call)
