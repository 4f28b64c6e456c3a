"""Where the doctor stands, and what can be read from there. What can't be read is kept as its error."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from sow import find
from sow.config import RepositoryConfig, UserConfig
from sow.doctor.asking import Asker
from sow.errors import Failed, SowError
from sow.eventlog import EventLog
from sow.git.places import Places
from sow.git.repository import Git
from sow.layout import Layout, Plain
from sow.store import Store
from sow.worktree import Worktrees

GIT_SECONDS = 10.0
"""How long one look by git may take."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scene:
    """One folder, and all that can be known from it."""

    folder: str
    environment: Mapping[str, str]
    places: Places | Plain | SowError | None
    """The repository, or the folder outside of git that holds `.sow/`; None where there is neither."""
    user: UserConfig | SowError
    settings: RepositoryConfig | SowError
    """The defaults outside of a repository."""
    stores: tuple[Store, ...] = ()
    """Of the projects that are looked at."""
    others: tuple[Store, ...] = ()
    """Of those that are not, because one was named."""
    broken: Mapping[str, SowError] = field(default_factory=dict)
    """The folders of projects that can't be read."""
    asker: Asker = field(default_factory=Asker)

    @property
    def main(self) -> str | None:
        """The main checkout, or the folder outside of git; None where there is neither."""
        return self.places.main if isinstance(self.places, Places | Plain) else None

    @property
    def is_reached(self) -> bool:
        """Whether git finds the repository from `main`, which may be a bare one itself."""
        if self.main is None:
            return False
        is_bare = isinstance(self.places, Places) and self.places.common == self.main
        return is_bare or os.path.lexists(f"{self.main}/.git")

    @property
    def git(self) -> Git | None:
        """Git in the main checkout, with an end; None where there is none, and without a git program."""
        program = shutil.which("git", path=self.environment.get("PATH", os.defpath))
        return Git(self.main, GIT_SECONDS) if self.main and self.is_reached and program else None

    @property
    def worktrees(self) -> Worktrees | None:
        """The worktrees of the repository; None where git can't be asked about them."""
        if self.git is None or not isinstance(self.places, Places):
            return None
        only = self.stores[0].layout.name if self.others and self.stores else None
        return Worktrees(self.places, (*self.stores, *self.others), only=only, seconds=GIT_SECONDS)

    @property
    def jobs(self) -> int:
        """How many agents work at once."""
        return self.settings.jobs if isinstance(self.settings, RepositoryConfig) else RepositoryConfig().jobs


def look(folder: str, environment: Mapping[str, str], wanted: str | None = None) -> Scene:
    """The scene of a folder. `wanted`: a project's name or folder, which alone is then looked at.

    Raises NotFound for one that is not there.
    """
    named = find.project(folder, {}, wanted) if wanted else None
    places = _or_fault(lambda: find.maybe_place(named.folder if named else folder))
    user = _or_fault(lambda: UserConfig.read(environment))
    if not isinstance(places, Places | Plain):
        return Scene(folder, environment, places, user, RepositoryConfig())
    projects = _or_fault(lambda: (find.all_projects(places), find.broken_projects(places)))
    every, broken = ([], {places.main: projects}) if isinstance(projects, SowError) else projects
    mine = [layout for layout in every if named is None or layout == named]
    return Scene(
        folder,
        environment,
        places,
        user,
        _or_fault(lambda: RepositoryConfig.read(places.main)),
        tuple(_store(layout) for layout in mine),
        tuple(_store(layout) for layout in every if layout not in mine),
        {} if named else broken,
    )


def _or_fault(read: Callable[[], T]) -> T | SowError:
    try:
        return read()
    except SowError as fault:
        return fault
    except OSError as fault:
        return Failed(f"can't look at {fault.filename}: {fault.strerror}", "give yourself the right to")


def _store(layout: Layout) -> Store:
    """A store that is only read: nothing is told by it."""
    return Store(layout, EventLog(layout.events, run_id=None, actor="person"))
