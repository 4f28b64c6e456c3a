"""The verbs that workers call all the time: `task set` and `agent log`, without click.

Only their plain forms are taken here; anything else (`--help`, an unknown
option, a person's decision that needs git) goes the long way, which does the
same by the same functions.
"""

import os

from sow.errors import Failed
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sow.store import Store


CHECKED = ("assigned_agent", "depends_on")
"""Fields whose value must be one of others that there are."""


def run(arguments: "list[str]") -> "int | None":
    """Runs a plain form of a quick verb; gives its exit code, or None for the long way."""
    if arguments[0] == "task":
        return _set(arguments[2:])
    return _log(arguments[2:])


def _set(words: "list[str]") -> "int | None":
    task_id = None
    if len(words) == 4 and words[2] == "--id":
        task_id = words[3]
    elif len(words) != 2:
        return None
    field, value = words[:2]
    if (
        field.startswith("-")
        or value.startswith("-")
        or (field == "status" and value == "completed")
        or field in CHECKED
    ):
        return None
    set_field(field, value, task_id)
    return 0


def _log(words: "list[str]") -> "int | None":
    plain = words[1:] if words[:1] == ["--"] else words
    if len(plain) != 1 or (plain is words and words[0].startswith("-")):
        return None
    log(plain[0])
    return 0


def set_field(
    field: str, value: str, task_id: "str | None", *, text: bool = False, wanted: "str | None" = None
) -> None:
    """Sets a field of a task: a worker's own, or the one that a person names."""
    from sow import fields, report
    from sow.cli import opening

    chosen = opening.own_task(task_id)
    store = opening.store(wanted)
    if opening.is_own(task_id):
        reported(
            lambda: report.set_field(store, chosen, field, value, attempt=attempt(), text=text),
            {"verb": "set", "field": field, "value": value, "text": text},
        )
    else:
        change = fields.setting(
            field, value, now=store.now(), worker=False, text=text, metadata=store.task_metadata
        )
        store.change_task(chosen, change)


def log(text: str, task_id: "str | None" = None, *, wanted: "str | None" = None) -> None:
    """Adds a note to a task's log: a worker's own, or the one that a person names."""
    from sow import report
    from sow.cli import opening

    chosen = opening.own_task(task_id)
    store = opening.store(wanted)

    def note() -> None:
        try:
            report.note(store, chosen, text)
        except OSError as fault:
            raise Failed(
                f"can't write the log of task {chosen}: {fault.strerror}",
                f"give yourself the right to write {fault.filename}",
            ) from fault

    if opening.is_own(task_id):
        reported(note, {"verb": "log", "text": text})
    else:
        note()


def ask(
    question: str, options: "tuple[str, ...]", task_id: "str | None", *, wanted: "str | None" = None
) -> str:
    """A question to a person: the task is paused with it. Gives the task's id."""
    from sow.cli import opening

    chosen = opening.own_task(task_id)
    put_question(opening.store(wanted), chosen, question, options, own=opening.is_own(task_id))
    return chosen


def put_question(
    store: "Store", task_id: str, question: str, options: "tuple[str, ...]", *, own: bool
) -> bool:
    """Pauses a task with a question. `own`: it is a worker's own; gives whether it got to the state."""
    from sow import report

    if own:
        return reported(
            lambda: report.ask(store, task_id, question, options, attempt=attempt()),
            {"verb": "ask", "question": question, "options": list(options)},
        )
    report.ask(store, task_id, question, options, attempt="")
    return True


def attempt() -> str:
    """The attempt that this worker is; empty for a person."""
    return os.environ.get("SOW_ATTEMPT_ID", "")


def reported(say: "Callable[[], object]", report: "dict[str, object]") -> bool:
    """Reports to the state, or where a sandbox forbids that, to the attempt's outbox; gives whether it
    was to the state."""
    try:
        say()
    except (OSError, Failed) as fault:
        outbox = _outbox()
        if outbox is None or not _forbidden(fault):
            raise
        from sow.report import lay_down

        lay_down(outbox, report)
        return False
    return True


def _outbox() -> "str | None":
    attempt, runtime = os.environ.get("SOW_ATTEMPT_ID"), os.environ.get("SOW_PROJECT_RUNTIME")
    return f"{runtime}/attempts/{attempt}/outbox" if attempt and runtime else None


def _forbidden(fault: BaseException) -> bool:
    import errno

    cause = fault if isinstance(fault, OSError) else fault.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
