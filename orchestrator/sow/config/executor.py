"""An executor as it is configured: a name of the user's, the type behind it, its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sow.errors import NotFound, Refused
from sow_executors import base, catalog

DEFAULT_EXECUTOR = "claude-code"


@dataclass(frozen=True, slots=True)
class ExecutorChoice:
    """An executor that was chosen, and who chose it."""

    name: str
    type: str
    settings: Mapping[str, object] = field(default_factory=dict)
    custom_args: tuple[str, ...] = ()
    source: str = "default"
    """Where it was chosen: the variable, the file with the line, or `default`."""


def executor_of(choice: ExecutorChoice) -> base.Executor:
    """The executor that a choice names, with its settings. Raises Refused where they don't fit."""
    try:
        return catalog.get(choice.type, choice.settings)
    except base.BadSettings as fault:
        raise bad_settings(choice.name, fault) from fault
    except (catalog.UnknownExecutor, catalog.BrokenExecutor) as fault:
        raise NotFound(str(fault), "see the executors there are: `sow config show`") from fault


def bad_settings(name: str, fault: base.BadSettings) -> Refused:
    """The refusal of an executor's settings."""
    return Refused(f"executor {name}: {fault}", "mend it in the file that `sow config path` names")
