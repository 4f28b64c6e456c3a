"""A task goes through its pipeline: real stages, real files, and what the stream and the file say of it."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.taskfiles.parts import DOCUMENT, Place
from tests.waiting import until

from sow.errors import Failed
from sow.runner.watch import Tail, Watcher
from sow.taskfiles import agent, handlers, runner, stages
from sow.taskfiles.events import LONGEST, EventWriter
from sow.taskfiles.runner import Note
from sow.taskfiles.stages import Failure, Heard, Progress, Stage, Start
from sow_executors import base


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# -- the stream ------------------------------------------------------------------------------------


def test_an_event_stands_in_the_file_of_its_day_in_utc_whatever_the_clock_on_the_wall_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    midnight = 1_770_336_000.0
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        for at_ in (midnight - 0.001, midnight, midnight + 0.25):
            writer = EventWriter(str(tmp_path), lambda at_=at_: at_)
            writer.write("task.completed", {"duration_sec": 1.5}, task_id="t1", run_id=None)
    finally:
        monkeypatch.undo()
        time.tzset()
    rest = '"run_id": null, "task_id": "t1", "type": "task.completed", "payload": {"duration_sec": 1.5}}'
    line = f'{{"ts": "%s", {rest}\n'
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "20260205_events.jsonl": line % "2026-02-05T23:59:59.999Z",
        "20260206_events.jsonl": line % "2026-02-06T00:00:00.000Z" + line % "2026-02-06T00:00:00.250Z",
    }


def test_a_stage_that_prints_more_than_can_be_heard_in_a_moment_is_heard_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MOMENT", 0.0)
    path = tmp_path / "transcript"
    path.write_text("progress 0.1\n" + "y\n" * 2 * runner.LINES + "progress 0.9")
    told: list[float] = []
    ears = runner._Ears(
        Tail(str(path)), handlers.Printed("yes"), lambda report: told.append(report.progress),
        lambda report: None, lambda report: None, 0,
    )  # fmt: skip
    pieces: list[list[float]] = []
    while not pieces or ears.behind:
        assert ears.hear(final=True) is None
        pieces.append(list(told))
    assert pieces == [[0.1], [0.1], [0.1, 0.9]]


def test_a_text_that_is_cut_names_the_file_that_has_all_of_it(place: Place) -> None:
    place.shell(one="printf %04000d 0 >&2; false")
    path = place.add(output={})
    place.run()
    (failed,) = place.events("task.failed")
    told, _, rest = failed["payload"]["stack"].partition(" …")
    assert told.endswith(f" characters, all of them in workspace/tasks/{path.name})")
    assert (len(rest), json.loads(path.read_text())["error"].endswith(rest)) == (LONGEST, True)


# -- the document's own example --------------------------------------------------------------------

ASR = """
  echo progress 0.5 heard with {config.engine.model}
  { echo 1; echo '00:00:00,000 --> 00:00:02,000'; cat {input.media}; } > {output.raw_srt}
"""


def test_the_example_of_the_document_runs_with_two_shell_stages(place: Place) -> None:
    place.shell(asr=ASR, refine="tr a-z A-Z < {output.raw_srt} > {output.refined_srt}")
    path = place.write("20260206_subtitle_pipeline_001", DOCUMENT)
    media = place.folder / "inbox/meeting_audio.mp3"
    media.parent.mkdir()
    media.write_text("good morning\n")
    before = (media.read_bytes(), os.stat(media).st_mtime_ns)

    (outcome,) = place.run()
    assert outcome.status == "done"
    assert path.read_text() == DOCUMENT.replace('"queued"', '"done"')
    assert (media.read_bytes(), os.stat(media).st_mtime_ns) == before
    refined = place.folder / "outputs/subtitles/refined/meeting_audio.refined.srt"
    assert refined.read_text() == "1\n00:00:00,000 --> 00:00:02,000\nGOOD MORNING\n"

    raw = "workspace/outputs/subtitles/raw/meeting_audio.raw.srt"
    told = [(event["type"], event["payload"]) for event in place.events()]
    took = told[-1][1]["duration_sec"]
    assert told == [
        ("task.created", {"input": "workspace/inbox/meeting_audio.mp3"}),
        ("task.started", {"pipeline": ["asr", "refine"]}),
        ("stage.progress", {"stage": "asr", "progress": 0.0, "msg": "begun"}),
        ("stage.progress", {"stage": "asr", "progress": 0.5, "msg": "heard with medium"}),
        ("artifact.written", {"path": raw, "kind": "raw_srt"}),
        ("stage.progress", {"stage": "asr", "progress": 1.0, "msg": "done"}),
        ("stage.progress", {"stage": "refine", "progress": 0.0, "msg": "begun"}),
        ("artifact.written", {"path": raw.replace("raw", "refined"), "kind": "refined_srt"}),
        ("stage.progress", {"stage": "refine", "progress": 1.0, "msg": "done"}),
        ("task.completed", {"duration_sec": took}),
    ]
    assert 0 < took < 30
    for event in place.events():
        assert list(event) == ["ts", "run_id", "task_id", "type", "payload"]
        assert (event["run_id"], event["task_id"]) == ("run_12345", "subtitle_pipeline_001")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["ts"])
    (stream,) = (place.folder / "events").iterdir()
    assert stream.name == event["ts"][:10].replace("-", "") + "_events.jsonl"


def test_a_stage_that_the_snapshot_turns_off_is_passed_over(place: Place) -> None:
    place.shell(asr="cp {input.text} {output.result}", refine="exit 9")
    place.add(pipeline=("asr", "refine"), config_snapshot={"refine": {"enabled": False}})
    assert place.run()[0].status == "done"
    msg = "passed over: config_snapshot.refine.enabled is false"
    assert place.events("stage.progress")[-1]["payload"] == {"stage": "refine", "progress": 1.0, "msg": msg}


def test_the_tasks_own_snapshot_has_the_last_word_on_a_stage(place: Place) -> None:
    place.shell(one="exit 9")
    own = {"handler": "shell", "command": "echo own > {output.result}"}
    place.add(config_snapshot={"stages": {"one": own}})
    assert place.run()[0].status == "done"
    assert place.result() == "own\n"


def test_a_repository_says_how_stages_are_done_and_the_workspace_goes_before_it(place: Place) -> None:
    settings = place.root / ".sow/config.yaml"
    settings.parent.mkdir()
    stage = {"handler": "shell", "command": "echo wide > {output.result}; exit 7"}
    settings.write_text(yaml.safe_dump({"stages": {"one": stage}}))
    place.configure({"one": {"command": "echo near > {output.result}"}}, engine={"of": "another program"})
    place.add()
    assert (place.run()[0].status, place.result()) == ("done", "near\n")


# -- failures --------------------------------------------------------------------------------------


def test_a_function_that_raises_leaves_its_whole_stack(place: Place) -> None:
    (place.root / "subtitles.py").write_text(
        "def refine(stage):\n    stage.progress(0.25, 'begins')\n    inner(stage)\n\n"
        "def inner(stage):\n    raise OSError(28, 'Disk full', stage.output['result'])\n"
    )
    place.configure({"one": {"handler": "python", "call": "subtitles:refine"}})
    place.add()
    assert place.run()[0].status == "failed"
    error = place.task()["error"]
    assert error.startswith("stage one: OSError: [Errno 28] Disk full: ")
    assert "Traceback (most recent call last):" in error
    assert "in refine\n" in error
    assert "in inner\n" in error
    (failed,) = place.events("task.failed")
    assert list(failed["payload"]) == ["error", "stack"]
    assert failed["payload"]["error"].startswith("stage one: OSError: [Errno 28] Disk full")
    assert failed["payload"]["stack"].startswith("Traceback")
    assert place.events("stage.progress")[1]["payload"]["progress"] == 0.25


def test_a_function_gets_paths_settings_and_a_folder_of_its_own(place: Place) -> None:
    (place.root / "own.py").write_text(
        "class Tool:\n"
        "    @staticmethod\n"
        "    def copy(stage):\n"
        "        assert stage.settings == {'times': 3} and stage.config == {'mode': 'x'}, stage\n"
        "        open(stage.tmp + '/part', 'w').write('kept?')\n"
        "        text = open(stage.input['text']).read()\n"
        "        open(stage.output['result'], 'w').write(text * stage.settings['times'])\n"
    )
    place.configure({"one": {"handler": "python", "call": "own:Tool.copy", "settings": {"times": 3}}})
    place.add(config_snapshot={"mode": "x"})
    assert place.run()[0].error == ""
    assert place.result() == "the input\n" * 3


FAILURES: list[Any] = [
    pytest.param(
        {"handler": "shell", "command": "echo some; echo why >&2; exit 3"},
        "stage one: it ended with exit code 3\n\n$ echo some; echo why >&2; exit 3\nwhy", id="exit code",
    ),
    pytest.param(
        {"handler": "shell", "command": "kill -9 $$"}, "stage one: it was ended by SIGKILL", id="a kill"
    ),
    pytest.param(
        {"handler": "shell", "command": "true {output.result}"},
        "stage one: it ended well and has not written result (", id="no output",
    ),
    pytest.param(
        {"handler": "shell", "command": "echo more >> {input.text}"},
        "stage one: the input text (", id="an input changed",
    ),
    pytest.param(
        {"handler": "shell", "command": "sleep 60", "timeout_seconds": 0.05},
        "stage one: it took longer than timeout_seconds, 0.05 s, and was ended", id="too long",
    ),
    pytest.param(
        {"handler": "shell", "command": "x {input.txt}"},
        "stage one: {input.txt}: the task has no input.txt\ndid you mean input.text?", id="no such input",
    ),
    pytest.param(
        {"handler": "shell"}, "stages.one: a shell stage needs `command`\nas in ", id="no command"
    ),
    pytest.param(
        {"command": "true"}, "stages.one: no handler is named\nadd it: stages.one.handler, ", id="no handler"
    ),
    pytest.param(
        {"handler": "shel", "command": "true"},
        "no stage handler is called shel\ndid you mean shell? the handlers: agent, python, shell",
        id="no such handler",
    ),
    pytest.param(
        {"handler": "python", "call": "x"}, "stages.one: call: 'x' names no function\n", id="no function"
    ),
    pytest.param(
        {"handler": "python", "call": "nowhere:f"},
        "stage one: ModuleNotFoundError: No module named 'nowhere'\n\nTraceback", id="no module",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "error"), FAILURES)
def test_a_stage_that_fails_says_why_in_the_tasks_file(place: Place, stage: Any, error: str) -> None:
    place.configure({"one": stage}, grace_seconds=1)
    place.add()
    assert place.run()[0].status == "failed"
    assert place.task()["status"] == "failed"
    assert str(place.task()["error"]).startswith(error)


def test_a_stage_that_nobody_configured_is_told_with_the_files_to_look_in(place: Place) -> None:
    place.add(pipeline=("asr",))
    assert place.run()[0].status == "failed"
    assert place.task()["error"] == (
        "stage asr is configured nowhere\nsay how it is done under stages.asr in "
        f"{place.folder}/config.yaml or the task's config_snapshot"
    )


def test_an_output_may_not_be_written_over_an_input(place: Place) -> None:
    place.shell(one="true")
    place.add(output={"again": "workspace/inbox/../inbox/in.txt"})
    assert place.run()[0].status == "failed"
    assert str(place.task()["error"]).startswith("output.again is input.text (")


ODD: list[Any] = [
    pytest.param({"task_id": "\x1b[31m \n'"}, "done", id="an id that no terminal should see"),
    pytest.param({"task_id": "\ud800"}, "failed", id="an id that is half a character"),
    pytest.param({"task_id": "a\0b"}, "failed", id="an id with a zero in it"),
    pytest.param({"output": {"x": "a\0b"}}, "done", id="an output with a zero in it"),
    pytest.param({"output": {"x": ""}}, "done", id="an output without a path"),
    pytest.param(
        {"input": {"x": "a\0b", "y": [1, {}], "z": ["workspace/inbox/in.txt"]}}, "done", id="inputs"
    ),
    pytest.param({"pipeline": []}, "done", id="no stage"),
    pytest.param({"pipeline": ["one", "one"]}, "failed", id="a stage twice"),
    pytest.param({"pipeline": ["../../x"]}, "failed", id="a stage like a path"),
    pytest.param({"config_snapshot": {"stages": 3}}, "failed", id="stages that are none"),
    pytest.param({"config_snapshot": {"stages": {"one": {"hander": "x"}}}}, "failed", id="a misspelt key"),
    pytest.param({"output": {"x": "workspace/inbox/in.txt/y"}}, "failed", id="an output below a file"),
    pytest.param({"run_id": None, "created_at": "2026-02-06T10:30:00+01:00"}, "done", id="no run"),
    pytest.param({"created_at": "2026-02-06T10:30:00.123456"}, "done", id="a time without a zone"),
]


@pytest.mark.parametrize(("fields", "status"), ODD)
def test_odd_values_come_to_an_end_and_never_stop_the_runner(place: Place, fields: Any, status: str) -> None:
    place.shell(one="true")
    path = place.add()
    path.write_text(json.dumps({**json.loads(path.read_text()), "output": {}, **fields}))
    place.add("good", output={})
    assert sorted(outcome.status for outcome in place.run()) == sorted(["done", status])
    held = json.loads(path.read_text())
    assert held["status"] == status
    assert bool(held["error"]) == (status == "failed")
    assert place.events()


def test_a_failure_stops_its_own_task_only(place: Place) -> None:
    place.shell(one="test {task_id} != t2 && cp {input.text} {output.result}")
    for task_id in ("t1", "t2", "t3"):
        place.add(task_id)
    assert [outcome.status for outcome in place.run()] == ["done", "failed", "done"]


def test_a_file_that_can_not_be_taken_stays_as_it_is_and_the_rest_runs(place: Place) -> None:
    place.shell(one="cp {input.text} {output.result}")
    bad = place.write("20260101_bad", '{"task_id": "bad",\n "status": "qeued", "pipeline": []}')
    (loop := place.folder / "tasks/20260102_loop.task.json").symlink_to("20260102_loop.task.json")
    place.add()
    before = bad.read_bytes()
    assert [outcome.task_id for outcome in place.run()] == ["t1"]
    assert bad.read_bytes() == before
    problem, circle = place.problems()
    assert problem.startswith(f'{bad}:2:12: status: "qeued" is not allowed; did you mean `queued`?')
    assert circle.startswith(f"{loop}: can't be read: Too many levels of symbolic links")


def test_a_file_that_is_just_being_written_is_no_fault_and_a_broken_one_is_told_in_time(place: Place) -> None:
    place.shell(one="cp {input.text} {output.result}")
    path = place.add("t1")
    whole = path.read_text()
    server = place.server()
    serving = threading.Thread(target=server.run, kwargs={"stay": True})
    serving.start()
    try:
        until(lambda: '"done"' in path.read_text())
        with open(place.folder / "tasks/20260206_t2.task.json", "w") as file:
            file.write(whole[:40])
            file.flush()
            until(lambda: list(server.loader.bad()))
            file.write(whole[40:])
        until(lambda: place.task("t2")["status"] == "done")
        assert place.problems() == []
        place.write("20260206_t3", whole[:40])
        until(place.problems)
    finally:
        place.stop.ask("end")
        serving.join(120)
    assert len(place.problems()) == 1


def test_a_link_that_leads_out_of_the_workspace_is_not_followed(place: Place, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text('{"task_id": "o", "status": "queued", "pipeline": []}')
    (place.folder / "tasks/1_o.task.json").symlink_to(outside)
    assert place.run() == []
    assert "queued" in outside.read_text()


def test_a_task_that_failed_and_is_queued_again_runs_again_and_its_error_goes(place: Place) -> None:
    place.shell(one="exit 1")
    path = place.add(mine={"kept": 1.50})
    place.run()
    path.write_text(path.read_text().replace('"failed"', '"queued"'))
    place.shell(one="cp {input.text} {output.result}")
    assert place.run()[0].status == "done"
    assert (place.task()["error"], place.task()["mine"]) == (None, {"kept": 1.5})
    assert len(place.events("task.created")) == 1


@pytest.mark.parametrize(
    ("keep", "status", "left"),
    [("failed", 0, False), ("failed", 1, True), ("always", 0, True), ("never", 1, False)],
)
def test_what_a_stage_left_in_tmp_is_kept_or_cleaned(
    place: Place, keep: str, status: int, left: bool
) -> None:
    command = f"echo x > {{tmp}}/part; exit {status}"
    place.configure({"one": {"handler": "shell", "command": command}}, keep_tmp=keep)
    place.add()
    other = place.folder / "outputs/_tmp/another/part"
    other.parent.mkdir(parents=True)
    other.touch()
    place.run()
    assert (place.folder / "outputs/_tmp/20260206_t1/part").exists() == left
    assert other.exists(), "of other tasks nothing goes"


# -- while it runs ---------------------------------------------------------------------------------


def at(place: Place, step: str, do: Callable[[], object]) -> Callable[[Note], None]:
    """Watches a run, and does something at a step of it."""

    did: list[Note] = []

    def watch(note: Note) -> None:
        place.notes.append(note)
        if note.text.startswith(step) and not did:
            did.append(note)
            do()

    return watch


def rewrite(path: Path, old: str, new: str) -> None:
    """As another program would: read, changed, written."""
    path.write_text(path.read_text().replace(old, new))


def test_a_task_that_is_canceled_while_it_runs_is_ended_and_stays_canceled(place: Place) -> None:
    place.shell(
        one="trap 'echo gently > $SOW_STAGE_TMP/../end; exit' TERM; echo progress 0.5; sleep 60 & wait"
    )
    path = place.add()
    cancel = at(place, "one 50%", lambda: rewrite(path, '"running"', '"canceled"'))
    (outcome,) = place.run(watch=cancel)
    assert (outcome.status, place.task()["status"], place.task()["error"]) == ("canceled", "canceled", None)
    assert (place.folder / "outputs/_tmp/end").read_text() == "gently\n"
    assert place.events()[-1]["payload"] == {"stage": "one", "progress": 0.5, "msg": "canceled"}
    assert place.run() == [], "nothing is left to be taken up"


def test_a_task_whose_file_goes_is_ended(place: Place) -> None:
    place.shell(one="echo progress 0.5; sleep 60")
    path = place.add()
    (outcome,) = place.run(watch=at(place, "one 50%", path.unlink))
    assert outcome.status == "canceled"
    assert list((place.folder / "tasks").iterdir()) == []


def test_a_task_that_is_canceled_before_it_is_picked_up_never_runs(place: Place) -> None:
    place.shell(one="touch {output.result}")
    rewrite(place.add(), '"queued"', '"canceled"')
    assert place.run() == []
    assert not (place.folder / "outputs").exists()


def test_the_snapshot_is_frozen_while_the_task_runs(place: Place) -> None:
    place.shell(one="echo progress 0.5", two="echo {config.mode} > {output.result}")
    path = place.add(pipeline=("one", "two"), config_snapshot={"mode": "first", "n": 1.0})
    before = path.read_text()

    def change() -> None:
        rewrite(path, '"first"', '"second"')
        rewrite(path, '"error"', '"note": "kept",\n  "error"')

    assert place.run(watch=at(place, "one 50%", change))[0].status == "done"
    assert place.result() == "first\n"
    assert path.read_text() == before.replace('"queued"', '"done"').replace(
        '"error"', '"note": "kept",\n  "error"'
    )


def test_a_file_that_is_broken_while_its_task_runs_gets_its_end_once_it_is_mended(place: Place) -> None:
    place.shell(one="echo progress 0.5; echo ran >> {output.result}")
    path = place.add()
    good: list[str] = []

    def destroy() -> None:
        good.append(path.read_text())
        path.write_text(good[0][:-20])

    (outcome,) = place.run(watch=at(place, "one 50%", destroy))
    assert outcome.status == "left"
    broken = path.read_bytes()
    assert place.run() == []
    assert path.read_bytes() == broken
    path.write_text(good[0])
    assert place.run()[0].status == "done"
    assert place.result() == "ran\n"


@pytest.mark.parametrize("wish", ["end", "leave"])
def test_a_run_that_is_interrupted_is_gone_on_with_by_the_next(place: Place, wish: Any) -> None:
    gate = place.root / "gate"
    place.shell(
        one="cp {input.text} {output.result}",
        two=f"echo ran >> {{output.result}}; echo progress 0.5; until [ -e {gate} ]; do sleep 0.02; done",
    )
    place.add(pipeline=("one", "two"))
    (outcome,) = place.run(watch=at(place, "two 50%", lambda: place.stop.ask(wish)))
    assert (outcome.status, place.task()["status"]) == ("left", "running")
    gate.touch()
    place.stop.wish = ""
    assert place.run()[0].status == "done"
    ran = place.result().count("ran")
    assert ran == (2 if wish == "end" else 1), "begun again where it was ended, and else not"
    began = [e["payload"]["stage"] for e in place.events("stage.progress") if e["payload"]["progress"] == 0]
    assert began == (["one", "two", "two"] if wish == "end" else ["one", "two"])
    assert len(place.events("task.started")) == 1


@pytest.mark.parametrize("told", [True, False], ids=["the kernel tells", "nobody tells"])
def test_a_new_file_is_picked_up_in_under_a_second(
    place: Place, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    if not told:
        monkeypatch.setattr(Watcher, "add_folder", lambda self, path: None)
    place.shell(one="cp {input.text} {output.result}")
    server = place.server()
    serving = threading.Thread(target=server.run, kwargs={"stay": True})
    serving.start()
    took: list[float] = []
    try:
        # Once in a few: whatever else the machine does may take a second from any of them.
        while min(took, default=1.0) >= 1.0 and len(took) < 10:
            added, task_id = time.time(), f"t{len(took)}"
            path = place.add(task_id)
            until(lambda path=path: '"done"' in path.read_text())  # type: ignore[misc]
            claim = json.loads((place.folder / f"runs/20260206_{task_id}/1/claim.json").read_text())
            took.append(claim["started_at"] - added)
    finally:
        place.stop.ask("end")
        serving.join(120)
    assert not serving.is_alive()
    assert min(took) < 1, took


def test_who_stays_waits_for_a_folder_of_tasks_that_is_gone_and_who_does_not_has_failed(place: Place) -> None:
    place.shell(one="cp {input.text} {output.result}")
    place.add()
    tasks, away = place.folder / "tasks", place.root / "away"
    tasks.rename(away)
    with pytest.raises(Failed, match=f"can't list {tasks}: No such file"):
        place.run()

    def hear(note: Note) -> None:
        place.notes.append(note)
        if note.kind == "problem":
            away.rename(tasks)
        elif note.kind == "done":
            place.stop.ask("end")

    server = place.server(watch=hear)
    server.watch = hear
    assert [outcome.status for outcome in server.run(stay=True)] == ["done"]
    assert place.problems() == [
        f"can't list {tasks}: No such file or directory; its tasks are picked up once it is back"
    ]


def test_settings_that_change_hold_for_the_next_task_and_bad_ones_for_none(place: Place) -> None:
    place.shell(one="echo {task_id} first > {output.result}")
    server = place.server()
    serving = threading.Thread(target=server.run, kwargs={"stay": True})
    serving.start()
    try:
        second = yaml.safe_dump({"stages": {"one": {"command": "echo {task_id} second > {output.result}",
                                                    "handler": "shell"}}})  # fmt: skip
        for task_id, settings in {"t1": "", "t2": second, "t3": "stages: 3\n"}.items():
            if settings:
                (place.folder / "config.yaml").write_text(settings)
            path = place.add(task_id)
            until(lambda path=path: '"done"' in path.read_text())  # type: ignore[misc]
    finally:
        place.stop.ask("end")
        serving.join(120)
    assert [place.result(each) for each in ("t1", "t2", "t3")] == ["t1 first\n", "t2 second\n", "t3 second\n"]
    assert len(place.problems()) == 1, place.problems()
    (problem,) = place.problems()
    assert problem.startswith(f"{place.folder}/config.yaml:1: stages: 3 is a whole number, not a mapping")
    assert problem.endswith("going on with the settings before")


def test_several_tasks_run_at_once_where_that_is_wanted(place: Place) -> None:
    # Each waits for the other.
    place.shell(one="touch {root}/{task_id}; until [ -e {root}/t1 ] && [ -e {root}/t2 ]; do sleep 0.02; done")
    place.add("t1", output={})
    place.add("t2", output={})
    assert {outcome.status for outcome in place.run(jobs=2)} == {"done"}


# -- agents, and handlers of other people's ---------------------------------------------------------


def test_an_agent_works_on_a_stage_by_its_role(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    play = place.root / "play.yaml"
    turn = [{"say": "progress 0.5 reading"}, {"run": "echo read > workspace/outputs/t1.txt"}]
    play.write_text(yaml.safe_dump({"turns": [turn]}))
    monkeypatch.setenv("HOME", str(place.root / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place.root / "home"))
    monkeypatch.setenv("SOW_AGENTS_RESEARCHER", "script")
    stage = {"handler": "agent", "role": "researcher", "prompt": "Sum up {input.text} in {output.result}."}
    place.configure({"one": {**stage, "settings": {"script": str(play)}}})
    place.add()
    assert place.run()[0].error == ""
    assert place.result() == "read\n"
    assert place.events("stage.progress")[1]["payload"] == {"stage": "one", "progress": 0.5, "msg": "reading"}
    (prompt,) = (place.folder / "runs").rglob("prompt")
    assert f"Sum up {place.folder}/inbox/in.txt in {place.folder}/outputs/t1.txt." in prompt.read_text()


def test_an_agent_that_asks_fails_its_stage_and_one_that_never_ends_is_ended(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "AFTER_END", 0.0)
    said = {"asks": base.Asked("Which way?"), "stays": base.Finished("done")}

    class Cli:
        """An agent that prints one word, and stays."""

        ids, environment, name = "none", (), "cli"

        def program(self, settings: Any) -> tuple[str, ...]:
            return ("sh",)

        def spawn(self, turn: base.Turn) -> base.Command:
            return base.Command(("sh", "-c", f"echo {turn.prompt}; sleep 60"), turn.folder)

        resume = attach = spawn

        def reader(self, session_id: str | None) -> Any:
            return self

        def read(self, line: str) -> list[Any]:
            return [said[line]]

        def end(self, status: int | None, stderr: str) -> base.Finished | base.Failed:
            return base.Finished() if status == 0 else base.Failed("unknown", f"status {status}")

    monkeypatch.setattr(agent, "executor_of", lambda choice: Cli())
    monkeypatch.setenv("HOME", str(place.root / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place.root / "home"))
    place.configure({word: {"handler": "agent", "prompt": word} for word in said})
    place.add("t1", ("stays", "asks"), output={})
    assert place.run()[0].status == "failed"
    assert place.task()["error"] == "stage asks: the agent asked, and nobody is there to answer: Which way?"


class Echo:
    """A handler of somebody else's, whose reader breaks at a word."""

    def check(self, config: Any) -> None:
        pass

    def start(self, stage: Stage) -> Start:
        return Start(
            base.Command(("echo", str(stage.config["settings"]["word"])), stage.root), dict(os.environ)
        )

    def reader(self, stage: Stage) -> Echo:
        return self

    def read(self, line: str) -> list[Heard]:
        return [Progress(1 / len(line), line)]  # and none at all for an empty line

    def end(self, status: int | None, stderr: str) -> Failure | None:
        return None


@pytest.mark.parametrize(("word", "status"), [("four", "done"), ("", "failed")])
def test_a_handler_of_somebody_elses_works_and_its_fault_is_its_tasks(
    place: Place, monkeypatch: pytest.MonkeyPatch, word: str, status: str
) -> None:
    monkeypatch.setattr(
        stages, "_installed", lambda: {"echo": type("Point", (), {"load": lambda self: Echo})()}
    )
    place.configure({"one": {"handler": "echo", "settings": {"word": word}}})
    place.add()
    assert place.run()[0].status == status
    if word:
        assert place.events("stage.progress")[1]["payload"]["progress"] == 0.25
    else:
        assert "ZeroDivisionError" in str(place.task()["error"])
