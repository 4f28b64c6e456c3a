"""Who calls the tools where task files are and no project: anybody who stands at that workspace."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sow.api.workspace import Workspace
from sow.errors import NotFound
from sow.mcp import kit, resources
from sow.mcp.background import Background
from sow.mcp.kit import Tool, sayable
from sow.mcp.resources import JSON, LAST_EVENTS, LINES, ROOT, Place

if TYPE_CHECKING:
    from sow.api.events import Reading
    from sow.api.stop import Stop


@dataclass(frozen=True, slots=True)
class Bench:
    """Somebody at a workspace of task files."""

    workspace: Workspace
    background: Background = field(default_factory=Background)
    """What goes on behind calls that did not stay for it."""
    drives: bool = True
    """Nobody is a worker here: a stage says how far it is by what it prints."""

    instructions = """\
sow runs task files: JSON files in the folder `tasks/` of a workspace, each taken through a pipeline of
stages. Begin with `status`. Add a task with `task_add`; a runner that stays picks it up, and `run` works on
what is queued. `task_show` tells how far one is and why it failed; `task_retry` queues it again,
`task_cancel` ends it.
"""

    def tools(self) -> Sequence[Tool]:
        """Those for task files, by name."""
        from sow.mcp.task_files import TaskFiles

        return kit.tools(TaskFiles(self))

    # -- what can be read ---------------------------------------------------------------------

    def listed(self) -> list[Place]:
        """All that can be read just now."""
        page = Place(f"{ROOT}workspace", "workspace", "every task file on one page", JSON)
        events = Place(f"{ROOT}events", "events", f"what happened, the last {LAST_EVENTS} events", LINES)
        rows = self.workspace.tasks().tasks
        return [page, events, *(Place(_of_task(row.id), f"task {row.id}", row.status, JSON) for row in rows)]

    def templates(self) -> list[Place]:
        """The kinds of addresses there are."""
        return [Place(resources.of_task("{id}"), "task", "of a task its file, its stages, its outputs", JSON)]

    def read(self, address: str) -> tuple[str, str]:
        """What stands at an address: its media type, and it. Raises NotFound, Refused where it is broken."""
        kind, text = self._read(address)
        return kind, sayable(text)

    def _read(self, address: str) -> tuple[str, str]:
        match address.removeprefix(ROOT).split("/", 1) if address.startswith(ROOT) else []:
            case ["workspace"]:
                return JSON, _json(self.workspace.status().as_json())
            case ["events"]:
                last = deque(self.workspace.events(), maxlen=LAST_EVENTS)
                return LINES, "".join(f"{event.line}\n" for event in last)
            case ["tasks", task_id] if task_id:
                from urllib.parse import unquote

                return JSON, _json(self.workspace.task(unquote(task_id)).page().as_json())
        raise NotFound(f"no resource {address}", f"see those there are, such as {ROOT}workspace")

    def happening(self, since: str, stop: Stop) -> Reading:
        """What happens from a time on, as it does, until `stop` ends it."""
        return self.workspace.events(since=since, follow=True, stop=stop)

    def changed(self, task_id: str | None) -> list[str]:
        """The addresses of what an event about a task has changed."""
        return [f"{ROOT}workspace", f"{ROOT}events", *([_of_task(task_id)] if task_id else [])]

    # -- prompts ------------------------------------------------------------------------------

    def prompts(self) -> Sequence[str]:
        """None: there are no roles here."""
        return ()

    def prompt(self, role: str, arguments: Mapping[str, str]) -> str:
        """Raises NotFound."""
        raise NotFound(f"prompt not found: {role}", "task files have none")

    def completed(self, argument: str, begun: str) -> list[str]:
        """The values of an argument in an address that begin so."""
        known = [seen.id for seen in self.workspace.look()] if argument == "id" else []
        return [each for each in known if each.startswith(begun)][:100]


def _of_task(task_id: str) -> str:
    """The address of a task: any text may be its id."""
    from urllib.parse import quote

    return resources.of_task(quote(task_id, safe=""))


def _json(held: object) -> str:
    return json.dumps(held, ensure_ascii=False, indent=1)
