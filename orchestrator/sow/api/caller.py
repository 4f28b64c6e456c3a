"""Who calls, from which folder, with which variables; and the projects that they mean by that.

The one place from which all operations know these things, so that two callers can be in one process.
"""

import os

from sow import find
from sow.errors import BadFile, NotFound, Usage
from sow.eventlog import EventLog
from sow.git import places
from sow.layout import MAKING, REMOVING
from sow.store import Store
from sow.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sow.config import UserConfig
    from sow.git.places import Places
    from sow.layout import Layout, Plain
    from sow.removal import Removed
    from sow.splitting import Old
    from sow_schemas.documents import Actor


class Caller(Value):
    """A person, or a worker, in a folder."""

    folder: str
    """Absolute: names of files and folders are meant from there."""
    environment: "Mapping[str, str]"
    """The variables by which a worker is known, and which settings may come from."""
    listener: "Callable[[str], None] | None" = None
    """Is told, in a sentence, what is good to know but no result."""
    by: str = ""
    """Who answers and approves, if not the login name; a worker is known by its attempt all the same."""
    settings: "UserConfig | None" = None
    """Settings instead of the user's own."""

    @classmethod
    def here(cls, *, listener: "Callable[[str], None] | None" = None) -> "Caller":
        """Whoever started this process, in its folder. Raises NotFound where that is gone."""
        return cls(folder=find.here(), environment=os.environ, listener=listener)

    # -- who ----------------------------------------------------------------------------------

    @property
    def attempt(self) -> str:
        """The attempt that a worker is; empty for a person."""
        return self.environment.get("SOW_ATTEMPT_ID", "")

    @property
    def actor(self) -> "Actor":
        """Who changes the state, for the event log."""
        return "worker" if self.attempt else "person"

    @property
    def name(self) -> str:
        """Who answers and approves, as state files name them: a worker's attempt, or the login name."""
        held = self.environment
        return self.attempt or self.by or held.get("USER") or held.get("LOGNAME") or "person"

    def own_task(self, task_id: "str | None") -> str:
        """The id of the task that is meant: the one named, or a worker's own. Raises Usage for neither."""
        known = task_id if task_id is not None else find.task_id(self.folder, self.environment)
        if known is None:
            raise Usage(
                "which task? this is no task's worktree", "name it by its id; see them: `sow task list`"
            )
        return known

    def is_own(self, task_id: "str | None") -> bool:
        """Whether a worker speaks of its own task: the one of its attempt, or where its environment was
        dropped, the one in whose worktree it stands."""
        return task_id is None or (bool(self.attempt) and task_id == self.environment.get("SOW_TASK_ID"))

    def tell(self, text: str) -> None:
        """Says what is good to know, to whoever listens."""
        if self.listener:
            self.listener(text)

    def user(self) -> "UserConfig":
        """The user's settings. Raises Refused for a file that is wrong."""
        from sow.config import UserConfig

        return self.settings or UserConfig.read(self.environment)

    # -- where --------------------------------------------------------------------------------

    def path(self, given: "str | os.PathLike[str]") -> str:
        """A path as it is meant from the caller's folder, absolute."""
        return os.path.join(self.folder, os.fspath(given))

    def at(self, folder: "str | None") -> "Caller":
        """The caller in another folder. Raises NotFound where there is none."""
        if folder is None:
            return self
        if not os.path.isdir(self.path(folder)):
            raise NotFound(f"no folder {folder}", "this command takes a repository's folder as --project DIR")
        return self.replace(folder=self.path(folder))

    def repository(self) -> "Places":
        """The repository of the folder. Raises Refused in a folder of sow's outside of git, else NotFound."""
        return find.repository(self.folder)

    def place(self) -> "Places | Plain":
        """The repository of the folder, or the folder outside of git that holds `.sow/`. Raises NotFound."""
        return find.place(self.folder)

    def layout(self, wanted: "str | None" = None) -> "Layout":
        """The project that is meant: by name or folder where `wanted`, else by variables and folder.

        Raises NotFound, Usage where there are several, Refused for one that can't be told by its file.
        """
        self.settle_half_made()
        return find.project(self.folder, self.environment, wanted)

    def task_files(self, project: "str | None" = None) -> str:
        """The workspace of task files that is meant where no project is: of the folder; empty for none.

        In a worker's environment, and where `.sow/` is or a project is named, nothing is looked for.
        """
        # Asked before most commands, and mostly in vain.
        folders = (f"{self.folder}/tasks", f"{self.folder}/workspace/tasks")
        if self._means_project(project) or not any(map(os.path.isdir, folders)):
            return ""
        from sow.taskfiles import workspace

        return workspace.here(self.folder)

    def task_files_begun(self, project: "str | None" = None) -> str:
        """The workspace that a first task file begins where no project is: any folder `tasks/` makes one.

        Empty where there is none.
        """
        from sow.taskfiles import workspace

        try:
            return "" if self._means_project(project) else workspace.named(self.folder, None).folder
        except NotFound:
            return ""

    def _means_project(self, project: "str | None") -> bool:
        """Whether a project is named, by the environment too, or would be that of the folder."""
        is_named = project is not None or "SOW_PROJECT_DIR" in self.environment
        return is_named or os.path.lexists(f"{self.folder}/.sow")

    def task_files_in(self, wanted: "str | None" = None) -> str:
        """The workspace in folder `wanted`, or else in the caller's or its `workspace/`. Raises NotFound."""
        from sow.taskfiles import workspace

        return workspace.named(self.folder, wanted).folder

    def task_files_beside(self) -> str:
        """The workspace with task files that the folder is or holds, `.sow/` or not; empty for none."""
        from sow.taskfiles import workspace

        return workspace.beside(self.folder)

    # -- the state ----------------------------------------------------------------------------

    def settle_half_made(self, at: "Places | Plain | None" = None) -> "list[Removed]":
        """Completes or undoes the projects that a killed command half made or half took away there.

        What it had locked of git is free again. Gives those that went. Workers leave that alone.
        `at`: another place than that of the folder.
        """
        here = None if self.attempt else at or find.maybe_place(self.folder)
        if here and os.path.isdir(f"{here.main}/{MAKING}"):
            from sow import setup

            setup.settle_half_made(here, self.store_of)
        for git_dir in _locked(here.common) if isinstance(here, places.Places) else ():
            from sow.git import index

            index.settle(git_dir)
        if here and os.path.isdir(f"{here.main}/{REMOVING}"):
            from sow import removal

            return removal.settle(here, self.store_of)
        return []

    def store_of(self, layout: "Layout") -> Store:
        """The state of a project for a person who begins or ends it."""
        log = EventLog(layout.events, run_id=self.environment.get("SOW_RUN_ID"), actor="person")
        return Store(layout, log, on_split=self._tell_split)

    def store(self, layout: "Layout", *, actor: "Actor | None" = None, run_id: "str | None" = None) -> Store:
        """The state of a project. `actor`: who changes it, for the event log, if not the caller."""
        run = run_id or self.environment.get("SOW_RUN_ID")
        log = EventLog(layout.events, run_id=run, actor=actor or self.actor)
        held = Store(layout, log, on_split=self._tell_split)
        if held.journal.left() and not self.attempt:
            try:
                held.journal.settle()  # a killed writer's change is completed before anybody looks
            except BadFile:
                pass  # an intent that nobody can read: whoever changes what it is about is told
        return held

    def meant(self, wanted: "str | None" = None) -> Store:
        """The state of the project that is meant; for the rest see `layout`."""
        return self.store(self.layout(wanted))

    def _tell_split(self, old: "Old") -> None:
        """Says what became of an old project, and sees to it that git ignores what it has now."""
        from sow.git.excludes import ensure_excludes

        if here := places.find(os.path.dirname(old.path)):
            ensure_excludes(here.common)
        self.tell(f"phases and tasks of {old.path} have files of their own now; the old one is kept beside")
        for task, new_id in old.renumbered.items():
            phase, _, old_id = task.partition("/")
            self.tell(f"task {old_id} of phase {phase} is {new_id} now: another phase has a {old_id}, too")


def _locked(common: str) -> "list[str]":
    """The git folders of the repository whose index somebody has locked, or had when they died."""
    linked = f"{common}/worktrees"
    names = os.listdir(linked) if os.path.isdir(linked) else []
    folders = [common, *(f"{linked}/{name}" for name in names)]
    return [folder for folder in folders if os.path.exists(f"{folder}/index.lock")]
