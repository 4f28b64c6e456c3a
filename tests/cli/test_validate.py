"""`sow validate` finds all that is wrong with all files, each with its place, and changes nothing."""

# ruff: noqa: E501 - the tables hold the very messages

import itertools
import json
import os
import shlex
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cli.parts import AT, Person, changed, everything, with_project
from tests.core.parts import new_task

from sow.ready import MOST_CIRCLES, circles
from sow.task import Task


@pytest.fixture
def who(tmp_path: Path) -> Person:
    made = with_project(tmp_path)
    for name in ("First", "Second", "Third"):
        made.done("task", "add", name, "--agent", "implementer")
    return made


def project(who: Person) -> Path:
    return who.folder / ".sow/worktrees/feat/add-login/.sow/project"


def task_file(who: Person, task_id: str, phase: str = "implementation") -> Path:
    return project(who) / f"phases/{phase}/tasks/{task_id}/state.yaml"


def put(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def problems(who: Person) -> list[tuple[str, int | None, str | None, str]]:
    """All of them: file below the project (or whole, where it is none of it), line, field, message."""
    before = everything(who.folder)
    said = who.sow("validate", "--json")
    assert changed(before, everything(who.folder)) == []
    found: dict[str, Any] = json.loads(said.out)
    assert said.code == (0 if found["valid"] else 4)
    assert found["valid"] == (found["problems"] == [])
    assert all(problem["hint"] for problem in found["problems"])
    return [
        (p["path"].removeprefix(f"{project(who)}/"), p["line"], p["field"], p["message"])
        for p in found["problems"]
    ]


FIRST, SECOND = ("phases/implementation/tasks/010/state.yaml", "phases/implementation/tasks/020/state.yaml")


def test_a_whole_project_is_valid_in_one_line(who: Person) -> None:
    said = who.sow("validate")
    assert (said.code, said.err) == (0, "")
    assert said.out == "Valid: the project, 3 phases, 3 tasks, the settings\n"
    assert problems(who) == []


def test_all_problems_of_a_file_are_told_each_with_its_line(who: Person) -> None:
    path = task_file(who, "010")
    put(path, "status: pending", "status: done\nsttus: x")
    put(path, "iteration: 1", "iteration: 0")
    put(path, "inputs: []", 'inputs: [{"type": "x", "path": ""}]')
    assert problems(who) == [
        (FIRST, 4, "status", '"done" is not allowed'),
        (FIRST, 5, "sttus", "is not a known field"),
        (FIRST, 8, "iteration", "0 is too small"),
        (FIRST, 10, "inputs.0.approved", "is missing"),
        (FIRST, 10, "inputs.0.created_at", "is missing"),
        (FIRST, 10, "inputs.0.path", "is empty"),
    ]  # fmt: skip
    said = who.sow("validate")
    assert f'{path}:4: status: "done" is not allowed' in said.out
    assert "\n    did you mean `status`?" in said.out
    assert said.err.splitlines() == [
        "sow: 6 problems in 1 file",
        "     `sow repair` mends what has one right answer; the rest is yours, at the places named",
    ]


def test_one_broken_file_hides_no_problem_of_another(who: Person) -> None:
    task_file(who, "010").write_text("a: [\n")
    put(task_file(who, "020"), "iteration: 1", "iteration: 0")
    (project(who) / "phases/review/state.yaml").write_text("status: 1\n")
    (project(who) / "state.yaml").write_text("name: add-login\n")
    assert {path for path, *_ in problems(who)} == {
        FIRST,
        SECOND,
        "phases/review/state.yaml",
        "state.yaml",
    }


def test_where_the_phases_can_not_be_seen_the_projects_own_file_is_checked_all_the_same(who: Person) -> None:
    (project(who) / "phases").rename(who.home / "phases")
    (project(who) / "phases").symlink_to(who.home / "phases")
    (project(who) / "state.yaml").write_text("name: add-login\n")
    found = problems(who)
    assert {path for path, *_ in found} == {"state.yaml", "phases"}
    assert found[-1][3] == f"a link leads out of the repository here, to {who.home}/phases"
    for words in (("status",), ("task", "list"), ("task", "show", "010"), ("run",), ("repair",)):
        assert who.sow(*words).code == 4


def test_dependencies_that_were_edited_in_by_hand_are_checked(who: Person) -> None:
    for task_id, needed in (("010", '["020"]'), ("020", '["030", "099"]'), ("030", '["030", "010"]')):
        put(task_file(who, task_id), "inputs:", f"depends_on: {needed}\ninputs:")
    circle = "010 -> 020 -> 030 -> 010 is a circle: none of them ever starts"
    assert sorted(problems(who)) == [
        (FIRST, 9, "depends_on[0]", circle),
        (SECOND, 9, "depends_on[1]", "there is no task 099"),
        (
            "phases/implementation/tasks/030/state.yaml", 9, "depends_on[0]",
            "030 -> 030 is a circle: none of them ever starts",
        ),
    ]  # fmt: skip


def test_tasks_that_wait_for_each_other_are_told_wherever_they_are_waited_for_and_let_go(who: Person) -> None:
    for task_id, needed in (("010", '["020", "030"]'), ("020", '["010"]'), ("030", '["010"]')):
        put(task_file(who, task_id), "inputs:", f"depends_on: {needed}\ninputs:")
    told = "so none of them starts: 010 -> 020 -> 010"
    out = "take one of them out, as by `sow task set depends_on '[\"030\"]' --id 010`"
    for words, code in ((("status",), 0), (("run",), 5), (("doctor",), 1)):
        said = who.sow(*words)
        assert (said.code, told in said.out, out in said.out) == (code, True, True), said
    assert json.loads(who.done("status", "--json"))["stuck"].keys() == {
        "010 -> 020 -> 010",
        "010 -> 030 -> 010",
    }
    who.done(*shlex.split(out.partition("`sow ")[2].rstrip("`")))
    assert list(json.loads(who.done("status", "--json"))["stuck"].values()) == [
        "take one of them out, as by `sow task set depends_on --unset --id 010`"
    ]
    who.done("task", "set", "depends_on", "--unset", "--id", "010")
    assert json.loads(who.done("status", "--json"))["stuck"] == {}


def test_types_of_ones_own_are_checked(who: Person) -> None:
    path = who.folder / ".sow/types/torn.yaml"
    path.parent.mkdir()
    path.write_text("name: torn\ninitial: {state: Here}\nphases: {}\nstates: {There: {}}\n")
    [(where, line, field, what)] = problems(who)
    assert (where, line, field) == (str(path), 2, "initial.state")
    assert what == "'Here' is no state"
    assert f"{path}:2: initial.state: 'Here' is no state" in who.sow("doctor").out


def test_a_task_with_a_broken_file_is_there_to_be_depended_on(who: Person) -> None:
    put(task_file(who, "020"), "inputs:", 'depends_on: ["010"]\ninputs:')
    task_file(who, "010").write_text("a: [\n")
    assert [path for path, *_ in problems(who)] == [FIRST]


def test_an_id_that_was_given_in_two_phases_is_told(who: Person) -> None:
    copy = task_file(who, "010", "review")
    shutil.copytree(task_file(who, "010").parent, copy.parent)
    put(copy, "phase: implementation", "phase: review")
    assert problems(who) == [
        (
            "phases/review/tasks/010/state.yaml", None, None,
            "there is a task 010 in phase implementation too, and commands mean that one",
        )
    ]  # fmt: skip
    assert "broken: " in who.done("task", "list")
    assert "Phase: implementation" in who.done("task", "show", "010")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("context/a.md", None),
        ("../../README.md", None),
        ("phases/../state.yaml", None),
        ("../../../other/a.md", "leads out of the project's worktree"),
        ("../../../../../../../etc/passwd", "leads out of the project's worktree"),
        ("/etc/passwd", "is an absolute path"),
        ("linked/a.md", "is a link that leads out of the repository"),
        ("a\\0b", "can't be the path of a file"),
    ],
)
@pytest.mark.parametrize("holder", ["task", "phase"])
def test_the_path_of_an_artifact_stays_in_the_repository(
    who: Person, holder: str, path: str, message: str | None
) -> None:
    (project(who) / "linked").symlink_to(who.home)
    artifact = f'{{"type": "reference", "path": "{path}", "approved": false, "created_at": "{AT}"}}'
    file = task_file(who, "010") if holder == "task" else project(who) / "phases/review/state.yaml"
    put(
        file,
        "outputs: []",
        f"outputs:\n  # the first one is whole\n  - {artifact.replace(path, 'a.md')}\n  - {artifact}",
    )
    found = problems(who)
    if message is None:
        assert found == []
    else:
        line = len(file.read_text().splitlines())
        assert [(p, n, field) for p, n, field, _ in found] == [
            (str(file.relative_to(project(who))), line, "outputs[1].path")
        ]
        assert found[0][3].endswith(message)


def test_settings_are_checked_the_users_and_the_repositorys(who: Person) -> None:
    mine, repository = who.home / ".config/sow/config.yaml", who.folder / ".sow/config.yaml"
    who.settings("agents:\n  bindings:\n    implementer: [claude]\n  executers: {}\n")
    repository.write_text("jobs: 0\ncheks: []\n")
    assert problems(who) == [
        (str(mine), 3, "agents.bindings.implementer", '["claude"] is a list, not a text'),
        (str(mine), 4, "agents.executers", "is not a known field"),
        (str(repository), 1, "jobs", "0 is too small"),
        (str(repository), 2, "cheks", "is not a known field"),
    ]  # fmt: skip


def test_settings_that_name_what_there_is_not_are_told_with_their_place(who: Person) -> None:
    mine = who.home / ".config/sow/config.yaml"
    who.settings(
        "agents:\n  executors:\n    mine: {type: cloude}\n  bindings:\n    reviewer: mine\n    planner: gone\n"
    )
    found = problems(who)
    assert [(path, line, field) for path, line, field, _ in found] == [
        (str(mine), 3, "agents.executors.mine.type"),
        (str(mine), 6, "agents.bindings.planner"),
    ]
    assert "'cloude' is no type of executor" in found[0][3]
    assert "'gone' is no executor" in found[1][3]


def test_settings_for_a_newer_sow_say_so_and_not_which_keys_are_unknown(who: Person) -> None:
    (who.folder / ".sow/config.yaml").write_text('requires: ">=99"\nnewer: true\n')
    found = problems(who)
    assert len(found) == 1
    assert "needs sow 99 or newer" in found[0][3]


def test_torn_lines_of_the_log_are_counted_and_no_problem(who: Person) -> None:
    day = next(Path(who.store().layout.events).iterdir())
    with day.open("ab") as file:
        file.write(b'{"ts": "20\n\n[1]\n' + b"x" * 1_000_000 + b'\n{"type"')
    os.mkfifo(day.with_name("2026-01-01.ndjson"))
    said = who.sow("validate")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[1:] == ["The event log has 4 lines torn by a kill; readers skip them"]
    assert json.loads(who.done("validate", "--json"))["torn_lines"] == 4


@pytest.mark.parametrize("name", ["description.md", "log.md", "feedback", "feedback/001.md"])
def test_texts_that_can_not_be_read_are_told(who: Person, name: str) -> None:
    path = task_file(who, "010").parent / name
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    path.symlink_to(who.home)
    assert [(place, message) for place, _, _, message in problems(who)] == [
        (str(path.relative_to(project(who))), f"a link leads out of the repository here, to {who.home}")
    ]


def test_what_stands_in_a_file_plays_no_tricks_on_the_terminal(who: Person) -> None:
    put(task_file(who, "010"), "status: pending", 'status: "\N{RIGHT-TO-LEFT OVERRIDE}done\\u001b[2J"')
    said = who.sow("validate")
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in said.out
    assert "\x1b" not in said.out


# -- circles ----------------------------------------------------------------------------------------

NODES = [f"{number:03d}" for number in range(10, 80, 10)]


@settings(max_examples=100, deadline=None)
@given(st.fixed_dictionaries({node: st.lists(st.sampled_from(NODES), unique=True) for node in NODES}))
def test_circles_are_found_exactly_where_there_are_some(needs: dict[str, list[str]]) -> None:
    found = list(circles(tasks_of(needs)))
    for circle in found:
        assert circle[0] == circle[-1] == min(circle)
        assert len(set(circle[:-1])) == len(circle) - 1
        assert all(needed in needs[node] for node, needed in itertools.pairwise(circle))
    assert bool(found) == _has_circle(needs)


def tasks_of(needs: dict[str, list[str]]) -> list[Task]:
    return [new_task(node, depends_on=needed) for node, needed in needs.items()]


def _has_circle(needs: dict[str, list[str]]) -> bool:
    """By taking away, again and again, what needs nothing any more."""
    left = {node: set(needed) for node, needed in needs.items()}
    while free := [node for node, needed in left.items() if not needed]:
        for node in free:
            del left[node]
        for needed in left.values():
            needed.difference_update(free)
    return bool(left)


def test_a_project_full_of_circles_is_told_of_in_time() -> None:
    every = [f"{number:03d}" for number in range(400)]
    began = time.process_time()
    assert len(list(circles(tasks_of(dict.fromkeys(every, every))))) == MOST_CIRCLES
    assert time.process_time() - began < 20
