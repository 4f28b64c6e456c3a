"""The statistics of the benchmarks: what an interval promises, it keeps."""

import random
from statistics import median

import pytest
from benchmarks.figures import CONFIDENCE, Count, Ratio, interval, verdict
from benchmarks.timing import back_to_back, once
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.lists(st.floats(0.01, 100.0), min_size=1, max_size=60)


@given(VALUES)
def test_an_interval_holds_the_median_of_its_values(values: list[float]) -> None:
    found = interval(values)
    assert found.low <= median(values) <= found.high


@given(VALUES)
def test_an_interval_is_as_sure_as_it_was_asked_to_be_or_the_whole_range(values: list[float]) -> None:
    found = interval(values)
    whole_range = (found.low, found.high) == (min(values), max(values))
    assert found.confidence >= CONFIDENCE or whole_range
    assert (found.confidence >= CONFIDENCE) == (len(values) >= 6)


@pytest.mark.parametrize("count", [6, 12, 25, 60])
def test_an_interval_holds_the_true_median_as_often_as_it_says(count: int) -> None:
    chance, rounds = random.Random(count), 1500
    found = [interval([chance.lognormvariate(0.0, 0.4) for _ in range(count)]) for _ in range(rounds)]
    held = sum(each.low <= 1.0 <= each.high for each in found) / rounds
    assert abs(held - found[0].confidence) < 0.025
    assert CONFIDENCE <= found[0].confidence < 1.0


def test_one_outlier_moves_neither_the_figure_nor_its_interval() -> None:
    calm = Ratio(tuple((1.3 + n / 1000, 1.0) for n in range(20)))
    jolted = Ratio((*calm.pairs[:-1], (900.0, 1.0)))
    assert (jolted.value, jolted.interval) == (calm.value, calm.interval)


def test_a_load_on_both_sides_of_a_pair_leaves_its_ratio() -> None:
    loads = [1.0, 1.7, 9.0, 2.2, 1.1, 4.0]
    figure = Ratio(tuple((1.5 * load, 1.0 * load) for load in loads))
    assert figure.value == pytest.approx(1.5)
    assert figure.interval.high - figure.interval.low < 1e-9


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        pytest.param([0.7] * 8, "moonshot", id="below the moonshot"),
        pytest.param([1.2] * 8, "reached", id="between moonshot and goal"),
        pytest.param([1.2] * 3 + [1.4] * 9, "open", id="over the goal, and not for sure"),
        pytest.param([1.4] * 8, "missed", id="over the goal with its whole interval"),
    ],
)
def test_a_goal_is_missed_only_by_a_whole_interval(ratios: list[float], said: str) -> None:
    figure = Ratio(tuple((ratio, 1.0) for ratio in ratios))
    assert verdict(figure, goal=1.25, moonshot=0.8) == said


def test_a_count_over_its_goal_is_missed() -> None:
    assert verdict(Count(0, 37), goal=0, moonshot=0) == "moonshot"
    assert verdict(Count(1, 37), goal=0, moonshot=0) == "missed"


def test_each_side_goes_first_every_other_round_and_the_warm_round_does_not_count() -> None:
    calls: list[tuple[str, int]] = []

    def timed(side: str, seconds: float) -> float:
        calls.append((side, len(calls) // 2))
        return seconds

    figure = back_to_back(lambda n: timed("s", n or 99.0), lambda n: timed("y", 1.0), 4)
    assert figure.pairs == ((1.0, 1.0), (2.0, 1.0), (3.0, 1.0), (4.0, 1.0))
    assert "".join(side for side, _ in calls) == "syyssyyssy"


def test_work_of_one_round_stands_between_two_yardsticks() -> None:
    figure = once(lambda n: 30.0, lambda n: [1.0, 0.0, 2.0][n])
    assert figure.value == pytest.approx(20.0)
    assert figure.interval.confidence == 0.0
