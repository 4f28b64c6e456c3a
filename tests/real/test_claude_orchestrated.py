"""The real Claude Code under the whole orchestrator: `sow` as a person runs it, over a scripted model."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from tests.model_server import cli_binary, env_for_claude
from tests.real.parts import BUSY, INTERRUPTED, WAITS, Bench, bench_in, kill_9
from tests.waiting import until

from sow import process
from sow_executors.model_server import (
    Call,
    Hang,
    ModelServer,
    Reply,
    Request,
    Scenario,
    Text,
    bash,
    unauthorized,
    usage_limited,
)

pytestmark = [pytest.mark.real_cli, pytest.mark.slow]

HAND_IN = bash("sow task set status needs_review")
DONE = Text("It is done.")


class ClaudeBench:
    """A bench whose implementer is the real program; each `sow run` meets a script of its own."""

    def __init__(self, bench: Bench, server: ModelServer) -> None:
        self.bench, self.server = bench, server
        self.subscription = False
        self._runs = 0
        self.program = bench.folder / "claude"
        self.seen_first = bench.folder / "state-at-the-first-start.yaml"
        # What the state said when the program was started is the one thing that can't be looked up later.
        self.program.write_text(
            "#!/bin/sh\n"
            f'[ -e {self.seen_first} ] || cp "$SOW_TASK_DIR/state.yaml" {self.seen_first}\n'
            f'exec {cli_binary("claude")} "$@"\n'
        )
        self.program.chmod(0o755)
        bench.settle_in({"type": "claude", "settings": {"program": str(self.program)}})

    def script(self, replies: Scenario) -> str:
        """Sets the model's script for the next run; gives the scenario's name."""
        self._runs += 1
        name = f"run-{self._runs}"
        url = self.server.scenario(name, replies)
        for credential in ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN"):
            self.bench.env.pop(credential, None)
        self.bench.env |= env_for_claude(self.bench.home, url, subscription=self.subscription)
        return name

    def run(self, *replies: Reply, code: int = WAITS) -> list[Request]:
        """One `sow run` with a model that says `replies`; gives the requests that the model saw."""
        name = self.script(replies)
        self.bench.sow("run", code=code)
        return self.server.seen(name)

    @property
    def worktree(self) -> Path:
        return self.bench.repo / ".sow" / "worktrees" / "feat" / "greet--010"

    def write(self, text: str) -> Call:
        """The model's call that writes the greeting."""
        return Call("Write", {"file_path": str(self.worktree / "welcome.txt"), "content": text})

    def transcripts(self, session: str) -> list[Path]:
        return list((self.bench.home / ".claude" / "projects").glob(f"*/{session}.jsonl"))


@pytest.fixture
def claude(tmp_path: Path, model_server: ModelServer) -> Iterator[ClaudeBench]:
    with bench_in(tmp_path) as bench:
        yield ClaudeBench(bench, model_server)


def last_prompt(request: Request) -> str:
    """What the agent was told last."""
    return request.said("user")[-1]


def test_an_answer_and_two_reviews_come_in_the_stored_session_and_what_is_approved_is_merged(
    claude: ClaudeBench,
) -> None:
    bench = claude.bench
    question = bash('sow task ask "Which greeting?" --option hello --option "good day"')
    opening, *_ = claude.run(question, Text("I wait for the answer."))
    paused = bench.task()
    session = paused["session_id"]
    assert yaml.safe_load(claude.seen_first.read_text())["session_id"] == session, "it was stored before"
    assert opening.headers["x-claude-code-session-id"] == session
    assert "Write a greeting." in " ".join(opening.said("user"))
    assert paused["status"] == "paused"
    assert paused["question"]["text"] == "Which greeting?"
    assert paused["question"]["options"] == ["hello", "good day"]

    bench.sow("task", "answer", "010", "Take good day, with a comma")
    fetch = "curl http://127.0.0.1:9/"
    first, *_ = claude.run(claude.write("hello\n"), bash(fetch), HAND_IN, Text("A first version."))
    assert "Take good day, with a comma" in last_prompt(first)
    assert "I wait for the answer." in first.said("assistant")
    assert any("Write a greeting." in text for text in first.said("user"))
    assert bench.task()["status"] == "needs_review", "a report of one who was denied holds"
    assert bench.events("tool.denied") == [{"tool": "Bash", "detail": fetch}]

    bench.sow("task", "feedback", "010", "More cheerful, please")
    second, *_ = claude.run(claude.write("hello!\n"), HAND_IN, Text("A second version."))
    assert "More cheerful, please" in last_prompt(second)
    assert "A first version." in second.said("assistant")
    assert bench.task()["iteration"] == 2

    bench.sow("task", "feedback", "010", "Three marks")
    path = str(claude.worktree / "welcome.txt")
    edit = Call("Edit", {"file_path": path, "old_string": "hello!", "new_string": "hello!!!"})
    third, *_ = claude.run(Call("Read", {"file_path": path}), edit, HAND_IN, Text("A third version."))
    assert "Three marks" in last_prompt(third)
    assert {"A first version.", "A second version."} <= set(third.said("assistant"))
    assert {first.session, second.session, third.session} == {session}

    task = bench.task()
    assert (task["status"], task["iteration"], task["session_id"]) == ("needs_review", 3, session)
    given = [(bench.task_folder / "feedback" / f"00{n}.md").read_text() for n in (1, 2)]
    assert given == ["More cheerful, please\n", "Three marks\n"]
    attempts = bench.attempts()
    assert [each["action"] for each in attempts] == ["spawn", "resume", "resume", "resume"]
    assert {(each["outcome"], each["exit_code"]) for each in attempts} == {("finished", 0)}
    assert all(each["cost_usd"] > 0 for each in attempts)
    counted = [(each["input_tokens"], each["output_tokens"]) for each in attempts]
    assert counted == [(200, 40), (400, 80), (300, 60), (400, 80)]
    assert ["denials" in each for each in attempts] == [False, True, False, False]

    bench.sow("task", "approve", "010")
    assert bench.on_branch("welcome.txt") == "hello!!!\n"
    completed = bench.task()
    assert completed["status"] == "completed"
    assert "session_id" not in completed


def test_claude_ends_at_a_cap_of_turns_by_itself_and_goes_on_by_an_answer(claude: ClaudeBench) -> None:
    settings = claude.bench.repo / ".sow/config.yaml"
    settings.write_text(settings.read_text() + "caps: {max_turns: 2}\n")
    claude.run(bash("sow agent log one"), bash("sow agent log two"), bash("sow agent log three"))
    task, (attempt,) = claude.bench.task(), claude.bench.attempts()
    assert "--max-turns=2" in attempt["argv"]
    assert (attempt["outcome"], attempt["error_class"]) == ("failed", "max_turns")
    assert (task["status"], task["question"]["kind"]) == ("paused", "cap")
    assert f"raise `max_turns` in {settings}:" in task["question"]["text"]
    claude.bench.sow("task", "answer", "010", "Go on.")
    claude.run(HAND_IN, DONE)
    assert claude.bench.task()["status"] == "needs_review"
    assert {one["session_id"] for one in claude.bench.attempts()} == {attempt["session_id"]}


def test_an_agent_that_was_denied_and_fell_silent_leaves_the_permission_to_a_person(
    claude: ClaudeBench,
) -> None:
    claude.run(bash("curl http://127.0.0.1:9/"), Text("I may not fetch it."))
    task = claude.bench.task()
    assert (task["status"], task["question"]["kind"]) == ("paused", "permission")
    assert "curl http://127.0.0.1:9/" in task["question"]["text"]
    assert "I may not fetch it." in task["question"]["text"]
    (attempt,) = claude.bench.attempts()
    (denial,) = attempt["denials"]
    assert (denial["tool"], denial["detail"]) == ("Bash", "curl http://127.0.0.1:9/")


def test_a_used_up_plan_is_waited_for_and_the_session_goes_on_by_itself(claude: ClaudeBench) -> None:
    claude.subscription = True
    resets: list[int] = []

    def plan(request: Request) -> Reply:
        if not resets:
            # Late enough for the wait to be seen on a busy machine.
            resets.append(int(time.time()) + 10)
            return usage_limited(resets[0])
        return HAND_IN if not request.tool_results() else DONE

    name = claude.script(plan)
    run = claude.bench.start("run")
    until(lambda: claude.bench.task().get("not_before"))
    waiting = claude.bench.task()
    assert waiting["status"] == "pending"
    assert datetime.fromisoformat(str(waiting["not_before"])).timestamp() == resets[0]
    assert waiting.get("attempts", 0) == 0
    assert "question" not in waiting

    assert run.wait(120) == WAITS
    task = claude.bench.task()
    assert (task["status"], task["attempts"]) == ("needs_review", 1)
    assert "error" not in task
    limited, resumed = claude.bench.attempts()
    assert (limited["error_class"], resumed["action"]) == ("usage_limit", "resume")
    assert {request.session for request in claude.server.seen(name)} == {task["session_id"]}
    assert datetime.fromisoformat(str(resumed["started_at"])).timestamp() >= resets[0]


def test_a_warning_of_the_plan_is_told_once_and_holds_starts_only_where_the_settings_say_so(
    claude: ClaudeBench,
) -> None:
    claude.subscription = True
    bench, resets = claude.bench, int(time.time()) + 3000
    claude.script([HAND_IN, Text("It is done.", used=0.93, resets_at=resets)] * 2)
    said = bench.sow("run", code=WAITS)
    assert said.count("mine: its five hour limit is 93 % used; it begins anew at") == 1
    (warning,) = bench.events("limit.warning")
    assert (warning["limit"], warning["used"]) == ("five_hour", 93.0)
    assert datetime.fromisoformat(warning["resets_at"]).timestamp() == resets
    assert "five hour limit is 93 % used" in bench.sow("status")
    # The same window and mark: it is known.
    bench.sow("task", "feedback", "010", "Once more")
    assert "93 % used" not in bench.sow("run", code=WAITS)
    assert len(bench.events("limit.warning")) == 1

    config = bench.home / ".config" / "sow" / "config.yaml"
    config.write_text(config.read_text() + "limits: {hold_at: 90}\n")
    bench.sow("task", "feedback", "010", "And again")
    run = bench.start("run")
    log = bench.folder / "started.log"
    until(lambda: "mine: its five hour limit is 93 % used; its tasks wait until" in log.read_text())
    run.send_signal(signal.SIGINT)
    assert run.wait(120) == INTERRUPTED
    assert len(bench.attempts()) == 2


def test_a_login_that_is_refused_is_asked_of_a_person_and_a_retry_completes(claude: ClaudeBench) -> None:
    claude.run(unauthorized())
    paused = claude.bench.task()
    assert (paused["status"], paused["question"]["kind"]) == ("paused", "failure")
    assert "Log the CLI in again" in paused["question"]["text"]
    assert "sow task retry" in paused["question"]["text"]
    assert paused["error_detail"]["class"] == "auth_invalid"

    claude.bench.sow("task", "retry", "010")
    seen = claude.run(HAND_IN, DONE)
    task = claude.bench.task()
    assert task["status"] == "needs_review"
    assert "error" not in task
    assert {request.session for request in seen} == {paused["session_id"]}
    assert any("Write a greeting." in text for text in seen[0].said("user"))


def run_into_a_tool(claude: ClaudeBench, gate: Path, before: int = 0) -> subprocess.Popen[str]:
    """A `sow run` whose agent is in the middle of a tool that does not come back; `before`: how many were."""
    os.mkfifo(gate)
    # An allowed command: sow reads its feedback from a pipe into which nobody writes.
    claude.script([bash(f"sow agent log begun && sow task feedback 010 --file {gate}")])
    run = claude.bench.start("run")
    until(lambda: len(claude.bench.events("agent.message")) > before)
    session = claude.bench.task()["session_id"]
    # The program writes its transcript a little behind what it does.
    until(lambda: any(str(gate) in path.read_text() for path in claude.transcripts(session)))
    return run


def test_a_session_cut_in_mid_tool_by_kill_9_and_then_by_ctrl_c_is_gone_on_with(claude: ClaudeBench) -> None:
    bench = claude.bench
    run = run_into_a_tool(claude, bench.folder / "gate")
    session = bench.task()["session_id"]
    (attempt,) = bench.attempts()
    kill_9(run, attempt)
    assert bench.strays(), "its tool lives on in a session of its own"

    run = run_into_a_tool(claude, bench.folder / "second", before=1)
    (first,) = claude.server.seen("run-2")
    assert first.session == session
    assert any("Write a greeting." in text for text in first.said("user"))
    assert any("interrupted" in text for text in first.tool_results())
    assert "You were interrupted" in last_prompt(first)
    assert attempt["id"] not in {process.environ(pid).get(process.MARK) for pid in bench.strays()}
    run.send_signal(signal.SIGINT)
    assert run.wait(120) == INTERRUPTED
    assert bench.strays() == []
    assert bench.task()["status"] == "in_progress"

    last, *_ = claude.run(HAND_IN, DONE)
    assert last.session == session
    # Which of the two it is told depends on what ended first: the tool or the program.
    assert last.tool_results()[-1].startswith(("[Tool call interrupted", "Exit code 137"))
    task = bench.task()
    assert (task["status"], task["session_id"]) == ("needs_review", session)
    attempts = bench.attempts()
    assert [each["outcome"] for each in attempts] == ["lost", "stopped", "finished"]
    assert [each["action"] for each in attempts] == ["spawn", "resume", "resume"]
    assert attempts[1]["error_class"] == "interrupted"


def test_an_agent_whose_orchestrator_was_killed_is_adopted_and_not_started_again(
    claude: ClaudeBench,
) -> None:
    gate = claude.bench.folder / "gate"
    os.mkfifo(gate)
    name = claude.script([Call("Read", {"file_path": str(claude.worktree / "greeting.txt")}), HAND_IN, DONE])
    claude.program.write_text(claude.program.read_text().replace("exec ", f"cat {gate}; exec "))
    run = claude.bench.start("run")
    until(claude.seen_first.exists)
    run.kill()
    run.wait(120)
    again = claude.bench.start("run")
    until(lambda: len(claude.bench.events("run.started")) == 2)
    gate.write_text("")
    assert again.wait(120) == WAITS
    assert claude.bench.task()["status"] == "needs_review"
    (attempt,) = claude.bench.attempts()
    assert (attempt["outcome"], attempt["exit_code"]) == ("finished", 0)
    assert len(claude.server.seen(name)) == 3


def test_a_silent_agent_is_asked_once_and_then_its_last_words_go_to_a_person(claude: ClaudeBench) -> None:
    seen = claude.run(Text("I looked around."), Text("Still looking around."))
    assert len(seen) == 2
    assert "nobody knows how it ended" in last_prompt(seen[1])
    assert "I looked around." in seen[1].said("assistant")
    assert len({request.session for request in seen}) == 1
    task = claude.bench.task()
    assert (task["status"], task["question"]["kind"]) == ("paused", "question")
    assert "Still looking around." in task["question"]["text"]
    assert [attempt["reason"] for attempt in claude.bench.attempts()] == ["start", "nudge"]


def test_an_id_that_claude_can_t_take_is_replaced_at_the_first_start(claude: ClaudeBench) -> None:
    claim(claude.bench, "abc-123")
    seen = claude.run(HAND_IN, DONE)
    task = claude.bench.task()
    assert task["status"] == "needs_review"
    assert task["session_id"] != "abc-123"
    assert {request.session for request in seen} == {task["session_id"]}
    assert uuid.UUID(task["session_id"])
    assert [attempt["action"] for attempt in claude.bench.attempts()] == ["spawn"]


def test_a_session_that_claude_does_not_know_is_opened_under_the_same_id(claude: ClaudeBench) -> None:
    session = str(uuid.uuid4())
    claim(claude.bench, session)
    seen = claude.run(HAND_IN, DONE)
    task = claude.bench.task()
    assert (task["status"], task["session_id"], task["attempts"]) == ("needs_review", session, 1)
    assert {request.session for request in seen} == {session}
    assert any("Write a greeting." in text for text in seen[0].said("user"))
    resumed, spawned = claude.bench.attempts()
    assert (resumed["action"], resumed["error_class"]) == ("resume", "session_not_found")
    assert (spawned["action"], spawned["outcome"]) == ("spawn", "finished")


def test_a_session_that_was_torn_gives_way_to_a_new_one(claude: ClaudeBench) -> None:
    claude.run(bash('sow task ask "Which?"'), Text("I wait."))
    torn = claude.bench.task()["session_id"]
    (transcript,) = claude.transcripts(torn)
    transcript.write_text("")
    claude.bench.sow("task", "answer", "010", "The second one")
    seen = claude.run(HAND_IN, DONE)
    task = claude.bench.task()
    assert task["status"] == "needs_review"
    assert task["session_id"] != torn
    assert any("The second one" in text for text in seen[0].said("user"))
    assert [each.get("error_class") for each in claude.bench.attempts()][1:] == [
        "session_not_found",
        "session_conflict",
        None,
    ]


def test_a_session_that_somebody_has_open_is_waited_for_until_their_process_is_gone(
    claude: ClaudeBench,
) -> None:
    bench = claude.bench
    claude.run(bash('sow task ask "Which?"'), Text("I wait."))
    session = bench.task()["session_id"]
    name = claude.script([Hang()])
    argv = [str(cli_binary("claude")), "-p", "--resume", session]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=bench.repo,
        env=bench.env,
    ) as other:  # fmt: skip
        assert other.stdin is not None
        other.stdin.write(b"By hand.")
        other.stdin.close()
        claude.server.wait_for(name, 1)
        bench.sow("task", "answer", "010", "The second one")
        scenario = claude.script([HAND_IN, DONE])
        run = bench.start("run")
        until(lambda: bench.task().get("not_before"))
        waiting = bench.task()
        assert (waiting["status"], waiting["session_id"]) == ("pending", session)
        assert waiting["error"]["message"] == f"its session is open in process {other.pid} (another program)"
        assert "open in process" in bench.sow("status", code=0)
        assert "--fresh" in bench.sow("agent", "spawn", "010", code=BUSY)
        assert len(bench.attempts()) == 1
        other.kill()
    # Its end is seen at once: nobody waits for the next look.
    assert run.wait(120) == WAITS
    seen = claude.server.seen(scenario)
    assert {request.session for request in seen} == {session}
    assert "The second one" in last_prompt(seen[0])
    assert [attempt["action"] for attempt in bench.attempts()] == ["spawn", "resume"]


def claim(bench: Bench, session: str) -> None:
    """Writes a session into the task's file, as another program or a person might."""
    path = bench.task_folder / "state.yaml"
    path.write_text(f"{path.read_text()}session_id: {session}\n")
