"""What becomes of a task by what its living process asks, or went on from: little histories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.core.parts import in_status

import sow_schemas
from sow import holding
from sow.change import Change
from sow.progress import Tally, after
from sow.task import Task
from sow_executors import inbox
from sow_executors.base import Answered, Asked, Report
from sow_schemas import documents

AT = "2026-11-25T12:00:00.000Z"
ASKED = Asked("Run x?", ("Allow", "Reject"), "permission", "p-1")
ANSWER: documents.Answer = {"text": "Allow", "by": "ada", "at": AT}


class Process:
    """A process that asks in an inbox, and what it printed of that."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.printed: list[Report] = []

    def asks(self) -> None:
        question = inbox.Question(ASKED.held, ASKED.question, ASKED.options, ASKED.kind)
        self.asking = inbox.Asking(self.folder, question)
        self.printed.append(ASKED)

    def is_answered(self, at: str = AT) -> None:
        Path(inbox.answer_path(self.folder, ASKED.held)).write_text(
            inbox.answer_text(inbox.Answer("Allow", "ada", at))
        )

    def goes_on(self, text: str = "") -> None:
        self.asking.close()
        self.printed.append(Answered(ASKED.held, text))

    def agree(self, task: Task) -> Change:
        tally = after(Tally(), self.printed)
        change = holding.agree(task, tally, self.folder, iteration=task.iteration, at=AT)
        assert sow_schemas.valid("task_state", change.task.document())
        # What was done is not done again.
        again = holding.agree(change.task, tally, self.folder, iteration=task.iteration, at=AT)
        assert (again.task, again.events) == (change.task, ())
        return change


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    made = Process(tmp_path)
    yield made
    if hasattr(made, "asking"):
        made.asking.close()


def paused(question: str = ASKED.question) -> Task:
    return in_status("in_progress").pause(
        question, kind="permission", by="implementer", at=AT, options=ASKED.options
    )


def test_a_task_at_work_is_paused_with_what_its_process_asks(process: Process) -> None:
    process.asks()
    task = in_status("in_progress").replace(answer={**ANSWER, "text": "of before"})
    change = process.agree(task)
    assert (change.task.status, change.task.question) == ("paused", paused().question)
    assert change.task.answer is None, "who asks has heard what it was told"
    assert [event.type for event in change.events] == ["task.paused"]


def test_a_task_that_is_paused_for_it_stays_so(process: Process) -> None:
    process.asks()
    assert process.agree(paused()) == Change(task=paused())


@pytest.mark.parametrize(
    "task",
    [in_status("pending"), in_status("needs_review"), in_status("completed"), paused("Something else?")],
    ids=lambda task: f"{task.status}",
)
def test_a_request_that_nobody_can_be_asked_about_is_refused(process: Process, task: Task) -> None:
    process.asks()
    change = holding.agree(task, after(Tally(), process.printed), process.folder, iteration=1, at=AT)
    assert (change.task, change.events) == (task, ())
    ((path, text),) = change.files.items()
    Path(path).write_text(text)
    answer = process.asking.answer()
    assert answer is not None
    assert (answer.refuses, answer.text) == (True, f"nobody is asked: task 010 is {task.status}")


def test_a_process_of_an_earlier_iteration_is_refused(process: Process) -> None:
    process.asks()
    task = in_status("in_progress").replace(iteration=2)
    assert holding.agree(task, after(Tally(), process.printed), process.folder, iteration=1, at=AT).files


def test_what_was_answered_before_anybody_looked_is_no_question(process: Process) -> None:
    process.asks()
    process.is_answered()
    task = in_status("in_progress").replace(answer={**ANSWER})
    assert process.agree(task) == Change(task=task)


def test_an_answer_that_was_heard_is_delivered(process: Process) -> None:
    process.asks()
    process.is_answered()
    process.goes_on("Allow")
    task = in_status("in_progress").replace(answer={**ANSWER})
    assert process.agree(task).task == task.replace(answer=None)


def test_an_answer_that_nobody_heard_is_kept(process: Process) -> None:
    process.asks()
    process.is_answered("2026-11-25T11:00:00.000Z")
    process.goes_on("Allow")
    task = in_status("in_progress").replace(answer={**ANSWER})
    assert process.agree(task).task == task


def test_a_question_whose_time_is_over_is_asked_no_more(process: Process) -> None:
    process.asks()
    process.goes_on()
    change = process.agree(paused())
    assert (change.task.status, change.task.question) == ("in_progress", None)
    assert [event.type for event in change.events] == ["task.resumed"]


def test_a_question_of_the_worker_stays_whatever_else_went_on(process: Process) -> None:
    process.asks()
    process.goes_on()
    assert process.agree(paused("Something else?")) == Change(task=paused("Something else?"))


def test_a_question_outlives_the_process_that_asked_it(process: Process) -> None:
    process.asks()
    process.asking.leave()
    assert process.agree(paused()) == Change(task=paused())
