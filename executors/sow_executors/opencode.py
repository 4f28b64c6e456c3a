"""opencode: one headless turn in a session whose id is its own, told by its stream of JSON.

Written against 1.18.33 and measured on the real program (`tests/real/`). No event
tells the end: the stream closes, and the exit code says whether the last thing
was an error. The id of a session comes with the first event, after the model's
first answer; an attempt that was ended before it is found by the session's title.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from sow_executors import ends, offered, settings
from sow_executors.base import (
    BadSettings,
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
from sow_executors.extras import Answer, Login, Offline
from sow_executors.lines import amount, count, detail, one_line, parse, table, uncoloured, words

_SESSION = re.compile(r"ses_[0-9A-Za-z]{1,100}")

_VERSION = re.compile(r"^\d+\.\d+\.\d+\S*$", re.MULTILINE)

_LISTED = re.compile(r"\b(\d{1,4}) (?:credential|environment variable)s?\b")

_QUIET = {"OPENCODE_DISABLE_AUTOUPDATE": "1"}

_CONFIG = "OPENCODE_CONFIG_CONTENT"
"""Holds settings that come to those of all files."""

_SETTINGS = ("yolo_mode", "model", "program")

_OURS = frozenset(
    [
        *("--format", "-s", "--session", "-c", "--continue", "--fork", "--attach", "--dir", "--command"),
        *("--auto", "-i", "--interactive", "--share", "--title", "--print-logs", "--log-level"),
    ]
)

_TELLING = ("command", "filePath", "path", "pattern", "url", "query", "prompt", "name", "description")
"""Keys of tool inputs, most telling first."""

_FREE = ("read", "edit", "glob", "grep", "list", "lsp", "task", "skill", "todoread", "todowrite")
"""What an agent may do in its worktree without being asked; a subagent is held to the same."""


class Opencode:
    """Runs `opencode run`. Settings: `yolo_mode`, `model` (as `provider/model`), `program`.

    With `yolo_mode` off, edits run, and shell commands whose every part is one of
    the turn's `allowed_commands`; the rest is refused and reported as `Denied`, and
    the agent works on. It would not after a question: where nobody answers, opencode
    takes it for a no and ends the turn.
    """

    name = "opencode"
    ids: SessionIds = "theirs"
    environment: tuple[str, ...] = (
        # Not all of its own: an outer one leaves its process and its server behind.
        "OPENCODE_API_KEY",
        "OPENCODE_AUTH_CONTENT",
        "OPENCODE_AUTO_*",
        "OPENCODE_CONFIG*",
        "OPENCODE_DISABLE_*",
        "OPENCODE_ENABLE_*",
        "OPENCODE_EXPERIMENTAL*",
        "OPENCODE_MODELS_*",
        "OPENCODE_PERMISSION",
        "ANTHROPIC_*",
        "AWS_*",
        "AZURE_*",
        "CEREBRAS_API_KEY",
        "CLOUDFLARE_*",
        "DEEPSEEK_API_KEY",
        "FIREWORKS_API_KEY",
        "GEMINI_API_KEY",
        "GITHUB_TOKEN",
        "GITLAB_TOKEN",
        "GOOGLE_*",
        "GROQ_API_KEY",
        "HF_TOKEN",
        "MISTRAL_API_KEY",
        "MOONSHOT_API_KEY",
        "OPENAI_*",
        "OPENROUTER_API_KEY",
        "TOGETHER_API_KEY",
        "VERTEX_*",
        "XAI_API_KEY",
        "ZHIPU_API_KEY",
    )

    def program(self, settings: Mapping[str, object]) -> tuple[str, ...]:
        return (_program(settings),)

    def accepts(self, session_id: str) -> bool:
        """An id of its own making."""
        return _SESSION.fullmatch(session_id) is not None

    def spawn(self, turn: Turn) -> Command:
        # With a title of ours it asks no model for one.
        return self._headless(turn, f"--title={_title(turn.task_id, turn.role, turn.scratch)}")

    def resume(self, turn: Turn) -> Command:
        return self._headless(turn, "--session", _session(turn))

    def attach(self, turn: Turn) -> Command:
        argv = (_program(turn.settings), "--session", _session(turn), *_options(turn))
        return Command(argv, turn.folder, env=_environment(turn))

    def reader(self, session_id: str | None) -> OpencodeReader:
        return OpencodeReader(session_id)

    def begun(self, task_id: str, role: str, scratch: str, env: Mapping[str, str]) -> str:
        """By its title, in opencode's database: `opencode session list` takes seconds to tell no more."""
        from sow_executors.opencode_store import begun

        return begun(_title(task_id, role, scratch), env)

    def asks_version(self, program: str, folder: str) -> Command:
        return Command((program, "--version"), folder, env=_QUIET)

    def version(self, answer: Answer) -> str:
        found = _VERSION.search(answer.out)
        return found[0] if found else ""

    def asks_login(self, program: str, folder: str) -> Command:
        """It lists the providers that it has credentials for: that they are good ones is not proved by it."""
        return Command((program, "auth", "list"), folder, env=_QUIET)

    def login(self, answer: Answer, env: Mapping[str, str]) -> Login:
        """By the number of credentials. Without any, a provider of the user's own may still need none."""
        counted = [int(number) for number in _LISTED.findall(uncoloured(answer.out))]
        if not any(counted):
            return Login(None)
        return Login(True, "credentials of its own" if counted[0] else "a key in a variable")

    def logs_in(self, program: str) -> tuple[str, ...]:
        return (program, "auth", "login")

    def offline(self, settings: Mapping[str, object], home: str, url: str) -> Offline:
        from sow_executors.model_server.opencode import offline

        return offline(settings, home, url)

    def offers_tools(self, settings: Mapping[str, object], env: Mapping[str, str], scratch: str) -> bool:
        """Unless the user has settings in that variable: ours would take their place."""
        return not env.get(_CONFIG)

    def _headless(self, turn: Turn, *opening: str) -> Command:
        # Of a fault of its own, as an unknown model is one, it tells a number, and its log the words.
        how = ("run", "--format=json", "--print-logs", "--log-level=ERROR")
        argv = (_program(turn.settings), *how, *opening, *_options(turn))
        return Command(argv, turn.folder, stdin=turn.prompt, env={**_QUIET, **_environment(turn)})


def _program(given: Mapping[str, object]) -> str:
    return settings.word(given, "program") or "opencode"


def _title(task_id: str, role: str, scratch: str) -> str:
    """No other session's: the attempt's folder bears its name."""
    return " ".join(("sow", *filter(None, (task_id, role)), f"({PurePath(scratch).name})"))


def _session(turn: Turn) -> str:
    if turn.session_id is None:
        raise ValueError("a turn of opencode needs the session id that it goes on with")
    return turn.session_id


def _options(turn: Turn) -> tuple[str, ...]:
    given = turn.settings
    settings.only("opencode", given, _SETTINGS)
    options = ["--auto"] if settings.flag(given, "yolo_mode") else []
    if model := settings.word(given, "model"):
        if "/" not in model.strip("/"):
            raise BadSettings(f"model of opencode is provider/model, not {model!r}", "model")
        options.append(f"--model={model}")
    return (*options, *settings.spare("opencode", turn.custom_args, _OURS))


def _environment(turn: Turn) -> dict[str, str]:
    held = {_CONFIG: json.dumps(offered.opencode(turn.tools))} if turn.tools else {}
    return {**_rules(turn), **held}


def _rules(turn: Turn) -> dict[str, str]:
    """What the agent may do, over the user's own rules; of two that match, opencode takes the last."""
    if turn.settings.get("yolo_mode") is True:
        return {}
    shell = {"*": "deny"}
    for command in turn.allowed_commands:
        shell |= {command: "allow", f"{command} *": "allow"}
    outside = {"*": "deny", **{f"{folder}/*": "allow" for folder in turn.writable}}
    rules = {"*": "deny", **dict.fromkeys(_FREE, "allow"), "bash": shell, "external_directory": outside}
    tools = {f"{turn.tools.name}_*": "allow"} if turn.tools else {}
    return {"OPENCODE_PERMISSION": json.dumps({**rules, **tools})}


class OpencodeReader:
    """Folds the stream of one attempt; see `sow_executors.base.Reader`."""

    def __init__(self, session_id: str | None) -> None:
        self._expected = session_id
        self._session = ""
        self._last = ""
        self._steps = 0
        self._reason = ""
        """Why the last step ended, in opencode's words."""
        self._error: Mapping[str, Any] = {}

    def read(self, line: str) -> list[Report]:
        event = parse(line)
        if event is None:
            return []
        part = table(event.get("part"))
        started = self._started(words(event.get("sessionID")))
        match event.get("type"):
            case "step_start":
                # An error that it works on after was none: it shortens a conversation that is too long.
                self._error = {}
                return started
            case "text":
                return [*started, *self._said(part)]
            case "tool_use":
                return [*started, *_called(part, self._turn)]
            case "step_finish":
                self._steps += 1
                self._reason = words(part.get("reason"))
                return [*started, *_spent(part)]
            case "error":
                self._error = table(event.get("error"))
                return started
            case _:
                return started

    def end(self, exit_code: int | None, stderr: str) -> Finished | Failed:
        stderr = uncoloured(stderr)
        # A signal is more certain than words that were printed before it.
        if exit_code is None or ends.signal_of(exit_code) is not None:
            return ends.failed("opencode", exit_code, stderr)
        if self._error:
            return _failure(self._error, stderr)
        if exit_code != 0 or not self._steps:
            if kind := _by_text(stderr):
                return Failed(kind, _last_words(stderr))
            if exit_code == 0:
                told = f"opencode ended without a word of the model's\n{ends.last_words(stderr)}"
                return Failed("unknown", told.rstrip())
            return ends.failed("opencode", exit_code, stderr)
        if self._expected and self._session and self._session != self._expected:
            told = f"opencode worked in session {self._session}, not in {self._expected}"
            return Failed("session_not_found", told)
        if kind := _REASON.get(self._reason):
            return Failed(kind, f"the model's answer ended by {self._reason}: {self._last}".rstrip(": "))
        return Finished(self._last, self._steps)

    def _started(self, session: str) -> list[Report]:
        """The session, once: each event names it."""
        if not session or session == self._session:
            return []
        self._session = session
        return [Started(session)]

    def _said(self, part: Mapping[str, Any]) -> list[Report]:
        text = words(part.get("text"))
        # What opencode itself tells the model, after it has shortened a conversation, is nobody's word.
        if not text.strip() or part.get("synthetic") is True:
            return []
        self._last = text
        return [Said(text, self._turn)]

    @property
    def _turn(self) -> str:
        return str(self._steps + 1)


def _called(part: Mapping[str, Any], turn: str) -> list[Report]:
    """A call, told when it has come back."""
    tool, call, state = words(part.get("tool")), words(part.get("callID")), table(part.get("state"))
    told = detail(table(state.get("input")), _TELLING)
    back = Returned(call, ok=state.get("status") == "completed")
    error = words(state.get("error"))
    # The rules themselves follow, all of them.
    reason = one_line(error.partition(" Here are some of the relevant rules")[0])
    refused = [Denied(tool, told, reason)] if re.match(_REFUSALS, error) else []
    return [Used(tool, told, call, turn), *refused, back]


def _spent(part: Mapping[str, Any]) -> list[Report]:
    """What a step used. A model without a price costs 0, which says nothing."""
    tokens = table(part.get("tokens"))
    cache = table(tokens.get("cache"))
    spent = Spent(
        count(tokens.get("input")) + count(cache.get("write")),
        count(tokens.get("output")) + count(tokens.get("reasoning")),
        count(cache.get("read")),
        amount(part.get("cost")) or None,
    )
    return [] if spent == Spent() else [spent]


def _failure(error: Mapping[str, Any], stderr: str) -> Failed:
    data = table(error.get("data"))
    name = words(error.get("name"))
    message = _logged(words(data.get("ref")), stderr) or words(data.get("message"))
    answer = words(data.get("responseBody"))
    kind = (
        _NAME.get(name)
        or _by_text(f"{message}\n{answer}")
        or _STATUS.get(count(data.get("statusCode")))
        or ("server_error" if data.get("isRetryable") is True else "unknown")
    )
    return Failed(kind, ends.last_words(message) or name or "opencode told an error without a word")


def _logged(ref: str, stderr: str) -> str:
    """What the log says of a fault that was told by its number; empty where it says nothing."""
    if not ref:
        return ""
    found = re.search(rf'ref={re.escape(ref)} error="((?:[^"\\\n]|\\.){{1,2000}})', words(stderr))
    return found[1].replace('\\"', '"').replace("\\n", " ") if found else ""


def _last_words(stderr: str) -> str:
    if _USAGE.search(stderr):
        return "opencode was given an argument that this version does not know, and printed how it is used"
    return ends.last_words(stderr)


_USAGE = re.compile(r"^opencode run \[message", re.MULTILINE)

_REFUSALS = (
    r"The user has specified a rule which prevents"
    r"|The user rejected permission"
)

_REASON: Mapping[str, Kind] = {"length": "output_limit", "content-filter": "content_filter"}

_NAME: Mapping[str, Kind] = {
    "ContentFilterError": "content_filter",
    "ContextOverflowError": "context_overflow",
    "MessageAbortedError": "interrupted",
    "MessageOutputLengthError": "output_limit",
    "ProviderAuthError": "auth_invalid",
    "ProviderModelNotFoundError": "model_not_found",
}

_STATUS: Mapping[int, Kind] = {
    400: "invalid_request",
    401: "auth_invalid",
    402: "billing_exhausted",
    403: "access_denied",
    404: "model_not_found",
    413: "context_overflow",
    422: "invalid_request",
    429: "rate_limit",
    500: "server_error",
    502: "server_error",
    503: "overloaded",
    504: "server_error",
    529: "overloaded",
}

_TEXT: tuple[tuple[str, Kind], ...] = (
    (r"Session not found", "session_not_found"),
    (r"Model ?not ?found|ModelNotFoundError|model_not_found", "model_not_found"),
    (
        r"insufficient_quota|[Ii]nsufficient (credits|balance|funds)|check your plan and billing",
        "billing_exhausted",
    ),
    (r"usage limit", "usage_limit"),
    (r"context_length_exceeded|maximum context length|prompt is too long", "context_overflow"),
    (r"invalid_api_key|API key is missing|[Ii]ncorrect API key", "auth_invalid"),
    (r"[Oo]verloaded", "overloaded"),
    (r"ECONN\w+|ENOTFOUND|EAI_AGAIN|getaddrinfo|Unable to connect|Cannot connect|fetch failed", "network"),
    (r"Unknown arguments?|Config\w*Error|Invalid config|Configuration is invalid", "config_invalid"),
    (r"^opencode run \[message", "config_invalid"),
)
"""Signatures of failures, for what is told in words only."""


def _by_text(text: str) -> Kind | None:
    return ends.kind_by_words(text, _TEXT, re.MULTILINE)
