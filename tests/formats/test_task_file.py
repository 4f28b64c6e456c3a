"""Task files of workspaces as tasks of a project: what comes in, what is written back, what stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cli.parts import with_project
from tests.core.parts import AT, in_status
from tests.formats.test_task_list import ANY, OPEN, RESULTS, WORDS, stored

from sow.document import canonical
from sow.errors import Refused
from sow.formats import Held, Reading, Routes, TaskType, known, planning
from sow.formats.planning import Options, Scene
from sow.formats.task_file import FORMAT, HERE, TRANSITIONS
from sow.task import Task

ROUTES = Routes(roles=("implementer", "reviewer"), types={"transcription": TaskType("reviewer")})


def raw(**keys: Any) -> dict[str, Any]:
    return {
        "task_id": "sub_1", "run_id": None, "created_at": "2026-02-06T10:30:00Z", "status": "queued",
        "type": "transcription", "config_snapshot": {"engine": {"model": "medium"}},
        "input": {"media": "workspace/inbox/a.mp3", "script": None}, "pipeline": ["asr", "refine"],
        "output": {"raw_srt": "workspace/outputs/a.srt"}, "error": None, **keys,
    }  # fmt: skip


def scene(**given: Any) -> Scene:
    return Scene(**{"held": (), "base": None, "routes": ROUTES, "at": AT, "phase": "implementation", **given})


def read(one: Any) -> Reading:
    return FORMAT.read("a.task.json", json.dumps(one), {})


def imported(one: dict[str, Any]) -> Task:
    return stored(planning.plan(FORMAT, read(one), scene(), Options()).adds[0][1])


def back(task: Task) -> dict[str, Any]:
    return FORMAT.given(Held(task, "Do it", {}), ROUTES)


def test_a_file_is_known_by_what_stands_in_it_and_an_agent_is_told_all_of_it() -> None:
    assert known.of("x.json", json.dumps(raw())) is FORMAT
    [(_, task, description)] = planning.plan(FORMAT, read(raw()), scene(), Options()).adds
    assert (task.name, task.assigned_agent) == ("transcription sub_1: asr, then refine", "reviewer")
    assert task.params == {key: raw()[key] for key in ("config_snapshot", "input", "pipeline", "output")}
    assert "It takes in:\n\n- media: workspace/inbox/a.mp3\n- script: null" in description
    assert '- engine: {"model": "medium"}' in description
    told = planning.plan(FORMAT, read(raw(description="Paint it\n\nRed.")), scene(), Options()).adds[0]
    assert (told[1].name, told[2].splitlines()[2]) == ("Paint it", "Red.")


@pytest.mark.parametrize(("status", "here"), HERE.items())
def test_each_status_comes_in_and_goes_out(status: str, here: str) -> None:
    task = imported(raw(status=status))
    assert task.status == here
    assert back(task) == raw(status=status)


@pytest.mark.parametrize("after", TRANSITIONS)
@pytest.mark.parametrize("before", TRANSITIONS)
def test_a_second_import_takes_the_steps_of_the_table_and_lists_the_others(before: str, after: str) -> None:
    held = Held(imported(raw(status=before)), "")
    base = {"sub_1": raw(status=before)}
    done = planning.plan(FORMAT, read(raw(status=after)), scene(held=(held,), base=base), Options())
    goes = before == after or after in TRANSITIONS[before]
    assert bool(done.rejected) is not goes
    if goes and before != after:
        assert back(done.changes[0][1].task)["status"] == after


@pytest.mark.parametrize(
    ("status", "there"),
    [
        ("pending", "queued"), ("in_progress", "running"), ("paused", "running"),
        ("needs_review", "running"), ("completed", "done"), ("abandoned", "canceled"),
    ],
)  # fmt: skip
def test_a_task_of_ours_is_told_in_its_words_and_can_come_in_again(status: str, there: str) -> None:
    told = back(in_status(status))
    assert told["status"] == there
    assert read(told).rejected == ()


def test_what_is_asked_what_failed_and_where_the_work_went_stand_in_the_file() -> None:
    task = imported(raw()).pause("Which one?", kind="question", by="implementer", at=AT)
    asked = back(task)["result"]
    assert asked == {"status": "error", "error_code": "NEEDS_INPUT", "message": "Which one?"}
    error: Any = {"error_type": "timeout", "message": "too long", "timestamp": AT, "traceback": "at 1"}
    failed = back(imported(raw()).pause("again?", kind="failure", by="sow", at=AT).replace(error=error))
    assert (failed["status"], failed["error"], failed["result"]["error_code"]) == (
        "failed",
        "at 1",
        "TIMEOUT",
    )
    done = imported(raw()).replace(status="completed", completed_at=AT, commit="a1", branch="b--010")
    assert back(done)["result"] == {"status": "success", "data": {"commit": "a1", "branch": "b--010"}}
    again = FORMAT.wanted({**raw(), **back(done)}, ROUTES, AT)
    assert back(done.replace(result=again.standing.result)) == back(done)


def test_only_the_values_that_change_are_written_and_all_else_stays_byte_for_byte() -> None:
    text = '{ "task_id":"sub_1",\r\n\t"status" : "queued", "n": 1.50e1,\n"pipeline":["asr"], "mine":[1,\n2] }'
    [record] = FORMAT.read("a", text, {}).records
    assert FORMAT.written(text, {"sub_1": record.raw}) == text
    after = FORMAT.written(text, {"sub_1": {**record.raw, "status": "done", "error": None}})
    assert after == text.replace('"queued"', '"done"').replace("2] }", '2], "error":null }')


def test_a_file_holds_one_task() -> None:
    for text, raws in (("", {"a": raw(), "b": raw()}), (json.dumps(raw()), {"b": raw(task_id="b")})):
        with pytest.raises(Refused, match="one task"):
            FORMAT.written(text, raws)
    assert json.loads(FORMAT.written("", {"sub_1": raw()})) == raw()


def test_a_task_file_of_a_project_with_other_tasks_is_kept_in_step_and_given_out_alone(
    tmp_path: Path,
) -> None:
    who = with_project(tmp_path)
    path = who.write("a.task.json", json.dumps(raw(type="implementer")))
    who.done("import", path.name)
    who.done("task", "add", "Another", "--agent", "implementer")
    who.done("sync", path.name)
    assert json.loads(path.read_text()) == raw(type="implementer")
    who.done("task", "abandon", "010")
    before = path.read_text()
    who.done("sync", path.name)
    assert json.loads(path.read_text())["status"] == "canceled"
    path.write_text(before)
    who.done("export", "--format", "task-file", "--output", path.name, "--force")
    assert json.loads(path.read_text())["status"] == "canceled"


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (raw(status="DONE"), 'status: "DONE" is not allowed'),
        (raw(pipeline="asr"), 'pipeline: "asr" is a text, not a list'),
        (raw(task_id=""), "task_id: is empty"),
    ],
)
def test_a_file_with_a_fault_is_listed_with_its_reason(one: Any, reason: str) -> None:
    assert [rejected.reason for rejected in read(one).rejected] == [reason]


RAWS = st.fixed_dictionaries(
    {"status": st.sampled_from(sorted(TRANSITIONS)), "pipeline": st.lists(WORDS.filter(bool), max_size=2)},
    optional={
        "type": st.sampled_from(["transcription", "unheard", ""]), "config_snapshot": ANY, "input": ANY,
        "output": st.dictionaries(WORDS, st.none() | WORDS, max_size=2), "error": st.none() | WORDS,
        "run_id": st.none() | WORDS, "requested_by": WORDS, "result": RESULTS, "their_own": OPEN,
    },
)  # fmt: skip


@given(RAWS)
@settings(max_examples=60, deadline=None)
def test_what_comes_in_goes_out_as_it_came(one: dict[str, Any]) -> None:
    one = {"task_id": "t 1", **one}
    failed = one["status"] == "queued" and one.get("type") == "unheard"
    done = planning.plan(FORMAT, read(one), scene(), Options())
    assert done.rejected == []
    [(_, task, text)] = done.adds
    held = Held(stored(task), text)
    out = FORMAT.given(held, ROUTES)
    assert out["status"] == "failed" if failed else canonical.same(out, one)
    again = planning.plan(FORMAT, read(one), scene(held=(held,), base=done.base), Options("sync"))
    assert (again.changes, bool(again.give)) == ([], failed)
