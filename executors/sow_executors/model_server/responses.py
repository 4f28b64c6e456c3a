"""OpenAI's Responses API, as Codex speaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from sow_executors.model_server.api import INPUT_TOKENS, OUTPUT_TOKENS, Answer, Asked, Stream, event
from sow_executors.model_server.replies import Call, Refuse, Text, Told, Why

_ids = count(1)

_USAGE = {
    "input_tokens": INPUT_TOKENS,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": OUTPUT_TOKENS,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
}

_REFUSALS: Mapping[Why, tuple[int, str, str]] = {
    "unauthorized": (401, "invalid_api_key", "Incorrect API key provided: dummy."),
    "rate_limited": (429, "rate_limit_exceeded", "Rate limit reached for requests"),
    "usage_limited": (429, "usage_limit_reached", "The usage limit has been reached"),
    "server_error": (500, "server_error", "The server had an error while processing your request"),
    "no_such_model": (404, "model_not_found", "The model does not exist or you do not have access to it."),
}
"""What is told by an HTTP status; the rest is told in a stream that begins well."""

_FAILURES: Mapping[Why, tuple[str, str]] = {
    "out_of_credit": ("insufficient_quota", "You exceeded your current quota"),
    "overloaded": ("server_is_overloaded", "Our servers are currently overloaded."),
    "too_long": ("context_length_exceeded", "Your input exceeds the context window of this model."),
}


class Responses:
    """See `sow_executors.model_server.api.Api`."""

    def read(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Asked | Answer | None:
        if path != "/v1/responses":
            return None
        items = list(body.get("input", []))
        return Asked(
            str(body.get("model")),
            bool(body.get("stream")),
            str(body.get("prompt_cache_key") or ""),
            tuple(_names(body.get("tools") or [])),
            tuple(
                (item["role"], part["text"])
                for item in items
                if item.get("type", "message") == "message"
                for part in _parts(item["content"])
            ),
            tuple(
                "".join(part["text"] for part in _parts(item["output"]))
                for item in items
                if item.get("type") in ("function_call_output", "custom_tool_call_output")
            ),
        )

    def whole(self, reply: Told, model: str) -> Answer:
        return Answer.of(200, _response(model, "completed", _items(reply)))

    def stream(self, reply: Told, model: str) -> Stream:
        opening = event("response.created", response=_response(model, "in_progress", []))
        events = (opening, *_events(_items(reply), model))
        return Stream(events[:2], events[2:], headers=_windows(reply))

    def refuse(self, refusal: Refuse) -> Answer:
        if refusal.why in _FAILURES:
            code, message = _FAILURES[refusal.why]
            failed = {**_response("", "failed", []), "error": {"code": code, "message": message}}
            events = event("response.created", response=failed) + event("response.failed", response=failed)
            return Answer(200, events, type="text/event-stream")
        status, code, message = _REFUSALS[refusal.why]
        error: dict[str, object] = {"type": code, "code": code, "message": message}
        if refusal.resets_at is not None:
            error |= {"plan_type": "plus", "resets_at": refusal.resets_at}
        headers = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
        return Answer.of(status, {"error": error}, headers)


def _windows(reply: Told) -> dict[str, str]:
    """The headers that tell how much of the five hours is used."""
    if not isinstance(reply, Text) or reply.used is None:
        return {}
    primary = {"used-percent": reply.used * 100, "window-minutes": 300, "reset-at": reply.resets_at}
    return {f"x-codex-primary-{name}": str(value) for name, value in primary.items()}


def _response(model: str, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"resp_{next(_ids):06d}",
        "object": "response",
        "model": model,
        "status": status,
        "output": output,
        "usage": _USAGE if status == "completed" else None,
    }


def _events(items: list[dict[str, Any]], model: str) -> Iterator[bytes]:
    for index, item in enumerate(items):
        yield event("response.output_item.added", output_index=index, item=item)
        yield event("response.output_item.done", output_index=index, item=item)
    yield event("response.completed", response=_response(model, "completed", items))


def _items(reply: Told) -> list[dict[str, Any]]:
    if not isinstance(reply, Call):
        return [_message(reply.text)]
    number = next(_ids)
    call = {
        "type": "function_call",
        "id": f"fc_{number:06d}",
        "call_id": f"call_{number:06d}",
        **dict(zip(("name", "namespace"), reversed(reply.tool.split(".")), strict=False)),
        "arguments": json.dumps(dict(reply.input)),
        "status": "completed",
    }
    return [_message(reply.say), call] if reply.say else [call]


def _names(tools: list[Mapping[str, Any]]) -> Iterator[str]:
    """The names of the tools; one in a namespace, as each server of tools has one, behind that and a dot."""
    for tool in tools:
        inner = tool.get("tools")
        if inner is None:
            yield from [tool["name"]] if "name" in tool else []
        else:
            yield from (f"{tool['name']}.{name}" for name in _names(inner))


def _message(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {
        "type": "message",
        "id": f"msg_{next(_ids):06d}",
        "role": "assistant",
        "status": "completed",
        "content": content,
    }


def _parts(content: Any) -> list[Mapping[str, Any]]:
    """The texts of a message or of a tool's output: the API takes a bare string too."""
    parts = [{"text": content}] if isinstance(content, str) else list(content)
    return [part for part in parts if isinstance(part.get("text"), str)]
