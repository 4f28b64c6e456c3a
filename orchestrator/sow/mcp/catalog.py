"""What a server offers to who calls it: its tools, what can be read there, and its prompts."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sow.errors import NotFound, Usage
from sow.mcp import guides, kit, resources, wording
from sow.mcp.background import Background
from sow.mcp.desk import Bench, Desk
from sow.mcp.kit import Tool, sayable
from sow.mcp.resources import JSON, LAST_EVENTS, LINES, ROOT, Place
from sow.mcp.wording import Worded

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


TASK_FILES = """\
sow runs task files: JSON files in the folder `tasks/` of a workspace, each taken through a pipeline of
stages. Begin with `status`. Add a task with `task_add`; a runner that stays picks it up, and `run` works on
what is queued. `task_show` tells how far one is and why it failed; `task_retry` queues it again,
`task_cancel` ends it.
"""


class Catalog(Protocol):
    """What is offered, whatever it is about."""

    @property
    def instructions(self) -> str:
        """What a client's agent is told of the server."""

    @property
    def drives(self) -> bool:
        """Whether who calls may do what a person may."""

    @property
    def background(self) -> Background:
        """What goes on behind calls that did not stay for it."""

    def tools(self) -> Sequence[Tool]:
        """The tools, by name."""

    def listed(self) -> list[Place]:
        """All that can be read just now and has no template."""

    def templates(self) -> list[Place]:
        """The kinds of addresses there are."""

    def read(self, address: str) -> tuple[str, str]:
        """What stands at an address: its media type, and it. Raises NotFound, Refused where it is broken."""

    def happening(self, since: str, stop: Stop) -> Reading:
        """What happens from a time on, as it does, until `stop` ends it."""

    def changed(self, task_id: str | None) -> list[str]:
        """The addresses of what an event about a task, or about none, has changed."""

    def prompts(self) -> Sequence[str]:
        """The names of the prompts."""

    def prompt(self, role: str, arguments: Mapping[str, str]) -> str:
        """A prompt. Raises NotFound, and Usage for an argument that it does not take."""

    def completed(self, argument: str, begun: str) -> list[str]:
        """The values of an argument, of a prompt or in an address, that begin so."""


def of(caller: Desk | Bench) -> Catalog:
    """What is offered to them."""
    return OfProject(caller) if isinstance(caller, Desk) else OfTaskFiles(caller)


@dataclass(frozen=True, slots=True)
class OfProject:
    """The catalog of who sits at a project, or at several."""

    desk: Desk

    @property
    def instructions(self) -> str:
        return ORCHESTRATING if self.desk.drives else WORKING

    @property
    def drives(self) -> bool:
        return self.desk.drives

    @property
    def background(self) -> Background:
        return self.desk.background

    def tools(self) -> Sequence[Tool]:
        """Those that are theirs, by name."""
        # Making tools takes time: a worker's server makes no others.
        from sow.mcp.worker import Worker

        mine = kit.tools(Worker(self.desk)) if self.desk.own else ()
        if not self.desk.drives:
            return mine
        from sow.mcp.orchestrator import Orchestrator

        orchestrator = Orchestrator(self.desk, self._worded())
        every = {tool.name: tool for tool in (*mine, *kit.tools(orchestrator))}
        return tuple(every[name] for name in sorted(every))

    def _worded(self) -> Worded:
        from sow.mcp.worker import Worker

        names = kit.names(Worker) if self.desk.own else ()
        if self.desk.drives:
            from sow.mcp.orchestrator import Orchestrator

            names += kit.names(Orchestrator)
        return wording.of(names)

    # -- what can be read ---------------------------------------------------------------------

    def listed(self) -> list[Place]:
        """All that can be read just now but the parts of tasks: these are told by `templates`.

        Nothing where no project is meant: clients ask when they connect, and one may be begun later.
        """
        try:
            return resources.listed(self.desk)
        except (NotFound, Usage):
            return []

    def templates(self) -> list[Place]:
        """The kinds of addresses there are."""
        return resources.templates()

    def read(self, address: str) -> tuple[str, str]:
        """What stands at an address: its media type, and it. Raises NotFound, Refused where it is broken."""
        return resources.read(self.desk, self._worded(), address)

    def happening(self, since: str, stop: Stop) -> Reading:
        """What happens from a time on, as it does, until `stop` ends it."""
        return self.desk.project().events(since=since, follow=True, stop=stop)

    def changed(self, task_id: str | None) -> list[str]:
        """The addresses of what an event about a task, or about none, has changed."""
        return resources.changed(task_id)

    # -- prompts ------------------------------------------------------------------------------

    def prompts(self) -> Sequence[str]:
        """The roles that there is a prompt for."""
        return guides.known(self.desk)

    def prompt(self, role: str, arguments: Mapping[str, str]) -> str:
        """The prompt of a role. Raises NotFound, and Usage for an argument that it does not take."""
        return guides.text(self.desk, self._worded(), role, arguments)

    def completed(self, argument: str, begun: str) -> list[str]:
        """The values of an argument, of a prompt or in an address, that begin so."""
        return guides.completed(self.desk, argument, begun)


@dataclass(frozen=True, slots=True)
class OfTaskFiles:
    """The catalog of who stands at a workspace of task files."""

    bench: Bench

    instructions = TASK_FILES
    drives = True

    @property
    def background(self) -> Background:
        return self.bench.background

    def tools(self) -> Sequence[Tool]:
        from sow.mcp.task_files import TaskFiles

        return kit.tools(TaskFiles(self.bench))

    # -- what can be read ---------------------------------------------------------------------

    def listed(self) -> list[Place]:
        """All that can be read just now."""
        page = Place(f"{ROOT}workspace", "workspace", "every task file on one page", JSON)
        events = Place(f"{ROOT}events", "events", f"what happened, the last {LAST_EVENTS} events", LINES)
        rows = self.bench.workspace.tasks().tasks
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
                return JSON, _json(self.bench.workspace.status().as_json())
            case ["events"]:
                last = deque(self.bench.workspace.events(), maxlen=LAST_EVENTS)
                return LINES, "".join(f"{event.line}\n" for event in last)
            case ["tasks", task_id] if task_id:
                from urllib.parse import unquote

                return JSON, _json(self.bench.workspace.task(unquote(task_id)).page().as_json())
        raise NotFound(f"no resource {address}", f"see those there are, such as {ROOT}workspace")

    def happening(self, since: str, stop: Stop) -> Reading:
        """What happens from a time on, as it does, until `stop` ends it."""
        return self.bench.workspace.events(since=since, follow=True, stop=stop)

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
        known = [seen.id for seen in self.bench.workspace.look()] if argument == "id" else []
        return [each for each in known if each.startswith(begun)][:100]


def _of_task(task_id: str) -> str:
    """The address of a task: any text may be its id."""
    from urllib.parse import quote

    return resources.of_task(quote(task_id, safe=""))


def _json(held: object) -> str:
    return json.dumps(held, ensure_ascii=False, indent=1)
