"""The stand-in's other face: `cursor-agent acp`, by what was recorded of 2026.08 to 2026.10.

What it keeps: `initialize` always answers and offers to log in by `cursor_login`;
a session needs that login, by `agent login` or by a key; chats are the CLI's own,
kept per workspace, and loaded with all that was said in them; shell commands are
asked about unless a rule, `approvalMode: unrestricted` or `--force` allows them,
edits and reads are not; `--mode` is nothing to it; a question of the agent's comes
as a request for permission with a way to skip it; a used-up quota is told at the
end of the model's words, in a turn that ends well.

Steps: those of `cursor_agent`, and `question` (its answers).
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tests.agents.cursor_agent import VERSION, Chat, Line, allowed, logged_in, script

Message = dict[str, Any]

OPTIONS = [
    {"optionId": "allow-once", "name": "Allow once", "kind": "allow_once"},
    {"optionId": "allow-always", "name": "Allow always", "kind": "allow_always"},
    {"optionId": "reject-once", "name": "Reject", "kind": "reject_once"},
]

MODES = [{"id": mode, "name": mode.title()} for mode in ("agent", "plan", "ask")]


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Cancelled(Exception):
    """The client has cancelled the turn."""


class Server:
    """One process: requests come one after the other, but for a cancel, which comes in between."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self.options = options
        self.authenticated = logged_in() or "api-key" in options or "CURSOR_API_KEY" in os.environ
        self.chats: dict[str, tuple[Chat, Path]] = {}
        self.coming: queue.Queue[Message | None] = queue.Queue()
        self.asked = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def serve(self) -> None:
        methods: dict[str, Callable[[Message], Message]] = {
            "initialize": self.initialize,
            "authenticate": self.authenticate,
            "session/new": self.new,
            "session/load": self.load,
            "session/set_mode": lambda _: {},
            "session/set_model": lambda _: {},
            "session/prompt": self.prompt,
        }
        while (message := self.coming.get()) is not None:
            method = methods.get(message.get("method", ""))
            if "id" not in message:
                continue
            try:
                if method is None:
                    raise Refused(-32601, f"Method not found: {message.get('method')}")
                self.send(id=message["id"], result=method(message.get("params") or {}))
            except Refused as fault:
                self.send(id=message["id"], error={"code": fault.code, "message": str(fault)})

    def initialize(self, _: Message) -> Message:
        login = {"id": "cursor_login", "name": "Cursor Login", "description": "Run `agent login` first"}
        return {
            "protocolVersion": 1,
            "agentInfo": {"name": "cursor-agent", "version": VERSION},
            "agentCapabilities": {"loadSession": True},
            "authMethods": [login],
        }

    def authenticate(self, given: Message) -> Message:
        if given.get("methodId") != "cursor_login":
            raise Refused(-32602, "Unknown authentication method. Supported method: cursor_login")
        if not self.authenticated:
            raise Refused(-32602, "Login failed or timed out. Please try again.")
        return {}

    def new(self, given: Message) -> Message:
        session = str(uuid.uuid4())
        return {"sessionId": session, **self.open(session, given)}

    def load(self, given: Message) -> Message:
        session = given["sessionId"]
        opened = self.open(session, given)
        prompts = self.chats[session][0].prompts
        if not prompts:
            raise Refused(-32602, f"Session {session} not found")
        for prompt in prompts:
            self.update(session, "user_message_chunk", content=_text(prompt))
            self.update(session, "agent_message_chunk", content=_text("What was said then."))
        return opened

    def open(self, session: str, given: Message) -> Message:
        if not self.authenticated:
            advice = "Please run `agent login` first, then call authenticate() with methodId 'cursor_login'."
            raise Refused(-32000, f"Authentication required. {advice}")
        place = Path(given["cwd"]).resolve()
        self.chats[session] = (Chat(place, session), place)
        return {"modes": {"currentModeId": "agent", "availableModes": MODES}}

    def prompt(self, given: Message) -> Message:
        session = given["sessionId"]
        chat, place = self.chats[session]
        text = "".join(block.get("text", "") for block in given["prompt"])
        steps = script(text, len(chat.prompts))
        chat.take(text)
        try:
            return {"stopReason": Turn(self, session, place).play(steps)}
        except Cancelled:
            return {"stopReason": "cancelled"}

    # -- the wire -----------------------------------------------------------------------------

    def update(self, session: str, update: str, **fields: Any) -> None:
        self.send(
            method="session/update",
            params={"sessionId": session, "update": {"sessionUpdate": update, **fields}},
        )

    def request(self, method: str, params: Message) -> Message:
        """Asks the client, and waits for the answer; raises Cancelled where a cancel comes instead."""
        self.asked += 1
        self.send(id=self.asked, method=method, params=params)
        while True:
            answer = self.next()
            if answer.get("id") == self.asked and "method" not in answer:
                return dict(answer.get("result") or {})

    def next(self, seconds: float | None = None) -> Message:
        """The next message in a turn; an empty one where none comes in time."""
        try:
            message = self.coming.get(timeout=seconds)
        except queue.Empty:
            return {}
        if message is None:
            sys.exit(0)
        if message.get("method") == "session/cancel":
            raise Cancelled
        return message

    def send(self, **message: Any) -> None:
        print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

    def _listen(self) -> None:
        for line in sys.stdin:
            self.coming.put(json.loads(line))
        self.coming.put(None)


class Turn:
    """One prompt: plays steps, and tells them as updates."""

    def __init__(self, server: Server, session: str, place: Path) -> None:
        self.server, self.session, self.place = server, session, place
        self.calls = 0

    def play(self, steps: Sequence[Mapping[str, Any]]) -> str:
        for step in steps:
            (verb, given), *_ = step.items()
            getattr(self, f"do_{verb}")(given)
        return "end_turn"

    def do_say(self, text: str) -> None:
        self.server.update(self.session, "agent_message_chunk", content=_text(text))

    def do_think(self, text: str) -> None:
        self.server.update(self.session, "agent_thought_chunk", content=_text(text))

    def do_recall(self, _: object) -> None:
        self.do_say(" | ".join(self.server.chats[self.session][0].prompts))

    def do_shell(self, command: str) -> None:
        call = self.begin(f"`{command}`", "execute", {"command": command})
        if not (self.is_free(command) or self.may(call)):
            self.end(call, "failed", "Rejected by the user")
            return
        ran = subprocess.run(command, shell=True, cwd=self.place, capture_output=True, text=True)
        self.end(call, "completed", ran.stdout + ran.stderr)

    def is_free(self, command: str) -> bool:
        """Whether nobody is asked: by `--force`, by the approval mode, or by a rule."""
        home = os.environ.get("CURSOR_CONFIG_DIR") or str(Path.home() / ".cursor")
        settings = Path(home) / "cli-config.json"
        mode = json.loads(settings.read_text()).get("approvalMode") if settings.is_file() else "allowlist"
        return "force" in self.server.options or mode == "unrestricted" or allowed(command, self.place)

    def do_edit(self, given: Mapping[str, str]) -> None:
        path = self.place / os.path.expandvars(given["path"])
        call = self.begin(f"Edit {path.name}", "edit", {"path": str(path)})
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(given["content"])
        self.end(call, "completed", "")

    def do_sleep(self, seconds: float) -> None:
        self.server.next(seconds)

    def do_question(self, answers: Sequence[str]) -> None:
        options = [
            {"optionId": str(n), "name": answer, "kind": "allow_once"} for n, answer in enumerate(answers)
        ]
        skip = {"optionId": "__ask_question_skip__", "name": "Skip", "kind": "reject_once"}
        call = {"toolCallId": "ask_0", "title": "Which one?", "kind": "other"}
        chosen = self.ask(call, [*options, skip])
        self.do_say(f"I was told: {chosen}")

    def do_quota(self, _: object) -> None:
        self.do_say("I go on.\n\nError: T: [resource_exhausted] Error")

    def do_end(self, _: object) -> NoReturn:
        sys.exit(0)

    def may(self, call: Message) -> bool:
        return self.ask(call, OPTIONS).startswith("allow")

    def ask(self, call: Message, options: Sequence[Message]) -> str:
        asked = {"sessionId": self.session, "toolCall": call, "options": list(options)}
        answer = self.server.request("session/request_permission", asked)
        outcome = answer.get("outcome", {})
        if outcome.get("outcome") == "cancelled":
            raise Cancelled
        return str(outcome.get("optionId", ""))

    def begin(self, title: str, kind: str, given: Message) -> Message:
        self.calls += 1
        call = {"toolCallId": f"tool_{self.calls}", "title": title, "kind": kind, "rawInput": given}
        self.server.update(self.session, "tool_call", status="pending", **call)
        return call

    def end(self, call: Message, status: str, text: str) -> None:
        content = [{"type": "content", "content": _text(text)}]
        self.server.update(
            self.session, "tool_call_update", toolCallId=call["toolCallId"], status=status, content=content
        )


def _text(text: str) -> Message:
    return {"type": "text", "text": text}


def serve(line: Line) -> None:
    Server(line.options).serve()
