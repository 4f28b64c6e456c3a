"""The scan of a workspace's tasks: what is queued, what runs, what can't be read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sow.errors import BadFile
from sow.result import Result
from sow.taskfiles import task_file
from sow.taskfiles.task_file import Status
from sow.taskfiles.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Seen(Result):
    """A task file as the last scan saw it; by the time it is read it may be another."""

    path: str
    id: str
    status: Status

    @property
    def stem(self) -> str:
        return os.path.basename(self.path).removesuffix(task_file.SUFFIX)


_Signature = tuple[int, int, int]


@dataclass(slots=True)
class TaskLoader:
    """Scans `tasks/`, in the order of the names; what has not changed is not read again."""

    workspace: Workspace
    _known: dict[str, tuple[_Signature, Seen | BadFile]] = field(default_factory=dict)

    def scan(self) -> list[Seen]:
        """All task files that can be taken as they are. Raises Unreadable where that can't be listed."""
        before, self._known = self._known, {}
        roots = self.workspace.roots
        for name in self.workspace.names():
            self._look(f"{self.workspace.tasks}/{name}", before, roots)
        return self.known()

    def look(self, path: str) -> Seen | None:
        """One file as it is now; None for one that is gone, or can't be taken."""
        self._look(path, self._known, self.workspace.roots)
        found = self._known.get(path)
        return found[1] if found and isinstance(found[1], Seen) else None

    def _look(
        self, path: str, before: Mapping[str, tuple[_Signature, Seen | BadFile]], roots: tuple[str, ...]
    ) -> None:
        try:
            held = os.stat(path)
            signature = (held.st_ino, held.st_mtime_ns, held.st_size)
            old = before.get(path)
            self._known[path] = old if old and old[0] == signature else (signature, self._read(path, roots))
        except OSError:
            if os.path.lexists(path):  # a link that leads nowhere, or in a circle
                self._known[path] = ((0, 0, 0), self._read(path, roots))
            else:
                self._known.pop(path, None)

    def known(self) -> list[Seen]:
        """The same as the last scan saw it."""
        return [seen for _, seen in self._known.values() if isinstance(seen, Seen)]

    def queued(self) -> list[Seen]:
        """The tasks that wait to be picked up, in their order."""
        return [seen for seen in self.scan() if seen.status == task_file.QUEUED]

    def bad(self) -> Iterator[BadFile]:
        """What the last scan could not take, each with place and reason."""
        return (seen for _, seen in self._known.values() if isinstance(seen, BadFile))

    def _read(self, path: str, roots: tuple[str, ...]) -> Seen | BadFile:
        try:
            task = task_file.read(path, roots)
        except BadFile as fault:
            return fault
        return Seen(path, task.id, task.status)
