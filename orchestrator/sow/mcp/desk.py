"""Who calls the tools: an orchestrating agent, which may do what a person may, or a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sow.api.caller import Caller
from sow.api.project import Project
from sow.api.task import Task
from sow.errors import NotFound, Refused, Usage
from sow.mcp import guides, kit, resources, wording
from sow.mcp.background import Background
from sow.mcp.guides import ORCHESTRATOR
from sow.mcp.kit import Tool
from sow.store import Store

if TYPE_CHECKING:
    from sow.api.events import Reading
    from sow.api.stop import Stop

ORCHESTRATING = """\
sow drives coding agents through a project of tasks. Begin with `status`. Add tasks with `task_add` and let
agents work with `run`. Then go through what waits: answer questions with `task_answer`; read `task_diff` of
what was handed in, and `task_approve` it or send it back with `task_feedback`. Run again until all is done.
What the state of the project asks for is told by `guidance`. Ask a person only what only a person can decide.
Where there is no project yet, begin one with `project_new`. For what is called `sow ...` there is no tool.
"""

WORKING = """\
You work on one task of a project that sow keeps. Nobody reads what you print: when the work is done call
`task_report`; when you can't go on without a person call `task_ask`, and stop. `task_show` tells your task;
`artifact_add` names a file that the task brings out.
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody at a project, or at several."""

    caller: Caller
    wanted: str | None = None
    """The project that is meant where none is named, by its name or folder."""
    own: str | None = None
    """The id of a worker's own task; None for who is no worker."""
    background: Background = field(default_factory=Background)
    """What goes on behind calls that did not stay for it."""
    drives: bool = True
    """Whether it may do what a person may: no worker may, but one that is there to drive others."""

    @classmethod
    def of(cls, caller: Caller, wanted: str | None = None, *, as_worker: bool = False) -> Desk:
        """The desk of whoever has started the server. `as_worker`: it is to be a worker's.

        A worker is known by its variables, or where it was not given them by the worktree that it stands in;
        nothing that it says makes more of it. Raises Usage for a worker without a task, and
        NotFound for a project that is named and not there.
        """
        try:
            own: str | None = caller.own_task(None)
        except Usage:
            if as_worker:
                raise
            # One that is not named is looked for with each call: it may be begun later.
            if wanted is not None:
                caller.layout(wanted)
            return cls(caller, wanted)
        found = cls(caller, own=own, drives=False)
        return found if as_worker else replace(found, drives=found._is_orchestrator())

    def _is_orchestrator(self) -> bool:
        try:
            return self.task().state().assigned_agent == ORCHESTRATOR
        except (NotFound, Refused):
            return False

    def project(self, name: str | None = None) -> Project:
        """The project of that name, else the one that is meant here. Raises NotFound, Usage, Refused."""
        return Project(self.caller, self.caller.layout(name or self.wanted))

    def store(self) -> Store:
        """The state of the project that is meant here."""
        return self.caller.store(self.caller.layout(self.wanted))

    def task(self) -> Task:
        """A worker's own task."""
        return self.project().task()

    @property
    def instructions(self) -> str:
        """What a client's agent is told of the server."""
        return ORCHESTRATING if self.drives else WORKING

    def worded(self, text: str) -> str:
        """A text of sow's that names commands, in words of those tools that are theirs."""
        from sow.mcp.orchestrator import Orchestrator
        from sow.mcp.worker import Worker

        mine = kit.names(Worker) if self.own else ()
        return wording.in_tools(text, {*mine, *(kit.names(Orchestrator) if self.drives else ())})

    def tools(self) -> Sequence[Tool]:
        """Those that are theirs, by name."""
        from sow.mcp.worker import Worker

        mine = kit.tools(Worker(self)) if self.own else ()
        if not self.drives:
            return mine
        from sow.mcp.orchestrator import Orchestrator

        every = {tool.name: tool for tool in (*mine, *kit.tools(Orchestrator(self)))}
        return tuple(every[name] for name in sorted(every))

    # -- what can be read ---------------------------------------------------------------------

    def listed(self) -> list[resources.Place]:
        """All that can be read just now but the parts of tasks: these are told by `templates`.

        Nothing where no project is meant: clients ask when they connect, and one may be begun later.
        """
        try:
            return resources.listed(self)
        except (NotFound, Usage):
            return []

    def templates(self) -> list[resources.Place]:
        """The kinds of addresses there are."""
        return resources.templates()

    def read(self, address: str) -> tuple[str, str]:
        """What stands at an address: its media type, and it. Raises NotFound, Refused where it is broken."""
        return resources.read(self, address)

    def happening(self, since: str, stop: Stop) -> Reading:
        """What happens from a time on, as it does, until `stop` ends it."""
        return self.project().events(since=since, follow=True, stop=stop)

    def changed(self, task_id: str | None) -> list[str]:
        """The addresses of what an event about a task, or about none, has changed."""
        return resources.changed(task_id)

    # -- prompts ------------------------------------------------------------------------------

    def prompts(self) -> Sequence[str]:
        """The roles that there is a prompt for."""
        return guides.known(self)

    def prompt(self, role: str, arguments: Mapping[str, str]) -> str:
        """The prompt of a role. Raises NotFound, and Usage for an argument that it does not take."""
        return guides.text(self, role, arguments)

    def completed(self, argument: str, begun: str) -> list[str]:
        """The values of an argument, of a prompt or in an address, that begin so."""
        return guides.completed(self, argument, begun)
