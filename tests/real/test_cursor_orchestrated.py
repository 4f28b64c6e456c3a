"""Cursor's CLI under the whole orchestrator: `sow` as a person runs it, over the stand-in program."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.agents import cursor_agent
from tests.real.parts import WAITS, Bench, bench_in
from tests.waiting import until

pytestmark = pytest.mark.slow

Step = dict[str, Any]

HAND_IN: Step = {"shell": "sow task set status needs_review"}
ASK: Step = {"shell": 'sow task ask "Which greeting?"'}


class CursorBench:
    """A bench whose implementer is the stand-in, on the PATH under the CLI's own name."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        bin_folder = bench.folder / "bin"
        bin_folder.mkdir()
        cursor_agent.install(bin_folder)
        bench.env["PATH"] = f"{bin_folder}:{bench.env['PATH']}"
        bench.env["CURSOR_STANDIN_SCRIPT"] = str(bench.folder / "script.yaml")

    def settle_in(self, **settings: object) -> None:
        self.bench.settle_in({"type": "cursor", "settings": settings})

    def settle_in_by_protocol(self, *options: str, **settings: object) -> None:
        """The generic executor runs it; `options`: those of the CLI."""
        given = {"command": ["cursor-agent", *options, "acp"], "environment": ["CURSOR_*"], **settings}
        self.bench.settle_in({"type": "acp", "settings": given})

    def script(self, *turns: Sequence[Step]) -> None:
        """From now on each chat plays `turns`, by how many prompts it has had."""
        (self.bench.folder / "script.yaml").write_text(yaml.safe_dump([list(turn) for turn in turns]))

    def run(self, *turns: Sequence[Step]) -> None:
        """One `sow run` with such a script."""
        self.script(*turns)
        self.bench.sow("run", code=WAITS)

    @property
    def store(self) -> Path:
        return self.bench.home / ".cursor" / "chats"

    def chats(self) -> dict[str, list[str]]:
        """What each chat was told, by its place in the store: workspace and id."""
        found = self.store.glob("*/*/store.json")
        return {str(path.parent.relative_to(self.store)): json.loads(path.read_text()) for path in found}


@contextmanager
def cursor_in(folder: Path) -> Iterator[CursorBench]:
    with bench_in(folder) as bench:
        yield CursorBench(bench)


@pytest.fixture
def cursor(tmp_path: Path) -> Iterator[CursorBench]:
    with cursor_in(tmp_path) as bench:
        yield bench


def test_an_answer_and_a_review_come_in_one_chat_in_one_workspace(cursor: CursorBench) -> None:
    cursor.settle_in(yolo_mode=True)
    edits = [{"edit": {"path": "welcome.txt", "content": text}} for text in ("hello\n", "hello!\n")]
    turns = [[ASK, {"say": "I wait."}], [edits[0], HAND_IN], [edits[1], HAND_IN]]
    cursor.run(*turns)
    paused = cursor.bench.task()
    assert (paused["status"], paused["question"]["text"]) == ("paused", "Which greeting?")
    cursor.bench.sow("task", "answer", "010", "hello")
    cursor.run(*turns)
    assert cursor.bench.task()["status"] == "needs_review"
    cursor.bench.sow("task", "feedback", "010", "More cheerful")
    cursor.run(*turns)

    task = cursor.bench.task()
    assert (task["status"], task["iteration"]) == ("needs_review", 2)
    assert task["session_id"] == paused["session_id"]
    ((place, (opening, answer, review)),) = cursor.chats().items()
    assert place.endswith(f"/{task['session_id']}")
    assert "Write a greeting." in opening
    assert "hello" in answer
    assert "More cheerful" in review
    attempts = cursor.bench.attempts()
    assert [each["action"] for each in attempts] == ["spawn", "resume", "resume"]
    assert len({each["folder"] for each in attempts}) == 1
    # The workspace and the id, spelled the same each time.
    assert len({tuple(each["argv"]) for each in attempts}) == 1
    assert all(each["input_tokens"] > 0 and "cost_usd" not in each for each in attempts)

    cursor.bench.sow("task", "approve", "010")
    assert cursor.bench.on_branch("welcome.txt") == "hello!\n"


def test_a_chat_that_was_lost_is_begun_again_with_all_that_it_knew(cursor: CursorBench) -> None:
    cursor.settle_in(yolo_mode=True)
    cursor.run([ASK])
    session = cursor.bench.task()["session_id"]
    cursor.bench.sow("task", "answer", "010", "Take good day")
    shutil.rmtree(cursor.store)
    cursor.run([HAND_IN])
    task = cursor.bench.task()
    assert (task["status"], task["session_id"]) == ("needs_review", session)
    assert [each["action"] for each in cursor.bench.attempts()] == ["spawn", "spawn"]
    ((prompt,),) = cursor.chats().values()
    assert "Write a greeting." in prompt
    assert "Take good day" in prompt


def test_a_quota_that_is_told_with_exit_code_0_is_no_success_and_goes_to_a_person(
    cursor: CursorBench,
) -> None:
    cursor.settle_in(yolo_mode=True)
    cursor.run([{"say": "I begin."}, {"quota": True}])
    task = cursor.bench.task()
    assert (task["status"], task["question"]["kind"]) == ("paused", "failure")
    assert "monthly cycle ends on 12/2/2026" in task["question"]["text"]
    assert "sow task retry" in task["question"]["text"]
    assert "not_before" not in task
    (attempt,) = cursor.bench.attempts()
    assert (attempt["outcome"], attempt["exit_code"]) == ("failed", 0)
    assert attempt["error_class"] == "billing_exhausted"

    cursor.bench.sow("task", "retry", "010")
    cursor.run([HAND_IN])
    assert cursor.bench.task()["session_id"] == task["session_id"]
    assert cursor.bench.task()["status"] == "needs_review"


def test_a_program_that_does_not_end_after_its_result_is_ended(cursor: CursorBench) -> None:
    cursor.settle_in(yolo_mode=True)
    cursor.run([HAND_IN, {"say": "Done."}, {"end": "hang"}])
    assert cursor.bench.task()["status"] == "needs_review"
    (attempt,) = cursor.bench.attempts()
    assert attempt["outcome"] == "finished"
    assert "error_class" not in attempt
    assert attempt["signal"] == 15
    assert cursor.bench.strays() == []


def test_shell_calls_turned_down_without_force_are_shown_to_a_person(cursor: CursorBench) -> None:
    cursor.settle_in()
    cursor.run(
        [{"edit": {"path": "welcome.txt", "content": "hi\n"}}, HAND_IN, {"say": "I could not report."}]
    )
    task = cursor.bench.task()
    assert (task["status"], task["question"]["kind"]) == ("paused", "permission")
    assert "sow task set status needs_review" in task["question"]["text"]
    assert "I could not report." in task["question"]["text"]
    (attempt,) = cursor.bench.attempts()
    (denial,) = attempt["denials"]
    assert (denial["tool"], denial["detail"]) == ("shell", "sow task set status needs_review")
    assert cursor.bench.events("tool.denied") == [
        {"tool": "shell", "detail": "sow task set status needs_review"}
    ]

    # A person takes the edit as it is.
    cursor.bench.sow("task", "accept", "010")
    assert cursor.bench.on_branch("welcome.txt") == "hi\n"


def test_a_rule_of_the_users_lets_the_agent_report_without_force(cursor: CursorBench) -> None:
    cursor.settle_in()
    rules = cursor.bench.home / ".cursor" / "cli-config.json"
    rules.parent.mkdir()
    rules.write_text(json.dumps({"permissions": {"allow": ["Shell(sow)"]}}))
    cursor.run([{"shell": "curl http://127.0.0.1:9/"}, HAND_IN, {"say": "Done."}])
    assert cursor.bench.task()["status"] == "needs_review"
    assert cursor.bench.events("tool.denied") == [{"tool": "shell", "detail": "curl http://127.0.0.1:9/"}]


def test_a_report_laid_down_in_the_outbox_is_taken_at_the_exit(cursor: CursorBench) -> None:
    """Where a sandbox keeps the agent from the state, it can still write into its attempt's folder."""
    cursor.settle_in(yolo_mode=True)
    asked = json.dumps({"verb": "ask", "question": "Which greeting?", "options": ["hello", "good day"]})
    outbox = "$SOW_PROJECT_RUNTIME/attempts/$SOW_ATTEMPT_ID/outbox"
    cursor.run([{"shell": f"echo '{asked}' > {outbox}/1.json"}, {"say": "I laid it down."}])
    task = cursor.bench.task()
    assert (task["status"], task["question"]["kind"]) == ("paused", "question")
    assert task["question"]["text"] == "Which greeting?"
    assert task["question"]["options"] == ["hello", "good day"]
    assert len(cursor.bench.attempts()) == 1


def test_an_agent_that_may_run_nothing_is_told_how_to_report_by_a_file_and_its_report_is_taken(
    cursor: CursorBench,
) -> None:
    cursor.settle_in()
    outbox = "$SOW_PROJECT_RUNTIME/attempts/$SOW_ATTEMPT_ID/outbox"
    report = json.dumps({"verb": "set", "field": "status", "value": "needs_review"})
    cursor.run([HAND_IN, {"edit": {"path": f"{outbox}/1.json", "content": report}}, {"say": "Done."}])
    assert cursor.bench.task()["status"] == "needs_review"
    [attempt] = cursor.bench.attempts()
    [[told]] = cursor.chats().values()
    assert f"attempts/{attempt['id']}/outbox/1.json" in told
    assert report in told


def test_a_login_that_is_missing_is_asked_of_a_person_and_a_retry_completes(cursor: CursorBench) -> None:
    cursor.settle_in(yolo_mode=True)
    cursor.bench.env["CURSOR_STANDIN_LOGIN"] = "no"
    cursor.run([HAND_IN])
    task = cursor.bench.task()
    assert (task["status"], task["question"]["kind"]) == ("paused", "failure")
    assert "Authentication required" in task["question"]["text"]
    assert "Log the CLI in again" in task["question"]["text"]
    assert cursor.chats() == {}

    del cursor.bench.env["CURSOR_STANDIN_LOGIN"]
    cursor.bench.sow("task", "retry", "010")
    cursor.run([HAND_IN])
    again = cursor.bench.task()
    assert (again["status"], again["session_id"]) == ("needs_review", task["session_id"])
    ((prompt,),) = cursor.chats().values()
    assert "Write a greeting." in prompt


def test_the_end_of_an_agent_leaves_that_of_another_repository_alone(tmp_path: Path) -> None:
    """Both are the first attempt of a task 010, and each `sow run` sweeps up after its own."""
    with ExitStack() as stack:
        here, there = (stack.enter_context(cursor_in(tmp_path / name)) for name in ("here", "there"))
        for each in (here, there):
            each.settle_in(yolo_mode=True)
        gate = there.bench.folder / "gate"
        os.mkfifo(gate)
        there.script([{"shell": f"sow agent log begun; cat {gate}"}, HAND_IN])
        run = there.bench.start("run")
        until(lambda: there.bench.events("agent.message"))
        here.run([HAND_IN])
        assert len(there.bench.strays()) > 1
        gate.write_text("")
        assert run.wait(120) == WAITS
        assert there.bench.task()["status"] == "needs_review"
        assert [each["outcome"] for each in there.bench.attempts()] == ["finished"]


def test_by_the_protocol_a_permission_is_asked_answered_and_the_chat_goes_on_in_the_next_round(
    cursor: CursorBench,
) -> None:
    cursor.settle_in_by_protocol("--trust", permissions="ask", auth="cursor_login")
    outside = cursor.bench.folder / "outside.txt"
    edit: Step = {"edit": {"path": "welcome.txt", "content": "hello\n"}}
    touch: Step = {"shell": f"touch {outside}"}
    turns = [[{"think": "Hm."}, edit, touch, HAND_IN, {"say": "Done."}], [HAND_IN]]
    cursor.run(*turns)
    asked = cursor.bench.task()["question"]
    assert (asked["kind"], asked["text"]) == ("permission", f"The agent asks to run: touch {outside}")
    assert asked["options"] == ["Allow once", "Allow always", "Reject"]
    assert "its agent waited for it" in cursor.bench.sow("task", "answer", "010", "1")
    cursor.bench.sow("run", code=WAITS)
    assert cursor.bench.task()["status"] == "needs_review"
    assert outside.exists()
    cursor.bench.sow("task", "feedback", "010", "More cheerful")
    cursor.run(*turns, [{"shell": "touch evil"}])
    assert cursor.bench.task()["status"] == "needs_review"
    first, second = cursor.bench.attempts()
    assert (first["action"], second["action"]) == ("spawn", "resume")
    assert first["session_id"] == second["session_id"]
    ((place, (_, review)),) = cursor.chats().items()
    assert place.endswith(f"/{first['session_id']}")
    assert "More cheerful" in review

    # A stop while it waits takes the whole agent along.
    cursor.bench.sow("task", "feedback", "010", "And once more")
    cursor.bench.sow("run", code=WAITS)
    cursor.bench.sow("agent", "stop", "010")
    assert cursor.bench.strays() == []
    assert cursor.bench.attempts()[-1]["outcome"] == "stopped"


def test_by_the_protocol_the_rules_refuse_what_is_not_named_and_a_question_is_skipped(
    cursor: CursorBench,
) -> None:
    cursor.settle_in_by_protocol("--trust")
    steps: list[Step] = [{"shell": "touch evil"}, {"question": ["red", "blue"]}, HAND_IN, {"say": "Done."}]
    cursor.run(steps)
    assert cursor.bench.task()["status"] == "needs_review"
    denied = cursor.bench.events("tool.denied")
    assert denied == [{"tool": "execute", "detail": "touch evil"}, {"tool": "other", "detail": "Which one?"}]
    assert "I was told: __ask_question_skip__" in cursor.bench.sow("agent", "logs", "010")


def test_by_the_protocol_a_login_that_is_missing_a_lost_chat_and_a_quota_are_told_as_what_they_are(
    cursor: CursorBench,
) -> None:
    cursor.settle_in_by_protocol("--force")
    cursor.bench.env["CURSOR_STANDIN_LOGIN"] = "no"
    cursor.run([ASK])
    assert "it offers to log in by cursor_login" in cursor.bench.task()["question"]["text"]
    cursor.bench.env["CURSOR_API_KEY"] = "no-real-key"
    cursor.bench.sow("task", "retry", "010")
    cursor.run([ASK])
    cursor.bench.sow("task", "answer", "010", "hello")
    shutil.rmtree(cursor.store)
    cursor.script([{"quota": True}])
    run = cursor.bench.start("run")
    until(lambda: "outcome" in [*cursor.bench.attempts(), {}, {}, {}, {}][3])
    run.terminate()
    run.wait(120)
    attempts = cursor.bench.attempts()
    assert [each["action"] for each in attempts] == ["spawn", "spawn", "resume", "spawn"]
    classes = [each.get("error_class") for each in attempts]
    assert classes == ["auth_invalid", None, "session_not_found", "rate_limit"]
