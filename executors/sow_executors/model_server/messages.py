"""Anthropic's Messages API, as Claude Code speaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from sow_executors.model_server.api import INPUT_TOKENS, OUTPUT_TOKENS, Answer, Asked, Stream, event
from sow_executors.model_server.replies import Call, Refuse, Text, Told, Why

_ids = count(1)

_REFUSALS: Mapping[Why, tuple[int, str, str]] = {
    "unauthorized": (401, "authentication_error", "invalid x-api-key"),
    "rate_limited": (429, "rate_limit_error", "This request would exceed your rate limit"),
    "usage_limited": (429, "rate_limit_error", "This request would exceed your account's rate limit"),
    "out_of_credit": (400, "invalid_request_error", "Your credit balance is too low to access the API"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "server_error": (500, "api_error", "Internal server error"),
    "no_such_model": (404, "not_found_error", "model: no such model"),
    "too_long": (400, "invalid_request_error", "prompt is too long: 215000 tokens > 200000 maximum"),
}


class Messages:
    """See `sow_executors.model_server.api.Api`."""

    def read(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Asked | Answer | None:
        if path == "/v1/messages/count_tokens":
            return Answer.of(200, {"input_tokens": INPUT_TOKENS})
        if path != "/v1/messages":
            return None
        messages = list(body.get("messages", []))
        blocks = [(m["role"], b) for m in messages for b in _blocks(m["content"])]
        return Asked(
            str(body.get("model")),
            bool(body.get("stream")),
            headers.get("x-claude-code-session-id", ""),
            tuple(tool["name"] for tool in body.get("tools") or []),
            tuple((role, b["text"]) for role, b in blocks if b["type"] == "text"),
            tuple(
                "".join(part.get("text", "") for part in _blocks(b.get("content", "")))
                for role, b in blocks
                if role == "user" and b["type"] == "tool_result"
            ),
        )

    def whole(self, reply: Told, model: str) -> Answer:
        return Answer.of(200, _message(reply, model))

    def stream(self, reply: Told, model: str) -> Stream:
        events = tuple(_events(_message(reply, model)))
        stop = next(i for i, each in enumerate(events) if each.startswith(b"event: content_block_stop"))
        return Stream(events[:stop], events[stop:], headers=_warning(reply))

    def refuse(self, refusal: Refuse) -> Answer:
        status, kind, message = _REFUSALS[refusal.why]
        error = {"type": "error", "error": {"type": kind, "message": message}}
        return Answer.of(status, error, _limits(refusal))


def _limits(refusal: Refuse) -> dict[str, str]:
    """The headers that tell when to come again."""
    headers = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
    if refusal.resets_at is None:
        return headers
    unified = {
        "status": "rejected",
        "reset": str(refusal.resets_at),
        "representative-claim": refusal.limit,
        "5h-reset": str(refusal.resets_at),
        "overage-status": "rejected",
        "overage-disabled-reason": "org_level_disabled",
    }
    return headers | {f"anthropic-ratelimit-unified-{name}": value for name, value in unified.items()}


def _warning(reply: Told) -> dict[str, str]:
    """The headers that tell how much of a limit is used."""
    if not isinstance(reply, Text) or reply.used is None:
        return {}
    unified = {
        "status": "allowed_warning",
        "reset": str(reply.resets_at),
        "representative-claim": "five_hour",
        "5h-reset": str(reply.resets_at),
        "5h-utilization": str(reply.used),
        "5h-surpassed-threshold": str(reply.used // 0.1 / 10),
    }
    return {f"anthropic-ratelimit-unified-{name}": value for name, value in unified.items()}


def _message(reply: Told, model: str) -> dict[str, Any]:
    return {
        "id": f"msg_{next(_ids):06d}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": _content(reply),
        "stop_reason": "tool_use" if isinstance(reply, Call) else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": INPUT_TOKENS, "output_tokens": OUTPUT_TOKENS},
    }


def _events(whole: Mapping[str, Any]) -> Iterator[bytes]:
    opening = {**whole, "content": [], "stop_reason": None}
    yield event("message_start", message=opening)
    for index, block in enumerate(whole["content"]):
        empty = {**block, "input": {}} if block["type"] == "tool_use" else {**block, "text": ""}
        yield event("content_block_start", index=index, content_block=empty)
        yield event("content_block_delta", index=index, delta=_delta(block))
        yield event("content_block_stop", index=index)
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield event("message_delta", delta=ending, usage={"output_tokens": OUTPUT_TOKENS})
    yield event("message_stop")


def _content(reply: Told) -> list[dict[str, object]]:
    if not isinstance(reply, Call):
        return [{"type": "text", "text": reply.text}]
    calls: list[dict[str, object]] = [
        {"type": "tool_use", "id": f"toolu_{next(_ids):06d}", "name": call.tool, "input": dict(call.input)}
        for call in (reply, *reply.also)
    ]
    return [{"type": "text", "text": reply.say}, *calls] if reply.say else calls


def _delta(block: Mapping[str, object]) -> dict[str, object]:
    if block["type"] == "tool_use":
        return {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    return {"type": "text_delta", "text": block["text"]}


def _blocks(content: Any) -> list[Mapping[str, Any]]:
    """A message's content as blocks: the API takes a bare string too."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
