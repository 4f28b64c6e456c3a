"""The one door to a project's state: YAML files in, checked YAML files out.

    lock -> finish what a killed writer left -> read -> change -> check -> write -> tell -> unlock

A change is a function of the state as it is now, so nobody writes from an old
copy. The state is written before its events: a crash can lose the last line of
the log, but the log never tells of a change that is not so. Reading never locks.
"""

import os
import time

import sow_schemas
from sow import document, files, jsonlines
from sow.change import Change, Event
from sow.clock import stamp
from sow.document import canonical
from sow.errors import BadFile, Failed, NotFound, Refused, SowError
from sow.eventlog import EventLog
from sow.layout import Layout
from sow.task import Task
from sow.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from sow.clock import Clock
    from sow_schemas import Problem

HIGHEST_ID = 999
JOURNAL_BYTES = 64 * 1024 * 1024
"""The most bytes that a change of several files may have: a state, and texts of the largest size."""


class Invalid(BadFile):
    """A document that its schema refuses: in words its first problem, in `problems` all of them."""

    def __init__(self, path: str, found: "list[Problem]", held: "document.Document | None") -> None:
        places = held.places([each.path for each in found]) if held else [(0, 0)] * len(found)
        told = [
            BadFile(path, each.message, each.hint or "mend that field", line=line, field=each.where)
            for each, (line, _) in zip(found, places, strict=True)
        ]
        self.problems = tuple(sorted(told, key=lambda problem: problem.line))
        first = self.problems[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        super().__init__(path, first.what + more, first.hint, line=first.line, field=first.field)


class Twice(BadFile):
    """A whole file of a task with an id that another task has."""


class Broken(Value):
    """A state file that can't be taken as it is; the rest of the project goes on without it."""

    path: str
    fault: SowError
    """Without the way to where it was raised, which would keep the files' texts in memory."""

    @classmethod
    def of(cls, path: str, fault: SowError) -> "Broken":
        """The file at `path`, in which `fault` was met."""
        fault.__cause__ = fault.__context__ = fault.__traceback__ = None
        return cls(path=path, fault=fault)

    @property
    def message(self) -> str:
        return str(self.fault)

    @property
    def hint(self) -> str:
        return self.fault.hint


class Tasks(Value):
    """The tasks of a project, in the order of their ids, and the files that are none."""

    tasks: "tuple[Task, ...]"
    broken: "tuple[Broken, ...]" = ()

    def by_id(self) -> "dict[str, Task]":
        return {task.id: task for task in self.tasks}


class Store:
    """The state of the project that `layout` lays out."""

    def __init__(self, layout: Layout, log: EventLog, clock: "Clock" = time.time) -> None:
        self.layout, self.log, self.clock = layout, log, clock
        self.roots = (layout.folder, layout.main)
        """The folders out of which no link in the state may lead."""

    def now(self) -> str:
        """The time as state files hold it."""
        return stamp(self.clock())

    # -- reading ------------------------------------------------------------------------------

    def task(self, task_id: str) -> Task:
        """The task as it stands on disk. Raises NotFound, or Refused where its file is broken."""
        path = self._task_file(task_id)
        try:
            return self._read_task(path)
        except FileNotFoundError:
            raise self._gone(f"task {task_id}", path, task_id) from None

    def tasks(self) -> Tasks:
        """All tasks of all phases; what can't be read is listed as broken beside them."""
        found: dict[str, Task] = {}
        broken: list[Broken] = []
        for path in self._task_files(broken):
            task_id = path.split("/")[-2]
            try:
                task = self._read_task(path)
            except FileNotFoundError:
                if os.path.isdir(os.path.dirname(path)):  # else: removed since the folder was listed
                    broken.append(Broken.of(path, self._gone(f"task {task_id}", path, task_id)))
            except Refused as fault:
                broken.append(Broken.of(path, fault))
            else:
                if task_id in found:
                    broken.append(Broken.of(path, self._twice(task, found[task_id])))
                found.setdefault(task_id, task)
        ordered = sorted(found.values(), key=lambda task: task.id)
        return Tasks(tasks=tuple(ordered), broken=tuple(broken))

    def task_files(self) -> "list[str]":
        """The paths of all state files of tasks."""
        return list(self._task_files([]))

    def _task_files(self, broken: "list[Broken]") -> "Iterator[str]":
        """The same, one by one; what can't be looked into, or is no task's folder, is added to `broken`."""
        for phase, name in self._listed(broken):
            path = self.layout.task_file(phase, name)
            if _is_task_id(name):
                yield path
            elif not name.startswith(".") and os.path.lexists(path):
                fault = BadFile(
                    os.path.dirname(path),
                    f"{name!r} is no task id, so nothing finds the task in it",
                    "give the folder the three digits of its task, or move it out of tasks/",
                )
                broken.append(Broken.of(path, fault))

    def _listed(self, broken: "list[Broken]") -> "Iterator[tuple[str, str]]":
        """What lies in the phases' folders of tasks: (phase, name); what can't be listed goes to `broken`."""
        for phase in self.phases():
            try:
                names = self._names(self.layout.tasks(phase))
            except Refused as fault:
                broken.append(Broken.of(f"{self.layout.phases}/{phase}", fault))
            else:
                yield from ((phase, name) for name in sorted(names))

    def phases(self) -> "list[str]":
        """The names of the phases. Raises Refused where they can't be listed."""
        # A file with an ending is a note of somebody's; one without stands where a phase's folder was.
        return sorted(
            name
            for name in self._names(self.layout.phases)
            if not name.startswith(".") and ("." not in name or os.path.isdir(f"{self.layout.phases}/{name}"))
        )

    def project(self) -> "dict[str, Any]":
        """The project's own document, without its phases. Raises Refused where its file is broken or gone."""
        return self._read_project().value

    def branch(self) -> str:
        """The project's branch, which it keeps: by its last good copy where its file is broken."""
        try:
            return str(self.project()["branch"])
        except SowError:
            if (good := self.good_copy("project", "project_file")) is None:
                raise
            return str(good.value["branch"])

    def phase(self, phase: str) -> "dict[str, Any]":
        """A phase's own document, without its tasks. Raises NotFound for one that is not there."""
        path = self.layout.phase_file(phase)
        try:
            return self._read(path, "phase_file", f"phase-{phase}").value
        except FileNotFoundError:
            if phase not in self.phases():
                raise self._no_phase(phase) from None
            raise self._gone(f"phase {phase}", path, f"phase-{phase}") from None

    def broken_files(self) -> "tuple[Broken, ...]":
        """The project's and the phases' own files that can't be taken as they are."""
        broken = []
        try:
            self.project()
        except SowError as fault:
            broken.append(Broken.of(self.layout.project_file, fault))
        for phase in self.phases():
            try:
                self.phase(phase)
            except SowError as fault:
                broken.append(Broken.of(self.layout.phase_file(phase), fault))
        return tuple(broken)

    def description(self, task: Task) -> str:
        """What the task's description.md says; empty where there is none. Raises Refused."""
        return self._text(f"{self.layout.task(task.phase, task.id)}/description.md")

    def feedback(self, task: Task) -> "list[tuple[str, str]]":
        """The task's feedback files, oldest first: (file name, text). Raises Refused."""
        folder = f"{self.layout.task(task.phase, task.id)}/feedback"
        names = sorted(name for name in self._names(folder) if name.endswith(".md"))
        return [(name, self._text(f"{folder}/{name}")) for name in names if not name.startswith(".")]

    # -- changing -----------------------------------------------------------------------------

    def change_task(self, task_id: str, change: "Callable[[Task], Change]") -> Task:
        """Replaces a task by what `change` makes of it as it is now; gives the new task.

        A change that changes nothing writes nothing. Raises NotFound, Refused (a
        broken file, an illegal move, a value that the schema refuses), Busy.
        """
        path = self._task_file(task_id)
        with self._lock(f"task-{task_id}") as lock:
            try:
                held = self._read_state(path)
            except FileNotFoundError:
                raise self._gone(f"task {task_id}", path, task_id) from None
            outcome = change(Task.from_document(held.value))
            after = outcome.task
            if outcome.files or not canonical.same(after.document(), held.value):
                after = after.replace(updated_at=self.now())
                self._write(path, held, after.document(), outcome.files, f"task-{task_id}")
            for event in outcome.events:
                self.log.append(event, lock.count())
        return after

    def change_dependencies(self, task_id: str, change: "Callable[[Task], Change]") -> Task:
        """`change_task` for a change of `depends_on`: one at a time in a project.

        So that what is checked against the other tasks (no circle) still holds when it is written.
        """
        with self._lock("ids"):
            return self.change_task(task_id, change)

    def change_project(self, change: "Callable[[dict[str, Any]], dict[str, Any]]") -> "dict[str, Any]":
        """The same for the project's own document."""
        path = self.layout.project_file
        with self._lock("project"):
            held = self._read_project()
            after = change(dict(held.value))
            if not canonical.same(after, held.value):
                after["updated_at"] = self.now()
                self._check("project_file", after, path)
                text = _changed(held, after, path)
                files.write(path, text)
                self._keep_good("project", text)
        return after

    def tell(self, event: Event) -> None:
        """Appends an event that no change of a state file brings with it."""
        name = f"task-{event.task_id}" if event.task_id else "project"
        with self._lock(name) as lock:
            self.log.append(event, lock.count())

    def append_log(self, task: Task, text: str, *, by: str, at: str = "") -> bool:
        """Adds an entry to the task's log.md, in one write; gives whether it did.

        `at`: when it was said, where that was earlier; the same words of then are not added twice.
        """
        entry = f"\n## {at or self.now()} {by}\n\n{text.rstrip()}\n"
        path = f"{self.layout.task(task.phase, task.id)}/log.md"
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
        with self._lock("ids"):
            self._sweep_half_added()
            held = self.tasks()
            new_id = self._new_id(task_id)
            task = make(new_id, held.tasks)
            if task.phase not in self.phases() or not os.path.lexists(self.layout.phase_file(task.phase)):
                raise self._no_phase(task.phase)
            path = self.layout.task_file(task.phase, new_id)
            self._check("task_state", task.document(), path)
            self._place(task, _written(task.document(), path), description)
            self._remember_id(new_id)
            self.tell(Event(type="task.created", task_id=new_id, payload={"input": task.name}))
        return task

    def good_copy(self, name: str, schema: str) -> "document.Document | None":
        """The last valid copy of a state file: of a task by its id, of `project`, of `phase-<phase>`."""
        try:
            return self._taken(schema, document.read_file(self.layout.good_copy(name)))
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
        with self._lock(_lock_of(name)):
            if name == "project":
                return self._put_back(self.layout.project_file, name, "project_file", self.project)
            if not _is_task_id(name):
                phase = name.removeprefix("phase-")
                path = self.layout.phase_file(phase)
                return self._put_back(path, name, "phase_file", lambda: self.phase(phase))
            good = self.good_copy(name, "task_state")
            if good is None or good.value["id"] != name or "/" in good.value["phase"]:
                return None
            path = self.layout.task_file(good.value["phase"], name)
            return self._put_back(path, name, "task_state", lambda: self._read_task(path))

    def keep_good_copies(self) -> None:
        """Keeps copies of the project's and the phases' own files, where they are valid: people edit them."""
        kept = [("project", self.layout.project_file, "project_file")]
        kept += [(f"phase-{phase}", self.layout.phase_file(phase), "phase_file") for phase in self.phases()]
        for name, path, schema in kept:
            with self._lock(_lock_of(name)):
                try:
                    text = self._read(path, schema, name).text
                except (FileNotFoundError, Refused):
                    continue
                good = self.good_copy(name, schema)
                if good is None or good.text != text:
                    self._keep_good(name, text)

    def settle(self) -> None:
        """Completes the changes of several files that killed writers left; removes their temporary files."""
        for path, lock in self.left():
            if path.endswith(".tmp"):
                self._sweep(path, lock)
            else:
                with self._lock(lock):
                    pass

    def left(self) -> "list[tuple[str, str]]":
        """What killed writers, or such as live, have left to be settled: each path with the lock it needs."""
        names = [name for name in _names_if_any(self.layout.journal) if name.endswith(".json")]
        found = [(f"{self.layout.journal}/{name}", name.removesuffix(".json")) for name in sorted(names)]
        for lock, folder in self._folders_by_lock():
            for name in sorted(_names_if_any(folder)):
                is_ours = name.startswith(".") and name.endswith(".tmp")
                if is_ours and not os.path.isdir(path := f"{folder}/{name}"):
                    found.append((path, lock or name[1:].partition(".")[0]))
        return found

    def half_added(self) -> "list[str]":
        """Folders of tasks that a killed `add_task` left, or that one makes just now."""
        return [
            f"{self.layout.tasks(phase)}/{name}"
            for phase, name in self._listed([])
            if name.startswith(".new-")
        ]

    def sweep_half_added(self) -> None:
        """Removes what a killed `add_task` left; the next one does so as well."""
        with self._lock("ids"):
            self._sweep_half_added()

    # -- helpers ------------------------------------------------------------------------------

    def _task_file(self, task_id: str) -> str:
        if _is_task_id(task_id):
            for phase in self.phases():
                path = self.layout.task_file(phase, task_id)
                if os.path.lexists(path):
                    return path
            raise self._missing(task_id)
        raise _not_found(task_id)

    def _missing(self, task_id: str) -> SowError:
        """Why there is no state file of a task."""
        broken: list[Broken] = []
        for phase, name in self._listed(broken):
            if name == task_id:
                return self._gone(f"task {task_id}", self.layout.task_file(phase, task_id), task_id)
        if broken:
            return Refused(f"task {task_id} is not found, and {broken[0].message}", broken[0].hint)
        if os.path.exists(self.layout.good_copy(task_id)):
            what, hint = f"the folder of task {task_id} is gone", "see how to bring it back: `sow repair`"
            return BadFile(self.layout.phases, what, hint)
        return _not_found(task_id)

    def _gone(self, whose: str, path: str, name: str) -> BadFile:
        good = self.layout.good_copy(name)
        folder = self.layout.folder
        known = f"`git -C {folder} log -- {path.removeprefix(f'{folder}/')}`"
        hint = f"no good copy of it was kept; see what git knows of it: {known}"
        if os.path.exists(good):
            hint = f"its last good copy is {good}: `sow repair` brings it back"
        return BadFile(path, f"the state file of {whose} is gone", hint)

    def _twice(self, task: Task, first: Task) -> Refused:
        return Twice(
            self.layout.task_file(task.phase, task.id),
            f"there is a task {task.id} in phase {first.phase} too, and commands mean that one",
            "give this one another id (folder and state.yaml), or move its folder away",
        )

    def _put_back(self, path: str, name: str, schema: str, read: "Callable[[], object]") -> "str | None":
        """Replaces what lies at `path`, if `read` can't take it, by its good copy."""
        good = self.good_copy(name, schema)
        if good is None:
            return None
        files.check_inside(os.path.dirname(path), self.roots)
        try:
            read()
            return None
        except (FileNotFoundError, SowError):
            pass
        kept = files.set_aside(path) if os.path.lexists(path) else ""
        files.make_folder(os.path.dirname(path))
        files.write(path, good.text)
        # A file keeps its mode when it is replaced, and the mode may be what was broken.
        if (mode := os.stat(path).st_mode) & 0o600 != 0o600:
            os.chmod(path, mode & 0o777 | 0o600)
        return kept

    def _no_phase(self, phase: str) -> NotFound:
        there = ", ".join(self.phases()) or "none"
        return NotFound(f"phase not found: {phase}", f"the phases of this project: {there}")

    def _read_task(self, path: str) -> Task:
        return Task.from_document(self._read_state(path).value)

    def _read_project(self) -> "document.Document":
        path = self.layout.project_file
        try:
            held = self._read(path, "project_file", "project")
        except FileNotFoundError:
            raise self._gone("the project", path, "project") from None
        if held.value["name"] != self.layout.name:
            raise BadFile(
                path,
                f"name is {held.value['name']!r}, and this project is {self.layout.name!r}",
                f"make name {self.layout.name!r}: a project keeps its name",
                line=held.place(("name",))[0],
            )
        return held

    def _read_state(self, path: str) -> "document.Document":
        """A task's document, which must belong where it lies: a copied folder would stand for two tasks."""
        phase, _, task_id = path.split("/")[-4:-1]
        held = self._read(path, "task_state", task_id)
        for field, place in (("id", task_id), ("phase", phase)):
            if held.value[field] != place:
                raise BadFile(
                    path,
                    f"{field} is {held.value[field]!r}, and its folder says {place!r}",
                    f"make {field} {place!r}, or move the folder to where it belongs",
                    line=held.place((field,))[0],
                )
        return held

    def _read(self, path: str, schema: str, name: str) -> "document.Document":
        """The document at `path`. `name`: of its good copy, to which a refusal points."""
        try:
            return self._taken(schema, document.read_file(path, roots=self.roots))
        except BadFile as fault:
            if os.path.exists(self.layout.good_copy(name)):
                fault.hint += "; or put its last good copy back: `sow repair`"
            raise

    def _taken(self, schema: str, held: "document.Document") -> "document.Document":
        if not sow_schemas.valid(schema, held.value):
            raise Invalid(held.where, sow_schemas.problems(schema, held.value), held)
        return held

    def _check(self, schema: str, value: "dict[str, Any]", path: str) -> None:
        if not sow_schemas.valid(schema, value):
            raise Invalid(path, sow_schemas.problems(schema, value), None)

    def _write(
        self,
        path: str,
        held: "document.Document",
        after: "dict[str, Any]",
        beside: "Mapping[str, str]",
        lock: str,
    ) -> None:
        self._check("task_state", after, path)
        text = _changed(held, after, path)
        if beside:
            for each in beside:
                self._check_place(each)
            self._write_all({**beside, path: text}, lock)
        else:
            files.write(path, text)
        self._keep_good(after["id"], text)

    def _check_place(self, path: str) -> None:
        """Raises Refused where no file can be written to `path`; what is journaled has to succeed."""
        folder = os.path.dirname(path)
        files.check_inside(folder, self.roots)
        files.names(folder)
        if os.path.isdir(path):
            raise files.Unreadable(path, "is a folder, and should be a file", "move it away")

    def _keep_good(self, name: str, text: str) -> None:
        """Keeps a copy of what was just written, for the day an agent breaks the file."""
        # One name for all writers: they hold the file's lock, and what a kill leaves is used again.
        beside = f"{self.layout.last_good}/.{_lock_of(name)}.yaml.tmp"
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

    def _names(self, folder: str) -> "list[str]":
        return files.names(folder, self.roots)

    def _text(self, path: str) -> str:
        return files.text(path, self.roots)

    def _lock(self, name: str) -> "_SettledLock":
        return _SettledLock(self, name)

    def _write_all(self, texts: "Mapping[str, str]", lock: str) -> None:
        """Writes several files as one: from the moment the journal stands, they all will be."""
        files.make_folder(self.layout.journal)
        entry = f"{self.layout.journal}/{lock}.json"
        # Below the project, so that it holds also where the repository was moved in between.
        below = {os.path.relpath(path, self.layout.project): text for path, text in texts.items()}
        files.write(entry, jsonlines.dump(below) + "\n")
        self._replay(entry, below)

    def _replay(self, entry: str, texts: "Mapping[str, str]") -> None:
        for below, text in texts.items():
            path = os.path.join(self.layout.project, below)
            files.make_folder(os.path.dirname(path))
            files.write(path, text)
        os.unlink(entry)
        files.flush_folder(self.layout.journal)

    def _new_id(self, wanted: "str | None") -> str:
        used = self._used_ids()
        if wanted is not None:
            if not _is_task_id(wanted):
                raise Refused(f"{wanted!r} is no task id", "an id is three digits: 010, 015, 020")
            if int(wanted) in used:
                raise Refused(
                    f"task id {wanted} was given before, and ids are never given twice",
                    "leave --id out for the next free one",
                )
            return wanted
        by_tens = (max(used, default=0) // 10 + 1) * 10
        free = by_tens if by_tens <= HIGHEST_ID else _free_below(used)
        if not free:
            raise Refused(
                f"all {HIGHEST_ID} task ids of this project are used",
                "go on in another project: `sow project new`",
            )
        return f"{free:03d}"

    def _used_ids(self) -> "set[int]":
        unseen: list[Broken] = []
        used = {int(name) for _, name in self._listed(unseen) if _is_task_id(name)}
        for folder in unseen:
            raise Refused(f"{folder.message}: which ids are used can't be seen", folder.hint)
        return used | {int(n) for n in files.text(self._ids_file()).split() if n.isdigit()}

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
        files.check_inside(above, self.roots)
        beside = f"{above}/.new-{task.id}-{os.getpid()}"
        files.make_folder(f"{beside}/feedback")
        files.write(f"{beside}/state.yaml", text)
        files.write(f"{beside}/description.md", description.rstrip() + "\n" if description.strip() else "")
        files.write(f"{beside}/log.md", f"# {task.id} {task.name}\n")
        os.rename(beside, f"{above}/{task.id}")
        files.flush_folder(above)
        self._keep_good(task.id, text)

    def _folders_by_lock(self) -> "Iterator[tuple[str, str]]":
        """The folders that writers write in, each with the lock that they hold; "" where files name it."""
        yield "project", self.layout.project
        for phase in self.phases():
            yield f"phase-{phase}", f"{self.layout.phases}/{phase}"
        yield "", self.layout.journal
        yield "", self.layout.last_good
        for path in self.task_files():
            folder = os.path.dirname(path)
            lock = f"task-{os.path.basename(folder)}"
            yield lock, folder
            yield lock, f"{folder}/feedback"

    def _sweep(self, path: str, lock: str) -> None:
        """Removes what a writer was killed at; under its lock, so that it is not one that lives."""
        with self._lock(lock):
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


class _SettledLock(files.Lock):
    """A lock that, once held, first completes what its last holder was killed at."""

    def __init__(self, store: Store, name: str) -> None:
        super().__init__(f"{store.layout.locks}/{name}.lock")
        self._store, self._entry = store, f"{store.layout.journal}/{name}.json"

    def __enter__(self) -> "_SettledLock":
        super().__enter__()
        try:
            # A journal that stands while its lock was free has a dead writer.
            if os.path.exists(self._entry):
                import json

                try:
                    texts = json.loads(files.contents(self._entry, JOURNAL_BYTES))
                except ValueError as fault:
                    what, hint = "is no journal entry: it was torn or edited", "put it aside: `sow repair`"
                    raise BadFile(self._entry, what, hint) from fault
                self._store._replay(self._entry, texts)
        except BaseException:
            os.close(self._handle)
            raise
        return self


def _changed(held: "document.Document", after: "dict[str, Any]", path: str) -> str:
    try:
        return held.changed(after)
    except canonical.Unwritable as fault:
        raise _unwritable(path, fault) from fault


def _written(value: "dict[str, Any]", path: str) -> str:
    try:
        return canonical.emit(value)
    except canonical.Unwritable as fault:
        raise _unwritable(path, fault) from fault


def _unwritable(path: str, fault: ValueError) -> Refused:
    return Refused(f"{path}: {fault}", "give a value that a YAML file can hold")


def _free_below(used: "set[int]") -> int:
    return next((number for number in range(HIGHEST_ID, 0, -1) if number not in used), 0)


def _is_task_id(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isdigit()


def _lock_of(name: str) -> str:
    """The lock under which the state file of the good copy called `name` is written."""
    return f"task-{name}" if _is_task_id(name) else name


def _not_found(task_id: str) -> NotFound:
    return NotFound(f"task not found: {task_id}", "see the tasks there are: `sow task list`")


def _names_if_any(folder: str, roots: "tuple[str, ...]" = ()) -> "list[str]":
    """What lies in a folder that is swept: nothing where it can't be looked into."""
    try:
        return files.names(folder, roots)
    except Refused:
        return []
