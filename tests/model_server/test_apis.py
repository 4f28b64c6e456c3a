"""The APIs that Gemini CLI and opencode speak: what a client of each gets from the model server."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import pytest
from tests.model_server import model_server

from sow_executors.model_server import (
    Call,
    ModelServer,
    Refuse,
    Text,
    Write,
    bash,
    rate_limited,
    unauthorized,
    usage_limited,
)
from sow_executors.model_server.replies import Why

__all__ = ["model_server"]


@dataclass(frozen=True)
class Client:
    """One API, as a client asks for words and a stream of them."""

    name: str
    path: str
    stream_path: str
    body: Mapping[str, Any]
    streams: Mapping[str, Any] = field(default_factory=dict)

    def ask(self, server: ModelServer, scenario: str, *, stream: bool = False) -> tuple[int, str]:
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=120)
        path = f"/s/{scenario}{self.stream_path if stream else self.path}"
        connection.request("POST", path, json.dumps({**self.body, **(self.streams if stream else {})}))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text


TALK = ("do it", "I look.", "42")
GEMINI = Client(
    "contents",
    "/v1beta/models/gemini-2.5-pro:generateContent",
    "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
    {
        "tools": [{"functionDeclarations": [{"name": "run_shell_command"}, {"name": "write_file"}]}],
        "contents": [
            {"role": "user", "parts": [{"text": TALK[0]}]},
            {"role": "model", "parts": [{"text": TALK[1]}, {"functionCall": {"name": "x", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "x", "response": {"output": TALK[2]}}}]},
        ],
    },
)
OPENAI = Client(
    "completions",
    "/v1/chat/completions",
    "/v1/chat/completions",
    {
        "model": "gemini-2.5-pro",
        "tools": [{"type": "function", "function": {"name": name}} for name in ("bash", "write")],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": TALK[0]}]},
            {"role": "assistant", "content": TALK[1], "tool_calls": []},
            {"role": "tool", "tool_call_id": "c", "content": TALK[2]},
        ],
    },
    {"stream": True},
)

clients = pytest.mark.parametrize("client", [GEMINI, OPENAI], ids=lambda client: client.name)


def spoken(client: Client, answers: list[dict[str, Any]]) -> tuple[str, list[tuple[str, Any]]]:
    """What was said in one or several answers, and which tools were called with what."""
    text, calls = "", []
    for answer in answers:
        if client is GEMINI:
            for part in answer["candidates"][0]["content"]["parts"]:
                text += part.get("text", "")
                if call := part.get("functionCall"):
                    calls.append((call["name"], call["args"]))
            continue
        choice = answer["choices"][0]
        message = choice.get("message") or choice["delta"]
        text += message.get("content") or ""
        for call in message.get("tool_calls", []):
            calls.append((call["function"]["name"], json.loads(call["function"]["arguments"])))
    return text, calls


def pieces(text: str) -> list[dict[str, Any]]:
    lines = (line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: {"))
    return [json.loads(line) for line in lines]


@clients
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "in pieces"])
def test_one_script_is_told_in_the_words_of_each(
    client: Client, stream: bool, model_server: ModelServer
) -> None:
    model_server.scenario(
        "a", [Call("run", {"x": 1}, say="Looking."), bash("ls"), Write("/a", "b"), Text("Done.")]
    )
    told = []
    for _ in range(4):
        status, text = client.ask(model_server, "a", stream=stream)
        assert status == 200
        answers = pieces(text) if stream else [json.loads(text)]
        told.append(spoken(client, answers))
        # The price comes once, with the end.
        usage = [answer for answer in answers if answer.get("usage") or answer.get("usageMetadata")]
        assert usage == answers[-1:]
    looked, listed, written, done = told
    assert looked == ("Looking.", [("run", {"x": 1})])
    assert [call["command"] for _, call in listed[1]] == ["ls"]
    assert [call["content"] for _, call in written[1]] == ["b"]
    assert done == ("Done.", [])


@clients
def test_a_request_is_read_like_any_other(client: Client, model_server: ModelServer) -> None:
    model_server.scenario("a", [Text("one")])
    client.ask(model_server, "a", stream=True)
    (seen,) = model_server.seen("a")
    assert (seen.said("user"), seen.said("assistant"), seen.tool_results()) == (
        ["do it"],
        ["I look."],
        ["42"],
    )
    assert len(seen.tools()) == 2
    assert seen.asked.model == "gemini-2.5-pro"
    assert seen.asked.streams


@clients
@pytest.mark.parametrize("why", get_args(Why))
def test_every_refusal_is_an_error_with_a_status(client: Client, why: Why, model_server: ModelServer) -> None:
    model_server.scenario("a", [Refuse(why)])
    status, text = client.ask(model_server, "a")
    assert status >= 400
    assert json.loads(text)["error"]["message"]


def test_google_tells_when_to_come_again_in_its_error(model_server: ModelServer) -> None:
    model_server.scenario("a", [rate_limited(7), usage_limited(int(time.time()) + 9000), unauthorized()])
    _, limited = GEMINI.ask(model_server, "a")
    assert json.loads(limited)["error"]["details"][0]["retryDelay"] == "7s"
    _, used_up = GEMINI.ask(model_server, "a")
    assert "reset after 8" in json.loads(used_up)["error"]["message"]
    status, refused = GEMINI.ask(model_server, "a")
    assert (status, json.loads(refused)["error"]["code"]) == (401, 401)


def test_what_is_no_request_for_words_is_answered_at_once(model_server: ModelServer) -> None:
    counting = Client("count", "/v1beta/models/m:countTokens", "", {"contents": []})
    assert counting.ask(model_server, "a")[0] == 200
    assert model_server.seen("a") == []
