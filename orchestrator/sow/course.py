"""The way of a project to its end: how far open ways lead, and the gates on the rest of it.

    here --open--> ... --open--> where it stops --barred--> ... --> a final state
          one step                                 gates that were not passed

Only ways that lead nearer to a final state are taken, so a review that failed
sends nothing back to planning here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sow import statechart
from sow.change import Event
from sow.errors import Refused
from sow.project_types import MetadataIs, ProjectType, Transition
from sow.state import Step, Whole
from sow.statechart import Unmet, Way

if TYPE_CHECKING:
    from sow_schemas.documents import PhaseFile

DELETED = "project_deleted"
"""The field of a phase's metadata that says that the project is cleared up: the end itself sets it."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A transition on the way to the end that a guard bars."""

    state: str
    way: Way

    @property
    def text(self) -> str:
        """The guards that are not met, in their own words, and where they stand."""
        return f"{', '.join(unmet.text for unmet in self.way.unmet)} ({self.state})"


@dataclass(frozen=True, slots=True)
class Course:
    """How far a project comes, and what is between that and its end."""

    step: Step
    state: str
    """Where it stops."""
    gates: tuple[Gate, ...] = ()


def to_the_end(kind: ProjectType, whole: Whole, *, at: str) -> Course:
    """The course of a project that is being finished. `at`: RFC 3339, when.

    Raises Refused for a state that the type does not have.
    """
    distance = _distances(kind)
    now, events = whole, list[Event]()
    phases: dict[str, PhaseFile] = {}
    while taken := _next(kind, now, distance):
        now = _cleared_up(now, taken)
        step = statechart.step(kind, now, taken.transition, at=at)
        phases |= {**_changed(whole.phases, now.phases), **step.phases}
        now = now.replace(project=step.project or now.project, phases={**now.phases, **step.phases})
        events += step.events
    stop = statechart.current(kind, now).name
    step = Step(project=now.project if events else None, phases=phases, events=tuple(events))
    return Course(step, stop, tuple(_gates(kind, now, stop, distance)))


def insist(kind: ProjectType, whole: Whole, *, at: str) -> None:
    """Raises Refused unless open ways alone lead to the end."""
    found = to_the_end(kind, whole, at=at)
    if found.gates:
        raise statechart.blocked(found.gates[0].way)
    if found.state not in kind.final:
        raise Refused(
            f"the project stops in state {found.state}, and which way leads on is for a person to say",
            "take it: `sow advance --list`, `sow advance EVENT`",
        )


def with_pull_request(
    kind: ProjectType, phases: Mapping[str, PhaseFile], url: str, number: int | None
) -> dict[str, PhaseFile]:
    """The phase, by name, that notes where a project's pull request is: the last that has a field for it."""
    for name in reversed(list(kind.phases)):
        fields = (kind.phases[name].metadata or {}).get("properties", {})
        if "pr_url" in fields and name in phases:
            noted: dict[str, Any] = {"pr_url": url}
            if number and "pr_number" in fields:
                noted["pr_number"] = number
            return {name: _with_metadata(phases[name], noted)}
    return {}


def _next(kind: ProjectType, whole: Whole, distance: Mapping[str, int]) -> Way | None:
    """The one open way that leads nearer to the end; None where there is none, or a choice."""
    here = statechart.current(kind, whole)
    free = [
        way
        for way in statechart.ways(kind, whole)
        if _is_nearer(here.name, way.transition.target, distance)
        and all(_is_ours(way.transition, unmet) for unmet in way.unmet)
    ]
    return free[0] if len(free) == 1 else None


def _gates(kind: ProjectType, whole: Whole, start: str, distance: Mapping[str, int]) -> list[Gate]:
    """The barred transitions of the shortest way from `start` to the end."""
    found, here = [], start
    while distance.get(here, 0) > 0:
        there = whole.replace(
            project={**whole.project, "statechart": {**whole.project["statechart"], "current_state": here}}
        )
        way = min(
            statechart.ways(kind, there), key=lambda way: distance.get(way.transition.target, len(distance))
        )
        unmet = tuple(unmet for unmet in way.unmet if not _is_ours(way.transition, unmet))
        if unmet:
            found.append(Gate(here, Way(way.transition, unmet)))
        here = way.transition.target
    return found


def _distances(kind: ProjectType) -> dict[str, int]:
    """How many transitions each state is from a final one; those from which none is reached are left out."""
    into: dict[str, list[str]] = {}
    for name, state in kind.states.items():
        for way in state.transitions:
            into.setdefault(way.target, []).append(name)
    found = dict.fromkeys(kind.final, 0)
    todo = deque(kind.final)
    while todo:
        here = todo.popleft()
        for name in into.get(here, ()):
            if name not in found:
                found[name] = found[here] + 1
                todo.append(name)
    return found


def _is_nearer(here: str, target: str, distance: Mapping[str, int]) -> bool:
    return target in distance and distance[target] < distance.get(here, 0)


def _is_ours(transition: Transition, unmet: Unmet) -> bool:
    """Whether it is for the project's end itself to meet a guard."""
    return any(
        guard.text == unmet.text and guard.field == DELETED
        for guard in transition.guards
        if isinstance(guard, MetadataIs)
    )


def _cleared_up(whole: Whole, taken: Way) -> Whole:
    """The project with the fields set by which the way's guards ask whether it is cleared up."""
    asked = [g for g in taken.transition.guards if isinstance(g, MetadataIs) and g.field == DELETED]
    phases = {
        guard.phase: _with_metadata(whole.phases[guard.phase], {DELETED: guard.equals}) for guard in asked
    }
    return whole.replace(phases={**whole.phases, **phases})


def _with_metadata(phase: PhaseFile, fields: Mapping[str, object]) -> PhaseFile:
    return statechart.in_order({**phase, "metadata": {**phase.get("metadata", {}), **fields}})


def _changed(before: Mapping[str, PhaseFile], after: Mapping[str, PhaseFile]) -> dict[str, PhaseFile]:
    return {name: phase for name, phase in after.items() if phase is not before.get(name)}
