"""Where Gemini takes a file of defaults from us, by which one process of it is told of a server of tools.

It stands below the user's own settings, and changes nothing of theirs. Gemini 0.61 believes what root owns
and nobody else may write, all the way up: where sow runs as root, as in many containers, and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

VARIABLE = "GEMINI_CLI_SYSTEM_DEFAULTS_PATH"
"""Names the file."""

_OVERRIDES = "GEMINI_CLI_SYSTEM_SETTINGS_PATH"
_OF_THE_MACHINE = "/etc/gemini-cli/settings.json"
"""The administrator's settings, beside which their defaults lie."""

_WRITABLE_BY_OTHERS = 0o022


def are_ours(folder: str, env: Mapping[str, str]) -> bool:
    """Whether Gemini takes a file that this process writes into `folder`, and no other gives way to it."""
    try:
        is_free = not env.get(VARIABLE) and not _of_the_machine(env).exists()
        return is_free and os.geteuid() == 0 and are_believed(_held(folder))
    except OSError:
        return False


def _of_the_machine(env: Mapping[str, str]) -> Path:
    return Path(env.get(_OVERRIDES) or _OF_THE_MACHINE).with_name("system-defaults.json")


def _held(folder: str) -> Iterator[tuple[int, int]]:
    """Owner and mode of a folder and of all above it, of the links on its way as of where they lead."""
    for way in map(Path, {folder, os.path.realpath(folder)}):
        for each in (way, *way.parents):
            led = each.stat()
            yield led.st_uid, led.st_mode
            if each.is_symlink():
                yield each.lstat().st_uid, 0  # its own mode means nothing


def are_believed(held: Iterable[tuple[int, int]]) -> bool:
    """Whether root owns all of these, and nobody else may write there: not even as they may into /tmp."""
    return all(owner == 0 and not mode & _WRITABLE_BY_OTHERS for owner, mode in held)
