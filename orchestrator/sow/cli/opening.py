"""What the words of a command line stand for: who calls, which project, which repository.

What can be done with it is in `sow.api`.
"""

import os

from sow.api.caller import Caller
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from sow.api.project import Project
    from sow.api.repository import Repository


def caller() -> Caller:
    """Whoever typed the command, in the folder that they stand in. Raises NotFound where that is gone."""
    return Caller.here(listener=_aside)


def project(settings: "dict[str, Any]", name: "str | None" = None) -> "Project":
    """The project that a command means: by its own word or `--project`, else by variables and folder."""
    from sow import logs
    from sow.api.project import Project
    from sow.errors import NotFound

    logs.set_up(verbose=settings.get("verbose", False))
    who = caller()
    try:
        return Project(who, who.layout(name or settings["project"]))
    except NotFound as fault:
        from sow.cli import workspace

        if name is None and (hint := workspace.hint(settings)):
            raise NotFound(str(fault), hint) from fault
        raise


def repository(settings: "dict[str, Any]") -> "Repository":
    """The repository that a command means. With `--project` it is that of a folder."""
    from sow.api.repository import Repository

    return Repository(caller().at(settings["project"]))


def repository_of(settings: "dict[str, Any]") -> "Repository":
    """The same for a command that is mostly about one project, whose name `--project` may be, too."""
    from sow.api.repository import Repository

    named = settings["project"]
    if named is None or os.path.isdir(caller().path(named)):
        return repository(settings)
    return Repository(caller().at(project(settings).folder))


def here() -> "Repository":
    """The repository of the folder that the person stands in, whatever `--project` says."""
    from sow.api.repository import Repository

    return Repository(caller())


def _aside(text: str) -> None:
    """Says what is good to know but no result."""
    import click

    from sow.cli.words import aside

    context = click.get_current_context(silent=True)
    aside((context and context.find_object(dict)) or {"quiet": False}, text)
