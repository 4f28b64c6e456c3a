"""What a worker says of its own task, and a person of any: a field, a note, a question.

A worker's word goes to the state, or where a sandbox forbids that, to the outbox of its attempt. Everything
here is what the quick commands load, so it loads nothing else (docs/adr/0002).
"""

from sow import fields, report
from sow.errors import Failed
from sow.task import COMPLETED
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sow.api.caller import Caller
    from sow.change import Change
    from sow.store import Store
    from sow.task import Task

LIES = "your report lies in the outbox, and is taken in when you have ended"
"""What a worker is told whose report could only be laid down."""

CHECKED = ("assigned_agent", "depends_on")
"""Fields whose value must be one of others that there are."""


def is_plain(field: str, value: str) -> bool:
    """Whether a field is set without a look at anything but its task."""
    return field not in CHECKED and not (field == "status" and value == COMPLETED)


def set_field(
    caller: "Caller", store: "Store", task_id: "str | None", field: str, value: str, *, text: bool = False
) -> None:
    """Sets a field of a task, by a dotted path, to what `value` says of it.

    `task_id`: None for a worker's own. `text`: it is a text, whatever it looks like. Raises NotFound,
    Refused, Busy; Usage where no task is meant.
    """
    chosen = caller.own_task(task_id)
    if field == "assigned_agent":
        from sow import roles

        roles.check(value, store.layout.main)
    if field == "depends_on":
        _set_dependencies(store, chosen, value)
    elif caller.is_own(task_id):
        reported(
            caller,
            lambda: report.set_field(store, chosen, field, value, attempt=caller.attempt, text=text),
            {"verb": "set", "field": field, "value": value, "text": text},
        )
    else:
        change = fields.setting(
            field, value, now=store.now(), worker=False, text=text, metadata=store.task_metadata
        )
        store.change_task(chosen, change)


def _set_dependencies(store: "Store", task_id: str, value: str) -> None:
    from sow import ready

    def change(current: "Task") -> "Change":
        outcome = fields.setting("depends_on", value, now=store.now(), worker=False)(current)
        ready.check_change(current, outcome.task, store.tasks().tasks)
        return outcome

    store.change_dependencies(task_id, change)


def log(caller: "Caller", store: "Store", task_id: "str | None", text: str) -> None:
    """Adds a note to a task's log. `task_id`: None for a worker's own. Raises NotFound, Refused, Failed."""
    chosen = caller.own_task(task_id)

    def note() -> None:
        try:
            report.note(store, chosen, text)
        except OSError as fault:
            raise Failed(
                f"can't write the log of task {chosen}: {fault.strerror}",
                f"give yourself the right to write {fault.filename}",
            ) from fault

    if caller.is_own(task_id):
        reported(caller, note, {"verb": "log", "text": text})
    else:
        note()


def ask(
    caller: "Caller", store: "Store", task_id: "str | None", question: str, options: "tuple[str, ...]" = ()
) -> bool:
    """Pauses a task with a question to a person; gives whether that got to the state, and not to an outbox.

    `task_id`: None for a worker's own. Raises NotFound, Refused, Busy.
    """
    chosen = caller.own_task(task_id)
    if caller.is_own(task_id):
        return reported(
            caller,
            lambda: report.ask(store, chosen, question, options, attempt=caller.attempt),
            {"verb": "ask", "question": question, "options": list(options)},
        )
    report.ask(store, chosen, question, options, attempt="")
    return True


def hand_in(caller: "Caller", store: "Store", task_id: "str | None", message: str) -> None:
    """Says what came of a worker's task, and that it is to be reviewed. Raises NotFound, Refused, Busy."""
    chosen = caller.own_task(task_id)
    reported(
        caller,
        lambda: report.hand_in(store, chosen, message, attempt=caller.attempt),
        {"verb": "report", "message": message},
    )


def reported(caller: "Caller", say: "Callable[[], object]", laid_down: "dict[str, object]") -> bool:
    """Has a worker's report said to the state, or `laid_down` where a sandbox forbids that.

    Gives whether it was to the state.
    """
    try:
        say()
    except (OSError, Failed) as fault:
        outbox = outbox_of(caller)
        if outbox is None or not _forbidden(fault):
            raise
        report.lay_down(outbox, laid_down)
        return False
    return True


def outbox_of(caller: "Caller") -> "str | None":
    """The folder in which a worker's reports may be laid down; None for who is none."""
    runtime = caller.environment.get("SOW_PROJECT_RUNTIME")
    return f"{runtime}/attempts/{caller.attempt}/outbox" if caller.attempt and runtime else None


def _forbidden(fault: BaseException) -> bool:
    import errno

    cause = fault if isinstance(fault, OSError) else fault.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
