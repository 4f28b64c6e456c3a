"""What is to be done in a task, said anew."""

from sow import fields
from sow.change import Change, Event
from sow.errors import Refused
from sow.files import TEXT_BYTES
from sow.store import Store
from sow.task import Task


def check(text: str) -> None:
    """Raises Refused for a description that is no UTF-8, or too long to be given to an agent."""
    fields.check_text("the description", text)
    if (size := len(text.encode())) > TEXT_BYTES:
        raise Refused(
            f"the description is {size:,} bytes long; it may have {TEXT_BYTES:,}",
            "keep what is long in a file of the repository, and name that file",
        )


def describe(store: Store, task_id: str, text: str) -> Task:
    """Puts `text` in the place of a task's description. Raises NotFound, Refused, Busy."""
    check(text)
    event = Event(type="task.changed", task_id=task_id, payload={"fields": ["description"]})

    def change(task: Task) -> Change:
        path = f"{store.layout.task(task.phase, task.id)}/description.md"
        new = text.rstrip() + "\n" if text.strip() else ""
        if new == store.description(task):
            return Change(task=task)
        return Change(task=task, events=(event,), files={path: new})

    return store.change_task(task_id, change)


def file(store: Store, task_id: str) -> str:
    """The path of a task's description, for an editor. Raises NotFound, and Refused where it is no text."""
    store.split()  # else the task may have no folder
    task = store.task(task_id)
    store.description(task)
    return f"{store.layout.task(task.phase, task.id)}/description.md"
