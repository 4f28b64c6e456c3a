"""Mends what has one right answer, keeps what it replaces, and explains the rest.

rights --> what kills left --> state files --> texts --> leases        each stage: look, then mend
                                                    \\--> what is still wrong, with what to do about it

A look changes nothing and gives steps; a step is whole or not there, and done
again it does nothing. So a kill leaves what the next repair ends the same with.
Nobody needs it after a kill: what kills leave, every command settles by itself.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sow_schemas
from sow import document, files, lease, process
from sow.change import Event
from sow.errors import BadFile, SowError
from sow.git.repository import Git
from sow.lease import Lease
from sow.state import Twice
from sow.store import Store
from sow.store.copies import copy_of, schema_of
from sow.task import Task
from sow.validate import check

if TYPE_CHECKING:
    from sow_schemas.documents import TaskRestored

TEXTS = ("description.md", "log.md")
"""What a task's folder has beside its state, and could do without."""


@dataclass(frozen=True, slots=True)
class AllowReading:
    """A file or folder of one's own that one may not read."""

    path: str

    what = "with the right for you to read it"


@dataclass(frozen=True, slots=True)
class Settle:
    """What a killed writer left of a change: completed, or its temporary file removed."""

    path: str

    what = "settled, for a command was killed at it"


@dataclass(frozen=True, slots=True)
class ClearHalfAdded:
    """The folder of a task that was killed while it was added: nobody was told that there is one."""

    path: str

    what = "removed, for a command was killed while it added this task"


@dataclass(frozen=True, slots=True)
class PutBack:
    """A state file that is broken or gone, and has a good copy."""

    path: str
    copy: str
    """`project`, `type`, `phase-<phase>`, or the id of a task."""

    what = "from its last good copy"


@dataclass(frozen=True, slots=True)
class Make:
    """A text or folder of a task that is missing, or is none."""

    path: str
    text: str | None
    """None for a folder."""
    what: str


@dataclass(frozen=True, slots=True)
class Free:
    """The lease of a process that is provably dead."""

    path: str
    held: Lease

    what = "given back, for its holder is dead"


Step = AllowReading | Settle | ClearHalfAdded | PutBack | Make | Free


@dataclass(frozen=True, slots=True)
class Mended:
    """A step that was done, and under which name what it replaced is kept."""

    step: Step
    kept: str = ""


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was mended, and what is left for a person, each with what to do."""

    mended: tuple[Mended, ...]
    left: tuple[BadFile, ...]
    dry_run: bool = False
    """Whether it was only looked at."""

    def as_json(self) -> dict[str, Any]:
        """As `sow repair --json` prints it."""
        return {
            "dry_run": self.dry_run,
            "mended": [
                {"path": each.step.path, "what": each.step.what, "kept": each.kept or None}
                for each in self.mended
            ],
            "left": [problem.as_json() for problem in self.left],
        }


def repair(store: Store, environment: Mapping[str, str], *, dry_run: bool = False) -> Repaired:
    """Mends a project stage by stage; with `dry_run` it only says what it would do.

    What a later stage finds only once an earlier one has mended something, a dry
    run can't tell. `environment` tells where the user's settings lie.
    """
    mended: list[Mended] = []
    failed: dict[str, BadFile] = {}
    for stage in STAGES:
        for step in stage(store):
            try:
                kept = "" if dry_run else _mend(store, step)
            except SowError as fault:
                failed[step.path] = BadFile(step.path, f"can't be mended: {fault}", fault.hint)
            else:
                mended += [Mended(step, kept)] if kept is not None else []
    would = {each.step.path for each in mended} if dry_run else set()
    left = [problem for problem in _still_wrong(store, environment) if problem.path not in would]
    for problem in left:
        failed.pop(problem.path, None)
    return Repaired(tuple(mended), (*failed.values(), *left), dry_run)


def bring_back_texts(store: Store, task_id: str) -> None:
    """Brings back the texts of a task whose folder was lost, as the last commit has them."""
    folder = store.layout.task(store.task(task_id).phase, task_id)
    try:
        git = Git(store.layout.folder)
        names = git.run(
            "ls-tree", "-r", "-z", "--name-only", "HEAD", "--", os.path.relpath(folder, git.folder)
        )
    except SowError:
        return  # outside of git there is no commit
    for name in names.split("\0"):
        path = f"{git.folder}/{name}"
        if name.endswith(".md") and not os.path.lexists(path) and (text := _committed(store, path)):
            files.make_folder(os.path.dirname(path))
            files.create(path, text)


# -- looking: what there is to mend, stage by stage -----------------------------------------------


def _rights(store: Store) -> Iterator[Step]:
    """What one may not read, and is the owner of; folders first, for the rest lies in them."""
    todo = [store.layout.project]
    while todo:
        path = todo.pop()
        try:
            status = os.lstat(path)
        except OSError:
            continue  # in a folder that could be opened just now: the next repair sees it
        is_folder = stat.S_ISDIR(status.st_mode)
        needed = stat.S_IRUSR | (stat.S_IXUSR if is_folder else 0)
        own = status.st_uid == os.geteuid() and (is_folder or stat.S_ISREG(status.st_mode))
        if own and status.st_mode & needed != needed:
            yield AllowReading(path)
        if is_folder and os.access(path, os.R_OK | os.X_OK):
            todo += sorted((f"{path}/{name}" for name in os.listdir(path)), reverse=True)


def _kills(store: Store) -> Iterator[Step]:
    """What killed writers left: journals, temporary files, half-added tasks."""
    yield from (Settle(f"{store.layout.journal}/{entry}") for entry in store.journal.left())
    yield from (Settle(path) for path, _ in store.left())
    yield from (ClearHalfAdded(path) for path in store.half_added())


def _own_files(store: Store) -> Iterator[Step]:
    """The files of project, type and phases that are broken or gone, and have a good copy."""
    for broken in store.broken_files():
        name = copy_of(broken.path, store.layout)
        if name and _may_be_judged(broken.path) and store.good_copy(name):
            yield PutBack(broken.path, name)
    kind = store.layout.type_file
    if not os.path.lexists(kind) and store.good_copy("type"):
        yield PutBack(kind, "type")


def _tasks(store: Store) -> Iterator[Step]:
    """The tasks' state files that are broken or gone, and have a good copy that belongs there."""
    for broken in store.tasks().broken:
        phase, _, task_id = broken.path.split("/")[-4:-1]
        if isinstance(broken.fault, Twice) or not _may_be_judged(broken.path):
            continue
        good = store.good_copy(task_id)
        if good and (good.value["id"], good.value["phase"]) == (task_id, phase):
            yield PutBack(broken.path, task_id)


def _texts(store: Store) -> Iterator[Step]:
    """Texts and folders of tasks that are missing, or are no plain ones of the repository."""
    if store.is_old():
        return  # its tasks get folders when it is split
    for task in store.tasks().tasks:
        folder = store.layout.task(task.phase, task.id)
        for name in TEXTS:
            path = f"{folder}/{name}"
            if _is_plain(store, path, stat.S_ISREG):
                continue
            if committed := _committed(store, path):
                yield Make(path, committed, "from the last commit")
            else:
                yield Make(path, _first(task, name), "made anew")
        if not _is_plain(store, f"{folder}/feedback", stat.S_ISDIR):
            yield Make(f"{folder}/feedback", None, "made anew")


def _leases(store: Store) -> Iterator[Step]:
    """The leases of dead holders."""
    for held in _held(store):
        if process.fate(held.holder) == "dead":
            yield Free(held.path, held)


STAGES: tuple[Callable[[Store], Iterator[Step]], ...] = (_rights, _kills, _own_files, _tasks, _texts, _leases)


def _may_be_judged(path: str) -> bool:
    """Whether one may see what lies at `path`: what only another user may read can be whole."""
    try:
        is_file = stat.S_ISREG(os.lstat(path).st_mode)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return not is_file or os.access(path, os.R_OK)


def _is_plain(store: Store, path: str, kind: Callable[[int], bool]) -> bool:
    """Whether a file or folder (`kind`) of the repository lies at `path`, be it too large or unreadable."""
    try:
        files.check_inside(path, store.roots)
        return kind(os.stat(path).st_mode)
    except (OSError, BadFile):
        return False


def _committed(store: Store, path: str) -> str:
    """A file as the last commit has it; empty where it has none, or a link, or one that is too large."""
    git = Git(store.layout.folder)
    try:
        entry = git.run("ls-tree", "-z", "-l", "HEAD", "--", os.path.relpath(path, git.folder))
        mode, _, blob, size = entry.partition("\t")[0].split()
        if not mode.startswith("100") or int(size) > files.TEXT_BYTES:
            return ""
        return git.run("cat-file", "blob", blob)
    except (SowError, ValueError):
        return ""


def _first(task: Task, name: str) -> str:
    """A text as it is when a task is added without a description."""
    return f"# {task.id} {task.name}\n" if name == "log.md" else ""


def _held(store: Store) -> Iterator[Lease]:
    for name in sorted(files.names(store.layout.locks)):
        if name.endswith(".lease") and (held := lease.holder(f"{store.layout.locks}/{name}")):
            yield held


# -- mending: each step whole or not at all -------------------------------------------------------


def _mend(store: Store, step: Step) -> str | None:
    """Does a step; gives the name under which what it replaced is kept, None where it was done already.

    Raises SowError.
    """
    match step:
        case AllowReading(path):
            files.allow_reading(path)
        case Settle(path):
            return _settle(store, path)
        case ClearHalfAdded():
            store.sweep_half_added()
        case PutBack(path, copy):
            return _put_back(store, path, copy)
        case Make(path, text, _):
            return _make(store, path, text)
        case Free(_, held):
            return _free(store, held)
    return ""


def _settle(store: Store, path: str) -> str:
    if os.path.dirname(path) == store.layout.journal and not path.endswith(".tmp"):
        try:
            store.journal.complete(os.path.basename(path))
        except BadFile:
            # An intent that nobody can read does not say what was begun.
            return files.set_aside(path, leave=False)
        return ""
    for left, lock in store.left():
        if left == path:
            store.sweep(path, lock)
    return ""


def _put_back(store: Store, path: str, copy: str) -> str | None:
    kept = store.put_back(copy)
    if kept is not None and copy.isdigit():
        told: TaskRestored = {"kept": os.path.basename(kept)}
        store.tell(Event(type="task.restored", task_id=copy, payload=told))
    return kept


def _make(store: Store, path: str, text: str | None) -> str:
    files.check_inside(os.path.dirname(path), store.roots)
    kept = files.set_aside(path, leave=False) if os.path.lexists(path) else ""
    if text is None:
        files.make_folder(path)
    else:
        files.create(path, text)
    return kept


def _free(store: Store, held: Lease) -> str | None:
    if not held.release():
        return None  # somebody has taken it over meanwhile
    name = os.path.basename(held.path)
    task_id = name[len("turn-") : -len(".lease")] if name.startswith("turn-") else None
    store.tell(Event(type="lock.broken", task_id=task_id, payload={"lease": name, "holder": held.what}))
    return ""


# -- what is left for a person --------------------------------------------------------------------


def _still_wrong(store: Store, environment: Mapping[str, str]) -> Iterator[BadFile]:
    """All that is wrong now, each with what to do about it."""
    told: set[str] = set()
    for problem in check(store, environment).problems:
        yield problem if problem.path in told else _with_way_back(store, problem)
        told.add(problem.path)
    yield from _gone_tasks(store)
    for held in _held(store):
        if process.fate(held.holder) == "unknown":
            pid, host = held.holder.identity.pid, held.holder.host
            what = f"{held.what}: process {pid} on {host} holds it, which can't be asked from here"
            yield BadFile(held.path, what, f"if that process is gone: `rm {held.path}`")


def _with_way_back(store: Store, problem: BadFile) -> BadFile:
    """A problem with a broken state file, with the command that brings back one that was committed whole."""
    path, name = problem.path, copy_of(problem.path, store.layout)
    schema = schema_of(name)
    if not name or _is_whole(lambda: document.read_file(path), schema):
        return problem
    if not _is_whole(lambda: document.parse(_committed(store, path).encode(), path), schema):
        return problem
    folder = store.layout.folder
    back = f"`git -C {folder} checkout HEAD -- {os.path.relpath(path, folder)}`"
    hint = f"{problem.hint}; or take the last committed one, which is whole: {back}"
    return BadFile(path, problem.what, hint, line=problem.line, column=problem.column, field=problem.field)


def _is_whole(read: Callable[[], document.Document], schema: str) -> bool:
    try:
        return sow_schemas.valid(schema, read().value)
    except (FileNotFoundError, BadFile):
        return False


def _gone_tasks(store: Store) -> Iterator[BadFile]:
    """Tasks whose whole folder is gone: nobody can tell whether that was meant."""
    there = {path.split("/")[-2] for path in store.task_files()}
    for name in sorted(files.names(store.layout.last_good)):
        task_id = name.removesuffix(".yaml")
        good = store.good_copy(task_id) if name[:1].isdigit() and task_id not in there else None
        if good is not None:
            copy = store.layout.good_copy(task_id)
            folder = store.layout.task(str(good.value["phase"]), task_id)
            hint = f"bring it back: `mkdir -p {folder} && sow repair`; or let it go: `rm {copy}`"
            yield BadFile(
                folder, f"the folder of task {task_id} is gone, and a good copy of its state kept", hint
            )
