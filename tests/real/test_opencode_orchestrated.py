"""The real opencode under the whole orchestrator, in one session: each of its starts takes seconds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.real.cast import OPENCODE, Ended
from tests.real.parts import bench_in, kill_9, opened
from tests.real.stage import DONE, HAND_IN, Stage, told
from tests.waiting import until

from sow import process
from sow_executors.base import Denied, Returned, Said, Started, Turn
from sow_executors.model_server import Hang, ModelServer, Reply, Request, Text, Write, bash

pytestmark = [pytest.mark.real_cli, pytest.mark.slow, pytest.mark.timeout(900)]

SECONDS = 240
"""A turn takes seconds on a quiet machine, and much more on a busy one."""

ESCAPE = "touch escaped"

OUTBOX = "its attempt's outbox"


@pytest.fixture
def stage(tmp_path: Path, model_server: ModelServer) -> Iterator[Stage]:
    with bench_in(tmp_path) as bench:
        yield Stage(OPENCODE, bench, model_server, SECONDS)


def test_one_session_goes_on_through_kills_refusals_an_answer_and_a_terminal(stage: Stage) -> None:
    bench = stage.bench
    session = it_is_killed_before_its_first_event(stage)
    asked = it_is_killed_in_mid_tool(stage)
    first = read(stage, bench.attempts()[-1]["id"])
    assert [each.session_id for each in first.of(Started)] == [session]
    elsewhere = str(bench.folder / "elsewhere")
    assert [each.detail for each in first.of(Denied)] == [ESCAPE, f"sow task status && {ESCAPE}", elsewhere]
    assert all(each.reason for each in first.of(Denied))
    assert [each.ok for each in first.of(Returned)] == [True, True, False, False, False, True, True]
    assert "good day" not in told(asked)
    assert not (stage.worktree / "escaped").exists()
    assert not Path(elsewhere).exists()
    assert (outbox(stage) / "draft").read_text() == "x"

    bench.sow("task", "answer", "010", "Take good day")
    seen, *_ = stage.run(HAND_IN, DONE)
    assert bench.strays() == []
    answered = bench.attempts()[-1]
    assert seen.session == session
    assert "Write a greeting." in told(seen)
    assert "Take good day" in told(seen)
    assert "Stop now" in seen.tool_results()[-2]
    assert seen.tool_results()[-1] == "[Tool execution was interrupted]"
    again = read(stage, answered["id"])
    assert again.of(Said) == [Said("It is done.", "2")]
    assert [each.session_id for each in again.of(Started)] == [session]

    task = bench.task()
    assert (task["status"], task["session_id"]) == ("needs_review", session)
    attempts = bench.attempts()
    assert [each["action"] for each in attempts] == ["spawn", "resume", "resume"]
    assert [each["outcome"] for each in attempts] == ["lost", "lost", "finished"]
    assert {each["session_id"] for each in attempts} == {session}
    # What it used itself, and nothing of the past.
    assert (answered["input_tokens"], answered["output_tokens"]) == (200, 40)
    assert [each["session_id"] for each in bench.events("session.started")] == [session]
    assert [each["detail"] for each in bench.events("tool.denied")] == [
        each.detail for each in first.of(Denied)
    ]
    assert "It is done." in bench.sow("agent", "logs", "010")
    a_person_opens_it_on_a_terminal_and_is_asked_nothing(stage, session)
    bench.sow("task", "approve", "010")
    assert bench.on_branch("welcome.txt") == "good day\n"
    assert "session_id" not in bench.task()


def it_is_killed_before_its_first_event(stage: Stage) -> str:
    """That first event has the id which it makes; gives the id that its model was told."""
    bench = stage.bench
    name = stage.script([Hang()])
    run = bench.start("run")
    (request,) = stage.server.wait_for(name, 1, SECONDS)
    (attempt,) = bench.attempts()
    kill_9(run, attempt)
    assert "session_id" not in bench.task()
    assert read(stage, attempt["id"]).of(Started) == []
    return request.session


def it_is_killed_in_mid_tool(stage: Stage) -> Request:
    """After some that were allowed, some that were not, and a question; gives the last request."""
    bench = stage.bench
    gate = bench.folder / "gate"
    os.mkfifo(gate)
    calls: list[Reply] = [
        stage.write("good day\n"),
        bash("sow agent log begun"),
        bash(ESCAPE),
        bash(f"sow task status && {ESCAPE}"),
        Write(str(bench.folder / "elsewhere"), "x"),
        Write(OUTBOX, "x"),
        bash('sow task ask "Which greeting?" --option hello'),
        # An allowed command: sow reads its feedback from a pipe into which nobody writes.
        bash(f"sow task feedback 010 --file {gate}"),
    ]

    def reply(request: Request) -> Reply:
        call = calls[len(request.tool_results())]
        if isinstance(call, Write) and call.path == OUTBOX:
            return replace(call, path=str(outbox(stage) / "draft"))
        return call

    name = stage.script(reply)
    run = bench.start("run")
    last = stage.server.wait_for(name, len(calls), SECONDS)[-1]
    until(lambda: any("--file" in process.argv(pid) for pid in bench.strays()))
    kill_9(run, bench.attempts()[-1])
    assert bench.strays(), "its tool lives on in a session of its own"
    return last


def a_person_opens_it_on_a_terminal_and_is_asked_nothing(stage: Stage, session: str) -> None:
    scenario = stage.script([Text("Never said.")])
    settings = {**stage.cli.settings, "program": str(stage.program)}
    turn = Turn("", str(stage.worktree), str(stage.bench.folder), session, settings=settings)
    command = stage.cli.executor.attach(turn)
    with opened(command, {**stage.bench.env, **command.env, "TERM": "xterm-256color"}) as child:
        child.expect("It is done.", timeout=180)
        assert "trust" not in str(child.before)
    assert stage.server.seen(scenario) == []


def read(stage: Stage, attempt: str) -> Ended:
    """What the output of an attempt says, by the executor's reader."""
    reader = stage.cli.executor.reader(None)
    lines = (folder(stage, attempt) / "transcript.jsonl").read_text().splitlines()
    return Ended([report for line in lines for report in reader.read(line)], reader.end(-9, ""))


def outbox(stage: Stage) -> Path:
    """Of the attempt that began last: its agent may write there."""
    return folder(stage, stage.bench.attempts()[-1]["id"]) / "outbox"


def folder(stage: Stage, attempt: str) -> Path:
    return stage.bench.repo / ".sow" / "runtime" / "greet" / "attempts" / attempt
