"""Plays an ACP agent from a script: `python acp_agent.py SCRIPT.json`.

    {"can": ["resume", "load"], "modes": ["ask", "code"], "models": ["small", "big"], "login": false,
     "turns": [[step, ...], ...]}

Each prompt of a session plays its next turn, whichever process of the agent it
comes to: sessions are kept beside the script, with all that they were told.
A step is an object of one key; see `STEPS`.

It speaks the protocol in plain JSON, for the models of the protocol's package
take most of a second to load, at each start; that it keeps to them is held
against them in a test, step by step.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]

OPTIONS = [
    {"optionId": "always", "name": "Always allow", "kind": "allow_always"},
    {"optionId": "once", "name": "Allow", "kind": "allow_once"},
    {"optionId": "no", "name": "Reject", "kind": "reject_once"},
]


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.error = {"code": code, "message": message, "data": data}


class Agent:
    """One process of the agent."""

    def __init__(self, script: str) -> None:
        with open(script) as file:
            self.play: Message = json.load(file)
        self.beside = script.removesuffix(".json")
        self.sessions = f"{self.beside}.sessions"
        self.cancelled = threading.Event()
        self.mode = self.model = ""
        self.calls = self.asked = 0
        self.deaf = False
        self._coming: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._answers: dict[int, queue.SimpleQueue[Message]] = {}
        self._speaking = threading.Lock()

    def serve(self) -> None:
        """Does what it is asked, one after the other."""
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            asked = self._coming.get()
            try:
                method = _METHODS.get(asked["method"])
                if method is None:
                    raise Refused(-32601, "Method not found", {"method": asked["method"]})
                self._send(id=asked["id"], result=method(self, asked["params"]))
            except Refused as fault:
                self._send(id=asked["id"], error=fault.error)

    def _listen(self) -> None:
        """Takes what comes meanwhile: answers, and that a turn is to end. It ends with the one who asks."""
        for line in sys.stdin:
            message = json.loads(line)
            if "method" not in message:
                self._answers.pop(message["id"]).put(message)
            elif message["method"] == "session/cancel":
                self.cancelled.set()
            else:
                self._coming.put(message)
        if not self.deaf:
            os._exit(0)

    # -- what it is asked ---------------------------------------------------------------------

    def initialize(self, given: Message) -> Message:
        if banner := self.play.get("banner"):
            self._print(f"{banner}\n")
        can = self.play.get("can", ["resume", "load"])
        by_key = {"id": "by-key", "name": "By key"}
        return {
            "protocolVersion": given["protocolVersion"],
            "agentInfo": {"name": self.play.get("name", "fake"), "version": "1.2.3"},
            "agentCapabilities": {
                "loadSession": "load" in can,
                "sessionCapabilities": {"resume": {}} if "resume" in can else {},
            },
            "authMethods": [by_key] if self.play.get("login") else [],
        }

    def authenticate(self, given: Message) -> Message:
        if given["methodId"] != "by-key":
            raise Refused(-32602, f"no way to log in called {given['methodId']}")
        self._note("logged-in", "yes")
        return {}

    def new(self, given: Message) -> Message:
        if self.play.get("login") and not os.path.exists(f"{self.beside}.logged-in"):
            raise Refused(-32000, "Authentication required")
        os.makedirs(self.sessions, exist_ok=True)
        session = f"s-{os.getpid()}-{time.time_ns()}"
        self._keep(session, {"cwd": given["cwd"], "prompts": []})
        return {"sessionId": session, **self._offers()}

    def load(self, given: Message) -> Message:
        session = given["sessionId"]
        for prompt in self._held(session)["prompts"]:
            self._tell(session, "user_message_chunk", content=_text(prompt))
            self._tell(session, "agent_message_chunk", content=_text("an old answer"))
        return self._offers()

    def resume(self, given: Message) -> Message:
        self._held(given["sessionId"])
        return self._offers()

    def set_mode(self, given: Message) -> Message:
        self.mode = given["modeId"]
        return {}

    def set_option(self, given: Message) -> Message:
        self.model = given["value"]
        return {"configOptions": []}

    def prompt(self, given: Message) -> Message:
        session = given["sessionId"]
        held = self._held(session)
        held["prompts"].append("".join(block["text"] for block in given["prompt"] if block["type"] == "text"))
        self._keep(session, held)
        self.cancelled.clear()
        turns = self.play["turns"]
        answer: Message = {"stopReason": "end_turn"}
        for step in turns[min(len(held["prompts"]), len(turns)) - 1]:
            ((name, told),) = step.items()
            if name == "stop":
                answer["stopReason"] = told
            elif name == "usage":
                answer["usage"] = {"totalTokens": sum(told.values()), **told}
            else:
                STEPS[name](self, session, told)
            if self.cancelled.is_set():
                return {"stopReason": "cancelled"}
        return answer

    # -- steps --------------------------------------------------------------------------------

    def say(self, session: str, text: str) -> None:
        """Says a text, in pieces of a few letters."""
        for at in range(0, len(text), 7):
            self._tell(session, "agent_message_chunk", content=_text(text[at : at + 7]))

    def think(self, session: str, text: str) -> None:
        self._tell(session, "agent_thought_chunk", content=_text(text))

    def run(self, session: str, given: str | Message) -> None:
        """Runs a shell command; as {"command": ..., "permit": true} only if that is allowed.

        `"unless": file`: not again once that file is there.
        """
        given = {"command": given} if isinstance(given, str) else given
        if given.get("unless") and os.path.exists(given["unless"]):
            return
        self._use(session, "execute", given["command"], given, lambda: _shell(given["command"]))

    def edit(self, session: str, given: Message) -> None:
        """Writes a file: {"path", "content", "permit"}."""
        self._use(session, "edit", f"Edit {given['path']}", given, lambda: _write(given))

    def both(self, session: str, steps: list[Message]) -> None:
        """Two steps or more at once."""
        at_once = [
            threading.Thread(target=STEPS[name], args=(self, session, given))
            for step in steps
            for name, given in step.items()
        ]
        for each in at_once:
            each.start()
        for each in at_once:
            each.join()

    def cost(self, session: str, usd: float) -> None:
        self._tell(session, "usage_update", used=1, size=9, cost={"amount": usd, "currency": "USD"})

    def wait(self, session: str, file: str) -> None:
        """Waits for a file."""
        while not os.path.exists(file) and not self.cancelled.wait(0.02):
            pass

    def hang(self, session: str, how: str) -> None:
        """Hangs: `polite` until it is cancelled, `deaf` whatever it is told, and when nobody is left."""
        if how == "deaf":
            self.deaf = True
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            time.sleep(600)
        self.cancelled.wait()

    def fork(self, session: str, how: str) -> None:
        """Leaves a child behind in its own process group, which calls home for ever."""
        program = f"import time\nwhile True:\n open({how!r}, 'a').write('.'); time.sleep(0.05)"
        subprocess.Popen([sys.executable, "-S", "-E", "-c", program], stdin=subprocess.DEVNULL)

    def die(self, session: str, how: int) -> None:
        """Ends with an exit code, or by a signal if it is below 0."""
        if how < 0:
            os.kill(os.getpid(), -how)
            time.sleep(600)
        os._exit(how)

    def fail(self, session: str, error: Message) -> None:
        raise Refused(error["code"], error.get("message", "Internal error"), error.get("data"))

    def print(self, session: str, text: str) -> None:
        """Prints something that is no message."""
        self._print(text)

    def settings(self, session: str, _: object) -> None:
        self.say(session, f"mode {self.mode or '-'}, model {self.model or '-'}")

    def _use(self, session: str, kind: str, title: str, given: Message, act: Callable[[], bool]) -> None:
        self.calls += 1
        call: Message = {"toolCallId": f"call-{self.calls}", "title": title, "kind": kind}
        if not given.get("mute"):
            call["rawInput"] = {key: given[key] for key in ("command", "path") if key in given}
        self._tell(session, "tool_call", status="pending", **call)
        ok = True
        if given.get("permit"):
            asked = {"sessionId": session, "toolCall": call, "options": OPTIONS}
            picked = self._request("session/request_permission", asked)["outcome"].get(
                "optionId", "cancelled"
            )
            self._note("permits", f"{title}: {picked}")
            ok = picked in ("once", "always")
        done = "completed" if ok and act() else "failed"
        said = [{"type": "content", "content": _text("x" * given.get("output", 1))}]
        self._tell(session, "tool_call_update", toolCallId=call["toolCallId"], status=done, content=said)

    # -- what it keeps ------------------------------------------------------------------------

    def _offers(self) -> Message:
        """The modes and models that the script offers: modes as of old, models as a setting."""
        offers: Message = {}
        if modes := self.play.get("modes"):
            listed = [{"id": mode, "name": mode} for mode in modes]
            offers["modes"] = {"currentModeId": modes[0], "availableModes": listed}
        if models := self.play.get("models"):
            model = {"id": "the-model", "name": "Model", "category": "model", "type": "select"}
            choices = [{"value": name, "name": name} for name in models]
            offers["configOptions"] = [{**model, "currentValue": models[0], "options": choices}]
        return offers

    def _note(self, name: str, line: str) -> None:
        """Writes a line beside the script, for a test to look at, or for the next process."""
        with open(f"{self.beside}.{name}", "a") as file:
            file.write(line + "\n")

    def _held(self, session: str) -> Message:
        try:
            with open(f"{self.sessions}/{session}.json") as file:
                held: Message = json.load(file)
        except FileNotFoundError:
            raise Refused(-32002, "Resource not found", {"uri": session}) from None
        return held

    def _keep(self, session: str, held: Message) -> None:
        path = f"{self.sessions}/{session}.json"
        with open(f"{path}.new", "w") as file:
            json.dump(held, file)
        os.replace(f"{path}.new", path)

    # -- the wire -----------------------------------------------------------------------------

    def _request(self, method: str, params: Message) -> Message:
        """Asks the client, and waits for the answer."""
        with self._speaking:
            self.asked += 1
            number = self.asked
            coming: queue.SimpleQueue[Message] = queue.SimpleQueue()
            self._answers[number] = coming
        self._send(id=number, method=method, params=params)
        answer: Message = coming.get()["result"]
        return answer

    def _tell(self, session: str, update: str, **fields: Any) -> None:
        told = {"sessionId": session, "update": {"sessionUpdate": update, **fields}}
        self._send(method="session/update", params=told)

    def _send(self, **message: Any) -> None:
        self._print(json.dumps({"jsonrpc": "2.0", **message}) + "\n")

    def _print(self, text: str) -> None:
        with self._speaking:
            left = text.encode()
            while left:
                left = left[os.write(1, left) :]


STEPS: dict[str, Callable[[Agent, str, Any], None]] = {
    name: getattr(Agent, name)
    for name in (
        "say",
        "think",
        "run",
        "edit",
        "both",
        "cost",
        "wait",
        "hang",
        "fork",
        "die",
        "fail",
        "print",
        "settings",
    )
}
"""Besides them: `stop` (why the turn ends) and `usage` (what it used), which are told with the answer."""

_METHODS: dict[str, Callable[[Agent, Message], Message]] = {
    "initialize": Agent.initialize,
    "authenticate": Agent.authenticate,
    "session/new": Agent.new,
    "session/load": Agent.load,
    "session/resume": Agent.resume,
    "session/set_mode": Agent.set_mode,
    "session/set_config_option": Agent.set_option,
    "session/prompt": Agent.prompt,
}


def _text(text: str) -> Message:
    return {"type": "text", "text": text}


def _shell(command: str) -> bool:
    ran = subprocess.run(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=sys.stderr)
    return ran.returncode == 0


def _write(given: Message) -> bool:
    with open(given["path"], "w") as file:
        file.write(given["content"])
    return True


if __name__ == "__main__":
    Agent(sys.argv[1]).serve()
