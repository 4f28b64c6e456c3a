"""One project: its files, who holds what in it, and what was left half done."""

from __future__ import annotations

import os
from collections.abc import Iterator

from sow import find, lease, process
from sow.attempt import Attempts
from sow.doctor.finding import Finding, error, note, ok, told, warning
from sow.doctor.scene import Scene
from sow.driving import Drivers
from sow.errors import Busy, NotFound, SowError
from sow.git import places
from sow.lease import Lease
from sow.ready import stuck
from sow.runner.local import LocalRunner, Running
from sow.store import Store
from sow.task import ENDED
from sow.workspace import BRINGING
from sow_schemas.formats import is_task_id

_SETTLE = "completed by the next `sow run`, or by `sow review` on a terminal"


def state_files(scene: Scene, store: Store) -> Iterator[Finding]:
    """Every state file is valid."""
    own = store.broken_files()
    held = store.tasks()
    yield from (told(broken.fault) for broken in own)
    for broken in held.broken:
        task_id = os.path.basename(os.path.dirname(broken.path))
        good = f"{store.layout.last_good}/{task_id}.yaml"
        copy = f"; its last good copy: {good}" if os.path.exists(good) and good not in broken.hint else ""
        yield error(broken.message, f"{broken.hint}{copy}", path=broken.path)
    for way, out in (waiting := stuck(held.tasks)).items():
        yield error(f"tasks wait for each other, so none of them starts: {way}", out)
    if not own and not held.broken and not waiting:
        yield ok(f"all state files are valid (phases: {len(store.phases())}, tasks: {len(held.tasks)})")


def records(scene: Scene, store: Store) -> Iterator[Finding]:
    """Every record of an attempt is valid."""
    attempts = Attempts(store.layout)
    for name in sorted(_names(store.layout.attempts)):
        try:
            attempts.read(name)
        except NotFound:
            continue  # killed before its record was there: nothing ran
        except SowError as fault:
            yield warning(f"{fault}; what it cost is not counted", fault.hint)


def copies(scene: Scene, store: Store) -> Iterator[Finding]:
    """Of every task there is a copy of its last valid state, for the day an agent breaks the file."""
    known = set(_names(store.layout.last_good))
    tasks = store.tasks().tasks
    missing = [task.id for task in tasks if f"{task.id}.yaml" not in known]
    if missing:
        yield note(
            f"there is no last good copy of the state of {_listed(missing)}: kept from the next change on",
            ""
            if store.layout.outside
            else f"what is committed: `git -C {store.layout.folder} log -- .sow/project`",
        )
    folders = {task.id for task in tasks} | {os.path.basename(os.path.dirname(p)) for p in store.task_files()}
    for name in sorted(known):
        task_id = name.removesuffix(".yaml")
        if name.endswith(".yaml") and is_task_id(task_id) and task_id not in folders:
            try:
                store.task(task_id)
            except SowError as fault:
                yield told(fault)


def branch(scene: Scene, store: Store) -> Iterator[Finding]:
    """Its worktree is on its branch, and the branches of its tasks are there."""
    git = scene.git
    if git is None or store.layout.outside:
        return
    try:
        wanted = store.branch()
    except SowError:
        return  # told with the state files
    there = places.find(store.layout.folder)
    current = find.branch_of(there.git_dir) if there else ""
    if current != wanted:
        yield warning(
            f"{store.layout.folder} is on {current or 'no branch'}, and the project's branch is {wanted}:"
            " its state is not committed",
            f"go back to it: `git -C {store.layout.folder} switch {wanted}`",
        )
    for task in store.tasks().tasks:
        if task.branch and task.status not in ENDED and git.tip(task.branch) is None:
            folder = task.worktree if task.worktree and os.path.isdir(task.worktree) else store.layout.folder
            yield error(
                f"the branch {task.branch} of task {task.id} ({task.status}) is gone",
                f"bring it back: `git branch {task.branch} COMMIT`; its commits: `git -C {folder} reflog`",
            )


def half_done(scene: Scene, store: Store) -> Iterator[Finding]:
    """No change and no merge was left half done."""
    layout = store.layout
    for name in sorted(_names(layout.journal)):
        if name.endswith(".json") and not name.startswith("."):
            what = name.removesuffix(".json").replace("-", " ")
            yield warning(f"a change of {what} was cut short ({layout.journal}/{name})", _SETTLE)
    if os.path.exists(f"{layout.runtime}/merge.json"):
        yield warning(f"a merge was cut short ({layout.runtime}/merge.json)", _SETTLE)
    for name in sorted(_names(layout.runtime)):
        if name.startswith("checking-"):
            task_id = name.removeprefix("checking-")
            yield warning(
                f"a check of task {task_id} was cut short: its worktree holds merged files", _SETTLE
            )
        if name.startswith(BRINGING):
            yield warning(
                f"a merge into the worktree of task {name.removeprefix(BRINGING)} was cut short"
                f" ({layout.runtime}/{name})",
                _SETTLE,
            )


def leases(scene: Scene, store: Store) -> Iterator[Finding]:
    """Whoever holds something lives."""
    folder = store.layout.locks
    unsettled = bool(Attempts(store.layout).open())
    for name in sorted(name for name in _names(folder) if name.endswith(".lease")):
        held = lease.holder(f"{folder}/{name}")
        if held is not None:
            yield _held(name.removesuffix(".lease"), held, unsettled)


def _held(name: str, held: Lease, unsettled: bool) -> Finding:
    pid, host = held.holder.identity.pid, held.holder.host
    what = f"{name} ({held.what}): held since {held.since} by process {pid}"
    match process.fate(held.holder):
        case "dead" if unsettled or name == "orchestrator":
            return warning(f"{what}, which is gone", "taken over by the next `sow run`", pid=pid)
        case "dead":
            return note(f"{what}, which is gone: in nobody's way, the next start takes it over", pid=pid)
        case "unknown":
            asked = f"{what} on {host}, which can't be asked from here"
            return warning(asked, f"if that process is gone for good: `rm {held.path}`", pid=pid, host=host)
        case "alive":
            return ok(what, pid=pid)


def attempts(scene: Scene, store: Store) -> Iterator[Finding]:
    """Every attempt that has no end yet is driven by somebody."""
    every, drivers, runner = Attempts(store.layout), Drivers(store), LocalRunner(base_env={})
    for attempt in every.open():
        if drivers.driven(attempt.task_id):
            continue
        what = f"attempt {attempt.id} of task {attempt.task_id}"
        try:
            state = runner.look(every.folder(attempt.id))
        except Busy as fault:
            yield warning(str(fault), fault.hint)
            continue
        if every.read(attempt.id).ended:
            continue  # settled between the two looks
        if isinstance(state, Running):
            yield warning(
                f"{what} works on, and whoever started it is gone",
                f"taken on by the next `sow run`; to end it: `sow agent stop {attempt.task_id}`",
            )
        else:
            how = "has ended" if state else "was never started"
            yield warning(f"{what} {how}, and whoever drove it is gone", "settled by the next `sow run`")


def _listed(ids: list[str]) -> str:
    more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    return f"task{'s' if len(ids) > 1 else ''} {', '.join(ids[:5])}{more}"


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
