"""What `opencode acp` is told to ask about: edits, commands, the web, what lies outside, MCP tools.

Its own configuration may allow all of that unasked, and does where it says nothing. Ours
(OPENCODE_PERMISSION) is laid over the user's key by key, new keys behind, and of the rules
that match opencode takes the last. So each permission comes once more, by another pattern
that means the same: first that it is asked about, then the user's own rules without what
they allow. What was denied stays denied. Pure; measured on 1.18.33.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from sow_executors.lines import table

VARIABLE = "OPENCODE_PERMISSION"

ASKED = ("edit", "bash", "webfetch", "websearch", "external_directory")
"""The permissions that are asked for, and those of MCP tools."""

CLOSED = "task"
"""Subagents: what one of them asks, opencode tells no client, and waits for the answer for ever."""

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]")


def question(command: Sequence[str]) -> tuple[str, ...]:
    """The command that prints the whole configuration, of the opencode that `command` runs for ACP."""
    head = command[: command.index("acp")] if "acp" in command else command
    return (*head, "debug", "config")


def asking(configuration: Mapping[str, object]) -> str:
    """The value of the variable, under a user's whole `configuration`."""
    held = table(configuration.get("permission"))
    rules: dict[str, object] = {}
    for permission in ASKED:
        rules[_other_name(permission)] = _stricter(_of(permission, held))
    for server in table(configuration.get("mcp")):
        tools = f"{_NO_NAME.sub('_', server)}_"
        rules[f"{tools[:-1]}?*"] = _stricter(_of(f"{tools}*", held))
        for key in held:
            if key.startswith(tools):
                rules[_other_name(key)] = _stricter(_of(key, held))
    return json.dumps({**rules, CLOSED: "deny", _other_name(CLOSED): "deny"})


def _of(permission: str, held: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The rules of a configuration for a permission, in their order: pattern and action."""
    for key, given in held.items():
        if matches(permission, key):
            yield from table(given).items() if isinstance(given, dict) else (("*", given),)


def _stricter(rules: Iterator[tuple[str, object]]) -> dict[str, str]:
    """The same rules, in which nothing is allowed."""
    found = {"*": "ask"}
    for pattern, action in rules:
        found.pop(pattern, None)  # to the end, for the last one counts
        found[pattern] = "deny" if action == "deny" else "ask"
    return found


def _other_name(permission: str) -> str:
    """A pattern for a permission that no user has: `?` is any one character."""
    return f"{permission[:-1]}?"


def matches(name: str, pattern: str) -> bool:
    """Whether opencode takes `name` for one that `pattern` means."""
    optional = pattern.endswith(" *")
    plain = "".join(
        {"*": ".*", "?": "."}.get(char, re.escape(char)) for char in (pattern[:-2] if optional else pattern)
    )
    return re.fullmatch(f"{plain}( .*)?" if optional else plain, name, re.DOTALL) is not None
