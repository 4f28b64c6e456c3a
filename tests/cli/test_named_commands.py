"""A walk through every command that sow names anywhere, to persons and to agents: each of them is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import yaml
from tests.cli.parts import ROOT

from sow.cli.root import root

SOURCES = ("orchestrator", "executors", "schemas")
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / ".sow.example").rglob("*.md")),
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name != "roadmap.md"),
]
"""What people read; the roadmap alone may name what is not there yet."""


def spoken(text: str) -> Iterator[str]:
    """The commands of sow that a text names in backquotes, or on lines of their own, set in or prompted."""
    yield from re.findall(r"`(sow [a-z][^`]*)`", text)
    yield from re.findall(
        r"^(?:[ \t]+|[ \t]*\$ |.*Example:\s+)(sow [a-z].*?)(?:\s{2,}.*)?$", text, re.MULTILINE
    )


def page(path: Path) -> str:
    """A page of Markdown, what is fenced as code set in."""
    parts = re.split(r"^```.*$", path.read_text(), flags=re.MULTILINE)
    return "\n".join(
        re.sub("^", "  ", part, flags=re.MULTILINE) if n % 2 else part for n, part in enumerate(parts)
    )


def texts() -> Iterator[tuple[str, str]]:
    """Every text of sow's own that a person or an agent may read, with where it stands."""
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*")):
            place = str(path.relative_to(ROOT))
            if path.suffix == ".py":
                yield from ((f"{place}:{line}", text) for line, text in strings(path))
            elif path.suffix == ".md":
                yield place, page(path)
            elif path.suffix == ".yaml":
                yield from ((place, text) for text in leaves(yaml.safe_load(path.read_text())))
    for path in PAGES:
        yield str(path.relative_to(ROOT)), page(path)


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """The string literals of a module; what an f-string puts in is WORD."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "WORD" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def leaves(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            yield from (text for held in value.values() for text in leaves(held))
        case list():
            yield from (text for held in value for text in leaves(held))


def fault(spoken_of: str) -> str:
    """What is not there of a command that a text names; empty for nothing."""
    quoted = re.sub(r'"[^"]*"|\'[^\']*\'|\$\([^)]*\)', "WORD", spoken_of)
    words = re.split(r" [<>|] | && |;", quoted)[0].split()[1:]
    command: click.Command = root
    while words and isinstance(command, click.Group):
        if words[0].startswith("-") or "WORD" in words[0] or words[0] in ("…", "..."):
            return ""
        found = [command.get_command(click.Context(command), name) for name in re.split(r"\\?\|", words[0])]
        if None in found:
            return f"no command {words[0]}"
        command, words = found[0] or command, words[1:]
    known = {name for param in command.params for name in param.opts} | {"--help", "-h", "--version"}
    options = [word.strip("[]…,.").partition("=")[0] for word in words if word.startswith(("-", "[-"))]
    return next((f"no option {name}" for name in options if name not in known | {"-", "--"}), "")


def test_every_command_that_a_text_names_is_there() -> None:
    faults = [
        f"{place}: {command}: {what}"
        for place, text in texts()
        for command in spoken(text)
        if (what := fault(command))
    ]
    assert faults == [], "\n".join(faults)


def test_a_command_that_is_not_there_would_be_noticed() -> None:
    assert list(spoken("see `sow tusk list`, or:\n    sow run --jbos 3    for more")) == [
        "sow tusk list", "sow run --jbos 3",
    ]  # fmt: skip
    assert fault("sow tusk list") == "no command tusk"
    assert fault("sow run --jbos 3") == "no option --jbos"
    assert fault("sow agent spawn|rseume ID") == "no command spawn|rseume"
    assert fault('sow task add "a --b c" --agent A') == ""
