"""Where agents work, and how their work comes together: worktrees, leftovers, merges.

project's branch  <-- merged on approval --  <branch>--010   worktree of task 010
      |           <-- merged on approval --  <branch>--020   worktree of task 020
      +-- .sow/project: the state, committed here and never merged from a task
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sow import files
from sow.change import Event
from sow.config import RepositoryConfig
from sow.errors import Refused, SowError
from sow.git import commits, include, landing, merges, review, worktrees
from sow.git.lease import GitLease
from sow.git.repository import Git
from sow.layout import PROJECT, Layout, task_branch
from sow.outfit import Teardown
from sow.store import Store
from sow.task import Task

if TYPE_CHECKING:
    from sow_schemas.documents import TeardownFailed

BRINGING = "bringing-"
"""How the file in `runtime/` begins that notes a merge into a task's worktree, before the task's id."""

Fault = TypeVar("Fault")

KEPT_IN = ("refs", "reftable")
"""Where git keeps what branches stand at, besides the file `packed-refs`."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The worktrees and branches of one project."""

    layout: Layout
    branch: str
    """The project's branch."""
    isolated: bool = True
    """Whether each task has a worktree of its own; else all work in the project's."""
    commits_state: bool = True
    teardown: Teardown | None = None
    """What is run in the worktree of a task before it goes."""
    tell: Callable[[Event], object] = lambda event: None

    @classmethod
    def of(
        cls, store: Store, settings: RepositoryConfig, environment: Mapping[str, str] | None = None
    ) -> Workspace:
        """The workspace of the project in `store`. `environment`: instead of this process's variables."""
        return cls(
            store.layout,
            store.branch(),
            settings.isolation == "task",
            settings.commit_state,
            Teardown.of(settings.worktree, os.environ if environment is None else environment),
            store.tell,
        )

    @property
    def shared(self) -> bool:
        """Whether tasks that are new work in the project's worktree, all of them."""
        return not self.isolated

    def lease(self) -> GitLease:
        """One git at a time in the project's worktree, whoever calls: `run`, `review`, another sow."""
        return GitLease(self.layout.git_lock)

    # -- before the work ----------------------------------------------------------------------

    def prepare(self, task: Task) -> tuple[str, str | None, str | None]:
        """Makes sure of the folder that a task works in: (folder, its branch, where it started).

        A worktree that is gone is made again at its path. Without a worktree of its
        own the folder is the project's, and branch and start are None.
        """
        if not self.isolated and not task.branch:
            return self.layout.folder, None, None
        branch = task.branch or task_branch(self.branch, task.id)
        folder = task.worktree or self.layout.task_worktree(self.branch, task.id)
        project = Git(self.layout.folder)
        with self.lease():
            base = project.commit_of(f"refs/heads/{self.branch}")
            worktrees.add(project, folder, branch, base)
            include.bring(self.layout.main, folder)
            landing.take_back(self._bringing(task.id))
            self._end_check(task.id, folder, branch)
        return folder, branch, base

    def uncommitted(self, task: Task) -> tuple[str, ...]:
        """The files that lie uncommitted in a task's own worktree; none in the middle of a merge."""
        if not (task.branch and task.worktree and os.path.isdir(task.worktree)):
            return ()
        git = Git(task.worktree)
        if git.unfinished() or git.current_branch() != task.branch:
            return ()
        # A repository in a repository is none of the leftovers either.
        paths = (change.path for change in git.changes())
        return tuple(path for path in paths if not os.path.isdir(f"{task.worktree}/{path}"))

    # -- after a turn -------------------------------------------------------------------------

    def commit_leftovers(self, task: Task) -> str | None:
        """Commits what the agent left uncommitted in its own worktree; the commit, or None for nothing.

        Raises commits.Unresolved where a merge that it was to finish has conflicts left.
        """
        if not (task.branch and task.worktree and os.path.isdir(task.worktree)):
            return None
        self._settle_bringing(task.id)
        self._end_check(task.id, task.worktree, task.branch)
        message = f"{task.name}\n\nTask {task.id}, iteration {task.iteration}, by {task.assigned_agent}"
        return commits.commit_leftovers(Git(task.worktree), message, branch=task.branch)

    def commit_state(self, why: str) -> None:
        """Commits `.sow/project`, that path only, on the project's branch."""
        if not self.commits_state:
            return
        with self.lease():
            self.commit_state_held(why)

    def commit_state_held(self, why: str) -> None:
        """The same for a caller who holds the lease."""
        if self.commits_state:
            commits.commit_paths(Git(self.layout.folder), [PROJECT], f"sow: {why}", branch=self.branch)

    # -- what a person looks at ---------------------------------------------------------------

    def diff(self, task: Task, *, color: bool = False) -> str | None:
        """What the task changes against where its branch left the project's; empty where that is gone, None
        for a task that shares the project's worktree."""
        return self._compared(task, color=color, stat=False)

    def stat(self, task: Task) -> str | None:
        """The same as a table of files."""
        return self._compared(task, color=False, stat=True)

    def _compared(self, task: Task, *, color: bool, stat: bool) -> str | None:
        if not task.branch and task.worktree == self.layout.folder:
            return None
        git = Git(self.layout.folder)
        tip = git.tip(task.branch) if task.branch else None
        if tip is None:
            return ""
        base = git.line("merge-base", tip, f"refs/heads/{self.branch}")
        if task.commit and task.status == "completed":
            base, tip = f"{task.commit}^1", task.commit
        return review.diff(git, base, tip, color=color, stat=stat)

    # -- the merge ----------------------------------------------------------------------------

    def merge(
        self, task: Task, failed_check: Callable[[str], Fault | None] | None = None
    ) -> merges.Outcome | Fault:
        """Merges the task's branch into the project's, once; the caller holds the lease.

        `failed_check` is given the task's worktree with the merged files in it, before
        the branch moves; what it gives (not None) is given back and nothing is merged.
        """
        if not task.branch:
            # It worked in the project's own worktree: there is nothing to merge, but checks hold there, too.
            fault = failed_check(self.layout.folder) if failed_check else None
            return merges.Nothing() if fault is None else fault
        git = Git(self.layout.folder)
        tip = git.tip(task.branch)
        if tip is None:
            raise Refused(
                f"the branch {task.branch} of task {task.id} is gone",
                f"bring it back: `git branch {task.branch} {task.commit or 'COMMIT'}`",
            )
        folder = task.worktree
        landing.take_back(self._bringing(task.id))

        def vet(merged: str) -> Fault | None:
            if failed_check is None or folder is None or not os.path.isdir(folder):
                return None
            return self._checked(task.id, folder, merged, failed_check)

        return merges.merge(
            git,
            tip,
            self.branch,
            f"Merge task {task.id}: {task.name}",
            [f"Sow-Task: {self.layout.name}/{task.id}/{task.iteration}"],
            self._intent,
            since=task.base,
            vet=vet,
        )

    def _checked(
        self, task_id: str, folder: str, merged: str, failed_check: Callable[[str], Fault | None]
    ) -> Fault | None:
        """Looks at the merged files in the task's worktree, which is put back on its branch."""
        git = Git(folder)
        branch = task_branch(self.branch, task_id)
        self._end_check(task_id, folder, branch)
        if not git.is_clean():
            raise Refused(
                f"the worktree of task {task_id} has changes that are not committed: {folder}",
                "commit them there, or take them away, then approve again",
            )
        files.write(self._checking(task_id), f"{merged}\n")
        try:
            git.run("checkout", "--quiet", "--detach", merged)
            return failed_check(folder)
        finally:
            self._end_check(task_id, folder, branch)

    def _end_check(self, task_id: str, folder: str, branch: str) -> None:
        """Puts a task's worktree back on its branch after a check, also one that was killed."""
        path = self._checking(task_id)
        if not os.path.exists(path):
            return
        # A check may leave tracked files changed; what it makes anew is not ours to remove.
        Git(folder).run("checkout", "--quiet", "--force", branch)
        os.unlink(path)

    def _checking(self, task_id: str) -> str:
        """The file that says that a task's worktree holds merged files for a check."""
        return f"{self.layout.runtime}/checking-{task_id}"

    def settle_merges(self) -> None:
        """Completes a merge that was killed while the branch moved, and undoes one into a task's worktree."""
        if os.path.exists(self._intent):
            with self.lease():
                landing.settle(self._intent)
        for name in files.names(self.layout.runtime):
            if name.startswith(BRINGING):
                self._settle_bringing(name.removeprefix(BRINGING))

    def bring_in(self, task: Task) -> list[str]:
        """Starts merging the project's branch in the task's worktree, for the agent to finish; gives the
        files in conflict. The caller holds the lease."""
        if not task.worktree:
            return []
        return merges.bring(Git(task.worktree), self.branch, self._bringing(task.id))

    def _settle_bringing(self, task_id: str) -> None:
        """Undoes what a kill left of bringing the project's branch into a task's worktree."""
        if os.path.exists(self._bringing(task_id)):
            with self.lease():
                landing.take_back(self._bringing(task_id))

    def _bringing(self, task_id: str) -> str:
        """The file that says that the project's branch is just brought into a task's worktree."""
        return f"{self.layout.runtime}/{BRINGING}{task_id}"

    def clear_up(self, task: Task) -> str | None:
        """Removes worktree and branch of a merged task; what keeps them, where something would be lost."""
        if not (task.branch and task.worktree):
            return None
        git = Git(self.layout.folder)
        try:
            self.tear_down(git, task.worktree, task.id)
            with self.lease():
                reason = worktrees.remove(git, task.worktree, self.branch)
                if reason is None:
                    git.delete_branch_if_merged(task.branch, self.branch)
        except SowError as fault:
            return str(fault)
        return reason

    def tear_down(self, git: Git, folder: str, task_id: str) -> None:
        """Clears up before a worktree goes; not under the lease, for it may take its time."""
        if self.teardown is None:
            return
        for failure in self.teardown.before_removal(git, folder, self.branch, self.layout, task_id):
            payload: TeardownFailed = {
                "folder": folder, "command": failure.command, "how": failure.how, "output": failure.output,
            }  # fmt: skip
            self.tell(Event(type="teardown.failed", task_id=task_id, payload=payload))

    def tips(self) -> dict[str, str]:
        """The commits at which the branches of the project and of its tasks stand, by branch."""
        form = "--format=%(objectname) %(refname:strip=2)"
        patterns = [f"refs/heads/{name}" for name in (self.branch, task_branch(self.branch, "*"))]
        lines = Git(self.layout.folder).run("for-each-ref", form, *patterns).splitlines()
        return {branch: commit for commit, _, branch in (line.partition(" ") for line in lines)}

    def ref_folders(self) -> list[str]:
        """The folders in which something is touched whenever a branch moves."""
        common = Git(self.layout.folder).places.common
        return [common, *(folder for head in KEPT_IN for folder, _, _ in os.walk(f"{common}/{head}"))]

    def is_in(self, old: str, new: str) -> bool:
        """Whether everything in the commit `old` is in `new`, too."""
        return Git(self.layout.folder).is_ancestor(old, new)

    def unmerged(self, task: Task) -> str | None:
        """What of a task's work is nowhere else than on its branch; None for nothing."""
        git = Git(self.layout.folder)
        tip = git.tip(task.branch) if task.branch else None
        if tip is None or git.is_ancestor(tip, f"refs/heads/{self.branch}"):
            return None
        count = git.line("rev-list", "--count", tip, f"^refs/heads/{self.branch}")
        return f"commits of {task.branch} that are not in {self.branch}: {count}"

    def clear_up_left(self, completed: Iterable[Task]) -> None:
        """The same for completed tasks of which a kill left worktree or branch."""
        branches = {task.branch: task for task in completed if task.branch}
        standing = Git(self.layout.folder).tips(*branches) if branches else ()
        for branch in standing:
            self.clear_up(branches[branch])

    @property
    def _intent(self) -> str:
        return f"{self.layout.runtime}/merge.json"
