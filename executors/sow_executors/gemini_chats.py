"""The files of Gemini CLI's sessions, and what has to be done before one of them is loaded over ACP.

    ~/.gemini/projects.json                 the name of each folder
    ~/.gemini/tmp/<name>/chats/session-<UTC, to the minute>-<beginning of the id>.jsonl

Version 0.61 loses a session that is loaded: before it reads, it begins an empty
file for it. In the minute in which the session began that is the session's own
file, and all is taken back that was said there; in any later minute the empty
file stays beside it, and the next start in that folder deletes both as damaged.
So the session's file is given a name that is over, and the empty ones go.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from glob import escape
from pathlib import Path
from typing import Any

from sow_executors.lines import parse, table, tables, words

_MINUTE = "%Y-%m-%dT%H-%M"

_MOST = 64 * 1024
"""Bytes: a file in which nothing was said is smaller."""

_CONTEXT = "<session_context>"
"""So begins what Gemini tells a model of where it is, before anybody said anything."""


def make_ready(session_id: str, folder: str, env: Mapping[str, str], now: float) -> None:
    """Makes a session that began in `folder` one that Gemini can load at `now` or later.

    No process may have it open. Nothing is changed of a session in which nothing was said. Raises OSError.
    """
    held = [path for path in _files(session_id, folder, env) if _session(path) == session_id]
    empty = [path for path in held if _is_empty(path)]
    if len(empty) == len(held):
        return
    for path in empty:
        path.unlink(missing_ok=True)
    for path in held:
        if path not in empty:
            _step_back(path, now)


def file(session_id: str, folder: str, env: Mapping[str, str]) -> str:
    """The path of a session's file; empty where there is none. Never raises."""
    with suppress(OSError):
        held = [path for path in _files(session_id, folder, env) if _session(path) == session_id]
        return str(held[-1]) if held else ""
    return ""


def _step_back(path: Path, now: float) -> None:
    """Gives a file of this minute, or of a clock that went before, the name of one that is over."""
    minute = datetime.fromtimestamp(now, UTC).replace(second=0, microsecond=0)
    head, _, rest = path.name.rpartition("-")
    if head < f"session-{minute.strftime(_MINUTE)}":
        return
    name = path
    while name.exists():
        minute -= timedelta(minutes=1)
        name = path.with_name(f"session-{minute.strftime(_MINUTE)}-{rest}")
    path.rename(name)


def _files(session_id: str, folder: str, env: Mapping[str, str]) -> list[Path]:
    home = Path(env.get("GEMINI_CLI_HOME") or env.get("HOME") or Path.home(), ".gemini")
    with suppress(OSError, ValueError):
        named = table((parse((home / "projects.json").read_text(encoding="utf-8")) or {}).get("projects"))
        for known in (folder, os.path.realpath(folder)):
            if name := words(named.get(known)):
                chats = home / "tmp" / name / "chats"
                return sorted(chats.glob(f"session-*-{escape(session_id[:8])}.jsonl"))
    return []


def _session(path: Path) -> str:
    """The id in the head of a session's file."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return words((parse(file.readline(_MOST)) or {}).get("sessionId"))


def _is_empty(path: Path) -> bool:
    """Whether nothing was said in a session's file."""
    if path.stat().st_size > _MOST:
        return False
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return all(_tells_nothing(parse(line)) for line in lines if line.strip())


def _tells_nothing(event: Mapping[str, Any] | None) -> bool:
    """Whether a line is the head of a file, or sets what Gemini itself says before all else."""
    if event is None:
        return False
    if "$set" not in event:
        return "sessionId" in event and "type" not in event
    messages = tables(table(event["$set"]).get("messages"))
    parts = [part for message in messages for part in tables(message.get("content"))]
    return all(words(part.get("text")).startswith(_CONTEXT) for part in parts) and len(parts) == len(messages)
