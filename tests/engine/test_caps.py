"""Caps and budgets as a run keeps them: what has used up its share ends gently, and a person is asked."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.engine.stage import Stage, assert_sound, work
from tests.waiting import until

Staged = Callable[..., Stage]

STUBBORN = """import pathlib, signal, sys, time
tmp = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: (tmp / "told").touch())
while not (tmp / "go").exists(): time.sleep(0.02)
sys.exit(1)
"""

EATER = """import sys, time
held = bytearray(200 << 20)
time.sleep(60)
"""


def asked(stage: Stage, task_id: str) -> tuple[str, str]:
    """The kind and the text of what a task is paused for."""
    question = stage.task(task_id).question
    assert question is not None
    return question["kind"], question["text"]


def test_money_ends_an_attempt_and_an_answer_begins_the_next_with_as_much_again(stage_with: Staged) -> None:
    stage = stage_with(caps={"max_budget_usd": 0.5})
    go = stage.tmp / "go"
    spend: list[dict[str, Any]] = [{"spend": {"usd": 0.3}}, {"spend": {"usd": 0.3}}]
    # Where it is ended is not sure: it may do its second step again.
    task_id = stage.add([*spend, {"wait": {"file": str(go)}}, {"spend": {"usd": 0.15}}, *work("a.txt")])
    output = stage.run()
    assert "reached a cap and is ended: max_budget_usd is $0.5, and it spent $0.60" in output
    (cut,) = stage.tried(task_id)
    assert (cut.outcome, cut.error_class, cut.cost_usd) == ("stopped", "budget_exceeded", 0.6)
    kind, text = asked(stage, task_id)
    assert kind == "cap"
    assert f"raise `max_budget_usd` in {stage.main}/.sow/config.yaml:" in text
    assert stage.alive() == []
    assert_sound(stage)
    go.touch()
    stage.answer(task_id)
    stage.run()
    _, again = stage.tried(task_id)
    assert (again.action, again.reason, again.outcome) == ("resume", "answer", "finished")
    assert again.session_id == cut.session_id
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


def test_time_counts_on_when_the_run_is_killed_and_another_adopts_the_agent(stage_with: Staged) -> None:
    stage = stage_with(caps={"roles": {"implementer": {"max_seconds": 3}}})
    task_id = stage.add([{"say": "I wait."}, {"hang": True}])
    run = stage.start("run", "--json")
    run.until_it_says("I wait.")
    run.kill()
    again = stage.start("run")
    assert again.end() == 5
    assert "adopted" in again.output
    (attempt,) = stage.tried(task_id)
    assert (attempt.outcome, attempt.error_class) == ("stopped", "timeout")
    kind, text = asked(stage, task_id)
    assert (kind, "max_seconds is 3, and it ran for" in text) == ("cap", True)
    assert_sound(stage)


def test_a_kill_while_an_agent_is_ended_for_a_cap_does_not_forget_why(stage_with: Staged) -> None:
    stage = stage_with(caps={"max_seconds": 1}, grace_seconds=60)
    (stage.tmp / "stubborn.py").write_text(STUBBORN)
    argv = [sys.executable, f"{stage.tmp}/stubborn.py", str(stage.tmp)]
    stage.user({"stubborn": {"type": "command", "settings": {"argv": argv}}})
    stage.env["SOW_AGENTS_IMPLEMENTER"] = "stubborn"
    task_id = stage.add([])
    run = stage.start("run")
    until((stage.tmp / "told").exists)
    run.kill()
    (stage.tmp / "go").touch()
    until(lambda: not stage.alive())
    stage.run()
    (attempt,) = stage.tried(task_id)
    assert (attempt.outcome, attempt.error_class) == ("stopped", "timeout")
    assert asked(stage, task_id)[0] == "cap"
    assert_sound(stage)


def test_memory_and_processor_time_are_seen_shown_kept_and_capped(stage_with: Staged) -> None:
    stage = stage_with(caps={"max_memory": "100MiB"})
    (stage.tmp / "eater.py").write_text(EATER)
    task_id = stage.add([{"run": f"python3 {stage.tmp}/eater.py"}])
    stage.run()
    (attempt,) = stage.tried(task_id)
    assert (attempt.outcome, attempt.error_class) == ("stopped", "out_of_memory")
    assert attempt.peak_memory is not None
    assert attempt.peak_memory > 200 << 20
    assert (attempt.cpu_seconds or 0) > 0
    kind, text = asked(stage, task_id)
    assert (kind, "max_memory is 100.0 MiB, and it held 2" in text) == ("cap", True)
    (event,) = [one for one in stage.events(task_id) if one["type"] == "attempt.ended"]
    assert event["payload"]["peak_memory"] == attempt.peak_memory
    (row,) = json.loads(stage.sow("agent", "list", "--all", "--json").output)
    assert (row["peak_memory"], row["cpu_seconds"]) == (attempt.peak_memory, attempt.cpu_seconds)
    assert_sound(stage)


LOOK_OFTEN = "from sow.scheduler import following; following.LOOK_SECONDS = 0.1"


def test_a_setup_that_holds_too_much_memory_is_ended_as_one_that_failed(stage_with: Staged) -> None:
    stage = stage_with(
        caps={"max_memory": "100MiB"}, worktree={"setup": ["echo a; exec python3 $HOME/eater.py"]}
    )
    stage.prelude = LOOK_OFTEN
    Path(stage.env["HOME"], "eater.py").write_text(EATER)
    task_id = stage.add(work("a.txt"))
    stage.run()
    kind, text = asked(stage, task_id)
    assert (kind, stage.task(task_id).attempts) == ("failure", 0)
    assert (
        "no agent was started: `echo a; exec python3 $HOME/eater.py` was ended at a cap: max_memory is"
        in text
    )
    (attempt,) = stage.tried(task_id)
    assert (attempt.outcome, attempt.error_class) == ("failed", "setup_failed")
    assert_sound(stage)


def test_an_agent_that_waits_for_an_answer_may_not_hold_more_either(stage_with: Staged) -> None:
    stage = stage_with(caps={"max_memory": "100MiB"}, jobs=2)
    stage.prelude = LOOK_OFTEN
    (stage.tmp / "eater.py").write_text(EATER)
    eats = (
        f"(while ! [ -e {stage.tmp}/eat ]; do sleep 0.05; done; exec python3 {stage.tmp}/eater.py) >/dev/null"
    )
    task_id = stage.add([{"run": f"{eats} & exec sow task ask 'Well?' --wait"}], work("a.txt"))
    stage.add([{"wait": {"file": str(stage.tmp / "go")}}, *work("b.txt")])
    run = stage.start("run")
    run.until_it_says("paused: Well?")
    (stage.tmp / "eat").touch()
    run.until_it_says(f"task {task_id} reached a cap and is ended: max_memory is 100.0 MiB")
    (stage.tmp / "go").touch()
    assert run.end() == 5
    assert asked(stage, task_id) == ("question", "Well?")
    (attempt,) = stage.tried(task_id)
    assert (attempt.outcome, attempt.error_class) == ("stopped", "out_of_memory")
    assert_sound(stage)


def test_a_run_starts_nothing_more_once_its_budget_is_spent_and_what_runs_goes_on(stage: Stage) -> None:
    spends: list[dict[str, Any]] = [{"spend": {"usd": 0.3}}, {"wait": {"file": str(stage.tmp / "go")}}]
    first, second = (stage.add([*spends, *work(name)]) for name in ("a.txt", "b.txt"))
    third = stage.add(work("c.txt"))
    run = stage.start("run", "--budget", "0.5", "--jobs", "2")
    run.until_it_says("is spent: $0.60 of $0.50. Nothing more is started; what runs goes on to its end")
    shown = json.loads(stage.sow("status", "--json").output)
    assert first in {task["id"] for task in shown["tasks"] if task["memory"]}
    (stage.tmp / "go").touch()
    assert run.end() == 5
    assert "The budget of this run is spent ($0.60 of $0.50). With more: sow run --budget USD" in run.output
    assert stage.statuses() == {first: "needs_review", second: "needs_review", third: "pending"}
    assert stage.events()[-1]["payload"]["reason"] == "budget"
    assert_sound(stage)
