"""Waiting for the thing itself: what a machine under load does late is no fault."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

SECONDS = 200.0
"""How long anything is waited for; less than a test may take."""

T = TypeVar("T")


def until(true: Callable[[], T | None], what: str = "it came true") -> T:
    """Waits for `true` to give something true, and gives it; an AssertionError after SECONDS."""
    deadline = time.monotonic() + SECONDS
    while not (found := true()):
        assert time.monotonic() < deadline, f"waited in vain for {SECONDS:.0f} s until {what}"
        time.sleep(0.01)
    return found
