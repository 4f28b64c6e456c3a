"""One orchestrator in a project: its lease, and the wait for a command that holds that just now."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from sow import lease, process
from sow.change import Event
from sow.recovery.restore import RESTORING
from sow.runner.local import Running
from sow.runner.watch import Watcher
from sow.scheduler.telling import Note
from sow.turn import Turns

if TYPE_CHECKING:
    from sow_schemas.documents import LockBroken


RESTORE_SECONDS = 60.0
"""How long a command that makes the state true is waited for."""


def check(turns: Turns) -> None:
    """Raises Busy where `take` would at once; nothing is taken."""
    held = lease.holder(_path(turns))
    if held and held.what != RESTORING and process.fate(held.holder) != "dead":
        raise lease.Held(held)


def take(
    turns: Turns, watcher: Watcher, signals: Collection[str], tell: Callable[[Note], None]
) -> lease.Lease:
    """The orchestrator's lease; one that a command holds to make the state true is waited for."""
    path = _path(turns)
    end = turns.clock() + RESTORE_SECONDS
    while True:
        try:
            held = lease.acquire(path, "sow run")
            break
        except lease.Held as fault:
            if fault.lease.what != RESTORING or turns.clock() >= end or signals:
                raise
            tell(Note("problem", None, f"waits: {fault}"))
            _wait_for(turns, watcher, signals, fault.lease, end)
    if held.broken:
        payload: LockBroken = {
            "lease": "orchestrator",
            "holder": f"process {held.broken.holder.identity.pid}",
        }
        turns.store.tell(Event(type="lock.broken", payload=payload))
    return held


def _path(turns: Turns) -> str:
    return f"{turns.layout.locks}/orchestrator.lease"


def _wait_for(
    turns: Turns, watcher: Watcher, signals: Collection[str], held: lease.Lease, end: float
) -> None:
    """Waits until a lease is given back, or its holder is gone, or it is `end`, or a signal came."""
    locks = turns.layout.locks
    # Whoever gives a lease back writes in its folder; whoever dies doesn't.
    watcher.add_folder(locks)
    watcher.add_process(Running(RESTORING, locks, held.holder.identity))
    while lease.holder(held.path) == held and process.fate(held.holder) != "dead" and not signals:
        if (left := end - turns.clock()) <= 0:
            break
        watcher.wait(left)
    watcher.forget_folder(locks)
    watcher.forget_process(RESTORING)
