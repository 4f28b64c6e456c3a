"""What holds a ready task back: a limit of the account that it would use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sow.allowance import waits_for_limit
from sow.errors import SowError
from sow.pool import Hold, hold_words
from sow.task import ABANDONED, IN_PROGRESS, PAUSED, PENDING, Task
from sow.turn import Turns


@dataclass(slots=True)
class Gate:
    """Looks at each task that is ready, and says once of each limit that tasks wait for it."""

    turns: Turns
    tell: Callable[[Task | None, str], None]
    opens_at: float | None = None
    """When the first of those that it held, since it was opened, may begin, in seconds since the epoch."""
    _told: set[tuple[str, Hold]] = field(default_factory=set)
    """What was told, of each executor: limits of several models hold in turn."""

    def open(self) -> None:
        """Begins a new look at all that is ready."""
        self.opens_at = None

    def holds(self, task: Task) -> bool:
        """Whether a limit holds a task back."""
        try:
            choice = self.turns.choice(task)
        except SowError:
            return False  # its start will tell what is wrong
        return self._is_held(choice.name, self.turns.allowance.hold(task, choice))

    def lets(self, task: Task) -> bool:
        """Takes the leave to start a task; False where another process was faster."""
        try:
            choice = self.turns.choice(task)
        except SowError:
            return True
        return not self._is_held(choice.name, self.turns.allowance.claim(task, choice))

    def waited_for(self, task: Task, executor: str) -> bool:
        """Whether a task waits for the end of a limit of the account that an executor works on."""
        if not waits_for_limit(task):
            return False
        try:
            accounts = {
                self.turns.allowance.account(choice)
                for choice in (self.turns.choice(task), self.turns.user.named(executor, "an attempt"))
            }
        except SowError:
            return False
        return len(accounts) == 1

    def _is_held(self, executor: str, hold: Hold | None) -> bool:
        if hold is None:
            return False
        self.opens_at = hold.until if self.opens_at is None else min(self.opens_at, hold.until)
        if (executor, hold.news) not in self._told:
            self._told.add((executor, hold.news))
            self.tell(None, hold_words(executor, hold, self.turns.clock()))
        return True


def let_through(turns: Turns, task: Task, *, fresh: bool = False) -> bool:
    """Has a task be started in spite of the limits of its account, once; whether any holds it."""
    if task.status not in (PENDING, IN_PROGRESS, PAUSED, ABANDONED):
        return False  # it can't be started anyway
    try:
        choice = turns.choice(task.replace(fresh=True) if fresh else task)
    except SowError:
        return False
    return turns.allowance.let_try(task, choice)


def without_wait(task: Task) -> Task:
    """A task that waits for the end of a limit no longer."""
    return task.replace(not_before=None) if waits_for_limit(task) else task
