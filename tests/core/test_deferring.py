"""An answer to a call at which a session has stopped: where it is laid, and how it reaches the agent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.core.parts import AT, in_status, layout

from sow import deferring
from sow.attempt import Attempt, Attempts
from sow.progress import Tally
from sow.task import Task
from sow_executors import deferral, inbox
from sow_executors.base import Asked

CALL = {"call": "t-1", "tool": "Bash", "input": {"command": "make"}, "key": "k", "scope": "s"}
QUESTION = deferral.question("Bash", {"command": "make"})
SAID_AT = "2026-11-25T12:00:00.000Z"


class Past:
    """The attempts of a task, oldest first."""

    def __init__(self, folder: Path) -> None:
        self.attempts = Attempts(layout(folder))

    def attempt(self, *, stops: bool = False, answer: str = "", **fields: Any) -> str:
        """One that has ended; gives the path of its inbox."""
        name = self.attempts.reserve("010", 1)
        given: dict[str, Any] = {
            "id": name, "task_id": "010", "agent": "implementer", "executor": "claude", "session_id": "s-1",
            "iteration": 1, "action": "resume", "run_id": "run-1", "folder": "/w", "argv": ["claude"],
            "created_at": AT, "ended_at": AT, "outcome": "finished",
        }  # fmt: skip
        self.attempts.keep(Attempt(**{**given, **fields}))
        folder = self.attempts.inbox(name)
        if stops:
            Path(deferral.path(folder)).write_text(json.dumps(CALL))
        if answer:
            text = inbox.answer_text(inbox.Answer(answer, "ada", SAID_AT))
            Path(deferral.answer_path(folder)).write_text(text)
        return folder


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path)


def paused(text: str = QUESTION) -> Task:
    return in_status("in_progress").pause(
        text, kind="permission", by="orchestrator", at=AT, options=deferral.OPTIONS
    )


def answered(text: str = "yes", at: str = SAID_AT) -> Task:
    return paused().take_answer(text, by="ada", at=at)


def test_an_answer_is_laid_beside_the_call_that_the_task_is_paused_for(past: Past) -> None:
    past.attempt()
    folder = past.attempt(stops=True)
    assert deferring.answer_place(past.attempts, paused()) == deferral.answer_path(folder)
    # Somebody has a look at the session on a terminal before they answer.
    past.attempt(action="attach", outcome="attached")
    assert deferring.answer_place(past.attempts, paused()) == deferral.answer_path(folder)


@pytest.mark.parametrize(
    ("task", "last"),
    [
        pytest.param(in_status("in_progress"), {"stops": True}, id="nobody is asked"),
        pytest.param(paused("Which?"), {"stops": True}, id="something else is asked"),
        pytest.param(paused(), {}, id="the session has not stopped"),
        pytest.param(paused(), {"stops": True, "answer": "no"}, id="it was answered before"),
    ],
)
def test_any_other_answer_is_not(past: Past, task: Task, last: dict[str, Any]) -> None:
    past.attempt(stops=True)
    past.attempt(**last)
    assert deferring.answer_place(past.attempts, task) is None


def test_without_an_attempt_there_is_no_place(past: Past) -> None:
    assert deferring.answer_place(past.attempts, paused()) is None
    assert deferring.carried(past.attempts, answered()) is None


@pytest.mark.parametrize(
    ("later", "task", "resumed", "spawned"),
    [
        pytest.param([], answered(), "alone", "in words", id="at once"),
        pytest.param(
            [{"outcome": "lost"}, {"outcome": "failed", "error_class": "interrupted"}],
            answered(), "alone", "in words", id="after starts that came to nothing",
        ),
        pytest.param(
            [{"outcome": "failed", "error_class": "unknown"}], answered(), "in words", "in words",
            id="after one that failed, maybe for want of the call",
        ),
        pytest.param(
            [{"action": "attach", "outcome": "attached"}], answered(), "in words", "in words",
            id="after a person was in the session",
        ),
        pytest.param(
            [], answered().replace(session_id="s-2"), "in words", "in words", id="in another session"
        ),
        pytest.param(
            [], answered("yes\n\nand go on", "2026-11-25T13:00:00.000Z"), "with others", "with others",
            id="with more that was said since",
        ),
    ],
)  # fmt: skip
def test_how_it_reaches_the_agent(
    past: Past, later: list[dict[str, Any]], task: Task, resumed: str, spawned: str
) -> None:
    past.attempt(stops=True, answer="yes")
    for fields in later:
        past.attempt(**fields)
    carried = deferring.carried(past.attempts, task)
    assert carried is not None
    assert (carried.way("resume"), carried.way("spawn")) == (resumed, spawned)
    assert (carried.verdict.call, carried.verdict.allows, carried.question) == ("t-1", True, QUESTION)
    # Where the call is gone, what was said holds for the next one like it.
    assert carried.verdict_for("resume").again is not carried.is_next
    assert carried.verdict_for("spawn").again


def test_a_call_that_others_came_behind_is_not_resumed_for_its_result_would_be_lost(past: Past) -> None:
    folder = past.attempt(stops=True, answer="yes")
    deferring.note(folder, Tally(asked=Asked(QUESTION, kind="permission")))
    carried = deferring.carried(past.attempts, answered())
    assert carried is not None
    assert carried.way("resume") == "alone"
    deferring.note(folder, Tally(asked=Asked(QUESTION, kind="permission", crowded=True)))
    carried = deferring.carried(past.attempts, answered())
    assert carried is not None
    assert (carried.way("resume"), carried.verdict_for("resume").again) == ("in words", True)
    assert QUESTION in carried.in_words("yes")
    assert "was not done" in carried.in_words("yes")


def test_a_call_that_was_begun_is_not_let_begin_again_without_a_word(past: Past) -> None:
    folder = past.attempt(stops=True, answer="yes")
    Path(deferral.answer_path(folder)).rename(f"{folder}/permission.heard")
    past.attempt(outcome="lost")
    carried = deferring.carried(past.attempts, answered())
    assert carried is not None
    assert (carried.way("resume"), carried.verdict_for("resume").again) == ("begun", False)
    assert "was not done" not in carried.in_words("yes")


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(answered().replace(answer=None), id="heard"),
        pytest.param(answered("blue", "2026-11-25T13:00:00.000Z"), id="and another thing was said since"),
    ],
)
def test_an_answer_that_the_agent_has_heard_is_carried_no_more(past: Past, task: Task) -> None:
    past.attempt(stops=True, answer="yes")
    assert deferring.carried(past.attempts, task) is None


def test_an_earlier_answer_is_not_one_to_a_later_call(past: Past) -> None:
    past.attempt(stops=True, answer="yes")
    past.attempt(stops=True)
    assert deferring.carried(past.attempts, answered()) is None


def test_what_was_allowed_for_the_task_stays_allowed(past: Past) -> None:
    past.attempt(stops=True, answer="allow for this task")
    past.attempt(stops=True, answer="allow for this task")
    past.attempt(stops=True, answer="allow once")
    assert deferring.granted(past.attempts, answered()) == ("s",)
