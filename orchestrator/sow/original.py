"""The form in which the original program keeps a project: one document, phases and tasks inside it.

    its document --taken_in--> ours: without what that program writes for "not set"
    our document --given-----> its own: only fields that it knows, in its order
                 --text------> YAML that it reads back as the same values

To that program a zero date, an empty text or mapping, iteration 0 of a phase and a list that is null stand
for fields that were never set. A value that has another form than its field should stays as it is: the
schema refuses it, with its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from sow.clock import is_unset
from sow.document import canonical
from sow.state import Whole
from sow_schemas.formats import is_time

Document = dict[str, Any]

PROJECT = (
    "name", "type", "branch", "description", "created_at", "updated_at", "phases", "statechart",
    "agent_sessions",
)  # fmt: skip
PHASE = (
    "status", "enabled", "created_at", "started_at", "completed_at", "failed_at", "iteration", "metadata",
    "inputs", "outputs", "tasks",
)  # fmt: skip
TASK = (
    "id", "name", "phase", "status", "created_at", "started_at", "updated_at", "completed_at", "iteration",
    "assigned_agent", "session_id", "inputs", "outputs", "metadata",
)  # fmt: skip
ARTIFACT = ("type", "path", "approved", "created_at", "metadata")

_TIMES = ("started_at", "completed_at", "failed_at")
_EMPTY: Document = {"description": "", "session_id": "", "agent_sessions": {}, "metadata": {}}
"""Fields that need not be set, each with the value by which the original says that it is not."""

_OPEN = ("metadata", "params", "data", "details", "error_detail")
"""Fields that hold whatever somebody put there."""


# -- in --------------------------------------------------------------------------------------------


def taken_in(document: Document) -> Document:
    """A document of the original's form without what is not set, in the order in which it is written."""
    held = _set_fields(document, PROJECT)
    phases = held.get("phases")
    if isinstance(phases, dict):
        held["phases"] = {name: _phase_in(phase) for name, phase in phases.items()}
    elif phases is None:
        held["phases"] = {}
    return held


def _phase_in(phase: Any) -> Any:
    if not isinstance(phase, dict):
        return phase
    held = _set_fields(phase, PHASE)
    # Of a task it is a fault: there it counts from 1.
    if held.get("iteration", 1) is None or canonical.same(held.get("iteration"), 0):
        del held["iteration"]
    return _with_lists(held, inputs=artifact_in, outputs=artifact_in, tasks=_task_in)


def _task_in(task: Any) -> Any:
    if not isinstance(task, dict):
        return task
    return _with_lists(_set_fields(task, TASK), inputs=artifact_in, outputs=artifact_in)


def artifact_in(artifact: Any) -> Any:
    """An artifact of such a document without what is not set."""
    return _set_fields(artifact, ARTIFACT) if isinstance(artifact, dict) else artifact


def _set_fields(document: Document, known: tuple[str, ...]) -> Document:
    """What of a document is set. Of sow's own fields nothing is known here: they stay."""
    return {key: held for key, held in document.items() if key not in known or not is_unset_field(key, held)}


def is_unset_field(key: str, held: object) -> bool:
    """Whether a value stands for a field that was never set."""
    if key in _TIMES:
        return held is None or (isinstance(held, str) and is_unset(held))
    return key in _EMPTY and (held is None or canonical.same(held, _EMPTY[key]))


def _with_lists(document: Document, **items: Callable[[Any], Any]) -> Document:
    """A document with its lists taken in, each item by its function; one that is null or missing is empty."""
    held = dict(document)
    for key, taken in items.items():
        value = held.get(key)
        if value is None or isinstance(value, list):
            held[key] = [taken(item) for item in value or ()]
    return held


# -- out -------------------------------------------------------------------------------------------


def one(whole: Whole) -> Document:
    """A project as one document, its tasks inside its phases; what is not set is left out."""
    phases = {
        name: {**phase, "tasks": [task.document() for task in whole.tasks.of(name)]}
        for name, phase in sorted(whole.phases.items())
    }
    return _in_order(taken_in({**whole.project, "phases": phases}), PROJECT)


def given(whole: Whole) -> Document:
    """The same as the original keeps it: sow's own fields are left out."""
    return given_document(one(whole))


def given_document(document: Document) -> Document:
    """A document, as `taken_in` or `one` gives it, without sow's own fields."""
    held = _only(_in_order(document, PROJECT), PROJECT)
    held["phases"] = {name: _phase_out(phase) for name, phase in document["phases"].items()}
    return held


def _phase_out(phase: Document) -> Document:
    return _with_lists(_only(phase, PHASE), inputs=_artifact_out, outputs=_artifact_out, tasks=_task_out)


def _task_out(task: Document) -> Document:
    return _with_lists(_only(task, TASK), inputs=_artifact_out, outputs=_artifact_out)


def _only(document: Document, known: tuple[str, ...]) -> Document:
    return {key: document[key] for key in known if key in document}


_artifact_out = partial(_only, known=ARTIFACT)


def _in_order(document: Document, known: tuple[str, ...]) -> Document:
    return {**_only(document, known), **document}


# -- as text ---------------------------------------------------------------------------------------


def text(document: Document) -> str:
    """A document as YAML in blocks, which readers of YAML 1.1 and 1.2 take for the same values.

    The times that sow keeps are plain; a text in metadata that looks like one is quoted, and so stays a
    text. Raises canonical.Unwritable for what has no place in a document.
    """
    return "".join(f"{line}\n" for line in _lines(document, is_open=False)) or "{}\n"


def block(value: Any, above: tuple[str, ...]) -> list[str]:
    """The lines of a value below the fields of these names, set out as in `text`."""
    is_open = any(name in _OPEN for name in above)
    nested = isinstance(value, dict | list) and value
    return list(_nested(value, is_open)) if nested else [_scalar(value, is_open)]


def _lines(document: Mapping[str, Any], is_open: bool) -> Iterator[str]:
    """The lines of a mapping. `is_open`: whether it is one that anybody may put anything in."""
    for key, held in document.items():
        name = canonical.written_key(key)
        if isinstance(held, dict | list) and held:
            yield f"{name}:"
            yield from (f"    {line}" for line in _nested(held, is_open or key in _OPEN))
        else:
            yield f"{name}: {_scalar(held, is_open)}"


def _nested(held: Document | list[Any], is_open: bool) -> Iterator[str]:
    if isinstance(held, dict):
        yield from _lines(held, is_open)
        return
    for item in held:
        nested = isinstance(item, dict | list) and item
        lines = _nested(item, is_open) if nested else iter((_scalar(item, is_open),))
        yield f"- {next(lines)}"
        yield from (f"  {line}" for line in lines)


def _scalar(held: object, is_open: bool) -> str:
    if is_open and isinstance(held, str) and is_time(held):
        return canonical.quoted(held)
    return canonical.written(held)
