"""The agent CLIs that one script is played on: how each is kept on loopback, and what is its own."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.model_server import cli_binary, env_for_codex, env_for_gemini, env_for_opencode

from sow_executors import catalog
from sow_executors.base import Command, Executor, Failed, Finished, Report, Started, Turn
from sow_executors.model_server import ModelServer, Reply, gemini, opencode


@dataclass(frozen=True)
class Cli:
    """One CLI under test."""

    name: str
    """Its executor's, and its program's."""
    env: Callable[[Path, str], dict[str, str]]
    """The environment for a home and a model server's URL."""
    settings: Mapping[str, object] = field(default_factory=dict)
    unknown: str = "5f9d2c34-7b1e-4c7d-8e2a-90a1b2c3d4e5"
    """A session id that it could have, and has not."""

    @property
    def executor(self) -> Executor:
        return catalog.get(self.name, self.settings)

    def configured(self, **more: object) -> dict[str, object]:
        """The executor's entry in a user's configuration."""
        settings = {"program": str(cli_binary(self.name)), **self.settings, **more}
        return {"type": self.name, "settings": settings}


CODEX = Cli("codex", env_for_codex)
GEMINI = Cli("gemini", env_for_gemini, {"model": gemini.MODEL})
OPENCODE = Cli(
    "opencode",
    env_for_opencode,
    {"model": opencode.MODEL},
)


PACKAGES = {
    "codex": "@openai/codex",
    "gemini": "@google/gemini-cli",
    "opencode": "opencode-linux-x64-baseline",
}


def pinned(name: str) -> str:
    """The version of a CLI that the tests are written for, and that is installed for them."""
    packages = json.loads((Path(__file__).parent / "clis" / "package.json").read_text())
    pins: dict[str, str] = {**packages["dependencies"], **packages["optionalDependencies"]}
    return pins[PACKAGES[name]]


@dataclass
class Ended:
    """One attempt, read to its end."""

    reports: list[Report]
    end: Finished | Failed

    def of(self, kind: type[Report]) -> list[Any]:
        return [report for report in self.reports if isinstance(report, kind)]

    @property
    def kind(self) -> str:
        """The class of its failure."""
        assert isinstance(self.end, Failed), self.end
        return self.end.kind


class Desk:
    """A worktree, a home and a real program in them: a runner in ten lines.

    A stand-in for `sow` is on the PATH, and notes its calls in the file `calls`.
    """

    def __init__(self, cli: Cli, folder: Path, server: ModelServer) -> None:
        self.cli, self.server, self.folder = cli, server, folder
        self.home, self.tree, self.scratch = (folder / name for name in ("home", "tree", "scratch"))
        for each in (self.home, self.tree, self.scratch, folder / "bin"):
            each.mkdir()
        subprocess.run(["git", "init", "-q", str(self.tree)], check=True)
        self.calls = folder / "calls"
        self.sow_does("")
        self.session: str | None = str(uuid.uuid4()) if cli.executor.ids == "ours" else None
        self._runs = 0

    def sow_does(self, more: str) -> None:
        """What the stand-in for `sow` does besides: lines of shell."""
        sow = self.folder / "bin" / "sow"
        sow.write_text(f'#!/bin/sh\necho "$@" >> {self.calls}\necho heard\n{more}\n')
        sow.chmod(0o755)

    def turn(self, prompt: str = "Do the task.", **settings: object) -> Turn:
        entry = self.cli.configured(**settings)
        return Turn(
            prompt=prompt,
            folder=str(self.tree),
            scratch=str(self.scratch),
            session_id=self.session,
            role="implementer",
            task_id="010",
            settings=entry["settings"],  # type: ignore[arg-type]
        )

    def script(self, replies: list[Reply]) -> str:
        """Sets the model's script for the next run; gives the scenario's name."""
        self._runs += 1
        self.server.scenario(f"run-{self._runs}", replies)
        return f"run-{self._runs}"

    def env(self, command: Command, scenario: str) -> dict[str, str]:
        whole = self.cli.env(self.home, f"{self.server.url}/s/{scenario}")
        return {**whole, "PATH": f"{self.folder}/bin:{os.environ['PATH']}", **command.env}

    @staticmethod
    def lay(command: Command) -> None:
        """Writes the files that are to stand there before the start."""
        for path, text in command.files.items():
            Path(path).write_text(text)

    def start(self, command: Command, scenario: str) -> subprocess.Popen[str]:
        """Starts the program and gives it its input; its output is to be read."""
        self.lay(command)
        started = subprocess.Popen(
            command.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=command.folder,
            env=self.env(command, scenario),
        )
        assert started.stdin is not None
        started.stdin.write(command.stdin or "")
        started.stdin.close()
        started.stdin = None
        return started

    def finish(self, started: subprocess.Popen[str]) -> Ended:
        """Reads a program to its end; from now on the session is the one that it told."""
        out, err = started.communicate(timeout=240)
        reader = self.cli.executor.reader(self.session)
        reports = [report for line in out.splitlines() for report in reader.read(line)]
        ended = Ended(reports, reader.end(started.returncode, err))
        self.session = next((each.session_id for each in ended.of(Started)), self.session)
        return ended

    def spawn(
        self,
        *replies: Reply,
        prompt: str = "Do the task.",
        writable: tuple[str, ...] = (),
        **settings: object,
    ) -> Ended:
        turn = replace(self.turn(prompt, **settings), writable=writable)
        return self.finish(self.start(self.cli.executor.spawn(turn), self.script(list(replies))))

    def resume(self, *replies: Reply, prompt: str = "Go on.", **settings: object) -> Ended:
        command = self.cli.executor.resume(self.turn(prompt, **settings))
        return self.finish(self.start(command, self.script(list(replies))))

    def seen(self) -> Any:
        """What the model was asked in the last run."""
        return self.server.seen(f"run-{self._runs}")
