"""Which executors there are: ours by name, other people's by the entry point group `sow.executors`.

An executor is imported when it is asked for. Nothing else reads entry points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from sow_executors.base import Executor
from sow_executors.settings import nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "sow.executors"

EXECUTORS: dict[str, str] = {
    "acp": "sow_executors.acp:Acp",
    "claude": "sow_executors.claude:Claude",
    "codex": "sow_executors.codex:Codex",
    "command": "sow_executors.command:Program",
    "cursor": "sow_executors.cursor:Cursor",
    "gemini": "sow_executors.gemini:Gemini",
    "opencode": "sow_executors.opencode:Opencode",
    "script": "sow_executors.script:Script",
}
"""Type name in configuration, and the class that is it."""


class UnknownExecutor(LookupError):
    """No executor of that type is installed; the message names it, and the nearest that is."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"no executor of type {name}{nearest(name, known)}; installed: {', '.join(known)}")
        self.name = name


class BrokenExecutor(RuntimeError):
    """An installed executor of somebody else's can't be loaded; the message says which and why."""


def names() -> tuple[str, ...]:
    """The types that can be configured, ours and others', in order."""
    return tuple(sorted({*EXECUTORS, *installed_by_others()}))


def get(name: str, settings: Mapping[str, object] | None = None) -> Executor:
    """The executor of a type, for one set of the user's settings.

    They matter only to one whose reader or ids depend on them: its class says
    `takes_settings = True` and is called with them, every other without.
    Raises UnknownExecutor, BrokenExecutor, and what such a class raises (BadSettings).
    """
    made = _load(name)
    wants = settings is not None and getattr(made, "takes_settings", False)
    return made(settings) if wants else made()


def _load(name: str) -> Callable[..., Executor]:
    if name in EXECUTORS:
        module, _, attribute = EXECUTORS[name].partition(":")
        return cast(Callable[..., Executor], getattr(import_module(module), attribute))
    others = installed_by_others()
    if name not in others:
        raise UnknownExecutor(name, names())
    try:
        return cast(Callable[..., Executor], others[name].load())
    except Exception as error:
        raise BrokenExecutor(f"executor {name} ({others[name].value}) can't be loaded: {error}") from error


@cache
def installed_by_others() -> dict[str, EntryPoint]:
    """The entry points of other distributions, by name; read once in a process."""
    # Here and not above: it reads every installed distribution, and ours need none of it.
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP) if point.name not in EXECUTORS}
