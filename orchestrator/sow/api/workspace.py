"""A workspace of task files that is open: everything that can be asked of it, and done in it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sow.api.caller import Caller
from sow.result import Result, plain

if TYPE_CHECKING:
    from sow.api.events import Reading
    from sow.api.serving import PlannedFile, Served, Watch
    from sow.api.stop import Stop
    from sow.api.task_file import TaskFile
    from sow.errors import BadFile
    from sow.taskfiles.checking import Checked as WorkspaceChecked
    from sow.taskfiles.loader import Seen as TaskFileSeen
    from sow.taskfiles.overview import Page as WorkspaceStatus
    from sow.taskfiles.overview import Row as TaskFileRow
    from sow.taskfiles.workspace import Workspace as Place


@dataclass(frozen=True, slots=True)
class TaskFiles(Result):
    """The tasks of a workspace, and beside them the files that can't be read."""

    tasks: tuple[TaskFileRow, ...]
    """In the order in which they are picked up."""
    broken: tuple[BadFile, ...]

    def as_json(self) -> Any:
        """As `sow task list --json` prints it: the tasks alone."""
        return plain(self.tasks)


class Workspace:
    """A folder of task files, each a task that goes through a pipeline of stages.

    It holds no state: whatever is asked is read anew, as other programs may write there as well. A task is
    named by its id, or by its file's name without `.task.json`.
    """

    def __init__(self, caller: Caller, folder: str) -> None:
        """For `sow.open_workspace`."""
        self._caller, self._folder = caller, folder

    def __repr__(self) -> str:
        return f"<sow.Workspace {self.folder}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Workspace):
            return NotImplemented
        return self.folder == other.folder

    def __hash__(self) -> int:
        return hash(self.folder)

    @property
    def folder(self) -> str:
        """The folder that holds `tasks/`, an absolute path without links."""
        return self._folder

    @property
    def root(self) -> str:
        """Where stages run, and where paths begin that don't begin with `workspace/`."""
        return self._place.root

    @property
    def event_types(self) -> tuple[str, ...]:
        """The types of events that its stream can have."""
        from sow.taskfiles.events import TYPES

        return TYPES

    # -- reading ------------------------------------------------------------------------------

    def status(self) -> WorkspaceStatus:
        """Everything on one page: how far each task is, and who works on it. `sow status`."""
        from sow.taskfiles import overview

        return overview.page(self._place, time.time(), self._caller.environment)

    def tasks(self) -> TaskFiles:
        """All tasks, in the order in which they are picked up: `sow task list`."""
        page = self.status()
        return TaskFiles(page.tasks, page.broken)

    def task(self, task_id: str) -> TaskFile:
        """One task. Whether it is there is seen when something is asked of it."""
        from sow.api.task_file import TaskFile

        return TaskFile(self._caller, self._place, task_id)

    def look(self) -> list[TaskFileSeen]:
        """What each task's file says of it, at a glance: no more than its id and its status is read."""
        from sow.taskfiles.loader import TaskLoader

        return TaskLoader(self._place).scan()

    def events(
        self, *, types: Sequence[str] = (), task: str | None = None, since: str | None = None,
        follow: bool = False, stop: Stop | None = None,
    ) -> Reading:  # fmt: skip
        """The event stream, from its beginning: `sow events`.

        `types`, `task`: only these. `since`: from this day or time on, in RFC 3339, or how long ago, as `2h`.
        `follow`: never ends, and gives what happens as it does, until `stop` ends it. Raises NotFound for a
        task that is not there, Usage for what is no time.
        """
        from sow.api.events import Reading, Wanted, moment
        from sow.taskfiles.loader import TaskLoader
        from sow.taskfiles.serving import named

        after = 0.0 if since is None else moment(since, time.time())
        meant = None if task is None else named(TaskLoader(self._place), task).id
        wanted = Wanted(tuple(types), meant, after)
        return Reading(self._place.events, wanted, follow, stop, "_events.jsonl")

    def stages(self) -> dict[str, str]:
        """The stages that are configured here, in their order, each with its handler.

        Raises Refused for settings that are wrong.
        """
        from sow.taskfiles.stages import Settings

        return {name: held.get("handler", "") for name, held in Settings.read(self._place).stages.items()}

    def validate(self) -> WorkspaceChecked:
        """Every file held against what it has to be, and the settings that hold here: `sow validate`.

        All problems of all files are told, each with its place; nothing is changed.
        """
        from sow.taskfiles import checking

        return checking.check(self._place, self._caller.environment)

    # -- adding -------------------------------------------------------------------------------

    def add(
        self, pipeline: Sequence[str], *, id: str | None = None, input: Mapping[str, Any] | None = None,
        output: Mapping[str, str | None] | None = None, config: Mapping[str, Any] | None = None,
        type: str | None = None, run_id: str | None = None,
    ) -> TaskFile:  # fmt: skip
        """Queues a new task, as a file `<time>_<id>.task.json`: `sow task add`.

        A runner that stays picks it up at once.

        `pipeline`: its stages, in their order. `id`: one that nobody else has where None. `input`: what it
        takes in, paths as a rule, by name; `output`: the paths of what it brings out, by kind; both begin
        with `workspace/`, or are meant from `root`. `config`: its `config_snapshot`. Raises Refused for what
        no runner could take as it is, such as a stage that is not configured, and for an id that there is.
        """
        from sow.api.task_file import TaskFile
        from sow.taskfiles import adding

        order = adding.Order(pipeline, id, input, output, config, type, run_id)
        caller = self._caller
        seen = adding.add(self._place, order, by=caller.name, now=time.time(), environment=caller.environment)
        return TaskFile(caller, self._place, seen.id)

    # -- running ------------------------------------------------------------------------------

    def run(
        self, *, task: str | None = None, jobs: int | None = None, stay: bool = False,
        budget: float | None = None, watch: Watch | None = None, stop: Stop | None = None,
    ) -> Served:  # fmt: skip
        """Works on what is queued until nothing is any more: `sow run`. It blocks.

        `task`: only this one. `jobs`: how many at once; what is configured, or 1, where None. `stay`: goes on
        for what is queued meanwhile, until `stop` ends it. `budget`: nothing more is begun once agents have
        spent so many US dollars. `watch`: is called with each thing that happens, a `TaskFileNote`, from
        the threads of the tasks, one call at a time. Any number of runs may work here, in this process and in
        others: each task is done by one. Raises NotFound, Refused for settings that are wrong and for a task
        that has ended, Busy for one that another runs. What raises out of it, an exception of `watch` as
        well, leaves the stages running: the next run takes them up.
        """
        from sow.api import serving

        return serving.run(
            self._place, self._caller.environment, task=task, jobs=jobs, stay=stay, budget=budget,
            watch=watch, stop=stop,
        )  # fmt: skip

    def planned(self, task: str | None = None, *, stay: bool = False) -> list[PlannedFile]:
        """What a run would begin now, in its order: `sow run --dry-run`. Raises as `run`."""
        from sow.api import serving

        return serving.planned(self._place, task, stay=stay)

    @property
    def _place(self) -> Place:
        from sow.taskfiles.workspace import Workspace as Place

        return Place(self._folder)
