"""A server of tools in the words of each CLI, for one process of it; nothing of the user's is written.

    claude     --mcp-config FILE                 allowed by the rule mcp__NAME
    codex      -c mcp_servers.NAME=...           approved by its own entry
    opencode   OPENCODE_CONFIG_CONTENT           allowed by the permission NAME_*
    ACP        mcpServers of a session           asked for like any call, and allowed

All of them go on without the server where it can't be started. Gemini CLI and Cursor know such servers
from the user's files alone; over ACP, Gemini takes one, too. (Gemini 0.61.0 has variables for two files of
an administrator's, and reads them only where root owns them and every folder above.)
"""

from __future__ import annotations

import json
from typing import Any

from sow_executors.base import Tools, Turn


def path(turn: Turn) -> str:
    """Where claude's settings for the server lie."""
    return f"{turn.scratch}/tools.json"


def files(turn: Turn) -> dict[str, str]:
    """Claude's settings for the server, by their path; none where nothing is offered."""
    return {path(turn): _claude(turn.tools)} if turn.tools else {}


def _claude(tools: Tools) -> str:
    entry = {
        "command": tools.argv[0],
        "args": list(tools.argv[1:]),
        "env": dict(tools.env),
        # Else the agent would have to look for the tools before it sees them.
        "alwaysLoad": True,
    }
    return json.dumps({"mcpServers": {tools.name: entry}}, indent=1) + "\n"


def codex(tools: Tools) -> str:
    """The server as codex's configuration has it: a table of TOML in one line."""
    args = ", ".join(map(_string, tools.argv[1:]))
    env = ", ".join(f"{_string(name)} = {_string(value)}" for name, value in tools.env.items())
    called = f"command = {_string(tools.argv[0])}, args = [{args}], env = {{{env}}}"
    return f'{{{called}, default_tools_approval_mode = "approve", startup_timeout_sec = 60}}'


def _string(text: str) -> str:
    # A JSON string is one of TOML's as long as it is not told in surrogates.
    return json.dumps(text, ensure_ascii=False)


def over_acp(tools: Tools) -> dict[str, Any]:
    """The server as an entry of `mcpServers` in the Agent Client Protocol."""
    env = [{"name": name, "value": value} for name, value in tools.env.items()]
    return {"name": tools.name, "command": tools.argv[0], "args": list(tools.argv[1:]), "env": env}


def opencode(tools: Tools) -> dict[str, Any]:
    """The server as opencode's configuration has it."""
    entry = {"type": "local", "command": list(tools.argv), "environment": dict(tools.env)}
    return {"mcp": {tools.name: entry}}
