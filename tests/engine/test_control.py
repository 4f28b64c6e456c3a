"""A run is interrupted, hung up on, doubled: its agents are ended or adopted, and nothing is lost."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.engine.stage import Run, Stage, assert_sound, no_turn_was_repeated, staged, work
from tests.waiting import until

from sow import lease, process
from sow.recovery.restore import RESTORING


def _waiting(stage: Stage) -> list[dict[str, object]]:
    """An agent at work until the file `go` is there."""
    return [{"say": "I wait."}, {"wait": {"file": str(stage.tmp / "go")}}, *work("a.txt")]


def _at_work(stage: Stage, task_id: str) -> Run:
    """A run whose agent is at work on the task."""
    run = stage.start("run", "--json")
    run.until_it_says("I wait.")
    return run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_run_ends_its_agents_and_the_next_goes_on_in_their_session(
    stage: Stage, number: signal.Signals
) -> None:
    task_id = stage.add(_waiting(stage))
    run = _at_work(stage, task_id)
    run.signal(number)
    assert run.end() == 130
    assert stage.alive() == []
    task = stage.task(task_id)
    assert (task.status, task.question) == ("in_progress", None)
    assert_sound(stage)
    (stage.tmp / "go").touch()
    stage.run()
    cut, resumed = stage.tried(task_id)
    assert (cut.outcome, resumed.action, resumed.reason) == ("stopped", "resume", "interrupted")
    assert cut.session_id == resumed.session_id
    assert stage.statuses() == {task_id: "needs_review"}
    no_turn_was_repeated(stage, [task_id])
    assert_sound(stage)


def test_a_run_that_loses_its_terminal_leaves_its_agents_to_the_next(stage: Stage) -> None:
    task_id = stage.add(_waiting(stage))
    run = _at_work(stage, task_id)
    run.signal(signal.SIGHUP)
    assert run.end() == 130
    (attempt,) = stage.tried(task_id)
    assert stage.alive()
    assert not attempt.ended
    again = stage.start("run")
    again.until_it_says("adopted")
    (stage.tmp / "go").touch()
    assert again.end() == 5
    assert [a.outcome for a in stage.tried(task_id)] == ["finished"]
    assert_sound(stage)


def test_a_second_interrupt_leaves_an_agent_that_does_not_end_to_the_next_run(stage: Stage) -> None:
    stage.settings(grace_seconds=60)
    stubborn = stage.tmp / "stubborn.py"
    stubborn.write_text(
        "import os, pathlib, signal, subprocess, sys, time\n"
        "tmp = pathlib.Path(sys.argv[1])\n"
        "signal.signal(signal.SIGTERM, lambda *_: (tmp / 'told').touch())\n"
        "print('I wait.', flush=True)\n"
        "while not (tmp / 'go').exists(): time.sleep(0.02)\n"
        "sys.exit(subprocess.call(['sow', 'task', 'set', 'status', 'needs_review']))\n"
    )
    argv = [sys.executable, str(stubborn), str(stage.tmp)]
    stage.user({"stubborn": {"type": "command", "settings": {"argv": argv}}})
    stage.env["SOW_AGENTS_IMPLEMENTER"] = "stubborn"
    task_id = stage.add([])
    run = _at_work(stage, task_id)
    run.signal(signal.SIGINT)
    until(lambda: (stage.tmp / "told").exists())
    run.signal(signal.SIGINT)
    assert run.end(10) == 130
    assert stage.alive()
    again = stage.start("run")
    again.until_it_says("adopted")
    (stage.tmp / "go").touch()
    assert again.end() == 5
    assert stage.statuses() == {task_id: "needs_review"}
    assert len(stage.tried(task_id)) == 1
    assert_sound(stage)


def test_a_second_orchestrator_is_refused_and_changes_nothing(stage: Stage) -> None:
    task_id = stage.add(_waiting(stage))
    run = _at_work(stage, task_id)
    before = stage.events()
    second = stage.sow("run")
    assert (second.code, f"process {run.pid}" in second.output) == (6, True), second
    assert stage.events() == before
    (stage.tmp / "go").touch()
    assert run.end() == 5
    assert_sound(stage)


@pytest.mark.parametrize("gives_back", [True, False], ids=["that gives it back", "that dies over it"])
def test_a_run_waits_for_a_command_that_is_just_making_the_state_true(stage: Stage, gives_back: bool) -> None:
    task_id = stage.add(work("a.txt"))
    path = f"{stage.layout.locks}/orchestrator.lease"
    with subprocess.Popen(["sleep", "60"]) as other:
        identity = process.of(other.pid)
        assert identity is not None
        held = lease.acquire(path, RESTORING, identity)
        run = stage.start("run")
        run.until_it_says("waits")
        assert stage.tried(task_id) == []
        if gives_back:
            held.release()
            assert run.end() == 5
        other.kill()
    assert run.end() == 5
    assert run.output.count("waits") == 1
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


def test_a_killed_run_is_taken_up_by_the_next(stage: Stage) -> None:
    task_id = stage.add(_waiting(stage))
    run = _at_work(stage, task_id)
    run.kill()
    (stage.tmp / "go").touch()
    # The agent reports, and ends, with nobody there.
    until(lambda: not stage.alive())
    assert stage.statuses() == {task_id: "needs_review"}
    stage.run()
    (attempt,) = stage.tried(task_id)
    assert attempt.outcome == "finished"
    assert_sound(stage)
    assert "lock.broken" in [event["type"] for event in stage.events()]


def test_an_agent_that_was_killed_is_tried_again_in_its_session(stage: Stage) -> None:
    task_id = stage.add(_waiting(stage))
    run = _at_work(stage, task_id)
    (attempt,) = stage.tried(task_id)
    for pid in stage.alive():
        os.kill(pid, signal.SIGKILL)
    until(lambda: stage.tried(task_id)[0].ended)
    assert stage.tried(task_id)[0].outcome in ("failed", "lost")
    until(lambda: stage.task(task_id).not_before or len(stage.tried(task_id)) > 1)
    if len(stage.tried(task_id)) == 1:
        stage.retry(task_id)
    (stage.tmp / "go").touch()
    assert run.end() == 5
    assert [a.session_id for a in stage.tried(task_id)] == [attempt.session_id] * 2
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


@pytest.mark.slow
def test_two_projects_on_one_machine_leave_each_others_agents_alone(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with staged(tmp_path / "other") as other:
        mine, theirs = stage.add(work("a.txt")), other.add(_waiting(other))
        run = _at_work(other, theirs)
        stage.run()
        assert stage.statuses() == {mine: "needs_review"}
        assert other.alive()
        (other.tmp / "go").touch()
        assert run.end() == 5
        assert [a.outcome for a in other.tried(theirs)] == ["finished"]
        assert_sound(other)
    assert_sound(stage)
