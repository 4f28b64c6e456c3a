"""Taking in a file of another task system, and keeping it in step with the project.

    import:  file --> plan --> state and snapshot, as one change
    sync:    the same --> the file --> the snapshot once more

The snapshot is what file and project last had in common, and tells who of them has changed something. A
sync that is killed after its first half is completed by the next one: what the project has changed is still
a change against the snapshot.

A file in the inbox folder is told of its own tasks alone. Whoever dropped it may drop it again as it was:
that is nothing new, though the tasks have gone on since.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sow import adding, files, roles, writers
from sow.change import Change, Intake
from sow.config import RepositoryConfig
from sow.document.canonical import same
from sow.errors import BadFile, Busy, NotFound, Refused
from sow.formats import Format, Held, Raw, Reading, Routes, TaskType, source_of
from sow.formats.planning import Options, Plan, Scene, plan, told
from sow.layout import EXCHANGING, Layout
from sow.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sow.task import Task

MOST = 64 * 1024 * 1024
"""The most bytes that a file of another system may have."""

_TRIES = 5
"""How often a file is read anew because somebody else has written it meanwhile."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file of another system and its format."""

    path: str
    """Absolute and without links, so that it stands for the same file from anywhere."""
    how: Format
    read: Callable[[str], str] | None = None
    """What gives the text for the path; None for the file that is there."""

    def text(self) -> str:
        """What it holds now. Raises NotFound, or Refused where it can't be read."""
        return (self.read or text_of)(self.path)


def text_of(path: str) -> str:
    """What stands in a file of another system. Raises NotFound, or Refused where it can't be read."""
    try:
        return files.contents(path, MOST).decode()
    except FileNotFoundError:
        raise NotFound(f"no file {path}", "give the path of a file that is there") from None
    except UnicodeDecodeError as fault:
        raise BadFile(path, f"is not UTF-8 at byte {fault.start + 1}", "save it as UTF-8") from fault


def routes(main: str, agent: str | None = None) -> Routes:
    """Who does imported tasks, by the repository's settings. `agent`: who does those of unknown types.

    Raises NotFound for an agent that is none, Refused for bad settings.
    """
    settings = RepositoryConfig.read(main)
    if agent is not None:
        roles.check(agent, main)
    return Routes(
        roles=roles.known(main),
        types={
            name: TaskType(held["agent"], held.get("params")) for name, held in settings.task_types.items()
        },
        agents=settings.formats.agents,
        default=agent or settings.formats.agent,
    )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a file and the project last had in common."""

    records: Mapping[str, Raw]
    came: Mapping[str, Raw] = field(default_factory=dict)
    """Of a dropped file: records as somebody else wrote them last, where sow has written them since."""
    doubted: Mapping[str, Raw] = field(default_factory=dict)
    """Of a dropped file: records that move no task, for an agent may have written them."""
    file: str = ""
    gone: bool = False
    """Of a dropped file: whether it was told that it is there no more."""

    def came_as(self, name: str) -> Raw | None:
        """A record as somebody else wrote it last."""
        return self.came.get(name, self.records.get(name))


class Exchange:
    """One file of another system, and the project that it is exchanged with."""

    def __init__(
        self,
        store: Store,
        source: Source,
        routed: Routes,
        *,
        phase: str | None = None,
        neighbours: Iterable[Store] = (),
        doubt: bool | None = None,
    ) -> None:
        """`neighbours`: the other projects of the repository, whose tasks are not taken twice.

        `doubt`: whether an agent may have written what the file says now; None where a person vouches for it.
        """
        self.doubt = doubt
        self.is_dropped = is_dropped(source.path, store.layout)
        self.store, self.source, self.routes, self.wanted_phase = store, source, routed, phase
        self.neighbours = tuple(neighbours)
        self.name = shown_path(source.path, store.layout)

    def look(self, options: Options) -> Plan:
        """What an import or sync would do now."""
        held = self.snapshot()
        reading = self._read(self.source.text(), held)
        return self._decide(reading, held, self.store.tasks().tasks, self._used(), options)

    def take(self, options: Options) -> Plan:
        """Takes the file in, all that can be taken or nothing. Raises Refused, Busy."""
        with self._alone():
            return self._take(self.source.text(), options)

    def sync(self, options: Options) -> Plan:
        """Takes in what the file has changed, and gives it what the project has. Raises Refused, Busy."""
        with self._alone():
            for _ in range(_TRIES):
                text = self.source.text()
                done = self._take(text, options)
                after = self.source.how.written(text, done.give)
                # Somebody may have written it since: theirs is looked at first.
                if after == text or files.replace(self.source.path, text, after):
                    self._note(done.base)
                    return done
        raise Busy(
            f"{self.source.path} is changed faster than it can be read", "try again when it is at rest"
        )

    def snapshot(self) -> Snapshot | None:
        """What file and project last had in common; None where nobody knows."""
        return snapshot(self._path())

    # -- helpers -------------------------------------------------------------------------------

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else exchanges files with a project of the repository: no record goes into two."""
        with _lock(self.store.layout):
            for folder in (self.store.layout.runtime, self.store.layout.formats):
                writers.sweep(folder)
            yield

    def _take(self, text: str, options: Options) -> Plan:
        held = self.snapshot()
        reading = self._read(text, held)
        plans: list[Plan] = []

        def decide(tasks: tuple[Task, ...], used: frozenset[int]) -> Intake:
            plans.append(made := self._decide(reading, held, tasks, used, options))
            is_noted = self._is_noted(held, reading, made)
            return Intake(
                adds=tuple(
                    (Change(task=task, events=told(task)), description) for _, task, description in made.adds
                ),
                changes=tuple((change, made.descriptions[change.task.id]) for _, change, _ in made.changes),
                files={} if is_noted else {self._path(): self._text(self._after(held, reading, made))},
            )

        tasks = self.store.tasks().tasks
        _make_room_for_locks(len(tasks))
        changed: list[str] = []
        # What comes for the first time changes no task, as a rule, and is decided once.
        if held is not None:
            first = self._decide(reading, held, tasks, self._used(), options)
            if (
                first.changes_nothing
                and not self.store.journal.left()
                and self._is_noted(held, reading, first)
            ):
                return first
            changed = [change.task.id for _, change, _ in first.changes]
        self.store.take_in(decide, changed)
        return plans[-1]

    def _decide(
        self,
        reading: Reading,
        held: Snapshot | None,
        tasks: tuple[Task, ...],
        used: frozenset[int],
        options: Options,
    ) -> Plan:
        base: Mapping[str, Raw] | None = held.records if held else None
        if self.is_dropped:
            options = replace(options, dropped=True)
            base = self._base_of_dropped(reading, held)
        scene = Scene(
            held=tuple(Held(task, self.store.description(task)) for task in tasks),
            base=base,
            routes=self.routes,
            at=self.store.now(),
            phase=adding.phase_for(self.store, self.wanted_phase),
            used=used,
            elsewhere=self._elsewhere(),
            others=frozenset(self._others()),
            check=self._check,
            doubted=self._doubted(reading, held),
        )
        return plan(self.source.how, reading, scene, options)

    def _base_of_dropped(self, reading: Reading, held: Snapshot | None) -> Mapping[str, Raw]:
        """What file and project last had in common, in whatever file the records came.

        A record that says again what it said when it came says nothing new.
        """
        base = dict(held.records) if held else {}
        others = self._others()
        for record in reading.records:
            known = held if held and record.id in held.records else others.get(record.id)
            if known is None:
                continue
            came = known.came_as(record.id)
            base[record.id] = record.raw if same(record.raw, came) else known.records[record.id]
        return base

    def _doubted(self, reading: Reading, held: Snapshot | None) -> frozenset[str]:
        """The records that an agent may have written: those of now, and those of which it was so before."""
        if self.doubt is None:
            return frozenset()
        before = held.doubted if held else {}
        return frozenset(
            one.id
            for one in reading.records
            if self.doubt or (one.id in before and same(one.raw, before[one.id]))
        )

    def _check(self, before: Task, after: Task) -> None:
        """Raises Refused for a completion that is also a matter of the phase: it is not done on the side."""
        if self.store.is_told_to_phase(before, after):
            raise Refused(
                f"task {after.id} is completed with what it brings out",
                f"complete it here: `sow task set status completed --id {after.id}`",
            )

    def _read(self, text: str, held: Snapshot | None) -> Reading:
        return self.source.how.read(self.name, text, held.records if held else {})

    def _used(self) -> frozenset[int]:
        return frozenset(self.store.used_ids())

    def _elsewhere(self) -> dict[str, str]:
        """The records that are tasks of neighbours, each with the name of its project."""
        found: dict[str, str] = {}
        for store in self.neighbours:
            for task in store.tasks().tasks:
                if held := source_of(task, self.source.how.name):
                    found[str(held["id"])] = store.layout.name
        return found

    # -- the snapshot --------------------------------------------------------------------------

    def _others(self) -> dict[str, Snapshot]:
        """The snapshots of other files of the format, by the ids of their records."""
        own, folder = os.path.basename(self._path()), self.store.layout.formats
        names = [name for name in files.names(folder) if name.startswith(f"{self.source.how.name}-")]
        found = [snapshot(f"{folder}/{name}") for name in names if name != own]
        return {name: held for held in found if held for name in held.records}

    def _path(self) -> str:
        return snapshot_path(self.store.layout, self.source)

    def _after(self, held: Snapshot | None, reading: Reading, made: Plan) -> Snapshot:
        """The snapshot once the project is as planned, and the file not yet."""
        if not self.is_dropped:
            return Snapshot(made.halfway)
        # What was not taken stays news, whenever it is looked at again.
        refused = {one.id for one in made.rejected} | {one.id for one in made.conflicts}
        came: dict[str, Raw] = {}
        for record in reading.records:
            before = held.came_as(record.id) if held else None
            is_ours = held and record.id in held.records and same(record.raw, held.records[record.id])
            if record.id not in refused and not (is_ours and before):
                before = record.raw
            if before is not None:
                came[record.id] = before
        return Snapshot(made.halfway, came, made.doubted)

    def _is_noted(self, held: Snapshot | None, reading: Reading, made: Plan) -> bool:
        """Whether the snapshot says already what it shall say once the project is as planned."""
        if held is None or held.gone:
            return held is None and not made.halfway
        return self._text(held) == self._text(self._after(held, reading, made))

    def _text(self, held: Snapshot) -> str:
        return text_of_snapshot(replace(held, file=self.source.path, gone=False))

    def _note(self, records: Mapping[str, Raw]) -> None:
        """Notes what both have in common, once the file has it, too."""
        path, held = self._path(), self.snapshot()
        if held is None:
            if not records:
                return
            held = Snapshot({})
        # What goes without saying before is to be said once the records are others.
        came = {name: raw for name in records if self.is_dropped and (raw := held.came_as(name)) is not None}
        text = self._text(Snapshot(records, came, held.doubted))
        if self._text(held) != text:
            files.make_folder(os.path.dirname(path))
            files.write(path, text)


def text_of_snapshot(held: Snapshot) -> str:
    """The text of a snapshot; without what goes without saying."""
    told: dict[str, Any] = {"file": held.file, "records": held.records}
    if came := {name: raw for name, raw in held.came.items() if not same(raw, held.records.get(name))}:
        told["came"] = came
    if held.doubted:
        told["doubted"] = held.doubted
    if held.gone:
        told["gone"] = True
    return json.dumps(told, ensure_ascii=True, indent=0) + "\n"


def is_dropped(path: str, layout: Layout) -> bool:
    """Whether a file lies in the inbox folder."""
    return path.startswith(f"{os.path.realpath(layout.inbox)}/")


def shown_path(path: str, layout: Layout) -> str:
    """A file's path as tasks keep it: relative where it lies in the project's folder or the main checkout."""
    for folder in map(os.path.realpath, (layout.folder, layout.main)):
        if path.startswith(f"{folder}/"):
            return os.path.relpath(path, folder)
    return path


def snapshot_path(layout: Layout, source: Source) -> str:
    """Where the snapshot of a file lies."""
    return f"{layout.formats}/{source.how.name}-{digest(source.path)}.json"


def digest(path: str) -> str:
    """What stands for a file's path in the name of its snapshot."""
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def dropped_files(layout: Layout) -> Iterator[tuple[str, str]]:
    """The files of the inbox folder that were taken and not told as gone: (name of the snapshot, path)."""
    for name in files.names(layout.formats):
        held = None if name.startswith(".") else snapshot(f"{layout.formats}/{name}")
        if held and not held.gone and is_dropped(held.file, layout):
            yield name, held.file


def _lock(layout: Layout) -> files.Lock:
    return files.Lock(f"{layout.main}/{EXCHANGING}")


def note_gone(layout: Layout, name: str) -> bool:
    """Notes that the file of a snapshot is there no more; whether nobody had noted that yet. Raises Busy."""
    path = f"{layout.formats}/{name}"
    with _lock(layout):
        held = snapshot(path)
        if held is None or held.gone:
            return False
        files.write(path, text_of_snapshot(replace(held, gone=True)))
    return True


def snapshot(path: str) -> Snapshot | None:
    """The snapshot in a file; None where there is none that can be read."""
    try:
        held: Any = json.loads(files.contents(path, MOST))
        parts = held["records"], held.get("came", {}), held.get("doubted", {})
        told = str(held.get("file", "")), bool(held.get("gone"))
    except (FileNotFoundError, Refused, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Snapshot(*parts, *told) if all(isinstance(part, dict) for part in parts) else None


def _make_room_for_locks(count: int) -> None:
    """Sees to it that this process may hold a lock for each of `count` tasks."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + 128
    if soft < needed and (hard == resource.RLIM_INFINITY or hard >= needed):
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


# -- out -------------------------------------------------------------------------------------------


def exported(store: Store, how: Format, routed: Routes) -> dict[str, Raw]:
    """The records of the project's tasks, by their ids there. Raises Refused where a task is broken."""
    there = store.tasks()
    for broken in there.broken:
        raise broken.fault
    ids = {task.id: how.id_of(task) for task in there.tasks}
    return {ids[task.id]: how.given(Held(task, store.description(task), ids), routed) for task in there.tasks}


def done_in(raws: Mapping[str, Raw], how: Format, path: str, text: str) -> dict[str, Raw]:
    """Of some records those that a file has as well, as not done, and that are done here."""
    there = {record.id: record.raw for record in how.read(path, text, raws).records}
    return {
        name: {**there[name], "done": True}
        for name, raw in raws.items()
        if raw.get("done")
        and name in there
        and not there[name].get("done")
        and raw.get("source_file") == path
    }
