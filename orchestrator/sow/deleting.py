"""A project that is given up: taken away without being brought home, with nothing unmerged lost."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sow import lease, obstacles, removal
from sow.attempt import Attempts
from sow.config import RepositoryConfig
from sow.errors import Refused, SowError
from sow.git.places import Places
from sow.git.repository import Git
from sow.layout import Layout
from sow.removal import Removal, Removed
from sow.store import Store
from sow.task import ENDED

DELETING = "sow project delete"
"""What the orchestrator's lease is for meanwhile."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What goes and what stays when a project is deleted, before anything is done."""

    name: str
    branch: str
    tasks: int
    open_tasks: int
    stays: tuple[str, ...]
    """The branches that have commits of their own, in words."""


@dataclass(frozen=True, slots=True)
class Deleter:
    """Deletes one project; all that it needs is handed in."""

    layout: Layout
    places: Places
    store: Store
    attempts: Attempts
    settings: RepositoryConfig

    def look(self) -> Loss:
        """What `delete` would do. Raises Refused for work that no commit has, naming it; Busy while somebody
        works on the project."""
        obstacles.check_free(self.layout, self.attempts)
        branch = self.store.branch()
        obstacles.insist_on_none(self.layout.name, list(obstacles.loose_work(self.layout, branch)))
        git = Git(self.places.main)
        held = self.store.tasks()
        return Loss(
            name=self.layout.name,
            branch=branch,
            tasks=len(held.tasks) + len(held.broken),
            open_tasks=sum(task.status not in ENDED for task in held.tasks),
            stays=tuple(self._stays(git, branch)),
        )

    def delete(self, *, keep_branch: bool) -> Removed:
        """Takes the project away: its state is kept in `runtime/`, branches with work of their own stay.

        Raises what `look` does, and then nothing was changed.
        """
        held = lease.acquire(obstacles.lease_of(self.layout), DELETING)
        try:
            loss = self.look()
            git = Git(self.places.main)
            tip = git.tip(loss.branch)
            if tip is None:
                raise Refused(
                    f"the branch {loss.branch} of the project is gone",
                    f"bring it back: `git branch {loss.branch}`",
                )
            payload = {"name": loss.name, "branch": loss.branch}
            goes = Removal(
                name=loss.name,
                branch=loss.branch,
                folder=self.layout.folder,
                tip=tip,
                last=removal.last_commit(git, loss.name, tip) or tip,
                target=self._target(git),
                keep_branch=keep_branch,
                event="project.deleted",
                payload=payload,
            )
            texts = {"outcome.json": json.dumps({**payload, "how": "delete"}, indent=2) + "\n"}
            return removal.remove(
                self.store, self.places, goes, lambda: obstacles.check_free(self.layout, self.attempts), texts
            )
        finally:
            held.release()

    def _stays(self, git: Git, branch: str) -> list[str]:
        """The branches with commits that the one they go to has not, each with their number."""
        into = dict.fromkeys(removal.own_branches(git, branch), branch) | {branch: self._target(git)}
        counted = {own: removal.unmerged(git, own, goal) for own, goal in into.items()}
        return [
            f"{own} ({removal.commits_of(count)} not in {into[own]})"
            for own, count in counted.items()
            if count
        ]

    def _target(self, git: Git) -> str:
        """The branch that the project's work would have gone to; empty where nobody can tell."""
        try:
            return self.settings.finish.target or git.default_branch()
        except SowError:
            return ""
