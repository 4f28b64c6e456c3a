"""The root of the command line: where each command is.

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
from sow.cli import complain
from sow.cli.commands import Group, in_words, shared_options, with_shared_options
from sow.errors import INTERRUPTED

COMMANDS = {
    "init": ("sow.cli.init:init", "Prepare this repository for sow."),
    "demo": ("sow.cli.demo:demo", "Watch four tasks get done in a scratch repository."),
    "project": ("sow.cli.project:project", "Begin, list, show, change and finish projects."),
    "task": ("sow.cli.task:task", "Add, change, ask, answer, approve, move and remove tasks."),
    "phase": ("sow.cli.phase:phase", "See the phases of the project, and set their fields."),
    "input": ("sow.cli.artifact:input_", "Add, change and list what a phase takes in."),
    "output": ("sow.cli.artifact:output", "Add, change and list what a phase brings out."),
    "advance": ("sow.cli.advance:advance", "Advance the project to its next state."),
    "run": ("sow.cli.run:run", "Let agents work until only you can go on."),
    "review": ("sow.cli.review:review", "Go through what waits for you."),
    "status": ("sow.cli.status:status", "See everything on one page."),
    "agent": ("sow.cli.agent:agent", "Drive one agent at a time."),
    "executor": ("sow.cli.executor:executor", "See the agent CLIs that can be used, and check one."),
    "doctor": ("sow.cli.doctor:doctor", "See what is wrong, and what mends it."),
    "worktree": ("sow.cli.worktree:worktree", "See and clear away worktrees."),
    "events": ("sow.cli.events:events", "Read the log of what happened."),
    "import": ("sow.cli.formats:import_", "Take in the tasks of another system."),
    "export": ("sow.cli.formats:export", "Give the tasks out in another system's format."),
    "sync": ("sow.cli.formats:sync", "Keep another system's file and the project in step."),
    "mcp": ("sow.cli.mcp:mcp", "Serve sow's tools to an agent."),
    "config": ("sow.cli.config:config", "See, check and change your settings."),
    "validate": ("sow.cli.validate:validate", "Check every file of the project and its settings."),
    "repair": ("sow.cli.repair:repair", "Mend what has one right answer, and explain the rest."),
    "prompt": ("sow.cli.prompt:prompt", "Print guidance for agents."),
    "schema": ("sow.cli.schema:schema", "Print a JSON Schema of the state."),
}
"""Every command: where it is, and its line in `sow --help` (which imports none of them)."""

COMPLETE = "_SOW_COMPLETE"
"""The variable by which a shell asks for completions (docs/howto/shell-completion.md)."""
SOPHIA_COMPLETE = "_SOPHIA_CLI_COMPLETE"


class Commands(Group):
    """The group of all commands, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return with_shared_options(command)

    def lines(self, ctx: click.Context) -> list[tuple[str, str]]:
        return [(name, line) for name, (_, line) in COMMANDS.items()]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        names = [(name, line) for name, line in self.lines(ctx) if name.startswith(incomplete)]
        return [
            *(CompletionItem(name, help=line) for name, line in names),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]


@click.group(
    cls=Commands,
    params=shared_options(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="The options may stand behind the command as well. Each command has a --help with an example.",
)
@click.version_option(__version__, prog_name="sow", message="sow %(version)s")
def root() -> None:
    """Drive coding agents through a project of tasks.

    \b
    sow init                                    once for a repository
    sow project new "Add OAuth login"           a branch, a worktree, a state file
    sow task add "JWT middleware" --agent implementer
    sow run                                     agents work, side by side
    sow review                                  answer, read diffs, approve, send back
    sow status                                  everything on one page
    """


def run(arguments: Sequence[str], command: click.Command = root, name: str = "sow") -> int:
    """Runs the command by click; gives its exit code. Raises SowError for the door of `sow.cli` to tell."""
    variable = COMPLETE if name == "sow" else SOPHIA_COMPLETE
    if instruction := os.environ.get(variable):
        from click.shell_completion import shell_complete

        return shell_complete(command, {}, name, variable, instruction)
    try:
        with command.make_context(name, list(arguments)) as ctx:
            result: Any = command.invoke(ctx)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.exceptions.NoArgsIsHelpError as fault:
        click.echo(fault.format_message(), err=True)
        return 2
    except click.UsageError as fault:
        complain(*in_words(fault), name)
        return 2
    except click.exceptions.Abort:
        sys.stderr.write("\n")
        return INTERRUPTED
    except click.ClickException as fault:
        complain(fault.format_message(), f"see `{name} --help`", name)
        return 1
    return result if isinstance(result, int) else 0
