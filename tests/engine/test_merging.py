"""What comes of an approval: merged once, or back to the agent with what is in the way."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.engine.stage import Stage, assert_sound, no_turn_was_repeated, work
from tests.waiting import until

from sow.change import Change
from sow.errors import Busy, Refused
from sow.task import Task


def _replace(old: str, new: str) -> list[dict[str, object]]:
    return [{"edit": {"path": "shared.txt", "replace": {old: new}}}, {"report": "needs_review"}]


@pytest.mark.slow
def test_a_conflict_goes_back_to_its_agent_and_then_both_changes_hold(stage: Stage) -> None:
    first = stage.add(_replace("two", "zwei"))
    resolved = {"edit": {"path": "shared.txt", "content": "one\nzwei, deux\nthree\n"}}
    second = stage.add(
        _replace("two", "deux"),
        [{"run": "grep -q '<<<<<<<' shared.txt"}, resolved, {"report": "needs_review"}],
    )
    stage.run()
    stage.approve(first)
    killed_over_its_merge(stage, stage.task(second))
    assert stage.approve(second, how="conflict").files == ("shared.txt",)
    task = stage.task(second)
    assert (task.status, task.iteration, task.approval) == ("in_progress", 2, None)
    stage.run()
    assert [attempt.reason for attempt in stage.tried(second)] == ["start", "feedback"]
    assert "shared.txt" in stage.told(second)[1]
    stage.approve(second)
    assert stage.merged("shared.txt") == "one\nzwei, deux\nthree"
    assert stage.merges() == [f"{stage.layout.name}/{second}/2", f"{stage.layout.name}/{first}/1"]
    no_turn_was_repeated(stage, [first, second])
    assert_sound(stage)


def killed_over_its_merge(stage: Stage, task: Task) -> None:
    """What a kill leaves in a task's worktree while the project's branch is brought in."""
    folder = Path(str(task.worktree))
    tips = [stage.git("rev-parse", name) for name in (str(task.branch), stage.branch)]
    note = {"token": "t", "branch": task.branch, "worktree": str(folder), "from": tips[0], "to": tips[1]}
    Path(f"{stage.layout.runtime}/bringing-{task.id}").write_text(json.dumps(note))
    (folder / "shared.txt").write_text("one\nzw")


@pytest.mark.slow
def test_work_handed_in_with_conflict_markers_goes_straight_back(stage: Stage) -> None:
    first = stage.add(_replace("two", "zwei"))
    resolved = {"edit": {"path": "shared.txt", "content": "one\nzwei, deux\nthree\n"}}
    second = stage.add(
        _replace("two", "deux"), [{"report": "needs_review"}], [resolved, {"report": "needs_review"}]
    )
    stage.run()
    stage.approve(first)
    stage.approve(second, how="conflict")
    stage.run()
    assert [attempt.iteration for attempt in stage.tried(second)] == [1, 2, 3]
    assert "conflict markers" in stage.told(second)[2]
    stage.approve(second)
    assert stage.merged("shared.txt") == "one\nzwei, deux\nthree"
    assert_sound(stage)


@pytest.mark.slow
def test_a_check_that_fails_on_the_merged_files_sends_the_work_back(stage_with: Callable[..., Stage]) -> None:
    stage = stage_with(checks=["test -e a.txt", "grep -qx good a.txt"])
    task_id = stage.add(work("a.txt", "bad\n"), work("a.txt", "good\n"))
    stage.run()
    stage.approve(task_id, how="check failed")
    task = stage.task(task_id)
    assert (task.status, task.iteration) == ("in_progress", 2)
    assert stage.git("branch", "--show-current", folder=Path(str(task.worktree))) == task.branch
    stage.run()
    assert "grep -qx good a.txt" in stage.told(task_id)[1]
    stage.approve(task_id)
    assert stage.merged("a.txt") == "good"
    assert_sound(stage)


def test_checks_see_what_others_merged_meanwhile(stage_with: Callable[..., Stage]) -> None:
    stage = stage_with(checks=["! { test -e a.txt && test -e b.txt; }"])
    first, second = stage.add(work("a.txt")), stage.add(work("b.txt"))
    stage.run()
    stage.approve(first)
    stage.approve(second, how="check failed")
    assert stage.merges() == [f"{stage.layout.name}/{first}/1"]
    assert stage.statuses() == {first: "completed", second: "in_progress"}


def test_a_persons_uncommitted_file_in_the_way_keeps_the_approval_waiting(stage: Stage) -> None:
    task_id = stage.add(work("a.txt"))
    stage.run()
    (stage.folder / "a.txt").write_text("mine\n")
    stage.approve(task_id, how="blocked")
    assert (stage.folder / "a.txt").read_text() == "mine\n"
    assert stage.task(task_id).approval
    # It is a promise: whoever comes next completes it.
    (stage.folder / "a.txt").unlink()
    stage.run(expect=0)
    assert stage.statuses() == {task_id: "completed"}
    assert stage.merged("a.txt") == "done"
    assert_sound(stage)


def test_nothing_is_decided_about_a_task_while_its_agent_is_at_work(stage: Stage) -> None:
    task_id = stage.add([{"report": "needs_review"}, {"wait": {"file": str(stage.tmp / "go")}}])
    run = stage.start("run")
    until(lambda: stage.statuses()[task_id] == "needs_review")
    for decide in (
        lambda: stage.person.approve(task_id, by="ada"),
        lambda: stage.person.send_back(task_id, "No.", by="ada"),
        lambda: stage.person.abandon(task_id, reason="no"),
    ):
        with pytest.raises(Busy):
            decide()
    (stage.tmp / "go").touch()
    assert run.end() == 5
    stage.approve(task_id, how="nothing to merge")
    assert_sound(stage)


def test_an_approval_that_was_overtaken_by_feedback_merges_nothing(stage: Stage) -> None:
    task_id = stage.add(work("a.txt"), work("b.txt"))
    stage.run()
    person = stage.person
    approved = stage.store.change_task(
        task_id, lambda task: Change(task=task.approve(by="ada", at=stage.store.now()))
    )
    stage.send_back(task_id, "Wait.")
    # The merge of the approval that was stored first comes to its turn only now.
    with pytest.raises(Refused):
        person.merge(approved)
    assert stage.merges() == []
    assert stage.statuses() == {task_id: "in_progress"}


def test_two_who_approve_at_once_merge_once(stage: Stage) -> None:
    task_id = stage.add(work("a.txt"))
    stage.run()
    both = [stage.start("task", "approve", task_id) for _ in range(2)]
    codes = sorted(run.end() for run in both)
    assert codes[0] == 0, [run.output for run in both]
    assert codes[1] in (0, 4, 6), [run.output for run in both]
    assert stage.statuses() == {task_id: "completed"}
    assert len(stage.merges()) == 1
    assert_sound(stage)


@pytest.mark.slow
def test_a_check_that_is_killed_leaves_the_task_on_its_branch(stage_with: Callable[..., Stage]) -> None:
    stage = stage_with()
    stage.settings(checks=[f"touch {stage.tmp}/began; while ! [ -e {stage.tmp}/go ]; do sleep 0.02; done"])
    task_id = stage.add(work("a.txt"), work("b.txt"))
    stage.run()
    approval = stage.start("task", "approve", task_id)
    until(lambda: (stage.tmp / "began").exists())
    approval.kill()
    (stage.tmp / "go").touch()
    # The person thought better of it meanwhile: the agent goes on where it was, not on merged files.
    stage.send_back(task_id, "Do b, too.")
    stage.run()
    task = stage.task(task_id)
    assert stage.git("branch", "--show-current", folder=Path(str(task.worktree))) == task.branch
    assert stage.git("log", "--merges", "--format=%s", str(task.branch)) == ""
    stage.approve(task_id)
    assert stage.merges() == [f"{stage.layout.name}/{task_id}/2"]
    assert_sound(stage)
