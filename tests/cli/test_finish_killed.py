"""A project's end may be killed anywhere: called again it goes on, and nothing is done twice or lost."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.cli.ends import BRANCH, Home
from tests.cli.test_kill_command import kill_everywhere, left_over
from tests.git.parts import dying_git

from sow.layout import PROJECT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FINISH = {
    "merge": ("project", "finish", "--merge", "--yes"),
    "pr": ("project", "finish", "--pr", "--yes"),
    "leave": ("project", "finish", "--leave", "--yes"),
    "delete": ("project", "delete", "--yes"),
}
EVERY = {"pr": 31, "merge": 31, "leave": 23, "delete": 11}
"""At every so manyth step they are killed here; at each it takes an hour."""

LAST = "sow: project add-login ends"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A project with a completed task, and one that was abandoned with a commit of its own."""
    home = Home(tmp_path_factory.mktemp("template"))
    home.done("JWT middleware", "Tokens are checked.", b__txt="b\n")
    home.settings('checks: ["test -f b.txt"]\nfinish: {forge: gh}\n')
    return home


def copied(template: Home, folder: Path) -> Home:
    home = template.copied(folder).with_forge()
    home.settings('checks: ["test -f b.txt"]\nfinish: {forge: gh}\n')
    home.add("Dark mode")
    home.own_branch("020", dark__css="d\n")
    home.who.done("task", "abandon", "020")
    return home


def check(home: Home, how: str) -> None:
    """The project went as it would have without a kill."""
    assert home.is_gone()
    assert home.who.git("show", f"{BRANCH}--020:dark.css") == "d", "nothing unmerged is lost"
    assert home.who.git("status", "--porcelain", "--", ":!.sow") == ""
    assert home.worktrees() == [str(home.main)]
    match how:
        case "merge":
            assert len(home.merges()) == 1
            assert home.branches() == [f"{BRANCH}--020", "main"]
            assert (home.main / "b.txt").read_text() == "b\n"
            assert (
                home.who.git("log", "--format=%s", "main").splitlines().count("sow: project add-login ends")
                == 1
            )
        case "pr":
            assert len(home.gh["pulls"]) == 1
            assert home.who.git("rev-parse", BRANCH) == home.who.git("rev-parse", f"origin/{BRANCH}")
            assert home.who.git("ls-tree", "--name-only", f"origin/{BRANCH}").split() == ["a.txt", "b.txt"]
        case "leave" | "delete":
            assert home.who.git("ls-tree", "--name-only", BRANCH).split() == ["a.txt", "b.txt"]
            assert home.who.git("log", "--format=%s", BRANCH).splitlines()[0] == LAST


def forget(home: Home) -> None:
    """The remote and the forge as they were, for a repository that was put back."""
    subprocess.run(["git", "update-ref", "-d", f"refs/heads/{BRANCH}"], cwd=home.origin, check=True)
    home.gh_file.write_text(json.dumps({"login": True, "pulls": [], "calls": []}))


@pytest.mark.parametrize("how", FINISH)
def test_killed_anywhere_it_goes_on(template: Home, tmp_path: Path, how: str) -> None:
    home = copied(template, tmp_path / "home")
    gone = set()
    kills = kill_everywhere(home.who, *FINISH[how], fewest=30, every=EVERY[how], reset=lambda: forget(home))
    for number, place in enumerate(kills):
        # By turns any command comes next, and the same one again at once.
        if number % 2:
            home.who.done("project", "list")
        there = (home.folder / PROJECT / "state.yaml").exists()
        gone.add(not there)
        if there or list(home.main.glob(".sow/runtime/.removal/*.json")):
            said = home.who.sow(*FINISH[how])
            assert said.code == 0, (place, said)
        check(home, how)
        assert left_over(home.main) == [], place
    assert gone == {True, False}


@pytest.mark.parametrize("when", ["push", "update-ref -m", "merge --ff-only", "update-ref -d"])
@pytest.mark.parametrize("deed", ["true", '$git "$@"'], ids=["before it", "after it"])
def test_killed_together_with_its_git_it_goes_on(
    template: Home, tmp_path: Path, when: str, deed: str
) -> None:
    how = "pr" if when == "push" else "merge"
    home = copied(template, tmp_path / "home")
    folder = dying_git(tmp_path, when, deed)
    usual = home.who.environment["PATH"]
    said = home.who.at(".", PATH=f"{folder}{os.pathsep}{usual}").process(*FINISH[how])
    assert said.code == -signal.SIGKILL
    said = home.who.process(*FINISH[how])
    assert said.code == 0, said
    check(home, how)


def test_killed_while_the_forge_opens_the_pull_request_there_is_one(template: Home, tmp_path: Path) -> None:
    home = copied(template, tmp_path / "home")
    home.gh_file.write_text(json.dumps({**home.gh, "deed": "kill -9 $1"}))
    assert home.who.process(*FINISH["pr"]).code == -signal.SIGKILL
    assert len(home.gh["pulls"]) == 1
    assert (home.folder / PROJECT / "state.yaml").exists(), "up to here the project is as before"
    assert home.who.done("status").startswith("add-login ")
    assert home.who.sow(*FINISH["pr"]).code == 0
    assert len(home.asked_of_gh("pr", "create")) == 1
    check(home, "pr")


def test_killed_while_a_command_of_ones_own_runs_it_is_not_run_again_unasked(
    template: Home, tmp_path: Path
) -> None:
    home = copied(template, tmp_path / "home")
    opener = home.program("opener", f"echo run >> {tmp_path}/runs; kill -9 $PPID; sleep 0")
    home.settings(f'finish: {{forge: "exec {opener} {{branch}}"}}\n')
    assert home.who.process(*FINISH["pr"]).code == -signal.SIGKILL
    said = home.who.sow(*FINISH["pr"])
    assert said.told[0] == 4
    note = f"{home.runtime}/finish.json"
    assert said.err.splitlines()[-2:] == [
        "sow: sow was ended while finish.forge ran, and whether it opened a pull request is not known",
        f"     look: if it did, repeat with --pr-url URL; if not, remove {note} and repeat",
    ]
    assert (tmp_path / "runs").read_text() == "run\n"
    said = home.who.sow(*FINISH["pr"], "--pr-url", "https://forge/mr/1")
    assert said.code == 0, said
    assert (tmp_path / "runs").read_text() == "run\n"
