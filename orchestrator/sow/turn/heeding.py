"""What is taken in of an agent while it works: its questions, and what it says of limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sow import holding
from sow.change import Change, Event
from sow.clock import stamp
from sow.task import Task
from sow.turn.live import Live
from sow.turn.means import Means
from sow_executors import base

if TYPE_CHECKING:
    from sow_schemas.documents import LimitLifted, LimitReached, LimitWarning


def heed(means: Means, live: Live) -> Task | None:
    """Makes the task's state agree with what its process asks, or goes on from; None where it did."""
    now = (live.tally.asked, live.tally.settled)
    if now == live.heeded:
        return None
    folder, iteration = means.attempts.inbox(live.attempt.id), live.attempt.iteration

    def change(task: Task) -> Change:
        return holding.agree(task, live.tally, folder, iteration=iteration, at=means.store.now())

    task = means.store.change_task(live.attempt.task_id, change)
    live.heeded = now
    return task


def heed_warning(means: Means, live: Live, limited: base.Limited) -> bool:
    """Takes in a warning of a limit; whether a person is to be told, once a window and mark."""
    if not means.allowance.warned(live.attempt, limited):
        return False
    executor, account = _whose(means, live)
    payload: LimitWarning = {"executor": executor, "account": account, "limit": limited.limit}
    if limited.model:
        payload["model"] = limited.model
    if limited.used is not None:
        payload["used"] = limited.used
    if limited.resets_at is not None:
        payload["resets_at"] = stamp(limited.resets_at)
    means.store.tell(Event(type="limit.warning", task_id=live.attempt.task_id, payload=payload))
    return True


def heed_work(means: Means, live: Live) -> bool:
    """Takes in, once, that an agent works; whether that ends a limit sooner than was said."""
    if live.worked or not live.tally.alive:
        return False
    live.worked = True
    if not means.allowance.works(live.attempt):
        return False
    executor, account = _whose(means, live)
    payload: LimitLifted = {"executor": executor, "account": account}
    means.store.tell(Event(type="limit.lifted", task_id=live.attempt.task_id, payload=payload))
    return True


def note_limit(means: Means, live: Live, ending: base.Finished | base.Failed) -> None:
    """A limit that the attempt failed at holds for all that use the account."""
    if not isinstance(ending, base.Failed) or live.stopped:
        return
    if met := means.allowance.met(live.attempt, ending, live.tally.limit):
        executor, account = _whose(means, live)
        payload: LimitReached = {
            "executor": executor, "account": account, "limit": met.limit, "until": stamp(met.until),
        }  # fmt: skip
        if met.model:
            payload["model"] = met.model
        means.store.tell(Event(type="limit.reached", task_id=live.attempt.task_id, payload=payload))


def _whose(means: Means, live: Live) -> tuple[str, str]:
    """The executor of an attempt, and the account that it works on."""
    choice = means.user.named(live.attempt.executor, f"attempt {live.attempt.id}")
    return choice.name, means.allowance.account(choice)
