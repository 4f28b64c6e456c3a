"""The real Claude Code stops at what only a person can allow, and goes on with that call when they did."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pexpect
import pyte
import pytest
from tests.model_server import env_for_claude
from tests.real.cast import Cli, Desk, Ended
from tests.real.parts import bench_in
from tests.real.stage import DONE, HAND_IN, Stage, told
from tests.waiting import until

from sow_executors import claude_hook, deferral
from sow_executors.base import Asked, Denied, Finished
from sow_executors.inbox import Answer, answer_text
from sow_executors.model_server import Call, ModelServer, Reply, Request, Text, bash

pytestmark = [pytest.mark.real_cli, pytest.mark.slow]

CLAUDE = Cli("claude", env_for_claude, {"permissions": "ask"})

COUNT = 'python3 -c \'open("ran", "a").write("x")\''
OTHER = "python3 -c 'print(6 * 7)'"
ALLOWED = "python3 -c 'print(\"allowed\")'"

QUESTION = f"The agent asks to run: {COUNT}"
OPTIONS = ["allow once", "allow for this task", "deny"]


@pytest.fixture
def stage(tmp_path: Path, model_server: ModelServer) -> Iterator[Stage]:
    with bench_in(tmp_path) as bench:
        yield Stage(CLAUDE, bench, model_server)


class AnsweringDesk(Desk):
    """A desk whose attempts have folders of their own, and at which a person answers."""

    def __init__(self, folder: Path, server: ModelServer) -> None:
        super().__init__(CLAUDE, folder, server)
        self._begin("one")

    def _begin(self, name: str) -> None:
        self.scratch = self.folder / "attempts" / name
        (self.scratch / "inbox").mkdir(parents=True)

    def answer(self, text: str, prompt: str, *replies: Reply) -> Ended:
        """Resumes with an answer; a `prompt` is needed where the stored call can't be gone on with."""
        inbox = str(self.scratch / "inbox")
        Path(deferral.answer_path(inbox)).write_text(answer_text(Answer(text)))
        verdict = deferral.verdict(inbox)
        assert verdict is not None
        self._begin("two")
        turn = replace(self.turn(prompt), verdict=replace(verdict, again=bool(prompt)))
        return self.finish(self.start(CLAUDE.executor.resume(turn), self.script(list(replies))))


@pytest.fixture
def desk(tmp_path: Path, model_server: ModelServer) -> AnsweringDesk:
    return AnsweringDesk(tmp_path, model_server)


def test_what_a_person_allowed_runs_once_whatever_was_killed_while_they_were_asked(stage: Stage) -> None:
    bench = stage.bench
    stage.script([bash("ls"), bash(COUNT), bash(COUNT), Text("Never said.")])
    run = bench.start("run", "--watch")
    until(lambda: bench.task()["status"] == "paused" and bench.attempts()[0].get("ended_at"))
    run.kill()
    run.wait(120)
    assert bench.strays() == [], "nothing runs while a person is asked"
    asked = bench.task()["question"]
    assert (asked["kind"], asked["text"], asked["options"]) == (
        "permission",
        QUESTION,
        OPTIONS,
    )
    assert bench.events("tool.denied") == []

    bench.sow("task", "answer", "010", "allow once")
    # The same call a second time is another one: it was allowed once.
    first, *_ = stage.run(bash(COUNT), HAND_IN, DONE)
    assert first.tool_results()[-1] == "(Bash completed with no output)"
    assert [text for text in first.said("user") if "A person" in text] == []
    assert (stage.worktree / "ran").read_text() == "x"
    assert bench.task()["status"] == "needs_review"
    assert [each["detail"] for each in bench.events("tool.denied")] == [COUNT]
    assert [attempt["reason"] for attempt in bench.attempts()] == ["start", "answer"]
    assert len({attempt["session_id"] for attempt in bench.attempts()}) == 1


def test_a_person_opens_a_stopped_session_on_a_terminal_and_their_answer_holds_for_the_next_call(
    stage: Stage,
) -> None:
    bench = stage.bench
    stage.run(bash("ls"), bash(COUNT), bash(COUNT), Text("Never said."))
    assert bench.task()["question"]["text"] == QUESTION
    stage.script([Text("I heard of the moon.")])
    settle(bench.home / ".claude" / ".claude.json")
    env = {**bench.env, "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    words = ["-m", "sow", "agent", "attach", "010"]
    screen = pyte.Screen(120, 40)
    shown = pyte.Stream(screen)
    with pexpect.spawn(
        sys.executable, words, cwd=str(bench.repo), env=env, encoding="utf-8", dimensions=(40, 120)
    ) as terminal:

        def shows(text: str) -> bool:
            shown.feed(terminal.read_nonblocking(65536, 120))
            return any(text in line for line in screen.display)

        until(lambda: shows("Resume with -p --resume to continue."))
        until(lambda: shows("accept edits on"))
        terminal.send("Think of the moon.")
        until(lambda: shows("Think of the moon."))
        terminal.send("\r")
        until(lambda: shows("I heard of the moon."))
        terminal.send("\x03")
        terminal.send("\x03")
        terminal.expect_exact("Back from the session of task 010, which is paused.", timeout=120)
        terminal.expect(pexpect.EOF, timeout=90)
    assert not (stage.worktree / "ran").exists()
    assert bench.task()["question"]["text"] == QUESTION
    bench.sow("task", "answer", "010", "allow once")
    first, *_ = stage.run(bash(COUNT), HAND_IN, DONE)
    assert "Think of the moon." in told(first)
    assert (stage.worktree / "ran").read_text() == "x"
    assert bench.task()["status"] == "needs_review"
    assert [each["action"] for each in bench.attempts()] == ["spawn", "attach", "resume"]


def settle(config: Path) -> None:
    """Answers beforehand what Claude asks when it is first started on a terminal."""
    keys = {"approved": ["sk-ant-no-real-key"[-20:]], "rejected": []}
    settled = {"hasCompletedOnboarding": True, "theme": "dark", "customApiKeyResponses": keys}
    config.write_text(json.dumps({**json.loads(config.read_text()), **settled}))


def call(command: str, *also: Call) -> Call:
    return Call("Bash", {"command": command, "description": "count"}, also=also)


def test_a_subagent_can_t_ask_nobody_answers_for_a_person_and_a_no_reaches_the_agent(
    desk: AnsweringDesk,
) -> None:
    inbox = str(desk.scratch / "inbox")
    forged = Call("Write", {"file_path": deferral.answer_path(inbox), "content": "{}"})
    inner = {"description": "inner", "prompt": "Work below.", "subagent_type": "general-purpose"}
    outer = [Call("Agent", {**inner, "run_in_background": False}), forged, call(COUNT), call(COUNT)]
    within: list[Call | Text] = [call(COUNT), call(COUNT), Text("I could not.")]

    def script(request: Request) -> Call | Text:
        step = len(request.tool_results())
        return outer[step] if "Do the task." in told(request) else within[step]

    desk.server.scenario("work", script)
    ended = desk.finish(desk.start(CLAUDE.executor.spawn(desk.turn()), "work"))
    assert [(each.question, each.crowded) for each in ended.of(Asked)] == [(QUESTION, False)]
    assert [each.reason for each in ended.of(Denied)] == [claude_hook.NOT_FROM_HERE] * 2 + [""]
    assert deferral.given(inbox) is None

    refused = desk.answer("Don't: count by hand", "", Text("By hand, then."))
    assert refused.end == Finished("By hand, then.", 1)
    (seen,) = desk.seen()
    assert seen.tool_results()[-1] == (
        f"PreToolUse:Bash hook error: {claude_hook.REFUSED} They say: Don't: count by hand"
    )
    assert refused.of(Denied) == []
    assert not (desk.tree / "ran").exists()


def test_of_calls_made_together_one_is_asked_for_and_what_is_said_holds_when_it_is_made_again(
    desk: AnsweringDesk,
) -> None:
    together = call(COUNT, call(OTHER), call(ALLOWED))
    scope = claude_hook.scope("Bash", {"command": ALLOWED})
    desk.server.scenario("work", [Call("Read", {"file_path": "/dev/null"}), together, together])
    turn = replace(desk.turn(), granted=(scope,))
    ended = desk.finish(desk.start(CLAUDE.executor.spawn(turn), "work"))
    # Claude would run the call at a resume, and lose its result.
    assert [(each.question, each.crowded) for each in ended.of(Asked)] == [(QUESTION, True)]
    assert OTHER in [each.detail for each in ended.of(Denied)]
    assert desk.server.seen("work")[-1].tool_results()[1:] == [
        claude_hook.AGAIN,
        claude_hook.AGAIN,
        "allowed",
    ]

    allowed = desk.answer("yes", "A person allowed it.", Text("I see."), call(COUNT), call(COUNT), DONE)
    assert isinstance(allowed.end, Finished)
    assert [each.reason for each in allowed.of(Denied)] == ["the agent was told how to ask, and did not"]
    assert desk.seen()[-1].tool_results()[-2:] == ["(Bash completed with no output)", claude_hook.AGAIN]
    assert (desk.tree / "ran").read_text() == "x"
