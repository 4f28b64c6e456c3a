"""The ways in: a project, a repository with whatever projects are in it, a workspace of task files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sow import find
from sow.api.caller import Caller
from sow.api.project import Project
from sow.errors import NotFound

if TYPE_CHECKING:
    from sow.api.repository import Repository
    from sow.api.workspace import Workspace


def open(
    path: str | os.PathLike[str] | None = None,
    *,
    name: str | None = None,
    environment: Mapping[str, str] | None = None,
    by: str = "",
    listener: Callable[[str], None] | None = None,
) -> Project:
    """The project in the folder `path`, or the only one of its repository, as the command line finds it.

    Without `path` it is the folder of this process, where a worker finds its own project whatever that is.
    `name`: the project of that name in the repository. `environment`: the variables by which a worker is
    known and which settings may come from; a copy of this process's own where None. `by`: who answers and
    approves, as state files name them; the login name where empty. `listener`: is told, in a sentence, what
    is good to know but no result. Raises NotFound where there is none, Usage where there are several to
    choose from, Refused where nothing can tell which project it is.
    """
    caller = _caller(path, environment, by, listener)
    caller.settle_half_made()
    told_by = caller.environment if path is None else {}
    return Project(caller, find.project(caller.folder, told_by, name))


def repository(
    path: str | os.PathLike[str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    by: str = "",
    listener: Callable[[str], None] | None = None,
) -> Repository:
    """The repository of the folder `path`, or outside of git the folder that holds `.sow/`.

    Without `path` it is the folder of this process; for the rest see `open`. Whether sow was prepared there
    is seen when something is asked of it: `init` prepares it. Raises NotFound where there is no such folder.
    """
    from sow.api.repository import Repository

    return Repository(_caller(path, environment, by, listener))


def open_workspace(
    path: str | os.PathLike[str] | None = None, *, environment: Mapping[str, str] | None = None
) -> Workspace:
    """The workspace of task files in the folder `path`, or in its `workspace/`: where there is a `tasks/`.

    Without `path` it is the folder of this process. `environment`: the variables by which settings and
    accounts are found and which stages are given; a copy of this process's own where None. Raises NotFound
    where there is none.
    """
    from sow.api.workspace import Workspace

    caller = _caller(path, environment, "", None)
    return Workspace(caller, caller.task_files_in())


def _caller(
    path: str | os.PathLike[str] | None,
    environment: Mapping[str, str] | None,
    by: str,
    listener: Callable[[str], None] | None,
) -> Caller:
    folder = find.here() if path is None else os.path.abspath(os.fsdecode(path))
    if not os.path.isdir(folder):
        raise NotFound(f"no folder {folder}", "give one that is there")
    variables = dict(os.environ if environment is None else environment)
    return Caller(folder=folder, environment=variables, by=by, listener=listener)
