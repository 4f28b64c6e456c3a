"""Sixty-four `sow` at one task: what each was told is done is there once, as if they had come in turn."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from tests.cli.parts import Person, Said, with_project
from tests.forked import sow_of

pytestmark = pytest.mark.slow

WRITERS = 64


@contextmanager
def at_once(who: Person, commands: list[list[str]]) -> Iterator[list[subprocess.Popen[str]]]:
    """All commands as processes, none of which gets at the task before the last one is started."""
    running: list[subprocess.Popen[str]] = []
    try:
        with who.store().journal.locked("task-010"):
            for words in commands:
                running.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "sow", *words],
                        cwd=who.folder,
                        env=who.environment,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE,
                        text=True,
                        preexec_fn=sow_of(words, who.environment),
                    )
                )
        yield running
    finally:
        for process in running:
            process.kill()
            process.communicate()


def said(process: subprocess.Popen[str]) -> Said:
    out, err = process.communicate(timeout=120)
    return Said(process.returncode, out, err)


@pytest.fixture
def who(tmp_path: Path) -> Person:
    person = with_project(tmp_path)
    person.done("task", "add", "First", "--agent", "implementer")
    return person


def command(number: int) -> list[str]:
    """A write of a kind that its number tells."""
    match number % 4:
        case 0:
            return ["task", "output", "add", "--id", "010", "--type", "log", "--path", f"log-{number}.md"]
        case 1:
            return ["agent", "log", f"note-{number}", "--id", "010"]
        case _:
            return ["task", "set", f"metadata.w{number}", f"[{number}]", "--id", "010"]


def times(who: Person, number: int) -> int:
    """How often the write of that number is there."""
    task = json.loads(who.done("task", "show", "010", "--json"))
    match number % 4:
        case 0:
            return Counter(output["path"] for output in task["outputs"])[f"log-{number}.md"]
        case 1:
            log = Path(who.store().layout.task("implementation", "010"), "log.md").read_text()
            return log.splitlines().count(f"note-{number}")
        case _:
            return int((task.get("metadata") or {}).get(f"w{number}") == [number])


def test_every_write_is_there_once_though_some_of_the_writers_are_killed(who: Person) -> None:
    chance = Random(64)
    with at_once(who, [command(number) for number in range(WRITERS)]) as running:
        victims = chance.sample(range(WRITERS), 16)
        for turn, victim in enumerate(victims):
            # One after every third that came to its end: so that they die at all stages.
            while sum(process.poll() is not None for process in running) < 3 * turn:
                time.sleep(0.001)
            running[victim].kill()
        outcomes = [said(process) for process in running]
    for number, outcome in enumerate(outcomes):
        assert "Traceback" not in outcome.err
        assert outcome.code == 0 or (number in victims and outcome.code == -9), (number, outcome)
        found = times(who, number)
        assert found == 1 if outcome.code == 0 else found <= 1, (number, outcome)
    assert who.done("validate").startswith("Valid")


def test_of_all_who_end_a_task_one_is_heard_and_the_others_are_told_so(who: Person) -> None:
    with at_once(who, [["task", "abandon", "010", "--reason", f"by {n}"] for n in range(16)]) as running:
        outcomes = [said(process) for process in running]
    codes = Counter(outcome.code for outcome in outcomes)
    assert codes == {0: 1, 4: 15}, outcomes
    assert all("abandoned" in outcome.err for outcome in outcomes if outcome.code == 4)
    ends = [
        json.loads(line) for line in who.done("events", "--json", "--type", "task.abandoned").splitlines()
    ]
    winner = next(number for number, outcome in enumerate(outcomes) if outcome.code == 0)
    assert [end["payload"].get("reason") for end in ends] == [f"by {winner}"]


def test_values_of_one_field_come_in_turn_and_the_last_one_stays(who: Person) -> None:
    count = 16
    with at_once(who, [["task", "set", "name", f"Name {n}", "--id", "010"] for n in range(count)]) as running:
        assert [said(process).code for process in running] == [0] * count
    task = json.loads(who.done("task", "show", "010", "--json"))
    assert task["name"] in {f"Name {n}" for n in range(count)}
