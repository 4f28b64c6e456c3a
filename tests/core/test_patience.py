"""When an agent is looked at though it prints nothing, and why it is ended."""

from dataclasses import replace

import pytest

from sow.attempt import Attempt
from sow.config import RepositoryConfig
from sow.process import Identity
from sow.progress import Tally
from sow.runner.local import Running
from sow.runner.watch import Tail
from sow.scheduler.patience import QUIET_SECONDS, Stuck, due, quiet_words, stuck
from sow.turn.live import AFTER_REPORT_SECONDS, AFTER_RESULT_SECONDS, Live
from sow_executors import catalog

REPOSITORY = RepositoryConfig()


def _quiet(tally: Tally, since: float) -> Live:
    """An attempt that has printed nothing since then."""
    attempt = Attempt(
        id="010-1-1-a", task_id="010", agent="implementer", executor="script", iteration=1, action="spawn",
        run_id="run-1", folder="/w", argv=["agent"], created_at="2026-11-25T10:00:00Z",
    )  # fmt: skip
    running = Running(attempt.id, "/nowhere", Identity(boot_id="b", pid=1, start_ticks=1))
    reader = catalog.get("script").reader("s")
    return Live(attempt, running, reader, Tail("/nowhere/transcript.jsonl"), tally=tally, quiet_since=since)


@pytest.mark.parametrize(
    ("tally", "reported", "after", "why"),
    [
        pytest.param(Tally(), None, 1e9, None, id="one that has not reported may be silent for ever"),
        pytest.param(Tally(), 50.0, AFTER_REPORT_SECONDS - 1, None, id="one that has reported has a while"),
        pytest.param(Tally(), 50.0, AFTER_REPORT_SECONDS, "after report", id="and is ended then"),
        pytest.param(Tally(), 150.0, AFTER_REPORT_SECONDS + 49, None, id="counted from its report"),
        pytest.param(
            Tally(open_calls=frozenset("c")), 50.0, 1e9, None, id="one in a tool call has something to do"
        ),
        pytest.param(Tally(finished=True), 50.0, AFTER_RESULT_SECONDS, "after result", id="a result is more"),
    ],
)
def test_an_agent_that_has_reported_is_not_waited_for_without_an_end(
    tally: Tally, reported: float | None, after: float, why: str | None
) -> None:
    live = _quiet(tally, 100.0)
    found = stuck(live, 100.0 + after, REPOSITORY, held=False, reported=reported)
    assert (found.why if found else None) == why
    # Whenever it is to be ended, it is looked at then.
    assert why is None or min(due(live, 100.0, REPOSITORY, reported)) <= 100.0 + after


def test_an_agent_that_waits_for_its_answer_is_let_wait() -> None:
    live = replace(_quiet(Tally(), 100.0))
    assert stuck(live, 1e9, REPOSITORY, held=True) is None
    assert isinstance(stuck(live, 1e9, REPOSITORY, held=False, reported=100.0), Stuck)


def test_one_that_may_hang_is_told_of_once_where_nothing_ends_it() -> None:
    live = _quiet(Tally(), 100.0)
    late = 100.0 + QUIET_SECONDS
    assert late in due(live, 100.0, REPOSITORY)
    assert quiet_words(live, late - 1, REPOSITORY) == ""
    assert "has printed nothing for 10 min" in quiet_words(live, late, REPOSITORY)
    assert quiet_words(live, late, replace(REPOSITORY, silence_seconds=900)) == ""
    assert quiet_words(replace(live, tally=Tally(open_calls=frozenset("c"))), late, REPOSITORY) == ""
    live.told_quiet = live.quiet_since
    assert quiet_words(live, late, REPOSITORY) == ""
    assert late not in due(live, 100.0, REPOSITORY)
    live.quiet_since = late
    assert quiet_words(live, late + QUIET_SECONDS, REPOSITORY)
