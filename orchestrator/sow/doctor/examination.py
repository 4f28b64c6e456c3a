"""All that is looked at, in order. Each check has an end, and none stands in the way of the next."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from sow import logs
from sow.doctor import executors, machine, project, repository
from sow.doctor.asking import Asker
from sow.doctor.finding import Finding, error, told
from sow.doctor.scene import Scene
from sow.errors import SowError
from sow.store import Store

SECONDS = 30.0
"""How long one check may take: longer than whatever it asks."""

Check = Callable[[Scene], Iterable[Finding]]
OfProject = Callable[[Scene, Store], Iterable[Finding]]
Room = Mapping[str, Callable[[], Iterable[Finding]]]
"""Checks by their names."""

ROOMS: tuple[tuple[str, tuple[Check, ...]], ...] = (
    ("machine", (machine.system, machine.git, machine.open_files, machine.watches, machine.disk)),
    ("executors", (executors.settings, executors.programs, executors.limits, executors.checks)),
    (
        "repository",
        (
            repository.place, repository.settings, repository.types, repository.writable, repository.ignored,
            repository.inbox, repository.half_made, repository.trees, repository.locks, repository.processes,
        ),
    ),
)  # fmt: skip
"""What is looked at once: the name of a room, and the checks in it."""

PROJECT: tuple[OfProject, ...] = (
    project.state_files, project.records, project.copies, project.branch, project.half_done,
    project.leases, project.attempts,
)  # fmt: skip
"""What is looked at in each project."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One finding, and where it was made."""

    room: str
    check: str
    """The name of the check that made it."""
    finding: Finding


def examine(
    scene: Scene, seconds: float = SECONDS, *, others: Mapping[str, Room] | None = None
) -> Iterator[Entry]:
    """Makes every check, one after the other, whatever becomes of the others; gives what each found.

    `others`: rooms of what is here instead of a project. A repository that is not prepared is then none, and
    the agents of a project's roles need not be there.
    """
    only_others = bool(others) and not os.path.isdir(f"{scene.main}/.sow")
    for room, checks in ROOMS:
        if only_others and room == "repository":
            continue
        for check in checks:
            for entry in _made(scene.asker, room, check.__name__, partial(check, scene), seconds):
                is_needed = entry.finding.level != "error" or check is not executors.programs
                yield entry if is_needed or not only_others else _noted(entry)
    for room, looks in (others or {}).items():
        for name, look in looks.items():
            yield from _made(scene.asker, room, name, look, seconds)
    for folder, fault in sorted(scene.broken.items()):
        yield Entry(f"project in {folder}", "state_files", told(fault))
    for store in scene.stores:
        room = f"project {store.layout.name}"
        for of_project in PROJECT:
            look = partial(of_project, scene, store)
            yield from _made(scene.asker, room, of_project.__name__, look, seconds)


def _noted(entry: Entry) -> Entry:
    return replace(entry, finding=replace(entry.finding, level="note"))


def _made(
    asker: Asker, room: str, name: str, look: Callable[[], Iterable[Finding]], seconds: float
) -> Iterator[Entry]:
    found: list[Finding] = []
    # A daemon: one that hangs on a dead disk is left behind, and ends with us.
    worker = threading.Thread(target=_look, args=(name, look, found), name=name, daemon=True)
    worker.start()
    try:
        worker.join(seconds)
    except KeyboardInterrupt:
        asker.end()
        raise
    if worker.is_alive():
        found = [
            *found,
            error(f"{name}: it did not come to an end within {seconds:g} s", "is a disk gone? see `dmesg`"),
        ]
    for finding in found:
        yield Entry(room, name, finding)


def _look(name: str, look: Callable[[], Iterable[Finding]], found: list[Finding]) -> None:
    try:
        for finding in look():
            found.append(finding)
    except SowError as fault:
        found.append(told(fault))
    except OSError as fault:
        place = f" {fault.filename}" if fault.filename else ""
        found.append(
            error(f"{name}: can't look at{place}: {fault.strerror}", "give yourself the right to, or mend it")
        )
    except Exception as fault:
        # The doctor is called when something is broken: the other checks are wanted all the same.
        logs.debug("check failed", check=name, traceback=traceback.format_exc())
        found.append(
            error(
                f"{name}: {type(fault).__name__}: {fault}: this is a bug in sow",
                "tell of it, with `sow doctor -v`",
            )
        )
