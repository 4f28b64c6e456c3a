"""`sow project delete`: a project is given up, and nothing unmerged with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from sow.cli import completion, finish, opening, terminal
from sow.cli.text import plain
from sow.cli.words import counted
from sow.errors import Usage

if TYPE_CHECKING:
    from sow.deleting import Loss
    from sow.removal import Removed


@click.command()
@click.argument("name", required=False, shell_complete=completion.projects)
@click.option("--keep-branch", is_flag=True, help="Keep its branch, even where everything of it is merged.")
@click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def delete(settings: dict[str, Any], name: str | None, keep_branch: bool, yes: bool, as_json: bool) -> None:
    """Delete a project: its state, its worktrees, and the branches that are merged.

    A branch with work that is merged nowhere stays and is named, and uncommitted work is in the way. The
    project's final state is kept in .sow/runtime/. To bring its work home: `sow project finish`.

    \b
    Example:  sow project delete add-login
              sow project delete add-login --keep-branch --yes
    """
    wanted = name or settings["project"]
    if completed := [one for one in opening.here().settle() if wanted in (None, one.removal.name)]:
        for removed in completed:
            _tell(settings, removed, as_json)
        return
    project = opening.project(settings, name)
    loss = project.loss()
    if not yes:
        if as_json or not terminal.is_there():
            raise Usage(
                f"nobody can be asked here whether to delete the project {loss.name}",
                f"say --yes: `sow project delete {loss.name} --yes`",
            )
        click.echo(_plan(loss, not project.outside))
        if not terminal.yes("Delete it?"):
            click.echo("Nothing was done.", err=True)
            raise click.exceptions.Exit(1)
    _tell(settings, project.delete(keep_branch=keep_branch), as_json)


def _plan(loss: Loss, in_git: bool) -> str:
    tasks = counted(loss.tasks, "task") + (f", {loss.open_tasks} not ended" if loss.open_tasks else "")
    lines = [f"Project {loss.name}{f' on branch {loss.branch}' if in_git else ''}: {tasks}"]
    lines += [f"  Stays, for it is not merged: {plain(branch)}" for branch in loss.stays]
    return "\n".join(lines)


def _tell(settings: dict[str, Any], removed: Removed, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(removed.as_json()))
        return
    click.echo(f"Deleted project {removed.removal.name}")
    finish.tell_rest(settings, removed)
