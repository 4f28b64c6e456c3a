"""`sow worktree`: the folders in which agents work, seen and cleared away."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from sow.cli import completion, opening
from sow.cli.commands import Group
from sow.cli.text import plain
from sow.cli.words import aside, columns

if TYPE_CHECKING:
    from sow.api.trees import Tree
    from sow.worktree import Owned, Pruned


@click.group(cls=Group)
def worktree() -> None:
    """See and clear away worktrees."""


@worktree.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def list_(settings: dict[str, Any], as_json: bool) -> None:
    """List the worktrees of projects and tasks: whose each is, and what is in it.

    All of this repository; with --project those of one project.

    \b
    Example:  sow worktree list
              sow worktree list --json
    """
    rows = opening.here().worktrees(settings["project"])
    if as_json:
        click.echo(json.dumps([row.as_json() for row in rows]))
    elif rows:
        click.echo(columns([_cells(row) for row in rows]))
    else:
        aside(settings, "no worktree of sow's here; a project makes one: `sow project new DESCRIPTION`")


@worktree.command()
@click.argument("name", metavar="ID|BRANCH|PATH", shell_complete=completion.worktrees)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def remove(settings: dict[str, Any], name: str, as_json: bool) -> None:
    """Remove a worktree, if nothing is lost by it: that of task ID, on BRANCH, or at PATH.

    It is refused while anything in it is uncommitted, unmerged or at work. What git ignores
    goes with it. A task that has not ended keeps its branch, and its next start makes the
    worktree again; of one that has, the branch goes too, once it is merged.

    \b
    Example:  sow worktree remove 030
              sow worktree remove feat/add-login--030
    """
    gone = opening.here().remove_worktree(name, settings["project"])
    one = gone.owned
    if as_json:
        click.echo(
            json.dumps({"path": one.path, "branch": one.at.branch, "branch_deleted": gone.branch_deleted})
        )
        return
    click.echo(plain(f"Removed {one.path}{_and_branch(one, gone.branch_deleted)}"))
    if one.owner.needs_it:
        aside(settings, f"{one.owner.name} has not ended: its next start makes the worktree again")


@worktree.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go, and what would stay.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def prune(settings: dict[str, Any], dry_run: bool, as_json: bool) -> None:
    """Remove every worktree that nobody needs: its task ended, all in it merged and committed.

    Where a folder is gone already, git is told so. What stays is told with the reason.

    \b
    Example:  sow worktree prune --dry-run
    """

    def show(each: Pruned | str) -> None:
        if not as_json:
            click.echo(plain(_told(each, dry_run)))

    done = opening.here().prune_worktrees(settings["project"], dry_run=dry_run, watch=show)
    if as_json:
        click.echo(json.dumps(done.as_json()))
    elif not done.looked_at and not done.rests:
        aside(settings, "no worktree of a task here: nothing to remove")


def _cells(row: Tree) -> list[object]:
    one, owner = row.owned, row.owned.owner
    status = owner.task.status if owner.task else ("broken" if owner.unknown else owner.kind)
    name = f"[{owner.task.id}]" if owner.task else owner.project or "-"
    return [name, status, one.at.branch or "(detached)", ", ".join(_words(row)), one.path]


def _words(row: Tree) -> Iterable[str]:
    """How it stands, in a few words."""
    one, standing = row.owned, row.standing
    if one.at.gone:
        yield "gone"
        return
    if problem := standing.fault or one.owner.unknown:
        yield problem
    if standing.at_work:
        yield "at work"
    if standing.unfinished:
        yield f"{standing.unfinished} not finished"
    if not standing.fault:
        yield f"{len(standing.uncommitted)} uncommitted" if standing.uncommitted else "clean"
    if standing.ahead:
        yield f"{standing.ahead} ahead of {one.owner.into}"
    if one.at.locked is not None:
        yield "locked"


def _told(each: Pruned | str, dry_run: bool) -> str:
    """What became of a worktree, or of a rest at a path."""
    if isinstance(each, str):
        return f"{_went(dry_run)} {each}, the rest of a removal that was cut short"
    if each.why is not None:
        return f"{'Would stay' if dry_run else 'Stays'}: {each.one.path}: {each.why}"
    return f"{_went(dry_run)} {each.one.path}{_and_branch(each.one, each.branch_deleted)}"


def _went(dry_run: bool) -> str:
    return "Would remove" if dry_run else "Removed"


def _and_branch(one: Owned, deleted: bool) -> str:
    return f" and its merged branch {one.at.branch}" if deleted else ""
