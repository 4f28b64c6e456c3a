"""What a shell completes behind `sow`: projects, tasks, agents, fields, events.

A person is in the middle of a line, so whatever goes wrong completes nothing and says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from sow.cli import opening
from sow.errors import SowError

if TYPE_CHECKING:
    from sow.api.artifacts import Artifact
    from sow.api.phase import Phase
    from sow.api.project import Project
    from sow.api.workspace import Workspace
    from sow.project_types import Phase as PhaseType

Words = Iterable[tuple[str, str]]
"""Words, each with a line that tells what it stands for."""

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completing(words: Callable[[click.Context], Words]) -> Complete:
    @wraps(words)
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            found = list(words(ctx))
        except (SowError, OSError):
            return []
        return [CompletionItem(word, help=line) for word, line in found if word.startswith(incomplete)]

    return complete


@_completing
def projects(ctx: click.Context) -> Words:
    """The projects of this repository, by name."""
    return [(project.name, project.folder) for project in opening.here().projects()]


@_completing
def tasks(ctx: click.Context) -> Words:
    """The ids of the project's tasks."""
    return [(task.id, f"{task.name} ({task.status})") for task in _project(ctx).tasks().tasks]


@_completing
def waiting(ctx: click.Context) -> Words:
    """The ids of the tasks that wait for a person."""
    return [(item.task.id, f"{item.task.name} ({item.kind})") for item in _project(ctx).waiting()]


@_completing
def task_types(ctx: click.Context) -> Words:
    """The types of tasks that the repository's settings know, each with the role that does it."""
    return _project(ctx).task_types().items()


@_completing
def task_files(ctx: click.Context) -> Words:
    """The ids of the tasks in the workspace of task files that the line so far means."""
    from sow.cli import workspace

    return _ids(workspace.named(ctx.params.get("folder")))


@_completing
def any_tasks(ctx: click.Context) -> Words:
    """The ids of the project's tasks, or where there is a workspace of task files instead, of those."""
    if place := _workspace(ctx):
        return _ids(place)
    return [(task.id, f"{task.name} ({task.status})") for task in _project(ctx).tasks().tasks]


@_completing
def stages(ctx: click.Context) -> Words:
    """The stages of the workspace of task files that is here, but those that the line has."""
    place = _workspace(ctx)
    known = place.stages() if place else {}
    return [(name, handler) for name, handler in known.items() if name not in ctx.params.get("stages", ())]


@_completing
def worktrees(ctx: click.Context) -> Words:
    """The worktrees that may be removed: tasks' by their ids, and all by their branches."""
    mine = [one for one in opening.here().trees(_settings(ctx)["project"]) if one.owner.kind != "project"]
    words = [(one.owner.task.id, one.path) for one in mine if one.owner.task]
    return dict([*words, *((one.at.branch, one.path) for one in mine if one.at.branch)]).items()


@_completing
def agents(ctx: click.Context) -> Words:
    """The roles that an agent can have here."""
    return [(role, "") for role in opening.here().agents()]


@_completing
def executors(ctx: click.Context) -> Words:
    """The names by which an executor can be chosen: the user's own, and the types'."""
    return opening.here().settings().executors().items()


@_completing
def fields(ctx: click.Context) -> Words:
    """The fields of a task that `sow task set` sets."""
    from sow.fields import KEPT
    from sow.task import Task

    return [(name, "") for name in Task._fields if name not in KEPT]


@_completing
def values(ctx: click.Context) -> Words:
    """The values of the field that stands before, where it has a few."""
    from sow.task import PRIORITIES, STATUSES

    match ctx.params.get("field"):
        case "status":
            known: Iterable[str] = STATUSES
        case "priority":
            known = PRIORITIES
        case "assigned_agent":
            known = opening.here().agents()
        case _:
            known = ()
    return [(word, "") for word in known]


@_completing
def event_types(ctx: click.Context) -> Words:
    """The types of events that this project's log has, or the stream of the task files that are here."""
    if place := _workspace(ctx):
        return [(name, "") for name in place.event_types]
    return [(name, "") for name in sorted({event.type for event in _project(ctx).events()})]


@_completing
def project_types(ctx: click.Context) -> Words:
    """The types that a project can have here."""
    return [(name, kind.description) for name, kind in opening.here().types().items()]


@_completing
def events(ctx: click.Context) -> Words:
    """The events that lead out of the project's current state."""
    ways = _project(ctx).ways().ways
    return [(way.transition.event, way.transition.description) for way in ways]


@_completing
def prompts(ctx: click.Context) -> Words:
    """The names under which there is guidance for agents."""
    return [(each.name, each.about) for each in opening.here().guidance(_settings(ctx)["project"])]


@_completing
def phases(ctx: click.Context) -> Words:
    """The phases of the project."""
    return [(row.name, "") for row in _project(ctx).phases()]


@_completing
def phases_with_tasks(ctx: click.Context) -> Words:
    """The phases that may have tasks."""
    return [(name, "") for name in _project(ctx).type().with_tasks()]


@_completing
def phase_fields(ctx: click.Context) -> Words:
    """The fields of a phase that `sow phase set` sets, those of its metadata by the project's type."""
    known = (_phase(ctx).metadata or {}).get("properties", {})
    return [(name, "") for name in ("status", "enabled", *(f"metadata.{key}" for key in known))]


@_completing
def phase_values(ctx: click.Context) -> Words:
    """The values of the field of a phase that stands before, where it has a few."""
    field = str(ctx.params.get("field"))
    if field == "status":
        return [(status, "") for status in _phase(ctx).statuses]
    said = (_phase(ctx).metadata or {}).get("properties", {}).get(field.removeprefix("metadata."), {})
    if field == "enabled" or said.get("type") == "boolean":
        return [("true", ""), ("false", "")]
    return [(str(choice), "") for choice in said.get("enum", ())]


@_completing
def project_fields(ctx: click.Context) -> Words:
    """The fields of the project that `sow project set` sets."""
    import sow_schemas
    from sow.phase import PROJECT

    return [(name, "") for name in sow_schemas.fields(PROJECT.schema) if name not in PROJECT.kept]


def artifact_types(of: str) -> Complete:
    """The types of artifacts that may stand among the `inputs` or the `outputs` of the phase meant."""

    @_completing
    def types(ctx: click.Context) -> Words:
        return [(name, "") for name in _types(ctx, of)]

    return types


def artifact_indices(of: str) -> Complete:
    """The indices of the artifacts that stand there."""

    @_completing
    def indices(ctx: click.Context) -> Words:
        held = ((one.index, one.document) for one in _artifacts(ctx, of))
        return [(str(index), f"{one['type']}: {one['path']}") for index, one in held]

    return indices


@_completing
def artifact_fields(ctx: click.Context) -> Words:
    """The fields of an artifact that can be set."""
    return [(name, "") for name in ("type", "path", "approved", "metadata.")]


def artifact_values(of: str) -> Complete:
    """The values of the field of an artifact that stands before, where it has a few."""

    @_completing
    def values(ctx: click.Context) -> Words:
        match ctx.params.get("field"):
            case "approved":
                return [("true", ""), ("false", "")]
            case "type":
                return [(name, "") for name in _types(ctx, of)]
        return ()

    return values


@_completing
def branches(ctx: click.Context) -> Words:
    """The branches of this repository, and those that its remotes have."""
    return [(name, "") for name in opening.here().branches()]


@_completing
def formats(ctx: click.Context) -> Words:
    """The formats of other task systems."""
    from sow.formats.known import NAMES

    return [(name, "") for name in NAMES]


@_completing
def schemas(ctx: click.Context) -> Words:
    """The names of the schemas."""
    import sow_schemas

    return [(name, "") for name in sow_schemas.names()]


def _settings(ctx: click.Context) -> dict[str, Any]:
    """What the line so far has said of the project that is meant."""
    return {"project": None, **(ctx.find_object(dict) or {})}


def _project(ctx: click.Context) -> Project:
    """The project that the line so far means."""
    return opening.project(_settings(ctx))


def _workspace(ctx: click.Context) -> Workspace | None:
    """The workspace of task files that the line so far means instead of a project; None for none."""
    from sow.cli import workspace

    return workspace.here(_settings(ctx))


def _ids(place: Workspace) -> Words:
    """The ids of the tasks in a workspace, what is queued first."""
    found = sorted(place.look(), key=lambda seen: seen.status != "queued")
    return [(seen.id, seen.status) for seen in found]


def _phase(ctx: click.Context) -> PhaseType:
    """What the project's type says of the phase that the line so far means."""
    return _named_phase(ctx).type()


def _named_phase(ctx: click.Context) -> Phase:
    return _project(ctx).phase(ctx.params.get("name") or ctx.params.get("owner"))


def _types(ctx: click.Context, of: str) -> tuple[str, ...]:
    found: tuple[str, ...] = () if _is_of_task(ctx) else getattr(_phase(ctx), of)
    return found


def _artifacts(ctx: click.Context, of: str) -> list[Artifact]:
    owner = ctx.params.get("owner")
    whose = _project(ctx).task(owner) if _is_of_task(ctx) else _named_phase(ctx)
    return (whose.inputs if of == "inputs" else whose.outputs).all()


def _is_of_task(ctx: click.Context) -> bool:
    """Whether the line is about a task's artifacts, `sow task output`, and not about a phase's."""
    above = ctx.parent and ctx.parent.parent
    return bool(above and above.info_name == "task")
