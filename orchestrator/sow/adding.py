"""Adding a task: everything that can be wrong with it is said before anything is written."""

from sow import fields, phase, roles
from sow.errors import Refused
from sow.ready import check_dependencies
from sow.store import Store
from sow.task import PENDING, Task
from sow.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sow_schemas import documents

NAMED_BY = 72
"""The most characters of a prompt's first line that become a task's name."""


class Wish(Value):
    """A task as a person describes it."""

    name: str
    agent: str
    description: str = ""
    task_id: "str | None" = None
    phase: "str | None" = None
    depends_on: "tuple[str, ...]" = ()
    priority: "documents.Priority | None" = None
    task_type: "str | None" = None
    params: "dict[str, Any] | None" = None


def from_prompt(prompt: str, agent: str) -> Wish:
    """The wish for a task that an agent is to do at once: described by the prompt, named by its first line.

    Raises Refused for a prompt without a word, or that is no text.
    """
    fields.check_text("the prompt", prompt)
    lines = (" ".join(line.lstrip("#").split()) for line in prompt.splitlines())
    first = next(filter(None, lines), "")
    if not first:
        raise Refused("the prompt is empty", 'say what is to be done: `sow agent spawn --prompt "..."`')
    name = first if len(first) <= NAMED_BY else f"{first[:NAMED_BY].rsplit(' ', 1)[0]} ..."
    return Wish(name=name, agent=agent, description=prompt)


def add(store: Store, wish: Wish, *, check: "Callable[[Task], None]" = lambda task: None) -> Task:
    """Adds the task of a wish. Raises NotFound for an unknown agent or phase, Refused for the rest.

    `check`: may refuse the task as it would be; nothing is written of it by then, and nobody sees it.
    """
    name = fields.checked_name(wish.name)
    fields.check_text("the type of the task", wish.task_type or "")
    fields.check_description(wish.description)
    roles.check(wish.agent, store.layout.main)
    goal = phase_for(store, wish.phase)

    def make(task_id: str, others: "tuple[Task, ...]") -> Task:
        check_dependencies(task_id, wish.depends_on, others)
        now = store.now()
        task = Task(
            id=task_id, name=name, phase=goal, status=PENDING, created_at=now,
            updated_at=now, iteration=1, assigned_agent=wish.agent, inputs=[], outputs=[],
            priority=wish.priority, depends_on=list(dict.fromkeys(wish.depends_on)) or None,
            task_type=wish.task_type, params=wish.params,
        )  # fmt: skip
        check(task)
        return task

    return store.add_task(make, description=wish.description, task_id=wish.task_id)


def phase_for(store: Store, wanted: "str | None") -> str:
    """The phase that a new task goes to. Raises NotFound, or Refused for one that has no tasks."""
    if wanted is not None:
        store.phase(wanted)  # told as missing before it is told as one without tasks
        phase.check_tasks(store.type(), wanted)
        return wanted
    kind = store.type()
    having = kind.with_tasks()
    # With one to choose from the project's state is not asked for, so that its file may be broken.
    return having[0] if len(having) == 1 else phase.for_tasks(kind, store.project(), None)
