"""The bridge between an attempt, which nobody talks to, and an ACP agent, which wants a living client.

    attempt --> bridge <== JSON-RPC over pipes ==> agent
                  |
                  +--> standard output: one JSON line a happening, for `acp.AcpReader`
                  +--> traffic.log: every message as it went over the pipes
                  +<-> inbox/: what a person is asked, and the answer

It is a part of the attempt: it outlives the orchestrator, and asks nobody but by
its inbox. The agent leads a process group of its own and goes as one: a part of
it that lived on would take the closed pipe for an answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import shlex
import signal
import sys
import time
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Behind all else: it must only be found, never get between Python and its own modules.
sys.path.append(str(Path(__file__).resolve().parent.parent))

from sow_executors import acp_agents, acp_choice, acp_offers, acp_rules, gemini_chats, inbox, opencode_rules
from sow_executors.acp_library import (
    AGENT_METHODS,
    CLIENT_METHODS,
    PROTOCOL_VERSION,
    Connection,
    RequestError,
)
from sow_executors.acp_rules import Rules
from sow_executors.acp_wire import Life, Wire, end
from sow_executors.lines import one_line, parse, table, tables, words

SPARED = 3
"""How often an agent that ends its turn over a refusal is told to go on without."""

OPENING_SECONDS = 120.0
"""How long an agent may take for a step that comes before its work."""

LONGEST_TEXT, LONGEST_SAID = 8 * 1024, 256 * 1024

ASKING = ("default", "workspace-write")
"""So agents call the mode in which they ask before what the rules don't allow; they may begin in another."""

SAYS_IT_IN_THE_TITLE = ("gemini-cli",)
"""Agents whose title of a shell call is the command itself, and whose calls have no input."""


class Failed(Exception):
    """The turn can't go on; `event` is the line that tells it."""

    def __init__(self, step: str, message: str, code: int | str = "", data: object = None) -> None:
        super().__init__(message)
        self.event = {
            "type": "failed", "step": step, "code": code, "message": message, "data": data,
            "at": time.time(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """What the bridge was told on its command line."""

    scratch: Path
    command: tuple[str, ...]
    resume: str
    yolo: bool
    asks: bool
    wait_seconds: float
    grace_seconds: float
    mode: str
    model: str
    auth: str
    rules: Rules
    late: tuple[str, ...] = ()
    """Inboxes with answers that came too late for those who had asked."""
    servers: tuple[dict[str, Any], ...] = ()
    """Servers of tools that the agent is told of, as the protocol has them."""


@dataclass(slots=True)
class Bridge:
    """One turn of one agent."""

    options: Options
    prompts: list[str]
    """What is to be said, in this order; a person's words may come to it."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """There is nobody any more to wait for: the bridge is to end, or the agent did."""
    stopped_by: int = 0
    _connection: Connection | None = None
    _agent: str = ""
    _session: str = ""
    _quiet: bool = False
    """What comes is the past, told again."""
    _calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    _one_question: asyncio.Lock = field(default_factory=asyncio.Lock)
    _asked: int = 0
    _refused: list[str] = field(default_factory=list)
    """What was not allowed in this prompt, a line each."""
    _silenced: bool = False
    """Nothing came from the agent's model since something was not allowed."""
    _spared: int = SPARED

    def stop(self, number: int) -> None:
        """Ends the turn, gently."""
        self.stopped_by = self.stopped_by or number
        self.over.set()

    async def run(self) -> int:
        """Plays the turn; gives the exit code."""
        try:
            agent = await self._spawn()
        except Failed as fault:
            self._tell(**fault.event)
            return 1
        assert agent.stdin is not None
        assert agent.stdout is not None
        wire = Wire(agent.stdout, agent.stdin, self.options.scratch / "traffic.log", self._heed)
        connection = self._connection = Connection(self._asked_by_agent, wire)
        life = Life(agent)
        working = asyncio.create_task(self._work(connection))
        # An agent may die and leave its pipes to a child, or close them and live on.
        ends = [asyncio.create_task(each.wait()) for each in (wire.closed, life.over, self.over)]
        try:
            await asyncio.wait((working, *ends), return_when=asyncio.FIRST_COMPLETED)
            if self.stopped_by:
                await self._cancel(connection, working)
            elif not working.done():
                # Its last answer may still be on its way to the one who waits for it.
                await asyncio.wait((working,), timeout=1.0)
        finally:
            self.over.set()
            for task in (working, *ends):
                task.cancel()
            await end(agent, life, connection, self._share(0.3))
        return self._ending(working, agent)

    def _share(self, part: float) -> float:
        """A part of the time that there is between a SIGTERM and a SIGKILL."""
        return max(min(self.options.grace_seconds, 20.0) * part, 0.2)

    def _ending(self, working: asyncio.Task[None], agent: asyncio.subprocess.Process) -> int:
        """Tells how the turn ended, if that is not told yet; gives the exit code."""
        fault = None if working.cancelled() or not working.done() else working.exception()
        if working.done() and not working.cancelled() and fault is None:
            return 128 + self.stopped_by if self.stopped_by else 0
        if self.stopped_by:
            self._tell(type="stopped", signal=signal.Signals(self.stopped_by).name)
            return 128 + self.stopped_by
        if isinstance(fault, Failed):
            self._tell(**fault.event)
        elif fault is None or isinstance(fault, ConnectionError):
            self._tell(type="died", exit_code=agent.returncode)
        else:
            raise fault
        return 1

    async def _spawn(self) -> asyncio.subprocess.Process:
        if self.options.resume and acp_agents.kind(self.options.command) == "gemini":
            # Where that can't be done, the load tells what is lost.
            with suppress(OSError):
                gemini_chats.make_ready(self.options.resume, os.getcwd(), os.environ, time.time())
        try:
            return await asyncio.create_subprocess_exec(
                *self.options.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,
                env={**os.environ, **await self._rules()},
            )
        except OSError as error:
            program = self.options.command[0]
            raise Failed("start", f"{program} can't be started: {error.strerror}", "missing") from error

    async def _rules(self) -> dict[str, str]:
        """Variables by which an agent is told to ask, where its own configuration decides that."""
        if self.options.yolo or acp_agents.kind(self.options.command) != "opencode":
            return {}
        asked = await asyncio.create_subprocess_exec(
            *opencode_rules.question(self.options.command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, _ = await asyncio.wait_for(asked.communicate(), OPENING_SECONDS)
        except TimeoutError:
            out = b""
        finally:
            if asked.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(asked.pid, signal.SIGKILL)
        configuration = parse(out.decode("utf-8", "replace"))
        if configuration is None:
            words = shlex.join(opencode_rules.question(self.options.command))
            raise Failed("configuration", f"`{words}` does not tell what opencode asks about")
        return {opencode_rules.VARIABLE: opencode_rules.asking(configuration)}

    # -- the turn -----------------------------------------------------------------------------

    async def _work(self, connection: Connection) -> None:
        """Opens the session and says what is to be said."""
        told = await self._opening(connection, "initialize", _CLIENT)
        agent, able = table(told.get("agentInfo")), table(told.get("agentCapabilities"))
        name, version = words(agent.get("name")), words(agent.get("version"))
        self._agent = name
        if self.options.auth:
            await self._opening(connection, "authenticate", {"methodId": self.options.auth})
        opened = await self._open(connection, able, acp_offers.logins(told))
        self._tell(
            type="session", session_id=self._session, how=opened["how"], agent=name, version=version,
            model=self.options.model or acp_offers.current(opened["session"], "model"),
            mode=self.options.mode or acp_offers.current(opened["session"], "mode"),
        )  # fmt: skip
        await self._settle(connection, opened["session"])
        while self.prompts:
            await self._prompt(connection, self.prompts.pop(0))

    async def _open(
        self, connection: Connection, able: Mapping[str, Any], logins: Sequence[str]
    ) -> dict[str, Any]:
        """A new session, or the one to go on with, by what the agent can."""
        where: dict[str, Any] = {"cwd": os.getcwd(), "mcpServers": list(self.options.servers)}
        sessions = table(able.get("sessionCapabilities"))
        if self.options.rules.writable and sessions.get("additionalDirectories") is not None:
            where["additionalDirectories"] = list(self.options.rules.writable)
        ways = ["session_new"]
        if self.options.resume:
            where["sessionId"] = self._session = self.options.resume
            can_resume, can_load = sessions.get("resume") is not None, able.get("loadSession") is True
            ways = ["session_resume"] * can_resume + ["session_load"] * can_load
            if not ways:
                raise Failed("session/resume", "the agent can't go on with a session", -32002)
        while True:
            way = ways.pop(0)
            self._quiet = way == "session_load"
            try:
                held = await self._opening(connection, way, where)
                break
            except Failed as fault:
                if fault.event["code"] == -32000 and logins:
                    offered = f"{fault}; it offers to log in by {', '.join(logins)}"
                    raise Failed(AGENT_METHODS[way], offered, -32000, fault.event["data"]) from fault
                if not ways or fault.event["code"] != -32601:
                    raise
            finally:
                self._quiet = False
        self._session = words(held.get("sessionId")) or self._session
        if not self._session:
            raise Failed(AGENT_METHODS[way], "the agent named no session")
        return {"how": way.partition("_")[2], "session": held}

    async def _settle(self, connection: Connection, session: Mapping[str, Any]) -> None:
        """Sets the mode and the model that the user wants, where the agent offers them."""
        mode = self.options.mode
        if not (mode or self.options.yolo):
            mode = next((each for each in ASKING if each in acp_offers.offered(session, "mode")), "")
        for what, wanted in (("mode", mode), ("model", self.options.model)):
            if not wanted or wanted == acp_offers.current(session, what):
                continue
            offered = acp_offers.offered(session, what)
            if wanted not in offered:
                known = f"it offers {', '.join(offered)}" if offered else "it offers none to choose from"
                raise Failed(f"session/set_{what}", f"the agent has no {what} {wanted}: {known}")
            await self._request(
                connection, f"session/set_{what}", *acp_offers.setting(session, what, wanted, self._session)
            )

    async def _prompt(self, connection: Connection, text: str) -> None:
        self._tell(type="prompt")
        self._refused.clear()
        self._silenced = False
        asked = {"sessionId": self._session, "prompt": [{"type": "text", "text": text}]}
        told = await self._request(connection, "session/prompt", AGENT_METHODS["session_prompt"], asked)
        usage = table(told.get("usage")) or _of_quota(table(told.get("_meta")))
        reason, refused = words(told.get("stopReason")), bool(self._refused)
        # Some agents cancel their turn over a refusal, others end it as if their model had said all.
        broke_off = refused and (reason == "cancelled" or (reason == "end_turn" and self._silenced))
        if broke_off and not (self.prompts or self.over.is_set()) and self._spared:
            self._spared -= 1
            listed = "\n".join(f"- {line}" for line in self._refused)
            self.prompts.append(
                f"You were not allowed:\n\n{listed}\n\nGo on without it, and report as before."
            )
        more = bool(self.prompts) and not self.over.is_set()
        self._tell(
            type="ended", stop_reason=reason, usage=dict(usage), more=more, refused=refused, at=time.time()
        )  # fmt: skip

    async def _cancel(self, connection: Connection, working: asyncio.Task[None]) -> None:
        """Tells the agent to end its turn, and gives it the time."""
        self.prompts.clear()
        if self._session and not working.done():
            with suppress(ConnectionError, OSError, asyncio.TimeoutError):
                note = connection.send_notification(
                    AGENT_METHODS["session_cancel"], {"sessionId": self._session}
                )
                await asyncio.wait_for(note, self._share(0.1))
                await asyncio.wait((working,), timeout=self._share(0.4))

    async def _opening(self, connection: Connection, method: str, params: object) -> Mapping[str, Any]:
        """A step that comes before the work. Raises Failed."""
        name = AGENT_METHODS[method]
        try:
            return await asyncio.wait_for(self._request(connection, name, name, params), OPENING_SECONDS)
        except TimeoutError:
            raise Failed(
                name, f"the agent did not answer {name} in {OPENING_SECONDS:g} s", "timeout"
            ) from None

    async def _request(
        self, connection: Connection, step: str, method: str, params: object
    ) -> Mapping[str, Any]:
        try:
            return table(await connection.send_request(method, params))
        except RequestError as error:
            raise Failed(step, str(error), error.code, error.data) from error

    # -- what the agent says and asks ---------------------------------------------------------

    def _heed(self, message: Mapping[str, Any]) -> None:
        """Passes on what the agent tells of its work."""
        if message.get("method") != CLIENT_METHODS["session_update"] or self._quiet:
            return
        update = table(table(message.get("params")).get("update"))
        kind = update.get("sessionUpdate")
        if kind in ("agent_message_chunk", "agent_thought_chunk", "tool_call"):
            self._silenced = False
        if kind in ("tool_call", "tool_call_update"):
            call = words(update.get("toolCallId"))
            known = {key: value for key, value in update.items() if value is not None}
            self._calls[call] = {**self._calls.get(call, {}), **known}
            if update.get("status") in ("completed", "failed"):
                del self._calls[call]
        longest = LONGEST_SAID if kind == "agent_message_chunk" else LONGEST_TEXT
        self._tell(type="update", update=_cut(dict(update), longest))

    async def _asked_by_agent(self, method: str, params: Any, is_notification: bool) -> Any:
        if is_notification:
            return None
        if method != CLIENT_METHODS["session_request_permission"]:
            raise RequestError.method_not_found(method)
        return await self._permission(table(params))

    async def _permission(self, params: Mapping[str, Any]) -> dict[str, Any]:
        asked, options = table(params.get("toolCall")), tables(params.get("options"))
        known = self._calls.get(words(asked.get("toolCallId")), {})
        call = {**known, **{key: value for key, value in asked.items() if value is not None}}
        if self._agent in SAYS_IT_IN_THE_TITLE and call.get("kind") == "execute" and not call.get("rawInput"):
            call["rawInput"] = {"command": call.get("title")}
        tool, what = words(call.get("kind")) or "tool", acp_rules.detail(call)
        is_free = self.options.yolo or self._is_offered(call)
        reason = "" if is_free else acp_rules.against(call, self.options.rules)
        if self.over.is_set():
            return acp_choice.outcome(None)
        if acp_choice.is_question(options):
            reason = "it is a question, which nobody answers here; `sow task ask` asks a person"
        if not reason:
            choice = acp_choice.allowed(options)
            if choice.option is None:
                reason = "the agent offers no way to allow it"
        if reason and self.options.asks:
            async with self._one_question:
                return await self._ask_person(tool, call, options)
        if reason:
            choice = acp_choice.refused(options)
            self._refuse(f"{tool}: {what} ({reason})")
            self._tell(type="denied", tool=tool, detail=what, reason=reason)
        return acp_choice.outcome(choice.option)

    def _is_offered(self, call: Mapping[str, Any]) -> bool:
        """Whether it calls a tool of a server that sow itself has offered."""
        name = acp_agents.server(acp_agents.kind(self.options.command), call)
        return any(server["name"] == name for server in self.options.servers)

    async def _ask_person(
        self, tool: str, call: Mapping[str, Any], options: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Holds the request until somebody answers it, or its time is over."""
        self._asked += 1
        name = f"permission-{self._asked}"
        what, shown = acp_rules.detail(call), acp_rules.whole(call)
        is_question = acp_choice.is_question(options)
        doing = "" if is_question else f" to {_DOING.get(tool, 'use a tool')}"
        question = f"The agent asks{doing}: {shown or 'it does not say what'}"
        # Each has one, so that they are numbered as they are.
        names = tuple(one_line(words(option.get("name"))) or "?" for option in options)
        if choice := self._answered_before(question, options):
            self._tell(type="answered", id=name, text=choice.said, allowed=choice.allows)
            if not choice.allows:
                self._refuse(f"{tool}: {what} (a person said no)")
            return acp_choice.outcome(choice.option)
        asking = inbox.Asking(
            str(self.options.scratch / "inbox"), inbox.Question(name, question, names, "permission")
        )
        self._tell(type="asked", id=name, question=question, options=list(names))
        answer = await self._heard(asking)
        if answer is None and self.over.is_set():
            return acp_choice.outcome(None)  # nobody was asked in vain: the question stays, for a resume
        if answer is None or answer.refuses:
            reason = answer.text if answer else f"nobody answered in {self.options.wait_seconds:g} s"
            self._tell(type="answered", id=name, text="")
            self._tell(type="denied", tool=tool, detail=what, reason=reason)
            self._refuse(f"{tool}: {what} ({reason})")
            return acp_choice.outcome(acp_choice.refused(options).option)
        choice = acp_choice.chosen(answer.text, options)
        if not choice.allows:
            self._refuse(f"{tool}: {what} (a person said no)")
        if choice.words:
            told = "was asked for you" if is_question else "did not allow what you asked for"
            self.prompts.append(f"A person {told} ({question}), and says:\n\n{choice.words}")
        self._tell(type="answered", id=name, text=answer.text, allowed=choice.allows)
        if choice.words and self._connection:
            # The words are for now, and not for when it has gone on without them and handed in.
            await self._connection.send_notification(
                AGENT_METHODS["session_cancel"], {"sessionId": self._session}
            )
            return acp_choice.outcome(None)
        return acp_choice.outcome(choice.option)

    def _answered_before(
        self, question: str, options: Sequence[Mapping[str, Any]]
    ) -> acp_choice.Choice | None:
        """What was answered to the same request of a process that had gone by then; it holds once."""
        if question.endswith(acp_rules.NOT_SHOWN):
            return None  # what was not shown may be another one
        for folder in self.options.late:
            for asked, answer in inbox.late(folder):
                if asked.kind != "permission" or asked.text != question:
                    continue
                choice = acp_choice.again(answer.text, asked.options, options)
                if choice and inbox.take(folder, asked.name):
                    return choice
        return None

    def _refuse(self, line: str) -> None:
        self._refused.append(line)
        self._silenced = True

    async def _heard(self, asking: inbox.Asking) -> inbox.Answer | None:
        end = time.monotonic() + self.options.wait_seconds
        changes = _Changes(str(self.options.scratch / "inbox"))
        try:
            answer = None
            while (left := end - time.monotonic()) > 0 and not self.over.is_set():
                if answer := asking.answer():
                    break
                await _first(changes.seen(), self.over.wait(), seconds=left)
            if self.over.is_set() and (answer := asking.answer()) is None:
                asking.leave()
                return None
            return answer or asking.close()
        finally:
            changes.close()

    # -- telling ------------------------------------------------------------------------------

    def _tell(self, **event: object) -> None:
        """One line of JSON, at once; in ASCII, so that no locale can break it."""
        line = memoryview(json.dumps(event).encode() + b"\n")
        while line:
            line = line[os.write(1, line) :]


_CLIENT = {
    "protocolVersion": PROTOCOL_VERSION,
    "clientCapabilities": {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False},
    "clientInfo": {"name": "sow", "title": "sow", "version": "1"},
}

_DOING = {
    "execute": "run",
    "edit": "edit",
    "delete": "delete",
    "move": "move",
    "read": "read",
    "search": "search",
    "fetch": "fetch",
    "switch_mode": "go on with",
}
"""Kinds of tool calls in words."""


class _Changes:
    """Changes in a folder, seen by inotify; where the kernel has none left, four times a second."""

    def __init__(self, folder: str) -> None:
        from inotify_simple import INotify, flags

        self._seen = asyncio.Event()
        self._inotify: Any = None
        try:
            self._inotify = INotify(nonblocking=True)
            self._inotify.add_watch(folder, flags.MOVED_TO | flags.CLOSE_WRITE)
            asyncio.get_running_loop().add_reader(self._inotify.fileno(), self._read)
        except OSError:
            self.close()

    async def seen(self) -> None:
        if self._inotify is None:
            await asyncio.sleep(0.25)
            return
        await self._seen.wait()
        self._seen.clear()

    def close(self) -> None:
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    def _read(self) -> None:
        self._inotify.read(timeout=0)
        self._seen.set()


async def _first(*waits: Awaitable[object], seconds: float) -> None:
    """Waits for one of some, or for a time."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _of_quota(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What was used, as some agents tell it beside the protocol."""
    counts = table(table(meta.get("quota")).get("token_count"))
    return (
        {"inputTokens": counts.get("input_tokens"), "outputTokens": counts.get("output_tokens")}
        if counts
        else {}
    )


def _cut(value: Any, longest: int, depth: int = 8) -> Any:
    """A value for the transcript: long texts shortened, for the traffic has them whole."""
    if isinstance(value, str):
        return value if len(value) <= longest else f"{value[: longest // 2]} … {value[-longest // 2 :]}"
    if depth == 0:
        return None
    if isinstance(value, dict):
        return {key: _cut(each, longest, depth - 1) for key, each in list(value.items())[:100]}
    if isinstance(value, list):
        return [_cut(each, longest, depth - 1) for each in value[:100]]
    return value


# -- the program -----------------------------------------------------------------------------------


def main(argv: Sequence[str]) -> int:
    """Plays one turn, its prompt on standard input; the exit code."""
    return asyncio.run(_main(_options(argv)))


async def _main(options: Options) -> int:
    # What the library would log of a broken pipe is told in a line of ours.
    logging.disable()
    prompt = sys.stdin.buffer.read().decode("utf-8", "replace")
    bridge = Bridge(options, [prompt])
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, bridge.stop, number)
    return await bridge.run()


def _options(argv: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="acp_bridge", usage="%(prog)s [options] --command PROGRAM ...", allow_abbrev=False
    )
    parser.add_argument("--scratch", required=True, type=Path, help="the attempt's folder")
    parser.add_argument("--resume", default="", metavar="ID", help="the session to go on with")
    parser.add_argument("--yolo", action="store_true", help="allow whatever is asked for")
    parser.add_argument("--ask", action="store_true", help="ask a person what no rule allows")
    parser.add_argument("--wait", type=float, default=3600.0, metavar="SECONDS", help="for an answer")
    parser.add_argument("--grace", type=float, default=8.0, metavar="SECONDS", help="from TERM to KILL")
    parser.add_argument("--late", action="append", default=[], metavar="INBOX")
    parser.add_argument("--writable", action="append", default=[], metavar="FOLDER")
    parser.add_argument("--allow", action="append", default=[], metavar="COMMAND")
    parser.add_argument("--server", action="append", default=[], type=json.loads, metavar="JSON")
    for name in ("--mode", "--model", "--auth"):
        parser.add_argument(name, default="")
    at = [*argv, "--command"].index("--command")
    given = parser.parse_args(argv[:at])
    if not (command := tuple(argv[at + 1 :])):
        parser.error("behind --command stands that of the agent")
    scratch = given.scratch.absolute()
    rules = Rules(
        folder=os.getcwd(),
        writable=tuple(given.writable),
        commands=tuple(given.allow),
        # An agent that may write to its own inbox would answer itself.
        closed=str(scratch.parent),
        open_again=str(scratch / "outbox"),
    )
    return Options(
        scratch, command, given.resume, given.yolo, given.ask, given.wait, given.grace,
        given.mode, given.model, given.auth, rules, tuple(given.late), tuple(given.server),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
