"""`sow worktree`: the folders in which agents work, seen and cleared away."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import click

from sow import find
from sow.cli import completion, opening
from sow.cli.commands import Group
from sow.cli.text import plain
from sow.cli.words import aside, columns
from sow.git import worktrees
from sow.worktree import Owned, Pruned, Standing, Worktrees


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
    trees = opened(settings)
    rows = [(one, trees.standing(one)) for one in trees.all()]
    if as_json:
        click.echo(json.dumps([_row(one, standing) for one, standing in rows]))
    elif rows:
        click.echo(columns([_cells(one, standing) for one, standing in rows]))
    else:
        aside(settings, "no worktree of sow's here; a project makes one: `sow project new DESCRIPTION`")


@worktree.command()
@click.argument("name", metavar="ID|BRANCH|PATH", shell_complete=completion.worktrees)
@click.pass_obj
def remove(settings: dict[str, Any], name: str) -> None:
    """Remove a worktree, if nothing is lost by it: that of task ID, on BRANCH, or at PATH.

    It is refused while anything in it is uncommitted, unmerged or at work. What git ignores
    goes with it. A task that has not ended keeps its branch, and its next start makes the
    worktree again; of one that has, the branch goes too, once it is merged.

    \b
    Example:  sow worktree remove 030
              sow worktree remove feat/add-login--030
    """
    is_id = len(name) == 3 and name.isdecimal()
    store = opening.store(settings["project"]) if is_id else None
    trees = opened(settings)
    one = trees.named(name, store)
    deleted = trees.remove(one)
    click.echo(plain(f"Removed {one.path}{_and_branch(one, deleted)}"))
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
    trees = opened(settings, changes=not dry_run)
    rests = worktrees.half_removed(trees.above)
    pruned = []
    for rest in rests:
        if not dry_run:
            worktrees.remove_rest(rest)
        if not as_json:
            click.echo(plain(f"{_went(dry_run)} {rest}, the rest of a removal that was cut short"))
    for each in trees.prune(dry_run=dry_run):
        pruned.append(each)
        if not as_json:
            click.echo(plain(_told(each, dry_run)))
    if as_json:
        click.echo(json.dumps(_document(pruned, rests, dry_run)))
    elif not pruned and not rests:
        aside(settings, "no worktree of a task here: nothing to remove")


def opened(settings: dict[str, Any], *, changes: bool = True) -> Worktrees:
    """The worktrees that a command means: of `--project`, else of the whole repository.

    `changes`: whether what a killed `sow project new` left may be settled.
    """
    wanted = settings.get("project")
    here = find.project(find.here(), {}, wanted) if wanted else None
    places = find.repository(here.folder) if here else opening.repository()
    if changes:
        opening.settle_half_made(places)
    stores = tuple(opening.store(layout.folder) for layout in find.all_projects(places))
    return Worktrees(places, stores, only=here.name if here else None)


def _row(one: Owned, standing: Standing) -> dict[str, Any]:
    owner = one.owner
    return {
        "path": one.path,
        "branch": one.at.branch,
        "kind": owner.kind,
        "project": owner.project or None,
        "task": owner.task.id if owner.task else None,
        "status": owner.task.status if owner.task else None,
        "gone": one.at.gone,
        "locked": one.at.locked is not None,
        "uncommitted": None if one.at.gone or standing.fault else len(standing.uncommitted),
        "ahead": standing.ahead,
        "of": owner.into,
        "unfinished": standing.unfinished,
        "at_work": standing.at_work or None,
        "problem": owner.unknown or standing.fault or None,
    }


def _cells(one: Owned, standing: Standing) -> list[object]:
    owner = one.owner
    status = owner.task.status if owner.task else ("broken" if owner.unknown else owner.kind)
    name = f"[{owner.task.id}]" if owner.task else owner.project or "-"
    return [name, status, one.at.branch or "(detached)", ", ".join(_words(one, standing)), one.path]


def _words(one: Owned, standing: Standing) -> Iterable[str]:
    """How it stands, in a few words."""
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


def _told(pruned: Pruned, dry_run: bool) -> str:
    if pruned.why is not None:
        return f"{'Would stay' if dry_run else 'Stays'}: {pruned.one.path}: {pruned.why}"
    return f"{_went(dry_run)} {pruned.one.path}{_and_branch(pruned.one, pruned.branch_deleted)}"


def _went(dry_run: bool) -> str:
    return "Would remove" if dry_run else "Removed"


def _and_branch(one: Owned, deleted: bool) -> str:
    return f" and its merged branch {one.at.branch}" if deleted else ""


def _document(pruned: list[Pruned], rests: list[str], dry_run: bool) -> dict[str, Any]:
    def facts(each: Pruned) -> dict[str, Any]:
        task = each.one.owner.task
        return {"path": each.one.path, "branch": each.one.at.branch, "task": task.id if task else None}

    return {
        "dry_run": dry_run,
        "removed": [
            {**facts(each), "branch_deleted": each.branch_deleted} for each in pruned if each.why is None
        ],
        "kept": [{**facts(each), "why": each.why} for each in pruned if each.why is not None],
        "rests": rests,
    }
