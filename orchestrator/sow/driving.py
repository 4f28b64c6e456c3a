"""Who drives a task: one process a turn, one process a session (see docs/adr/0006).

locks/turn-010.lease         held by whoever began the turn, until it is settled
locks/session-<id>.lease     handed to the attempt's own process
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sow import files, lease, process
from sow.attempt import Attempt, Attempts
from sow.change import Event
from sow.errors import SowError
from sow.lease import Lease
from sow.process import Identity
from sow.store import Store

if TYPE_CHECKING:
    from sow.runner.touched import Names, Touched
    from sow_schemas.documents import LockBroken

_HEAD, _TAIL = "turn-", ".lease"


@dataclass(slots=True)
class Drivers:
    """The leases of the turns and sessions of one project."""

    store: Store
    _reserved: dict[str, Lease] = field(default_factory=dict)
    _known: Names | None = None

    def heed(self, touched: Touched) -> None:
        """Lists the leases no more from now on: what comes and goes is told."""
        from sow.runner.touched import Names

        self._known = Names(touched, self.store.layout.locks, _kind)

    def reserve(self, task_id: str) -> None:
        """Takes a task's turn ahead of `take`, so that a run that hears of a word to it leaves it alone.

        Raises Busy where somebody drives the task. A process that ends lets go of it.
        """
        self._reserved[task_id] = lease.acquire(self._turn(task_id), f"the turn of task {task_id}")

    def let_go(self, task_id: str) -> None:
        """Gives back a turn that was reserved and not taken."""
        if held := self._reserved.pop(task_id, None):
            held.release()

    @contextmanager
    def kept_off(self, task_id: str) -> Iterator[None]:
        """Nobody drives the task meanwhile, for a `with` block. Raises Busy where somebody does."""
        held = lease.acquire(self._turn(task_id), f"the turn of task {task_id}")
        try:
            yield
        finally:
            held.release()

    def check_free(self, task_id: str) -> None:
        """Raises Busy where another process drives the task."""
        if task_id not in self._reserved and (held := self.driven(task_id)):
            raise lease.Held(held)

    def driven(self, task_id: str) -> Lease | None:
        """The lease of a task's turn while the process that drives it lives."""
        held = lease.holder(self._turn(task_id))
        return held if held and process.fate(held.holder) != "dead" else None

    def at_work(self) -> set[str]:
        """The tasks whose turns are begun and not settled, be the process that drives them alive or dead."""
        held = {task_id: lease.holder(self._turn(task_id)) for task_id in self._leased()}
        return {
            task_id
            for task_id, turn in held.items()
            if turn and (process.fate(turn.holder) != "dead" or self._is_open(task_id))
        }

    def _is_open(self, task_id: str) -> bool:
        """Whether a dead driver left an attempt without an end; it may have left its lease alone."""
        return any(not attempt.ended for attempt in Attempts(self.store.layout).of_task(task_id))

    def _leased(self) -> set[str]:
        """The tasks of whose turns there are leases, but for those that are reserved here."""
        names = self._known.of(_HEAD) if self._known else files.names(self.store.layout.locks)
        tasks = {name[len(_HEAD) : -len(_TAIL)] for name in names if _kind(name)}
        return tasks - self._reserved.keys()

    @contextmanager
    def kept_still(self, task_id: str, what: str) -> Iterator[None]:
        """Nobody begins a turn of the task in a `with` block. Raises Busy where somebody drives it."""
        held = lease.acquire(self._turn(task_id), what)
        try:
            self._tell_broken(held, task_id)
            yield
        finally:
            held.release()

    def take(self, task_id: str, session: str | None, attempt: str) -> tuple[Lease, ...]:
        """Takes the turn and the session for an attempt: both, or none and Busy is raised."""
        reserved = self._reserved.pop(task_id, None)
        taken = [reserved] if reserved else []
        paths = [self._turn(task_id), *([self._session(session)] if session else [])]
        try:
            for path in paths[len(taken) :]:
                held = lease.acquire(path, f"attempt {attempt}")
                taken.append(held)
                self._tell_broken(held, task_id)
        except SowError:
            for held in taken:
                held.release()
            raise
        return tuple(taken)

    def adopt(self, attempt: Attempt, identity: Identity) -> tuple[Lease, ...]:
        """The leases of an attempt that lost its driver: its turn is ours now, its session its process's.

        Raises Busy while that driver lives.
        """
        turn = lease.acquire(self._turn(attempt.task_id), f"attempt {attempt.id}")
        if attempt.session_id is None:
            return (turn,)
        path = self._session(attempt.session_id)
        try:
            # Free or a dead orchestrator's: it was killed before it could hand it on.
            return (turn, lease.acquire(path, f"attempt {attempt.id}").hand_to(identity))
        except lease.Held as held:
            return (turn, held.lease)

    def of(self, attempt: Attempt) -> tuple[Lease, ...]:
        """The leases that stand for an attempt's task and session, whoever holds them."""
        paths = [self._turn(attempt.task_id)]
        paths += [self._session(attempt.session_id)] if attempt.session_id else []
        return tuple(held for path in paths if (held := lease.holder(path)))

    def _tell_broken(self, held: Lease, task_id: str) -> None:
        if held.broken:
            payload: LockBroken = {"lease": os.path.basename(held.path), "holder": held.broken.what}
            self.store.tell(Event(type="lock.broken", task_id=task_id, payload=payload))

    def _turn(self, task_id: str) -> str:
        return f"{self.store.layout.locks}/{_HEAD}{task_id}{_TAIL}"

    def _session(self, session: str) -> str:
        safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in session)
        return f"{self.store.layout.locks}/session-{safe}{_TAIL}"


def _kind(name: str) -> str:
    """What the lease of a turn is known by among the locks; empty for any other name."""
    return _HEAD if name.startswith(_HEAD) and name.endswith(_TAIL) else ""
