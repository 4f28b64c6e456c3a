"""How agents of the Agent Client Protocol are kept on loopback: those of CLIs that are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from sow_executors.acp_agents import kind
from sow_executors.extras import Offline
from sow_executors.model_server import claude, codex, gemini, opencode

_LAST_STEP = "it tells what its last step used alone"

_FETCHING = frozenset({"npx", "bunx", "pnpx", "uvx", "npm", "bun", "pnpm", "yarn"})
"""Programs that may first load what they run."""


def offline(command: Sequence[str], settings: Mapping[str, object], home: str, url: str) -> Offline | None:
    """The agent that `command` runs with `url` for its model; None for one that is not known."""
    # A model of the user's is none of the server's, and the agent would refuse its name.
    own = {key: value for key, value in settings.items() if key not in ("model", "auth")}
    # What has to be loaded first, no model of ours can be played for.
    match "" if PurePath(command[0]).name in _FETCHING else kind(command):
        case "claude":
            found = claude.offline(own, home, url)
            return replace(found, passed=("CLAUDE_CODE_EXECUTABLE",))
        case "codex":
            found = codex.offline(own, home, url)
            return replace(found, passed=("CODEX_PATH",))
        case "gemini":
            return replace(gemini.offline(own, home, url), settings=own)
        case "opencode":
            found = opencode.offline(own, home, url)
            return replace(found, settings=own, unseen={**found.unseen, "differences": _LAST_STEP})
    return None
