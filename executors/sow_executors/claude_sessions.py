"""Claude's register of running processes: a file each, of killed ones too, which name what the pid is one of.

sessions/<pid>.json     pid, sessionId, procStart, pidDomain: linux:<machine id>:pid:[<namespace>]
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Any

from sow_executors.extras import Opened
from sow_executors.lines import amount, count, parse, words

_DOMAIN = re.compile(r"linux:([0-9a-f]*):pid:\[(\d{1,20})\]")


def opened(session_id: str, folder: str) -> tuple[Opened, ...]:
    """The processes that are noted for a session in the configuration at `folder`. Never raises."""
    found = []
    for path in sorted(Path(folder, "sessions").glob("*.json")):
        try:
            told = parse(path.read_text(encoding="utf-8")) or {}
        except (OSError, ValueError):
            continue
        ticks = words(told.get("procStart"))
        if words(told.get("sessionId")) == session_id and (pid := count(told.get("pid"))):
            where = "a terminal" if told.get("entrypoint") == "cli" else "another program"
            space = _space(words(told.get("pidDomain")))
            noted = 0.0 if space is None else _noted(told, path, Path(folder), session_id)
            found.append(Opened(pid, int(ticks) if ticks.isdecimal() else None, where, space, noted))
    return tuple(found)


def _space(domain: str) -> int | None:
    """The pid namespace of a domain; None where it is ours, or where older versions name none."""
    named = _DOMAIN.fullmatch(domain)
    if named is None:
        return None
    with suppress(OSError):
        mine = os.stat("/proc/self/ns/pid").st_ino
        # Every machine's first namespace has the same number.
        if (named[1], int(named[2])) == (_machine(), mine):
            return None
    return int(named[2])


def _machine() -> str:
    try:
        return Path("/etc/machine-id").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def _noted(told: Mapping[str, Any], path: Path, folder: Path, session_id: str) -> float:
    """When a process was last seen to do something: by its note, by its file, by its conversation."""
    times = [(amount(told.get("updatedAt")) or 0.0) / 1000]
    for each in (path, *folder.glob(f"projects/*/{escape(session_id)}.jsonl")):
        with suppress(OSError):
            times.append(each.stat().st_mtime)
    return max(times)
