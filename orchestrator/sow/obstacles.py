"""What is in the way of a project's end: agents at work, open tasks, work that no commit has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sow import lease, process, removal
from sow.attempt import Attempts
from sow.errors import Busy, Refused, Waits
from sow.git.repository import Change, Git, ending
from sow.layout import PROJECT, Layout
from sow.state import Whole
from sow.task import COMPLETED, ENDED, NEEDS_REVIEW, PAUSED, Task


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that is in the way, and what would help."""

    what: str
    remedy: str
    waits: bool = False
    """Whether it is a person that it waits for."""


def lease_of(layout: Layout) -> str:
    """The path of the orchestrator's lease: who holds it works on the project alone."""
    return f"{layout.locks}/orchestrator.lease"


def check_free(layout: Layout, attempts: Attempts) -> None:
    """Raises Busy while an agent or another orchestrator works on the project."""
    if running := attempts.open():
        ids = ", ".join(sorted({attempt.task_id for attempt in running}))
        raise Busy(
            f"an agent of {layout.name} is still at work: task {ids}",
            f"wait for it, or end it: `sow agent stop {running[0].task_id}`; without a `sow run` start one",
        )
    held = lease.holder(lease_of(layout))
    if held and held.holder.identity != process.me() and process.fate(held.holder) != "dead":
        raise lease.Held(held)


def open_tasks(whole: Whole) -> Iterator[Obstacle]:
    """The tasks that have not ended, and those of which nobody can tell."""
    for broken in whole.tasks.broken:
        yield Obstacle(broken.message, broken.hint)
    for task in whole.tasks.tasks:
        if task.status not in ENDED:
            waits = task.status in (PAUSED, NEEDS_REVIEW)
            yield Obstacle(f"task {task.id} is {task.status}", _towards_an_end(task), waits)


def loose_work(layout: Layout, branch: str) -> Iterator[Obstacle]:
    """Work in the worktrees of the project on `branch` that no commit has."""
    git = Git(layout.folder)
    yield from _loose_in(git, branch)
    for one in removal.own_worktrees(git, branch):
        if not one.gone:
            yield from _loose_in(Git(one.path), one.branch)


def unmerged_work(layout: Layout, branch: str, whole: Whole) -> Iterator[Obstacle]:
    """Commits on the branches of completed tasks that the project's `branch` has not."""
    git = Git(layout.folder)
    completed = {task.branch for task in whole.tasks.tasks if task.status == COMPLETED}
    for own in removal.own_branches(git, branch):
        if own in completed and (count := removal.unmerged(git, own, branch)):
            yield Obstacle(
                f"branch {own} of a completed task has {removal.commits_of(count)} not in {branch}",
                f"merge it: `git -C {layout.folder} merge {own}`",
            )


def insist_on_none(name: str, found: list[Obstacle]) -> None:
    """Lets the project of that name end, where nothing is in the way.

    Raises Waits where all that is waits for a person, Refused where anything else is.
    """
    if not found:
        return
    more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
    kind = Waits if all(one.waits for one in found) else Refused
    raise kind(
        f"project {name} can't end yet: {'; '.join(one.what for one in found[:5])}{more}", found[0].remedy
    )


def _loose_in(git: Git, branch: str | None) -> Iterator[Obstacle]:
    """What is unfinished or uncommitted in a worktree that should be on `branch` (None: on any)."""
    if doing := git.unfinished():
        yield Obstacle(f"a {doing} is not finished in {git.folder}", ending(doing, git.folder))
        return
    there, current = f"git -C {git.folder}", git.current_branch()
    if branch is not None and current != branch:
        stands = f"on branch {current}" if current else "on no branch"
        yield Obstacle(f"{git.folder} is {stands}, not on {branch}", f"go back: `{there} switch {branch}`")
        return
    if loose := [change.path for change in git.changes() if not _is_sows(git, change)]:
        more = f" and {len(loose) - 3} more" if len(loose) > 3 else ""
        yield Obstacle(
            f"not committed in {git.folder}: {', '.join(loose[:3])}{more}",
            f"commit it there, stash it or take it away: `{there} status`",
        )


def _is_sows(git: Git, change: Change) -> bool:
    """Whether a change is of the state, which is kept, or of settings in the main checkout, which stays."""
    if change.path.startswith(f"{PROJECT}/"):
        return True
    return git.folder == git.places.main and change.state == "??" and change.path.startswith(".sow/")


def _towards_an_end(task: Task) -> str:
    if task.status in (PAUSED, NEEDS_REVIEW):
        return f"decide about it: `sow review`; or give it up: `sow task abandon {task.id}`"
    return f"have it done: `sow run`; or give it up: `sow task abandon {task.id}`"
