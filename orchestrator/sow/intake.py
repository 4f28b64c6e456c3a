"""Taking in a file of another task system, and keeping it in step with the project.

    import:  file --> plan --> state and snapshot, as one change
    sync:    the same --> the file --> the snapshot once more

The snapshot is what file and project last had in common, and tells who of them has changed something. A
sync that is killed after its first half is completed by the next one: what the project has changed is still
a change against the snapshot.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sow import adding, files, roles
from sow.change import Change, Intake
from sow.config import RepositoryConfig
from sow.errors import BadFile, Busy, NotFound, Refused
from sow.formats import Format, Held, Raw, Reading, Routes, TaskType, source_of
from sow.formats.planning import Options, Plan, Scene, plan, told
from sow.layout import Layout
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
    ) -> None:
        """`neighbours`: the other projects of the repository, whose tasks are not taken twice."""
        self.store, self.source, self.routes, self.wanted_phase = store, source, routed, phase
        self.neighbours = tuple(neighbours)
        self.name = shown_path(source.path, store.layout)

    def look(self, options: Options) -> Plan:
        """What an import or sync would do now."""
        return self._decide(self._read(self.source.text()), self.store.tasks().tasks, self._used(), options)

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
                if after != text:
                    if self.source.text() != text:
                        continue  # somebody has written it since: theirs is looked at first
                    files.write(self.source.path, after)
                self._note(done.base)
                return done
        raise Busy(
            f"{self.source.path} is changed faster than it can be read", "try again when it is at rest"
        )

    # -- helpers -------------------------------------------------------------------------------

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else exchanges files with this project."""
        files.make_folder(self.store.layout.locks)
        with files.Lock(f"{self.store.layout.locks}/formats.lock"):
            yield

    def _take(self, text: str, options: Options) -> Plan:
        reading = self._read(text)
        plans: list[Plan] = []

        def decide(tasks: tuple[Task, ...], used: frozenset[int]) -> Intake:
            plans.append(made := self._decide(reading, tasks, used, options))
            path, snapshot = self._snapshot(made.halfway)
            is_new = snapshot != files.text(path, most=MOST) and (made.halfway or os.path.exists(path))
            return Intake(
                adds=tuple(
                    (Change(task=task, events=told(task)), description) for _, task, description in made.adds
                ),
                changes=tuple((change, made.descriptions[change.task.id]) for _, change, _ in made.changes),
                files={path: snapshot} if is_new else {},
            )

        first = self._decide(reading, self.store.tasks().tasks, self._used(), options)
        _make_room_for_locks(len(first.changes))
        self.store.take_in(decide, [change.task.id for _, change, _ in first.changes])
        return plans[-1]

    def _decide(
        self, reading: Reading, tasks: tuple[Task, ...], used: frozenset[int], options: Options
    ) -> Plan:
        scene = Scene(
            held=tuple(Held(task, self.store.description(task)) for task in tasks),
            base=self._base(),
            routes=self.routes,
            at=self.store.now(),
            phase=adding.phase_for(self.store, self.wanted_phase),
            used=used,
            elsewhere=self._elsewhere(),
            others=self._others(),
            check=self._check,
        )
        return plan(self.source.how, reading, scene, options)

    def _check(self, before: Task, after: Task) -> None:
        """Raises Refused for a completion that is also a matter of the phase: it is not done on the side."""
        if self.store.is_told_to_phase(before, after):
            raise Refused(
                f"task {after.id} is completed with what it brings out",
                f"complete it here: `sow task set status completed --id {after.id}`",
            )

    def _read(self, text: str) -> Reading:
        return self.source.how.read(self.name, text, self._base() or {})

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

    def _base(self) -> dict[str, Raw] | None:
        return records(self._path())

    def _others(self) -> frozenset[str]:
        """The ids of records that came with other files of the format."""
        own, folder = os.path.basename(self._path()), self.store.layout.formats
        names = [name for name in files.names(folder) if name.startswith(f"{self.source.how.name}-")]
        return frozenset(one for name in names if name != own for one in records(f"{folder}/{name}") or ())

    def _path(self) -> str:
        return snapshot_path(self.store.layout, self.source)

    def _snapshot(self, records: Mapping[str, Raw]) -> tuple[str, str]:
        """Path and text of the snapshot with these records."""
        held = {"file": self.source.path, "records": records}
        return self._path(), json.dumps(held, ensure_ascii=True, indent=0) + "\n"

    def _note(self, records: Mapping[str, Raw]) -> None:
        path, text = self._snapshot(records)
        if files.text(path, most=MOST) != text and (records or os.path.exists(path)):
            files.make_folder(os.path.dirname(path))
            files.write(path, text)


def shown_path(path: str, layout: Layout) -> str:
    """A file's path as tasks keep it: relative where it lies in the project's folder or the main checkout."""
    for folder in map(os.path.realpath, (layout.folder, layout.main)):
        if path.startswith(f"{folder}/"):
            return os.path.relpath(path, folder)
    return path


def snapshot_path(layout: Layout, source: Source) -> str:
    """Where the snapshot of a file lies."""
    digest = hashlib.sha256(source.path.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{layout.formats}/{source.how.name}-{digest[:16]}.json"


def records(path: str) -> dict[str, Raw] | None:
    """The records of a snapshot; None where there is none that can be read."""
    try:
        held: Any = json.loads(files.contents(path, MOST))["records"]
        return held if isinstance(held, dict) else None
    except (FileNotFoundError, Refused, ValueError, KeyError, TypeError):
        return None


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
