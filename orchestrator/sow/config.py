"""Settings: the user's own (which executor plays which role) and the repository's.

environment  SOW_AGENTS_IMPLEMENTER=cursor      first
the user     ~/.config/sow/config.yaml          then
defaults     `claude-code`, of type claude      last
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import sow_schemas
from sow import document
from sow.errors import NotFound, Refused
from sow_executors import base, catalog

ROLES = ("orchestrator", "implementer", "architect", "reviewer", "planner", "researcher", "decomposer")
"""The roles that sow knows; a repository adds its own in `.sow/agents/<name>.md`."""

DEFAULT_EXECUTOR = "claude-code"

DEFAULT = "default"
"""Who chose an executor that nobody has chosen."""


@dataclass(frozen=True, slots=True)
class ExecutorChoice:
    """An executor as configured: a name of the user's, the type behind it, its settings."""

    name: str
    type: str
    settings: Mapping[str, object] = field(default_factory=dict)
    custom_args: tuple[str, ...] = ()
    source: str = DEFAULT
    """Where it was chosen: the variable, the file, or `default`."""


@dataclass(frozen=True, slots=True)
class UserConfig:
    """The user's settings, checked."""

    path: str
    executors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    bindings: Mapping[str, str] = field(default_factory=dict)

    def for_role(self, role: str, environment: Mapping[str, str]) -> ExecutorChoice:
        """The executor that plays `role`. Raises NotFound for a name that is configured nowhere."""
        return self.named(*self.chosen(role, environment))

    def chosen(self, role: str, environment: Mapping[str, str]) -> tuple[str, str]:
        """The name of the executor of `role`, there or not, and who says so."""
        chosen_by = variable(role)
        if name := environment.get(chosen_by):
            return name, chosen_by
        if name := self.bindings.get(role):
            return name, self.path
        return DEFAULT_EXECUTOR, DEFAULT

    def named(self, name: str, source: str) -> ExecutorChoice:
        """The executor of that name: the user's, else the type of the same name."""
        held = self.executors.get(name)
        if held is not None:
            self._check_type(name, held["type"])
            return ExecutorChoice(
                name, held["type"], held.get("settings", {}), tuple(held.get("custom_args", ())), source
            )
        kind = "claude" if name == DEFAULT_EXECUTOR else name
        if kind in catalog.names():
            return ExecutorChoice(name, kind, source=source)
        known = sorted({*self.executors, *catalog.names(), DEFAULT_EXECUTOR})
        raise NotFound(
            f"executor not found: {name} (named by {source})",
            f"{_nearest(name, known)}the executors: {', '.join(known)}",
        )

    def _check_type(self, name: str, kind: str) -> None:
        if kind not in catalog.names():
            raise Refused(
                f"{self.path}: agents.executors.{name}.type: {kind!r} is no type of executor",
                f"{_nearest(kind, catalog.names())}the types: {', '.join(catalog.names())}",
            )


@dataclass(frozen=True, slots=True)
class RepositoryConfig:
    """The repository's settings, `.sow/config.yaml`, with what holds where it is silent."""

    jobs: int = 3
    commit_state: bool = True
    isolation: str = "task"
    checks: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    grace_seconds: float = 8.0
    silence_seconds: float = 0.0


def variable(role: str) -> str:
    """The variable that names the executor of `role`."""
    return f"SOW_AGENTS_{role.upper().replace('-', '_')}"


def user_path(environment: Mapping[str, str]) -> str:
    """Where the user's settings lie: `$XDG_CONFIG_HOME` or `~/.config`, then `sow/config.yaml`."""
    base = environment.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # the XDG specification has us ignore such a one
        base = os.path.join(environment.get("HOME") or os.path.expanduser("~"), ".config")
    return os.path.join(base, "sow", "config.yaml")


def user(environment: Mapping[str, str]) -> UserConfig:
    """The user's settings; the defaults where there is no file. Raises Refused for a bad one."""
    path = user_path(environment)
    held = _read(path, "user_config")
    agents = held.get("agents") or {}
    return UserConfig(path, agents.get("executors") or {}, agents.get("bindings") or {})


def repository(main: str) -> RepositoryConfig:
    """The settings of the repository whose main checkout is at `main`. Raises Refused for bad ones."""
    held = _read(f"{main}/.sow/config.yaml", "repository_config")
    given = {
        key: held[key] for key in ("jobs", "isolation", "grace_seconds", "silence_seconds") if key in held
    }
    return RepositoryConfig(
        **given,
        commit_state=held.get("state", {}).get("commit", "auto") == "auto",
        checks=tuple(held.get("checks", ())),
        environment=tuple(held.get("environment", ())),
    )


def roles(main: str) -> tuple[str, ...]:
    """The roles that an agent can have here: the built-in ones and the repository's own."""
    try:
        own = [name[:-3] for name in os.listdir(f"{main}/.sow/agents") if name.endswith(".md")]
    except FileNotFoundError:
        own = []
    return (*ROLES, *sorted(set(own) - set(ROLES)))


def check_role(role: str, main: str) -> None:
    """Raises NotFound for a role that nobody has described."""
    known = roles(main)
    if role in known:
        return
    hint = f"{_nearest(role, known)}the agents here: {', '.join(known)}"
    if role.replace("-", "").replace("_", "").isalnum() and role.isascii():
        hint += f"; describe one of your own in .sow/agents/{role}.md"
    raise NotFound(f"agent not found: {role or 'its name is empty'}", hint)


def _read(path: str, schema: str) -> dict[str, Any]:
    try:
        held = document.read_file(path)
    except FileNotFoundError:
        return {}
    _check_requires(path, held.value.get("requires"))
    if not sow_schemas.valid(schema, held.value):
        first = sow_schemas.problems(schema, held.value)[0]
        at = ".".join(map(str, first.path))
        raise Refused(f"{path}: {at}: {first.message}" if at else f"{path}: {first.message}", first.hint)
    return held.value


def _check_requires(path: str, requires: object) -> None:
    """An older sow says so, instead of refusing the keys of a newer one."""
    from sow import __version__

    needed = requires.removeprefix(">=").strip() if isinstance(requires, str) else ""
    if needed and _numbers(__version__) < _numbers(needed):
        raise Refused(f"{path} needs sow {needed} or newer, and this is {__version__}", "install a newer sow")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"did you mean {close[0]}? " if close else ""


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
