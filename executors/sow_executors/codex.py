"""Codex: one headless turn in a thread whose id Codex makes, told by its stream of JSON.

Written against 0.169.0 and measured on the real program (`tests/real/`). The
thread is named in the first line, and everything after it can be resumed. Its
options stand before `resume`, which takes few of its own, and all of them are
given each time: a resumed thread falls back to the defaults. How a turn failed
is told in words only.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Mapping
from glob import escape
from pathlib import Path
from typing import Any

from sow_executors import codex_limits, ends, offered, resets, settings
from sow_executors.base import (
    Command,
    Denied,
    Failed,
    Finished,
    Kind,
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
from sow_executors.extras import Answer, Login, Offline
from sow_executors.lines import count, detail, is_uuid, one_line, parse, table, tables, words

_VERSION = re.compile(r"^codex-cli (\d+\.\d+\.\S+)$", re.MULTILINE)

_KEYS = ("CODEX_API_KEY", "CODEX_ACCESS_TOKEN")

_SETTINGS = ("yolo_mode", "model", "profile", "program")

_OURS = frozenset(
    [
        *("--json", "-C", "--cd", "--worktree", "--ephemeral", "--last", "--all", "--remote"),
        # They take every word behind them, ours too.
        *("-i", "--image"),
    ]
)

_UNPROFILED = ("-c", "allow_login_shell=false")
"""A login shell would set the PATH anew, and an agent find another `sow` than ours, or none."""


class Codex:
    """Runs `codex exec`. Settings: `yolo_mode`, `model`, `profile`, `program`.

    With `yolo_mode` off every command runs in Codex's sandbox: it reads all, writes
    only the worktree and the turn's `writable` folders, and has no network. Nothing
    is asked for and nothing denied: what the sandbox forbids fails.
    """

    name = "codex"
    ids: SessionIds = "theirs"
    # By name: its agents' shells have a dozen more of its own, which are no settings.
    environment: tuple[str, ...] = (
        *("CODEX_HOME", "CODEX_SQLITE_HOME", "CODEX_API_KEY", "CODEX_ACCESS_TOKEN", "CODEX_CA_CERTIFICATE"),
        *("OPENAI_*", "AZURE_OPENAI_*"),
    )

    def program(self, settings: Mapping[str, object]) -> tuple[str, ...]:
        return (_program(settings),)

    def accepts(self, session_id: str) -> bool:
        """A UUID: anything else is the name of a thread, and of one that nobody knows a new one is made."""
        return is_uuid(session_id)

    def spawn(self, turn: Turn) -> Command:
        return self._headless(turn)

    def resume(self, turn: Turn) -> Command:
        # Without the dash it would take no prompt from standard input.
        return self._headless(turn, "resume", _session(turn), "-")

    def attach(self, turn: Turn) -> Command:
        # As if it had been answered that the folder is trusted, for this one process.
        trusted = f'projects={{{json.dumps(turn.folder)}={{trust_level="trusted"}}}}'
        argv = (
            *(_program(turn.settings), "resume"),
            # The server that terminals share would hold the thread after this one is closed.
            *("--no-daemon", "-c", "check_for_update_on_startup=false", "-c", trusted),
            *(*_options(turn), _session(turn)),
        )
        return Command(argv, turn.folder)

    def reader(self, session_id: str | None) -> CodexReader:
        return CodexReader(session_id)

    def record(self, session_id: str, folder: str, env: Mapping[str, str]) -> str:
        """The thread's own file, in which Codex counts what it prints the sum of at the end of a turn."""
        sessions = Path(_home(env), "sessions")
        found = sorted(sessions.glob(f"*/*/*/rollout-*-{escape(session_id)}.jsonl"))
        return str(found[-1]) if found else ""

    def reader_after(self, session_id: str, spent: Spent) -> CodexReader:
        return CodexReader(session_id, spent)

    def asks_version(self, program: str, folder: str) -> Command:
        return Command((program, "--version"), folder)

    def version(self, answer: Answer) -> str:
        found = _VERSION.search(answer.out)
        return found[1] if found else ""

    def asks_login(self, program: str, folder: str) -> Command:
        """Answered without the network: that the login is a good one is not proved by it."""
        return Command((program, "login", "status"), folder)

    def login(self, answer: Answer, env: Mapping[str, str]) -> Login:
        """By the words, which stand on standard error; they know of no key in a variable."""
        if key := next((name for name in _KEYS if env.get(name)), ""):
            return Login(True, f"api_key from {key}")
        said = f"{answer.out}\n{answer.err}".lower()
        # The first of them contains the second.
        if "not logged in" in said:
            return Login(None if _has_provider(env) else False)
        if "logged in using chatgpt" in said:
            return Login(True, "ChatGPT")
        if "api key" in said:
            return Login(True, "api_key")
        return Login(True) if "logged in" in said else Login(None)

    def logs_in(self, program: str) -> tuple[str, ...]:
        return (program, "login")

    def offline(self, settings: Mapping[str, object], home: str, url: str) -> Offline:
        from sow_executors.model_server.codex import offline

        return offline(settings, home, url)

    def account(self, settings: Mapping[str, object], env: Mapping[str, str]) -> tuple[str, ...]:
        """Whoever has logged in below Codex's home, unless a key or a profile says who it is."""
        home = _home(env)
        said = (*_KEYS, "OPENAI_API_KEY", "OPENAI_BASE_URL")
        keys = (f"{name}={env[name]}" for name in said if env.get(name))
        return (home, _profile(settings) or "", *keys)

    def offers_tools(self, settings: Mapping[str, object], env: Mapping[str, str], scratch: str) -> bool:
        """Always: what is named on its command line comes to what its files name."""
        return True

    def _headless(self, turn: Turn, *how: str) -> Command:
        argv = (_program(turn.settings), "exec", "--json", "--skip-git-repo-check", *_options(turn), *how)
        return Command(argv, turn.folder, stdin=turn.prompt)


def _program(given: Mapping[str, object]) -> str:
    return settings.word(given, "program") or "codex"


def _home(env: Mapping[str, str]) -> str:
    return env.get("CODEX_HOME") or str(Path(env.get("HOME") or Path.home()) / ".codex")


def _profile(given: Mapping[str, object]) -> str | None:
    return settings.word(given, "profile")


def _session(turn: Turn) -> str:
    if turn.session_id is None:
        raise ValueError("codex resumes a thread by its id")
    return turn.session_id


def _options(turn: Turn) -> tuple[str, ...]:
    """What a terminal session takes, too."""
    given = turn.settings
    settings.only("codex", given, _SETTINGS)
    if settings.flag(given, "yolo_mode"):
        options = ["--dangerously-bypass-approvals-and-sandbox"]
    else:
        options = ["--sandbox=workspace-write", *(f"--add-dir={folder}" for folder in turn.writable)]
    options += _UNPROFILED
    if turn.tools:
        options += ["-c", f"mcp_servers.{turn.tools.name}={offered.codex(turn.tools)}"]
    if model := settings.word(given, "model"):
        options.append(f"--model={model}")
    if profile := _profile(given):
        options.append(f"--profile={profile}")
    return (*options, *settings.spare("codex", turn.custom_args, _OURS))


def _has_provider(env: Mapping[str, str]) -> bool:
    """Whether the user's models come from elsewhere than OpenAI, which may need no login of Codex's."""
    try:
        config = tomllib.loads(Path(_home(env), "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(config.get("model_provider", "openai") != "openai")


NOTHING = Spent()


class CodexReader:
    """Folds the stream of one attempt; see `sow_executors.base.Reader`."""

    def __init__(self, session_id: str | None, spent: Spent = NOTHING) -> None:
        self._expected = session_id
        self._session = ""
        self._counted = spent
        """What was told of the thread's tokens so far: Codex counts on where the last process ended."""
        self._outcome: Finished | Failed | None = None
        self._working = False
        """Whether anything happened since the last outcome."""
        self._fault = ""
        """The last error that was told outside of a turn's end."""
        self._last = ""
        self._turns = self._retries = 0
        self._limits = codex_limits.Windows()
        self._open: set[str] = set()

    def read(self, line: str) -> list[Report]:
        event = parse(line)
        if event is None:
            return []
        match event.get("type"):
            case "thread.started":
                return self._started(words(event.get("thread_id")))
            case "turn.started":
                self._working = True
                return []
            case "item.started" | "item.updated" | "item.completed" as kind:
                self._working = True
                return self._item(table(event.get("item")), over=kind == "item.completed")
            case "error":
                return self._error(words(event.get("message")))
            case "turn.completed":
                return self._completed(table(event.get("usage")))
            case "turn.failed":
                return self._failed(words(table(event.get("error")).get("message")))
            case _:
                return []

    def read_record(self, line: str) -> list[Report]:
        event = parse(line)
        payload = table(event.get("payload")) if event and event.get("type") == "event_msg" else {}
        if payload.get("type") != "token_count":
            return []
        usage = table(table(payload.get("info")).get("total_token_usage"))
        # Of the past, or told already: nothing.
        spent = self._spent(usage) if self._is_more(usage) else []
        return [*spent, *self._limits.told(table(payload.get("rate_limits")))]

    def end(self, exit_code: int | None, stderr: str) -> Finished | Failed:
        # An outcome tells nothing of a turn that began after it and was cut.
        if self._outcome is not None and not self._working:
            return self._outcome
        # A signal is more certain than words that were printed before it.
        if exit_code is None or ends.signal_of(exit_code) is not None:
            return ends.failed("codex", exit_code, stderr)
        said = self._fault or _last_error(words(stderr))
        if kind := _by_text(said):
            resets_at = resets.by_the_clock(said) if kind == "usage_limit" else None
            return Failed(kind, ends.last_words(said), resets_at)
        return ends.failed("codex", exit_code, said)

    def _started(self, thread: str) -> list[Report]:
        self._session = thread
        return [Started(thread)] if thread else []

    def _item(self, item: Mapping[str, Any], *, over: bool) -> list[Report]:
        match item.get("type"):
            case "agent_message":
                return self._say(words(item.get("text"))) if over else []
            case "error" | "reasoning" | "plan" | "todo_list":
                return []  # an `error` here is a warning: the turn goes on
            case str():
                return self._tool(item, over=over)
            case _:
                return []

    def _say(self, text: str) -> list[Report]:
        if not text.strip():
            return []
        self._last = text
        return [Said(text)]

    def _tool(self, item: Mapping[str, Any], *, over: bool) -> list[Report]:
        call = words(item.get("id"))
        name, told = _called(item)
        reports: list[Report] = []
        if call not in self._open:
            self._open.add(call)
            reports.append(Used(name, told, call))
        if over:
            self._open.discard(call)
            if item.get("status") == "declined":
                reports.append(Denied(name, told, "declined by its rules"))
            code = item.get("exit_code")
            reports.append(Returned(call, ok=item.get("status") not in ("failed", "declined") and not code))
        return reports

    def _error(self, message: str) -> list[Report]:
        if retry := _RETRY.match(message):
            self._retries = int(retry[1]) if retry[1] else self._retries + 1
            return [Retried(self._retries, one_line(retry[2] or message))]
        self._fault = message
        return []

    def _completed(self, usage: Mapping[str, Any]) -> list[Report]:
        self._turns += 1
        if self._expected and self._session and self._session != self._expected:
            told = f"codex worked in thread {self._session}, not in {self._expected}"
            return [*self._spent(usage), self._over(Failed("session_not_found", told))]
        return [*self._spent(usage), self._over(Finished(self._last, self._turns))]

    def _failed(self, message: str) -> list[Report]:
        message = message or self._fault
        kind = _by_text(message) or "unknown"
        told = ends.last_words(message) or "codex told an error without a word"
        if kind != "usage_limit":
            return [self._over(Failed(kind, told))]
        resets_at = resets.by_the_clock(message)
        return [codex_limits.rejected(message, resets_at), self._over(Failed(kind, told, resets_at))]

    def _over(self, outcome: Finished | Failed) -> Finished | Failed:
        self._outcome, self._working, self._fault = outcome, False, ""
        return outcome

    def _spent(self, usage: Mapping[str, Any]) -> list[Report]:
        """What was added to the thread's tokens; Codex names no price."""
        before, total = self._counted, _of_usage(usage)
        # A version that counts each process for itself begins below what was counted.
        added = Spent(*(now - then for now, then in _pairs(total, before)))
        added = added if self._is_more(usage) else total
        self._counted = total
        return [] if added == NOTHING else [added]

    def _is_more(self, usage: Mapping[str, Any]) -> bool:
        """Whether that is a total of the thread's which goes on from what was counted."""
        return all(now >= then for now, then in _pairs(_of_usage(usage), self._counted))


def _of_usage(usage: Mapping[str, Any]) -> Spent:
    cached = count(usage.get("cached_input_tokens"))
    return Spent(max(count(usage.get("input_tokens")) - cached, 0), count(usage.get("output_tokens")), cached)


def _pairs(one: Spent, other: Spent) -> tuple[tuple[int, int], ...]:
    return (
        (one.input_tokens, other.input_tokens),
        (one.output_tokens, other.output_tokens),
        (one.cached_tokens, other.cached_tokens),
    )


def _called(item: Mapping[str, Any]) -> tuple[str, str]:
    """The name of an item's tool, and what a person wants to see of the call."""
    kind = words(item.get("type"))
    match kind:
        case "command_execution":
            return "shell", one_line(_script(words(item.get("command"))))
        case "file_change":
            paths = (words(change.get("path")) for change in tables(item.get("changes")))
            return "edit", one_line(", ".join(paths))
        case "mcp_tool_call":
            name = f"{words(item.get('server'))}.{words(item.get('tool'))}"
            return name, detail(table(item.get("arguments")), ())
        case "collab_tool_call":
            return words(item.get("tool")) or kind, one_line(words(item.get("prompt")))
        case _:
            return kind, detail(item, ("query", "path", "prompt"))


def _script(command: str) -> str:
    """What a shell is given to run, without the shell itself."""
    if len(command) > 4096:
        return command  # no more than its beginning is shown, and to take it apart takes long
    try:
        shell, flag, script = shlex.split(command)
    except ValueError:
        return command
    return script if shell.endswith("sh") and flag in ("-c", "-lc") else command


# -- failures, which are told in words --------------------------------------------------------------

_RETRY = re.compile(r"Reconnecting\.\.\. (?:(\d{1,6})/\d+|waiting for network)(?: \((.*)\))?", re.DOTALL)
"""It tries again by itself: a number of times, and without an end where nothing can be reached."""

_URL = re.compile(r",? ?url: \S+")

_TEXT: tuple[tuple[str, Kind], ...] = (
    (r"no rollout found", "session_not_found"),
    (r"already has an active writer", "session_conflict"),
    (r"hit your usage limit", "usage_limit"),
    (r"[Qq]uota exceeded|out of credits|status:? 402", "billing_exhausted"),
    (r"ran out of room|context window|context_length_exceeded", "context_overflow"),
    (r"status:? 401|[Nn]ot logged in|log out and sign in|(access|refresh) token", "auth_invalid"),
    (
        r"model \S* ?does not exist|is not supported when using Codex|requires a newer version",
        "model_not_found",
    ),
    (r"status:? 403", "access_denied"),
    (r"status:? 404", "model_not_found"),
    (r"status:? 429|[Rr]ate limit", "rate_limit"),
    (r"at capacity|overloaded|status:? (503|529)", "overloaded"),
    (r"high demand|status:? 5\d\d|[Ii]nternal server error", "server_error"),
    (r"stream disconnected|error sending request|[Cc]onnection (refused|failed)|timed? ?out", "network"),
    (r"was flagged|invalid_prompt", "content_filter"),
    (r"Missing environment variable|unexpected argument|invalid value|cannot be used with", "config_invalid"),
    (r"[Ee]rror (loading|parsing) config|config\.toml|unknown (variant|configuration)", "config_invalid"),
    (r"status:? 4\d\d|No prompt provided", "invalid_request"),
)
"""Signatures of failures, those first that are told along with another's words."""


def _by_text(text: str) -> Kind | None:
    # The address of a request may hold any word and number.
    return ends.kind_by_words(_URL.sub("", text[-64 * 1024 :]), _TEXT)


def _last_error(stderr: str) -> str:
    """The line that says why, among lines of a log; all of it where there is none."""
    errors = [line for line in stderr.splitlines() if line.lower().startswith("error:")]
    return errors[-1] if errors else stderr
