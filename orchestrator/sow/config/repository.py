"""The repository's settings, `.sow/config.yaml` in its main checkout."""

from __future__ import annotations

from dataclasses import dataclass

from sow.config import reading

SCHEMA = "repository_config"


def repository_path(main: str) -> str:
    """Where the settings of the repository lie whose main checkout is at `main`."""
    return f"{main}/.sow/config.yaml"


@dataclass(frozen=True, slots=True)
class RepositoryConfig:
    """What the file says, with what holds where it is silent."""

    jobs: int = 3
    commit_state: bool = True
    isolation: str = "task"
    checks: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    grace_seconds: float = 8.0
    silence_seconds: float = 0.0

    @classmethod
    def read(cls, main: str) -> RepositoryConfig:
        """The settings of the repository whose main checkout is at `main`. Raises Refused for bad ones."""
        held = reading.read(repository_path(main), SCHEMA).value
        given = {
            key: held[key] for key in ("jobs", "isolation", "grace_seconds", "silence_seconds") if key in held
        }
        return cls(
            **given,
            commit_state=held.get("state", {}).get("commit", "auto") == "auto",
            checks=tuple(held.get("checks", ())),
            environment=tuple(held.get("environment", ())),
        )
