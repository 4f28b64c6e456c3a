"""How Claude Code is told to stop at a call that needs a person: settings for one process of it.

    --settings=<scratch>/claude-settings.json    hooks, and what the agent may not edit
    <scratch>/permissions.json                   what the hook is told (`claude_hook`)
    <scratch>/tried                              calls that were denied with how to ask, a line each

Nothing is written into the user's configuration or the worktree.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from sow_executors import claude_hook, deferral, settings
from sow_executors.base import BadSettings, Turn
from sow_executors.lines import table, words

HOOK = str(Path(__file__).with_name("claude_hook.py"))

HOOK_SECONDS = 30
"""How long Claude waits for the hook, which takes some hundredths of a second, on a machine that is busy."""


def asks(turn: Turn) -> bool:
    """Whether a person is asked about what the rules don't allow. Raises BadSettings."""
    chosen = settings.choice(turn.settings, "permissions", ("rules", "ask"))
    return chosen == "ask" and not settings.flag(turn.settings, "yolo_mode")


def check_custom_args(turn: Turn) -> None:
    """Raises BadSettings for arguments of the user's that would take the place of ours."""
    for given in turn.custom_args:
        if given.split("=", 1)[0] == "--settings":
            told = "can't hold --settings with `permissions: ask`, which has settings of its own"
            raise BadSettings(
                f"custom_args of claude {told}: put yours into Claude's settings.json", "custom_args"
            )


def settings_path(turn: Turn) -> str:
    """Where the settings for this process lie."""
    return f"{turn.scratch}/claude-settings.json"


def files(turn: Turn) -> dict[str, str]:
    """What must lie in the attempt's folder, by path."""
    return {
        settings_path(turn): json.dumps(_settings(turn), indent=1) + "\n",
        _plan_path(turn): json.dumps(_plan(turn), indent=1) + "\n",
    }


def _plan_path(turn: Turn) -> str:
    return f"{turn.scratch}/permissions.json"


def _tried_path(turn: Turn) -> str:
    return f"{turn.scratch}/tried"


def _plan(turn: Turn) -> dict[str, Any]:
    inbox = f"{turn.scratch}/inbox"
    plan: dict[str, Any] = {"tried": _tried_path(turn), "deferred": deferral.path(inbox)}
    if verdict := turn.verdict:
        plan["answered"] = {
            "call": verdict.call,
            "key": verdict.key,
            "allows": verdict.allows,
            "again": verdict.again,
            "words": f"They say: {verdict.words}" if verdict.words else "",
            "answer": verdict.answer,
            "heard": verdict.heard,
        }
    return {**plan, "granted": list(turn.granted)}


def _settings(turn: Turn) -> dict[str, Any]:
    command = shlex.join([sys.executable, "-I", "-S", HOOK, _plan_path(turn)])
    # Without an answer, nothing can be allowed or put off before something was denied.
    first = "" if turn.verdict or turn.granted else f"[ ! -e {shlex.quote(_tried_path(turn))} ] || "
    hooks = {"PreToolUse": f"{first}exec {command}", "PermissionRequest": f"exec {command}"}
    # An agent that may write to its own inbox would answer itself.
    closed = f"Edit(/{_literal(os.path.dirname(turn.scratch))}/**)"
    return {
        "hooks": {event: [{"hooks": [_hook(run)]}] for event, run in hooks.items()},
        "permissions": {"deny": [closed]},
    }


def _hook(command: str) -> dict[str, Any]:
    return {"type": "command", "command": command, "timeout": HOOK_SECONDS}


def _literal(path: str) -> str:
    """A path as Claude's rules read it: they take it for a pattern."""
    return re.sub(r"([\[\]*?(){}!\\])", r"\\\1", path)


def is_again(reason: str) -> bool:
    """Whether a denial was only how to ask."""
    return claude_hook.AGAIN in reason


def is_answer(result: Mapping[str, Any]) -> bool:
    """Whether a call did not run because of what a person had answered."""
    held, told = result.get("content"), (claude_hook.REFUSED, claude_hook.LEFT, claude_hook.CUT_OFF)
    return result.get("is_error") is True and isinstance(held, str) and any(each in held for each in told)


def standing(
    denials: Sequence[Mapping[str, Any]], again: Collection[str], deferred: Mapping[str, Any]
) -> list[tuple[Mapping[str, Any], str]]:
    """The denials of a result that count, each with a reason if it is known.

    Of the calls that were denied with how to ask (`again`, by id) those count that the agent
    then left, once each. `deferred`: the call at which the session stopped, empty for none.
    """
    asked = {_key(deferred.get("name"), deferred.get("input"))}
    found: list[tuple[Mapping[str, Any], str]] = []
    for denial in denials:
        if words(denial.get("tool_use_id")) not in again:
            asked.add(_key(denial.get("tool_name"), denial.get("tool_input")))
            found.append((denial, ""))
    for denial in denials:
        key = _key(denial.get("tool_name"), denial.get("tool_input"))
        if words(denial.get("tool_use_id")) in again and key not in asked:
            asked.add(key)
            found.append((denial, "the agent was told how to ask, and did not"))
    return found


def _key(tool: object, given: object) -> str:
    return claude_hook.key(words(tool), table(given))
