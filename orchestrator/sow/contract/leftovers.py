"""What a check left that was killed before it could tidy up: its agent, and its scratch folder.

A scratch folder has a lease of the process that checks in it. Where that is
provably dead, nobody else will end what is in there.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress

from sow import lease, process
from sow.runner import ending

PREFIX = "sow-check-"

GRACE_SECONDS = 2.0
"""How long an agent has that nobody listens to any more."""


def hold(folder: str) -> None:
    """Takes a new scratch folder for this process. Raises OSError."""
    lease.acquire(_lease(folder), "a check of an executor")


def let_go(folder: str) -> None:
    """Leaves a scratch folder to the person: nobody clears it."""
    if held := lease.holder(_lease(folder)):
        held.release()


def clear() -> list[str]:
    """Ends and removes what killed checks of this user left below the temporary folder; gives the folders.

    Raises NotEnded for a process that does not end.
    """
    found = list(left())
    for folder in found:
        with suppress(OSError):
            for attempt in os.listdir(f"{folder}/attempts"):
                ending.sweep(attempt, GRACE_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)
    return found


def left() -> Iterator[str]:
    """The scratch folders of checks that were killed."""
    for folder in _scratch():
        held = lease.holder(_lease(folder))
        if held is not None and process.fate(held.holder) == "dead":
            yield folder


def is_checking(attempt: str) -> bool:
    """Whether an attempt belongs to a check that goes on."""
    for folder in _scratch():
        held = lease.holder(_lease(folder))
        if os.path.isdir(f"{folder}/attempts/{attempt}") and held is not None:
            return process.fate(held.holder) != "dead"
    return False


def _scratch() -> list[str]:
    """The scratch folders of this user."""
    with os.scandir(tempfile.gettempdir()) as entries:
        folders = sorted(entry.path for entry in entries if entry.name.startswith(PREFIX))
    # Anybody may make a folder there, and a lease in it.
    return [folder for folder in folders if _is_mine(folder)]


def _is_mine(folder: str) -> bool:
    try:
        there = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(there.st_mode) and there.st_uid == os.geteuid()


def _lease(folder: str) -> str:
    return f"{folder}/lease"
