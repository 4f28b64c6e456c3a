"""The formats there are, by name, and which one a file is in."""

from __future__ import annotations

import os

from sow.errors import NotFound, Refused
from sow.formats import Format, checklist, github, omniq, task_file, task_list, texts
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
    """The format of a file, by its name and its text.

    Raises Refused where it is none of them, with the place where its JSON is broken.
    """
    if found := _fitting(path, text):
        return found
    begun = text.lstrip("\ufeff \t\r\n")
    which = f"--format, one of {', '.join(NAMES)}"
    if not begun:
        raise Refused(f"{os.path.basename(path)} is empty", f"say what it is to be: {which}")
    if begun[:1] in ("[", "{"):
        texts.parsed(path, text)
    raise Refused(
        f"{os.path.basename(path)} is in none of the formats that are known",
        f"say which one is meant: {which}",
    )


def meant(name: str, path: str, text: str) -> Format:
    """The format of that name, for a file. Raises NotFound, and Refused for a file that is in another one."""
    held, found = named(name), _fitting(path, text)
    if found and found is not held and not held.fits(path, text):
        raise Refused(
            f"{os.path.basename(path)} is in the format {found.name}, and not {name}",
            "leave --format out: the file tells it",
        )
    return held


def _fitting(path: str, text: str) -> Format | None:
    return next((held for held in FORMATS.values() if held.fits(path, text)), None)


def for_export(path: str, text: str) -> Format:
    """The format in which a file is written, by what it holds already; a task list where nothing tells."""
    return _fitting(path, text) or task_list.FORMAT
