"""Branches that stand elsewhere though neither sow nor their own agents moved them: told, with the way back.

The project's branch only grows; that of a task which is to be reviewed stays
as its agent handed it in. It may have been a person who moved one, so nothing
is put back: they are told what it was, and how to have it so again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sow.change import Event
from sow.layout import task_branch
from sow.store import Store
from sow.task import NEEDS_REVIEW, Task
from sow.workplace import Workplace

if TYPE_CHECKING:
    from sow.runner.touched import Touched

_PASSED_OVER = (".lock", ".new")
"""What git writes beside a file that it is going to replace."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A branch that stands elsewhere."""

    branch: str
    before: str
    after: str
    """Empty where the branch is gone."""
    task: Task | None
    """Whose it is; None for the project's."""


@dataclass(slots=True)
class Branches:
    """Where the branches of one project stood at the last look."""

    store: Store
    workspace: Workplace
    _tips: dict[str, str] = field(default_factory=dict)
    _touched: Touched | None = None
    """Tells when git has to be asked; without it, it is asked each time."""
    _followed: bool = False
    _in_doubt: bool = True

    def heed(self, touched: Touched) -> None:
        """Asks git from now on only where something of its branches was touched."""
        self._touched = touched

    def look(self, tasks: Mapping[str, Task], at_work: Collection[str]) -> list[str]:
        """What was moved since the last look, each in words and as an event.

        `at_work`: the ids of the tasks whose own agents may have moved their branches. Raises SowError.
        """
        if not self.may_have_moved():
            return []
        before, self._tips = self._tips, self._seen()
        found = list(self._moved(before, tasks, at_work))
        for moved in found:
            event = Event(
                type="branch.moved", task_id=moved.task.id if moved.task else None,
                payload={"branch": moved.branch, "before": moved.before, "after": moved.after},
            )  # fmt: skip
            self.store.tell(event)
        return [self._words(moved) for moved in found]

    def tip(self, branch: str | None) -> str:
        """Where a branch stood at the last look; empty for none."""
        return self._tips.get(branch or "", "")

    def _moved(
        self, before: Mapping[str, str], tasks: Mapping[str, Task], at_work: Collection[str]
    ) -> Iterator[Moved]:
        project = self.workspace.branch
        for branch, old in before.items():
            new = self._tips.get(branch, "")
            if new == old:
                continue
            task = self._owner(branch, tasks.values())
            if branch == project:
                if not (new and self.workspace.is_in(old, new)):
                    yield Moved(branch, old, new, None)
            elif task and task.status == NEEDS_REVIEW and task.id not in at_work:
                yield Moved(branch, old, new, task)

    def _owner(self, branch: str, tasks: Iterable[Task]) -> Task | None:
        project = self.workspace.branch
        return next(
            (task for task in tasks if (task.branch or task_branch(project, task.id)) == branch), None
        )

    # -- whether git has to be asked --------------------------------------------------------------

    def may_have_moved(self) -> bool:
        """Whether there is anything to look at. Without something that tells, there always is."""
        if self._touched is None:
            return True
        self._touched.look()
        if not self._followed:
            # Before git is asked: what moves meanwhile is asked about once more.
            self._followed = self._follow(self.workspace.ref_folders())
            self._in_doubt = True
        return self._in_doubt or not self._followed

    def _seen(self) -> dict[str, str]:
        self._in_doubt = False
        try:
            return self.workspace.tips()
        except BaseException:
            self._in_doubt = True
            raise

    def _follow(self, folders: Iterable[str]) -> bool:
        touched = self._touched
        return touched is not None and all(touched.follow(one, self, contents=True) for one in folders)

    def heard(self, folder: str, name: str, gone: bool) -> None:
        """Something was touched where git keeps its branches."""
        if name.endswith(_PASSED_OVER):
            return
        self._in_doubt = True
        if not gone and os.path.isdir(f"{folder}/{name}"):
            self._followed = False

    def lost(self) -> None:
        """Anything may have changed."""
        self._followed = False

    def _words(self, moved: Moved) -> str:
        old, new, task = moved.before[:12], moved.after[:12], moved.task
        folder = (task.worktree if task else None) or self.store.layout.folder
        whose = f"of task {task.id}, which is to be reviewed," if task else "of the project"
        if not new:
            return (
                f"the branch {moved.branch} {whose} is gone, and sow did not remove it: it stood at {old}; "
                f"bring it back: `git -C {folder} update-ref refs/heads/{moved.branch} {old}`"
            )
        what = "was moved, and not by its agent" if task else "lost commits, and not by sow"
        return (
            f"the branch {moved.branch} {whose} {what}: from {old} to {new}; see what that changed: "
            f"`git diff {old} {new}`; undo it: `git -C {folder} reset --keep {old}`"
        )
