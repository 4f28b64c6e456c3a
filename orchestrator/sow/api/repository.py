"""A repository, or a folder outside of git, and the projects in it: where they begin, and are found."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sow import find
from sow import project as projects
from sow.api import engine
from sow.api.caller import Caller
from sow.api.project import Project
from sow.api.status import standing
from sow.errors import SowError
from sow.layout import Layout, Plain, is_task_branch
from sow.result import Result

if TYPE_CHECKING:
    from sow.api.checkup import Examination, Executor, Trial, Tried
    from sow.api.exchanging import Imported
    from sow.api.prompt import Guidance
    from sow.api.settings import Settings
    from sow.api.trees import Cleared, Gone, Tree
    from sow.contract.plan import Part
    from sow.formats.merging import Side
    from sow.git.places import Places
    from sow.project import Plan
    from sow.project_types import ProjectType
    from sow.removal import Removed
    from sow.worktree import Owned, Pruned


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

    def as_json(self) -> dict[str, object]:
        """As `sow init --json` prints it."""
        return {"main": self.main, "made": list(self.made), "in_git": self.in_git}


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

    @property
    def in_git(self) -> bool:
        """Whether there is git, with branches and worktrees."""
        return not isinstance(self.place, Plain)

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
        name: str | None = None, start: str | None = None, inputs: Sequence[str | os.PathLike[str]] = (),
        worktree: bool = True,
    ) -> Begun:  # fmt: skip
        """Begins a project: a branch, a worktree and a state, all or nothing. `sow project new`.

        `branch`: it may exist; `feat/<name>`, or as the type has it, where None. `type`: by the branch's
        prefix where None. `name`: from the description where None. `start`: the ref where a new branch
        starts; the default branch where None. `inputs`: files that its first phase takes in. `worktree`:
        False to work in the main checkout. Raises Refused or NotFound for whatever is in the way.
        """
        kind = self.type(type, branch)
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

    def type(self, name: str | None = None, branch: str | None = None) -> ProjectType:
        """The type of that name, or that of projects on such a branch. Raises NotFound."""
        from sow import project_types

        if name is not None:
            return project_types.named(name, self.main)
        return project_types.for_branch(branch or "", self.main)

    def _row(self, layout: Layout) -> ProjectRow:
        store = self.caller.store_of(layout)
        try:
            tasks = len(store.task_files())
        except SowError:
            tasks = 0
        branch, state = standing(store)
        return ProjectRow(layout.name, branch, state, tasks, layout.folder, layout.outside)

    # -- other systems, settings, health ------------------------------------------------------

    def is_project(self, file: str, format: str | None = None) -> bool:
        """Whether a file holds a whole project of the original program, or `format` says so."""
        from sow.api import exchanging

        return exchanging.is_project(self.caller, file, format)

    def import_project(self, file: str | os.PathLike[str], *, dry_run: bool = False) -> Imported:
        """Makes the project of a document, all or nothing; of one that came in before, takes in the news.

        Raises Refused for a document that has a fault, or for a project that is here and came from none.
        """
        from sow.api import exchanging

        place = self.place
        self.caller.settle_half_made(place)
        return exchanging.brought(self.caller, place, os.fspath(file), dry_run=dry_run)

    def sync_project(
        self, file: str | os.PathLike[str], *, prefer: Side | None = None, dry_run: bool = False
    ) -> Imported:
        """Keeps a document and its project in step, both ways; for the rest see `import_project`.

        `prefer`: `file` or `project`, whose word counts where both have changed the same; where None both
        stay, and the conflict is listed.
        """
        from sow.api import exchanging

        place = self.place
        self.caller.settle_half_made(place)
        return exchanging.brought(
            self.caller, place, os.fspath(file), dry_run=dry_run, back=True, prefer=prefer
        )

    def settle(self) -> list[Removed]:
        """Completes or undoes the projects that a killed command half made or half took away.

        Every operation does so. Gives those that went.
        """
        return self.caller.settle_half_made()

    def settings(self, folder: str | None = None) -> Settings:
        """The settings that hold here, or in another folder: `sow config`."""
        from sow.api import settings

        return settings.of(self.caller, folder)

    def worktrees(self, project: str | None = None) -> list[Tree]:
        """The worktrees of projects and tasks, or those of one project: `sow worktree list`."""
        from sow.api import trees

        return trees.listed(trees.opened(self.caller, project))

    def remove_worktree(self, name: str, project: str | None = None) -> Gone:
        """Removes a worktree, if nothing is lost by it: that of a task's id, on a branch, or at a path.

        Raises NotFound, Refused while anything in it is uncommitted or unmerged, Busy while an agent is at
        work in it.
        """
        from sow.api import trees

        return trees.removed(self.caller, project, name)

    def prune_worktrees(
        self, project: str | None = None, *, dry_run: bool = False,
        watch: Callable[[Pruned | str], None] | None = None,
    ) -> Cleared:  # fmt: skip
        """Removes every worktree that nobody needs: its task ended, all in it merged and committed.

        `watch`: is given each one as it comes, and the path of each rest of a removal that was cut short.
        """
        from sow.api import trees

        return trees.cleared(self.caller, project, dry_run=dry_run, watch=watch or (lambda each: None))

    def doctor(self, project: str | None = None) -> Examination:
        """What is wrong here, each with what mends it, as an iterator; nothing is changed. `sow doctor`.

        `project`: the name or folder of one that alone is looked at.
        """
        from sow.api import checkup

        return checkup.examination(self.caller, project)

    def executors(self, project: str | None = None) -> tuple[list[Executor], list[SowError]]:
        """The agent CLIs that can be used, and what is wrong with their settings: `sow executor list`."""
        from sow.api import checkup

        return checkup.listed(self.caller, project)

    def trial(self, name: str, project: str | None = None, *, offline: bool = False) -> Trial:
        """A check of an executor, before anything is called: what it would take. `sow executor check`.

        `offline`: its model is played, which costs nothing. Raises NotFound where its program is not there,
        Refused where it can't be checked so.
        """
        from sow.api import checkup

        return checkup.trial(self.caller, project, name, offline=offline)

    def check_executor(
        self, trial: Trial, *, keep: bool = False, note: Callable[[Part], None] | None = None
    ) -> Tried:
        """Makes a check: a few short turns in a scratch folder, paid for as any other unless offline.

        `keep`: keeps the scratch folder. `note`: is told of each turn before it is taken.
        """
        from sow.api import checkup

        return checkup.tried(self.caller, trial, keep=keep, note=note or (lambda part: None))

    def guidance(self, project: str | None = None) -> list[Guidance]:
        """What there is guidance for, in words for agents: `sow prompt --list`."""
        from sow.api import prompt

        return prompt.names(self._kind(project), self._main(project))

    def prompt(self, name: str, project: str | None = None) -> str:
        """The guidance of that name, inside or outside of a project: `sow prompt NAME`. Raises NotFound."""
        from sow.api import prompt

        return prompt.named(self._kind(project), self._main(project), name)

    def trees(self, project: str | None = None) -> list[Owned]:
        """The worktrees alone, without a look into them, and whose each is; nothing is settled."""
        from sow.api import trees

        return trees.opened(self.caller, project, changes=False).all()

    def branches(self) -> list[str]:
        """The branches here, and those that remotes have; without those of tasks."""
        from sow.git.repository import Git

        git = Git(self.caller.repository().main)
        here = git.run("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")
        there = git.run("for-each-ref", "--format=%(refname:lstrip=3)", "refs/remotes")
        names = dict.fromkeys(name for name in f"{here}{there}".splitlines() if name != "HEAD")
        return [name for name in names if not is_task_branch(name)]

    def has_branch(self, name: str) -> bool:
        """Whether there is such a branch here."""
        from sow.git.repository import Git

        return Git(self.caller.repository().main).branch_exists(name)

    def default_branch(self) -> str:
        """The branch that a new one starts from; HEAD where git can't tell."""
        from sow.git.repository import Git

        try:
            return Git(self.caller.repository().main).default_branch()
        except SowError:
            return "HEAD"

    def agents(self) -> tuple[str, ...]:
        """The roles that an agent can have here."""
        from sow import roles

        return roles.known(self.main)

    def _kind(self, project: str | None) -> ProjectType | None:
        """The type of the project that is meant; None where none is, for roles are there without one."""
        try:
            return self.caller.meant(project).type()
        except SowError:
            if project:
                raise
            return None

    def _main(self, project: str | None) -> str:
        """The main checkout, where roles of the repository's own are; empty outside of a repository."""
        try:
            return self.caller.layout(project).main if project else self.place.main
        except SowError:
            if project:
                raise
            return ""
