"""Every file of a workspace that a person or a program can break, held against what it has to be.

config.yaml --> its stages, by their handlers --> the user's settings --> task files --> how each is done

All problems of all files are found, and nothing is changed or run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sow_schemas
from sow import files, find, validate
from sow.document import Document, faults
from sow.errors import BadFile, SowError
from sow.nearest import nearest
from sow.result import Result
from sow.taskfiles import paths, stages, task_file, text
from sow.taskfiles.stages import Settings
from sow.taskfiles.task_file import QUEUED, RUNNING, TaskFile
from sow.taskfiles.text import Text
from sow.taskfiles.workspace import Workspace

SCRATCH = "/nowhere"
"""The folder of an attempt that is never made."""


@dataclass(frozen=True, slots=True)
class Checked(Result):
    """What was looked at, and all that is wrong with it."""

    tasks: int
    problems: tuple[BadFile, ...]
    slips: tuple[BadFile, ...]
    """What only looks like one: a key that is nearly one of ours, an id that is given twice."""

    @property
    def files(self) -> int:
        """How many files have a problem."""
        return len({problem.path for problem in self.problems})

    def as_json(self) -> Any:
        """As `sow validate --json` prints it."""
        return {
            "valid": not self.problems,
            "tasks": self.tasks,
            "problems": [problem.as_json() for problem in self.problems],
            "notes": [slip.as_json() for slip in self.slips],
        }


def check(workspace: Workspace, environment: Mapping[str, str]) -> Checked:
    """Everything of a workspace, and the settings that hold for it. `environment`: where the user's lie."""
    problems = [*_of_settings(workspace)]
    bad = {problem.field.removeprefix("stages.") for problem in problems}
    place = find.maybe_place(workspace.root)
    problems += validate.settings(place.main if place else None, environment)
    held = _settings(workspace)
    names = workspace.names()
    for name in names:
        problems += _of_task(workspace, f"{workspace.tasks}/{name}", held, bad, environment)
    return Checked(len(names), tuple(problems), (*_slips(workspace), *_same_ids(workspace, names)))


def _same_ids(workspace: Workspace, names: Collection[str]) -> Iterator[BadFile]:
    """Tasks to be done that have one id: each is run, but events and `--task ID` tell them not apart."""
    known: dict[str, str] = {}
    for name in names:
        try:
            task = task_file.read(f"{workspace.tasks}/{name}", workspace.roots)
        except (FileNotFoundError, SowError):
            continue  # told already, or gone
        if task.status not in (QUEUED, RUNNING):
            continue
        if first := known.get(task.id):
            line, column = task.held.line(("task_id",))
            hint = f"give it one of its own, or name it by its file: {task.stem}"
            what = f"is that of {first}, too"
            yield BadFile(task.path, what, hint, line=line, column=column, field="task_id")
        known.setdefault(task.id, name)


# -- config.yaml ---------------------------------------------------------------------------------


def _of_settings(workspace: Workspace) -> Iterator[BadFile]:
    path = workspace.config
    try:
        known, held = stages.configured(path)
    except SowError as fault:
        yield from validate.told(fault, path)
        return
    if not sow_schemas.valid(stages.SCHEMA, known):
        for found in faults.find(stages.SCHEMA, known, path, held):
            yield BadFile(path, found.message, found.hint, line=found.line, field=found.field)
        return
    if settings := _settings(workspace):
        for name in known.get("stages", {}):
            yield from _of_stage(name, settings.stages[name], held)


def _of_stage(name: str, config: Any, held: Document) -> Iterator[BadFile]:
    """What the handler of a stage says against its entry in a file."""
    try:
        stages.check(name, config)
    except SowError as fault:
        line = held.place(("stages", name, "handler"))[0]
        what = str(fault).removeprefix(f"stages.{name}: ")
        yield BadFile(held.where, what, fault.hint, line=line, field=f"stages.{name}")


def _slips(workspace: Workspace) -> Iterator[BadFile]:
    try:
        _, held = stages.configured(workspace.config)
    except SowError:
        return  # told already
    known = sow_schemas.fields(stages.SCHEMA)
    for key in held.value:
        if key not in known and (close := nearest(str(key), known)):
            hint = f"did you mean {close}? A key of another program's may stay"
            yield BadFile(held.where, "is not known here", hint, line=held.place((key,))[0], field=str(key))


def _settings(workspace: Workspace) -> Settings | None:
    """The settings; None where they can't be read, which is told already."""
    try:
        return Settings.read(workspace)
    except SowError:
        return None


# -- a task --------------------------------------------------------------------------------------


def _of_task(
    workspace: Workspace, path: str, settings: Settings | None, bad: set[str], environment: Mapping[str, str]
) -> Iterator[BadFile]:
    """What is wrong with a task's file. `bad`: the stages whose entries in the settings are."""
    try:
        held = text.parse(files.contents(path, task_file.SIZE, workspace.roots), path)
    except FileNotFoundError:
        return  # it went just now
    except SowError as fault:
        yield from validate.told(fault, path)
        return
    known = sow_schemas.fields(task_file.SCHEMA)
    found = [
        *_by_schema(held, task_file.SCHEMA, {key: held.value[key] for key in held.value if key in known})
    ]
    snapshot = held.value.get("config_snapshot")
    own = snapshot.get("stages", {}) if isinstance(snapshot, dict) else {}
    found += _by_schema(held, stages.SCHEMA, {"stages": own}, ("config_snapshot",))
    yield from sorted(found, key=lambda problem: (problem.line, problem.column))
    task = TaskFile(path, held)
    # What was claimed goes on by its claim, and what has ended asks for nothing.
    if not found and settings and task.status == QUEUED:
        yield from of_queued(workspace, task, settings, environment, bad)


def _by_schema(held: Text, schema: str, value: Any, above: text.Path = ()) -> Iterator[BadFile]:
    if sow_schemas.valid(schema, value):
        return
    for problem in sow_schemas.problems(schema, value):
        line, column = held.line((*above, *problem.path))
        field = ".".join((*map(str, above), problem.where)) if problem.where else ".".join(map(str, above))
        yield BadFile(held.where, problem.message, problem.hint, line=line, column=column, field=field)


def of_queued(
    workspace: Workspace, task: TaskFile, settings: Settings, environment: Mapping[str, str],
    bad: Collection[str] = (),
) -> Iterator[BadFile]:  # fmt: skip
    """What keeps a queued task from being done: its stages, as they are configured now. `bad`: the stages
    whose entries in the settings are, of which is told already."""
    if clash := paths.clash(task, workspace):
        field = clash.partition(" ")[0]
        kind = field.partition(".")[2]
        line, column = task.held.line(("output", kind))
        what = clash.removeprefix(f"{field} ")
        hint = "give the output a path of its own"
        yield BadFile(task.path, what, hint, line=line, column=column, field=field)
    own = task.snapshot.get("stages", {})
    entries, pipeline = stages.merged(settings.stages, own), task.fields["pipeline"]
    for number, name in enumerate(pipeline):
        if stages.skipped(name, task, entries) or (name in bad and name not in own):
            continue
        what, hint = _of_place(workspace, task, settings, number, environment)
        if what:
            line, column = task.held.line(("pipeline", number))
            yield BadFile(task.path, what, hint, line=line, column=column, field=f"pipeline.{number}")


def _of_place(
    workspace: Workspace, task: TaskFile, settings: Settings, number: int, environment: Mapping[str, str]
) -> tuple[str, str]:
    """What keeps the stage at a place of the pipeline from being begun, and what to do; empty for nothing."""
    pipeline = task.fields["pipeline"]
    name = pipeline[number]
    if name in pipeline[:number]:
        return f"stage {name} stands in the pipeline twice", "give the second one a name of its own"
    try:
        config = settings.entry(name, stages.merged(settings.stages, task.snapshot.get("stages", {})))
        stages.check(name, config)
        begun = paths.described(task, name, config, workspace, SCRATCH, environment)
        stages.handler(config["handler"]).start(begun)
    except SowError as fault:
        what = str(fault)
        return what if f"stage {name}" in what else f"stage {name}: {what}", fault.hint
    except Exception as fault:
        # A handler of somebody else's.
        return f"stage {name}: {type(fault).__name__}: {fault}", "mend or remove the package of its handler"
    return "", ""
