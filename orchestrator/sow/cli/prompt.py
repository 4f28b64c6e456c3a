"""`sow prompt`: guidance for agents, for whoever drives them by hand or by another program."""

from __future__ import annotations

import json
from typing import Any

import click

from sow import advancing, prompts, roles
from sow.cli import completion, opening
from sow.cli.words import columns
from sow.errors import NotFound, SowError, Usage
from sow.nearest import did_you_mean
from sow.project_types import ProjectType

REPORT = "report"
"""The name of what every worker is told about reporting."""


@click.command()
@click.argument("name", required=False, shell_complete=completion.prompts)
@click.option("--list", "listed", is_flag=True, help="List the names that there are.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def prompt(settings: dict[str, Any], name: str | None, listed: bool, as_json: bool) -> None:
    """Print guidance for agents: what the project's state asks for, or what NAME is told.

    NAME is a state of the project's type, a role (implementer, reviewer ...), or `report`: how a worker
    says how its work ended.

    \b
    Example:  sow prompt
              sow prompt reviewer
              claude "$(sow prompt orchestrator; sow prompt)"
    """
    wanted = settings["project"]
    if listed:
        if name is not None:
            raise Usage("--list takes no NAME", "`sow prompt --list`")
        rows = names(wanted)
        click.echo(json.dumps([{"name": n, "about": line} for n, line in rows]) if as_json else columns(rows))
        return
    text = _of_state(wanted) if name is None else _named(wanted, name)
    click.echo(json.dumps({"name": name, "text": text}) if as_json else text)


def names(wanted: str | None) -> list[tuple[str, str]]:
    """What there is guidance for, each with a line about it; outside of a project no states."""
    kind = _type(wanted)
    rows = [(state.name, f"state of type {kind.name}") for state in kind.states.values()] if kind else []
    rows += [(role, "role") for role in _roles(wanted)]
    return [*rows, (REPORT, "how a worker says how its work ended")]


def _of_state(wanted: str | None) -> str:
    store = opening.store(wanted)
    here, ways = advancing.ways(store)
    return prompts.state_text(store.project(), here, ways)


def _named(wanted: str | None, name: str) -> str:
    if name == REPORT:
        return prompts.REPORT.strip()
    kind = _type(wanted)
    if kind and name in kind.states:
        return kind.states[name].prompt.strip()
    if name in _roles(wanted):
        return prompts.role_text(name, _main(wanted))
    known = [word for word, _ in names(wanted)]
    hint = f"{did_you_mean(name, known)}see them: `sow prompt --list`"
    raise NotFound(f"prompt not found: {name or 'its name is empty'}", hint)


def _type(wanted: str | None) -> ProjectType | None:
    """The type of the project that is meant; None where none is, for roles are there without one."""
    try:
        return opening.store(wanted).type()
    except SowError:
        if wanted:
            raise
        return None


def _roles(wanted: str | None) -> tuple[str, ...]:
    return roles.known(_main(wanted))


def _main(wanted: str | None) -> str:
    """The main checkout, where roles of the repository's own are; empty outside of a repository."""
    try:
        return opening.layout(wanted).main if wanted else opening.place().main
    except SowError:
        if wanted:
            raise
        return ""
