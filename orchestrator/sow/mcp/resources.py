"""What can be read by its address: the project, its tasks, what happened, guidance.

    sow://project                    the project on one page
    sow://events                     what happened last, an event a line
    sow://tasks/ID                   a task's document, with what is to be done
    sow://tasks/ID/description       what is to be done
    sow://tasks/ID/feedback          what was to be done better
    sow://tasks/ID/log               the notes of its agents
    sow://tasks/ID/transcript        what its agents said and did
    sow://tasks/ID/diff              what it changes
    sow://guidance/NAME              a role, a state of the project's type, or `report`

A worker reads what is its own task's, and the guidance.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sow.api import prompt
from sow.errors import NotFound
from sow.mcp.desk import Desk
from sow.mcp.kit import sayable
from sow.mcp.wording import Worded

if TYPE_CHECKING:
    from sow.api.task import Task

ROOT = "sow://"
JSON, MARKDOWN, TEXT, LINES = "application/json", "text/markdown", "text/plain", "application/x-ndjson"

LAST_EVENTS = 200
LAST_LINES = 2000


@dataclass(frozen=True, slots=True)
class Place:
    """Something that can be read, or with `{...}` in its address a whole kind of that."""

    address: str
    name: str
    about: str
    kind: str
    """Its media type."""


_PARTS: dict[str, tuple[str, str, Callable[[Task], str]]] = {
    "": ("its document, with what is to be done and what it used", JSON, lambda task: _page(task)),
    "description": ("what is to be done", MARKDOWN, lambda task: task.description()),
    "feedback": ("what was to be done better, of each iteration", MARKDOWN, lambda task: _feedback(task)),
    "log": ("the notes of its agents", MARKDOWN, lambda task: task.notes()),
    "transcript": ("what its agents said and did", TEXT, lambda task: _transcript(task)),
    "diff": ("what it changes", TEXT, lambda task: task.diff() or ""),
}
"""The parts of a task: what each is, its media type, how it is read."""


def listed(desk: Desk) -> list[Place]:
    """All that can be read just now but the parts of tasks: these are told by `templates`."""
    project = desk.project()
    tasks = [desk.task().state()] if not desk.drives else project.tasks().tasks
    found = [Place(of_task(task.id), f"task {task.id}", task.name, JSON) for task in tasks]
    if desk.drives:
        page = Place(f"{ROOT}project", "project", f"{project.name} on one page", JSON)
        events = Place(f"{ROOT}events", "events", f"what happened, the last {LAST_EVENTS} events", LINES)
        found = [page, events, *found]
    return found + [
        Place(f"{ROOT}guidance/{each.name}", f"guidance: {each.name}", each.about, MARKDOWN)
        for each in prompt.names(desk.store().type(), project.main)
    ]


def templates() -> list[Place]:
    """The kinds of addresses there are."""
    parts = [
        Place(of_task("{id}", part), f"task{f': {part}' if part else ''}", f"of a task {about}", kind)
        for part, (about, kind, _) in _PARTS.items()
    ]
    guides = "a role, a state of the project's type, or `report`"
    return [*parts, Place(f"{ROOT}guidance/{{name}}", "guidance", guides, MARKDOWN)]


def of_task(task_id: str, part: str = "") -> str:
    """The address of a task, or of a part of it."""
    return f"{ROOT}tasks/{task_id}" + (f"/{part}" if part else "")


def changed(task_id: str | None) -> list[str]:
    """The addresses of what an event about a task, or about none, has changed."""
    parts = ("", "description", "feedback", "log", "diff")
    of_it = [of_task(task_id, part) for part in parts] if task_id else []
    return [f"{ROOT}project", f"{ROOT}events", *of_it]


def read(desk: Desk, worded: Worded, address: str) -> tuple[str, str]:
    """What stands at an address: its media type, and it. Raises NotFound, or Refused where it is broken."""
    kind, text = _read(desk, worded, address)
    return kind, sayable(text)


def _read(desk: Desk, worded: Worded, address: str) -> tuple[str, str]:
    project = desk.project()
    match address.removeprefix(ROOT).split("/") if address.startswith(ROOT) else []:
        case ["project"] if desk.drives:
            return JSON, _json(project.status().as_json())
        case ["events"] if desk.drives:
            return LINES, "".join(f"{e.line}\n" for e in deque(project.events(), maxlen=LAST_EVENTS))
        case ["guidance", name]:
            return MARKDOWN, worded(project.prompt(name))
        case ["tasks", task_id, *rest] if len(rest) < 2 and (part := "".join(rest)) in _PARTS:
            if not desk.drives and task_id != desk.own:
                raise _not_a_workers(desk, address)
            _, kind, given = _PARTS[part]
            return kind, given(project.task(task_id))
    if not desk.drives:
        raise _not_a_workers(desk, address)
    raise NotFound(f"no resource {address}", f"see those there are, such as {ROOT}project")


def _not_a_workers(desk: Desk, address: str) -> NotFound:
    return NotFound(f"no resource {address} for a worker", f"its own task: {of_task(desk.own or '')}")


def _page(task: Task) -> str:
    page = task.page()
    return _json({**page.as_json(), "feedback": [each.as_json() for each in page.feedback]})


def _feedback(task: Task) -> str:
    return "\n".join(f"# {each.name}\n\n{each.text.strip()}\n" for each in task.feedback())


def _transcript(task: Task) -> str:
    return "".join(f"{line}\n" for line in deque(task.transcript(), maxlen=LAST_LINES))


def _json(held: object) -> str:
    return json.dumps(held, ensure_ascii=False, indent=1)
