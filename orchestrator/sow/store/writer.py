"""How documents are written: checked, all of them or none, with a good copy of each; then it is told."""

import os

from sow import files
from sow.change import Change, Event
from sow.clock import stamp
from sow.document import canonical
from sow.errors import NotFound, Refused
from sow.journal import IDS, PROJECT, TASKS, Locked, Write, task_lock
from sow.store import checking, copies
from sow.task import COMPLETED, Task
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sow.clock import Clock
    from sow.eventlog import EventLog
    from sow.splitting import Old
    from sow.store.parts import Parts
    from sow_schemas.documents import PhaseFile, ProjectFile, ProjectSplit


class Writer:
    """Writes the documents of a project, for who holds their locks."""

    def __init__(
        self, parts: "Parts", log: "EventLog", clock: "Clock", on_split: "Callable[[Old], None] | None"
    ) -> None:
        self.documents, self.parts, self.layout = parts.documents, parts, parts.documents.layout
        self.journal, self.log, self.clock = parts.documents.journal, log, clock
        self._on_split = on_split

    def now(self) -> str:
        """The time as state files hold it."""
        return stamp(self.clock())

    def locked(self, *names: str) -> Locked:
        """The locks of a change; of an old project those of all, since its first write is of all."""
        return self.journal.locked(*({IDS, PROJECT, TASKS, *names} if self.documents.old() else names))

    def tell(self, event: Event) -> None:
        """Appends an event that no change of a state file brings with it."""
        name = task_lock(event.task_id) if event.task_id else PROJECT
        with self.journal.locked(name) as lock:
            self.log.append(event, lock.count(name))

    def put(self, texts: "Mapping[str, str]", lock: Locked) -> None:
        """Writes files, all or nothing; of an old project all that it becomes with them."""
        if old := self.documents.old():
            self._put_apart(old, texts, lock)
            return
        if len(texts) == 1:
            files.write(*next(iter(texts.items())))
        elif texts:
            for path in texts:
                self.check_writable(path)
            self.journal.carry_out([Write(path=p, text=t) for p, t in texts.items()], lock.names)
        for path, text in texts.items():
            if name := copies.copy_of(path, self.layout):
                copies.keep(self.layout, name, text)

    def check_writable(self, path: str) -> None:
        """Raises Refused where no file can be written to `path`; what is journaled has to succeed."""
        folder = os.path.dirname(path)
        files.check_inside(folder, self.documents.roots)
        files.names(folder)
        if os.path.isdir(path):
            raise files.Unreadable(path, "is a folder, and should be a file", "move it away")

    def texts(self, documents: "Mapping[str, ProjectFile | PhaseFile]") -> "dict[str, str]":
        """The files of the project ("") and of phases that change, each with its text."""
        texts = {}
        for phase, value in documents.items():
            path = self.layout.phase_file(phase) if phase else self.layout.project_file
            schema = "phase_file" if phase else "project_file"
            held = self.documents.read(path, schema)
            if not canonical.same(value, held.value):
                checking.check(schema, value, path)
                if phase and not canonical.same(value.get("metadata"), held.value.get("metadata")):
                    self.check_metadata("metadata", phase, value.get("metadata"), path)
                texts[path] = checking.changed(held, value, path)
        return texts

    # -- what the project's type asks for --------------------------------------------------------

    def check_metadata(self, key: str, phase: str, value: object, where: str) -> None:
        """Raises Refused where the type has a schema for this metadata that it does not satisfy."""
        kind = self.documents.type_with("metadata:" if key == "metadata" else "task_metadata")
        if kind and value is not None and phase in kind.phases:
            from sow.project_types import metadata

            metadata.check(getattr(kind.phases[phase], key), value, where)

    def is_told_to_phase(self, before: Task, after: Task) -> bool:
        """Whether a change completes a task in a way that changes its phase as well."""
        if after.status != COMPLETED or before.status == COMPLETED or not after.metadata:
            return False
        kind = self.documents.type_with("completion")
        return bool(kind and after.phase in kind.phases and kind.phases[after.phase].artifact_field)

    def with_phase(self, outcome: Change) -> Change:
        """A task's change with what its completion makes of its phase."""
        kind = self.documents.type_with("completion")
        if kind is None or outcome.task.status != COMPLETED:
            return outcome
        from sow.statechart import with_completed

        phase = outcome.task.phase
        after = with_completed(kind, self.parts.phase(phase), outcome.task)
        texts = self.texts({phase: after}) if after else {}
        return outcome.replace(files={**outcome.files, **texts})

    # -- old projects ----------------------------------------------------------------------------

    def split(self) -> None:
        """Gives phases and tasks of an old project files of their own; nothing where they have them.

        Any write does so. Raises Refused where something is wrong with the project's file.
        """
        if self.documents.old():
            with self.locked() as lock:
                self.put({}, lock)

    def _put_apart(self, old: "Old", texts: "Mapping[str, str]", lock: Locked) -> None:
        """Gives an old project's parts their files, with others that are to be written; all or nothing."""
        from sow import splitting

        steps, new = splitting.steps(old, self.layout, {**self._type_text(), **texts})
        self.journal.carry_out(steps, lock.names)
        self.documents.is_split()
        for path, text in new.items():
            if name := copies.copy_of(path, self.layout):
                copies.keep(self.layout, name, text)
        payload: ProjectSplit = {"tasks": len(old.tasks), "renumbered": old.renumbered}
        self.log.append(Event(type="project.split", payload=payload), lock.count(PROJECT))
        if self._on_split:
            self._on_split(old)

    def _type_text(self) -> "dict[str, str]":
        """The file of the project's type, which an old project has not; none where its type is unknown."""
        try:
            return (
                {}
                if os.path.exists(self.layout.type_file)
                else {self.layout.type_file: self.documents.type().text}
            )
        except (NotFound, Refused):
            return {}
