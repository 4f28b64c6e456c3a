"""What `sow doctor` looks at in a workspace of task files.

What a dead runner left is mended by the next one, and is a warning at most; what keeps a task from
being done by anybody is an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.machinery import PathFinder
from shlex import quote
from typing import TYPE_CHECKING, Any

import sow_schemas
from sow import files, process
from sow.clock import stamp
from sow.config import executor_of
from sow.doctor.finding import Finding, error, note, ok, told, warning
from sow.errors import BadFile, SowError
from sow.taskfiles import agent, checking, lock, runs, stages, task_file
from sow.taskfiles.stages import Settings
from sow.taskfiles.task_file import QUEUED, RUNNING, SUFFIX, TaskFile
from sow.taskfiles.workspace import Workspace

if TYPE_CHECKING:
    from sow.doctor.examination import Room

SHELL_SECONDS = 5.0
"""How long the shell may take to say whether it knows a command."""


def rooms(folder: str, environment: Mapping[str, str]) -> Mapping[str, Room]:
    """The checks of the workspace in `folder`. `environment`: where the user's settings lie."""
    place = Workspace(folder)
    checks: Room = {
        "task_files": lambda: task_files(place, environment),
        "programs": lambda: programs(place, environment),
        "inputs": lambda: inputs(place),
        "locks": lambda: locks(place, time.time()),
        "runners": lambda: runners(place),
        "leftovers": lambda: leftovers(place),
    }
    return {f"task files in {folder}": checks}


def task_files(place: Workspace, environment: Mapping[str, str]) -> Iterator[Finding]:
    """They and the settings are valid, and each queued one can be done by the stages that there are."""
    found = checking.check(place, environment)
    yield from map(told, found.problems)
    yield from (note(str(slip), slip.hint) for slip in found.slips)
    if not found.problems:
        by_status = Counter[str](task.status for task in _tasks(place))
        parts = ", ".join(f"{count} {status}" for status, count in sorted(by_status.items()))
        many = "1 task file is" if found.tasks == 1 else f"{found.tasks} task files are"
        yield ok(f"{many} valid: {parts}" if parts else "there is no task file", **by_status)


def programs(place: Workspace, environment: Mapping[str, str]) -> Iterator[Finding]:
    """What the stages call is there: commands, modules, agents."""
    settings = _settings(place)
    if settings is None:
        return  # told already
    waiting = [task for task in _tasks(place) if task.status == QUEUED]
    for name, config in settings.stages.items():
        wrong = "" if config.get("enabled") is False else _missing(name, config, place, environment)
        if wrong:
            needed = [task.id for task in waiting if name in task.fields["pipeline"]]
            level = error if needed else warning
            who = f", and needed by {_listed(needed)}" if needed else ""
            mend = f"install it, or mend stages.{name} in {settings.files[0]}"
            yield level(f"stage {name}: {wrong}{who}", mend, stage=name)
    for task in waiting:
        yield from _own_programs(task, settings, place, environment)


def _own_programs(
    task: TaskFile, settings: Settings, place: Workspace, environment: Mapping[str, str]
) -> Iterator[Finding]:
    """The same of the stages that a task brings along."""
    own = task.snapshot.get("stages", {})
    if not sow_schemas.valid(stages.SCHEMA, {"stages": own}):
        return  # told already
    entries = stages.merged(settings.stages, own)
    for name in task.fields["pipeline"]:
        if name not in own or stages.skipped(name, task, entries):
            continue
        if wrong := _missing(name, entries[name], place, environment):
            mend = f"install it, or mend config_snapshot.stages.{name} in {task.path}"
            yield error(f"task {task.id}, stage {name}: {wrong}", mend, id=task.id, stage=name)


def inputs(place: Workspace) -> Iterator[Finding]:
    """The inputs of what is queued are there: a task that begins without one will fail."""
    for task in (task for task in _tasks(place) if task.status == QUEUED):
        for name, path in task.fields.get("input", {}).items():
            if isinstance(path, str) and path.startswith("workspace/") and not _is_there(place.path(path)):
                yield note(
                    f"task {task.id}: its input {name} is not there: {path}", "put it there", id=task.id
                )


def locks(place: Workspace, now: float) -> Iterator[Finding]:
    """No lock of a dead holder's is left."""
    settings = _settings(place) or Settings()
    for name in sorted(files.names(place.tasks)):
        if not name.endswith(".lock"):
            continue
        path = f"{place.tasks}/{name}"
        try:
            holder, age = lock.holder(path), now - os.stat(path).st_mtime
        except FileNotFoundError:
            continue  # given back just now
        except BadFile as fault:
            yield told(fault)
            continue
        yield from _of_lock(place, path, holder, age, settings.stale_lock_seconds)


def _of_lock(
    place: Workspace, path: str, holder: process.Address | None, age: float, stale: float
) -> Iterator[Finding]:
    fate = process.fate(holder) if holder else "unknown"
    whose = (
        f"process {holder.identity.pid} on {holder.host}" if holder else "a program that does not name itself"
    )
    if not os.path.lexists(f"{path.removesuffix('.lock')}{SUFFIX}"):
        yield warning(f"{path} is the lock of no task file", f"if nothing uses it: `rm {quote(path)}`")
    elif fate == "dead":
        yield warning(f"{path} was left by {whose}, which is dead", "the next `sow run` takes it over")
    elif fate == "unknown" and age >= stale:
        text = f"{path}, the lock of {whose}, is {age:.0f} s old, and counts as left from {stale:g} s on"
        yield warning(text, "the next `sow run` breaks it")


def runners(place: Workspace) -> Iterator[Finding]:
    """Each running task has a runner that lives."""
    for task in _tasks(place):
        held, is_open = runs.holder(place, task.stem), runs.open_run(place, task.stem)
        fate = process.fate(held.holder) if held else "dead"
        if task.status == RUNNING and not is_open:
            yield warning(
                f"task {task.id} is running, and no runner of sow's has claimed it",
                f'if no other program runs it, write "status": "queued" into {task.path}',
                id=task.id,
            )
        elif is_open and not held and (hold := runs.hold(is_open)) and task.status == RUNNING:
            yield note(
                f"task {task.id} waits until {stamp(hold.until)}: {hold.why}",
                "the next `sow run` goes on with it then",
            )
        elif is_open and fate == "dead":
            who = f"its runner, process {held.holder.identity.pid}, is dead" if held else "it has no runner"
            what = "is running" if task.status == RUNNING else f"is {task.status}, and its run is not settled"
            does = "takes it up" if task.status == RUNNING else "settles it"
            yield warning(f"task {task.id} {what}: {who}", f"the next `sow run` {does}", id=task.id)
        elif is_open and held and fate == "unknown":
            where = f"process {held.holder.identity.pid} on {held.holder.host}"
            yield note(f"task {task.id} is run by {where}, which can't be asked from here", id=task.id)
        elif is_open and held:
            yield ok(f"task {task.id} is run by process {held.holder.identity.pid}", id=task.id)


def leftovers(place: Workspace) -> Iterator[Finding]:
    """Nothing lies about that no task needs any more."""
    by_stem = {task.stem: task for task in _tasks(place)}
    names = {name.removesuffix(SUFFIX) for name in place.names()}
    above = os.path.dirname(place.tmp("task"))
    for stem in sorted(files.names(above)):
        folder, task = place.tmp(stem), by_stem.get(stem)
        if stem not in names:
            yield warning(f"{folder} is of a task whose file is gone", _remove(folder))
        elif task and task.status in ("done", "canceled") and not _is_kept(place):
            yield warning(f"{folder} was left, though task {task.id} is {task.status}", _remove(folder))
        elif task and task.status == "failed":
            yield note(
                f"{folder} is what the failed task {task.id} left", f"once you have seen it: `rm -r {folder}`"
            )
    above = os.path.dirname(place.runs("task"))
    for stem in sorted(files.names(above)):
        if stem not in names and not runs.is_held(place, stem):
            folder = place.runs(stem)
            yield warning(f"{folder} is of a task whose file is gone", _remove(folder))


# -- the parts -----------------------------------------------------------------------------------


def _tasks(place: Workspace) -> list[TaskFile]:
    """The task files that can be read."""
    found = []
    for name in place.names():
        try:
            found.append(task_file.read(f"{place.tasks}/{name}", place.roots))
        except (FileNotFoundError, BadFile):
            continue  # gone just now, or told already
    return found


def _settings(place: Workspace) -> Settings | None:
    try:
        return Settings.read(place)
    except SowError:
        return None


def _is_kept(place: Workspace) -> bool:
    settings = _settings(place)
    return settings is not None and settings.keep_tmp == "always"


def _missing(name: str, config: Any, place: Workspace, environment: Mapping[str, str]) -> str:
    """What a stage calls and is not there; empty where it is, or where that can't be seen."""
    match config.get("handler"):
        case "shell":
            word = config.get("command", "").split(maxsplit=1)[:1]
            return (
                f"there is no command {word[0]}"
                if word and not _is_known(word[0], place, environment)
                else ""
            )
        case "python":
            module = config.get("call", "").partition(":")[0]
            return f"there is no module {module}" if module and not _is_module(module, place.root) else ""
        case "agent":
            return _agent(name, config, place, environment)
    return ""


def _is_known(word: str, place: Workspace, environment: Mapping[str, str]) -> bool:
    """Whether the shell finds a command line's first word; true of one that is more than a plain word."""
    if not all(char.isalnum() or char in "-_./+@" for char in word):
        return True
    asked = ("/bin/sh", "-c", 'command -v -- "$1"', "sh", word)
    try:
        return not subprocess.run(
            asked, cwd=place.root, env=dict(environment), stdin=subprocess.DEVNULL, capture_output=True,
            timeout=SHELL_SECONDS, check=False,
        ).returncode  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return True


def _is_module(dotted: str, root: str) -> bool:
    """Whether Python finds a module of that name from `root`; nothing is imported for it."""
    first, *rest = dotted.split(".")
    if first in sys.builtin_module_names:
        return True
    found = PathFinder.find_spec(first, [root, *sys.path])
    for depth in range(len(rest)):
        if found is None or found.submodule_search_locations is None:
            break
        above = ".".join((first, *rest[: depth + 1]))
        found = PathFinder.find_spec(above, list(found.submodule_search_locations))
    return found is not None


def _agent(name: str, config: Any, place: Workspace, environment: Mapping[str, str]) -> str:
    try:
        choice = agent.choice_of(name, config, place.root, environment)
        wanted = executor_of(choice).program(choice.settings)
    except SowError as fault:
        return str(fault)
    path = environment.get("PATH", os.defpath)
    if any(shutil.which(each, path=path) for each in wanted):
        return ""
    return f"its agent's program is not there: {' or '.join(wanted)} (executor {choice.name})"


def _remove(folder: str) -> str:
    return f"once nobody needs it: `rm -r {quote(folder)}`"


def _is_there(path: str) -> bool:
    return "\0" in path or os.path.lexists(path)


def _listed(ids: list[str]) -> str:
    more = f" and {len(ids) - 3} more" if len(ids) > 3 else ""
    return f"task {', '.join(ids[:3])}{more}"
