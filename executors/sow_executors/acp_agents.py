"""The agents of the Agent Client Protocol that stand for a CLI which sow knows: told by their command.

Each tells in a way of its own which server of tools a call is of: the protocol has no words for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from sow_executors.lines import table, words

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


def server(kind: str, call: Mapping[str, Any]) -> str:
    """The name of the server that a tool call is of, told by an agent of that kind; empty for none.

    Only what the agent itself says counts, never what its model may choose.
    """
    match kind:
        case "claude":
            meta = table(table(call.get("_meta")).get("claudeCode"))
            return words(table(meta.get("mcpServer")).get("name"))
        case "codex":
            is_of_server = table(call.get("_meta")).get("is_mcp_tool_call") is True
            return words(table(call.get("rawInput")).get("server")) if is_of_server else ""
        case "gemini":
            # The id begins with the tool's whole name, of which the title tells where it is parted.
            title = re.fullmatch(r"(\S+) \((\S+) MCP Server\)", words(call.get("title")))
            made = f"mcp_{title[2]}_{title[1]}__" if title else ""
            return title[2] if title and words(call.get("toolCallId")).startswith(made) else ""
        case "opencode" if call.get("kind") == "other":
            return words(call.get("title")).partition("_")[0]
    return ""
