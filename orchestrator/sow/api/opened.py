"""One project that somebody has opened: what each of its operations begins with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sow.api.caller import Caller
from sow.layout import Layout
from sow.store import Store
from sow.value import Value

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sow.api.events import Reading
    from sow.api.stop import Stop
    from sow.review import Reviewer
    from sow.turn import Turns
    from sow_schemas.documents import Actor


class Opened(Value):
    """A project, and who has opened it."""

    caller: Caller
    layout: Layout

    def store(self) -> Store:
        """Its state, after what a killed command left was completed."""
        self.caller.settle_half_made()
        return self.caller.store(self.layout)

    def turns(self, *, actor: Actor = "orchestrator") -> Turns:
        """All that it takes to run its agents."""
        from sow.api import engine

        self.caller.settle_half_made()
        return engine.turns(self.caller, self.layout, actor=actor)

    def deciding(self) -> AbstractContextManager[tuple[Turns, Reviewer]]:
        """The parts for a person's decision, after what a killed orchestrator left was completed."""
        from sow.api import deciding

        self.caller.settle_half_made()
        return deciding.deciding(self.caller, self.layout)

    def decisions(self) -> tuple[Turns, Reviewer]:
        """The same for who decides about no task: files of the inbox folder have nothing to hear of it."""
        from sow.api import deciding

        self.caller.settle_half_made()
        return deciding.decisions(self.caller, self.layout)

    def events(
        self, *, types: Sequence[str] = (), task: str | None = None, since: str | None = None,
        follow: bool = False, stop: Stop | None = None,
    ) -> Reading:  # fmt: skip
        """A reading of its log; what is wrong with the question is said at once."""
        from sow.api import events

        store = self.store()
        after = events.moment(since, time.time()) if since else 0.0
        events.check_task(store, task)
        return events.Reading(store.layout.events, events.Wanted(tuple(types), task, after), follow, stop)
