"""What leads out of the state that a project is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sow import advancing, statechart
from sow.project_types import State
from sow.result import Result
from sow.statechart import Way
from sow.store import Store


@dataclass(frozen=True, slots=True)
class Ways(Result):
    """The state of a project, and the transitions out of it."""

    state: State
    ways: tuple[Way, ...]

    def as_json(self) -> Any:
        """As `sow advance --list --json` prints it."""
        return {"state": self.state.name, "transitions": [way_as_json(way) for way in self.ways]}


@dataclass(frozen=True, slots=True)
class Rehearsed(Result):
    """The transition that would be taken."""

    state: State
    """That the project is in."""
    way: Way

    def as_json(self) -> Any:
        """As `sow advance --dry-run --json` prints it."""
        return {"state": self.state.name, **way_as_json(self.way)}

    def check(self) -> None:
        """Raises Refused where something bars the way."""
        if not self.way.is_open:
            raise statechart.blocked(self.way)


def ways(store: Store) -> Ways:
    """What leads out of the state of a project."""
    here, found = advancing.ways(store)
    return Ways(here, tuple(found))


def rehearse(store: Store, event: str | None) -> Rehearsed:
    """What `event`, or the only open transition, would do; nothing is changed."""
    return Rehearsed(*advancing.rehearse(store, event))


def way_as_json(way: Way) -> dict[str, Any]:
    """A transition, with what bars it."""
    return {
        "event": way.transition.event,
        "target": way.transition.target,
        "description": way.transition.description,
        "blocked": not way.is_open,
        "requires": [guard.text for guard in way.transition.guards],
        "unmet": [{"guard": u.text, "detail": u.detail, "remedy": u.remedy} for u in way.unmet],
    }
