"""The root of the command line: what every command has in common, and where each one is.

Commands are found by name and imported when they are called, so that none pays
for the others.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from sow import __version__
from sow.cli import INTERRUPTED, _complain

COMMANDS = {
    "init": ("sow.cli.init:init", "Prepare this repository for sow."),
    "demo": ("sow.cli.demo:demo", "Watch four tasks get done in a scratch repository."),
    "project": ("sow.cli.project:project", "Begin, list and show projects."),
    "task": ("sow.cli.task:task", "Add, change, ask, answer and approve tasks."),
    "run": ("sow.cli.run:run", "Let agents work until only you can go on."),
    "review": ("sow.cli.review:review", "Go through what waits for you."),
    "status": ("sow.cli.status:status", "See everything on one page."),
    "agent": ("sow.cli.agent:agent", "Drive one agent at a time."),
    "events": ("sow.cli.events:events", "Read the log of what happened."),
    "config": ("sow.cli.config:config", "See the user's settings."),
    "validate": ("sow.cli.validate:validate", "Check every state file."),
    "schema": ("sow.cli.schema:schema", "Print a JSON Schema of the state."),
}
"""Every command: where it is, and its line in `sow --help` (which imports none of them)."""


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as fault:
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean `sow {close[0]}`?" if close else "see all commands: `sow --help`"
            raise click.UsageError(f"no such command: {args[0]}\n{hint}") from fault


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--project", "wanted", metavar="DIR|NAME", help="Another project than this folder's.")
@click.option("--no-color", is_flag=True, help="No colours (NO_COLOR is heard too).")
@click.option("-q", "--quiet", is_flag=True, help="Only results and errors.")
@click.option("-v", "--verbose", is_flag=True, help="Tell what sow does, on standard error.")
@click.version_option(__version__, prog_name="sow", message="sow %(version)s")
@click.pass_context
def root(ctx: click.Context, wanted: str | None, no_color: bool, quiet: bool, verbose: bool) -> None:
    """Drive coding agents through a project of tasks.

    \b
    sow init                                    once for a repository
    sow project new "Add OAuth login"           a branch, a worktree, a state file
    sow task add "JWT middleware" --agent implementer
    sow run                                     agents work, side by side
    sow review                                  answer, read diffs, approve, send back
    sow status                                  everything on one page
    """
    if no_color:
        os.environ["NO_COLOR"] = "1"
    ctx.obj = {"project": wanted, "quiet": quiet, "verbose": verbose}


def run(arguments: Sequence[str]) -> int:
    """Runs the command by click; gives its exit code. Raises SowError for `sow.cli.main` to tell."""
    try:
        result: Any = root.main(list(arguments), prog_name="sow", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as fault:
        click.echo(fault.format_message())
        return 2
    except click.UsageError as fault:
        message, _, hint = fault.format_message().partition("\n")
        path = fault.ctx.command_path if fault.ctx else "sow"
        _complain(message.rstrip("."), hint or f"see `{path} --help`")
        return 2
    except click.exceptions.Abort:
        sys.stderr.write("\n")
        return INTERRUPTED
    except click.ClickException as fault:
        _complain(fault.format_message(), "")
        return 1
    return result if isinstance(result, int) else 0
