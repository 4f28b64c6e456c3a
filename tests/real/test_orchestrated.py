"""Real CLIs under the whole orchestrator, one scenario for all: `sow` as a person runs it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.real.cast import CODEX, GEMINI, Cli
from tests.real.parts import INTERRUPTED, bench_in
from tests.real.stage import DONE, HAND_IN, Stage, told
from tests.waiting import until

from sow_executors.model_server import ModelServer, Text, bash

# Many starts in one test, each of seconds: on a busy machine they add up.
pytestmark = [pytest.mark.real_cli, pytest.mark.slow, pytest.mark.timeout(900)]

SECONDS = 240
"""A turn of some takes seconds on a quiet machine, and much more on a busy one."""


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path, model_server: ModelServer) -> Iterator[Stage]:
    with bench_in(tmp_path) as bench:
        yield Stage(request.param, bench, model_server, SECONDS)


def free(cli: Cli) -> Cli:
    """The same, with `yolo_mode` on."""
    return replace(cli, settings={**cli.settings, "yolo_mode": True})


def on(*clis: Cli) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("stage", clis, ids=lambda cli: cli.name, indirect=True)


@on(CODEX, GEMINI)
def test_an_answer_and_a_review_come_in_one_session_and_what_is_approved_is_merged(stage: Stage) -> None:
    bench = stage.bench
    stage.run(bash('sow task ask "Which greeting?" --option hello'), Text("I wait for the answer."))
    paused = bench.task()
    assert (paused["status"], paused["question"]["text"]) == ("paused", "Which greeting?")
    assert paused["question"]["options"] == ["hello"]

    bench.sow("task", "answer", "010", "Take good day")
    first, *_ = stage.run(stage.write("good day\n"), bash("curl http://127.0.0.1:9/"), HAND_IN, DONE)
    assert "Take good day" in told(first)
    assert "Write a greeting." in told(first)
    assert "I wait for the answer." in first.said("assistant")
    assert bench.task()["status"] == "needs_review"
    # Codex refuses nothing: what its sandbox forbids is begun, and fails.
    denied = [] if stage.cli is CODEX else ["curl http://127.0.0.1:9/"]
    assert [each["detail"] for each in bench.events("tool.denied")] == denied

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
    # Whatever a CLI counts, an attempt has what it added.
    assert [each["input_tokens"] for each in attempts] == [200, 400, 300]
    assert [each["output_tokens"] for each in attempts] == [40, 80, 60]
    assert [each["outcome"] for each in attempts] == ["finished"] * 3
    began = [each["session_id"] for each in bench.events("session.started")]
    assert began == [task["session_id"]]
    readable = bench.sow("agent", "logs", "010")
    assert ("I wait for the answer." in readable, "It is done." in readable) == (True, True)
    bench.sow("task", "approve", "010")
    assert bench.on_branch("welcome.txt") == "good day!\n"
    assert "session_id" not in bench.task()


@on(CODEX, free(GEMINI))
def test_an_interrupted_agent_leaves_nothing_behind_and_goes_on_in_its_session(stage: Stage) -> None:
    bench = stage.bench
    gate = bench.folder / "gate"
    os.mkfifo(gate)
    stage.script([bash("sow agent log begun"), bash(f"sow agent log again; cat {gate}")])
    run = bench.start("run")
    until(lambda: len(bench.events("agent.message")) == 2)
    session = bench.task()["session_id"]
    run.send_signal(signal.SIGINT)
    assert run.wait(SECONDS) == INTERRUPTED
    assert bench.strays() == []
    assert bench.task()["status"] == "in_progress"

    # Gemini runs no command in a command, whatever it may do.
    hidden = [bash("echo $(touch made)")] if stage.cli.name == "gemini" else []
    first, *_ = stage.run(*hidden, HAND_IN, DONE)
    assert "Write a greeting." in told(first)
    assert [each["detail"] for each in bench.events("tool.denied")] == ["echo $(touch made)"] * len(hidden)
    assert not (stage.worktree / "made").exists()
    task = bench.task()
    assert (task["status"], task["session_id"]) == ("needs_review", session)
    stopped, resumed = bench.attempts()
    assert (stopped["outcome"], stopped["error_class"]) == ("stopped", "interrupted")
    assert (resumed["action"], resumed["outcome"]) == ("resume", "finished")
