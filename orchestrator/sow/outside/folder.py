"""One folder in which all tasks of a project work: nothing is isolated, committed or merged."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from sow.clock import is_unset, seconds
from sow.git import merges
from sow.git.lease import GitLease
from sow.layout import Layout
from sow.store import Store
from sow.task import Task

Fault = TypeVar("Fault")

LOOKED_AT = 50_000
"""How many files and folders are looked at for what a task has written."""

SHOWN = 20
"""How many of them are named."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The workplace of a project outside of git."""

    layout: Layout
    branch: str
    """A name alone: there is nothing that it would be the branch of."""

    @classmethod
    def of(cls, store: Store) -> Folder:
        """The workplace of the project in `store`."""
        return cls(store.layout, store.branch())

    @property
    def shared(self) -> bool:
        """They always work in one folder."""
        return True

    def lease(self) -> GitLease:
        """One approval, and one removal, at a time."""
        return GitLease(self.layout.git_lock)

    def prepare(self, task: Task) -> tuple[str, str | None, str | None]:
        """The folder, and neither a branch nor a start."""
        return self.layout.folder, None, None

    def uncommitted(self, task: Task) -> tuple[str, ...]:
        """None: there is nothing to compare with."""
        return ()

    def commit_leftovers(self, task: Task) -> str | None:
        """None: what is written lies where it belongs."""
        return None

    def commit_state(self, why: str) -> None:
        """Nothing: there is nowhere to commit to."""

    def commit_state_held(self, why: str) -> None:
        """Nothing, too."""

    def diff(self, task: Task, *, color: bool = False) -> str | None:
        """None: what was there before is nowhere."""
        return None

    def stat(self, task: Task) -> str | None:
        """The files that were written since the task began, the newest first, by their times."""
        if is_unset(task.started_at):
            return None
        found = sorted(written_since(self.layout.folder, seconds(str(task.started_at))), reverse=True)
        if not found:
            return "no file was written since it began (there is no git here to tell more)"
        names = [f"  {path}" for _, path in found[:SHOWN]]
        more = [f"  and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        return "\n".join(
            ["written since it began, by anybody (there is no git here to tell more):", *names, *more]
        )

    def merge(
        self, task: Task, failed_check: Callable[[str], Fault | None] | None = None
    ) -> merges.Outcome | Fault:
        """Looks whether the checks hold in the folder: there is nothing to merge."""
        fault = failed_check(self.layout.folder) if failed_check else None
        return merges.Nothing() if fault is None else fault

    def settle_merges(self) -> None:
        """Nothing: none is ever begun."""

    def bring_in(self, task: Task) -> list[str]:
        """No file: nothing conflicts where all is in one place."""
        return []

    def clear_up(self, task: Task) -> str | None:
        """None: there is nothing that only this task needs."""
        return None

    def clear_up_left(self, completed: Iterable[Task]) -> None:
        """Nothing, too."""

    def tips(self) -> dict[str, str]:
        """None: there are no branches."""
        return {}

    def ref_folders(self) -> list[str]:
        """None: there are no branches."""
        return []

    def is_in(self, old: str, new: str) -> bool:
        """Never asked: there are no commits."""
        return old == new

    def unmerged(self, task: Task) -> str | None:
        """None: what a task has written stays when the task goes."""
        return None


def written_since(folder: str, moment: float) -> Iterator[tuple[float, str]]:
    """The files below `folder` written since `moment`, in seconds since the epoch, but for sow's own.

    Gives the time and the path relative to `folder`. Of a very large folder only a part is looked at.
    """
    left, above = LOOKED_AT, [folder]
    while above and left > 0:
        here = above.pop()
        try:
            with os.scandir(here) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            continue
        left -= len(found)
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                if entry.path != f"{folder}/.sow":
                    above.append(entry.path)
                continue
            try:
                changed = entry.stat(follow_symlinks=False).st_mtime
            except OSError:
                continue
            if changed >= moment:
                yield changed, os.path.relpath(entry.path, folder)
