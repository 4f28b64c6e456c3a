"""Real agents over the Agent Client Protocol, under the whole orchestrator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.model_server import cli_binary, env_for_claude, env_for_codex, env_for_gemini, env_for_opencode
from tests.real.parts import WAITS, Bench, bench_in
from tests.waiting import until

from sow_executors.model_server import Call, ModelServer, Reply, Request, Scenario, Text, bash, overloaded

# Many starts in one test, each of seconds: on a busy machine they add up.
pytestmark = [pytest.mark.real_cli, pytest.mark.slow, pytest.mark.timeout(900)]

HAND_IN = bash("sow task set status needs_review")
DONE = Text("It is done.")

ENVIRONMENTS = {
    "claude": env_for_claude,
    "codex": env_for_codex,
    "gemini": env_for_gemini,
    "opencode": env_for_opencode,
}

COMMANDS = {
    "claude": ["claude-agent-acp"],
    "codex": ["codex-acp"],
    "gemini": ["gemini", "--acp"],
    "opencode": ["opencode", "acp"],
}

PATTERNS = {
    "claude": ["ANTHROPIC_*", "CLAUDE_*", "DISABLE_*", "IS_SANDBOX"],
    "codex": ["CODEX_*", "OPENAI_*"],
    "gemini": ["GEMINI_*", "GOOGLE_*"],
    "opencode": ["OPENCODE_*"],
}


class Agent:
    """One real agent on a bench; each process of it meets the script that was set last."""

    def __init__(self, bench: Bench, server: ModelServer, name: str, permissions: str = "ask") -> None:
        self.bench, self.server, self.name = bench, server, name
        self.runs = 0
        self.outside = bench.folder / "outside.txt"
        program, *words = COMMANDS[name]
        own = {"claude": "CLAUDE_CODE_EXECUTABLE", "codex": "CODEX_PATH"}
        # Before the adapter, so that the test is skipped for the CLI that is not there.
        bench.env |= {own[name]: str(cli_binary(name))} if name in own else {}
        real = cli_binary(program)
        command = [str(asked_once(bench, real) if name == "opencode" else real), *words]
        settings = {"command": command, "permissions": permissions, "environment": PATTERNS[name]}
        bench.settle_in({"type": "acp", "settings": settings})

    def script(self, *replies: Reply) -> None:
        self.plays(list(replies))

    def plays(self, scenario: Scenario) -> None:
        self.runs += 1
        url = self.server.scenario(f"run-{self.runs}", scenario)
        self.bench.env |= ENVIRONMENTS[self.name](self.bench.home, url)

    def run(self, *replies: Reply) -> str:
        self.script(*replies)
        return self.bench.sow("run", code=WAITS, seconds=240)

    @property
    def touch(self) -> Reply:
        """A call that the agent asks its client about."""
        command = f"touch {self.outside}"
        if self.name != "codex":
            return bash(command)
        given = {"cmd": command, "login": False, "justification": "it is needed"}
        return Call("exec_command", {**given, "sandbox_permissions": "require_escalated"})


def asked_once(bench: Bench, program: Path) -> Path:
    """opencode, which takes seconds to tell its configuration, and is asked before each start."""
    told, stands_in = bench.folder / "told", bench.folder / "opencode"
    stands_in.write_text(
        f"""#!/bin/sh
        [ "$1 $2" = "debug config" ] || exec {program} "$@"
        [ -e {told} ] || {program} "$@" > {told}
        exec cat {told}
        """
    )
    stands_in.chmod(0o755)
    return stands_in


@pytest.fixture(params=["claude", "codex"])
def agent(request: pytest.FixtureRequest, tmp_path: Path, model_server: ModelServer) -> Iterator[Agent]:
    with bench_in(tmp_path) as bench:
        yield Agent(bench, model_server, request.param)


@pytest.mark.parametrize("name", ["gemini", "opencode"])
def test_by_the_rules_sow_runs_the_rest_is_refused_and_the_session_goes_on(
    name: str, tmp_path: Path, model_server: ModelServer
) -> None:
    """In one go, for these take seconds to begin."""
    with bench_in(tmp_path) as bench:
        agent = Agent(bench, model_server, name, "rules")
        # What its user allows there is asked about all the same, and what they deny is not.
        own = {"bash": {"*": "allow", "echo no*": "deny"}, "external_directory": "allow"}
        bench.env["OPENCODE_PERMISSION"] = json.dumps(own)
        denied = [bash("echo no way")] if name == "opencode" else []
        agent.run(bash("sow agent log begun"), agent.touch, *denied, HAND_IN, DONE)
        assert not agent.outside.exists()
        if denied:
            results = agent.server.seen(f"run-{agent.runs}")[-1].tool_results()
            assert "specified a rule which prevents" in results[2]
        assert bench.task()["status"] == "needs_review"
        assert [event["detail"] for event in bench.events("tool.denied")] == [f"touch {agent.outside}"]
        # At once, in the very minute in which the session began; Gemini lost it then, or with the next one.
        rounds = ("Do it better.", "And better still.") if name == "gemini" else ("Do it better.",)
        for words in rounds:
            bench.sow("task", "feedback", "010", words)
            agent.run(HAND_IN, DONE)
            (first, *_) = agent.server.seen(f"run-{agent.runs}")
            assert words in "\n".join(first.said("user"))
            assert "It is done." in first.said("assistant")
        assert [each["action"] for each in bench.attempts()] == ["spawn", *["resume"] * len(rounds)]
        assert len({each["session_id"] for each in bench.attempts()}) == 1


def last_total(bench: Bench, attempt: str) -> float:
    """What the session of an attempt has cost in all, by the agent's last word on it."""
    folder = bench.repo / ".sow" / "runtime" / "greet" / "attempts" / attempt
    lines = [json.loads(line) for line in (folder / "transcript.jsonl").read_text().splitlines()]
    updates = [line["update"] for line in lines if line["type"] == "update"]
    found: float = [update["cost"]["amount"] for update in updates if update.get("cost")][-1]
    return found


def question(agent: Agent) -> dict[str, Any]:
    task = agent.bench.task()
    assert task["status"] == "paused", task
    found: dict[str, Any] = task["question"]
    return found


def test_a_permission_is_asked_and_answered_and_the_session_goes_on(agent: Agent) -> None:
    bench = agent.bench
    agent.run(agent.touch, HAND_IN, DONE)
    asked = question(agent)
    assert (asked["kind"], asked["text"]) == ("permission", f"The agent asks to run: touch {agent.outside}")
    assert not agent.outside.exists()
    assert "its agent waited for it" in bench.sow("task", "answer", "010", "yes")
    until(lambda: bench.task()["status"] == "needs_review")
    bench.sow("run", code=WAITS, seconds=240)
    assert agent.outside.exists()
    (first,) = bench.attempts()
    assert (first["outcome"], first["input_tokens"] > 0) == ("finished", True)
    # Another round: the same session, and what it costs is told by itself.
    bench.sow("task", "feedback", "010", "Do it better.")
    agent.run(HAND_IN, DONE)
    second = bench.attempts()[-1]
    assert (second["session_id"], second["action"]) == (first["session_id"], "resume")
    assert "Do it better." in json.dumps(agent.server.seen(f"run-{agent.runs}")[0].body)
    if agent.name == "claude":
        assert min(first["cost_usd"], second["cost_usd"]) > 0
        assert first["cost_usd"] + second["cost_usd"] == pytest.approx(last_total(bench, second["id"]))


def test_a_no_with_words_is_told_to_the_agent(agent: Agent) -> None:
    bench = agent.bench

    def reply(request: Request) -> Reply:
        said = json.dumps(request.body)
        if "Rather not" in said:
            return DONE if "set status needs_review" in said.partition("Rather not")[2] else HAND_IN
        return DONE if agent.outside.name in said else agent.touch

    agent.plays(reply)
    bench.sow("run", code=WAITS, seconds=240)
    bench.sow("task", "answer", "010", "Rather not: hand it in.")
    until(lambda: bench.task()["status"] == "needs_review")
    bench.sow("run", code=WAITS, seconds=240)
    assert not agent.outside.exists()
    assert "Rather not: hand it in." in json.dumps(agent.server.seen(f"run-{agent.runs}")[-1].body)
    assert len(bench.attempts()) == 1


def test_a_stop_takes_the_whole_agent_along_and_the_answer_begins_the_next_turn(
    agent: Agent,
) -> None:
    bench = agent.bench
    agent.run(agent.touch, DONE)
    (attempt,) = bench.attempts()
    bench.sow("agent", "stop", "010")
    assert bench.strays() == []
    asked = question(agent)
    bench.sow("task", "answer", "010", "yes")
    agent.run(HAND_IN, DONE)
    assert bench.task()["status"] == "needs_review"
    second = bench.attempts()[-1]
    assert (second["session_id"], second["action"]) == (attempt["session_id"], "resume")
    assert asked["text"] in json.dumps(agent.server.seen(f"run-{agent.runs}")[0].body)


def test_an_overloaded_model_is_tried_again_later(agent: Agent) -> None:
    agent.script(overloaded())
    started = agent.bench.start("run")

    def tried() -> bool:
        return any("outcome" in attempt for attempt in agent.bench.attempts())

    until(lambda: agent.bench.task()["status"] == "pending" and tried())
    started.terminate()
    started.wait(120)
    (attempt,) = agent.bench.attempts()
    assert (attempt["outcome"], attempt["error_class"]) == ("failed", "overloaded")
