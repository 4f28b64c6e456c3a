"""Whole folders of tasks: added, taken in by hundreds, moved, taken out. All of it or nothing.

An id is given once: the ids of tasks that are gone are noted, and count as used.
"""

import os

from sow import files
from sow.change import Change, Event, Intake
from sow.document import canonical
from sow.errors import Refused
from sow.journal import IDS, PROJECT, TASKS, Locked, Move, Write, task_lock
from sow.store import checking, copies, left
from sow.task import HIGHEST_ID, Task, free_id
from sow.value import TYPE_CHECKING
from sow_schemas.formats import is_task_id

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sow.store.writer import Writer
    from sow_schemas.documents import TaskMoved


class Folders:
    """The folders of a project's tasks; what each move asks for and raises, `Store` says."""

    def __init__(self, writer: "Writer") -> None:
        self.documents, self.parts, self.writer = writer.documents, writer.parts, writer
        self.layout, self.journal, self.log = writer.layout, writer.journal, writer.log

    def add(
        self,
        make: "Callable[[str, tuple[Task, ...]], Task]",
        *,
        description: str,
        task_id: "str | None" = None,
    ) -> Task:
        """Adds the task that `make` gives for an id and the tasks there are; all of it or nothing."""
        with self.writer.locked(IDS) as lock:
            left.sweep_half_added(self.parts)
            held = self.parts.tasks()
            new_id = self._new_id(task_id)
            task = make(new_id, held.tasks)
            if task.phase not in self.parts.phases() or not self.documents.is_there(
                self.layout.phase_file(task.phase)
            ):
                raise self.parts.no_phase(task.phase)
            if task.metadata:
                self.writer.check_metadata("task_metadata", task.phase, task.metadata, "the new task")
            path = self.layout.task_file(task.phase, new_id)
            checking.check("task_state", task.document(), path)
            text = checking.written(task.document(), path)
            self.writer.put({}, lock)
            self._place(task, text, description)
            self._remember_id(new_id)
            self.writer.tell(Event(type="task.created", task_id=new_id, payload={"input": task.name}))
        return task

    def take_in(
        self, decide: "Callable[[tuple[Task, ...], frozenset[int]], Intake]", changed: "Collection[str]" = ()
    ) -> Intake:
        """Adds and changes what `decide` says for the tasks and the used ids; all of it or nothing."""
        held = set(changed)
        while True:
            with self.writer.locked(IDS, PROJECT, TASKS, *map(task_lock, sorted(held))) as lock:
                left.sweep_half_added(self.parts)
                there = self.parts.tasks()
                for broken in there.broken:
                    raise broken.fault  # it may be one of those that are to be changed
                intake = decide(there.tasks, frozenset(self.documents.used_ids()))
                if more := {change.task.id for change, _ in intake.changes} - held:
                    held |= more
                    continue
                self._take_in(intake, lock)
            for change, _ in intake.adds:
                self.writer.tell(
                    Event(type="task.created", task_id=change.task.id, payload={"input": change.task.name})
                )
                for event in change.events:
                    self.writer.tell(event)
            return intake

    def _take_in(self, intake: Intake, lock: Locked) -> None:
        """Does and tells what was decided, but for the events of new tasks, for who holds the locks."""
        self.writer.put({}, lock)
        texts = {**intake.files, **self.writer.texts(intake.documents)}
        moves: dict[str, str] = {}
        for change, description in intake.changes:
            texts |= self._texts_of(change, description)
            folder = os.path.dirname(self.parts.task_file(change.task.id))
            to = self.layout.task(change.task.phase, change.task.id)
            if to != folder:
                self.parts.phase(change.task.phase)
                moves[folder] = to
        new = [(change.task, text, self._text_of_new(change.task)) for change, text in intake.adds]
        for path in texts:
            self.writer.check_writable(path)
        # First the folders, as in `move`; what is written in one goes where it is then.
        texts = {_after(path, moves): text for path, text in texts.items()}
        steps: list[Write | Move] = [Move(path=path, to=to) for path, to in moves.items()]
        steps += [
            Move(path=self._beside(task, text, description), to=self.layout.task(task.phase, task.id))
            for task, description, text in new
        ]
        if new:
            os.sync()  # all of them at once: one by one they would take minutes
            ids = [*files.text(self.layout.ids).split(), *(task.id for task, _, _ in new)]
            texts[self.layout.ids] = "".join(f"{task_id}\n" for task_id in ids)
        steps += [Write(path=path, text=text) for path, text in texts.items()]
        if steps:
            # For every task: an intent can't have the names of hundreds.
            self.journal.carry_out(steps, (IDS, PROJECT, TASKS))
        for path, text in {**texts, **{self.layout.task_file(t.phase, t.id): s for t, _, s in new}}.items():
            if name := copies.copy_of(path, self.layout):
                copies.keep(self.layout, name, text)
        for event in intake.events:
            self.log.append(event, lock.count(PROJECT))
        for change, _ in intake.changes:
            for event in change.events:
                self.log.append(event, lock.count(task_lock(change.task.id)))

    def _texts_of(self, change: Change, description: str) -> "dict[str, str]":
        """The files of a task that a change among others leaves otherwise, each with its text."""
        path = self.parts.task_file(change.task.id)
        held = self.documents.state(path)
        value = change.task.replace(updated_at=self.writer.now()).document()
        checking.check("task_state", value, path)
        moved = change.task.phase != held.value.get("phase")
        if moved or not canonical.same(value.get("metadata"), held.value.get("metadata")):
            self.writer.check_metadata("task_metadata", change.task.phase, value.get("metadata"), path)
        texts = {path: checking.changed(held, value, path)}
        words = f"{os.path.dirname(path)}/description.md"
        if self.documents.text(words).strip() != description.strip():
            texts[words] = checking.as_text(description)
        return texts

    def _text_of_new(self, task: Task) -> str:
        """The state file of a task that is to be added, checked."""
        if task.phase not in self.parts.phases() or not self.documents.is_there(
            self.layout.phase_file(task.phase)
        ):
            raise self.parts.no_phase(task.phase)
        if task.metadata:
            self.writer.check_metadata("task_metadata", task.phase, task.metadata, "the new task")
        path = self.layout.task_file(task.phase, task.id)
        checking.check("task_state", task.document(), path)
        return checking.written(task.document(), path)

    def move(self, task_id: str, phase: str) -> Task:
        """Takes a task to another phase: its folder and its state, all or nothing; gives the task."""
        with self._held_alone(task_id) as lock:
            path = self.parts.task_file(task_id)
            held = self.documents.state(path)
            before = Task.from_document(held.value)
            if before.phase == phase:
                return before
            self.parts.phase(phase)
            to = self.layout.task(phase, task_id)
            after = before.replace(phase=phase, updated_at=self.writer.now())
            text = checking.changed(held, after.document(), path)
            self.writer.check_metadata("task_metadata", phase, after.metadata, path)
            self.writer.put({}, lock)
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

    def remove(self, task_id: str, check: "Callable[[Task, tuple[Task, ...]], None]") -> str:
        """Takes a task out of the project, all or nothing; gives the folder where it is kept."""
        with self._held_alone(task_id) as lock:
            path = self.parts.task_file(task_id)
            task = Task.from_document(self.documents.state(path).value)
            check(task, self.parts.tasks().tasks)
            self.writer.put({}, lock)
            if task_id not in files.text(self.layout.ids).split():
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
        self.parts.task_file(task_id)  # before a lock is made for what is no task
        return self.writer.locked(IDS, PROJECT, task_lock(task_id))

    def _place(self, task: Task, text: str, description: str) -> None:
        """Puts a whole task folder in place with one rename."""
        above = self.layout.tasks(task.phase)
        os.rename(self._beside(task, text, description, flushed=True), f"{above}/{task.id}")
        files.flush_folder(above)
        copies.keep(self.layout, task.id, text)

    def _beside(self, task: Task, text: str, description: str, *, flushed: bool = False) -> str:
        """Makes a whole task folder beside its place; gives its path."""
        above = self.layout.tasks(task.phase)
        files.check_inside(above, self.documents.roots)
        beside = f"{above}/.new-{task.id}-{os.getpid()}"
        files.make_folder(f"{beside}/feedback")
        write = files.write if flushed else files.fill
        write(f"{beside}/state.yaml", text)
        write(f"{beside}/description.md", checking.as_text(description))
        write(f"{beside}/log.md", f"# {task.id} {task.name}\n")
        return beside

    # -- ids -------------------------------------------------------------------------------------

    def _new_id(self, wanted: "str | None") -> str:
        used = self.documents.used_ids()
        if wanted is not None:
            if not is_task_id(wanted):
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

    def _remember_id(self, task_id: str) -> None:
        """Notes an id as given, so that it stays so when its task is removed."""
        path = self.layout.ids
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(handle, f"{task_id}\n".encode())
        finally:
            os.close(handle)


def _after(path: str, moves: "Mapping[str, str]") -> str:
    """Where a file lies once folders have moved."""
    folder, name = os.path.split(path)
    return f"{moves[folder]}/{name}" if folder in moves else path


def _free(path: str) -> str:
    """`path`, or where there is something, the next one with a number behind it."""
    return next(p for p in (path, *(f"{path}-{n}" for n in range(2, 10_000))) if not os.path.lexists(p))
