"""What a person is told who comes back from a session: what has changed, and nothing else."""

import pytest
from tests.core.parts import AT, new_task

from sow.task import Task
from sow.visit import Visit, lines

BEFORE = new_task("010").start(
    session_id="s-1", executor="script", at=AT, worktree="/w", branch="feat/x--010", base="a" * 40
)
LATER = BEFORE.replace(updated_at="2026-11-25T12:00:00Z")


@pytest.mark.parametrize(
    ("visit", "told"),
    [
        pytest.param(Visit(BEFORE, LATER, ("a" * 40, "a" * 40)), [], id="nothing but the time"),
        pytest.param(
            Visit(BEFORE, LATER.hand_in("Done.").replace(name="New")),
            [
                "name: task 010 -> New",
                "status: in_progress -> needs_review",
                "result: nothing -> {'status': 'success', 'message': 'Done.'}",
            ],
            id="fields",
        ),
        pytest.param(
            Visit(BEFORE, LATER.pause("Tea?", kind="question", by="w", at=AT)),
            ["status: in_progress -> paused", "question: nothing -> Tea?"],
            id="a question by its words",
        ),
        pytest.param(
            Visit(BEFORE, LATER, ("a" * 40, "b" * 40)),
            ["feat/x--010: see what was committed with `git log --oneline aaaaaaaaaaaa..bbbbbbbbbbbb`"],
            id="commits",
        ),
        pytest.param(
            Visit(BEFORE, LATER, ("", "b" * 40), "c" * 40),
            [
                "feat/x--010: see what was committed with `git log --oneline bbbbbbbbbbbb`",
                "what lay uncommitted in its worktree is in commit cccccccccccc now",
            ],
            id="the branch that was not there, and what lay uncommitted",
        ),
    ],
)
def test_what_a_visit_has_changed_is_told(visit: Visit, told: list[str]) -> None:
    assert list(lines(visit)) == told


def test_every_field_that_a_person_can_set_is_told_of() -> None:
    changed: Task = BEFORE.replace(priority="high", depends_on=["020"], metadata={"a": 1})
    assert {line.partition(":")[0] for line in lines(Visit(BEFORE, changed))} == {
        "priority",
        "depends_on",
        "metadata",
    }
