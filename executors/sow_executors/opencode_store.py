"""Where opencode keeps its sessions, and which of them an agent began that was ended before it told.

    $XDG_DATA_HOME/opencode/opencode.db        SQLite: session, message, part

Read only, and only what is looked for: a title of sow's making. Measured on
1.18.33; a database of another shape tells nothing.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

_WAIT_SECONDS = 2.0

_BEGUN = """
SELECT id FROM session
WHERE title = ? AND parent_id IS NULL AND EXISTS (SELECT 1 FROM part WHERE part.session_id = session.id)
ORDER BY time_created DESC LIMIT 1
"""
"""A session without a part was never told its prompt: resumed, it would know nothing of its task."""


def begun(title: str, env: Mapping[str, str]) -> str:
    """The id of the session with that title, if it was told something; empty for none. Never raises."""
    for path in _databases(env):
        try:
            with closing(
                sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_WAIT_SECONDS)
            ) as held:
                found = held.execute(_BEGUN, (title,)).fetchone()
        except sqlite3.Error:
            continue
        if found and isinstance(found[0], str):
            return found[0]
    return ""


def _databases(env: Mapping[str, str]) -> Iterator[Path]:
    """Those that are there; each channel of opencode's releases has one of its own."""
    data = env.get("XDG_DATA_HOME") or os.path.join(
        env.get("HOME") or os.path.expanduser("~"), ".local", "share"
    )
    folder = Path(os.path.abspath(data), "opencode")
    named = env.get("OPENCODE_DB")
    paths = [folder / named] if named else sorted(folder.glob("opencode*.db"))
    return (path for path in paths if path.is_file())
