"""Cursor's CLI: its command lines, what its stream means, and both over the stand-in program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.agents import cursor_agent
from tests.executors.bench import ID, OTHER_ID, Candidate, line, run

from sow_executors.base import (
    BadSettings,
    Command,
    Denied,
    Failed,
    Finished,
    Report,
    Returned,
    Said,
    Spent,
    Started,
    Turn,
    Used,
)
from sow_executors.cursor import Cursor
from sow_executors.extras import Answer, Login

BENCH = Candidate("cursor")
HEADLESS = ("-p", "--output-format", "stream-json", "--trust")
SAME = ("--workspace", "/tree", "--resume", ID)
CALL = {"type": "tool_call", "call_id": "t1", "session_id": ID}


def said(text: str, **more: Any) -> str:
    return line(
        type="assistant", message={"content": [{"type": "text", "text": text}]}, session_id=ID, **more
    )


def shell(subtype: str, **body: Any) -> str:
    call = {"shellToolCall": {"args": {"command": "git status"}, **body}}
    return line(**CALL, subtype=subtype, tool_call=call)


def result(text: str = "All done.", **more: Any) -> str:
    whole = {"type": "result", "subtype": "success", "is_error": False, "session_id": ID}
    return line(**{**whole, "result": text, **more})


def test_a_spawn_and_a_resume_are_one_command_in_one_workspace() -> None:
    spawn, resume = Cursor().spawn(BENCH.turn("hello")), Cursor().resume(BENCH.turn("hello"))
    assert spawn == resume == Command(("cursor-agent", *HEADLESS, *SAME), "/tree", stdin="hello")


def test_yolo_mode_and_a_model_are_options_of_every_turn() -> None:
    argv = Cursor().resume(BENCH.turn(yolo_mode=True, model="gpt-5.5")).argv
    options = ("--force", "--workspace", "/tree", "--model", "gpt-5.5", "--resume", ID)
    assert argv == ("cursor-agent", *HEADLESS, *options)


def test_a_terminal_opens_the_same_chat_in_the_same_workspace() -> None:
    assert Cursor().attach(BENCH.turn()) == Command(("cursor-agent", *SAME), "/tree")


def test_the_program_is_looked_for_under_its_own_name_first() -> None:
    assert Cursor().program({}) == ("cursor-agent", "agent")
    assert Cursor().program({"program": "/opt/agent"}) == ("/opt/agent",)


@pytest.mark.parametrize("argument", ["-w", "--worktree=x", "--resume", "--mode"])
def test_an_argument_that_would_break_the_turn_is_refused(argument: str) -> None:
    with pytest.raises(BadSettings, match=argument):
        Cursor().spawn(replace(BENCH.turn(), custom_args=(argument,)))


@pytest.mark.parametrize(
    ("given", "reports"),
    [
        pytest.param(
            line(type="system", subtype="init", session_id=ID, model="Auto"),
            [Started(ID, "Auto")],
            id="start",
        ),
        pytest.param(said("hi"), [Said("hi")], id="speech"),
        pytest.param(said("hi", model_call_id="m", timestamp_ms=1), [Said("hi")], id="speech before a call"),
        pytest.param(line(type="thinking", subtype="delta", text="hm"), [], id="thought"),
        pytest.param(
            line(type="interaction_query", subtype="request"), [], id="a question it answers itself"
        ),
        pytest.param("some noise", [], id="noise"),
        pytest.param(shell("started"), [Used("shell", "git status", "t1")], id="shell call"),
        pytest.param(
            shell("completed", result={"success": {"exitCode": 0}}), [Returned("t1")], id="came back"
        ),
        pytest.param(
            shell("completed", result={"success": {"exitCode": 2}}), [Returned("t1", ok=False)], id="failed"
        ),
        pytest.param(shell("completed", result={"error": {}}), [Returned("t1", ok=False)], id="error"),
        pytest.param(
            shell("completed", result={"rejected": {"command": "git status", "reason": "no"}}),
            [Denied("shell", "git status", "no"), Returned("t1", ok=False)],
            id="turned down",
        ),
        pytest.param(
            line(
                **CALL, subtype="started", tool_call={"function": {"name": "f", "arguments": '{"path":"x"}'}}
            ),
            [Used("f", "x", "t1")],
            id="a function",
        ),
    ],
)
def test_read(given: str, reports: list[Report]) -> None:
    assert Cursor().reader(ID).read(given) == reports


def test_a_message_in_pieces_is_said_once() -> None:
    lines = [said("Good ", timestamp_ms=1), said("day", timestamp_ms=2), said("Good day"), result("Good day")]
    # The end is told as soon as it is read, for the program may live on.
    assert run(Cursor(), lines) == ([Said("Good day"), Finished("Good day")], Finished("Good day"))


def test_pieces_whose_whole_never_comes_are_said_before_what_follows() -> None:
    lines = [said("Good ", timestamp_ms=1), said("day", timestamp_ms=2), shell("started"), said("Bye")]
    reports, _ = run(Cursor(), lines)
    assert reports == [Said("Good day"), Used("shell", "git status", "t1"), Said("Bye")]


def test_the_last_words_are_not_all_the_words() -> None:
    assert run(Cursor(), [said("I begin."), said("I end."), result("I begin.I end.")])[1] == Finished(
        "I end."
    )


def test_tokens_are_counted_and_have_no_price() -> None:
    usage = {"inputTokens": 10, "outputTokens": 2, "cacheReadTokens": 5, "cacheWriteTokens": 1}
    assert run(Cursor(), [result(usage=usage)])[0] == [Spent(11, 2, 5, None), Finished("All done.")]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("⚠ Workspace Trust Required\n\nPass --trust, --yolo, or -f", "config_invalid"),
        ("Error: Authentication required. Please run 'agent login' first", "auth_invalid"),
        ("Error: Authentication required.\ngetaddrinfo EAI_AGAIN api2.cursor.sh", "network"),
        ("Cannot use this model: X. Available models: auto", "model_not_found"),
        ("S: Increase limits for faster responses\nYou're out of usage. Switch to Auto", "billing_exhausted"),
        ("ActionRequiredError: …", "billing_exhausted"),
        (
            "Error: You've hit your usage limit … when your monthly cycle ends on 10/2/2026",
            "billing_exhausted",
        ),
        ("T: [resource_exhausted] Error", "rate_limit"),
        ("q: [unavailable] Error", "network"),
        ("error: unknown option '--x'", "config_invalid"),
        ("something new", "unknown"),
    ],
)
@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_failure_is_told_in_words_on_either_stream(words: str, kind: str, exit_code: int) -> None:
    for lines, stderr in (([], words), (words.splitlines(), "")):
        _, end = run(Cursor(), lines, exit_code, stderr)
        assert isinstance(end, Failed)
        assert (end.kind, end.resets_at) == (kind, None)
        assert words.splitlines()[-1] in end.message


def test_a_run_without_a_result_has_failed_whatever_its_exit_code() -> None:
    _, end = run(Cursor(), [said("I am done")], 0)
    assert isinstance(end, Failed)


@pytest.mark.parametrize("sign", [{"is_error": True}, {"subtype": "error"}], ids=str)
def test_a_result_that_is_an_error_by_either_sign_has_failed(sign: dict[str, Any]) -> None:
    _, end = run(Cursor(), [result("q: [resource_exhausted] Error", **sign)], 0)
    assert end == Failed("rate_limit", "q: [resource_exhausted] Error")


def test_a_result_holds_though_the_program_had_to_be_ended() -> None:
    assert isinstance(run(Cursor(), [said("Done."), result()], -15)[1], Finished)


def test_work_in_another_chat_is_no_success() -> None:
    _, end = run(
        Cursor(), [line(type="system", subtype="init", session_id=OTHER_ID), result(session_id=OTHER_ID)]
    )
    assert isinstance(end, Failed)
    assert end.kind == "session_not_found"


# --- over the stand-in ---


class World:
    """A folder with the stand-in on its PATH, a workspace, and a home for its chats."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "tree"
        self.home = folder / "cursor"
        (folder / "bin").mkdir()
        self.tree.mkdir()
        cursor_agent.install(folder / "bin")
        path = f"{folder / 'bin'}:{os.environ['PATH']}"
        self.env = {"PATH": path, "HOME": str(folder), "CURSOR_CONFIG_DIR": str(self.home)}

    def script(self, *turns: list[dict[str, Any]]) -> None:
        path = self.home.parent / "script.yaml"
        path.write_text(yaml.safe_dump(list(turns)))
        self.env["CURSOR_STANDIN_SCRIPT"] = str(path)

    def turn(self, prompt: str = "do it", session_id: str = ID, **settings: object) -> Turn:
        return replace(BENCH.turn(prompt, session_id, **settings), folder=str(self.tree))

    def play(self, turn: Turn) -> tuple[list[Report], Finished | Failed]:
        ran = self.run(*Cursor().resume(turn).argv, prompt=turn.prompt)
        return run(Cursor(), ran.stdout.splitlines(), ran.returncode, ran.stderr, turn.session_id)

    def run(
        self, *argv: str, prompt: str = "", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, input=prompt, capture_output=True, text=True, cwd=self.tree, env={**self.env, **(env or {})}
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_turn_from_start_to_end(world: World) -> None:
    world.script(
        [
            {"think": "hm"},
            {"say": "I write."},
            {"edit": {"path": "src/a.py", "content": "A = 1"}},
            {"shell": "cat src/a.py && exit 3"},
            {"read": "missing"},
            {"say": "Done."},
        ]
    )
    reports, end = world.play(world.turn(yolo_mode=True))
    assert reports == [
        Started(ID, "auto"),
        Said("I write."),
        Used("edit", str(world.tree / "src/a.py"), "tool_1"),
        Returned("tool_1"),
        Used("shell", "cat src/a.py && exit 3", "tool_2"),
        Returned("tool_2", ok=False),
        Used("read", str(world.tree / "missing"), "tool_3"),
        Returned("tool_3", ok=False),
        Said("Done."),
        Spent(2, 2, 0),
        Finished("Done."),
    ]
    assert end == Finished("Done.")
    assert (world.tree / "src/a.py").read_text() == "A = 1"


def test_a_chat_goes_on_under_the_id_that_it_was_given(world: World) -> None:
    world.script([{"say": "First."}], [{"recall": True}])
    assert not Cursor().knows(ID, world.env)
    world.play(world.turn("one"))
    assert Cursor().knows(ID, world.env)
    assert world.play(world.turn("two"))[1] == Finished("one | two")
    assert world.play(world.turn("alone", OTHER_ID))[1] == Finished("First.")


def test_the_same_id_in_another_workspace_is_another_chat(world: World) -> None:
    world.script([{"recall": True}])
    world.play(world.turn("one"))
    elsewhere = replace(world.turn("two"), folder=str(world.home.parent))
    assert world.play(elsewhere)[1] == Finished("two")


def test_a_long_prompt_that_begins_with_a_dash_arrives_whole(world: World) -> None:
    prompt = "--help " + "x" * 200_000
    _, end = world.play(world.turn(prompt))
    assert end == Finished(f"You said: {prompt}")


def test_without_yolo_mode_edits_run_and_shell_calls_are_turned_down(world: World) -> None:
    world.script([{"edit": {"path": "a", "content": "x"}}, {"shell": "touch b"}, {"say": "Done."}])
    reports, end = world.play(world.turn())
    assert Denied("shell", "touch b") in reports
    assert end == Finished("Done.")
    assert (world.tree / "a").exists()
    assert not (world.tree / "b").exists()


def test_a_rule_of_the_users_lets_a_shell_command_run(world: World) -> None:
    world.script([{"shell": "touch b"}, {"shell": "touch c; rm b"}])
    (world.tree / ".cursor").mkdir()
    (world.tree / ".cursor" / "cli.json").write_text(json.dumps({"permissions": {"allow": ["Shell(touch)"]}}))
    reports, _ = world.play(world.turn())
    assert [r.detail for r in reports if isinstance(r, Denied)] == ["touch c; rm b"]
    assert (world.tree / "b").exists()


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        pytest.param([{"say": "x"}, {"quota": True}], "billing_exhausted", id="quota with exit code 0"),
        pytest.param([{"say": "x"}, {"end": "silent"}], "unknown", id="no result with exit code 0"),
        pytest.param([{"fail": {"stderr": "T: [resource_exhausted] Error"}}], "rate_limit", id="capacity"),
        pytest.param([{"say": "[unavailable]"}, {"end": "error"}], "network", id="an error for a result"),
    ],
)
def test_a_turn_that_fails(world: World, steps: list[dict[str, Any]], kind: str) -> None:
    world.script(steps)
    _, end = world.play(world.turn())
    assert isinstance(end, Failed)
    assert end.kind == kind


def test_a_model_that_is_not_there(world: World) -> None:
    _, end = world.play(world.turn(model="gpt-1"))
    assert isinstance(end, Failed)
    assert end.kind == "model_not_found"


def test_nobody_logged_in(world: World) -> None:
    world.env["CURSOR_STANDIN_LOGIN"] = "no"
    _, end = world.play(world.turn())
    assert isinstance(end, Failed)
    assert end.kind == "auth_invalid"


def test_pieces_of_messages_make_no_double_words(world: World) -> None:
    world.script([{"say": "One two."}, {"shell": "true"}, {"say": "Three four."}])
    reports, end = world.play(replace(world.turn(yolo_mode=True), custom_args=("--stream-partial-output",)))
    assert [r for r in reports if isinstance(r, Said)] == [Said("One two."), Said("Three four.")]
    assert end == Finished("Three four.")


def test_a_program_that_does_not_end_after_its_result_has_finished(world: World) -> None:
    world.script([{"say": "Done."}, {"end": "hang"}])
    turn = world.turn()
    command = Cursor().spawn(turn)
    reader, end = Cursor().reader(ID), None
    with subprocess.Popen(
        command.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=world.env
    ) as agent:
        assert agent.stdin is not None
        assert agent.stdout is not None
        agent.stdin.write(turn.prompt)
        agent.stdin.close()
        for given in agent.stdout:
            reader.read(given)
            if '"type": "result"' in given:
                break
        assert agent.poll() is None
        agent.send_signal(signal.SIGTERM)
        end = reader.end(agent.wait(120), "")
    assert end == Finished("Done.")


@pytest.mark.parametrize(
    ("argv", "prompt", "code", "out", "err"),
    [
        (("--version",), "", 0, "2026.", ""),
        (("-p", "hello"), "", 1, "", "Workspace Trust Required"),
        (("-p", "--trust", "--resume"), "hello", 1, "", "needs a terminal"),
        (("-p", "--trust", "--no-such"), "hello", 1, "", "unknown option '--no-such'"),
        (("-p", "--trust", "--output-format", "xml"), "hello", 1, "", "is invalid"),
        (("-p", "--trust", "--output-format"), "hello", 1, "", "argument missing"),
        (("-p", "--trust"), "", 1, "", "No prompt"),
        # The trap of an optional value: the prompt is taken for the worktree's name.
        (("-p", "--trust", "-w", "hello"), "", 1, "", "No prompt"),
        (("-p", "--trust", "--", "--hello"), "", 0, "You said: --hello", ""),
        (("-p", "--trust", "hello"), "", 0, "You said: hello", ""),
    ],
)
def test_the_stand_in_keeps_the_grammar(
    world: World, argv: tuple[str, ...], prompt: str, code: int, out: str, err: str
) -> None:
    ran = world.run("cursor-agent", *argv, prompt=prompt)
    assert ran.returncode == code
    assert ran.stdout.startswith(out) if out else not ran.stdout
    assert err in ran.stderr


# Version and login


@pytest.mark.parametrize(
    ("answer", "env", "login"),
    [
        pytest.param(Answer("Not logged in\n"), {}, Login(False), id="nobody"),
        pytest.param(
            Answer("\x1b[32m✓\x1b[39m Logged in as ada@example.org\n"),
            {},
            Login(True, "account"),
            id="an account",
        ),
        pytest.param(
            Answer("You are \x1b[1mnot\x1b[22m logged in as any account."), {}, Login(False), id="in colours"
        ),
        pytest.param(
            Answer("", "Error: Authentication required.", 1), {}, Login(False), id="on standard error"
        ),
        pytest.param(Answer("Something went sideways."), {}, Login(None), id="other words"),
        pytest.param(
            Answer("Not logged in\n"),
            {"CURSOR_API_KEY": "key_1"},
            Login(True, "api_key from CURSOR_API_KEY"),
            id="a key in a variable",
        ),
        pytest.param(Answer("Not logged in\n"), {"CURSOR_API_KEY": ""}, Login(False), id="an empty variable"),
    ],
)
def test_a_login_is_told_by_its_words(answer: Answer, env: dict[str, str], login: Login) -> None:
    assert Cursor().login(answer, env) == login


def test_the_stand_in_tells_its_version_and_whether_somebody_is_logged_in(world: World) -> None:
    def asked(command: Command, **env: str) -> Answer:
        ran = world.run(*command.argv, env={**command.env, **env})
        return Answer(ran.stdout, ran.stderr, ran.returncode)

    cursor = Cursor()
    assert cursor.version(asked(cursor.asks_version("cursor-agent", "/"))) == "2026.10.01-5bd0a1c"
    question = cursor.asks_login("cursor-agent", "/")
    assert cursor.login(asked(question), {}) == Login(True, "account")
    assert cursor.login(asked(question, CURSOR_STANDIN_LOGIN="no"), {}) == Login(False)
    assert cursor.version(Answer("Some other agent 3.1")) == ""
