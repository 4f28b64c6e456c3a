"""The worktrees of a repository: whose each is, how it stands in it, and what can go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sow import find
from sow.api.caller import Caller
from sow.git import worktrees
from sow.result import Result
from sow.worktree import Owned, Pruned, Standing, Worktrees


@dataclass(frozen=True, slots=True)
class Tree(Result):
    """A worktree, its owner, and how it stands in it."""

    owned: Owned
    standing: Standing

    def as_json(self) -> Any:
        """As `sow worktree list --json` prints it."""
        one, owner, standing = self.owned, self.owned.owner, self.standing
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


@dataclass(frozen=True, slots=True)
class Gone:
    """A worktree that was removed."""

    owned: Owned
    branch_deleted: bool
    """Whether its branch went, too: it was merged, and its task had ended."""


@dataclass(frozen=True, slots=True)
class Cleared(Result):
    """What became of the worktrees that nobody needs, or would have become."""

    looked_at: tuple[Pruned, ...]
    rests: tuple[str, ...]
    """The folders that a removal left when it was cut short."""
    dry_run: bool

    def as_json(self) -> Any:
        """As `sow worktree prune --json` prints it."""
        gone = [each for each in self.looked_at if each.why is None]
        kept = [each for each in self.looked_at if each.why is not None]
        return {
            "dry_run": self.dry_run,
            "removed": [{**_facts(each), "branch_deleted": each.branch_deleted} for each in gone],
            "kept": [{**_facts(each), "why": each.why} for each in kept],
            "rests": list(self.rests),
        }


def _facts(each: Pruned) -> dict[str, Any]:
    task = each.one.owner.task
    return {"path": each.one.path, "branch": each.one.at.branch, "task": task.id if task else None}


def opened(caller: Caller, project: str | None, *, changes: bool = True) -> Worktrees:
    """The worktrees of a project, or of the whole repository where None.

    `changes`: whether what a killed command left may be settled.
    """
    here = find.project(caller.folder, {}, project) if project else None
    places = find.repository(here.folder) if here else caller.repository()
    if changes:
        caller.settle_half_made(places)
    stores = tuple(caller.store(layout) for layout in find.all_projects(places))
    return Worktrees(places, stores, only=here.name if here else None)


def listed(trees: Worktrees) -> list[Tree]:
    """All of them, those of projects first."""
    return [Tree(one, trees.standing(one)) for one in trees.all()]


def removed(caller: Caller, project: str | None, name: str) -> Gone:
    """Removes a worktree, if nothing is lost by it: that of a task's id, on a branch, or at a path."""
    is_id = len(name) == 3 and name.isdecimal()
    store = caller.meant(project) if is_id else None
    trees = opened(caller, project)
    one = trees.named(name, store)
    return Gone(one, trees.remove(one))


def cleared(
    caller: Caller, project: str | None, *, dry_run: bool, watch: Callable[[Pruned | str], None]
) -> Cleared:
    """Removes every worktree that nobody needs. `watch`: is given each rest and each worktree as it comes."""
    trees = opened(caller, project, changes=not dry_run)
    rests = tuple(worktrees.half_removed(trees.above))
    for rest in rests:
        if not dry_run:
            worktrees.remove_rest(rest)
        watch(rest)
    seen = []
    for each in trees.prune(dry_run=dry_run):
        seen.append(each)
        watch(each)
    return Cleared(tuple(seen), rests, dry_run)
