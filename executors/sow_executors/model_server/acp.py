"""How agents of the Agent Client Protocol are kept on loopback: those of CLIs that are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from sow_executors.extras import Offline
from sow_executors.model_server import claude, codex, gemini, opencode

_KINDS = {
    "claude-agent-acp": "claude",
    "claude-code-acp": "claude",
    "codex-acp": "codex",
    "gemini": "gemini",
    "opencode": "opencode",
}
"""Names in the path of an agent's program, and the CLI behind it."""

_WORDLESS = {"limit's end": "its protocol has no place for it"}

_FETCHING = frozenset({"npx", "bunx", "pnpx", "uvx", "npm", "bun", "pnpm", "yarn"})
"""Programs that may first load what they run."""


def offline(command: Sequence[str], settings: Mapping[str, object], home: str, url: str) -> Offline | None:
    """The agent that `command` runs with `url` for its model; None for one that is not known."""
    # A model of the user's is none of the server's, and the agent would refuse its name.
    own = {key: value for key, value in settings.items() if key not in ("model", "auth")}
    match _kind(command):
        case "claude":
            found = claude.offline(own, home, url)
            return replace(found, passed=("CLAUDE_CODE_EXECUTABLE",), unseen=_WORDLESS)
        case "codex":
            found = codex.offline(own, home, url)
            return replace(found, passed=("CODEX_PATH",), unseen=_WORDLESS)
        case "gemini":
            return replace(gemini.offline(own, home, url), settings=own, unseen=_WORDLESS)
        case "opencode":
            return replace(opencode.offline(own, home, url), settings=own)
    return None


def _kind(command: Sequence[str]) -> str:
    """The CLI behind an agent, by the first name in its command that tells it; empty for none."""
    if PurePath(command[0]).name in _FETCHING:
        return ""
    names = (name for word in command for name in PurePath(word).parts)
    return next((_KINDS[name] for name in names if name in _KINDS), "")
