"""Worktrees: made, found again after any kill, removed when nothing is lost by it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache

from sow.errors import Failed, NotFound, Refused
from sow.git import alive, index, places
from sow.git.repository import Git, GitFailed, is_id, is_reserved

SALVAGE = "refs/sow/salvage"
"""Where commits stay that only a vanished worktree still knew of."""

# What git writes into a worktree's `locked` while it makes it, and no longer.
_HALF_MADE = "initializing"

# How long to wait for a git that makes a worktree: a killed one ends at once, a checkout takes a while.
_MAKER_SECONDS = 10.0

_REMOVED = ".sow-removed"


class Occupied(Refused):
    """The place or the branch of a worktree is taken by something that is not ours to touch."""


@dataclass(frozen=True, slots=True)
class Worktree:
    """One worktree as git has it registered."""

    path: str
    head: str
    """The commit that it stands at; zeros or empty where there is none."""
    branch: str | None
    """None with a detached HEAD, and in a bare repository."""
    bare: bool = False
    locked: str | None = None
    """Why it is locked, maybe in no words; None where it isn't."""
    gone: bool = False
    """Whether its folder is missing."""


def all_of(git: Git) -> list[Worktree]:
    """All worktrees of the repository, the main one first."""
    records = _listed(git).split("\0\0")
    found = [_parsed(record) for record in records if record.strip("\0")]
    if not found[0].bare:
        # Git guesses the main one from its git folder's path; in a submodule it names that folder itself.
        found[0] = replace(found[0], path=git.places.main, gone=False)
    return found


def _parsed(record: str) -> Worktree:
    facts = dict(_fact(field) for field in record.split("\0") if field)
    branch = facts.get("branch")
    path = facts["worktree"]
    return Worktree(
        path=path,
        head=facts.get("HEAD", ""),
        branch=branch.removeprefix("refs/heads/") if branch else None,
        bare="bare" in facts,
        locked=facts.get("locked"),
        gone="bare" not in facts and not os.path.lexists(f"{path}/.git"),
    )


def _fact(field: str) -> tuple[str, str]:
    name, _, value = field.partition(" ")
    return name, value


def torn(common: str) -> list[str]:
    """The registrations, by their folders, that a git was killed over before it had written them.

    While there is one, git lists no worktree at all. Nobody was told of it yet.
    """
    folder = f"{common}/worktrees"
    found = [f"{folder}/{name}" for name in sorted(_names(folder))]
    return [one for one in found if _is_empty(f"{one}/commondir") and _read(f"{one}/gitdir")]


def _listed(git: Git) -> str:
    listing = ("worktree", "list", "--porcelain", "-z")
    try:
        return git.run(*listing)
    except GitFailed:
        if not _forget_torn(git.places.common):
            raise
        return git.run(*listing)


def _forget_torn(common: str) -> bool:
    """Takes the torn registrations away, but for one that a git may be just writing; whether none is left."""
    for folder in torn(common):
        unused = alive.wait_until_unused(common, f"{folder}/commondir", _MAKER_SECONDS)
        if unused and folder in torn(common):
            shutil.rmtree(folder, ignore_errors=True)
    return not torn(common)


def holding(git: Git, branch: str) -> Worktree | None:
    """The worktree, with its folder there, that has `branch` checked out; None where none has."""
    return next(iter(all_holding(git, branch)), None)


def all_holding(git: Git, branch: str) -> list[Worktree]:
    """The worktrees that have `branch` checked out: more than one only where git was forced."""
    return [one for one in all_of(git) if _holds(one, branch)]


def _holds(one: Worktree, branch: str) -> bool:
    return one.branch == branch and not one.gone


def rebasing(git: Git, branch: str) -> str | None:
    """The folder of a worktree where a rebase or a bisect of `branch` is under way; None if nowhere."""
    for git_dir, folder in _git_dirs(git):
        for name in ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"):
            if _read(f"{git_dir}/{name}").removeprefix("refs/heads/") == branch:
                return folder
    return None


def add(git: Git, path: str, branch: str, base: str) -> bool:
    """Makes sure that there is a worktree at `path` on `branch`; True if it was made now.

    A missing branch is begun at `base`; one that is there is taken as it is.
    Whatever was left by a kill in the middle is completed, and a worktree
    whose folder vanished is made again. One that is there is not touched,
    whatever its agent is in the middle of. Raises Occupied where something
    else is at `path`, or the branch is checked out elsewhere; Refused for a
    bad name of a branch.
    """
    path = os.path.realpath(path)
    known = all_of(git)
    mine = _among(known, path)
    if mine and mine.locked == _HALF_MADE:
        _undo_half_made(git, path)
        known = all_of(git)
        mine = _among(known, path)
    if mine and not mine.gone:
        if mine.branch not in (branch, None):
            raise Occupied(
                f"the worktree {path} is on branch {mine.branch}, not on {branch}",
                f"go back to it there: `git switch {branch}`",
            )
        return False
    _must_be_free(path)
    begun = _begin(git, branch, base)
    elsewhere = (one.path for one in known if _holds(one, branch))
    # In one that was not there a moment ago, nothing is under way.
    folder = next(elsewhere, None) or (None if begun else rebasing(git, branch))
    if folder is not None:
        raise Occupied(
            f"branch {branch} is in use in {folder}",
            "one branch can be checked out in one worktree only: switch to another there",
        )
    if mine is not None:
        _forget(git, path)
        shutil.rmtree(_aside(path), ignore_errors=True)
    # Forced, because a registration elsewhere whose folder is gone must not hold the branch.
    git.run("worktree", "add", "--force", "--quiet", path, branch)
    return True


def remove(git: Git, path: str, into: str) -> str | None:
    """Removes a worktree if nothing is lost by it; None if it is gone, else the reason why it stays.

    It stays while anything in it is uncommitted or untracked, or a commit of
    it is not in the branch `into`. What git ignores goes with it. Its branch
    stays. A kill leaves it whole or gone. Raises Failed where the disk refuses.
    """
    path = os.path.realpath(path)
    reason = reason_to_stay(git, path, into)
    if reason is None:
        _take_away(git, path)
    return reason


def reason_to_stay(git: Git, path: str, into: str) -> str | None:
    """Why `remove` would leave a worktree where it is; None where it would go, or is gone already."""
    path = os.path.realpath(path)
    mine = _at(git, path)
    if mine is None:
        return f"{path} is no worktree of this repository" if os.path.lexists(path) else None
    if mine.gone:
        return f"its folder is missing, and it is locked{_because(mine)}" if mine.locked is not None else None
    if not belongs(git, path):
        # Of a repository that was copied: git has the original's worktrees noted in the copy.
        return f"{path} leads to another repository"
    return _reason_to_stay(Git(path, git.seconds), mine, into)


def belongs(git: Git, path: str) -> bool:
    """Whether what is at `path` leads back to this repository."""
    try:
        there = places.find(path)
    except NotFound:
        return False
    return there is not None and there.common == git.places.common


def _take_away(git: Git, path: str) -> None:
    """Removes folder and registration of a worktree, or what a kill in the middle of that left."""
    # A rename first: a folder that is half there would look like somebody's uncommitted work.
    aside = _aside(path)
    with _told(aside):
        _remove_tree(aside)
        if os.path.lexists(f"{path}/.git"):
            os.rename(path, aside)
        _forget(git, path)
        _remove_tree(aside)


@contextmanager
def _told(path: str) -> Iterator[None]:
    """What the disk does not let go, in words."""
    try:
        yield
    except OSError as fault:
        # What is removed inside of a folder comes by its bare name.
        place = fault.filename if os.path.isabs(fault.filename or "") else path
        raise Failed(
            f"can't remove {place}: {fault.strerror}",
            f"give yourself the right to, and repeat; or remove it: `rm -r {place}`",
        ) from fault


def _aside(path: str) -> str:
    """Where a worktree is moved to be removed."""
    return f"{os.path.dirname(path)}/.{os.path.basename(path)}{_REMOVED}"


def half_removed(above: str) -> list[str]:
    """The folders below `above` that a kill left in the middle of a removal."""
    found = []
    for folder, names, files in os.walk(above):
        left = [name for name in names if name.startswith(".") and name.endswith(_REMOVED)]
        found += [f"{folder}/{name}" for name in left]
        names[:] = [] if ".git" in (*names, *files) else [name for name in names if name not in left]
    return sorted(found)


def remove_rest(folder: str) -> None:
    """Completes a removal that was cut short: `folder` is one of `half_removed`. Raises Failed."""
    with _told(folder):
        _remove_tree(folder)


def _remove_tree(folder: str) -> None:
    while os.path.lexists(folder):
        # Two that remove the same meet files that are gone; each goes on till nothing is left.
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _reason_to_stay(git: Git, mine: Worktree, into: str) -> str | None:
    if git.places.git_dir == git.places.common:
        return f"{mine.path} is the main checkout"
    if mine.locked is not None:
        return f"it is locked{_because(mine)}"
    if doing := git.unfinished():
        return f"a {doing} is not finished in it"
    if dirty := git.dirty_files():
        more = f" and {len(dirty) - 3} more" if len(dirty) > 3 else ""
        return f"not committed: {', '.join(dirty[:3])}{more}"
    if (count := git.ahead_of(f"refs/heads/{into}")) not in (None, 0):
        return f"commits that are not in {into}: {count}"
    if inner := _repositories_in(git):
        return f"a repository of its own in it: {inner[0]}"
    return None


def _because(mine: Worktree) -> str:
    return f": {mine.locked}" if mine.locked else ""


def _repositories_in(git: Git) -> list[str]:
    """Checked-out submodules: what is in them is nowhere else, so far as git tells us."""
    entries = git.names("ls-files", "-z", "--stage")
    links = [entry.split("\t", 1)[1] for entry in entries if entry.startswith("160000 ")]
    return [link for link in links if os.path.lexists(f"{git.places.top}/{link}/.git")]


def _at(git: Git, path: str) -> Worktree | None:
    return _among(all_of(git), path)


def _among(known: list[Worktree], path: str) -> Worktree | None:
    # Most stand side by side: the links above them are followed once.
    above = cache(os.path.realpath)

    def real(place: str) -> str:
        folder, name = os.path.split(place)
        return os.path.realpath(place) if os.path.islink(place) else os.path.join(above(folder), name)

    return next((one for one in known if real(one.path) == path), None)


def _must_be_free(path: str) -> None:
    """Raises Occupied unless nothing, or nothing but a dead link to a worktree, is at `path`."""
    if not os.path.lexists(path):
        return
    there = os.listdir(path) if os.path.isdir(path) else None
    if there == [".git"] and not os.path.isdir(f"{path}/.git"):
        os.unlink(f"{path}/.git")
    elif there != []:
        raise Occupied(
            f"{path} is there already, and is no worktree of this repository",
            "look at what is in it, and move it away",
        )


def _begin(git: Git, branch: str, base: str) -> bool:
    """Makes a branch at `base`, unless it is there; whether it did."""
    commit = base
    if is_reserved(branch) or not is_id(base):
        if git.branch_exists(branch):
            return False
        git.check_branch_name(branch)
        commit = git.commit_of(base)
    try:
        return git.move_branch(branch, commit, None, "branch made")
    except GitFailed:
        # Mostly it is the name, and git says so in its own words.
        git.check_branch_name(branch)
        raise


def _forget(git: Git, path: str) -> None:
    """Drops the registration of a worktree whose folder is gone; commits that only it knew are kept."""
    git_dir = _git_dir_of(git, path)
    if git_dir is None:
        return
    if _read(f"{git_dir}/locked") or os.path.exists(f"{git_dir}/locked"):
        raise Occupied(
            f"the worktree {path} is locked, and its folder is not there",
            f"bring its disk back, or give it up: `git worktree unlock {path}`",
        )
    _salvage(git, git_dir)
    shutil.rmtree(git_dir)


def _salvage(git: Git, git_dir: str) -> None:
    """Gives a ref to the detached commit of a worktree that is about to be forgotten."""
    head = _read(f"{git_dir}/HEAD")
    commit = git.maybe_commit_of(head) if head and not head.startswith("ref:") else None
    if commit and not git.run("for-each-ref", "--count=1", "--contains", commit):
        git.run("update-ref", "-m", "sow: salvage", f"{SALVAGE}/{commit}", commit, env=git.identity())


def _undo_half_made(git: Git, path: str) -> None:
    """Completes or takes back a worktree whose git was killed while it made it.

    Git's own lock says so: nobody was told of the worktree yet, so nobody has
    worked in it.
    """
    git_dir = _git_dir_of(git, path)
    if git_dir is None:
        return
    if not alive.wait_until_unused(git.places.common, f"{git_dir}/locked", _MAKER_SECONDS):
        raise Occupied(f"a git is just making the worktree {path}", "wait for it to end, and repeat")
    inside = os.listdir(path) if os.path.isdir(path) else []
    if inside and inside != [".git"]:
        _finish_half_made(Git(path), git_dir)
        return
    with suppress(FileNotFoundError):
        os.unlink(f"{path}/.git")
    shutil.rmtree(git_dir)


def _finish_half_made(there: Git, git_dir: str) -> None:
    """Completes the checkout of a half-made worktree."""
    index.forget_dead(git_dir, f"{git_dir}/index.lock")
    there.run("reset", "--hard", "--quiet", "HEAD")
    with suppress(FileNotFoundError):  # its own git came to its end after all
        os.unlink(f"{git_dir}/locked")


def _git_dirs(git: Git) -> Iterator[tuple[str, str]]:
    """Git folder and top of every worktree, the main one first."""
    common = git.places.common
    yield common, git.places.main
    for name in sorted(_names(f"{common}/worktrees")):
        git_dir = f"{common}/worktrees/{name}"
        target = _read(f"{git_dir}/gitdir")
        if target:
            yield git_dir, os.path.dirname(os.path.join(git_dir, target))


def _git_dir_of(git: Git, path: str) -> str | None:
    return next((git_dir for git_dir, top in _git_dirs(git) if os.path.realpath(top) == path), None)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _is_empty(path: str) -> bool:
    try:
        return os.stat(path).st_size == 0
    except FileNotFoundError:
        return False


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().strip()
    except OSError:
        return ""
