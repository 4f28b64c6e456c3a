"""How a program ended that left no outcome of its own: by its exit code and its last words."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable

from sow_executors.base import Failed, Kind
from sow_executors.lines import words

_GENTLE = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
_MOST = 2000

_LOOKED_AT = 64 * 1024


def signal_of(exit_code: int | None) -> signal.Signals | None:
    """The signal that ended a program: a negative code, or 128 + n, as shells and CLIs that catch it say."""
    if exit_code is None:
        return None
    number = -exit_code if exit_code < 0 else exit_code - 128
    # Real-time signals end no CLI that we know; a code of theirs is a code.
    return signal.Signals(number) if 0 < number < 32 else None


def last_words(text: str) -> str:
    """The end of what a program printed, short enough for a message."""
    text = words(text).strip()
    return text if len(text) <= _MOST else "…" + text[1 - _MOST :]


def kind_by_words(text: str, signatures: Iterable[tuple[str, Kind]], flags: int = 0) -> Kind | None:
    """The class of a failure by its words: that of the first of the patterns that the end of `text` holds."""
    text = text[-_LOOKED_AT:]
    return next((kind for pattern, kind in signatures if re.search(pattern, text, flags)), None)


def failed(program: str, exit_code: int | None, stderr: str) -> Failed:
    """The failure of a program that told no outcome; its class is as sure as an exit code can make it."""
    said = last_words(stderr)
    tail = f": {said}" if said else ""
    if exit_code is None:
        return Failed("interrupted", f"{program} ended and left no exit status{tail}")
    if by := signal_of(exit_code):
        kind: Kind = "interrupted" if by in _GENTLE else "crash_signal"
        return Failed(kind, f"{program} was ended by {by.name}{tail}")
    if exit_code in (126, 127):
        return Failed("missing_tool", f"{program} could not be started (exit code {exit_code}){tail}")
    return Failed("unknown", f"{program} ended with exit code {exit_code} and no outcome{tail}")
