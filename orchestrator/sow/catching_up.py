"""A project of the original that came in once takes in what its document has changed since.

    document --taken apart, with the ids of here--> parts --merged with what both had--> one change

A part is the project's own fields, a phase's, or a task's. What only the project has changed stays; what both
have changed is told, and stays as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sow import document, files, intake, original, splitting
from sow.change import Change, Event, Intake
from sow.document import Document, canonical
from sow.document.canonical import same
from sow.errors import Refused
from sow.formats import Raw
from sow.formats.merging import Merged, merge
from sow.layout import Layout
from sow.store import Store
from sow.task import IN_PROGRESS, NEEDS_REVIEW, Task, free_id

SYSTEM = "original"
IDS = "ids"
"""The part of a snapshot that says which task of the document is which: `phase/id` there, the id here."""

_GROUPS = (
    ("status", "started_at", "completed_at", "failed_at", "iteration", "session_id"),
    ("created_at",),
)  # fmt: skip
_SOFT = frozenset(("updated_at",))


@dataclass(slots=True)
class Update:
    """What a document has changed of a project that was here, and what it could not."""

    added: list[str] = field(default_factory=list)
    """The ids of new tasks."""
    changed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The parts that were changed, each with its fields."""
    conflicts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rejected: dict[str, str] = field(default_factory=dict)
    """Parts that can't be taken as they are now, each with the reason."""
    gone: list[str] = field(default_factory=list)
    """The tasks that the document has no more; they stay."""


def snapshot_path(layout: Layout) -> str:
    """Where it lies what a project and its document last had in common; there is one, wherever it lies."""
    return f"{layout.formats}/{SYSTEM}-project.json"


def parts(whole: Mapping[str, Any]) -> dict[str, Raw]:
    """The parts of a project's one document, each by its name."""
    found: dict[str, Raw] = {"project": {key: held for key, held in whole.items() if key != "phases"}}
    for name, phase in whole["phases"].items():
        found[f"phase {name}"] = {key: held for key, held in phase.items() if key != "tasks"}
        found |= {f"task {task['id']}": task for task in phase["tasks"]}
    return found


def note(layout: Layout, there: Mapping[str, Raw], ids: Mapping[str, str]) -> None:
    """Notes what project and document have in common."""
    files.make_folder(layout.formats)
    files.write(snapshot_path(layout), _text({**there, IDS: ids}))


def _text(records: Mapping[str, Raw]) -> str:
    return intake.text_of_snapshot(intake.Snapshot(records))


def ids_of(held: Document, old: splitting.Old) -> dict[str, str]:
    """Which task of a document is which here, once it was taken apart."""
    phases = original.taken_in(held.value)["phases"]
    there = {f"{name}/{task['id']}": task["id"] for name, phase in phases.items() for task in phase["tasks"]}
    return {**there, **old.renumbered}


def renumbered(held: Document, ids: Mapping[str, str], used: set[int]) -> tuple[Document, dict[str, str]]:
    """A document whose tasks have the ids that they have here, new ones free ids; and all ids, by place."""
    value = original.taken_in(held.value)
    found: dict[str, str] = {}
    taken = {*used, *map(int, ids.values())}
    for name, phase in value["phases"].items():
        for task in phase["tasks"]:
            place = f"{name}/{task['id']}"
            known = ids.get(place)
            if known is None:
                known = task["id"] if int(task["id"]) not in taken else free_id(taken)
            if known is None:
                raise Refused(f"there is no id left for task {place}", "take a task out of the document")
            taken.add(int(known))
            found[place] = known
    for name, phase in value["phases"].items():
        _with_moved_paths(phase, found)
        for task in phase["tasks"]:
            _with_moved_paths(task, found)
            task["id"] = found[f"{name}/{task['id']}"]
    return document.parse(canonical.emit(value).encode(), held.where), found


def _with_moved_paths(held: dict[str, Any], ids: Mapping[str, str]) -> None:
    """Gives the artifacts of a phase or task the paths that they have here."""
    for place, task_id in ids.items():
        name, there = place.split("/")
        for artifact in (*(held.get("inputs") or ()), *(held.get("outputs") or ())):
            if there != task_id:
                old, new = f"phases/{name}/tasks/{there}/", f"phases/{name}/tasks/{task_id}/"
                artifact["path"] = artifact["path"].replace(old, new)


def catch_up(store: Store, held: Document, base: intake.Snapshot, *, dry_run: bool) -> Update:
    """Takes in what the document has changed, all that can be taken or nothing. Raises Refused, Busy."""
    ids = {str(place): str(task_id) for place, task_id in base.records[IDS].items()}
    there, now = renumbered(held, ids, store.used_ids())
    apart = splitting.taken_apart(there, Layout(main="/", folder="/", name=store.layout.name), ())
    for fault in apart.faults.values():
        raise fault
    made: list[Update] = []

    def decide(tasks: tuple[Task, ...], used: frozenset[int]) -> Intake:
        catching = _Catching(store, apart, base)
        wanted = catching.intake({task.id: task for task in tasks})
        made.append(catching.update)
        after = {**catching.base, IDS: {**ids, **now}}
        changed = not same(after, dict(base.records))
        return wanted.replace(files={snapshot_path(store.layout): _text(after)} if changed else {})

    wanted = decide(store.tasks().tasks, frozenset())
    if not dry_run and (wanted.files or wanted.adds or wanted.changes or wanted.documents):
        store.take_in(decide, [change.task.id for change, _ in wanted.changes])
    return made[-1]


class _Catching:
    """What is decided so far."""

    def __init__(self, store: Store, apart: splitting.Old, base: intake.Snapshot) -> None:
        nowhere = Layout(main="/", folder="/", name=store.layout.name)
        self.store, self.layout, self.apart = store, nowhere, apart
        self.before = {name: held for name, held in base.records.items() if name != IDS}
        self.theirs = parts(original.given_document(whole_of(apart)))
        self.ours = parts(original.given(store.whole()))
        self.update = Update()
        self.base: dict[str, Raw] = dict(self.before)

    def intake(self, tasks: Mapping[str, Task]) -> Intake:
        """The change of the state."""
        adds: list[tuple[Change, str]] = []
        changes: list[tuple[Change, str]] = []
        documents: dict[str, Any] = {}
        events: list[Event] = []
        for key in ("name", "type", "branch"):
            there, here = (part["project"].get(key) for part in (self.theirs, self.ours))
            if there != here:
                raise Refused(
                    f"{key} is {there!r} in the document, and {here!r} here",
                    f"a project keeps its {key}: make it the same there",
                )
        for name, theirs in self.theirs.items():
            kind, _, which = name.partition(" ")
            if name not in self.ours:
                if kind == "task" and name not in self.before:
                    task = self._task(which, theirs["phase"])
                    adds.append((Change(task=task), ""))
                    self.update.added.append(which)
                    self.base[name] = theirs
                elif kind == "phase":
                    self.update.rejected[name] = "the project has no such phase"
                continue
            merged = self._merged(name, theirs, tasks.get(which) if kind == "task" else None)
            if merged is None:
                continue
            if kind == "task":
                task = self._changed(tasks[which], merged)
                told = Event(
                    type="task.changed", task_id=which, payload={"fields": [*self.update.changed[name]]}
                )
                changes.append((Change(task=task, events=(told,)), self.store.description(tasks[which])))
                continue
            held: Any = dict(self.store.phase(which) if kind == "phase" else self.store.project())
            _take(held, merged)
            documents[which] = held
            fields = [*self.update.changed[name]]
            events.append(
                Event(type="phase.changed", payload={"phase": which, "fields": fields})
                if kind == "phase"
                else Event(type="project.changed", payload={"fields": fields})
            )
        self.update.gone += [name for name in self._gone() if name in self.ours]
        return Intake(adds=tuple(adds), changes=tuple(changes), documents=documents, events=tuple(events))

    def _gone(self) -> Iterator[str]:
        return (name for name in self.before if name.startswith("task ") and name not in self.theirs)

    def _merged(self, name: str, theirs: Raw, task: Task | None) -> Merged | None:
        """What becomes of a part; None where nothing of it is taken."""
        ours = self.ours[name]
        merged = merge(self.before.get(name), theirs, ours, groups=_GROUPS, soft=_SOFT)
        if merged.conflicts:
            self.update.conflicts[name] = merged.conflicts
        # One that came so is the other program's, until an agent of ours has begun it.
        if task and task.status in (IN_PROGRESS, NEEDS_REVIEW) and task.attempts and "status" in merged.taken:
            self.update.rejected[name] = f"it is {task.status} here: end that first"
            return None
        # The project's own changes stay such, against what both had: a document is not written back.
        self.base[name] = merged.halfway
        if not merged.taken:
            return None
        self.update.changed[name] = merged.taken
        return merged

    def _task(self, task_id: str, phase: str) -> Task:
        """A task as the document has it."""
        return Task.from_document(self.apart.documents[self.layout.task_file(phase, task_id)].value)

    def _changed(self, task: Task, merged: Merged) -> Task:
        value: Any = dict(task.document())
        _take(value, merged)
        now = Task.from_document(value)
        if "status" in merged.taken and now.status == "paused" and now.question is None:
            question: Any = {
                "text": "it is paused in the document that it came from; answer to have it go on",
                "kind": "question", "by": "import", "asked_at": self.store.now(),
            }  # fmt: skip
            now = now.replace(question=question)
        elif "status" in merged.taken and now.status != "paused":
            now = now.replace(question=None)
        return now


def _take(value: dict[str, Any], merged: Merged) -> None:
    """Gives a document the fields that are taken."""
    for key in merged.taken:
        if key in merged.project:
            value[key] = merged.project[key]
        else:
            value.pop(key, None)


def whole_of(old: splitting.Old) -> dict[str, Any]:
    """The document with the ids that its tasks have here: the original gives them phase by phase."""
    nowhere = Layout(main="/", folder="/", name="")
    held = {path: one.value for path, one in old.documents.items()}
    tasks = [held[path] for path in sorted(old.tasks)]
    phases = {
        name: {**held[nowhere.phase_file(name)], "tasks": [task for task in tasks if task["phase"] == name]}
        for name in old.phases
    }
    return original.taken_in({**held[nowhere.project_file], "phases": phases})
