"""A question that no process holds: the session stopped at a tool call, and is resumed with the answer.

    the CLI's hook   notes the call in its attempt's inbox, and the process ends
    the task         paused, with the question
    a person         answers: the state and the inbox, all or nothing     <- `answer_place`
    the next turn    resumes without a prompt; the stored call runs, or is denied     <- `carried`

Nothing runs meanwhile, so nothing is lost by a kill. See sow_executors.deferral.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from sow import files, prompts
from sow.attempt import Attempt, Attempts
from sow.progress import Tally
from sow.task import PAUSED, Task
from sow_executors import deferral
from sow_executors.deferral import Verdict

if TYPE_CHECKING:
    from sow_schemas.documents import Action


Way = Literal["alone", "begun", "in words", "with others"]
"""By the call that it lets run, or denies, and no word beside it; not at all, for it has reached the call;
in words, for the call is gone; by the call, and then among what else a person said."""


@dataclass(frozen=True, slots=True)
class Carried:
    """An answer to the call at which a task's session has stopped."""

    verdict: Verdict
    question: str
    is_all: bool
    """Whether it is all that the agent has not heard yet."""
    is_begun: bool
    """Whether it has reached the call, and what became of that is not known."""
    is_next: bool
    """Whether the session has still stopped there, as far as is known, and can go on with that very call."""

    def verdict_for(self, action: Action) -> Verdict:
        """The verdict for an agent started by `action`: on the very call, or on the next one like it."""
        return replace(self.verdict, again=not (action == "resume" and (self.is_next or self.is_begun)))

    def way(self, action: Action) -> Way:
        """How it reaches an agent that is started by `action`."""
        if not self.is_all:
            return "with others"
        if action == "resume" and self.is_begun:
            return "begun"
        return "alone" if action == "resume" and self.is_next else "in words"

    def in_words(self, text: str) -> str:
        """An answer as an agent is told it that can't go on with the call."""
        tell = prompts.to_lost_question if self.is_begun else prompts.to_lost_call
        return tell(self.question, text)


def answer_place(attempts: Attempts, task: Task) -> str | None:
    """Where the answer to a paused task is to be laid; None where no session has stopped for it."""
    asked = task.question
    last = attempts.last_by_agent(task.id)
    if task.status != PAUSED or asked is None or last is None:
        return None
    folder = attempts.inbox(last.id)
    stopped = deferral.asked(folder)
    if stopped is None or stopped.question != asked["text"] or deferral.given(folder):
        return None
    return deferral.answer_path(folder)


def note(folder: str, tally: Tally) -> None:
    """Notes what an attempt's end tells of the call at which it stopped. `folder`: its inbox."""
    if tally.asked and tally.asked.crowded:
        files.write(deferral.crowded_path(folder), "")


def carried(attempts: Attempts, task: Task) -> Carried | None:
    """The answer that the next turn of a task carries; None where none is left to be carried."""
    everyone = attempts.of_task(task.id)
    for number, attempt in reversed(list(enumerate(everyone))):
        folder = attempts.inbox(attempt.id)
        if (stopped := deferral.asked(folder)) is None:
            continue
        verdict, given, said = deferral.verdict(folder), deferral.given(folder), task.answer
        # What was said later stands behind it, as long as it has not reached the agent.
        if verdict is None or given is None or said is None:
            return None
        is_all = (said["text"], said["at"]) == (given.text, given.at)
        if not is_all and not said["text"].startswith(f"{given.text}\n\n"):
            return None
        return Carried(
            verdict,
            stopped.question,
            is_all=is_all,
            is_begun=deferral.is_begun(folder),
            is_next=attempt.session_id == task.session_id
            and not deferral.is_crowded(folder)
            and _came_to_nothing(everyone[number + 1 :]),
        )
    return None


def _came_to_nothing(later: Sequence[Attempt]) -> bool:
    """Whether attempts did nothing; one that failed for no known reason may have found the call gone."""
    return all(
        each.action == "resume" and each.outcome != "finished" and each.error_class != "unknown"
        for each in later
    )


def granted(attempts: Attempts, task: Task) -> tuple[str, ...]:
    """What a person allowed for as long as a task goes on, each scope once."""
    found = (deferral.granted(attempts.inbox(attempt.id)) for attempt in attempts.of_task(task.id))
    return tuple(dict.fromkeys(scope for scope in found if scope))
