"""The parts that a project has, whatever state they are in: its phases, its tasks, what is broken of them."""

import os

from sow import files
from sow.errors import BadFile, NotFound, Refused, SowError
from sow.nearest import did_you_mean
from sow.state import Broken, Tasks, Twice, Whole
from sow.store.documents import Documents
from sow.task import Task
from sow.value import TYPE_CHECKING
from sow_schemas.formats import is_task_id

if TYPE_CHECKING:
    from sow_schemas.documents import PhaseFile

_LOOKS = 20
"""How often is looked anew while others add and move tasks."""


class Parts:
    """The phases and tasks of a project, found by its documents."""

    def __init__(self, documents: Documents) -> None:
        self.documents, self.layout = documents, documents.layout

    def task(self, task_id: str) -> Task:
        """The task as it stands on disk. Raises NotFound, or Refused where its file is broken."""
        for _ in range(_LOOKS):
            path = self.task_file(task_id)
            try:
                return self.documents.task(path)
            except FileNotFoundError:
                continue  # it was moved since it was found
        raise self.documents.gone(f"task {task_id}", path, task_id)

    def tasks(self) -> Tasks:
        """All tasks of all phases; what can't be read is listed as broken beside them."""
        found: dict[str, Task] = {}
        unseen, paths = self._seen_files()
        broken = list(unseen)
        for path in paths:
            try:
                found[path] = self.documents.task(path)
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
                broken.append(Broken.of(path, self.documents.gone(f"task {task_id}", path, task_id)))

    def task_files(self) -> "list[str]":
        """The paths of all state files of tasks."""
        return self._files_in(self._seen()[1])

    def _seen_files(self) -> "tuple[list[Broken], list[str]]":
        """What can't be looked into or is no task's folder, and the paths of all state files of tasks."""
        unseen, listed = self._seen()
        unseen += [self._misnamed(phase, name) for phase, name in listed if self._is_misnamed(phase, name)]
        return unseen, self._files_in(listed)

    def _seen(self) -> "tuple[list[Broken], list[tuple[str, str]]]":
        """The same as `listed`, but that no task is missed."""
        unseen, listed = self.listed()
        # A task that is moved meanwhile may be missed in both of its phases: two looks must agree.
        for _ in range(_LOOKS):
            before = listed
            unseen, listed = self.listed()
            if listed == before:
                break
        return unseen, listed

    def _files_in(self, listed: "list[tuple[str, str]]") -> "list[str]":
        there = [self.layout.task_file(phase, name) for phase, name in listed if is_task_id(name)]
        if old := self.documents.old():
            left = {*old.tasks, *(f"{folder}/state.yaml" for folder in old.moves.values())}
            there = [*old.tasks, *(path for path in there if path not in left)]
        return there

    def listed(self) -> "tuple[list[Broken], list[tuple[str, str]]]":
        """What lies in the phases' folders of tasks, (phase, name), and the ones that can't be listed."""
        unseen: list[Broken] = []
        listed: list[tuple[str, str]] = []
        for phase in self.phases():
            try:
                listed += [(phase, name) for name in sorted(self.documents.names(self.layout.tasks(phase)))]
            except Refused as fault:
                unseen.append(Broken.of(os.path.dirname(self.layout.phase_file(phase)), fault))
        return unseen, listed

    def _is_misnamed(self, phase: str, name: str) -> bool:
        """Whether somebody's task lies in a folder that has no task's name."""
        hidden = is_task_id(name) or name.startswith(".")
        return not hidden and os.path.lexists(self.layout.task_file(phase, name))

    def _misnamed(self, phase: str, name: str) -> Broken:
        what = f"{name!r} is no task id, so nothing finds the task in it"
        hint = "give the folder the three digits of its task, or move it out of tasks/"
        return Broken.of(
            self.layout.task_file(phase, name), BadFile(self.layout.task(phase, name), what, hint)
        )

    def phases(self) -> "list[str]":
        """The names of the phases, also of those whose file is missing."""
        old = self.documents.old()
        return sorted({*(old.phases if old else ()), *filter(self._is_phase, self.documents.phase_folders())})

    def _is_phase(self, name: str) -> bool:
        """Whether the folder of that name is a phase's: the original leaves reports and notes beside them."""
        tasks = self.layout.tasks(name)
        if os.path.lexists(self.layout.phase_file(name)) or any(
            os.path.exists(f"{tasks}/{task}/state.yaml") for task in files.names_if_any(tasks)
        ):
            return True
        try:
            return name in self.documents.type().phases
        except (NotFound, Refused):
            return False

    def phase(self, phase: str) -> "PhaseFile":
        """A phase's own document, without its tasks. Raises NotFound for one that is not there."""
        if phase not in self.phases():
            raise self.no_phase(phase)  # whatever it is, it is no name of a folder here
        path = self.layout.phase_file(phase)
        try:
            held: PhaseFile = self.documents.read(path, "phase_file").value
        except FileNotFoundError:
            raise self.documents.gone(f"phase {phase}", path, f"phase-{phase}") from None
        return held

    def broken_files(self) -> "tuple[Broken, ...]":
        """The project's and the phases' own files that can't be taken as they are."""
        broken = []
        try:
            self.documents.project()
        except SowError as fault:
            broken.append(Broken.of(self.layout.project_file, fault))
        try:
            if os.path.lexists(self.layout.type_file):
                self.documents.check_type()
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
            project=self.documents.project(),
            phases={phase: self.phase(phase) for phase in self._in_order(self.phases())},
            tasks=self.tasks(),
        )

    def find(self, task_id: str) -> "str | None":
        """The path of a task's state file; None where there is none."""
        # Twice: a task that is moved meanwhile may be missed in both of its phases.
        for _ in range(2) if is_task_id(task_id) else ():
            old = self.documents.old()
            for phase in (*self.documents.phase_folders(), *(old.phases if old else ())):
                path = self.layout.task_file(phase, task_id)
                if self.documents.is_there(path):
                    return path
        return None

    def task_file(self, task_id: str) -> str:
        """The path of a task's state file. Raises NotFound, or Refused where it is gone."""
        if path := self.find(task_id):
            return path
        raise self._missing(task_id)

    # -- what is wrong ---------------------------------------------------------------------------

    def _missing(self, task_id: str) -> SowError:
        """Why there is no state file of a task."""
        none = NotFound(f"task not found: {task_id}", "see the tasks there are: `sow task list`")
        if not is_task_id(task_id):
            return none
        unseen, listed = self.listed()
        for phase, name in listed:
            if name == task_id:
                return self.documents.gone(f"task {task_id}", self.layout.task_file(phase, task_id), task_id)
        if unseen:
            return Refused(f"task {task_id} is not found, and {unseen[0].message}", unseen[0].hint)
        if os.path.exists(self.layout.good_copy(task_id)):
            what, hint = f"the folder of task {task_id} is gone", "see how to bring it back: `sow repair`"
            return BadFile(self.layout.phases, what, hint)
        return none

    def _broken(self, path: str, fault: Refused) -> Broken:
        if not self.documents.old():
            return Broken.of(path, fault)
        phase = path.removeprefix(f"{self.layout.phases}/").partition("/")[0]
        return Broken.of(self.layout.project_file, fault, phase)

    def _twice(self, path: str, task: Task, first: Task) -> Twice:
        what = f"there is a task {task.id} in phase {first.phase} too, and commands mean that one"
        return Twice(path, what, "give this one another id (folder and state.yaml), or move its folder away")

    def no_phase(self, phase: str) -> NotFound:
        """The refusal of a phase that is not there."""
        there = self._in_order(self.phases())
        return NotFound(
            f"phase not found: {phase or 'its name is empty'}",
            f"{did_you_mean(phase, there)}the phases of this project: {', '.join(there) or 'none'}",
        )

    def _in_order(self, phases: "list[str]") -> "list[str]":
        """Phases in the order of the project's type; those that it does not know come last."""
        try:
            known = list(self.documents.type().phases)
        except (Refused, NotFound):
            return phases
        return sorted(phases, key=lambda name: (known.index(name) if name in known else len(known), name))
