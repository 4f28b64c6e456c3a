"""What turns are made with: all of it is handed in, once for a project."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sow.allowance import Allowance
from sow.attempt import Attempts
from sow.config import RepositoryConfig, UserConfig
from sow.driving import Drivers
from sow.layout import Layout
from sow.runner.local import LocalRunner
from sow.store import Store
from sow.workplace import Workplace

if TYPE_CHECKING:
    from sow.clock import Clock


@dataclass(frozen=True, slots=True)
class Means:
    """All that beginning, following and settling turns in one project needs."""

    layout: Layout
    store: Store
    attempts: Attempts
    workspace: Workplace
    drivers: Drivers
    runner: LocalRunner
    user: UserConfig
    repository: RepositoryConfig
    environment: Mapping[str, str]
    run_id: str
    clock: Clock
    allowance: Allowance
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())

    @property
    def jobs(self) -> int:
        """How many agents work at once: in one folder they would write over each other's work."""
        return self.repository.jobs_sharing if self.workspace.shared else self.repository.jobs
