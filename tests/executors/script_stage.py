"""A stage for scripts: a folder, a `sow` that only takes notes, and the agent as a real process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.waiting import until

from sow_executors.base import Command, Failed, Finished, Report, Turn
from sow_executors.script import Script

DEADLINE = 60.0

NOTES = """#!{python} -IS
import json, os, sys
with open({notes!r}, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
if os.path.exists({refusal!r}):
    sys.exit(open({refusal!r}).read())
"""


@dataclass(frozen=True)
class Played:
    """What one turn came to."""

    lines: list[dict[str, object]]
    reports: list[Report]
    end: Finished | Failed
    code: int
    stderr: str

    @property
    def kind(self) -> str:
        """The class of the failure, or `finished`."""
        return self.end.kind if isinstance(self.end, Failed) else "finished"


@dataclass
class Stage:
    """One worktree, one session, one script after another."""

    tmp: Path
    session_id: str = "s-1"
    task_id: str = "010"
    params: dict[str, object] = field(default_factory=dict)
    more_env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in (self.folder, self.home, self.bin):
            folder.mkdir(parents=True, exist_ok=True)
        sow = self.bin / "sow"
        sow.write_text(NOTES.format(python=sys.executable, notes=str(self.notes), refusal=str(self.refusal)))
        sow.chmod(0o755)

    @property
    def folder(self) -> Path:
        return self.tmp / "worktree"

    @property
    def home(self) -> Path:
        return self.tmp / "home"

    @property
    def bin(self) -> Path:
        return self.tmp / "bin"

    @property
    def notes(self) -> Path:
        return self.tmp / "sow-calls"

    @property
    def refusal(self) -> Path:
        """Where this file is, the noting `sow` refuses with the words in it."""
        return self.tmp / "sow-refuses"

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of every call of `sow`, in order."""
        if not self.notes.exists():
            return []
        return [json.loads(line) for line in self.notes.read_text().splitlines()]

    def kept(self) -> dict[str, object]:
        """What the agent has written down of the session; nothing before its first breath."""
        file = self.home / "script" / f"{self.session_id}.json"
        kept: dict[str, object] = json.loads(file.read_text()) if file.exists() else {}
        return kept

    def script(self, text: str) -> None:
        (self.tmp / "script.yaml").write_text(text, "utf-8")

    def turn(self, prompt: str) -> Turn:
        return Turn(
            prompt=prompt,
            folder=str(self.folder),
            scratch=str(self.tmp),
            session_id=self.session_id,
            task_id=self.task_id,
            settings={"script": str(self.tmp / "script.yaml")},
            params=self.params,
        )

    def env(self, command: Command) -> Mapping[str, str]:
        return {
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "SOW_SCRIPT_HOME": str(self.home / "script"),
            **self.more_env,
            **command.env,
        }

    def spawn(self, prompt: str = "go") -> Played:
        return self.play(Script().spawn(self.turn(prompt)))

    def resume(self, prompt: str = "go on") -> Played:
        return self.play(Script().resume(self.turn(prompt)))

    def play(self, command: Command) -> Played:
        with self.playing(command) as process:
            out, err = process.communicate(timeout=DEADLINE)
        return self.played(out, err, process.returncode)

    @contextmanager
    def playing(self, command: Command) -> "Iterator[subprocess.Popen[str]]":
        """The agent under way; it has its prompt, and is ended with the block."""
        process = subprocess.Popen(
            command.argv,
            cwd=command.folder,
            env=self.env(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert process.stdin is not None
            process.stdin.write(command.stdin or "")
            process.stdin.close()
            process.stdin = None
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def stopped(self, command: Command, number: signal.Signals, ready: Path) -> Played:
        """The turn that the signal ends as soon as the file `ready` is there."""
        with self.playing(command) as process:
            until(ready.exists, f"{ready.name} is there")
            os.killpg(process.pid, number)
            out, err = process.communicate(timeout=DEADLINE)
        return self.played(out, err, process.returncode)

    def played(self, out: str, err: str, code: int) -> Played:
        reader = Script().reader(self.session_id)
        reports = [report for line in out.splitlines() for report in reader.read(line)]
        lines = [json.loads(line) for line in out.splitlines()]
        return Played(lines, reports, reader.end(code, err), code, err)
