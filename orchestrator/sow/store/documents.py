"""One document of a project's state at a time, as it stands: read, checked, and refused in words.

A project of the original program has one file. It is read as if it were taken
apart already: whoever asks for a path gets what the project's first write puts there.
"""

import os

from sow import document, files
from sow.errors import BadFile, Refused, SowError
from sow.journal import TASKS, Journal, task_lock
from sow.layout import Layout
from sow.store import checking, copies
from sow.task import Task
from sow.value import TYPE_CHECKING
from sow_schemas.formats import is_task_id

if TYPE_CHECKING:
    from sow.project_types import ProjectType
    from sow.splitting import Old
    from sow_schemas.documents import ProjectFile


class Documents:
    """The documents of the project that `layout` lays out."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.journal = Journal(layout)
        self.roots = (layout.folder, layout.main)
        """The folders out of which no link in the state may lead."""
        self._embedded = layout.embedded
        self._seen: tuple[tuple[int, int, int], Old] | None = None

    def project(self) -> "ProjectFile":
        """The project's own document, without its phases. Raises Refused where its file is broken or gone."""
        path = self.layout.project_file
        try:
            held = self.read(path, "project_file")
        except FileNotFoundError:
            raise self.gone("the project", path, "project") from None
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

    def type(self) -> "ProjectType":
        """The project's type, as it was when the project began. Raises Refused where it can't be read."""
        from sow import project_types

        try:
            held = document.contents(self.layout.type_file, roots=self.roots)
            return project_types.of(held, self.layout.type_file)
        except FileNotFoundError:
            # A project from before types were kept with it, or one of the original program.
            return project_types.named(str(self.project()["type"]), self.layout.main)

    def check_type(self) -> None:
        """Raises Refused where the project's type can't be read; one that is as it came is not looked at."""
        from sow import project_types

        data = document.contents(self.layout.type_file, roots=self.roots)
        if not project_types.is_built_in(data):
            project_types.of(data, self.layout.type_file)

    def type_with(self, word: str) -> "ProjectType | None":
        """The project's type where its text has `word`; else nobody needs to pay for reading it."""
        text = self.text(self.layout.type_file)
        return self.type() if word in text or not text else None

    def good_copy(self, name: str) -> "document.Document | None":
        """The last valid copy of a state file: of a task by its id, of `project`, `type`, `phase-<phase>`."""
        try:
            return checking.taken(document.read_file(self.layout.good_copy(name)), copies.schema_of(name))
        except (FileNotFoundError, Refused):
            return None

    def task(self, path: str) -> Task:
        """The task in a file, for a reader: one who comes in the middle of its move sees it moved."""
        held = self.read(path, "task_state")
        phase, _, task_id = path.split("/")[-4:-1]
        if held.value["phase"] != phase and (text := self.journal.coming(path, task_lock(task_id))):
            held = document.parse(text.encode(), path)
        elif held.value["phase"] != phase:
            held = self.read(path, "task_state")  # its move has come to its end since
        self._check_place(held, path)
        return Task.from_document(held.value)

    def state(self, path: str) -> "document.Document":
        """A task's document, for a writer who holds its lock."""
        held = self.read(path, "task_state")
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

    def read(self, path: str, schema: str) -> "document.Document":
        """A document that `schema` is for. Raises Refused, or FileNotFoundError where there is none."""
        old = self.old()
        if old and path in old.faults:
            raise old.faults[path]
        held = old.documents.get(path) if old else None
        try:
            held = held or document.read_file(path, roots=self.roots)
        except BadFile as fault:
            if os.path.exists(self.layout.good_copy(copies.copy_of(path, self.layout))):
                fault.hint += "; or put its last good copy back: `sow repair`"
            raise
        return checking.taken(held, schema)

    def gone(self, whose: str, path: str, name: str) -> BadFile:
        """The refusal of a state file that is not there; `name`: that of its good copy."""
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

    def names(self, folder: str) -> "list[str]":
        """What lies in a folder, if that is one of the project's. Raises Refused."""
        return files.names(folder, self.roots)

    def text(self, path: str) -> str:
        """The text of a file, if that is one of the project's; empty where there is none. Raises Refused."""
        return files.text(path, self.roots)

    # -- old projects ----------------------------------------------------------------------------

    def is_old(self) -> bool:
        """Whether the project still lies in one file, as the original keeps it."""
        return self.old() is not None

    def old(self) -> "Old | None":
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
            self._seen = version, splitting.taken_apart(held, self.layout, self.given_ids())
        return self._seen[1]

    def is_split(self) -> None:
        """To be called once the parts of an old project have files of their own."""
        self._embedded = False

    def is_there(self, path: str) -> bool:
        """Whether there is a state file, good or not; of an old project also one that is not made yet."""
        old = self.old()
        return bool(old and (path in old.documents or path in old.faults)) or os.path.lexists(path)

    def folder(self, task: Task) -> str:
        """The folder in which a task's texts lie now."""
        folder = self.layout.task(task.phase, task.id)
        old = self.old()
        return old.moves.get(folder, folder) if old else folder

    # -- ids -------------------------------------------------------------------------------------

    def used_ids(self) -> "set[int]":
        """The numbers of the ids that were given here. Raises Refused where that can't be seen."""
        old = self.old()
        held = (path.split("/")[-2] for path in (old.tasks if old else ()))
        return {*self.given_ids(), *(int(task_id) for task_id in held if is_task_id(task_id))}

    def given_ids(self) -> "set[int]":
        """The ids that were given here, also those of tasks that are gone, and of folders without a task."""
        phases = [name for name in self.phase_folders() if os.path.isdir(f"{self.layout.phases}/{name}")]
        try:
            folders = [name for phase in phases for name in self.names(self.layout.tasks(phase))]
        except Refused as fault:
            raise Refused(f"{fault}: which ids are used can't be seen", fault.hint) from fault
        noted = files.text(self.layout.ids).split()
        return {*(int(n) for n in folders if is_task_id(n)), *(int(n) for n in noted if n.isdigit())}

    def phase_folders(self) -> "list[str]":
        """What lies where the folders of phases are."""
        return sorted(name for name in self.names(self.layout.phases) if not name.startswith("."))
