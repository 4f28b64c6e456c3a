"""A change of several files as one: first it is written down what is to be done, then it is done.

    locks --> intent --> writes, renames --> no intent --> unlock

An intent bears the names of its writer's locks: `journal/project+task-010.json`.
Whoever next gets one of these locks and finds it knows that its writer died,
and completes it before anything else. An intent of `tasks` concerns everybody:
it is of one that gives tasks their files.
"""

import os

from sow import files, jsonlines
from sow.errors import BadFile
from sow.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from sow.layout import Layout

IDS = "ids"
"""The lock for what is checked against all tasks: new ids, dependencies."""

PROJECT = "project"
"""The lock for the project's own file and those of its phases, which change together."""

TASKS = "tasks"
"""The lock for giving files to tasks that lie in the project's own: it stands for the locks of all tasks."""

MOST = 256 * 1024 * 1024
"""The most bytes that an intent may have: of the largest project, every file at once."""

MANY = 16
"""From so many steps on all that was done is flushed at once: one by one they would take seconds."""

_SUFFIX = ".json"


class Write(Value):
    """The file at `path` is to hold `text`; its folder is made where it is missing."""

    path: str
    text: str


class Move(Value):
    """The file or folder at `path` is to be at `to`."""

    path: str
    to: str


def task_lock(task_id: str) -> str:
    """The name of the lock of a task's files."""
    return f"task-{task_id}"


class Journal:
    """The locks of a project's documents, and the changes of several files that are under way."""

    def __init__(self, layout: "Layout") -> None:
        self._layout = layout

    def locked(self, *names: str, wait_seconds: float = files.LOCK_SECONDS) -> "Locked":
        """The locks of these names, for a `with` block; raises Busy where one is held for too long.

        A task's lock may be asked for while others are held; any other set of locks is taken at once.
        """
        return Locked(self, names, wait_seconds)

    def carry_out(self, steps: "Iterable[Write | Move]", names: "Iterable[str]") -> None:
        """Does all steps or none, whatever is killed; the caller holds the locks of these names."""
        entry = "+".join(sorted(names, key=_order)) + _SUFFIX
        files.make_folder(self._layout.journal)
        noted = [self._noted(step) for step in steps]
        files.write(f"{self._layout.journal}/{entry}", jsonlines.dump(noted) + "\n")
        self._replay(entry, noted)

    def left(self) -> "list[str]":
        """The intents that there are: of writers that died, or are just at it."""
        try:
            names = files.names(self._layout.journal)
        except BadFile:
            return []
        # What begins with a dot was not whole yet: nothing was done about it.
        return sorted(name for name in names if name.endswith(_SUFFIX) and name[0] != ".")

    def coming(self, path: str, name: str) -> "str | None":
        """What a change that is under way, under a lock of this name, is about to write to `path`.

        None where none is. For a reader, who takes no lock, and may come in the middle.
        """
        for entry in self.left():
            if name not in locks_of(entry):
                continue
            try:
                steps = _read(f"{self._layout.journal}/{entry}")
            except (FileNotFoundError, BadFile):
                continue  # it has come to its end, or is nothing that anybody will complete
            for kind, below, what in steps:
                if kind == "write" and self._place(below) == os.path.normpath(path):
                    return str(what)
        return None

    def settle(self, name: str = "") -> None:
        """Completes what killed writers left, and waits for those that live. `name`: a lock that it is of."""
        for entry in self.left():
            if not name or name in locks_of(entry):
                self.complete(entry)

    def complete(self, entry: str) -> None:
        """Completes one intent under its locks; nothing where somebody else has done it meanwhile."""
        held = [self._lock(name, files.LOCK_SECONDS) for name in locks_of(entry)]
        taken: list[files.Lock] = []
        try:
            for lock in held:
                taken.append(lock.__enter__())
            path = f"{self._layout.journal}/{entry}"
            # A link to nothing is there as well: passed over, it would be met again for ever.
            if os.path.lexists(path):
                self._replay(entry, _read(path))
        finally:
            for lock in reversed(taken):
                lock.__exit__(None, None, None)

    def _lock(self, name: str, wait_seconds: float) -> files.Lock:
        return files.Lock(f"{self._layout.locks}/{name}.lock", wait_seconds=wait_seconds)

    def _noted(self, step: "Write | Move") -> "list[str]":
        """A step as the intent has it: paths below the project, so that it holds where that was moved."""
        below = os.path.relpath(step.path, self._layout.project)
        if isinstance(step, Write):
            return ["write", below, step.text]
        return ["move", below, os.path.relpath(step.to, self._layout.project)]

    def _place(self, below: str) -> str:
        return os.path.normpath(os.path.join(self._layout.project, below))

    def _replay(self, entry: str, steps: "list[list[str]]") -> None:
        """Does what is not done yet; doing it again changes nothing."""
        at_once = len(steps) >= MANY
        for kind, below, what in steps:
            path = self._place(below)
            if kind == "write":
                files.make_folder(os.path.dirname(path))
                files.write(path, what, flushed=not at_once)
            else:
                files.move(path, self._place(what), flushed=not at_once)
        if at_once:
            os.sync()  # before the intent goes: until then it stands for all of it
        os.unlink(f"{self._layout.journal}/{entry}")
        files.flush_folder(self._layout.journal)


class Locked:
    """Some locks of a journal, held; what a killed holder of one of them left is completed first."""

    def __init__(self, journal: Journal, names: "tuple[str, ...]", wait_seconds: float) -> None:
        self._journal = journal
        self._wait = wait_seconds
        self.names = tuple(sorted(names, key=_order))
        self._held: dict[str, files.Lock] = {}

    def __enter__(self) -> "Locked":
        self._take()
        while left := self._left():
            # Its other locks come before ours, maybe: to be taken in their order, ours are let go.
            self._release()
            for entry in left:
                self._journal.complete(entry)
            self._take()
        return self

    def __exit__(
        self, kind: "type[BaseException] | None", fault: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        self._release()

    def count(self, name: str) -> int:
        """The next value of the counter that the lock `name` carries, from 1."""
        return self._held[name].count()

    def _left(self) -> "list[str]":
        try:
            concerns = {TASKS, *self.names}
            return [entry for entry in self._journal.left() if concerns.intersection(locks_of(entry))]
        except BaseException:
            self._release()
            raise

    def _take(self) -> None:
        try:
            for name in self.names:
                self._held[name] = self._journal._lock(name, self._wait).__enter__()
        except BaseException:
            self._release()
            raise

    def _release(self) -> None:
        while self._held:
            self._held.popitem()[1].__exit__(None, None, None)


def _read(path: str) -> "list[list[str]]":
    import json

    try:
        steps = json.loads(files.contents(path, MOST))
    except (ValueError, RecursionError):
        steps = None
    if isinstance(steps, list) and all(isinstance(step, list) and len(step) == 3 for step in steps):
        return steps
    # sow writes it whole or not at all: somebody else was at it.
    raise BadFile(path, "is no change of sow's: it was torn or edited", "put it aside: `sow repair`")


def locks_of(entry: str) -> "list[str]":
    """The locks under which an intent was written, in the order in which they are taken."""
    return entry.removesuffix(_SUFFIX).split("+")


def _order(name: str) -> "tuple[int, str]":
    """Everybody takes locks in this order, so that no two wait for each other."""
    return ({IDS: 0, PROJECT: 1, TASKS: 2}.get(name, 3), name)
