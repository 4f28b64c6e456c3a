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
@click.option("--json", "as_json", is_flag=True, help="One JSON document, in one line.")
def schema(name: str | None, as_json: bool) -> None:
    """Print a JSON Schema of the state, or list their names.

    \b
    Example:  sow schema task_state
    """
    if name is None:
        names = sow_schemas.names()
        click.echo(json.dumps(names) if as_json else "\n".join(names))
        return
    if name not in sow_schemas.names():
        close = nearest(name, sow_schemas.names())
        hint = (
            f"did you mean `sow schema {close}`?"
            if close
            else f"the schemas: {', '.join(sow_schemas.names())}"
        )
        raise NotFound(f"schema not found: {name}", hint)
    click.echo(json.dumps(sow_schemas.load(name), indent=None if as_json else 2))
