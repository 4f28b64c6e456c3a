"""The real Gemini CLI and the real opencode, run as their executors say, against a scripted model.

What else they do under the whole orchestrator: `test_orchestrated`, `test_gemini_orchestrated`, `test_acp`.
How their failures are classed, by what they told: `tests/executors`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.real.cast import GEMINI, OPENCODE, Desk, pinned
from tests.real.parts import answer_of, opened
from tests.waiting import until

from sow_executors.base import Command, Denied, Finished, Returned, Said, Spent, Started
from sow_executors.extras import Answer, Examined, Login
from sow_executors.model_server import Hang, ModelServer, Refuse, Reply, Text, Write, bash, rate_limited

# Many starts in one test, each of seconds: on a busy machine they add up.
pytestmark = [pytest.mark.real_cli, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def desk(request: pytest.FixtureRequest, tmp_path: Path, model_server: ModelServer) -> Desk:
    return Desk(request.param, tmp_path, model_server)


both = pytest.mark.parametrize("desk", [GEMINI, OPENCODE], ids=lambda cli: cli.name, indirect=True)


@pytest.mark.parametrize("desk", [GEMINI], ids=["gemini"], indirect=True)
def test_one_session_goes_on_through_kills_refusals_and_a_terminal(desk: Desk, tmp_path: Path) -> None:
    """In one go, for it takes seconds to begin. The same of opencode: `test_opencode_orchestrated`."""
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    gate, begun, gone = (tmp_path / name for name in ("gate", "begun", "gone"))
    os.mkfifo(gate)
    # A tool's own process outlives a kill of the program's: it is to end with the test.
    desk.sow_does(f'case "$*" in *wait) echo x > {begun}; cat {gate}; echo x > {gone};; esac')
    escape = "touch escaped"
    calls: list[Reply] = [
        Write(str(desk.tree / "notes.txt"), "done\n"),
        bash("sow task set status needs_review"),
        bash(escape),
        bash(f"sow task status && {escape}"),
        Write(str(outbox / "report"), "x"),
        Write(str(tmp_path / "elsewhere"), "x"),
    ]
    executor = desk.cli.executor
    turn = replace(desk.turn("Build it."), writable=(str(outbox),))
    # Killed before an answer: its id is taken by now, so that it is gone on with, and not begun anew.
    scenario = desk.script([Hang()])
    early = desk.start(executor.spawn(turn), scenario)
    desk.server.wait_for(scenario, 1, 180)
    early.kill()
    desk.finish(early)
    command = executor.resume(replace(turn, prompt="Go on."))
    first = desk.finish(desk.start(command, desk.script([*calls, Text("I did what I could.")])))
    assert first.end == Finished("I did what I could.")
    asked = desk.seen()

    # It tells most of a turn at its end, which does not come to this one.
    cut = desk.start(executor.resume(desk.turn("Go on.")), desk.script([bash("sow agent log wait")]))
    until(begun.exists)
    cut.kill()
    gate.write_text("")
    assert desk.finish(cut).kind == "crash_signal"
    until(gone.exists)
    assert [each.session_id for each in first.of(Started)] == [desk.session]
    assert (desk.tree / "notes.txt").read_text() == "done\n"
    assert desk.calls.read_text() == "task set status needs_review\nagent log wait\n"
    assert (outbox / "report").exists()
    assert not (desk.tree / "escaped").exists()
    assert not (tmp_path / "elsewhere").exists()
    denied = [each.detail for each in first.of(Denied)]
    assert denied == [escape, f"sow task status && {escape}", str(tmp_path / "elsewhere")]
    assert all(each.reason for each in first.of(Denied))
    returned = [each.ok for each in first.of(Returned)]
    assert returned == [True, True, False, False, True, False]
    assert any("heard" in result for result in asked[2].tool_results())

    again = desk.resume(Text("The parser is written."), prompt="Handle empty input too.")
    assert again.end == Finished("The parser is written.")
    assert again.of(Said) == [Said("The parser is written.")]
    assert [each.session_id for each in again.of(Started)] == [desk.session]
    (seen,) = desk.seen()
    assert any("Build it." in text for text in seen.said("user"))
    assert any("heard" in result for result in seen.tool_results())
    assert any("Handle empty input too." in text for text in seen.said("user"))
    # What it used itself, and nothing of the past.
    assert (sum(each.input_tokens for each in again.of(Spent)), len(again.of(Spent))) == (100, 1)
    assert sum(each.output_tokens for each in again.of(Spent)) == 20

    a_person_opens_it_on_a_terminal_and_is_asked_nothing(desk)


def a_person_opens_it_on_a_terminal_and_is_asked_nothing(desk: Desk) -> None:
    scenario = desk.script([Text("Never said.")])
    command = desk.cli.executor.attach(desk.turn())
    desk.lay(command)
    with opened(command, {**desk.env(command, scenario), "TERM": "xterm-256color"}) as child:
        child.expect("The parser is written", timeout=180)
        assert "trust" not in str(child.before)
    assert desk.seen() == []


@pytest.mark.parametrize(
    ("desk", "reply", "kind", "asked"),
    [
        pytest.param(GEMINI, Refuse("rate_limited"), "rate_limit", 1, id="gemini 429"),
        # It tries five times more, and waits in between as long as it is told to.
        pytest.param(OPENCODE, rate_limited(0), "rate_limit", 6, id="opencode 429"),
    ],
    indirect=["desk"],
)
def test_a_refusal_of_the_api_is_classed(desk: Desk, reply: Refuse, kind: str, asked: int) -> None:
    prompt = "-p --help, and " + "x" * 200_000
    ended = desk.spawn(reply, prompt=prompt)
    assert ended.kind == kind
    assert ended.of(Said) == []
    seen = desk.seen()
    assert len(seen) == asked
    assert any(prompt in text for text in seen[0].said("user")), "however long it is, and like an option"


@both
def test_its_version_is_the_pinned_one_and_its_login_is_told_without_a_call(desk: Desk) -> None:
    executor, program = desk.cli.executor, str(desk.cli.configured()["settings"]["program"])  # type: ignore[index]
    assert isinstance(executor, Examined)

    def asked(command: Command) -> Answer:
        return answer_of(command, desk.env(command, "never"))

    version = executor.version(asked(executor.asks_version(program, str(desk.tree))))
    assert version == pinned(desk.cli.name)
    question = executor.asks_login(program, str(desk.tree))
    env = desk.env(Command((program,), "/"), "never")
    login = executor.login(asked(question) if question else Answer(""), env)
    assert login in (Login(True, "api_key from GEMINI_API_KEY"), Login(None))
    assert desk.server.seen("never") == []
