"""`sow config`: the settings, each with where it was given, what is wrong with them, and a change of them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from sow.cli import opening, terminal
from sow.cli.commands import Group
from sow.cli.text import plain
from sow.cli.words import aside, columns, counted
from sow.errors import Failed, Refused, Usage

if TYPE_CHECKING:
    from sow.api.settings import Settings
    from sow.config.check import Finding
    from sow.config.file import Draft
    from sow.config.settings import Setting


@click.group(cls=Group)
def config() -> None:
    """See, check and change your settings."""


@config.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def init(settings: dict[str, Any], as_json: bool) -> None:
    """Write a file of settings to begin with, if there is none.

    \b
    Example:  sow config init
    """
    written = _settings(settings).init()
    click.echo(json.dumps({"path": written}) if as_json else f"Wrote {written}")
    aside(settings, "Next: make it yours by `sow config edit`; `sow config show` tells what holds")


@config.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def path(settings: dict[str, Any], as_json: bool) -> None:
    """Print where your settings lie.

    \b
    Example:  $EDITOR "$(sow config path)"
    """
    place = opening.here().settings().path
    click.echo(json.dumps({"path": place}) if as_json else place)


@config.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def show(settings: dict[str, Any], as_json: bool) -> None:
    """Show every setting, yours and the repository's, with where it was given.

    That is a variable, a line of a file, or the default. An executor that a role is bound to
    and that is not there is told at the end.

    \b
    Example:  sow config show
              SOW_AGENTS_REVIEWER=cursor sow config show --json
    """
    held = _settings(settings).show()
    if as_json:
        click.echo(json.dumps(held.as_json()))
    else:
        click.echo(_page("Yours", held.path, held.user, "write one: `sow config init`"))
        if held.repository_path:
            shared = held.repository_path
            click.echo(_page("The repository's", shared, held.repository, "write one: `sow init`"))
        click.echo(f"Types of executors: {', '.join(held.types)}")
    for role in held.roles:
        if role.fault:
            raise role.fault


@config.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def validate(settings: dict[str, Any], as_json: bool) -> None:
    """List all that is wrong with your settings, with the repository's and with the variables.

    Executors check their own settings. A role that nobody has described here is a note and no
    error: another repository may have it.

    \b
    Example:  sow config validate
    """
    found = _settings(settings).validate()
    if as_json:
        click.echo(json.dumps(found.as_json()))
    else:
        for line in _lines(found.findings):
            click.echo(line)
    if found.wrong:
        raise Refused(f"{counted(len(found.wrong), 'setting')} not valid", "mend what is named above")
    if not as_json:
        for each in found.files:
            click.echo(f"Valid: {each}" if os.path.exists(each) else f"Not there: {each}; the defaults hold")


@config.command()
@click.option(
    "--draft", "kept", type=click.Path(exists=True, dir_okay=False), metavar="FILE",
    help="Go on with a draft that was kept.",
)  # fmt: skip
@click.pass_obj
def edit(settings: dict[str, Any], kept: str | None) -> None:
    """Change your settings in $VISUAL or $EDITOR.

    You edit a draft. It is checked before it becomes the file: what is wrong with it is
    listed, and on a terminal you may edit it again. Where you give up, the file stays as it is
    and the draft is kept.

    \b
    Example:  sow config edit
    """
    if not terminal.is_there() and not terminal.has_editor():
        raise Usage("there is no terminal for an editor", "name one that needs none: VISUAL or EDITOR")
    mine = _settings(settings)
    for earlier in [] if kept else mine.drafts():
        aside(settings, f"An earlier draft was kept: {earlier}")
    draft = mine.draft(kept)
    while True:
        held = _edited(draft)
        if not draft.is_new(held):
            draft.drop()
            aside(settings, "Nothing was changed")
            return
        found = mine.check(draft, held)
        for line in _lines(found):
            click.echo(line, err=True)
        if all(finding.is_note for finding in found):
            _put(draft, held)
            return
        if not (terminal.is_there() and _wants_to_go_on(draft)):
            raise Refused(f"{mine.path} stays as it is, for the draft is not valid", _kept(draft))


@config.command()
@click.option("--yes", "agreed", is_flag=True, help="Don't ask.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def reset(settings: dict[str, Any], agreed: bool, as_json: bool) -> None:
    """Go back to the defaults; your file is kept beside, under a name that says when.

    \b
    Example:  sow config reset --yes
    """
    if not agreed and not terminal.is_there():
        raise Usage("there is no terminal to ask at", "agree beforehand: `sow config reset --yes`")
    mine = opening.here().settings()
    target = mine.path
    if os.path.lexists(target) and not (agreed or terminal.yes(f"Set {target} aside?")):
        raise Refused(f"{target} stays as it is", "see what holds: `sow config show`")
    kept = mine.reset()
    if as_json:
        click.echo(json.dumps({"path": target, "kept": kept}))
    elif kept:
        click.echo(f"The defaults hold; your settings are kept in {kept}")
    else:
        click.echo(f"The defaults hold already: there is no {target}")


# -- showing -------------------------------------------------------------------------------------


def _settings(settings: dict[str, Any]) -> Settings:
    """The settings that hold in the folder that is meant."""
    return opening.here().settings(settings["project"])


def _page(whose: str, path: str, shown: Sequence[Setting], how: str) -> str:
    """The settings of one file under its name."""
    there = "" if os.path.exists(path) else f" (not there; {how})"
    rows = [[f"  {each.key}", _value(each.value), each.source] for each in shown]
    return f"{plain(whose)}: {plain(path)}{there}\n{columns(rows)}\n"


def _value(value: Any) -> str:
    """A value as it would stand in the file."""
    from sow.document import canonical

    if value is None:
        return "not set"
    try:
        return canonical.written(value)
    except canonical.Unwritable:  # a variable that is no text
        return repr(value)


def _lines(found: Iterable[Finding]) -> list[str]:
    """What a check found, each in two lines."""
    lines = []
    for finding in found:
        place = f"{finding.source}: " if finding.source.file else ""
        lines.append(plain(f"{place}{'note: ' if finding.is_note else ''}{finding.message}"))
        lines.append(plain(f"    {finding.hint}"))
    return lines


# -- editing -------------------------------------------------------------------------------------


def _edited(draft: Draft) -> bytes:
    """What the draft holds once the person has left the editor."""
    try:
        terminal.edit(draft.path)
    except Failed as fault:
        if draft.is_new(draft.read()):
            raise Failed(str(fault), _kept(draft)) from fault
        draft.drop()
        raise
    return draft.read()


def _put(draft: Draft, held: bytes) -> None:
    try:
        draft.put(held)
    except Failed as fault:
        raise Failed(str(fault), f"{fault.hint}; {_kept(draft)}") from fault
    click.echo(f"{'Wrote' if draft.before is None else 'Changed'} {draft.target}")


def _wants_to_go_on(draft: Draft) -> bool:
    """Whether the person edits the draft again, or gives up."""
    try:
        while (pressed := terminal.key("\n[e]dit again, [g]ive up and keep the draft\n> ")) != "e":
            if pressed in ("g", "q", None):
                return False
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{_kept(draft)}\n")
        raise
    return True


def _kept(draft: Draft) -> str:
    return f"the draft is kept; go on with it: {draft.way_on}"
