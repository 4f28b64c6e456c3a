"""The tools of a worker, each about its own task and about no other.

Their types are looked at when they are made, so that annotations here are no texts.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from sow.api.task import Task, TaskPage
from sow.mcp import calls
from sow.mcp.kit import Words, tool
from sow.mcp.told import Feedback, Heard, Page

if TYPE_CHECKING:
    from sow.mcp.desk import Desk

STOP = "Stop now: the answer comes in this same session."


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker may do, as methods that are tools."""

    desk: "Desk"

    @property
    def _task(self) -> Task:
        return self.desk.task()

    @tool(reads=True)
    def task_show(self) -> Page:
        """Read your task again: its state, what is to be done, the feedback so far, what was used.

        Call it when you are not sure what was asked, or what has been answered.
        """
        return page(self._task.page())

    @tool(reads=True)
    def feedback_read(self) -> list[Feedback]:
        """Read what reviews of your work asked you to do better, oldest first."""
        return [Feedback(each.name, each.text) for each in self._task.feedback()]

    @tool()
    def task_log(
        self, *, text: Annotated[str, Field(description="What a colleague should know, in a few sentences.")]
    ) -> str:
        """Note something in your task's log, for whoever reads it later.

        A decision and its reason, a surprise, a way that led nowhere.
        """
        task = self._task
        task.log(text)
        return f"Noted in the log of task {task.id}."

    @tool(lasts=True)
    def task_ask(
        self, *,
        question: Annotated[str, Field(description="What you need to know, and all that it takes to say.")],
        options: Annotated[Words, Field(description="Answers that you can name; any other may come.")] = [],  # noqa: B006
        wait: Annotated[
            bool, Field(description="Stay in this call until the answer comes, which may take hours.")
        ] = False,
    ) -> Heard:  # fmt: skip
        """Ask a person what only a person can decide; your task is paused with the question.

        Unless you wait, stop at once after it: you are started again, in this same session, with the
        answer. Ask instead of guessing where the task contradicts what you find.
        """
        if not wait:
            self._task.ask(question, options)
            return Heard(None, None, STOP)
        answer = self._task.ask(question, options, wait=True, stop=calls.current().stop)
        if answer is None:
            return Heard(None, None, f"Nobody could be waited for, but the question stands. {STOP}")
        return Heard(answer.text, answer.by, "Go on with your task.")

    @tool(repeats=True)
    def task_report(
        self, *,
        message: Annotated[
            str, Field(description="What you did, in two or three sentences, for the one who reviews it.")
        ],
    ) -> str:  # fmt: skip
        """Report that the work of your task is done: it goes to review. Stop after it.

        Call it once, as the last thing. What you leave uncommitted in your folder is part of the work. If
        you can't go on without a person, call task_ask instead.
        """
        task = self._task
        task.hand_in(message)
        return f"Task {task.id} goes to review. Stop now."


def page(held: TaskPage) -> Page:
    """A page of the API's, as tools give it."""
    feedback = tuple(Feedback(each.name, each.text) for each in held.feedback)
    return Page(held.state.shown(), held.description, feedback, held.used)
