"""What was heard of one turn: its reports, how it ended, and what its model saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from sow.contract.plan import Name
from sow.runner.attempt import Exit
from sow_executors.base import Failed, Finished, Report, Said, Spent
from sow_executors.model_server.api import INPUT_TOKENS, OUTPUT_TOKENS

Cut = Literal["", "told", "after result", "late"]
"""Why sow ended it: the check said so, it lived on after its result, it took too long; empty: it did not."""

Kind = TypeVar("Kind", bound=Report)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the model server saw of a turn."""

    said: tuple[str, ...] = ()
    """All texts of the last request, the user's and the agent's own, oldest first."""
    results: tuple[str, ...] = ()
    """What tools gave back, in the last request."""
    requests: int = 0
    """For the agent's next words."""
    errands: int = 0
    """For something else, such as a title: they cost the same, and some CLIs don't count them."""

    @property
    def input_tokens(self) -> range:
        """What the CLI may have counted."""
        return range(self.requests * INPUT_TOKENS, (self.requests + self.errands) * INPUT_TOKENS + 1)

    @property
    def output_tokens(self) -> range:
        return range(self.requests * OUTPUT_TOKENS, (self.requests + self.errands) * OUTPUT_TOKENS + 1)


@dataclass(frozen=True, slots=True)
class Heard:
    """One turn, to its end."""

    part: Name
    ending: Finished | Failed
    reports: tuple[Report, ...] = ()
    session: str | None = None
    """The id that it was to open or to go on with; None where the CLI makes one."""
    exit: Exit | None = None
    """None where its status is lost."""
    lived_on: float | None = None
    """Seconds from its result to its end; None where it told no result before its end."""
    cut: Cut = ""
    seconds: float = 0.0
    """How long it took; where it was stopped, how long the stopping took."""
    left: int = 0
    """Its processes that lived on after its own."""
    seen: Seen | None = None
    """None where the model is not ours."""

    def of(self, kind: type[Kind]) -> Iterator[Kind]:
        return (report for report in self.reports if isinstance(report, kind))

    @property
    def spent(self) -> Spent | None:
        """All that it told of its tokens and its price; None where it told nothing."""
        told: list[Any] = list(self.of(Spent))
        priced = [each.usd for each in told if each.usd is not None]
        if not told:
            return None
        return Spent(
            sum(each.input_tokens for each in told),
            sum(each.output_tokens for each in told),
            sum(each.cached_tokens for each in told),
            sum(priced) if priced else None,
        )

    @property
    def words(self) -> str:
        """All that the agent said, its result among it."""
        said = [each.text.strip() for each in self.of(Said)]
        result = self.ending.text.strip() if isinstance(self.ending, Finished) else ""
        return "\n".join(filter(None, said if result in said else [*said, result]))
