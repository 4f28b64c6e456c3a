"""Every file that a person or an agent can break, held against what it has to be.

settings, types --> project --> phases --> tasks, each alone --> what tasks say of one another --> event log

All problems of all files are found, and nothing is changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sow import document, eventlog, files, project_types
from sow.config import check as checking
from sow.document.faults import Invalid
from sow.errors import BadFile, SowError
from sow.eventlog import EventLog
from sow.layout import Layout
from sow.ready import circles, way_out
from sow.store import Store
from sow.task import Task


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at, and all that is wrong with it."""

    problems: tuple[BadFile, ...]
    phases: int
    tasks: int
    torn_lines: int
    """Lines of the event log that a kill tore: nothing to mend, readers skip them."""

    @property
    def files(self) -> int:
        """How many files have a problem."""
        return len({problem.path for problem in self.problems})

    def as_json(self) -> dict[str, Any]:
        """As `sow validate --json` prints it."""
        return {
            "valid": not self.problems,
            "phases": self.phases,
            "tasks": self.tasks,
            "problems": [problem.as_json() for problem in self.problems],
            "torn_lines": self.torn_lines,
        }


def check(store: Store, environment: Mapping[str, str]) -> Checked:
    """Everything of a project, and the settings that hold for it. `environment`: where the user's lie."""
    main = store.layout.main
    problems = [*settings(main, environment)]
    problems += [one for path, fault in project_types.broken(main) for one in told(fault, path)]
    try:
        torn_lines = _torn_lines(store.log)
    except SowError as fault:
        problems += told(fault, store.layout.events)
        torn_lines = 0
    try:
        phases = store.phases()
        held = store.tasks()
    except SowError as fault:
        # Without the phases there is no task to look at.
        problems += [*_project(store), *told(fault, store.layout.phases)]
        return Checked(tuple(problems), 0, 0, torn_lines)
    for broken in (*store.broken_files(), *held.broken):
        problems += told(broken.fault, broken.path)
    for phase in phases:
        problems += _artifacts(store.layout, store.layout.phase_file(phase), _phase(store, phase))
    for task in held.tasks:
        path = store.layout.task_file(task.phase, task.id)
        problems += _artifacts(store.layout, path, task.document())
    problems += [problem for path in store.task_files() for problem in _texts(store, os.path.dirname(path))]
    problems += _dependencies(store, held.tasks)
    return Checked(tuple(problems), len(phases), len(held.tasks), torn_lines)


def told(fault: SowError, path: str) -> tuple[BadFile, ...]:
    """A fault as problems, each with its place; `path` where it tells none."""
    match fault:
        case Invalid():
            return fault.problems
        case BadFile():
            return (fault,)
    return (BadFile(path, str(fault), fault.hint),)


# -- settings ---------------------------------------------------------------------------------


def settings(main: str | None, environment: Mapping[str, str]) -> Iterator[BadFile]:
    """What is wrong with the user's settings, the repository's, and the variables that choose executors."""
    for found in checking.everything(environment, main):
        if not found.is_note:
            at = found.source
            what = found.message.removeprefix(f"{found.field}: ")
            path = at.file or f"${at.variable}"
            yield BadFile(path, what, found.hint, line=at.line, field=found.field if at.file else "")


def _project(store: Store) -> tuple[BadFile, ...]:
    try:
        store.project()
    except SowError as fault:
        return told(fault, store.layout.project_file)
    return ()


# -- what a file says of others ---------------------------------------------------------------


def _phase(store: Store, phase: str) -> Mapping[str, Any]:
    try:
        return store.phase(phase)
    except SowError:
        return {}  # told already


def _artifacts(layout: Layout, path: str, held: Mapping[str, Any]) -> Iterator[BadFile]:
    """Artifacts that lead out of the repository."""
    for field in ("inputs", "outputs"):
        for number, artifact in enumerate(held.get(field, ())):
            if wrong := _leaves(layout, artifact["path"]):
                line = document.read_file(path, roots=()).place((field, number, "path"))[0]
                hint = "give a path below the project's worktree, relative to .sow/project/"
                yield BadFile(path, wrong, hint, line=line, field=f"{field}[{number}].path")


def _leaves(layout: Layout, path: str) -> str:
    """What is wrong with the path of an artifact; empty where nothing is."""
    shown = path if len(path) <= 100 else f"{path[:97]}..."
    if os.path.isabs(path):
        return f"{shown!r} is an absolute path"
    whole = os.path.normpath(os.path.join(layout.project, path))
    if not f"{whole}/".startswith(f"{layout.folder}/"):
        return f"{shown!r} leads out of the project's worktree"
    try:
        files.check_inside(whole, (layout.folder, layout.main))
    except BadFile:
        return f"{shown!r} is a link that leads out of the repository"
    except ValueError:
        return f"{shown!r} can't be the path of a file"
    return ""


def _texts(store: Store, folder: str) -> Iterator[BadFile]:
    """Texts of a task that are there and can't be read."""
    try:
        feedback = [name for name in files.names(f"{folder}/feedback", store.roots) if name.endswith(".md")]
    except BadFile as fault:
        yield fault
        feedback = []
    for name in ("description.md", "log.md", *(f"feedback/{name}" for name in sorted(feedback))):
        try:
            files.text(f"{folder}/{name}", store.roots)
        except BadFile as fault:
            yield fault


def _dependencies(store: Store, tasks: tuple[Task, ...]) -> Iterator[BadFile]:
    """Dependencies on tasks that there are not, and circles of them."""
    # One with a broken file is there: it may be whole again.
    there = {path.split("/")[-2] for path in store.task_files()}
    by_id = {task.id: task for task in tasks}
    for task in tasks:
        for number, needed in enumerate(task.depends_on or ()):
            if needed not in there:
                hint = f"take it away: `sow task set depends_on '[...]' --id {task.id}`"
                yield _dependency(store, task, number, f"there is no task {needed}", hint)
    for circle in circles(tasks):
        task = by_id[circle[0]]
        number = list(task.depends_on or ()).index(circle[1])
        what = f"{' -> '.join(circle)} is a circle: none of them ever starts"
        yield _dependency(store, task, number, what, way_out(task, circle))


def _dependency(store: Store, task: Task, number: int, what: str, hint: str) -> BadFile:
    path = store.layout.task_file(task.phase, task.id)
    line = document.read_file(path).place(("depends_on", number))[0]
    return BadFile(path, what, hint, line=line, field=f"depends_on[{number}]")


# -- the event log ----------------------------------------------------------------------------


def _torn_lines(log: EventLog) -> int:
    return sum(bool(line.strip()) and eventlog.parse(line) is None for line in log.lines())
