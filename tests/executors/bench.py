"""The bench that every executor is put on: what it is given, and what a run of its reader came to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sow_executors import catalog
from sow_executors.base import Command, Executor, Failed, Finished, Report, Turn

ID = "0b6c1f0e-4a63-4f0e-9a55-1d8f6c2a7b10"
OTHER_ID = "5f9d2c34-7b1e-4c7d-8e2a-90a1b2c3d4e5"


@dataclass(frozen=True)
class Candidate:
    """One executor with the least settings that it works with."""

    name: str
    settings: Mapping[str, object] = field(default_factory=dict)
    session: str = ID
    """An id that it could have given to a session, or been given."""

    @property
    def executor(self) -> Executor:
        return catalog.get(self.name, self.settings)

    def turn(self, prompt: str = "do it", session_id: str | None = "", **settings: object) -> Turn:
        """A turn in its own `session`, unless another one is named."""
        return Turn(
            prompt=prompt,
            folder="/tree",
            scratch="/scratch",
            session_id=self.session if session_id == "" else session_id,
            role="implementer",
            task_id="010",
            settings={**self.settings, **settings},
        )


CANDIDATES = (
    Candidate("acp", {"command": ["my-agent", "--acp"]}),
    Candidate("claude"),
    Candidate("codex"),
    Candidate("cursor"),
    Candidate("gemini"),
    Candidate("opencode", session="ses_dec560d17ffenf7adHq3KEBVop"),
    Candidate("script", {"script": "play.yaml"}),
    Candidate("command", {"argv": ["my-agent", "--session", "{session_id}"]}),
)


def run(
    executor: Executor,
    lines: Iterable[str],
    exit_code: int | None = 0,
    stderr: str = "",
    session_id: str | None = ID,
) -> tuple[list[Report], Finished | Failed]:
    """Feeds one attempt's output to a fresh reader: what it reported, and how it ended."""
    reader = executor.reader(session_id)
    reports = [report for line in lines for report in reader.read(line)]
    return reports, reader.end(exit_code, stderr)


def line(**event: Any) -> str:
    """An event as a CLI prints it."""
    return json.dumps(event)


def texts(command: Command) -> list[str]:
    """Every text that a process is started with, standard input and files left out."""
    return [*command.argv, *command.env.values()]
