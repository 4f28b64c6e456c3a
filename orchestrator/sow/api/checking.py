"""The configured checks, run on the work of a task as it is now."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from sow.api import engine
from sow.errors import NotFound
from sow.review import CheckFailed, run_checks
from sow.turn import Turns


@dataclass(frozen=True, slots=True)
class Checking:
    """The checks of a task."""

    commands: tuple[str, ...]
    folder: str
    """Where they run."""
    environment: Mapping[str, str]

    def run(self, command: str) -> CheckFailed | None:
        """Runs one of them, by the shell, to its end; None where it passes."""
        return run_checks((command,), self.folder, self.environment)


def of_task(turns: Turns, task_id: str) -> Checking:
    """The checks of a task, and where they run. Raises NotFound where it has no worktree to check in."""
    task, reviewer = turns.store.task(task_id), engine.reviewer(turns)
    folder = task.worktree or ""
    if turns.workspace.shared and not task.branch:
        folder = turns.layout.folder
    if reviewer.checks and not os.path.isdir(folder):
        raise NotFound(f"task {task.id} has no worktree to check in", "look at its diff instead")
    return Checking(reviewer.checks, folder, reviewer.environment_of(task) if reviewer.checks else {})
