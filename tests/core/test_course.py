"""How far a finished project comes by open ways, and which gates it passes by."""

from __future__ import annotations

from typing import Any

import pytest
from tests.core.parts import AT
from tests.core.test_statechart import LATER, TYPES, done_task, failed_review, fulfilled, whole

from sow import course, document, project_types, statechart
from sow.errors import Refused
from sow.project_types import BUILT_IN

DONE = (done_task("010", "implementation"),)


# A review of before its phase is entered counts for nothing: there the way ends at the review.
STATES = [
    (kind, state)
    for kind in BUILT_IN
    for state in TYPES[kind].states
    if not state.startswith("Implementation")
]


@pytest.mark.parametrize(("kind", "state"), STATES)
def test_from_every_state_open_ways_lead_to_the_end(kind: str, state: str) -> None:
    found = course.to_the_end(TYPES[kind], fulfilled(kind, state), at=LATER)
    assert found.state in TYPES[kind].final
    assert found.gates == ()
    moves: list[Any] = [event.payload for event in found.step.events]
    assert [one["target"] for one in moves[:-1]] == [one["source"] for one in moves[1:]]
    assert (moves[0]["source"], moves[-1]["target"]) == (state, found.state) if moves else True
    course.insist(TYPES[kind], fulfilled(kind, state), at=LATER)


def test_clearing_up_is_what_the_end_itself_does() -> None:
    held = whole("standard", "FinalizeCleanup", DONE)
    found = course.to_the_end(TYPES["standard"], held, at=LATER)
    assert (found.state, found.gates) == ("NoProject", ())
    finalize = found.step.phases["finalize"]
    assert (finalize["metadata"], finalize["status"]) == ({"project_deleted": True}, "completed")
    assert found.step.project
    assert found.step.project["statechart"] == {"current_state": "NoProject", "updated_at": LATER}


def test_gates_that_are_passed_by_are_named_in_their_order() -> None:
    held = whole("standard", "ImplementationExecuting", DONE)
    found = course.to_the_end(TYPES["standard"], held, at=LATER)
    assert found.state == "ReviewActive"
    assert [gate.text for gate in found.gates] == [
        "Review approved with assessment pass (ReviewActive)",
        "PR body approved (FinalizePRReady)",
        "PR checks passed (FinalizePRChecks)",
    ]
    assert found.step.phases["review"]["status"] == "in_progress"
    with pytest.raises(Refused, match="Transition blocked by guard: Review approved with assessment pass"):
        course.insist(TYPES["standard"], held, at=LATER)


def test_a_project_that_was_never_advanced_stays_where_it_is() -> None:
    found = course.to_the_end(TYPES["standard"], whole("standard", "ImplementationPlanning", DONE), at=LATER)
    assert (found.state, found.step.project, found.step.events) == ("ImplementationPlanning", None, ())
    assert [gate.state for gate in found.gates] == [
        "ImplementationPlanning",
        "ImplementationDraftPRCreation",
        "ReviewActive",
        "FinalizePRReady",
        "FinalizePRChecks",
    ]


def test_a_failed_review_sends_nothing_back_to_planning() -> None:
    held = failed_review(fulfilled("standard", "ReviewActive"))
    assert statechart.way(TYPES["standard"], held, "review_fail").is_open
    found = course.to_the_end(TYPES["standard"], held, at=LATER)
    assert found.state == "ReviewActive"
    assert found.gates[0].text == "Review approved with assessment pass (ReviewActive)"


FORK = """
name: fork
description: Two ways to the end.
initial: {state: Here}
final: [There]
phases: {work: {tasks: true}}
states:
  Here:
    phase: work
    transitions: [{event: left, target: There}, {event: right, target: There}]
  There: {}
"""


def test_which_of_two_open_ways_is_for_a_person_to_say() -> None:
    kind = project_types.read(document.parse(FORK.encode(), "fork"), "fork")
    _, phases = statechart.first(kind, at=AT)
    project: Any = {"name": "demo", "type": "fork", "statechart": {"current_state": "Here", "updated_at": AT}}
    held = whole("standard", "NoProject").replace(project=project, phases=phases)
    found = course.to_the_end(kind, held, at=LATER)
    assert (found.state, found.gates, found.step.events) == ("Here", (), ())
    with pytest.raises(Refused, match="stops in state Here"):
        course.insist(kind, held, at=LATER)


def test_a_pull_request_is_noted_where_the_type_has_a_field_for_it() -> None:
    standard = whole("standard", "ReviewActive", DONE, finalize={"metadata": {"pr_checks_passed": True}})
    noted = course.with_pull_request(TYPES["standard"], standard.phases, "https://forge/7", 7)
    assert list(noted) == ["finalize"]
    assert noted["finalize"]["metadata"] == {
        "pr_checks_passed": True,
        "pr_url": "https://forge/7",
        "pr_number": 7,
    }
    design = whole("design", "Active")
    noted = course.with_pull_request(TYPES["design"], design.phases, "https://forge/7", 7)
    assert {name: phase["metadata"] for name, phase in noted.items()} == {
        "finalization": {"pr_url": "https://forge/7"}
    }
