"""When a limit is over, by the words that agents were seen to tell it in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sow_executors import resets

NOW = datetime(2026, 11, 21, 23, 30, 12, tzinfo=ZoneInfo("UTC")).timestamp()


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("said", "zone", "end"),
    [
        pytest.param("resets 11:53pm (UTC)", "UTC", (2026, 11, 21, 23, 54), id="later today"),
        pytest.param("resets 2:18am (UTC)", "UTC", (2026, 11, 22, 2, 19), id="tomorrow"),
        pytest.param("resets 12am (UTC)", "UTC", (2026, 11, 22, 0, 1), id="an hour, midnight"),
        pytest.param("resets 11:30pm (UTC)", "UTC", (2026, 11, 21, 23, 31), id="in this minute"),
        pytest.param(
            "resets 8am (America/New_York)", "America/New_York", (2026, 11, 22, 8, 1), id="another zone"
        ),
        pytest.param(
            "You've hit your weekly limit · resets Nov 23, 11:18pm (UTC)",
            "UTC",
            (2026, 11, 23, 23, 19),
            id="a day",
        ),
        pytest.param("resets Jan 3, 1am (UTC)", "UTC", (2027, 1, 3, 1, 1), id="a day of the coming year"),
        pytest.param("resets Jan 3, 2027, 1am (UTC)", "UTC", (2027, 1, 3, 1, 1), id="a day with its year"),
        pytest.param("resets Nov 20, 1am (UTC)", "UTC", (2026, 11, 20, 1, 1), id="a day that is over"),
        pytest.param("resets 9am", "Asia/Tokyo", (2026, 11, 22, 9, 1), id="no zone: the local one"),
        pytest.param(
            "or try again at Nov 21st, 2026 1:44 AM.", "Asia/Tokyo", (2026, 11, 21, 1, 45), id="Codex, a day"
        ),
    ],
)
def test_the_end_is_that_of_the_minute(said: str, zone: str, end: tuple[int, int, int, int, int]) -> None:
    assert resets.told(said, NOW) == datetime(*end, tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("Your quota will reset after 8591s.", 8591),
        ("reset after 3h12m5s", 11525),
        ("Please retry in 12.5s", 12.5),
        ('"retryDelay": "7s"', 7),
    ],
)
def test_a_span_begins_when_it_is_told(said: str, seconds: float) -> None:
    assert resets.told(said, NOW) == NOW + seconds


@pytest.mark.parametrize(
    "said",
    [
        "resets soon",
        "resets 9am (Nowhere/Land)",
        "resets 9am (/etc/passwd)",
        "resets Foo 3, 1am (UTC)",
        "resets Feb 30, 1am (UTC)",
        "resets 9:77am (UTC)",
        "try again at Nov 3rd, 9999 1:99 AM",
        "",
    ],
)
def test_what_names_no_time_has_no_end(said: str) -> None:
    assert resets.told(said, NOW) is None


@given(st.text(alphabet="resets 0123456789:,apm()UTCNovtryagin/AMP.", max_size=60), st.floats(0, 4e9))
def test_no_words_break_it(said: str, now: float) -> None:
    found = resets.told(f"resets {said}", now)
    assert found is None or isinstance(found, float)
