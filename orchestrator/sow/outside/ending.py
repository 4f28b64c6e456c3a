"""The end of a project outside of git: its state is kept in `runtime/`, what was written stays there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sow import course, finishing, lease, obstacles, pull_request, removal
from sow.attempt import Attempts
from sow.config import RepositoryConfig
from sow.deleting import DELETING, Loss
from sow.errors import Failed, Refused
from sow.finishing import BODY, FINISHING, Finished, Prospect, Tell, Wish
from sow.layout import Layout, Plain
from sow.removal import Removal, Removed
from sow.review import run_checks
from sow.store import Store
from sow.task import ENDED


@dataclass(frozen=True, slots=True)
class Finisher:
    """Finishes one project; all that it needs is handed in."""

    layout: Layout
    store: Store
    attempts: Attempts
    settings: RepositoryConfig
    environment: Mapping[str, str]
    tell: Tell = field(default=lambda text: None)

    def look(self, wish: Wish) -> Prospect:
        """What `finish` would do; changes nothing.

        Raises Refused for a way home that there is not, and Refused or Waits for what is in the way; Busy
        while an agent or an orchestrator works.
        """
        self._check_way(wish)
        whole, kind = self.store.whole(), self.store.type()
        obstacles.check_free(self.layout, self.attempts)
        obstacles.insist_on_none(self.layout.name, list(obstacles.open_tasks(whole)))
        now = self.store.now()
        if wish.strict:
            course.insist(kind, whole, at=now)
        return Prospect(
            name=self.layout.name, branch=self.store.branch(), how="leave", target="", remote="", forge=None,
            draft=False, pr_url="", title=pull_request.title(whole),
            body=finishing.body(self.layout, self.store, whole),
            gates=course.to_the_end(kind, whole, at=now).gates, stays=(), commits=0,
            outside=self.layout.folder, checks=self.settings.checks,
        )  # fmt: skip

    def _check_way(self, wish: Wish) -> None:
        asked = {
            f"--{wish.how}": wish.how in ("pr", "merge"),
            f"--target {wish.target}": wish.target,
            "--draft": wish.draft,
        }
        for words in (words for words, is_said in asked.items() if is_said):
            raise Refused(
                f"{words}: project {self.layout.name} was begun outside of git, and has no branch",
                "end it as it is, its work stays where it was written: `sow project finish`",
            )

    def finish(self, wish: Wish) -> Finished:
        """Ends the project: 1. nothing is in the way; 2. the checks; 3. the statechart, as far as its gates
        are open; 4. the removal of its state (see `removal`).

        Raises what `look` does, and Failed where a check fails: then the project is there as before.
        """
        held = lease.acquire(obstacles.lease_of(self.layout), FINISHING)
        try:
            prospect = self.look(wish)
            for check in self.settings.checks:
                self.tell(f"Check: {check}")
                if failed := run_checks((check,), self.layout.folder, self.environment):
                    self.tell(failed.output)
                    raise Failed(
                        f"a check fails in {self.layout.folder}: {check}",
                        "mend it there, or by a task of its own, and repeat; the project is as before",
                    )
            found = finishing.to_the_end(self.store, None)
            payload = {
                "name": prospect.name, "branch": prospect.branch, "how": "leave",
                "gates": [gate.text for gate in found.gates],
            }  # fmt: skip

            def check_again() -> None:
                obstacles.check_free(self.layout, self.attempts)
                obstacles.insist_on_none(prospect.name, list(obstacles.open_tasks(self.store.whole())))

            goes = _removal(self.layout, "project.finished", payload)
            texts = {BODY: prospect.body, "outcome.json": json.dumps(payload, indent=2) + "\n"}
            removed = removal.remove(self.store, Plain(main=self.layout.main), goes, check_again, texts)
            return Finished(prospect, removed, found.state)
        finally:
            held.release()


@dataclass(frozen=True, slots=True)
class Deleter:
    """Deletes one project; all that it needs is handed in."""

    layout: Layout
    store: Store
    attempts: Attempts

    def look(self) -> Loss:
        """What `delete` would do. Raises Busy while somebody works on the project."""
        obstacles.check_free(self.layout, self.attempts)
        held = self.store.tasks()
        return Loss(
            name=self.layout.name,
            branch=self.store.branch(),
            tasks=len(held.tasks) + len(held.broken),
            open_tasks=sum(task.status not in ENDED for task in held.tasks),
            stays=(),
        )

    def delete(self, *, keep_branch: bool) -> Removed:
        """Takes the project's state away, and keeps it in `runtime/`. Raises what `look` does."""
        held = lease.acquire(obstacles.lease_of(self.layout), DELETING)
        try:
            loss = self.look()
            payload = {"name": loss.name, "branch": loss.branch}
            texts = {"outcome.json": json.dumps({**payload, "how": "delete"}, indent=2) + "\n"}
            goes = _removal(self.layout, "project.deleted", payload)
            check = partial(obstacles.check_free, self.layout, self.attempts)
            return removal.remove(self.store, Plain(main=self.layout.main), goes, check, texts)
        finally:
            held.release()


def _removal(layout: Layout, event: Any, payload: Mapping[str, Any]) -> Removal:
    return Removal(
        name=layout.name, branch="", folder=layout.folder, tip="", last="", target="", keep_branch=False,
        event=event, payload=payload,
    )  # fmt: skip
