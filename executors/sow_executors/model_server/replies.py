"""What the model server can answer, as values: words, a tool call, a refusal, silence.

None of them is of one API or one CLI: each API tells them in its own way
(`api.py`), and a shell command is a call of whatever shell tool is on offer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Why = Literal[
    "unauthorized",
    "rate_limited",
    "usage_limited",
    "out_of_credit",
    "overloaded",
    "server_error",
    "no_such_model",
    "too_long",
]
"""Why an API refuses to let the model speak."""


@dataclass(frozen=True, slots=True)
class Text:
    """The model says something and ends its turn."""

    text: str
    used: float | None = None
    """How much of a subscription's five hours is used, from 0 to 1, where the API warns of that."""
    resets_at: int = 0
    """When these end, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Call:
    """The model calls one tool; the client runs it and asks again with its result."""

    tool: str
    input: Mapping[str, object]
    say: str = ""
    """Words before the call."""
    also: tuple[Call, ...] = ()
    """Further calls in the same breath; only Anthropic's API tells them."""


@dataclass(frozen=True, slots=True)
class Shell:
    """A call of the CLI's own shell tool, whatever its name."""

    command: str


@dataclass(frozen=True, slots=True)
class Write:
    """A call that writes a file, by the CLI's own tool for that, or by its shell."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The API refuses, as it does for that reason."""

    why: Why
    retry_after: int | None = None
    """Seconds, in a header, where the API tells them so."""
    resets_at: int | None = None
    """When a limit ends, in seconds since the epoch."""
    limit: str = "five_hour"


@dataclass(frozen=True, slots=True)
class Stall:
    """The stream begins, then stays silent until the server's `release`, then ends well."""

    text: str = "One moment"


@dataclass(frozen=True, slots=True)
class Hang:
    """No byte until the server's `release`; then `then`."""

    then: Text = Text("Here I am")


Told = Text | Call | Stall
"""What each API has words for."""
Reply = Told | Shell | Write | Refuse | Hang


def bash(command: str) -> Shell:
    """A call of the CLI's shell tool."""
    return Shell(command)


def unauthorized() -> Refuse:
    return Refuse("unauthorized")


def overloaded() -> Refuse:
    return Refuse("overloaded")


def rate_limited(retry_after: int = 600) -> Refuse:
    """Too many requests, not the account's limit; a long `retry_after` (seconds) ends all tries at once."""
    return Refuse("rate_limited", retry_after=retry_after)


def usage_limited(resets_at: int, limit: str = "five_hour") -> Refuse:
    """The subscription's limit, used up until `resets_at` (seconds since the epoch)."""
    return Refuse("usage_limited", resets_at=resets_at, limit=limit)
