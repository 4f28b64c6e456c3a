"""What the agent is asked, turn by turn, and what the model server answers in its model's place.

Each turn costs money where the model is a real one: there are few, and they are short.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sow_executors.model_server.replies import (
    Refuse,
    Reply,
    Shell,
    Text,
    bash,
    unauthorized,
    usage_limited,
)

Name = Literal["first", "tool", "stop", "after", "lost", "login", "limit"]

SLEEPS = 97
"""Seconds that the tool of the turn to be stopped takes if nobody stops it."""

COMMANDS = ("sow", "echo", "sleep")
"""What the agent may run without being asked, whatever the settings say."""

STOPS = f"sleep {SLEEPS}"

REFUSED: Mapping[Name, str] = {"login": "refused login", "limit": "usage limit"}
"""The turns in which the model's server refuses: in sessions of their own, and only where it is ours.

Each is for one row, that of this name.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """One turn of the check."""

    name: Name
    about: str
    """What goes on, in a few words for a person who waits."""
    prompt: str
    replies: tuple[Reply, ...]
    resumes: bool = False
    """Whether it goes on in the session of the first; `lost`, in one of such an id that is none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The words of one check, like those of no other, and its turns."""

    word: str
    """What the agent is told to remember."""
    mark: str
    """What its shell prints."""
    parts: tuple[Part, ...]

    def part(self, name: Name) -> Part:
        return next(part for part in self.parts if part.name == name)


def made(*, offline: bool, remembers: bool, resets_at: int) -> Plan:
    """The turns of a check. `remembers`: whether the CLI keeps sessions; one that doesn't is told anew.

    `resets_at`: when the limit that the server plays ends, in seconds since the epoch.
    """
    word, mark = f"heron-{secrets.token_hex(3)}", f"ibis-{secrets.token_hex(3)}"
    told = "the word that you were told to remember" if remembers else f"the word {word}"
    parts = [
        Part(
            "first",
            "it is to say a word",
            f"Remember the word {word}. Use no tool. Answer with that word and nothing else.",
            (Text(word),),
        ),
        Part(
            "tool",
            "it is to run a command, and to say the word again",
            f"Run the shell command `echo {mark}`, once. Then answer with {told} and nothing else.",
            (bash(f"echo {mark}"), Text(word)),
            resumes=remembers,
        ),
        Part(
            "stop",
            "it is stopped in the middle of a command",
            f"Run the shell command `echo {mark}; {STOPS}`, once, in the foreground, with a timeout of "
            f"{SLEEPS + 20} seconds, and wait for its end. Then answer with {told}.",
            (bash(f"echo {mark}; {STOPS}"), Text("It is over.")),
            resumes=remembers,
        ),
    ]
    if remembers:
        parts.append(
            Part(
                "after",
                "it is to go on after that",
                f"Run nothing any more. Answer with {told} and nothing else.",
                (Text(word),),
                resumes=True,
            )
        )
    if offline and remembers:
        lost = "it is to go on in a session that it never had"
        parts.append(Part("lost", lost, "Say hello.", (Text("Hello."),), resumes=True))
    if offline:
        parts += [
            Part("login", "its login is refused", "Say hello.", (unauthorized(),)),
            Part("limit", "its account's limit is used up", "Say hello.", (usage_limited(resets_at),)),
        ]
    return Plan(word, mark, tuple(parts))


def unlike(session_id: str) -> str:
    """Another id, of the same form: each letter and digit of its end is the next one."""
    head, end = session_id[:-8], session_id[-8:]
    return head + "".join(_NEXT.get(character, character) for character in end)


_WHEELS = ("0123456789", "abcdef", "ABCDEF", "ghijklmnopqrstuvwxyz", "GHIJKLMNOPQRSTUVWXYZ")
"""What takes each other's place: a hexadecimal digit stays one."""

_NEXT = {one: wheel[(at + 1) % len(wheel)] for wheel in _WHEELS for at, one in enumerate(wheel)}


def script(part: Part) -> str:
    """The part as a script of the `script` executor, which has no model to be played for."""
    steps = [step for reply in part.replies for step in _steps(reply)]
    return json.dumps({"turns": [steps]})


def _steps(reply: Reply) -> list[Mapping[str, object]]:
    match reply:
        case Text(text):
            return [{"say": text}]
        case Shell(command):
            return [{"run": command}]
        case Refuse("unauthorized"):
            return [{"fail": {"kind": "auth_invalid", "message": "the login was refused"}}]
        case Refuse("usage_limited", resets_at=resets_at):
            return [{"limit": {"resets_in": round((resets_at or 0) - time.time())}}]
    raise ValueError(f"a script has no step for {reply}")
