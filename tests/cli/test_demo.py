"""`sow demo`, as somebody who has just met sow runs it; what it claims is held against git and the events."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.cli.person import PROMPT, ROOT, SOW, at_terminal, environment
from tests.forked import sow_of

from sow import process
from sow.errors import NotFound, Refused

TASKS = ["010", "020", "030", "040"]


@dataclass
class Scratch:
    """The repository that a demo left, looked at with git and sow alone."""

    place: Path
    env: dict[str, str]

    @property
    def worktree(self) -> Path:
        return self.place / ".sow/worktrees/feat/tally"

    def run(self, *argv: str, folder: Path | None = None, code: int = 0) -> str:
        done = subprocess.run(
            argv,
            cwd=folder or self.place,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            preexec_fn=sow_of(argv[len(SOW) :], self.env) if argv[: len(SOW)] == SOW else None,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def states(self) -> list[dict[str, Any]]:
        return list(json.loads(self.run(*SOW, "task", "list", "--json")))

    def events(self, kind: str) -> list[dict[str, Any]]:
        lines = self.run(*SOW, "events", "--json").splitlines()
        return [event for event in map(json.loads, lines) if event["type"] == kind]

    def is_finished(self, said: str) -> None:
        """All that the demo says at its end is so."""
        states = self.states()
        assert [(task["id"], task["status"]) for task in states] == [(own, "completed") for own in TASKS]
        log = self.run(
            "git", "log", "--format=%H %(trailers:key=Sow-Task,valueonly,separator=%x2C)", "feat/tally"
        )
        merged = dict(line.split(" ", 1) for line in log.splitlines() if line.strip().count(" "))
        for task in states:
            assert merged[task["commit"]] == f"tally/{task['id']}/{task['iteration']}"
        assert f"Approved task 040: merged as {states[3]['commit'][:12]}" in said
        assert [event["task_id"] for event in self.events("merge.done")].count("030") == 1
        assert len(self.events("task.completed")) == 4
        assert [event["task_id"] for event in self.events("task.feedback")] == ["030"]
        assert "020" in [event["task_id"] for event in self.events("task.paused")]
        assert [task["iteration"] for task in states] == [1, 1, 2, 1]
        tests = subprocess.run(
            [sys.executable, "-m", "unittest"], cwd=self.worktree, env=self.env, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert tests.returncode == 0
        counts = re.findall(r"Ran (\d+) tests", tests.stderr)
        assert f"All 4 tasks are completed and merged on feat/tally; its {counts[0]} tests pass." in said
        assert self.run("git", "status", "--porcelain") == ""
        assert self.run("git", "status", "--porcelain", folder=self.worktree) == ""
        assert self.processes() == []

    def processes(self) -> list[int]:
        """What still runs of this scratch repository's agents."""
        folder = self.place / ".sow/runtime/tally/attempts"
        return [pid for attempt in folder.iterdir() for pid in process.marked(attempt.name)]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Variables of a person who has other plans for sow, which the demo must not follow."""
    settings = tmp_path / "home/.config/sow/config.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text("agents: {bindings: {implementer: cursor}}\n", "utf-8")
    return environment(
        tmp_path / "home", TMPDIR=str(tmp_path), SOW_AGENTS_IMPLEMENTER="cursor", SOW_TASK_ID="990"
    )


def demo(env: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    """`sow demo WORDS` without a terminal."""
    return subprocess.run(
        [*SOW, "demo", *words], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_nobody_is_asked_and_every_claim_is_so(tmp_path: Path, env: dict[str, str]) -> None:
    done = demo(env)
    assert done.returncode == 0, done.stdout + done.stderr
    [place] = tmp_path.glob("sow-demo-*")
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    del env["SOW_TASK_ID"]
    scratch = Scratch(place, env)
    scratch.is_finished(done.stdout)
    assert "Ran 17 tests: FAILED" in done.stdout
    # The place at which the tests failed is the one from which the branch grew.
    scratch.run("git", "checkout", "-q", "main")
    scratch.run(sys.executable, "-m", "unittest", code=1)
    # Whoever types what is shown at the end sees something.
    for command in re.findall(r"^  ((?:cd|git) .+)$", done.stdout, re.MULTILINE):
        shown = scratch.run("/bin/sh", "-c", command.replace("&& sow ", f"&& {' '.join(SOW)} "))
        assert shown.strip(), command


@pytest.mark.slow
def test_the_commands_that_are_shown_make_the_same_project_when_they_are_typed(
    tmp_path: Path, env: dict[str, str]
) -> None:
    del env["SOW_TASK_ID"]
    env["NO_COLOR"] = "1"
    shown, typed = Scratch(tmp_path / "shown", env), Scratch(tmp_path / "typed", env)
    with at_terminal(tmp_path, env, "demo", "--dir", str(shown.place)) as person:
        person.presses("q")
        person.ends()
    commands = re.findall(r"^\$ (sow (?:init|project|task).*)\r$", person.seen, re.MULTILINE)
    assert len(commands) == 6
    typed.run("git", "clone", "-q", "-b", "main", str(shown.place), str(typed.place), folder=tmp_path)
    typed.run("/bin/sh", "-ec", "\n".join([f'sow() {{ {" ".join(SOW)} "$@"; }}', *commands]))

    def told(scratch: Scratch, *fields: str) -> list[list[object]]:
        return [[task.get(field) for field in fields] for task in scratch.states()]

    fields = ("id", "name", "assigned_agent", "depends_on", "priority", "phase")
    assert told(typed, *fields) == told(shown, *fields)
    scripts = [
        task["params"]["script"].replace(str(shown.place), str(typed.place)) for task in shown.states()
    ]
    assert [[{"script": script}] for script in scripts] == told(typed, "params")
    described = [
        json.loads(s.run(*SOW, "task", "show", "030", "--json"))["description"] for s in (shown, typed)
    ]
    assert described[0] == described[1] != ""


@pytest.mark.slow
def test_a_person_answers_and_reviews_to_the_end(tmp_path: Path, env: dict[str, str]) -> None:
    place = tmp_path / "scratch"
    del env["SOW_TASK_ID"]
    with at_terminal(tmp_path, env, "demo", "--dir", str(place)) as person:
        person.sees("Ran 17 tests: FAILED")
        person.sees("$ sow review")
        person.sees("2  back")
        person.presses("a")
        person.types("1-2, or your words", "2")
        person.sees("Answered task 020: back")
        person.presses("a")
        person.sees("Approved task 010")
        person.presses("d")
        person.sees("+LEFT_OVER")
        person.presses("a")
        person.sees("Approved task 020")
        person.sees("The example sends [030] back at this point")
        person.presses("f")
        person.types("What is to be changed?", "Credit the payer, whoever shares.")
        person.sees("iteration 2")
        person.presses("a")
        person.sees("Approved task 030")
        person.presses("a")
        assert person.ends() == 0
    scratch = Scratch(place, env)
    scratch.is_finished(person.seen)
    assert 'LEFT_OVER = "back"' in scratch.run("git", "show", "feat/tally:tally/split.py")
    [told] = scratch.events("task.feedback")
    assert told["payload"]["feedback"] == "Credit the payer, whoever shares."


def test_who_leaves_the_demo_is_told_how_it_goes_on_and_that_is_how_it_goes_on(
    tmp_path: Path, env: dict[str, str]
) -> None:
    place = tmp_path / "scratch"
    del env["SOW_TASK_ID"]
    with at_terminal(tmp_path, env, "demo", "--dir", str(place)) as person:
        person.presses("q")
        person.sees(f"The scratch repository stays in {place}. Go on there by hand:")
        assert person.ends() == 5
    told = re.findall(r"^  (\S.*)\r$", person.seen.rpartition("by hand:")[2], re.MULTILINE)
    # Where `sow` is no command yet, it is told first how it becomes one.
    is_there = shutil.which("sow", path=env["PATH"]) or not Path(sys.executable).with_name("sow").exists()
    first = [] if is_there else [f"export PATH={Path(sys.executable).parent}:$PATH"]
    assert told == [*first, f"cd {place}", "export SOW_AGENTS_IMPLEMENTER=script", "sow run", "sow review"]
    scratch = Scratch(place, {**env, "SOW_AGENTS_IMPLEMENTER": "script"})
    scratch.run(*SOW, "task", "answer", "020", "front")
    scratch.run(*SOW, "run", code=5)
    assert [task["status"] for task in scratch.states()][:2] == ["needs_review", "needs_review"]


def test_ctrl_c_at_a_question_leaves_the_scratch_repository_and_says_where(
    tmp_path: Path, env: dict[str, str]
) -> None:
    place = tmp_path / "scratch"
    with at_terminal(tmp_path, env, "demo", "--dir", str(place)) as person:
        person.sees(PROMPT)
        assert person.interrupts() == 128 + signal.SIGINT
        assert f"The scratch repository stays in {place}" in person.seen
    assert (place / ".sow/worktrees/feat/tally/.sow/project/state.yaml").exists()


def test_ctrl_c_while_agents_work_ends_them_and_says_where_it_goes_on(
    tmp_path: Path, env: dict[str, str]
) -> None:
    place = tmp_path / "scratch"
    with at_terminal(tmp_path, env, "demo", "--dir", str(place)) as person:
        person.sees("$ sow run")
        person.sees("starts")
        person.child.sendintr()
        person.sees(f"The scratch repository stays in {place}")
        assert person.ends() == 128 + signal.SIGINT
    del env["SOW_TASK_ID"]
    assert Scratch(place, env).processes() == []


@pytest.mark.parametrize("there", ["a file in it", "a file"])
def test_a_place_that_is_taken_is_refused_and_left_alone(
    tmp_path: Path, env: dict[str, str], there: str
) -> None:
    place = tmp_path / "place"
    if there == "a file":
        place.write_text("mine", "utf-8")
    else:
        place.mkdir()
        (place / "mine").touch()
    done = demo(env, "--dir", str(place))
    assert (done.returncode, done.stdout) == (Refused.exit_code, "")
    assert done.stderr.startswith(f"sow: {place} is there already and is not an empty folder\n")
    assert place.is_file() or [entry.name for entry in place.iterdir()] == ["mine"]


def test_an_installation_without_the_example_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sow import demo as example

    monkeypatch.setattr(example, "__file__", str(tmp_path / "a/sow/demo.py"))
    with pytest.raises(NotFound, match="the example is missing"):
        example.folder()


@pytest.mark.slow
def test_a_wheel_carries_the_example(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "site")
    code = "import sow.demo as d; p = d.folder(); print(p, len(d.read(p).parts), *(p / 'package').iterdir())"
    alone = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "site")}
    argv = [sys.executable, "-c", code]
    done = subprocess.run(argv, cwd=tmp_path, env=alone, capture_output=True, text=True, check=True)
    example = tmp_path / "site/sow/example"
    assert done.stdout.split()[:2] == [str(example), "4"]
    assert str(example / "package/.gitignore") in done.stdout
