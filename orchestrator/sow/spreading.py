"""A file with more tasks than a project may have goes into several: each takes what it has room for.

    project --what is left--> project-2 --what is left--> project-3 ...

The next one is made when it is needed, as `sow project new` would make it. Whatever is killed, each project
has all of its part or nothing, and the next import goes on: what is a task in any of them is left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from sow import project
from sow.errors import Refused
from sow.formats.planning import Options, Plan
from sow.intake import Exchange, Snapshot
from sow.store import Store

MOST = 99
"""The most projects that one file goes into."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where else a file may go."""

    others: Callable[[], Iterable[Store]]
    """The other projects of the repository, as they are now."""
    exchange: Callable[[Store], Exchange]
    """The exchange of the file with another project."""
    begin: Callable[[project.Plan], Store] | None
    """Makes a project; None where there can be only one, so that a list has to fit into it."""


@dataclass(frozen=True, slots=True)
class Part:
    """What of a file went into one project."""

    exchange: Exchange
    plan: Plan

    @property
    def name(self) -> str:
        return self.exchange.store.layout.name


def spread(first: Exchange, places: Places, options: Options) -> list[Part]:
    """Exchanges a file with a project, with those that have some of it already, and with as many as it takes.

    Raises Refused where there can be only one and it has no room, or where more depend on each other than fit
    into one: nothing was done then.
    """
    if places.begin is None:
        return [Part(first, _done(first, options))]
    options = replace(options, fill=True, spread=True)
    parts = [Part(first, _done(first, options))]
    for store in _knowing(first, places):
        exchange = places.exchange(store)
        parts.append(Part(exchange, _done(exchange, options)))
    while parts[-1].plan.left:
        tried = {part.name for part in parts}
        exchange = places.exchange(_next(first.store, places, places.begin, tried))
        parts.append(Part(exchange, _done(exchange, options)))
    return parts


def _done(exchange: Exchange, options: Options) -> Plan:
    return exchange.sync(options) if options.mode == "sync" else exchange.take(options)


def _knowing(first: Exchange, places: Places) -> list[Store]:
    """The other projects that have tasks of the file."""
    held = [(store, places.exchange(store).snapshot()) for store in places.others()]
    return [
        store for store, snapshot in held if _has(snapshot) and store.layout.name != first.store.layout.name
    ]


def _has(snapshot: Snapshot | None) -> bool:
    return snapshot is not None and bool(snapshot.records)


def _next(
    first: Store, places: Places, begin: Callable[[project.Plan], Store], tried: Collection[str]
) -> Store:
    """The next project: one that was begun for this and is empty yet, or a new one. Raises Refused."""
    there = {store.layout.name: store for store in places.others()}
    held = first.project()
    base, number = first.layout.name.rpartition("-")[::2]
    # The one that it is asked of may itself be one of those that were made for the rest.
    if not (number.isdigit() and base in there):
        base = first.layout.name
    branch = held["branch"].removesuffix(first.layout.name.removeprefix(base))
    for count in range(2, MOST + 1):
        name = f"{base}-{count}"
        if name in tried:
            continue
        if name in there:
            if there[name].task_files():
                continue
            return there[name]
        words = f"{held.get('description', '')} ({count})".strip()
        plan = project.plan(words, branch=f"{branch}-{count}", name=name, type=str(held["type"]))
        return begin(plan)
    raise Refused(f"one file goes into {MOST} projects at most", "make several files of it")
