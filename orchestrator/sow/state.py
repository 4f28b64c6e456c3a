"""The state of a project as it was read: its documents, its tasks, and the files that are none."""

from sow.change import Event
from sow.errors import BadFile, SowError
from sow.task import Task
from sow.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sow_schemas.documents import PhaseFile, ProjectFile


class Broken(Value):
    """A state file that can't be taken as it is; the rest of the project goes on without it."""

    path: str
    fault: SowError
    """Without the way to where it was raised, which would keep the files' texts in memory."""
    phase: str = ""
    """The phase of the task that it is of, where its path does not tell."""

    @classmethod
    def of(cls, path: str, fault: SowError, phase: str = "") -> "Broken":
        """The file at `path`, in which `fault` was met."""
        fault.__cause__ = fault.__context__ = fault.__traceback__ = None
        return cls(path=path, fault=fault, phase=phase)

    @property
    def message(self) -> str:
        return str(self.fault)

    @property
    def hint(self) -> str:
        return self.fault.hint


class Twice(BadFile):
    """A whole file of a task with an id that another task has."""


class PutBack(Value):
    """A state file that was changed beside sow, and now is as its last good copy again."""

    name: str
    """Of the copy: the id of a task, `project`, `type`, `phase-<phase>`."""
    path: str
    kept: str
    """Under which name what lay there is kept beside; empty where nothing did."""
    changes: "tuple[str, ...]" = ()
    """What it said otherwise, each in words; empty where it could not be taken at all."""

    @property
    def task_id(self) -> str:
        """The task whose file it is; empty for a file of the project's own."""
        return self.name if self.name.isdigit() else ""


class Tasks(Value):
    """The tasks of a project, in the order of their ids, and the files that are none."""

    tasks: "tuple[Task, ...]"
    broken: "tuple[Broken, ...]" = ()

    def by_id(self) -> "dict[str, Task]":
        return {task.id: task for task in self.tasks}

    def of(self, phase: str) -> "tuple[Task, ...]":
        """The tasks of one phase."""
        return tuple(task for task in self.tasks if task.phase == phase)

    def broken_in(self, phase: str) -> "tuple[Broken, ...]":
        """The files of one phase that can't be taken: nobody can tell what their tasks have come to."""
        below = f"/phases/{phase}/tasks/"
        return tuple(broken for broken in self.broken if broken.phase == phase or below in broken.path)


class Whole(Value):
    """A project as it stands: its own document, those of its phases by name, its tasks."""

    project: "ProjectFile"
    phases: "Mapping[str, PhaseFile]"
    tasks: Tasks


class Step(Value):
    """What becomes of a project: documents that take the place of others, and the events that tell it.

    All of it is written or nothing, whatever is killed.
    """

    project: "ProjectFile | None" = None
    phases: "Mapping[str, PhaseFile]" = {}  # noqa: RUF012 - a shared default of a frozen value
    events: "tuple[Event, ...]" = ()
