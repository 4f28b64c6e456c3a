"""What was changed beside sow: held against the good copies, and put back where it may not be so.

A file that can't be taken gets its good copy back. One that can is taken as it is, but
for what only sow may change while agents are at work; what lay there is kept beside.
"""

import os
import stat
import time

from sow import document, files
from sow.change import Event
from sow.errors import SowError
from sow.journal import Locked
from sow.state import PutBack
from sow.store import copies
from sow.value import TYPE_CHECKING
from sow_schemas.formats import is_task_id

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from sow.eventlog import EventLog
    from sow.store.doubted import Doubted
    from sow.store.parts import Parts
    from sow_schemas.documents import FileRestored, TaskRestored

_TICK = 100_000_000
"""Nanoseconds: far more than a tick of the clock by which the kernel marks changes of files."""


class Beside:
    """The state files of a project beside their good copies; what each move raises, `Store` says."""

    def __init__(self, parts: "Parts", log: "EventLog") -> None:
        self.documents, self.parts, self.layout = parts.documents, parts, parts.documents.layout
        self.journal, self.log = parts.documents.journal, log
        self._known_same: dict[str, tuple[int, ...] | None] = {}
        """The marks of state files that were found to be as their good copies, by path."""
        self.doubted: Doubted | None = None
        """What may not be so, where the kernel tells of what is touched; else each look is at all."""

    def put_back(self, name: str) -> "str | None":
        """Puts the good copy called `name` (see `good_copy`) back where its file is broken or gone."""
        if self.documents.old():
            return None  # nobody has broken it: its parts had no files yet
        with self.journal.locked(copies.lock_of(name)):
            good = self.documents.good_copy(name)
            if good is None:
                return None
            if not is_task_id(name):
                path, read = self._own_file(name)
            elif good.value["id"] == name and "/" not in good.value["phase"]:
                path = self.layout.task_file(good.value["phase"], name)
                read = self._reader(path)
            else:
                return None
            return self._put_back(path, good.text, read)

    def keep_good_copies(self) -> None:
        """Keeps copies of all state files as they are, where they are valid: people edit them."""
        for name, path in self._changed_beside():
            with self.journal.locked(copies.lock_of(name)):
                held = self._valid(name, path)
                if held is not None:
                    copies.keep(self.layout, name, held.text)

    def put_right(self, at_work: "Collection[str]", only: str = "") -> "list[PutBack]":
        """Puts good copies back where files were changed beside sow as nobody but sow may change them."""
        found = []
        if self.doubted:
            # Of the tasks at work an agent may write the file in ways that the kernel does not tell.
            self.doubted.doubt(*at_work)
        for name, path in self._changed_beside(only):
            with self.journal.locked(copies.lock_of(name)) as lock:
                back = self._put_right(name, path, lock, own=name in at_work)
            if back is not None:
                found.append(back)
        return found

    def put_own_right(self, path: str, lock: Locked) -> bool:
        """Puts a task's state file right, for who holds its lock; False where no agent is at work."""
        if not self._agents_at_work():
            return False
        self._put_right(path.split("/")[-2], path, lock, own=True)
        return True

    def _put_right(self, name: str, path: str, lock: Locked, *, own: bool) -> "PutBack | None":
        """Puts a good copy back, for who holds the lock, where there has to be; else takes what is there."""
        good, place = self.documents.good_copy(name), self._place_of(name)
        if good is None or not place:
            return None
        changes: tuple[str, ...] = ()
        if path != place and os.path.lexists(path) and self._move_home(path, place):
            changes = (f"phase: {place.split('/')[-4]} -> {path.split('/')[-4]}",)
        if copies.content(place) == good.text.encode():
            back = PutBack(name=name, path=place, kept="", changes=changes)
            return self._told(back, lock) if changes else None
        held = self._valid(name, place)
        if held is not None:
            from sow import edits

            kind = "task" if is_task_id(name) else name.partition("-")[0]
            changes += edits.wrong(kind, good.value, held.value, own=own)
            if not changes:
                copies.keep(self.layout, name, held.text)
                self._tell_edit(name, edits.changed(good.value, held.value), lock)
                return None
        kept = self._write_back(place, good.text)
        return self._told(PutBack(name=name, path=place, kept=os.path.basename(kept), changes=changes), lock)

    # -- what differs ----------------------------------------------------------------------------

    def _changed_beside(self, only: str = "") -> "Iterator[tuple[str, str]]":
        """The state files that are not as their good copies, each with the copy's name."""
        if self.documents.old():
            return  # its parts have no files yet
        for looked_at in [only] if only else self._in_doubt():
            kept = self._kept(looked_at)
            for name, path in self._state_files(looked_at, kept):
                if not self._is_same(name, path, kept):
                    if self.doubted:
                        self.doubted.doubt(name)
                    yield name, path

    def _in_doubt(self) -> "Iterator[str]":
        """The names of the good copies that are to be looked at; one empty name for all there are."""
        if self.doubted is None:
            yield ""
        elif (names := self.doubted.names()) is None:
            self.doubted.begin(self.parts.phases(), self.parts.task_files())
            yield ""
        else:
            for name in names:
                # What is not as its copy then, is in doubt again.
                self.doubted.trust(name)
                yield name

    def _is_same(self, name: str, path: str, kept: "Collection[str]") -> bool:
        """Whether a state file lies where it belongs, and is as its good copy."""
        # Nobody but sow writes a copy, and never without its file: that alone is looked at each time.
        mark = _mark(path)
        if mark is not None and self._known_same.get(path) == mark and name in kept:
            return True
        text = copies.content(path)
        away = is_task_id(name) and f"\nphase: {path.split('/')[-4]}\n".encode() not in text
        if away or text != copies.content(self.layout.good_copy(name)):
            return False
        self._known_same[path] = mark
        return True

    def _kept(self, only: str) -> "Collection[str]":
        """The names of the good copies that there are."""
        if only:
            return [only] if os.path.lexists(self.layout.good_copy(only)) else []
        names = files.names_if_any(self.layout.last_good)
        return {name.removesuffix(".yaml") for name in names if not name.startswith(".")}

    def _state_files(self, only: str, kept: "Collection[str]") -> "Iterator[tuple[str, str]]":
        """The state files that are there or were there, each with the name of its good copy."""
        if only:
            path = self.parts.find(only) or self._place_of(only)
            yield from [(only, path)] if path else []
            return
        there = {"project": self.layout.project_file, "type": self.layout.type_file}
        there |= {f"phase-{phase}": self.layout.phase_file(phase) for phase in self.parts.phases()}
        # Of a task that lies in two phases the first one counts, as for whoever reads it.
        there |= {path.rsplit("/", 2)[1]: path for path in reversed(self.parts.task_files())}
        yield from there.items()
        for copy in sorted(name for name in kept if name not in there):
            if place := self._place_of(copy):
                yield copy, place

    def _place_of(self, name: str) -> str:
        """Where the state file of a good copy belongs; empty where there is no copy, or none to rely on."""
        if not is_task_id(name):
            return self._own_file(name)[0]
        good = self.documents.good_copy(name)
        if good is None or good.value["id"] != name or "/" in good.value["phase"]:
            return ""
        return self.layout.task_file(good.value["phase"], name)

    def _valid(self, name: str, path: str) -> "document.Document | None":
        """A state file's document, for who holds its lock; None where it can't be taken."""
        try:
            if is_task_id(name):
                return self.documents.state(path)
            self._own_file(name)[1]()
            return document.read_file(path, roots=self.documents.roots)
        except (FileNotFoundError, SowError):
            return None

    def _own_file(self, name: str) -> "tuple[str, Callable[[], object]]":
        """The path of the project's own file, its type's or a phase's, and what reads it."""
        if name == "project":
            return self.layout.project_file, self.documents.project
        if name == "type":
            return self.layout.type_file, self.documents.type
        phase = name.removeprefix("phase-")
        return self.layout.phase_file(phase), lambda: self.parts.phase(phase)

    def _reader(self, path: str) -> "Callable[[], object]":
        return lambda: self.documents.task(path)

    def _agents_at_work(self) -> bool:
        """Whether an agent, or who drives one, lives: else what was changed beside sow is a person's."""
        locks = self.layout.locks
        leases = [name for name in files.names_if_any(locks) if name.endswith(".lease")]
        leases = [f"{locks}/{name}" for name in leases if name.startswith(("turn-", "session-"))]
        if not leases:
            return False
        from sow import lease, process

        held = filter(None, map(lease.holder, leases))
        return any(process.fate(one.holder) != "dead" for one in held)

    # -- put back, and told ----------------------------------------------------------------------

    def _put_back(self, path: str, text: str, read: "Callable[[], object]") -> "str | None":
        """Writes `text` to `path` where `read` can't take what lies there."""
        files.check_inside(os.path.dirname(path), self.documents.roots)
        try:
            read()
            if os.path.lexists(path):
                return None
        except (FileNotFoundError, SowError):
            pass
        return self._write_back(path, text)

    def _write_back(self, path: str, text: str) -> str:
        """Writes `text` to `path`; gives the path under which what lay there is kept, empty for nothing."""
        files.check_inside(os.path.dirname(path), self.documents.roots)
        kept = files.set_aside(path) if os.path.lexists(path) else ""
        files.make_folder(os.path.dirname(path))
        files.write(path, text)
        # A file keeps its mode when it is replaced, and the mode may be what was broken.
        if (mode := os.stat(path).st_mode) & 0o600 != 0o600:
            os.chmod(path, mode & 0o777 | 0o600)
        return kept

    def _move_home(self, path: str, place: str) -> bool:
        """Takes a task's folder back to where it belongs, unless something stands there; whether it did."""
        folder = os.path.dirname(place)
        if os.path.lexists(folder):
            return False
        files.make_folder(os.path.dirname(folder))
        files.check_inside(os.path.dirname(folder), self.documents.roots)
        os.rename(os.path.dirname(path), folder)
        return True

    def _told(self, back: PutBack, lock: Locked) -> PutBack:
        if back.task_id:
            restored: TaskRestored = {"kept": back.kept, "changes": [*back.changes]}
            event = Event(type="task.restored", task_id=back.task_id, payload=restored)
        else:
            file = back.path.removeprefix(f"{self.layout.project}/")
            payload: FileRestored = {"file": file, "kept": back.kept, "changes": [*back.changes]}
            event = Event(type="file.restored", payload=payload)
        self.log.append(event, lock.count(copies.lock_of(back.name)))
        return back

    def _tell_edit(self, name: str, changed: "tuple[str, ...]", lock: Locked) -> None:
        told = [field for field in changed if field != "updated_at"]
        if not told:
            return  # the same in other words: a comment, an order
        if is_task_id(name):
            event = Event(type="task.changed", task_id=name, payload={"fields": told})
        elif name == "project":
            event = Event(type="project.changed", payload={"fields": told})
        else:
            phase = name.removeprefix("phase-")
            event = Event(type="phase.changed", payload={"phase": phase, "fields": told})
        self.log.append(event, lock.count(copies.lock_of(name)))


def _mark(path: str) -> "tuple[int, ...] | None":
    """What a file is known by that has not changed; None for what is none, or was changed just now.

    A second change within one tick of the kernel's clock leaves no mark of its own.
    """
    now = time.time_ns()
    try:
        there = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(there.st_mode) or now - there.st_ctime_ns < _TICK:
        return None
    return there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns, there.st_ctime_ns
