"""How an API is spoken: what a request to it says, and the replies in its words.

One module an API (`messages`, `responses` ...), each with one object of this
shape; the server asks one after the other whose a request is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sow_executors.model_server.replies import Refuse, Told

INPUT_TOKENS, OUTPUT_TOKENS = 100, 20
"""What every answer costs."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request for the model's next words says, whatever the API."""

    model: str
    streams: bool
    """Whether the client wants the answer piece by piece."""
    session: str = ""
    """What the CLI calls its session; empty where it names none."""
    tools: tuple[str, ...] = ()
    """The names of the tools on offer."""
    said: tuple[tuple[Literal["user", "assistant", "system"], str], ...] = ()
    """Every text, oldest first."""
    tool_results: tuple[str, ...] = ()
    """What every tool call gave back, oldest first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    type: str = "application/json"

    @classmethod
    def of(cls, status: int, held: object, headers: Mapping[str, str] | None = None) -> Answer:
        """An answer that is JSON."""
        return cls(status, json.dumps(held).encode(), headers or {})


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer in pieces; a stall lies between the two parts."""

    beginning: tuple[bytes, ...]
    rest: tuple[bytes, ...]
    type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)


class Api(Protocol):
    """One API."""

    def read(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Asked | Answer | None:
        """What a request to `path` says (what stands behind the scenario: `/v1/messages`).

        An answer at once for what is no request for words; None for what is another API's.
        Header names are in lower case.
        """
        ...

    def whole(self, reply: Told, model: str) -> Answer:
        """The reply for a client that does not stream."""
        ...

    def stream(self, reply: Told, model: str) -> Stream:
        """The same reply in pieces."""
        ...

    def refuse(self, refusal: Refuse) -> Answer:
        """The error that this API gives for a reason."""
        ...


def event(kind: str, **rest: object) -> bytes:
    """A server-sent event that names its kind twice, as both Anthropic and OpenAI do."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **rest})}\n\n".encode()
