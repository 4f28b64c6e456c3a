"""A project's end may be killed anywhere: called again it goes on, and nothing is done twice or lost."""

import json
import os
import random
import signal
from pathlib import Path

import pytest
from tests.cli.ends import BRANCH, Home, killed, steps
from tests.git.parts import dying_git

from sow.layout import PROJECT

pytestmark = pytest.mark.slow

FINISH = {
    "merge": ("project", "finish", "--merge", "--yes"),
    "pr": ("project", "finish", "--pr", "--yes"),
    "leave": ("project", "finish", "--leave", "--yes"),
    "delete": ("project", "delete", "--yes"),
}
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


@pytest.fixture(scope="module")
def counted(template: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How many calls of each command change something."""
    return {
        how: steps(copied(template, tmp_path_factory.mktemp(how)).who, *words)
        for how, words in FINISH.items()
    }


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


@pytest.mark.parametrize("again", ["the same command", "any command"])
@pytest.mark.parametrize("how", FINISH)
def test_killed_anywhere_it_goes_on(
    template: Home, counted: dict[str, int], tmp_path: Path, how: str, again: str
) -> None:
    chance = random.Random(f"{how} {again}")
    # Every part of the way: one place in each quarter of it.
    count = counted[how]
    assert count > 20
    for part in range(4):
        at = chance.randrange(1 + part * count // 4, 1 + (part + 1) * count // 4)
        home = copied(template, tmp_path / str(part))
        ended = killed(home.who, at, *FINISH[how])
        assert ended == -signal.SIGKILL, f"it came to its end before call {at}"
        if again == "any command":
            assert home.who.sow("project", "list").code == 0
        if again == "the same command" or (home.folder / PROJECT / "state.yaml").exists():
            said = home.who.sow(*FINISH[how])
            assert said.code == 0, (at, said)
        check(home, how)


def test_killed_again_and_again_it_comes_to_its_end(template: Home, tmp_path: Path) -> None:
    chance = random.Random(7)
    home = copied(template, tmp_path / "home")
    deaths = 0
    for _ in range(40):
        if killed(home.who, chance.randrange(5, 60), *FINISH["merge"]) == 0:
            break
        deaths += 1
        if not (home.folder / PROJECT).exists() and not (home.main / ".sow/runtime/.removal").exists():
            break
    assert deaths
    home.who.sow("project", "list")
    if (home.folder / PROJECT).exists():
        assert home.who.sow(*FINISH["merge"]).code == 0
    check(home, "merge")


@pytest.mark.parametrize("when", ["push", "update-ref -m", "merge --ff-only", "worktree remove"])
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
        "sow: sow was killed while finish.forge ran, and whether it opened a pull request is not known",
        f"     look: if it did, repeat with --pr-url URL; if not, remove {note} and repeat",
    ]
    assert (tmp_path / "runs").read_text() == "run\n"
    said = home.who.sow(*FINISH["pr"], "--pr-url", "https://forge/mr/1")
    assert said.code == 0, said
    assert (tmp_path / "runs").read_text() == "run\n"
