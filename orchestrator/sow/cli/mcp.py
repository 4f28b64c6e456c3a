"""`sow mcp`: sow's tools for agents, on standard input and output."""

from __future__ import annotations

import signal
import sys
from typing import Any

import click

from sow import logs
from sow.cli import opening
from sow.errors import Refused


@click.command()
@click.option("--worker", is_flag=True, help="Only the tools of a worker, about its own task.")
@click.pass_obj
def mcp(settings: dict[str, Any], worker: bool) -> None:
    """Serve sow's tools to an agent, by the Model Context Protocol.

    For the configuration of an agent's CLI, which starts it and talks to it on its standard streams; it
    ends when its input does. Who calls it from a task's worktree, or as an agent that sow has started, is
    given the tools of a worker; everybody else all that a person can do.

    \b
    Example:  sow mcp
              claude mcp add sow -- sow mcp
    """
    if sys.stdin.isatty():
        raise Refused(
            "sow mcp talks to programs, and its input is a terminal",
            "register it with an agent's CLI, such as `claude mcp add sow -- sow mcp`",
        )
    # The library takes a second to load: the rest of the command line never does.
    import anyio

    from sow.mcp import server
    from sow.mcp.desk import Desk

    logs.set_up(verbose=settings["verbose"])
    desk = Desk.of(opening.caller(), settings["project"], as_worker=worker)
    # A kill loses nothing, and a gentle end would wait for a line that its client may never write.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    anyio.run(server.serve, desk)
