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
from sow.store import Store

if TYPE_CHECKING:
    from sow.project_types import Phase

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
    return [(task.id, f"{task.name} ({task.status})") for task in _store(ctx).tasks().tasks]


@_completing
def task_files(ctx: click.Context) -> Words:
    """The ids of the tasks in the workspace of task files that the line so far means."""
    from sow import find
    from sow.cli import task_files
    from sow.taskfiles import workspace

    return task_files.ids(workspace.named(find.here(), ctx.params.get("folder")).folder)


@_completing
def tasks_to_run(ctx: click.Context) -> Words:
    """The ids of the project's tasks, or where there is a workspace of task files instead, of those."""
    from sow import find
    from sow.taskfiles import workspace

    if folder := workspace.here(find.here()):
        from sow.cli import task_files

        return task_files.ids(folder)
    return [(task.id, f"{task.name} ({task.status})") for task in _store(ctx).tasks().tasks]


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
    import os

    from sow.config import UserConfig
    from sow.config.user import names, type_by_name

    configured = UserConfig.read(os.environ).executors
    kinds = {name: held["type"] for name, held in configured.items()}
    return [(name, kinds.get(name) or type_by_name(name)) for name in names(configured)]


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
    """The types of events that this project's log has."""
    from sow import eventlog

    seen: dict[str, str] = {}
    for path in _store(ctx).log.files():
        with open(path, "rb") as file:
            for line in file:
                if event := eventlog.parse(line):
                    seen.setdefault(str(event["type"]), "")
    return sorted(seen.items())


@_completing
def project_types(ctx: click.Context) -> Words:
    """The types that a project can have here."""
    return [(name, kind.description) for name, kind in opening.here().types().items()]


@_completing
def events(ctx: click.Context) -> Words:
    """The events that lead out of the project's current state."""
    ways = opening.project(_settings(ctx)).ways().ways
    return [(way.transition.event, way.transition.description) for way in ways]


@_completing
def prompts(ctx: click.Context) -> Words:
    """The names under which there is guidance for agents."""
    return [(each.name, each.about) for each in opening.here().guidance(_settings(ctx)["project"])]


@_completing
def phases(ctx: click.Context) -> Words:
    """The phases of the project."""
    return [(name, "") for name in _store(ctx).phases()]


@_completing
def phases_with_tasks(ctx: click.Context) -> Words:
    """The phases that may have tasks."""
    return [(name, "") for name in _store(ctx).type().with_tasks()]


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
        return [
            (str(index), f"{one['type']}: {one['path']}") for index, one in enumerate(_artifacts(ctx, of))
        ]

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


def _store(ctx: click.Context) -> Store:
    """The state of the project that the line so far means."""
    return opening.store(_settings(ctx)["project"])


def _phase(ctx: click.Context) -> Phase:
    """What the project's type says of the phase that the line so far means."""
    from sow import phase

    store = _store(ctx)
    return phase.of(store.type(), _phase_name(ctx, store))


def _phase_name(ctx: click.Context, store: Store) -> str:
    from sow import statechart

    named = ctx.params.get("name") or ctx.params.get("owner")
    return named or statechart.current_phase(store.type(), store.project())


def _types(ctx: click.Context, of: str) -> tuple[str, ...]:
    found: tuple[str, ...] = () if _is_of_task(ctx) else getattr(_phase(ctx), of)
    return found


def _artifacts(ctx: click.Context, of: str) -> list[dict[str, Any]]:
    store = _store(ctx)
    if _is_of_task(ctx):
        return list(getattr(store.task(opening.caller().own_task(ctx.params.get("owner"))), of))
    held: Any = store.phase(_phase_name(ctx, store))
    return list(held[of])


def _is_of_task(ctx: click.Context) -> bool:
    """Whether the line is about a task's artifacts, `sow task output`, and not about a phase's."""
    above = ctx.parent and ctx.parent.parent
    return bool(above and above.info_name == "task")
