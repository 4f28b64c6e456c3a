"""Text for a person: it can play no tricks on their terminal, it fits, and it has our colours only."""

from __future__ import annotations

import os
import sys
from typing import Any

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of writing: what is read is then not what is there."""


def given(text: str | None) -> str | None:
    """What a command was given, or with `-` what comes on standard input."""
    return sys.stdin.buffer.read().decode("utf-8", "replace") if text == "-" else text


def plain(text: str) -> str:
    """`text` of an agent's with everything made visible that a terminal would obey instead of show."""
    return "".join(_shown(char) for char in text)


def _shown(char: str) -> str:
    if char in "\n\t" or (char.isprintable() and char not in _BIDI):
        return char
    import unicodedata

    match unicodedata.category(char):
        case "Cc":
            code = ord(char)
            return f"^{chr(code ^ 0x40)}" if code < 0x80 else f"<U+{code:04X}>"
        case "Cs":
            return "\ufffd"
        case _ if char in _BIDI:
            return f"<U+{ord(char):04X}>"
    return char


def styled(text: str, **how: Any) -> str:
    """`text` in colours, where they are wanted and shown."""
    wanted = not os.environ.get("NO_COLOR") and not is_dumb() and sys.stdout.isatty()
    if not wanted:
        return text
    import click

    return click.style(text, **how)


def wrapped(text: str, indent: str = "  ") -> str:
    """`text` indented and broken into lines that fit; its own line breaks stay."""
    import shutil
    import textwrap

    width = max(min(shutil.get_terminal_size().columns, 100), 30)
    lines = [
        textwrap.fill(
            line, width, initial_indent=indent, subsequent_indent=indent, replace_whitespace=False,
            break_long_words=False, break_on_hyphens=False,
        )
        for line in text.strip("\n").splitlines()
    ]  # fmt: skip
    return "\n".join(lines)


def coloured(diff: str) -> str:
    """A difference, made plain and then coloured by us: no escape of its own gets through."""
    return "\n".join(_coloured(text) for text in plain(diff).split("\n"))


def _coloured(text: str) -> str:
    match text[:1]:
        case "+":
            return styled(text, bold=True) if text.startswith("+++ ") else styled(text, fg="green")
        case "-":
            return styled(text, bold=True) if text.startswith("--- ") else styled(text, fg="red")
        case "@":
            return styled(text, fg="cyan")
        case " " | "":
            return text
    return styled(text, bold=True)


def is_dumb() -> bool:
    """Whether the terminal knows neither colours nor single keys."""
    return os.environ.get("TERM", "") in ("", "dumb")
