"""What the same wish is called by each CLI: its tool, and the tool's input."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence

from sow_executors.model_server.replies import Call, Hang, Refuse, Reply, Shell, Told, Write

Input = Mapping[str, object]

SHELLS: Mapping[str, Callable[[str], Input]] = {
    "Bash": lambda command: {"command": command, "description": "run it"},  # claude
    "exec_command": lambda command: {"cmd": command, "login": False},  # codex
    "run_shell_command": lambda command: {"command": command, "description": "run it"},  # gemini
    "bash": lambda command: {"command": command, "description": "run it"},  # opencode
}
"""Shell tools by name, and their input for a command."""

WRITERS: Mapping[str, Callable[[str, str], Input]] = {
    "Write": lambda path, content: {"file_path": path, "content": content},  # claude
    "write_file": lambda path, content: {"file_path": path, "content": content},  # gemini
    "write": lambda path, content: {"filePath": path, "content": content},  # opencode
}
"""Tools that write a file, and their input; where none is on offer, the shell writes it."""


class NotOnOffer(LookupError):
    """The client offers no tool for what the script says."""

    def __init__(self, what: str, tools: Sequence[str]) -> None:
        super().__init__(f"no tool to {what} among {json.dumps(list(tools))}")


def in_words_of(reply: Reply, tools: Sequence[str]) -> Told | Refuse | Hang:
    """The reply with a call of one of the `tools` for a wish. Raises NotOnOffer."""
    match reply:
        case Shell(command):
            return _shell(command, tools)
        case Write(path, content):
            if name := next((name for name in WRITERS if name in tools), None):
                return Call(name, WRITERS[name](path, content))
            return _shell(f"printf %s {shlex.quote(content)} > {shlex.quote(path)}", tools)
        case _:
            return reply


def _shell(command: str, tools: Sequence[str]) -> Call:
    name = next((name for name in SHELLS if name in tools), None)
    if name is None:
        raise NotOnOffer("run a command", tools)
    return Call(name, SHELLS[name](command))
