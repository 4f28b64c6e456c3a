"""What is to be done in a task, said anew."""

from sow import fields
from sow.change import Change, Event
from sow.store import Store
from sow.task import Task


def describe(store: Store, task_id: str, text: str) -> Task:
    """Puts `text` in the place of a task's description. Raises NotFound, Refused, Busy."""
    fields.check_description(text)
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
