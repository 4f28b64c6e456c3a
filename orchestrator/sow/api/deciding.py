"""What a person's decision begins with and ends with, whatever it is about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sow import lease
from sow.api import engine, inbox
from sow.api.caller import Caller
from sow.layout import Layout
from sow.recovery.restore import RESTORING, restore
from sow.review import Reviewer
from sow.turn import Turns


def decisions(caller: Caller, layout: Layout) -> tuple[Turns, Reviewer]:
    """The parts for a person's decision, after what a killed orchestrator left was completed.

    Where an orchestrator lives, it does that itself.
    """
    parts = engine.turns(caller, layout, actor=caller.actor)
    deciding = engine.reviewer(parts)
    try:
        held = lease.acquire(f"{parts.layout.locks}/orchestrator.lease", RESTORING)
    except lease.Held:
        return parts, deciding
    try:
        restore(parts, deciding, adopt=False)
    finally:
        held.release()
    return parts, deciding


@contextmanager
def deciding(caller: Caller, layout: Layout) -> Iterator[tuple[Turns, Reviewer]]:
    """The same while something is decided; files in the inbox folder are told of it at the end."""
    turns, reviewer = decisions(caller, layout)
    try:
        yield turns, reviewer
    finally:
        inbox.tell(caller, turns)
