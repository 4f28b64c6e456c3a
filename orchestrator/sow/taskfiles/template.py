"""Placeholders in a stage's command or prompt: `{input.media}`, `{output.raw_srt}`, `{config.engine}` ...

Only what begins with a name that is known here is one: `${HOME}`, `{a,b}` and
`awk '{print}'` are left to the shell. In a command each value is quoted for the shell.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from sow.errors import Refused
from sow.nearest import did_you_mean

GROUPS = ("input", "output", "config")
_PLACEHOLDER = re.compile(
    r"(?<!\$)\{(?P<group>input|output|config|task_id|run_id|stage|tmp|workspace|root)(?P<path>(?:\.[\w-]+)*)\}"
)


def filled(template: str, values: Mapping[str, Any], *, shell: bool) -> str:
    """`template` with its placeholders replaced by what `values` has there; for a `shell`, quoted.

    Nothing stands for null, several words for a list. Raises Refused for a name that is not
    there, or a placeholder that stands in quotes.
    """
    if shell and (quoted := _in_quotes(template)):
        raise Refused(
            f"{quoted} stands in quotes, and is quoted already", "leave out the quotes around the placeholder"
        )

    def put(match: re.Match[str]) -> str:
        return _written(_value(match, values), shlex.quote if shell else str)

    return _PLACEHOLDER.sub(put, template)


def named(template: str, group: str) -> tuple[str, ...]:
    """The names of one group that a template has placeholders for: of `output`, what is to be written."""
    found = (match["path"][1:] for match in _PLACEHOLDER.finditer(template) if match["group"] == group)
    return tuple(dict.fromkeys(name for name in found if name))


def _value(match: re.Match[str], values: Mapping[str, Any]) -> Any:
    held: Any = values
    path = (match["group"] + match["path"]).split(".")
    for depth, name in enumerate(path):
        if not isinstance(held, dict | Mapping) or name not in held:
            above = ".".join(path[:depth])
            known = [f"{above}.{key}" for key in held] if isinstance(held, Mapping) else []
            there = f"there are: {', '.join(known)}" if known else f"the task has no {above}"
            wanted = ".".join(path[: depth + 1])
            raise Refused(f"{match[0]}: the task has no {wanted}", f"{did_you_mean(wanted, known)}{there}")
        held = held[name]
    return held


def _written(value: Any, quote: Callable[[str], str]) -> str:
    match value:
        case None:
            return quote("")
        case list():
            return " ".join(_written(each, quote) for each in value)
        case str():
            return quote(value)
    return quote(json.dumps(value, ensure_ascii=False))


def _in_quotes(template: str) -> str:
    """The first placeholder that stands in quotes of the shell's; empty for none."""
    inside, at = [""], 0
    while at < len(template):
        char, here = template[at], inside[-1]
        if here in ("'", '"') and (match := _PLACEHOLDER.match(template, at)):
            return match[0]
        if char == "\\" and here != "'":
            at += 1
        elif char == here or (char == ")" and here == "("):
            inside.pop()
        # In `"$(...)"` quotes begin anew.
        elif here != "'" and (template.startswith("$(", at) or (char == "(" and here != '"')):
            inside.append("(")
            at += char == "$"
        elif here in ("", "(") and char in "'\"":
            inside.append(char)
        elif here in ("", "(") and char == "#" and (at == 0 or template[at - 1] in " \t\n;"):
            at = template.find("\n", at) if "\n" in template[at:] else len(template)
        at += 1
    return ""
