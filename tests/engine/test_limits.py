"""An account's limit is one for all tasks that use it; a person can have one of them try."""

from tests.engine.stage import Stage, assert_sound, work


def test_no_task_of_an_account_starts_while_it_is_used_up_until_one_that_is_let_try_works(
    stage: Stage,
) -> None:
    first = stage.add([{"limit": {"resets_in": 600}}], work("a.txt"))
    second, third = stage.add(work("b.txt")), stage.add(work("c.txt"))
    run = stage.start("run", "--jobs", "1")
    run.until_it_says("script: its usage limit is used up; its tasks wait until")
    assert [len(stage.tried(each)) for each in (first, second, third)] == [1, 0, 0]
    assert "script: its usage limit is used up" in stage.sow("status").output
    assert stage.events()[-1]["type"] == "attempt.ended"
    # The next run knows it, too.
    run.kill()
    assert run.process.returncode
    again = stage.start("run", "--jobs", "1")
    again.until_it_says("its tasks wait until")
    assert stage.tried(second) == []

    retried = stage.sow("task", "retry", second)
    assert retried.code == 0, retried
    assert "in spite of its account's limit" in retried.output
    assert again.end() == 5
    assert set(stage.statuses().values()) == {"needs_review"}
    assert "works again" in again.output
    assert [event["type"] for event in stage.events() if event["type"].startswith("limit.")] == [
        "limit.reached",
        "limit.lifted",
    ]
    begun = [event["ts"] for event in stage.events() if event["type"] == "attempt.started"]
    assert len(begun) == 4
    assert stage.task(first).error is None
    assert_sound(stage)
