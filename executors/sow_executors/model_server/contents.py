"""Google's API for generated contents, as Gemini CLI speaks it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from sow_executors.model_server.api import INPUT_TOKENS, OUTPUT_TOKENS, Answer, Asked, Stream
from sow_executors.model_server.replies import Call, Refuse, Told, Why

_PATH = re.compile(r"/v1beta/models/([^/:]+):(\w+)")

_USAGE = {
    "promptTokenCount": INPUT_TOKENS,
    "candidatesTokenCount": OUTPUT_TOKENS,
    "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
}

_REFUSALS: Mapping[Why, tuple[int, str, str]] = {
    "unauthorized": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "rate_limited": (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    "usage_limited": (429, "RESOURCE_EXHAUSTED", "You have exhausted your capacity on this model."),
    "out_of_credit": (429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: requests, limit: 0"),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "server_error": (500, "INTERNAL", "An internal error has occurred."),
    "no_such_model": (404, "NOT_FOUND", "models/m is not found for API version v1beta"),
    "too_long": (400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens"),
}


class Contents:
    """See `sow_executors.model_server.api.Api`."""

    def read(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Asked | Answer | None:
        found = _PATH.fullmatch(path)
        if found is None:
            return None
        model, action = found.groups()
        if action == "countTokens":
            return Answer.of(200, {"totalTokens": INPUT_TOKENS})
        parts = [(content.get("role"), part) for content in body["contents"] for part in content["parts"]]
        return Asked(
            model,
            action == "streamGenerateContent",
            "",
            tuple(each["name"] for tool in body.get("tools") or [] for each in _functions(tool)),
            tuple(
                ("assistant" if role == "model" else "user", part["text"])
                for role, part in parts
                if "text" in part
            ),
            tuple(
                str(response.get("output") or response.get("error"))
                for _, part in parts
                if "functionResponse" in part
                for response in [part["functionResponse"]["response"]]
            ),
        )

    def whole(self, reply: Told, model: str) -> Answer:
        return Answer.of(200, _response(list(_parts(reply)), model, "STOP"))

    def stream(self, reply: Told, model: str) -> Stream:
        *before, last = _parts(reply)
        beginning = tuple(_event(_response([part], model, None)) for part in before)
        return Stream(beginning, (_event(_response([last], model, "STOP")),))

    def refuse(self, refusal: Refuse) -> Answer:
        status, name, message = _REFUSALS[refusal.why]
        details: list[dict[str, object]] = []
        if refusal.resets_at is not None:
            message = f"{message} Your quota will reset after {int(refusal.resets_at - time.time())}s."
        if refusal.retry_after is not None:
            kind = "type.googleapis.com/google.rpc.RetryInfo"
            details = [{"@type": kind, "retryDelay": f"{refusal.retry_after}s"}]
        error = {"code": status, "message": message, "status": name, "details": details}
        return Answer.of(status, {"error": error})


def _functions(tool: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(tool.get("functionDeclarations") or [])


def _parts(reply: Told) -> Iterator[dict[str, object]]:
    """What the model says, in two pieces where it can be, and what it calls."""
    if isinstance(reply, Call):
        if reply.say:
            yield {"text": reply.say}
        yield {"functionCall": {"name": reply.tool, "args": dict(reply.input)}}
    else:
        half = len(reply.text) // 2
        for piece in filter(None, (reply.text[:half], reply.text[half:])):
            yield {"text": piece}


def _response(parts: list[dict[str, object]], model: str, reason: str | None) -> dict[str, object]:
    candidate: dict[str, object] = {"index": 0, "content": {"role": "model", "parts": parts}}
    if reason is None:
        return {"candidates": [candidate], "modelVersion": model}
    whole = {"candidates": [{**candidate, "finishReason": reason}], "modelVersion": model}
    return {**whole, "usageMetadata": _USAGE}


def _event(held: object) -> bytes:
    return f"data: {json.dumps(held)}\r\n\r\n".encode()
