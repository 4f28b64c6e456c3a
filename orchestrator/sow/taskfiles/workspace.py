"""A workspace: the folder with `tasks/` in it, what lies beside that, and what its paths mean.

workspace/            where the task files' own paths begin
  config.yaml         settings; `stages` among them
  tasks/              <timestamp>_<task_id>.task.json, and <timestamp>_<task_id>.lock while one is written
  events/             <YYYYMMDD>_events.jsonl
  outputs/_tmp/<task>/    what a stage needs meanwhile
  runs/<task>/<n>/    what a runner knows of its n-th run of a task: the claim, each stage's output
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from sow import files
from sow.errors import NotFound
from sow.taskfiles.task_file import SUFFIX

NAME = "workspace"
"""How the folder is called in the paths of task files, whatever its name is."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder that holds `tasks/`, an absolute path without links."""

    folder: str

    @property
    def root(self) -> str:
        """Where commands run and other paths begin: the folder that holds `workspace/`, else the
        workspace itself."""
        above, name = os.path.split(self.folder)
        return above if name == NAME else self.folder

    @property
    def tasks(self) -> str:
        return f"{self.folder}/tasks"

    @property
    def events(self) -> str:
        return f"{self.folder}/events"

    @property
    def config(self) -> str:
        return f"{self.folder}/config.yaml"

    @property
    def roots(self) -> tuple[str, ...]:
        """The folders out of which no link of a task's may lead; `tasks/` itself may be one to elsewhere."""
        return (self.folder, os.path.realpath(self.tasks))

    def lock(self, stem: str) -> str:
        return f"{self.tasks}/{stem}.lock"

    def runs(self, stem: str) -> str:
        return f"{self.folder}/runs/{stem}"

    def tmp(self, stem: str) -> str:
        return f"{self.folder}/outputs/_tmp/{stem}"

    def path(self, given: str) -> str:
        """What a path in a task file means: `workspace/…` is in the workspace, any other below `root`."""
        first, _, rest = given.removeprefix("./").partition("/")
        if first == NAME:
            return os.path.normpath(os.path.join(self.folder, rest))
        return os.path.normpath(os.path.join(self.root, given))

    def names(self) -> list[str]:
        """The names of the task files, in their order."""
        found = (name for name in files.names(self.tasks) if is_task_file(name))
        return sorted(found)


def is_task_file(name: str) -> bool:
    """Whether a file of that name is a task; what begins with a dot is just being written."""
    return name.endswith(SUFFIX) and not name.startswith(".") and name != SUFFIX


def here(start: str) -> str:
    """The workspace that a command in `start` means where that is no project: itself, or its `workspace/`.

    Empty where it holds no task file, or has a `.sow/`. Quick, for it is asked before every run.
    """
    if os.path.lexists(f"{start}/.sow"):
        return ""
    for folder in (start, f"{start}/{NAME}"):
        try:
            if any(map(is_task_file, os.listdir(f"{folder}/tasks"))):
                return os.path.realpath(folder)
        except OSError:
            continue
    return ""


def named(start: str, wanted: str | None) -> Workspace:
    """The workspace in folder `wanted`, or else in `start` or its `workspace/`. Raises NotFound."""
    folders = (os.path.join(start, wanted),) if wanted else (start, f"{start}/{NAME}")
    for folder in folders:
        if os.path.isdir(f"{folder}/tasks"):
            return Workspace(os.path.realpath(folder))
    raise NotFound(
        f"no folder tasks/ in {' or '.join(map(os.path.normpath, folders))}",
        "make it: `mkdir -p workspace/tasks`, or name the workspace: --workspace DIR",
    )
