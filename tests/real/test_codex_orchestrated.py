"""What only Codex does under the whole orchestrator; see also test_orchestrated."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pexpect
import pyte
import pytest
from tests.real.cast import CODEX
from tests.real.parts import BUSY, INTERRUPTED, WAITS, bench_in, identity, kill_9
from tests.real.stage import DONE, HAND_IN, Stage, told
from tests.waiting import until

from sow import process
from sow_executors.model_server import Hang, ModelServer, Text, bash, unauthorized, usage_limited

pytestmark = [pytest.mark.real_cli, pytest.mark.slow]


@pytest.fixture
def stage(tmp_path: Path, model_server: ModelServer) -> Iterator[Stage]:
    with bench_in(tmp_path) as bench:
        yield Stage(CODEX, bench, model_server)


def test_the_thread_is_stored_at_its_first_line_and_gone_on_with_after_a_kill_9(stage: Stage) -> None:
    bench = stage.bench
    name = stage.script([Hang()])
    run = bench.start("run")
    until(lambda: bench.task().get("session_id"))
    session = bench.task()["session_id"]
    (seen,) = stage.server.wait_for(name, 1)
    assert seen.session == session, "it was stored before the model said a word"
    (attempt,) = bench.attempts()
    assert attempt["session_id"] == session
    kill_9(run, attempt)

    first, *_ = stage.run(HAND_IN, DONE)
    assert first.session == session
    assert "Write a greeting." in told(first)
    assert "You were interrupted" in first.said("user")[-1]
    task = bench.task()
    assert (task["status"], task["session_id"]) == ("needs_review", session)
    cut, resumed = bench.attempts()
    assert (cut["outcome"], resumed["action"]) == ("lost", "resume")


def test_a_thread_whose_first_line_nobody_read_is_stored_when_its_end_is_settled(stage: Stage) -> None:
    bench = stage.bench
    gate = stage.gate()
    name = stage.script([Text("I looked around."), HAND_IN, DONE])
    run = bench.start("run")
    until(lambda: [each for each in bench.attempts() if each.get("pid")])
    run.kill()
    run.wait(120)
    gate.write_text("")  # it does its turn to the end while nobody looks
    (attempt,) = bench.attempts()
    until(lambda: not process.alive(identity(attempt)))
    (seen,) = stage.server.seen(name)
    assert "session_id" not in bench.task()

    gate.unlink()
    gate.write_text("")
    bench.sow("run", code=WAITS)
    assert {request.session for request in stage.server.seen(name)} == {seen.session}
    task = bench.task()
    assert (task["status"], task["session_id"]) == ("needs_review", seen.session)
    unseen, asked = bench.attempts()
    assert (unseen["outcome"], unseen["session_id"]) == ("finished", seen.session)
    assert (asked["action"], asked["reason"]) == ("resume", "nudge")
    assert [each["input_tokens"] for each in (unseen, asked)] == [100, 200]


def test_a_thread_cut_by_kill_9_in_mid_tool_is_gone_on_with(stage: Stage) -> None:
    bench = stage.bench
    pipe = bench.folder / "pipe"
    os.mkfifo(pipe)
    name = stage.script([bash(f"sow agent log begun && cat {pipe}")])
    run = bench.start("run")
    until(lambda: bench.events("agent.message"))
    (attempt,) = bench.attempts()
    kill_9(run, attempt)

    first, *_ = stage.run(HAND_IN, DONE)
    assert bench.strays() == []
    (before,) = stage.server.seen(name)
    assert first.session == before.session
    assert "Write a greeting." in told(first)
    assert bench.task()["status"] == "needs_review"
    assert [each["outcome"] for each in bench.attempts()] == ["lost", "finished"]


def test_a_used_up_plan_is_waited_for_until_the_minute_that_it_names_is_over(stage: Stage) -> None:
    bench = stage.bench
    reset = int(time.time()) + 600
    stage.script([usage_limited(reset)])
    run = bench.start("run")
    until(lambda: bench.task().get("not_before"))
    waiting = bench.task()
    run.send_signal(signal.SIGINT)
    assert run.wait(120) == INTERRUPTED
    assert (waiting["status"], waiting.get("attempts", 0)) == ("pending", 0)
    not_before = datetime.fromisoformat(str(waiting["not_before"])).timestamp()
    assert 0 < not_before - reset <= 60
    assert "question" not in waiting
    assert waiting["session_id"]


def test_a_cap_of_tokens_ends_a_turn_that_goes_on_and_its_record_warns_of_a_limit(stage: Stage) -> None:
    """Codex prints neither before the end of a turn; it writes both down as it works."""
    bench = stage.bench
    config = bench.home / ".config" / "sow" / "config.yaml"
    config.write_text(config.read_text().replace("settings:", "settings:\n        max_tokens: 200"))
    stage.run(bash("echo one"), bash("echo two"), bash("echo three"), Hang())
    question = bench.task()["question"]
    assert question["kind"] == "cap"
    assert "max_tokens is 200, and it used" in question["text"]
    (cut,) = bench.attempts()
    # At the second call that is told, while the third is at work or has come to its end.
    assert (cut["outcome"], cut["input_tokens"] in (200, 300)) == ("stopped", True)

    reset = int(time.time()) + 3600
    bench.sow("task", "answer", "010", "Go on.")
    stage.run(HAND_IN, Text("It is done.", used=0.91, resets_at=reset))
    assert bench.task()["status"] == "needs_review"
    (warning,) = bench.events("limit.warning")
    assert (warning["limit"], warning["used"]) == ("five_hour", 91)
    assert datetime.fromisoformat(warning["resets_at"]).timestamp() == reset
    # The thread's total goes on from where it was counted when the process was ended: nothing counts twice.
    assert sum(each["input_tokens"] for each in bench.attempts()) in (400, 500)


def test_a_login_that_is_refused_is_asked_of_a_person_and_a_retry_completes(stage: Stage) -> None:
    bench = stage.bench
    stage.run(unauthorized())
    paused = bench.task()
    assert (paused["status"], paused["question"]["kind"]) == ("paused", "failure")
    assert "Log the CLI in again" in paused["question"]["text"]
    assert paused["error_detail"]["class"] == "auth_invalid"
    bench.sow("task", "retry", "010")
    seen = stage.run(HAND_IN, DONE)
    assert bench.task()["status"] == "needs_review"
    assert {request.session for request in seen} == {paused["session_id"]}
    assert "Write a greeting." in told(seen[0])


def test_a_run_tells_what_codex_waits_for_without_an_end(stage: Stage) -> None:
    bench = stage.bench
    bench.env |= CODEX.env(bench.home, "http://127.0.0.1:9")
    run = bench.start("run")
    said = bench.folder / "started.log"
    until(lambda: "[010] Greet: tries again (1): Connection failed" in said.read_text())
    run.send_signal(signal.SIGINT)
    assert run.wait(120) == INTERRUPTED
    assert bench.strays() == []
    assert bench.task()["session_id"]


def test_a_thread_that_codex_does_not_know_gives_way_to_a_new_one(stage: Stage) -> None:
    bench = stage.bench
    state = bench.task_folder / "state.yaml"
    state.write_text(f"{state.read_text()}session_id: {CODEX.unknown}\n")
    seen = stage.run(HAND_IN, DONE)
    task = bench.task()
    assert (task["status"], task["attempts"]) == ("needs_review", 1)
    assert task["session_id"] != CODEX.unknown
    assert {request.session for request in seen} == {task["session_id"]}
    assert "Write a greeting." in told(seen[0])
    resumed, spawned = bench.attempts()
    assert (resumed["action"], resumed["error_class"]) == ("resume", "session_not_found")
    assert (spawned["action"], spawned["outcome"]) == ("spawn", "finished")


def test_a_thread_that_somebody_has_open_is_waited_for_and_gone_on_with(stage: Stage) -> None:
    bench = stage.bench
    stage.run(bash('sow task ask "Which?"'), Text("I wait."))
    session = bench.task()["session_id"]
    name = stage.script([Hang()])
    program = str(stage.program)
    argv = [program, "exec", "--json", "--skip-git-repo-check", "resume", session, "-"]
    with subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=bench.repo,
        env=bench.env,
    ) as other:
        assert other.stdin is not None
        other.stdin.write(b"By hand.")
        other.stdin.close()
        stage.server.wait_for(name, 1)
        bench.sow("task", "answer", "010", "The second one")
        scenario = stage.script([HAND_IN, DONE])
        run = bench.start("run")
        until(lambda: bench.task().get("not_before"))
        waiting = bench.task()
        assert (waiting["status"], waiting["session_id"]) == ("pending", session)
        assert "active writer" in waiting["error"]["message"]
        assert stage.server.seen(scenario) == []
        other.kill()
    bench.sow("task", "retry", "010", code=0)
    assert run.wait(120) == WAITS
    task = bench.task()
    assert (task["status"], task["session_id"]) == ("needs_review", session)
    assert "The second one" in told(stage.server.seen(scenario)[0])
    assert [each.get("error_class") for each in bench.attempts()] == [None, "session_conflict", None]


def test_the_doctor_knows_the_program_and_that_models_from_elsewhere_may_need_no_login(stage: Stage) -> None:
    stage.script([DONE])
    said = stage.bench.sow("doctor", code=0)
    assert "mine: codex 0." in said
    assert "it does not tell whether somebody is logged in" in said


def test_a_person_types_a_turn_on_a_terminal_and_the_agent_goes_on_in_that_thread(stage: Stage) -> None:
    bench = stage.bench
    stage.run(bash('sow task ask "Which greeting?"'), Text("The parser is written."))
    session = bench.task()["session_id"]
    typed = stage.script([Text("I heard of the moon.")])
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

        # It asks the terminal where its cursor is before it shows anything.
        terminal.expect_exact("\x1b[6n", timeout=120)
        terminal.send("\x1b[1;1R")
        until(lambda: shows("The parser is written."))
        assert not any("Trust this folder" in line for line in screen.display)
        terminal.send("Think of the moon.")
        until(lambda: shows("Think of the moon."))
        terminal.send("\r")
        until(lambda: shows("I heard of the moon."))
        bench.sow("agent", "resume", "010", "Go on.", code=BUSY)
        terminal.send("\x03")
        terminal.expect_exact("Back from the session of task 010, which is paused.", timeout=120)
        terminal.expect(pexpect.EOF, timeout=90)
    assert "trust_level" not in (bench.home / ".codex" / "config.toml").read_text()
    (seen,) = stage.server.seen(typed)
    assert seen.session == session

    bench.sow("task", "answer", "010", "Take good day")
    first, *_ = stage.run(HAND_IN, DONE)
    assert first.session == session
    assert "Think of the moon." in told(first)
    assert "I heard of the moon." in first.said("assistant")
    assert [each["action"] for each in bench.attempts()] == ["spawn", "attach", "resume"]
