"""`sow.open_workspace`: task files from their first run to their last, ended from outside, and faults."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args, get_type_hints
from unittest import mock

import pytest
from tests.cli.parts import Person, changed, everything
from tests.taskfiles.parts import Place

import sow
from sow import Served, TaskFileNote, TaskFileOutcome, TaskFileSeen, Workspace
from sow.api.serving import ENDS

COMMANDS = {
    "one": {"handler": "shell", "command": "echo $WORD > {output.result}"},
    "bad": {"handler": "shell", "command": "exit 3"},
    "held": {
        "handler": "shell",
        "command": "echo x >> {root}/begun; echo progress 0.5; n=0;"
        " while ! [ -e {root}/go ] && [ $n -lt 3000 ]; do n=$((n+1)); sleep 0.02; done",
    },
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "studio")
    made.configure(COMMANDS, grace_seconds=5)
    return made


def opened(place: Place, **more: str) -> Workspace:
    home = str(place.root.parent)
    return sow.open_workspace(place.root, environment={"PATH": os.environ["PATH"], "HOME": home, **more})


def test_a_workspace_goes_by_what_it_is_given_from_its_first_run_to_its_last(place: Place) -> None:
    place.add("t1")
    place.add("t2", ("bad",))
    place.add("t3", ("held",))
    (place.folder / "tasks/x.task.json").write_text("{")
    notes: list[TaskFileNote] = []
    with mock.patch("os.getcwd", side_effect=AssertionError):
        workspace = opened(place, WORD="theirs")
        assert (workspace.folder, workspace.root) == (str(place.folder), str(place.root))
        assert [each.id for each in workspace.planned()] == ["t1", "t2", "t3"]
        assert workspace.task("t3").cancel().status == "canceled"
        ran = workspace.run(jobs=2, watch=notes.append)
    assert {each.task_id: each.status for each in ran.outcomes} == {"t1": "done", "t2": "failed"}
    assert (ran.exit_code, ran.counts["failed"], len(ran.bad), ran.interrupted) == (1, 1, 1, False)
    assert place.result("t1") == "theirs\n"
    assert [note.text for note in notes if note.kind == "started" and note.task_id == "t1"] == ["one"]

    assert workspace.status().counts == {"done": 1, "failed": 1, "canceled": 1}
    assert [(each.id, each.status) for each in workspace.tasks().tasks] == [
        ("t1", "done"), ("t2", "failed"), ("t3", "canceled"),
    ]  # fmt: skip
    assert [stage.state for stage in workspace.task("t2").page().stages] == ["failed"]
    told = [event.type for event in workspace.task("t2").events()]
    assert (told[0], told[-1]) == ("task.created", "task.failed")
    assert set(told) <= set(workspace.event_types)
    assert len(workspace.validate().problems) == 1

    assert (already := workspace.run(task="t1").already)
    assert already.status == "done"
    assert workspace.task("t2").retry().before == "failed"
    assert [seen.id for seen in workspace.look() if seen.status == "queued"] == ["t2"]


def test_agents_go_by_the_variables_that_are_given_and_a_run_by_its_budget(place: Place) -> None:
    (place.root / "play.yaml").write_text("turns: [[{spend: {usd: 2}}, {say: Done.}]]")
    settings = {"script": str(place.root / "play.yaml")}
    place.configure(
        {"one": {"handler": "agent", "role": "painter", "prompt": "Do it.", "settings": settings}}
    )
    place.add("t1")
    place.add("t2")
    assert len(opened(place).validate().problems) == 2, "nobody plays that role"
    workspace = opened(place, SOW_AGENTS_PAINTER="script")
    assert workspace.validate().problems == ()
    ran = workspace.run(budget=1.5)
    assert (ran.counts["done"], ran.held_back, ran.spent_usd, ran.exit_code) == (1, True, 2.0, 5)


# -- from outside ----------------------------------------------------------------------------------


def test_a_run_is_ended_from_another_thread_and_its_stages_with_it(place: Place) -> None:
    place.add("t1", ("held",))
    workspace, stop = opened(place), sow.Stop()

    def watch(note: TaskFileNote) -> None:
        if "50%" in note.text:
            stop.end()

    with ThreadPoolExecutor(1) as pool:
        ran = pool.submit(workspace.run, stay=True, watch=watch, stop=stop).result(60)
    assert (ran.interrupted, ran.exit_code, ran.counts["left"]) == (True, 130, 1)
    assert workspace.run(stop=stop).outcomes == (), "what was told to stop before it began ends at once"
    (place.root / "go").touch()
    assert workspace.run().exit_code == 0
    assert (place.root / "begun").read_text() == "x\nx\n", "the next run begins the stage again"


def test_an_exception_of_who_watches_leaves_the_stage_for_the_next_run(place: Place) -> None:
    place.add("t1", ("held",))
    place.add("t2")
    workspace = opened(place)

    def fail(note: TaskFileNote) -> None:
        if "50%" in note.text:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        workspace.run(watch=fail)
    assert place.task("t1")["status"] == "running"
    (place.root / "go").touch()
    assert workspace.run().counts["done"] == 2
    assert (place.root / "begun").read_text() == "x\n", "the stage went on, and was not begun again"


def test_an_exception_in_a_run_itself_does_not_wait_for_the_stages(place: Place) -> None:
    place.add("t1", ("held",))
    workspace, begun = opened(place), place.root / "begun"

    def collect(self: object) -> None:
        if begun.exists():
            raise ZeroDivisionError

    with (
        mock.patch("sow.taskfiles.serving.Server._collect", collect),
        pytest.raises(ZeroDivisionError),
    ):
        workspace.run()
    assert place.task("t1")["status"] == "running"
    (place.root / "go").touch()
    assert workspace.run().counts["done"] == 1
    assert begun.read_text() == "x\n"


def test_runs_in_one_process_share_the_tasks_and_each_is_done_once(place: Place) -> None:
    place.shell(one="echo x >> {root}/ran-{task_id}")
    for number in range(6):
        place.add(f"t{number}", output={})
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(opened(place).run, jobs=2) for _ in range(2)]
        ends = [each.result(60) for each in runs]
    assert [each.exit_code for each in ends] == [0, 0]
    assert sum(each.counts["done"] for each in ends) == 6
    assert {path.read_text() for path in place.root.glob("ran-*")} == {"x\n"}


# -- how a run ended -------------------------------------------------------------------------------


def outcomes(*statuses: str) -> tuple[TaskFileOutcome, ...]:
    return tuple(TaskFileOutcome("t", f"/{n}", status) for n, status in enumerate(statuses))  # type: ignore[arg-type]


QUEUED = TaskFileSeen("/t.task.json", "t", "queued")
CODES: dict[str, tuple[dict[str, Any], int]] = {
    "nothing was to be done": ({}, 0),
    "all is done": ({"outcomes": outcomes("done", "canceled", "held")}, 0),
    "one failed": ({"outcomes": outcomes("done", "failed")}, 1),
    "one could not be read": ({"bad": (sow.BadFile("/x", "is none", "mend it"),)}, 1),
    "one could not be claimed": ({"stuck": (QUEUED,)}, 1),
    "an end could not be written": ({"outcomes": outcomes("left")}, 1),
    "there was no more money": ({"held_back": True, "budget_usd": 1.0}, 5),
    "what ran was left for want of money": ({"outcomes": outcomes("left"), "held_back": True}, 5),
    "one failed before the money was gone": ({"outcomes": outcomes("failed"), "held_back": True}, 1),
    "it was told to stop": ({"outcomes": outcomes("failed", "left"), "interrupted": True}, 130),
}


@pytest.mark.parametrize("case", CODES)
def test_the_exit_code_of_a_run(case: str) -> None:
    held, code = CODES[case]
    served = Served(**{"outcomes": (), "bad": (), "stuck": (), **held})
    assert served.exit_code == served.as_json()["exit_code"] == code


def test_every_end_of_a_task_is_counted() -> None:
    kinds = {end for each in get_args(get_type_hints(TaskFileOutcome)["status"]) for end in get_args(each)}
    assert kinds - {"queued", "running"} == set(ENDS)


# -- faults ----------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[Callable[[Workspace], object], type[sow.SowError], str]] = {
    "no such task to see": (lambda w: w.task("t9").page(), sow.NotFound, "t9"),
    "no such task to cancel": (lambda w: w.task("t9").cancel(), sow.NotFound, "t9"),
    "no such task to run": (lambda w: w.run(task="t9"), sow.NotFound, "t9"),
    "no such task to read of": (lambda w: w.events(task="t9"), sow.NotFound, "t9"),
    "no time": (lambda w: w.events(since="yesterday"), sow.Usage, "yesterday"),
    "nothing to do again": (lambda w: w.task("t1").retry(), sow.Refused, "queued already"),
    "one that failed": (lambda w: w.run(task="t2"), sow.Refused, "failed"),
    "one of another program's": (lambda w: w.run(task="t3"), sow.Busy, "another program"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_raised_with_what_to_do_and_changes_nothing(fault: str, place: Place) -> None:
    place.add("t1")
    place.add("t2", status="failed")
    place.add("t3", status="running")
    act, kind, words = FAULTS[fault]
    before = everything(place.root)
    with pytest.raises(kind, match=words) as met:
        act(opened(place))
    assert met.value.hint
    assert changed(before, everything(place.root)) == []


def test_a_workspace_is_opened_only_where_there_is_one(tmp_path: Path) -> None:
    with pytest.raises(sow.NotFound):
        sow.open_workspace(tmp_path / "gone")
    with pytest.raises(sow.NotFound, match="tasks/"):
        sow.open_workspace(tmp_path)


# -- one language with the command line ------------------------------------------------------------


def test_results_are_told_as_the_commands_print_them(place: Place) -> None:
    place.add("t1")
    place.add("t2", ("bad",), status="failed", error="it broke")
    who = Person(place.root, place.root.parent)
    workspace = sow.open_workspace(place.root, environment=who.environment)
    same: dict[tuple[str, ...], Callable[[], Any]] = {
        ("status",): lambda: workspace.status().as_json(),
        ("task", "list"): lambda: workspace.tasks().as_json(),
        ("task", "show", "t2"): lambda: workspace.task("t2").page().as_json(),
        ("validate",): lambda: workspace.validate().as_json(),
        ("run", "--dry-run"): lambda: [each.as_json() for each in workspace.planned()],
    }
    for words, ask in same.items():
        printed, mine = json.loads(who.done(*words, "--json")), json.loads(json.dumps(ask()))
        assert ageless(mine) == ageless(printed)
    notes: list[TaskFileNote] = []
    ran = workspace.run(task="t1", watch=notes.append)
    mine = [*(note.as_json() for note in notes), ran.as_json()]
    place.add("t1")
    printed = [json.loads(line) for line in who.done("run", "--json", "--task", "t1").splitlines()]
    assert [row | {"text": ""} for row in mine] == [row | {"text": ""} for row in printed]


def ageless(told: Any) -> Any:
    """The same without how old anything is."""
    match told:
        case dict():
            return {key: ageless(value) for key, value in told.items() if key != "age_seconds"}
        case list():
            return [ageless(each) for each in told]
    return told
