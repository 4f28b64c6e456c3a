"""Advancing a project through its statechart: guards, state and effects under one lock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sow import statechart
from sow.project_types import State, Transition
from sow.state import Step, Whole
from sow.statechart import Way
from sow.store import Store


@dataclass(frozen=True, slots=True)
class Advanced:
    """A step that was taken."""

    source: str
    """The state that was left."""
    taken: Transition
    state: State
    """The state that the project is in now."""

    def as_json(self) -> dict[str, Any]:
        """As `sow advance --json` prints it."""
        held = {"event": self.taken.event, "source": self.source, "target": self.state.name}
        return {**held, "prompt": self.state.prompt}


def advance(store: Store, event: str | None) -> Advanced:
    """Takes the transition of `event`, or the only one that is open; what it changes is written as one.

    Raises Refused where there is none or its guard is not met: then nothing is changed.
    """
    kind = store.type()
    taken: list[tuple[str, Transition]] = []

    def change(whole: Whole) -> Step:
        chosen = statechart.open_way(kind, whole) if event is None else statechart.way(kind, whole, event)
        if not chosen.is_open:
            raise statechart.blocked(chosen)
        taken[:] = [(statechart.current(kind, whole).name, chosen.transition)]
        return statechart.step(kind, whole, chosen.transition, at=store.now())

    store.change_whole(change)
    source, transition = taken[0]
    return Advanced(source, transition, kind.state(transition.target))


def ways(store: Store) -> tuple[State, list[Way]]:
    """The state that the project is in and the ways out of it, each with what bars it."""
    kind, whole = store.type(), store.whole()
    return statechart.current(kind, whole), statechart.ways(kind, whole)


def rehearse(store: Store, event: str | None) -> tuple[State, Way]:
    """The state that the project is in, and the way that `advance` would take; nothing is changed.

    Raises Refused where `advance` would for want of a transition; a guard is told in the way.
    """
    kind, whole = store.type(), store.whole()
    chosen = statechart.open_way(kind, whole) if event is None else statechart.way(kind, whole, event)
    return statechart.current(kind, whole), chosen
