"""A check of one executor: its turns, one after the other, then what holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from sow.config import ExecutorChoice, executor_of
from sow.contract import bench, judging, plan
from sow.contract.heard import Heard
from sow.contract.judging import Row
from sow.contract.plan import Name, Part
from sow.errors import Refused
from sow_executors.base import Executor, Finished, Started
from sow_executors.extras import Offline, RefusesCommands, RunsOffline
from sow_executors.model_server import ModelServer

RESETS_IN = 9000.0
"""Seconds to the end of the limit that is played: some CLIs wait for a near one themselves."""


@dataclass(frozen=True, slots=True)
class Check:
    """What is to be checked, and on which model."""

    choice: ExecutorChoice
    executor: Executor
    way: Offline | None
    """How it is kept from its own model; None where that is called, and paid for."""
    plan: plan.Plan
    resets_at: float
    """When the limit that is played ends, in seconds since the epoch."""

    @property
    def is_played(self) -> bool:
        """Whether the executor has no model at all."""
        return _is_played(self.executor)

    @property
    def is_free(self) -> bool:
        return self.way is not None

    @property
    def model(self) -> str:
        """The model that the settings name; empty where they leave that to the CLI."""
        named = self.choice.settings.get("model")
        return str(named) if named else ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What came out of a check."""

    rows: tuple[Row, ...]
    model: str
    """The model that the CLI named; empty where it named none."""
    kept: str | None
    """The scratch folder, where it was kept."""

    @property
    def fails(self) -> tuple[str, ...]:
        """The promises that do not hold."""
        return tuple(row.what for row in self.rows if row.holds == "fails")


class NoOffline(Refused):
    """An executor that can't be run on our model server."""

    def __init__(self, choice: ExecutorChoice) -> None:
        super().__init__(
            f"executor {choice.name}: how its agent is run offline is not known (type {choice.type})",
            f"check it on its own model, which costs a little: `sow executor check {choice.name}`",
        )


def made(choice: ExecutorChoice, *, offline: bool) -> Check:
    """The check of an executor. Raises NoOffline, and Refused for settings that don't fit."""
    executor = executor_of(choice)
    way = _way(choice, executor) if offline or _is_played(executor) else None
    resets_at = round(time.time() + RESETS_IN)
    steps = plan.made(offline=way is not None, remembers=executor.ids != "none", resets_at=resets_at)
    return Check(choice, executor, way, steps, resets_at)


def taken(
    check: Check,
    environment: Mapping[str, str],
    *,
    patterns: tuple[str, ...] = (),
    keep: bool = False,
    note: Callable[[Part], None] = lambda part: None,
) -> Checked:
    """Takes the turns of a check; gives what holds.

    `environment`: the user's variables; `patterns`: those that the repository passes on; `keep`: the scratch
    folder stays. `note` hears of each turn before it begins. Raises SowError where a turn can't begin.
    """
    executor = check.executor
    with ExitStack() as stack:
        folder = stack.enter_context(bench.laid(keep=keep))
        server = stack.enter_context(ModelServer()) if check.way and not check.is_played else None
        desk = bench.Bench(folder, check.choice, executor, environment, patterns, server)
        heard = _heard(desk, check, note)
    record = judging.Record(
        ids=executor.ids,
        word=check.plan.word,
        mark=check.plan.mark,
        heard=heard,
        refuses=isinstance(executor, RefusesCommands) and executor.refuses_commands(check.choice.settings),
        resets_at=check.resets_at,
        unseen=check.way.unseen if check.way else {},
    )
    named = (started.model for each in heard.values() for started in each.of(Started))
    return Checked(tuple(judging.rows(record)), next(filter(None, named), ""), folder if keep else None)


def _is_played(executor: Executor) -> bool:
    return executor.name == "script"


def _way(choice: ExecutorChoice, executor: Executor) -> Offline:
    """How the executor is run offline. Raises NoOffline."""
    if _is_played(executor):
        return Offline()
    found = None
    if isinstance(executor, RunsOffline):
        found = executor.offline(choice.settings, "/home", "http://127.0.0.1")
    if found is None:
        raise NoOffline(choice)
    return found


def _heard(desk: bench.Bench, check: Check, note: Callable[[Part], None]) -> dict[Name, Heard]:
    """The turns, as far as they can be taken: each but the first counts on it."""
    heard: dict[Name, Heard] = {}
    for part in check.plan.parts:
        is_unseen = check.way is not None and plan.REFUSED.get(part.name, "") in check.way.unseen
        if is_unseen or (part.resumes and desk.session is None):
            continue
        note(part)
        heard[part.name] = desk.take(part)
        if part.name == "first" and not isinstance(heard["first"].ending, Finished):
            break
    return heard
