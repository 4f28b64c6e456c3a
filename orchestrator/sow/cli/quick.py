"""The verbs that workers call all the time: `task set` and `agent log`, without click.

Only their plain forms are taken here; anything else (`--help`, an unknown
option, a person's decision that needs git) goes the long way, which does the
same by the same functions.
"""

from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from sow.api.caller import Caller
    from sow.store import Store


def run(arguments: "list[str]") -> "int | None":
    """Runs a plain form of a quick verb; gives its exit code, or None for the long way."""
    from sow.errors import NotFound

    try:
        return _set(arguments[2:]) if arguments[0] == "task" else _log(arguments[2:])
    except NotFound:
        return None  # the long way says more of what is there instead


def _set(words: "list[str]") -> "int | None":
    from sow.api import worker

    task_id = None
    if len(words) == 4 and words[2] == "--id":
        task_id = words[3]
    elif len(words) != 2:
        return None
    field, value = words[:2]
    if field.startswith("-") or value.startswith("-") or not worker.is_plain(field, value):
        return None
    caller, store = _opened(task_id)
    worker.set_field(caller, store, task_id, field, value)
    return 0


def _log(words: "list[str]") -> "int | None":
    plain = words[1:] if words[:1] == ["--"] else words
    if len(plain) != 1 or (plain is words and words[0].startswith("-")):
        return None
    from sow.api import worker

    caller, store = _opened(None)
    worker.log(caller, store, None, plain[0])
    return 0


def _opened(task_id: "str | None") -> "tuple[Caller, Store]":
    """Who calls, and the state of the project that is meant; which task is meant is asked first."""
    from sow.api.caller import Caller

    caller = Caller.here(listener=_aside)
    caller.own_task(task_id)
    return caller, caller.meant()


def _aside(text: str) -> None:
    from sow.cli.words import aside

    aside({"quiet": False}, text)
