"""A project in a folder of its own, for tests of what stands on it: real files, no git."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sow import document, eventlog, project, project_types, setup, splitting
from sow.change import Change
from sow.document import canonical
from sow.errors import BadFile
from sow.eventlog import EventLog
from sow.layout import PROJECT, Layout
from sow.store import Store
from sow.task import Task
from sow_schemas.documents import Actor

AT = "2026-11-21T10:00:00.000Z"
NOON = 1795262400.0
"""2026-11-21 12:00 UTC, in seconds since the epoch."""

OLD_STATES = Path(__file__).parents[1] / "states/original"
"""State files as the original program and people with it left them, one of each kind."""


class Ticking:
    """A clock that goes on by a second at each look."""

    def __init__(self, start: float = NOON) -> None:
        self.now = start

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def new_task(task_id: str = "010", **fields: Any) -> Task:
    """A pending task, with some fields as given."""
    given: dict[str, Any] = {
        "id": task_id, "name": f"task {task_id}", "phase": "implementation", "status": "pending",
        "created_at": AT, "updated_at": AT, "iteration": 1, "assigned_agent": "implementer",
        "inputs": [], "outputs": [],
    }  # fmt: skip
    return Task(**{**given, **fields})


def started(task: Task, *, session: str | None = "s-1") -> Task:
    """The task once an agent was started on it."""
    return task.start(session_id=session, executor="script", at=AT, worktree="/w", branch="b", base="c0")


def in_status(status: str) -> Task:
    """A task that came to `status` by its moves, with an agent's session behind it where that can be."""
    begun = started(new_task())
    asked = begun.pause("which?", kind="question", by="implementer", at=AT)
    handed = begun.hand_in("done")
    approved = handed.approve(by="ada", at=AT)
    by_status = {
        "pending": begun.postpone(not_before=None), "in_progress": begun, "paused": asked,
        "needs_review": handed, "completed": approved.complete(at=AT), "abandoned": begun.abandon(at=AT),
    }  # fmt: skip
    return by_status[status]


def layout(folder: Path) -> Layout:
    place = Layout(main=str(folder), folder=str(folder), name="demo")
    try:
        held = document.read_file(place.project_file).value
        return place.replace(name=held.get("name", "demo"), embedded=splitting.is_old(held))
    except (FileNotFoundError, BadFile):
        return place


def open_store(folder: Path | str, *, actor: Actor = "person", clock: Any = None) -> Store:
    """The store of the project in `folder`, as each process opens it for itself."""
    place = layout(Path(folder))
    ticking = clock or Ticking()
    return Store(place, EventLog(place.events, run_id=None, actor=actor, clock=ticking), ticking)


def new_store(folder: Path, *, clock: Any = None, kind: str = "standard") -> Store:
    """A new project in `folder`, with the phases of its type and no task."""
    store = open_store(folder, clock=clock)
    plan = project.plan("A demo of it all", branch="feat/demo", name="demo")
    for path, text in setup.first_documents(plan, project_types.built_in(kind), AT).items():
        whole = Path(store.layout.project, path)
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_text(text)
    return store


def old_store(folder: Path, text: bytes) -> Store:
    """A project as the original program keeps it, in one file that holds `text`."""
    path = folder / PROJECT / "state.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes(text)
    return open_store(folder)


def old_state(name: str) -> bytes:
    """The old state file of that name."""
    return (OLD_STATES / f"{name}.yaml").read_bytes()


def add(store: Store, task_id: str | None = None, **fields: Any) -> Task:
    """Adds a task of `new_task`'s kind."""
    return store.add_task(
        lambda given, _: new_task(given, **fields), description=fields.get("name", "do it"), task_id=task_id
    )


def put(store: Store, task: Task) -> Path:
    """Writes a task's state file past the store, as a person would; gives its path."""
    path = Path(store.layout.task_file(task.phase, task.id))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(canonical.emit(task.document()))
    return path


def keep(**changes: Any) -> Any:
    """A change that replaces some fields and tells nothing."""
    return lambda task: Change(task=task.replace(**changes))


def events(store: Store) -> list[dict[str, Any]]:
    """The whole log; a line that is none fails the test."""
    parsed = [(line, eventlog.parse(line)) for line in store.log.lines()]
    assert all(event for _, event in parsed), [line for line, event in parsed if not event]
    return [event for _, event in parsed if event]


def files_below(folder: Path | str) -> Iterator[str]:
    """The paths of all files below `folder`, relative to it."""
    walked = ((above, name) for above, _, names in os.walk(folder) for name in names)
    return (os.path.relpath(f"{above}/{name}", folder) for above, name in walked)


def temporary(store: Store) -> list[str]:
    """What writers leave when they are killed."""
    return sorted(
        path
        for path in itertools.chain(files_below(store.layout.project), files_below(store.layout.runtime))
        if path.endswith(".tmp") or "/.new-" in path
    )
