"""The user's own settings, `~/.config/sow/config.yaml`: which executor plays which role."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sow import caps, roles
from sow.config import reading
from sow.config.executor import DEFAULT_EXECUTOR, ExecutorChoice
from sow.config.reading import Source
from sow.document import Document
from sow.errors import NotFound, Refused
from sow.nearest import did_you_mean
from sow.task import Task
from sow_executors import catalog

if TYPE_CHECKING:
    from sow_schemas import documents

SCHEMA = "user_config"


def user_path(environment: Mapping[str, str]) -> str:
    """Where the user's settings lie: `$XDG_CONFIG_HOME` or `~/.config`, then `sow/config.yaml`."""
    base = environment.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # the XDG specification has us ignore such a one
        base = os.path.join(environment.get("HOME") or os.path.expanduser("~"), ".config")
    return os.path.join(base, "sow", "config.yaml")


@dataclass(frozen=True, slots=True)
class UserConfig:
    """The user's settings, checked against their schema."""

    path: str
    executors: Mapping[str, documents.ExecutorConfig] = field(default_factory=dict)
    bindings: Mapping[str, str] = field(default_factory=dict)
    hold_at: float | None = None
    """From how many percent of a limit on no task is started; None: only one that is used up holds them."""
    held: Document | None = None
    """The file as it was read, which knows the lines; None where the settings are of no file."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> UserConfig:
        """The settings of the user with these variables; the defaults where there is no file.

        Raises Refused for a bad file.
        """
        held = reading.read(user_path(environment), SCHEMA)
        agents = held.value.get("agents", {})
        hold_at = held.value.get("limits", {}).get("hold_at")
        return cls(held.where, agents.get("executors", {}), agents.get("bindings", {}), hold_at, held)

    def for_role(self, role: str, environment: Mapping[str, str]) -> ExecutorChoice:
        """The executor that plays `role`. Raises NotFound for a name that is configured nowhere."""
        name, source = self.bound(role, environment)
        return self.named(name, str(source))

    def for_task(self, task: Task, environment: Mapping[str, str]) -> ExecutorChoice:
        """The executor of a task's next turn: the one that has its session, else that of its role."""
        if task.executor and task.session_id and not task.fresh:
            return self.named(task.executor, f"task {task.id}")
        return self.for_role(task.assigned_agent, environment)

    def bound(self, role: str, environment: Mapping[str, str]) -> tuple[str, Source]:
        """The name of the executor that plays `role`, whether there is one or not, and who says so."""
        variable = roles.variable(role)
        if name := environment.get(variable):
            return name, Source(variable=variable)
        if name := self.bindings.get(role):
            return name, self.source("agents", "bindings", role)
        return DEFAULT_EXECUTOR, Source()

    def named(self, name: str, source: str) -> ExecutorChoice:
        """The executor of that name: the user's, else the type of the same name."""
        held = self.executors.get(name)
        if held is not None:
            self._check_type(name, held["type"])
            given = dict(held.get("settings", {}))
            return ExecutorChoice(
                name, held["type"], caps.without(given), tuple(held.get("custom_args", ())), source,
                caps.read(given, lambda cap: str(self.source("agents", "executors", name, "settings", cap))),
            )  # fmt: skip
        kind = type_by_name(name)
        if kind:
            return ExecutorChoice(name, kind, source=source)
        known = names(self.executors)
        raise NotFound(
            f"executor not found: {name} (named by {source})",
            f"{did_you_mean(name, known)}the executors: {', '.join(known)}",
        )

    def source(self, *path: str) -> Source:
        """Where a setting stands in the file."""
        return reading.source(self.held, path) if self.held else Source(file=self.path)

    def _check_type(self, name: str, kind: str) -> None:
        if kind not in catalog.names():
            raise Refused(
                f"{self.source('agents', 'executors', name, 'type')}: agents.executors.{name}.type: {kind!r} "
                "is no type of executor",
                f"{did_you_mean(kind, catalog.names())}the types: {', '.join(catalog.names())}",
            )


def type_by_name(name: str) -> str:
    """The type of an executor that is configured nowhere, by its name alone; empty for none."""
    kind = "claude" if name == DEFAULT_EXECUTOR else name
    return kind if kind in catalog.names() else ""


def names(configured: Mapping[str, object]) -> list[str]:
    """All names by which an executor can be chosen: the user's, the types' and the default."""
    return sorted({*configured, *catalog.names(), DEFAULT_EXECUTOR})
