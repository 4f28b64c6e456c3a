"""The zero date, which the original program writes for a time that is not set, counts as none everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.core.parts import AT, in_status, new_store, new_task, put

from sow import fields, statechart
from sow.change import Change
from sow.cli.words import details
from sow.clock import is_unset, moment
from sow.project_types import Effect
from sow.ready import Ready
from sow.waiting import waiting
from sow_schemas.documents import PhaseFile

ZERO = "0001-01-01T00:00:00Z"


@pytest.mark.parametrize("stamped", [None, "", ZERO, "0001-01-01T00:00:00.000000Z"])
def test_a_time_that_is_not_set_is_before_any_other(stamped: str | None) -> None:
    assert is_unset(stamped)
    assert moment(stamped) == 0.0 < moment(AT)


def test_a_task_with_a_zero_date_to_wait_for_waits_for_nothing() -> None:
    ready = Ready([new_task(not_before=ZERO)])
    assert ready.wakes_at() is None
    taken = ready.take(1.0)
    assert taken is not None
    assert taken.id == "010"


def test_a_task_is_shown_without_zero_dates_and_with_the_others() -> None:
    held = new_task(started_at=ZERO, completed_at=ZERO, not_before=ZERO)
    assert held.shown() == new_task().document()
    assert held.replace(started_at=AT).shown()["started_at"] == AT
    assert "Not before" not in details(held)


def test_who_waits_since_an_unknown_time_comes_first_and_nobody_says_since_when() -> None:
    paused = in_status("paused").replace(id="020")
    old = paused.replace(id="010", question=None, updated_at=ZERO)
    assert [(item.task.id, item.since) for item in waiting((paused, old))] == [("010", None), ("020", AT)]


def test_a_completion_is_told_as_if_it_had_just_begun() -> None:
    told = fields.completed_event(new_task(started_at=ZERO), AT)
    assert told.payload == {"duration_sec": 0.0}


def test_a_phase_that_is_entered_gets_the_time_of_its_start() -> None:
    phase: PhaseFile = {
        "status": "pending", "enabled": True, "created_at": AT, "started_at": ZERO,
        "inputs": [], "outputs": [],
    }  # fmt: skip
    entered = statechart.after((Effect("review", enter=True),), {"review": phase}, at=AT)["review"]
    assert entered["started_at"] == AT
    again = statechart.after((Effect("review", enter=True),), {"review": entered}, at="2026-12-01T00:00:00Z")
    assert again["review"]["started_at"] == AT


def test_the_first_start_takes_the_place_of_the_zero_date_in_the_file(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    path = put(store, new_task(started_at=ZERO, completed_at=ZERO))
    before = path.read_text().splitlines()
    store.change_task(
        "010",
        lambda task: Change(
            task=task.start(session_id="s", executor="e", at=AT, worktree=None, branch=None, base=None)
        ),
    )
    after = path.read_text().splitlines()
    assert f"started_at: {AT}" in after
    assert f"completed_at: {ZERO}" in after, "what nobody set stays as it was written"
    assert [line for line in before if line not in after] == [
        "status: pending", f"started_at: {ZERO}", f"updated_at: {AT}",
    ]  # fmt: skip
