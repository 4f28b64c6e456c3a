"""A project with a broken state file is the same project still: by its copy, or by the last commit."""

import shutil
from pathlib import Path

import pytest
from tests.cli.parts import Person, tasks_of_every_status, with_project


def state_file(who: Person, branch: str = "feat/add-login") -> Path:
    return who.folder / f".sow/worktrees/{branch}/.sow/project/state.yaml"


def forget(who: Person, name: str = "add-login") -> None:
    """This machine keeps nothing of a project."""
    shutil.rmtree(who.folder / ".sow/runtime" / name)


@pytest.fixture
def who(tmp_path: Path) -> Person:
    made = with_project(tmp_path)
    made.done("task", "add", "First", "--agent", "implementer")
    return made


def test_the_copy_that_this_machine_keeps_tells_which_project_it_is(who: Person) -> None:
    state_file(who).write_text("nonsense")
    who.git("-C", str(state_file(who).parent), "commit", "--quiet", "--all", "--message", "broken")
    assert who.done("status").startswith("add-login  (branch feat/add-login, broken)\n")
    assert who.done("task", "add", "Second", "--agent", "implementer") == "Added task [020] Second\n"
    assert who.done("--project", "add-login", "task", "list").startswith("  [010] First (pending)\n")


def test_without_a_copy_the_last_commit_tells_it(who: Person) -> None:
    forget(who)
    state_file(who).write_text("nonsense")
    assert who.done("status").startswith("add-login  (branch , broken)\n")
    assert "[010] First" in who.done("task", "list")


def test_where_nothing_tells_it_the_project_is_not_loaded_and_no_other_is_taken_for_it(who: Person) -> None:
    who.done("project", "new", "Fast search")
    forget(who)
    state_file(who).write_text("nonsense: [")
    who.git("-C", str(state_file(who).parent), "commit", "--quiet", "--all", "--message", "broken")
    here = who.at(state_file(who).parent)
    code, lines = here.sow("task", "list").told
    assert code == 4
    assert lines[0].startswith(f"sow: failed to load project: {state_file(who)}:2:1: ")
    code, lines = who.sow("status").told
    assert code == 2
    assert lines[0].startswith("sow: there are several projects here: fast-search, one that failed to load")
    for words in (("project", "list"), ("status", "--all")):
        said = who.sow(*words)
        assert (said.code, said.out.startswith("fast-search")) == (0, True)
        assert said.err.startswith("sow: left out: failed to load project: ")


def test_one_of_two_projects_that_is_broken_is_not_passed_over(who: Person) -> None:
    who.done("project", "new", "Fast search")
    state_file(who).write_text("nonsense")
    code, lines = who.sow("task", "list").told
    assert (code, lines[0]) == (2, "sow: there are several projects here: add-login, fast-search")
    listed = who.done("project", "list").splitlines()
    assert [line.split() for line in listed] == [
        ["add-login", "feat/add-login", "broken", "1", "task"],
        ["fast-search", "feat/fast-search", "ImplementationPlanning", "0", "tasks"],
    ]


def test_a_changed_name_makes_no_other_project_of_it(who: Person) -> None:
    """With another name it would have other ids, events and copies: ids would be given twice."""
    path = state_file(who)
    path.write_text(path.read_text().replace("name: add-login", "name: add-logon"))
    assert who.done("task", "add", "Second", "--agent", "implementer") == "Added task [020] Second\n"
    assert not (who.folder / ".sow/runtime/add-logon").exists()
    told = f"{path}:1: name is 'add-logon', and this project is 'add-login'"
    assert f"broken: {told}" in who.done("status")
    checked = who.sow("validate")
    assert (checked.code, told in checked.out) == (4, True)


def test_a_project_that_this_machine_has_not_met_keeps_the_name_in_its_file(who: Person) -> None:
    forget(who)
    assert who.done("status").startswith("add-login  (branch feat/add-login, ImplementationPlanning)\n")
    assert who.done("task", "add", "Second", "--agent", "implementer") == "Added task [020] Second\n"


def test_a_branch_that_had_another_project_before_is_no_proof(who: Person) -> None:
    older = who.folder / ".sow/runtime/older/last-good/project.yaml"
    older.parent.mkdir(parents=True)
    older.write_text(state_file(who).read_text().replace("name: add-login", "name: older"))
    state_file(who).write_text("nonsense")
    assert who.done("status").startswith("add-login "), "by the last commit, then"


def test_a_person_decides_about_tasks_of_a_project_whose_file_is_broken(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    tasks_of_every_status(who)
    state_file(who).write_text("nonsense")
    assert who.done("task", "answer", "030", "left").startswith("Answered task 030")
    assert who.done("task", "feedback", "040", "more").startswith("Sent task 040 back")
    assert who.done("task", "abandon", "010").startswith("Abandoned task 010")
    assert who.done("task", "retry", "060").startswith("Task 060 is pending")
    assert "[020] Work" in who.done("project", "list") + who.done("status") + who.done("task", "list")


def test_a_worker_goes_on_where_the_projects_file_is_broken(who: Person) -> None:
    layout = who.store().layout
    state_file(who).write_text("nonsense")
    agent = who.at(
        layout.folder, SOW_TASK_ID="010", SOW_ATTEMPT_ID="010-1-1", SOW_PROJECT_DIR=layout.project,
        SOW_PROJECT_RUNTIME=layout.runtime,
    )  # fmt: skip
    agent.done("task", "set", "metadata.found", "3")
    agent.done("agent", "log", "halfway")
    assert "metadata.found: 3" in who.done("task", "show", "010")


def test_a_task_that_waits_for_one_with_a_broken_file_goes_on_waiting(who: Person) -> None:
    who.done("task", "add", "Second", "--agent", "implementer", "--depends-on", "010")
    layout = who.store().layout
    first = Path(layout.task_file("implementation", "010"))
    whole, second = first.read_text(), Path(layout.task_file("implementation", "020")).read_text()
    for broken in ("nonsense", None):
        first.unlink()
        if broken:
            first.write_text(broken)
        said = who.sow("run")
        assert (said.code, "Nothing can start now" in said.out) == (0, True)
        assert str(first) in said.out + said.err
        assert Path(layout.task_file("implementation", "020")).read_text() == second
        first.write_text(whole)
