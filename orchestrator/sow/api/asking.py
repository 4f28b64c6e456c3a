"""A question that is waited for: whoever asks stays until it is answered.

It waits in the inbox of its attempt, so the answer goes to it and no second
process is started. Killed, it leaves a question like any other.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from sow import report
from sow.api import worker
from sow.api.caller import Caller
from sow.api.stop import Stop
from sow.attempt import Attempts
from sow.errors import NotFound, Refused, SowError
from sow.runner.local import LocalRunner, Running
from sow.runner.watch import Watcher
from sow.store import Store
from sow.task import PAUSED
from sow_executors import inbox

LOOK_SECONDS = 15.0
"""How often the state is looked at: whether the question still stands."""


def ask(
    caller: Caller, store: Store, task_id: str | None, question: str, options: tuple[str, ...],
    stop: Stop | None = None,
) -> inbox.Answer | None:  # fmt: skip
    """Pauses a task with a question and waits for the answer; None where a sandbox allows no waiting.

    `stop`: ends the wait from outside, which gives None, too; the question stays. Raises Refused where no
    agent of the task is at work, or the question is taken back.
    """
    chosen = caller.own_task(task_id)
    folder = _inbox(caller, store, chosen, own=caller.is_own(task_id))
    name = f"ask-{time.time_ns()}-{os.getpid()}"
    try:
        asking = inbox.Asking(folder, inbox.Question(name, question, options))
    except OSError:
        worker.ask(caller, store, task_id, question, options)
        return None
    try:
        if not worker.ask(caller, store, task_id, question, options):
            return None
        answer = _heard(store, chosen, question, asking, folder, stop or Stop())
    finally:
        asking.close()
    if answer is None:
        return None
    with suppress(SowError, OSError):  # else the end of the attempt does it
        report.heard(store, chosen, answer.at)
    return answer


def _inbox(caller: Caller, store: Store, task_id: str, *, own: bool) -> str:
    attempts = Attempts(store.layout)
    if own and caller.attempt:
        return attempts.inbox(caller.attempt)
    runner = LocalRunner(base_env={})
    for attempt in reversed(attempts.of_task(task_id)):
        if not attempt.ended and isinstance(runner.look(attempts.folder(attempt.id)), Running):
            return attempts.inbox(attempt.id)
    store.task(task_id)
    raise Refused(
        f"no agent of task {task_id} is at work, so there is nobody to wait for the answer",
        f"ask without --wait: `sow task ask TEXT --id {task_id}`; the next `sow run` brings the answer",
    )


def _heard(
    store: Store, task_id: str, question: str, asking: inbox.Asking, folder: str, stop: Stop
) -> inbox.Answer | None:
    with Watcher() as watcher, stop.heard_by(watcher):
        watcher.add_folder(folder)
        while (answer := asking.answer()) is None and not stop.wishes:
            if gone := _taken_back(store, task_id, question):
                if late := asking.close():
                    return late
                raise Refused(f"the question was taken back: task {task_id} is {gone}", "stop here")
            watcher.wait(LOOK_SECONDS)
    return answer


def _taken_back(store: Store, task_id: str, question: str) -> str:
    """The task's status where the question does not stand any more; empty where it does."""
    try:
        task = store.task(task_id)
    except NotFound:
        return "gone"
    except SowError:
        return ""  # its file is broken just now: that is mended, and no answer
    if task.answer or (task.status == PAUSED and task.question and task.question["text"] == question):
        return ""
    return task.status
