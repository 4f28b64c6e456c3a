"""The executor that plays an agent from a YAML file: a rehearsal, in a real process.

It is the embedded default, so that sow runs before any agent CLI is there, and
a part for users' own rehearsals and tests. `script_file` says what a script
may hold, `script_agent` is the program that plays it.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast, get_args

from sow_executors import ends, lines
from sow_executors.base import (
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
from sow_executors.settings import flag, only, spare, word

AGENT = str(Path(__file__).with_name("script_agent.py"))
SETTINGS = ("yolo_mode", "model", "script", "home")
PLACEHOLDERS = ("task_id", "role")
OWNED = frozenset({"--session-id", "--resume", "--script", "--task", "--model", "--terminal"})
SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
KINDS: tuple[str, ...] = get_args(Kind)


class Script:
    """Plays the script that the task's `script` parameter or the executor's `script` setting names.

    Settings: `script`, a path below the turn's folder or an absolute one, in
    which `{task_id}` and `{role}` are filled in; `home`, an absolute folder in
    which the conversations are kept; `model`, a name to show; `yolo_mode`, taken
    and without effect: what a script does, its author wrote.
    """

    name = "script"
    ids: SessionIds = "ours"
    environment: tuple[str, ...] = ("SOW_SCRIPT_*",)

    def program(self, settings: Mapping[str, object]) -> tuple[str, ...]:
        return (sys.executable,)

    def accepts(self, session_id: str) -> bool:
        return SESSION_ID.fullmatch(session_id) is not None

    def check_settings(self, settings: Mapping[str, object], custom_args: tuple[str, ...]) -> None:
        """The script may come with the task, so it may be missing here."""
        _check(settings, custom_args)
        if "script" in settings:
            _template(settings["script"])

    def spawn(self, turn: Turn) -> Command:
        """Raises BadSettings, as `resume` and `attach` do."""
        return _command(turn, "--session-id")

    def resume(self, turn: Turn) -> Command:
        return _command(turn, "--resume")

    def attach(self, turn: Turn) -> Command:
        return _command(turn, "--resume", terminal=True)

    def reader(self, session_id: str | None) -> "ScriptReader":
        return ScriptReader(session_id)


def _command(turn: Turn, opening: str, terminal: bool = False) -> Command:
    if turn.session_id is None or not SESSION_ID.fullmatch(turn.session_id):
        raise ValueError(f"a script's session needs an id that it accepts, not {turn.session_id!r}")
    _check(turn.settings, turn.custom_args)
    # -I keeps PYTHONPATH and the worktree's own modules out; the agent adds its package by its path.
    argv = [sys.executable, "-I", AGENT, opening, turn.session_id, "--script", _script_path(turn)]
    if turn.task_id:
        argv += ["--task", turn.task_id]
    if model := word(turn.settings, "model"):
        argv += ["--model", model]
    if terminal:
        argv += ["--terminal"]
    return Command(
        argv=(*argv, *turn.custom_args),
        folder=turn.folder,
        stdin=None if terminal else turn.prompt,
        env=_environment(turn.settings),
    )


def _check(settings: Mapping[str, object], custom_args: tuple[str, ...]) -> None:
    """Raises BadSettings for whatever of them is wrong for every task."""
    only("script", settings, SETTINGS)
    flag(settings, "yolo_mode")
    word(settings, "model")
    _environment(settings)
    spare("script", custom_args, OWNED)


def _script_path(turn: Turn) -> str:
    """The script's absolute path: the task's own, or else the executor's."""
    path = _template(turn.params.get("script", turn.settings.get("script")))
    known = {"task_id": turn.task_id, "role": turn.role}
    filled = re.sub(r"\{(\w+)\}", lambda match: known[match[1]], path)
    return os.path.normpath(os.path.join(turn.folder, os.path.expanduser(filled)))


def _template(path: object) -> str:
    """The path of a script with its placeholders, once it is one."""
    if not isinstance(path, str) or not path.strip() or "\0" in path:
        raise BadSettings(
            f"script is the path of a YAML file, not {path!r}; "
            "set it in the executor's settings or in the task's params",
            "script",
        )
    for name in re.findall(r"\{(\w*)\}", path):
        if name not in PLACEHOLDERS:
            known = " and ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            raise BadSettings(f"script has no placeholder {{{name}}}; it knows {known}", "script")
    return path


def _environment(settings: Mapping[str, object]) -> dict[str, str]:
    home = os.path.expanduser(word(settings, "home"))
    if home and not os.path.isabs(home):
        raise BadSettings(f"home is the absolute path of a folder, not {home!r}", "home")
    return {"SOW_SCRIPT_HOME": home} if home else {}


class ScriptReader:
    """Understands the lines of `script_agent`; a last line of another session counts as a failure."""

    def __init__(self, session_id: str | None) -> None:
        self._expected = session_id
        self._seen = session_id
        self._last: Finished | Failed | None = None

    def read(self, line: str) -> list[Report]:
        event = lines.parse(line)
        report = None if event is None else self._report(event)
        return [] if report is None else [report]

    def _report(self, event: Mapping[str, object]) -> Report | None:
        def text(key: str) -> str:
            return lines.words(event.get(key))

        match event.get("type"):
            case "session":
                self._seen = text("session_id")
                return Started(self._seen, text("model"))
            case "said":
                return Said(text("text"))
            case "tool":
                return Used(text("tool"), text("detail"), text("call"))
            case "tool_result":
                return Returned(text("call"), event.get("ok") is True)
            case "denied":
                return Denied(text("tool"), text("detail"), text("reason"))
            case "spent":
                return Spent(
                    input_tokens=lines.count(event.get("input_tokens")),
                    output_tokens=lines.count(event.get("output_tokens")),
                    usd=lines.amount(event.get("usd")),
                )
            case "limited":
                return Limited("rejected", lines.amount(event.get("resets_at")))
            case "finished":
                self._last = Finished(text("text"), lines.count(event.get("turns")))
            case "failed":
                message, resets_at = text("message"), lines.amount(event.get("resets_at"))
                self._last = Failed(_kind(text("kind")), message or "no reason given", resets_at)
        return None

    def end(self, exit_code: int | None, stderr: str) -> Finished | Failed:
        if self._expected is not None and self._seen != self._expected:
            return Failed("session_conflict", f"session {self._seen!r} came, not {self._expected!r}")
        if self._last is not None:
            return self._last
        return ends.failed("the script's agent", exit_code, stderr)


def _kind(name: str) -> Kind:
    return cast(Kind, name) if name in KINDS else "unknown"
