"""`sow project`: begin, list, show and change projects, go on with one, end one."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from sow.cli import completion, opening, terminal, wizard
from sow.cli.commands import Group
from sow.cli.delete import delete
from sow.cli.finish import finish
from sow.cli.wizard import Given
from sow.cli.words import (
    aside,
    check_value,
    columns,
    counted,
    overview,
    set_told,
    tell_broken,
    tell_unknown,
)
from sow.errors import Usage

if TYPE_CHECKING:
    from sow.api.repository import ProjectRow, Repository
    from sow.project import Plan


@click.group(cls=Group)
def project() -> None:
    """Begin, list, show, change and finish projects."""


@project.command()
@click.argument("description", nargs=-1)
@click.option("--branch", metavar="B", help="The project's branch; it may exist. [default: feat/<name>]")
@click.option("--name", metavar="N", help="Its name. [default: from the description]")
@click.option(
    "--from",
    "start",
    metavar="REF",
    help="Where a new branch starts. [default: the default branch]",
    shell_complete=completion.branches,
)
@click.option(
    "--type",
    "kind",
    metavar="T",
    help="Its type. [default: by the branch's prefix]",
    shell_complete=completion.project_types,
)
@click.option(
    "--input", "inputs", multiple=True, metavar="FILE", type=click.Path(exists=True, dir_okay=False),
    help="A file that its first phase takes in; repeatable.",
)  # fmt: skip
@click.option("--no-worktree", is_flag=True, help="Work in this checkout instead of a worktree of its own.")
@click.option("--no-launch", is_flag=True, help="Accepted: nothing is launched anyway.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def new(
    settings: dict[str, Any], description: tuple[str, ...], branch: str | None, name: str | None,
    start: str | None, kind: str | None, inputs: tuple[str, ...], no_worktree: bool, no_launch: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Begin a project: a branch, a worktree, a state file, all or nothing.

    Without DESCRIPTION, on a terminal, it asks for whatever the options have not said. Outside of git
    there is no branch and no worktree: the project is in the folder that holds .sow/, one a folder.

    \b
    Example:  sow project new "Add OAuth login"
              sow project new "Faster search" --branch feat/search --from v2.1
              sow project new "Which database?" --type exploration --input notes.md
              sow project new
    """
    repository, files = opening.repository(settings), tuple(os.path.abspath(path) for path in inputs)
    if description:
        made = repository.new(
            " ".join(description), branch=branch, type=kind, name=name, start=start, inputs=files,
            worktree=not no_worktree,
        )  # fmt: skip
    else:
        given = Given(kind, branch, name, start, files, not no_worktree)
        plan, start = _asked(repository, given, as_json)
        made = repository.begin(plan, start=start, worktree=not no_worktree)
    if as_json:
        click.echo(json.dumps(made.as_json()))
        return
    for note in made.notes:
        aside(settings, note)
    if made.project.outside:
        click.echo(f"Initialized project {made.plan.name}\nFolder: {made.project.folder}")
    else:
        click.echo(f"Initialized project {made.plan.name} on branch {made.plan.branch}")
        click.echo(f"Worktree: {made.project.folder}")
    aside(settings, f"Type: {made.plan.type}; what it wants of you first: `sow prompt`")
    aside(settings, 'Next: `sow task add "..." --agent implementer`')


@project.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def list_(settings: dict[str, Any], as_json: bool) -> None:
    """List the projects of this repository, or the one of a folder outside of git.

    \b
    Example:  sow project list
    """
    repository = opening.repository(settings)
    rows = repository.listed()
    tell_unknown(repository.broken().values())
    if as_json:
        click.echo(json.dumps([row.as_json() for row in rows]))
    elif rows:
        click.echo(columns([[r.name, _branch(r), r.state, counted(r.tasks, "task")] for r in rows]))
    else:
        aside(settings, "no project here; begin one: `sow project new DESCRIPTION`")


@project.command()
@click.option("-o", "--output", "form", type=click.Choice(["yaml", "json"]), default="yaml", help="The form.")
@click.option("--strict", is_flag=True, help="Only what the original sow knows, so that it can read it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, in one line.")
@click.pass_obj
def show(settings: dict[str, Any], form: str, strict: bool, as_json: bool) -> None:
    """Print the whole project as one document, its tasks inside its phases.

    That is the form in which the original sow keeps a project. A task whose file is broken can't be part of
    it: with --strict that is refused, else it is said.

    \b
    Example:  sow project show -o json
              sow project show --strict > state.yaml
    """
    project = opening.project(settings)
    whole = project.whole(strict=strict)
    for broken in () if strict else whole.broken:
        click.echo(f"broken: {broken.message}\n        {broken.hint}", err=True)
    if as_json:
        click.echo(json.dumps(whole.as_json()))
        return
    click.echo(whole.yaml() if form == "yaml" else json.dumps(whole.as_json(), indent=2) + "\n", nl=False)


@project.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def status(settings: dict[str, Any], as_json: bool) -> None:
    """See the project's phases and tasks.

    \b
    Example:  sow project status
    """
    project = opening.project(settings)
    if as_json:
        whole = project.whole()
        tell_broken(whole.broken)
        click.echo(json.dumps(whole.as_json()))
        return
    held = project.document()
    branch = "no git" if project.outside else f"branch {held['branch']}"
    click.echo(f"Project: {held['name']} ({branch}, type {held['type']})")
    click.echo(f"Current state: {held['statechart']['current_state']}")
    tasks = project.tasks()
    click.echo(overview(tasks.replace(broken=(*project.broken(), *tasks.broken))))


@project.command("set")
@click.argument("field", shell_complete=completion.project_fields)
@click.argument("value", required=False)
@click.option("--string", "text", is_flag=True, help="Take VALUE as text, whatever it looks like.")
@click.option("--unset", is_flag=True, help="Remove the field.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def set_(
    settings: dict[str, Any], field: str, value: str | None, text: bool, unset: bool, as_json: bool
) -> None:
    """Set FIELD of the project to VALUE: its `description`.

    \b
    Example:  sow project set description "Log in by OAuth, without passwords"
    """
    check_value("sow project set", field, value, unset)
    project = opening.project(settings)
    after = project.unset(field) if value is None else project.set(field, value, text=text)
    click.echo(json.dumps(after) if as_json else set_told(f"Project {after['name']}", after, field))


@project.command("continue")
@click.option(
    "--branch", required=True, metavar="B", help="The project's branch, here or on a remote.",
    shell_complete=completion.branches,
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def continue_(settings: dict[str, Any], branch: str, as_json: bool) -> None:
    """Go on with a project whose branch is here or on a remote: its worktree is made, all or nothing.

    For a project that somebody has begun on another machine, or whose worktree is gone. Sessions of
    agents stay where they were: an agent begins anew, with what happened before told to it.

    
    Example:  sow project continue --branch feat/add-login
    """
    done = opening.repository(settings).continue_(branch)
    if as_json:
        click.echo(json.dumps(done.as_json()))
        return
    for note in done.notes:
        aside(settings, note)
    name, project = done.project.name, done.project
    click.echo(f"Continuing project {name}" if done.made else f"Project {name} is here already")
    click.echo(f"{'Folder' if project.outside else 'Worktree'}: {project.folder}")


project.add_command(finish)
project.add_command(delete)


def _asked(repository: Repository, given: Given, as_json: bool) -> tuple[Plan, str | None]:
    """The project that a person describes on their terminal, and where its branch starts."""
    if as_json or not terminal.is_there():
        raise Usage(
            "DESCRIPTION is missing",
            "`sow project new DESCRIPTION`; with --type, --branch, --name, --from, --input as you like",
        )
    asked = wizard.ask(repository, given)
    if asked is None:
        click.echo("Nothing was made.", err=True)
        raise click.exceptions.Exit(1)
    return asked


def _branch(row: ProjectRow) -> str:
    return "(no git)" if row.outside else row.branch
