"""The one door to a project's state: YAML files in, checked YAML files out.

    lock -> finish what a killed writer left -> read -> change -> check -> write -> tell -> unlock

A change is a function of the state as it is now, so nobody writes from an old
copy. The state is written before its events: a crash can lose the last line of
the log, but the log never tells of a change that is not so. Reading never locks.

    documents   one file of the state, as it is read
    parts       the phases and tasks that there are
    writer      how files are written, and their events told
    folders     tasks as whole folders: added, moved, removed
    beside      what was changed beside sow, and good copies put back
    doubted     which state files are to be looked at for that
    left        what killed writers left
    checking    a document against its schema, and as text
    copies      what good copies are called, and how they are kept

A project of the original program has one file. It is read as if it were taken
apart already, and the first write, whatever it is of, makes that so.
"""

import os
import time

from sow import files
from sow.change import Change, Event, Intake
from sow.document import canonical
from sow.eventlog import with_whole
from sow.journal import IDS, PROJECT, Locked, task_lock
from sow.state import Step, Tasks, Whole
from sow.store import checking, copies
from sow.store.documents import Documents
from sow.store.parts import Parts
from sow.store.writer import Writer
from sow.task import COMPLETED, Task
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from sow import document
    from sow.clock import Clock
    from sow.eventlog import EventLog
    from sow.layout import Layout
    from sow.project_types import ProjectType
    from sow.runner.touched import Touched
    from sow.splitting import Old
    from sow.state import Broken, PutBack
    from sow.store.beside import Beside
    from sow.store.folders import Folders
    from sow_schemas.documents import PhaseFile, ProjectFile


class Store:
    """The state of the project that `layout` lays out."""

    def __init__(
        self,
        layout: "Layout",
        log: "EventLog",
        clock: "Clock" = time.time,
        *,
        on_split: "Callable[[Old], None] | None" = None,
    ) -> None:
        """`on_split` is called once an old project was split, with what it was."""
        self.layout, self.log, self.clock = layout, log, clock
        self._documents = Documents(layout)
        self._parts = Parts(self._documents)
        self._writer = Writer(self._parts, log, clock, on_split)
        self._beside: Beside | None = None
        self.journal = self._documents.journal
        self.roots = self._documents.roots
        """The folders out of which no link in the state may lead."""

    def now(self) -> str:
        """The time as state files hold it."""
        return self._writer.now()

    # -- reading ------------------------------------------------------------------------------

    def task(self, task_id: str) -> Task:
        """The task as it stands on disk. Raises NotFound, or Refused where its file is broken."""
        return self._parts.task(task_id)

    def tasks(self) -> Tasks:
        """All tasks of all phases; what can't be read is listed as broken beside them."""
        return self._parts.tasks()

    def task_files(self) -> "list[str]":
        """The paths of all state files of tasks."""
        return self._parts.task_files()

    def phases(self) -> "list[str]":
        """The names of the phases, also of those whose file is missing."""
        return self._parts.phases()

    def phase(self, phase: str) -> "PhaseFile":
        """A phase's own document, without its tasks. Raises NotFound for one that is not there."""
        return self._parts.phase(phase)

    def project(self) -> "ProjectFile":
        """The project's own document, without its phases. Raises Refused where its file is broken or gone."""
        return self._documents.project()

    def branch(self) -> str:
        """The project's branch, which it keeps: by its last good copy where its file is broken."""
        return self._documents.branch()

    def type(self) -> "ProjectType":
        """The project's type, as it was when the project began. Raises Refused where it can't be read."""
        return self._documents.type()

    def broken_files(self) -> "tuple[Broken, ...]":
        """The project's and the phases' own files that can't be taken as they are."""
        return self._parts.broken_files()

    def whole(self) -> Whole:
        """The project as it stands. Raises Refused where its own file or that of a phase is broken."""
        return self._parts.whole()

    def used_ids(self) -> "set[int]":
        """The numbers of the ids that were given here. Raises Refused where that can't be seen."""
        return self._documents.used_ids()

    def is_old(self) -> bool:
        """Whether the project still lies in one file, as the original keeps it."""
        return self._documents.is_old()

    def description(self, task: Task) -> str:
        """What the task's description.md says; empty where there is none. Raises Refused."""
        return self._documents.text(f"{self._documents.folder(task)}/description.md")

    def notes(self, task: Task) -> str:
        """What the task's log.md says; empty where there is none. Raises Refused."""
        return self._documents.text(f"{self._documents.folder(task)}/log.md")

    def feedback(self, task: Task) -> "list[tuple[str, str]]":
        """The task's feedback files, oldest first: (file name, text). Raises Refused."""
        folder = f"{self._documents.folder(task)}/feedback"
        names = sorted(name for name in self._documents.names(folder) if name.endswith(".md"))
        return [
            (name, self._documents.text(f"{folder}/{name}")) for name in names if not name.startswith(".")
        ]

    def next_feedback(self, task: Task) -> str:
        """The path of the task's next feedback file: by its iteration, behind those that are there already.

        The original program, and people, number theirs as they come.
        """
        numbers = [int(name[:-3]) for name, _ in self.feedback(task) if name[:-3].isdecimal()]
        number = max([task.iteration, *(held + 1 for held in numbers)])
        return f"{self.layout.task(task.phase, task.id)}/feedback/{number:03d}.md"

    def task_metadata(self, task: Task) -> "Mapping[str, Any] | None":
        """The JSON Schema that the project's type has for a task's metadata; None for anything."""
        kind = self._documents.type_with("task_metadata")
        return kind.phases[task.phase].task_metadata if kind and task.phase in kind.phases else None

    # -- changing -----------------------------------------------------------------------------

    def change_task(self, task_id: str, change: "Callable[[Task], Change]") -> Task:
        """Replaces a task by what `change` makes of it as it is now; gives the new task.

        A change that changes nothing writes nothing. Raises NotFound, Refused (a
        broken file, an illegal move, a value that the schema refuses), Busy.
        """
        return self._change_task(task_id, change)

    def change_dependencies(self, task_id: str, change: "Callable[[Task], Change]") -> Task:
        """`change_task` for a change of `depends_on`: one at a time in a project.

        So that what is checked against the other tasks (no circle) still holds when it is written.
        """
        return self._change_task(task_id, change, IDS)

    def _change_task(self, task_id: str, change: "Callable[[Task], Change]", *more: str) -> Task:
        path = self._parts.task_file(task_id)
        with self._writer.locked(*more, task_lock(task_id)) as lock:
            path = (
                path if self._documents.is_there(path) else self._parts.task_file(task_id)
            )  # it may have been moved
            held = self._read_own(path, lock)
            before = Task.from_document(held.value)
            outcome = change(before)
            if not self._writer.is_told_to_phase(before, outcome.task):
                return self._keep(path, held, outcome, lock)
        # Its completion is a matter of its phase, too: once more, under both locks.
        with self._writer.locked(*more, PROJECT, task_lock(task_id)) as lock:
            path = self._parts.task_file(task_id)
            held = self._read_own(path, lock)
            outcome = change(Task.from_document(held.value))
            return self._keep(path, held, self._writer.with_phase(outcome), lock)

    def _read_own(self, path: str, lock: Locked) -> "document.Document":
        """A task's document, for a writer who holds its lock.

        No agent is to build on what it wrote beside sow: that is put right first.
        """
        held = self._documents.state(path)
        if self.log.actor == "person" or self.is_old():
            return held
        task_id = path.split("/")[-2]
        if held.text.encode() == copies.content(self.layout.good_copy(task_id)):
            return held
        if self._compared().put_own_right(path, lock):
            return self._documents.state(self._parts.task_file(task_id))
        return held

    def _keep(self, path: str, held: "document.Document", outcome: Change, lock: Locked) -> Task:
        """Writes what a change made of a task, with all that goes with it, and tells it."""
        after, value = outcome.task, held.value
        if outcome.files or not canonical.same(after.document(), value):
            after = after.replace(updated_at=self._writer.now())
            value = after.document()
            checking.check("task_state", value, path)
            if not canonical.same(value.get("metadata"), held.value.get("metadata")):
                self._writer.check_metadata("task_metadata", after.phase, value.get("metadata"), path)
            text = checking.changed(held, value, path)
            self._writer.put({**outcome.files, path: text}, lock)
        for event in outcome.events:
            self.log.append(with_whole(event, value, path), lock.count(task_lock(after.id)))
        return after

    def change_project(self, change: "Callable[[ProjectFile], Step]") -> "ProjectFile":
        """The same for the project's own document, whatever its phases are like."""
        with self._writer.locked(PROJECT) as lock:
            project = self._documents.project()
            return self._make(change(project.copy()), project, lock)

    def change_phase(self, phase: str, change: "Callable[[PhaseFile], Step]") -> "PhaseFile":
        """The same for a phase's own document. Raises NotFound for a phase that is not there."""
        with self._writer.locked(PROJECT) as lock:
            held = self._parts.phase(phase)
            step = change(held.copy())
            self._make(step, self._documents.project(), lock)
        return step.phases.get(phase, held)

    def change_whole(self, change: "Callable[[Whole], Step]") -> Whole:
        """Makes a step of the project: its file, its phases' and the events, all or nothing; gives what is.

        Raises Refused where a file of it is broken, Busy, and whatever `change` raises.
        """
        with self._writer.locked(PROJECT) as lock:
            whole = self._parts.whole()
            step = change(whole)
            project = self._make(step, whole.project, lock)
        return whole.replace(project=project, phases={**whole.phases, **step.phases})

    def _make(self, step: Step, project: "ProjectFile", lock: Locked) -> "ProjectFile":
        """Writes what a step changes and tells it; gives the project's document as it is then."""
        texts = self._writer.texts({"": step.project or project, **step.phases})
        after = step.project or project
        if texts:
            after = {**after, "updated_at": self._writer.now()}
            self._writer.put({**texts, **self._writer.texts({"": after})}, lock)
        for event in step.events:
            self.log.append(event, lock.count(PROJECT))
        return after

    def is_told_to_phase(self, before: Task, after: Task) -> bool:
        """Whether a change completes a task in a way that changes its phase as well."""
        return self._writer.is_told_to_phase(before, after)

    def check_completion(self, task: Task) -> None:
        """Raises Refused where the type does not let the task be completed as its phase stands now."""
        self._writer.with_phase(Change(task=task.replace(status=COMPLETED)))

    def tell(self, event: Event) -> None:
        """Appends an event that no change of a state file brings with it."""
        self._writer.tell(event)

    def append_log(self, task: Task, text: str, *, by: str, at: str = "") -> "str | None":
        """Adds an entry to the task's log.md, in one write; gives the path of that, None where it did not.

        `at`: when it was said, where that was earlier; the same words of then are not added twice.
        """
        entry = f"\n## {at or self._writer.now()} {by}\n\n{text.rstrip()}\n"
        self._writer.split()
        folder = self.layout.task(task.phase, task.id)
        if not os.path.isdir(folder):  # moved since it was read
            folder = os.path.dirname(self._parts.task_file(task.id))
        path = f"{folder}/log.md"
        if at and entry in self._documents.text(path):
            return None
        files.append(path, entry.encode("utf-8", "replace"), self.roots)
        return path

    def split(self) -> None:
        """Gives phases and tasks of an old project files of their own; nothing where they have them.

        Any write does so. Raises Refused where something is wrong with the project's file.
        """
        self._writer.split()

    # -- whole tasks --------------------------------------------------------------------------

    def add_task(
        self,
        make: "Callable[[str, tuple[Task, ...]], Task]",
        *,
        description: str,
        task_id: "str | None" = None,
    ) -> Task:
        """Adds the task that `make` gives for an id and the tasks there are; all of it or nothing.

        The id is the next free one, by tens, or `task_id`. It is taken under the
        project's lock for ids and never given twice. Raises Refused for an id that
        is taken or no id, or when all 999 are used; NotFound for an unknown phase.
        """
        return self._folders().add(make, description=description, task_id=task_id)

    def take_in(
        self, decide: "Callable[[tuple[Task, ...], frozenset[int]], Intake]", changed: "Collection[str]" = ()
    ) -> Intake:
        """Adds and changes what `decide` says for the tasks and the used ids that there are; all or nothing.

        `changed`: the ids of tasks that will probably be changed; where others are too, it is
        decided once more. Raises Refused where one of the tasks is broken or a schema refuses
        one, NotFound for an unknown phase, Busy.
        """
        return self._folders().take_in(decide, changed)

    def move_task(self, task_id: str, phase: str) -> Task:
        """Takes a task to another phase: its folder and its state, all or nothing; gives the task.

        Raises NotFound, Busy, and Refused where its metadata is none for that phase.
        """
        return self._folders().move(task_id, phase)

    def remove_task(self, task_id: str, check: "Callable[[Task, tuple[Task, ...]], None]") -> str:
        """Takes a task out of the project, all or nothing; gives the folder where it is kept.

        `check`: raises where the task, among all there are, must stay. Its id is never given again.
        """
        return self._folders().remove(task_id, check)

    def _folders(self) -> "Folders":
        from sow.store.folders import Folders

        return Folders(self._writer)

    # -- good copies, and what kills left -----------------------------------------------------

    def good_copy(self, name: str) -> "document.Document | None":
        """The last valid copy of a state file: of a task by its id, of `project`, `type`, `phase-<phase>`."""
        return self._documents.good_copy(name)

    def restore_last_good(self, task_id: str) -> "Task | None":
        """Puts a task's last valid state back where its file is broken or gone.

        The broken file is kept beside as `state.yaml.broken`, numbered where there is
        one already. None where there is no good copy, or nothing is broken.
        """
        return None if self._compared().put_back(task_id) is None else self._parts.task(task_id)

    def put_back(self, name: str) -> "str | None":
        """Puts the good copy called `name` (see `good_copy`) back where its file is broken or gone.

        Gives the path under which the broken one is kept, empty where none was there;
        None where there is no good copy, or nothing is broken.
        """
        return self._compared().put_back(name)

    def keep_good_copies(self) -> None:
        """Keeps copies of all state files as they are, where they are valid: people edit them.

        For a caller who knows that no agent is at work: it may have been one that changed them.
        """
        self._compared().keep_good_copies()

    def put_right(self, at_work: "Collection[str]", only: str = "") -> "list[PutBack]":
        """Puts good copies back where files were changed beside sow as nobody but sow may change them.

        What lay there is kept beside, and it is told as events; any other change is
        taken as it is. `at_work`: the ids of the tasks whose agents may have made the
        change. `only`: the name of the one copy to compare.
        """
        return self._compared().put_right(at_work, only)

    def settle(self) -> None:
        """Completes the changes of several files that killed writers left; removes their temporary files."""
        self.journal.settle()
        for path, lock in self.left():
            self.sweep(path, lock)

    def left(self) -> "list[tuple[str, str]]":
        """The temporary files of writers, killed or just at it: each path with the locks that it needs."""
        from sow.store import left

        return left.temporary(self._parts)

    def sweep(self, path: str, lock: str) -> None:
        """Removes what a writer was killed at; under its locks, so that it is not one that lives."""
        from sow.store import left

        left.sweep(self.journal, path, lock)

    def half_added(self) -> "list[str]":
        """Folders of tasks that a killed `add_task` left, or that one makes just now."""
        from sow.store import left

        return left.half_added(self._parts)

    def sweep_half_added(self) -> None:
        """Removes what a killed `add_task` left; the next one does so as well."""
        from sow.store import left

        with self.journal.locked(IDS):
            left.sweep_half_added(self._parts)

    def heed(self, touched: "Touched") -> None:
        """Looks from now on at the state files that were touched since the last look, and at all in doubt."""
        from sow.store.doubted import Doubted

        self._compared().doubted = Doubted(self.layout, touched)

    def _compared(self) -> "Beside":
        """The state files beside their good copies, kept: it knows which were the same."""
        if self._beside is None:
            from sow.store.beside import Beside

            self._beside = Beside(self._parts, self.log)
        return self._beside
