"""Gemini CLI: one headless turn in a session whose id is ours, told by its stream of JSON.

Written against 0.61.0 and measured on the real program (`tests/real/`). One
result comes at the most, at the end; of an API's error it tells the words alone,
and the exit code has the rest of the status (401 comes out as 145, which
elsewhere means a signal). A session belongs to the folder that it was opened in.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sow_executors import ends, gemini_defaults, offered, resets, settings
from sow_executors.base import (
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
from sow_executors.counting import Counted
from sow_executors.extras import Answer, Login, Offline
from sow_executors.lines import Pieces, count, detail, is_uuid, one_line, parse, table, uncoloured, words

_VERSION = re.compile(r"^\d+\.\d+\.\d+\S*$", re.MULTILINE)

_TRUSTED = {"GEMINI_CLI_TRUST_WORKSPACE": "true"}
"""For this process alone: without it a folder that nobody trusted by hand ends the turn at once."""

_AT_ONCE = {"GEMINI_CLI_NO_RELAUNCH": "true"}
"""It starts itself a second time otherwise, with more memory: half the time that a version takes."""

_SETTINGS = ("yolo_mode", "model", "program")

_OURS = frozenset(
    [
        *("-p", "--prompt", "-i", "--prompt-interactive", "-o", "--output-format"),
        *("--session-id", "-r", "--resume", "--session-file", "-w", "--worktree"),
        *("-y", "--yolo", "--approval-mode", "--admin-policy", "--acp", "--experimental-acp"),
        *("-l", "--list-extensions", "--list-sessions", "--delete-session"),
    ]
)

_TELLING = ("command", "file_path", "dir_path", "pattern", "url", "query", "prompt", "name", "description")
"""Keys of tool inputs, most telling first."""


class Gemini:
    """Runs `gemini`, with its prompt on standard input. Settings: `yolo_mode`, `model`, `program`.

    With `yolo_mode` off, edits run, and shell commands whose every part is one of
    the turn's `allowed_commands`; the rest is refused at once and reported as
    `Denied`. The rules go in as a policy file beside those of the user's own, which
    stay in force: `--policy` would put itself in their place.
    """

    name = "gemini"
    ids: SessionIds = "ours"
    environment: tuple[str, ...] = ("GEMINI_*", "GOOGLE_*", "CODE_ASSIST_*", "CLOUD_SHELL")

    def program(self, settings: Mapping[str, object]) -> tuple[str, ...]:
        return (_program(settings),)

    def accepts(self, session_id: str) -> bool:
        """A UUID; to `--resume`, a number would be a place in a list, and `latest` whatever was last."""
        return is_uuid(session_id)

    def spawn(self, turn: Turn) -> Command:
        return self._headless(turn, "--session-id")

    def resume(self, turn: Turn) -> Command:
        return self._headless(turn, "--resume")

    def attach(self, turn: Turn) -> Command:
        argv = (_program(turn.settings), "--resume", _session(turn), *_options(turn))
        return Command(argv, turn.folder, env=_environment(turn), files=_files(turn))

    def reader(self, session_id: str | None) -> GeminiReader:
        return GeminiReader(session_id)

    def asks_version(self, program: str, folder: str) -> Command:
        return Command((program, "--version"), folder, env=_AT_ONCE)

    def version(self, answer: Answer) -> str:
        found = _VERSION.search(answer.out)
        return found[0] if found else ""

    def asks_login(self, program: str, folder: str) -> None:
        """There is no such command: `login` looks where Gemini itself looks first."""

    def login(self, answer: Answer, env: Mapping[str, str]) -> Login:
        """By the variables and by Gemini's own files; a key in the keyring can't be seen from here."""
        from sow_executors.gemini_login import login

        return login(env)

    def logs_in(self, program: str) -> tuple[str, ...]:
        """It asks how to log in when it is first started, and for `/auth` later."""
        return (program,)

    def offline(self, settings: Mapping[str, object], home: str, url: str) -> Offline:
        from sow_executors.model_server.gemini import offline

        return offline(settings, home, url)

    def record(self, session_id: str, folder: str, env: Mapping[str, str]) -> str:
        """The session's own file, in which each answer has its tokens; the result has their sum alone."""
        from sow_executors import gemini_chats

        return gemini_chats.file(session_id, folder, env)

    def offers_tools(self, settings: Mapping[str, object], env: Mapping[str, str], scratch: str) -> bool:
        """Where Gemini believes a file of defaults of ours, and it takes no other's place."""
        return gemini_defaults.are_ours(scratch, env)

    def _headless(self, turn: Turn, opening: str) -> Command:
        argv = (
            _program(turn.settings),
            *("--output-format=stream-json", opening, _session(turn)),
            *_options(turn),
        )
        return Command(argv, turn.folder, stdin=turn.prompt, env=_environment(turn), files=_files(turn))


def _program(given: Mapping[str, object]) -> str:
    return settings.word(given, "program") or "gemini"


def _session(turn: Turn) -> str:
    if turn.session_id is None:
        raise ValueError("a turn of gemini needs its session id beforehand")
    return turn.session_id


def _options(turn: Turn) -> tuple[str, ...]:
    given = turn.settings
    settings.only("gemini", given, _SETTINGS)
    options = [f"--include-directories={_whole(folder, turn)}" for folder in turn.writable]
    yolo = settings.flag(given, "yolo_mode")
    options.append(f"--approval-mode={'yolo' if yolo else 'auto_edit'}")
    options += [f"--admin-policy={_whole(path, turn)}" for path in _rules(turn)]
    if model := settings.word(given, "model"):
        options.append(f"--model={model}")
    return (*options, *settings.spare("gemini", turn.custom_args, _OURS))


def _whole(path: str, turn: Turn) -> str:
    """A path that its option does not part at a comma, where one stands above the folder."""
    return os.path.relpath(path, turn.folder) if "," in path else path


def _environment(turn: Turn) -> dict[str, str]:
    return {**_TRUSTED, gemini_defaults.VARIABLE: offered.path(turn)} if turn.tools else _TRUSTED


def _files(turn: Turn) -> dict[str, str]:
    return {**_rules(turn), **offered.gemini(turn)}


def _rules(turn: Turn) -> dict[str, str]:
    """The policy file that lets the turn's commands run; none where everything runs."""
    if turn.settings.get("yolo_mode") is True or not turn.allowed_commands:
        return {}
    rules = "\n".join(_rule(command) for command in turn.allowed_commands)
    return {f"{turn.scratch}/policy.toml": rules}


def _rule(command: str) -> str:
    # A JSON string is one of TOML's as long as it is not told in surrogates.
    prefix = json.dumps(command, ensure_ascii=False)
    return (
        f'[[rule]]\ntoolName = "run_shell_command"\ncommandPrefix = {prefix}\n'
        'decision = "allow"\npriority = 1\n'
    )


class GeminiReader:
    """Folds the stream of one attempt; see `sow_executors.base.Reader`."""

    def __init__(self, session_id: str | None) -> None:
        self._expected = session_id
        self._session = self._model = ""
        self._result: Mapping[str, Any] | None = None
        self._fault = ""
        """The last error that it told of before its result."""
        self._pieces = Pieces()
        """What was said so far of a message that comes in pieces."""
        self._last = ""
        self._counted = Counted()
        self._open: dict[str, tuple[str, str]] = {}
        """The tool of each call that has not come back, and what it is about, by the call's id."""

    def read(self, line: str) -> list[Report]:
        event = parse(line)
        if event is None:
            return []
        match event.get("type"):
            case "init":
                return self._started(event)
            case "message" if event.get("role") == "assistant":
                return self._said(event)
            case "tool_use":
                return [*self._flush(), self._used(event)]
            case "tool_result":
                return [*self._flush(), *self._returned(event)]
            case "error":
                return [*self._flush(), *self._noted(event)]
            case "result":
                self._result = event
                # Told at once, for the program may not end after it.
                spent = self._counted.sum(_of_stats(table(event.get("stats"))))
                said, outcome = self._flush(), self.end(0, "")
                return [*said, *spent, *self._limited(outcome), outcome]
            case _:
                return []

    def read_record(self, line: str) -> list[Report]:
        answer = parse(line) or {}
        # What is still on its way is told more than once, by one id.
        if self._result is not None or answer.get("type") != "gemini":
            return []
        return self._counted.part(words(answer.get("id")), _of_answer(table(answer.get("tokens"))))

    def end(self, exit_code: int | None, stderr: str) -> Finished | Failed:
        if self._result is None:
            return self._unfinished(exit_code, stderr)
        # From here on no exit code means a signal: it is what is left of an HTTP status.
        if self._result.get("status") != "success":
            return self._failure(self._result, exit_code, stderr)
        if self._fault and (kind := _by_text(self._fault)):
            return Failed(kind, self._fault)
        if self._expected and self._session and self._session != self._expected:
            told = f"gemini worked in session {self._session}, not in {self._expected}"
            return Failed("session_not_found", told)
        return Finished(self._last)

    def _started(self, event: Mapping[str, Any]) -> list[Report]:
        self._session, self._model = words(event.get("session_id")), words(event.get("model"))
        return [Started(self._session, self._model)] if self._session else []

    def _limited(self, outcome: Finished | Failed) -> list[Report]:
        """The limit that was met: of one model, mostly, while others have more."""
        told = words(table((self._result or {}).get("error")).get("message"))
        # Whether it is a limit at all, the exit code may be the first to tell.
        if not isinstance(outcome, Failed) or not (outcome.kind == "usage_limit" or _QUOTA.search(told)):
            return []
        named = _MODEL.search(told)
        model = (named[1] if named else self._model if _PER_MODEL.search(told) else "").lower()
        return [Limited("rejected", outcome.resets_at, f"{model}_quota" if model else "quota", model=model)]

    def _said(self, event: Mapping[str, Any]) -> list[Report]:
        text = words(event.get("content"))
        is_long = self._pieces.add(text)
        return [] if event.get("delta") is True and not is_long else self._flush()

    def _flush(self) -> list[Report]:
        """Says the message whose pieces have come: nothing marks its last one."""
        text = self._pieces.take()
        if not text.strip():
            return []
        self._last = text
        return [Said(text)]

    def _used(self, event: Mapping[str, Any]) -> Used:
        tool, call = words(event.get("tool_name")), words(event.get("tool_id"))
        told = detail(table(event.get("parameters")), _TELLING)
        self._open[call] = (tool, told)
        return Used(tool, told, call)

    def _returned(self, event: Mapping[str, Any]) -> list[Report]:
        call = words(event.get("tool_id"))
        tool, told = self._open.pop(call, ("", ""))
        if reason := _refusal(event):
            return [Denied(tool, told, one_line(reason)), Returned(call, ok=False)]
        return [Returned(call, ok=event.get("status") == "success")]

    def _noted(self, event: Mapping[str, Any]) -> list[Report]:
        """An error that is no end yet; a warning changes nothing."""
        if event.get("severity") == "error":
            self._fault = ends.last_words(words(event.get("message")))
        return []

    def _unfinished(self, exit_code: int | None, stderr: str) -> Failed:
        # A signal is more certain than words that were printed before it.
        if ends.signal_of(exit_code) is not None or exit_code is None:
            return ends.failed("gemini", exit_code, stderr)
        if kind := _by_text(stderr) or _CODE.get(exit_code):
            return Failed(kind, _first_words(stderr) or f"gemini ended with exit code {exit_code}")
        if exit_code == 0:
            # It takes a signal to end for a reason to end well.
            return Failed("interrupted", "gemini was interrupted before it came to a result")
        return ends.failed("gemini", exit_code, stderr)

    def _failure(self, result: Mapping[str, Any], exit_code: int | None, stderr: str) -> Failed:
        told = words(table(result.get("error")).get("message")) or self._fault
        error = _api_error(told)
        message = ends.last_words(words(error.get("message")) or _BRACKETS.sub(r"\1", told))
        status = count(error.get("code")) or _STATUS_OF.get(exit_code or 0, 0)
        kind = _by_text(told) or _STATUS.get(status) or _CODE.get(exit_code or 0) or "unknown"
        wait = resets.after(told)
        if kind == "rate_limit" and wait is not None and wait > _LONG_SECONDS:
            kind = "usage_limit"
        resets_at = None
        if kind in ("rate_limit", "usage_limit") and wait is not None:
            resets_at = _plus(words(result.get("timestamp")), wait)
        return Failed(kind, message or "gemini told an error without a word", resets_at)


def _refusal(event: Mapping[str, Any]) -> str:
    """Why a tool was refused; empty where it was not."""
    error, output = table(event.get("error")), words(event.get("output"))
    reason = words(error.get("message"))
    if error.get("type") in ("policy_violation", "path_not_in_workspace"):
        return reason or "refused"
    if reason.startswith("Path not in workspace"):
        return reason
    # Told as a success, and in every mode.
    return output if output.startswith("Blocked: command substitution") else ""


def _of_stats(stats: Mapping[str, Any]) -> Spent:
    """The tokens of this process; a resume counts anew, and Gemini names no price."""
    asked, cached = count(stats.get("input_tokens")), count(stats.get("cached"))
    # What it thought is part of the total only, and paid for as what it said.
    said = max(count(stats.get("output_tokens")), count(stats.get("total_tokens")) - asked)
    return Spent(max(asked - cached, 0), said, cached)


def _of_answer(tokens: Mapping[str, Any]) -> Spent:
    """The tokens of one answer of the model's, as Gemini keeps them with it."""
    asked, cached = count(tokens.get("input")) + count(tokens.get("tool")), count(tokens.get("cached"))
    return Spent(max(asked - cached, 0), count(tokens.get("output")) + count(tokens.get("thoughts")), cached)


def _api_error(told: str) -> Mapping[str, Any]:
    """The API's own answer, where it is in the words; empty where they are in plain language."""
    whole = parse(told[told.find("{") : told.rfind("}") + 1]) or {}
    return table(whole.get("error"))


_MODEL = re.compile(r'\bmodel"?: "?(?:models/)?([\w.-]{1,100})')
"""The model that a quota is for, where its refusal names it."""

_QUOTA = re.compile(r"\bquota\b", re.IGNORECASE)

_PER_MODEL = re.compile(r"on this model|PerModel")

_BRACKETS = re.compile(r"\A\[API Error: (.*)\]", re.DOTALL)

_LONG_SECONDS = 300
"""A wait that Gemini does not wait out itself: a quota's, not a burst's."""


def _plus(timestamp: str, wait: float) -> float | None:
    """The time, in seconds since the epoch, `wait` seconds after a time that Gemini wrote down."""
    try:
        return datetime.fromisoformat(timestamp).timestamp() + wait
    except (ValueError, OverflowError, OSError):
        return None


def _first_words(stderr: str) -> str:
    """What it complained of: a page on how it is used, or a stack, may follow."""
    lines = [line for line in words(stderr)[-64 * 1024 :].splitlines() if line.strip()]
    told = [line for line in lines if not re.search(_NOISE, line)]
    return one_line(uncoloured(" ".join(told[:3])), 500)


_NOISE = r"256-color|Ripgrep is not available|YOLO mode is enabled|cached credentials|^\s+at "

_CODE: Mapping[int, Kind] = {
    41: "auth_invalid",
    42: "config_invalid",
    44: "config_invalid",
    52: "config_invalid",
    53: "max_turns",
    55: "config_invalid",
    130: "interrupted",
}
"""Gemini's own exit codes."""

_STATUS: Mapping[int, Kind] = {
    400: "invalid_request",
    401: "auth_invalid",
    402: "billing_exhausted",
    403: "access_denied",
    404: "model_not_found",
    413: "context_overflow",
    429: "rate_limit",
    499: "network",
    500: "server_error",
    502: "server_error",
    503: "overloaded",
    504: "server_error",
}

_STATUS_OF = {status & 0xFF: status for status in _STATUS}
"""The HTTP status that is left over as an exit code."""

_TEXT: tuple[tuple[str, Kind], ...] = (
    (r"Invalid session identifier|Error resuming session: No previous sessions", "session_not_found"),
    (r"Session ID \S+ already exists", "session_conflict"),
    (
        r"API[_ ]KEY[_ ](INVALID|not valid|not found|expired)|API key (not valid|not found|expired)",
        "auth_invalid",
    ),
    (r"Please set an Auth method|Invalid auth method|must specify the GEMINI_API_KEY", "auth_invalid"),
    (r"enforced authentication type|Manual authorization is required|invalid_grant", "auth_invalid"),
    (r"daily quota|quota will reset after", "usage_limit"),
    (r"limit:\s*0(?![\d.])|G1_CREDITS|billing (account )?(is )?(disabled|not enabled)", "billing_exhausted"),
    (
        r"token count[^\n]{0,80} exceeds|exceeds the maximum|truncated because it exceeded",
        "context_overflow",
    ),
    (r"blocked due to", "content_filter"),
    (r"[Mm]ax(imum)? session turns", "max_turns"),
    (r"is not found for API version|Model not found|model[^\n]{0,80} does not exist", "model_not_found"),
    (r"exhausted your capacity|MODEL_CAPACITY|[Oo]verloaded|high demand", "overloaded"),
    (r"returned an empty response|no final response text|Invalid stream", "server_error"),
    (r"ECONN\w+|ENOTFOUND|EAI_AGAIN|getaddrinfo|fetch failed|socket hang up", "network"),
    (r"not running in a trusted directory|YOLO mode is disabled", "config_invalid"),
    (r"Unknown arguments?|Not enough arguments|Invalid values|Invalid session ID", "config_invalid"),
    (r"[Oo]peration cancelled", "interrupted"),
)
"""Signatures of failures, which Gemini tells in words for the most part."""


def _by_text(text: str) -> Kind | None:
    return ends.kind_by_words(text, _TEXT)
