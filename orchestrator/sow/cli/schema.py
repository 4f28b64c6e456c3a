"""`sow schema`: the JSON Schemas of the state."""

from __future__ import annotations

import json

import click

import sow_schemas
from sow.cli import completion
from sow.cli.commands import nearest
from sow.errors import NotFound


@click.command()
@click.argument("name", required=False, shell_complete=completion.schemas)
def schema(name: str | None) -> None:
    """Print a JSON Schema of the state, or list their names.

    \b
    Example:  sow schema task_state
    """
    if name is None:
        click.echo("\n".join(sow_schemas.names()))
        return
    if name not in sow_schemas.names():
        close = nearest(name, sow_schemas.names())
        hint = (
            f"did you mean `sow schema {close}`?"
            if close
            else f"the schemas: {', '.join(sow_schemas.names())}"
        )
        raise NotFound(f"schema not found: {name}", hint)
    click.echo(json.dumps(sow_schemas.load(name), indent=2))
