"""The records of attempts: reserved once, written whole, and what is broken among them is passed over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.core.parts import AT, layout

from sow.attempt import Attempt, Attempts, spent_in, summed
from sow.errors import NotFound, Refused
from sow_executors.base import Spent


@pytest.fixture
def attempts(tmp_path: Path) -> Attempts:
    return Attempts(layout(tmp_path))


def record(attempt: str, **more: Any) -> Attempt:
    task_id, iteration, _ = attempt.split("-", 2)
    given: dict[str, Any] = {
        "id": attempt, "task_id": task_id, "agent": "implementer", "executor": "script",
        "iteration": int(iteration), "action": "spawn", "run_id": "run-1", "folder": "/w",
        "argv": ["sh", "-c", "true"], "created_at": AT,
    }  # fmt: skip
    return Attempt(**{**given, **more})


def kept(attempts: Attempts, iteration: int = 1, task_id: str = "010", **more: Any) -> Attempt:
    return attempts.keep(record(attempts.reserve(task_id, iteration), **more))


def head(attempt: str) -> str:
    """An attempt's id without what chance added to it."""
    return attempt.rpartition("-")[0]


def test_attempts_are_numbered_within_their_iteration(attempts: Attempts) -> None:
    given = [attempts.reserve("010", 1) for _ in range(11)]
    assert [head(name) for name in given] == [f"010-1-{n}" for n in range(1, 12)]
    assert head(attempts.reserve("010", 2)) == "010-2-1"
    assert head(attempts.reserve("020", 1)) == "020-1-1"
    assert all(Path(attempts.folder(name), "outbox").is_dir() for name in given)


def test_no_two_callers_get_one_id(attempts: Attempts) -> None:
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: attempts.reserve("010", 1), range(40)))
    assert len(set(given)) == 40


def test_a_record_is_read_as_it_was_kept_and_for_nobody_else(attempts: Attempts) -> None:
    stored = kept(
        attempts, session_id="s-1", pid=7, exit_code=-9, cost_usd=0.5, outcome="failed", ended_at=AT
    )
    assert attempts.read(stored.id).__dict__ == stored.__dict__
    assert Path(attempts.folder(stored.id), "attempt.yaml").stat().st_mode & 0o777 == 0o600
    assert Path(attempts.folder(stored.id)).stat().st_mode & 0o777 == 0o700


def test_a_record_that_is_not_valid_is_never_written(attempts: Attempts) -> None:
    name = attempts.reserve("010", 1)
    with pytest.raises(Refused, match="outcome"):
        attempts.keep(record(name, outcome="vanished"))
    with pytest.raises(NotFound, match=f"attempt not found: {name}"):
        attempts.read(name)


def test_a_record_that_was_broken_by_hand_is_told_with_its_line(attempts: Attempts) -> None:
    stored = kept(attempts, outcome="failed", ended_at=AT)
    path = Path(attempts.folder(stored.id), "attempt.yaml")
    path.write_text(path.read_text().replace("outcome: failed", "outcome: faild"))
    line = path.read_text().splitlines().index("outcome: faild") + 1
    with pytest.raises(Refused) as refused:
        attempts.read(stored.id)
    assert str(refused.value) == f'{path}:{line}: outcome: "faild" is not allowed'
    assert refused.value.hint == "did you mean `failed`? allowed: finished, failed, stopped, lost, attached"


def test_the_attempts_of_a_task_come_oldest_first_and_broken_ones_are_passed_over(attempts: Attempts) -> None:
    names = [kept(attempts, iteration).id for iteration in [2] + [1] * 11]
    kept(attempts, task_id="020")
    (broken,) = (name for name in names if head(name) == "010-1-3")
    Path(attempts.folder(broken), "attempt.yaml").write_text("nonsense")
    attempts.reserve("010", 2)
    ordered = [f"010-1-{n}" for n in range(1, 12) if n != 3] + ["010-2-1"]
    assert [head(attempt.id) for attempt in attempts.of_task("010")] == ordered


def test_open_attempts_are_those_without_an_end(attempts: Attempts) -> None:
    first, second = kept(attempts), kept(attempts)
    attempts.keep(first.replace(ended_at=AT, outcome="finished", exit_code=0))
    assert [attempt.id for attempt in attempts.open()] == [second.id]


def test_costs_are_summed_and_what_is_unknown_counts_nothing(attempts: Attempts) -> None:
    some = [
        kept(attempts, cost_usd=0.1, input_tokens=5, cpu_seconds=0.5, peak_memory=700),
        kept(attempts, cost_usd=0.2, output_tokens=7, cpu_seconds=2.25, peak_memory=300),
        kept(attempts),
    ]
    assert summed(some) == {
        "usd": 0.3, "input_tokens": 5, "output_tokens": 7, "cpu_seconds": 2.75, "peak_memory": 700
    }  # fmt: skip
    assert set(summed([]).values()) == {0}


def test_what_was_spent_in_a_session_is_told_apart_from_other_sessions(attempts: Attempts) -> None:
    kept(attempts, session_id="s-1", input_tokens=100, output_tokens=20, cached_tokens=7)
    kept(attempts, session_id="s-2", input_tokens=1000)
    kept(attempts, session_id="s-1", iteration=2, input_tokens=50)
    kept(attempts)
    assert spent_in("s-1", attempts.of_task("010")) == Spent(150, 20, 7)
    assert spent_in("s-3", attempts.of_task("010")) == Spent()
