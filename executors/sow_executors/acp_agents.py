"""The agents of the Agent Client Protocol that stand for a CLI which sow knows: told by their command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

_KINDS = {
    "claude-agent-acp": "claude",
    "claude-code-acp": "claude",
    "codex-acp": "codex",
    "cursor-agent": "cursor",
    "gemini": "gemini",
    "opencode": "opencode",
}
"""Names in the path of an agent's program, and the type of executor that runs the CLI behind it."""


def kind(command: Sequence[str]) -> str:
    """The type of the CLI behind an agent, by the first name in its command that tells it; empty for none."""
    names = (name for word in command for name in PurePath(word).parts)
    # A package's version may stand behind its name, as in `npx @agentclientprotocol/codex-acp@2`.
    return next((_KINDS[plain] for name in names if (plain := name.partition("@")[0]) in _KINDS), "")
