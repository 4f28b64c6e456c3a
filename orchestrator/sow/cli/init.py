"""`sow init`: once for a repository; again, it mends what is missing."""

from __future__ import annotations

import os

import click

from sow import find, setup


@click.command()
def init() -> None:
    """Prepare this repository for sow.

    Makes .sow/ in the main checkout, and has git ignore sow's own folders by
    its info/exclude: no file of yours is touched. Run again, it mends what is
    missing.

    \b
    Example:  sow init
    """
    places = find.repository(os.getcwd())
    done = setup.prepare(places)
    for line in done:
        click.echo(line)
    click.echo(
        f"Initialized sow in {places.main}/.sow" if done else f"{places.main}/.sow is complete already"
    )
    click.echo('Next: sow project new "what you want to get done"', err=True)
