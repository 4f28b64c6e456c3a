"""What all commands have in common: groups, options that each one hears, usage errors in words."""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import click


class Group(click.Group):
    """A group that keeps the order of its commands and tells each by a whole sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        return command and with_shared_options(command)

    def lines(self, ctx: click.Context) -> list[tuple[str, str]]:
        """The commands, each with its line in the group's `--help`."""
        return [(name, self.commands[name].get_short_help_str(limit=200)) for name in self.commands]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(self.lines(ctx))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.list_commands(ctx) and not args[0].startswith("-"):
            path = ctx.command_path
            close = nearest(args[0], self.list_commands(ctx))
            hint = f"did you mean `{path} {close}`?" if close else f"see all commands: `{path} --help`"
            raise click.UsageError(f"no such command: {path} {args[0]}\n{hint}", ctx)
        return super().resolve_command(ctx, args)


def nearest(word: str, known: Iterable[str]) -> str:
    """The one of `known` that is most like `word`; empty where none is."""
    return next(iter(get_close_matches(word, known, n=1, cutoff=0.65)), "")


# -- options that every command hears --------------------------------------------------------------


def shared_options() -> list[click.Option]:
    """The options that may stand before the command's name, and behind it as well."""
    return [
        click.Option(
            ["--project", "wanted"], metavar="DIR|NAME", help="Another project than this folder's.",
            shell_complete=_projects, expose_value=False, callback=_heard,
        ),
        click.Option(
            ["--no-color"], is_flag=True, help="No colours (NO_COLOR is heard too).",
            expose_value=False, callback=_heard,
        ),
        click.Option(
            ["-q", "--quiet"], is_flag=True, help="Only results and errors.",
            expose_value=False, callback=_heard,
        ),
        click.Option(
            ["-v", "--verbose"], is_flag=True, help="Tell what sow does, on standard error.",
            expose_value=False, callback=_heard,
        ),
    ]  # fmt: skip


def with_shared_options(command: click.Command) -> click.Command:
    """`command`, once it hears the options of the root too; its help does not repeat them."""
    if isinstance(command, click.Group):
        return command
    taken = {name for param in command.params for name in param.opts}
    for option in shared_options():
        if not taken & set(option.opts):
            option.hidden = True
            command.params.append(option)
    return command


def _heard(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    settings = ctx.ensure_object(dict)
    settings.setdefault("project", None)
    settings.setdefault("quiet", False)
    settings.setdefault("verbose", False)
    match option.name, value:
        case _, None | False:
            return
        case "wanted", "":
            raise click.UsageError("--project is empty\nname a project or its folder: --project NAME", ctx)
        case "wanted", name:
            settings["project"] = name
        case "no_color", _:
            os.environ["NO_COLOR"] = "1"
        case str(name), _:
            settings[name] = True


def _projects(ctx: click.Context, option: click.Parameter, incomplete: str) -> list[Any]:
    from sow.cli import completion

    return completion.projects(ctx, option, incomplete)


def dollars(ctx: click.Context, param: click.Parameter, given: str | None) -> float | None:
    """An amount of money above 0."""
    if given is None:
        return None
    try:
        amount = float(given.removeprefix("$"))
    except ValueError:
        amount = 0.0
    if not 0 < amount < float("inf"):
        raise click.BadParameter(f"{given} is no amount of dollars above 0", ctx, param)
    return amount


# -- usage errors ----------------------------------------------------------------------------------


def in_words(fault: click.UsageError) -> tuple[str, str]:
    """What is wrong with a command's own words, and what to do: our two lines for an error of click's."""
    ctx = fault.ctx
    see = f"see `{ctx.command_path if ctx else 'sow'} --help`"
    match fault:
        case click.NoSuchOption():
            known = [name for param in ctx.command.params for name in param.opts] if ctx else []
            if close := nearest(fault.option_name, known):
                return f"no such option: {fault.option_name}", f"did you mean `{close}`?"
            hint = f"{see}; a value that begins with a dash stands behind `--`"
            return f"no such option: {fault.option_name}", hint
        case click.MissingParameter(param=param) if param is not None:
            return f"{_name(param, ctx)} is missing", see
        case click.BadParameter(param=param, message=message) if param is not None:
            name, given = _name(param, ctx), message.partition(" ")[0].strip("'")
            if isinstance(param.type, click.IntRange):
                return f"{name}: {given} is no whole number from {param.type.min} to {param.type.max}", see
            close = nearest(given, param.type.choices) if isinstance(param.type, click.Choice) else ""
            return f"{name}: {_lowered(message)}", f"did you mean `{close}`?" if close else see
        case click.BadOptionUsage():
            return _lowered(fault.format_message()), f"give it one: `{fault.option_name} VALUE`"
    message, _, hint = fault.format_message().partition("\n")
    if message.startswith("Got unexpected extra"):
        hint = f"put quotes around words that belong together; {see}"
    return _lowered(message), hint or see


def _name(param: click.Parameter, ctx: click.Context | None) -> str:
    """A parameter as the user types it: `--agent`, `NAME`."""
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return (param.metavar or (param.name or "").upper()).strip("[]")


def _lowered(message: str) -> str:
    return (message[:1].lower() + message[1:]).rstrip(".")
