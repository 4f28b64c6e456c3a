"""A tool call at which a session has stopped, and what a person said to it; both lie in the attempt's inbox.

    permission.deferred   {call, tool, input, key, scope}, there before the session ends
    permission.crowded    there if other calls came behind it
    permission.answer     {text, by, at}, from whoever answers
    permission.heard      the same, once it has reached the call

No process waits. The session is resumed with the answer, and the stored call runs, or
is denied. The answer is renamed before the call begins, so that it runs once at the most.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sow_executors import acp_choice, inbox
from sow_executors.lines import table, words

NAME = "permission"

DEFERRED = ".deferred"

_ONCE, _FOR_TASK, _DENY = "allow once", "allow for this task", "deny"

OPTIONS = (_ONCE, _FOR_TASK, _DENY)
"""What a person can say; any other words are a no, and reach the agent."""

_CHOICES = tuple(
    {"optionId": name, "name": name, "kind": kind}
    for name, kind in zip(OPTIONS, ("allow_once", "allow_always", "reject_once"), strict=True)
)

_MOST = 8000


@dataclass(frozen=True, slots=True)
class Deferred:
    """A call at which a session has stopped."""

    call: str
    tool: str
    input: Mapping[str, Any]
    key: str
    """What the call is known by, in its executor's own words: with another input it is another call."""
    scope: str
    """What calls have in common that are allowed together."""

    @property
    def question(self) -> str:
        return question(self.tool, self.input)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person said to a call at which a session has stopped."""

    call: str
    key: str
    allows: bool
    words: str = ""
    """Theirs, where they said more than no."""
    answer: str = ""
    """The path of the answer, which is there until it reaches the call …"""
    heard: str = ""
    """… and what it is renamed to then."""
    again: bool = False
    """The call itself is gone: this holds for the next one like it."""


def question(tool: str, given: Mapping[str, Any]) -> str:
    """What a person is asked about a call: all that they allow by it, and nothing left out without a word."""
    rest = {name: value for name, value in given.items() if name != "command"}
    if command := words(given.get("command")):
        rest.pop("description", None)  # the agent's own words for it, which it may not keep to
        head = f"The agent asks to run: {command}"
    else:
        head = f"The agent asks to use {tool}:"
    lines = [head, *(f"{name}: {_told(value)}" for name, value in rest.items())]
    text = "\n".join(lines).strip()
    left_out = len(text) - _MOST
    return text if left_out <= 0 else f"{text[:_MOST]}\n[and {left_out} characters more, not shown here]"


def _told(value: object) -> str:
    if isinstance(value, str):
        return f"\n{words(value)}" if "\n" in value else words(value)
    try:
        return words(json.dumps(value, ensure_ascii=False))
    except (ValueError, RecursionError):
        return "something that can't be shown"


def path(folder: str) -> str:
    """Where the call is noted at which a session stops. `folder`: the inbox of its attempt."""
    return f"{folder}/{NAME}{DEFERRED}"


def crowded_path(folder: str) -> str:
    """Where it is noted that other calls came behind the one at which a session stopped."""
    return f"{folder}/{NAME}.crowded"


def answer_path(folder: str) -> str:
    """Where the answer is to be written, whole."""
    return inbox.answer_path(folder, NAME)


def asked(folder: str) -> Deferred | None:
    """The call at which the session stopped, if it did."""
    held = inbox.held(path(folder))
    if held is None:
        return None
    call, tool, key, scope = (words(held.get(name)) for name in ("call", "tool", "key", "scope"))
    return Deferred(call, tool, table(held.get("input")), key, scope) if call and tool and key else None


def given(folder: str) -> inbox.Answer | None:
    """What a person said to it, if anybody did."""
    return inbox.answer_to(folder, NAME)


def is_begun(folder: str) -> bool:
    """Whether the answer has reached the call."""
    return inbox.held(f"{folder}/{NAME}{inbox.HEARD}") is not None


def is_crowded(folder: str) -> bool:
    """Whether other calls came behind it."""
    return os.path.lexists(crowded_path(folder))


def verdict(folder: str) -> Verdict | None:
    """What the answer to the call means; None where there is no call, or no answer."""
    deferred, answer = asked(folder), given(folder)
    if deferred is None or answer is None:
        return None
    choice = acp_choice.chosen(answer.text, _CHOICES)
    return Verdict(
        deferred.call,
        deferred.key,
        choice.allows,
        choice.words,
        answer_path(folder),
        f"{folder}/{NAME}{inbox.HEARD}",
    )


def granted(folder: str) -> str:
    """The scope that a person allowed for as long as the task goes on; empty where they did not."""
    deferred, answer = asked(folder), given(folder)
    if deferred is None or answer is None:
        return ""
    return deferred.scope if acp_choice.chosen(answer.text, _CHOICES).option == _FOR_TASK else ""
