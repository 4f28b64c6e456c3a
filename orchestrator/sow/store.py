"""The one door to a project's state: YAML files in, checked YAML files out.

    lock -> finish what a killed writer left -> read -> change -> check -> write -> tell -> unlock

A change is a function of the state as it is now, so nobody writes from an old
copy. The state is written before its events: a crash can lose the last line of
the log, but the log never tells of a change that is not so. Reading never locks.

A project of the original program has one file. It is read as if it were taken
apart already, and the first write, whatever it is of, makes that so.
"""

import os
import stat
import time

import sow_schemas
from sow import document, files
from sow.change import Change, Event, Intake
from sow.clock import stamp
from sow.document import canonical
from sow.errors import BadFile, Failed, NotFound, Refused, SowError
from sow.eventlog import EventLog
from sow.journal import IDS, PROJECT, TASKS, Journal, Locked, Move, Write, task_lock
from sow.layout import Layout
from sow.nearest import did_you_mean
from sow.state import Broken, PutBack, Step, Tasks, Twice, Whole
from sow.task import COMPLETED, HIGHEST_ID, Task, free_id
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from typing import Any

    from sow.clock import Clock
    from sow.project_types import ProjectType
    from sow.splitting import Old
    from sow_schemas.documents import (
        FileRestored,
        PhaseFile,
        ProjectFile,
        ProjectSplit,
        TaskMoved,
        TaskRestored,
    )

_TICK = 100_000_000
"""Nanoseconds: far more than a tick of the clock by which the kernel marks changes of files."""

_LOOKS = 20
"""How often is looked anew while others add and move tasks."""


class Store:
    """The state of the project that `layout` lays out."""

    def __init__(
        self,
        layout: Layout,
        log: EventLog,
        clock: "Clock" = time.time,
        *,
        on_split: "Callable[[Old], None] | None" = None,
    ) -> None:
        """`on_split` is called once an old project was split, with what it was."""
        self.layout, self.log, self.clock = layout, log, clock
        self.journal = Journal(layout)
        self.roots = (layout.folder, layout.main)
        """The folders out of which no link in the state may lead."""
        self._on_split = on_split
        self._embedded = layout.embedded
        self._seen: tuple[tuple[int, int, int], Old] | None = None
        self._known_same: dict[str, tuple[object, object]] = {}
        """The marks of state files and their good copies that were found to be the same, by path."""

    def now(self) -> str:
        """The time as state files hold it."""
        return stamp(self.clock())

    # -- reading ------------------------------------------------------------------------------

    def task(self, task_id: str) -> Task:
        """The task as it stands on disk. Raises NotFound, or Refused where its file is broken."""
        for _ in range(_LOOKS):
            path = self._task_file(task_id)
            try:
                return self._read_task(path)
            except FileNotFoundError:
                continue  # it was moved since it was found
        raise self._gone(f"task {task_id}", path, task_id)

    def tasks(self) -> Tasks:
        """All tasks of all phases; what can't be read is listed as broken beside them."""
        found: dict[str, Task] = {}
        unseen, paths = self._seen_files()
        broken = list(unseen)
        for path in paths:
            try:
                found[path] = self._read_task(path)
            except FileNotFoundError:
                self._look_again(path, found, broken)
            except Refused as fault:
                broken.append(self._broken(path, fault))
        first: dict[str, Task] = {}
        for path, task in found.items():
            if first.setdefault(task.id, task) != task:
                broken.append(self._broken(path, self._twice(path, task, first[task.id])))
        tasks = sorted(first.values(), key=lambda task: task.id)
        return Tasks(tasks=tuple(tasks), broken=tuple(broken))

    def _look_again(self, path: str, found: "dict[str, Task]", broken: "list[Broken]") -> None:
        """Takes in a task whose file is gone since its folder was listed: moved, removed or lost."""
        task_id = os.path.basename(os.path.dirname(path))
        try:
            task = self.task(task_id)
            found[self.layout.task_file(task.phase, task_id)] = task
        except (NotFound, Refused):
            if os.path.isdir(os.path.dirname(path)):
                broken.append(Broken.of(path, self._gone(f"task {task_id}", path, task_id)))

    def task_files(self) -> "list[str]":
        """The paths of all state files of tasks."""
        return self._seen_files()[1]

    def _seen_files(self) -> "tuple[list[Broken], list[str]]":
        """What can't be looked into or is no task's folder, and the paths of all state files of tasks."""
        unseen, listed = self._listed()
        # A task that is moved meanwhile may be missed in both of its phases: two looks must agree.
        for _ in range(_LOOKS):
            before = listed
            unseen, listed = self._listed()
            if listed == before:
                break
        there = [self.layout.task_file(phase, name) for phase, name in listed if _is_task_id(name)]
        unseen += [self._misnamed(phase, name) for phase, name in listed if self._is_misnamed(phase, name)]
        if old := self._old():
            left = {*old.tasks, *(f"{folder}/state.yaml" for folder in old.moves.values())}
            there = [*old.tasks, *(path for path in there if path not in left)]
        return unseen, there

    def _listed(self) -> "tuple[list[Broken], list[tuple[str, str]]]":
        """What lies in the phases' folders of tasks, (phase, name), and the ones that can't be listed."""
        unseen: list[Broken] = []
        listed: list[tuple[str, str]] = []
        for phase in self.phases():
            try:
                listed += [(phase, name) for name in sorted(self._names(self.layout.tasks(phase)))]
            except Refused as fault:
                unseen.append(Broken.of(os.path.dirname(self.layout.phase_file(phase)), fault))
        return unseen, listed

    def _is_misnamed(self, phase: str, name: str) -> bool:
        """Whether somebody's task lies in a folder that has no task's name."""
        hidden = _is_task_id(name) or name.startswith(".")
        return not hidden and os.path.lexists(self.layout.task_file(phase, name))

    def _misnamed(self, phase: str, name: str) -> Broken:
        what = f"{name!r} is no task id, so nothing finds the task in it"
        hint = "give the folder the three digits of its task, or move it out of tasks/"
        return Broken.of(
            self.layout.task_file(phase, name), BadFile(self.layout.task(phase, name), what, hint)
        )

    def phases(self) -> "list[str]":
        """The names of the phases, also of those whose file is missing."""
        old = self._old()
        return sorted({*(old.phases if old else ()), *filter(self._is_phase, self._phase_folders())})

    def project(self) -> "ProjectFile":
        """The project's own document, without its phases. Raises Refused where its file is broken or gone."""
        path = self.layout.project_file
        try:
            held = self._read(path, "project_file")
        except FileNotFoundError:
            raise self._gone("the project", path, "project") from None
        if held.value["name"] != self.layout.name:
            raise BadFile(
                path,
                f"name is {held.value['name']!r}, and this project is {self.layout.name!r}",
                f"make name {self.layout.name!r}: a project keeps its name",
                line=held.place(("name",))[0],
            )
        project: ProjectFile = held.value
        return project

    def branch(self) -> str:
        """The project's branch, which it keeps: by its last good copy where its file is broken."""
        try:
            return self.project()["branch"]
        except SowError:
            if (good := self.good_copy("project")) is None:
                raise
            return str(good.value["branch"])

    def phase(self, phase: str) -> "PhaseFile":
        """A phase's own document, without its tasks. Raises NotFound for one that is not there."""
        if phase not in self.phases():
            raise self._no_phase(phase)  # whatever it is, it is no name of a folder here
        path = self.layout.phase_file(phase)
        try:
            held: PhaseFile = self._read(path, "phase_file").value
        except FileNotFoundError:
            raise self._gone(f"phase {phase}", path, f"phase-{phase}") from None
        return held

    def broken_files(self) -> "tuple[Broken, ...]":
        """The project's and the phases' own files that can't be taken as they are."""
        broken = []
        try:
            self.project()
        except SowError as fault:
            broken.append(Broken.of(self.layout.project_file, fault))
        try:
            if os.path.lexists(self.layout.type_file):
                self.type()
        except Refused as fault:
            broken.append(Broken.of(self.layout.type_file, fault))
        for phase in self.phases():
            path = self.layout.phase_file(phase)
            try:
                self.phase(phase)
            except Refused as fault:
                broken.append(self._broken(path, fault))
            except NotFound:
                pass  # removed since they were listed
        return tuple(broken)

    def whole(self) -> Whole:
        """The project as it stands. Raises Refused where its own file or that of a phase is broken."""
        return Whole(
            project=self.project(),
            phases={phase: self.phase(phase) for phase in self._in_order(self.phases())},
            tasks=self.tasks(),
        )

    def type(self) -> "ProjectType":
        """The project's type, as it was when the project began. Raises Refused where it can't be read."""
        from sow import project_types

        try:
            held = document.contents(self.layout.type_file, roots=self.roots)
            return project_types.of(held, self.layout.type_file)
        except FileNotFoundError:
            # A project from before types were kept with it, or one of the original program.
            return project_types.named(str(self.project()["type"]), self.layout.main)

    def description(self, task: Task) -> str:
        """What the task's description.md says; empty where there is none. Raises Refused."""
        return self._text(f"{self._folder(task)}/description.md")

    def notes(self, task: Task) -> str:
        """What the task's log.md says; empty where there is none. Raises Refused."""
        return self._text(f"{self._folder(task)}/log.md")

    def feedback(self, task: Task) -> "list[tuple[str, str]]":
        """The task's feedback files, oldest first: (file name, text). Raises Refused."""
        folder = f"{self._folder(task)}/feedback"
        names = sorted(name for name in self._names(folder) if name.endswith(".md"))
        return [(name, self._text(f"{folder}/{name}")) for name in names if not name.startswith(".")]

    def next_feedback(self, task: Task) -> str:
        """The path of the task's next feedback file: by its iteration, behind those that are there already.

        The original program, and people, number theirs as they come.
        """
        numbers = [int(name[:-3]) for name, _ in self.feedback(task) if name[:-3].isdecimal()]
        number = max([task.iteration, *(held + 1 for held in numbers)])
        return f"{self.layout.task(task.phase, task.id)}/feedback/{number:03d}.md"

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
        path = self._task_file(task_id)
        with self._locked(*more, task_lock(task_id)) as lock:
            path = path if self._is_there(path) else self._task_file(task_id)  # it may have been moved
            held = self._read_own(path, lock)
            before = Task.from_document(held.value)
            outcome = change(before)
            if not self.is_told_to_phase(before, outcome.task):
                return self._keep(path, held, outcome, lock)
        # Its completion is a matter of its phase, too: once more, under both locks.
        with self._locked(*more, PROJECT, task_lock(task_id)) as lock:
            path = self._task_file(task_id)
            held = self._read_own(path, lock)
            outcome = change(Task.from_document(held.value))
            return self._keep(path, held, self._with_phase(outcome), lock)

    def change_project(self, change: "Callable[[ProjectFile], Step]") -> "ProjectFile":
        """The same for the project's own document, whatever its phases are like."""
        with self._locked(PROJECT) as lock:
            project = self.project()
            return self._make(change(project.copy()), project, lock)

    def change_phase(self, phase: str, change: "Callable[[PhaseFile], Step]") -> "PhaseFile":
        """The same for a phase's own document. Raises NotFound for a phase that is not there."""
        with self._locked(PROJECT) as lock:
            held = self.phase(phase)
            step = change(held.copy())
            self._make(step, self.project(), lock)
        return step.phases.get(phase, held)

    def change_whole(self, change: "Callable[[Whole], Step]") -> Whole:
        """Makes a step of the project: its file, its phases' and the events, all or nothing; gives what is.

        Raises Refused where a file of it is broken, Busy, and whatever `change` raises.
        """
        with self._locked(PROJECT) as lock:
            whole = self.whole()
            step = change(whole)
            project = self._make(step, whole.project, lock)
        return whole.replace(project=project, phases={**whole.phases, **step.phases})

    def _make(self, step: Step, project: "ProjectFile", lock: Locked) -> "ProjectFile":
        """Writes what a step changes and tells it; gives the project's document as it is then."""
        texts = self._texts({"": step.project or project, **step.phases})
        after = step.project or project
        if texts:
            after = {**after, "updated_at": self.now()}
            self._put({**texts, **self._texts({"": after})}, lock)
        for event in step.events:
            self.log.append(event, lock.count(PROJECT))
        return after

    def _texts(self, documents: "Mapping[str, ProjectFile | PhaseFile]") -> "dict[str, str]":
        """The files of the project ("") and of phases that change, each with its text."""
        texts = {}
        for phase, value in documents.items():
            path = self.layout.phase_file(phase) if phase else self.layout.project_file
            schema = "phase_file" if phase else "project_file"
            held = self._read(path, schema)
            if not canonical.same(value, held.value):
                self._check(schema, value, path)
                if phase and not canonical.same(value.get("metadata"), held.value.get("metadata")):
                    self._check_metadata("metadata", phase, value.get("metadata"), path)
                texts[path] = _changed(held, value, path)
        return texts

    def tell(self, event: Event) -> None:
        """Appends an event that no change of a state file brings with it."""
        name = task_lock(event.task_id) if event.task_id else PROJECT
        with self.journal.locked(name) as lock:
            self.log.append(event, lock.count(name))

    def append_log(self, task: Task, text: str, *, by: str, at: str = "") -> bool:
        """Adds an entry to the task's log.md, in one write; gives whether it did.

        `at`: when it was said, where that was earlier; the same words of then are not added twice.
        """
        entry = f"\n## {at or self.now()} {by}\n\n{text.rstrip()}\n"
        self.split()
        folder = self.layout.task(task.phase, task.id)
        if not os.path.isdir(folder):  # moved since it was read
            folder = os.path.dirname(self._task_file(task.id))
        path = f"{folder}/log.md"
        if at and entry in self._text(path):
            return False
        files.append(path, entry.encode("utf-8", "replace"), self.roots)
        return True

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
        with self._locked(IDS) as lock:
            self._sweep_half_added()
            held = self.tasks()
            new_id = self._new_id(task_id)
            task = make(new_id, held.tasks)
            if task.phase not in self.phases() or not self._is_there(self.layout.phase_file(task.phase)):
                raise self._no_phase(task.phase)
            if task.metadata:
                self._check_metadata("task_metadata", task.phase, task.metadata, "the new task")
            path = self.layout.task_file(task.phase, new_id)
            self._check("task_state", task.document(), path)
            text = _written(task.document(), path)
            self._put({}, lock)
            self._place(task, text, description)
            self._remember_id(new_id)
            self.tell(Event(type="task.created", task_id=new_id, payload={"input": task.name}))
        return task

    def take_in(
        self, decide: "Callable[[tuple[Task, ...], frozenset[int]], Intake]", changed: "Collection[str]" = ()
    ) -> Intake:
        """Adds and changes what `decide` says for the tasks and the used ids that there are; all or nothing.

        `changed`: the ids of tasks that will probably be changed; where others are too, it is
        decided once more. Raises Refused where one of the tasks is broken or a schema refuses
        one, NotFound for an unknown phase, Busy.
        """
        held = set(changed)
        while True:
            with self._locked(IDS, PROJECT, TASKS, *map(task_lock, sorted(held))) as lock:
                self._sweep_half_added()
                there = self.tasks()
                for broken in there.broken:
                    raise broken.fault  # it may be one of those that are to be changed
                intake = decide(there.tasks, frozenset(self.used_ids()))
                if more := {change.task.id for change, _ in intake.changes} - held:
                    held |= more
                    continue
                self._take_in(intake, lock)
            for change, _ in intake.adds:
                self.tell(
                    Event(type="task.created", task_id=change.task.id, payload={"input": change.task.name})
                )
                for event in change.events:
                    self.tell(event)
            return intake

    def _take_in(self, intake: Intake, lock: Locked) -> None:
        """Does and tells what was decided, but for the events of new tasks, for who holds the locks."""
        self._put({}, lock)
        texts = {**intake.files, **self._texts(intake.documents)}
        for change, description in intake.changes:
            texts |= self._texts_of(change, description)
        new = [(change.task, text, self._text_of_new(change.task)) for change, text in intake.adds]
        for path in texts:
            self._check_writable(path)
        steps: list[Write | Move] = [
            Move(path=self._beside(task, text, description), to=self.layout.task(task.phase, task.id))
            for task, description, text in new
        ]
        if new:
            os.sync()  # all of them at once: one by one they would take minutes
            ids = [*files.text(self._ids_file()).split(), *(task.id for task, _, _ in new)]
            texts[self._ids_file()] = "".join(f"{task_id}\n" for task_id in ids)
        steps += [Write(path=path, text=text) for path, text in texts.items()]
        if steps:
            # For every task: an intent can't have the names of hundreds.
            self.journal.carry_out(steps, (IDS, PROJECT, TASKS))
        for path, text in {**texts, **{self.layout.task_file(t.phase, t.id): s for t, _, s in new}}.items():
            if name := copy_of(path, self.layout):
                self._keep_good(name, text)
        for event in intake.events:
            self.log.append(event, lock.count(PROJECT))
        for change, _ in intake.changes:
            for event in change.events:
                self.log.append(event, lock.count(task_lock(change.task.id)))

    def _texts_of(self, change: Change, description: str) -> "dict[str, str]":
        """The files of a task that a change among others leaves otherwise, each with its text."""
        path = self._task_file(change.task.id)
        held = self._read_state(path)
        value = change.task.replace(updated_at=self.now()).document()
        self._check("task_state", value, path)
        if not canonical.same(value.get("metadata"), held.value.get("metadata")):
            self._check_metadata("task_metadata", change.task.phase, value.get("metadata"), path)
        texts = {path: _changed(held, value, path)}
        words = f"{os.path.dirname(path)}/description.md"
        if self._text(words).strip() != description.strip():
            texts[words] = _as_text(description)
        return texts

    def _text_of_new(self, task: Task) -> str:
        """The state file of a task that is to be added, checked."""
        if task.phase not in self.phases() or not self._is_there(self.layout.phase_file(task.phase)):
            raise self._no_phase(task.phase)
        if task.metadata:
            self._check_metadata("task_metadata", task.phase, task.metadata, "the new task")
        path = self.layout.task_file(task.phase, task.id)
        self._check("task_state", task.document(), path)
        return _written(task.document(), path)

    def move_task(self, task_id: str, phase: str) -> Task:
        """Takes a task to another phase: its folder and its state, all or nothing; gives the task.

        Raises NotFound, Busy, and Refused where its metadata is none for that phase.
        """
        with self._held_alone(task_id) as lock:
            path = self._task_file(task_id)
            held = self._read_state(path)
            before = Task.from_document(held.value)
            if before.phase == phase:
                return before
            self.phase(phase)
            to = self.layout.task(phase, task_id)
            after = before.replace(phase=phase, updated_at=self.now())
            text = _changed(held, after.document(), path)
            self._check_metadata("task_metadata", phase, after.metadata, path)
            self._put({}, lock)
            steps: list[Write | Move] = [
                # First the folder: who repeats it after a kill must not make the old one again.
                Move(path=os.path.dirname(path), to=to),
                Write(path=f"{to}/state.yaml", text=text),
                Write(path=self.layout.good_copy(task_id), text=text),
            ]
            self.journal.carry_out(steps, lock.names)
            moved: TaskMoved = {"source": before.phase, "target": phase}
            self.log.append(
                Event(type="task.moved", task_id=task_id, payload=moved), lock.count(task_lock(task_id))
            )
        return after

    def remove_task(self, task_id: str, check: "Callable[[Task, tuple[Task, ...]], None]") -> str:
        """Takes a task out of the project, all or nothing; gives the folder where it is kept.

        `check`: raises where the task, among all there are, must stay. Its id is never given again.
        """
        with self._held_alone(task_id) as lock:
            path = self._task_file(task_id)
            task = Task.from_document(self._read_state(path).value)
            check(task, self.tasks().tasks)
            self._put({}, lock)
            if task_id not in files.text(self._ids_file()).split():
                self._remember_id(task_id)
            kept = _free(f"{self.layout.removed}/{task_id}")
            steps = [
                # First the copy: without its folder, a task that has one would be told as gone.
                Move(path=self.layout.good_copy(task_id), to=f"{kept}.last-good.yaml"),
                Move(path=os.path.dirname(path), to=kept),
            ]
            self.journal.carry_out(steps, lock.names)
            event = Event(type="task.removed", task_id=task_id, payload={"name": task.name})
            self.log.append(event, lock.count(task_lock(task_id)))
        return kept

    def _held_alone(self, task_id: str) -> Locked:
        """All locks that are about a task, its phases and what depends on it, for a `with` block."""
        self._task_file(task_id)  # before a lock is made for what is no task
        return self._locked(IDS, PROJECT, task_lock(task_id))

    # -- good copies, and what kills left -------------------------------------------------------

    def good_copy(self, name: str) -> "document.Document | None":
        """The last valid copy of a state file: of a task by its id, of `project`, `type`, `phase-<phase>`."""
        try:
            return self._taken(document.read_file(self.layout.good_copy(name)), schema_of(name))
        except (FileNotFoundError, Refused):
            return None

    def restore_last_good(self, task_id: str) -> "Task | None":
        """Puts a task's last valid state back where its file is broken or gone.

        The broken file is kept beside as `state.yaml.broken`, numbered where there is
        one already. None where there is no good copy, or nothing is broken.
        """
        return None if self.put_back(task_id) is None else self.task(task_id)

    def put_back(self, name: str) -> "str | None":
        """Puts the good copy called `name` (see `good_copy`) back where its file is broken or gone.

        Gives the path under which the broken one is kept, empty where none was there;
        None where there is no good copy, or nothing is broken.
        """
        if self._old():
            return None  # nobody has broken it: its parts had no files yet
        with self.journal.locked(_lock_of(name)):
            good = self.good_copy(name)
            if good is None:
                return None
            if not _is_task_id(name):
                path, read = self._own_file(name)
            elif good.value["id"] == name and "/" not in good.value["phase"]:
                path = self.layout.task_file(good.value["phase"], name)
                read = self._reader(path)
            else:
                return None
            return self._put_back(path, good.text, read)

    def keep_good_copies(self) -> None:
        """Keeps copies of all state files as they are, where they are valid: people edit them.

        For a caller who knows that no agent is at work: it may have been one that changed them.
        """
        for name, path in self._changed_beside():
            with self.journal.locked(_lock_of(name)):
                held = self._valid(name, path)
                if held is not None:
                    self._keep_good(name, held.text)

    def put_right(self, at_work: "Collection[str]", only: str = "") -> "list[PutBack]":
        """Puts good copies back where files were changed beside sow as nobody but sow may change them.

        What lay there is kept beside, and it is told as events; any other change is
        taken as it is. `at_work`: the ids of the tasks whose agents may have made the
        change. `only`: the name of the one copy to compare.
        """
        found = []
        for name, path in self._changed_beside(only):
            with self.journal.locked(_lock_of(name)) as lock:
                back = self._put_right(name, path, lock, own=name in at_work)
            if back is not None:
                found.append(back)
        return found

    def settle(self) -> None:
        """Completes the changes of several files that killed writers left; removes their temporary files."""
        self.journal.settle()
        for path, lock in self.left():
            self.sweep(path, lock)

    def left(self) -> "list[tuple[str, str]]":
        """The temporary files of writers, killed or just at it: each path with the locks that it needs."""
        found = []
        for lock, folder in self._folders_by_lock():
            for name in sorted(_names_if_any(folder)):
                is_ours = name.startswith(".") and name.endswith(".tmp")
                if is_ours and not os.path.isdir(path := f"{folder}/{name}"):
                    found.append((path, lock or name[1:].partition(".")[0]))
        return found

    def half_added(self) -> "list[str]":
        """Folders of tasks that a killed `add_task` left, or that one makes just now."""
        listed = self._listed()[1]
        return [f"{self.layout.tasks(phase)}/{name}" for phase, name in listed if name.startswith(".new-")]

    def sweep_half_added(self) -> None:
        """Removes what a killed `add_task` left; the next one does so as well."""
        with self.journal.locked(IDS):
            self._sweep_half_added()

    # -- what was changed beside sow ------------------------------------------------------------

    def _changed_beside(self, only: str = "") -> "Iterator[tuple[str, str]]":
        """The state files that are not as their good copies, each with the copy's name."""
        if self._old():
            return  # its parts have no files yet
        for name, path in self._state_files(only):
            copy = self.layout.good_copy(name)
            both = (_mark(path), _mark(copy))
            if None not in both and self._known_same.get(path) == both:
                continue
            text = _content(path)
            away = _is_task_id(name) and f"\nphase: {path.split('/')[-4]}\n".encode() not in text
            if away or text != _content(copy):
                yield name, path
            else:
                self._known_same[path] = both

    def _state_files(self, only: str) -> "Iterator[tuple[str, str]]":
        """The state files that are there or were there, each with the name of its good copy."""
        if only:
            path = self._find(only) or self._place_of(only)
            yield from [(only, path)] if path else []
            return
        there = {"project": self.layout.project_file, "type": self.layout.type_file}
        there |= {f"phase-{phase}": self.layout.phase_file(phase) for phase in self.phases()}
        there |= {os.path.basename(os.path.dirname(path)): path for path in self.task_files()}
        yield from there.items()
        for name in sorted(_names_if_any(self.layout.last_good)):
            copy = name.removesuffix(".yaml")
            if copy not in there and not name.startswith(".") and (place := self._place_of(copy)):
                yield copy, place

    def _place_of(self, name: str) -> str:
        """Where the state file of a good copy belongs; empty where there is no copy, or none to rely on."""
        if not _is_task_id(name):
            return self._own_file(name)[0]
        good = self.good_copy(name)
        if good is None or good.value["id"] != name or "/" in good.value["phase"]:
            return ""
        return self.layout.task_file(good.value["phase"], name)

    def _valid(self, name: str, path: str) -> "document.Document | None":
        """A state file's document, for who holds its lock; None where it can't be taken."""
        try:
            if _is_task_id(name):
                return self._read_state(path)
            self._own_file(name)[1]()
            return document.read_file(path, roots=self.roots)
        except (FileNotFoundError, SowError):
            return None

    def _read_own(self, path: str, lock: Locked) -> "document.Document":
        """A task's document, for a writer who holds its lock.

        No agent is to build on what it wrote beside sow: that is put right first.
        """
        held = self._read_state(path)
        if self.log.actor == "person" or self._old():
            return held
        task_id = path.split("/")[-2]
        same = held.text.encode() == _content(self.layout.good_copy(task_id))
        if same or not self._agents_at_work():
            return held
        self._put_right(task_id, path, lock, own=True)
        return self._read_state(self._task_file(task_id))

    def _agents_at_work(self) -> bool:
        """Whether an agent, or who drives one, lives: else what was changed beside sow is a person's."""
        locks = self.layout.locks
        leases = [name for name in _names_if_any(locks) if name.endswith(".lease")]
        leases = [f"{locks}/{name}" for name in leases if name.startswith(("turn-", "session-"))]
        if not leases:
            return False
        from sow import lease, process

        held = filter(None, map(lease.holder, leases))
        return any(process.fate(one.holder) != "dead" for one in held)

    def _put_right(self, name: str, path: str, lock: Locked, *, own: bool) -> "PutBack | None":
        """Puts a good copy back, for who holds the lock, where there has to be; else takes what is there."""
        good, place = self.good_copy(name), self._place_of(name)
        if good is None or not place:
            return None
        changes: tuple[str, ...] = ()
        if path != place and os.path.lexists(path) and self._move_home(path, place):
            changes = (f"phase: {place.split('/')[-4]} -> {path.split('/')[-4]}",)
        if _content(place) == good.text.encode():
            back = PutBack(name=name, path=place, kept="", changes=changes)
            return self._told(back, lock) if changes else None
        held = self._valid(name, place)
        if held is not None:
            from sow import edits

            kind = "task" if _is_task_id(name) else name.partition("-")[0]
            changes += edits.wrong(kind, good.value, held.value, own=own)
            if not changes:
                self._keep_good(name, held.text)
                self._tell_edit(name, edits.changed(good.value, held.value), lock)
                return None
        kept = self._write_back(place, good.text)
        return self._told(PutBack(name=name, path=place, kept=os.path.basename(kept), changes=changes), lock)

    def _move_home(self, path: str, place: str) -> bool:
        """Takes a task's folder back to where it belongs, unless something stands there; whether it did."""
        folder = os.path.dirname(place)
        if os.path.lexists(folder):
            return False
        files.make_folder(os.path.dirname(folder))
        files.check_inside(os.path.dirname(folder), self.roots)
        os.rename(os.path.dirname(path), folder)
        return True

    def _tell_edit(self, name: str, changed: "tuple[str, ...]", lock: Locked) -> None:
        told = [field for field in changed if field != "updated_at"]
        if not told:
            return  # the same in other words: a comment, an order
        if _is_task_id(name):
            event = Event(type="task.changed", task_id=name, payload={"fields": told})
        elif name == "project":
            event = Event(type="project.changed", payload={"fields": told})
        else:
            phase = name.removeprefix("phase-")
            event = Event(type="phase.changed", payload={"phase": phase, "fields": told})
        self.log.append(event, lock.count(_lock_of(name)))

    def _told(self, back: PutBack, lock: Locked) -> PutBack:
        if back.task_id:
            restored: TaskRestored = {"kept": back.kept, "changes": [*back.changes]}
            event = Event(type="task.restored", task_id=back.task_id, payload=restored)
        else:
            file = back.path.removeprefix(f"{self.layout.project}/")
            payload: FileRestored = {"file": file, "kept": back.kept, "changes": [*back.changes]}
            event = Event(type="file.restored", payload=payload)
        self.log.append(event, lock.count(_lock_of(back.name)))
        return back

    # -- helpers ------------------------------------------------------------------------------

    def _task_file(self, task_id: str) -> str:
        if path := self._find(task_id):
            return path
        raise self._missing(task_id)

    def _missing(self, task_id: str) -> SowError:
        """Why there is no state file of a task."""
        none = NotFound(f"task not found: {task_id}", "see the tasks there are: `sow task list`")
        if not _is_task_id(task_id):
            return none
        unseen, listed = self._listed()
        for phase, name in listed:
            if name == task_id:
                return self._gone(f"task {task_id}", self.layout.task_file(phase, task_id), task_id)
        if unseen:
            return Refused(f"task {task_id} is not found, and {unseen[0].message}", unseen[0].hint)
        if os.path.exists(self.layout.good_copy(task_id)):
            what, hint = f"the folder of task {task_id} is gone", "see how to bring it back: `sow repair`"
            return BadFile(self.layout.phases, what, hint)
        return none

    def _find(self, task_id: str) -> "str | None":
        """The path of a task's state file; None where there is none."""
        # Twice: a task that is moved meanwhile may be missed in both of its phases.
        for _ in range(2) if _is_task_id(task_id) else ():
            old = self._old()
            for phase in (*self._phase_folders(), *(old.phases if old else ())):
                path = self.layout.task_file(phase, task_id)
                if self._is_there(path):
                    return path
        return None

    def _phase_folders(self) -> "list[str]":
        return sorted(name for name in self._names(self.layout.phases) if not name.startswith("."))

    def _is_phase(self, name: str) -> bool:
        """Whether the folder of that name is a phase's: the original leaves reports and notes beside them."""
        tasks = self.layout.tasks(name)
        if os.path.lexists(self.layout.phase_file(name)) or any(
            os.path.exists(f"{tasks}/{task}/state.yaml") for task in _names_if_any(tasks)
        ):
            return True
        try:
            return name in self.type().phases
        except (NotFound, Refused):
            return False

    def _gone(self, whose: str, path: str, name: str) -> BadFile:
        good = self.layout.good_copy(name)
        folder = self.layout.folder
        known = f"`git -C {folder} log -- {path.removeprefix(f'{folder}/')}`"
        hint = f"no good copy of it was kept; see what git knows of it: {known}"
        if self.layout.outside:
            hint = (
                "no good copy of it was kept: bring it back from where you keep copies, or remove its folder"
            )
        if os.path.exists(good):
            hint = f"its last good copy is {good}: `sow repair` brings it back"
        return BadFile(path, f"the state file of {whose} is gone", hint)

    def _twice(self, path: str, task: Task, first: Task) -> Twice:
        what = f"there is a task {task.id} in phase {first.phase} too, and commands mean that one"
        return Twice(path, what, "give this one another id (folder and state.yaml), or move its folder away")

    def _own_file(self, name: str) -> "tuple[str, Callable[[], object]]":
        """The path of the project's own file, its type's or a phase's, and what reads it."""
        if name == "project":
            return self.layout.project_file, self.project
        if name == "type":
            return self.layout.type_file, self.type
        phase = name.removeprefix("phase-")
        return self.layout.phase_file(phase), lambda: self.phase(phase)

    def _reader(self, path: str) -> "Callable[[], object]":
        return lambda: self._read_task(path)

    def _put_back(self, path: str, text: str, read: "Callable[[], object]") -> "str | None":
        """Writes `text` to `path` where `read` can't take what lies there."""
        files.check_inside(os.path.dirname(path), self.roots)
        try:
            read()
            if os.path.lexists(path):
                return None
        except (FileNotFoundError, SowError):
            pass
        return self._write_back(path, text)

    def _write_back(self, path: str, text: str) -> str:
        """Writes `text` to `path`; gives the path under which what lay there is kept, empty for nothing."""
        files.check_inside(os.path.dirname(path), self.roots)
        kept = files.set_aside(path) if os.path.lexists(path) else ""
        files.make_folder(os.path.dirname(path))
        files.write(path, text)
        # A file keeps its mode when it is replaced, and the mode may be what was broken.
        if (mode := os.stat(path).st_mode) & 0o600 != 0o600:
            os.chmod(path, mode & 0o777 | 0o600)
        return kept

    def _in_order(self, phases: "list[str]") -> "list[str]":
        """Phases in the order of the project's type; those that it does not know come last."""
        try:
            known = list(self.type().phases)
        except (Refused, NotFound):
            return phases
        return sorted(phases, key=lambda name: (known.index(name) if name in known else len(known), name))

    def _no_phase(self, phase: str) -> NotFound:
        there = self._in_order(self.phases())
        return NotFound(
            f"phase not found: {phase or 'its name is empty'}",
            f"{did_you_mean(phase, there)}the phases of this project: {', '.join(there) or 'none'}",
        )

    def _read_task(self, path: str) -> Task:
        """The task in a file, for a reader: one who comes in the middle of its move sees it moved."""
        held = self._read(path, "task_state")
        phase, _, task_id = path.split("/")[-4:-1]
        if held.value["phase"] != phase and (text := self.journal.coming(path, task_lock(task_id))):
            held = document.parse(text.encode(), path)
        elif held.value["phase"] != phase:
            held = self._read(path, "task_state")  # its move has come to its end since
        self._check_place(held, path)
        return Task.from_document(held.value)

    def _read_state(self, path: str) -> "document.Document":
        """A task's document, for a writer who holds its lock."""
        held = self._read(path, "task_state")
        self._check_place(held, path)
        return held

    def _check_place(self, held: "document.Document", path: str) -> None:
        """A task must belong where it lies: a copied folder would stand for two tasks."""
        phase, _, task_id = path.split("/")[-4:-1]
        for field, place in (("id", task_id), ("phase", phase)):
            if held.value[field] != place:
                raise BadFile(
                    path,
                    f"{field} is {held.value[field]!r}, and its folder says {place!r}",
                    f"make {field} {place!r}, or move the folder to where it belongs",
                    line=held.place((field,))[0],
                )

    def _read(self, path: str, schema: str) -> "document.Document":
        old = self._old()
        if old and path in old.faults:
            raise old.faults[path]
        held = old.documents.get(path) if old else None
        try:
            held = held or document.read_file(path, roots=self.roots)
        except BadFile as fault:
            if os.path.exists(self.layout.good_copy(copy_of(path, self.layout))):
                fault.hint += "; or put its last good copy back: `sow repair`"
            raise
        return self._taken(held, schema)

    def _taken(self, held: "document.Document", schema: str) -> "document.Document":
        if not sow_schemas.valid(schema, held.value):
            raise _invalid(schema, held.value, held.where, held)
        return held

    def _names(self, folder: str) -> "list[str]":
        return files.names(folder, self.roots)

    def _text(self, path: str) -> str:
        return files.text(path, self.roots)

    def _check(self, schema: str, value: "Mapping[str, Any]", path: str) -> None:
        if not sow_schemas.valid(schema, value):
            raise _invalid(schema, value, path, None)

    def _keep(self, path: str, held: "document.Document", outcome: Change, lock: Locked) -> Task:
        """Writes what a change made of a task, with all that goes with it, and tells it."""
        after = outcome.task
        if outcome.files or not canonical.same(after.document(), held.value):
            after = after.replace(updated_at=self.now())
            value = after.document()
            self._check("task_state", value, path)
            if not canonical.same(value.get("metadata"), held.value.get("metadata")):
                self._check_metadata("task_metadata", after.phase, value.get("metadata"), path)
            text = _changed(held, value, path)
            self._put({**outcome.files, path: text}, lock)
        for event in outcome.events:
            self.log.append(event, lock.count(task_lock(after.id)))
        return after

    def _put(self, texts: "Mapping[str, str]", lock: Locked) -> None:
        """Writes files, all or nothing; of an old project all that it becomes with them."""
        if old := self._old():
            self._put_apart(old, texts, lock)
            return
        if len(texts) == 1:
            files.write(*next(iter(texts.items())))
        elif texts:
            for path in texts:
                self._check_writable(path)
            self.journal.carry_out([Write(path=p, text=t) for p, t in texts.items()], lock.names)
        for path, text in texts.items():
            if name := copy_of(path, self.layout):
                self._keep_good(name, text)

    def _check_writable(self, path: str) -> None:
        """Raises Refused where no file can be written to `path`; what is journaled has to succeed."""
        folder = os.path.dirname(path)
        files.check_inside(folder, self.roots)
        files.names(folder)
        if os.path.isdir(path):
            raise files.Unreadable(path, "is a folder, and should be a file", "move it away")

    # -- old projects ---------------------------------------------------------------------------

    def split(self) -> None:
        """Gives phases and tasks of an old project files of their own; nothing where they have them.

        Any write does so. Raises Refused where something is wrong with the project's file.
        """
        if self._old():
            with self._locked() as lock:
                self._put({}, lock)

    def is_old(self) -> bool:
        """Whether the project still lies in one file, as the original keeps it."""
        return self._old() is not None

    def _old(self) -> "Old | None":
        """The project as the original keeps it, taken apart; None where its parts have files of their own."""
        if not self._embedded:
            return None
        # One that is being split, or whose splitter was killed, is neither the one nor the other.
        self.journal.settle(TASKS)
        try:
            status = os.stat(self.layout.project_file)
        except FileNotFoundError:
            return None
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        if self._seen is None or self._seen[0] != version:
            from sow import splitting

            held = document.read_file(self.layout.project_file)
            self._embedded = splitting.is_old(held.value)
            if not self._embedded:
                return None
            self._seen = version, splitting.taken_apart(held, self.layout, self._given_ids())
        return self._seen[1]

    def _locked(self, *names: str) -> Locked:
        """The locks of a change; of an old project those of all, since its first write is of all."""
        return self.journal.locked(*({IDS, PROJECT, TASKS, *names} if self._old() else names))

    def _is_there(self, path: str) -> bool:
        """Whether there is a state file, good or not; of an old project also one that is not made yet."""
        old = self._old()
        return bool(old and (path in old.documents or path in old.faults)) or os.path.lexists(path)

    def _folder(self, task: Task) -> str:
        """The folder in which a task's texts lie now."""
        folder = self.layout.task(task.phase, task.id)
        old = self._old()
        return old.moves.get(folder, folder) if old else folder

    def _broken(self, path: str, fault: Refused) -> Broken:
        if not self._old():
            return Broken.of(path, fault)
        phase = path.removeprefix(f"{self.layout.phases}/").partition("/")[0]
        return Broken.of(self.layout.project_file, fault, phase)

    def _put_apart(self, old: "Old", texts: "Mapping[str, str]", lock: Locked) -> None:
        """Gives an old project's parts their files, with others that are to be written; all or nothing."""
        from sow import splitting

        steps, new = splitting.steps(old, self.layout, {**self._type_text(), **texts})
        self.journal.carry_out(steps, lock.names)
        self._embedded = False
        for path, text in new.items():
            if name := copy_of(path, self.layout):
                self._keep_good(name, text)
        payload: ProjectSplit = {"tasks": len(old.tasks), "renumbered": old.renumbered}
        self.log.append(Event(type="project.split", payload=payload), lock.count(PROJECT))
        if self._on_split:
            self._on_split(old)

    def _type_text(self) -> "dict[str, str]":
        """The file of the project's type, which an old project has not; none where its type is unknown."""
        try:
            return {} if os.path.exists(self.layout.type_file) else {self.layout.type_file: self.type().text}
        except (NotFound, Refused):
            return {}

    # -- what the project's type asks for -------------------------------------------------------

    def _type_with(self, word: str) -> "ProjectType | None":
        """The project's type where its text has `word`; else nobody needs to pay for reading it."""
        text = self._text(self.layout.type_file)
        return self.type() if word in text or not text else None

    def _check_metadata(self, key: str, phase: str, value: object, where: str) -> None:
        """Raises Refused where the type has a schema for this metadata that it does not satisfy."""
        kind = self._type_with("metadata:" if key == "metadata" else "task_metadata")
        if kind and value is not None and phase in kind.phases:
            from sow.project_types import metadata

            metadata.check(getattr(kind.phases[phase], key), value, where)

    def task_metadata(self, task: Task) -> "Mapping[str, Any] | None":
        """The JSON Schema that the project's type has for a task's metadata; None for anything."""
        kind = self._type_with("task_metadata")
        return kind.phases[task.phase].task_metadata if kind and task.phase in kind.phases else None

    def is_told_to_phase(self, before: Task, after: Task) -> bool:
        """Whether a change completes a task in a way that changes its phase as well."""
        if after.status != COMPLETED or before.status == COMPLETED or not after.metadata:
            return False
        kind = self._type_with("completion")
        return bool(kind and after.phase in kind.phases and kind.phases[after.phase].artifact_field)

    def check_completion(self, task: Task) -> None:
        """Raises Refused where the type does not let the task be completed as its phase stands now."""
        self._with_phase(Change(task=task.replace(status=COMPLETED)))

    def _with_phase(self, outcome: Change) -> Change:
        """A task's change with what its completion makes of its phase."""
        kind = self._type_with("completion")
        if kind is None or outcome.task.status != COMPLETED:
            return outcome
        from sow.statechart import with_completed

        phase = outcome.task.phase
        after = with_completed(kind, self.phase(phase), outcome.task)
        texts = self._texts({phase: after}) if after else {}
        return outcome.replace(files={**outcome.files, **texts})

    def _keep_good(self, name: str, text: str) -> None:
        """Keeps a copy of what was just written, for the day an agent breaks the file."""
        # One name for all writers: they hold the file's lock, and what a kill leaves is used again.
        beside = f"{self.layout.last_good}/.{_lock_of(name)}.{name}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            try:
                handle = os.open(beside, flags, 0o644)
            except FileNotFoundError:
                files.make_folder(self.layout.last_good)
                handle = os.open(beside, flags, 0o644)
            data = text.encode()
            try:
                # Not flushed: after a power cut the state file itself is the good one.
                written = os.write(handle, data)
            finally:
                os.close(handle)
            if written == len(data):
                os.rename(beside, self.layout.good_copy(name))
        except (OSError, Failed):
            pass  # a full disk, a folder in the way: the state itself is written, an older copy still good

    def _new_id(self, wanted: "str | None") -> str:
        used = self.used_ids()
        if wanted is not None:
            if not _is_task_id(wanted):
                raise Refused(f"{wanted!r} is no task id", "an id is three digits: 010, 015, 020")
            if int(wanted) in used:
                raise Refused(
                    f"task id {wanted} was given before, and ids are never given twice",
                    "leave --id out for the next free one",
                )
            return wanted
        free = free_id(used)
        if free is None:
            raise Refused(
                f"all {HIGHEST_ID} task ids of this project are used",
                "go on in another project: `sow project new`",
            )
        return free

    def used_ids(self) -> "set[int]":
        """The numbers of the ids that were given here. Raises Refused where that can't be seen."""
        old = self._old()
        held = (path.split("/")[-2] for path in (old.tasks if old else ()))
        return {*self._given_ids(), *(int(task_id) for task_id in held if _is_task_id(task_id))}

    def _given_ids(self) -> "set[int]":
        """The ids that were given here, also those of tasks that are gone, and of folders without a task."""
        phases = [name for name in self._phase_folders() if os.path.isdir(f"{self.layout.phases}/{name}")]
        try:
            folders = [name for phase in phases for name in self._names(self.layout.tasks(phase))]
        except Refused as fault:
            raise Refused(f"{fault}: which ids are used can't be seen", fault.hint) from fault
        noted = files.text(self._ids_file()).split()
        return {*(int(n) for n in folders if _is_task_id(n)), *(int(n) for n in noted if n.isdigit())}

    def _remember_id(self, task_id: str) -> None:
        """Notes an id as given, so that it stays so when its task is removed."""
        path = self._ids_file()
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(handle, f"{task_id}\n".encode())
        finally:
            os.close(handle)

    def _ids_file(self) -> str:
        return f"{self.layout.runtime}/ids"

    def _place(self, task: Task, text: str, description: str) -> None:
        """Puts a whole task folder in place with one rename."""
        above = self.layout.tasks(task.phase)
        os.rename(self._beside(task, text, description, flushed=True), f"{above}/{task.id}")
        files.flush_folder(above)
        self._keep_good(task.id, text)

    def _beside(self, task: Task, text: str, description: str, *, flushed: bool = False) -> str:
        """Makes a whole task folder beside its place; gives its path."""
        above = self.layout.tasks(task.phase)
        files.check_inside(above, self.roots)
        beside = f"{above}/.new-{task.id}-{os.getpid()}"
        files.make_folder(f"{beside}/feedback")
        write = files.write if flushed else files.fill
        write(f"{beside}/state.yaml", text)
        write(f"{beside}/description.md", _as_text(description))
        write(f"{beside}/log.md", f"# {task.id} {task.name}\n")
        return beside

    def _folders_by_lock(self) -> "Iterator[tuple[str, str]]":
        """The folders that writers write in, each with the lock that they hold; "" where files name it."""
        yield PROJECT, self.layout.project
        for phase in self.phases():
            yield PROJECT, os.path.dirname(self.layout.phase_file(phase))
        yield "", self.layout.journal
        yield "", self.layout.last_good
        for path in self.task_files():
            folder = os.path.dirname(path)
            lock = task_lock(os.path.basename(folder))
            yield lock, folder
            yield lock, f"{folder}/feedback"

    def sweep(self, path: str, lock: str) -> None:
        """Removes what a writer was killed at; under its locks, so that it is not one that lives."""
        with self.journal.locked(*lock.split("+")):
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass

    def _sweep_half_added(self) -> None:
        """The same for a caller who holds the lock for ids."""
        for path in self.half_added():
            import shutil

            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)


def _as_text(description: str) -> str:
    return description.rstrip() + "\n" if description.strip() else ""


def _changed(held: "document.Document", after: "Mapping[str, Any]", path: str) -> str:
    try:
        return held.changed(after)
    except canonical.Unwritable as fault:
        raise _unwritable(path, fault) from fault


def _written(value: "Mapping[str, Any]", path: str) -> str:
    try:
        return canonical.emit(value)
    except canonical.Unwritable as fault:
        raise _unwritable(path, fault) from fault


def _unwritable(path: str, fault: ValueError) -> Refused:
    return Refused(f"{path}: {fault}", "give a value that a YAML file can hold")


def _free(path: str) -> str:
    """`path`, or where there is something, the next one with a number behind it."""
    return next(p for p in (path, *(f"{path}-{n}" for n in range(2, 10_000))) if not os.path.lexists(p))


def _content(path: str) -> bytes:
    """The bytes of a state file; none where it is gone, or is nothing to be read."""
    try:
        return files.contents(path, document.SIZE)
    except (FileNotFoundError, Refused):
        return b""


def _mark(path: str) -> "tuple[int, ...] | None":
    """What a file is known by that has not changed; None for what is none, or was changed just now.

    A second change within one tick of the kernel's clock leaves no mark of its own.
    """
    try:
        there = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(there.st_mode) or time.time_ns() - there.st_ctime_ns < _TICK:
        return None
    return there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns, there.st_ctime_ns


def _is_task_id(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdigit()


def _lock_of(name: str) -> str:
    """The lock under which the state file of the good copy called `name` is written."""
    return task_lock(name) if _is_task_id(name) else PROJECT


def schema_of(name: str) -> str:
    """The schema of the state file of the good copy called `name`."""
    if _is_task_id(name):
        return "task_state"
    return {"project": "project_file", "type": "project_type"}.get(name, "phase_file")


def copy_of(path: str, layout: Layout) -> str:
    """The name of the good copy of the state file at `path`; empty for any other file."""
    match path.removeprefix(f"{layout.project}/").split("/"):
        case ["state.yaml"]:
            return "project"
        case ["type.yaml"]:
            return "type"
        case ["phases", phase, "state.yaml"]:
            return f"phase-{phase}"
        case ["phases", _, "tasks", task_id, "state.yaml"] if _is_task_id(task_id):
            return task_id
    return ""


def _names_if_any(folder: str) -> "list[str]":
    """What lies in a folder: nothing where it can't be looked into."""
    try:
        return files.names(folder)
    except Refused:
        return []


def _invalid(schema: str, value: "Mapping[str, Any]", path: str, held: "document.Document | None") -> BadFile:
    """The refusal of a document, with the place of its first problem."""
    from sow.document import faults

    return faults.refusal(schema, value, path, held)
