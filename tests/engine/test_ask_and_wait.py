"""`sow task ask --wait`: the worker's command stays, and the answer goes to it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.engine.stage import Stage, assert_sound, kill
from tests.waiting import until

from sow import process
from sow.change import Change
from sow.task import Task

ASK = "sow task ask 'Which one?' --option red --option blue --wait"
HAND_IN = {"report": "needs_review"}


def written(stage: Stage, task_id: str, name: str = "answer.txt") -> str:
    path = Path(str(stage.task(task_id).worktree), name)
    return path.read_text() if path.exists() else ""


def waits(stage: Stage) -> list[int]:
    """The processes of `sow task ask --wait`."""
    return [pid for pid in stage.alive() if "--wait" in process.argv(pid) and "ask" in process.argv(pid)]


def test_the_answer_goes_to_the_command_that_waits_and_nobody_else_is_started(stage: Stage) -> None:
    task_id = stage.add([{"run": f"{ASK} > answer.txt"}, HAND_IN])
    assert "an agent stays" in stage.run()
    task = stage.task(task_id)
    assert (task.status, task.options, len(waits(stage)) >= 1) == ("paused", ["red", "blue"], True)
    done = stage.sow("task", "answer", task_id, "the blue one")
    assert "its agent waited for it" in done.output
    until(lambda: written(stage, task_id))
    stage.run()
    assert (stage.statuses(), stage.task(task_id).answer) == ({task_id: "needs_review"}, None)
    assert (written(stage, task_id), len(stage.tried(task_id))) == ("the blue one\n", 1)
    assert_sound(stage)


@pytest.mark.slow
def test_one_after_the_other_each_question_has_its_own_answer(stage: Stage) -> None:
    task_id = stage.add(
        [
            {"run": f"{ASK} > answer.txt"},
            {"run": "sow task ask 'And then?' --wait --json > more.txt"},
            HAND_IN,
        ]
    )
    run = stage.start("run", "--watch")
    for question, answer in (("Which one?", "red"), ("And then?", "green")):
        run.until_it_says(f"paused: {question}")
        stage.answer(task_id, answer)
    until(lambda: not stage.attempts.open())
    assert (stage.statuses(), written(stage, task_id)) == ({task_id: "needs_review"}, "red\n")
    told = json.loads(written(stage, task_id, "more.txt"))
    assert (told["id"], told["answer"], told["by"]) == (task_id, "green", "ada")
    assert len(stage.tried(task_id)) == 1
    run.kill()
    stage.run()
    assert_sound(stage)


@pytest.mark.slow
def test_a_command_that_was_killed_leaves_a_question_like_any_other(stage: Stage) -> None:
    task_id = stage.add([{"run": {"command": ASK, "allow_failure": True}}], [HAND_IN])
    stage.run()
    until(lambda: waits(stage))
    for pid in waits(stage):
        kill(pid)
    stage.run()
    assert (stage.task(task_id).status, stage.alive()) == ("paused", [])
    stage.answer(task_id, "blue")
    stage.run()
    first, second = stage.tried(task_id)
    assert (second.action, second.reason, second.session_id) == ("resume", "answer", first.session_id)
    assert "blue" in stage.told(task_id)[1]
    assert "Which one?" in stage.told(task_id)[1]
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


@pytest.mark.slow
def test_a_kill_of_the_orchestrator_is_not_noticed_by_the_one_who_waits(stage: Stage) -> None:
    task_id = stage.add([{"run": f"{ASK} > answer.txt"}, HAND_IN])
    run = stage.start("run", "--watch")
    run.until_it_says("paused: Which one?")
    run.kill()
    stage.answer(task_id, "red")
    stage.run()
    assert (stage.statuses(), written(stage, task_id)) == ({task_id: "needs_review"}, "red\n")
    assert len(stage.tried(task_id)) == 1
    assert_sound(stage)


@pytest.mark.slow
def test_a_question_that_is_taken_back_ends_the_wait(stage: Stage) -> None:
    task_id = stage.add([{"run": {"command": f"{ASK} 2> answer.txt", "allow_failure": True}}, HAND_IN])
    stage.run()
    until(lambda: waits(stage))

    def take_back(task: Task) -> Change:
        return Change(task=task.go_on())

    stage.store.change_task(task_id, take_back)
    until(lambda: written(stage, task_id))
    assert "the question was taken back: task 010 is in_progress" in written(stage, task_id)
    stage.run()
    assert_sound(stage)


def test_who_waits_is_a_process_of_the_tasks_agent(stage: Stage) -> None:
    task_id = stage.add([HAND_IN])
    said = stage.sow("task", "ask", "Which?", "--wait", "--id", task_id)
    assert (said.code, f"no agent of task {task_id} is at work" in said.output) == (4, True), said
    assert stage.task(task_id).status == "pending"


@pytest.mark.slow
def test_in_a_folder_that_all_share_nobody_begins_while_one_waits(stage_with: Callable[..., Stage]) -> None:
    stage = stage_with(isolation="project")
    first = stage.add([{"run": f"{ASK} > answer.txt"}, HAND_IN])
    second = stage.add([HAND_IN])
    stage.run()
    assert stage.statuses() == {first: "paused", second: "pending"}
    stage.answer(first, "red")
    until(lambda: stage.task(first).status == "needs_review")
    stage.run()
    assert stage.statuses() == {first: "needs_review", second: "needs_review"}
