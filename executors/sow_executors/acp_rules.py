"""What an ACP agent may do unasked when `yolo_mode` is off: edits in its place, and named commands.

Pure: a tool call of the protocol in, a reason against it out. What can't be
told for certain is not allowed.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sow_executors.lines import one_line, table, tables, words

EDITS = ("edit", "delete", "move")
LOOKS = ("read", "search")

NOT_SHOWN = "not shown here]"
"""How a call ends that is too long to be shown whole."""

_PATHS = ("path", "file_path", "filePath", "abs_path", "notebook_path", "source", "destination", "target")
"""Keys of tool inputs that hold a path."""

_TELLING = ("command", "cmd", "file_path", "path", "abs_path", "url", "query", "pattern")

_SHELLS = ("sh", "bash", "dash", "zsh")

_HARMLESS = re.compile(r"(?:[12]?>&[12]|[12&]?>[ \t]*/dev/null)(?=\s|$|[;|])")
"""Redirections that write nothing anywhere."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Where an agent may write, and which commands it may run."""

    folder: str
    writable: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    closed: str = ""
    """A folder below a writable one that is not for the agent …"""
    open_again: str = ""
    """… but for this one in it."""


def against(call: Mapping[str, Any], rules: Rules) -> str:
    """Why a tool call is not allowed by the rules; empty where it is."""
    kind = call.get("kind")
    if kind == "execute":
        given = command(call)
        if not given:
            return "it does not say which command it would run"
        return _against_command(given, rules.commands)
    if kind in EDITS or kind in LOOKS:
        paths = list(_paths(call))
        if not paths:
            return "" if kind == "search" else "it does not say which file it is about"
        outside = next((path for path in paths if not _is_inside(path, rules)), None)
        return "" if outside is None else f"{outside} is not in the folders that the agent may write"
    if kind == "think":
        return ""
    if places := list(_places(call)):
        outside = next((place for place in places if not _is_inside(place, rules)), None)
        return "" if outside is None else f"{outside} is not in the folders that the agent may write"
    return "only edits in the worktree and the named commands are allowed unasked"


def command(call: Mapping[str, Any]) -> str:
    """The shell command that a tool call would run; empty where it can't be told."""
    given = table(call.get("rawInput"))
    for key in ("command", "cmd"):
        found = given.get(key)
        if isinstance(found, list) and found and all(isinstance(word, str) for word in found):
            return _of_argv(found)
        if text := words(found):
            return text
    return ""


def detail(call: Mapping[str, Any]) -> str:
    """What a person wants to see of a tool call, in a line."""
    given = table(call.get("rawInput"))
    for key in _TELLING:
        if key in ("command", "cmd") and (text := command(call)):
            return one_line(text)
        if text := words(given.get(key)):
            return one_line(text)
    if title := words(call.get("title")):
        return one_line(title)
    located = [words(place.get("path")) for place in tables(call.get("locations"))]
    if located:
        return one_line(", ".join(located))
    return one_line(_dumped(given)) if given else ""


def whole(call: Mapping[str, Any], most: int = 8000) -> str:
    """All that a person must see of a tool call to allow it: nothing of it is left out without a word."""
    text = command(call) if call.get("kind") == "execute" else "\n".join(dict.fromkeys(_paths(call)))
    if not text:
        title, given = words(call.get("title")), table(call.get("rawInput"))
        text = f"{title} {_dumped(given)}".strip() if given else title
    text = text.strip()
    left_out = len(text) - most
    return text if left_out <= 0 else f"{text[:most]}\n[and {left_out} characters more, {NOT_SHOWN}"


def _dumped(given: Mapping[str, Any]) -> str:
    try:
        return words(json.dumps(given, ensure_ascii=False))
    except (ValueError, RecursionError):
        return "with something that can't be shown"


def _of_argv(argv: list[str]) -> str:
    """A command that came as words; that of a shell which only carries it is taken out of it."""
    if len(argv) == 3 and os.path.basename(argv[0]) in _SHELLS and re.fullmatch(r"-l?c", argv[1]):
        return argv[2]
    return shlex.join(argv)


def _against_command(text: str, allowed: tuple[str, ...]) -> str:
    if text.strip() in allowed:
        return ""  # a configured check may be any shell text
    parts, rules = _parts(text), [rule[0] for each in allowed if len(rule := _parts(each) or []) == 1]
    if parts is None:
        return "its shell command does more than run commands one after the other"
    for part in parts:
        if not any(part[: len(known)] == known for known in rules):
            return f"`{one_line(shlex.join(part), 80)}` is none of the commands that are allowed unasked"
    return "" if parts else "it does not say which command it would run"


def _parts(text: str) -> list[list[str]] | None:
    """The simple commands that a shell text joins, as words; None where it does anything else."""
    plain = _plain(text)
    if plain is None:
        return None
    lexer = shlex.shlex(plain, posix=True, punctuation_chars=";&|")
    lexer.commenters = ""
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for token in lexer:
        if token in (";", "&&", "||", "|"):
            parts.append([])
        elif not token.strip(";&|") and token:
            return None  # something in the background, or a slip: a shell knows better than we
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _plain(text: str) -> str | None:
    """The text, a `;` for each end of a line, without redirections that write nowhere.

    None where a shell would run or write more than its words say: substitutions,
    redirections, comments (which may hide a quote), control characters.
    """
    kept: list[str] = []
    quote, at, text = "", 0, text.strip()
    while at < len(text):
        char, begins = text[at], at == 0 or text[at - 1] in " \t\n;&|"
        if char == "\0" or (char < " " and char not in "\t\n"):
            return None
        if char == "\\" and quote != "'":
            kept.append(text[at : at + 2])
            at += 2
            continue
        if quote:
            if quote == '"' and char in "`$":
                return None
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif begins and (harmless := _HARMLESS.match(text, at)):
            at = harmless.end()
            continue
        elif char in "`$<>()" or (char == "#" and begins):
            return None
        elif char == "\n":
            char = ";"
        kept.append(char)
        at += 1
    ends_open = quote or (kept and kept[-1] == "\\")
    return None if ends_open else "".join(kept)


def _paths(call: Mapping[str, Any]) -> Iterator[str]:
    """Every path that a tool call names."""
    for place in (*tables(call.get("locations")), *tables(call.get("content"))):
        if path := words(place.get("path")):
            yield path
    given = table(call.get("rawInput"))
    for key in _PATHS:
        if path := words(given.get(key)):
            yield path
    changes = given.get("changes")
    if isinstance(changes, dict):
        yield from (words(path) for path in changes if words(path))


def _places(call: Mapping[str, Any]) -> Iterator[str]:
    """The folders that an agent asks about as such: opencode does, before it asks what it may do there."""
    given = table(call.get("rawInput"))
    if call.get("kind") != "other":
        return
    if place := words(given.get("parentDir")):
        yield place
    elif isinstance(folders := given.get("directories"), list) and all(map(words, folders)):
        yield from map(words, folders)


def _is_inside(path: str, rules: Rules) -> bool:
    if "\0" in path:
        return False
    real = os.path.realpath(os.path.join(rules.folder, path))
    if not any(_below(real, root) for root in (rules.folder, *rules.writable)):
        return False
    if ".git" in real.split(os.sep):
        return False  # what stands there is run by git
    shut = rules.closed and _below(real, rules.closed)
    return not shut or bool(rules.open_again and _below(real, rules.open_again))


def _below(real: str, root: str) -> bool:
    top = os.path.realpath(root)
    return real == top or real.startswith(top.rstrip(os.sep) + os.sep)
