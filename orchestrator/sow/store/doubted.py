"""Which state files may not be as their good copies: those that were touched since they were found to be.

project/            state.yaml, type.yaml
phases/             a phase that comes or goes: everything is looked at
phases/<phase>/     state.yaml
.../tasks/          the folders of tasks that come, go, or are moved
.../tasks/<id>/     state.yaml
last-good/          a copy that goes
"""

import os

from sow.value import TYPE_CHECKING
from sow_schemas.formats import is_task_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sow.layout import Layout
    from sow.runner.touched import Touched

_OWN = {"state.yaml": "project", "type.yaml": "type"}
"""The project's own files, each with the name of its good copy."""


class Doubted:
    """The state files of a project, by the names of their good copies, as far as they are in doubt."""

    def __init__(self, layout: "Layout", touched: "Touched") -> None:
        self._layout, self._touched = layout, touched
        self._names: set[str] | None = None
        self._blind = False
        """Whether the kernel has no room for all that would have to be followed."""

    def names(self) -> "list[str] | None":
        """What is in doubt now; None for everything."""
        self._touched.look()
        return None if self._names is None else sorted(self._names)

    def begin(self, phases: "Iterable[str]", task_files: "Iterable[str]") -> None:
        """Follows all that there is, for who looks at everything next: what comes meanwhile is in doubt."""
        self._blind, layout = False, self._layout
        self._names = set()
        # Of any other folder that is not there yet, the one above it tells when it comes.
        if not (os.path.isdir(layout.project) and os.path.isdir(layout.last_good)):
            self.lost()
            return
        self._follow(layout.project, layout.phases, layout.last_good)
        for phase in phases:
            self._follow(layout.phase_file(phase).rpartition("/")[0], layout.tasks(phase))
        self._follow(*(path.rpartition("/")[0] for path in task_files))

    def doubt(self, *names: str) -> None:
        """Puts files in doubt."""
        if self._names is not None:
            self._names.update(names)

    def trust(self, name: str) -> None:
        """Takes a file out of doubt, for who is about to look at it."""
        if self._names is not None:
            self._names.discard(name)

    def _follow(self, *folders: str) -> None:
        for folder in folders:
            if not (self._blind or self._touched.follow(folder, self, contents=True)):
                self._blind = True
                self.lost()

    # -- as a follower ---------------------------------------------------------------------------

    def heard(self, folder: str, name: str, gone: bool) -> None:
        match folder.removeprefix(f"{self._layout.project}/").split("/"):
            case _ if folder == self._layout.project:
                self._doubt_own(name)
            case _ if folder == self._layout.last_good:
                if gone and not name.startswith("."):
                    self.doubt(name.removesuffix(".yaml"))
            case ["phases"]:
                self.lost()
            case ["phases", phase]:
                self._doubt_phase(phase, name)
            case ["phases", _, "tasks"] if is_task_id(name):
                self.doubt(name)
                if not gone:
                    self._follow(f"{folder}/{name}")
            case ["phases", _, "tasks", task_id] if name == "state.yaml":
                self.doubt(task_id)

    def lost(self) -> None:
        self._names = None

    def _doubt_own(self, name: str) -> None:
        if name == "phases":
            self.lost()
        elif name in _OWN:
            self.doubt(_OWN[name])

    def _doubt_phase(self, phase: str, name: str) -> None:
        if name == "tasks":
            self.lost()
        elif name == "state.yaml":
            self.doubt(f"phase-{phase}")
