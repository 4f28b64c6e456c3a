"""Tasks of other systems come in, go out, and are kept in step; whole projects come in and go out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sow import bringing, dropped, files, find, intake, original, spreading
from sow.api import inbox
from sow.api.caller import Caller
from sow.bringing import Brought
from sow.catching_up import Wish
from sow.errors import Refused, SowError, Usage, Waits
from sow.formats import Routes, known
from sow.formats.merging import Side
from sow.formats.planning import Options, Plan, summary
from sow.git.places import Places
from sow.intake import Exchange, Source
from sow.layout import Layout, Plain
from sow.result import Result
from sow.store import Store
from sow.value import Value

ORIGINAL = bringing.NAME
"""The format of whole projects, which has no records."""


@dataclass(frozen=True, slots=True)
class Further(Result):
    """What of a file went into another project, for it was more than one may have."""

    project: str
    plan: Plan

    @property
    def summary(self) -> str:
        """What became of how many records, in words."""
        return summary(self.plan)


@dataclass(frozen=True, slots=True)
class Exchanged(Result):
    """What an import or a sync did, or would do."""

    plan: Plan
    """What became of each record."""
    source: Source
    dry_run: bool
    further: tuple[Further, ...] = ()
    """The other projects that some of it went into."""
    told: tuple[str, ...] = ()
    """The addresses of issues that were told which task they are."""
    closed: tuple[str, ...] = ()
    """The addresses of issues that were closed."""
    fault: SowError | None = None
    """What was wrong first with an issue that could not be told or closed; the next time tries it again."""

    @property
    def summary(self) -> str:
        """What became of how many records, in words; without those that went elsewhere."""
        return summary(self.plan)

    @property
    def exit_code(self) -> int:
        """What the command ends with: 5 where both have changed the same, 4 where nothing could be taken."""
        if self.fault:
            return self.fault.exit_code
        return max(map(_code, (self.plan, *(each.plan for each in self.further))))

    def as_json(self) -> Any:
        """As `sow import --json` prints it."""
        further = [{"project": each.project, **self._document(each.plan)} for each in self.further]
        return {**self._document(self.plan), **({"further": further} if further else {})}

    def _document(self, done: Plan) -> dict[str, Any]:
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


def _code(done: Plan) -> int:
    if done.conflicts:
        return Waits.exit_code
    return Refused.exit_code if done.rejected and not (done.adds or done.changes or done.give) else 0


@dataclass(frozen=True, slots=True)
class Imported(Result):
    """A whole project that was brought in or kept in step, or would be."""

    brought: Brought
    path: str
    dry_run: bool

    @property
    def exit_code(self) -> int:
        """What the command ends with: 5 where both have changed the same, 4 where nothing could be taken."""
        news = self.brought.update
        if news is None:
            return 0
        if news.conflicts:
            return Waits.exit_code
        return Refused.exit_code if news.rejected and not (news.is_taken or news.given) else 0

    def as_json(self) -> Any:
        """As `sow import --json` prints it."""
        done = self.brought
        told = {
            "project": done.plan.name,
            "branch": done.plan.branch,
            "tasks": done.tasks,
            "new": done.is_new,
        }
        news = {"update": asdict(done.update)} if done.update else {}
        return {"file": self.path, "format": ORIGINAL, "dry_run": self.dry_run, **told, **news}


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


class Exchanging(Value):
    """A file, and how it is exchanged with a project."""

    caller: Caller
    store: Store
    source: Source
    routed: Routes
    phase: str | None = None
    """Where new tasks go."""

    def with_(self, store: Store) -> Exchange:
        """The exchange with a project of the repository."""
        own = store.layout.name == self.store.layout.name
        return Exchange(
            store,
            self.source,
            self.routed,
            phase=self.phase if own else None,
            neighbours=inbox.neighbours(self.caller, store),
            # A person vouches for what they name; an agent does not.
            doubt=True if self.caller.attempt else None,
        )

    def done(self, options: Options, *, dry_run: bool) -> Exchanged:
        """Exchanges the file with the project, and what there is no room for with others."""
        done = self._done(options, dry_run=dry_run)
        if all(plan.is_whole for plan in (done.plan, *(one.plan for one in done.further))):
            _forgive(self.source.path, self.store.layout, dry_run=dry_run)
        return done

    def _done(self, options: Options, *, dry_run: bool) -> Exchanged:
        first = self.with_(self.store)
        if dry_run:
            wish = options if options.fill else replace(options, fill=True, spread=True)
            return Exchanged(first.look(wish), self.source, dry_run)
        if options.fill:
            plan = first.sync(options) if options.mode == "sync" else first.take(options)
            return Exchanged(plan, self.source, dry_run)
        own, *rest = spreading.spread(first, self._places(), options)
        further = tuple(Further(part.name, part.plan) for part in rest)
        return Exchanged(own.plan, self.source, dry_run, further)

    def _places(self) -> spreading.Places:
        here = find.place(self.store.layout.folder)
        return spreading.Places(
            lambda: inbox.neighbours(self.caller, self.store), self.with_, inbox.beginning(self.caller, here)
        )


def opened(
    caller: Caller, store: Store, file: str, how: str | None, agent: str | None, phase: str | None,
    *, dry_run: bool,
) -> Exchanging:  # fmt: skip
    """A file, and the project that it is exchanged with. `how`: the format; told by the file where None.

    What lies in the inbox folder is taken in before, unless this is one of its files, or a dry run.
    """
    check_tasks(caller, file, how)
    path = _path(caller, file)
    text = intake.text_of(path)
    chosen = known.meant(how, path, text) if how is not None else known.of(path, text)
    routed = intake.routes(store.layout.main, agent)
    if not dry_run and not intake.is_dropped(path, store.layout):
        for told in inbox.look(caller, store):
            caller.tell(f"inbox: {told.text}")
    return Exchanging(caller=caller, store=store, source=Source(path, chosen), routed=routed, phase=phase)


def check_tasks(caller: Caller, file: str, how: str | None) -> None:
    """Raises Refused for a file that holds a whole project, NotFound for none."""
    if is_project(caller, file, how):
        raise Refused(
            f"{file} is a whole project, and no list of tasks of one",
            f"take it in or keep it in step: `sow import {file}`, `sow sync {file}`",
        )


def issues(
    caller: Caller, store: Store, options: Options, *, agent: str | None, phase: str | None,
    labels: Sequence[str], comment: bool, close: bool, dry_run: bool,
) -> Exchanged:  # fmt: skip
    """Takes in the issues that `gh` knows of, and tells them what is wished."""
    from sow.issues import Issues

    asked = Issues(store, tuple(labels))
    routed = intake.routes(store.layout.main, agent)
    pair = Exchange(store, asked.source, routed, phase=phase, neighbours=inbox.neighbours(caller, store))
    plan = pair.look(options) if dry_run else pair.take(options)
    if not close:
        plan.give.clear()
    told = asked.tell(plan) if comment and not dry_run else []
    closed = asked.close(plan) if close and not dry_run else []
    return Exchanged(plan, asked.source, dry_run, told=tuple(told), closed=tuple(closed), fault=asked.fault)


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
    if there and chosen.is_one:
        own = {record.id for record in chosen.read(place, there, {}).records}
        raws = {name: raw for name, raw in raws.items() if name in own} or raws
    text = chosen.written(there, raws)
    _write(place, there, text, force or chosen.in_place, f"keep it in step: `sow sync {path}`")
    return Exported(text, chosen.name, len(raws), place)


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


def brought(
    caller: Caller, place: Places | Plain, file: str, *, dry_run: bool, back: bool = False,
    prefer: Side | None = None,
) -> Imported:  # fmt: skip
    """Makes the project of a document, all or nothing; where it came in before, takes in what has changed.

    `back`: whether it is told what has changed here.
    """
    path = _path(caller, file)
    wish = Wish(back, prefer, doubt=True if caller.attempt else None)
    done = bringing.bring(place, path, intake.text_of, store_of=caller.store_of, wish=wish, dry_run=dry_run)
    if done.update is None or done.update.is_whole:
        _forgive(path, done.layout, dry_run=dry_run)
    return Imported(done, path, dry_run)


def _forgive(path: str, layout: Layout, *, dry_run: bool) -> None:
    """Takes away what was complained of about a dropped file."""
    if not dry_run and intake.is_dropped(path, layout):
        dropped.take_back_complaint(path)


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
