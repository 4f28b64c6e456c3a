"""OpenAI's chat completions, as opencode and many another CLI speak them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from sow_executors.model_server.api import INPUT_TOKENS, OUTPUT_TOKENS, Answer, Asked, Stream
from sow_executors.model_server.replies import Call, Refuse, Told, Why

_ids = count(1)

_USAGE = {
    "prompt_tokens": INPUT_TOKENS,
    "completion_tokens": OUTPUT_TOKENS,
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
}

_REFUSALS: Mapping[Why, tuple[int, str, str]] = {
    "unauthorized": (401, "invalid_api_key", "Incorrect API key provided: dummy."),
    "rate_limited": (429, "rate_limit_exceeded", "Rate limit reached for requests"),
    "usage_limited": (429, "usage_limit_reached", "The usage limit has been reached"),
    "out_of_credit": (402, "insufficient_quota", "You exceeded your current quota"),
    "overloaded": (503, "server_is_overloaded", "Our servers are currently overloaded."),
    "server_error": (500, "server_error", "The server had an error while processing your request"),
    "no_such_model": (404, "model_not_found", "The model does not exist or you do not have access to it."),
    "too_long": (400, "context_length_exceeded", "This model's maximum context length is 9 tokens."),
}


class Completions:
    """See `sow_executors.model_server.api.Api`."""

    def read(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Asked | Answer | None:
        if path != "/v1/chat/completions":
            return None
        messages = list(body.get("messages", []))
        return Asked(
            str(body.get("model")),
            bool(body.get("stream")),
            headers.get("x-session-id", ""),
            tuple(tool["function"]["name"] for tool in body.get("tools") or []),
            tuple(
                (m["role"], text)
                for m in messages
                if m["role"] != "tool"
                for text in _texts(m.get("content"))
            ),
            tuple("".join(_texts(m["content"])) for m in messages if m["role"] == "tool"),
        )

    def whole(self, reply: Told, model: str) -> Answer:
        message: dict[str, object] = {"role": "assistant"}
        for delta in _deltas(reply):
            message |= delta
        choice = {"index": 0, "message": message, "finish_reason": _reason(reply)}
        return Answer.of(200, {**_head(model), "choices": [choice], "usage": _USAGE})

    def stream(self, reply: Told, model: str) -> Stream:
        head = _head(model, ".chunk")
        pieces = [
            {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
            for delta in _deltas(reply)
        ]
        last = {"index": 0, "delta": {}, "finish_reason": _reason(reply)}
        end = {**head, "choices": [last], "usage": _USAGE}
        return Stream(tuple(map(_event, pieces)), (_event(end), b"data: [DONE]\n\n"))

    def refuse(self, refusal: Refuse) -> Answer:
        status, code, message = _REFUSALS[refusal.why]
        headers = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
        return Answer.of(status, {"error": {"type": code, "code": code, "message": message}}, headers)


def _head(model: str, kind: str = "") -> dict[str, object]:
    return {
        "id": f"chatcmpl-{next(_ids):06d}",
        "object": f"chat.completion{kind}",
        "created": 1,
        "model": model,
    }


def _deltas(reply: Told) -> Iterator[dict[str, object]]:
    if not isinstance(reply, Call):
        yield {"role": "assistant", "content": reply.text}
        return
    yield {"role": "assistant", "content": reply.say or None}
    function = {"name": reply.tool, "arguments": json.dumps(dict(reply.input))}
    yield {
        "tool_calls": [{"index": 0, "id": f"call_{next(_ids):06d}", "type": "function", "function": function}]
    }


def _reason(reply: Told) -> str:
    return "tool_calls" if isinstance(reply, Call) else "stop"


def _texts(content: Any) -> list[str]:
    """The texts of a message: the API takes a bare string, parts, or nothing."""
    parts = [{"text": content}] if isinstance(content, str) else list(content or [])
    return [part["text"] for part in parts if isinstance(part.get("text"), str)]


def _event(held: object) -> bytes:
    return f"data: {json.dumps(held)}\n\n".encode()
