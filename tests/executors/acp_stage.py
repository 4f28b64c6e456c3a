"""Real bridges with a real agent behind each: what they printed, and what became of their processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.waiting import until

from sow import process
from sow_executors import inbox
from sow_executors.acp import Acp
from sow_executors.base import Command, Failed, Finished, Report, Started, Turn

AGENT = (sys.executable, "-S", "-E", str(Path(__file__).parents[1] / "agents" / "acp_agent.py"))


class Bridged:
    """One attempt: a bridge, and the agent that it runs."""

    def __init__(self, scratch: Path, command: Command) -> None:
        self.scratch, self.inbox = scratch, str(scratch / "inbox")
        self.mark = scratch.name
        (scratch / "prompt").write_text(command.stdin or "")
        env = {"PATH": os.environ["PATH"], "HOME": str(scratch), process.MARK: self.mark}
        with (
            (scratch / "prompt").open("rb") as prompt,
            (scratch / "transcript.jsonl").open("ab") as out,
            (scratch / "stderr.log").open("ab") as err,
        ):
            self.process = subprocess.Popen(
                command.argv, cwd=command.folder, env=env, stdin=prompt, stdout=out, stderr=err
            )

    @property
    def lines(self) -> list[dict[str, Any]]:
        whole = (self.scratch / "transcript.jsonl").read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    @property
    def errors(self) -> str:
        return (self.scratch / "stderr.log").read_text()

    def until_it_tells(self, kind: str) -> dict[str, Any]:
        """The first line of a kind, once it is there."""

        def told() -> dict[str, Any] | None:
            found = next((line for line in self.lines if line["type"] == kind), None)
            assert found or self.process.poll() is None, f"{self.lines}\n{self.errors}"
            return found

        found: dict[str, Any] = until(told)
        return found

    def until_it_asks(self) -> inbox.Question:
        """The question that it holds."""
        asked: list[inbox.Question] = until(lambda: inbox.waiting(self.inbox))
        return asked[0]

    def answer(self, question: inbox.Question, text: str, **rest: Any) -> None:
        path = Path(inbox.answer_path(self.inbox, question.name))
        beside = path.with_name(".new")
        beside.write_text(inbox.answer_text(inbox.Answer(text, "ada", "2026-11-25T12:00:00Z", **rest)))
        beside.rename(path)

    def end(self, seconds: float = 60.0) -> tuple[list[Report], Finished | Failed]:
        """Waits for the end: what was reported, and how it ended. No process may be left."""
        code = self.process.wait(seconds)
        reader = Acp().reader(None)
        text = (self.scratch / "transcript.jsonl").read_text()
        reports = [report for line in text.splitlines() for report in reader.read(line)]
        assert until(lambda: not process.marked(self.mark)), "something outlived the bridge"
        return reports, reader.end(code, self.errors)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in process.marked(self.mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class AcpStage:
    """A worktree, an agent with a script, and the attempts made of it."""

    def __init__(self, tmp: Path, **play: Any) -> None:
        self.tmp, self.folder = tmp, tmp / "tree"
        self.folder.mkdir()
        (tmp / "attempts").mkdir()
        self.script = tmp / "play.json"
        self.play(**play)
        self.made: list[Bridged] = []

    def play(self, *turns: list[dict[str, Any]], **rest: Any) -> None:
        self.script.write_text(json.dumps({**rest, "turns": list(turns) or rest.get("turns", [])}))

    def start(self, prompt: str = "do it", session: str | None = None, **settings: Any) -> Bridged:
        """An attempt that opens a session, or goes on with one."""
        scratch = self.tmp / "attempts" / f"010-1-{len(self.made) + 1}-{os.getpid()}{time.time_ns()}"
        for each in ("inbox", "outbox"):
            (scratch / each).mkdir(parents=True)
        grace, late = settings.pop("grace_seconds", 8.0), tuple(settings.pop("late", ()))
        tools = settings.pop("tools", None)
        turn = Turn(
            prompt, str(self.folder), str(scratch), session, grace_seconds=grace, late_answers=late,
            tools=tools,
            settings={"command": [*AGENT, str(self.script)], **settings},
        )  # fmt: skip
        executor = Acp(turn.settings)
        self.made.append(Bridged(scratch, executor.resume(turn) if session else executor.spawn(turn)))
        return self.made[-1]

    def run(self, prompt: str = "do it", session: str | None = None, **settings: Any) -> Any:
        """The same, waited for."""
        return self.start(prompt, session, **settings).end()

    @property
    def permits(self) -> list[str]:
        """What the agent was answered to each request for permission."""
        path = self.script.with_suffix(".permits")
        return path.read_text().splitlines() if path.exists() else []

    def prompts(self, session: str) -> list[str]:
        """All that a session was told."""
        held: dict[str, Any] = json.loads((self.tmp / "play.sessions" / f"{session}.json").read_text())
        found: list[str] = held["prompts"]
        return found


@contextmanager
def acp_stage(tmp: Path) -> Iterator[AcpStage]:
    """A stage of which no process is left, whatever the test did."""
    stage = AcpStage(tmp)
    try:
        yield stage
    finally:
        for bridged in stage.made:
            bridged.close()


def session_of(reports: list[Report]) -> str:
    return next(report.session_id for report in reports if isinstance(report, Started))
