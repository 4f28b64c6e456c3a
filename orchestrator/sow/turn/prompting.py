"""What the agent of a turn is told, and why the turn is begun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sow import deferring, handover, prompts
from sow.clock import is_unset
from sow.config import ExecutorChoice
from sow.task import Task
from sow.turn.means import Means
from sow_executors import base, extras

if TYPE_CHECKING:
    from sow_schemas.documents import Action, Reason


def reason_of(means: Means, task: Task, action: Action) -> Reason:
    """Why an agent is started on the task just now."""
    if task.answer:
        return "feedback" if _is_feedback(means, task) else "answer"
    if action == "spawn" and not task.attempts:
        return "start"
    last = next(reversed(means.attempts.of_task(task.id)), None)
    if last and last.outcome == "finished" and last.iteration == task.iteration and last.reason != "nudge":
        return "nudge"  # its end was settled by a run that was killed before it could ask
    return "retry" if task.error else "interrupted"


def prompt_of(
    means: Means, task: Task, action: Action, reason: str, carried: deferring.Carried | None
) -> str:
    """What the agent is told: a first prompt, what a person said, or to go on."""
    words = task.answer["text"] if task.answer else ""
    match carried and carried.way(action):
        case "alone":
            return ""
        case "begun":
            return prompts.go_on(task)
        case "in words":
            words = carried.in_words(words) if carried else words
    is_feedback = _is_feedback(means, task)
    if action == "spawn":
        words = "" if is_feedback else words  # it is told with all other feedback
        note = _handed_over(means, task, words)
        role = prompts.role_text(task.assigned_agent, means.layout.main)
        return prompts.first(
            task, role, means.store.description(task), means.store.feedback(task), note.strip(),
            shared=means.workspace.shared and not task.branch,
        )  # fmt: skip
    # Whatever this start is for: what a person said and nobody heard yet comes first.
    if words:
        return prompts.reviewed(words, task.iteration) if is_feedback else prompts.answered(words)
    return prompts.nudge(task) if reason == "nudge" else prompts.go_on(task)


def _is_feedback(means: Means, task: Task) -> bool:
    given = means.store.feedback(task)
    return bool(given and task.answer and given[-1][1].strip() == task.answer["text"].strip())


def _handed_over(means: Means, task: Task, answer: str) -> str:
    if is_unset(task.started_at):
        return f"A person answered an earlier question: {answer}" if answer else ""
    folder = means.layout.task(task.phase, task.id)
    known = handover.of(task, means.store.log, folder, means.attempts, means.workspace, means.user, answer)
    return handover.text(known)


def by_file(means: Means, executor: base.Executor, choice: ExecutorChoice, attempt: str) -> str:
    """How to report without `sow`, for an agent that may not be allowed to run it."""
    if not isinstance(executor, extras.RefusesCommands) or not executor.refuses_commands(choice.settings):
        return ""
    return f"\n\n{prompts.by_file(f'{means.attempts.folder(attempt)}/outbox')}"
