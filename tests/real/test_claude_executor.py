"""The real Claude Code, run as the executor says, against a scripted model on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pexpect
import pytest
from tests.model_server import cli_binary, env_for_claude

from sow_executors.base import (
    Command,
    Denied,
    Failed,
    Finished,
    Limited,
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
    unauthorized,
    usage_limited,
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
        self.subscription = False

    def turn(self, prompt: str = "Do the task.", **settings: object) -> Turn:
        settings = {"program": str(self.binary), **settings}
        tree = str(self.tree)
        return Turn(prompt=prompt, folder=tree, scratch=tree, session_id=self.id, settings=settings)

    def env(self, command: Command, scenario: str) -> dict[str, str]:
        url = f"{self.server.url}/s/{scenario}"
        whole = env_for_claude(self.home, url, subscription=self.subscription)
        return {**whole, "PATH": self.path, **command.env}

    def perform(self, command: Command, scenario: str) -> Ended:
        ran = subprocess.run(
            command.argv,
            input=command.stdin,
            capture_output=True,
            text=True,
            cwd=command.folder,
            env=self.env(command, scenario),
            timeout=60,
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


def until(true: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def test_a_spawn_opens_our_session_and_says_what_the_model_said(desk: Desk) -> None:
    ended = desk.spawn([Text("Hello there.")], prompt="-p --help, and " + "x" * 200_000)
    (started,) = ended.of(Started)
    assert started.session_id == desk.id
    assert started.version
    assert ended.of(Said) == [Said("Hello there.")]
    assert ended.end == Finished("Hello there.", 1)
    (asked,) = desk.server.seen("work")
    assert asked.session == desk.id
    assert any(text.endswith("x" * 200_000) and "-p --help" in text for text in asked.said("user"))


def test_with_yolo_mode_off_edits_and_sow_run_and_the_rest_is_refused(desk: Desk) -> None:
    file = desk.tree / "notes.txt"
    ended = desk.spawn(
        [
            Call("Write", {"file_path": str(file), "content": "done\n"}),
            bash("sow task set status needs_review"),
            bash('python3 -c \'open("escaped", "w")\''),
            Text("I did what I could."),
        ]
    )
    assert file.read_text() == "done\n"
    assert desk.calls.read_text() == "task set status needs_review\n"
    assert not (desk.tree / "escaped").exists()
    (denied,) = ended.of(Denied)
    assert (denied.tool, denied.detail) == ("Bash", 'python3 -c \'open("escaped", "w")\'')
    assert denied.reason
    used = {each.call: each for each in ended.of(Used)}
    returned = {each.call: each.ok for each in ended.of(Returned)}
    assert [used[call].detail for call in used] == [
        str(file),
        "sow task set status needs_review",
        'python3 -c \'open("escaped", "w")\'',
    ]
    assert [returned[call] for call in used] == [True, True, False]
    assert isinstance(ended.end, Finished)


def test_a_check_of_the_users_and_a_folder_outside_are_allowed(desk: Desk, tmp_path: Path) -> None:
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    desk.server.scenario(
        "work",
        [
            bash("python3 -c 'print(6 * 7)'"),
            Call("Write", {"file_path": str(outbox / "report"), "content": "x"}),
            Text("Done."),
        ],
    )
    turn = replace(desk.turn(), allowed_commands=("sow", "python3 -c"), writable=(str(outbox),))
    ended = desk.perform(Claude().spawn(turn), "work")
    assert ended.of(Denied) == []
    assert desk.server.seen("work")[1].tool_results() == ["42"]
    assert (outbox / "report").exists()


def test_with_yolo_mode_on_every_command_runs(desk: Desk) -> None:
    ended = desk.spawn([bash("python3 -c 'print(6 * 7)'"), Text("Done.")], yolo_mode=True)
    assert desk.server.seen("work")[1].tool_results() == ["42"]
    assert ended.of(Denied) == []


def test_a_resume_goes_on_in_one_session_and_costs_what_it_adds(desk: Desk) -> None:
    first = desk.spawn([bash("sow log begun"), Text("Half done.")], prompt="Write the parser.")
    second = desk.resume([Text("All done.")], prompt="Handle empty input too.")
    assert second.of(Started)[0].session_id == desk.id
    seen = desk.server.seen("more")[0]
    assert any("Write the parser." in text for text in seen.said("user"))
    assert "Half done." in seen.said("assistant")
    assert any("Handle empty input too." in text for text in seen.said("user"))
    assert seen.tool_results() == ["heard"]
    tokens = [
        [(each.input_tokens, each.output_tokens) for each in ended.of(Spent)] for ended in (first, second)
    ]
    # As they come, with each answer; the price alone is left for the result.
    assert tokens == [[(100, 20), (100, 20), (0, 0)], [(100, 20), (0, 0)]]
    spent, added = (sum(each.usd or 0.0 for each in ended.of(Spent)) for ended in (first, second))
    # The program's own total goes on over the resume: summed, it would count the first turn twice.
    assert spent + added == pytest.approx(second.results[-1]["total_cost_usd"])
    assert added == pytest.approx(spent / 2)


def test_a_used_up_plan_says_when_it_ends(desk: Desk) -> None:
    desk.subscription = True
    reset = int(time.time()) + 9000
    ended = desk.spawn([usage_limited(reset)])
    assert ended.of(Limited) == [Limited("rejected", float(reset), "five_hour")]
    assert isinstance(ended.end, Failed)
    assert (ended.end.kind, ended.end.resets_at) == ("usage_limit", float(reset))
    assert len(desk.server.seen("work")) == 1


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        pytest.param(unauthorized(), "auth_invalid", id="401"),
        pytest.param(overloaded(), "overloaded", id="529"),
    ],
)
def test_a_refusal_of_the_api_is_retried_and_classed(desk: Desk, reply: Reply, kind: str) -> None:
    ended = desk.spawn([reply])
    assert [each.attempt for each in ended.of(Retried)] == [1]
    assert isinstance(ended.end, Failed)
    assert ended.end.kind == kind
    assert ended.of(Said) == []


def test_turns_that_run_out_are_told_so(desk: Desk) -> None:
    ended = desk.spawn([bash("sow log again")], max_turns=2)
    assert isinstance(ended.end, Failed)
    assert ended.end.kind == "max_turns"


def test_an_id_that_nobody_knows_and_one_that_is_taken(desk: Desk) -> None:
    unknown = desk.resume([Text("Never said.")])
    assert isinstance(unknown.end, Failed)
    assert unknown.end.kind == "session_not_found"
    desk.spawn([Text("Taken.")])
    taken = desk.spawn([Text("Never said.")])
    assert isinstance(taken.end, Failed)
    assert taken.end.kind == "session_conflict"


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
        code = agent.wait(30)
    end = reader.end(code, "")
    assert code == 0
    assert isinstance(end, Failed)
    assert end.kind == "interrupted"


def test_a_session_killed_in_mid_tool_goes_on(desk: Desk) -> None:
    gate, begun, gone = (desk.tree / name for name in ("gate", "begun", "gone"))
    os.mkfifo(gate)
    desk.server.scenario("work", [bash("echo x > begun; cat gate; echo x > gone")])
    command = Claude().spawn(desk.turn("Build it.", yolo_mode=True))
    with subprocess.Popen(
        command.argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=command.folder,
        env=desk.env(command, "work"),
    ) as agent:
        assert agent.stdin is not None
        agent.stdin.write(str(command.stdin))
        agent.stdin.close()
        until(begun.exists)
        # The program writes its transcript a little behind what it does.
        until(lambda: any("cat gate" in path.read_text() for path in transcripts(desk)))
        agent.kill()
        code = agent.wait(30)
    gate.write_text("")  # its tool lives in a session of its own, and would outlive the test
    until(gone.exists)
    cut = Claude().reader(desk.id).end(code, "")
    assert isinstance(cut, Failed)
    assert cut.kind == "crash_signal"
    ended = desk.resume([Text("Going on.")], yolo_mode=True)
    assert ended.end == Finished("Going on.", 1)
    seen = desk.server.seen("more")[0]
    assert any("Build it." in text for text in seen.said("user"))
    assert any("interrupted" in text for text in seen.tool_results())


def transcripts(desk: Desk) -> list[Path]:
    return list((desk.home / ".claude" / "projects").glob(f"*/{desk.id}.jsonl"))


def test_a_person_opens_the_same_session_on_a_terminal_without_a_question_of_trust(desk: Desk) -> None:
    desk.spawn([Text("The parser is written.")])
    config = desk.home / ".claude" / ".claude.json"
    settled = {"hasCompletedOnboarding": True, "theme": "dark"}
    keys = {"customApiKeyResponses": {"approved": ["sk-ant-no-real-key"[-20:]], "rejected": []}}
    config.write_text(json.dumps({**json.loads(config.read_text()), **settled, **keys}))
    turn = replace(desk.turn(), custom_args=("--ax-screen-reader",))
    command = Claude().attach(turn)
    env = {**desk.env(command, "more"), "TERM": "xterm-256color"}
    desk.server.scenario("more", [Text("Never said.")])
    with opened(command, env) as untrusted:
        untrusted.expect("trust this folder|Do you trust", timeout=30)
    assert Claude().prepare_terminal(command.folder, env)
    with opened(command, env) as trusted:
        trusted.expect("The parser is written", timeout=30)
        assert "trust this folder" not in str(trusted.before)


class opened:
    """A command on a terminal, ended at the end."""

    def __init__(self, command: Command, env: dict[str, str]) -> None:
        program, *words = command.argv
        self.child = pexpect.spawn(
            program, words, cwd=command.folder, env=env, encoding="utf-8", dimensions=(40, 120)
        )

    def __enter__(self) -> pexpect.spawn[str]:
        return self.child

    def __exit__(self, *_: object) -> None:
        self.child.kill(signal.SIGTERM)
        self.child.expect(pexpect.EOF, timeout=30)
        self.child.close(force=True)


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
        ran = subprocess.run(
            command.argv, capture_output=True, text=True, cwd=command.folder, env=env, timeout=60, check=False
        )
        return Answer(ran.stdout, ran.stderr, ran.returncode)

    assert claude.version(asked(claude.asks_version(program, str(desk.tree))))
    assert claude.login(asked(claude.asks_login(program, str(desk.tree))), {}) == login
    assert desk.server.seen("never") == []
