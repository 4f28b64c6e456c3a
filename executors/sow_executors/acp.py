"""Any agent that speaks the Agent Client Protocol on its standard streams (https://agentclientprotocol.com).

    command: [gemini, --acp]
    permissions: ask

The protocol wants a client that lives and answers, so an attempt runs our bridge,
which runs the agent. What is read here is what the bridge tells, a line a happening.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sow_executors import acp_agents, codex_limits, ends, offered, resets, settings
from sow_executors.acp_rules import command, detail
from sow_executors.base import (
    Answered,
    Asked,
    BadSettings,
    Command,
    Denied,
    Failed,
    Finished,
    Kind,
    Limited,
    Report,
    Returned,
    Said,
    SessionIds,
    Spent,
    Started,
    Turn,
    Used,
)
from sow_executors.extras import Offline
from sow_executors.lines import Pieces, amount, count, one_line, parse, table, words

BRIDGE = str(Path(__file__).with_name("acp_bridge.py"))

SETTINGS = (
    "command",
    "yolo_mode",
    "permissions",
    "wait_seconds",
    "mode",
    "model",
    "auth",
    "attach_argv",
    "environment",
)


class Acp:
    """Runs the agent that `command` names; settings are told in docs/howto/run-any-acp-agent.md.

    With `yolo_mode` off, edits in the folders of the turn and its `allowed_commands`
    are allowed. What else the agent asks for is refused and reported as `Denied`, or
    with `permissions: ask` held by the bridge and reported as `Asked`.
    """

    name = "acp"
    ids: SessionIds = "theirs"
    takes_settings = True

    def __init__(self, given: Mapping[str, object] | None = None) -> None:
        """Raises BadSettings, as every method that reads settings does."""
        self.environment = settings.strings(given or {}, "environment")

    def program(self, settings: Mapping[str, object]) -> tuple[str, ...]:
        return (_command(settings)[0],)

    def accepts(self, session_id: str) -> bool:
        """Any id that can stand in an argument and is no option."""
        return session_id.isprintable() and 0 < len(session_id) <= 1000 and session_id[0] != "-"

    def spawn(self, turn: Turn) -> Command:
        return self._bridged(turn, ())

    def resume(self, turn: Turn) -> Command:
        if turn.session_id is None:
            raise ValueError("a turn of acp that goes on needs its session id")
        return self._bridged(turn, ("--resume", turn.session_id))

    def attach(self, turn: Turn) -> Command:
        """The protocol has no terminal; another program of the agent's may open its sessions."""
        argv = settings.strings(turn.settings, "attach_argv")
        if not argv:
            told = "acp has no attach_argv: how a person opens a session of this agent is not known"
            raise BadSettings(told, "attach_argv")
        filled = tuple(word.replace("{session_id}", turn.session_id or "") for word in argv)
        return Command((*filled, *turn.custom_args), turn.folder)

    def reader(self, session_id: str | None) -> AcpReader:
        return AcpReader(session_id)

    def reader_after(self, session_id: str, spent: Spent) -> AcpReader:
        return AcpReader(session_id, spent)

    def behind(self, settings: Mapping[str, object]) -> str:
        return acp_agents.kind(_command(settings))

    def offers_tools(self, settings: Mapping[str, object], env: Mapping[str, str], scratch: str) -> bool:
        """Always: the protocol names servers when a session is opened, beside those of the agent's own."""
        return True

    def offline(self, settings: Mapping[str, object], home: str, url: str) -> Offline | None:
        """For the agents that are known by their programs; None for any other."""
        from sow_executors.model_server.acp import offline

        return offline(_command(settings), settings, home, url)

    def _bridged(self, turn: Turn, opening: tuple[str, ...]) -> Command:
        given = turn.settings
        settings.only("acp", given, SETTINGS)
        # -P keeps the worktree's own modules out; the bridge adds its package by its path.
        argv = [sys.executable, "-P", BRIDGE, f"--scratch={turn.scratch}", *opening]
        argv.append(f"--grace={turn.grace_seconds:g}")
        if settings.flag(given, "yolo_mode"):
            argv.append("--yolo")
        if settings.choice(given, "permissions", ("rules", "ask")) == "ask":
            argv.append("--ask")
        if wait := settings.number(given, "wait_seconds", whole=False):
            argv.append(f"--wait={wait}")
        argv += [f"--late={folder}" for folder in turn.late_answers]
        argv += [f"--writable={folder}" for folder in turn.writable]
        argv += [f"--allow={command}" for command in turn.allowed_commands]
        argv += [
            f"--{key}={value}" for key in ("mode", "model", "auth") if (value := settings.word(given, key))
        ]
        if turn.tools:
            argv.append(f"--server={json.dumps(offered.over_acp(turn.tools))}")
        settings.strings(given, "attach_argv")
        return Command(
            (*argv, "--command", *_command(given), *turn.custom_args), turn.folder, stdin=turn.prompt
        )


def _command(given: Mapping[str, object]) -> tuple[str, ...]:
    argv = settings.strings(given, "command")
    if not argv or not argv[0].strip():
        told = "acp needs command: the agent's program and its arguments, such as [gemini, --acp]"
        raise BadSettings(told, "command")
    if argv[0].startswith("-"):
        raise BadSettings(f"command begins with the agent's program, not with {argv[0]!r}", "command")
    return argv


class AcpReader:
    """Folds the lines of one bridge; see `sow_executors.base.Reader`."""

    def __init__(self, session_id: str | None, spent: Spent | None = None) -> None:
        """`spent`: what the session had used before."""
        self._expected = session_id
        self._session = self._model = ""
        self._agent = "the agent"
        self._ended: Mapping[str, Any] | None = None
        self._fault: Mapping[str, Any] | None = None
        self._pieces = Pieces()
        """What was said so far of a message, which comes in pieces."""
        self._message = ""
        """The id of that message, where the agent gives one."""
        self._last = ""
        self._early: dict[str, dict[str, Any]] = {}
        """Calls that began without a word of what they are about; it mostly follows."""
        self._open: set[str] = set()
        self._seen: set[str] = set()
        self._turns = 0
        self._broken = False
        """The agent said by a sign of its own that this prompt met an error."""
        self._total = (spent.usd if spent else None) or 0.0
        """What the session has cost in all, by what was told so far; tokens are told by the prompt."""

    def read(self, line: str) -> list[Report]:
        event = parse(line)
        if event is None:
            return []
        match event.get("type"):
            case "update":
                return self._update(table(event.get("update")))
            case "session":
                return self._started(event)
            case "prompt":
                self._turns += 1
                self._ended = None
                return []
            case "denied":
                tool, what, why = (words(event.get(key)) for key in ("tool", "detail", "reason"))
                return [*self._flush(), Denied(tool or "tool", one_line(what), one_line(why))]
            case "asked":
                return [*self._flush(), *_asked(event)]
            case "answered":
                return [Answered(words(event.get("id")), words(event.get("text")))]
            case "ended":
                return self._end_of_prompt(event)
            case "failed" | "died" | "stopped":
                self._fault = event
                return [*self._flush(), *self._limited(self._failure(event, None, ""))]
            case _:
                return []

    def end(self, exit_code: int | None, stderr: str) -> Finished | Failed:
        self._flush()
        if self._fault is not None:
            return self._failure(self._fault, exit_code, stderr)
        if self._ended is None:
            return ends.failed(self._agent, exit_code, stderr)
        if self._expected and self._session and self._session != self._expected:
            told = f"{self._agent} worked in session {self._session}, not in {self._expected}"
            return Failed("session_not_found", told)
        return self._outcome(words(self._ended.get("stop_reason")))

    def _started(self, event: Mapping[str, Any]) -> list[Report]:
        self._session = words(event.get("session_id"))
        self._agent = words(event.get("agent")) or self._agent
        if not self._session:
            return []
        self._model = words(event.get("model"))
        return [Started(self._session, self._model, words(event.get("version")))]

    def _update(self, update: Mapping[str, Any]) -> list[Report]:
        match update.get("sessionUpdate"):
            case "agent_message_chunk":
                return self._piece(update)
            case "tool_call" | "tool_call_update":
                return [*self._flush(), *self._called(update)]
            case "usage_update":
                cost = table(update.get("cost"))
                usd = amount(cost.get("amount")) if cost.get("currency", "USD") == "USD" else None
                return self._spent(usd)
            case "agent_thought_chunk" | "plan":
                return self._flush()
            case "session_info_update":
                status = table(table(table(update.get("_meta")).get("codex")).get("threadStatus"))
                if status:
                    self._broken = status.get("type") == "systemError"
                return []
            case _:
                return []

    def _piece(self, update: Mapping[str, Any]) -> list[Report]:
        content, message = table(update.get("content")), words(update.get("messageId"))
        before = self._flush() if message != self._message else []
        self._message = message
        if content.get("type") == "text" and self._pieces.add(words(content.get("text"))):
            return [*before, *self._flush()]
        return before

    def _flush(self) -> list[Report]:
        """Says the message that came in pieces, now that it is whole."""
        text = self._pieces.take().strip()
        if not text:
            return []
        self._last = text
        return [Said(text)]

    def _called(self, update: Mapping[str, Any]) -> list[Report]:
        call, status = words(update.get("toolCallId")), update.get("status")
        known = self._early.pop(call, None)
        whole = {**(known or {}), **{key: value for key, value in update.items() if value is not None}}
        reports: list[Report] = []
        begins = update.get("sessionUpdate") == "tool_call" or status in ("completed", "failed")
        if known is not None or (begins and call not in self._seen):
            vague = not table(whole.get("rawInput")) or (
                whole.get("kind") == "execute" and not command(whole)
            )
            if vague and status == "pending":
                self._early[call] = whole
                return []
            reports += self._used(call, whole)
        if status in ("completed", "failed") and call in self._open:
            self._open.discard(call)
            reports.append(Returned(call, ok=status == "completed"))
        return reports

    def _used(self, call: str, update: Mapping[str, Any]) -> list[Report]:
        self._open.add(call)
        self._seen.add(call)
        return [Used(words(update.get("kind")) or "tool", detail(update), call)]

    def _end_of_prompt(self, event: Mapping[str, Any]) -> list[Report]:
        said = self._flush()
        for call, update in self._early.items():
            said += self._used(call, update)
        self._early.clear()
        usage = table(event.get("usage"))
        if usage:
            spent = Spent(
                count(usage.get("inputTokens")) + count(usage.get("cachedWriteTokens")),
                count(usage.get("outputTokens")),
                count(usage.get("cachedReadTokens")),
            )
            said += [] if spent == Spent() else [spent]
        if event.get("more") is True:
            return said
        self._ended = event
        # Told at once, for the agent may not end after it.
        outcome = self.end(0, "")
        return [*said, *self._limited(outcome), outcome]

    def _spent(self, usd: float | None) -> list[Report]:
        """What was spent since the last time: agents tell what their session came to in all."""
        if usd is None:
            return []
        # A total that is smaller than before was begun anew.
        since = usd - self._total if usd >= self._total else usd
        self._total = usd
        return [Spent(usd=since)] if since else []

    def _limited(self, outcome: Finished | Failed) -> list[Report]:
        """The limit that was met, by the name that the CLI has for it where it is one of several."""
        if not isinstance(outcome, Failed) or outcome.kind != "usage_limit":
            return []
        if "on this model" in outcome.message and (model := self._model.lower()):
            return [Limited("rejected", outcome.resets_at, f"{model}_quota", model=model)]
        found = _ONE_OF_ITS_LIMITS.search(outcome.message)
        if found is None or found[1] not in _LIMITS:
            return [codex_limits.rejected(outcome.message, outcome.resets_at)]
        name, model = _LIMITS[found[1]]
        return [Limited("rejected", outcome.resets_at, name, model=model)]

    def _outcome(self, reason: str) -> Finished | Failed:
        if reason == "cancelled" and self._ended and self._ended.get("refused") is True:
            told = f"{self._agent} stopped, for it was not allowed what it asked for"
            return Failed("tool_permission_denied", told)
        if kind := _STOPPED.get(reason):
            return Failed(kind, f"{self._agent} stopped: {reason.replace('_', ' ')}")
        if reason != "end_turn":
            return Failed("unknown", f"{self._agent} stopped for a reason of its own: {reason or 'none'}")
        if self._broken:
            told = ends.last_words(self._last) or f"{self._agent} met an error"
            return _failed(_by_text(self._last), told, self._ended or {})
        if found := _BANNER.search(self._last):
            return Failed("rate_limit", one_line(found[0]))
        return Finished(self._last, self._turns)

    def _failure(self, fault: Mapping[str, Any], exit_code: int | None, stderr: str) -> Failed:
        if fault.get("type") == "stopped":
            return Failed("interrupted", f"{self._agent} was ended by {words(fault.get('signal'))}")
        if fault.get("type") == "died":
            code = fault.get("exit_code")
            left = code if isinstance(code, int) and not isinstance(code, bool) else exit_code
            if left == 0:
                told = f"{self._agent} ended in the middle of its turn\n{ends.last_words(stderr)}".rstrip()
                return Failed("unknown", told)
            return ends.failed(self._agent, left, stderr)
        message, data = words(fault.get("message")), table(fault.get("data"))
        kind = _kind(fault, message, data)
        details = words(data.get("details")) or words(data.get("message"))
        told = f"{message}: {details}" if details and details not in message else message
        return _failed(kind, ends.last_words(told) or f"{self._agent} told an error without a word", fault)


def _failed(kind: Kind, message: str, event: Mapping[str, Any]) -> Failed:
    """A failure that `event` told, with the end of the limit that it met, where its words name one."""
    if kind not in ("usage_limit", "rate_limit"):
        return Failed(kind, message)
    at = amount(event.get("at"))
    return Failed(kind, message, resets.told(message, time.time() if at is None else at))


_ONE_OF_ITS_LIMITS = re.compile(r"hit your (\S+) limit")

_LIMITS: Mapping[str, tuple[str, str]] = {
    "5-hour": ("five_hour", ""),
    "weekly": ("seven_day", ""),
    "Opus": ("seven_day_opus", "opus"),
    "Sonnet": ("seven_day_sonnet", "sonnet"),
}
"""Limits by what Claude Code calls them to people: its own names for them, and whose model each is for."""


def _asked(event: Mapping[str, Any]) -> list[Report]:
    options = event.get("options")
    names = tuple(name for each in options if (name := words(each))) if isinstance(options, list) else ()
    question, held = words(event.get("question")), words(event.get("id"))
    return [Asked(question, names, "permission", held)] if question and held else []


_STOPPED: dict[str, Kind] = {
    "cancelled": "interrupted",
    "max_tokens": "output_limit",
    "max_turn_requests": "max_turns",
    "refusal": "content_filter",
}
"""Why a turn ended that did not come to its end."""

_BANNER = re.compile(r"\n\nError: \w+: \[resource_exhausted\] Error\s*$")
"""What some agents put behind their last words instead of an error."""

_ERRORS: dict[str, Kind] = {
    "authentication_failed": "auth_invalid",
    "oauth_org_not_allowed": "access_denied",
    "billing_error": "billing_exhausted",
    "rate_limit": "rate_limit",
    "usage_limit_reached": "usage_limit",
    "overloaded": "overloaded",
    "server_error": "server_error",
    "connection_failed": "network",
    "invalid_request": "invalid_request",
    "model_not_found": "model_not_found",
    "max_output_tokens": "output_limit",
    "prompt_too_long": "context_overflow",
}
"""What `data.errorKind` of an internal error says, where an agent gives it."""

_TEXT: tuple[tuple[str, Kind], ...] = (
    (r"hit your (\S+ ){0,4}limit|usage limit|quota will reset after", "usage_limit"),
    (
        r"\b401\b|[Uu]nauthorized|(Invalid|Incorrect) API key|Not logged in"
        r"|[Aa]uthentication (required|failed)",
        "auth_invalid",
    ),
    (r"Credit balance is too low|Quota exceeded|insufficient_quota", "billing_exhausted"),
    (r"\b529\b|[Oo]verloaded|at capacity", "overloaded"),
    (r"\b429\b|Too Many Requests|resource_exhausted|rate limit", "rate_limit"),
    (r"Prompt is too long|context (window|length)|ran out of room", "context_overflow"),
    (r"(Cannot|Unable to) connect|ECONN\w+|ENOTFOUND|EAI_AGAIN|getaddrinfo|Connection refused", "network"),
    (r"\b50[0-4]\b|[Ii]nternal [Ss]erver [Ee]rror|high demand", "server_error"),
)
"""Signatures in messages, where nothing better tells the class of an error."""

_NO_SESSION = re.compile(
    r"not found|no (such|previous|rollout|conversation)|unknown session|[Ii]nvalid session|does not exist",
    re.IGNORECASE,
)


def _kind(fault: Mapping[str, Any], message: str, data: Mapping[str, Any]) -> Kind:
    """The class of an error: by the step that met it, by its code, by what the agent says of it."""
    step, code = words(fault.get("step")), fault.get("code")
    said = f"{message}\n{words(data.get('details'))}\n{words(data.get('message'))}"
    if step == "start":
        return "missing_tool"
    if code == -32000 or step == "authenticate":
        return "auth_invalid"
    lost = code == -32002 or data.get("service") == "session" or _NO_SESSION.search(said)
    if step in ("session/resume", "session/load") and lost:
        return "session_not_found"
    if step in ("session/set_mode", "session/set_model", "configuration"):
        return "config_invalid"
    kind = _ERRORS.get(words(data.get("errorKind")))
    if kind == "rate_limit" and _by_text(said) == "usage_limit":
        return "usage_limit"  # a subscription's, which Claude Code names by the class of both
    if kind:
        return "overloaded" if kind == "server_error" and re.search(r"\b529\b|[Oo]verloaded", said) else kind
    return _by_text(said)


def _by_text(said: str) -> Kind:
    return ends.kind_by_words(said, _TEXT) or "unknown"
