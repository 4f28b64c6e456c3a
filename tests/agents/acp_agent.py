"""Plays an ACP agent from a script: `python acp_agent.py SCRIPT.json`.

    {"can": ["resume", "load"], "modes": ["ask", "code"], "models": ["small", "big"], "login": false,
     "turns": [[step, ...], ...]}

Each prompt of a session plays its next turn, whichever process of the agent it
comes to: sessions are kept beside the script, with all that they were told.
A step is an object of one key; see `_STEPS`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pydantic
from pydantic._internal import _fields

# Half of this program's time would go into models of messages that it never sees, and into their docstrings.
pydantic.BaseModel.model_config["defer_build"] = True
_fields.extract_docstrings_from_cls = lambda *_, **__: {}  # type: ignore[attr-defined]

from acp import RequestError, run_agent, schema  # noqa: E402
from acp.helpers import (  # noqa: E402
    start_tool_call,
    text_block,
    tool_content,
    update_agent_message_text,
    update_agent_thought_text,
    update_tool_call,
    update_user_message_text,
)

SCRIPT = Path(sys.argv[1])
PLAY = json.loads(SCRIPT.read_text())
SESSIONS = SCRIPT.with_suffix(".sessions")

OPTIONS = [
    schema.PermissionOption(option_id="always", name="Always allow", kind="allow_always"),
    schema.PermissionOption(option_id="once", name="Allow", kind="allow_once"),
    schema.PermissionOption(option_id="no", name="Reject", kind="reject_once"),
]


class Agent:
    """One process of the agent."""

    def __init__(self) -> None:
        self.client: Any = None
        self.cancelled = asyncio.Event()
        self.mode = self.model = ""
        self.calls = 0

    def on_connect(self, client: Any) -> None:
        self.client = client

    async def initialize(self, protocol_version: int, **_: Any) -> schema.InitializeResponse:
        if PLAY.get("banner"):
            os.write(1, f"{PLAY['banner']}\n".encode())
        if PLAY.get("mute") == "initialize":
            await asyncio.sleep(600)
        can = PLAY.get("can", ["resume", "load"])
        sessions = schema.SessionCapabilities(
            resume=schema.SessionResumeCapabilities() if "resume" in can else None
        )
        return schema.InitializeResponse(
            protocol_version=protocol_version,
            agent_info=schema.Implementation(name=PLAY.get("name", "fake"), version="1.2.3"),
            agent_capabilities=schema.AgentCapabilities(
                load_session="load" in can, session_capabilities=sessions
            ),
            auth_methods=[schema.AuthMethodAgent(id="by-key", name="By key")] if PLAY.get("login") else [],
        )

    async def authenticate(self, method_id: str, **_: Any) -> schema.AuthenticateResponse:
        if method_id != "by-key":
            raise RequestError(-32602, f"no way to log in called {method_id}")
        (SESSIONS.parent / "logged-in").touch()
        return schema.AuthenticateResponse()

    async def new_session(self, cwd: str, **_: Any) -> schema.NewSessionResponse:
        if PLAY.get("login") and not (SESSIONS.parent / "logged-in").exists():
            raise RequestError.auth_required()
        SESSIONS.mkdir(exist_ok=True)
        session = f"s-{os.getpid()}-{time.time_ns()}"
        _keep(session, {"cwd": cwd, "prompts": []})
        return schema.NewSessionResponse(session_id=session, **_offers())

    async def load_session(self, cwd: str, session_id: str, **_: Any) -> schema.LoadSessionResponse:
        held = _held(session_id)
        for prompt in held["prompts"]:
            await self._tell(session_id, update_user_message_text(prompt))
            await self._tell(session_id, update_agent_message_text("an old answer"))
        return schema.LoadSessionResponse(**_offers())

    async def resume_session(self, cwd: str, session_id: str, **_: Any) -> schema.ResumeSessionResponse:
        _held(session_id)
        return schema.ResumeSessionResponse(**_offers())

    async def set_session_mode(
        self, session_id: str, mode_id: str, **_: Any
    ) -> schema.SetSessionModeResponse:
        self.mode = mode_id
        return schema.SetSessionModeResponse()

    async def set_config_option(self, config_id: str, session_id: str, value: Any, **_: Any) -> Any:
        self.model = str(value)
        return schema.SetSessionConfigOptionResponse(config_options=[])

    async def cancel(self, session_id: str, **_: Any) -> None:
        self.cancelled.set()

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> schema.PromptResponse:
        held = _held(session_id)
        held["prompts"].append("".join(block.text for block in prompt if block.type == "text"))
        _keep(session_id, held)
        self.cancelled.clear()
        turns = PLAY["turns"]
        reason: Any = "end_turn"
        usage = None
        for step in turns[min(len(held["prompts"]), len(turns)) - 1]:
            ((name, given),) = step.items()
            if name == "stop":
                reason = given
            elif name == "usage":
                usage = schema.Usage(total_tokens=sum(given.values()), **given)
            else:
                await _STEPS[name](self, session_id, given)
            if self.cancelled.is_set():
                return schema.PromptResponse(stop_reason="cancelled")
        return schema.PromptResponse(stop_reason=reason, usage=usage)

    # -- steps --------------------------------------------------------------------------------

    async def say(self, session: str, text: str) -> None:
        """Says a text, in pieces of a few letters."""
        for at in range(0, len(text), 7):
            await self._tell(session, update_agent_message_text(text[at : at + 7]))

    async def think(self, session: str, text: str) -> None:
        await self._tell(session, update_agent_thought_text(text))

    async def run(self, session: str, given: str | dict[str, Any]) -> None:
        """Runs a shell command; as {"command": ..., "permit": true} only if that is allowed.

        `"unless": file`: not again once that file is there.
        """
        given = {"command": given} if isinstance(given, str) else given
        if given.get("unless") and Path(given["unless"]).exists():
            return
        await self._use(session, "execute", given["command"], given, lambda: _shell(given["command"]))

    async def edit(self, session: str, given: dict[str, Any]) -> None:
        """Writes a file: {"path", "content", "permit"}."""
        path = Path(given["path"])
        await self._use(
            session, "edit", f"Edit {path}", given, lambda: (path.write_text(given["content"]), True)[1]
        )

    async def both(self, session: str, steps: list[dict[str, Any]]) -> None:
        """Two steps or more at once."""
        await asyncio.gather(
            *(_STEPS[name](self, session, given) for step in steps for name, given in step.items())
        )

    async def cost(self, session: str, usd: float) -> None:
        cost = schema.Cost(amount=usd, currency="USD")
        await self._tell(
            session, schema.UsageUpdate(session_update="usage_update", used=1, size=9, cost=cost)
        )

    async def wait(self, session: str, file: str) -> None:
        """Waits for a file."""
        while not Path(file).exists() and not self.cancelled.is_set():
            await asyncio.sleep(0.02)

    async def hang(self, session: str, how: str) -> None:
        """Hangs: `polite` until it is cancelled, `deaf` whatever it is told."""
        if how == "deaf":
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            await asyncio.sleep(600)
        await self.cancelled.wait()

    async def fork(self, session: str, how: str) -> None:
        """Leaves a child behind in its own process group, which calls home for ever."""
        program = f"import time\nwhile True:\n open({how!r}, 'a').write('.'); time.sleep(0.05)"
        subprocess.Popen([sys.executable, "-S", "-E", "-c", program], stdin=subprocess.DEVNULL)

    async def die(self, session: str, how: int) -> None:
        """Ends with an exit code, or by a signal if it is below 0."""
        if how < 0:
            os.kill(os.getpid(), -how)
            await asyncio.sleep(600)
        os._exit(how)

    async def fail(self, session: str, error: dict[str, Any]) -> None:
        raise RequestError(error["code"], error.get("message", "Internal error"), error.get("data"))

    async def print(self, session: str, text: str) -> None:
        """Prints something that is no message."""
        left = text.encode()
        while left:
            try:
                left = left[os.write(1, left) :]
            except BlockingIOError:
                await asyncio.sleep(0.01)

    async def settings(self, session: str, _: Any) -> None:
        await self.say(session, f"mode {self.mode or '-'}, model {self.model or '-'}")

    async def _use(
        self, session: str, kind: Any, title: str, given: dict[str, Any], act: Callable[[], bool]
    ) -> None:
        self.calls += 1
        call = f"call-{self.calls}"
        raw: Any = {"command": given["command"]} if "command" in given else {"path": given["path"]}
        raw = None if given.get("mute") else raw
        await self._tell(session, start_tool_call(call, title, kind=kind, status="pending", raw_input=raw))
        ok = True
        if given.get("permit"):
            asked = schema.ToolCallUpdate(tool_call_id=call, title=title, kind=kind, raw_input=raw)
            answer = await self.client.request_permission(
                session_id=session, tool_call=asked, options=OPTIONS
            )
            picked = getattr(answer.outcome, "option_id", "cancelled")
            _note(f"{title}: {picked}")
            ok = picked in ("once", "always")
        ok = ok and await asyncio.to_thread(act)
        done: Any = "completed" if ok else "failed"
        said = [tool_content(text_block("x" * given.get("output", 1)))]
        await self._tell(session, update_tool_call(call, status=done, content=said))

    async def _tell(self, session: str, update: Any) -> None:
        await self.client.session_update(session_id=session, update=update)


_STEPS: dict[str, Callable[[Agent, str, Any], Awaitable[None]]] = {
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


def _offers() -> dict[str, Any]:
    """The modes and models that the script offers: modes as of old, models as a setting."""
    offers: dict[str, Any] = {}
    if modes := PLAY.get("modes"):
        listed = [schema.SessionMode(id=mode, name=mode) for mode in modes]
        offers["modes"] = schema.SessionModeState(current_mode_id=modes[0], available_modes=listed)
    if models := PLAY.get("models"):
        choices = [schema.SessionConfigSelectOption(value=model, name=model) for model in models]
        offers["config_options"] = [
            schema.SessionConfigOptionSelect(
                id="the-model",
                name="Model",
                category="model",
                current_value=models[0],
                options=choices,
                type="select",
            )
        ]
    return offers


def _shell(command: str) -> bool:
    return (
        subprocess.run(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode
        == 0
    )


def _note(line: str) -> None:
    """What was permitted, for the test to look at."""
    with SCRIPT.with_suffix(".permits").open("a") as file:
        file.write(line + "\n")


def _held(session: str) -> dict[str, Any]:
    try:
        held: dict[str, Any] = json.loads((SESSIONS / f"{session}.json").read_text())
    except FileNotFoundError:
        raise RequestError.resource_not_found(session) from None
    return held


def _keep(session: str, held: dict[str, Any]) -> None:
    path = SESSIONS / f"{session}.json"
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(held))
    beside.replace(path)


if __name__ == "__main__":
    asyncio.run(run_agent(Agent(), use_unstable_protocol=True))  # type: ignore[arg-type]
