"""The real Claude Code stops at what only a person can allow, and goes on with that call when they did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.model_server import Call, ModelServer, Request, Text, bash
from tests.model_server.claude import env_for_claude
from tests.real.cast import Cli, Desk
from tests.real.parts import bench_in, until
from tests.real.stage import DONE, HAND_IN, Stage, told

from sow_executors import claude_hook
from sow_executors.base import Asked, Denied

pytestmark = [pytest.mark.real_cli, pytest.mark.slow]

CLAUDE = Cli("claude", env_for_claude, {"permissions": "ask"})

COUNT = 'python3 -c \'open("ran", "a").write("x")\''
OTHER = "python3 -c 'print(6 * 7)'"
ALLOWED = "python3 -c 'print(\"allowed\")'"

OPTIONS = ["allow once", "allow for this task", "deny"]


@pytest.fixture
def stage(tmp_path: Path, model_server: ModelServer) -> Iterator[Stage]:
    with bench_in(tmp_path) as bench:
        yield Stage(CLAUDE, bench, model_server)


@pytest.fixture
def desk(tmp_path: Path, model_server: ModelServer) -> Desk:
    desk = Desk(CLAUDE, tmp_path, model_server)
    desk.scratch = tmp_path / "attempts" / "one"
    (desk.scratch / "inbox").mkdir(parents=True)
    return desk


def test_what_a_person_allowed_runs_once_whatever_was_killed_while_they_were_asked(stage: Stage) -> None:
    bench = stage.bench
    stage.script([bash("ls"), bash(COUNT), bash(COUNT), Text("Never said.")])
    run = bench.start("run", "--watch")
    until(lambda: bench.task()["status"] == "paused" and bench.attempts()[0].get("ended_at"))
    run.kill()
    run.wait(30)
    assert bench.strays() == [], "nothing runs while a person is asked"
    asked = bench.task()["question"]
    assert (asked["kind"], asked["text"], asked["options"]) == (
        "permission",
        f"The agent asks to run: {COUNT}",
        OPTIONS,
    )
    assert bench.events("tool.denied") == []

    bench.sow("task", "answer", "010", "allow once")
    # The same call a second time is another one: it was allowed once.
    first, *_ = stage.run(bash(COUNT), bash(COUNT))
    assert first.tool_results()[-1] == "(Bash completed with no output)"
    assert (stage.worktree / "ran").read_text() == "x"
    assert [text for text in first.said("user") if "A person" in text] == []
    assert bench.task()["question"]["text"] == asked["text"]

    bench.sow("task", "answer", "010", "Don't: count by hand")
    first, *_ = stage.run(HAND_IN, DONE)
    assert first.tool_results()[-1].endswith("A person did not allow this. They say: Don't: count by hand")
    assert (stage.worktree / "ran").read_text() == "x"
    assert bench.task()["status"] == "needs_review"
    assert bench.events("tool.denied") == []
    assert len({attempt["session_id"] for attempt in bench.attempts()}) == 1


def call(command: str, *also: Call) -> Call:
    return Call("Bash", {"command": command, "description": "count"}, also=also)


def test_of_calls_made_together_one_is_asked_for_and_what_was_allowed_before_runs(desk: Desk) -> None:
    together = call(COUNT, call(OTHER), call(ALLOWED))
    desk.server.scenario("work", [together, together])
    scope = claude_hook.scope("Bash", {"command": ALLOWED})
    turn = replace(desk.turn(), granted=(scope,))
    ended = desk.finish(desk.start(CLAUDE.executor.spawn(turn), "work"))
    assert [each.question for each in ended.of(Asked)] == [f"The agent asks to run: {COUNT}"]
    assert [each.detail for each in ended.of(Denied)] == [OTHER]
    (_, again) = desk.server.seen("work")
    assert again.tool_results() == [claude_hook.AGAIN, claude_hook.AGAIN, "allowed"]
    assert not (desk.tree / "ran").exists()


def test_a_subagent_is_told_that_it_can_t_ask_and_nobody_answers_for_a_person(desk: Desk) -> None:
    answer = Call("Write", {"file_path": str(desk.scratch / "inbox" / "permission.answer"), "content": "{}"})
    inner = {"description": "inner", "prompt": "Work below.", "subagent_type": "general-purpose"}
    outer: list[Call | Text] = [Call("Agent", {**inner, "run_in_background": False}), answer, Text("Done.")]
    within: list[Call | Text] = [call(COUNT), call(COUNT), Text("I could not.")]

    def script(request: Request) -> Call | Text:
        step = len(request.tool_results())
        return (outer if "Do the task." in told(request) else within)[step]

    desk.server.scenario("work", script)
    ended = desk.finish(desk.start(CLAUDE.executor.spawn(desk.turn()), "work"))
    assert ended.of(Asked) == []
    assert [each.reason for each in ended.of(Denied)][:2] == [claude_hook.NOT_FROM_HERE] * 2
    assert not list((desk.scratch / "inbox").glob("*"))
