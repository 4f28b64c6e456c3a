"""A repository, or a folder outside of git, and the projects in it: where they begin, and are found."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sow import find
from sow import project as projects
from sow.api import engine
from sow.api.caller import Caller
from sow.api.project import Project
from sow.api.result import Result
from sow.api.status import standing
from sow.errors import SowError
from sow.layout import Layout, Plain

if TYPE_CHECKING:
    from sow.git.places import Places
    from sow.project import Plan
    from sow.project_types import ProjectType


@dataclass(frozen=True, slots=True)
class ProjectRow(Result):
    """A project in a line of the list."""

    name: str
    branch: str
    state: str
    """Of its state machine; `broken` where its file is."""
    tasks: int
    folder: str
    outside: bool
    """Whether it was begun outside of git."""


@dataclass(frozen=True, slots=True)
class Begun(Result):
    """A project that was made."""

    project: Project
    plan: Plan
    notes: tuple[str, ...]
    """What a person should know of how it was made."""

    def as_json(self) -> Any:
        """As `sow project new --json` prints it."""
        return {
            "name": self.plan.name,
            "type": self.plan.type,
            "branch": self.plan.branch,
            "folder": self.project.folder,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Continued(Result):
    """A project that is here, be it made at home or not."""

    project: Project
    branch: str
    made: bool
    """Whether its worktree was made; False where it was here already."""
    notes: tuple[str, ...]

    def as_json(self) -> Any:
        """As `sow project continue --json` prints it."""
        held = {"name": self.project.name, "branch": self.branch, "folder": self.project.folder}
        return {**held, "made": self.made, "notes": list(self.notes)}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `init` made."""

    main: str
    """The main checkout, or the folder."""
    made: tuple[str, ...]
    """A line for each thing; none where all was there."""
    in_git: bool


class Repository:
    """A repository, or a folder outside of git, as the one who opened it may see and change it.

    It holds no state: whatever is asked is read anew.
    """

    def __init__(self, caller: Caller) -> None:
        """For `sow.repository`."""
        self.caller = caller

    def __repr__(self) -> str:
        return f"<sow.Repository of {self.caller.folder}>"

    @property
    def place(self) -> Places | Plain:
        """The repository, or the folder outside of git that holds `.sow/`. Raises NotFound for neither."""
        return self.caller.place()

    @property
    def main(self) -> str:
        """The main checkout, or outside of git the folder that holds `.sow/`."""
        return self.place.main

    # -- beginning ----------------------------------------------------------------------------

    def init(self) -> Prepared:
        """Makes `.sow/`, and has git ignore sow's own folders; done again, it mends what is missing.

        Outside of git it is the folder itself, unless one above has it.
        """
        start = os.path.realpath(self.caller.folder)
        place = find.maybe_place(self.caller.folder) or Plain(main=start)
        done = engine.prepare(place)
        return Prepared(place.main, tuple(done), not isinstance(place, Plain))

    def new(
        self, description: str, *, branch: str | None = None, type: str | None = None,
        name: str | None = None, start: str | None = None, inputs: Sequence[str] = (), worktree: bool = True,
    ) -> Begun:  # fmt: skip
        """Begins a project: a branch, a worktree and a state, all or nothing. `sow project new`.

        `branch`: it may exist; `feat/<name>`, or as the type has it, where None. `type`: by the branch's
        prefix where None. `name`: from the description where None. `start`: the ref where a new branch
        starts; the default branch where None. `inputs`: files that its first phase takes in. `worktree`:
        False to work in the main checkout. Raises Refused or NotFound for whatever is in the way.
        """
        place = self.place
        kind = self._type(place.main, type, branch)
        prefix = next(iter(kind.branch_prefixes), "feat/")
        files = tuple(os.path.normpath(self.caller.path(path)) for path in inputs)
        plan = projects.plan(
            description, branch=branch, name=name, type=kind.name, prefix=prefix, inputs=files
        )
        return self.begin(plan, start=start, worktree=worktree)

    def begin(self, plan: Plan, *, start: str | None = None, worktree: bool = True) -> Begun:
        """Begins the project of a plan, as `new` does."""
        made = engine.begin(self.caller, self.place, plan, start=start, worktree=worktree)
        return Begun(Project(self.caller, made.layout), plan, tuple(made.notes))

    def check_new(self, plan: Plan, *, start: str | None = None, worktree: bool = True) -> None:
        """Raises Refused or NotFound for whatever would be in the way of the project of a plan."""
        engine.check_new(self.place, plan, start=start, worktree=worktree)

    def continue_(self, branch: str) -> Continued:
        """Goes on with a project whose branch is here or on a remote: its worktree is made, all or nothing.

        `sow project continue`. Raises NotFound where there is no such branch or no project on it, Refused
        for one that can't be read, Failed where a remote can't be reached.
        """
        from sow import continuing, setup

        place = self.place
        self.caller.settle_half_made(place)
        if here := continuing.here(place, branch):
            return Continued(Project(self.caller, here), branch, False, ())
        made = setup.continue_project(self.caller.repository(), branch, store_of=self.caller.store_of)
        return Continued(Project(self.caller, made.layout), branch, True, tuple(made.notes))

    # -- the projects -------------------------------------------------------------------------

    def projects(self) -> list[Project]:
        """The projects that are here, by name. Those of which nothing tells the name are in `broken`."""
        place = self.place
        self.caller.settle_half_made(place)
        return [Project(self.caller, layout) for layout in find.all_projects(place)]

    def project(self, name: str) -> Project:
        """The project of that name, or in that folder. Raises NotFound."""
        return Project(self.caller, self.caller.layout(name))

    def broken(self) -> dict[str, SowError]:
        """The folders that hold a project of which nothing tells the name, each with what is wrong."""
        return find.broken_projects(self.place)

    def listed(self) -> list[ProjectRow]:
        """The projects that are here, in a line each: `sow project list`."""
        place = self.place
        self.caller.settle_half_made(place)
        return [self._row(layout) for layout in find.all_projects(place)]

    def types(self) -> dict[str, ProjectType]:
        """The types that a project can have here, by name. Raises Refused for one that can't be read."""
        from sow import project_types

        main = self.place.main
        return {name: project_types.named(name, main) for name in project_types.names(main)}

    def _row(self, layout: Layout) -> ProjectRow:
        store = self.caller.store_of(layout)
        try:
            tasks = len(store.task_files())
        except SowError:
            tasks = 0
        branch, state = standing(store)
        return ProjectRow(layout.name, branch, state, tasks, layout.folder, layout.outside)

    def _type(self, main: str, wanted: str | None, branch: str | None) -> ProjectType:
        """The type that was asked for by name, else by the branch's prefix."""
        from sow import project_types

        if wanted is not None:
            return project_types.named(wanted, main)
        return project_types.for_branch(branch or "", main)
