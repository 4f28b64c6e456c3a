"""What has become of a task in a session that a person had open on a terminal: compared, and told in lines.

Pure. Whoever was in the session, person or agent, may have changed the task by
commands, committed in its worktree, or left files there; the person is told
when they are back, for much of it has scrolled away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sow import edits
from sow.state import PutBack
from sow.task import Task

UNTOLD = frozenset(("updated_at", "answer"))
"""Fields that tell a person nothing that they, or another line, did not say."""


@dataclass(frozen=True, slots=True)
class Visit:
    """How a task stood when a person came into its session, and how it stood when they left."""

    before: Task
    after: Task
    tips: tuple[str, str] = ("", "")
    """The commits at which its branch stood; empty where it has none."""
    left_over: str | None = None
    """The commit made of what lay uncommitted in its worktree."""
    put_back: tuple[PutBack, ...] = ()
    """The state files that were changed beside sow meanwhile, and are as before again."""
    moved: tuple[str, ...] = ()
    """What was done to the branches of others, each in words."""

    @property
    def lines(self) -> list[str]:
        """What a person is told of it, a line each; none where nothing changed."""
        return list(lines(self))

    @property
    def wrong(self) -> list[str]:
        """What was done meanwhile that should not have been, each in words."""
        back = [edits.put_back_words(each.path, each.kept, each.changes) for each in self.put_back]
        return [*back, *self.moved]


def lines(visit: Visit) -> Iterator[str]:
    """What a person is told of it, a line each; none where nothing changed."""
    old, new = visit.before.document(), visit.after.document()
    for name in edits.changed(old, new):
        if name not in UNTOLD:
            yield edits.told(name, old, new)
    was, now = visit.tips
    if was != now:
        yield f"{visit.after.branch}: see what was committed with {_log(visit, was, now)}"
    if visit.left_over:
        yield f"what lay uncommitted in its worktree is in commit {visit.left_over[:12]} now"


def _log(visit: Visit, was: str, now: str) -> str:
    span = f"{was[:12]}..{now[:12]}" if was and now else now[:12] or was[:12]
    return f"`git log --oneline {span}`"
