"""What the model server can answer, as values: words, a tool call, a refusal, silence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

_ids = count(1)
INPUT_TOKENS, OUTPUT_TOKENS = 100, 20


@dataclass(frozen=True, slots=True)
class Text:
    """The model says something and ends its turn."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """The model calls one tool; the client runs it and asks again with its result."""

    tool: str
    input: Mapping[str, object]
    say: str = ""
    """Words before the call."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """An HTTP error in the shape of the Messages API."""

    status: int
    type: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        error = {"type": "error", "error": {"type": self.type, "message": self.message}}
        return json.dumps(error).encode()


@dataclass(frozen=True, slots=True)
class Stall:
    """The stream begins, then stays silent until the server's `release`, then ends well."""

    text: str = "One moment"


@dataclass(frozen=True, slots=True)
class Hang:
    """No byte until the server's `release`; then `then`."""

    then: Text = Text("Here I am")


Reply = Text | Call | Refuse | Stall | Hang


def bash(command: str) -> Call:
    """A call of Claude Code's shell tool."""
    return Call("Bash", {"command": command, "description": "run it"})


def unauthorized() -> Refuse:
    return Refuse(401, "authentication_error", "invalid x-api-key")


def overloaded() -> Refuse:
    return Refuse(529, "overloaded_error", "Overloaded")


def rate_limited(retry_after: int = 600) -> Refuse:
    """Too many requests, not the account's limit; a long `retry_after` (seconds) ends all tries at once."""
    headers = {"retry-after": str(retry_after)}
    return Refuse(429, "rate_limit_error", "This request would exceed your rate limit", headers)


def usage_limited(resets_at: int, claim: str = "five_hour") -> Refuse:
    """The subscription's limit, used up until `resets_at` (seconds since the epoch)."""
    headers = {
        "anthropic-ratelimit-unified-status": "rejected",
        "anthropic-ratelimit-unified-reset": str(resets_at),
        "anthropic-ratelimit-unified-representative-claim": claim,
        "anthropic-ratelimit-unified-5h-reset": str(resets_at),
        "anthropic-ratelimit-unified-overage-status": "rejected",
        "anthropic-ratelimit-unified-overage-disabled-reason": "org_level_disabled",
    }
    return Refuse(429, "rate_limit_error", "This request would exceed your account's rate limit", headers)


def message(reply: Text | Call | Stall, model: str) -> dict[str, object]:
    """The whole answer, as the API gives it to a client that does not stream."""
    return {
        "id": f"msg_{next(_ids):06d}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": _blocks(reply),
        "stop_reason": "tool_use" if isinstance(reply, Call) else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS},
    }


def stream(whole: Mapping[str, object]) -> Iterator[bytes]:
    """The same answer as server-sent events, one chunk an event."""
    content = whole["content"]
    assert isinstance(content, list)
    opening = {**whole, "content": [], "stop_reason": None}
    yield _event("message_start", message=opening)
    for index, block in enumerate(content):
        empty = {**block, "input": {}} if block["type"] == "tool_use" else {**block, "text": ""}
        yield _event("content_block_start", index=index, content_block=empty)
        yield _event("content_block_delta", index=index, delta=_delta(block))
        yield _event("content_block_stop", index=index)
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield _event("message_delta", delta=ending, usage={"output_tokens": OUTPUT_TOKENS})
    yield _event("message_stop")


def _blocks(reply: Text | Call | Stall) -> list[dict[str, object]]:
    match reply:
        case Call(tool, given, say):
            call: dict[str, object] = {"type": "tool_use", "id": f"toolu_{next(_ids):06d}", "name": tool}
            call["input"] = dict(given)
            return [{"type": "text", "text": say}, call] if say else [call]
        case Text(text) | Stall(text):
            return [{"type": "text", "text": text}]


def _delta(block: Mapping[str, object]) -> dict[str, object]:
    if block["type"] == "tool_use":
        return {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    return {"type": "text_delta", "text": block["text"]}


def _event(kind: str, **rest: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **rest})}\n\n".encode()
