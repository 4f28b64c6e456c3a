"""Guidance for agents: of a project's state, of the states of its type, of roles, of how to report."""

from __future__ import annotations

from dataclasses import dataclass

from sow import advancing, prompts, roles
from sow.api.opened import Opened
from sow.errors import NotFound
from sow.nearest import did_you_mean
from sow.project_types import ProjectType
from sow.result import Result

REPORT = "report"
"""The name of what every worker is told about reporting."""


@dataclass(frozen=True, slots=True)
class Guidance(Result):
    """Something that there is guidance for."""

    name: str
    about: str


def names(kind: ProjectType | None, main: str) -> list[Guidance]:
    """What there is guidance for.

    `kind`: of the project, whose states are among it; `main`: the main checkout.
    """
    states = [(name, f"state of type {kind.name}") for name in kind.states] if kind else []
    rows = [Guidance(name, about) for name, about in states]
    rows += [Guidance(role, "role") for role in roles.known(main)]
    return [*rows, Guidance(REPORT, "how a worker says how its work ended")]


def named(kind: ProjectType | None, main: str, name: str) -> str:
    """The guidance of that name. Raises NotFound."""
    if name == REPORT:
        return prompts.REPORT.strip()
    if kind and name in kind.states:
        return kind.states[name].prompt.strip()
    if name in roles.known(main):
        return prompts.role_text(name, main)
    known = [each.name for each in names(kind, main)]
    hint = f"{did_you_mean(name, known)}see them: `sow prompt --list`"
    raise NotFound(f"prompt not found: {name or 'its name is empty'}", hint)


def of_project(opened: Opened, name: str | None) -> str:
    """What the state of a project asks for, or the guidance of that name."""
    store = opened.store()
    if name is not None:
        return named(store.type(), store.layout.main, name)
    here, ways = advancing.ways(store)
    return prompts.state_text(store.project(), here, ways)
