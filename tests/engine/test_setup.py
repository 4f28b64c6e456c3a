"""A task's worktree is made ready before its agent: once, by a process that outlives the run."""

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest
from tests.engine.stage import Stage, ask, assert_sound, kill, work
from tests.waiting import until

StageWith = Callable[..., Stage]

ONCE = "echo $SOW_TASK_ID >>once.txt; echo once.txt >>$(git rev-parse --git-path info/exclude)"


def see(name: str) -> list[dict[str, object]]:
    """The turn of an agent that keeps what the setup left, and the ports that it has."""
    return [
        {"run": f"{{ cat once.txt; echo $SOW_PORT_0 $SOW_PORT_COUNT; }} >{name}"},
        {"report": "needs_review"},
    ]


def ports(stage: Stage, task_id: str, name: str) -> list[str]:
    return Path(str(stage.task(task_id).worktree), name).read_text().split()


def test_it_is_run_once_before_the_agent_and_two_tasks_have_ports_of_their_own(stage_with: StageWith) -> None:
    stage = stage_with(worktree={"setup": [ONCE, "test $SOW_PORT_2 -gt 0"], "ports": 3}, jobs=2)
    one, two = stage.add(see("a"), see("a")), stage.add(see("b"))
    stage.run()
    found = {one: ports(stage, one, "a"), two: ports(stage, two, "b")}
    assert [found[one][0], found[two][0]] == [one, two]
    assert [found[one][2], found[two][2]] == ["3", "3"]
    assert abs(int(found[one][1]) - int(found[two][1])) >= 3
    stage.send_back(one, "Again.")
    stage.run()
    assert ports(stage, one, "a") == found[one], "set up once, and the same ports"
    first, again = stage.told(one)
    assert ("`$SOW_PORT_0` to `$SOW_PORT_2`" in first, "$SOW_PORT_0" in again) == (True, False)
    assert_sound(stage)


def test_changed_commands_are_run_and_a_worktree_that_is_made_again_is_set_up_again(
    stage_with: StageWith,
) -> None:
    stage = stage_with(worktree={"setup": [ONCE]})
    task_id = stage.add(work("a"), work("b"), work("c"))
    stage.run()
    folder = Path(str(stage.task(task_id).worktree))
    stage.settings(worktree={"setup": [ONCE, "true"]})
    stage.send_back(task_id, "Again.")
    stage.run()
    assert (folder / "once.txt").read_text().split() == [task_id, task_id]
    stage.git("worktree", "remove", "--force", str(folder))
    stage.send_back(task_id, "Again.")
    stage.run()
    assert (folder / "once.txt").read_text().split() == [task_id]
    assert_sound(stage)


def test_where_it_fails_a_person_is_asked_and_no_try_and_no_session_is_spent(stage_with: StageWith) -> None:
    stage = stage_with(worktree={"setup": ["echo fetching", "echo no network >&2; exit 3", "touch never"]})
    task_id = stage.add(work("a"))
    said = stage.run()
    task = stage.task(task_id)
    assert task.question is not None
    assert (task.status, task.question["kind"], task.attempts) == ("paused", "failure", 0)
    (attempt,) = stage.tried(task_id)
    log = f"{stage.attempts.folder(attempt.id)}/setup.log"
    for words in (
        "`echo no network >&2; exit 3` ended with code 3",
        "    no network",
        log,
        f"sow task retry {task_id}",
    ):
        assert words in task.question["text"], words
    assert "fetching" not in task.question["text"], "what another command printed is in the log"
    assert "no network" in said
    assert (attempt.outcome, attempt.error_class) == ("failed", "setup_failed")
    assert Path(stage.attempts.folder(attempt.id), "transcript.jsonl").read_text() == ""
    assert not Path(str(task.worktree), "never").exists()
    logged = stage.sow("agent", "logs", task_id).output
    assert "fetching\n" in logged
    assert "no network\n" in logged
    assert_sound(stage)
    stage.retry(task_id)
    stage.run()
    assert len(stage.tried(task_id)) == 2, "it is tried again"
    stage.settings(worktree={"setup": ["true"]})
    stage.retry(task_id)
    stage.run()
    last = stage.tried(task_id)[-1]
    assert (last.session_id, last.action, stage.task(task_id).attempts) == (attempt.session_id, "spawn", 1)
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


def slow(stage: Stage) -> str:
    """A setup that takes until the file `go` is there."""
    return (
        f"touch {stage.tmp}/up; while ! [ -e {stage.tmp}/go ]; do sleep 0.02; done; echo x >>{stage.tmp}/ran"
    )


def test_a_run_that_is_killed_meanwhile_leaves_it_to_the_next(stage: Stage) -> None:
    stage.settings(worktree={"setup": [slow(stage)]})
    task_id = stage.add(work("a"))
    run = stage.start("run")
    until((stage.tmp / "up").exists)
    run.kill()
    assert stage.alive()
    (row,) = json.loads(stage.sow("status", "--json").output)["tasks"]
    assert row["setting_up"] >= 0
    assert re.search(r"Task 1  \(setting up, \d+ s", stage.sow("status").output)
    assert "  setting up, " in stage.sow("agent", "list").output
    again = stage.start("run")
    again.until_it_says("Task 1: sets up its worktree")
    (stage.tmp / "go").touch()
    assert again.end() == 5
    assert "Task 1: its worktree is set up, after " in again.output
    assert [attempt.outcome for attempt in stage.tried(task_id)] == ["finished"]
    assert (stage.tmp / "ran").read_text() == "x\n"
    assert_sound(stage)


def test_one_that_takes_too_long_is_ended_with_all_that_it_started_and_a_person_is_asked(
    stage_with: StageWith,
) -> None:
    never = "echo fetching; (trap '' TERM; setsid sleep 60) & sleep 60"
    stage = stage_with(worktree={"setup": ["true", never], "setup_seconds": 2})
    task_id = stage.add(work("a"))
    said = stage.run()
    assert stage.alive() == []
    task = stage.task(task_id)
    assert task.question is not None
    assert (task.status, task.question["kind"], task.attempts) == ("paused", "failure", 0)
    words = f"`{never}` was still at work after 2 s, the most by `worktree.setup_seconds`.\n\n    fetching"
    assert words in task.question["text"]
    assert f"the setup for task {task_id} is ended: it took more than 2 s" in said
    (attempt,) = stage.tried(task_id)
    assert (attempt.outcome, attempt.error_class) == ("failed", "setup_failed")
    stage.settings(worktree={"setup": ["true"], "setup_seconds": 20})
    stage.retry(task_id)
    stage.run()
    assert stage.tried(task_id)[-1].session_id == attempt.session_id, "no agent ever had it"
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


def test_one_that_is_killed_with_its_shell_is_run_again(stage: Stage) -> None:
    stage.settings(worktree={"setup": [slow(stage)]})
    task_id = stage.add(work("a"))
    run = stage.start("run")
    until((stage.tmp / "up").exists)
    (stage.tmp / "up").unlink()
    for pid in stage.alive():
        kill(pid)
    until((stage.tmp / "up").exists)
    (stage.tmp / "go").touch()
    assert run.end() == 5
    first, second = stage.tried(task_id)
    assert (first.outcome, second.action, second.session_id) == ("lost", "spawn", first.session_id)
    assert (stage.tmp / "ran").read_text() == "x\n"
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


@pytest.mark.parametrize("by", ["person", "interrupt"])
def test_a_stop_ends_it_and_the_next_start_runs_it_again(stage: Stage, by: str) -> None:
    stage.settings(worktree={"setup": [slow(stage)]}, grace_seconds=30)
    task_id = stage.add(work("a"))
    run = stage.start("run")
    until((stage.tmp / "up").exists)
    if by == "person":
        assert stage.sow("agent", "stop", task_id).code == 0
        assert run.end() == 5
    else:
        run.signal(signal.SIGINT)
        assert run.end() == 130
    assert stage.alive() == []
    assert [attempt.outcome for attempt in stage.tried(task_id)] == ["stopped"]
    assert_sound(stage)
    (stage.tmp / "go").touch()
    if by == "person":
        stage.answer(task_id)
    stage.run()
    first, second = stage.tried(task_id)
    assert (second.action, second.session_id) == ("spawn", first.session_id), "no agent ever had it"
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


def test_a_person_who_attaches_sees_it_and_is_told_where_it_fails(stage: Stage) -> None:
    task_id = stage.add([{"say": "Hello."}, ask("Well?")])
    stage.run()
    stage.settings(worktree={"setup": ["echo fetching; exit $(cat $HOME/code)"]})
    code = Path(stage.env["HOME"], "code")
    code.write_text("4")
    first, *words = stage.argv("agent", "attach", task_id)
    for wanted in (f"the worktree of task {task_id} could not be set up:", "Back from the session"):
        child: Any = pexpect.spawn(
            first, words, cwd=str(stage.main), env=stage.env, encoding="utf-8", timeout=120
        )
        try:
            child.expect_exact("fetching\r\n")
            if code.read_text() == "0":
                child.expect_exact("> ")
                child.sendline("")
            child.expect_exact(wanted)
            child.expect(pexpect.EOF)
        finally:
            child.close(force=True)
        assert child.exitstatus == (1 if code.read_text() == "4" else 0)
        code.write_text("0")
    assert [a.outcome for a in stage.tried(task_id)[1:]] == ["attached", "attached"]
    assert stage.statuses() == {task_id: "paused"}


@pytest.mark.slow
def test_a_quiet_setup_is_no_silent_agent(stage: Stage) -> None:
    stage.settings(worktree={"setup": ["sleep 5.5"]}, silence_seconds=5)
    task_id = stage.add(work("a"))
    stage.run()
    assert [attempt.outcome for attempt in stage.tried(task_id)] == ["finished"]


def test_tasks_that_share_a_worktree_set_it_up_once(stage: Stage) -> None:
    count = f"echo x >>{stage.tmp}/ran; sleep 0.3"
    stage.settings(worktree={"setup": [count]}, isolation="project", jobs=3)
    for number in range(3):
        stage.add(work(f"file{number}"))
    stage.run()
    assert (stage.tmp / "ran").read_text() == "x\n"
    assert set(stage.statuses().values()) == {"needs_review"}


def test_what_worktreeinclude_names_is_there_before_the_setup(stage: Stage) -> None:
    (stage.main / ".gitignore").write_text(".env\n")
    Path(stage.main, ".git/info/exclude").write_text(".env\n")
    (stage.main / ".env").write_text("KEY=1\n")
    (stage.main / ".worktreeinclude").write_text(".env\n")
    stage.settings(worktree={"setup": ["grep -q KEY=1 .env"]})
    task_id = stage.add(work("a"))
    stage.run()
    assert stage.statuses() == {task_id: "needs_review"}
    stage.approve(task_id)
    assert "KEY" not in stage.git("show", "--stat", stage.branch)
    assert not os.path.exists(str(stage.task(task_id).worktree))


def test_a_check_has_the_ports_of_its_task(stage_with: StageWith) -> None:
    stage = stage_with(worktree={"ports": 2}, checks=["echo $SOW_PORT_1 >$HOME/seen"])
    task_id = stage.add([{"run": "echo $SOW_PORT_1 >port"}, {"report": "needs_review"}])
    stage.run()
    port = Path(str(stage.task(task_id).worktree), "port").read_text()
    stage.approve(task_id)
    assert Path(stage.env["HOME"], "seen").read_text() == port != "\n"
