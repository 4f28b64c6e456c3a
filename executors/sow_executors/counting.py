"""Tokens that are counted as they come, and whose sum is told at the end: the sum has the last word.

part, part, ... --> what each one adds
sum             --> what is then still missing, or was too much
"""

from __future__ import annotations

from sow_executors.base import Report, Spent


class Counted:
    """What was counted of an attempt since its last sum. A part may be told again, and grow."""

    def __init__(self) -> None:
        self._parts: dict[str, Spent] = {}

    def part(self, key: str, told: Spent) -> list[Report]:
        """What a part (an answer of the model's, by its id) adds to what was told of it before."""
        before = self._parts.get(key, Spent())
        self._parts[key] = _more(told, before)
        return _if_any(_less(self._parts[key], before))

    def sum(self, told: Spent, *, whole: bool = True) -> list[Report]:
        """What a sum adds to the parts, which may be less than nothing; parts count anew from here.

        Where it is not `whole` it may leave something out, and is at least what was counted.
        """
        counted = Spent(
            sum(part.input_tokens for part in self._parts.values()),
            sum(part.output_tokens for part in self._parts.values()),
            sum(part.cached_tokens for part in self._parts.values()),
        )
        self._parts.clear()
        return _if_any(_less(told if whole else _more(told, counted), counted))


def _more(one: Spent, other: Spent) -> Spent:
    return Spent(
        max(one.input_tokens, other.input_tokens),
        max(one.output_tokens, other.output_tokens),
        max(one.cached_tokens, other.cached_tokens),
        one.usd,
    )


def _less(one: Spent, other: Spent) -> Spent:
    return Spent(
        one.input_tokens - other.input_tokens,
        one.output_tokens - other.output_tokens,
        one.cached_tokens - other.cached_tokens,
        one.usd,
    )


def _if_any(spent: Spent) -> list[Report]:
    nothing = not (spent.input_tokens or spent.output_tokens or spent.cached_tokens or spent.usd)
    return [] if nothing else [spent]
