"""`sow executor`: the agent CLIs that can be used, and whether one keeps what sow counts on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from sow import logs
from sow.cli import complain, completion, opening, terminal
from sow.cli.commands import Group
from sow.cli.text import plain, styled
from sow.cli.words import aside, columns, counted
from sow.errors import Failed, Usage

if TYPE_CHECKING:
    from sow.api.checkup import Executor, Trial
    from sow.contract.judging import Holds, Row
    from sow.doctor.executors import Seen

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
    found, faults = opening.here().executors(settings["project"])
    if as_json:
        click.echo(json.dumps([each.as_json() for each in found]))
        return
    head = ("executor", "type", "version", "login", "roles", "program")
    click.echo(columns([head, *map(_cells, found)]))
    for fault in faults:
        complain(str(fault), fault.hint)


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
    logs.set_up(verbose=settings["verbose"])
    repository = opening.here()
    trial = repository.trial(name, settings["project"], offline=offline)
    if not trial.made.is_free:
        _ask(settings, trial, yes=yes, as_json=as_json)
    done = repository.check_executor(trial, keep=keep, note=lambda part: aside(settings, f"{part.about} ..."))
    checked = done.checked
    if as_json:
        click.echo(json.dumps(done.as_json()))
    else:
        click.echo(_table(checked.rows))
        click.echo(f"\n{_summary(checked.rows)}")
    if checked.kept:
        aside(settings, f"what it printed is in {checked.kept}/attempts; to be removed by you")
    if checked.fails:
        again = f"sow executor check {name}{' --offline' if offline else ''} --keep"
        raise Failed(
            f"executor {name} ({trial.program}): {', '.join(checked.fails)}: not as sow counts on",
            "read what it printed there" if keep else f"see what it printed: `{again}`",
        )


# -- list ------------------------------------------------------------------------------------------


def _cells(found: Executor) -> list[str]:
    subject, seen = found.subject, found.seen
    return [
        subject.choice.name,
        subject.choice.type,
        seen.version or "-",
        _login(seen),
        "all" if found.plays_all else _roles(subject.roles),
        " ".join(filter(None, (seen.program, f"({seen.wrong})" if seen.wrong else ""))),
    ]


def _roles(played: tuple[str, ...]) -> str:
    """The roles in a few words; all of them are for --json."""
    return f"{', '.join(played[:3])}{' …' if len(played) > 3 else ''}" or "-"


def _login(seen: Seen) -> str:
    match seen.login.there if seen.login else None:
        case True:
            return "yes"
        case False:
            return "no"
    return "not told" if seen.login else "-"


# -- check -----------------------------------------------------------------------------------------


def _ask(settings: dict[str, Any], trial: Trial, *, yes: bool, as_json: bool) -> None:
    """Goes on only once somebody said that the model may be called."""
    made = trial.made
    model = f"model {made.model}" if made.model else "the model that it takes by itself"
    told = f"{counted(len(made.plan.parts), 'short turn')} of {trial.program} on {model}"
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
