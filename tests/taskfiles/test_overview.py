"""What a workspace's page says of its tasks: how far, since when, by whom."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from tests.taskfiles.parts import Place, ended, forked
from tests.taskfiles.test_running import at

from sow import process
from sow.taskfiles import overview
from sow.taskfiles.overview import Holder, Row


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def row(place: Place, task_id: str = "t1") -> Row:
    (found,) = [each for each in overview.page(place.workspace, time.time()).tasks if each.id == task_id]
    return found


def test_a_task_that_runs_tells_its_stage_its_progress_and_its_living_runner(place: Place) -> None:
    place.shell(one="true", two="echo progress 0.5 half of it; sleep 60", three="true")
    place.add(pipeline=("one", "two", "three"))
    seen: list[Row] = []

    def look() -> None:
        seen.append(row(place))
        place.stop.ask("end")

    place.run(watch=at(place, "two 50%", look))
    (running,) = seen
    assert (running.status, running.stage, running.progress) == ("running", "two", 0.5)
    assert running.message == "half of it"
    assert running.holder == Holder("alive", os.getpid(), process.host())
    assert running.age_seconds < 60
    left = row(place)
    assert (left.status, left.holder) == ("running", Holder("left"))


def test_a_dead_runner_is_told_as_dead(place: Place) -> None:
    place.shell(one="echo progress 0.25; sleep 0.2")
    place.add()
    pid = forked(lambda: place.run(watch=at(place, "one 25%", lambda: os._exit(9))))
    ended(pid)
    assert row(place).holder == Holder("dead", pid, process.host())
    assert place.run()[0].status == "done"


@pytest.mark.parametrize("status", ["queued", "done", "failed", "canceled"])
def test_what_does_not_run_has_no_holder_and_its_age_is_that_of_its_file(place: Place, status: str) -> None:
    path = place.add(status=status, error="why\nmore" if status == "failed" else None)
    os.utime(path, (1_000_000, 1_000_000))
    found = row(place)
    assert (found.holder, found.stage, found.since) == (None, None, "1970-01-12T13:46:40.000Z")
    assert found.progress == (1.0 if status == "done" else 0.0)
    assert found.error == ("why\nmore" if status == "failed" else None)


def test_a_running_task_without_a_claim_is_another_programs(place: Place) -> None:
    place.add(status="running")
    assert row(place).holder == Holder("foreign")


def test_an_event_of_an_earlier_run_or_a_torn_one_tells_nothing(place: Place) -> None:
    place.shell(one="echo progress 0.75 old; sleep 60")
    path = place.add()
    place.run(watch=at(place, "one 75%", lambda: place.stop.ask("end")))
    (stream,) = (place.folder / "events").iterdir()
    with stream.open("a") as file:
        file.write('{"type": "stage.progress", "payload"\n[1, "stage.progress"]\n')
    (claim,) = (place.folder / "runs").rglob("claim.json")
    held: dict[str, Any] = json.loads(claim.read_text())
    assert row(place).progress == 0.75
    claim.write_text(json.dumps({**held, "started_at": time.time() + 60}))
    assert (row(place).progress, row(place).message) == (0.0, None)
    claim.write_text("{")
    assert row(place).since[:4] == time.strftime("%Y", time.gmtime(path.stat().st_mtime))


def test_files_that_can_not_be_read_are_told_beside_the_others(place: Place) -> None:
    place.add()
    bad = place.write("20260206_bad", "{")
    page = overview.page(place.workspace, time.time())
    assert [each.id for each in page.tasks] == ["t1"]
    assert [each.path for each in page.broken] == [str(bad)]
    told = json.loads(json.dumps(page.as_json()))
    assert told["counts"] == {"queued": 1}
    assert told["tasks"][0]["pipeline"] == ["one"]
    assert told["broken"][0]["path"] == str(bad)
