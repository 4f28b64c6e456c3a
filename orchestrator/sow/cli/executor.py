"""`sow executor`: the agent CLIs that can be used, and whether one keeps what sow counts on."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from sow import __version__, find, logs, roles
from sow.cli import complain, completion, terminal
from sow.cli.commands import Group
from sow.cli.text import plain, styled
from sow.cli.words import aside, columns, counted
from sow.errors import Failed, NotFound, Refused, SowError, Usage

if TYPE_CHECKING:
    from sow.contract.checking import Check, Checked
    from sow.contract.judging import Holds, Row
    from sow.doctor.executors import Seen, Subject
    from sow.doctor.scene import Scene

_STYLES: dict[Holds, dict[str, Any]] = {
    "holds": {"fg": "green"},
    "fails": {"fg": "red", "bold": True},
    "untold": {"fg": "cyan"},
    "left out": {"fg": "cyan"},
}

_WORDS: dict[Holds, str] = {
    "holds": "holds",
    "fails": "does not hold",
    "untold": "not told",
    "left out": "left out",
}


@click.group(cls=Group)
def executor() -> None:
    """See the agent CLIs that can be used, and check one."""


@executor.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def list_(settings: dict[str, Any], as_json: bool) -> None:
    """List the executors: yours, and the types that need no settings or are not set up yet.

    Of each its type, its program and version, whether somebody is logged in, and the roles that
    it plays. No model is called.

    \b
    Example:  sow executor list
              sow executor list --json
    """
    from sow.doctor import executors

    scene = _scene(settings)
    assert not isinstance(scene.user, SowError)
    found = executors.listed(scene.user, scene)
    if as_json:
        click.echo(json.dumps([_facts(subject, seen) for subject, seen in found]))
        return
    head = ("executor", "type", "version", "login", "roles", "program")
    click.echo(columns([head, *(_cells(subject, seen) for subject, seen in found)]))
    for finding in executors.settings(scene):
        if finding.level == "error":
            complain(finding.text, finding.mend)


@executor.command()
@click.argument("name", shell_complete=completion.executors)
@click.option("--offline", is_flag=True, help="sow plays its model, on this machine: nothing is paid.")
@click.option("-y", "--yes", is_flag=True, help="Let it call its model without asking: that costs a little.")
@click.option("--keep", is_flag=True, help="Keep the scratch folder, with all that it printed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def check(settings: dict[str, Any], name: str, offline: bool, yes: bool, keep: bool, as_json: bool) -> None:
    """Check that the agent CLI of executor NAME keeps what sow counts on, in the version that you have.

    A few short turns in a scratch folder, by your settings and as `sow run` takes them: it says a
    word, goes on in its session, runs a command, is stopped in the middle of one, and goes on again.
    With --offline its model is played by sow, and it sees none of your logins; then failures are
    played, too.

    \b
    holds          as sow counts on
    does not hold  otherwise, and the exit code is 1
    not told       this CLI tells nothing of it, and sow does not count on it
    left out       it could not be tried

    \b
    Example:  sow executor check claude-code --offline
              sow executor check codex --yes
    """
    from sow.contract import checking, leftovers
    from sow.doctor import executors

    logs.set_up(verbose=settings["verbose"])
    scene = _scene(settings)
    assert not isinstance(scene.user, SowError)
    choice = scene.user.named(name, "the command line")
    made = checking.made(choice, offline=offline)
    seen = executors.examined(executors.Subject(choice), scene)
    seen = _there(seen, name, calls=not made.is_free)
    if not made.is_free:
        _ask(settings, seen, made, yes=yes, as_json=as_json)
    for left in leftovers.clear():
        aside(settings, f"removed what a check left that was killed: {left}")
    checked = checking.taken(
        made,
        scene.environment,
        patterns=executors.passed(scene),
        keep=keep,
        note=lambda part: aside(settings, f"{part.about} ..."),
    )
    if as_json:
        click.echo(json.dumps(_document(seen, made, checked)))
    else:
        click.echo(_table(checked.rows))
        click.echo(f"\n{_summary(checked.rows)}")
    if checked.kept:
        aside(settings, f"what it printed is in {checked.kept}/attempts; to be removed by you")
    if checked.fails:
        again = f"sow executor check {name}{' --offline' if offline else ''} --keep"
        raise Failed(
            f"executor {name} ({_what(seen)}): {', '.join(checked.fails)}: not as sow counts on",
            "read what it printed there" if keep else f"see what it printed: `{again}`",
        )


def _scene(settings: dict[str, Any]) -> Scene:
    """Where the command was called. Raises what keeps the user's settings from being read."""
    from sow.doctor import scene

    found = scene.look(find.here(), os.environ, settings["project"])
    if isinstance(found.user, SowError):
        raise found.user
    return found


# -- list ------------------------------------------------------------------------------------------


def _facts(subject: Subject, seen: Seen) -> dict[str, Any]:
    return {
        "name": subject.choice.name,
        "type": subject.choice.type,
        "roles": list(subject.roles),
        "tasks": list(subject.tasks),
        "program": seen.program,
        "version": seen.version or None,
        "logged_in": seen.login.there if seen.login else None,
        "login": (seen.login.by or None) if seen.login else None,
        "problem": seen.wrong or seen.unsure or None,
    }


def _cells(subject: Subject, seen: Seen) -> list[str]:
    return [
        subject.choice.name,
        subject.choice.type,
        seen.version or "-",
        _login(seen),
        _roles(subject.roles),
        " ".join(filter(None, (seen.program, f"({seen.wrong})" if seen.wrong else ""))),
    ]


def _roles(played: tuple[str, ...]) -> str:
    """The roles in a word or a few; all of them are for --json."""
    if set(roles.BUILT_IN) <= set(played):
        return "all"
    return f"{', '.join(played[:3])}{' …' if len(played) > 3 else ''}" or "-"


def _login(seen: Seen) -> str:
    match seen.login.there if seen.login else None:
        case True:
            return "yes"
        case False:
            return "no"
    return "not told" if seen.login else "-"


# -- check -----------------------------------------------------------------------------------------


def _there(seen: Seen, name: str, *, calls: bool) -> Seen:
    """`seen`, once the program is there; where its own model is called, somebody must be logged in."""
    if seen.program is None:
        raise NotFound(f"executor {name}: {seen.wrong}", seen.mend)
    if seen.wrong:
        raise Refused(f"executor {name}: {seen.wrong}", seen.mend)
    if calls and seen.login and seen.login.there is False:
        raise Refused(f"executor {name}: nobody is logged in to {seen.program}", seen.mend)
    return seen


def _ask(settings: dict[str, Any], seen: Seen, made: Check, *, yes: bool, as_json: bool) -> None:
    """Goes on only once somebody said that the model may be called."""
    model = f"model {made.model}" if made.model else "the model that it takes by itself"
    told = f"{counted(len(made.plan.parts), 'short turn')} of {_what(seen)} on {model}"
    if yes:
        aside(settings, f"{told}; they are paid for as any other")
        return
    name = made.choice.name
    if as_json or not terminal.is_there():
        raise Usage(
            f"nobody can be asked here whether executor {name} may call its model, which costs a little",
            f"say --yes: `sow executor check {name} --yes`; or have it played: --offline",
        )
    click.echo(f"This takes {plain(told)}. They are paid for as any other.")
    if not terminal.yes("Take them?"):
        click.echo("Nothing was done.", err=True)
        raise click.exceptions.Exit(1)


def _what(seen: Seen) -> str:
    """The program and its version."""
    return f"{os.path.basename(seen.program or '')} {seen.version}".strip()


def _table(rows: Sequence[Row]) -> str:
    cells = [(row.what, _WORDS[row.holds], row.seen) for row in rows]
    lines = columns(cells).splitlines()
    start = 2 + max(len(row.what) for row in rows)
    return "\n".join(
        line[:start] + styled(word, **_STYLES[row.holds]) + line[start + len(word) :]
        for line, row, (_, word, _) in zip(lines, rows, cells, strict=True)
    )


def _summary(rows: Sequence[Row]) -> str:
    numbers = Counter(row.holds for row in rows)
    many = {"holds": "hold", "fails": "do not hold"}
    told = ((numbers[holds], word, many.get(holds, word)) for holds, word in _WORDS.items())
    return ", ".join(f"{number} {word if number == 1 else words}" for number, word, words in told if number)


def _document(seen: Seen, made: Check, checked: Checked) -> dict[str, Any]:
    return {
        "sow": __version__,
        "executor": made.choice.name,
        "type": made.choice.type,
        "program": seen.program,
        "version": seen.version or None,
        "offline": made.is_free,
        "model": checked.model or made.model or None,
        "ok": not checked.fails,
        "rows": [{"what": row.what, "holds": row.holds, "seen": row.seen} for row in checked.rows],
        "kept": checked.kept,
    }
