"""What a shell completes behind `sow`: projects, tasks, agents, fields, events.

A person is in the middle of a line, so whatever goes wrong completes nothing and says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps

import click
from click.shell_completion import CompletionItem

from sow.cli import opening
from sow.errors import SowError
from sow.layout import is_task_branch
from sow.store import Store

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
    from sow import find

    return [(layout.name, layout.folder) for layout in find.all_projects(opening.repository())]


@_completing
def tasks(ctx: click.Context) -> Words:
    """The ids of the project's tasks."""
    return [(task.id, f"{task.name} ({task.status})") for task in _store(ctx).tasks().tasks]


@_completing
def agents(ctx: click.Context) -> Words:
    """The roles that an agent can have here."""
    from sow import roles

    return [(role, "") for role in roles.known(opening.repository().main)]


@_completing
def fields(ctx: click.Context) -> Words:
    """The fields of a task that `sow task set` sets."""
    from sow.fields import KEPT
    from sow.task import Task

    return [(name, "") for name in Task._fields if name not in KEPT]


@_completing
def values(ctx: click.Context) -> Words:
    """The values of the field that stands before, where it has a few."""
    from sow import roles
    from sow.task import PRIORITIES, STATUSES

    match ctx.params.get("field"):
        case "status":
            known: Iterable[str] = STATUSES
        case "priority":
            known = PRIORITIES
        case "assigned_agent":
            known = roles.known(opening.repository().main)
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
    from sow import project_types

    main = opening.repository().main
    return [(name, project_types.named(name, main).description) for name in project_types.names(main)]


@_completing
def events(ctx: click.Context) -> Words:
    """The events that lead out of the project's current state."""
    from sow import statechart

    store = _store(ctx)
    here = statechart.current(store.type(), store.whole())
    return [(way.event, way.description) for way in here.transitions]


@_completing
def prompts(ctx: click.Context) -> Words:
    """The names under which there is guidance for agents."""
    from sow.cli import prompt

    return prompt.names((ctx.find_object(dict) or {}).get("project"))


@_completing
def phases(ctx: click.Context) -> Words:
    """The phases of the project."""
    return [(name, "") for name in _store(ctx).phases()]


@_completing
def branches(ctx: click.Context) -> Words:
    """The branches of this repository, and those that its remotes have."""
    from sow.git.repository import Git

    git = Git(opening.repository().main)
    here = git.run("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")
    there = git.run("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes")
    names = dict.fromkeys(name for name in f"{here}{there}".splitlines() if name != "HEAD")
    return [(name, "") for name in names if not is_task_branch(name)]


@_completing
def schemas(ctx: click.Context) -> Words:
    """The names of the schemas."""
    import sow_schemas

    return [(name, "") for name in sow_schemas.names()]


def _store(ctx: click.Context) -> Store:
    """The state of the project that the line so far means."""
    return opening.store((ctx.find_object(dict) or {}).get("project"))
