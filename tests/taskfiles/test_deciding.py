"""A person cancels a task or has it done again, and looks at one."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.cli.parts import changed, everything
from tests.taskfiles.parts import Place
from tests.taskfiles.test_running import at

from sow.errors import Busy, NotFound, Refused, SowError
from sow.taskfiles import deciding, detail
from sow.taskfiles.claim import PERSONS_PATIENCE
from sow.taskfiles.detail import StageRow


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


MOVES = {
    (deciding.cancel, "queued"): "canceled",
    (deciding.cancel, "running"): "canceled",
    (deciding.retry, "failed"): "queued",
    (deciding.retry, "canceled"): "queued",
}
STATUSES = ("queued", "running", "done", "failed", "canceled")


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("decide", [deciding.cancel, deciding.retry], ids=["cancel", "retry"])
def test_a_person_makes_these_moves_and_no_others(place: Place, decide: Any, status: str) -> None:
    path = place.add(status=status, error="why", mine={"é": 1.50})
    before, everywhere = path.read_text(), everything(place.root)
    if (decide, status) in MOVES:
        after = MOVES[decide, status]
        assert decide(place.workspace, "t1").as_json() == {
            "id": "t1", "file": str(path), "before": status, "status": after, "in_spite": False,
        }  # fmt: skip
        expected = before.replace(f'"{status}"', f'"{after}"')
        assert path.read_text() == (expected if after == "canceled" else expected.replace('"why"', "null"))
    else:
        with pytest.raises(Refused, match=f"task t1 is {status}"):
            decide(place.workspace, "t1")
        assert changed(everywhere, everything(place.root)) == []


def test_a_decision_heeds_the_lock_of_another_program_and_bad_settings_are_not_in_its_way(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PERSONS_PATIENCE == 5.0
    monkeypatch.setattr("sow.taskfiles.claim.PERSONS_PATIENCE", 0.0)
    (place.folder / "config.yaml").write_text("jobs: none")
    path = place.add()
    lock = Path(place.workspace.lock("20260206_t1"))
    lock.touch()
    with pytest.raises(Busy, match="another program holds this lock"):
        deciding.cancel(place.workspace, "t1")
    lock.unlink()
    deciding.cancel(place.workspace, "20260206_t1")
    assert '"canceled"' in path.read_text()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [("t2", "task not found: t2"), ("", "task not found: "), ("twice", "2 task files have the id twice")],
)
def test_who_names_no_task_or_several_is_told(place: Place, wanted: str, said: str) -> None:
    place.write("20260101_twice", place.add("twice").read_text())
    with pytest.raises(SowError, match=said) as caught:
        deciding.cancel(place.workspace, wanted)
    assert isinstance(caught.value, Refused if wanted == "twice" else NotFound)
    assert wanted != "twice" or caught.value.hint == "name one by its file: 20260101_twice"


def test_to_cancel_a_task_ends_what_its_runner_left_and_it_may_be_done_again(place: Place) -> None:
    gate = place.root / "gate"
    place.shell(
        one="cp {input.text} {output.result}",
        two=f"echo progress 0.5; until [ -e {gate} ]; do sleep 0.02; done; echo on >> {{output.result}}",
    )
    path = place.add(pipeline=("one", "two", "one3"), config_snapshot={"one3": {"enabled": False}})
    place.run(watch=at(place, "two 50%", lambda: place.stop.ask("leave")))
    shown = detail.of(place.workspace, str(path), time.time())
    assert [(stage.name, stage.state) for stage in shown.stages] == [
        ("one", "done"), ("two", "running"), ("one3", "passed over"),
    ]  # fmt: skip
    assert shown.row.holder is not None
    assert (shown.row.progress, shown.row.message, shown.row.holder.state) == (0.5, None, "left")
    assert [(each.given, each.is_there) for each in (*shown.inputs, *shown.outputs)] == [
        ("workspace/inbox/in.txt", True), ("workspace/outputs/t1.txt", True),
    ]  # fmt: skip
    assert json.loads(json.dumps(shown.as_json()))["document"] == place.task()

    deciding.cancel(place.workspace, "t1")
    (ended,) = (stage for stage in detail.of(place.workspace, str(path), time.time()).stages[1:2])
    assert ended.state == "ended"
    assert ended.folder
    assert Path(ended.folder, "exit").exists(), "its process was ended, and not left to write on"
    gate.touch()
    place.stop.wish = ""
    deciding.retry(place.workspace, "t1")
    queued = detail.of(place.workspace, str(path), time.time())
    assert set(queued.stages) == {StageRow(name, "to do", None, None) for name in ("one", "two", "one3")}
    assert place.run()[0].status == "done"
    assert place.result() == "the input\non\n"
