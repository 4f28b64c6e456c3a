"""Tasks of other systems come in, go out, and are kept in step; whole projects come in and go out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sow import bringing, files, find, intake, original
from sow.api.caller import Caller
from sow.bringing import Brought
from sow.errors import Refused, Usage, Waits
from sow.formats import known
from sow.formats.merging import Side
from sow.formats.planning import Options, Plan
from sow.git.places import Places
from sow.intake import Exchange, Source
from sow.layout import Plain
from sow.result import Result
from sow.store import Store

ORIGINAL = bringing.NAME
"""The format of whole projects, which has no records."""


@dataclass(frozen=True, slots=True)
class Exchanged(Result):
    """What an import or a sync did, or would do."""

    plan: Plan
    """What became of each record."""
    source: Source
    dry_run: bool
    is_sync: bool = False
    told: tuple[str, ...] = ()
    """The addresses of issues that were told which task they are."""

    @property
    def exit_code(self) -> int:
        """What the command ends with: 5 where both have changed the same, 4 where nothing could be taken."""
        done = self.plan
        if done.conflicts:
            return Waits.exit_code
        moved = done.adds or done.changes or (self.is_sync and done.give)
        return Refused.exit_code if done.rejected and not moved else 0

    def as_json(self) -> Any:
        """As `sow import --json` prints it."""
        done = self.plan
        return {
            "file": self.source.path,
            "format": self.source.how.name,
            "dry_run": self.dry_run,
            "added": [{"id": record.id, "task": task.id} for record, task, _ in done.adds],
            "updated": [
                {"id": record.id, "task": change.task.id, "keys": list(keys)}
                for record, change, keys in done.changes
            ],
            "same": [{"id": record.id, "task": task_id} for record, task_id in done.same],
            "given": list(done.give),
            "conflicts": [
                {"id": one.id, "task": one.task_id, "place": one.place, "keys": list(one.keys)}
                for one in done.conflicts
            ],
            "rejected": [
                {"id": one.id, "place": one.place, "reason": one.reason, "hint": one.hint}
                for one in done.rejected
            ],
            "elsewhere": [
                {"id": record.id, "place": record.place, "project": name} for record, name in done.elsewhere
            ],
            "left": [{"id": record.id, "place": record.place} for record in done.left],
            "gone": [{"id": name, "task": task_id} for name, task_id in done.gone],
        }


@dataclass(frozen=True, slots=True)
class Imported(Result):
    """A whole project that was brought in, or would be."""

    brought: Brought
    path: str
    dry_run: bool

    def as_json(self) -> Any:
        """As `sow import --json` prints it."""
        done = self.brought
        told = {
            "project": done.plan.name,
            "branch": done.plan.branch,
            "tasks": done.tasks,
            "new": done.is_new,
        }
        return {"file": self.path, "format": ORIGINAL, "dry_run": self.dry_run, **told}


@dataclass(frozen=True, slots=True)
class Exported:
    """The project in the format of another system."""

    text: str
    format: str
    tasks: int
    """How many tasks are in it."""
    path: str = ""
    """Where it was written; empty where it was not."""
    project: str = ""
    """The name of the project, where that was given out as a whole."""


# -- tasks -----------------------------------------------------------------------------------------


def exchange(
    caller: Caller, store: Store, file: str, how: str | None, agent: str | None, phase: str | None
) -> Exchange:
    """A file, and the project that it is exchanged with. `how`: the format; told by the file where None."""
    check_tasks(caller, file, how)
    path = _path(caller, file)
    chosen = known.named(how) if how is not None else known.of(path, intake.text_of(path))
    routed = intake.routes(store.layout.main, agent)
    return Exchange(store, Source(path, chosen), routed, phase=phase, neighbours=_neighbours(caller, store))


def check_tasks(caller: Caller, file: str, how: str | None) -> None:
    """Raises Refused for a file that holds a whole project, NotFound for none."""
    if is_project(caller, file, how):
        raise Refused(
            f"{file} is a whole project, which is not kept in step",
            f"take it in or give it out: `sow import {file}`, `sow export --format {ORIGINAL}`",
        )


def taken(exchange: Exchange, *, fill: bool, dry_run: bool) -> Exchanged:
    """Takes the file's tasks in, all that can be taken or nothing."""
    options = Options("import", fill=fill)
    plan = exchange.look(options) if dry_run else exchange.take(options)
    return Exchanged(plan, exchange.source, dry_run)


def synced(exchange: Exchange, *, fill: bool, prefer: Side | None, dry_run: bool) -> Exchanged:
    """Takes in what the file has changed, and gives it what the project has."""
    options = Options("sync", fill=fill, prefer=prefer)
    plan = exchange.look(options) if dry_run else exchange.sync(options)
    return Exchanged(plan, exchange.source, dry_run, is_sync=True)


def issues(
    caller: Caller, store: Store, *, agent: str | None, phase: str | None, fill: bool, labels: Sequence[str],
    comment: bool, dry_run: bool,
) -> Exchanged:  # fmt: skip
    """Takes in the issues that `gh` knows of."""
    from sow.issues import Issues

    asked = Issues(store, tuple(labels))
    routed = intake.routes(store.layout.main, agent)
    pair = Exchange(store, asked.source, routed, phase=phase, neighbours=_neighbours(caller, store))
    done = taken(pair, fill=fill, dry_run=dry_run)
    told = asked.tell(done.plan) if comment and not dry_run else []
    return Exchanged(done.plan, done.source, dry_run, told=tuple(told))


def exported(
    caller: Caller, store: Store, *, how: str | None, path: str | None, force: bool, agent: str | None
) -> Exported:
    """Gives the project's tasks out, to the file `path` where there is one."""
    place = _path(caller, path) if path else ""
    there = intake.text_of(place) if place and os.path.lexists(place) else ""
    if how == ORIGINAL or (how is None and bringing.fits(there)):
        return _project(store, place, there, force)
    chosen = known.named(how) if how is not None else known.for_export(place, there)
    raws = intake.exported(store, chosen, intake.routes(store.layout.main, agent))
    if not place:
        return Exported(chosen.written("", raws), chosen.name, len(raws))
    if there and chosen.in_place:
        raws = intake.done_in(raws, chosen, intake.shown_path(place, store.layout), there)
    text = chosen.written(there, raws)
    _write(place, there, text, force or chosen.in_place, f"keep it in step: `sow sync {path}`")
    return Exported(text, chosen.name, len(raws), place)


def _neighbours(caller: Caller, store: Store) -> Iterator[Store]:
    """The other projects of the repository."""
    others = [one for one in find.all_projects(caller.place()) if one.name != store.layout.name]
    return map(caller.store_of, others)


def _path(caller: Caller, file: str) -> str:
    if not file:
        raise Usage("FILE is empty", "name a file: `sow import master_task_list.json`")
    return os.path.realpath(caller.path(file))


# -- whole projects --------------------------------------------------------------------------------


def is_project(caller: Caller, file: str, how: str | None) -> bool:
    """Whether a whole project is meant: by the format's name, or by what stands in the file."""
    if how is not None:
        return how == ORIGINAL
    return bool(file) and bringing.fits(intake.text_of(_path(caller, file)))


def brought(caller: Caller, place: Places | Plain, file: str, *, dry_run: bool) -> Imported:
    """Makes the project of a document, all or nothing; nothing where it is here already, just so."""
    path = _path(caller, file)
    done = bringing.bring(place, path, intake.text_of(path), store_of=caller.store_of, dry_run=dry_run)
    return Imported(done, path, dry_run)


def _project(store: Store, path: str, there: str, force: bool) -> Exported:
    whole = store.whole()
    for broken in whole.tasks.broken:
        raise Refused(broken.message, broken.hint)
    text = original.text(original.given(whole))
    if path:
        _write(path, there, text, force, "export it to another file")
    return Exported(text, ORIGINAL, len(whole.tasks.tasks), path, whole.project["name"])


def _write(path: str, there: str, text: str, force: bool, instead: str) -> None:
    """Writes a file. Raises Refused where it is there and says something else."""
    name = os.path.basename(path)
    if there and text != there and not force:
        raise Refused(f"{name} is there and says something else", f"{instead}; or write over it: --force")
    if text != there:
        files.write(path, text)
