"""Before a worktree goes, what its tasks left elsewhere is cleared up; whatever becomes of that, it goes."""

from pathlib import Path

import pytest
from tests.engine.stage import Stage, assert_sound
from tests.waiting import until

from sow import process
from sow.git.repository import Git
from sow.outfit import Teardown

TELL = "echo $SOW_TASK_ID $SOW_PORT_0 $(basename $PWD) >>$HOME/gone"


def gone(stage: Stage) -> list[str]:
    path = Path(stage.env["HOME"], "gone")
    return path.read_text().splitlines() if path.exists() else []


def reviewed(stage: Stage, *names: str) -> list[str]:
    ids = [stage.add([{"run": f"echo $SOW_PORT_0 >{name}"}, {"report": "needs_review"}]) for name in names]
    stage.run()
    return ids


def worktree(stage: Stage, task_id: str) -> Path:
    return Path(str(stage.task(task_id).worktree))


def test_it_is_run_after_the_merge_in_the_worktree_with_the_tasks_ports(stage: Stage) -> None:
    stage.settings(worktree={"teardown": [TELL], "ports": 1})
    (task_id,) = reviewed(stage, "port")
    assert stage.sow("task", "approve", task_id).code == 0
    assert gone(stage) == [f"{task_id} {stage.merged('port')} {worktree(stage, task_id).name}"]
    assert not worktree(stage, task_id).exists()
    assert_sound(stage)


def test_its_failure_is_told_and_stops_nothing(stage: Stage) -> None:
    stage.settings(worktree={"teardown": ["echo no such database >&2; exit 3", "kill -9 $$", TELL]})
    (task_id,) = reviewed(stage, "a")
    done = stage.sow("task", "approve", task_id)
    assert done.code == 0
    assert "`echo no such database >&2; exit 3` ended with code 3" in done.output
    assert "     no such database\n" in done.output
    told = [event["payload"] for event in stage.events(task_id) if event["type"] == "teardown.failed"]
    assert [one["how"] for one in told] == ["ended with code 3", "was ended by SIGKILL"]
    assert told[0]["output"] == "no such database"
    assert len(gone(stage)) == 1, "the last one was run all the same"
    assert not worktree(stage, task_id).exists()
    assert_sound(stage)


def test_a_worktree_that_stays_is_not_cleared_up(stage: Stage) -> None:
    stage.settings(worktree={"teardown": [TELL]})
    (task_id,) = reviewed(stage, "a")
    assert stage.sow("worktree", "remove", task_id).code == 4, "its work is not merged"
    assert stage.sow("worktree", "prune").code == 0
    assert gone(stage) == []


@pytest.mark.parametrize("words", [("remove", "{id}"), ("prune",)], ids=["remove", "prune"])
def test_a_worktree_that_is_removed_by_a_command_is_cleared_up(stage: Stage, words: tuple[str, ...]) -> None:
    stage.settings(worktree={"teardown": [f"touch $PWD/left; {TELL}"]})
    (task_id,) = reviewed(stage, "a")
    folder = worktree(stage, task_id)
    stage.approve(task_id)
    assert folder.exists(), "what its teardown left there keeps it"
    (folder / "left").unlink()
    stage.settings(worktree={"teardown": [TELL]})
    assert stage.sow("worktree", *(word.format(id=task_id) for word in words)).code == 0
    assert gone(stage) == [f"{task_id} {folder.name}"] * 2
    assert not folder.exists()


def test_a_project_that_goes_clears_up_behind_all_its_tasks(stage: Stage) -> None:
    stage.settings(worktree={"teardown": [TELL]})
    one, two = reviewed(stage, "a", "b")
    stage.approve(one)
    assert len(gone(stage)) == 1
    done = stage.sow("project", "delete", "--yes")
    assert done.code == 0, done
    names = sorted(line.split()[0] for line in gone(stage))
    assert names == sorted([one, two])


def test_one_that_takes_too_long_is_ended_with_all_that_it_started(stage: Stage) -> None:
    (task_id,) = reviewed(stage, "a")
    folder = worktree(stage, task_id)
    pids = stage.tmp / "pids"
    teardown = Teardown([f"sleep 60 & echo $! >{pids}; sleep 60", TELL], stage.env, seconds=2.0)
    branch = str(stage.task(task_id).branch)
    failed = teardown.before_removal(Git(str(stage.main)), str(folder), branch, stage.layout, task_id)
    assert [failure.how for failure in failed] == ["did not end within 2 s"]
    pid = int(pids.read_text())
    until(lambda: process.of(pid) is None or not process.argv(pid))
    assert len(gone(stage)) == 1
