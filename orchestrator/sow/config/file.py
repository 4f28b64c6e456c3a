"""The user's file of settings as a thing on the disk: begun, drafted, replaced, set aside.

A change is made in a draft beside the file and put in place whole, once it was
checked. Where the file is a symbolic link (to a repository of dotfiles, say)
the link stays, and what it leads to is replaced.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from shlex import quote

from sow import files
from sow.errors import Failed, NotFound, Refused

EXAMPLE = """\
# Which program plays which role; what holds now: `sow config show`
agents:
  executors:                    # an executor has a name of yours
    claude-code:
      type: claude              # or codex, cursor, command ...
      settings:
        yolo_mode: false        # true: the agent may do everything unasked
        # model: opus
      # custom_args: ["--verbose"]
    # cursor:
    #   type: cursor
  bindings:                     # a role that is not here is played by claude-code
    # orchestrator: claude-code
    # implementer: cursor
    # architect: claude-code
    # reviewer: claude-code
    # planner: claude-code
    # researcher: claude-code
    # decomposer: claude-code
"""

PREFIX, SUFFIX = "draft-", ".yaml"
"""How the names of drafts begin and end."""

PRIVATE = 0o600
"""The mode of a new file: settings may hold secrets. One that is there keeps its own."""


def begin(path: str) -> None:
    """Writes the example to begin with. Raises Refused where there is a file already."""
    files.make_folder(os.path.dirname(path))
    with files.FolderLock(os.path.dirname(path)):
        if os.path.exists(path):
            raise Refused(
                f"{path} is there already",
                "change it: `sow config edit`; begin anew: `sow config reset`",
            )
        _write(path, EXAMPLE)


def set_aside(path: str, at: float) -> str | None:
    """Moves the file out of the way, so that the defaults hold; gives its new path, None for no file.

    Its new name, beside, says when: `at`, in seconds since the epoch. A link is moved as it is.
    """
    if not os.path.lexists(path):
        return None
    folder, name = os.path.split(path)
    with files.FolderLock(folder):
        stem, ending = os.path.splitext(name)
        when = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime(at))
        kept, number = f"{folder}/{stem}.{when}{ending}", 1
        while os.path.lexists(kept):
            number += 1
            kept = f"{folder}/{stem}.{when}-{number}{ending}"
        try:
            os.rename(path, kept)
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise Failed(
                f"can't move {path}: {fault.strerror}", f"look at its folder: `ls -ld {folder}`"
            ) from fault
        files.flush_folder(folder)
    return kept


def drafts(path: str) -> list[str]:
    """The drafts that were kept beside the file, or are just being edited."""
    folder = os.path.dirname(path)
    with suppress(FileNotFoundError, NotADirectoryError):
        return [f"{folder}/{name}" for name in sorted(os.listdir(folder)) if _is_draft(name)]
    return []


@dataclass(frozen=True, slots=True)
class Draft:
    """A text that is to take the place of the user's settings."""

    target: str
    path: str
    """Where it can be edited; nobody but the user can read it."""
    before: bytes | None
    """What the settings were when the draft was begun; None for no file."""

    @classmethod
    def begin(cls, target: str) -> Draft:
        """A draft with what the settings are now, the example where there are none."""
        before = _bytes(target)
        folder = os.path.dirname(target)
        files.make_folder(folder)
        try:
            handle, path = tempfile.mkstemp(prefix=PREFIX, suffix=SUFFIX, dir=folder)
            with os.fdopen(handle, "wb") as file:
                file.write(EXAMPLE.encode() if before is None else before)
        except OSError as fault:
            raise Failed(
                f"can't write in {folder}: {fault.strerror}", f"look at its mode: `ls -ld {folder}`"
            ) from fault
        return cls(target, path, before)

    @classmethod
    def again(cls, target: str, path: str) -> Draft:
        """A draft that was kept. Raises NotFound where it is gone."""
        draft = cls(target, os.path.abspath(path), _bytes(target))
        draft.read()
        if os.path.exists(target) and os.path.samefile(path, target):
            raise Refused(f"{path} is no draft but the settings themselves", "edit them: `sow config edit`")
        return draft

    def read(self) -> bytes:
        """What the draft holds now. Raises NotFound where it is gone."""
        held = _bytes(self.path)
        if held is None:
            raise NotFound(f"the draft {self.path} is gone", "begin another: `sow config edit`")
        return held

    def is_new(self, held: bytes) -> bool:
        """Whether `held` is another text than what the draft was begun with."""
        return held != (EXAMPLE.encode() if self.before is None else self.before)

    def put(self, held: bytes) -> None:
        """Makes `held`, a text in UTF-8, the settings. Raises Refused where they were changed meanwhile."""
        with files.FolderLock(os.path.dirname(self.target)):
            if _bytes(self.target) != self.before:
                raise Refused(
                    f"{self.target} was changed meanwhile by somebody else",
                    f"compare: `diff {quote(self.target)} {quote(self.path)}`; then {self.way_on}",
                )
            _write(self.target, held.decode())
        self.drop()

    def drop(self) -> None:
        """Removes the draft, where it is one that `begin` made."""
        folder, name = os.path.split(self.path)
        if folder == os.path.dirname(self.target) and _is_draft(name):
            with suppress(FileNotFoundError):
                os.unlink(self.path)

    @property
    def way_on(self) -> str:
        """The command that goes on with this draft, as a hint names it."""
        return f"`sow config edit --draft {quote(self.path)}`"


def _is_draft(name: str) -> bool:
    return name.startswith(PREFIX) and name.endswith(SUFFIX)


def _write(path: str, text: str) -> None:
    """Writes the settings through a link; the caller holds the lock."""
    real = os.path.realpath(path)
    folder, name = os.path.split(real)
    with suppress(FileNotFoundError):
        for left in os.listdir(folder):  # by a writer that was killed: it held the lock
            if left.startswith(f".{name}.") and left.endswith(".tmp"):
                os.unlink(f"{folder}/{left}")
    files.write(real, text, mode=PRIVATE)


def _bytes(path: str) -> bytes | None:
    """What stands in a regular file; None where there is none."""
    try:
        # Without O_NONBLOCK a named pipe would keep us here for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise Failed(f"can't read {path}: {fault.strerror}", f"look at its mode: `ls -l {path}`") from fault
    try:
        # Neither a link to /dev/null: what we write takes the place of what it leads to.
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Refused(f"{path} is not a regular file", "set it aside: `sow config reset`")
        with open(handle, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)
