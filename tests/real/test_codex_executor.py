"""The real Codex, run as its executor says, against a scripted model on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from tests.real.cast import CODEX, Desk, pinned
from tests.real.parts import answer_of
from tests.waiting import until

from sow_executors.base import (
    Command,
    Failed,
    Finished,
    Limited,
    Retried,
    Returned,
    Said,
    Spent,
    Started,
    Used,
)
from sow_executors.codex import Codex
from sow_executors.extras import Answer, Login
from sow_executors.model_server import (
    Call,
    Hang,
    ModelServer,
    Refuse,
    Reply,
    Text,
    Write,
    bash,
    overloaded,
    rate_limited,
    usage_limited,
)

pytestmark = [pytest.mark.real_cli, pytest.mark.slow]


@pytest.fixture
def desk(tmp_path: Path, model_server: ModelServer) -> Desk:
    return Desk(CODEX, tmp_path, model_server)


@pytest.fixture
def outside() -> Iterator[Path]:
    """A folder on the disk that is nobody's."""
    with tempfile.TemporaryDirectory(prefix="sow-real-") as folder:
        yield Path(folder)


def test_with_yolo_mode_off_the_worktree_is_written_sow_is_called_and_the_rest_fails(
    desk: Desk, outside: Path
) -> None:
    # As a model writes it: it does not say whether it wants a login shell, which would set the PATH anew.
    report = Call("exec_command", {"cmd": "sow task set status needs_review"})
    ended = desk.spawn(
        Write(str(desk.tree / "notes.txt"), "done\n"),
        report,
        Write(str(outside / "elsewhere"), "x"),
        Text("I did what I could."),
        prompt="-p --help, and " + "x" * 200_000,
        writable=(str(desk.folder),),  # the stand-in for sow notes its calls there
    )
    (started,) = ended.of(Started)
    assert Codex().accepts(started.session_id)
    assert (desk.tree / "notes.txt").read_text() == "done\n"
    assert desk.calls.read_text() == "task set status needs_review\n"
    assert list(outside.iterdir()) == []
    # Of a command that its sandbox ends at once, Codex tells the model, and does not always tell us.
    used = {each.call: each for each in ended.of(Used)}
    assert {each.tool for each in used.values()} == {"shell"}
    assert [each.detail for each in used.values()][1] == "sow task set status needs_review"
    returned = {each.call: each.ok for each in ended.of(Returned)}
    assert [returned[call] for call in used] in ([True, True], [True, True, False])
    assert ended.of(Said) == [Said("I did what I could.")]
    assert ended.end == Finished("I did what I could.", 1)
    asked = desk.seen()
    assert {request.session for request in asked} == {started.session_id}
    assert any("-p --help, and xxx" in text and len(text) >= 200_000 for text in asked[0].said("user"))
    assert "heard" in asked[2].tool_results()[1]
    assert "Read-only file system" in asked[3].tool_results()[2]


def test_a_resume_goes_on_in_one_thread_as_it_was_begun_and_costs_what_it_adds(desk: Desk) -> None:
    first = desk.spawn(bash("sow log begun"), Text("Half done."), prompt="Write the parser.", yolo_mode=True)
    (told,) = first.of(Spent)
    command = Codex().resume(desk.turn("Handle empty input too."))
    out, _ = desk.start(command, desk.script([Write("more.txt", "more"), Text("All done.")])).communicate(
        timeout=120
    )
    reader = Codex().reader_after(str(desk.session), told)
    reports = [report for line in out.splitlines() for report in reader.read(line)]
    assert Started(str(desk.session)) in reports
    assert (desk.tree / "more.txt").read_text() == "more", "a resumed thread would be read-only by default"
    seen = desk.seen()[0]
    assert any("Write the parser." in text for text in seen.said("user"))
    assert "Half done." in seen.said("assistant")
    assert any("Handle empty input too." in text for text in seen.said("user"))
    assert "heard" in seen.tool_results()[0]
    assert told == Spent(200, 40)
    assert [report for report in reports if isinstance(report, Spent)] == [Spent(200, 40)]
    assert reader.end(0, "") == Finished("All done.", 1)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        pytest.param(rate_limited(1), "rate_limit", id="429"),
        pytest.param(Refuse("server_error"), "server_error", id="500"),
    ],
)
def test_a_refusal_of_the_api_is_retried_and_classed(desk: Desk, reply: Reply, kind: str) -> None:
    ended = desk.spawn(reply)
    assert [each.attempt for each in ended.of(Retried)] == [1]
    assert ended.kind == kind
    assert ended.of(Said) == []


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        pytest.param(overloaded(), "overloaded", id="busy"),
        pytest.param(Refuse("out_of_credit"), "billing_exhausted", id="no credit"),
        pytest.param(Refuse("too_long"), "context_overflow", id="too long"),
        pytest.param(Refuse("no_such_model"), "model_not_found", id="model"),
    ],
)
def test_what_no_repetition_mends_ends_the_turn_at_once(desk: Desk, reply: Reply, kind: str) -> None:
    ended = desk.spawn(reply)
    assert ended.of(Retried) == []
    assert ended.kind == kind


@pytest.mark.parametrize("ahead", [3 * 60, 30 * 60 * 60], ids=["soon", "on another day"])
def test_a_used_up_plan_says_when_it_ends(desk: Desk, ahead: int) -> None:
    reset = int(time.time()) + ahead
    ended = desk.spawn(usage_limited(reset))
    minute = datetime.fromtimestamp(reset).replace(second=0).timestamp()
    assert ended.of(Limited) == [Limited("rejected", minute + 60)]
    assert isinstance(ended.end, Failed)
    assert (ended.end.kind, ended.end.resets_at) == ("usage_limit", minute + 60)


def test_a_server_that_is_not_there_is_waited_for(desk: Desk) -> None:
    command = Codex().spawn(desk.turn())
    env = CODEX.env(desk.home, "http://127.0.0.1:9")
    agent = subprocess.Popen(
        command.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=command.folder, env=env
    )
    assert agent.stdin is not None
    assert agent.stdout is not None
    agent.stdin.write("Go.")
    agent.stdin.close()
    reader = Codex().reader(None)
    reports = (report for line in agent.stdout for report in reader.read(line))
    first = next(report for report in reports if isinstance(report, Retried))
    agent.terminate()
    assert agent.wait(120) == -signal.SIGTERM
    agent.stdout.close()
    assert (first.attempt, "Connection failed" in first.reason) == (1, True)


def test_a_thread_that_nobody_knows_is_not_found(desk: Desk) -> None:
    desk.session = desk.cli.unknown
    assert desk.resume(Text("Never said.")).kind == "session_not_found"
    assert desk.seen() == []


def test_a_thread_that_was_killed_before_an_answer_goes_on(desk: Desk) -> None:
    scenario = desk.script([Hang()])
    agent = desk.start(Codex().spawn(desk.turn("Build it.")), scenario)
    desk.server.wait_for(scenario, 1)
    agent.kill()
    assert desk.finish(agent).kind == "crash_signal"
    assert desk.session, "its first line has it"
    assert desk.resume(Text("Here I am.")).end == Finished("Here I am.", 1)
    (seen,) = desk.seen()
    assert any("Build it." in text for text in seen.said("user"))


def test_two_processes_in_one_thread_are_refused(desk: Desk) -> None:
    desk.spawn(Text("One."))
    scenario = desk.script([Hang(Text("Two."))])
    first = desk.start(Codex().resume(desk.turn()), scenario)
    desk.server.wait_for(scenario, 1)
    assert desk.resume(Text("Never said.")).kind == "session_conflict"
    assert desk.seen() == []
    desk.server.release()
    assert desk.finish(first).end == Finished("Two.", 1)


def test_a_thread_killed_in_mid_tool_goes_on(desk: Desk) -> None:
    gate, begun = desk.tree / "gate", desk.tree / "begun"
    os.mkfifo(gate)
    scenario = desk.script([bash("echo x > begun; cat gate")])
    agent = desk.start(Codex().spawn(desk.turn("Build it.", yolo_mode=True)), scenario)
    until(begun.exists)
    agent.kill()
    # Its tool died with it, or is let go: whoever opens the gate must not wait for a reader.
    with suppress(OSError):
        os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
    assert desk.finish(agent).kind == "crash_signal"
    ended = desk.resume(Text("Going on."), yolo_mode=True)
    assert ended.end == Finished("Going on.", 1)
    (seen,) = desk.seen()
    assert any("Build it." in text for text in seen.said("user"))


def test_its_version_is_the_pinned_one_and_its_login_is_told_without_a_call(desk: Desk) -> None:
    program = str(desk.cli.configured()["settings"]["program"])  # type: ignore[index]

    def asked(command: Command, given: str | None = None) -> Answer:
        return answer_of(command, desk.env(command, "never"), given)

    codex, folder = Codex(), str(desk.tree)
    assert codex.version(asked(codex.asks_version(program, folder))) == pinned("codex")
    question = codex.asks_login(program, folder)
    assert codex.login(asked(question), {"CODEX_HOME": "/nowhere"}) == Login(False)
    asked(Command((*codex.logs_in(program), "--with-api-key"), folder), "sk-no-real-key\n")
    assert codex.login(asked(question), {}) == Login(True, "api_key")
    assert desk.server.seen("never") == []
