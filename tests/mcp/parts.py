"""What the tests of `sow mcp` share: an agent with the SDK's own client, and who it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import anyio
import mcp_types as types
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from tests.cli.parts import Person

from sow.api.caller import Caller
from sow.mcp import catalog, server
from sow.mcp.desk import Bench, Desk

T = TypeVar("T")

ATTEMPT = "020-1-1"


def caller(who: Person, folder: Path | None = None, **variables: str) -> Caller:
    """Somebody in that person's repository, who is not looked for anywhere else."""
    return Caller(folder=str(folder or who.folder), environment={**who.environment, **variables})


def worker(who: Person, task_id: str = "020", attempt: str = ATTEMPT) -> Caller:
    """The agent at work on a task, known by its variables."""
    layout = who.store().layout
    return caller(
        who, SOW_TASK_ID=task_id, SOW_ATTEMPT_ID=attempt, SOW_PROJECT_DIR=layout.project,
        SOW_PROJECT_RUNTIME=layout.runtime,
    )  # fmt: skip


class Agent:
    """An agent with the tools of a desk; each question to it is a connection of its own."""

    def __init__(self, desk: Desk | Bench) -> None:
        self.desk = desk
        self.server = server.server_of(catalog.of(desk))

    def does(self, act: Callable[[Client], Awaitable[T]], **options: Any) -> T:
        """What `act` gives with a client of this server. `options`: the client's."""

        async def connected() -> T | Exception:
            with anyio.fail_after(60):
                async with Client(self.server, **options) as client:
                    try:
                        return await act(client)
                    except MCPError as fault:
                        return fault  # not raised here, where it would come out as one of a group
            raise AssertionError("the client lets its result through")

        done = anyio.run(connected)
        if isinstance(done, MCPError):
            raise done
        return done  # type: ignore[return-value]

    def calls(self, tool: str, **arguments: object) -> types.CallToolResult:
        """The result of a call."""
        return self.does(lambda client: client.call_tool(tool, arguments))

    def told(self, tool: str, **arguments: object) -> Any:
        """What a call gives that must not be refused: its document, or its words."""
        done = self.calls(tool, **arguments)
        assert not done.is_error, words(done)
        return done.structured_content if done.structured_content is not None else words(done)

    def refused(self, tool: str, **arguments: object) -> list[str]:
        """The lines of a refusal."""
        done = self.calls(tool, **arguments)
        assert done.is_error, done
        return words(done).splitlines()

    def tools(self) -> Mapping[str, types.Tool]:
        """All tools, by name."""
        listed = self.does(lambda client: client.list_tools())
        return {tool.name: tool for tool in listed.tools}


def words(done: types.CallToolResult) -> str:
    """The text of a result."""
    return "".join(part.text for part in done.content if isinstance(part, types.TextContent))
