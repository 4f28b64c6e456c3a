"""A clock that is set, or a machine that sleeps, makes no agent silent."""

import pytest

from sow.scheduler.jumps import LEAST, Jumps
from sow.usage import Usage


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 8 * 3600.0])
def test_a_jump_is_told_once_and_passing_time_is_none(jump: float) -> None:
    passed, put = [100.0], [0.0]
    jumps = Jumps(1.7e9 + passed[0], lambda: passed[0])

    def new() -> float:
        return jumps.new(1.7e9 + passed[0] + put[0])

    passed[0] += 500.0
    assert new() == 0.0
    put[0] += jump
    passed[0] += 1.0
    assert new() == pytest.approx(jump)
    passed[0] += 500.0
    assert new() == 0.0


def test_a_clock_that_is_put_right_little_by_little_is_borne_too() -> None:
    put = [0.0]
    jumps = Jumps(0.0, lambda: 0.0)
    told = []
    for _ in range(40):
        put[0] += LEAST / 10
        told.append(jumps.new(put[0]))
    assert sum(told) == pytest.approx(4 * LEAST, abs=LEAST)


def test_time_that_the_clock_has_skipped_is_not_an_agents() -> None:
    usage = Usage(began=100.0)
    usage.wait(150.0, True)
    usage.shift(1000.0)
    usage.wait(1160.0, False)
    assert usage.seconds(1170.0) == 60.0
