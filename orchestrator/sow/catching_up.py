"""A project of the original that came in once, and its document: each is told what the other has changed.

    document --taken apart, with the ids of here--> parts --merged with what both had--> one change
    document <--what only the project has changed (`sow.giving_back`)---------+

A part is the project's own fields, a phase's, or a task's. What both have changed is told, and stays on both
sides. An import takes the document's half of it, a sync does both; a part that says again what it said when
it came says nothing new.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sow import document, files, giving_back, intake, original, splitting
from sow import phase as phases
from sow.attempt import Attempts
from sow.change import Change, Event, Intake
from sow.document import Document, canonical
from sow.document.canonical import same
from sow.driving import Drivers
from sow.errors import Busy, Refused
from sow.formats import Raw
from sow.formats.merging import Merged, Side, merge
from sow.git.lease import GitLease
from sow.layout import Layout
from sow.project_types import metadata
from sow.store import Store
from sow.task import COMPLETED, IN_PROGRESS, NEEDS_REVIEW, Task, free_id

if TYPE_CHECKING:
    from sow_schemas.documents import TaskMoved

IDS = "ids"
"""The part of a snapshot that says which task of the document is which: `phase/id` there, the id here."""

_GROUPS = (
    ("status", "started_at", "completed_at", "failed_at", "iteration", "session_id"),
    ("created_at",),
)  # fmt: skip
_SOFT = frozenset(("updated_at",))


@dataclass(frozen=True, slots=True)
class Wish:
    """How a project and its document are brought in step."""

    back: bool = False
    """Whether the document is told what the project has changed."""
    prefer: Side | None = None
    doubt: bool | None = None
    """Whether an agent may have written what the document says now; None where a person vouches for it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something of a document can't be taken, and what to do."""

    reason: str
    hint: str


@dataclass(slots=True)
class Update:
    """What a document has changed of a project that was here, what it is told, what could not be taken."""

    added: list[str] = field(default_factory=list)
    """The ids of new tasks."""
    changed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The parts that were changed, each with its fields."""
    given: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The parts of the document that are told something, each with its fields; a new one with none."""
    conflicts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rejected: dict[str, Refusal] = field(default_factory=dict)
    """Parts that can't be taken as they are now."""
    gone: list[str] = field(default_factory=list)
    """The tasks that the document has no more; they stay."""

    @property
    def is_taken(self) -> bool:
        """Whether the project is changed."""
        return bool(self.added or self.changed)

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing that could not be taken."""
        return not (self.rejected or self.conflicts)

    @property
    def summary(self) -> str:
        """What became of how many parts, in words."""
        counts = {
            "added": len(self.added),
            "updated": len(self.changed),
            "given to the file": len(self.given),
            "in conflict": len(self.conflicts),
            "rejected": len(self.rejected),
            "no longer in the file": len(self.gone),
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing to do"


@dataclass(slots=True)
class Caught:
    """What came of it."""

    update: Update
    text: str
    """The document's text once it is told."""
    after: intake.Snapshot | None = None
    """What both have in common then; None where that is noted already."""


def snapshot_path(layout: Layout) -> str:
    """Where it lies what a project and its document last had in common; there is one, wherever it lies."""
    return f"{layout.formats}/{intake.WHOLE}"


def parts(whole: Mapping[str, Any]) -> dict[str, Raw]:
    """The parts of a project's one document, each by its name."""
    found: dict[str, Raw] = {"project": {key: held for key, held in whole.items() if key != "phases"}}
    for name, phase in whole["phases"].items():
        found[f"phase {name}"] = {key: held for key, held in phase.items() if key != "tasks"}
        found |= {f"task {task['id']}": task for task in phase["tasks"]}
    return found


def note(layout: Layout, there: Mapping[str, Raw], ids: Mapping[str, str], file: str) -> None:
    """Notes what project and document have in common when it comes in. `file`: where that lies."""
    keep(layout, intake.Snapshot({**there, IDS: ids}, file=file))


def keep(layout: Layout, held: intake.Snapshot) -> None:
    """Notes what both have in common."""
    files.make_folder(layout.formats)
    files.write(snapshot_path(layout), intake.text_of_snapshot(held))


def ids_of(held: Document, old: splitting.Old) -> dict[str, str]:
    """Which task of a document is which here, once it was taken apart."""
    phases = original.taken_in(held.value)["phases"]
    there = {f"{name}/{task['id']}": task["id"] for name, phase in phases.items() for task in phase["tasks"]}
    return {**there, **old.renumbered}


def moved(there: Mapping[str, Raw], noted: Mapping[str, str], before: Mapping[str, Raw]) -> dict[str, str]:
    """The places of a document's tasks that stood elsewhere when it was read last, each with where that was.

    `there`: the tasks by their places; `noted`: the ids here by the places of then; `before`: the tasks of
    then by their ids here. It is the same task if it was made at the same time, and has the name or the id
    of then; where that can be said of several, it is none of them.
    """
    left = {
        place: before[task_id]
        for place, task_id in noted.items()
        if task_id in before and _is_made(there.get(place), before[task_id]) is False
    }
    found: dict[str, str] = {}
    for place, task in there.items():
        if place in noted and place not in left:
            continue
        alike = {old: _likeness(place, task, old, then) for old, then in left.items()}
        most = max(alike.values(), default=0)
        best = [old for old, likeness in alike.items() if likeness == most and most]
        if len(best) == 1 and best[0] not in found.values():
            found[place] = best[0]
    return found


def _is_made(task: Raw | None, then: Raw) -> bool:
    """Whether a task was made at the time of another."""
    return task is not None and same(task.get("created_at"), then.get("created_at"))


def _likeness(place: str, task: Raw, old: str, then: Raw) -> int:
    """How much speaks for a task being the one that stood at another place; 0 for nothing."""
    if not _is_made(task, then):
        return 0
    return 2 * (task.get("name") == then.get("name")) + (place.partition("/")[2] == old.partition("/")[2])


def renumbered(
    held: Document,
    ids: Mapping[str, str],
    used: Collection[int],
    strange: Collection[str] = (),
    moves: Mapping[str, str] = {},
) -> tuple[Document, dict[str, str]]:
    """A document whose tasks have the ids that they have here, new ones free ids; and all ids, by place.

    `strange`: the places of tasks that are not those of which the ids are noted for them. `moves`: the places
    where tasks stand that stood elsewhere, each with the place for which the id is noted.
    """
    value = original.taken_in(held.value)
    found: dict[str, str] = {}
    taken, there = {*used, *map(int, ids.values())}, set[str]()
    for place, task in giving_back.places(value):
        known = ids.get(moves[place]) if place in moves else ids.get(place) if place not in strange else None
        if known is None or known in there:
            known = task["id"] if int(task["id"]) not in taken else free_id(taken)
        if known is None:
            raise Refused(f"there is no id left for task {place}", "take a task out of the document")
        taken.add(int(known))
        there.add(known)
        found[place] = known
    # A task that stood elsewhere may still name its files as they were called there.
    named = {**{old: found[place] for place, old in moves.items() if old not in found}, **found}
    for phase in value["phases"].values():
        _with_moved_paths(phase, named)
    for place, task in giving_back.places(value):
        _with_moved_paths(task, named)
        task["id"] = found[place]
    return document.parse(canonical.emit(value).encode(), held.where), found


def _with_moved_paths(held: dict[str, Any], ids: Mapping[str, str]) -> None:
    """Gives the artifacts of a phase or task the paths that they have here."""
    for place, task_id in ids.items():
        name, there = place.split("/")
        for artifact in (*(held.get("inputs") or ()), *(held.get("outputs") or ())):
            if there != task_id:
                artifact["path"] = giving_back.moved(artifact["path"], name, there, task_id)


def catch_up(store: Store, held: Document, base: intake.Snapshot, wish: Wish, *, dry_run: bool) -> Caught:
    """Takes in what the document has changed, all that can be taken or nothing. Raises Refused, Busy.

    The document is not written: that is up to who has read it.
    """
    made: list[_Catching] = []
    still: set[str] | None = None

    def decide(tasks: tuple[Task, ...], used: frozenset[int]) -> Intake:
        made.append(catching := _Catching(store, held, base, wish, used, still))
        wanted = catching.intake({task.id: task for task in tasks})
        # What it is told to be is noted before it is told: killed in between, it is known again.
        halfway = catching.snapshot(catching.halfway, {**catching.ids, **catching.ids_once_told()})
        text, before = intake.text_of_snapshot(halfway), intake.text_of_snapshot(base)
        is_noted = same(json.loads(text), json.loads(before))
        return wanted.replace(files={} if is_noted else {snapshot_path(store.layout): text})

    wanted = decide(store.tasks().tasks, frozenset(store.used_ids()))
    if not dry_run and (wanted.adds or wanted.changes or wanted.documents or store.journal.left()):
        with _kept_still(store, made[-1].moves) as still:
            store.take_in(decide, [change.task.id for change, _ in wanted.changes])
    elif not dry_run:
        for path, text in wanted.files.items():
            files.make_folder(store.layout.formats)
            files.write(path, text)  # of the project nothing is another: it is not even split
    done = made[-1]
    if not done.wanted:
        return Caught(done.update, held.text)
    text = giving_back.text(held, done.now, done.wanted)
    return Caught(done.update, text, done.snapshot(done.base, done.ids_once_told()))


@contextmanager
def _kept_still(store: Store, ids: Collection[str]) -> Iterator[set[str]]:
    """Nobody drives the tasks that are to move, nor commits half of it; gives those of which that is so."""
    still: set[str] = set()
    with ExitStack() as held:
        for task_id in sorted(ids):
            with suppress(Busy):
                held.enter_context(Drivers(store).kept_off(task_id))
                still.add(task_id)
        if still:
            held.enter_context(GitLease(store.layout.git_lock))
        yield still


class _Catching:
    """What is decided so far."""

    def __init__(
        self,
        store: Store,
        held: Document,
        base: intake.Snapshot,
        wish: Wish,
        used: Collection[int],
        still: Collection[str] | None,
    ) -> None:
        """`still`: the tasks that may move, for nobody drives them; None while that is not asked yet."""
        self.store, self.layout = store, Layout(main="/", folder="/", name=store.layout.name)
        self.held, self.known, self.wish = held, base, wish
        self.name = intake.shown_path(held.where, store.layout)
        whole = store.whole()
        for broken in whole.tasks.broken:
            raise broken.fault
        self.ours = parts(original.given(whole))
        self.before = {name: part for name, part in base.records.items() if name != IDS}
        noted = {str(place): str(task_id) for place, task_id in base.records[IDS].items()}
        known = {name.removeprefix("task "): part for name, part in self.before.items() if name != "project"}
        stand = moved(dict(giving_back.places(original.taken_in(held.value))), noted, known)
        there, self.now = renumbered(
            held, noted, used, {*self._strange(noted), *stand.values()} - stand.keys(), stand
        )
        for old in stand.values():
            del noted[old]
        self.ids = {**noted, **self.now}
        self.still, self.moves = still, list[str]()
        self.apart = splitting.taken_apart(there, self.layout, ())
        for fault in self.apart.faults.values():
            raise fault
        self.theirs = parts(original.given_document(whole_of(self.apart)))
        self.update = Update()
        self.wanted: dict[str, Raw] = {}
        """The parts of the document that are to be others."""
        self.base: dict[str, Raw] = dict(self.before)
        self.halfway: dict[str, Raw] = dict(self.before)
        self.doubted: dict[str, Raw] = {}

    def ids_once_told(self) -> dict[str, str]:
        """Which task of the document is which, once it is told."""
        gone = {place: task_id for place, task_id in self.ids.items() if place not in self.now}
        return {**gone, **giving_back.given_places(self.held.value, self.now, self.wanted)}

    def snapshot(self, records: Mapping[str, Raw], ids: Mapping[str, str]) -> intake.Snapshot:
        """What both have in common then, and what the document said that was taken."""
        refused = {*self.update.rejected, *self.update.conflicts}
        came: dict[str, Raw] = {}
        for name, part in self.theirs.items():
            before = self.known.came_as(name)
            is_ours = name in self.before and same(part, self.before[name])
            if name not in refused and not (is_ours and before):
                before = part
            if before is not None:
                came[name] = before
        return intake.Snapshot({**records, IDS: ids}, came, self.doubted, self.held.where)

    def intake(self, tasks: Mapping[str, Task]) -> Intake:
        """The change of the state."""
        adds: list[tuple[Change, str]] = []
        changes: list[tuple[Change, str]] = []
        documents: dict[str, Any] = {}
        events: list[Event] = []
        self._check_same_project()
        for name, theirs in self.theirs.items():
            kind, _, which = name.partition(" ")
            if name not in self.ours:
                if self._is_new(name, kind):
                    task = self._task(which, theirs["phase"])
                    adds.append((Change(task=task), ""))
                    self.update.added.append(which)
                    self.base[name] = self.halfway[name] = theirs
                continue
            merged = self._merged(name, theirs, tasks.get(which) if kind == "task" else None)
            if merged is None:
                continue
            if kind == "task":
                task = self._changed(tasks[which], merged)
                told = (*self._told(tasks[which], task, self.update.changed[name]),)
                changes.append((Change(task=task, events=told), self.store.description(tasks[which])))
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
        self._look_back()
        return Intake(adds=tuple(adds), changes=tuple(changes), documents=documents, events=tuple(events))

    def _strange(self, noted: Mapping[str, str]) -> set[str]:
        """The places where another task stands than the one that was to be given to the document there.

        It is noted before the document is written, which somebody else may write, too.
        """
        found = set()
        for place, task in giving_back.places(original.taken_in(self.held.value)):
            name = f"task {noted.get(place)}"
            ours = self.ours.get(name)
            if name not in self.before and ours and ours["created_at"] != task["created_at"]:
                found.add(place)
        return found

    def _check_same_project(self) -> None:
        for key in ("name", "type", "branch"):
            there, here = (part["project"].get(key) for part in (self.theirs, self.ours))
            if there != here:
                raise Refused(
                    f"{key} is {there!r} in the document, and {here!r} here",
                    f"a project keeps its {key}: make it the same there",
                )

    def _is_new(self, name: str, kind: str) -> bool:
        """Whether a part that is not here is a new task."""
        if kind == "task" and name not in self.before:
            return True
        self.update.rejected[name] = (
            Refusal("the project has no such phase", "take it out of the document")
            if kind == "phase"
            else Refusal("it was a task here and was removed", "take it out of the document as well")
        )
        return False

    def _look_back(self) -> None:
        """What the document does not have: tasks that somebody took out, and those that are new here."""
        for name, ours in self.ours.items():
            if name in self.theirs:
                continue
            if name in self.before:
                self.update.gone += [name] if name.startswith("task ") else []
            elif self.wish.back:
                self.update.given[name] = ()
                self.wanted[name] = self.base[name] = ours

    def _merged(self, name: str, theirs: Raw, task: Task | None) -> Merged | None:
        """What becomes of a part; None where nothing of it is taken."""
        base = self.before.get(name)
        if base is not None and same(theirs, self.known.came_as(name)):
            base = theirs
        merged = merge(base, theirs, self.ours[name], groups=_GROUPS, soft=_SOFT, prefer=self.wish.prefer)
        if refusal := self._refusal(name, theirs, merged, task):
            self.update.rejected[name] = refusal
            return None
        if merged.conflicts:
            self.update.conflicts[name] = merged.conflicts
        if merged.given and self.wish.back:
            self.update.given[name] = merged.given
            self.wanted[name] = merged.file
        # Until the document is written, the project's own changes stay such, against what both had.
        self.base[name], self.halfway[name] = merged.base, merged.halfway
        if not merged.taken:
            return None
        self.update.changed[name] = merged.taken
        return merged

    def _refusal(self, name: str, theirs: Raw, merged: Merged, task: Task | None) -> Refusal | None:
        """Why nothing is taken of a part; None where it can be."""
        # One that came so is the other program's, until an agent of ours has begun it.
        if task and task.status in (IN_PROGRESS, NEEDS_REVIEW) and task.attempts and "status" in merged.taken:
            return Refusal(
                f"it is {task.status} here: end that first",
                f"`sow review {task.id}`, `sow agent stop {task.id}`",
            )
        if task and "phase" in merged.taken and (refusal := self._refused_move(task, merged)):
            return refusal
        was_doubted = name in self.known.doubted and same(theirs, self.known.doubted[name])
        if merged.taken and self.wish.doubt is not None and (self.wish.doubt or was_doubted):
            self.doubted[name] = theirs
            return Refusal(
                f"{', '.join(merged.taken)}: changed while agents were at work, maybe by one",
                f"if it was you, have it taken: `sow sync {self.name}`",
            )
        return None

    def _refused_move(self, task: Task, merged: Merged) -> Refusal | None:
        """Why a task can't go to the phase in which the document has it; None where it can."""
        phase = str(merged.project["phase"])
        self.moves.append(task.id)
        if f"phase {phase}" not in self.ours:
            return Refusal(f"the project has no phase {phase}", f"put it back into phase {task.phase}")
        if task.status == COMPLETED and task.commit:
            return Refusal(
                f"its work is merged: it stays in phase {task.phase}", f"put it back into phase {task.phase}"
            )
        try:
            phases.check_tasks(self.store.type(), phase)
            there = task.replace(phase=phase)
            if (schema := self.store.task_metadata(there)) and "metadata" in merged.project:
                metadata.check(schema, merged.project["metadata"], f"task {task.id}")
            Attempts(self.store.layout).check_at_rest(task.id)
            if self.still is not None and task.id not in self.still:
                raise Busy(f"somebody is at work on task {task.id}", "try again when they have ended")
        except (Refused, Busy) as fault:
            return Refusal(f"it can't go to phase {phase}: {fault}", fault.hint)
        return None

    def _told(self, before: Task, now: Task, fields: tuple[str, ...]) -> Iterator[Event]:
        """What tells a change of a task, and its way to another phase."""
        if now.phase != before.phase:
            goes: TaskMoved = {"source": before.phase, "target": now.phase}
            yield Event(type="task.moved", task_id=now.id, payload=goes)
        if rest := [each for each in fields if each != "phase"]:
            yield Event(type="task.changed", task_id=now.id, payload={"fields": rest})

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
