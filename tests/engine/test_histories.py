"""Little histories of one task: what its agent does, what becomes of the task."""

import fcntl
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.engine.stage import ROOT, Stage, ask, assert_sound, no_turn_was_repeated, work
from tests.waiting import until

# What agents do and don't say


def test_a_task_goes_from_pending_to_merged(stage: Stage) -> None:
    task_id = stage.add([{"say": "I begin."}, *work("a.txt")])
    stage.run()
    assert stage.statuses() == {task_id: "needs_review"}
    stage.approve(task_id)
    assert stage.statuses() == {task_id: "completed"}
    assert stage.merged("a.txt") == "done"
    assert stage.merges() == [f"{stage.layout.name}/{task_id}/1"]
    assert_sound(stage)


def test_an_agent_that_ends_without_a_word_is_asked_once_and_then_a_person_is(stage: Stage) -> None:
    task_id = stage.add([{"say": "I am off."}])
    stage.run()
    first, second = stage.tried(task_id)
    assert (first.action, second.action, second.reason) == ("spawn", "resume", "nudge")
    assert first.session_id == second.session_id
    task = stage.task(task_id)
    assert (task.status, task.question and task.question["kind"]) == ("paused", "question")
    assert task.question
    assert "I am off." in task.question["text"]
    assert_sound(stage)


def test_an_agent_that_reports_when_it_is_asked_is_not_asked_again(stage: Stage) -> None:
    task_id = stage.add([{"edit": {"path": "a.txt", "content": "a\n"}}], [{"report": "needs_review"}])
    stage.run()
    assert [attempt.reason for attempt in stage.tried(task_id)] == ["start", "nudge"]
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


def test_a_question_is_answered_in_the_session_in_which_it_was_asked(stage: Stage) -> None:
    task_id = stage.add(
        [ask("Which one?", "red", "blue")],
        [{"edit": {"path": "a.txt", "content": "{choice}\n"}}, *work("b.txt")],
    )
    stage.run()
    task = stage.task(task_id)
    assert task.status == "paused"
    assert task.question
    assert task.question["options"] == ["red", "blue"]
    stage.answer(task_id, "the blue one")
    assert stage.statuses() == {task_id: "in_progress"}
    stage.run()
    asked, answered = stage.tried(task_id)
    assert (answered.action, answered.reason, answered.session_id) == ("resume", "answer", asked.session_id)
    assert "the blue one" in stage.told(task_id)[1]
    assert stage.task(task_id).answer is None
    assert Path(str(stage.task(task_id).worktree), "a.txt").read_text() == "blue\n"
    assert_sound(stage)


@pytest.mark.slow
def test_two_reviews_send_the_same_session_into_two_more_iterations(stage: Stage) -> None:
    task_id = stage.add(work("a.txt", "1\n"), work("a.txt", "2\n"), work("a.txt", "3\n"))
    stage.run()
    for words in ("Write 2.", "Write 3."):
        stage.send_back(task_id, words)
        stage.run()
    tried = stage.tried(task_id)
    assert [attempt.iteration for attempt in tried] == [1, 2, 3]
    assert len({attempt.session_id for attempt in tried}) == 1
    for words, prompt in zip(("Write 2.", "Write 3."), stage.told(task_id)[1:], strict=True):
        assert words in prompt
    feedback = Path(stage.layout.task("implementation", task_id), "feedback")
    assert {path.name: path.read_text() for path in feedback.iterdir()} == {
        "001.md": "Write 2.\n",
        "002.md": "Write 3.\n",
    }
    stage.approve(task_id)
    assert (stage.merged("a.txt"), stage.task(task_id).iteration) == ("3", 3)
    no_turn_was_repeated(stage, [task_id])
    assert_sound(stage)


def test_what_an_agent_leaves_uncommitted_is_committed_for_it(stage: Stage) -> None:
    task_id = stage.add([{"run": "echo more >> shared.txt; mkdir -p deep; echo x > deep/x"}, *work("a.txt")])
    stage.run()
    task = stage.task(task_id)
    assert stage.git("status", "--porcelain", folder=Path(str(task.worktree))) == ""
    changed = stage.git("diff", "--name-only", f"{task.base}", str(task.branch)).split()
    assert changed == ["a.txt", "deep/x", "shared.txt"]
    assert_sound(stage)


def test_what_an_agent_leaves_running_is_ended_with_it(stage: Stage) -> None:
    stray = "import os, time; os.setsid(); time.sleep(600)"
    task_id = stage.add(
        [{"run": f'{shutil.which("python3")} -c "{stray}" >/dev/null 2>&1 &'}, *work("a.txt")]
    )
    stage.run()
    assert stage.alive() == []
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


def test_an_agent_that_left_its_branch_is_sent_back_to_it_once(stage: Stage) -> None:
    away = [{"run": "git checkout -q --detach"}, {"log": "I look back."}, *work("a.txt")]
    task_id = stage.add(away, [{"report": "needs_review"}])
    # Meanwhile a command in the main checkout knows which project is meant, and the run ends.
    stage.run()
    assert [a.iteration for a in stage.tried(task_id)] == [1, 2]
    task = stage.task(task_id)
    assert f"should be on branch {task.branch}" in stage.told(task_id)[1]
    assert stage.sow("task", "list").code == 0
    # It did not hear: now a person decides, and nothing of it is lost.
    assert (task.status, task.iteration) == ("needs_review", 2)
    assert Path(str(task.worktree), "a.txt").read_text() == "done\n"
    assert_sound(stage)


# What goes wrong


def test_a_usage_limit_is_waited_for_and_the_same_session_goes_on(stage: Stage) -> None:
    task_id = stage.add([{"limit": {"resets_in": 1}}], work("a.txt"))
    stage.run()
    limited, resumed = stage.tried(task_id)
    assert (limited.outcome, limited.error_class) == ("failed", "usage_limit")
    assert (resumed.action, resumed.session_id) == ("resume", limited.session_id)
    task = stage.task(task_id)
    assert (task.status, task.not_before, task.error) == ("needs_review", None, None)
    told = {event["type"]: event for event in stage.events(task_id)}
    assert told["attempt.started"]["ts"] >= told["task.retry_scheduled"]["payload"]["not_before"]
    assert_sound(stage)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        pytest.param("auth_invalid", "Log the CLI in", id="the login is void"),
        pytest.param("billing_exhausted", "Top the account up", id="there is no credit"),
        pytest.param("context_overflow", "--fresh", id="the session is full"),
    ],
)
def test_what_no_retry_mends_is_a_persons_with_what_to_do(stage: Stage, kind: str, words: str) -> None:
    task_id = stage.add([{"fail": {"message": "No.", "kind": kind}}], work("a.txt"))
    stage.run()
    task = stage.task(task_id)
    assert len(stage.tried(task_id)) == 1
    assert task.question
    assert (task.question["kind"], "No." in task.question["text"]) == ("failure", True)
    assert words in task.question["text"]
    assert task.error_detail == {"class": kind}
    # Mended, it goes on where it was.
    stage.retry(task_id)
    stage.run()
    assert stage.task(task_id).status == "needs_review"
    assert stage.tried(task_id)[1].session_id == stage.tried(task_id)[0].session_id
    assert_sound(stage)


def test_what_passes_by_itself_is_tried_again_later(stage: Stage) -> None:
    task_id = stage.add([{"fail": {"message": "Too busy.", "kind": "overloaded"}}], work("a.txt"))
    run = stage.start("run")
    run.until_it_says("Too busy.")
    task = stage.task(task_id)
    assert (task.status, task.not_before is not None) == ("pending", True)
    assert task.error
    assert (task.error["message"], task.error["is_retryable"]) == ("Too busy.", True)
    # A person who does not want to wait for a minute says so, and the run that is on hears it.
    stage.retry(task_id)
    assert run.end() == 5
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


def test_an_agent_that_fails_for_no_known_reason_is_tried_twice(stage: Stage) -> None:
    task_id = stage.add([{"fail": "It broke."}])
    stage.run()
    assert len(stage.tried(task_id)) == 2
    task = stage.task(task_id)
    assert (task.status, task.question and task.question["kind"]) == ("paused", "failure")
    assert task.error
    assert task.error["retry_count"] == 1
    assert_sound(stage)


def test_an_agent_that_vanishes_without_a_last_word_is_tried_again(stage: Stage) -> None:
    task_id = stage.add([{"exit": 0}], work("a.txt"))
    stage.run()
    assert [attempt.outcome for attempt in stage.tried(task_id)] == ["failed", "finished"]
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


def test_a_session_that_the_cli_has_lost_is_begun_anew_under_its_id(stage: Stage) -> None:
    task_id = stage.add([ask("Well?")], work("a.txt"))
    stage.run()
    shutil.rmtree(Path(stage.layout.runtime, "script"))
    stage.answer(task_id, "Yes.")
    stage.run()
    asked, lost, again, *more = stage.tried(task_id)
    assert (lost.action, lost.error_class) == ("resume", "session_not_found")
    assert (again.action, again.reason, again.session_id) == ("spawn", "restart", asked.session_id)
    assert "Yes." in stage.told(task_id)[2]
    assert more == []
    assert stage.statuses() == {task_id: "paused"}, "the first turn of a script asks"
    assert_sound(stage)


def test_a_session_that_another_process_is_in_is_waited_for(stage: Stage) -> None:
    task_id = stage.add([ask("Well?")], work("a.txt"))
    stage.run()
    stage.answer(task_id, "Yes.")
    (asked,) = stage.tried(task_id)
    with open(Path(stage.layout.runtime, "script", f"{asked.session_id}.lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = stage.start("run")
        run.until_it_says("already in use by a live process")
        until(lambda: stage.task(task_id).status == "pending")
    waiting = stage.task(task_id)
    assert waiting.not_before is not None
    assert (waiting.attempts, waiting.session_id) == (0, asked.session_id)
    assert "already in use by a live process" in stage.sow("status").output
    # A person who knows that it is free need not wait for the next look.
    stage.retry(task_id)
    assert run.end() == 5
    _, refused, resumed = stage.tried(task_id)
    assert (refused.action, refused.error_class) == ("resume", "session_conflict")
    assert (resumed.action, resumed.session_id) == ("resume", asked.session_id)
    # The answer that was on its way came to it.
    assert "Yes." in stage.told(task_id)[2]
    assert stage.task(task_id).error is None
    assert_sound(stage)


def test_an_answer_given_before_the_process_that_asked_has_ended_is_brought_to_the_next(stage: Stage) -> None:
    go = stage.tmp / "go"
    task_id = stage.add([{"run": "sow task ask 'Which one?'"}, {"wait": {"file": str(go)}}], work("a.txt"))
    running = stage.start("run")
    until(lambda: stage.statuses() == {task_id: "paused"})
    stage.answer(task_id, "Take the left one.")
    go.touch()
    assert running.end() == 5, running.output
    assert [attempt.reason for attempt in stage.tried(task_id)] == ["start", "answer"]
    assert "Take the left one." in stage.told(task_id)[-1]
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


@pytest.mark.slow
def test_an_answer_that_did_not_arrive_is_brought_again(stage: Stage) -> None:
    task_id = stage.add([ask("Well?")], work("a.txt"))
    stage.run()
    stage.answer(task_id, "Take the left one.")
    broken = stage.tmp / "scripts/1.yaml"
    kept = broken.read_text()
    broken.write_text("turns: [")
    stage.run()
    assert stage.statuses() == {task_id: "paused"}
    broken.write_text(kept)
    stage.retry(task_id)
    stage.run()
    assert "Take the left one." in stage.told(task_id)[-1]
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


@pytest.mark.parametrize(
    ("role", "script", "words"),
    [
        pytest.param("nosuch", None, "executor not found", id="an executor that nobody configured"),
        pytest.param("script", "turns: [", "not valid YAML", id="a broken script"),
        pytest.param("gone", None, "no program", id="a program that is not there"),
    ],
)
def test_what_can_not_start_is_paused_with_what_to_do(
    stage: Stage, role: str, script: str | None, words: str
) -> None:
    stage.user({"gone": {"type": "command", "settings": {"argv": ["/nonexistent/agent"]}}})
    task_id = stage.add(work("a.txt"))
    if script is not None:
        stage.script("1.yaml", script)
    done = stage.sow("run", SOW_AGENTS_IMPLEMENTER=role)
    assert done.code == 5, done
    task = stage.task(task_id)
    assert task.question
    assert task.question["kind"] == "failure"
    assert words in task.question["text"]
    assert_sound(stage)
    # Mended, it starts.
    stage.script("1.yaml", [work("a.txt")])
    stage.retry(task_id)
    stage.run()
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


# What agents do to the state


@pytest.mark.parametrize(
    ("harm", "kept"),
    [
        pytest.param('echo "status: [" > "$SOW_TASK_DIR/state.yaml"', True, id="it breaks the file"),
        pytest.param(
            'sed -i "s/status: .*/status: great/" "$SOW_TASK_DIR/state.yaml"', True, id="a wrong word"
        ),
        pytest.param('rm "$SOW_TASK_DIR/state.yaml"', False, id="it deletes the file"),
        pytest.param('rm -r "$SOW_TASK_DIR"', False, id="it deletes the folder"),
    ],
)
def test_a_state_file_that_an_agent_breaks_is_restored(stage: Stage, harm: str, kept: bool) -> None:
    task_id = stage.add([{"run": harm}, {"say": "Oh."}], [{"report": "needs_review"}])
    stage.run()
    assert stage.statuses() == {task_id: "needs_review"}
    folder = Path(stage.layout.task("implementation", task_id))
    assert (folder / "state.yaml.broken").exists() == kept
    assert [attempt.reason for attempt in stage.tried(task_id)] == ["start", "nudge"]


def test_where_the_state_can_not_be_written_reports_go_to_the_outbox(stage: Stage) -> None:
    # Root may write anywhere, unless it gives that right up.
    bare = "setpriv --bounding-set=-dac_override,-dac_read_search" if os.geteuid() == 0 else ""
    script = f"""
        chmod a-w "$SOW_TASK_DIR"
        {bare} sow task set result.message "All is well." && {bare} sow task set status needs_review
        code=$?
        chmod u+w "$SOW_TASK_DIR"
        exit $code
    """
    task_id = stage.add([{"run": script}])
    stage.run()
    task = stage.task(task_id)
    assert task.status == "needs_review"
    assert task.result == {"status": "success", "message": "All is well."}
    (attempt,) = stage.tried(task_id)
    outbox = Path(stage.attempts.folder(attempt.id), "outbox")
    verbs = [json.loads(path.read_text())["verb"] for path in sorted(outbox.glob("*.applied"))]
    assert verbs == ["set", "set"]
    assert_sound(stage)


def test_a_late_word_of_an_earlier_iteration_is_refused(stage: Stage) -> None:
    task_id = stage.add(work("a.txt"), [ask("Now what?")])
    stage.run()
    (old,) = stage.tried(task_id)
    stage.send_back(task_id, "Once more.")
    late = stage.sow(
        "task", "set", "status", "needs_review", SOW_TASK_ID=task_id, SOW_ATTEMPT_ID=old.id,
        SOW_PROJECT_DIR=stage.layout.project,
    )  # fmt: skip
    assert (late.code, "iteration 2" in late.output) == (4, True), late
    assert stage.statuses() == {task_id: "in_progress"}


# What does not end


def test_an_agent_that_does_not_exit_after_its_result_is_ended(stage: Stage) -> None:
    stand_in = ROOT / "tests/agents/cursor_agent.py"
    program = stage.tmp / "cursor-agent"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {stand_in} "$@"\n')
    program.chmod(0o755)
    turn = [{"shell": "sow task set status needs_review"}, {"say": "Done."}, {"end": "hang"}]
    script = stage.script("cursor.yaml", yaml.safe_dump([turn]))
    stage.env |= {
        "SOW_AGENTS_IMPLEMENTER": "cursor",
        "CURSOR_API_KEY": "k",
        "CURSOR_STANDIN_SCRIPT": str(script),
        "PATH": f"{stage.tmp}:{stage.env['PATH']}",
    }
    stage.user({"cursor": {"type": "cursor", "settings": {"yolo_mode": True}}})
    stage.prelude = "from sow.scheduler import patience; patience.AFTER_RESULT_SECONDS = 0.5"
    task_id = stage.add([])
    stage.run()
    (attempt,) = stage.tried(task_id)
    assert (attempt.outcome, stage.task(task_id).status) == ("finished", "needs_review")
    assert stage.alive() == []
    assert_sound(stage)


@pytest.mark.slow
def test_an_agent_that_falls_silent_is_ended_and_a_person_is_asked(stage_with: Callable[..., Stage]) -> None:
    stage = stage_with(silence_seconds=5)
    task_id = stage.add([{"say": "Let me think."}, {"hang": True}], work("a.txt"))
    stage.run()
    task = stage.task(task_id)
    assert (task.status, stage.tried(task_id)[0].outcome) == ("paused", "stopped")
    assert task.question
    assert "printed nothing" in task.question["text"]
    stage.answer(task_id, "Go on.")
    stage.run()
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


def test_an_agent_that_slept_with_its_machine_has_not_been_silent(stage_with: Callable[..., Stage]) -> None:
    stage = stage_with(silence_seconds=600, caps={"max_seconds": 900})
    slept = stage.tmp / "slept"
    stage.prelude = (
        "import os, time; real = time.time\n"
        f"time.time = lambda: real() + (3600 if os.path.exists({str(slept)!r}) else 0)"
    )
    task_id = stage.add([{"say": "Hm."}, {"run": f"touch {slept}; sleep 1"}, *work("a.txt")])
    stage.run()
    assert [attempt.outcome for attempt in stage.tried(task_id)] == ["finished"]
    assert stage.statuses() == {task_id: "needs_review"}


def test_a_fresh_session_is_handed_what_the_one_before_has_asked_said_noted_and_changed(stage: Stage) -> None:
    first: list[dict[str, Any]] = [
        {"edit": {"path": "a.txt", "content": "half of it\n"}},
        {"log": "The old tests are wrong."},
        {"say": "I have got half of it."},
        ask("Which half next?"),
    ]
    task_id = stage.add(first)
    stage.run()
    stage.retry(task_id, fresh=True)
    stage.run()
    first_prompt, second_prompt = stage.told(task_id)
    assert "What happened before" not in first_prompt
    for words in (
        "has not answered: Which half next?",
        "I have got half of it.",
        "The old tests are wrong.",
        " a.txt | 1 +",
        "+half of it",
    ):
        assert words in second_prompt
    assert len(stage.sessions(task_id)) == 2
    assert_sound(stage)
