"""What people set of a phase and of a project: fields by their dotted path, as the project's type allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sow_schemas
from sow import dotted, statechart
from sow.change import Event
from sow.document.canonical import same
from sow.dotted import Form
from sow.errors import Refused
from sow.nearest import did_you_mean
from sow.project_types import Phase, ProjectType
from sow.state import Step

Document = Any
"""A document whose fields are set by name, where no type can follow: the schema checks what is written."""

_TIMES = "sow keeps the times"

PHASE = Form(
    thing="a phase",
    schema="phase_file",
    command="sow phase set",
    shown_by="sow phase list --json",
    kept={
        "created_at": _TIMES,
        "started_at": _TIMES,
        "completed_at": _TIMES,
        "failed_at": _TIMES,
        "iteration": "`sow advance` opens the next iteration",
        "inputs": "`sow input add|set|remove` changes them",
        "outputs": "`sow output add|set|remove` changes them",
        "tasks": "`sow task add|move|remove` changes them",
    },
    needed=("status", "enabled"),
)

PROJECT = Form(
    thing="a project",
    schema="project_file",
    command="sow project set",
    shown_by="sow project show",
    kept={
        "name": "a project keeps its name; `sow project new --name` gives another one its own",
        "type": "what there is was made by it; `sow project new --type` begins one of another type",
        "branch": "git knows it; `sow project new --branch` begins a project on another one",
        "created_at": _TIMES,
        "updated_at": _TIMES,
        "statechart": "`sow advance` takes the project to its next state",
        "phases": "`sow phase set` changes a phase",
        "agent_sessions": "sow stores a session before its agent starts",
    },
)


def of(kind: ProjectType, name: str) -> Phase:
    """What the project's type says of a phase; of one that it does not know, nothing in particular."""
    return kind.phases.get(name, Phase(name))


def setting(
    phase: Phase, path: str, value: str, *, at: str, text: bool = False
) -> Callable[[Document], Step]:
    """The change that sets the field at `path` of a phase, for `Store.change_phase`.

    `phase`: what the project's type says of it. `text`: take the value as text whatever it looks
    like. `at`: RFC 3339, when. The change raises Refused for an unknown or kept field and a bad value.
    """

    def change(held: Document) -> Step:
        if path == "status":
            _check_status(phase, value)
            return _told(phase.name, held, _with_status(held, value, at), path)
        top = dotted.top(path, PHASE)
        new = dotted.put(held.get(top), path, value, PHASE, text=text, metadata=lambda: phase.metadata)
        return _told(phase.name, held, statechart.in_order({**held, top: new}), path)

    return change


def unsetting(phase: str, path: str) -> Callable[[Document], Step]:
    """The change that removes the field at `path` of a phase. It raises Refused for one that it needs."""

    def change(held: Document) -> Step:
        return _told(phase, held, _without(held, path, PHASE), path)

    return change


def project_setting(path: str, value: str, *, text: bool = False) -> Callable[[Document], Step]:
    """The change that sets a field of the project's own document, for `Store.change_project`."""

    def change(held: Document) -> Step:
        top = dotted.top(path, PROJECT)
        new = {**held, top: dotted.put(held.get(top), path, value, PROJECT, text=text)}
        return _project_told(held, new, path)

    return change


def project_unsetting(path: str) -> Callable[[Document], Step]:
    """The change that removes a field of the project's own document."""
    return lambda held: _project_told(held, _without(held, path, PROJECT), path)


# -- phases and tasks ------------------------------------------------------------------------------


def for_tasks(kind: ProjectType, project: Document, wanted: str | None) -> str:
    """The phase that a new task goes to: the one that is wanted, else that of the project's state if it
    may have tasks, else the first that may.

    Raises Refused for one in which the type allows no tasks.
    """
    having = kind.with_tasks()
    if wanted is not None:
        check_tasks(kind, wanted)
        return wanted
    if not having:
        raise Refused(
            f"projects of type {kind.name} have no tasks",
            "give a phase of the type `tasks: true`, or begin a project of another type",
        )
    here = kind.state(project["statechart"]["current_state"]).phase
    return here if here in having else having[0]


def check_tasks(kind: ProjectType, phase: str) -> None:
    """Raises Refused for a phase in which the type allows no tasks."""
    if phase not in kind.with_tasks():
        raise Refused(
            f"phase {phase} has no tasks in projects of type {kind.name}",
            f"the phases that have: {', '.join(kind.with_tasks()) or 'none'}",
        )


# -- helpers ---------------------------------------------------------------------------------------


def _check_status(phase: Phase, status: str) -> None:
    if status not in phase.statuses:
        raise Refused(
            f"status: {status!r} is none of phase {phase.name}",
            f"{did_you_mean(status, phase.statuses)}the statuses: {', '.join(phase.statuses)}",
        )


def _with_status(held: Document, status: str, at: str) -> Document:
    return held if held["status"] == status else statechart.with_status(held, status, at)


def _without(held: Document, path: str, form: Form) -> Document:
    top = dotted.top(path, form)
    new = dotted.without(held.get(top), path, form)
    return {**held, top: new} if new is not None else {k: v for k, v in held.items() if k != top}


def _told(phase: str, held: Document, after: Document, path: str) -> Step:
    """The step to `after`, with its event; none where nothing is another."""
    if same(after, held):
        return Step()
    event = Event(type="phase.changed", payload={"phase": phase, "fields": [path]})
    return Step(phases={phase: after}, events=(event,))


def _project_told(held: Document, after: Document, path: str) -> Step:
    if same(after, held):
        return Step()
    in_order: Any = {name: after[name] for name in sow_schemas.fields(PROJECT.schema) if name in after}
    return Step(project=in_order, events=(Event(type="project.changed", payload={"fields": [path]}),))
