"""`sow project delete`: the project goes, whatever it was in the middle of, and no commit of anybody's."""

import json
from pathlib import Path

import pytest
from tests.cli.ends import AT, BRANCH, Home
from tests.cli.parts import changed, everything
from tests.cli.person import at_terminal

import sow_schemas
from sow.layout import PROJECT


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture
def home(template: Home, tmp_path: Path) -> Home:
    """A project without a task."""
    return template.copied(tmp_path)


def test_a_project_without_work_goes_with_its_branch(home: Home) -> None:
    home.add("Never begun")
    tip = home.who.git("rev-parse", "main")
    said = home.who.sow("project", "delete", "--yes")
    assert said.code == 0, said
    assert said.out == "Deleted project add-login\n"
    assert said.err == f"Final state: {home.runtime}/final\n"
    assert home.is_gone()
    assert home.branches() == ["main"]
    assert home.who.git("rev-parse", "main") == tip
    [event] = home.told()
    assert event["type"] == "project.deleted"
    assert sow_schemas.problems("event", event) == []
    assert json.loads((home.runtime / "final/outcome.json").read_text())["how"] == "delete"


def test_a_branch_with_work_that_is_merged_nowhere_stays_without_the_state(home: Home) -> None:
    home.done("JWT", b__txt="b\n")
    home.add("Half done")
    home.own_branch("020", c__txt="c\n")
    said = home.who.sow("project", "delete", "add-login", "--yes")
    assert said.code == 0, said
    assert said.out.splitlines() == [
        "Deleted project add-login",
        f"Stays: branch {BRANCH}--020 (1 commit not in {BRANCH})",
        f"Stays: branch {BRANCH} (1 commit not in main)",
    ]
    assert home.is_gone()
    assert home.worktrees() == [str(home.main)]
    assert home.who.git("ls-tree", "-r", "--name-only", BRANCH).split() == ["a.txt", "b.txt"]
    assert home.who.git("show", f"{BRANCH}--020:c.txt") == "c"


def test_work_that_is_in_the_target_already_does_not_keep_the_branch(home: Home) -> None:
    home.done("JWT", b__txt="b\n")
    home.who.git("merge", "--quiet", "--no-ff", "-m", "by hand", BRANCH)
    home.who.git("rm", "-r", "--quiet", PROJECT)
    home.who.commit()
    assert home.who.sow("project", "delete", "--yes").code == 0
    assert home.branches() == ["main"]


def test_a_branch_is_kept_on_request(home: Home) -> None:
    said = home.who.sow("project", "delete", "--keep-branch", "--yes", "--json")
    held = json.loads(said.out)
    assert held["kept"] == [{"what": f"branch {BRANCH}", "why": "as asked"}]
    assert home.branches() == [BRANCH, "main"]
    assert home.who.git("ls-tree", "-r", "--name-only", BRANCH) == "a.txt"


@pytest.mark.parametrize("where", ["the project's", "a task's"])
def test_what_no_commit_has_is_in_the_way_and_named(home: Home, where: str) -> None:
    home.add("First")
    folder = home.own_branch("010", c__txt="c\n") if where == "a task's" else home.folder
    (folder / "loose.txt").write_text("mine\n")
    before = everything(home.main)
    assert home.who.sow("project", "delete", "--yes").told == (
        4,
        [
            f"sow: project add-login can't end yet: not committed in {folder}: loose.txt",
            f"     commit it there, stash it or take it away: `git -C {folder} status`",
        ],
    )
    assert changed(before, everything(home.main)) == []


def test_open_tasks_are_no_hindrance_and_broken_ones_neither(home: Home) -> None:
    for name in ("Waits", "Broken"):
        home.add(name)
    home.change("010", lambda task: task.pause("Which?", kind="question", by="x", at=AT))
    path = home.folder / PROJECT / "phases/implementation/tasks/020/state.yaml"
    path.write_text("nonsense")
    assert home.who.sow("project", "delete", "--yes").code == 0
    kept = home.runtime / "final/project/phases/implementation/tasks/020/state.yaml"
    assert kept.read_text() == "nonsense"
    assert home.branches() == ["main"]


def test_in_the_checkout_itself_only_the_state_goes(tmp_path: Path) -> None:
    home = Home(tmp_path, "--no-worktree")
    home.who.commit(b__txt="b\n")
    said = home.who.sow("project", "delete", "--yes")
    assert said.code == 0, said
    assert f"Stays: branch {BRANCH} (it is checked out in {home.main})" in said.out
    assert home.who.git("status", "--porcelain", "--", ":!.sow/config.yaml") == ""
    assert (home.main / "b.txt").exists()
    assert not (home.main / PROJECT).exists()


def test_a_person_is_asked_and_told_what_stays(home: Home) -> None:
    home.done("JWT", b__txt="b\n")
    home.add("Open")
    before = everything(home.main)
    words = ("project", "delete")
    with at_terminal(home.main, home.who.environment, *words) as terminal:
        shown = terminal.sees("Delete it? [y/n] ")
        assert f"Project add-login on branch {BRANCH}: 2 tasks, 1 not ended" in shown
        assert f"Stays, for it is not merged: {BRANCH} (1 commit not in main)" in shown
        terminal.child.send("n")
        assert terminal.ends() == 1
    assert changed(before, everything(home.main)) == []
    with at_terminal(home.main, home.who.environment, *words) as terminal:
        terminal.sees("Delete it? [y/n] ")
        terminal.child.send("y")
        terminal.sees("Deleted project add-login")
        assert terminal.ends() == 0


def test_without_a_terminal_it_wants_to_be_told_yes(home: Home) -> None:
    before = everything(home.main)
    assert home.who.sow("project", "delete").told == (
        2,
        [
            "sow: nobody can be asked here whether to delete the project add-login",
            "     say --yes: `sow project delete add-login --yes`",
        ],
    )
    assert changed(before, everything(home.main)) == []


def test_another_project_is_not_touched(home: Home) -> None:
    home.who.done("project", "new", "Other one")
    other = everything(home.main / ".sow/worktrees/feat/other-one")
    assert home.who.sow("project", "delete", "add-login", "--yes").code == 0
    assert changed(other, everything(home.main / ".sow/worktrees/feat/other-one")) == []
    assert home.who.done("status").startswith("other-one ")
