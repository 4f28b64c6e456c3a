"""Who wants to be told that a document has changed, and what tells it: the log of what happened.

Clients ask in one of two ways, by their version of the protocol: for one address after the other, or for a
stream of all that they name. Nothing is followed before one asks.
"""

from __future__ import annotations

import time

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.abc import TaskGroup

from sow import logs
from sow.api.events import Event
from sow.api.stop import Stop
from sow.clock import stamp
from sow.errors import SowError
from sow.mcp.catalog import Catalog
from sow.mcp.library import (
    InMemorySubscriptionBus,
    ResourcesListChanged,
    ResourceUpdated,
    ServerSession,
)

_CHANGES_LIST = ("task.created", "task.removed")


class Changes:
    """Tells the clients of one server."""

    def __init__(self, catalog: Catalog) -> None:
        self.bus = InMemorySubscriptionBus()
        """Of those who have a stream."""
        self._catalog = catalog
        self._wanted: dict[str, ServerSession] = {}
        """By address: who is told by a message of its own."""
        self._lister: ServerSession | None = None
        self._stop = Stop()
        self._follows = False
        self._tasks: TaskGroup | None = None

    def begin(self, tasks: TaskGroup) -> None:
        """From now on what is asked for can be followed, as one of `tasks`."""
        self._tasks = tasks

    def end(self) -> None:
        """Follows nothing any more."""
        self._stop.leave()

    def subscribe(self, address: str, session: ServerSession) -> None:
        """From now on that client is told when what stands at an address changes."""
        self._wanted[address] = session
        self.follow()

    def unsubscribe(self, address: str) -> None:
        """It is told of that no more."""
        self._wanted.pop(address, None)

    def lists(self, session: ServerSession) -> None:
        """From now on that client is told when there is another list of what can be read."""
        self._lister = session
        self.follow()

    def follow(self) -> None:
        """Follows the log, if that is not done yet."""
        if self._tasks and not self._follows:
            self._follows = True
            # Only what comes after this is news.
            self._tasks.start_soon(self._following, stamp(time.time()))

    async def _following(self, since: str) -> None:
        try:
            await anyio.to_thread.run_sync(self._read, since, abandon_on_cancel=True)
        except SowError as fault:
            logs.warning("changes are not told", why=fault.in_a_line)
            self._follows = False

    def _read(self, since: str) -> None:
        for event in self._catalog.happening(since, self._stop):
            anyio.from_thread.run(self._tell, event)

    async def _tell(self, event: Event) -> None:
        for address in self._catalog.changed(event.task_id):
            await self.bus.publish(ResourceUpdated(uri=address))
            if session := self._wanted.get(address):
                await session.send_resource_updated(address)
        if event.type in _CHANGES_LIST:
            await self.bus.publish(ResourcesListChanged())
            if self._lister:
                await self._lister.send_resource_list_changed()
