"""One real CLI under the whole orchestrator: `sow` as a person runs it, over a scripted model."""

from __future__ import annotations

import os
from pathlib import Path

from tests.real.cast import Cli
from tests.real.parts import WAITS, Bench

from sow_executors.model_server import ModelServer, Request, Scenario, Text, Write, bash

HAND_IN = bash("sow task set status needs_review")
DONE = Text("It is done.")


class Stage:
    """A bench whose implementer is the real program; each `sow run` meets a script of its own."""

    def __init__(self, cli: Cli, bench: Bench, server: ModelServer, seconds: float = 180) -> None:
        """`seconds`: how long a run may take at the most."""
        self.cli, self.bench, self.server = cli, bench, server
        self._runs, self._seconds = 0, seconds
        entry = cli.configured()
        settings = entry["settings"]
        assert isinstance(settings, dict)
        # In between, so that a test can hold a start back (`gate`).
        self.program = bench.folder / cli.name
        self._real = str(settings["program"])
        self._install("")
        bench.settle_in({**entry, "settings": {**settings, "program": str(self.program)}})

    def script(self, replies: Scenario) -> str:
        """Sets the model's script for the next run; gives the scenario's name."""
        self._runs += 1
        name = f"run-{self._runs}"
        url = self.server.scenario(name, replies)
        self.bench.env |= self.cli.env(self.bench.home, url)
        return name

    def run(self, *replies: object, code: int = WAITS) -> list[Request]:
        """One `sow run` with a model that says `replies`; gives the requests that the model saw."""
        name = self.script(list(replies))  # type: ignore[arg-type]
        self.bench.sow("run", code=code, seconds=self._seconds)
        return self.server.seen(name)

    def gate(self) -> Path:
        """Holds every start of the program back until something is written to the pipe that this gives."""
        pipe = self.bench.folder / "gate"
        os.mkfifo(pipe)
        self._install(f"cat {pipe}; ")
        return pipe

    def _install(self, first: str) -> None:
        self.program.write_text(f'#!/bin/sh\n{first}exec {self._real} "$@"\n')
        self.program.chmod(0o755)

    @property
    def worktree(self) -> Path:
        return self.bench.repo / ".sow" / "worktrees" / "feat" / "greet--010"

    def write(self, text: str) -> Write:
        """The model's call that writes the greeting."""
        return Write(str(self.worktree / "welcome.txt"), text)


def told(request: Request) -> str:
    """All that the agent was told, oldest first."""
    return "\n".join(request.said("user"))
