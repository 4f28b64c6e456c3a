"""Tokens counted as they come: whatever the parts were, with the sum they are the sum."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from sow_executors.base import Report, Spent
from sow_executors.counting import Counted

spents = st.builds(Spent, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
parts = st.lists(st.tuples(st.sampled_from("abc"), spents))


def total(reports: Iterable[Report]) -> tuple[int, int, int]:
    found = [each for each in reports if isinstance(each, Spent)]
    return (
        sum(each.input_tokens for each in found),
        sum(each.output_tokens for each in found),
        sum(each.cached_tokens for each in found),
    )


@given(st.lists(st.tuples(parts, spents), max_size=3))
def test_the_sums_have_the_last_word(turns: list[tuple[list[tuple[str, Spent]], Spent]]) -> None:
    counted = Counted()
    told: list[Report] = []
    for pieces, whole in turns:
        for key, piece in pieces:
            told += counted.part(key, piece)
        told += counted.sum(whole)
    assert total(told) == total(whole for _, whole in turns)


@given(parts, spents)
def test_a_part_that_is_told_again_counts_once_and_a_sum_that_leaves_out_takes_nothing_back(
    pieces: list[tuple[str, Spent]], some: Spent
) -> None:
    counted = Counted()
    told = [report for key, piece in pieces for report in counted.part(key, piece)]
    most = [total([max_of([piece for name, piece in pieces if name == key])]) for key in "abc"]
    counts = tuple(sum(each) for each in zip(*most, strict=True))
    assert total(told) == counts
    told += counted.sum(some, whole=False)
    assert total(told) == tuple(map(max, counts, total([some])))


def max_of(some: list[Spent]) -> Spent:
    return (
        Spent(*(max(each, default=0) for each in zip(*(total([one]) for one in some), strict=True)))
        if some
        else Spent()
    )


def test_money_is_told_with_the_sum_alone_and_nothing_is_no_spending() -> None:
    counted = Counted()
    assert counted.part("a", Spent(3, 1)) == [Spent(3, 1)]
    assert counted.part("a", Spent(3, 1)) == []
    assert counted.sum(Spent(3, 1, 0, 0.5)) == [Spent(usd=0.5)]
    assert counted.sum(Spent()) == []
