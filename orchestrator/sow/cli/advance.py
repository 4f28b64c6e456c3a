"""`sow advance`: the project's state machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from sow.cli import completion, opening
from sow.cli.text import plain
from sow.errors import Usage

if TYPE_CHECKING:
    from sow.api.project import Project
    from sow.statechart import Way


@click.command()
@click.argument("event", required=False, shell_complete=completion.events)
@click.option("--list", "listed", is_flag=True, help="List the transitions of the current state.")
@click.option("--dry-run", is_flag=True, help="Say whether it could, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def advance(settings: dict[str, Any], event: str | None, listed: bool, dry_run: bool, as_json: bool) -> None:
    """Advance the project to its next state.

    Without EVENT it takes the only transition that is open. A transition that a guard bars is refused,
    with what is not met and the command that would meet it.

    \b
    Example:  sow advance
              sow advance --list
              sow advance planning_complete --dry-run
    """
    if listed and (event is not None or dry_run):
        raise Usage("--list takes no EVENT and no --dry-run", "`sow advance --list`")
    project = opening.project(settings)
    if listed:
        _list(project, as_json)
    elif dry_run:
        _rehearse(project, event, as_json)
    else:
        _advance(project, event, as_json)


def _advance(project: Project, event: str | None, as_json: bool) -> None:
    done = project.advance(event)
    if as_json:
        click.echo(json.dumps(done.as_json()))
        return
    click.echo(f"Current state: {done.source}")
    click.echo(f"Advanced to: {done.state.name}")
    if done.state.prompt:
        click.echo(f"\n{plain(done.state.prompt).rstrip()}")


def _list(project: Project, as_json: bool) -> None:
    held = project.ways()
    if as_json:
        click.echo(json.dumps(held.as_json()))
        return
    click.echo(f"Current state: {held.state.name}\n")
    if not held.ways:
        click.echo("Available transitions: none, the project has come to its end")
        return
    click.echo("Available transitions:")
    for way in held.ways:
        click.echo(plain("\n".join(_lines(way))))


def _lines(way: Way) -> list[str]:
    taken = way.transition
    head = f"\n  sow advance {taken.event}"
    lines = [head if way.is_open else f"{head}  [BLOCKED]", f"    -> {taken.target}"]
    lines += [f"    {taken.description}"] if taken.description else []
    lines += [f"    Requires: {guard.text}" for guard in taken.guards]
    for unmet in way.unmet:
        lines += [f"    Not met:  {unmet.detail}", f"              {unmet.remedy}"]
    return lines


def _rehearse(project: Project, event: str | None, as_json: bool) -> None:
    held = project.rehearse(event)
    taken = held.way.transition
    if as_json:
        click.echo(json.dumps(held.as_json()))
    else:
        click.echo(f"Validating transition: {held.state.name} -> {taken.event}")
    held.check()
    if not as_json:
        click.echo("Transition is valid and can be executed")
        click.echo(f"Target state: {taken.target}")
        click.echo(f"To execute: sow advance {taken.event}")
