"""What git is told to ignore: sow's own folders, without a line in any file of the user's."""

import os

from sow.errors import Failed

IGNORED = (".sow/runtime/", ".sow/worktrees/", ".sow/inbox/")
"""Folders that are never committed, relative to the top of a checkout."""


def is_ignored(path: str) -> bool:
    """Whether `path`, relative to the top of a checkout, lies in a folder that is never committed."""
    return f"{path}/".startswith(IGNORED)


def ensure_excludes(common: str) -> bool:
    """Puts what is missing of `IGNORED` into `info/exclude` of the common git folder.

    What stands there stays. True if anything was written; raises Failed where
    the file can't be.
    """
    path = os.path.realpath(f"{common}/info/exclude")
    try:
        old = _read(path)
        missing = [line for line in IGNORED if line.encode() not in old.splitlines()]
        if missing:
            gap = b"" if not old or old.endswith(b"\n") else b"\n"
            _write(path, old + gap + "".join(f"{line}\n" for line in missing).encode())
        return bool(missing)
    except OSError as fault:
        raise Failed(
            f"can't write {path}: {fault.strerror}", "give yourself the right to write there, and repeat"
        ) from fault


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _write(path: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    beside = f"{path}.sow.{os.getpid()}"
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o644
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with open(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
