"""The model server itself: what a client of the Messages API gets from it."""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.model_server import model_server

from sow_executors.model_server import (
    Call,
    Hang,
    ModelServer,
    Reply,
    Request,
    Stall,
    Text,
    Write,
    bash,
    overloaded,
    usage_limited,
)

__all__ = ["model_server"]

TOOLS = [{"name": "Bash", "input_schema": {}}]


def ask(
    server: ModelServer, scenario: str, session: str = "s", stream: bool = False, **body: Any
) -> tuple[int, dict[str, str], str]:
    host = server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=120)
    whole = {"model": "m", "stream": stream, "tools": TOOLS, "messages": [], **body}
    headers = {"X-Claude-Code-Session-Id": session}
    connection.request("POST", f"/s/{scenario}/v1/messages?beta=true", json.dumps(whole), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text


def ask_openai(server: ModelServer, scenario: str, **body: Any) -> tuple[int, dict[str, str], str]:
    """As `ask`, of the Responses API."""
    host = server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=120)
    tools = [{"type": "function", "name": "exec_command"}, {"type": "web_search"}]
    whole = {"model": "m", "stream": False, "tools": tools, "input": [], "prompt_cache_key": "o", **body}
    connection.request("POST", f"/s/{scenario}/v1/responses", json.dumps(whole))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text


def content(answer: tuple[int, dict[str, str], str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(answer[2])["content"]
    return found


def events(text: str) -> list[dict[str, Any]]:
    return [
        json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")
    ]


def test_replies_come_in_turn_and_the_last_one_stays(model_server: ModelServer) -> None:
    model_server.scenario("a", [Text("one"), Text("two")])
    assert [content(ask(model_server, "a"))[0]["text"] for _ in range(3)] == ["one", "two", "two"]


def test_each_session_plays_a_scenario_for_itself(model_server: ModelServer) -> None:
    model_server.scenario("a", [Text("one"), Text("two")])
    texts = [content(ask(model_server, "a", session))[0]["text"] for session in ("x", "y", "x")]
    assert texts == ["one", "one", "two"]


def test_a_callable_answers_by_the_request(model_server: ModelServer) -> None:
    def echo(request: Request) -> Reply:
        return Text(f"{request.number}: {request.said('user')[-1]}")

    model_server.scenario("a", echo)
    for number, text in enumerate(["hi", "bye"]):
        messages = [{"role": "user", "content": text}]
        assert content(ask(model_server, "a", messages=messages))[0]["text"] == f"{number}: {text}"


def test_a_stream_says_the_same_as_a_whole_answer(model_server: ModelServer) -> None:
    model_server.scenario("a", [Call("Bash", {"command": "ls"}, say="Looking.")])
    said, called = content(ask(model_server, "a"))
    assert (said["text"], called["name"], called["input"]) == ("Looking.", "Bash", {"command": "ls"})
    told = events(ask(model_server, "a", stream=True)[2])
    deltas = [event["delta"] for event in told if event["type"] == "content_block_delta"]
    assert deltas[0]["text"] == "Looking."
    assert json.loads(deltas[1]["partial_json"]) == {"command": "ls"}
    assert told[-2]["delta"]["stop_reason"] == "tool_use"
    assert [told[0]["type"], told[-1]["type"]] == ["message_start", "message_stop"]


def test_one_script_plays_for_every_api(model_server: ModelServer) -> None:
    model_server.scenario("a", [bash("ls"), Text("Done.")])
    (called,) = content(ask(model_server, "a"))
    assert (called["name"], called["input"]["command"]) == ("Bash", "ls")
    (item,) = json.loads(ask_openai(model_server, "a")[2])["output"]
    assert (item["type"], item["name"], json.loads(item["arguments"])["cmd"]) == (
        "function_call",
        "exec_command",
        "ls",
    )


def test_a_tool_that_is_not_on_offer_is_no_call(model_server: ModelServer) -> None:
    model_server.scenario("a", [bash("ls")])
    status, _, text = ask(model_server, "a", tools=[{"name": "Grep"}])
    assert (status, json.loads(text)["error"]["message"]) == (400, 'no tool to run a command among ["Grep"]')


def test_a_file_is_written_by_the_tool_for_it_or_by_the_shell(model_server: ModelServer) -> None:
    model_server.scenario("a", [Write("/tmp/it's", "hello\n")])
    (called,) = content(ask(model_server, "a", tools=[*TOOLS, {"name": "Write"}]))
    assert (called["name"], called["input"]) == ("Write", {"file_path": "/tmp/it's", "content": "hello\n"})
    (called,) = content(ask(model_server, "a", session="other"))
    assert called["input"]["command"] == """printf %s 'hello\n' > '/tmp/it'"'"'s'"""


def test_a_stream_of_responses_says_the_same_as_a_whole_one(model_server: ModelServer) -> None:
    model_server.scenario("a", [Call("exec_command", {"cmd": "ls"}, say="Looking.")])
    said, called = json.loads(ask_openai(model_server, "a")[2])["output"]
    assert said["content"][0]["text"] == "Looking."
    told = events(ask_openai(model_server, "a", stream=True)[2])
    done = [event["item"] for event in told if event["type"] == "response.output_item.done"]
    assert [item["type"] for item in done] == ["message", "function_call"]
    assert json.loads(done[1]["arguments"]) == json.loads(called["arguments"]) == {"cmd": "ls"}
    assert [told[0]["type"], told[-1]["type"]] == ["response.created", "response.completed"]


def test_a_request_to_responses_is_read_like_any_other(model_server: ModelServer) -> None:
    model_server.scenario("a", [Text("one")])
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    call = {"type": "function_call", "name": "exec_command", "arguments": "{}", "call_id": "c"}
    result = {"type": "function_call_output", "call_id": "c", "output": "42"}
    ask_openai(model_server, "a", input=[said, call, result])
    (seen,) = model_server.seen("a")
    assert (seen.said("user"), seen.tool_results(), seen.session) == (["hi"], ["42"], "o")
    assert seen.tools() == ["exec_command"]


def test_a_limit_of_an_account_is_told_by_responses_in_its_error(model_server: ModelServer) -> None:
    model_server.scenario("a", [usage_limited(1795264089), overloaded()])
    status, _, text = ask_openai(model_server, "a")
    error = json.loads(text)["error"]
    assert (status, error["type"], error["resets_at"]) == (429, "usage_limit_reached", 1795264089)
    # What happens while the model speaks is told in the stream.
    assert events(ask_openai(model_server, "a", stream=True)[2])[-1]["type"] == "response.failed"


def test_a_refusal_has_its_status_and_headers(model_server: ModelServer) -> None:
    model_server.scenario("a", [overloaded(), usage_limited(1795264089)])
    assert ask(model_server, "a")[0] == 529
    status, headers, text = ask(model_server, "a")
    assert (status, json.loads(text)["error"]["type"]) == (429, "rate_limit_error")
    assert headers["anthropic-ratelimit-unified-reset"] == "1795264089"


@pytest.mark.parametrize("reply", [Stall("slow"), Hang(Text("slow"))], ids=["stalled", "hung"])
def test_what_is_held_back_comes_with_the_release(model_server: ModelServer, reply: Reply) -> None:
    model_server.scenario("a", [reply])
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(ask, model_server, "a", stream=True)
        model_server.wait_for("a", 1)
        assert not answer.done()
        model_server.release()
        told = events(answer.result(20)[2])
    assert told[-1]["type"] == "message_stop"
    assert any(event.get("delta", {}).get("text") == "slow" for event in told)


def test_an_errand_is_answered_and_counts_for_nothing(model_server: ModelServer) -> None:
    model_server.scenario("a", [Text("one")])
    assert ask(model_server, "a", tools=[])[0] == 200
    assert model_server.seen("a") == []


def test_waiting_for_a_request_that_never_comes_ends(model_server: ModelServer) -> None:
    with pytest.raises(TimeoutError, match="a saw 0 of 1 requests"):
        model_server.wait_for("a", 1, seconds=0.05)


def test_a_scenario_that_was_never_told_is_a_404(model_server: ModelServer) -> None:
    assert ask(model_server, "nobody")[0] == 404


def test_the_server_is_gone_after_its_test() -> None:
    with ModelServer() as server:
        server.scenario("a", [Text("one")])
        assert ask(server, "a")[0] == 200
    with pytest.raises(ConnectionRefusedError):
        ask(server, "a")
