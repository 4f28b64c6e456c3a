"""`sow advance`: the project's state machine."""

from __future__ import annotations

import json
from typing import Any

import click

from sow import advancing, statechart
from sow.cli import completion, opening
from sow.cli.text import plain
from sow.errors import Usage
from sow.statechart import Way
from sow.store import Store


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
    store = opening.store(settings["project"])
    if listed:
        _list(store, as_json)
    elif dry_run:
        _rehearse(store, event, as_json)
    else:
        _advance(store, event, as_json)


def _advance(store: Store, event: str | None, as_json: bool) -> None:
    done = advancing.advance(store, event)
    if as_json:
        held = {"event": done.taken.event, "source": done.source, "target": done.state.name}
        click.echo(json.dumps({**held, "prompt": done.state.prompt}))
        return
    click.echo(f"Current state: {done.source}")
    click.echo(f"Advanced to: {done.state.name}")
    if done.state.prompt:
        click.echo(f"\n{plain(done.state.prompt).rstrip()}")


def _list(store: Store, as_json: bool) -> None:
    here, ways = advancing.ways(store)
    if as_json:
        click.echo(json.dumps({"state": here.name, "transitions": [_row(way) for way in ways]}))
        return
    click.echo(f"Current state: {here.name}\n")
    if not ways:
        click.echo("Available transitions: none, the project has come to its end")
        return
    click.echo("Available transitions:")
    for way in ways:
        click.echo(plain("\n".join(_lines(way))))


def _row(way: Way) -> dict[str, Any]:
    return {
        "event": way.transition.event,
        "target": way.transition.target,
        "description": way.transition.description,
        "blocked": not way.is_open,
        "requires": [guard.text for guard in way.transition.guards],
        "unmet": [{"guard": u.text, "detail": u.detail, "remedy": u.remedy} for u in way.unmet],
    }


def _lines(way: Way) -> list[str]:
    taken = way.transition
    head = f"\n  sow advance {taken.event}"
    lines = [head if way.is_open else f"{head}  [BLOCKED]", f"    -> {taken.target}"]
    lines += [f"    {taken.description}"] if taken.description else []
    lines += [f"    Requires: {guard.text}" for guard in taken.guards]
    for unmet in way.unmet:
        lines += [f"    Not met:  {unmet.detail}", f"              {unmet.remedy}"]
    return lines


def _rehearse(store: Store, event: str | None, as_json: bool) -> None:
    here, way = advancing.rehearse(store, event)
    if as_json:
        click.echo(json.dumps({"state": here.name, **_row(way)}))
    else:
        click.echo(f"Validating transition: {here.name} -> {way.transition.event}")
    if not way.is_open:
        raise statechart.blocked(way)
    if not as_json:
        click.echo("Transition is valid and can be executed")
        click.echo(f"Target state: {way.transition.target}")
        click.echo(f"To execute: sow advance {way.transition.event}")
