"""`sow project continue`: a project that is on a branch only has its worktree again, here or elsewhere."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.ends import AT, BRANCH, Home
from tests.cli.parts import Person, changed, everything, person
from tests.cli.test_kill_command import kill_everywhere, left_over

import sow_schemas
from sow.layout import PROJECT
from sow.task import Task

CONTINUE = ("project", "continue", "--branch", BRANCH)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A project with a task that is done and one in progress on this machine, pushed to `origin`."""
    home = Home(tmp_path_factory.mktemp("home"))
    home.done("JWT", "Done.", b__txt="b\n")
    home.add("Half done")
    home.own_branch("020", c__txt="c\n")
    home.change("020", begun(home))
    home.who.at(home.folder).commit()
    return home


def begun(home: Home) -> Any:
    def move(task: Task) -> Task:
        return task.start(
            session_id="5e5510", executor="script", at=AT, worktree=task.worktree, branch=task.branch,
            base=home.who.git("rev-parse", "main"),
        )  # fmt: skip

    return move


@pytest.fixture
def home(template: Home, tmp_path: Path) -> Home:
    return template.copied(tmp_path)


def elsewhere(home: Home, *branches: str) -> Person:
    """Another machine: a clone of a remote that has these branches."""
    home.who.git("init", "--quiet", "--bare", "-b", "main", str(home.origin))
    home.who.git("push", "--quiet", str(home.origin), "main", *branches)
    folder = home.main.parent / "elsewhere"
    home.who.git("clone", "--quiet", str(home.origin), str(folder / "repo"))
    (folder / "home").mkdir()
    there = Person(folder / "repo", folder / "home")
    there.git("config", "user.name", "Eve")
    there.git("config", "user.email", "eve@example.org")
    return there


def state(folder: Path, task_id: str) -> dict[str, Any]:
    path = folder / PROJECT / f"phases/implementation/tasks/{task_id}/state.yaml"
    held: dict[str, Any] = yaml.safe_load(path.read_text())
    return held


def without_worktree(home: Home) -> Home:
    """The same machine, where somebody removed the worktrees and the branches stayed."""
    for folder in (home.folder, home.main / f".sow/worktrees/{BRANCH}--020"):
        home.who.git("worktree", "remove", "--force", str(folder))
    return home


def test_another_machine_goes_on_with_what_was_pushed(home: Home) -> None:
    there = elsewhere(home, BRANCH, f"{BRANCH}--020")
    folder = there.folder / ".sow/worktrees" / BRANCH
    said = there.sow(*CONTINUE)
    assert said.code == 0, said
    assert said.out.splitlines() == ["Continuing project add-login", f"Worktree: {folder}"]
    assert there.git("rev-parse", BRANCH) == home.who.git("rev-parse", BRANCH)
    assert there.git("branch", "--show-current") == "main"
    assert there.done("task", "list").count("(completed)") == 1
    task = state(folder, "020")
    assert "worktree" not in task, "it will be made again at the next start"
    assert task["fresh"] is True, "its session is on the other machine"
    assert there.git("show", f"{BRANCH}--020:c.txt") == "c"
    assert there.sow("validate").code == 0
    events = [json.loads(line) for line in there.done("events", "--json").splitlines()]
    assert events[-1]["type"] == "project.continued"
    assert all(sow_schemas.problems("event", event) == [] for event in events)
    assert there.done("task", "add", "Third", "--agent", "implementer").startswith("Added task [030]")


def test_work_that_was_not_pushed_is_named(home: Home) -> None:
    there = elsewhere(home, BRANCH)
    said = there.sow(*CONTINUE)
    assert said.code == 0
    assert f"task 020: its branch {BRANCH}--020 is not here; its work is where it was done\n" in said.err


def test_on_the_same_machine_its_worktree_is_made_again_and_sessions_are_kept(home: Home) -> None:
    folder = f"{home.main}/.sow/worktrees/{BRANCH}--020"
    home.change("020", lambda task: task.replace(worktree=folder))
    home.who.at(home.folder).commit()
    record = {
        "id": "020-1-1-abcd", "task_id": "020", "agent": "implementer", "executor": "script", "iteration": 1,
        "action": "spawn", "run_id": "run-1", "folder": "/", "argv": [], "created_at": AT, "ended_at": AT,
        "outcome": "finished",
    }  # fmt: skip
    attempt = home.runtime / "attempts/020-1-1-abcd"
    attempt.mkdir(parents=True)
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in record.items()]
    (attempt / "attempt.yaml").write_text("".join(lines))
    without_worktree(home)
    assert home.who.done(*CONTINUE).startswith("Continuing project add-login\n")
    task = state(home.folder, "020")
    assert (task["worktree"], task.get("fresh")) == (folder, None)
    assert home.who.at(home.folder).git("status", "--porcelain") == ""


def test_one_that_is_here_already_says_where_and_changes_nothing(home: Home) -> None:
    before = everything(home.main)
    assert home.who.done(*CONTINUE).splitlines() == [
        "Project add-login is here already",
        f"Worktree: {home.folder}",
    ]
    assert json.loads(home.who.done(*CONTINUE, "--json"))["made"] is False
    assert changed(before, everything(home.main)) == []


@pytest.mark.parametrize(
    ("branch", "code", "wrong", "to_do"),
    [
        ("nope", 3, "there is no branch 'nope' here", "`git branch -a` shows what there is"),
        (
            "main", 3, f"branch main has no project: there is no {PROJECT}/state.yaml on it",
            "begin one on it: `sow project new DESCRIPTION --branch main`",
        ),
        (
            "renamed", 4, f"the project add-login on branch renamed says that its branch is {BRANCH}",
            f"give the branch its name back: `git branch -m renamed {BRANCH}`",
        ),
    ],
)  # fmt: skip
def test_what_is_no_project_is_told_and_nothing_is_made(
    home: Home, branch: str, code: int, wrong: str, to_do: str
) -> None:
    without_worktree(home)
    home.who.git("branch", "renamed", BRANCH)
    before = everything(home.main)
    said = home.who.sow("project", "continue", "--branch", branch)
    assert said.told == (code, [f"sow: {wrong}", f"     {to_do}"])
    assert changed(before, everything(home.main)) == []


def test_two_projects_of_one_name_are_not_here_at_once(home: Home) -> None:
    without_worktree(home)
    home.who.done("project", "new", "Add login", "--branch", "feat/other")
    said = home.who.sow(*CONTINUE)
    assert said.code == 4
    assert said.err.startswith("sow: there is a project add-login already, in ")


def test_a_new_project_on_its_branch_is_refused_and_the_way_is_told(home: Home) -> None:
    without_worktree(home)
    before = everything(home.main)
    assert home.who.sow("project", "new", "Other", "--branch", BRANCH).told == (
        4,
        [
            f"sow: branch {BRANCH} has a project already: add-login",
            f"     go on with it: `sow project continue --branch {BRANCH}`",
        ],
    )
    said = home.who.sow("project", "new", "Other", "--from", BRANCH)
    assert said.code == 4
    assert f"sow: {BRANCH} has the state of a project in {PROJECT}: add-login\n" in said.err
    assert changed(before, everything(home.main)) == []


def test_a_remote_that_can_not_be_reached_is_told(home: Home) -> None:
    home.who.git("remote", "add", "origin", "/nowhere/at/all")
    said = home.who.sow("project", "continue", "--branch", "feat/unknown")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("sow: git fetch from origin failed: ")


def test_a_folder_of_somebodys_in_the_way_stays_and_nothing_is_made(home: Home) -> None:
    there = elsewhere(home, BRANCH)
    there.done("init")
    there.write(f".sow/worktrees/{BRANCH}/precious.txt", "mine\n")
    said = there.sow(*CONTINUE)
    assert (said.code, said.out) == (4, "")
    assert not there.git("branch", "--list", BRANCH)
    assert (there.folder / ".sow/worktrees" / BRANCH / "precious.txt").read_text() == "mine\n"
    assert not (there.folder / ".sow/runtime/.new").exists()


def test_a_finished_project_is_none_to_go_on_with(home: Home) -> None:
    home.who.done("task", "abandon", "020")
    assert home.finish("--leave").code == 0
    said = home.who.sow(*CONTINUE)
    assert said.code == 3
    assert "has no project" in said.err


@pytest.mark.slow
def test_killed_anywhere_all_of_it_is_there_afterwards_or_nothing(home: Home) -> None:
    there = elsewhere(home, BRANCH, f"{BRANCH}--020")
    there.done("init")
    folder = there.folder / ".sow/worktrees" / BRANCH
    outcomes = set()
    for place in kill_everywhere(there, *CONTINUE, fewest=10, every=5):
        listed = json.loads(there.done("project", "list", "--json"))
        outcomes.add(len(listed))
        assert left_over(there.folder) == [], place
        if not listed:
            assert not folder.exists(), place
            assert there.git("branch", "--list", BRANCH) == "", place
            there.done(*CONTINUE)
        assert there.sow("validate").code == 0, place
        assert there.git("-C", str(folder), "status", "--porcelain", "--", ":!.sow/project") == "", place
        assert "worktree" not in state(folder, "020"), place
        assert there.done(*CONTINUE).startswith("Project add-login is here already\n"), place
    assert outcomes == {0, 1}


def test_a_project_can_be_continued_in_a_repository_without_sow(tmp_path: Path) -> None:
    """Nothing but a branch that somebody pushed: the repository is prepared on the way."""
    home = Home(tmp_path / "one")
    there = person(tmp_path / "two")
    there.git("fetch", "--quiet", str(home.main), f"{BRANCH}:{BRANCH}")
    there.git("symbolic-ref", "HEAD", "refs/heads/other")
    said = there.sow(*CONTINUE)
    assert said.code == 0, said
    assert "made .sow/config.yaml\n" in said.err
