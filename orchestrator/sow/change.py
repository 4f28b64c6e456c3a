"""What becomes of a task, and the events that tell it: decided anywhere, carried out by the store."""

from sow.task import Task
from sow.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sow_schemas import documents


class Event(Value):
    """Something that happened, told in the present tense of its `type`."""

    type: "documents.EventType"
    payload: "documents.EventPayload"
    task_id: "str | None" = None
    whole: str = ""
    """The file that has its texts whole, where one does: a line of the log that has to cut them says so."""


class Change(Value):
    """What becomes of a task: its new value, the events that tell it, files written with it.

    `files`: absolute path -> text; with any, all is done or nothing, whatever is killed.
    """

    task: Task
    events: "tuple[Event, ...]" = ()
    files: "Mapping[str, str]" = {}  # noqa: RUF012 - a shared default of a frozen value


class Intake(Value):
    """Tasks to add and to change in one go: all of it is done or nothing, whatever is killed.

    `files`: absolute path -> text, written with them.
    """

    adds: "tuple[tuple[Change, str], ...]" = ()
    """New tasks with their further events, each with its description."""
    changes: "tuple[tuple[Change, str], ...]" = ()
    """Changed tasks, each with its description."""
    files: "Mapping[str, str]" = {}  # noqa: RUF012 - a shared default of a frozen value
    documents: "Mapping[str, documents.ProjectFile | documents.PhaseFile]" = {}  # noqa: RUF012 - likewise
    """What becomes of phases, by name, and of the project itself (""), with its own document."""
    events: "tuple[Event, ...]" = ()
    """What tells of these."""
