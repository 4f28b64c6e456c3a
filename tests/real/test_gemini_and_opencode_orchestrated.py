"""Gemini CLI and opencode under the whole orchestrator: `sow` as a person runs it, over a scripted model."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.model_server import ModelServer, Reply, Request, Text, Write, bash, unauthorized
from tests.real.cast import GEMINI, OPENCODE, Cli
from tests.real.parts import INTERRUPTED, WAITS, Bench, bench_in, until

pytestmark = [pytest.mark.real_cli, pytest.mark.slow]

HAND_IN = bash("sow task set status needs_review")
DONE = Text("It is done.")
SECONDS = 150
"""A turn of theirs takes seconds on a quiet machine, and much more on a busy one."""


class Stage:
    """A bench whose implementer is the real program; each `sow run` meets a script of its own."""

    def __init__(self, cli: Cli, bench: Bench, server: ModelServer) -> None:
        self.cli, self.bench, self.server = cli, bench, server
        self._runs = 0

    def settle_in(self, **settings: object) -> None:
        self.bench.settle_in(self.cli.configured(**settings))

    def script(self, *replies: Reply) -> str:
        """Sets the model's script for the next run; gives the scenario's name."""
        self._runs += 1
        name = f"run-{self._runs}"
        url = self.server.scenario(name, replies)
        self.bench.env |= self.cli.env(self.bench.home, url)
        return name

    def run(self, *replies: Reply) -> list[Request]:
        """One `sow run` with a model that says `replies`; gives the requests that the model saw."""
        name = self.script(*replies)
        self.bench.sow("run", code=WAITS, seconds=SECONDS)
        return self.server.seen(name)

    def write(self, text: str) -> Write:
        """The model's call that writes the greeting."""
        worktree = self.bench.repo / ".sow" / "worktrees" / "feat" / "greet--010"
        return Write(str(worktree / "welcome.txt"), text)


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path, model_server: ModelServer) -> Iterator[Stage]:
    with bench_in(tmp_path) as bench:
        yield Stage(request.param, bench, model_server)


both = pytest.mark.parametrize("stage", [GEMINI, OPENCODE], ids=lambda cli: cli.name, indirect=True)
gemini = pytest.mark.parametrize("stage", [GEMINI], ids=["gemini"], indirect=True)


def told(request: Request) -> str:
    """All that the agent was told, oldest first."""
    return "\n".join(request.said("user"))


@both
def test_an_answer_and_a_review_come_in_one_session_and_what_is_approved_is_merged(stage: Stage) -> None:
    bench = stage.bench
    stage.settle_in()
    stage.run(bash('sow task ask "Which greeting?"'), Text("I wait for the answer."))
    paused = bench.task()
    assert (paused["status"], paused["question"]["text"]) == ("paused", "Which greeting?")
    bench.sow("task", "answer", "010", "Take good day")
    first, *_ = stage.run(stage.write("good day\n"), bash("curl http://127.0.0.1:9/"), HAND_IN, DONE)
    assert "Take good day" in told(first)
    assert "Write a greeting." in told(first)
    assert "I wait for the answer." in first.said("assistant")
    assert bench.task()["status"] == "needs_review"
    assert bench.events("tool.denied")[0]["detail"] == "curl http://127.0.0.1:9/"

    bench.sow("task", "feedback", "010", "More cheerful, please")
    second, *_ = stage.run(stage.write("good day!\n"), HAND_IN, DONE)
    assert "More cheerful, please" in told(second)
    assert "It is done." in second.said("assistant")

    task = bench.task()
    assert (task["status"], task["iteration"]) == ("needs_review", 2)
    assert task["session_id"] == paused["session_id"]
    attempts = bench.attempts()
    assert [each["action"] for each in attempts] == ["spawn", "resume", "resume"]
    assert {each["session_id"] for each in attempts} == {task["session_id"]}
    assert [each["input_tokens"] for each in attempts] == [200, 400, 300]
    assert [each["outcome"] for each in attempts] == ["finished"] * 3
    bench.sow("task", "approve", "010")
    assert bench.on_branch("welcome.txt") == "good day!\n"


@both
def test_an_interrupted_agent_leaves_nothing_behind_and_goes_on_in_its_session(stage: Stage) -> None:
    bench = stage.bench
    stage.settle_in(yolo_mode=True)
    gate = bench.folder / "gate"
    os.mkfifo(gate)
    stage.script(bash("sow agent log begun"), bash(f"sow agent log again; cat {gate}"))
    run = bench.start("run")
    until(lambda: len(bench.events("agent.message")) == 2, SECONDS)
    session = bench.task()["session_id"]
    run.send_signal(signal.SIGINT)
    assert run.wait(SECONDS) == INTERRUPTED
    assert bench.strays() == []
    assert bench.task()["status"] == "in_progress"

    first, *_ = stage.run(HAND_IN, DONE)
    assert "Write a greeting." in told(first)
    task = bench.task()
    assert (task["status"], task["session_id"]) == ("needs_review", session)
    stopped, resumed = bench.attempts()
    assert (stopped["outcome"], stopped["error_class"]) == ("stopped", "interrupted")
    assert (resumed["action"], resumed["outcome"]) == ("resume", "finished")


@gemini
def test_a_session_that_never_had_an_answer_gives_way_to_a_new_one(stage: Stage) -> None:
    """Gemini neither lists such a session nor lets another one have its id."""
    bench = stage.bench
    stage.settle_in()
    stage.run(unauthorized())
    paused = bench.task()
    assert (paused["status"], paused["question"]["kind"]) == ("paused", "failure")
    assert "Log the CLI in again" in paused["question"]["text"]
    bench.sow("task", "retry", "010")
    seen = stage.run(HAND_IN, DONE)
    task = bench.task()
    assert task["status"] == "needs_review"
    assert task["session_id"] != paused["session_id"]
    assert "Write a greeting." in told(seen[0])
    assert [each.get("error_class") for each in bench.attempts()] == [
        "auth_invalid",
        "session_not_found",
        "session_conflict",
        None,
    ]
