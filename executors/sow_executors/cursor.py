"""Cursor's CLI: one headless turn, in a chat whose id is ours, always in the same workspace.

Written against its documentation and recorded runs of 2026.08 to 2026.10; the
real program needs Cursor's own servers. What it promises is kept by the stand-in
`tests/agents/cursor_agent.py`. A chat id that it never saw is adopted, so a spawn and
a resume are one command; `knows` tells whether a chat is still there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sow_executors import ends, settings
from sow_executors.base import (
    Command,
    Denied,
    Failed,
    Finished,
    Kind,
    Report,
    Returned,
    Said,
    SessionIds,
    Spent,
    Started,
    Turn,
    Used,
)
from sow_executors.extras import Answer, Login
from sow_executors.lines import (
    MOST_PIECES,
    count,
    detail,
    is_uuid,
    one_line,
    parse,
    table,
    tables,
    uncoloured,
    words,
)

_VERSION = re.compile(r"^20\d\d\.\d\d\.\d\d-\S+", re.MULTILINE)

_KEYS = ("CURSOR_API_KEY", "CURSOR_AUTH_TOKEN")

_SETTINGS = ("yolo_mode", "model", "program")

_OURS = frozenset(
    [
        *("-p", "--print", "--output-format", "--workspace", "--trust", "--resume", "--continue"),
        *("--mode", "--plan", "-w", "--worktree", "--worktree-base", "--skip-worktree-setup"),
    ]
)

_TELLING = ("command", "path", "filePath", "globPattern", "pattern", "query", "url", "toolName", "name")

_KEPT_LINES = 20


class Cursor:
    """Runs `cursor-agent -p`. Settings: `yolo_mode`, `model`, `program`.

    With `yolo_mode` off the workspace is trusted, so edits run, and Cursor refuses
    shell commands by its own rules: a command of the turn's `allowed_commands` runs
    only where the user's `cli-config.json` or the workspace's `.cursor/cli.json`
    allows it (`Shell(sow)`), for the program takes no such rule as an argument.
    """

    name = "cursor"
    ids: SessionIds = "ours"
    environment: tuple[str, ...] = ("CURSOR_*",)

    def refuses_commands(self, settings: Mapping[str, object]) -> bool:
        """Whether shell commands are refused, but for rules in the user's own configuration."""
        return not settings.get("yolo_mode")

    def program(self, settings: Mapping[str, object]) -> tuple[str, ...]:
        """Its own name first: other programs are called `agent` too."""
        named = _program(settings)
        return (named,) if named else ("cursor-agent", "agent")

    def accepts(self, session_id: str) -> bool:
        """A UUID: only such a new id was seen to be adopted."""
        return is_uuid(session_id)

    def spawn(self, turn: Turn) -> Command:
        return self._headless(turn)

    def resume(self, turn: Turn) -> Command:
        return self._headless(turn)

    def attach(self, turn: Turn) -> Command:
        return Command((self._name(turn), *_options(turn)), turn.folder)

    def reader(self, session_id: str | None) -> CursorReader:
        return CursorReader(session_id)

    def knows(self, session_id: str, env: Mapping[str, str]) -> bool:
        """Whether the chat is in Cursor's store; a resume of a lost one would silently begin a new one."""
        homes = [Path(env.get("HOME") or Path.home()) / ".cursor"]
        if own := env.get("CURSOR_CONFIG_DIR"):
            homes.insert(0, Path(own))
        # One folder per workspace, named by a hash that we need not know.
        kept = (chat for home in homes for chat in (home / "chats").glob(f"*/{session_id}"))
        return self.accepts(session_id) and any(kept)

    def asks_version(self, program: str, folder: str) -> Command:
        return Command((program, "--version"), folder)

    def version(self, answer: Answer) -> str:
        found = _VERSION.search(answer.out)
        return found[0] if found else ""

    def asks_login(self, program: str, folder: str) -> Command:
        return Command((program, "status"), folder, env={"NO_OPEN_BROWSER": "1"})

    def login(self, answer: Answer, env: Mapping[str, str]) -> Login:
        """By the words: it exits with 0 either way, and knows nothing of a key in a variable."""
        if key := next((name for name in _KEYS if env.get(name)), ""):
            return Login(True, f"api_key from {key}")
        said = uncoloured(f"{answer.out}\n{answer.err}").lower()
        # The first of them contains the second.
        if "not logged in" in said or "authentication required" in said:
            return Login(False)
        return Login(True, "account") if "logged in" in said else Login(None)

    def logs_in(self, program: str) -> tuple[str, ...]:
        return (program, "login")

    def _headless(self, turn: Turn) -> Command:
        how = ("-p", "--output-format", "stream-json", "--trust")
        # By standard input: an argument ends at 128 KiB, and a prompt may begin with a dash.
        return Command((self._name(turn), *how, *_options(turn)), turn.folder, stdin=turn.prompt)

    def _name(self, turn: Turn) -> str:
        return self.program(turn.settings)[0]


def _program(given: Mapping[str, object]) -> str:
    return settings.word(given, "program")


def _options(turn: Turn) -> tuple[str, ...]:
    if turn.session_id is None:
        raise ValueError("a turn of cursor needs its session id beforehand")
    given = turn.settings
    settings.only("cursor", given, _SETTINGS)
    options = ["--force"] if settings.flag(given, "yolo_mode") else []
    options += ["--workspace", turn.folder]
    if model := settings.word(given, "model"):
        options += ["--model", model]
    # Its value is optional, so it stands right behind.
    options += ["--resume", turn.session_id]
    return (*options, *settings.spare("cursor", turn.custom_args, _OURS))


class CursorReader:
    """Folds the stream of one attempt; see `sow_executors.base.Reader`."""

    def __init__(self, session_id: str | None) -> None:
        self._expected = session_id
        self._session: str | None = None
        self._result: Mapping[str, Any] | None = None
        self._last = ""
        self._pieces = ""
        """What was said so far of a message that comes in pieces."""
        self._noise: list[str] = []

    def read(self, line: str) -> list[Report]:
        event = parse(line)
        if event is None:
            # A failure is told in plain words, on one stream or the other.
            self._noise = [*self._noise, line[:1000]][-_KEPT_LINES:]
            return []
        match event.get("type"):
            case "system" if event.get("subtype") == "init":
                return self._started(event)
            case "assistant":
                return self._assistant(event)
            case "tool_call":
                return [*self._flush(), *_tool(event)]
            case "result":
                self._result = event
                self._session = words(event.get("session_id")) or self._session
                # Told at once, for the program may not end after it.
                return [*self._flush(), *_spent(event), self.end(0, "")]
            case _:
                return []

    def end(self, exit_code: int | None, stderr: str) -> Finished | Failed:
        result = self._result
        said = "\n".join([words(stderr), *map(words, self._noise)])
        if result is None:
            # A signal is more certain than words that were printed before it.
            if ends.signal_of(exit_code) is None and (kind := _by_text(said)):
                return Failed(kind, ends.last_words(said))
            if exit_code == 0:
                return Failed("unknown", f"cursor ended without a result\n{ends.last_words(said)}".rstrip())
            return ends.failed("cursor", exit_code, said)
        if result.get("is_error") is True or result.get("subtype") != "success":
            message = ends.last_words(words(result.get("result")) or said)
            kind = _by_text(f"{message}\n{said}") or "unknown"
            return Failed(kind, message or "cursor told an error without a word")
        if self._expected and self._session and self._session != self._expected:
            told = f"cursor worked in session {self._session}, not in {self._expected}"
            return Failed("session_not_found", told)
        # The result repeats everything that was said; a person wants the end of it.
        return Finished(self._last or words(result.get("result")))

    def _started(self, event: Mapping[str, Any]) -> list[Report]:
        self._session = words(event.get("session_id")) or self._session
        return [Started(self._session, words(event.get("model")))] if self._session else []

    def _assistant(self, event: Mapping[str, Any]) -> list[Report]:
        content = tables(table(event.get("message")).get("content"))
        text = "".join(words(block.get("text")) for block in content if block.get("type") == "text")
        if "timestamp_ms" in event and "model_call_id" not in event:
            # A piece, under --stream-partial-output; the whole follows.
            if len(self._pieces) < MOST_PIECES:
                self._pieces += text
            return []
        if text.startswith(self._pieces):
            self._pieces = ""
        flushed = self._flush()
        return [*flushed, *self._say(text)]

    def _flush(self) -> list[Report]:
        """Says the pieces of a message whose whole did not follow."""
        text, self._pieces = self._pieces, ""
        return self._say(text)

    def _say(self, text: str) -> list[Report]:
        if not text.strip():
            return []
        self._last = text
        return [Said(text)]


def _tool(event: Mapping[str, Any]) -> list[Report]:
    call = words(event.get("call_id"))
    name, body = _called(table(event.get("tool_call")))
    told = detail(table(body.get("args")), _TELLING)
    if event.get("subtype") == "started":
        return [Used(name, told, call)]
    if event.get("subtype") != "completed":
        return []
    outcome = table(body.get("result"))
    if "rejected" in outcome:
        reason = one_line(words(table(outcome["rejected"]).get("reason")))
        return [Denied(name, told, reason), Returned(call, ok=False)]
    success = outcome.get("success")
    ok = isinstance(success, dict) and not success.get("exitCode")
    return [Returned(call, ok=ok)]


def _called(call: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The tool's name and body: `shellToolCall: {…}`, or `function: {name, arguments}`."""
    for key, body in call.items():
        if key.endswith("ToolCall") and isinstance(body, dict):
            return words(key.removesuffix("ToolCall")), body
    function = table(call.get("function"))
    given = parse(words(function.get("arguments"))) or {}
    return words(function.get("name")) or "tool", {**function, "args": given}


def _spent(event: Mapping[str, Any]) -> list[Report]:
    """The tokens of the run; Cursor names no price."""
    usage = table(event.get("usage"))
    spent = Spent(
        count(usage.get("inputTokens")) + count(usage.get("cacheWriteTokens")),
        count(usage.get("outputTokens")),
        count(usage.get("cacheReadTokens")),
    )
    return [] if spent == Spent() else [spent]


_TEXT: tuple[tuple[str, Kind], ...] = (
    (r"getaddrinfo|ENOTFOUND|ECONN\w+|EAI_AGAIN|\[unavailable\]", "network"),
    (r"Workspace Trust Required", "config_invalid"),
    (r"unknown option|error: option", "config_invalid"),
    (r"Authentication required|Not logged in|\[unauthenticated\]", "auth_invalid"),
    (r"Cannot use this model", "model_not_found"),
    # Gone until the month ends or somebody pays: no limit to wait for, but a choice for a person.
    (r"hit your (\w+ ){0,4}limit|out of usage|Increase limits|ActionRequiredError", "billing_exhausted"),
    (r"\[resource_exhausted\]", "rate_limit"),
)
"""Signatures of failures, which Cursor tells in words only.

The network comes first: where it is down, a lost login is told of too.
"""


def _by_text(text: str) -> Kind | None:
    return ends.kind_by_words(text, _TEXT)
