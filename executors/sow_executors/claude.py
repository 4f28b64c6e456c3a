"""Claude Code: one headless turn in a session whose id is ours, told by its stream of JSON.

Written against 2.1.329 and measured on the real program (`tests/real/`).
The prompt goes in by standard input: an argument ends at 128 KiB, and a prompt
may begin with a dash. Several results may come, so the last one counts; a
result counts more than the exit code, which is 0 after an interruption too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sow_executors import claude_permissions, deferral, ends, offered, settings
from sow_executors.base import (
    Asked,
    Command,
    Denied,
    Failed,
    Finished,
    Kind,
    Limited,
    Report,
    Retried,
    Returned,
    Said,
    SessionIds,
    Spent,
    Started,
    Turn,
    Used,
)
from sow_executors.counting import Counted
from sow_executors.extras import Answer, Login, Offline, Opened
from sow_executors.lines import amount, count, detail, is_uuid, parse, table, tables, words

_VERSION = re.compile(r"(\d+\.\d+\.\d\S*) \(Claude Code\)")

_NAME = re.compile(r"[A-Za-z_.]{1,40}")
"""Names of ways to log in and of variables: no secret is of such letters only."""

_QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}

_SETTINGS = ("yolo_mode", "permissions", "model", "max_turns", "max_budget_usd", "program")

_OURS = frozenset(
    [
        *("-p", "--print", "--output-format", "--input-format"),
        *("--session-id", "-r", "--resume", "-c", "--continue", "--fork-session", "--no-session-persistence"),
        *("--bg", "--background", "--cloud", "--teleport", "-w", "--worktree"),
    ]
)

_MODELS: Mapping[str, str] = {"seven_day_opus": "opus", "seven_day_sonnet": "sonnet"}
"""The limits that are one model's; every other is the whole account's."""

_TELLING = ("command", "file_path", "path", "pattern", "url", "query", "description", "skill", "prompt")
"""Keys of tool inputs, most telling first."""


class Claude:
    """Runs `claude -p`. Its settings: `_SETTINGS`, told in docs/reference/executors.md.

    With `yolo_mode` off, edits and the turn's `allowed_commands` run, and everything
    else is refused at once and reported as `Denied`: a pipe too, unless each of
    its parts is allowed for itself. With `permissions: ask` the session stops at
    what the agent can't do without, which is reported as `Asked` (`claude_hook`).
    """

    name = "claude"
    ids: SessionIds = "ours"
    own_caps = ("max_turns", "max_budget_usd")
    environment: tuple[str, ...] = (
        "ANTHROPIC_*",
        "CLAUDE_CONFIG_DIR",
        "CLAUDE_CODE_API_KEY_HELPER_TTL_MS",
        "CLAUDE_CODE_CLIENT_*",
        "CLAUDE_CODE_DISABLE_*",
        "CLAUDE_CODE_MAX_*",
        "CLAUDE_CODE_OAUTH_TOKEN",
        "CLAUDE_CODE_SKIP_*",
        "CLAUDE_CODE_USE_*",
        "API_TIMEOUT_MS",
        "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_PROFILE",
        "AWS_REGION",
        "BASH_*_TIMEOUT_MS",
        "BASH_MAX_OUTPUT_LENGTH",
        "CLOUD_ML_REGION",
        "DISABLE_*",
        "IS_SANDBOX",
        "MAX_MCP_OUTPUT_TOKENS",
        "MAX_THINKING_TOKENS",
        "MCP_TIMEOUT",
        "MCP_TOOL_TIMEOUT",
        "VERTEX_REGION_*",
    )

    def program(self, settings: Mapping[str, object]) -> tuple[str, ...]:
        return (_program(settings),)

    def accepts(self, session_id: str) -> bool:
        """A UUID of any version; to `--resume`, anything else would be a session's title."""
        return is_uuid(session_id)

    def spawn(self, turn: Turn) -> Command:
        return self._headless(turn, "--session-id")

    def resume(self, turn: Turn) -> Command:
        return self._headless(turn, "--resume")

    def attach(self, turn: Turn) -> Command:
        argv = (_program(turn.settings), "--resume", _session(turn), *_options(turn))
        return Command(argv, turn.folder, files=offered.claude(turn))

    def reader(self, session_id: str | None) -> ClaudeReader:
        return ClaudeReader(session_id)

    def prepare_terminal(self, folder: str, env: Mapping[str, str]) -> bool:
        """Answers the question of trust that a terminal session opens with; a headless turn asks none."""
        from sow_executors.claude_trust import trust

        return trust(folder, env)

    def asks_version(self, program: str, folder: str) -> Command:
        return Command((program, "--version"), folder, env=_QUIET)

    def version(self, answer: Answer) -> str:
        found = _VERSION.search(answer.out)
        return found[1] if found else ""

    def asks_login(self, program: str, folder: str) -> Command:
        """Answered without the network: that the key is a good one is not proved by it."""
        return Command((program, "auth", "status"), folder, env=_QUIET)

    def login(self, answer: Answer, env: Mapping[str, str]) -> Login:
        told = parse(answer.out) or {}
        there = told.get("loggedIn")
        if not isinstance(there, bool):
            return Login(None)
        named = (words(told.get(key)) for key in ("authMethod", "apiKeySource"))
        by = " from ".join(name for name in named if _NAME.fullmatch(name))
        return Login(there, by if there else "")

    def logs_in(self, program: str) -> tuple[str, ...]:
        return (program, "auth", "login")

    def offline(self, settings: Mapping[str, object], home: str, url: str) -> Offline:
        from sow_executors.model_server.claude import offline

        return offline(settings, home, url)

    def account(self, settings: Mapping[str, object], env: Mapping[str, str]) -> tuple[str, ...]:
        """Whoever has logged in below the configuration's folder, unless a variable says who it is."""
        return (_config_folder(env), *(f"{name}={env[name]}" for name in _WHOSE if env.get(name)))

    def offers_tools(self, settings: Mapping[str, object], env: Mapping[str, str], scratch: str) -> bool:
        """Always: what is named on its command line comes to what its files name."""
        return True

    def open_in(self, session_id: str, env: Mapping[str, str]) -> tuple[Opened, ...]:
        """By the register that `claude agents` prints, where each process has a file, a killed one too."""
        from sow_executors.claude_sessions import opened

        return opened(session_id, _config_folder(env))

    def _headless(self, turn: Turn, opening: str) -> Command:
        asks = claude_permissions.asks(turn)
        argv = (
            _program(turn.settings),
            *("-p", "--output-format", "stream-json", "--verbose"),
            *(opening, _session(turn)),
            *_options(turn, asks=asks),
        )
        # A shell command left in the background would hold the process for minutes after its result.
        env = {"CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1"}
        files = claude_permissions.files(turn) if asks else {}
        return Command(argv, turn.folder, stdin=turn.prompt, env=env, files={**files, **offered.claude(turn)})


_WHOSE = (
    *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_PROFILE"),
    *("CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"),
    *("CLAUDE_CODE_USE_FOUNDRY", "AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE"),
)
"""The variables that decide whose account is used."""


def _config_folder(env: Mapping[str, str]) -> str:
    return env.get("CLAUDE_CONFIG_DIR") or os.path.join(env.get("HOME") or os.path.expanduser("~"), ".claude")


def _program(given: Mapping[str, object]) -> str:
    return settings.word(given, "program") or "claude"


def _session(turn: Turn) -> str:
    if turn.session_id is None:
        raise ValueError("a turn of claude needs its session id beforehand")
    return turn.session_id


def _options(turn: Turn, *, asks: bool = False) -> tuple[str, ...]:
    """`asks`: somebody will answer what the agent asks permission for."""
    given = turn.settings
    settings.only("claude", given, _SETTINGS)
    # `--opt=value` throughout: a list option takes every plain word behind it otherwise.
    options = [f"--add-dir={folder}" for folder in turn.writable]
    if settings.flag(given, "yolo_mode"):
        options.append("--dangerously-skip-permissions")
    else:
        options.append("--permission-mode=acceptEdits")
        if asks:
            claude_permissions.check_custom_args(turn)
            options.append(f"--settings={claude_permissions.settings_path(turn)}")
        else:
            options.append("--permission-prompts=none")
        options += [f"--allowedTools=Bash({command}:*)" for command in turn.allowed_commands]
        if turn.tools:
            options.append(f"--allowedTools=mcp__{turn.tools.name}")
    if turn.tools:
        options.append(f"--mcp-config={offered.path(turn)}")
    if model := settings.word(given, "model"):
        options.append(f"--model={model}")
    if turns := settings.number(given, "max_turns", whole=True):
        options.append(f"--max-turns={turns}")
    if dollars := settings.number(given, "max_budget_usd", whole=False):
        options.append(f"--max-budget-usd={dollars}")
    return (*options, *settings.spare("claude", turn.custom_args, _OURS))


class ClaudeReader:
    """Folds the stream of one attempt; see `sow_executors.base.Reader`."""

    def __init__(self, session_id: str | None) -> None:
        self._expected = session_id
        self._session = self._named = ""
        self._result: Mapping[str, Any] | None = None
        self._working = False
        """Whether anything happened since the last result."""
        self._turn = ""
        """The id of the model's last answer to the agent itself; helpers of it have turns of their own."""
        self._fault: Mapping[str, Any] = {}
        """The last error that Claude put in the model's place."""
        self._open: dict[str, str] = {}
        """What each tool call that has not come back is about, by the call's id."""
        self._denied: set[str] = set()
        self._again: set[str] = set()
        """Calls that were denied with how to ask, by id."""
        self._messages: dict[str, str] = {}
        """The message that each call was made in, by the call's id, in their order."""
        self._limit: Limited | None = None
        self._total_usd = 0.0
        self._counted = Counted()

    def read(self, line: str) -> list[Report]:
        event = parse(line)
        if event is None:
            return []
        match event.get("type"):
            case "system":
                return self._system(event)
            case "assistant":
                return self._assistant(event)
            case "user":
                return self._returned(event)
            case "rate_limit_event":
                return self._limited(table(event.get("rate_limit_info")))
            case "result":
                return self._ended(event)
            case _:
                return []

    def end(self, exit_code: int | None, stderr: str) -> Finished | Failed:
        result = self._result
        # A result tells nothing of a turn that began after it and was cut.
        cut = self._working and (exit_code is None or ends.signal_of(exit_code) is not None)
        if result is None or cut:
            return self._unfinished(exit_code, stderr)
        if result.get("is_error") is True or result.get("subtype") != "success":
            return self._failure(result, exit_code, stderr)
        if self._expected and self._session and self._session != self._expected:
            told = f"claude worked in session {self._session}, not in {self._expected}"
            return Failed("session_not_found", told)
        return Finished(words(result.get("result")), count(result.get("num_turns")))

    def _system(self, event: Mapping[str, Any]) -> list[Report]:
        match event.get("subtype"):
            case "init":
                self._working = True
                return self._started(event)
            case "api_retry":
                delay = amount(event.get("retry_delay_ms")) or 0.0
                status = count(event.get("error_status"))
                reason = words(event.get("error")) or "error"
                reason = f"{reason} ({status})" if status else reason
                return [Retried(count(event.get("attempt")), reason, delay / 1000)]
            case "permission_denied":
                reason = words(event.get("decision_reason")) or words(event.get("message"))
                if claude_permissions.is_again(reason):
                    self._again.add(words(event.get("tool_use_id")))
                    return []  # the result tells of it, if the agent does not ask
                told = self._open.get(words(event.get("tool_use_id")), "")
                return self._refused(event, told, reason)
            case _:
                return []

    def _started(self, event: Mapping[str, Any]) -> list[Report]:
        """The session as Claude names it, once: every turn of a process opens with its name."""
        session = words(event.get("session_id"))
        if not session or session == self._named:
            return []
        self._named = self._session = session
        return [Started(session, words(event.get("model")), words(event.get("claude_code_version")))]

    def _assistant(self, event: Mapping[str, Any]) -> list[Report]:
        self._working = True
        if event.get("error"):
            self._fault = event
            return []
        self._fault = {}
        reports: list[Report] = []
        message = table(event.get("message"))
        answer = words(message.get("id"))
        if not event.get("parent_tool_use_id"):
            self._turn = answer or self._turn
        # Each block of an answer comes with what was known of its tokens when the block was whole.
        reports += self._counted.part(answer, _of_usage(table(message.get("usage"))))
        for block in tables(message.get("content")):
            if block.get("type") == "text" and (text := words(block.get("text"))).strip():
                reports.append(Said(text, self._turn))
            elif block.get("type") == "tool_use":
                told, call = detail(table(block.get("input")), _TELLING), words(block.get("id"))
                self._open[call] = told
                self._messages[call] = words(table(event.get("message")).get("id"))
                reports.append(Used(words(block.get("name")), told, call, self._turn))
        return reports

    def _returned(self, event: Mapping[str, Any]) -> list[Report]:
        self._working = True
        reports: list[Report] = []
        for block in tables(table(event.get("message")).get("content")):
            if block.get("type") == "tool_result":
                call = words(block.get("tool_use_id"))
                self._open.pop(call, None)
                if claude_permissions.is_answer(block):
                    self._denied.add(call)  # by a person's word, who knows
                reports.append(Returned(call, ok=block.get("is_error") is not True))
        return reports

    def _limited(self, info: Mapping[str, Any]) -> list[Report]:
        status = info.get("status")
        if status not in ("allowed_warning", "rejected"):
            return []
        # Turned down by the plan, and taken on by paid overage: the work goes on.
        rejected = status == "rejected" and info.get("isUsingOverage") is not True
        name = words(info.get("rateLimitType"))
        limit = Limited(
            "rejected" if rejected else "warning",
            amount(info.get("resetsAt")),
            name,
            _percent(info.get("utilization")),
            _percent(info.get("surpassedThreshold")),
            _MODELS.get(name, ""),
        )
        if limit == self._limit:
            return []
        self._limit = limit
        return [limit]

    def _refused(self, event: Mapping[str, Any], told: str, reason: str) -> list[Report]:
        """A refusal, once: it is told when it happens, and again with every result."""
        tool = words(event.get("tool_name"))
        key = words(event.get("tool_use_id")) or f"{tool} {told}"
        if key in self._denied:
            return []
        self._denied.add(key)
        return [Denied(tool, told, reason)]

    def _ended(self, event: Mapping[str, Any]) -> list[Report]:
        self._result = event
        self._working = False
        self._session = words(event.get("session_id")) or self._session
        reports = self._spent(event)
        deferred = table(event.get("deferred_tool_use"))
        denials = tables(event.get("permission_denials"))
        for denial, reason in claude_permissions.standing(denials, self._again, deferred):
            reports += self._refused(denial, detail(table(denial.get("tool_input")), _TELLING), reason)
        if deferred:
            question = deferral.question(words(deferred.get("name")), table(deferred.get("input")))
            crowded = self._is_followed(words(deferred.get("id")))
            reports.append(Asked(question, deferral.OPTIONS, "permission", crowded=crowded))
        if not count(event.get("queued_turn_count")):
            # Told at once, for the program may not end after it.
            reports.append(self.end(0, ""))
        return reports

    def _is_followed(self, call: str) -> bool:
        """Whether another call came behind this one in the same message."""
        message = self._messages.get(call)
        return (
            bool(message) and [each for each in self._messages if self._messages[each] == message][-1] != call
        )

    def _spent(self, event: Mapping[str, Any]) -> list[Report]:
        """What this result adds. The totals run on over a resume, so they are no measure of it."""
        since = event.get("model_usage_since_last_result")
        total = amount(event.get("total_cost_usd"))
        if isinstance(since, dict):
            models = tables(list(since.values()))
            spent = Spent(
                sum(count(m.get("inputTokens")) + count(m.get("cacheCreationInputTokens")) for m in models),
                sum(count(m.get("outputTokens")) for m in models),
                sum(count(m.get("cacheReadInputTokens")) for m in models),
                sum(amount(m.get("costUSD")) or 0.0 for m in models),
            )
        else:
            # Versions without that field counted anew in each process, and the tokens anew in each turn.
            usd = None
            if total is not None:
                usd = total - self._total_usd if total >= self._total_usd else total
            spent = replace(_of_usage(table(event.get("usage"))), usd=usd)
        self._total_usd = self._total_usd if total is None else total
        # What is told of a turn leaves out the agent's helpers.
        return self._counted.sum(spent, whole=isinstance(since, dict))

    def _unfinished(self, exit_code: int | None, stderr: str) -> Failed:
        if self._fault:
            return self._failure(self._fault, exit_code, stderr)
        # A signal is more certain than words that were printed before it.
        if ends.signal_of(exit_code) is None and (kind := _by_text(stderr)):
            return Failed(kind, ends.last_words(stderr))
        if exit_code == 0:
            return Failed("interrupted", "claude was interrupted before it came to a result")
        return ends.failed("claude", exit_code, stderr)

    def _failure(self, event: Mapping[str, Any], exit_code: int | None, stderr: str) -> Failed:
        message = _message(event) or _message(self._fault) or ends.last_words(stderr)
        kind = _by_fields(event, self._fault) or _by_text(f"{message}\n{stderr}")
        if kind is None and event.get("subtype") == "error_during_execution" and exit_code in (0, 130):
            kind, message = "interrupted", "claude was interrupted"
        resets_at = self._resets_at(event, message) if kind in ("usage_limit", "rate_limit") else None
        return Failed(kind or "unknown", message or "claude told an error without a word", resets_at)

    def _resets_at(self, event: Mapping[str, Any], message: str) -> float | None:
        for told in (event, self._fault):
            info = table(table(told.get("api_error_params")).get("rate_limit_info"))
            if found := amount(info.get("resetsAt")):
                return found
        if self._limit is not None and self._limit.status == "rejected":
            return self._limit.resets_at
        old = re.search(r"usage limit reached\|(\d{9,11})\b", message)
        return float(old[1]) if old else None


def _of_usage(usage: Mapping[str, Any]) -> Spent:
    return Spent(
        count(usage.get("input_tokens")) + count(usage.get("cache_creation_input_tokens")),
        count(usage.get("output_tokens")),
        count(usage.get("cache_read_input_tokens")),
    )


def _percent(told: object) -> float | None:
    """A part of the whole in percent."""
    part = amount(told)
    return None if part is None else round(part * 100, 1)


def _message(event: Mapping[str, Any]) -> str:
    """The words of an error: of a result, of its list, or of the message in the model's place."""
    if said := words(event.get("result")).strip():
        return ends.last_words(said)
    errors = event.get("errors")
    listed = "\n".join(words(e) for e in errors) if isinstance(errors, list) else ""
    blocks = tables(table(event.get("message")).get("content"))
    return ends.last_words(listed or "\n".join(words(b.get("text")) for b in blocks))


_API_ERROR: Mapping[str, Kind] = {"usage_limit_reached": "usage_limit", "connection_failed": "network"}

_TERMINAL: Mapping[str, Kind] = {
    "aborted_streaming": "interrupted",
    "aborted_tools": "interrupted",
    "blocking_limit": "context_overflow",
    "budget_exhausted": "budget_exceeded",
    "image_error": "invalid_request",
    "max_turns": "max_turns",
    "prompt_too_long": "context_overflow",
    "rapid_refill_breaker": "context_overflow",
}

_SUBTYPE: Mapping[str, Kind] = {
    "error_max_budget_usd": "budget_exceeded",
    "error_max_structured_output_retries": "invalid_request",
    "error_max_turns": "max_turns",
}

_ERROR: Mapping[str, Kind] = {
    "account_on_hold": "access_denied",
    "authentication_failed": "auth_invalid",
    "billing_error": "billing_exhausted",
    "cloud_credential_error": "auth_invalid",
    "invalid_request": "invalid_request",
    "max_output_tokens": "output_limit",
    "model_not_found": "model_not_found",
    "oauth_org_not_allowed": "access_denied",
    "overloaded": "overloaded",
    "rate_limit": "rate_limit",
    "server_error": "server_error",
    "verification_required": "access_denied",
}

_STATUS: Mapping[int, Kind] = {
    400: "invalid_request",
    401: "auth_invalid",
    402: "billing_exhausted",
    403: "access_denied",
    404: "model_not_found",
    413: "invalid_request",
    429: "rate_limit",
    529: "overloaded",
}

_TEXT: tuple[tuple[str, Kind], ...] = (
    (r"No conversation found", "session_not_found"),
    (r"Session ID \S+ is already in use", "session_conflict"),
    (r"session is running in the background", "session_conflict"),
    (r"usage limit reached|You.ve hit your (\S+ )?limit", "usage_limit"),
    (r"Credit balance is too low", "billing_exhausted"),
    (r"Prompt is too long|exceed context limit", "context_overflow"),
    (r"Not logged in|Invalid API key|OAuth token|Failed to authenticate", "auth_invalid"),
    (r"organization has (been )?disabled", "access_denied"),
    (r"issue with the selected model", "model_not_found"),
    (r"\b529\b|[Oo]verloaded", "overloaded"),
    (r"ECONN\w+|ENOTFOUND|EAI_AGAIN|getaddrinfo|Connection (refused|error)|Request timed out", "network"),
    (r"unknown option|argument [^\n]{0,200} is invalid|Invalid session ID|not a UUID", "config_invalid"),
    (r"MCP tool \S{1,200} [^\n]{0,200}not found", "config_invalid"),
    (r"cannot be used with root|Input must be provided", "config_invalid"),
)
"""A last resort, for starts that fail before the stream and for versions that say it in words only."""


def _by_fields(event: Mapping[str, Any], fault: Mapping[str, Any]) -> Kind | None:
    """The class of a failure by what is told in fields, the most certain first."""

    def told(name: str) -> str:
        return words(event.get(name)) or words(fault.get(name))

    status = count(event.get("api_error_status")) or count(fault.get("api_error_status"))
    error = words(fault.get("error"))
    if kind := _API_ERROR.get(told("api_error")) or _TERMINAL.get(told("terminal_reason")):
        return kind
    if kind := _SUBTYPE.get(told("subtype")):
        return kind
    if event.get("stop_reason") == "refusal":
        return "content_filter"
    if error == "authentication_failed" and status == 403:
        return "access_denied"
    if error == "server_error" and status != 500:
        # The same word for an overloaded server, a broken one, and one that was never reached.
        return "overloaded" if status == 529 else "server_error" if status else "network"
    if kind := _ERROR.get(error) or _STATUS.get(status):
        return kind
    return "server_error" if 500 <= status < 600 else None


def _by_text(text: str) -> Kind | None:
    return ends.kind_by_words(text, _TEXT)
