"""One agent at a time, by hand, beside a run that is on: spawn, resume, stop, look, attach."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import pexpect
import pytest
from tests.engine.stage import SECONDS, Stage, ask, assert_sound, kill, work
from tests.waiting import until


def _waiting(stage: Stage, go: str = "go", name: str = "a.txt") -> list[dict[str, Any]]:
    return [{"say": "I wait."}, {"wait": {"file": str(stage.tmp / go)}}, *work(name)]


def test_an_agent_started_by_hand_is_not_started_again_by_a_run(stage: Stage) -> None:
    mine = stage.add(_waiting(stage))
    theirs = stage.add(work("b.txt"))
    by_hand = stage.start("agent", "spawn", mine, "--json")
    by_hand.until_it_says("I wait.")
    stage.run()
    assert stage.statuses() == {mine: "in_progress", theirs: "needs_review"}
    (stage.tmp / "go").touch()
    assert by_hand.end() == 0
    assert len(stage.tried(mine)) == 1
    assert stage.statuses() == {mine: "needs_review", theirs: "needs_review"}
    assert_sound(stage)


def test_a_prompt_without_a_task_becomes_a_task_and_its_agent_is_started(stage: Stage) -> None:
    waits = stage.script("any.yaml", [_waiting(stage)])
    stage.user({"script": {"type": "script", "settings": {"script": str(waits)}}})
    by_hand = stage.start("agent", "spawn", "--json", "--prompt", "# Find the bug\n\nIt is in `a.py`.")
    by_hand.until_it_says("I wait.")
    first = json.loads(by_hand.output.splitlines()[0])
    assert (first["kind"], first["task"], first["status"]) == ("added", "010", "pending")
    task = stage.task("010")
    assert (task.name, task.assigned_agent, task.status) == ("Find the bug", "implementer", "in_progress")
    # Its description is told with all that any agent is told at its start.
    told = stage.told("010")[0]
    assert "It is in `a.py`." in told
    assert "sow task set status needs_review" in told
    stage.run(expect=0)
    (stage.tmp / "go").touch()
    assert by_hand.end() == 0
    assert (stage.statuses(), len(stage.tried("010"))) == ({"010": "needs_review"}, 1)
    assert_sound(stage)


def test_an_agent_of_a_run_is_not_started_again_by_hand(stage: Stage) -> None:
    task_id = stage.add(_waiting(stage))
    run = stage.start("run", "--json")
    run.until_it_says("I wait.")
    done = stage.sow("agent", "spawn", task_id)
    assert (done.code, len(stage.tried(task_id))) == (6, 1), done
    (stage.tmp / "go").touch()
    assert run.end() == 5
    assert_sound(stage)


@pytest.mark.slow
def test_what_an_agent_started_by_hand_completes_starts_its_dependents_in_the_run(stage: Stage) -> None:
    first = stage.add([ask("Well?")], work("a.txt"))
    stage.run()
    second = stage.add(work("b.txt"), depends_on=(first,))
    stage.add(_waiting(stage, name="c.txt"))
    run = stage.start("run", "--json")
    run.until_it_says("I wait.")
    assert stage.sow("agent", "resume", first, "Yes.").code == 0
    assert "Yes." in stage.told(first)[1]
    assert stage.sow("task", "approve", first).code == 0
    until(lambda: stage.statuses()[second] == "needs_review")
    (stage.tmp / "go").touch()
    assert run.end() == 5
    assert_sound(stage)


def test_work_can_be_sent_back_by_resuming_its_agent(stage: Stage) -> None:
    task_id = stage.add(work("a.txt"), work("b.txt"))
    assert stage.sow("agent", "spawn", task_id).code == 0
    assert stage.sow("agent", "resume", task_id, "Do b, too.").code == 0
    tried = stage.tried(task_id)
    assert [(a.iteration, a.action, a.reason) for a in tried] == [
        (1, "spawn", "start"),
        (2, "resume", "feedback"),
    ]
    assert "Do b, too." in stage.told(task_id)[1]
    assert_sound(stage)


def test_stopping_an_agent_of_a_run_pauses_its_task_and_the_run_goes_on(stage: Stage) -> None:
    stopped = stage.add(_waiting(stage), work("a.txt"))
    other = stage.add(_waiting(stage, "other", "b.txt"))
    run = stage.start("run")
    until(lambda: len(stage.attempts.open()) == 2 and all(a.pid for a in stage.attempts.open()))
    done = stage.sow("agent", "stop", stopped, "--json")
    assert (done.code, json.loads(done.output)["status"]) == (0, "paused"), done
    task = stage.task(stopped)
    assert task.question
    assert "A person stopped the agent" in task.question["text"]
    assert stage.statuses() == {stopped: "paused", other: "in_progress"}
    (stage.tmp / "other").touch()
    assert run.end() == 5
    (stage.tmp / "go").touch()
    stage.answer(stopped)
    stage.run()
    assert len({a.session_id for a in stage.tried(stopped)}) == 1
    assert stage.statuses() == {stopped: "needs_review", other: "needs_review"}
    assert_sound(stage)


def test_an_agent_that_a_killed_spawn_left_is_stopped_all_the_same(stage: Stage) -> None:
    task_id = stage.add(_waiting(stage))
    by_hand = stage.start("agent", "spawn", task_id, "--json")
    by_hand.until_it_says("I wait.")
    by_hand.kill()
    done = stage.sow("agent", "stop", task_id)
    assert done.code == 0, done
    assert stage.alive() == []
    assert stage.statuses() == {task_id: "paused"}
    assert_sound(stage)


def test_what_an_agent_says_can_be_followed_to_its_end(stage: Stage) -> None:
    task_id = stage.add([*_waiting(stage), {"say": "I have it."}])
    run = stage.start("run", "--json")
    run.until_it_says("I wait.")
    logs = stage.start("agent", "logs", task_id, "-f")
    logs.until_it_says("I wait.")
    (stage.tmp / "go").touch()
    assert (run.end(), logs.end()) == (5, 0)
    assert "I have it." in logs.output
    (attempt,) = stage.tried(task_id)
    readable = Path(stage.attempts.folder(attempt.id), "transcript.log").read_text()
    assert (readable.splitlines()[0], readable.splitlines()[-1]) == ("I wait.", "I have it.")
    told = stage.sow("agent", "logs", task_id, SOW_AGENTS_IMPLEMENTER="claude").output
    assert told.partition("\n")[2] == readable
    assert_sound(stage)


def test_an_interrupted_spawn_leaves_its_task_to_the_next_run(stage: Stage) -> None:
    task_id = stage.add(_waiting(stage))
    by_hand = stage.start("agent", "spawn", task_id, "--json")
    by_hand.until_it_says("I wait.")
    by_hand.signal(signal.SIGINT)
    assert by_hand.end() == 130
    assert (stage.alive(), stage.statuses()) == ([], {task_id: "in_progress"})
    (stage.tmp / "go").touch()
    stage.run()
    assert [a.reason for a in stage.tried(task_id)] == ["start", "interrupted"]
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


def test_what_a_session_on_a_terminal_has_changed_is_put_right_and_told(stage: Stage) -> None:
    by_hand = "sed -i 's/^status: .*/status: completed/' $SOW_TASK_DIR/state.yaml"
    commit = "git add b.txt; git -c user.name=a -c user.email=a@b.c commit -qm b; echo c >c.txt"
    mine = stage.add(
        [ask("Well?")],
        [{"edit": {"path": "b.txt", "content": "b\n"}}, {"run": commit}, {"report": "needs_review"}],
        [{"run": f"{by_hand}; cd $SOW_TASK_DIR/../020 && {by_hand.replace('$SOW_TASK_DIR/', '')}"}],
    )
    other = stage.add(work("a.txt"))
    stage.run("--task", mine)
    stage.answer(mine)
    program, *words = stage.argv("agent", "attach", mine)
    terminal: Any = pexpect.spawn(
        program, words, cwd=str(stage.main), env={**stage.env, "TERM": "xterm"}, encoding="utf-8",
        timeout=SECONDS, dimensions=(50, 400),
    )  # fmt: skip
    try:
        for _ in range(2):
            terminal.expect_exact("> ")
            terminal.sendline("go")
        terminal.expect_exact("> ")
        terminal.sendline("")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close(force=True)
    _, back, told = terminal.before.replace("\r", "").partition(f"Back from the session of task {mine}")
    assert back, terminal.before
    assert told.startswith(", which is needs_review.\n  status: in_progress -> needs_review\n")
    branch = str(stage.task(mine).branch)
    assert re.search(rf"  {branch}: see what was committed with `git log --oneline \w+\.\.\w+`\n", told)
    assert "  what lay uncommitted in its worktree is in commit " in told
    assert stage.git("show", f"{branch}:b.txt", f"{branch}:c.txt") == "b\nc"
    assert f"tasks/{mine}/state.yaml was changed beside sow" in told
    assert "is put back: status: needs_review -> completed." in told
    assert f"tasks/{other}/state.yaml was changed beside sow" in told
    assert stage.statuses() == {mine: "needs_review", other: "paused"}
    assert_sound(stage)


def test_what_a_session_whose_terminal_was_killed_has_changed_is_put_right_by_the_next_run(
    stage: Stage,
) -> None:
    by_hand = "sed -i 's/^status: .*/status: completed/' $SOW_TASK_DIR/state.yaml; echo c >c.txt"
    task_id = stage.add([ask("Well?")], [{"run": by_hand}, {"say": "Done it."}])
    stage.run()
    program, *words = stage.argv("agent", "attach", task_id)
    terminal: Any = pexpect.spawn(
        program, words, cwd=str(stage.main), env={**stage.env, "TERM": "xterm"}, encoding="utf-8",
        timeout=SECONDS,
    )  # fmt: skip
    try:
        terminal.expect_exact("> ")
        terminal.sendline("go")
        terminal.expect_exact("Done it.")
        kill(terminal.pid)
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close(force=True)
    assert "is put back: status: paused -> completed." in stage.run()
    assert (stage.statuses(), stage.tried(task_id)[-1].outcome) == ({task_id: "paused"}, "lost")
    assert stage.git("show", f"{stage.task(task_id).branch}:c.txt") == "c"
    assert_sound(stage)


@pytest.mark.slow
def test_while_a_person_is_in_a_session_no_agent_is_started_in_it(stage: Stage) -> None:
    task_id = stage.add([ask("Well?")], [{"say": "I heard {prompt}."}], work("a.txt"))
    stage.run()
    stage.answer(task_id)
    program, *words = stage.argv("agent", "attach", task_id)
    environment = {**stage.env, "TERM": "xterm"}
    terminal = pexpect.spawn(
        program, words, cwd=str(stage.main), env=environment, encoding="utf-8", timeout=SECONDS / 2
    )
    try:
        terminal.expect("ends the conversation")
        terminal.send("blue\r")
        terminal.expect("I heard blue.")
        # The answer waits in the state; the person has the session.
        done = stage.sow("run")
        assert [a.action for a in stage.tried(task_id)] == ["spawn", "attach"], done
        assert stage.statuses() == {task_id: "in_progress"}
        assert f"the session of task {task_id} is open on a terminal" in str(done)
        refused = stage.sow("agent", "spawn", task_id)
        assert (refused.code, "is open on a terminal" in str(refused)) == (6, True)
        terminal.sendeof()
        terminal.expect("Back from the session")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close(force=True)
    assert stage.alive() == []
    stage.run()
    assert [a.action for a in stage.tried(task_id)] == ["spawn", "attach", "resume"]
    assert len({a.session_id for a in stage.tried(task_id)}) == 1
    assert stage.statuses() == {task_id: "needs_review"}
    assert Path(str(stage.task(task_id).worktree), "a.txt").exists()
    assert_sound(stage)
