"""Questions that a living process holds: the task waits, the process with it, and the answer goes to it."""

import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.cli.person import at_terminal
from tests.engine.stage import ROOT, Stage, assert_sound, kill, staged
from tests.waiting import until

from sow import process
from sow.adding import Wish, add
from sow_executors import inbox

pytestmark = pytest.mark.slow

AGENT = (sys.executable, "-S", "-E", str(ROOT / "tests/agents/acp_agent.py"))
TOUCH = {"run": {"command": "touch asked.txt", "permit": True, "unless": "asked.txt"}}
HAND_IN = {"run": "sow task set status needs_review"}
QUESTION = "The agent asks to run: touch asked.txt"


class Holding:
    """A stage whose implementer is an ACP agent that asks, with a script of its own for each task."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        stage.env["SOW_AGENTS_IMPLEMENTER"] = "fake"

    def add(self, *turns: list[dict[str, Any]], **settings: Any) -> str:
        script = self.stage.script("acp.json", "")
        script.write_text(json.dumps({"turns": list(turns)}))
        command = [*AGENT, str(script)]
        fake = {"type": "acp", "settings": {"command": command, "permissions": "ask", **settings}}
        self.stage.user({"fake": fake})
        return add(self.stage.store, Wish(name="Ask", agent="implementer")).id

    def question(self, task_id: str) -> str:
        """The question that a process of the task holds; empty for none."""
        for attempt in self.stage.attempts.open():
            if attempt.task_id == task_id:
                for waiting in inbox.waiting(self.stage.attempts.inbox(attempt.id)):
                    return waiting.text
        return ""

    def is_done(self, task_id: str) -> bool:
        """Whether the agent did what it had asked for."""
        return Path(str(self.stage.task(task_id).worktree), "asked.txt").exists()

    def bridge(self) -> int:
        """The process of the bridge."""
        (pid,) = (p for p in self.stage.alive() if any("acp_bridge" in word for word in process.argv(p)[:3]))
        return pid


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Holding]:
    with staged(tmp_path) as stage:
        yield Holding(stage)


def test_a_run_ends_where_only_a_person_can_go_on_and_the_answer_goes_to_the_one_who_waits(
    held: Holding,
) -> None:
    stage, task_id = held.stage, held.add([TOUCH, HAND_IN])
    assert "1 to answer; an agent stays, and waits" in stage.run()
    task = stage.task(task_id)
    assert (task.status, task.question and task.question["kind"]) == ("paused", "permission")
    assert task.question
    assert (task.question["text"], task.options) == (QUESTION, ["Always allow", "Allow", "Reject"])
    assert held.question(task_id) == QUESTION
    assert not held.is_done(task_id)
    # Nobody else is started on it meanwhile, and what ends it says so.
    assert stage.sow("agent", "spawn", task_id).code == 4
    assert stage.sow("task", "retry", task_id).code == 6
    told = stage.sow("task", "answer", task_id, "Allow")
    assert (told.code, "its agent waited for it and goes on" in told.output) == (0, True)
    until(lambda: held.is_done(task_id))
    stage.run()
    assert (stage.statuses(), len(stage.tried(task_id))) == ({task_id: "needs_review"}, 1)
    kinds = [event["type"] for event in stage.events(task_id)]
    assert kinds.count("task.paused") == kinds.count("task.resumed") == 1
    stage.approve(task_id)
    assert_sound(stage)


def test_in_a_review_the_answer_goes_to_the_one_who_waits_too(held: Holding) -> None:
    stage, task_id = held.stage, held.add([TOUCH, HAND_IN])
    stage.run()
    with at_terminal(stage.main, {**stage.env, "TERM": "xterm"}, "review") as person:
        person.sees(QUESTION)
        person.sees("2  Allow")
        person.sees(f"Its agent waits for the answer; to end it: `sow agent stop {task_id}`")
        # While its process lives no other is begun, and nothing of it is merged.
        assert "[r]etry" not in person.sees("[?]")
        person.presses("2")
        person.sees("its agent waited for it, and goes on")
        assert person.ends() == 0
    until(lambda: held.is_done(task_id))
    stage.run()
    assert (stage.statuses(), len(stage.tried(task_id))) == ({task_id: "needs_review"}, 1)
    assert_sound(stage)


def test_an_answer_is_heard_while_the_run_goes_on_and_a_waiting_agent_takes_nobodys_place(
    held: Holding,
) -> None:
    stage, first = held.stage, held.add([TOUCH, HAND_IN])
    turn: list[dict[str, Any]] = [{"wait": {"file": "go"}}, {"report": "needs_review"}]
    other = stage.add(turn, agent="reviewer")
    run = stage.start("run", "--jobs", "1", SOW_AGENTS_REVIEWER="script")
    run.until_it_says(QUESTION)
    until(lambda: stage.task(other).status == "in_progress")
    assert stage.sow("task", "answer", first, "yes").code == 0
    until(lambda: stage.task(first).status == "needs_review")
    Path(str(stage.task(other).worktree), "go").touch()
    assert run.end() == 5
    assert stage.statuses() == {first: "needs_review", other: "needs_review"}
    assert f"[{first}] Ask: paused: {QUESTION}" in run.output
    assert_sound(stage)


def test_a_kill_of_the_orchestrator_loses_nothing(held: Holding) -> None:
    stage, task_id = held.stage, held.add([TOUCH, HAND_IN])
    run = stage.start("run", "--watch")
    run.until_it_says(QUESTION)
    run.kill()
    assert held.question(task_id) == QUESTION
    again = stage.start("run", "--watch")
    again.until_it_says("adopted")
    stage.answer(task_id, "Allow")
    until(lambda: stage.task(task_id).status == "needs_review" and not stage.attempts.open())
    again.signal(signal.SIGINT)
    again.end()
    assert (len(stage.tried(task_id)), held.is_done(task_id)) == (1, True)
    assert_sound(stage)


def test_an_answer_that_nobody_drives_is_heard_too(held: Holding) -> None:
    stage, task_id = held.stage, held.add([TOUCH, HAND_IN])
    run = stage.start("run", "--watch")
    run.until_it_says(QUESTION)
    run.kill()
    stage.answer(task_id, "Reject")
    until(lambda: stage.task(task_id).status == "needs_review")
    stage.run()
    assert (len(stage.tried(task_id)), held.is_done(task_id), stage.task(task_id).answer) == (1, False, None)
    assert_sound(stage)


@pytest.mark.parametrize("with_the_run", [True, False], ids=["and the run", "alone"])
def test_a_kill_of_the_bridge_leaves_the_question_and_the_answer_goes_by_a_resume(
    held: Holding, with_the_run: bool
) -> None:
    stage, task_id = held.stage, held.add([TOUCH], [TOUCH, HAND_IN])
    run = stage.start("run")
    run.until_it_says(QUESTION)
    run.end()
    if with_the_run:
        run = stage.start("run", "--watch")
        run.until_it_says("adopted")
        run.kill()
    kill(held.bridge())
    stage.run()
    task = stage.task(task_id)
    assert (task.status, task.question and task.question["text"], stage.alive()) == ("paused", QUESTION, [])
    stage.answer(task_id, "Allow")
    stage.run()
    first, second = stage.tried(task_id)
    assert (second.action, second.reason, second.session_id) == ("resume", "answer", first.session_id)
    told = stage.told(task_id)[1]
    assert "Allow" in told
    assert QUESTION in told
    assert held.is_done(task_id), "the answer holds for the same request, made again"
    assert inbox.late(stage.attempts.inbox(first.id)) == []
    assert (stage.statuses(), stage.task(task_id).answer) == ({task_id: "needs_review"}, None)
    assert_sound(stage)


def test_a_run_that_is_interrupted_ends_the_one_who_waits_and_keeps_the_question(held: Holding) -> None:
    stage, task_id = held.stage, held.add([TOUCH], [HAND_IN])
    run = stage.start("run", "--watch")
    run.until_it_says(QUESTION)
    run.signal(signal.SIGINT)
    assert run.end() == 130
    task = stage.task(task_id)
    assert (task.status, task.question and task.question["text"]) == ("paused", QUESTION)
    stage.answer(task_id, "Allow")
    stage.run()
    assert stage.statuses() == {task_id: "needs_review"}
    assert QUESTION in stage.told(task_id)[1]
    assert_sound(stage)


def test_what_nobody_answered_in_time_is_asked_no_more(held: Holding) -> None:
    stage, task_id = held.stage, held.add([TOUCH, {"say": "Without it."}], wait_seconds=4)
    stage.run()
    assert stage.task(task_id).status == "paused"
    until(lambda: not stage.alive())
    stage.run()
    task = stage.task(task_id)
    assert task.status == "paused"
    assert task.question
    assert task.question["text"].startswith("The agent was denied: execute (touch asked.txt). Its last words")
    assert [d["reason"] for a in stage.tried(task_id) for d in a.denials or ()] == ["nobody answered in 4 s"]
    assert_sound(stage)


def test_a_resume_follows_the_one_who_waited(held: Holding) -> None:
    stage, task_id = held.stage, held.add([TOUCH, HAND_IN])
    stage.run()
    done = stage.sow("agent", "resume", task_id, "Allow")
    assert (done.code, stage.statuses()) == (0, {task_id: "needs_review"}), done
    assert len(stage.tried(task_id)) == 1
    assert_sound(stage)


def test_beside_a_process_that_goes_on_no_other_is_started(held: Holding) -> None:
    stage, go = held.stage, held.stage.tmp / "go"
    task_id = held.add([TOUCH, {"wait": str(go)}, HAND_IN])
    stage.run()
    stage.answer(task_id, "Allow")
    assert stage.task(task_id).status == "in_progress"
    busy = stage.sow("agent", "spawn", task_id)
    assert (busy.code, "is at work" in busy.output) == (6, True), busy
    go.touch()
    stage.run()
    assert (stage.statuses(), len(stage.tried(task_id))) == ({task_id: "needs_review"}, 1)
    assert_sound(stage)


def test_an_agent_that_waits_is_stopped_like_any_other_and_its_question_stays(held: Holding) -> None:
    stage, task_id = held.stage, held.add([TOUCH])
    stage.run()
    assert stage.sow("agent", "stop", task_id).code == 0
    task = stage.task(task_id)
    assert (task.status, task.question and task.question["text"], stage.alive()) == ("paused", QUESTION, [])
    assert_sound(stage)


def test_no_agent_allows_itself_anything(held: Holding) -> None:
    stage, task_id = held.stage, held.add([TOUCH])
    stage.run()
    (attempt,) = stage.tried(task_id)
    own = {"SOW_ATTEMPT_ID": attempt.id, "SOW_TASK_ID": task_id}
    said = stage.sow("task", "answer", task_id, "Allow", **own)
    assert (said.code, "can't answer its own request" in said.output) == (4, True), said
    assert stage.task(task_id).status == "paused"
    kill(held.bridge())
    stage.run()


def test_an_answer_that_is_killed_on_its_way_is_given_whole_or_not_at_all(held: Holding) -> None:
    stage, task_id, chance = held.stage, held.add([TOUCH, HAND_IN]), Random(5)
    stage.run()
    for _ in range(12):
        run = stage.start("task", "answer", task_id, "Allow")
        time.sleep(chance.uniform(0.1, 0.8))
        run.kill()
        if stage.task(task_id).status != "paused":
            break
    else:
        stage.answer(task_id, "Allow")
    assert stage.sow("task", "list").code == 0  # whoever comes next completes what was begun
    until(lambda: stage.task(task_id).status == "needs_review")
    stage.run()
    assert (held.is_done(task_id), len(stage.tried(task_id))) == (True, 1)
    assert_sound(stage)


def test_a_request_that_comes_when_the_work_is_handed_in_is_refused_at_once(held: Holding) -> None:
    stage, task_id = held.stage, held.add([HAND_IN, TOUCH, {"say": "Well."}])
    stage.run()
    (attempt,) = stage.tried(task_id)
    assert (stage.statuses(), attempt.outcome) == ({task_id: "needs_review"}, "finished")
    assert [d["reason"] for d in attempt.denials or ()] == [
        f"nobody is asked: task {task_id} is needs_review"
    ]
    assert_sound(stage)
