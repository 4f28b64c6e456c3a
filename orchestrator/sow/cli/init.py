"""`sow init`: once for a repository; again, it mends what is missing."""

from __future__ import annotations

from typing import Any

import click

from sow import find, setup
from sow.cli import opening
from sow.cli.words import aside


@click.command()
@click.pass_obj
def init(settings: dict[str, Any]) -> None:
    """Prepare this repository for sow.

    Makes .sow/ in the main checkout, and has git ignore sow's own folders by
    its info/exclude: no file of yours is touched. Run again, it mends what is
    missing.

    \b
    Example:  sow init
    """
    places = opening.repository(settings["project"])
    done = setup.prepare(places)
    for line in done:
        click.echo(line)
    click.echo(
        f"Initialized sow in {places.main}/.sow" if done else f"{places.main}/.sow is complete already"
    )
    if not find.all_projects(places):
        aside(settings, 'Next: `sow project new "what you want to get done"`')
