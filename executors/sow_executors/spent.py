"""What an agent used, for those who add it up and need nothing else of an executor's reports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used since the last `Spent` of this attempt: deltas, so that a sum is right.

    A CLI may tell parts as they come and their sum at the end; a part that was too much is taken back by less
    than nothing.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    usd: float | None = None
    """None where the CLI names no price."""
