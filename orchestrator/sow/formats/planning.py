"""What becomes of a project when a file of another system is taken in: decided whole, then done.

records --merge with what was there--> tasks to add, tasks to change
   |
   +--> rejected (with a reason), in conflict, in another project, left for want of room
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Literal

from sow import ready
from sow.change import Change, Event
from sow.document import canonical
from sow.document.canonical import same
from sow.errors import Refused
from sow.fields import check_description
from sow.formats import (
    IMPORT,
    Format,
    Held,
    Raw,
    Reading,
    Record,
    Rejected,
    Routes,
    Standing,
    Wanted,
    with_source,
)
from sow.formats.merging import Merged, Side, merge
from sow.task import (
    ABANDONED,
    COMPLETED,
    HIGHEST_ID,
    IN_PROGRESS,
    NEEDS_REVIEW,
    PAUSED,
    PENDING,
    Task,
    free_id,
)

if TYPE_CHECKING:
    from sow_schemas import documents

Mode = Literal["import", "sync"]


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a plan is made from."""

    held: tuple[Held, ...]
    """The project's tasks."""
    base: Mapping[str, Raw] | None
    """The records that file and project last had in common; None where nobody knows."""
    routes: Routes
    at: str
    phase: str
    """Where new tasks go."""
    used: frozenset[int] = frozenset()
    """The numbers of ids that are given."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Records that other projects of the repository have, with the name of each."""
    others: frozenset[str] = frozenset()
    """Records of this system that came with another file."""
    check: Callable[[Task, Task], None] = lambda before, after: None
    """Raises Refused for a change that is not an import's to make."""
    doubted: frozenset[str] = frozenset()
    """Records that an agent may have written: none of them moves a task."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a person said of how it is to be done."""

    mode: Mode = "import"
    fill: bool = False
    """Whether as many are taken as there is room for, and the rest is left."""
    prefer: Side | None = None
    spread: bool = False
    """Whether what is left goes into other projects."""
    dropped: bool = False
    """Whether the file was dropped here, or is a list of issues: it is told of its own tasks alone."""


class Doubted(Refused):
    """A record that may be an agent's moves a task, which only a person may."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A record that file and project have both changed."""

    id: str
    task_id: str
    place: str
    keys: tuple[str, ...]


@dataclass(slots=True)
class Plan:
    """What is to be done, and what is not."""

    adds: list[tuple[Record, Task, str]] = field(default_factory=list)
    """New tasks, each with its record and its description."""
    changes: list[tuple[Record, Change, tuple[str, ...]]] = field(default_factory=list)
    """Changed tasks, each with its record and the keys that the file has changed."""
    descriptions: dict[str, str] = field(default_factory=dict)
    """The descriptions of the tasks that change, by their ids."""
    same: list[tuple[Record, str]] = field(default_factory=list)
    """Records of which nothing is new, each with the id of its task."""
    rejected: list[Rejected] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    elsewhere: list[tuple[Record, str]] = field(default_factory=list)
    """Records that are tasks of another project, each with its name."""
    left: list[Record] = field(default_factory=list)
    """Records for which there is no room."""
    gone: list[tuple[str, str]] = field(default_factory=list)
    """Records that somebody took out of the file, each with the id of its task, which stays."""
    give: dict[str, Raw] = field(default_factory=dict)
    """Records as the file shall have them, where it has them otherwise or not at all."""
    base: dict[str, Raw] = field(default_factory=dict)
    """What file and project have in common, once both are as planned."""
    halfway: dict[str, Raw] = field(default_factory=dict)
    """The same while only the project is."""
    doubted: dict[str, Raw] = field(default_factory=dict)
    """Records that were rejected because an agent may have written them."""

    @property
    def changes_nothing(self) -> bool:
        """Whether the project stays as it is."""
        return not (self.adds or self.changes)

    @property
    def is_whole(self) -> bool:
        """Whether there is nothing that could not be taken."""
        return not (self.rejected or self.conflicts)

    def reject(self, record: Record, fault: Refused) -> None:
        if isinstance(fault, Doubted):
            self.doubted[record.id] = record.raw
        self.rejected.append(Rejected(record.id, record.place, str(fault), fault.hint))


@dataclass(frozen=True, slots=True)
class _Change:
    """A record that a task has already, and what becomes of both."""

    record: Record
    held: Held
    before: Wanted
    wanted: Wanted
    merged: Merged
    moves: bool
    """Whether the file has changed where the task stands."""


def plan(how: Format, reading: Reading, scene: Scene, options: Options) -> Plan:
    """What becomes of the project. Raises Refused where there is no room for the new tasks."""
    return _Planning(how, reading, scene, options).made()


class _Planning:
    """What is decided so far."""

    def __init__(self, how: Format, reading: Reading, scene: Scene, options: Options) -> None:
        self.how, self.reading, self.scene, self.options = how, reading, scene, options
        ids = {held.task.id: how.id_of(held.task) for held in scene.held}
        self.held = {ids[held.task.id]: replace(held, ids=ids) for held in scene.held}
        self.plan = Plan(rejected=list(reading.rejected))
        self.new: dict[str, tuple[Record, Wanted]] = {}
        self.changed: dict[str, _Change] = {}

    def made(self) -> Plan:
        for record in self.reading.records:
            try:
                self.look_at(record)
            except Refused as fault:
                self.reject(record, fault)
        self.drop_unmet()
        self.make_room()
        numbers = self.numbers()
        self.drop_circles(numbers)
        names = _turned(numbers)
        for record, wanted in self.new.values():
            task = new_task(numbers[record.id], wanted, self.needed(wanted, numbers), self.scene)
            self.plan.adds.append((record, task, wanted.description))
            self.know(record.id, record.raw)
            # One that failed at once goes back as such.
            back = self.how.given(Held(task, wanted.description, names), self.scene.routes)
            if not same(back, dict(record.raw)) and self.options.mode == "sync":
                self.give(record.id, back)
        for change in self.changed.values():
            self.keep(change, numbers)
        self.look_back()
        return self.plan

    # -- record by record ----------------------------------------------------------------------

    def look_at(self, record: Record) -> None:
        """Decides what a record is: new, of a task that is there, or neither."""
        held = self.held.get(record.id)
        if held is not None:
            self.changed[record.id] = self.change(record, held)
        elif project := self.scene.elsewhere.get(record.id):
            self.plan.elsewhere.append((record, project))
        elif self.scene.base is not None and record.id in self.scene.base:
            raise Refused(
                "it was a task here and was removed",
                "take it out of the file as well, or add it anew: `sow task add`",
            )
        else:
            wanted = self.asked(record, record.raw)
            self.check_room(wanted)
            self.new[record.id] = record, wanted

    def change(self, record: Record, held: Held) -> _Change:
        """What becomes of a record and of the task that it is."""
        ours = self.how.given(held, self.scene.routes)
        base = None if self.scene.base is None else self.scene.base.get(record.id)
        if base is None and (self.options.mode == "import" or self.options.dropped):
            base = ours
        mended = self.mended(record, held, ours)
        merged = merge(
            base, record.raw, mended or ours,
            groups=self.how.groups, soft=self.how.soft, prefer=self.options.prefer,
        )  # fmt: skip
        before, after = self.how.status(base or ours), self.how.status(merged.project)
        moves = mended is not None or (before != after and self.how.status(ours) != after)
        if moves and mended is None:
            self.how.check_step(before, after, summed=self.options.mode == "sync")
        if self.options.mode == "sync":
            self.check_end(record, merged)
        if moves or "result" in merged.taken:
            if mended is None:
                self.check_trusted(record, held.task, after)
            _check_free(held.task)
        wanted = self.asked(record, merged.project)
        self.check_room(wanted)
        if moves:
            # Refused now, where it can't be.
            self.scene.check(held.task, _moved(held.task, wanted.standing, self.scene.at))
        return _Change(record, held, self.asked(record, ours), wanted, merged, moves)

    def check_room(self, wanted: Wanted) -> None:
        """Raises Refused for what no file of a task can hold: else all that comes with it were refused."""
        check_description(wanted.description)
        try:
            canonical.emit(new_task("000", wanted, [], self.scene).document())
        except canonical.Unwritable as fault:
            raise Refused(f"no task's state file can hold it: {fault}", "make it smaller") from fault

    def check_end(self, record: Record, merged: Merged) -> None:
        """Raises Refused where the file would be told of a step out of what is an end there."""
        there, told = self.how.status(record.raw), self.how.status(merged.file)
        standing = self.how.wanted(record.raw, self.scene.routes, self.scene.at).standing.status
        if there != told and standing in (COMPLETED, ABANDONED):
            self.how.check_step(there, told, summed=True)

    def check_trusted(self, record: Record, task: Task, after: str) -> None:
        """Raises Doubted where an agent may have written what a record says of where its task stands."""
        if record.id in self.scene.doubted:
            raise Doubted(
                f"task {task.id} is to be {after}, which was written while agents were at work, maybe by one",
                "if it was you, have it taken: `sow sync FILE`",
            )

    def mended(self, record: Record, held: Held, ours: Raw) -> Raw | None:
        """The record of a task that failed at its import, as if it had not; None unless it is good now."""
        question, error = held.task.question, held.task.error
        came_so = question and question["by"] == IMPORT and error and error["error_type"] == "validation"
        origin = (held.task.metadata or {}).get("source")
        came_from_here = isinstance(origin, dict) and origin.get("system") == self.how.name
        if (
            not (came_so and came_from_here)
            or self.how.wanted(record.raw, self.scene.routes, self.scene.at).standing.question
        ):
            return None
        return record.raw

    # -- all together --------------------------------------------------------------------------

    def drop_unmet(self) -> None:
        """Takes out what depends on something that is not there, and what depends on that."""
        known = {*self.held, *self.new}
        while True:
            unmet = [
                (record, next(needed for needed in wanted.depends_on if needed not in known))
                for record, wanted in self.wanted()
                if not known.issuperset(wanted.depends_on)
            ]
            if not unmet:
                return
            for record, needed in unmet:
                self.reject(record, self.unmet(needed))
                if record.id not in self.held:
                    known.discard(record.id)

    def unmet(self, needed: str) -> Refused:
        if project := self.scene.elsewhere.get(needed):
            return Refused(f"depends_on: {needed} is a task of project {project}", "take it in there")
        if any(one.id == needed for one in self.plan.rejected):
            return Refused(f"depends_on: {needed} could not be taken", "mend that one first")
        return Refused(f"depends_on: there is no {needed}", "add it to the file, or take it out of the list")

    def make_room(self) -> None:
        """Leaves out what there are no ids for. Raises Refused where nobody has said that it may."""
        room = HIGHEST_ID - len(self.scene.used)
        if len(self.new) <= room:
            return
        if not self.options.fill:
            raise Refused(
                f"there are {len(self.new):,} new tasks, and room for {room:,}: a project has {HIGHEST_ID}",
                "take what there is room for: --fill",
            )
        kept: set[str] = set()
        groups = list(_groups(self.new))
        if self.options.spread and (largest := max(map(len, groups))) > HIGHEST_ID:
            raise Refused(
                f"{largest:,} tasks depend on each other, and one project has {HIGHEST_ID}",
                "take out some of what stands under depends_on",
            )
        for group in groups:
            if len(kept) + len(group) <= room:
                kept.update(group)
        self.plan.left += [record for name, (record, _) in self.new.items() if name not in kept]
        self.new = {name: new for name, new in self.new.items() if name in kept}

    def numbers(self) -> dict[str, str]:
        """The ids of all tasks, those to come too, by their records'."""
        used = set(self.scene.used)
        found = {name: held.task.id for name, held in self.held.items()}
        for name in self.new:
            task_id = free_id(used)
            assert task_id, "there is room"
            used.add(int(task_id))
            found[name] = task_id
        return found

    def drop_circles(self, numbers: Mapping[str, str]) -> None:
        """Takes out what would depend on itself by way of others."""
        names = _turned(numbers)
        while found := ready.circle(self.graph(numbers)):
            inside = {names[task_id] for task_id in found}
            mine = [record for record, _ in self.wanted() if record.id in inside]
            told = " -> ".join(names[task_id] for task_id in found)
            for record in mine:
                self.reject(record, Refused(f"depends_on: {told} is a circle", "take one of them out"))
            if not mine:
                return  # it was there before: nothing of this makes it worse
            self.drop_unmet()

    def graph(self, numbers: Mapping[str, str]) -> Iterator[Task]:
        """The tasks as they would depend on each other."""
        for name, held in self.held.items():
            change = self.changed.get(name)
            needed = self.needed(change.wanted, numbers) if change else held.task.depends_on
            yield held.task.replace(depends_on=list(needed or ()))
        for record, wanted in self.new.values():
            yield new_task(numbers[record.id], wanted, self.needed(wanted, numbers), self.scene)

    def needed(self, wanted: Wanted, numbers: Mapping[str, str]) -> list[str]:
        return [numbers[name] for name in wanted.depends_on]

    def keep(self, change: _Change, numbers: Mapping[str, str]) -> None:
        """Notes what becomes of a record and its task."""
        record, merged, task = change.record, change.merged, change.held.task
        needed = self.needed(change.wanted, numbers)
        outcome = changed_task(change.held, change.before, change.wanted, needed, change.moves, self.scene)
        if merged.conflicts:
            self.plan.conflicts.append(Conflict(record.id, task.id, record.place, merged.conflicts))
        if outcome is not None and (merged.taken or change.moves):
            self.plan.changes.append((record, outcome[0], merged.taken))
            self.plan.descriptions[task.id] = outcome[1]
        elif not merged.conflicts:
            self.plan.same.append((record, task.id))
        if merged.given and self.options.mode == "sync":
            self.plan.give[record.id] = merged.file
        self.plan.base[record.id] = merged.base
        self.plan.halfway[record.id] = merged.halfway

    def look_back(self) -> None:
        """What the file does not have: tasks that are to go there, and records that somebody took out."""
        base = self.scene.base or {}
        here = {record.id for record in self.reading.records} | {one.id for one in self.reading.rejected}
        for name, raw in base.items():
            if name not in self.plan.base:
                self.know(name, raw)
        for name, held in self.held.items():
            if name in here:
                continue
            if name in base:
                self.plan.gone.append((name, held.task.id))
            elif self.takes_in_ours and name not in self.scene.others:
                self.give(name, self.how.given(held, self.scene.routes))

    # -- helpers -------------------------------------------------------------------------------

    @property
    def takes_in_ours(self) -> bool:
        """Whether the project's other tasks go into the file, too."""
        return self.options.mode == "sync" and not (self.options.dropped or self.how.is_one)

    def asked(self, record: Record, raw: Raw) -> Wanted:
        """What a version of a record asks its task to be."""
        wanted = self.how.wanted(raw, self.scene.routes, self.scene.at)
        source = {"system": self.how.name, "id": record.id, **wanted.source}
        return replace(wanted, source=source)

    def wanted(self) -> Iterator[tuple[Record, Wanted]]:
        yield from self.new.values()
        yield from ((one.record, one.wanted) for one in self.changed.values())

    def reject(self, record: Record, fault: Refused) -> None:
        self.new.pop(record.id, None)
        self.changed.pop(record.id, None)
        self.plan.reject(record, fault)

    def know(self, name: str, raw: Raw) -> None:
        self.plan.base[name] = self.plan.halfway[name] = raw

    def give(self, name: str, raw: Raw) -> None:
        """Has the file take a record; until it does, there is nothing in common about that."""
        self.plan.give[name] = self.plan.base[name] = raw


def summary(done: Plan) -> str:
    """A plan in one line."""
    counts = {
        "added": len(done.adds),
        "updated": len(done.changes),
        "as they were": len(done.same),
        "given to the file": len(done.give),
        "in conflict": len(done.conflicts),
        "rejected": len(done.rejected),
        "in other projects": len(done.elsewhere),
        "left for want of room": len(done.left),
        "no longer in the file": len(done.gone),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing to do"


def _turned(numbers: Mapping[str, str]) -> dict[str, str]:
    return {task_id: name for name, task_id in numbers.items()}


def _groups(new: Mapping[str, tuple[Record, Wanted]]) -> Iterable[list[str]]:
    """The new records, those that depend on each other together, in the order of the file."""
    above: dict[str, str] = {name: name for name in new}

    def top(name: str) -> str:
        while above[name] != name:
            above[name] = name = above[above[name]]
        return name

    for name, (_, wanted) in new.items():
        for needed in wanted.depends_on:
            if needed in above:
                above[top(name)] = top(needed)
    groups: dict[str, list[str]] = {}
    for name in new:
        groups.setdefault(top(name), []).append(name)
    return groups.values()


# -- tasks -----------------------------------------------------------------------------------------


def new_task(task_id: str, wanted: Wanted, depends_on: list[str], scene: Scene) -> Task:
    """The task of a record that is none yet."""
    standing, at = wanted.standing, scene.at
    task = Task(
        id=task_id, name=wanted.name, phase=scene.phase, status=standing.status,
        created_at=wanted.created_at or at, updated_at=at, iteration=1, assigned_agent=wanted.agent,
        inputs=[], outputs=[], metadata={"source": dict(wanted.source)}, priority=wanted.priority,
        depends_on=depends_on or None, task_type=wanted.task_type, params=wanted.params,
        result=standing.result, error=standing.error, not_before=standing.not_before or None,
    )  # fmt: skip
    if standing.status == PAUSED:
        return _asked(task, standing, at)
    if standing.status in (COMPLETED, ABANDONED):
        return task.replace(completed_at=standing.ended_at or at)
    return task


def _asked(task: Task, standing: Standing, at: str) -> Task:
    return task.replace(
        status=PAUSED,
        question={"text": standing.question, "kind": standing.kind, "by": IMPORT, "asked_at": at},
    )


def told(task: Task) -> tuple[Event, ...]:
    """The events of where an imported task stands, besides that it was made."""
    event = _told(task)
    return (event,) if event else ()


def _told(task: Task) -> Event | None:
    if task.status == PAUSED and task.question:
        asked: documents.TaskPaused = {"question": task.question["text"], "kind": task.question["kind"]}
        return Event(type="task.paused", task_id=task.id, payload=asked)
    if task.status == COMPLETED:
        return Event(type="task.completed", task_id=task.id, payload={"duration_sec": 0.0})
    if task.status == ABANDONED:
        return Event(type="task.abandoned", task_id=task.id, payload={"reason": "imported as such"})
    return None


def changed_task(
    held: Held, before: Wanted, after: Wanted, needed: list[str], moves: bool, scene: Scene
) -> tuple[Change, str] | None:
    """What becomes of a task and its description by its record, which was `before`; None for nothing.

    What the record says as it did before is left as it is here: not every format can say it all.
    """
    task = held.task
    now = task.replace(metadata=with_source(task.metadata, after.source))
    if after.agent != before.agent:
        now = now.replace(assigned_agent=after.agent)
    if after.name != before.name == task.name:
        now = now.replace(name=after.name)
    if after.task_type != before.task_type:
        now = now.replace(task_type=after.task_type)
    if not same(after.params, before.params):
        now = now.replace(params=after.params)
    if after.priority != before.priority:
        now = now.replace(priority=after.priority)
    if after.depends_on != before.depends_on:
        now = now.replace(depends_on=needed or None)
    if moves:
        now = _moved(now, after.standing, scene.at)
    description = held.description
    if after.description != before.description:
        description = after.description + _without(description.strip(), before.description)
    fields = [
        name
        for name in Task._fields
        if not same(getattr(task, name), getattr(now, name)) and name != "question"
    ]
    fields += ["description"] if description != held.description else []
    if not fields and now == task:
        return None
    events = [Event(type="task.changed", task_id=task.id, payload={"fields": fields})]
    if moves and (event := _told(now)):
        events.append(event)
    elif moves and now.status == PENDING:
        payload: documents.TaskRetryScheduled = {"not_before": scene.at, "reason": "imported"}
        events.append(Event(type="task.retry_scheduled", task_id=task.id, payload=payload))
    return Change(task=now, events=tuple(events)), description


def _without(description: str, told: str) -> str:
    """A description without the beginning that a record told: what was said here stays."""
    if description.startswith(told):
        return description.removeprefix(told)
    lines, known = description.split("\n"), told.split("\n")
    same_ = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(lines, known, strict=False)))
    return "\n".join(("", *lines[same_:]))


def _check_free(task: Task) -> None:
    """Raises Refused where sow's own agents have begun what a record speaks of."""
    if task.status in (IN_PROGRESS, NEEDS_REVIEW):
        raise Refused(
            f"task {task.id} is {task.status} here",
            f"end that first: `sow review {task.id}`, `sow agent stop {task.id}`",
        )


def _moved(task: Task, standing: Standing, at: str) -> Task:
    """The task where its record says that it stands now. Raises Refused where no move leads there."""
    match standing.status:
        case "pending":
            after = task if task.status == PENDING else task.retry()
            return after.replace(result=None, error=None, error_detail=None)
        case "paused":
            if task.status != PAUSED:
                task = task.pause(standing.question, kind=standing.kind, by=IMPORT, at=at)
            return _asked(task, standing, at).replace(result=standing.result, error=standing.error)
        case "completed":
            return task.complete(at=standing.ended_at or at).replace(result=standing.result)
        case "abandoned":
            return task.abandon(at=standing.ended_at or at).replace(result=standing.result)
    raise Refused(f"task {task.id} does not become {standing.status} by an import", "let sow do it")
