"""Codex's limits: which windows are warned of, once a mark, and whose model a used-up one is for."""

from __future__ import annotations

from typing import Any

import pytest

from sow_executors.base import Limited
from sow_executors.codex_limits import Windows, rejected

T = 1_795_000_000.0


def limits(used: float | None, minutes: int = 300, resets_at: float = T, **more: Any) -> dict[str, Any]:
    primary = {"used_percent": used, "window_minutes": minutes, "resets_at": resets_at}
    return {"limit_id": "codex", "limit_name": None, "primary": primary, "secondary": None, **more}


def test_each_mark_of_each_window_is_told_once() -> None:
    windows = Windows()
    told = [windows.told(limits(used)) for used in (10.0, 74.9, 75.0, 80.0, 91.5, 91.5, 96.0, 3.0)]
    warnings = [
        Limited("warning", T, "five_hour", used, mark)
        for used, mark in ((75.0, 75.0), (91.5, 90.0), (96.0, 95.0))
    ]
    assert [each for some in told for each in some] == warnings
    # The next window is another one.
    assert windows.told(limits(96.0, resets_at=T + 18_000)) == [
        Limited("warning", T + 18_000, "five_hour", 96.0, 95.0)
    ]


def test_a_week_has_a_name_any_other_window_its_minutes() -> None:
    secondary = {"used_percent": 99.0, "window_minutes": 10080, "resets_at": T}
    told = Windows().told(limits(77.0, 60, secondary=secondary))
    assert [each.limit for each in told if isinstance(each, Limited)] == ["60_minute", "seven_day"]


def test_a_window_of_one_model_is_that_models() -> None:
    (told,) = Windows().told(limits(90.0, limit_id="codex_other", limit_name="GPT-5.3-Codex-Spark"))
    assert told == Limited(
        "warning", T, "gpt-5.3-codex-spark_five_hour", 90.0, 90.0, model="gpt-5.3-codex-spark"
    )


@pytest.mark.parametrize("held", [{}, {"primary": None}, {"primary": {"used_percent": "99"}}, {"primary": 7}])
def test_what_says_nothing_warns_of_nothing(held: dict[str, Any]) -> None:
    assert Windows().told(held) == []


def test_a_used_up_limit_is_for_all_unless_its_words_name_a_model() -> None:
    assert rejected("You’ve hit your usage limit. Try again at 1:44 AM.", T) == Limited("rejected", T)
    named = "You’ve hit your usage limit for GPT-5.3-Codex-Spark. Switch to another model now, or wait."
    assert rejected(named, None) == Limited(
        "rejected", None, "gpt-5.3-codex-spark_usage", model="gpt-5.3-codex-spark"
    )
