"""Who calls the tools: an orchestrating agent, which may do what a person may, a worker, or who has files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sow.api.caller import Caller
from sow.api.project import Project
from sow.api.task import Task
from sow.api.workspace import Workspace
from sow.errors import NotFound, Refused, Usage
from sow.mcp.background import Background
from sow.store import Store

ORCHESTRATOR = "orchestrator"
"""The role whose agents drive others."""


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


@dataclass(frozen=True, slots=True)
class Bench:
    """Somebody at a workspace of task files.

    Nobody is a worker there: a stage says how far it is by what it prints.
    """

    workspace: Workspace
    background: Background = field(default_factory=Background)
    """What goes on behind calls that did not stay for it."""
