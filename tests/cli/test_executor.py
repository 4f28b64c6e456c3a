"""`sow executor`: which agent CLIs there are, and a check of one; nothing is left of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.cli.parts import Person, changed, everything, person
from tests.cli.person import at_terminal
from tests.doctor.parts import CLAUDE, LOGGED_OUT, program
from tests.waiting import until

from sow import process
from sow.contract import leftovers

MINE = """agents:
  executors:
    mine: {type: claude, settings: {model: opus}}
    bare: {type: command, settings: {argv: [no-such-agent]}}
  bindings: {implementer: mine, reviewer: bare, planner: mine}
"""
HANGS = CLAUDE.replace("*) exit 9;;", "*) exec sleep 63;;")


@pytest.fixture
def who(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    """A person outside of any repository, with a stand-in for `claude` and scratch folders of their own."""
    monkeypatch.setattr(tempfile, "tempdir", None)  # it is looked up once in a process
    (tmp_path / "home").mkdir()
    (tmp_path / "scratch").mkdir()
    (tmp_path / "plain").mkdir()
    program(tmp_path / "bin", "claude", CLAUDE)
    path = f"{tmp_path}/bin{os.pathsep}{os.path.dirname(sys.executable)}{os.pathsep}/usr/bin{os.pathsep}/bin"
    return Person(tmp_path / "plain", tmp_path / "home", {"PATH": path, "TMPDIR": str(tmp_path / "scratch")})


# What there is


def test_every_executor_is_listed_with_what_is_known_of_its_program(who: Person) -> None:
    who.settings(MINE)
    listed = {row["name"]: row for row in json.loads(who.done("executor", "list", "--json"))}
    assert listed["mine"] == {
        "name": "mine", "type": "claude", "roles": ["implementer", "planner"], "tasks": [],
        "program": f"{who.folder.parent}/bin/claude", "version": "2.1.329", "logged_in": True,
        "login": "claude.ai", "problem": None,
    }  # fmt: skip
    assert listed["bare"]["problem"] == "no program no-such-agent on the PATH"
    assert listed["acp"]["problem"].startswith("acp needs command")
    types = {row["type"] for row in listed.values()}
    assert types == {"acp", "claude", "codex", "command", "cursor", "gemini", "opencode", "script"}


def test_a_person_sees_a_table_of_them_and_a_name_that_is_none_is_told(who: Person) -> None:
    said = who.at(".", SOW_AGENTS_REVIEWER="nobody").sow("executor", "list")
    assert said.code == 0
    head, first, *_ = said.out.splitlines()
    assert head.split() == ["executor", "type", "version", "login", "roles", "program"]
    assert first.split()[:4] == ["claude-code", "claude", "2.1.329", "yes"]
    assert "SOW_AGENTS_REVIEWER: 'nobody' is no executor" in said.err


# Before anything is started


def test_where_nobody_can_be_asked_no_model_is_called(who: Person) -> None:
    said = who.sow("executor", "check", "claude-code")
    assert said.told == (2, [
        "sow: nobody can be asked here whether executor claude-code may call its model, which costs a little",
        "     say --yes: `sow executor check claude-code --yes`; or have it played: --offline",
    ])  # fmt: skip


def test_at_a_terminal_it_is_asked_and_the_model_named(who: Person) -> None:
    who.settings(MINE)
    with at_terminal(who.folder, who.environment, "executor", "check", "mine") as seen:
        seen.sees("This takes 4 short turns of claude 2.1.329 on model opus. They are paid for as any other.")
        seen.sees("Take them? [y/n] ")
        seen.child.send("n")
        assert seen.ends() == 1
    assert "Nothing was done." in seen.seen


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        (LOGGED_OUT, 4, "nobody is logged in"),
        ("echo 7.0 of something else", 4, "another program of that name"),
        ("", 3, "no program claude on the PATH"),
    ],
    ids=["logged out", "another program", "none"],
)
def test_a_program_that_can_not_be_asked_is_told(who: Person, script: str, code: int, words: str) -> None:
    path = program(who.folder.parent / "bin", "claude", script)
    if not script:
        os.unlink(path)
    said = who.sow("executor", "check", "claude-code", "--yes")
    assert (said.code, words in said.err) == (code, True), said


# A check


def test_a_script_is_checked_without_a_question_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = person(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = everything(tmp_path)
    told = json.loads(who.done("executor", "check", "script", "--json"))
    assert changed(before, everything(tmp_path)) == []
    assert (told["ok"], told["offline"], told["type"]) == (True, True, "script")
    holds = {row["what"]: row["holds"] for row in told["rows"]}
    assert {what for what, word in holds.items() if word != "holds"} == {"tokens", "differences", "price"}


def test_what_does_not_hold_is_named_and_what_it_printed_is_kept_at_a_word(who: Person) -> None:
    said = who.sow("executor", "check", "claude-code", "--yes", "--keep", "-q")
    assert said.code == 1
    assert "start          does not hold  unknown: claude ended with exit code 9" in said.out
    assert said.out.endswith("\n1 holds, 2 do not hold, 2 not told, 10 left out\n")
    assert "executor claude-code (claude 2.1.329): start, result: not as sow counts on" in said.err
    (kept,) = (who.folder.parent / "scratch").glob("sow-check-*/attempts/check-first-*")
    assert (kept / "exit").read_text() == "9\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_check_leaves_neither_a_process_nor_a_folder(who: Person, number: int) -> None:
    with checking(who) as (started, marks):
        started.send_signal(number)
        assert started.wait(120) == 130
    assert [mark for mark in marks if process.marked(mark)] == []
    assert list((who.folder.parent / "scratch").iterdir()) == []


def test_what_a_killed_check_left_is_ended_and_removed_by_the_next_one_and_nothing_else(who: Person) -> None:
    scratch = who.folder.parent / "scratch"
    kept, other = scratch / "sow-check-kept", scratch / "sow-check-running"
    leftovers.hold(str(kept))
    leftovers.let_go(str(kept))
    leftovers.hold(str(other))
    with checking(who) as (_, marks):
        pass
    assert [mark for mark in marks if process.marked(mark)] == marks
    assert "a check of an executor was killed; its agent may still run" in who.sow("doctor").out
    who.settings("agents: {executors: {played: {type: script}}}")
    said = who.sow("executor", "check", "played")
    assert said.code == 0
    assert f"removed what a check left that was killed: {scratch}/sow-check-" in said.err
    assert [mark for mark in marks if process.marked(mark)] == []
    assert sorted(scratch.iterdir()) == [kept, other]


@contextmanager
def checking(who: Person) -> Iterator[tuple[subprocess.Popen[bytes], list[str]]]:
    """A check whose agent hangs in its turn, and the marks of its attempts; it is killed at the end."""
    program(who.folder.parent / "bin", "claude", HANGS)
    started = subprocess.Popen(
        [sys.executable, "-m", "sow", "executor", "check", "claude-code", "--yes"],
        cwd=who.folder, env=who.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield started, until(lambda: _marks_below(who))
    finally:
        started.kill()
        started.wait(120)


def _marks_below(who: Person) -> list[str]:
    """The attempts of checks in the person's scratch folders."""
    found = (who.folder.parent / "scratch").glob("sow-check-*/attempts/check-*/go")
    return [path.parent.name for path in found if path.read_text()]
