"""`sow project`: begin, list, show and change projects, go on with one, end one."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from sow import continuing, find, original, project_types, setup
from sow import project as projects
from sow.cli import completion, opening, terminal, wizard
from sow.cli.commands import Group
from sow.cli.delete import delete
from sow.cli.finish import finish
from sow.cli.wizard import Given
from sow.cli.words import aside, columns, counted, overview, standing, tell_broken, tell_unknown
from sow.errors import Refused, SowError, Usage
from sow.git.places import Places
from sow.layout import Layout, Plain
from sow.project import Plan
from sow.project_types import ProjectType

if TYPE_CHECKING:
    pass


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
    places = opening.place(settings["project"])
    files = tuple(os.path.abspath(path) for path in inputs)
    words = " ".join(description)
    if description:
        chosen = _type(kind, branch, places.main)
        prefix = next(iter(chosen.branch_prefixes), "feat/")
        plan = projects.plan(words, branch=branch, name=name, type=chosen.name, prefix=prefix, inputs=files)
    else:
        plan, start = _asked(places, Given(kind, branch, name, start, files, not no_worktree), as_json)
    made = opening.begin(places, plan, start=start, worktree=not no_worktree)
    if as_json:
        held = {
            "name": plan.name,
            "type": plan.type,
            "branch": plan.branch,
            "folder": made.layout.folder,
            "notes": list(made.notes),
        }
        click.echo(json.dumps(held))
        return
    for note in made.notes:
        aside(settings, note)
    if made.layout.outside:
        click.echo(f"Initialized project {plan.name}\nFolder: {made.layout.folder}")
    else:
        click.echo(f"Initialized project {plan.name} on branch {plan.branch}")
        click.echo(f"Worktree: {made.layout.folder}")
    aside(settings, f"Type: {plan.type}; what it wants of you first: `sow prompt`")
    aside(settings, 'Next: `sow task add "..." --agent implementer`')


@project.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def list_(settings: dict[str, Any], as_json: bool) -> None:
    """List the projects of this repository, or the one of a folder outside of git.

    \b
    Example:  sow project list
    """
    places = opening.place(settings["project"])
    opening.settle_half_made(places)
    rows = [_row(layout) for layout in find.all_projects(places)]
    tell_unknown(find.broken_projects(places).values())
    if as_json:
        click.echo(json.dumps(rows))
    elif rows:
        click.echo(columns([[r["name"], _branch(r), r["state"], counted(r["tasks"], "task")] for r in rows]))
    else:
        aside(settings, "no project here; begin one: `sow project new DESCRIPTION`")


@project.command()
@click.option("-o", "--output", "form", type=click.Choice(["yaml", "json"]), default="yaml", help="The form.")
@click.option("--strict", is_flag=True, help="Only what the original sow knows, so that it can read it.")
@click.pass_obj
def show(settings: dict[str, Any], form: str, strict: bool) -> None:
    """Print the whole project as one document, its tasks inside its phases.

    That is the form in which the original sow keeps a project. A task whose file is broken can't be part of
    it: with --strict that is refused, else it is said.

    \b
    Example:  sow project show -o json
              sow project show --strict > state.yaml
    """
    whole = opening.store(settings["project"]).whole()
    for broken in whole.tasks.broken:
        if strict:
            raise Refused(broken.message, broken.hint)
        click.echo(f"broken: {broken.message}\n        {broken.hint}", err=True)
    document = original.given(whole) if strict else original.one(whole)
    text = original.text(document) if form == "yaml" else json.dumps(document, indent=2) + "\n"
    click.echo(text, nl=False)


@project.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def status(settings: dict[str, Any], as_json: bool) -> None:
    """See the project's phases and tasks.

    \b
    Example:  sow project status
    """
    store = opening.store(settings["project"])
    if as_json:
        whole = store.whole()
        tell_broken(whole.tasks)
        click.echo(json.dumps(original.one(whole)))
        return
    held = store.project()
    branch = "no git" if store.layout.outside else f"branch {held['branch']}"
    click.echo(f"Project: {held['name']} ({branch}, type {held['type']})")
    click.echo(f"Current state: {held['statechart']['current_state']}")
    tasks = store.tasks()
    click.echo(overview(tasks.replace(broken=(*store.broken_files(), *tasks.broken))))


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
    from sow import phase
    from sow.cli.phase import check_value, told

    check_value("sow project set", field, value, unset)
    change = (
        phase.project_unsetting(field) if value is None else phase.project_setting(field, value, text=text)
    )
    after = opening.store(settings["project"]).change_project(change)
    click.echo(json.dumps(after) if as_json else told(f"Project {after['name']}", after, field))


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
    places = opening.place(settings["project"])
    opening.settle_half_made(places)
    here, made = continuing.here(places, branch), None
    if here is None:
        made = setup.continue_project(
            opening.repository(settings["project"]), branch, store_of=opening.store_of
        )
    layout = made.layout if made else here
    assert layout
    notes = list(made.notes) if made else []
    if as_json:
        held = {"name": layout.name, "branch": branch, "folder": layout.folder, "made": made is not None}
        click.echo(json.dumps({**held, "notes": notes}))
        return
    for note in notes:
        aside(settings, note)
    click.echo(f"Project {layout.name} is here already" if here else f"Continuing project {layout.name}")
    click.echo(f"{'Folder' if layout.outside else 'Worktree'}: {layout.folder}")


project.add_command(finish)
project.add_command(delete)


def _asked(places: Places | Plain, given: Given, as_json: bool) -> tuple[Plan, str | None]:
    """The project that a person describes on their terminal, and where its branch starts."""
    if as_json or not terminal.is_there():
        raise Usage(
            "DESCRIPTION is missing",
            "`sow project new DESCRIPTION`; with --type, --branch, --name, --from, --input as you like",
        )
    asked = wizard.ask(places, given)
    if asked is None:
        click.echo("Nothing was made.", err=True)
        raise click.exceptions.Exit(1)
    return asked


def _type(wanted: str | None, branch: str | None, main: str) -> ProjectType:
    """The type that was asked for by name, else by the branch's prefix."""
    if wanted is not None:
        return project_types.named(wanted, main)
    return project_types.for_branch(branch or "", main)


def _row(layout: Layout) -> dict[str, Any]:
    store = opening.store_of(layout)
    try:
        tasks = len(store.task_files())
    except SowError:
        tasks = 0
    return {
        "name": layout.name, **standing(store), "tasks": tasks, "folder": layout.folder,
        "outside": layout.outside,
    }  # fmt: skip


def _branch(row: dict[str, Any]) -> str:
    return "(no git)" if row["outside"] else str(row["branch"])
