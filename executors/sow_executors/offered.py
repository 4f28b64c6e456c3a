"""A server of tools in the words of each CLI, for one process of it; nothing of the user's is written.

    claude     --mcp-config FILE                 allowed by the rule mcp__NAME
    codex      -c mcp_servers.NAME=...           approved by its own entry
    opencode   OPENCODE_CONFIG_CONTENT           allowed by the permission NAME_*
    gemini     a file of defaults, by variable   allowed by its own entry; see `gemini_defaults`
    ACP        mcpServers of a session           asked for like any call, and allowed

All of them go on without the server where it can't be started. Cursor knows such servers from the user's
files and the worktree's alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sow_executors.base import Tools, Turn


def path(turn: Turn) -> str:
    """Where the settings for the server lie, of a CLI that takes them from a file."""
    return f"{turn.scratch}/tools.json"


def claude(turn: Turn) -> dict[str, str]:
    """Claude's settings for the server, by their path; none where nothing is offered."""
    # Else the agent would have to look for the tools before it sees them.
    return {path(turn): _file(turn.tools, turn.tools.env, alwaysLoad=True)} if turn.tools else {}


def gemini(turn: Turn) -> dict[str, str]:
    """Gemini's defaults with the server, by their path; none where nothing is offered."""
    if not turn.tools:
        return {}
    # A variable in a value is replaced, and can't be quoted: what seems to have one comes from Gemini's own.
    plain = {name: value for name, value in turn.tools.env.items() if "$" not in value}
    return {path(turn): _file(turn.tools, plain, trust=True)}


def _file(tools: Tools, env: Mapping[str, str], **more: bool) -> str:
    entry = {"command": tools.argv[0], "args": list(tools.argv[1:]), "env": dict(env), **more}
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
