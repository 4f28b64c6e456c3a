"""Codex's limits: windows of use that it writes down with each answer, and words when one is used up.

Most are of the whole account (`codex`); some models have windows of their own, by
the model's name. Measured on 0.169.0, but for the latter, of which there is only the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sow_executors.base import Limited, Report
from sow_executors.lines import amount, count, table, words

MARKS = (95.0, 90.0, 75.0)
"""In percent, the highest first: at these Codex itself warns on a terminal."""

_NAMES = {300: "five_hour", 10080: "seven_day"}
"""Windows by their minutes, called as Claude calls them."""

_ONE_MODELS = re.compile(r"hit your usage limit for (\S.{0,100}?)\. Switch to another model")


class Windows:
    """What was told of the windows so far, so that each mark is told once."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, float | None]] = {}

    def told(self, limits: Mapping[str, Any]) -> list[Report]:
        """The warnings in what Codex notes of its limits (`rate_limits`)."""
        model = _model(words(limits.get("limit_name")), words(limits.get("limit_id")))
        found: list[Report] = []
        for which in ("primary", "secondary"):
            window = table(limits.get(which))
            used, resets_at = amount(window.get("used_percent")), amount(window.get("resets_at"))
            mark = next((mark for mark in MARKS if used is not None and used >= mark), None)
            if mark is None:
                continue
            name = _name(
                model, _NAMES.get(minutes := count(window.get("window_minutes")), f"{minutes}_minute")
            )
            if self._told.get(name) != (mark, resets_at):
                self._told[name] = (mark, resets_at)
                found.append(Limited("warning", resets_at, name, used, mark, model))
        return found


def rejected(message: str, resets_at: float | None) -> Limited:
    """The limit that a turn failed at, by the words that told it."""
    named = _ONE_MODELS.search(message)
    model = _model(named[1]) if named else ""
    return Limited("rejected", resets_at, _name(model, "usage") if model else "", model=model)


def _model(name: str, limit: str = "") -> str:
    """The model that a limit is for, as models are set; empty for all."""
    return "" if limit == "codex" else name.lower().replace(" ", "-")


def _name(model: str, window: str) -> str:
    return f"{model}_{window}" if model else window
