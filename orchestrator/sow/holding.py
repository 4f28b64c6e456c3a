"""A question that a living process holds: its task is paused meanwhile, and the answer goes to that process.

    the process     asks in its attempt's inbox, and waits
    the task        paused, with the question           <- `agree`, or the worker itself
    a person        answers: the state and the inbox, all or nothing
    the process     hears it and goes on                <- `agree`, `without_heard`

The inbox says who waits, the state what a person is asked. Where the process is
gone the question stays, and an answer that nobody heard is brought by a resume.
"""

from __future__ import annotations

from dataclasses import dataclass

from sow.attempt import Attempt, Attempts
from sow.change import Change, Event
from sow.progress import Tally
from sow.task import IN_PROGRESS, PAUSED, Task
from sow_executors import inbox


@dataclass(frozen=True, slots=True)
class Waiting:
    """A living process that waits for the answer to a task's question."""

    attempt: Attempt
    request: str
    """The name of its question in the inbox."""


def waiting_for(attempts: Attempts, task: Task) -> Waiting | None:
    """Who waits for the answer to what a task is paused for; None where nobody does."""
    asked = task.question
    if task.status != PAUSED or asked is None:
        return None
    for attempt in attempts.of_task(task.id):
        if not attempt.ended:
            for question in inbox.waiting(attempts.inbox(attempt.id)):
                if question.text == asked["text"]:
                    return Waiting(attempt, question.name)
    return None


def was_held(attempts: Attempts, task: Task) -> bool:
    """Whether a process had asked what a task is paused for, and is gone."""
    asked = task.question
    last = next(reversed(attempts.of_task(task.id)), None)
    return bool(asked and last and asked["text"] in inbox.left(attempts.inbox(last.id)))


def agree(task: Task, tally: Tally, folder: str, *, iteration: int, at: str) -> Change:
    """What becomes of a task by what its process asks, or went on from. `folder`: the inbox.

    A request that nobody can be asked about, since the task is no longer at work
    or asks something else, is refused at once.
    """
    asked = tally.asked
    if asked is None or not asked.held:
        return _gone_on(without_heard(task, folder), tally)
    if asked.held not in (question.name for question in inbox.waiting(folder)):
        return Change(task=task)  # answered meanwhile, or gone with its process
    if task.status == IN_PROGRESS and task.iteration == iteration:
        paused = task.pause(
            asked.question, kind=asked.kind, by=task.assigned_agent, at=at, options=asked.options
        )
        event = Event(
            type="task.paused", task_id=task.id, payload={"question": asked.question, "kind": asked.kind}
        )
        # It did something, so what it was told has reached it.
        return Change(task=paused.replace(answer=None), events=(event,))
    if task.status == PAUSED and task.question and task.question["text"] == asked.question:
        return Change(task=task)
    why = f"nobody is asked: task {task.id} is {task.status}"
    refusal = inbox.answer_text(inbox.Answer(why, by="sow", at=at, refuses=True))
    return Change(task=task, files={inbox.answer_path(folder, asked.held): refusal})


def _gone_on(task: Task, tally: Tally) -> Change:
    """A task whose process waits no longer; it goes on with it where nobody had answered."""
    settled = tally.settled
    if task.status != PAUSED or settled is None or not task.question:
        return Change(task=task)
    if (task.question["text"], task.question["kind"]) != (settled.question, settled.kind):
        return Change(task=task)
    event = Event(type="task.resumed", task_id=task.id, payload={"by": "orchestrator"})
    return Change(task=task.go_on(), events=(event,))


def without_heard(task: Task, folder: str) -> Task:
    """The task without an answer that has reached a living process. `folder`: the inbox of its attempt."""
    if task.answer and inbox.is_heard(folder, task.answer["at"]):
        return task.replace(answer=None)
    return task
