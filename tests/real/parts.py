"""A scratch repository with a project of one task, and `sow` run in it as a person would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pexpect
import yaml
from tests.copies import copy_repository, new_template
from tests.forked import sow_of
from tests.waiting import until

from sow import process
from sow_executors.base import Command
from sow_executors.extras import Answer

ROOT = Path(__file__).parents[2]
ROOTS = os.pathsep.join(str(ROOT / part) for part in ("orchestrator", "executors", "schemas"))

DONE, WAITS, BUSY, INTERRUPTED = 0, 5, 6, 130
"""Exit codes of `sow run`."""


def kill_9(run: subprocess.Popen[str], attempt: dict[str, Any]) -> None:
    """Ends an orchestrator and its agent, without a word to either."""
    run.kill()
    run.wait(120)
    os.killpg(attempt["pid"], signal.SIGKILL)
    until(lambda: not process.alive(identity(attempt)))


def identity(attempt: dict[str, Any]) -> process.Identity:
    """The process of an attempt, by its record."""
    return process.Identity(
        boot_id=attempt["boot_id"], pid=attempt["pid"], start_ticks=attempt["start_ticks"]
    )


@contextmanager
def opened(command: Command, env: Mapping[str, str]) -> Iterator[pexpect.spawn[str]]:
    """A command on a terminal, ended at the end."""
    program, *words = command.argv
    child = pexpect.spawn(
        program, words, cwd=command.folder, env=dict(env), encoding="utf-8", dimensions=(40, 120)
    )
    try:
        yield child
    finally:
        child.kill(signal.SIGTERM)
        child.expect(pexpect.EOF, timeout=120)
        child.close(force=True)


def answer_of(command: Command, env: Mapping[str, str], given: str | None = None) -> Answer:
    """What a program says that is asked of its version or its login. `given`: what it may read."""
    ran = subprocess.run(
        command.argv, input=given, capture_output=True, text=True, cwd=command.folder, env=env, timeout=120,
        check=False,
    )  # fmt: skip
    return Answer(ran.stdout, ran.stderr, ran.returncode)


class Bench:
    """One repository, one project, one task `010`, and the agents that `sow` runs on it.

    Below one folder: `repo`, and `home`, to which every program's settings are confined.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.repo, self.home = folder, folder / "repo", folder / "home"
        for each in (self.repo, self.home):
            each.mkdir(parents=True)
        self.env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.home)}
        self._started: list[subprocess.Popen[str]] = []

    def settle_in(self, executor: Mapping[str, object]) -> None:
        """Binds the implementer to `executor` (its type, settings …), and adds the project and its task."""
        config = self.home / ".config" / "sow" / "config.yaml"
        config.parent.mkdir(parents=True)
        agents = {"executors": {"mine": dict(executor)}, "bindings": {"implementer": "mine"}}
        config.write_text(yaml.safe_dump({"agents": agents}))
        self.env["XDG_CONFIG_HOME"] = str(self.home / ".config")
        self.env["PYTHONPATH"] = ROOTS
        copy_repository(_with_task(), self.repo)

    def begin(self) -> None:
        """The repository, with the project and its task: what `settle_in` copies."""
        self._git("init", "-q", "-b", "main")
        (self.repo / "greeting.txt").write_text("hello\n")
        self._git("add", "-A")
        self._git("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "-qm", "begin")
        self.sow("init")
        self.offer_tools(False)  # a server a start, which takes a second: for the tests that are about it
        self.sow("project", "new", "Greet better", "--branch", "feat/greet", "--name", "greet")
        self.sow("task", "add", "Greet", "--agent", "implementer", "--description", "Write a greeting.")

    # -- what a person does -------------------------------------------------------------------

    def sow(self, *words: str, code: int = DONE, seconds: float = 180) -> str:
        """Runs a `sow` command that must end with exit code `code`; gives what it printed."""
        ran = subprocess.run(
            self._argv(words),
            cwd=self.repo,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            preexec_fn=sow_of(words, self.env),
        )
        assert ran.returncode == code, f"sow {' '.join(words)}: {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout + ran.stderr

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Starts a `sow` command and leaves it running."""
        output = (self.folder / "started.log").open("a")
        with output:
            started = subprocess.Popen(
                self._argv(words),
                cwd=self.repo,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
                preexec_fn=sow_of(words, self.env),
            )
        self._started.append(started)
        return started

    def _argv(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "sow", *words]

    def _git(self, *words: str) -> str:
        ran = subprocess.run(
            ["git", *words], cwd=self.repo, env=self.env, capture_output=True, text=True, check=True
        )
        return ran.stdout

    def offer_tools(self, offered: bool) -> None:
        """Whether agents are offered sow's own tools."""
        settings = self.repo / ".sow" / "config.yaml"
        others = [line for line in settings.read_text().splitlines() if not line.startswith("mcp:")]
        settings.write_text("\n".join([*others, f"mcp: {str(offered).lower()}"]) + "\n")

    # -- what is true -------------------------------------------------------------------------

    @property
    def task_folder(self) -> Path:
        project = self.repo / ".sow" / "worktrees" / "feat" / "greet" / ".sow" / "project"
        return project / "phases" / "implementation" / "tasks" / "010"

    def task(self) -> dict[str, Any]:
        """The task, as its file has it now."""
        return self._read(self.task_folder / "state.yaml")

    def attempts(self) -> list[dict[str, Any]]:
        """The records of all attempts, oldest first."""
        found = (self.repo / ".sow" / "runtime" / "greet" / "attempts").glob("*/attempt.yaml")
        return sorted(map(self._read, found), key=lambda attempt: str(attempt["created_at"]))

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The payloads of all events of a kind, oldest first."""
        logs = sorted((self.repo / ".sow" / "runtime" / "greet" / "events").glob("*.ndjson"))
        lines = [json.loads(line) for log in logs for line in log.read_text().splitlines() if line]
        return [line["payload"] for line in lines if line["type"] == kind]

    def on_branch(self, name: str) -> str:
        """A file as the project's branch has it."""
        return self._git("show", f"feat/greet:{name}")

    def strays(self) -> list[int]:
        """The processes of attempts of this repository that live."""
        marks = process.marks()
        return [pid for attempt in self.attempts() for pid in marks.get(attempt["id"], [])]

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        held: dict[str, Any] = yaml.safe_load(path.read_text())
        return held

    # -- the end ------------------------------------------------------------------------------

    def close(self) -> None:
        """Ends what the test left running; a test that ended well leaves nothing (`strays`)."""
        for started in self._started:
            started.kill()
            started.wait(120)
        while strays := self.strays():
            for pid in strays:
                with suppress(ProcessLookupError):  # it ended by itself meanwhile
                    os.kill(pid, signal.SIGKILL)


@cache
def _with_task() -> Path:
    """The repository of a bench, made once a process."""
    made = Bench(new_template())
    made.begin()
    return made.repo


@contextmanager
def bench_in(folder: Path) -> Iterator[Bench]:
    """A bench of which no process is left, whatever the test did."""
    bench = Bench(folder)
    try:
        yield bench
        assert bench.strays() == [], "an agent's processes outlived its `sow run`"
    finally:
        bench.close()
