"""Which task starts when: dependencies, priority, places, and what a run says of it."""

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
from tests.engine.stage import Stage, ask, assert_sound, work
from tests.waiting import until

NO_SCAN = "import sow.scheduler; sow.scheduler.RESCAN_SECONDS = 3600.0"
"""A run that learns of what others do by their events alone."""


def _begun(stage: Stage) -> list[str]:
    """The tasks in the order in which their agents started."""
    return [event["task_id"] for event in stage.events() if event["type"] == "attempt.started"]


@pytest.mark.slow
def test_a_task_starts_only_when_those_it_depends_on_are_approved(stage: Stage) -> None:
    first = stage.add(work("a.txt"))
    second = stage.add([{"run": "cat a.txt"}, *work("b.txt")], depends_on=(first,))
    stage.run()
    assert stage.statuses() == {first: "needs_review", second: "pending"}
    assert stage.tried(second) == []
    stage.approve(first)
    stage.run()
    assert stage.statuses() == {first: "completed", second: "needs_review"}
    assert_sound(stage)


@pytest.mark.slow
def test_an_approval_starts_what_waited_for_it_while_the_run_goes_on(stage: Stage) -> None:
    stage.prelude = NO_SCAN
    first = stage.add(work("a.txt"))
    second = stage.add(work("b.txt"), depends_on=(first,))
    busy = stage.add([{"wait": {"file": str(stage.tmp / "go")}}, *work("c.txt")])
    run = stage.start("run")
    until(lambda: stage.statuses()[first] == "needs_review" and not stage.is_at_work(first))
    assert stage.sow("task", "approve", first).code == 0
    until(lambda: stage.statuses()[second] == "needs_review")
    (stage.tmp / "go").touch()
    assert run.end() == 5
    assert stage.statuses() == {first: "completed", second: "needs_review", busy: "needs_review"}
    assert_sound(stage)


@pytest.mark.slow
def test_an_answer_is_taken_up_while_the_run_goes_on(stage: Stage) -> None:
    stage.prelude = NO_SCAN
    asking = stage.add([ask("Well?")], work("a.txt"))
    stage.add([{"wait": {"file": str(stage.tmp / "go")}}, *work("b.txt")])
    run = stage.start("run")
    until(lambda: stage.statuses()[asking] == "paused" and not stage.is_at_work(asking))
    assert stage.sow("task", "answer", asking, "Yes.").code == 0
    until(lambda: stage.statuses()[asking] == "needs_review")
    (stage.tmp / "go").touch()
    assert run.end() == 5
    assert_sound(stage)


def test_a_task_that_is_added_while_the_run_goes_on_is_started(stage: Stage) -> None:
    stage.prelude = NO_SCAN
    stage.add([{"wait": {"file": str(stage.tmp / "go")}}, *work("a.txt")])
    run = stage.start("run")
    until(lambda: _begun(stage))
    added = stage.add(work("b.txt"))
    until(lambda: stage.statuses()[added] == "needs_review")
    (stage.tmp / "go").touch()
    assert run.end() == 5
    assert_sound(stage)


@pytest.mark.slow
def test_with_one_place_tasks_start_by_priority_then_age(stage: Stage) -> None:
    wished = ("low", "normal", "critical", "normal", "high")
    low, normal, critical, later, high = [
        stage.add(work(f"{n}.txt"), priority=p) for n, p in enumerate(wished)
    ]
    stage.run("--jobs", "1")
    assert _begun(stage) == [critical, high, normal, later, low]
    assert_sound(stage)


@pytest.mark.slow
def test_never_more_agents_run_than_there_are_places(stage: Stage) -> None:
    turn: list[dict[str, Any]] = [
        {"run": f"mkdir -p {stage.tmp}/counted; touch {stage.tmp}/counted/{{task_id}}"},
        {"wait": 1.0},
        {"run": f"ls {stage.tmp}/counted | wc -l >> {stage.tmp}/most; rm {stage.tmp}/counted/{{task_id}}"},
        {"report": "needs_review"},
    ]
    for _ in range(5):
        stage.add(turn)
    stage.run("--jobs", "2")
    most = [int(line) for line in (stage.tmp / "most").read_text().split()]
    assert max(most) == 2
    assert_sound(stage)


def test_a_task_whose_dependency_was_abandoned_waits_for_a_person(stage: Stage) -> None:
    first = stage.add(work("a.txt"))
    second = stage.add(work("b.txt"), depends_on=(first,))
    stage.person.abandon(first, reason="no longer needed")
    stage.run()
    task = stage.task(second)
    assert task.question
    assert (task.status, task.question["kind"]) == ("paused", "failure")
    assert f"sow task retry {first}" in task.question["text"]
    # What it says to do, done, lets it go on.
    assert stage.sow("task", "set", "depends_on", "[]", "--id", second).code == 0
    stage.retry(second)
    stage.run()
    assert stage.statuses() == {first: "abandoned", second: "needs_review"}
    assert_sound(stage)


def test_a_run_of_one_task_leaves_the_others_alone(stage: Stage) -> None:
    later = stage.add([{"fail": {"message": "Slow down.", "kind": "overloaded"}}])
    run = stage.start("run")
    until(lambda: stage.task(later).not_before)
    run.signal(signal.SIGINT)
    assert run.end() == 130
    wanted, other = stage.add(work("a.txt")), stage.add(work("b.txt"))
    # The other one's minute is not waited for.
    stage.run("--task", wanted)
    assert stage.statuses() == {later: "pending", wanted: "needs_review", other: "pending"}
    assert_sound(stage)


def test_a_run_of_a_task_that_is_not_there_says_so(stage: Stage) -> None:
    stage.add(work("a.txt"))
    done = stage.sow("run", "--task", "990")
    assert (done.code, "task not found: 990" in done.output) == (3, True), done
    assert_sound(stage)


def test_a_dry_run_tells_the_order_and_starts_nothing(stage: Stage) -> None:
    low = stage.add(work("a.txt"), priority="low")
    high = stage.add(work("b.txt"), priority="high")
    stage.add(work("c.txt"), depends_on=(high,))
    before = stage.events()
    done = stage.sow("run", "--dry-run", "--json")
    assert [row["id"] for row in json.loads(done.output)] == [high, low]
    assert (done.code, stage.events(), stage.tried(high)) == (0, before, [])
    assert_sound(stage)


def test_a_run_for_programs_prints_an_object_a_line(stage: Stage) -> None:
    task_id = stage.add([{"say": "Hello."}, *work("a.txt")])
    lines: list[dict[str, Any]] = [json.loads(line) for line in stage.run("--json").splitlines()]
    told = [(line["kind"], line.get("task")) for line in lines]
    assert told[0] == ("started", task_id)
    assert ("said", task_id) in told
    assert (lines[-2]["kind"], lines[-2]["status"]) == ("settled", "needs_review")
    assert lines[-1] == {"kind": "ended", "done": False, "waits": [task_id], "exit_code": 5}


def test_when_all_is_done_a_run_says_so(stage: Stage) -> None:
    task_id = stage.add(work("a.txt"))
    stage.run()
    stage.approve(task_id)
    assert "1 of 1 tasks completed" in stage.run(expect=0)
    assert_sound(stage)


def test_tasks_can_share_the_projects_worktree_and_then_work_one_at_a_time(
    stage_with: Callable[..., Stage],
) -> None:
    stage = stage_with(isolation="project")
    first, second = stage.add(work("a.txt")), stage.add([{"run": "cat a.txt"}, *work("b.txt")])
    stage.run()
    assert stage.statuses() == {first: "needs_review", second: "needs_review"}
    assert {stage.task(t).worktree for t in (first, second)} == {str(stage.folder)}
    assert (stage.folder / "b.txt").read_text() == "done\n"
    stage.approve(first, second, how="nothing to merge")
    assert stage.statuses() == {first: "completed", second: "completed"}


def test_checks_hold_in_a_shared_worktree_too(stage_with: Callable[..., Stage]) -> None:
    stage = stage_with(isolation="project", checks=["grep -qx good a.txt"])
    task_id = stage.add(work("a.txt", "bad\n"), work("a.txt", "good\n"))
    stage.run()
    stage.approve(task_id, how="check failed")
    stage.run()
    stage.approve(task_id, how="nothing to merge")
    assert stage.statuses() == {task_id: "completed"}
