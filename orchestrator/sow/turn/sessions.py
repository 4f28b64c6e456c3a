"""The session of a turn: chosen or found, free to be gone on in, known to its CLI, and stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sow import logs, opened
from sow.attempt import Attempt, spent_in
from sow.change import Change, Event
from sow.config import ExecutorChoice, executor_of
from sow.errors import SowError
from sow.progress import after
from sow.runner import attempt as folders
from sow.runner import environment
from sow.task import ENDED, Task
from sow.turn.live import Live
from sow.turn.means import Means
from sow_executors import base, extras

if TYPE_CHECKING:
    from sow_schemas.documents import Action, SessionStarted


def choice(means: Means, task: Task) -> ExecutorChoice:
    """The executor of the task's next turn: the one that has its session, else its role's."""
    return means.user.for_task(task, means.environment)


def passed(means: Means, executor: base.Executor) -> dict[str, str]:
    """What an agent gets to see of the user's variables."""
    patterns = (*executor.environment, *means.repository.environment)
    return environment.build(means.environment, patterns, {})


def check_free(means: Means, task: Task) -> None:
    """Raises SessionOpen where somebody else has the session open that the next turn goes on in."""
    if task.session_id and not task.fresh:
        executor = executor_of(choice(means, task))
        opened.check(executor, task.session_id, passed(means, executor), task.id, now=means.clock())


def of_turn(
    means: Means, task: Task, executor: base.Executor, tried: tuple[str, ...]
) -> tuple[str | None, Action]:
    """The session of this turn and how it is come by: an id that is there is resumed."""
    kept = task.session_id if task.session_id and not task.fresh and "mint" not in tried else None
    if kept is not None and not executor.accepts(kept):
        kept = None
    is_first = not tried or tried[-1] == "resume"
    if kept is not None and is_first and _has_begun(means, task, kept) and _is_known(means, kept, executor):
        return kept, "resume"
    if executor.ids != "ours":
        return None, "spawn"
    return kept or means.new_id(), "spawn"


def _has_begun(means: Means, task: Task, session: str) -> bool:
    """Whether an agent was started in the session, as far as known: a failed setup keeps it from that."""
    mine = [attempt for attempt in means.attempts.of_task(task.id) if attempt.session_id == session]
    return not mine or any(not folders.is_setting_up(means.attempts.folder(one.id)) for one in mine)


def _is_known(means: Means, session: str, executor: base.Executor) -> bool:
    """Whether the CLI still has the session; where it can't be asked, its own refusal will tell."""
    if not isinstance(executor, extras.KnowsSessions):
        return True
    return executor.knows(session, passed(means, executor))


def reader(means: Means, executor: base.Executor, attempt: Attempt) -> base.Reader:
    """The reader of an attempt; where the CLI counts a session's tokens, it knows what was counted."""
    session = attempt.session_id
    if session is None or not isinstance(executor, extras.CountsOn):
        return executor.reader(session)
    others = (each for each in means.attempts.of_task(attempt.task_id) if each.id != attempt.id)
    return executor.reader_after(session, spent_in(session, others))


def keep(means: Means, live: Live) -> None:
    """Stores the session that the CLI made and named, unless it is stored; repeating it does no harm."""
    session = live.tally.session_id
    if not session or live.attempt.session_id:
        return

    def change(current: Task) -> Change:
        if current.status in ENDED or current.session_id:
            return Change(task=current)
        payload: SessionStarted = {"session_id": session, "executor": live.attempt.executor}
        event = Event(type="session.started", task_id=current.id, payload=payload)
        return Change(task=current.replace(session_id=session), events=(event,))

    try:
        means.store.change_task(live.attempt.task_id, change)
    except SowError as fault:
        # The agent broke its file: the end of its turn restores it, and stores the session then.
        logs.warning("session not stored", task=live.attempt.task_id, session=session, why=str(fault))
        return
    # Last, for by this it is known that the task has it.
    live.attempt = means.attempts.keep(live.attempt.replace(session_id=session))


def find_untold(means: Means, live: Live) -> None:
    """Takes in the session that an attempt which has ended began without a word of it."""
    if live.tally.session_id:
        return
    executor = executor_of(means.user.named(live.attempt.executor, f"attempt {live.attempt.id}"))
    scratch = means.attempts.folder(live.attempt.id)
    if found := opened.untold(executor, live.attempt, scratch, passed(means, executor)):
        live.tally = after(live.tally, [base.Started(found)])
        logs.info("session found", task=live.attempt.task_id, attempt=live.attempt.id, session=found)
