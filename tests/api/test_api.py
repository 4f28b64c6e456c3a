"""`import sow`: a whole life of a project, in threads, ended from outside, and what it says of faults."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event as Flag
from typing import Any, assert_type
from unittest import mock

import pytest
from tests.cli.parts import ROOT, Person, changed, everything, person, with_project
from tests.cli.person import Desk, asks, writes

import sow
from sow import Note, Project

ROOTS = [str(ROOT / name) for name in ("orchestrator", "executors", "schemas")]


def opened(desk: Desk, by: str = "") -> Project:
    return sow.open(desk.main, environment=desk.env, by=by)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody whose project is only looked at."""
    who = with_project(tmp_path_factory.mktemp("shared"))
    who.done("task", "add", "It", "--agent", "implementer", "--param", "files=[1, 2]")
    who.done("task", "output", "add", "--type", "text", "--path", "it.txt", "--id", "010")
    return who


# -- a life ----------------------------------------------------------------------------------------


def test_a_task_lives_from_its_first_start_to_its_merge(desk: Desk) -> None:
    project = opened(desk, "ada-bot")
    desk.task(
        "door",
        [*asks("Which colour?", "red", "blue")],
        writes("door.txt", "red\n"),
        writes("door.txt", "blue\n"),
    )
    door = project.task("010")
    notes: list[Note] = []

    assert [planned.id for planned in project.planned()] == ["010"]
    ran = project.run(watch=notes.append)
    assert (ran.waits, ran.done, ran.exit_code) == (("010",), False, 5)
    assert [note.task.id for note in notes if note.kind == "started" and note.task] == ["010"]
    assert [item.text for item in project.waiting()] == ["Which colour?"]
    question = door.question()
    assert question is not None
    assert question["options"] == ["red", "blue"]

    assert door.answer("red").reached is None
    answer = door.state().answer
    assert answer is not None
    assert (answer["text"], answer["by"]) == ("red", "ada-bot")
    assert project.run().waits == ("010",)
    assert "door.txt" in (door.changes() or "")
    assert door.send_back("Blue, please").iteration == 2
    assert [each.text for each in door.feedback()] == ["Blue, please\n"]
    driven = door.spawn()
    assert (driven.task.status, driven.exit_code) == ("needs_review", 0)
    assert "+blue" in (door.diff() or "")
    approved = door.approve()
    assert (approved.how, approved.task.status) == ("merged", "completed")
    assert desk.merged("door.txt") == "blue"

    assert [attempt.task for attempt in project.attempts()] == ["010", "010", "010"]
    assert any("door.txt" in line for line in door.transcript())
    (first, *_) = door.attempts()
    assert [line.split()[1] for line in door.transcript(first.id) if line.startswith("---")] == [first.id]
    with pytest.raises(sow.NotFound):
        list(door.transcript("020-1-1-abc"))
    assert [event.type for event in door.events(types=["task.feedback"])] == ["task.feedback"]

    assert project.prospect(how="merge").commits > 0


def test_what_is_there_is_changed_and_read_by_its_handles(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    repository = sow.repository(who.folder, environment=who.environment)
    assert repository.init().made
    begun = repository.new("Which database?", type="exploration")
    project = begun.project
    assert begun.as_json()["branch"] == "explore/which-database"
    assert [each.name for each in repository.projects()] == ["which-database"]
    assert repository.project("which-database") == project

    task = project.add("Ask around", agent="researcher", params={"tries": 3}, priority="high")
    assert_type(task, sow.Task)
    state = task.state()
    assert_type(state, sow.TaskState)
    assert (task.id, state.name, state.params, state.priority) == ("010", "Ask around", {"tries": 3}, "high")
    task.set("metadata.depth", "2")
    task.set_description("Ask three people.")
    task.log("one has answered")
    assert task.description() == "Ask three people.\n"
    assert task.page().as_json()["metadata"] == {"depth": 2}
    task.unset("metadata.depth")
    assert task.state().metadata in (None, {})

    kept = task.outputs.add("findings", "phases/exploration/findings.md", metadata={"pages": 2})
    assert kept is not None
    assert [each.as_json()["type"] for each in task.outputs.all()] == ["findings"]
    assert (removed := task.outputs.remove(0))
    assert removed.document["metadata"] == {"pages": 2}
    phase = project.phase()
    assert phase.name == "exploration"
    assert phase.set("metadata.pr_url", "https://example.org/1")["metadata"] == {
        "pr_url": "https://example.org/1"
    }
    assert project.set("description", "Which of two?")["description"] == "Which of two?"

    ways = project.ways()
    assert [way.is_open for way in ways.ways] == [False]
    with pytest.raises(sow.Refused):
        project.rehearse().check()
    task.complete()
    assert project.advance().state.name == "Summarizing"
    assert project.validate().problems == ()
    assert project.repair().mended == ()
    exported = project.export(format="task-list")
    assert (len(json.loads(exported.text)), exported.tasks) == (1, 1)
    assert project.loss().tasks == 1
    project.delete()
    assert repository.projects() == []


# -- one process, many projects --------------------------------------------------------------------


def test_two_projects_are_run_in_two_threads_of_one_process(tmp_path: Path) -> None:
    desks = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        desks.append(Desk(tmp_path / name))
        desks[-1].task("it", writes("it.txt", f"{name}\n"))

    def lives(desk: Desk) -> str:
        project = opened(desk)
        assert project.run().waits == ("010",)
        return project.task("010").approve().how

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lives, desks)) == ["merged", "merged"]
    assert [desk.merged("it.txt") for desk in desks] == ["one", "two"]


def test_threads_that_share_a_project_lose_nothing_of_each_other(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    project = sow.open(who.folder, environment=who.environment)

    def add(number: int) -> str:
        task = project.add(f"Task {number}", agent="implementer")
        for count in range(3):
            project.task("010" if number else task.id).set(f"metadata.t{number}-{count}", str(count))
        return task.id

    first = add(0)
    with ThreadPoolExecutor(6) as pool:
        ids = list(pool.map(add, range(1, 7)))
    assert sorted([first, *ids]) == [f"{number:03d}" for number in range(10, 80, 10)]
    assert len(project.task("010").state().metadata or {}) == 21
    assert project.validate().problems == ()


def test_it_goes_by_what_it_is_given_and_not_by_the_process(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    other = with_project(tmp_path / "elsewhere")
    worker = {
        "SOW_PROJECT_DIR": f"{other.folder}/.sow/project",
        "SOW_TASK_ID": "010",
        "SOW_ATTEMPT_ID": "010-1-1",
    }
    with mock.patch.dict(os.environ, worker), mock.patch("os.getcwd", side_effect=AssertionError):
        project = opened(desk)
        assert (project.name, project.caller.name) == ("paint", "person")
        with pytest.raises(sow.Usage):
            project.task()


# -- from outside ----------------------------------------------------------------------------------


def test_a_run_is_ended_from_another_thread_and_its_agents_with_it(desk: Desk) -> None:
    desk.task("long", [{"sleep": 60}])
    project, stop, begun = opened(desk), sow.Stop(), Flag()

    def watch(note: Note) -> None:
        if note.kind == "started":
            begun.set()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(project.run, watch=watch, stop=stop)
        assert begun.wait(120)
        assert project.orchestrator() == os.getpid()
        with pytest.raises(sow.Busy):
            project.run()
        stop.end()
        ran = running.result(30)
    assert (ran.interrupted, ran.left_running, ran.exit_code) == (True, False, 130)
    assert [attempt.state for attempt in project.attempts()] == ["stopped"]
    assert project.orchestrator() is None


def test_what_was_told_to_stop_before_it_began_ends_at_once(desk: Desk) -> None:
    desk.task("door", writes("door.txt", "red\n"))
    project, stop = opened(desk), sow.Stop()
    stop.end()
    assert project.run(stop=stop).interrupted
    assert project.task("010").spawn(stop=stop).interrupted
    assert project.attempts() == []


def test_an_exception_of_who_watches_leaves_the_agent_for_the_next_run(desk: Desk) -> None:
    desk.task("door", writes("door.txt", "red\n"))
    project = opened(desk)

    def fail(note: Note) -> None:
        if note.kind == "started":
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        project.run(watch=fail)
    ran = project.run()
    assert (ran.waits, len(project.attempts())) == (("010",), 1)


def test_events_are_followed_until_they_are_stopped(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    project, stop = sow.open(who.folder, environment=who.environment), sow.Stop()
    seen: list[str] = []
    with ThreadPoolExecutor(1) as pool:

        def follow() -> None:
            for event in project.events(follow=True, stop=stop):
                seen.append(event.type)
                if event.type == "task.created":
                    stop.end()

        following = pool.submit(follow)
        project.add("It", agent="implementer")
        following.result(30)
    assert seen == ["project.created", "task.created"]


# -- faults ----------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[Callable[[Project], object], type[sow.SowError], int, str]] = {
    "no such task": (lambda p: p.task("999").state(), sow.NotFound, 3, "999"),
    "no such agent": (lambda p: p.add("It", agent="nobody"), sow.NotFound, 3, "agent not found: nobody"),
    "an empty name": (lambda p: p.add("", agent="implementer"), sow.Refused, 4, "name"),
    "a value that none is": (lambda p: p.task("010").set("priority", "huge"), sow.Refused, 4, "huge"),
    "an answer to nothing": (lambda p: p.task("010").answer("yes"), sow.Refused, 4, "pending"),
    "an approval of nothing": (lambda p: p.task("010").approve(), sow.Refused, 4, "pending"),
    "no agent that runs": (lambda p: p.task("010").stop(), sow.NotFound, 3, "no agent"),
    "no time": (lambda p: p.events(since="yesterday"), sow.Usage, 2, "yesterday"),
    "no such event": (lambda p: p.advance("fly"), sow.Refused, 4, "fly"),
    "no file to import": (lambda p: p.import_tasks("none.json"), sow.NotFound, 3, "none.json"),
    "words that don't go together": (lambda p: p.prospect(how="merge", draft=True), sow.Usage, 2, "draft"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_raised_with_what_to_do_and_changes_nothing(fault: str, shared: Person) -> None:
    act, kind, code, words = FAULTS[fault]
    project = sow.open(shared.folder, environment=shared.environment)
    before = everything(shared.folder)
    with pytest.raises(kind) as met:
        act(project)
    assert words in met.value.message
    assert met.value.hint
    assert met.value.exit_code == code
    assert changed(before, everything(shared.folder)) == []


def test_an_agent_has_no_say_about_its_own_work(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    sow.open(who.folder, environment=who.environment).add("It", agent="implementer")
    worker = {**who.environment, "SOW_ATTEMPT_ID": "010-1-1-abc", "SOW_TASK_ID": "010"}
    project = sow.open(who.folder, environment=worker)
    assert project.task().id == "010"
    assert project.caller.actor == "worker"
    with pytest.raises(sow.Refused, match="can't approve its own task"):
        project.task().approve()


@pytest.mark.parametrize("path", ["gone", "file"])
def test_a_project_is_opened_only_where_there_is_one(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(sow.NotFound):
        sow.open(tmp_path / path, environment={})
    with pytest.raises(sow.NotFound):
        sow.repository(tmp_path / path, environment={})
    with pytest.raises(sow.NotFound):
        sow.open(tmp_path, environment={})


# -- one language with the command line ------------------------------------------------------------

SAME: dict[str, tuple[tuple[str, ...], Callable[[Project, sow.Repository], Any]]] = {
    "status": (("status",), lambda p, r: p.status().as_json()),
    "task show": (("task", "show", "010"), lambda p, r: p.task("010").page().as_json()),
    "task list": (("task", "list"), lambda p, r: [task.shown() for task in p.tasks().tasks]),
    "phase list": (("phase", "list"), lambda p, r: [row.as_json() for row in p.phases()]),
    "project list": (("project", "list"), lambda p, r: [row.as_json() for row in r.listed()]),
    "project status": (("project", "status"), lambda p, r: p.whole().as_json()),
    "agent list": (("agent", "list", "--all"), lambda p, r: [each.as_json() for each in p.attempts()]),
    "advance": (("advance", "--list"), lambda p, r: p.ways().as_json()),
    "validate": (("validate",), lambda p, r: p.validate().as_json()),
    "repair": (("repair", "--dry-run"), lambda p, r: p.repair(dry_run=True).as_json()),
    "run": (("run", "--dry-run"), lambda p, r: [each.as_json() for each in p.planned()]),
    "worktree list": (("worktree", "list"), lambda p, r: [each.as_json() for each in r.worktrees()]),
    "config show": (("config", "show"), lambda p, r: r.settings().show().as_json()),
    "config validate": (("config", "validate"), lambda p, r: r.settings().validate().as_json()),
    "prompt": (("prompt", "--list"), lambda p, r: [each.as_json() for each in r.guidance()]),
    "output list": (
        ("task", "output", "list", "--id", "010"),
        lambda p, r: [each.as_json() for each in p.task("010").outputs.all()],
    ),
}  # fmt: skip


@pytest.mark.parametrize("command", SAME)
def test_a_result_is_told_as_the_command_prints_it(command: str, shared: Person) -> None:
    words, ask = SAME[command]
    project = sow.open(shared.folder, environment=shared.environment)
    repository = sow.repository(shared.folder, environment=shared.environment)
    mine, printed = (
        json.loads(json.dumps(ask(project, repository))),
        json.loads(shared.done(*words, "--json")),
    )
    for told in (mine, printed):
        if command == "status":
            told.pop("now")
    assert mine == printed


# -- the front door --------------------------------------------------------------------------------


def test_every_name_is_there_and_a_type_checker_is_told_the_same() -> None:
    tree = ast.parse(Path(sow.__file__).read_text("utf-8"))
    (typed,) = [node for node in tree.body if isinstance(node, ast.If)]
    told = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in typed.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted(told) == sorted(sow.__all__)
    for name, (module, own) in told.items():
        assert getattr(sow, name) is getattr(sys.modules[str(module)], own), name
    assert set(sow.__all__) <= set(dir(sow))
    with pytest.raises(AttributeError, match="nothing"):
        sow.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_the_import_loads_nothing_and_no_operation_loads_the_command_line(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    program = f"""
import sys
sys.path[:0] = {ROOTS!r}
before = set(sys.modules)
import sow
assert set(sys.modules) - before == {{"sow"}}, set(sys.modules) - before
project = sow.open()
task = project.add("It", agent="implementer")
project.status(), task.page(), project.validate(), project.planned()
assert not {{name for name in sys.modules if name == "click" or name.startswith("sow.cli")}}
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=who.folder, env=who.environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
