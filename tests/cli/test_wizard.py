"""A bare `sow project new`: asked on a terminal, a usage error without one; nothing is made before that."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.parts import Person, changed, everything, person
from tests.cli.person import Terminal, at_terminal

from sow.layout import PROJECT


@pytest.fixture
def who(tmp_path: Path) -> Person:
    made = person(tmp_path)
    made.commit(a__txt="a\n")
    return made


@contextmanager
def asked(who: Person, *words: str) -> Iterator[Terminal]:
    with at_terminal(who.folder, who.environment, "project", "new", *words) as terminal:
        yield terminal


def state(who: Person, branch: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The project's own document, and that of its first phase."""
    folder = who.folder / ".sow/worktrees" / branch / PROJECT
    [first] = [path for path in folder.glob("phases/*/state.yaml") if "started_at" in path.read_text()]
    return yaml.safe_load((folder / "state.yaml").read_text()), yaml.safe_load(first.read_text())


def test_a_person_who_presses_enter_gets_what_stands_in_brackets(who: Person) -> None:
    with asked(who) as terminal:
        shown = terminal.sees("Number or name [1]: ")
        assert "1  standard     Plan, implement, review" in shown
        assert "2  exploration  Find something out" in shown
        terminal.child.sendline("")
        terminal.types("What is to be done? ", "Add OAuth login")
        terminal.types("Branch [feat/add-oauth-login]: ", "")
        terminal.types("Name [add-oauth-login]: ", "")
        terminal.types("Starts from [main]: ", "")
        terminal.types("Input file (Enter: none): ", "")
        shown = terminal.sees("Make it? [y/n] ")
        assert "feat/add-oauth-login (new, from main)" in shown
        assert not (who.folder / ".sow").exists(), "nothing is made before the last word"
        terminal.child.send("y")
        terminal.sees("Initialized project add-oauth-login on branch feat/add-oauth-login")
        assert terminal.ends() == 0
    project, phase = state(who, "feat/add-oauth-login")
    assert (project["type"], project["description"], phase["inputs"]) == ("standard", "Add OAuth login", [])


def test_every_answer_of_ones_own_is_heard(who: Person, tmp_path: Path) -> None:
    who.git("tag", "v1")
    who.commit(a__txt="later\n")
    notes = tmp_path / "notes.md"
    notes.write_text("Look at both.\n")
    with asked(who) as terminal:
        terminal.types("Number or name [1]: ", "2")
        terminal.types("What is to be done? ", "Which database?")
        terminal.types("Branch [explore/which-database]: ", "explore/db")
        terminal.types("Name [which-database]: ", "db")
        terminal.types("Starts from [main]: ", "v1")
        terminal.types("Input file (Enter: none): ", str(notes))
        terminal.types("Another (Enter: no more): ", "")
        terminal.sees("Make it? [y/n] ")
        terminal.child.send("y")
        assert terminal.ends() == 0
    project, phase = state(who, "explore/db")
    assert (project["name"], project["type"]) == ("db", "exploration")
    [held] = phase["inputs"]
    assert (held["path"], held["type"]) == ("inputs/notes.md", "input")
    assert (who.folder / ".sow/worktrees/explore/db/a.txt").read_text() == "a\n"


def test_an_answer_that_does_not_fit_is_told_and_asked_again(who: Person) -> None:
    with asked(who) as terminal:
        terminal.types("Number or name [1]: ", "desing")
        terminal.sees("sow: project type not found: desing")
        terminal.types("Number or name [1]: ", "design")
        terminal.types("What is to be done? ", "")
        terminal.sees("the description is empty")
        terminal.types("What is to be done? ", "How the cache works")
        terminal.types("Branch [design/how-the-cache-works]: ", "a b")
        terminal.types("Name [how-the-cache-works]: ", "")
        terminal.types("Starts from [main]: ", "")
        terminal.sees("'a b' can't be the name of a branch")
        terminal.types("Branch [a b]: ", "design/cache")
        terminal.types("Name [how-the-cache-works]: ", "cache")
        terminal.types("Starts from [main]: ", "nowhere")
        terminal.sees("there is no commit 'nowhere'")
        terminal.types("Branch [design/cache]: ", "")
        terminal.types("Name [cache]: ", "")
        terminal.types("Starts from [nowhere]: ", "main")
        terminal.types("Input file (Enter: none): ", "/nowhere/notes.md")
        terminal.sees("/nowhere/notes.md is no file that can be read")
        terminal.types("Input file (Enter: none): ", "")
        terminal.sees("Make it? [y/n] ")
        terminal.child.send("y")
        assert terminal.ends() == 0
    assert state(who, "design/cache")[0]["name"] == "cache"


def test_what_the_options_say_is_not_asked(who: Person) -> None:
    who.git("branch", "feat/there")
    with asked(who, "--branch", "feat/there", "--name", "there", "--no-worktree") as terminal:
        terminal.types("What is to be done? ", "Go on there")
        terminal.types("Input file (Enter: none): ", "")
        shown = terminal.sees("Make it? [y/n] ")
        assert "feat/there (is there)" in shown
        terminal.child.send("y")
        assert terminal.ends() == 0
    assert "Number or name" not in terminal.seen
    assert "Starts from" not in terminal.seen
    assert (who.folder / PROJECT / "state.yaml").exists()


LEAVINGS = {
    "no at the end": (["", "Add login", "", "", "", ""], "n", 1),
    "Ctrl-D at the first question": ([], "\x04", 1),
    "Ctrl-D at the last question": (["", "Add login", "", "", "", ""], "\x04", 1),
    "Ctrl-C at the first question": ([], "\x03", 130),
    "Ctrl-C in the middle": (["", "Add login", "", ""], "\x03", 130),
    "Ctrl-C at the last question": (["", "Add login", "", "", "", ""], "\x03", 130),
}
QUESTIONS = [
    "or name [1]: ",
    "to be done? ",
    "Branch [",
    "Name [",
    "from [main]: ",
    "(Enter: none): ",
    "[y/n] ",
]


@pytest.mark.parametrize(("answers", "key", "code"), LEAVINGS.values(), ids=LEAVINGS)
def test_whoever_leaves_leaves_nothing(who: Person, answers: list[str], key: str, code: int) -> None:
    before = everything(who.folder)
    with asked(who) as terminal:
        for question, answer in zip(QUESTIONS, answers, strict=False):
            terminal.types(question, answer)
        terminal.sees(QUESTIONS[len(answers)])
        if key == "\x03":
            assert terminal.interrupts() == code
        else:
            terminal.child.send(key)
            assert terminal.ends() == code
    assert changed(before, everything(who.folder)) == []


def test_a_kill_at_the_last_question_leaves_nothing(who: Person) -> None:
    before = everything(who.folder)
    with asked(who, "--type", "standard") as terminal:
        for question, answer in zip(QUESTIONS[1:-1], ["Add login", "", "", "", ""], strict=True):
            terminal.types(question, answer)
        terminal.sees("Make it?")
        os.kill(terminal.child.pid, signal.SIGKILL)
    assert changed(before, everything(who.folder)) == []


@pytest.mark.parametrize("words", [(), ("--type", "design"), ("--json",)])
def test_without_a_terminal_it_names_the_flags(who: Person, words: tuple[str, ...]) -> None:
    before = everything(who.folder)
    assert who.sow("project", "new", *words).told == (
        2,
        [
            "sow: DESCRIPTION is missing",
            "     `sow project new DESCRIPTION`; with --type, --branch, --name, --from, --input as you like",
        ],
    )
    assert changed(before, everything(who.folder)) == []


# Inputs


def test_inputs_are_copied_and_recorded_with_the_first_phase(who: Person, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    files = {
        "one/spec.md": b"# Spec\n",
        "two/spec.md": b"\x00\xff raw",
        "two/sketch": b"",
        "two/a.tar.gz": b"z",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    options = [word for name in files for word in ("--input", str(tmp_path / name))]
    made = json.loads(who.done("project", "new", "Add login", *options, "--json"))
    _, phase = state(who, "feat/add-login")
    held = [(one["path"], one["type"], one["approved"]) for one in phase["inputs"]]
    names = ["spec.md", "spec-2.md", "sketch", "a.tar.gz"]
    assert held == [(f"inputs/{name}", "input", False) for name in names]
    folder = Path(made["folder"])
    for name, data in zip(names, files.values(), strict=True):
        assert (folder / PROJECT / "inputs" / name).read_bytes() == data
    there = who.at(folder)
    assert there.git("status", "--porcelain") == ""
    assert len(there.git("ls-tree", "--name-only", "HEAD", f"{PROJECT}/inputs/").splitlines()) == 4
    assert who.sow("validate").code == 0


def test_an_input_has_the_type_that_the_first_phase_takes_in(who: Person) -> None:
    who.write("notes.md", "n\n")
    who.write(
        ".sow/types/port.yaml",
        """
name: port
description: Port it.
branch_prefixes: [port/]
initial: {state: Doing}
final: [Done]
phases: {doing: {tasks: true, inputs: [specification]}}
states:
  Doing: {phase: doing, transitions: [{event: done, target: Done}]}
  Done: {}
""",
    )
    who.done("project", "new", "Port it", "--type", "port", "--input", "notes.md")
    text = (who.folder / ".sow/worktrees/port/port-it" / PROJECT / "phases/doing/state.yaml").read_text()
    assert yaml.safe_load(text)["inputs"][0]["type"] == "specification"


@pytest.mark.parametrize("name", ["gone.md", "folder"])
def test_an_input_that_is_no_file_is_refused_and_nothing_is_made(who: Person, name: str) -> None:
    (who.folder / "folder").mkdir()
    before = everything(who.folder)
    said = who.sow("project", "new", "Add login", "--input", name)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 2)
    assert said.err.startswith("sow: --input: file ")
    assert changed(before, everything(who.folder)) == []


def test_an_input_that_goes_while_it_is_copied_leaves_nothing(
    who: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(path: str, to: str) -> None:
        raise FileNotFoundError(2, "No such file or directory", path)

    (tmp_path / "notes.md").write_text("n\n")
    who.done("init")
    before = everything(who.folder)
    monkeypatch.setattr(shutil, "copyfile", gone)
    said = who.sow("project", "new", "Add login", "--input", str(tmp_path / "notes.md"))
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines()[0] == f"sow: can't copy {tmp_path}/notes.md: No such file or directory"
    left = [path for path in changed(before, everything(who.folder)) if not path.startswith(".git/")]
    assert left == []
    assert who.git("branch", "--list") == "* main"
