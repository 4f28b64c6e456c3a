"""The hook that Claude Code runs at its tool calls where a person is asked for permission: a quick program.

    the agent calls a tool   Claude's own rules allow it     it runs
                             they don't: PermissionRequest   denied, with how to ask  -> `again`
    it makes the same call   PreToolUse                      the session stops at it  -> `defer`
    a person has answered    PreToolUse, at the resume       it runs, or is denied    -> `allow`, `deny`

Claude's rules come behind `PreToolUse`, so that only a denial tells what they don't
allow, and only `PreToolUse` can stop the session. Whatever goes wrong here allows
nothing. It imports nothing of ours: it is run by its path, hundreds of times.
"""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # half of what this costs is what it imports
    from collections.abc import Collection, Mapping
    from typing import Any

AGAIN = (
    "This needs a person's permission, so nothing was done. If you can do without it, do. Else make exactly "
    "this call again, and no other beside it: the person is asked then, and it is done once they allow it."
)
NOT_FROM_HERE = (
    "This needs a person's permission, and a subagent can't ask for it: nothing was done. "
    "Go on without it, or end and say that this call is needed, so that the main agent makes it."
)
ONE_AT_A_TIME = (
    "A person is asked about another call of yours already, so nothing was done. Ask for one at a time: "
    "make this call again, alone, once you have the answer."
)
REFUSED = "A person did not allow this."
LEFT = "This was put to a person, and was not done: make the call again, alone, as you are told."
CUT_OFF = (
    "A person allowed this, and it was begun, but you were cut off: look whether it took effect. "
    "If it has to be done again, make the call again, and they are asked again."
)

_ABOUT = {
    "Edit": ("edit", "file_path"),
    "MultiEdit": ("edit", "file_path"),
    "NotebookEdit": ("edit", "notebook_path"),
    "Read": ("read", "file_path"),
    "WebFetch": ("fetch", "url"),
    "Write": ("edit", "file_path"),
}
"""Tools whose calls are alike where one thing in their input is; of any other, all of it counts."""


def key(tool: str, given: Mapping[str, Any]) -> str:
    """What a call is known by: all of its input, but for a shell command's caption."""
    telling = {name: value for name, value in given.items() if (tool, name) != ("Bash", "description")}
    return json.dumps([tool, telling], sort_keys=True)


def scope(tool: str, given: Mapping[str, Any]) -> str:
    """What calls have in common that are allowed together for a task: the command, the file, the page."""
    kind, about = _ABOUT.get(tool, ("", ""))
    return json.dumps([kind, given[about]]) if kind and given.get(about) else key(tool, given)


def decide(
    event: Mapping[str, Any], plan: Mapping[str, Any], tried: Collection[str] = (), *, is_begun: bool = False
) -> tuple[str, str]:
    """What becomes of a call, and the words to it; empty where Claude decides.

    `begin` and `refuse` are a person's word on a call, `again` is a denial that tells how to ask.
    `plan`: what sow knows (`claude_permissions` makes it); `tried`: the keys of calls that were told `again`;
    `is_begun`: whether a person's word has reached a call.
    """
    tool, given = event.get("tool_name"), event.get("tool_input")
    if not isinstance(tool, str) or not isinstance(given, dict):
        return "", ""
    is_subagent = bool(event.get("agent_id"))
    if event.get("hook_event_name") == "PermissionRequest":
        return ("deny", NOT_FROM_HERE) if is_subagent else ("again", AGAIN)
    known, answered = key(tool, given), plan.get("answered") or {}
    if answered and known == answered["key"]:
        is_it = event.get("tool_use_id") == answered["call"]
        is_meant = is_it or (answered["again"] and not is_begun)
        if is_meant and not answered["allows"]:
            return "refuse", f"{REFUSED} {answered['words']}".strip()
        if is_it and (is_begun or answered["again"]):
            return "deny", CUT_OFF if is_begun else LEFT
        if is_meant:
            return "begin", ""
    if scope(tool, given) in plan.get("granted", ()):
        return "allow", ""
    if known in tried and not is_subagent:
        return "defer", ""
    return "", ""


def main(path: str) -> None:
    """Answers one event, by the plan that lies at a path."""
    event = json.load(sys.stdin)
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    answered = plan.get("answered") or {}
    is_begun = bool(answered) and os.path.exists(answered["heard"])
    what, words = decide(event, plan, _tried(plan["tried"]), is_begun=is_begun)
    if what == "again":
        _did_not_stop_at(event, plan["deferred"])
        with open(plan["tried"], "a", encoding="utf-8") as file:
            file.write(key(event["tool_name"], event["tool_input"]) + "\n")
    elif what == "defer" and not _stops_at(event, plan["deferred"]):
        what, words = "deny", ONE_AT_A_TIME
    elif what == "begin":
        what, words = ("allow", "") if _reaches(answered) else ("deny", CUT_OFF)
    elif what == "refuse":
        _reaches(answered)
    if what:
        json.dump(_told(event["hook_event_name"], what, words), sys.stdout)


def _tried(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def _stops_at(event: Mapping[str, Any], path: str) -> bool:
    """Notes the call at which the session stops; False where it stops at another one already.

    Of two calls that are put off together, Claude forgets the first.
    """
    tool, given = event["tool_name"], event["tool_input"]
    held = {"call": event["tool_use_id"], "tool": tool, "input": given}
    held |= {"key": key(tool, given), "scope": scope(tool, given)}
    beside = f"{path}.{os.getpid()}"
    with open(beside, "w", encoding="utf-8") as file:
        json.dump(held, file)
    try:
        os.link(beside, path)  # whole, and only one
    except FileExistsError:
        return False
    finally:
        os.unlink(beside)
    return True


def _did_not_stop_at(event: Mapping[str, Any], path: str) -> None:
    """Takes back the note of a call that Claude decides about after all: it may not know `defer`."""
    try:
        with open(path, encoding="utf-8") as file:
            noted = json.load(file)["key"]
    except FileNotFoundError:
        return
    if noted == key(event["tool_name"], event["tool_input"]):
        os.unlink(path)


def _reaches(answered: Mapping[str, Any]) -> bool:
    """Marks that a person's word has reached a call, before it begins; False where it had reached one."""
    try:
        os.rename(answered["answer"], answered["heard"])
    except FileNotFoundError:
        return False
    return True


def _told(event: str, what: str, words: str) -> dict[str, Any]:
    """The answer, as Claude reads it."""
    if event == "PermissionRequest":
        inner: dict[str, Any] = {"decision": {"behavior": "deny", "message": words}}
    else:
        decision = "deny" if what == "refuse" else what
        inner = {"permissionDecision": decision, "permissionDecisionReason": words}
    return {"hookSpecificOutput": {"hookEventName": event, **inner}}


if __name__ == "__main__":
    main(sys.argv[1])
