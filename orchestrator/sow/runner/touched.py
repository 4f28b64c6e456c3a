"""Which files were touched since the last look: so that a look costs what has changed, and not what is there.

    inotify queue --> look() --> heard(folder, name), or lost() where anything may have changed

The kernel queues what it tells before the call returns that has made the
change: whatever a process has done that is gone is in the queue. What it does
not tell: a write through a mapping of memory, through another name of the same
file, by another machine. So whoever follows looks at everything now and then.
"""

from __future__ import annotations

import errno
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Protocol

from inotify_simple import INotify, flags

from sow import files

_NAMES = flags.CREATE | flags.MOVED_TO | flags.MOVED_FROM | flags.DELETE
_CONTENTS = flags.MODIFY | flags.ATTRIB
_ITSELF = flags.DELETE_SELF | flags.MOVE_SELF
_GONE = flags.MOVED_FROM | flags.DELETE
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES)


class Follower(Protocol):
    """Who is told of what was touched in a folder."""

    def heard(self, folder: str, name: str, gone: bool) -> None:
        """What is called `name` in the folder was made, written or moved in; or is `gone`."""
        ...

    def lost(self) -> None:
        """Anything may have changed."""
        ...


class Touched:
    """The folders that are followed. For one thread."""

    def __init__(self) -> None:
        self._followed: dict[int, tuple[str, Follower]] = {}
        self._inotify: INotify | None = None
        try:
            self._inotify = INotify(nonblocking=True)
        except OSError:
            pass  # no more of them for this user: everything is looked at each time

    def follow(self, folder: str, follower: Follower, *, contents: bool = False) -> bool:
        """Tells `follower` of names that come and go in a folder; with `contents` of writes into files, too.

        A folder has one follower, the last.
        False where the kernel does not let it be followed. One that is not there needs not be: the
        folder above it tells when it comes. Doing it again does no harm.
        """
        if self._inotify is None:
            return False
        try:
            mask = _NAMES | _ITSELF | (_CONTENTS if contents else 0)
            watch = self._inotify.add_watch(folder, mask | flags.ONLYDIR)
        except OSError as fault:
            return fault.errno in _NOT_THERE
        # A folder that was moved is the one that was followed under its old name.
        self._followed[watch] = (folder, follower)
        return True

    def look(self) -> None:
        """Tells all that has come since the last look."""
        if self._inotify is None:
            return
        for event in self._inotify.read(timeout=0):
            if event.mask & flags.Q_OVERFLOW:
                self.doubt()
            elif event.mask & flags.IGNORED:
                self._followed.pop(event.wd, None)
            elif event.wd in self._followed:
                folder, follower = self._followed[event.wd]
                if event.mask & _ITSELF:
                    follower.lost()
                else:
                    follower.heard(folder, event.name, bool(event.mask & _GONE))

    def doubt(self) -> None:
        """Has everybody look at everything once more."""
        for follower in {id(follower): follower for _, follower in self._followed.values()}.values():
            follower.lost()

    def close(self) -> None:
        """Gives the descriptor back; nothing is followed any more."""
        self.doubt()
        self._followed.clear()
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None


class Names:
    """The names in one folder: listed once, then kept by what the kernel tells."""

    def __init__(self, touched: Touched, folder: str, kind: Callable[[str], str]) -> None:
        """`kind`: what a name is asked for by; empty for one that nobody asks for."""
        self._touched, self._folder, self._kind = touched, folder, kind
        self._known: defaultdict[str, set[str]] | None = None

    def of(self, kind: str) -> Iterable[str]:
        """The names of a kind. Raises Unreadable where the folder can't be listed."""
        return tuple(self._now().get(kind, ()))

    def _now(self) -> dict[str, set[str]]:
        self._touched.look()
        if self._known is None:
            # What comes while it is listed is told again: it changes nothing.
            followed = self._touched.follow(self._folder, self)
            known: defaultdict[str, set[str]] = defaultdict(set)
            for name in files.names(self._folder):
                if kind := self._kind(name):
                    known[kind].add(name)
            if not (followed and os.path.isdir(self._folder)):
                return known
            self._known = known
        return self._known

    def heard(self, folder: str, name: str, gone: bool) -> None:
        kind = self._kind(name)
        if self._known is None or not kind:
            return
        if gone:
            self._known[kind].discard(name)
        else:
            self._known[kind].add(name)

    def lost(self) -> None:
        self._known = None
