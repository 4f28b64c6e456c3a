"""Prompts: a role, and if it is told a task, all that an agent of that role would begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sow import prompts, roles
from sow.api import prompt
from sow.errors import NotFound, SowError, Usage
from sow.mcp.desk import ORCHESTRATOR, Desk
from sow.mcp.wording import Worded
from sow.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

TASK = "task"
"""The argument of a prompt: the id of a task."""

MOST = 100
"""As many values as a client is given to choose from."""


def known(desk: Desk) -> tuple[str, ...]:
    """The roles that there is a prompt for: the built-in ones where no project is meant."""
    try:
        return roles.known(desk.project().main)
    except (NotFound, Usage):
        return roles.BUILT_IN


def text(desk: Desk, worded: Worded, role: str, arguments: Mapping[str, str]) -> str:
    """The prompt of a role. Raises NotFound, and Usage for an argument that it does not take."""
    for name in arguments:
        if name != TASK:
            raise Usage(f"prompt {role} takes no {name}", f"it takes {TASK}: the id of a task")
    project = desk.project()
    there = known(desk)
    if role not in there:
        raise NotFound(
            f"prompt not found: {role}", f"{did_you_mean(role, there)}there are: {', '.join(there)}"
        )
    opening = prompts.role_text(role, project.main)
    if not (task_id := arguments.get(TASK) or (None if desk.drives else desk.own)):
        return worded(f"{opening}\n\n{project.prompt()}" if role == ORCHESTRATOR else opening)
    task = project.task(task_id)
    given = [(each.name, each.text) for each in task.feedback()]
    return prompts.first(task.state(), opening, task.description(), given)


def completed(desk: Desk, argument: str, begun: str) -> list[str]:
    """The values of an argument, of a prompt or in an address, that begin so."""
    try:
        return [each for each in _values(desk, argument) if each.startswith(begun)][:MOST]
    except SowError:
        return []


def _values(desk: Desk, argument: str) -> list[str]:
    match argument:
        case "task" | "id":
            return [task.id for task in desk.project().tasks().tasks] if desk.drives else [desk.own or ""]
        case "name":
            return [each.name for each in prompt.names(desk.store().type(), desk.project().main)]
    return []
