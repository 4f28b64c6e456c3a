"""A document of the original is told what has become of its project: only what is another there changes.

    parts as the document shall have them --with its own ids and paths--> its value --> its text

What stands there for "not set" stays as long as it holds: a zero date, an empty text. So do fields that
nobody here knows, comments, and the order of all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sow import original
from sow.document import Document
from sow.formats import Raw, json_text
from sow.task import free_id

PROJECT = "project"
"""The part of a document that holds the project's own fields; others are `phase NAME` and `task ID`."""

_UNSET: Mapping[str, Any] = {
    "started_at": "0001-01-01T00:00:00Z", "completed_at": "0001-01-01T00:00:00Z",
    "failed_at": "0001-01-01T00:00:00Z", "session_id": "", "description": "", "metadata": {},
    "agent_sessions": {}, "iteration": 0,
}  # fmt: skip
"""What the original writes for a field that is not set."""

_LISTS = ("inputs", "outputs")


def places(value: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tasks of a document, each with its place: phase and id there."""
    for name, phase in value["phases"].items():
        for task in (phase or {}).get("tasks") or ():
            yield f"{name}/{task['id']}", task


def given_places(
    value: Mapping[str, Any], ids: Mapping[str, str], wanted: Mapping[str, Raw]
) -> dict[str, str]:
    """Which task is which once a document has what is wanted: `phase/id` there, the id here.

    `ids`: the same before. A task of ours keeps its id there, if its phase has no other of that id.
    """
    found = {place: ids[place] for place, _ in places(value)}
    there = {task_id: place for place, task_id in found.items()}
    for part in _tasks(wanted):
        task_id, phase = str(part["id"]), str(part["phase"])
        before = there.get(task_id)
        if before is not None:
            if before.startswith(f"{phase}/"):
                continue
            del found[before]
        own = before.partition("/")[2] if before else task_id
        taken = {place.partition("/")[2] for place in found if place.startswith(f"{phase}/")}
        new = own if own not in taken else free_id(set(map(int, taken)))
        if new is not None:
            found[f"{phase}/{new}"] = task_id
    return found


def text(held: Document, ids: Mapping[str, str], wanted: Mapping[str, Raw]) -> str:
    """The text of a document that has the wanted parts. `ids`: which task is which in it as it is."""
    after = _value(held.value, ids, wanted)
    if _is_json(held.text):
        return json_text.edited(held.text, after)
    return held.changed(after, original.block)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text.removeprefix(json_text.MARK)), dict)
    except ValueError:
        return False  # YAML in braces, maybe


def _value(value: Mapping[str, Any], ids: Mapping[str, str], wanted: Mapping[str, Raw]) -> dict[str, Any]:
    """What a document holds then."""
    now = given_places(value, ids, wanted)
    asked = {name: _with_own_names(part, now) for name, part in wanted.items() if name != PROJECT}
    tasks = {ids[place]: task for place, task in places(value)}
    phases = {name: dict(phase or {}) for name, phase in value["phases"].items()}
    for name, part in asked.items():
        kind, _, which = name.partition(" ")
        if kind == "phase":
            phases[which] = _dressed(phases.get(which, {}), part, original.PHASE)
    rows: dict[str, list[Any]] = {name: [] for name in phases}
    for place, task_id in now.items():
        now_as = asked.get(f"task {task_id}")
        there = tasks.get(task_id, {})
        rows[place.partition("/")[0]].append(
            there if now_as is None else _dressed(there, now_as, original.TASK)
        )
    for name, tasks_of in rows.items():
        if tasks_of or phases[name].get("tasks"):
            phases[name]["tasks"] = tasks_of
    own = _dressed(value, wanted[PROJECT], original.PROJECT) if PROJECT in wanted else value
    return {**own, "phases": phases}


def _tasks(wanted: Mapping[str, Raw]) -> Iterator[Raw]:
    return (part for name, part in wanted.items() if name.startswith("task "))


def _with_own_names(part: Raw, now: Mapping[str, str]) -> dict[str, Any]:
    """A phase or a task with the ids and paths that it has in the document."""
    held = dict(part)
    for place, task_id in now.items():
        phase, own = place.split("/")
        if own == task_id:
            continue
        if held.get("id") == task_id:
            held["id"] = own
        for key in _LISTS:
            held[key] = [
                {**one, "path": moved(one["path"], phase, task_id, own)} for one in held.get(key) or ()
            ]
    return held


def moved(path: str, phase: str, old: str, new: str) -> str:
    """The path of an artifact once a task of a phase, below whose folder it may lie, has another id."""
    return path.replace(f"phases/{phase}/tasks/{old}/", f"phases/{phase}/tasks/{new}/")


def _dressed(there: Mapping[str, Any], wanted: Raw, known: tuple[str, ...]) -> dict[str, Any]:
    """A mapping of the document with what is wanted, in the words in which it says what is so already."""
    now = dict(there)
    for key in known:
        if key in ("phases", "tasks"):
            continue
        if key in wanted:
            # A list that is null or missing is an empty one.
            if not there or wanted[key] != [] or there.get(key):
                now[key] = _artifacts(there.get(key), wanted[key]) if key in _LISTS else wanted[key]
        elif key in there and not _is_unset(key, there[key]):
            del now[key]
            now |= {key: _UNSET[key]} if key in _UNSET else {}
    return {**{key: now[key] for key in known if key in now}, **now}


def _is_unset(key: str, held: object) -> bool:
    return original.is_unset_field(key, held) or (key == "iteration" and not held)


def _artifacts(there: Any, wanted: list[Any]) -> list[Any]:
    held = {one["path"]: one for one in there or ()}
    return [
        _dressed(held[one["path"]], one, original.ARTIFACT) if one["path"] in held else one for one in wanted
    ]
