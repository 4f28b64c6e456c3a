"""What agents change beside sow is known before anything is built on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sow import logs
from sow.change import Change, Event
from sow.edits import put_back_question
from sow.recovery.repair import bring_back_texts
from sow.state import PutBack
from sow.task import IN_PROGRESS, PENDING, Task
from sow.turn.means import Means

if TYPE_CHECKING:
    from sow_schemas.documents import TaskPaused


def know_state(means: Means, *, ended: str = "", only: str = "") -> list[PutBack]:
    """Makes sure that the state is what sow, or a person, has made of it; gives what was put back."""
    at_work = means.drivers.at_work() | ({ended} if ended else set())
    if not at_work:
        means.store.keep_good_copies()
        return []
    found = means.store.put_right(at_work, only)
    for back in found:
        logs.warning("state put back", file=back.path, kept=back.kept, changes=back.changes)
        if back.task_id and not back.kept:
            bring_back_texts(means.store, back.task_id)
        if back.task_id and back.changes and back.task_id not in at_work:
            _ask_about(means, back)
    return found


def _ask_about(means: Means, back: PutBack) -> None:
    """A task that was going to go on waits for a person, who may have made the change."""
    words = put_back_question(back)

    def change(current: Task) -> Change:
        if current.status not in (PENDING, IN_PROGRESS):
            return Change(task=current)
        paused = current.pause(words, kind="question", by="orchestrator", at=means.store.now())
        payload: TaskPaused = {"question": words, "kind": "question"}
        return Change(task=paused, events=(Event(type="task.paused", task_id=current.id, payload=payload),))

    means.store.change_task(back.task_id, change)
