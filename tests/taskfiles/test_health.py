"""What the doctor finds in a workspace of task files, and what mends it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.taskfiles.parts import Place, ended, forked
from tests.taskfiles.test_running import at

from sow.doctor.finding import Finding
from sow.taskfiles import health
from sow.taskfiles.lock import Lock

ENVIRONMENT = {"PATH": os.defpath, "HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, "/nowhere")
    return Place(tmp_path)


def levels(found: Iterable[Finding]) -> list[str]:
    """The level of each finding; whatever must be mended says how."""
    held = list(found)
    assert all(one.mend for one in held if one.level in ("error", "warning"))
    return [one.level for one in held]


def test_a_workspace_in_which_all_is_well_is_told_as_such(place: Place) -> None:
    place.shell(one="cp {input.text} {output.result}")
    place.add()
    (checks,) = health.rooms(str(place.folder), ENVIRONMENT).values()
    found = [one for look in checks.values() for one in look()]
    assert [(one.level, one.text) for one in found] == [("ok", "1 task file is valid: 1 queued")]
    place.run()
    assert [one.level for look in checks.values() for one in look()] == ["ok"]


@pytest.mark.parametrize(
    ("stage", "wrong"),
    [
        ({"handler": "shell", "command": "no-such {input.text}"}, "there is no command no-such"),
        ({"handler": "shell", "command": "./tool x"}, "there is no command ./tool"),
        ({"handler": "shell", "command": "if true; then no-such; fi"}, ""),
        ({"handler": "shell", "command": "X=1 no-such"}, ""),
        ({"handler": "shell", "command": "cd / && ls"}, ""),
        ({"handler": "python", "call": "no_such:f"}, "there is no module no_such"),
        ({"handler": "python", "call": "mine.gone:f"}, "there is no module mine.gone"),
        ({"handler": "python", "call": "mine.here:f"}, ""),
        ({"handler": "python", "call": "json.decoder:f"}, ""),
        (
            {"handler": "agent", "prompt": "x", "executor": "claude-code"},
            "its agent's program is not there: claude (executor claude-code)",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("needed", [True, False])
def test_what_a_stage_calls_and_is_not_there_is_told(
    place: Place, stage: dict[str, Any], wrong: str, needed: bool
) -> None:
    (place.root / "mine").mkdir()
    (place.root / "mine/here.py").touch()
    place.configure({"one": stage})
    place.add(status="queued" if needed else "done")
    found = list(health.programs(place.workspace, ENVIRONMENT))
    who = ", and needed by task t1" if needed else ""
    assert [one.text for one in found] == ([f"stage one: {wrong}{who}"] if wrong else [])
    assert set(levels(found)) <= {"error" if needed else "warning"}


def test_a_stage_that_a_task_brings_along_is_looked_at_as_well(place: Place) -> None:
    place.shell(one="true", two="true")
    own = {
        "one": {"handler": "shell", "command": "no-such x"},
        "two": {"command": "no-such", "enabled": False},
    }
    place.add(pipeline=("one", "two"), config_snapshot={"stages": own})
    place.add("t2", status="done", config_snapshot={"stages": own})
    place.add("t3", config_snapshot={"stages": 3})
    (found,) = health.programs(place.workspace, ENVIRONMENT)
    assert (found.level, found.text) == ("error", "task t1, stage one: there is no command no-such")


def test_the_locks_of_the_dead_are_told_and_of_the_living_not(place: Place) -> None:
    place.add()
    path = place.workspace.lock("20260206_t1")
    now = time.time()
    with Lock(path):
        assert levels(health.locks(place.workspace, now)) == []
        text = Path(path).read_text()
    Path(path).touch()
    assert levels(health.locks(place.workspace, now + 30)) == []
    assert levels(health.locks(place.workspace, now + 90)) == ["warning"]
    ended(dead_pid := forked(lambda: None))
    Path(path).write_text(text.replace(f'"pid": {os.getpid()}', f'"pid": {dead_pid}'))
    (dead,) = health.locks(place.workspace, now)
    assert (dead.level, dead.mend) == ("warning", "the next `sow run` takes it over")
    Path(path).rename(place.workspace.lock("other"))
    (stray,) = health.locks(place.workspace, now)
    assert stray.mend == f"if nothing uses it: `rm {place.workspace.lock('other')}`"


def test_a_running_task_without_a_living_runner_is_told(place: Place) -> None:
    place.shell(one="echo progress 0.25; sleep 0.2")
    path = place.add("t1")
    pid = forked(lambda: place.run(watch=at(place, "one 25%", lambda: os._exit(9))))
    ended(pid)
    place.add("t2", status="running")
    dead, foreign = health.runners(place.workspace)
    assert dead.text == f"task t1 is running: its runner, process {pid}, is dead"
    assert dead.mend == "the next `sow run` takes it up"
    assert foreign.text == "task t2 is running, and no runner of sow's has claimed it"
    assert '"status": "queued"' in foreign.mend
    path.write_text(path.read_text().replace('"running"', '"canceled"'))
    canceled, _ = health.runners(place.workspace)
    assert canceled.mend == "the next `sow run` settles it"
    place.run()
    assert levels(health.runners(place.workspace)) == ["warning"]


def test_a_running_task_with_a_living_runner_is_well(place: Place) -> None:
    place.shell(one="echo progress 0.25; sleep 60")
    place.add("t1")
    seen: list[Finding] = []

    def look() -> None:
        seen.extend(health.runners(place.workspace))
        place.stop.ask("end")

    place.run(watch=at(place, "one 25%", look))
    assert [(one.level, one.text) for one in seen] == [("ok", f"task t1 is run by process {os.getpid()}")]


def test_what_tasks_left_is_told_by_what_became_of_them(place: Place) -> None:
    for task_id, status in {"t1": "queued", "t2": "failed", "t3": "done"}.items():
        place.add(task_id, status=status)
        (place.folder / f"outputs/_tmp/20260206_{task_id}").mkdir(parents=True)
    for folder in ("outputs/_tmp/gone away", "runs/gone"):
        (place.folder / folder).mkdir(parents=True)
    found = list(health.leftovers(place.workspace))
    assert levels(found) == ["note", "warning", "warning", "warning"]
    assert found[2].mend == f"once nobody needs it: `rm -r '{place.folder}/outputs/_tmp/gone away'`"
    place.configure({}, keep_tmp="always")
    assert levels(health.leftovers(place.workspace)) == ["note", "warning", "warning"]


def test_an_input_that_is_not_there_yet_is_a_note(place: Place) -> None:
    place.add(input={"a": "workspace/inbox/in.txt", "b": "workspace/inbox/gone", "c": "a word", "d": None})
    (found,) = health.inputs(place.workspace)
    assert (found.level, found.text) == ("note", "task t1: its input b is not there: workspace/inbox/gone")
