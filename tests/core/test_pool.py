"""Which starts the limits of an account hold, and what its pool remembers."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sow.pool import SPACED_SECONDS, Hold, Met, Pool, Try, Warned, hold_words, mark_of, words

T = 1_000_000.0
HOUR = 3600.0
MINE, OTHER = Try("/here", "010"), Try("/here", "020")


def pool(*limits: Met, **more: object) -> Pool:
    return replace(Pool("claude-0123456789abcdef", "claude-code", limits), **more)  # type: ignore[arg-type]


FIVE = Met("five_hour", T, T + HOUR)
OPUS = Met("seven_day_opus", T, T + 9 * HOUR, model="opus", setting="")


@pytest.mark.parametrize(
    ("known", "model", "at", "held_until"),
    [
        pytest.param(pool(), "", T, None, id="nothing is known"),
        pytest.param(pool(FIVE), "", T + 1, T + HOUR, id="used up"),
        pytest.param(pool(FIVE), "opus", T + 1, T + HOUR, id="used up for every model"),
        pytest.param(pool(FIVE), "", T + HOUR, None, id="over in the moment that was told"),
        pytest.param(pool(OPUS), "claude-opus-5-5", T, T + 9 * HOUR, id="one model's, and it is that one"),
        pytest.param(pool(OPUS), "sonnet", T, None, id="one model's, and it is another"),
        pytest.param(pool(OPUS), "", T, T + 9 * HOUR, id="the program's own model, which has met it"),
        pytest.param(pool(replace(OPUS, setting="opus")), "", T, None, id="the own model, which has not"),
        pytest.param(pool(FIVE, OPUS), "opus", T, T + 9 * HOUR, id="the longer of two"),
    ],
)
def test_what_holds_a_start(known: Pool, model: str, at: float, held_until: float | None) -> None:
    hold = known.holds(model, at)
    assert (hold.until if hold else None) == held_until


def test_a_warning_holds_only_where_the_settings_say_so_and_only_from_that_percent_on() -> None:
    warned = Warned("five_hour", T, 90.0, 93.0, T + HOUR)
    known = pool(warnings=(warned,))
    assert known.holds("", T) is None
    assert known.holds("", T, hold_at=95) is None
    assert known.holds("", T, hold_at=93) == Hold(T + HOUR, "five_hour", 93.0)
    assert known.holds("", T + HOUR, hold_at=93) is None
    assert pool(warnings=(replace(warned, used=None),)).holds("", T, hold_at=1) is None


def test_once_a_limit_is_over_starts_go_one_after_the_other_and_later_all_at_once() -> None:
    known = pool(FIVE)
    over = T + HOUR
    later = over + SPACED_SECONDS
    assert known.start(MINE, T, 3.0).next_start == 0.0
    first = known.start(MINE, over, 3.0)
    assert first.holds("", over + 1) == Hold(over + 3.0, "", spaced_until=later)
    assert first.holds("", over + 3.0) is None
    second = first.start(OTHER, over + 3.0, 4.0)
    assert second.holds("", over + 6.9) == Hold(over + 7.0, "", spaced_until=later)
    assert second.start(MINE, later, 3.0).holds("", later) is None


def warned(mark: float, ends: float = T + HOUR, limit: str = "five_hour") -> Warned:
    return Warned(limit, T, mark, mark + 1, ends)


@pytest.mark.parametrize(
    ("before", "later", "is_news"),
    [
        pytest.param(warned(75), replace(warned(75), used=80), False, id="the same mark of the same window"),
        pytest.param(warned(75), warned(75, T + HOUR + 1), False, id="its end told a second off"),
        pytest.param(warned(75), warned(90), True, id="a higher mark"),
        pytest.param(warned(90), warned(75), False, id="a lower mark, told late"),
        pytest.param(warned(90), warned(75, T + 6 * HOUR), True, id="the next window"),
        pytest.param(warned(90), warned(75, limit="seven_day"), True, id="another limit"),
        pytest.param(Warned("", T), Warned("", T + 9), False, id="nothing but that it is a warning"),
    ],
)
def test_a_warning_is_told_once_a_window_and_mark(before: Warned, later: Warned, is_news: bool) -> None:
    known = pool().warn(before, "claude-code")
    assert known.is_news(later) is is_news
    after = known.warn(later, "claude-code")
    assert not after.is_news(later)
    assert not after.is_news(before) or before.resets_at != later.resets_at


def test_the_mark_of_a_warning_is_the_one_it_names_or_the_tens_of_what_is_used() -> None:
    assert [mark_of(93, 90), mark_of(87.5, None), mark_of(None, None)] == [90, 80, 0]


def test_an_agent_that_works_ends_what_was_met_before_it_began_and_nothing_else() -> None:
    known = pool(FIVE, OPUS, tries=(MINE,))
    assert known.lift("", T + 9, begun_at=T - 1) == known
    lifted = known.lift("sonnet", T + 9, begun_at=T + 5)
    assert lifted.holds("sonnet", T + 9) is None
    assert lifted.holds("opus", T + 9) == Hold(OPUS.until, "seven_day_opus")
    assert lifted.tries == ()
    # The others go one after the other, as after an end that was told.
    assert lifted.spaced_until(T + 9) == T + 9 + SPACED_SECONDS


def test_a_limit_that_is_met_again_counts_as_it_is_told_last_and_ends_all_tries() -> None:
    known = pool(FIVE).let(MINE).let(MINE).let(OTHER)
    assert known.tries == (MINE, OTHER)
    assert known.start(MINE, T, 1.0).tries == (OTHER,)
    again = known.meet(Met("five_hour", T + 5, T + 2 * HOUR), "other-name")
    assert (again.limits, again.tries, again.executor) == (
        (Met("five_hour", T + 5, T + 2 * HOUR),), (), "other-name",
    )  # fmt: skip


def test_a_guess_does_not_replace_what_the_program_has_told() -> None:
    guess = Met("five_hour", T + 60, T + 960, told=False)
    assert pool(FIVE).meet(guess, "c").limits == (replace(FIVE, met_at=T + 60),)
    assert pool(replace(FIVE, until=T + 30)).meet(guess, "c").limits == (guess,)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1e6), st.floats(0, 1e6)), max_size=6),
    st.floats(0, 2e6),
)
def test_what_is_forgotten_held_nothing(told: list[tuple[str, float, float]], now: float) -> None:
    known = pool()
    for name, met_at, until in told:
        known = known.meet(Met(name, met_at, until), "c")
        known = known.warn(Warned(name, met_at, 50.0, 60.0, until), "c")
    forgotten = known.forget(now)
    assert forgotten.holds("", now, hold_at=10) == known.holds("", now, hold_at=10)
    assert forgotten.forget(now) == forgotten
    assert known.forget(2e9).is_empty


def test_what_is_said_of_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    known = pool(FIVE, warnings=(Warned("seven_day", T, 75.0, 80.5, T + 100 * HOUR), Warned("five_hour", T)))
    assert words(known, T) == [
        "claude-code: its five hour limit is used up; its tasks wait until 14:46 (in 1 h)",
        "claude-code: its seven day limit is 80.5 % used; it begins anew at Fri 16 Jan 17:46 (in 4 d 4 h)",
    ]
    assert words(pool(Met("", T, T + 40)), T) == [
        "claude-code: its usage limit is used up; its tasks wait until 13:47:20 (in 40 s)"
    ]
    spaced = pool(FIVE).start(MINE, FIVE.until, 3.0).holds("", FIVE.until + 1)
    assert spaced
    assert hold_words("claude-code", spaced, FIVE.until + 1) == (
        "claude-code: its limit is over; its tasks start one after the other until 14:48:40 (in 119 s)"
    )
    monkeypatch.undo()
    time.tzset()
