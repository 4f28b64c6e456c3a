"""A scripted Messages API on loopback: real agent CLIs talk to it, and it remembers what they said.

    with ModelServer() as server:
        url = server.scenario("greets", [bash("echo hi"), Text("Done.")])
        ...                                        # run an agent with ANTHROPIC_BASE_URL=url
        assert server.seen("greets")[1].tool_results() == ["hi"]

A scenario is told by the URL's path, so one server plays for many agents at
once. Within a scenario each session has a script of its own: its first
request gets the first reply, its second the second, and the last reply is
repeated. A callable decides by the request instead.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.model_server.replies import Call, Hang, Refuse, Reply, Stall, Text, message, stream

Scenario = Sequence[Reply] | Callable[["Request"], Reply]


@dataclass(frozen=True, slots=True)
class Request:
    """One request for the model's next words, as the server saw it."""

    scenario: str
    session: str
    """What the CLI calls its session (its header); empty where it names none."""
    number: int
    """How many requests this session made before, in this scenario."""
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    """By lower-case name."""

    @property
    def messages(self) -> list[Mapping[str, Any]]:
        return list(self.body.get("messages", []))

    def tools(self) -> list[str]:
        """The names of the tools on offer."""
        return [tool["name"] for tool in self.body.get("tools", [])]

    def said(self, role: str) -> list[str]:
        """Every text of `user` or `assistant`, oldest first."""
        blocks = (b for m in self.messages if m["role"] == role for b in _blocks(m["content"]))
        return [b["text"] for b in blocks if b["type"] == "text"]

    def tool_results(self) -> list[str]:
        """What every tool call gave back, oldest first."""
        blocks = (b for m in self.messages if m["role"] == "user" for b in _blocks(m["content"]))
        return [
            "".join(part.get("text", "") for part in _blocks(b.get("content", "")))
            for b in blocks
            if b["type"] == "tool_result"
        ]


class ModelServer:
    """The server: listens on a free port of 127.0.0.1 from `__enter__` to `__exit__`."""

    def __init__(self) -> None:
        self._scenarios: dict[str, Scenario] = {}
        self._seen: list[Request] = []
        self._changed = Condition()
        self._released = Event()
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.model = self
        self._thread = Thread(target=self._http.serve_forever, args=(0.05,), name="model server", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def scenario(self, name: str, replies: Scenario) -> str:
        """Plays `replies` under a path of its own; returns the base URL to give to an agent."""
        if not callable(replies) and not replies:
            raise ValueError(f"scenario {name} has no reply")
        self._scenarios[name] = replies
        return f"{self.url}/s/{name}"

    def seen(self, scenario: str) -> list[Request]:
        """The requests of a scenario, oldest first."""
        with self._changed:
            return [r for r in self._seen if r.scenario == scenario]

    def wait_for(self, scenario: str, requests: int, seconds: float = 30) -> list[Request]:
        """Waits until a scenario has seen that many requests; raises TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while len(found := [r for r in self._seen if r.scenario == scenario]) < requests:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"{scenario} saw {len(found)} of {requests} requests in {seconds} s")
        return found

    def release(self) -> None:
        """Lets every `Stall` and `Hang` go on, those to come too."""
        self._released.set()

    def answer(self, name: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> Reply | None:
        """Notes a request and finds its reply; None where no scenario has that name."""
        scenario = self._scenarios.get(name)
        if scenario is None:
            return None
        if not body.get("tools"):
            # Titles and summaries for the CLI's own screens: no part of the conversation.
            return Text("An errand")
        session = headers.get("x-claude-code-session-id", "")
        with self._changed:
            number = sum(r.scenario == name and r.session == session for r in self._seen)
            request = Request(name, session, number, body, headers)
            self._seen.append(request)
            self._changed.notify_all()
        return scenario(request) if callable(scenario) else scenario[min(number, len(scenario) - 1)]

    def wait_for_release(self) -> None:
        self._released.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    model: ModelServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_HEAD(self) -> None:
        self._send(200, b"")

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        path = urlsplit(self.path).path.split("/")
        if path[:2] != ["", "s"] or path[3:5] != ["v1", "messages"]:
            return self._send(404, Refuse(404, "not_found_error", f"no such path: {self.path}").body())
        if path[5:] == ["count_tokens"]:
            return self._send(200, b'{"input_tokens":100}')
        body = json.loads(raw)
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.model.answer(path[2], body, headers)
        try:
            self._play(reply, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client was killed, or has seen enough

    def _play(self, reply: Reply | None, body: Mapping[str, Any]) -> None:
        if isinstance(reply, Hang):
            self.server.model.wait_for_release()
            reply = reply.then
        match reply:
            case None:
                self._send(404, Refuse(404, "not_found_error", "no such scenario").body())
            case Refuse(status, _, _, headers):
                self._send(status, reply.body(), headers)
            case Text() | Call() | Stall():
                whole = message(reply, str(body.get("model")))
                if body.get("stream"):
                    self._stream(whole, stalls=isinstance(reply, Stall))
                else:
                    self._send(200, json.dumps(whole).encode())

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, whole: Mapping[str, object], stalls: bool) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        # The end of the answer is the end of the connection: nothing to count beforehand.
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for event in stream(whole):
            if stalls and event.startswith(b"event: content_block_stop"):
                self.server.model.wait_for_release()
            self.wfile.write(event)
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass  # what happened is in `seen`


def _blocks(content: Any) -> list[Mapping[str, Any]]:
    """A message's content as blocks: the API takes a bare string too."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
