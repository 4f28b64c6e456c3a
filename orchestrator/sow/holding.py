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


@dataclass(frozen=True, slots=True)
class Lost:
    """A question of a process that is gone."""

    folder: str
    """The inbox that it stands in."""
    question: inbox.Question

    @property
    def is_permission(self) -> bool:
        """Whether it was about a call, which the next process may make again."""
        return self.question.kind == "permission"


def lost(attempts: Attempts, task: Task) -> Lost | None:
    """What a task is paused for, where a process had asked it and is gone."""
    asked = task.question
    last = attempts.last_by_agent(task.id)
    if asked is None or last is None:
        return None
    folder = attempts.inbox(last.id)
    found = (Lost(folder, each) for each in inbox.left(folder) if each.text == asked["text"])
    return next(found, None)


def late_answers(attempts: Attempts, task: Task) -> tuple[str, ...]:
    """The inboxes of this iteration in which a process that was gone was answered about a permission.

    Such an answer holds for the next request like it, once.
    """
    mine = (attempt for attempt in attempts.of_task(task.id) if attempt.iteration == task.iteration)
    folders = (attempts.inbox(attempt.id) for attempt in mine)
    return tuple(folder for folder in folders if any(q.kind == "permission" for q, _ in inbox.late(folder)))


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
