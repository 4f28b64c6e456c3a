"""The files of a task: what its inputs and outputs mean, and whether they are as before."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from sow.taskfiles.stages import Stage
from sow.taskfiles.task_file import TaskFile
from sow.taskfiles.workspace import Workspace

BEGINNINGS = ("workspace/", "./", "../", "/")
"""How a text begins that is a path, whether there is such a file or not."""


def meant(value: Any, place: Workspace) -> Any:
    """An input as a stage gets it: what is a path, absolute; any other word as it is."""
    if isinstance(value, list):
        return [meant(each, place) for each in value]
    if not isinstance(value, str) or not value or "\0" in value:
        return value
    is_path = value.startswith(BEGINNINGS) or os.path.exists(place.path(value))
    return place.path(value) if is_path else value


def described(
    task: TaskFile, name: str, config: Mapping[str, Any], place: Workspace, scratch: str,
    environment: Mapping[str, str],
) -> Stage:  # fmt: skip
    """A stage of a task, as its handler gets it.

    `scratch`: the folder of this attempt at it. `environment`: the variables of whoever has it run.
    """
    fields = task.fields
    return Stage(
        name=name,
        config=config,
        task_id=task.id,
        run_id=fields.get("run_id"),
        input={key: meant(value, place) for key, value in fields.get("input", {}).items()},
        output={key: place.path(path) if path else None for key, path in fields.get("output", {}).items()},
        snapshot=task.snapshot,
        root=place.root,
        workspace=place.folder,
        tmp=place.tmp(task.stem),
        scratch=scratch,
        stem=task.stem,
        environment=environment,
    )


def inputs(stage: Stage) -> dict[str, str]:
    """The files among a stage's inputs, by name; into a folder it may write, beside what is in it."""
    return {name: path for name, path in texts(stage.input) if path[:1] == "/" and not os.path.isdir(path)}


def signs(files: Mapping[str, str | None]) -> dict[str, list[int]]:
    """What tells that a file is another one or was written to, for those that are there."""
    found = {}
    for name, path in files.items():
        try:
            held = os.stat(path) if path else None
        except (OSError, ValueError):
            continue
        if held:
            found[name] = [held.st_ino, held.st_size, held.st_mtime_ns]
    return found


def clash(task: TaskFile, place: Workspace) -> str:
    """That an output would be written over an input; empty where none is."""
    taken = {_real(place, path): name for name, path in texts(task.fields.get("input", {}))}
    for kind, path in texts(task.fields.get("output", {})):
        if name := taken.get(_real(place, path)):
            return f"output.{kind} is input.{name} ({path}): inputs are never modified"
    return ""


def texts(held: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The texts among values, in lists too, each with its name: `media`, `parts.0`. No empty ones."""
    for name, value in held.items():
        if isinstance(value, str) and value and "\0" not in value:
            yield name, value
        elif isinstance(value, list):
            yield from texts({f"{name}.{index}": each for index, each in enumerate(value)})


def _real(place: Workspace, path: str) -> str:
    return os.path.realpath(place.path(path))
