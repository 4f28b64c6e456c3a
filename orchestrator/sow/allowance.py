"""Which starts the limits of accounts allow, and what an attempt tells of them.

An account's limit is met by one attempt and holds for all: in this run, in the
next, in other projects of the same user. Where the note can't be written, the
work goes on: the next start meets the limit itself.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sow import logs
from sow.accounts import Accounts, fingerprint
from sow.attempt import Attempt
from sow.clock import moment
from sow.config import ExecutorChoice, UserConfig, bad_settings, executor_of
from sow.errors import SowError
from sow.pool import Hold, Met, Pool, Try, Warned, mark_of
from sow.recovery.policy import NO_RESET_KNOWN
from sow.runner import environment
from sow.task import PENDING, Task
from sow_executors import base, catalog, extras

if TYPE_CHECKING:
    from sow.clock import Clock
    from sow.config import RepositoryConfig


LONGEST_LIMIT = 40 * 86400.0
"""Seconds: what a program tells beyond that is no time."""

Jitter = Callable[[], float]


def gap() -> float:
    """The seconds from one start to the next, when a limit has ended."""
    return random.uniform(2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Allowance:
    """The accounts as one project uses them."""

    accounts: Accounts
    folder: str
    """Of the project."""
    user: UserConfig
    environment: Mapping[str, str]
    passed: tuple[str, ...]
    """Patterns of the variables that the repository lets agents have."""
    clock: Clock
    gap: Jitter = gap
    _known: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, folder: str, user: UserConfig, repository: RepositoryConfig, variables: Mapping[str, str]
    ) -> Allowance:
        """What the limits of the user's accounts allow in the project in `folder`."""
        return cls(Accounts(variables), folder, user, variables, repository.environment, time.time)

    def account(self, choice: ExecutorChoice) -> str:
        """The account that an executor works on. Raises SowError where its settings are bad."""
        if choice.name not in self._known:
            executor = executor_of(choice)
            patterns = (*executor.environment, *self.passed)
            env = environment.build(self.environment, patterns, {})
            try:
                self._known[choice.name] = fingerprint(*_whose(executor, choice, env))
            except base.BadSettings as fault:
                raise bad_settings(choice.name, fault) from fault
        return self._known[choice.name]

    def hold(self, task: Task, choice: ExecutorChoice) -> Hold | None:
        """What a start of a task waits for; None where it may begin."""
        try:
            pool = self.accounts.pool(self.account(choice))
        except SowError:
            return None  # its start will tell what is wrong
        return self._held(pool, task, choice)

    def claim(self, task: Task, choice: ExecutorChoice) -> Hold | None:
        """Takes the leave to start a task, in its turn among all processes; what it waits for, else."""
        if (hold := self.hold(task, choice)) is not None or not self._is_known(choice):
            return hold
        found: list[Hold | None] = []

        def change(pool: Pool) -> Pool:
            found[:] = [self._held(pool, task, choice)]
            return pool if found[0] else pool.start(self._try(task), self.clock(), self.gap())

        self._change(choice, change)
        return found[0] if found else None

    def met(self, attempt: Attempt, failed: base.Failed, limited: base.Limited | None) -> Met | None:
        """Notes the limit that an attempt failed at; None where that was another failure."""
        if failed.kind != "usage_limit":
            return None
        choice = self._choice(attempt)
        if choice is None:
            return None
        now = self.clock()
        told = limited if limited and limited.status == "rejected" else base.Limited("rejected")
        resets_at = failed.resets_at if failed.resets_at is not None else told.resets_at
        until = now + NO_RESET_KNOWN if resets_at is None else min(max(resets_at, now), now + LONGEST_LIMIT)
        met = Met(
            told.limit, now, until, resets_at is not None, told.model, str(choice.settings.get("model") or "")
        )
        self._change(choice, lambda pool: pool.meet(met, choice.name))
        return met

    def warned(self, attempt: Attempt, limited: base.Limited) -> bool:
        """Notes a warning; whether it is one that nobody was told of yet."""
        choice = self._choice(attempt)
        if limited.status != "warning" or choice is None:
            return False
        now = self.clock()
        resets_at = limited.resets_at
        if resets_at is not None and not now < resets_at < now + LONGEST_LIMIT:
            resets_at = None
        mark = mark_of(limited.used, limited.threshold)
        warned = Warned(limited.limit, now, mark, limited.used, resets_at, limited.model)
        news: list[bool] = []

        def change(pool: Pool) -> Pool:
            news[:] = [pool.is_news(warned)]
            return pool.warn(warned, choice.name)

        self._change(choice, change)
        return bool(news and news[0])

    def works(self, attempt: Attempt) -> bool:
        """Takes in that the agent of an attempt works; whether that ends a limit sooner than was said."""
        choice = self._choice(attempt)
        if choice is None or not self._is_known(choice):
            return False
        model, now = str(choice.settings.get("model") or ""), self.clock()
        begun_at = moment(attempt.started_at or attempt.created_at)
        before = self.accounts.pool(self.account(choice))
        if before.lift(model, now, begun_at=begun_at) == before:
            return False
        self._change(choice, lambda pool: pool.lift(model, now, begun_at=begun_at))
        return True

    def let_try(self, task: Task, choice: ExecutorChoice) -> bool:
        """A person wants a task to be started in spite of the limits; whether any holds it."""
        if self.hold(task, choice) is None:
            return False
        self._change(choice, lambda pool: pool.let(self._try(task)))
        return True

    def _held(self, pool: Pool, task: Task, choice: ExecutorChoice) -> Hold | None:
        if self._try(task) in pool.tries:
            return None
        model = str(choice.settings.get("model") or "")
        return pool.holds(model, self.clock(), hold_at=self.user.hold_at)

    def _try(self, task: Task) -> Try:
        return Try(self.folder, task.id)

    def _choice(self, attempt: Attempt) -> ExecutorChoice | None:
        try:
            return self.user.named(attempt.executor, f"attempt {attempt.id}")
        except SowError:
            return None  # taken out of the settings meanwhile

    def _is_known(self, choice: ExecutorChoice) -> bool:
        """Whether anything is noted of an account: of most there is nothing."""
        try:
            return not self.accounts.pool(self.account(choice)).is_empty
        except SowError:
            return False

    def _change(self, choice: ExecutorChoice, change: Callable[[Pool], Pool]) -> None:
        try:
            self.accounts.change(self.account(choice), change, self.clock())
        except (SowError, OSError) as fault:
            logs.warning("limit not noted", executor=choice.name, why=str(fault))


def _whose(
    executor: base.Executor, choice: ExecutorChoice, env: Mapping[str, str]
) -> tuple[str, tuple[str, ...]]:
    """What decides whose account an executor works on: its type, and words that may be secrets."""
    kind, given = choice.type, choice.settings
    if isinstance(executor, extras.RunsAnother) and (behind := executor.behind(given)):
        # Of its settings, none is one of the other's.
        executor, kind, given = catalog.get(behind), behind, {}
    if isinstance(executor, extras.NamesAccount):
        return kind, executor.account(given, env)
    home = env.get("HOME") or os.path.expanduser("~")
    own = environment.build(env, executor.environment, {}).keys() - environment.build(env, (), {}).keys()
    # A CLI that is known is the same one wherever its program lies.
    program = () if isinstance(executor, extras.Examined) else executor.program(given)[:1]
    return kind, (home, *program, *(f"{name}={env[name]}" for name in sorted(own)))


def waits_for_limit(task: Task) -> bool:
    """Whether a task is pending because an attempt of it met a usage limit."""
    return task.status == PENDING and (task.error_detail or {}).get("class") == "usage_limit"
