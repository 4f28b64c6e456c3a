"""Where agents work and how their work comes together, as turns and reviews ask for it.

With git that is `sow.workspace`: worktrees, branches, merges. Outside of it, `sow.outside.folder`:
one folder, in which all work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from sow.git import merges
from sow.git.lease import GitLease
from sow.layout import Layout
from sow.task import Task

Fault = TypeVar("Fault")


class Workplace(Protocol):
    """The place of one project's work."""

    @property
    def layout(self) -> Layout:
        """Where everything of the project lies."""
        ...

    @property
    def branch(self) -> str:
        """The project's branch; outside of git a name alone."""
        ...

    @property
    def shared(self) -> bool:
        """Whether new tasks work in one folder, so that agents side by side would meet each other's work."""
        ...

    def lease(self) -> GitLease:
        """One at a time changes what the project's folder holds by a decision, for a `with` block."""
        ...

    def prepare(self, task: Task) -> tuple[str, str | None, str | None]:
        """Makes sure of the folder that a task works in: (folder, its branch, where it started)."""
        ...

    def uncommitted(self, task: Task) -> tuple[str, ...]:
        """The files that lie uncommitted in a task's own worktree; none in the middle of a merge."""
        ...

    def commit_leftovers(self, task: Task) -> str | None:
        """Commits what the agent left uncommitted in a worktree of its own; the commit, or None."""
        ...

    def commit_state(self, why: str) -> None:
        """Commits the project's state, where state is committed."""
        ...

    def commit_state_held(self, why: str) -> None:
        """The same for a caller who holds the lease."""
        ...

    def diff(self, task: Task, *, color: bool = False) -> str | None:
        """What the task changes; None where only its words tell."""
        ...

    def stat(self, task: Task) -> str | None:
        """The same as a table of files."""
        ...

    def merge(
        self, task: Task, failed_check: Callable[[str], Fault | None] | None = None
    ) -> merges.Outcome | Fault:
        """Brings approved work to where the project is, once, if no check of it fails; the caller holds the
        lease."""
        ...

    def settle_merges(self) -> None:
        """Completes a merge that was killed."""
        ...

    def bring_in(self, task: Task) -> list[str]:
        """Has an agent meet what its work conflicts with; gives the files in conflict."""
        ...

    def clear_up(self, task: Task) -> str | None:
        """Removes what a merged task needs no longer; what keeps it, where something would be lost."""
        ...

    def clear_up_left(self, completed: Iterable[Task]) -> None:
        """The same for completed tasks of which a kill left something."""
        ...

    def tips(self) -> dict[str, str]:
        """The commits at which the branches of the project and of its tasks stand, by branch."""
        ...

    def ref_folders(self) -> list[str]:
        """The folders in which something is touched whenever a branch moves; none without branches."""
        ...

    def is_in(self, old: str, new: str) -> bool:
        """Whether everything in the commit `old` is in `new`, too."""
        ...

    def unmerged(self, task: Task) -> str | None:
        """What of a task's work is nowhere else than with the task; None for nothing."""
        ...
