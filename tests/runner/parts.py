"""What the runner's tests share: attempts of their own, other processes, waits with an end."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import until

from sow import process
from sow.runner.local import LocalRunner, Running
from sow_executors.base import Command

ROOT = Path(__file__).parents[2]
HOSTILE = str(ROOT / "tests/agents/hostile.py")
BARE: Mapping[str, str] = {"PATH": os.defpath, "LANG": "C.UTF-8"}


class Attempts:
    """A runner, and attempts with names that no other test has."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.work.mkdir()
        self.folder = folder / "attempts"
        self.runner = LocalRunner(base_env=BARE)
        self.names: list[str] = []

    def new(self) -> tuple[str, str]:
        """A name, and the folder for it."""
        name = f"t-{uuid.uuid4().hex}"
        self.names.append(name)
        return name, str(self.folder / name)

    def command(self, *argv: str, stdin: str | None = None, **env: str) -> Command:
        return Command(argv=argv, folder=str(self.work), stdin=stdin, env=env)

    def start(self, *argv: str, stdin: str | None = None, **env: str) -> Running:
        name, folder = self.new()
        return self.runner.start(self.command(*argv, stdin=stdin, **env), name, folder, {})

    def hostile(self, mode: str) -> Running:
        """An agent that does not want to end; its whole tree stands."""
        name, folder = self.new()
        ready = f"{folder}.ready"
        argv = (sys.executable, "-S", "-E", HOSTILE, mode, ready)
        running = self.runner.start(self.command(*argv), name, folder, {})
        until(lambda: os.path.exists(ready))
        return running

    def done(self, running: Running) -> None:
        """Wait until an attempt has ended by itself."""
        until(lambda: not process.alive(running.identity))

    def text(self, running: Running, name: str = "transcript.jsonl") -> str:
        return (Path(running.folder) / name).read_text()


@contextmanager
def attempts_in(folder: Path) -> Iterator[Attempts]:
    """Attempts of which nothing is left after the test, whatever it did."""
    attempts = Attempts(folder)
    try:
        yield attempts
    finally:
        for name in attempts.names:
            attempts.runner.sweep(name, grace=0.0)


def python(code: str, *args: str) -> "subprocess.Popen[str]":
    """Another Python process that can import sow; its output is to be read."""
    env = {**BARE, "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("orchestrator", "executors"))}
    pipe = subprocess.PIPE
    argv = [sys.executable, "-c", code, *args]
    return subprocess.Popen(argv, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def kill(running: Running, number: signal.Signals) -> None:
    """A signal to the shell around an attempt's command, and to nothing else."""
    os.kill(running.identity.pid, number)
