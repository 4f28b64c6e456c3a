"""The real Claude Code, run as the executor says, against a scripted model on loopback.

How a refused login, a used-up plan and a session that is none are told: `test_executor_check`.
What becomes of a kill in the middle of a tool, and of turns that run out: `test_claude_orchestrated`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.model_server import cli_binary, env_for_claude
from tests.real.parts import answer_of, opened

from sow_executors.base import (
    Command,
    Denied,
    Failed,
    Finished,
    Report,
    Retried,
    Returned,
    Said,
    Spent,
    Started,
    Turn,
    Used,
)
from sow_executors.claude import Claude
from sow_executors.extras import Answer, Login
from sow_executors.model_server import (
    Call,
    Hang,
    ModelServer,
    Reply,
    Text,
    bash,
    overloaded,
)

pytestmark = [pytest.mark.real_cli, pytest.mark.slow]


@dataclass
class Ended:
    """One attempt, read to its end."""

    reports: list[Report]
    end: Finished | Failed
    results: list[dict[str, Any]] = field(default_factory=list)

    def of(self, kind: type[Report]) -> list[Any]:
        return [report for report in self.reports if isinstance(report, kind)]


class Desk:
    """A worktree, a home and the real program in them: a runner in ten lines."""

    def __init__(self, folder: Path, server: ModelServer) -> None:
        self.binary = cli_binary("claude")
        self.server = server
        self.home, self.tree = folder / "home", folder / "tree"
        for each in (self.home, self.tree, folder / "bin"):
            each.mkdir()
        sow = folder / "bin" / "sow"
        sow.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\necho heard\n')
        sow.chmod(0o755)
        self.path = f"{folder}/bin:{os.environ['PATH']}"
        self.calls = folder / "calls"
        self.id = str(uuid.uuid4())

    def turn(self, prompt: str = "Do the task.", **settings: object) -> Turn:
        settings = {"program": str(self.binary), **settings}
        tree = str(self.tree)
        return Turn(prompt=prompt, folder=tree, scratch=tree, session_id=self.id, settings=settings)

    def env(self, command: Command, scenario: str) -> dict[str, str]:
        url = f"{self.server.url}/s/{scenario}"
        return {**env_for_claude(self.home, url), "PATH": self.path, **command.env}

    def perform(self, command: Command, scenario: str) -> Ended:
        ran = subprocess.run(
            command.argv,
            input=command.stdin,
            capture_output=True,
            text=True,
            cwd=command.folder,
            env=self.env(command, scenario),
            timeout=120,
        )
        reader = Claude().reader(self.id)
        lines = ran.stdout.splitlines()
        reports = [report for line in lines for report in reader.read(line)]
        events = [json.loads(line) for line in lines if line.startswith("{")]
        results = [event for event in events if event["type"] == "result"]
        return Ended(reports, reader.end(ran.returncode, ran.stderr), results)

    def spawn(self, replies: list[Reply], prompt: str = "Do the task.", **settings: object) -> Ended:
        self.server.scenario("work", replies)
        return self.perform(Claude().spawn(self.turn(prompt, **settings)), "work")

    def resume(self, replies: list[Reply], prompt: str = "Go on.", **settings: object) -> Ended:
        self.server.scenario("more", replies)
        return self.perform(Claude().resume(self.turn(prompt, **settings)), "more")


@pytest.fixture
def desk(tmp_path: Path, model_server: ModelServer) -> Desk:
    return Desk(tmp_path, model_server)


def test_with_yolo_mode_on_every_command_runs_in_a_session_of_our_id(desk: Desk) -> None:
    prompt = "-p --help, and " + "x" * 200_000
    ended = desk.spawn(
        [bash("python3 -c 'print(6 * 7)'"), Text("Hello there.")], prompt=prompt, yolo_mode=True
    )
    (started,) = ended.of(Started)
    assert started.session_id == desk.id
    assert started.version
    assert ended.of(Said) == [Said("Hello there.")]
    assert ended.of(Denied) == []
    assert ended.end == Finished("Hello there.", 2)
    first, second = desk.server.seen("work")
    assert {first.session, second.session} == {desk.id}
    assert any(text.endswith("x" * 200_000) and "-p --help" in text for text in first.said("user"))
    assert second.tool_results() == ["42"]


PRINTS, ESCAPES = "python3 -c 'print(6 * 7)'", 'perl -e \'open(my $file, ">", "escaped")\''


def test_in_one_session_the_rules_hold_a_resume_costs_what_it_adds_and_a_person_opens_it_on_a_terminal(
    desk: Desk, tmp_path: Path
) -> None:
    first = the_rules_hold(desk, tmp_path / "outbox")
    a_resume_goes_on_and_costs_what_it_adds(desk, first)
    taken = desk.spawn([Text("Never said.")])
    assert isinstance(taken.end, Failed)
    assert taken.end.kind == "session_conflict"
    a_person_opens_it_on_a_terminal_without_a_question_of_trust(desk)


def the_rules_hold(desk: Desk, outbox: Path) -> Ended:
    """Edits run, and `sow`, a check of the user's, and what is written to a folder that is open."""
    outbox.mkdir()
    notes, report, begun = desk.tree / "notes.txt", outbox / "report", "sow task set status needs_review"
    desk.server.scenario(
        "work",
        [
            Call("Write", {"file_path": str(notes), "content": "done\n"}),
            bash(begun),
            bash(ESCAPES),
            bash(PRINTS),
            Call("Write", {"file_path": str(report), "content": "x"}),
            Text("Half done."),
        ],
    )
    turn = replace(
        desk.turn("Write the parser."), allowed_commands=("sow", "python3 -c"), writable=(str(outbox),)
    )
    ended = desk.perform(Claude().spawn(turn), "work")
    assert notes.read_text() == "done\n"
    assert desk.calls.read_text() == "task set status needs_review\n"
    assert not (desk.tree / "escaped").exists()
    assert report.exists()
    (denied,) = ended.of(Denied)
    assert (denied.tool, denied.detail) == ("Bash", ESCAPES)
    assert denied.reason
    used = {each.call: each for each in ended.of(Used)}
    returned = {each.call: each.ok for each in ended.of(Returned)}
    assert [used[call].detail for call in used] == [str(notes), begun, ESCAPES, PRINTS, str(report)]
    assert [returned[call] for call in used] == [True, True, False, True, True]
    results = desk.server.seen("work")[-1].tool_results()
    assert (results[1], results[3]) == ("heard", "42")
    assert ended.end == Finished("Half done.", 6)
    return ended


def a_resume_goes_on_and_costs_what_it_adds(desk: Desk, first: Ended) -> None:
    second = desk.resume([Text("The parser is written.")], prompt="Handle empty input too.")
    assert second.of(Started)[0].session_id == desk.id
    seen = desk.server.seen("more")[0]
    assert any("Write the parser." in text for text in seen.said("user"))
    assert "Half done." in seen.said("assistant")
    assert any("Handle empty input too." in text for text in seen.said("user"))
    assert "heard" in seen.tool_results()
    tokens = [
        [(each.input_tokens, each.output_tokens) for each in ended.of(Spent)] for ended in (first, second)
    ]
    # As they come, with each answer; the price alone is left for the result.
    assert tokens == [[(100, 20)] * 6 + [(0, 0)], [(100, 20), (0, 0)]]
    spent, added = (sum(each.usd or 0.0 for each in ended.of(Spent)) for ended in (first, second))
    # The program's own total goes on over the resume: summed, it would count the first turn twice.
    assert spent + added == pytest.approx(second.results[-1]["total_cost_usd"])
    assert added == pytest.approx(spent / 6)


def test_a_refusal_of_the_api_is_retried_and_classed(desk: Desk) -> None:
    ended = desk.spawn([overloaded()])
    assert [each.attempt for each in ended.of(Retried)] == [1]
    assert isinstance(ended.end, Failed)
    assert ended.end.kind == "overloaded"
    assert ended.of(Said) == []


def test_an_interruption_is_no_success_though_the_exit_code_is_0(desk: Desk) -> None:
    desk.server.scenario("work", [Hang()])
    command = Claude().spawn(desk.turn())
    with subprocess.Popen(
        command.argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=command.folder,
        env=desk.env(command, "work"),
    ) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        agent.stdin.write(str(command.stdin))
        agent.stdin.close()
        desk.server.wait_for("work", 1)
        agent.send_signal(signal.SIGINT)
        reader = Claude().reader(desk.id)
        for line in agent.stdout:
            reader.read(line)
        code = agent.wait(120)
    end = reader.end(code, "")
    assert code == 0
    assert isinstance(end, Failed)
    assert end.kind == "interrupted"


def a_person_opens_it_on_a_terminal_without_a_question_of_trust(desk: Desk) -> None:
    config = desk.home / ".claude" / ".claude.json"
    settled = {"hasCompletedOnboarding": True, "theme": "dark"}
    keys = {"customApiKeyResponses": {"approved": ["sk-ant-no-real-key"[-20:]], "rejected": []}}
    config.write_text(json.dumps({**json.loads(config.read_text()), **settled, **keys}))
    turn = replace(desk.turn(), custom_args=("--ax-screen-reader",))
    command = Claude().attach(turn)
    env = {**desk.env(command, "more"), "TERM": "xterm-256color"}
    desk.server.scenario("more", [Text("Never said.")])
    with opened(command, env) as untrusted:
        untrusted.expect("trust this folder|Do you trust", timeout=90)
    assert Claude().prepare_terminal(command.folder, env)
    with opened(command, env) as trusted:
        trusted.expect("The parser is written", timeout=90)
        assert "trust this folder" not in str(trusted.before)


@pytest.mark.parametrize(
    ("variable", "login"),
    [
        ("ANTHROPIC_API_KEY", Login(True, "api_key from ANTHROPIC_API_KEY")),
        ("CLAUDE_CODE_OAUTH_TOKEN", Login(True, "oauth_token")),
        ("", Login(False)),
    ],
)
def test_its_version_and_login_are_told_without_a_call_of_the_model(
    desk: Desk, variable: str, login: Login
) -> None:
    claude, program = Claude(), str(desk.binary)
    secrets = ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN")

    def asked(command: Command) -> Answer:
        env = {name: value for name, value in desk.env(command, "never").items() if name not in secrets}
        if variable:
            env[variable] = "sk-ant-no-real-key"
        return answer_of(command, env)

    assert claude.version(asked(claude.asks_version(program, str(desk.tree))))
    assert claude.login(asked(claude.asks_login(program, str(desk.tree))), {}) == login
    assert desk.server.seen("never") == []
