"""`sow init`: once for a repository, or for a folder outside of git; again, it mends what is missing."""

from __future__ import annotations

import json
import os
from typing import Any

import click

from sow.cli import opening
from sow.cli.words import aside


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def init(settings: dict[str, Any], as_json: bool) -> None:
    """Prepare this repository for sow, or a folder outside of git.

    Makes .sow/ in the main checkout, and has git ignore sow's own folders by
    its info/exclude: no file of yours is touched. Run again, it mends what is
    missing.

    Outside of git it makes .sow/ in this folder, unless one above has it:
    agents then work in the folder itself, one at a time, and nothing is
    committed or merged. Run again after `git init`, it picks git up for the
    projects that begin then.

    \b
    Example:  sow init
    """
    repository = opening.repository(settings)
    done = repository.init()
    if as_json:
        click.echo(json.dumps(done.as_json()))
    else:
        for line in done.made:
            click.echo(line)
        words = "Initialized sow in {}/.sow" if done.made else "{}/.sow is complete already"
        click.echo(words.format(done.main))
    projects = repository.projects()
    if done.in_git:
        for name in (project.name for project in projects if project.outside):
            aside(
                settings,
                f"Project {name} was begun outside of git and goes on so, in the folder itself;"
                " those that begin from now on have branches",
            )
    else:
        aside(settings, "There is no git here: agents work in the folder itself, and nothing is merged")
        start = repository.caller.folder
        if done.main != os.path.realpath(start):
            aside(settings, f"For a .sow of its own in {start}: `mkdir {start}/.sow`, then `sow init` there")
    if not projects:
        aside(settings, 'Next: `sow project new "what you want to get done"`')
