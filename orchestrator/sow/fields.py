"""Setting one field of a task by its dotted path, and the moves behind `status`.

A value is read by the field's type in the schema, so that a text field keeps
`007`; in open objects it is YAML. What the program keeps, nobody sets.
"""

from sow.change import Change, Event
from sow.clock import is_unset, seconds
from sow.document.canonical import same, written
from sow.errors import Refused
from sow.files import TEXT_BYTES
from sow.task import ABANDONED, COMPLETED, IN_PROGRESS, NEEDS_REVIEW, PAUSED, PENDING, STATUSES, Task
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sow.dotted import Form, Schema
    from sow_schemas.documents import EventPayload, EventType

KEPT = {
    "id": "an id is given once",
    "phase": "`sow task move` takes a task to another phase",
    "created_at": "sow keeps the times",
    "started_at": "sow keeps the times",
    "updated_at": "sow keeps the times",
    "completed_at": "sow keeps the times",
    "attempts": "sow counts the attempts",
    "iteration": "`sow task feedback` opens the next iteration",
    "session_id": "sow stores it before an agent starts; `sow task retry --fresh` asks for a new one",
    "executor": "the session belongs to it; `sow task retry --fresh` lets another one start",
    "question": "`sow task ask` asks, `sow task answer` answers",
    "answer": "`sow task answer` and `sow task feedback` give it",
    "approval": "`sow task approve` gives it",
    "worktree": "sow makes the worktree",
    "base": "git knows it",
    "branch": "git knows it",
    "commit": "git knows it",
    "error": "sow records what failed",
    "error_detail": "sow records what failed",
    "inputs": "`sow task input add|set|remove` changes them",
    "outputs": "`sow task output add|set|remove` changes them",
}
"""Fields that `sow task set` refuses, with what to do instead."""

OPEN = ("metadata", "params")

_PLAIN = frozenset(Task._fields) - {*KEPT, "name", "status", "depends_on"}
"""Fields that take what they are given, once the schema accepts it."""

LONGEST_NAME = 200
"""The most characters that the name of a task may have: it stands in one line of every list."""


def setting(
    path: str,
    value: str,
    *,
    now: str,
    worker: bool,
    text: bool = False,
    metadata: "Callable[[Task], Schema | None]" = lambda task: None,
) -> "Callable[[Task], Change]":
    """The change that sets the field at `path` to `value`, for `Store.change_task`.

    `worker`: whether an agent asks for its own task. `text`: take the value as
    text whatever it looks like. `metadata`: gives the JSON Schema that the project's
    type has for a task's metadata. The change raises Refused for an unknown or
    kept field, a bad value, an illegal transition.
    """

    def change(task: Task) -> Change:
        if path == "status":
            return move(task, value, now=now, worker=worker)
        return _told(task, _with(task, path, value, text, lambda: metadata(task)), path)

    return change


def unsetting(path: str) -> "Callable[[Task], Change]":
    """The change that removes the field at `path`. Raises Refused for one that a task needs."""
    from sow import dotted

    form = _form()

    def change(task: Task) -> Change:
        top = dotted.top(path, form)
        return _told(task, task.replace(**{top: dotted.without(getattr(task, top), path, form)}), path)

    return change


def move(task: Task, status: str, *, now: str, worker: bool) -> Change:
    """The change that takes a task to `status` by the move that leads there. Raises Refused."""
    if status not in STATUSES:
        raise Refused(f"status: {status!r} is none", f"the statuses: {', '.join(STATUSES)}")
    if status == task.status:
        return Change(task=task)
    if worker and status not in (NEEDS_REVIEW, PAUSED):
        raise Refused(
            f"an agent can't set its own task to {status}",
            'it reports `sow task set status needs_review`, or asks: `sow task ask "..."`',
        )
    if status == NEEDS_REVIEW:
        handed = task.hand_in(_message(task))
        return Change(
            task=handed, events=(_event(task, "task.needs_review", {"summary": _message(task) or ""}),)
        )
    if status == PAUSED:
        words = "The agent paused without a question." if worker else "Paused by a person."
        paused = task.pause(words, kind="question", by=_by(worker), at=now)
        return Change(
            task=paused, events=(_event(task, "task.paused", {"question": words, "kind": "question"}),)
        )
    if status == COMPLETED:
        done = task.complete(at=now)
        return Change(task=done, events=(completed_event(task, now),))
    if status == ABANDONED:
        return Change(
            task=task.abandon(at=now), events=(_event(task, "task.abandoned", {"reason": "by a person"}),)
        )
    if status == PENDING and task.status == PAUSED:
        event = _event(task, "task.retry_scheduled", {"not_before": now, "reason": "by a person"})
        return Change(task=task.retry(), events=(event,))
    raise Refused(
        f"task {task.id} is {task.status}: it does not become {status} by being set", _instead(task, status)
    )


def completed_event(task: Task, now: str) -> Event:
    """The event of a task's completion, with the seconds since its first start."""
    start = now if is_unset(task.started_at) else str(task.started_at)
    took = seconds(now) - seconds(start)
    return _event(task, "task.completed", {"duration_sec": round(max(took, 0.0), 3)})


def _message(task: Task) -> "str | None":
    """What the worker already said of its result."""
    return str(task.result["message"]) if task.result and task.result.get("message") else None


def _instead(task: Task, status: str) -> str:
    if task.status == ABANDONED:
        return f"take it up again: `sow task retry {task.id}`"
    if task.status == IN_PROGRESS:
        return f"stop its agent first: `sow agent stop {task.id}`, then `sow task retry {task.id}`"
    ways = {
        PENDING: f"start it: `sow run` or `sow agent spawn {task.id}`",
        PAUSED: f"answer it: `sow task answer {task.id} TEXT`",
        NEEDS_REVIEW: f"send it back: `sow task feedback {task.id} TEXT`",
    }
    return ways.get(task.status, "a completed task stays completed: add another one with `sow task add`")


def _form() -> "Form":
    from sow.dotted import Form

    return Form(
        thing="a task", schema="task_state", command="sow task set", shown_by="sow task show",
        names=Task._fields, kept=KEPT, needed=("name", "status", "assigned_agent"), open=OPEN,
    )  # fmt: skip


def _with(task: Task, path: str, value: str, text: bool, metadata: "Callable[[], Schema | None]") -> Task:
    """The task once the leaf at `path` is `value`."""
    if path in _PLAIN and value.isascii() and written(value) == value:
        plain: Any = {path: value}
        return task.replace(**plain)  # the same by every type: a worker need not pay for more
    from sow import dotted

    form = _form()
    top = dotted.top(path, form)
    if path == "name":
        return task.replace(name=checked_name(value))
    if path == "depends_on" and not text:
        return task.replace(depends_on=_ids(value))
    held = getattr(task, top)
    if held is None and top == "result" and path != top:
        held = {"status": "success"}
    return task.replace(**{top: dotted.put(held, path, value, form, text=text, metadata=metadata)})


def _ids(value: str) -> "list[str]":
    """The ids of tasks in `value`: `010`, `010, 020` or a YAML list."""
    from sow.dotted import as_yaml

    ids = as_yaml(value) if "[" in value else value.replace(",", " ").split()
    if isinstance(ids, list):
        # An id that begins with no zero is a number to YAML.
        ids = [str(one) if type(one) is int else one for one in ids]
    if not isinstance(ids, list) or not all(isinstance(task_id, str) for task_id in ids):
        raise Refused(f"depends_on: {value!r} is no list of ids", "write it like 010, 020")
    return ids


def checked_name(name: str) -> str:
    """The name of a task in one line. Raises Refused for one that is empty, too long or no text."""
    line = " ".join(name.split())
    if not line:
        raise Refused("the name of the task is empty", 'name it by what is to be done: "JWT middleware"')
    if len(line) > LONGEST_NAME:
        raise Refused(
            f"the name of the task has {len(line)} characters, {LONGEST_NAME} at most: {line[:40]} ...",
            "put what there is to say into its description: `--description`, `sow task edit`",
        )
    check_text("the name of the task", line)
    return line


def check_text(what: str, text: str) -> None:
    """Raises Refused where `text`, given on the command line, is not UTF-8. `what`: whose value it is."""
    try:
        text.encode()
    except UnicodeEncodeError as fault:
        raise Refused(
            f"{what} is not UTF-8 at character {fault.start + 1}: {text!r}", "give it in UTF-8"
        ) from None


def check_description(text: str) -> None:
    """Raises Refused for a description that is no UTF-8, or too long to be given to an agent."""
    check_text("the description", text)
    if (size := len(text.encode())) > TEXT_BYTES:
        raise Refused(
            f"the description is {size:,} bytes long; it may have {TEXT_BYTES:,}",
            "keep what is long in a file of the repository, and name that file",
        )


def _event(task: Task, kind: "EventType", payload: "EventPayload") -> Event:
    return Event(type=kind, task_id=task.id, payload=payload)


def _told(task: Task, after: Task, path: str) -> Change:
    """The change to `after`, with its event; none where nothing is another."""
    if same(after.document(), task.document()):
        return Change(task=task)
    return Change(task=after, events=(_event(task, "task.changed", {"fields": [path]}),))


def _by(worker: bool) -> str:
    return "worker" if worker else "person"
