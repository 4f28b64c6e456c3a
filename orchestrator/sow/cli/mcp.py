"""`sow mcp`: sow's tools for agents, on standard input and output."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from sow import logs
from sow.cli import opening
from sow.cli import workspace as places
from sow.errors import Refused, Usage

if TYPE_CHECKING:
    from sow.api.workspace import Workspace


@click.command()
@click.option("--worker", is_flag=True, help="Only the tools of a worker, about its own task.")
@click.option(
    "--workspace",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Serve the task files of that workspace, whatever else is here.",
)
@click.pass_obj
def mcp(settings: dict[str, Any], worker: bool, workspace: str | None) -> None:
    """Serve sow's tools to an agent, by the Model Context Protocol.

    For the configuration of an agent's CLI, which starts it and talks to it on its standard streams; it
    ends when its input does. Who calls it from a task's worktree, or as an agent that sow has started, is
    given the tools of a worker; everybody else all that a person can do. In a workspace of task files the
    tools are those for task files.

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

    from sow.mcp import catalog, server
    from sow.mcp.desk import Bench, Desk

    logs.set_up(verbose=settings["verbose"])
    files = _task_files(settings, workspace, worker=worker)
    who = Bench(files) if files else Desk.of(opening.caller(), settings["project"], as_worker=worker)
    # A kill loses nothing, and a gentle end would wait for a line that its client may never write.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    anyio.run(server.serve, catalog.of(who))


def _task_files(settings: dict[str, Any], wanted: str | None, *, worker: bool) -> Workspace | None:
    """The workspace that is meant; None where a project is. Raises NotFound, Usage."""
    if wanted is None:
        return None if worker else places.here(settings)
    if worker or settings["project"] is not None:
        other = "--worker" if worker else "--project"
        raise Usage(f"--workspace and {other} exclude each other", "name what is to be served by one of them")
    return places.named(wanted)
