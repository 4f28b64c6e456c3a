"""`sow prompt`: guidance for agents, for whoever drives them by hand or by another program."""

from __future__ import annotations

import json
from typing import Any

import click

from sow.cli import completion, opening
from sow.cli.words import columns
from sow.errors import Usage


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
        rows = opening.here().guidance(wanted)
        if as_json:
            click.echo(json.dumps([row.as_json() for row in rows]))
        else:
            click.echo(columns([(row.name, row.about) for row in rows]))
        return
    text = opening.project(settings).prompt() if name is None else opening.here().prompt(name, wanted)
    click.echo(json.dumps({"name": name, "text": text}) if as_json else text)
