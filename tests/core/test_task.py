"""A task's moves are the transition table, and what a status owns comes and goes with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.core.parts import AT, in_status, new_task, started

import sow_schemas
from sow.document.canonical import same
from sow.errors import Refused
from sow.task import ENDED, IN_PROGRESS, PAUSED, PENDING, STATUSES, TRANSITIONS, Task
from sow_schemas.documents import TaskError

Move = Callable[[Task], Task]

MOVES: dict[str, Move] = {
    "start": started,
    "pause": lambda task: task.pause("why?", kind="question", by="ada", at=AT, options=("a", "b")),
    "answer": lambda task: task.take_answer("so", by="ada", at=AT),
    "hand in": lambda task: task.hand_in("done"),
    "send back": lambda task: task.send_back("better", by="ada", at=AT),
    "approve": lambda task: task.approve(by="ada", at=AT),
    "complete": lambda task: task.complete(at=AT, commit="c1"),
    "abandon": lambda task: task.abandon(at=AT),
    "postpone": lambda task: task.postpone(not_before=AT),
    "retry": lambda task: task.retry(),
    "retry fresh": lambda task: task.retry(fresh=True),
}

LEADS_TO = {
    ("start", "pending"): "in_progress",
    ("start", "in_progress"): "in_progress",
    ("pause", "pending"): "paused",
    ("pause", "in_progress"): "paused",
    ("answer", "paused"): "in_progress",
    ("hand in", "pending"): "needs_review",
    ("hand in", "in_progress"): "needs_review",
    ("hand in", "paused"): "needs_review",
    ("send back", "needs_review"): "in_progress",
    ("approve", "needs_review"): "needs_review",
    ("complete", "pending"): "completed",
    ("complete", "in_progress"): "completed",
    ("complete", "paused"): "completed",
    ("abandon", "pending"): "abandoned",
    ("abandon", "in_progress"): "abandoned",
    ("abandon", "paused"): "abandoned",
    ("abandon", "needs_review"): "abandoned",
    ("postpone", "in_progress"): "pending",
    ("retry", "pending"): "pending",
    ("retry", "in_progress"): "pending",
    ("retry", "paused"): "pending",
    ("retry", "abandoned"): "pending",
}
"""Every pair of a move and a status that is allowed, for a task that an agent has worked on."""

PAIRS = [(move, status) for move in MOVES for status in STATUSES]
NEXT_STEP = {
    "pending": "sow run",
    "in_progress": "sow agent",
    "paused": "sow task answer 010",
    "needs_review": "sow task approve 010",
    "completed": "sow task add",
    "abandoned": "sow task retry 010",
}


@pytest.mark.parametrize(("move", "status"), PAIRS, ids=lambda word: word)
def test_every_move_from_every_status_is_allowed_or_refused_with_the_next_step(
    move: str, status: str
) -> None:
    task = in_status(status)
    allowed = LEADS_TO.get((move.removesuffix(" fresh"), status))
    if allowed:
        assert MOVES[move](task).status == allowed
        return
    with pytest.raises(Refused) as refused:
        MOVES[move](task)
    goals = {to for (named, _), to in LEADS_TO.items() if named == move.removesuffix(" fresh")}
    goal = "completed" if move == "approve" else goals.pop()
    told = "already" if goal == status else f"and can't become {goal}"
    assert str(refused.value).startswith(f"task 010 is {status} {told}: ")
    unapproved = (move, status) == ("complete", "needs_review")
    why = "nobody has approved it" if unapproved else " goes only from "
    assert why in str(refused.value)
    assert NEXT_STEP[status] in refused.value.hint


def test_the_table_of_transitions_is_what_the_moves_allow() -> None:
    allowed = {(status, to) for (_, status), to in LEADS_TO.items() if status != to}
    allowed.add(("needs_review", "completed"))  # once it is approved
    assert allowed == {(status, to) for status, all_to in TRANSITIONS.items() for to in all_to}


def test_a_refused_move_names_the_statuses_that_it_goes_from() -> None:
    with pytest.raises(
        Refused, match=r"task 010 is needs_review and can't become in_progress: .*pending or in_progress"
    ):
        started(in_status("needs_review"))


def test_what_is_completed_has_not_failed_any_more() -> None:
    failed = new_task(result={"status": "error", "error_code": "TIMEOUT", "message": "too slow"})
    assert failed.complete(at=AT).result is None
    done = new_task(result={"status": "success"})
    assert done.complete(at=AT).result == {"status": "success"}


def test_work_under_review_is_completed_only_once_somebody_approved_it() -> None:
    handed = in_status("needs_review")
    with pytest.raises(Refused, match="nobody has approved"):
        handed.complete(at=AT)
    done = handed.approve(by="ada", at=AT).complete(at=AT, commit="c1")
    assert (done.status, done.commit, done.approval) == ("completed", "c1", None)


def test_an_approval_is_given_once() -> None:
    approved = in_status("needs_review").approve(by="ada", at=AT)
    assert approved.approve(by="bob", at="2026-11-22T00:00:00Z") == approved


def test_a_task_that_nobody_worked_on_has_nothing_to_hand_in() -> None:
    with pytest.raises(Refused, match="no agent has worked on it yet"):
        new_task().hand_in()


def test_work_of_an_agent_without_sessions_can_be_handed_in_after_a_retry() -> None:
    task = started(new_task(), session=None).pause("?", kind="failure", by="sow", at=AT).retry()
    assert (task.session_id, task.attempts) == (None, 0)
    assert task.hand_in("it is there").status == "needs_review"


def test_the_session_lives_through_everything_but_the_end() -> None:
    task = started(new_task())
    stations = [
        task,
        task.pause("?", kind="question", by="w", at=AT),
        task.pause("?", kind="question", by="w", at=AT).take_answer("!", by="ada", at=AT),
        task.hand_in(),
        task.hand_in().send_back("again", by="ada", at=AT),
        task.hand_in().send_back("again", by="ada", at=AT).hand_in().send_back("more", by="ada", at=AT),
        task.hand_in().approve(by="ada", at=AT),
        task.postpone(not_before=AT),
        task.pause("?", kind="failure", by="w", at=AT).retry(),
        task.retry(fresh=True),  # until the next start, which is told to open another one
    ]
    assert [station.session_id for station in stations] == ["s-1"] * len(stations)
    ends = [task.complete(at=AT), task.abandon(at=AT), stations[6].complete(at=AT)]
    assert [(end.session_id, end.executor, end.completed_at) for end in ends] == [(None, None, AT)] * 3


def test_a_task_sent_back_gains_an_iteration_and_loses_its_result_and_tries() -> None:
    failed: TaskError = {"error_type": "network", "message": "m", "timestamp": AT, "retry_count": 3}
    task = in_status("needs_review").replace(attempts=4, error=failed)
    back = task.send_back("handle empty input", by="ada", at=AT)
    assert (back.status, back.iteration, back.attempts, back.result) == (IN_PROGRESS, 2, 0, None)
    assert back.answer == {"text": "handle empty input", "by": "ada", "at": AT}
    assert back.error == {**failed, "retry_count": 0}


def test_an_abandoned_task_taken_up_again_begins_a_new_iteration_without_what_was_before() -> None:
    gone = in_status("needs_review").abandon(at=AT)
    again = gone.retry()
    assert (again.iteration, again.session_id, again.result) == (2, None, None)
    assert (again.completed_at, again.error) == (None, None)


def test_an_answer_that_never_reached_the_agent_is_given_together_with_the_next() -> None:
    task = in_status("paused").replace(answer={"text": "use sqlite", "by": "ada", "at": AT})
    answered = task.take_answer("and log in again", by="ada", at=AT)
    assert answered.answer == {"text": "use sqlite\n\nand log in again", "by": "ada", "at": AT}


def test_the_first_start_is_kept_and_the_zero_date_of_a_go_program_counts_as_none() -> None:
    imported = new_task(started_at="0001-01-01T00:00:00Z")
    assert started(imported).started_at == AT
    assert started(new_task(started_at="2020-01-01T00:00:00Z")).started_at == "2020-01-01T00:00:00Z"


def test_a_start_spends_a_try_and_what_was_waited_for() -> None:
    waiting = in_status("pending").replace(not_before=AT, fresh=True, attempts=2)
    begun = started(waiting)
    assert (begun.attempts, begun.not_before, begun.fresh) == (3, None, None)


def test_a_task_made_with_tuples_is_valid_and_read_back_as_it_is_written() -> None:
    task = new_task(inputs=(), outputs=(), depends_on=("020",))
    document = task.document()
    assert sow_schemas.valid("task_state", document)
    assert Task.from_document(document).document() == document


class Life(RuleBasedStateMachine):
    """Any sequence of moves: what holds after each of them."""

    def __init__(self) -> None:
        super().__init__()
        self.task = new_task()
        self.highest = 1

    @initialize(priority=st.sampled_from([None, "high"]), depends=st.sampled_from([None, ["020"]]))
    def begin(self, priority: str | None, depends: list[str] | None) -> None:
        self.task = new_task(priority=priority, depends_on=depends)

    @rule(name=st.sampled_from(sorted(MOVES)))
    def move(self, name: str) -> None:
        before = self.task
        held = before.document()
        try:
            self.task = MOVES[name](before)
        except Refused:
            pass  # what it says is held against the table above
        assert before.document() == held, "a move changes nothing in place"
        if self.task.status != before.status:
            assert self.task.status in TRANSITIONS[before.status]

    @precondition(lambda self: self.task.status == IN_PROGRESS)
    @rule()
    def fail(self) -> None:
        error: TaskError = {"error_type": "network", "message": "m", "timestamp": AT, "retry_count": 1}
        self.task = self.task.replace(error=error, error_detail={"class": "network"})

    @invariant()
    def a_question_stands_only_while_paused(self) -> None:
        assert (self.task.question is not None) == (self.task.status == PAUSED)

    @invariant()
    def an_end_has_a_time_and_no_session(self) -> None:
        ended = self.task.status in ENDED
        assert (self.task.completed_at is not None) == ended
        if ended:
            held: list[Any] = [self.task.session_id, self.task.executor, self.task.answer, self.task.approval]
            assert held == [None] * 4

    @invariant()
    def an_approval_stands_only_under_review(self) -> None:
        assert self.task.approval is None or self.task.status == "needs_review"

    @invariant()
    def a_wait_stands_only_while_pending(self) -> None:
        assert self.task.not_before is None or self.task.status == PENDING

    @invariant()
    def the_iteration_never_falls(self) -> None:
        assert self.task.iteration >= self.highest
        self.highest = self.task.iteration

    @invariant()
    def the_document_is_valid_and_holds_the_whole_task(self) -> None:
        document = self.task.document()
        assert sow_schemas.valid("task_state", document), sow_schemas.problems("task_state", document)
        assert same(Task.from_document(document).document(), document)
        assert Task.from_document(document) == self.task


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


# -- what each move changes ------------------------------------------------------------------------

FULL = new_task(
    status="in_progress", started_at=AT, iteration=2, session_id="s-1", executor="claude", not_before=AT,
    fresh=True, answer={"text": "left", "by": "ada", "at": AT}, approval={"by": "ada", "at": AT},
    worktree="w", branch="b", base="c0", commit="c1", attempts=3,
    question={"text": "which?", "kind": "question", "by": "worker", "asked_at": AT},
    error={"error_type": "network", "message": "m", "timestamp": AT, "retry_count": 3},
    error_detail={"class": "network"}, result={"status": "success", "message": "done"},
)  # fmt: skip
"""A task with every field that a move could have to clear: most of them never stand beside each other."""

ZERO = {**(FULL.error or {}), "retry_count": 0}
LATER = "2026-11-22T10:00:00.000Z"
AT_THE_END = {
    "completed_at": LATER, "session_id": None, "executor": None, "question": None, "answer": None,
    "approval": None, "not_before": None, "fresh": None,
}  # fmt: skip
CHANGES: dict[str, tuple[str, Callable[[Task], Task], dict[str, object]]] = {
    "start": ("pending",
        lambda t: t.start(session_id="s-1", executor="claude", at=LATER, worktree="w", branch="b", base="c0"),
        {"status": "in_progress", "attempts": 4, "not_before": None, "fresh": None}),
    "pause": ("in_progress", lambda t: t.pause("how?", kind="failure", by="sow", at=LATER),
        {"status": "paused", "not_before": None,
            "question": {"text": "how?", "kind": "failure", "by": "sow", "asked_at": LATER}}),
    "answer": ("paused", lambda t: t.take_answer("right", by="bob", at=LATER),
        {"status": "in_progress", "question": None, "attempts": 0, "error": ZERO,
            "answer": {"text": "left\n\nright", "by": "bob", "at": LATER}}),
    "go on": ("paused", lambda t: t.go_on(), {"status": "in_progress", "question": None}),
    "hand in": ("in_progress", lambda t: t.hand_in("more"),
        {"status": "needs_review", "question": None, "answer": None, "not_before": None, "error": None,
            "error_detail": None, "result": {"status": "success", "message": "more"}}),
    "send back": ("needs_review", lambda t: t.send_back("better", by="bob", at=LATER),
        {"status": "in_progress", "iteration": 3, "attempts": 0, "approval": None, "result": None,
            "error": ZERO, "answer": {"text": "better", "by": "bob", "at": LATER}}),
    "complete": ("needs_review", lambda t: t.complete(at=LATER, commit="c2"),
        {**AT_THE_END, "status": "completed", "commit": "c2", "error": None, "error_detail": None}),
    "abandon": ("paused", lambda t: t.abandon(at=LATER), {**AT_THE_END, "status": "abandoned"}),
    "postpone": ("in_progress", lambda t: t.postpone(not_before=LATER),
        {"status": "pending", "not_before": LATER}),
    "retry": ("paused", lambda t: t.retry(),
        {"status": "pending", "question": None, "not_before": None, "fresh": None, "attempts": 0,
            "error": ZERO}),
    "retry fresh": ("paused", lambda t: t.retry(fresh=True),
        {"status": "pending", "question": None, "not_before": None, "attempts": 0, "error": ZERO}),
    "retry of an abandoned one": ("abandoned", lambda t: t.replace(completed_at=AT).retry(),
        {"status": "pending", "iteration": 3, "question": None, "not_before": None, "fresh": None,
            "attempts": 0, "result": None, "error": None, "error_detail": None}),
}  # fmt: skip
"""Each move: from which status, and all the fields that are another afterwards."""


@pytest.mark.parametrize("move", CHANGES)
def test_a_move_changes_these_fields_and_no_other(move: str) -> None:
    status, act, changes = CHANGES[move]
    before: Any = FULL.replace(status=cast("Any", status))
    after = act(before)
    another = {name for name in Task._fields if getattr(after, name) != getattr(before, name)}
    assert {name: getattr(after, name) for name in another} == changes
