"""A project before it is made: its name, its branch, its type, from what a person says of it."""

import unicodedata

from sow.errors import Refused
from sow.value import Value

LONGEST_NAME = 50


class Plan(Value):
    """What a new project will be, before anything of it exists."""

    name: str
    branch: str
    type: str
    description: str
    inputs: "tuple[str, ...]" = ()
    """The paths of files that its first phase takes in; absolute."""


def plan(
    description: str,
    *,
    branch: "str | None",
    name: "str | None",
    type: str = "standard",
    prefix: str = "feat/",
    inputs: "tuple[str, ...]" = (),
) -> Plan:
    """The new project that a description asks for; name and branch may be given.

    `type`: its type's name; `prefix`: what a branch of that type begins with; `inputs`: paths
    of files, absolute. Raises Refused for a name that no project can have.
    """
    words = " ".join(description.split())
    for what, given in (("the description", words), ("--branch", branch), ("--name", name)):
        _check_text(what, given or "")
    chosen = name or slug(words if words else (branch or "").rpartition("/")[2])
    if not is_name(chosen):
        what = (
            f"{chosen!r} can't be the name of a project" if chosen else "there is no name in the description"
        )
        raise Refused(
            what, "a name is lower-case letters, digits and dashes, two at least: give one with --name"
        )
    return Plan(
        name=chosen, branch=branch or f"{prefix}{chosen}", type=type, description=words, inputs=inputs
    )


def _check_text(what: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as fault:
        raise Refused(f"{what} is not UTF-8 at character {fault.start + 1}", "give it in UTF-8") from None


def slug(words: str) -> str:
    """`words` as the name of a project: ASCII, lower case, dashes, cut at a word."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    parts = "".join(c if c.isalnum() else " " for c in plain).split()
    name = ""
    for part in parts:
        longer = f"{name}-{part}" if name else part
        if len(longer) > LONGEST_NAME:
            break
        name = longer
    return name or "-".join(parts)[:LONGEST_NAME].strip("-")


def is_name(name: str) -> bool:
    """Whether `name` can be a project's: `^[a-z0-9][a-z0-9-]*[a-z0-9]$`."""
    letters = set("abcdefghijklmnopqrstuvwxyz0123456789-")
    return len(name) > 1 and set(name) <= letters and name[0] != "-" and name[-1] != "-"


def input_names(paths: "tuple[str, ...]") -> "list[str]":
    """Under which name, below `.sow/project/inputs`, each file of a project's first inputs is kept.

    Raises Refused for a name that a state file can't hold.
    """
    taken: list[str] = []
    for path in paths:
        name = path.rstrip("/").rpartition("/")[2]
        _check_text("the name of the input", name)
        stem, dot, ending = name.rpartition(".") if "." in name[1:] else (name, "", "")
        number = 2
        while name in taken:
            name, number = f"{stem}-{number}{dot}{ending}", number + 1
        taken.append(name)
    return taken
