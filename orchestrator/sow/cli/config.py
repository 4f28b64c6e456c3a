"""`sow config`: the user's settings, each with where it came from."""

from __future__ import annotations

import json
import os

import click

from sow import files, find, roles
from sow.cli.commands import Group
from sow.cli.words import columns
from sow.config import UserConfig, user_path
from sow.errors import Refused, SowError

EXAMPLE = """\
# Which program plays which role. An executor has a name of yours, a type, settings and arguments.
agents:
  executors:
    claude-code:
      type: claude
      settings:
        yolo_mode: false      # true: the agent may do everything unasked
        # model: opus
    # cursor:
    #   type: cursor
  bindings:
    # implementer: cursor
"""


@click.group(cls=Group)
def config() -> None:
    """See the user's settings."""


@config.command()
def path() -> None:
    """Print where the user's settings lie.

    \b
    Example:  $EDITOR "$(sow config path)"
    """
    click.echo(user_path(os.environ))


@config.command()
def init() -> None:
    """Write a file of settings to begin with, if there is none.

    \b
    Example:  sow config init
    """
    target = user_path(os.environ)
    if os.path.exists(target):
        raise Refused(f"{target} is there already", "edit it; nothing was changed")
    files.make_folder(os.path.dirname(target))
    files.write(target, EXAMPLE, mode=0o600)
    click.echo(f"Wrote {target}")


@config.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def show(as_json: bool) -> None:
    """Show which executor plays which role, and where that is said.

    \b
    Example:  sow config show
    """
    user = UserConfig.read(os.environ)
    try:
        known = roles.known(find.repository(find.here()).main)
    except SowError:
        known = roles.BUILT_IN
    rows = []
    for role in known:
        choice = user.for_role(role, os.environ)
        rows.append(
            {
                "role": role,
                "executor": choice.name,
                "type": choice.type,
                "settings": dict(choice.settings),
                "custom_args": list(choice.custom_args),
                "source": choice.source,
            }
        )
    if as_json:
        click.echo(json.dumps(rows))
        return
    click.echo(
        columns([[r["role"], r["executor"], f"type {r['type']}", f"from {r['source']}"] for r in rows])
    )


@config.command()
def validate() -> None:
    """Check the user's settings.

    \b
    Example:  sow config validate
    """
    user = UserConfig.read(os.environ)
    for name in user.executors:
        user.named(name, user.path)
    for role, name in user.bindings.items():
        user.named(name, f"{user.path}: agents.bindings.{role}")
    click.echo(
        f"{user.path} is valid" if os.path.exists(user.path) else "no settings of yours: the defaults hold"
    )
