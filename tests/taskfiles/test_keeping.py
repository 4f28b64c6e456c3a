"""Of which tasks the runs are kept: as the settings say, and never without what an error tells of."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.taskfiles.parts import Place
from tests.taskfiles.test_running import at, rewrite

from sow import lease
from sow.taskfiles import runs

if TYPE_CHECKING:
    from sow.taskfiles.task_file import Status
    from sow_schemas.documents import KeepRuns


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def kept(place: Place, task_id: str = "t1") -> list[str]:
    """The numbers of the runs of a task that are there."""
    return sorted(
        name for name in os.listdir(place.workspace.runs(f"20260206_{task_id}")) if name.isdecimal()
    )


def configure(place: Place, keep: str, command: str = "test -e ok") -> None:
    place.configure({"one": {"handler": "shell", "command": command}}, keep_runs=keep)


@given(
    some.sampled_from(["failed", "always", "never"]),
    some.sampled_from(["queued", "running", "done", "failed", "canceled"]),
    some.sets(some.integers(1, 20)),
)
def test_what_goes_are_runs_of_ended_tasks_alone_and_never_the_last_of_a_failed_one(
    keep: KeepRuns, status: Status, numbers: set[int]
) -> None:
    gone = set(runs.superfluous(keep, status, numbers))
    assert gone <= numbers
    if keep == "always" or status in ("queued", "running") or (keep, status) == ("failed", "failed"):
        assert gone == set()
    elif status == "failed":
        assert numbers - gone == ({max(numbers)} if numbers else set())
    else:
        assert gone == numbers


@pytest.mark.parametrize(
    ("keep", "after_failures", "after_all"),
    [("always", ["1", "2"], ["1", "2", "3"]), ("failed", ["1", "2"], []), ("never", ["2"], [])],
)
def test_runs_are_kept_by_what_became_of_the_task(
    place: Place, keep: str, after_failures: list[str], after_all: list[str]
) -> None:
    configure(place, keep)
    path = place.add()
    for _ in range(2):
        assert place.run()[0].status == "failed"
        rewrite(path, '"failed"', '"queued"')
    rewrite(path, '"queued"', '"failed"')
    place.run()
    assert kept(place) == after_failures
    rewrite(path, '"failed"', '"queued"')
    (place.root / "ok").touch()
    assert place.run()[0].status == "done"
    assert kept(place) == after_all
    assert len(place.events("task.created")) == 1
    rewrite(path, '"done"', '"queued"')
    assert place.run()[0].status == "done", "once more, though its numbers begin anew"
    assert len(place.events("task.created")) == 1


def test_what_a_canceled_task_left_goes_as_well(place: Place) -> None:
    configure(place, "failed", "echo progress 0.5; sleep 60")
    path = place.add()
    place.run(watch=at(place, "one 50%", lambda: rewrite(path, '"running"', '"canceled"')))
    assert kept(place) == []


def test_a_setting_that_comes_later_holds_for_what_has_ended_before(place: Place) -> None:
    configure(place, "always", "test {task_id} = t1")
    place.add("t1")
    place.add("t2")
    place.run()
    assert (kept(place, "t1"), kept(place, "t2")) == (["1"], ["1"])
    configure(place, "failed")
    place.run()
    assert (kept(place, "t1"), kept(place, "t2")) == ([], ["1"])


def test_nothing_goes_while_somebody_has_the_task_or_a_run_of_it_is_not_settled(place: Place) -> None:
    configure(place, "never", "true")
    place.add()
    place.run()
    folder = place.workspace.runs("20260206_t1")
    for name in ("1", "2"):
        os.mkdir(f"{folder}/{name}")
        Path(f"{folder}/{name}/claim.json").write_text(json.dumps({}))
    Path(f"{folder}/1/ended").touch()
    claims, (seen,) = place.claims(), place.server().loader.scan()
    held = lease.acquire(f"{folder}/runner.lease", "the test's", None)
    claims.clear_runs(seen)
    assert kept(place) == ["1", "2"]
    held.release()
    claims.clear_runs(seen)
    assert kept(place) == ["2"]


def test_a_failure_whose_runner_was_killed_right_behind_it_keeps_its_run_and_its_tmp(place: Place) -> None:
    configure(place, "never", "echo part > {tmp}/part; false")
    place.add()
    place.run()
    os.unlink(f"{place.workspace.runs('20260206_t1')}/1/ended")
    assert place.run() == []
    assert kept(place) == ["1"]
    assert (place.folder / "outputs/_tmp/20260206_t1/part").exists()
