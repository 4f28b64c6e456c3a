"""A scripted model on loopback: real agent CLIs talk to it, and it remembers what they said.

    with ModelServer() as server:
        url = server.scenario("greets", [bash("echo hi"), Text("Done.")])
        ...                                        # run an agent with ANTHROPIC_BASE_URL=url
        assert server.seen("greets")[1].tool_results() == ["hi"]

It speaks each API of `APIS`, so one script plays for any CLI. A scenario is
told by the URL's path, so one server plays for many agents at once. Within a
scenario each session has a script of its own: its first request gets the
first reply, its second the second, and the last reply is repeated. A callable
decides by the request instead.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from sow_executors.model_server.api import Answer, Api, Asked, Stream
from sow_executors.model_server.completions import Completions
from sow_executors.model_server.contents import Contents
from sow_executors.model_server.messages import Messages
from sow_executors.model_server.replies import Hang, Refuse, Reply, Stall, Text, Told
from sow_executors.model_server.responses import Responses
from sow_executors.model_server.tools import NotOnOffer, in_words_of

APIS: tuple[Api, ...] = (Messages(), Responses(), Completions(), Contents())

Scenario = Sequence[Reply] | Callable[["Request"], Reply]


@dataclass(frozen=True, slots=True)
class Request:
    """One request for the model's next words, as the server saw it."""

    scenario: str
    number: int
    """How many requests this session made before, in this scenario."""
    asked: Asked
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    """By lower-case name."""

    @property
    def session(self) -> str:
        """What the CLI calls its session; empty where it names none."""
        return self.asked.session

    def tools(self) -> list[str]:
        """The names of the tools on offer."""
        return list(self.asked.tools)

    def said(self, role: str) -> list[str]:
        """Every text of `user` or `assistant`, oldest first."""
        return [text for speaker, text in self.asked.said if speaker == role]

    def tool_results(self) -> list[str]:
        """What every tool call gave back, oldest first."""
        return list(self.asked.tool_results)


class ModelServer:
    """The server: listens on a free port of 127.0.0.1 from `__enter__` to `__exit__`."""

    def __init__(self) -> None:
        self._scenarios: dict[str, Scenario] = {}
        self._seen: list[Request] = []
        self._errands: Counter[str] = Counter()
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

    def errands(self, scenario: str) -> int:
        """How many requests of a scenario were for something else than the agent's next words."""
        with self._changed:
            return self._errands[scenario]

    def wait_for(self, scenario: str, requests: int, seconds: float = 120) -> list[Request]:
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

    def answer(
        self, name: str, asked: Asked, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Told | Refuse | Hang | None:
        """Notes a request and finds its reply; None where no scenario has that name.

        Raises NotOnOffer for a scripted call of a tool that the client does not have.
        """
        scenario = self._scenarios.get(name)
        if scenario is None:
            return None
        if not asked.tools:
            # Titles and summaries for the CLI's own screens: no part of the conversation.
            with self._changed:
                self._errands[name] += 1
            return Text("An errand")
        with self._changed:
            number = sum(r.scenario == name and r.session == asked.session for r in self._seen)
            request = Request(name, number, asked, body, headers)
            self._seen.append(request)
            self._changed.notify_all()
        reply = scenario(request) if callable(scenario) else scenario[min(number, len(scenario) - 1)]
        return in_words_of(reply, asked.tools)

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
        self._send(Answer(200, b""))

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        scenario, path = _place(self.path)
        body = json.loads(raw)
        for api in APIS:
            asked = api.read(path, body, headers)
            if asked is not None:
                self._reply(api, scenario, asked, body, headers)
                return
        self._send(Answer.of(404, {"error": {"message": f"no such path: {self.path}"}}))

    def _reply(
        self,
        api: Api,
        scenario: str,
        asked: Asked | Answer,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
    ) -> None:
        if isinstance(asked, Answer):
            return self._send(asked)
        try:
            reply = self.server.model.answer(scenario, asked, body, headers)
            self._play(api, asked, reply)
        except NotOnOffer as fault:
            self._send(Answer.of(400, {"error": {"message": str(fault)}}))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client was killed, or has seen enough

    def _play(self, api: Api, asked: Asked, reply: Told | Refuse | Hang | None) -> None:
        if isinstance(reply, Hang):
            self.server.model.wait_for_release()
            reply = reply.then
        if reply is None:
            self._send(Answer.of(404, {"error": {"message": "no such scenario"}}))
        elif isinstance(reply, Refuse):
            self._send(api.refuse(reply))
        elif asked.streams:
            self._stream(api.stream(reply, asked.model), stalls=isinstance(reply, Stall))
        else:
            self._send(api.whole(reply, asked.model))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("content-type", answer.type)
        self.send_header("content-length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def _stream(self, stream: Stream, stalls: bool) -> None:
        self.send_response(200)
        self.send_header("content-type", stream.type)
        # The end of the answer is the end of the connection: nothing to count beforehand.
        self.send_header("connection", "close")
        for name, value in stream.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        self._write(stream.beginning)
        if stalls:
            self.server.model.wait_for_release()
        self._write(stream.rest)

    def _write(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            self.wfile.write(piece)
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass  # what happened is in `seen`


def _place(target: str) -> tuple[str, str]:
    """The scenario of a request, and the API's own path; both empty where it is not below `/s/`."""
    _, s, scenario, *rest = [*urlsplit(target).path.split("/"), "", ""]
    return (scenario, "/" + "/".join(rest).rstrip("/")) if s == "s" else ("", "")
