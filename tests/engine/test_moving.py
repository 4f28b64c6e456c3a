"""Moving and removing tasks beside agents that work and branches that are not merged."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.engine.stage import Done, Stage, assert_sound, work
from tests.waiting import until


def _waiting(stage: Stage) -> list[dict[str, Any]]:
    return [{"say": "I wait."}, {"wait": {"file": str(stage.tmp / "go")}}, *work("a.txt")]


@pytest.fixture
def two_phases(stage: Stage) -> Stage:
    """A project whose phase `review` may have tasks as well."""
    path = Path(stage.layout.type_file)
    path.write_text(
        path.read_text().replace("  review:\n    outputs", "  review:\n    tasks: true\n    outputs")
    )
    return stage


def _gone(stage: Stage, task_id: str) -> bool:
    """Whether a task is out of the project, and its folder kept."""
    there = task_id in stage.statuses()
    assert Path(stage.layout.removed, task_id, "state.yaml").exists() is not there
    return not there


def _branches(stage: Stage) -> str:
    return stage.git("for-each-ref", "--format=%(refname:short)", "refs/heads")


def test_a_task_stays_where_it_is_while_its_agent_is_at_work(two_phases: Stage) -> None:
    stage = two_phases
    task_id = stage.add(_waiting(stage))
    run = stage.start("run", "--json")
    run.until_it_says("I wait.")
    for words in (("move", task_id, "--phase", "review"), ("remove", task_id)):
        done = stage.sow("task", *words)
        assert (done.code, f"the agent of task {task_id} is still at work" in done.output) == (6, True), done
    assert stage.task(task_id).phase == "implementation"
    (stage.tmp / "go").touch()
    assert run.end() == 5
    assert stage.sow("task", "move", task_id, "--phase", "review").code == 0
    assert (stage.task(task_id).phase, stage.task(task_id).status) == ("review", "needs_review")
    stage.approve(task_id)
    assert stage.merged("a.txt") == "done"
    assert_sound(stage)


def test_a_run_that_is_on_takes_in_what_was_moved_and_starts_nothing_that_was_removed(
    two_phases: Stage,
) -> None:
    stage = two_phases
    first = stage.add(_waiting(stage))
    moved = stage.add([{"log": "I begin."}, *work("b.txt")], depends_on=(first,))
    gone = stage.add(work("c.txt"), depends_on=(first,))
    run = stage.start("run", "--json", "--jobs", "1")
    run.until_it_says("I wait.")
    assert stage.sow("task", "move", moved, "--phase", "review").code == 0
    assert stage.sow("task", "remove", gone).code == 0
    (stage.tmp / "go").touch()
    until(lambda: stage.statuses()[first] == "needs_review")
    assert run.end() == 5
    stage.approve(first)
    stage.run()
    assert (stage.task(moved).status, stage.task(moved).phase) == ("needs_review", "review")
    assert "I begin." in Path(stage.layout.task("review", moved), "log.md").read_text()
    assert (stage.tried(gone), _gone(stage, gone)) == ([], True)
    assert f"--{gone}" not in _branches(stage)


def test_a_task_that_others_depend_on_is_not_removed_and_they_are_named(stage: Stage) -> None:
    first = stage.add(work("a.txt"))
    stage.add(work("b.txt"), depends_on=(first,))
    stage.add(work("c.txt"), depends_on=(first,))
    done = stage.sow("task", "remove", first)
    assert (done.code, f"task {first} can't be removed: 020, 030 depend on it" in done.output) == (4, True), (
        done
    )
    for other in ("020", "030", first):
        assert stage.sow("task", "remove", other).code == 0
    assert stage.statuses() == {}


def _unmerged(stage: Stage, task_id: str) -> str:
    """What the agent handed in is on its branch alone."""
    return f"commits of feat/a-bench--{task_id} that are not in feat/a-bench: 1"


def _uncommitted(stage: Stage, task_id: str) -> str:
    """All that was handed in is in the project's branch; in its worktree is more."""
    stage.git("merge", "--quiet", "--no-edit", f"feat/a-bench--{task_id}", folder=stage.folder)
    Path(str(stage.task(task_id).worktree), "more.txt").write_text("mine\n")
    return "not committed: more.txt"


@pytest.mark.parametrize("left", [_unmerged, _uncommitted])
def test_a_task_with_work_that_would_be_lost_is_not_removed(
    stage: Stage, left: Callable[[Stage, str], str]
) -> None:
    task_id = stage.add(work("a.txt"))
    stage.run()
    reason = left(stage, task_id)

    def refused(hint: str) -> Done:
        done = stage.sow("task", "remove", task_id)
        said = f"task {task_id} has work that would be lost: {reason}" in done.output
        assert (done.code, said, hint in done.output) == (4, True, True), done
        return done

    refused(f"give it up, and its work stays: `sow task abandon {task_id}`")
    assert stage.sow("task", "abandon", task_id).code == 0
    refused(f"`git branch -D feat/a-bench--{task_id}`")
    assert Path(str(stage.task(task_id).worktree), "a.txt").exists()
    assert_sound(stage)


def test_with_a_task_that_has_nothing_of_its_own_its_worktree_and_branch_go(stage: Stage) -> None:
    task_id = stage.add([{"ask": {"question": "Why?"}}])
    stage.run()
    worktree = Path(str(stage.task(task_id).worktree))
    assert worktree.is_dir()
    assert stage.sow("task", "remove", task_id).code == 0
    assert (_gone(stage, task_id), worktree.exists()) == (True, False)
    assert f"--{task_id}" not in _branches(stage)


def test_a_task_whose_work_is_merged_may_go(stage: Stage) -> None:
    task_id = stage.add(work("a.txt"))
    stage.run()
    stage.approve(task_id)
    assert stage.sow("task", "remove", task_id).code == 0
    assert (_gone(stage, task_id), stage.merged("a.txt")) == (True, "done")
    assert stage.tried(task_id), "what it cost is still known"
