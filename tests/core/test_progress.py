"""Little histories: what an agent printed and how it ended, and what becomes of its task."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.parts import in_status

import sow_schemas
from sow.clock import seconds
from sow.judgement import judged
from sow.progress import MOST, End, Tally, after, verdict
from sow.recovery.policy import (
    LONGEST_WAIT,
    NEXT_STEP,
    NO_RESET_KNOWN,
    TRANSIENT,
    AskPerson,
    Later,
    Nothing,
    Nudge,
    Restart,
    decide,
)
from sow.task import Task
from sow_executors.base import (
    Asked,
    Denied,
    Failed,
    Finished,
    Kind,
    Limited,
    Report,
    Retried,
    Returned,
    Said,
    Spent,
    Started,
    Used,
)

WORKING = in_status("in_progress")
OVER = Finished("all done")
LIMIT = Failed("usage_limit", "limit reached", resets_at=1e9)
GONE = Failed("session_not_found", "?")
DENIED = Denied("Bash", "rm -rf build", "not allowed")


def end(ending: Finished | Failed, *reports: Report, **more: Any) -> End:
    return replace(End(after(Tally(), reports), ending, iteration=1), **more)


@pytest.mark.parametrize(
    ("task", "history", "decision"),
    [
        pytest.param(in_status("needs_review"), end(OVER), Nothing(), id="the worker reported"),
        pytest.param(in_status("paused"), end(LIMIT), Nothing(), id="the worker asked, then the CLI failed"),
        pytest.param(in_status("completed"), end(OVER), Nothing(), id="a person completed it meanwhile"),
        pytest.param(in_status("abandoned"), end(LIMIT), Nothing(), id="a person abandoned it meanwhile"),
        pytest.param(in_status("pending"), end(OVER), Nothing(), id="it was put back meanwhile"),
        pytest.param(WORKING.replace(iteration=2), end(OVER), Nothing(), id="the iteration is another"),
        pytest.param(WORKING, end(OVER, stopped="interrupt"), Nothing(), id="Ctrl-C: the next run goes on"),
        pytest.param(
            WORKING, end(LIMIT, stopped="person"),
            AskPerson("A person stopped the agent. Say how to go on, or accept what is there.", "question"),
            id="a person stopped it",
        ),
        pytest.param(
            WORKING, end(OVER, Asked("a or b?", ("a", "b"))), AskPerson("a or b?", "question", ("a", "b")),
            id="it asked by its CLI",
        ),
        pytest.param(
            WORKING, end(OVER, Asked("may I?", kind="permission")), AskPerson("may I?", "permission"),
            id="it asked for a permission",
        ),
        pytest.param(
            WORKING.replace(answer={"text": "yes", "by": "ada", "at": "2026-11-21T10:00:01.000Z"}),
            end(OVER, Said("I asked."), begun_at="2026-11-21T10:00:00.000Z"), Nothing(),
            id="it asked, and was answered before its process had ended",
        ),
        pytest.param(
            WORKING.replace(answer={"text": "yes", "by": "ada", "at": "2026-11-21T10:00:00.000Z"}),
            end(OVER, Said("Thanks."), begun_at="2026-11-21T10:00:01.000Z"), Nudge(),
            id="it was brought an answer and ended without a word",
        ),
        pytest.param(WORKING, end(OVER, Said("I am done.")), Nudge(), id="it ended without a word"),
        pytest.param(
            WORKING, end(OVER, Said("I am done."), nudged=True),
            AskPerson("The agent ended without a report. Its last words: I am done.", "question"),
            id="silent also when asked how it ended",
        ),
        pytest.param(
            WORKING, end(OVER, nudged=True),
            AskPerson("The agent ended without a report. It said nothing.", "question"),
            id="silent altogether",
        ),
        pytest.param(
            WORKING, end(OVER, DENIED, DENIED, Denied("Write"), Said("no way")),
            AskPerson(
                "The agent was denied: Bash (rm -rf build); Write. Its last words: no way", "permission"
            ),
            id="it was denied what it needed",
        ),
        pytest.param(
            WORKING, end(LIMIT), Later(NO_RESET_KNOWN, until=1e9, counts=False), id="its limit is reached"
        ),
        pytest.param(WORKING, end(GONE), Restart("spawn"), id="its session is gone"),
        pytest.param(
            WORKING, end(GONE, tried=("spawn",)), Restart("mint"),
            id="its session can't be made again",
        ),
    ],
)  # fmt: skip
def test_what_a_history_comes_to(task: Task, history: End, decision: Any) -> None:
    assert verdict(task, history) == decision


def test_the_last_words_are_cut_to_what_a_person_reads() -> None:
    asked = verdict(WORKING, end(OVER, Said("x" * 9000 + "the end"), nudged=True))
    assert isinstance(asked, AskPerson)
    assert asked.text.endswith("the end")
    assert len(asked.text) < 1600


# -- the tally --------------------------------------------------------------------------------


def test_a_tally_adds_up_what_an_attempt_was() -> None:
    tally = after(
        Tally(),
        [
            Started("s-9", "m"), Started(""), Said("hello\n  there"), Used("Bash", "make\n test", "c1"),
            Used("Read"), Spent(10, 5, 2, 0.25), Spent(1, 1), Spent(usd=0.5), Limited("warning", limit="day"),
            Returned("c1"), Returned("unknown"), Retried(2, "busy"), Finished("bye"),
        ],
    )  # fmt: skip
    assert (tally.session_id, tally.last_words, tally.open_calls) == ("s-9", "bye", frozenset())
    assert (tally.usd, tally.input_tokens, tally.output_tokens, tally.cached_tokens) == (0.75, 11, 6, 2)
    assert (tally.doing, tally.finished, tally.alive) == ("tries again (2): busy", True, True)
    assert tally.limit == Limited("warning", limit="day")


@pytest.mark.parametrize(
    ("reports", "alive"),
    [
        ([], False),
        ([Started("s")], False),
        ([Started("s"), Spent(5), Limited("rejected"), Retried(1, "x"), Failed("network", "x")], False),
        ([Said("hm")], True),
        ([Used("Read")], True),
        ([Asked("?")], True),
        ([Finished()], True),
    ],
)
def test_an_agent_has_heard_what_it_was_told_once_it_did_something(
    reports: list[Report], alive: bool
) -> None:
    assert after(Tally(), reports).alive is alive


def test_a_price_that_nobody_names_is_unknown_and_not_zero() -> None:
    assert after(Tally(), [Spent(5, 5)]).usd is None


def test_work_after_a_result_means_that_it_is_not_over() -> None:
    assert not after(Tally(), [Finished("so"), Used("Bash", call="c")]).finished
    assert not after(Tally(), [Finished("so"), Said("And now the rest.")]).finished
    assert after(Tally(), [Used("Bash", call="c")]).open_calls == {"c"}


@given(
    st.lists(
        st.builds(Said, st.text())
        | st.builds(Spent, st.integers(0, 9), usd=st.none() | st.just(0.5))
        | st.builds(Used, st.text(), st.text(), st.text(max_size=1))
        | st.builds(Returned, st.text(max_size=1)),
    ),
    st.integers(0, 20),
)  # fmt: skip
def test_reports_may_come_in_any_number_of_portions(reports: list[Report], cut: int) -> None:
    assert after(after(Tally(), reports[:cut]), reports[cut:]) == after(Tally(), reports)


# -- the policy -------------------------------------------------------------------------------

ASK = "a person is asked"
POLICY: dict[str, list[Any]] = {
    "rate_limit": [60.0, 120.0, 240.0, 480.0, ASK],
    "overloaded": [60.0, 120.0, 240.0, 480.0, ASK],
    "server_error": [30.0, 60.0, 120.0, 240.0, ASK],
    "network": [30.0, 60.0, 120.0, 240.0, ASK],
    "crash_signal": [5.0, ASK],
    "interrupted": [0.0, 0.0, ASK],
    "unknown": [0.0, ASK],
    "output_limit": [0.0, ASK],
    "timeout": [0.0, ASK],
    "usage_limit": [NO_RESET_KNOWN] * 9,
    "session_not_found": ["spawn"],
    "session_conflict": ["resume"],
    **{kind: [ASK] for kind in NEXT_STEP},
}
"""By class of failure, what is done at the first, second ... try: wait so long, restart so, ask."""


def test_a_setup_that_failed_is_asked_about_at_once_and_takes_no_blame_of_an_agents() -> None:
    decision = decide(Failed("setup_failed", "`make` ended with code 2."), WORKING, ())
    again = f"`make` ended with code 2. Mend that, then `sow task retry {WORKING.id}`."
    assert decision == AskPerson(again, "failure")


@pytest.mark.parametrize("kind", [kind for kind in get_args(Kind) if kind != "setup_failed"])
def test_each_class_of_failure_is_tried_again_so_often_and_then_asked_about(kind: Kind) -> None:
    for tries, wanted in enumerate(POLICY[kind], start=1):
        decision = decide(Failed(kind, "it broke."), WORKING.replace(attempts=tries), ())
        match decision:
            case AskPerson(text, question):
                assert wanted == ASK
                assert question == "failure"
                assert text.startswith(f"The agent failed ({kind.replace('_', ' ')}): it broke. ")
                step = NEXT_STEP.get(kind, "`sow task retry --fresh`")
                assert step.replace("sow task retry", f"sow task retry {WORKING.id}") in text
            case Later(wait, None, counts):
                assert wait == wanted
                assert counts == (kind != "usage_limit")
            case Restart(by):
                assert by == wanted
            case _:
                pytest.fail(f"{kind}: {decision}")


@pytest.mark.parametrize(
    ("kind", "tried", "decision"),
    [
        ("session_not_found", ("resume",), Restart("spawn")),
        ("session_not_found", ("resume", "spawn"), Restart("mint")),
        ("session_conflict", ("spawn",), Restart("resume")),
        ("session_conflict", ("resume", "spawn"), Restart("mint")),
    ],
)
def test_a_lost_session_is_looked_for_by_each_way_once(
    kind: Kind, tried: tuple[str, ...], decision: Any
) -> None:
    assert decide(Failed(kind, "?"), WORKING, tried) == decision
    assert isinstance(decide(Failed(kind, "?"), WORKING, ("spawn", "resume", "mint")), AskPerson)


def test_a_session_that_is_open_elsewhere_is_waited_for_longer_each_time_and_uses_up_no_try() -> None:
    conflict, waits, task = Failed("session_conflict", "in use"), [], WORKING
    for _ in range(8):
        decision = decide(conflict, task, ("spawn", "resume"))
        assert isinstance(decision, Later)
        assert not decision.counts
        waits.append(decision.seconds)
        ended = replace(end(conflict), tried=("spawn", "resume"))
        task = judged(task, decision, ended, 1e9).task.replace(status="in_progress")
    assert waits == [15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0]


def test_a_limit_that_says_when_it_ends_is_waited_for_until_then() -> None:
    assert decide(Failed("rate_limit", "slow", 5e9), WORKING, ()) == Later(until=5e9)
    assert isinstance(decide(Failed("rate_limit", "slow", 5e9), WORKING.replace(attempts=5), ()), AskPerson)
    assert decide(Failed("usage_limit", "stop", 5e9), WORKING.replace(attempts=99), ()) == Later(
        NO_RESET_KNOWN, until=5e9, counts=False
    )


def test_an_agent_that_calls_or_is_denied_without_an_end_is_known_as_far_as_it_matters() -> None:
    calls = [Used("Bash", "x", str(number)) for number in range(3 * MOST)]
    denials = [Denied("Bash", f"rm {number}\n{'x' * 999}") for number in range(3 * MOST)]
    tally = after(Tally(), [*calls, *denials])
    assert (len(tally.open_calls), len(tally.denied)) == (MOST, MOST)
    asked = verdict(WORKING, end(Finished("Then not."), *denials))
    assert isinstance(asked, AskPerson)
    assert "Bash (rm 0 xxx" in asked.text
    assert f" and {MOST - 10} more. " in asked.text
    assert len(asked.text) < 3000


def test_a_limit_that_is_met_again_when_it_should_be_over_is_waited_for_longer_each_time() -> None:
    # Its reset has always just passed: the clocks differ, or the program tells an old one.
    now, task, waits = 2e9, WORKING, []
    for _ in range(9):
        ended = end(Failed("usage_limit", "used up", now - 1))
        pending = judged(task, verdict(task, ended), ended, now).task
        waits.append(0.0 if pending.not_before is None else seconds(pending.not_before) - now)
        task = pending.replace(status="in_progress")
    assert waits == [0.0, 30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0]


@given(st.sampled_from(get_args(Kind)), st.integers(0, 50))
def test_no_failure_is_tried_for_ever_or_waited_for_longer_than_half_an_hour(kind: Kind, tries: int) -> None:
    decision = decide(Failed(kind, "x"), WORKING.replace(attempts=tries), ("spawn", "resume", "mint"))
    if kind == "usage_limit":
        return
    if tries >= 5:
        assert isinstance(decision, AskPerson)
    elif isinstance(decision, Later):
        assert 0 <= decision.seconds <= LONGEST_WAIT
        assert decision.seconds >= TRANSIENT.get(kind, 0.0)


@pytest.mark.parametrize(("held", "counted"), [({}, 1), ({"retry_count": 2}, 3)])
def test_a_failure_counts_on_from_what_an_error_by_hand_says_or_leaves_out(
    held: dict[str, int], counted: int
) -> None:
    error: Any = {"error_type": "network", "message": "m", "timestamp": "2026-11-21T10:00:00Z", **held}
    ended = end(Failed("network", "gone"))
    change = judged(WORKING.replace(error=error), Later(30.0), ended, now=2e9)
    assert change.task.error
    assert change.task.error["retry_count"] == counted
    assert sow_schemas.valid("task_state", change.task.document())
