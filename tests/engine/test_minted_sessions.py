"""A session whose id the CLI makes: stored at its first line, and found again where sow is killed then."""

import os
import sys
from pathlib import Path

import pytest
from tests.engine.stage import Stage, assert_sound
from tests.waiting import until

AGENT = """
import json, os, subprocess, sys
session = sys.argv[1] if len(sys.argv) > 1 else f"thread-{os.environ['SOW_ATTEMPT_ID']}"
print(json.dumps({"session": session, "text": "I begin."}), flush=True)
with open(GATE) as gate:
    gate.read()
report = ["ask", "Which?"] if len(sys.argv) < 2 else ["set", "status", "needs_review"]
subprocess.run(["sow", "task", *report])
"""

KILLED = """
import os, signal
from sow.attempt import Attempts
from sow.store import Store
from sow.turn import Turns
def end(): os.kill(os.getpid(), signal.SIGKILL)
"""

MOMENTS = {
    "before the task's file": """
keep_session = Turns.keep_session
def keep_no_session(self, live):
    if live.tally.session_id:
        Store.change_task = lambda *_: end()
    keep_session(self, live)
Turns.keep_session = keep_no_session
""",
    "before the attempt's record": """
keep = Attempts.keep
Attempts.keep = lambda self, a: end() if a.session_id and not a.ended_at else keep(self, a)
""",
}


@pytest.fixture
def gate(stage: Stage) -> Path:
    """Sets up an agent that makes its own session and goes on when something is written to this pipe."""
    pipe, agent = stage.tmp / "gate", stage.tmp / "agent.py"
    os.mkfifo(pipe)
    agent.write_text(f"GATE = {str(pipe)!r}\n{AGENT}")
    argv = [sys.executable, str(agent)]
    settings = {
        "argv": argv, "resume_argv": [*argv, "{session_id}"],
        "output": "jsonl", "session_key": "session", "text_key": "text",
    }  # fmt: skip
    stage.user({"minting": {"type": "command", "settings": settings}})
    stage.env["SOW_AGENTS_IMPLEMENTER"] = "minting"
    return pipe


@pytest.mark.slow
@pytest.mark.parametrize("ended", [False, True], ids=["and the agent lives", "and the agent ends"])
@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_a_kill_while_a_session_is_stored_loses_it_in_no_case(
    stage: Stage, gate: Path, moment: str, ended: bool
) -> None:
    task_id = stage.add([])
    stage.prelude = KILLED + moment
    assert stage.start("run").end() == -9
    stage.prelude = ""
    (attempt,) = stage.tried(task_id)
    assert attempt.session_id is None
    session = f"thread-{attempt.id}"
    if ended:
        gate.write_text("")
        until(lambda: not stage.alive())
        stage.run()
    else:
        run = stage.start("run")
        until(lambda: stage.tried(task_id)[0].session_id)
        assert stage.task(task_id).session_id == session
        gate.write_text("")
        assert run.end() == 5
    (attempt,) = stage.tried(task_id)
    assert (attempt.session_id, attempt.outcome) == (session, "finished")
    assert (stage.task(task_id).session_id, stage.task(task_id).status) == (session, "paused")

    stage.answer(task_id, "That one.")
    run = stage.start("run")
    gate.write_text("")
    assert run.end() == 5
    assert [each.action for each in stage.tried(task_id)] == ["spawn", "resume"]
    assert stage.sessions(task_id) == {session}
    assert stage.statuses() == {task_id: "needs_review"}
    began = [event for event in stage.events(task_id) if event["type"] == "session.started"]
    assert [event["payload"]["session_id"] for event in began] == [session]
    assert_sound(stage)


SUDDEN = """
import json, os, signal, subprocess, sys
if len(sys.argv) < 2:
    os.kill(os.getpid(), signal.SIGKILL)
print(json.dumps({"session": sys.argv[1], "text": "I go on."}), flush=True)
subprocess.run(["sow", "task", "set", "status", "needs_review"])
"""

FINDS = """
from sow_executors.command import Program
Program.begun = lambda self, task, role, scratch, env: f"{task}-{role}-{scratch.rpartition('/')[2]}"
"""


def test_a_session_that_an_agent_began_which_was_killed_before_it_told_is_found_and_gone_on_in(
    stage: Stage,
) -> None:
    agent = stage.tmp / "agent.py"
    agent.write_text(SUDDEN)
    argv = [sys.executable, "-S", "-E", str(agent)]
    settings = {
        "argv": argv,
        "resume_argv": [*argv, "{session_id}"],
        "output": "jsonl",
        "session_key": "session",
    }
    stage.user({"sudden": {"type": "command", "settings": settings}})
    stage.env["SOW_AGENTS_IMPLEMENTER"] = "sudden"
    stage.prelude = FINDS
    task_id = stage.add([])
    stage.run()
    first, second = stage.tried(task_id)
    assert (first.action, first.outcome, second.action) == ("spawn", "failed", "resume")
    session = f"{task_id}-implementer-{first.id}"
    assert (first.session_id, second.session_id, stage.task(task_id).session_id) == (session,) * 3
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)
