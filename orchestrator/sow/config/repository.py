"""The repository's settings, `.sow/config.yaml` in its main checkout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sow import caps, sizes
from sow.caps import Caps
from sow.config import reading
from sow.document import Document

if TYPE_CHECKING:
    from sow_schemas import documents

SCHEMA = "repository_config"


def repository_path(main: str) -> str:
    """Where the settings of the repository lie whose main checkout is at `main`."""
    return f"{main}/.sow/config.yaml"


@dataclass(frozen=True, slots=True)
class FinishConfig:
    """How the repository's projects are brought home; what is empty is told by git."""

    forge: str = ""
    push: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class WorktreeConfig:
    """What makes a task's worktree one in which its work runs."""

    setup: tuple[str, ...] = ()
    teardown: tuple[str, ...] = ()
    ports: int = 0
    setup_seconds: float = 1800.0
    """How long all commands of `setup` may take; 0 for as long as they like."""
    teardown_seconds: float = 120.0
    """How long each command of `teardown` may take."""


@dataclass(frozen=True, slots=True)
class FormatsConfig:
    """How tasks of other systems are taken in."""

    agent: str = ""
    agents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CapsConfig:
    """How much an attempt may use."""

    general: Caps = ()
    roles: Mapping[str, Caps] = field(default_factory=dict)

    @classmethod
    def of(cls, held: Document) -> CapsConfig:
        """The caps in the settings of a file, each with its place there."""

        def below(*path: str) -> Caps:
            given = held.value
            for key in path:
                given = given.get(key, {})
            return caps.read(given, lambda name: str(reading.source(held, (*path, name))))

        roles = held.value.get("caps", {}).get("roles", {})
        return cls(below("caps"), {role: below("caps", "roles", role) for role in roles})

    def for_role(self, role: str) -> Caps:
        """What holds for a role: its own caps, and the general ones where they are silent."""
        return caps.before(self.roles.get(role, ()), self.general)


@dataclass(frozen=True, slots=True)
class RepositoryConfig:
    """What the file says, with what holds where it is silent."""

    jobs: int = 3
    jobs_sharing: int = 1
    """How many agents work at once where they share a folder: one, unless `jobs` says how many."""
    commit_state: bool = True
    isolation: documents.Isolation = "task"
    checks: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    grace_seconds: float = 8.0
    silence_seconds: float = 0.0
    transcript_bytes: int = 1 << 30
    """How much of what an attempt prints is kept: of less than a MiB a head and a tail would tell nothing."""
    finish: FinishConfig = FinishConfig()
    worktree: WorktreeConfig = WorktreeConfig()
    caps: CapsConfig = CapsConfig()
    stages: Mapping[str, documents.Stage] = field(default_factory=dict)
    """How stages of task files are done, by name."""
    formats: FormatsConfig = FormatsConfig()
    task_types: Mapping[str, documents.TaskTypeConfig] = field(default_factory=dict)
    mcp: bool = True
    """Whether agents are offered sow's own tools."""

    @classmethod
    def read(cls, main: str) -> RepositoryConfig:
        """The settings of the repository whose main checkout is at `main`. Raises Refused for bad ones."""
        file = reading.read(repository_path(main), SCHEMA)
        held: documents.RepositoryConfig = file.value
        default = cls()
        worktree = held.get("worktree", {})
        return cls(
            jobs=held.get("jobs", default.jobs),
            jobs_sharing=held.get("jobs", default.jobs_sharing),
            commit_state=held.get("state", {}).get("commit", "auto") == "auto",
            isolation=held.get("isolation", default.isolation),
            checks=tuple(held.get("checks", ())),
            environment=tuple(held.get("environment", ())),
            grace_seconds=held.get("grace_seconds", default.grace_seconds),
            silence_seconds=held.get("silence_seconds", default.silence_seconds),
            transcript_bytes=max(sizes.of(held.get("transcript_bytes", default.transcript_bytes)), 1 << 20),
            finish=FinishConfig(**held.get("finish", {})),
            worktree=WorktreeConfig(
                tuple(worktree.get("setup", ())),
                tuple(worktree.get("teardown", ())),
                worktree.get("ports", default.worktree.ports),
                worktree.get("setup_seconds", default.worktree.setup_seconds),
                worktree.get("teardown_seconds", default.worktree.teardown_seconds),
            ),
            caps=CapsConfig.of(file),
            stages=held.get("stages", {}),
            formats=FormatsConfig(**held.get("formats", {})),
            task_types=held.get("task_types", {}),
            mcp=held.get("mcp", default.mcp),
        )
