"""What is dropped into the inbox folder while a run goes on: picked up at once, and told of."""

from __future__ import annotations

import json
import time
from typing import Any

from tests.engine.stage import Stage, ask, assert_sound, work
from tests.waiting import until

from sow.scheduler import RESCAN_SECONDS


def test_a_file_that_is_dropped_while_a_run_goes_on_is_begun_within_a_second_and_told(stage: Stage) -> None:
    stage.add([{"wait": {"file": str(stage.tmp / "go")}}, *work("a.txt")])
    script = stage.script("dropped.yaml", [[ask("Which one?")], work("b.txt")])
    raw = {
        "task_id": "t-1", "description": "Paint it", "status": "PENDING", "task_type": "implementer",
        "params": {"script": str(script)}, "theirs": 1.50,
    }  # fmt: skip
    run = stage.start("run")
    until(lambda: stage.is_at_work("010"))
    path = stage.main / ".sow/inbox/list.json"
    path.parent.mkdir(exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps({"version": 3, "tasks": [raw]}))
    beside.rename(path)
    dropped = time.monotonic()

    def told() -> Any:
        return json.loads(path.read_text())["tasks"][0]

    until(lambda: "020" in stage.statuses())
    assert time.monotonic() - dropped < RESCAN_SECONDS / 2, (
        "a second on a machine that has nothing else to do"
    )
    until(lambda: told()["status"] == "BLOCKED")
    assert told()["result"]["message"] == "Which one?"
    stage.answer("020")
    until(lambda: told()["status"] == "IN_PROGRESS")
    (stage.tmp / "go").touch()
    assert run.end() == 5
    assert "inbox: list.json: 1 added" in run.output
    assert stage.statuses() == {"010": "needs_review", "020": "needs_review"}
    assert stage.sow("task", "approve", "020").code == 0
    assert (told()["status"], told()["result"]["data"]["commit"], told()["theirs"]) == (
        "COMPLETED", stage.task("020").commit, 1.5,
    )  # fmt: skip
    assert_sound(stage)
