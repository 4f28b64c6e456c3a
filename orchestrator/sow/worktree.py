"""The worktrees of a repository that are sow's: whose each is, what stands in it, whether it may go.

    project   holds the state of a project, and stays as long as that is there
    task      an agent's; it may go once nothing would be lost, and the next start makes it again
    stray     of no task and no project that is here

A worktree is never removed while anything in it is uncommitted, unmerged or at work.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from sow import find, process, setup
from sow.attempt import Attempts
from sow.config import RepositoryConfig
from sow.driving import Drivers
from sow.errors import Busy, NotFound, Refused, SowError
from sow.git import places as git_places
from sow.git import worktrees
from sow.git.places import Places
from sow.git.repository import Git
from sow.git.worktrees import Worktree
from sow.layout import PROJECT, WORKTREES, Layout, is_task_branch, task_branch
from sow.runner.local import Ended, LocalRunner, NeverStarted
from sow.store import Store
from sow.task import ENDED, Task
from sow.workspace import Workspace

Kind = Literal["project", "task", "stray"]

_SEE = "see those there are: `sow worktree list`"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a worktree is."""

    kind: Kind
    into: str | None = None
    """The branch that its work goes into in the end; None where that is not there."""
    store: Store | None = None
    """Of the project that it belongs to."""
    task: Task | None = None
    unknown: str = ""
    """Why it can't be told whether anybody needs it: a state file that is broken."""

    @property
    def project(self) -> str:
        """The name of the project, empty for none."""
        return self.store.layout.name if self.store else ""

    @property
    def name(self) -> str:
        """The owner as people call it."""
        match self.kind:
            case "project":
                return f"project {self.project}" if self.project else "a project"
            case "task":
                return f"task {self.task.id}" if self.task else "a task"
            case "stray":
                return "no task"

    @property
    def needs_it(self) -> bool:
        """Whether an agent may still go on in it."""
        return self.task is not None and self.task.status not in ENDED


@dataclass(frozen=True, slots=True)
class Owned:
    """A worktree and its owner."""

    at: Worktree
    owner: Owner

    @property
    def path(self) -> str:
        return self.at.path


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands in a worktree."""

    uncommitted: tuple[str, ...] = ()
    ahead: int | None = None
    """Commits that are not in the branch that it goes into; None where that can't be told."""
    unfinished: str | None = None
    """What git is in the middle of there."""
    at_work: str = ""
    """Who is at work on its task."""
    fault: str = ""
    """Why git can't tell."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What became of a worktree, or would have become."""

    one: Owned
    why: str | None
    """Why it stays; None where it went."""
    branch_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Worktrees:
    """The worktrees of one repository, as git and the state of its projects have them."""

    places: Places
    stores: tuple[Store, ...]
    """Of all projects of the repository: what belongs to none of them is a stray."""
    only: str | None = None
    """The name of the project that is looked at; all of them where None."""
    seconds: float | None = None
    """How long one look by git may take."""

    @property
    def git(self) -> Git:
        return Git(self.places.main, self.seconds)

    @property
    def above(self) -> str:
        """The folder in which sow makes worktrees."""
        return f"{self.places.main}/{WORKTREES}"

    # -- looking ------------------------------------------------------------------------------

    def all(self) -> list[Owned]:
        """Every worktree of sow's, those of projects first."""
        owners = _owners(self)
        every = (
            Owned(one, owner) for one in worktrees.all_of(self.git) if (owner := self._owner(one, owners))
        )
        order = {"project": 0, "task": 1, "stray": 2}
        wanted = [one for one in every if self.only is None or self._is_of(one, self.only)]
        return sorted(wanted, key=lambda one: (order[one.owner.kind], one.owner.project, one.path))

    def named(self, name: str, store: Store | None) -> Owned:
        """The worktree that `name` means: a task's id in the project of `store`, a branch, or a path.

        Raises NotFound.
        """
        every = self.all()
        for one in every:
            mine = store is not None and one.owner.project == store.layout.name
            if mine and one.owner.task and one.owner.task.id == name:
                return one
        for one in every:
            if name and (one.at.branch == name or os.path.realpath(one.path) == os.path.realpath(name)):
                return one
        if store is not None and len(name) == 3 and name.isdecimal():
            raise NotFound(f"task {store.task(name).id} has no worktree", _SEE)
        raise NotFound(f"worktree not found: {name or 'its name is empty'}", _SEE)

    def standing(self, one: Owned) -> Standing:
        """How it stands in a worktree; what git can't tell is told as a fault."""
        busy = at_work(one.owner)
        if one.at.gone:
            return Standing(at_work=busy)
        git = Git(one.path, self.seconds)
        try:
            return Standing(tuple(git.dirty_files()), _ahead(git, one.owner.into), git.unfinished(), busy)
        except SowError as fault:
            return Standing(at_work=busy, fault=str(fault))

    def why_kept(self, one: Owned) -> str | None:
        """Why `prune` leaves a worktree where it is; None where nobody needs it and nothing would be lost."""
        if one.owner.unknown:
            return one.owner.unknown
        if one.owner.kind == "project":
            return f"it holds the state of {one.owner.name}"
        if one.owner.needs_it and not one.at.gone and one.owner.task:
            return f"{one.owner.name} is {one.owner.task.status}"
        return self.why_not(one)

    def why_not(self, one: Owned) -> str | None:
        """What would be lost or disturbed by removing a worktree; None where nothing would be."""
        if who := at_work(one.owner) or _stands_in(one.path):
            return who
        if one.owner.into is None and not one.at.gone:
            return "the branch is missing by which it could be told whether its work is merged"
        return worktrees.reason_to_stay(self.git, one.path, one.owner.into or "")

    def _owner(self, one: Worktree, owners: dict[str, Owner]) -> Owner | None:
        """Whose a worktree is; None where it is no business of sow's."""
        path = os.path.realpath(one.path)
        if not one.gone and not worktrees.belongs(self.git, path):
            return None
        if found := owners.get(path) or owners.get(one.branch or ""):
            return found
        if not path.startswith(f"{self.above}/"):
            return None
        branch = one.branch or path.removeprefix(f"{self.above}/")
        head = branch[: -len("--000")] if is_task_branch(branch) else ""
        if (of := owners.get(head)) and of.unknown:
            return of
        return Owner("stray", head if head and self.git.branch_exists(head) else _default(self.git))

    def _is_of(self, one: Owned, project: str) -> bool:
        """Whether a worktree is the project's, or one of its tasks', or was."""
        branches = [branch_of(store) for store in self.stores if store.layout.name == project]
        return one.owner.project == project or (one.owner.kind == "stray" and one.owner.into in branches)

    # -- removing -----------------------------------------------------------------------------

    def remove(self, one: Owned) -> bool:
        """Removes a worktree by which nothing is lost; whether its branch went, too.

        That happens to the branch of a task that ended, once it is merged.
        Raises Busy where an agent is at work, Refused where something would be lost.
        """
        owner = one.owner
        if owner.unknown or owner.kind == "project":
            raise Refused(
                f"{one.path} stays: {self.why_kept(one)}", f"look at it: `git -C {one.path} status`"
            )
        with self._held(one):
            if owner.kind == "stray" and _holds_project(one):
                raise Refused(f"{one.path} stays: it holds the state of a project", _SEE)
            if busy := at_work(owner):
                hint = f"wait for it, or end it: `sow agent stop {owner.task.id}`" if owner.task else ""
                raise Busy(f"{one.path} stays: {busy}", f"{hint}; if no `sow run` is on, start one")
            if why := self.why_not(one) or worktrees.remove(self.git, one.path, owner.into or ""):
                raise Refused(f"{one.path} stays: {why}", self._what_now(one))
            return self._delete_branch(one)

    def prune(self, *, dry_run: bool) -> Iterator[Pruned]:
        """Removes the worktrees that nobody needs and by which nothing is lost; tells what became of each.

        With `dry_run` nothing is changed.
        """
        for one in self.all():
            if one.owner.kind == "project" and not one.owner.unknown:
                continue
            try:
                why = self.why_kept(one)
                deleted = self.remove(one) if why is None and not dry_run else False
            except SowError as fault:
                why, deleted = str(fault), False
            yield Pruned(one, why, deleted)

    def _what_now(self, one: Owned) -> str:
        standing = self.standing(one)
        if standing.ahead and not (standing.uncommitted or standing.unfinished) and one.at.branch:
            keep = f"branch {one.at.branch} keeps them if you give the folder up"
            return f"see `git -C {one.path} log {one.owner.into}..`; {keep}: `git worktree remove {one.path}`"
        return f"look at it: `git -C {one.path} status`"

    @contextmanager
    def _held(self, one: Owned) -> Iterator[None]:
        """No agent is started in the worktree meanwhile, and no other git of sow's is at work on it; where it
        may go, it was cleared up."""
        owner = one.owner
        if owner.store is None or owner.task is None:
            # A project that is just being made is nobody's yet, too.
            with setup.only_one(self.places):
                yield
            return
        still = Drivers(owner.store).kept_still(owner.task.id, f"the removal of the worktree of {owner.name}")
        settings = RepositoryConfig.read(self.places.main)
        with still:
            space = Workspace.of(owner.store, settings)
            if settings.worktree.teardown and self.why_not(one) is None:
                space.tear_down(self.git, one.path, owner.task.id)
            with space.lease():
                yield

    def _delete_branch(self, one: Owned) -> bool:
        branch, into = one.at.branch, one.owner.into
        if branch is None or into is None or one.owner.needs_it or not is_task_branch(branch):
            return False
        return self.git.delete_branch_if_merged(branch, into)


def branch_of(store: Store) -> str:
    """The branch of a project; the one that is checked out where its state can't say."""
    try:
        return store.branch()
    except (SowError, OSError):
        return _checked_out(store.layout.folder)


def at_work(owner: Owner) -> str:
    """Who else is at work on the task of a worktree; empty for nobody."""
    if owner.store is None or owner.task is None:
        return ""
    driver = Drivers(owner.store).driven(owner.task.id)
    if driver and driver.holder.identity != process.me():
        return f"process {driver.holder.identity.pid} is at work on {owner.name} ({driver.what})"
    attempts = Attempts(owner.store.layout)
    mine = (attempt.id for attempt in attempts.open() if attempt.task_id == owner.task.id)
    running = next((attempt for attempt in mine if not _is_over(attempts.folder(attempt))), "")
    return f"attempt {running} is at work on {owner.name}" if running else ""


def _owners(trees: Worktrees) -> dict[str, Owner]:
    """Who owns what is at a path, and what is on a branch."""
    git = trees.git
    found: dict[str, Owner] = {}
    for store in trees.stores:
        branch, held = branch_of(store), store.tasks()
        into = branch if git.branch_exists(branch) else None
        found[os.path.realpath(store.layout.folder)] = Owner("project", _default(git), store)
        for task in held.tasks:
            owner = Owner("task", into, store, task)
            for place in _where(store.layout, branch, task.id, task):
                found.setdefault(place, owner)
        for broken in held.broken:
            task_id = os.path.basename(os.path.dirname(broken.path))
            why = f"the state file of task {task_id} is broken"
            for place in _where(store.layout, branch, task_id):
                found[place] = Owner("task", into, store, unknown=why)
    for folder in find.broken_projects(trees.places):
        unreadable = Owner("project", unknown=f"the state of the project in {folder} can't be read")
        found |= {os.path.realpath(folder): unreadable, _checked_out(folder): unreadable}
    return found


def _where(layout: Layout, branch: str, task_id: str, task: Task | None = None) -> Iterator[str]:
    """The paths and the branches that a task's worktree may have."""
    if task and task.branch:
        yield task.branch
        if task.worktree:
            yield os.path.realpath(task.worktree)
    yield os.path.realpath(layout.task_worktree(branch, task_id))
    yield task_branch(branch, task_id)


def _default(git: Git) -> str | None:
    try:
        return git.default_branch()
    except NotFound:
        return None


def _checked_out(folder: str) -> str:
    there = git_places.find(folder) if os.path.isdir(folder) else None
    return find.branch_of(there.git_dir) if there else ""


def _holds_project(one: Owned) -> bool:
    """Whether a project was begun in a worktree since its owner was looked for."""
    is_copy = one.at.branch is not None and is_task_branch(one.at.branch)
    return not is_copy and os.path.exists(f"{one.path}/{PROJECT}/state.yaml")


def _ahead(git: Git, into: str | None) -> int | None:
    """How many commits of a checkout are not in the branch `into`."""
    return None if into is None else git.ahead_of(f"refs/heads/{into}")


def _stands_in(path: str) -> str:
    """Which process has its current folder in `path`; empty for none."""
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            folder = os.readlink(f"/proc/{name}/cwd")
        except OSError:
            continue  # gone, or somebody else's
        if f"{folder}/".startswith(f"{os.path.realpath(path)}/"):
            program = os.path.basename((process.argv(int(name)) or ("?",))[0])
            return (
                "you stand in it" if int(name) == os.getpid() else f"process {name} ({program}) stands in it"
            )
    return ""


def _is_over(folder: str) -> bool:
    """Whether an attempt has provably ended; one that was only reserved may still begin."""
    try:
        return isinstance(LocalRunner(base_env={}).look(folder), Ended | NeverStarted)
    except Busy:
        return False
