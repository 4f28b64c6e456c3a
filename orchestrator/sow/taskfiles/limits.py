"""The limits of accounts that the tasks of a workspace wait for, whoever met them.

One that a task met, or found met, is noted with the account that it is of. So a task that
waits need not know its time alone: the account's pool says when all is over sooner.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sow.accounts import Accounts
from sow.pool import Try
from sow.taskfiles import paths, stages
from sow.taskfiles.stages import Hold, Settings
from sow.taskfiles.task_file import TaskFile
from sow.taskfiles.workspace import Workspace

if TYPE_CHECKING:
    from sow.clock import Clock


@dataclass(frozen=True, slots=True)
class Limits:
    """What is known of the user's accounts, for the tasks of one workspace."""

    workspace: Workspace
    accounts: Accounts
    clock: Clock = time.time

    @classmethod
    def of(cls, workspace: Workspace, environment: Mapping[str, str]) -> Limits:
        """Those of the user whose variables these are."""
        return cls(workspace, Accounts(environment))

    def holds(self, hold: Hold | None, stem: str) -> bool:
        """Whether a task still waits for that."""
        now = self.clock()
        if hold is None or hold.until <= now:
            return False
        if not hold.account:
            return True
        pool = self.accounts.pool(hold.account)
        return (
            self._try(stem) not in pool.tries
            and pool.holds(hold.model, now, hold_at=hold.hold_at) is not None
        )

    def is_any(self) -> bool:
        """Whether anything is noted of any account."""
        return bool(self.accounts.all(self.clock()))

    def let_try(self, hold: Hold, stem: str) -> bool:
        """A person lets a task try in spite of a limit; False where that is of no known account.

        Raises SowError where it can't be noted.
        """
        if not hold.account:
            return False
        self.accounts.change(hold.account, lambda pool: pool.let(self._try(stem)), self.clock())
        return True

    def _try(self, stem: str) -> Try:
        return Try(self.workspace.folder, stem)


def ahead(
    task: TaskFile, workspace: Workspace, settings: Settings, environment: Mapping[str, str]
) -> Hold | None:
    """What a queued task would wait for at once, were it begun; None for nothing, or where nobody knows."""
    try:
        name, config = next(iter(settings.of(task).items()))
        handler = stages.handler(config["handler"])
        if not isinstance(handler, stages.Shares):
            return None
        return handler.hold(paths.described(task, name, config, workspace, "", environment))
    except Exception:
        return None  # whatever it is, who begins the task tells it
