"""The formats there are, by name, and which one a file is in."""

from __future__ import annotations

import os

from sow.errors import NotFound, Refused
from sow.formats import Format, checklist, github, omniq, task_file, task_list
from sow.nearest import did_you_mean

FORMATS: dict[str, Format] = {
    held.name: held
    for held in (task_list.FORMAT, checklist.FORMAT, omniq.FORMAT, task_file.FORMAT, github.FORMAT)
}

NAMES = (*FORMATS, "original")
"""What `--format` takes: the last is of whole projects, which have no records."""


def named(name: str) -> Format:
    """The format of that name. Raises NotFound."""
    if name in FORMATS:
        return FORMATS[name]
    raise NotFound(
        f"format not found: {name or 'its name is empty'}",
        f"{did_you_mean(name, NAMES)}the formats: {', '.join(NAMES)}",
    )


def of(path: str, text: str) -> Format:
    """The format of a file, by its name and its text. Raises Refused where it is none of them."""
    for held in FORMATS.values():
        if held.fits(path, text):
            return held
    raise Refused(
        f"{os.path.basename(path)} is in none of the formats that are known",
        f"say which one is meant: --format, one of {', '.join(NAMES)}",
    )


def for_export(path: str, text: str) -> Format:
    """The format in which a file is written, by what it holds already; a task list where nothing tells."""
    return next((held for held in FORMATS.values() if held.fits(path, text)), task_list.FORMAT)
