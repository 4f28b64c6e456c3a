"""One task of a workspace of task files: what can be asked of it, and done with it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sow.api.caller import Caller
from sow.errors import NotFound

if TYPE_CHECKING:
    from sow.api.events import Reading
    from sow.api.stop import Stop
    from sow.taskfiles.deciding import Decided
    from sow.taskfiles.detail import Detail as TaskFilePage
    from sow.taskfiles.workspace import Workspace


class TaskFile:
    """One task of a workspace. It holds no state: whatever is asked is read anew.

    All of it raises NotFound where there is no such task, Refused where several have that id, BadFile where
    its file can't be read.
    """

    def __init__(self, caller: Caller, place: Workspace, wanted: str) -> None:
        """`wanted`: its id, or its file's name without the ending. For `Workspace.task`."""
        self._caller, self._place = caller, place
        self.id = wanted

    def __repr__(self) -> str:
        return f"<sow.TaskFile {self.id} in {self._place.folder}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TaskFile):
            return NotImplemented
        return (self.id, self._place) == (other.id, other._place)

    def __hash__(self) -> int:
        return hash((self.id, self._place))

    def page(self) -> TaskFilePage:
        """The task with its stages, its inputs and outputs, and all that its file holds: `sow task show`."""
        from sow.taskfiles import detail
        from sow.taskfiles.loader import TaskLoader
        from sow.taskfiles.serving import named

        path = named(TaskLoader(self._place), self.id).path
        try:
            return detail.of(self._place, path, time.time(), self._caller.environment)
        except FileNotFoundError as fault:
            raise NotFound(f"{path} is gone", "see what there is: `sow task list`") from fault

    def events(
        self, *, types: Sequence[str] = (), since: str | None = None, follow: bool = False,
        stop: Stop | None = None,
    ) -> Reading:  # fmt: skip
        """What happened to it; see `Workspace.events`."""
        from sow.api.workspace import Workspace

        whole = Workspace(self._caller, self._place.folder)
        return whole.events(types=types, task=self.id, since=since, follow=follow, stop=stop)

    def cancel(self) -> Decided:
        """Cancels it: whoever runs it ends its stage. `sow task cancel`.

        Raises Refused where it has ended, Busy while its file is locked.
        """
        from sow.taskfiles import deciding

        return deciding.cancel(self._place, self.id, self._caller.environment)

    def retry(self) -> Decided:
        """Queues it again where it failed or was canceled; has one that waits for a limit try at once.

        `sow task retry`. Raises Refused for any other, Busy while its file is locked.
        """
        from sow.taskfiles import deciding

        return deciding.retry(self._place, self.id, self._caller.environment)
