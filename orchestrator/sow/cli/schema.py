"""`sow schema`: the JSON Schemas of the state."""

from __future__ import annotations

import json

import click

import sow_schemas
from sow.errors import NotFound


@click.command()
@click.argument("name", required=False)
def schema(name: str | None) -> None:
    """Print a JSON Schema of the state, or list their names.

    \b
    Example:  sow schema task_state
    """
    if name is None:
        click.echo("\n".join(sow_schemas.names()))
        return
    if name not in sow_schemas.names():
        raise NotFound(f"schema not found: {name}", f"the schemas: {', '.join(sow_schemas.names())}")
    click.echo(json.dumps(sow_schemas.load(name), indent=2))
