"""A command that works with git may be killed at any of its steps: the next one completes or undoes it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.cli import killed_command
from tests.cli.parts import Person, person, with_project
from tests.cli.test_output import rehearse
from tests.forked import process_of

from sow.git import alive

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def kill_everywhere(
    who: Person, *words: str, fewest: int, every: int = 1, reset: Callable[[], object] = lambda: None
) -> Iterator[str]:
    """Each place at which `sow WORDS` was killed, what it left in the person's folder; last it survived.

    `every`: at each of its steps, or only at every so manyth; `reset`: puts back what is elsewhere.
    """
    template = who.folder.parent / "template"
    shutil.copytree(who.folder, template, symlinks=True)
    kill = process_of(partial(killed_command.main, list(words)), who.environment)
    with subprocess.Popen(
        [sys.executable],
        cwd=who.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=kill,
    ) as killer:
        assert killer.stdin
        assert killer.stdout
        place, step = "", 1 - every  # the first one is where nothing is done yet
        while place != "survived":
            step += every
            restore(template, who.folder)
            reset()
            killer.stdin.write(f"{step}\n")
            killer.stdin.flush()
            place = killer.stdout.readline().strip()
            assert place, "the killer ended"
            yield place
        killer.stdin.close()
    assert step > fewest, "the steps are really counted"


def restore(template: Path, folder: Path) -> None:
    """Puts a folder back as it was; the folder itself stays, for somebody stands in it.

    A git that outlived the command it was started by is waited for.
    """
    assert alive.wait_for_end(killed_command.MARK, str(folder), 60.0)
    for inner in folder.iterdir():
        shutil.rmtree(inner) if inner.is_dir() and not inner.is_symlink() else inner.unlink()
    shutil.copytree(template, folder, symlinks=True, dirs_exist_ok=True)


def left_over(folder: Path) -> list[Path]:
    """Temporary files, intents and half-made folders.

    What a sow was killed at before it had git's lock is in nobody's way: the next holder sweeps it.
    Neither is a half-made good copy: it has one name, which the next writer uses again.
    """
    patterns = (
        ".sow/**/.*.tmp", ".sow/**/.project-*", ".sow/**/journal/*.json", ".sow/runtime/.new/*",
        ".sow/runtime/.removal/*", ".sow/runtime/*/finish.json",
        ".git/**/index.lock", ".git/**/index.sow-*",
    )  # fmt: skip
    found = [path for pattern in patterns for path in folder.glob(pattern)]
    return [path for path in found if path.parent.name != "last-good"]


def test_a_new_project_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.done("init")
    refs = who.git("for-each-ref")
    outcomes = set()
    for place in kill_everywhere(who, "project", "new", "Add login", fewest=40):
        listed = json.loads(who.done("project", "list", "--json"))
        outcomes.add(len(listed))
        assert left_over(who.folder) == [], place
        if listed:
            there = who.at(who.folder / ".sow/worktrees/feat/add-login")
            assert there.done("validate").startswith("Valid: the project, 3 phases"), place
            assert there.git("status", "--porcelain") == "", place
        else:
            assert who.git("for-each-ref") == refs, place
            assert len(who.git("worktree", "list").splitlines()) == 1, place
    assert outcomes == {0, 1}


def handed_in(tmp_path: Path) -> Person:
    """A person with a project whose task 010 was done by an agent and waits for review."""
    who = with_project(tmp_path)
    rehearse(who, [{"edit": {"path": "b.txt", "content": "b\n"}}, {"report": "needs_review"}])
    who.done("task", "add", "First", "--agent", "implementer")
    assert who.sow("run").code == 5
    return who


def test_an_approval_merges_once_wherever_it_is_killed(tmp_path: Path) -> None:
    who = handed_in(tmp_path)
    branch = who.at(who.folder / ".sow/worktrees/feat/add-login")
    outcomes = set()
    for place in kill_everywhere(who, "task", "approve", "010", fewest=40):
        before = status(who)
        outcomes.add(before)
        # An approval that was stored is a promise: whoever comes next keeps it, unasked.
        who.done(*(("task", "approve", "010") if before == ("needs_review", False) else ("run",)))
        assert status(who) == ("completed", False), place
        merges = branch.git("log", "--format=%H", "--grep=Sow-Task: add-login/010/1")
        assert len(merges.splitlines()) == 1, place
        assert (branch.folder / "b.txt").read_text() == "b\n", place
        assert branch.git("status", "--porcelain", "--", "b.txt", "a.txt") == "", place
        assert left_over(who.folder) == [], place
    assert outcomes == {("needs_review", False), ("needs_review", True), ("completed", False)}


def status(who: Person) -> tuple[str, bool]:
    """Where task 010 stands, and whether its approval waits for its merge."""
    held = json.loads(who.done("task", "show", "010", "--json"))
    return held["status"], "approval" in held


@pytest.mark.parametrize(
    ("words", "before", "after"),
    [
        (("task", "retry", "010", "--fresh"), ("paused", False), ("pending", False)),
        (("task", "accept", "010"), ("paused", False), ("completed", False)),
    ],
)
def test_a_decision_is_made_or_not_wherever_it_is_killed(
    tmp_path: Path, words: tuple[str, ...], before: tuple[str, bool], after: tuple[str, bool]
) -> None:
    who = with_project(tmp_path)
    rehearse(who, [{"edit": {"path": "b.txt", "content": "b\n"}}, {"ask": {"question": "Which way?"}}])
    who.done("task", "add", "First", "--agent", "implementer")
    assert who.sow("run").code == 5
    outcomes = set()
    # Whatever lies between the steps of a merge is looked at above.
    for place in kill_everywhere(who, *words, fewest=4, every=6 if after[0] == "completed" else 1):
        found = status(who)
        outcomes.add(found)
        assert who.done("validate"), place
        if found != after:
            # An approval that was stored is a promise, which the next run keeps.
            who.done(*(("run",) if found[1] else words))
            assert status(who) == after, place
        who.done("status")  # any command takes git's lock from the dead
        assert left_over(who.folder) == [], place
    assert outcomes >= {before, after}
    assert outcomes <= {before, after, ("needs_review", False), ("needs_review", True)}
