"""`sow import`, `sow export`, `sow sync`: tasks of other systems come in, go out, and keep in step."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from sow.cli import completion, opening
from sow.cli.text import plain
from sow.cli.words import aside, counted
from sow.errors import Usage

if TYPE_CHECKING:
    from sow.api.exchanging import Exchanged, Imported
    from sow.api.inbox import Looked
    from sow.catching_up import Update
    from sow.formats import Raw
    from sow.formats.planning import Plan

GITHUB = "github"
"""The format that needs no file."""

_FORMAT = click.option(
    "--format", "named", metavar="F", help="The format. [default: told by the file]",
    shell_complete=completion.formats,
)  # fmt: skip
_AGENT = click.option(
    "--agent", metavar="A", help="Who does tasks whose type has no agent here.",
    shell_complete=completion.agents,
)  # fmt: skip
_PHASE = click.option(
    "--phase", metavar="P", help="Where new tasks go. [default: as `sow task add`]",
    shell_complete=completion.phases_with_tasks,
)  # fmt: skip
_FILL = click.option(
    "--fill", is_flag=True,
    help="Take as many as there is room for, and leave the rest. [default: it goes into further projects]",
)  # fmt: skip
_LABEL = click.option(
    "--label", "labels", multiple=True, metavar="L", help="Only issues with this label; repeatable."
)
_DRY = click.option("--dry-run", is_flag=True, help="Say what would be done; do nothing.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.command("import")
@click.argument("file", type=click.Path(), required=False)
@_FORMAT
@_AGENT
@_PHASE
@_FILL
@_LABEL
@click.option("--comment", is_flag=True, help="Say in each issue which task it is.")
@_DRY
@_JSON
@click.pass_obj
def import_(
    settings: dict[str, Any], file: str | None, named: str | None, agent: str | None, phase: str | None,
    fill: bool, labels: tuple[str, ...], comment: bool, dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    """Take the tasks of another system's FILE into the project, or a whole project of the original sow.

    Done again, it takes in what the file has changed since; nothing comes in twice. What can't be
    taken is listed with the reason, and the exit code is 4 where nothing could be; it is 5 where file
    and project have changed the same. Without FILE, --format github asks `gh` for the open issues.

    \b
    Example:  sow import master_task_list.json
              sow import TODO.md --agent implementer
              sow import TODO.md --agent implementer --dry-run
              sow import --format github --label sow --comment
    """
    if file is None:
        if named != GITHUB:
            raise Usage("FILE is missing", "see `sow import --help`")
        done = opening.project(settings).import_issues(
            labels=labels, comment=comment, agent=agent, phase=phase, fill=fill, dry_run=dry_run
        )
        _tell(done, as_json, "import")
        if done.told:
            aside(settings, f"told {counted(len(done.told), 'issue')} which task it is")
        if done.fault:
            raise done.fault
        return done.exit_code
    if labels or comment:
        raise Usage("--label and --comment are for issues, not for a file", "leave FILE out, or them")
    if opening.here().is_project(file, named):
        _check_whole(agent, phase, fill)
        path = opening.caller().path(file)
        brought = opening.repository_of(settings).import_project(path, dry_run=dry_run)
        return _tell_whole(settings, brought, as_json, "import")
    done = opening.project(settings).import_tasks(
        file, format=named, agent=agent, phase=phase, fill=fill, dry_run=dry_run
    )
    _tell(done, as_json, "import")
    return done.exit_code


@click.command()
@click.argument("file", type=click.Path(), required=False)
@_FORMAT
@_AGENT
@_PHASE
@_FILL
@click.option(
    "--prefer",
    type=click.Choice(["file", "project"]),
    help="Whose word counts where both have changed the same. [default: nobody's, both stay]",
)
@_LABEL
@click.option("--close", is_flag=True, help="Close the issues whose tasks have ended (--format github).")
@_DRY
@_JSON
@click.pass_obj
def sync(
    settings: dict[str, Any], file: str | None, named: str | None, agent: str | None, phase: str | None,
    fill: bool, prefer: Any, labels: tuple[str, ...], close: bool, dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    """Keep another system's FILE and the project in step, both ways; without FILE, the inbox folder.

    What either has changed since the last time goes to the other. Where both have changed the same
    in two ways nothing is overwritten: it is listed, and the exit code is 5. Without FILE the files in
    .sow/inbox/ are taken in, and told what has become of their tasks, as `sow run` does it all the time.
    With --format github the open issues are, and with --close those are closed whose tasks have ended.

    \b
    Example:  sow sync runtime/task_list.json
              sow sync runtime/task_list.json --prefer project
              sow sync state.yaml
              sow sync
              sow sync --format github --label sow --close
    """
    if file is not None and (labels or close):
        raise Usage("--label and --close are for issues, not for a file", "leave FILE out, or them")
    if file is None and (named or close):
        if named != GITHUB:
            raise Usage("FILE is missing", "see `sow sync --help`")
        done = opening.project(settings).sync_issues(
            labels=labels, close=close, agent=agent, phase=phase, fill=fill, prefer=prefer, dry_run=dry_run
        )
        _tell(done, as_json, "sync")
        if done.closed:
            aside(settings, f"closed {counted(len(done.closed), 'issue')}")
        if done.fault:
            raise done.fault
        return done.exit_code
    if file is None:
        if agent or phase or fill or labels:
            raise Usage(
                "FILE is missing", "name a file, or leave the options out: `sow sync` is of the inbox folder"
            )
        looked = opening.project(settings).sync_inbox(prefer=prefer, dry_run=dry_run)
        return _tell_inbox(looked, as_json, dry_run)
    if opening.here().is_project(file, named):
        _check_whole(agent, phase, fill)
        path = opening.caller().path(file)
        kept = opening.repository_of(settings).sync_project(path, prefer=prefer, dry_run=dry_run)
        return _tell_whole(settings, kept, as_json, "sync")
    done = opening.project(settings).sync(
        file, format=named, agent=agent, phase=phase, fill=fill, prefer=prefer, dry_run=dry_run
    )
    _tell(done, as_json, "sync")
    return done.exit_code


@click.command()
@click.option(
    "--format", "named", metavar="F", help="The format. [default: told by --output, or task-list]",
    shell_complete=completion.formats,
)  # fmt: skip
@click.option("--output", metavar="FILE", type=click.Path(), help="Write to FILE. [default: standard output]")
@click.option("--force", is_flag=True, help="Write over a FILE that says something else.")
@_AGENT
@click.pass_obj
def export(
    settings: dict[str, Any], named: str | None, output: str | None, force: bool, agent: str | None
) -> None:
    """Give the project's tasks out in the format of another system.

    A task that came from there is given out in the words in which it came, as far as they still
    hold, with the keys that only that system knows. A file that others write as well is better
    kept in step: `sow sync FILE`. In a check list that is there, boxes are ticked, and no more.

    \b
    Example:  sow export --format task-list
              sow export --output master_task_list.json
    """
    done = opening.project(settings).export(output, format=named, force=force, agent=agent)
    if not done.path:
        click.echo(done.text, nl=False)
    elif done.project:
        aside(settings, f"Exported project {done.project} to {os.path.basename(done.path)} ({done.format})")
    else:
        aside(settings, f"Exported {counted(done.tasks, 'task')} to {output} ({done.format})")


def _tell_inbox(looked: Looked, as_json: bool, dry_run: bool) -> int:
    """Says what was done about the files in the inbox folder; the exit code."""
    if as_json:
        click.echo(json.dumps(looked.as_json()))
        return looked.exit_code
    for told in looked.done:
        if told.kind != "refused":
            click.echo(plain(f"  {told.text}"))
    for seen in looked.bad:
        click.echo(plain(f"  {seen.state}: {seen.name}: {seen.reason}\n    {seen.hint}"))
    head = "Would look into" if dry_run else "Looked into"
    click.echo(f"{head} the inbox folder: {looked.text}")
    return looked.exit_code


def _check_whole(agent: str | None, phase: str | None, fill: bool) -> None:
    if agent is not None or phase is not None or fill:
        raise Usage("a whole project has its agents and phases", "leave --agent, --phase and --fill out")


def _tell_whole(settings: dict[str, Any], done: Imported, as_json: bool, verb: str) -> int:
    """Says what became of a whole project and its document; the exit code."""
    if as_json:
        click.echo(json.dumps(done.as_json()))
        return done.exit_code
    held, file = done.brought, os.path.basename(done.path)
    for note in held.notes:
        aside(settings, note)
    what = f"project {held.plan.name} with {counted(held.tasks, 'task')} on branch {held.plan.branch}"
    if held.is_new:
        told = f"Imported {what}\nWorktree: {held.layout.folder}"
        click.echo(f"Would import {what}" if done.dry_run else told)
    elif held.update is None or (verb == "import" and held.update == type(held.update)()):
        click.echo(f"Project {held.plan.name} is here already, as {file} has it")
    else:
        for line in _news(held.update, done.path):
            click.echo(plain(f"  {line}"))
        head = f"Would {verb}" if done.dry_run else {"import": "Imported", "sync": "Synced"}[verb]
        click.echo(f"{head} {file} (original): project {held.plan.name}: {held.update.summary}")
    return done.exit_code


# -- words -----------------------------------------------------------------------------------------


def _tell(done: Exchanged, as_json: bool, verb: str) -> None:
    """Prints what was done, or would be."""
    if as_json:
        click.echo(json.dumps(done.as_json()))
        return
    _tell_plan(done, done.plan, done.summary, verb)
    for further in done.further:
        click.echo(f"In project {further.project}:")
        _tell_plan(done, further.plan, further.summary, verb)


def _tell_plan(done: Exchanged, plan: Plan, summary: str, verb: str) -> None:
    for line in _lines(plan, _again(done)):
        click.echo(plain(f"  {line}"))
    head = f"Would {verb}" if done.dry_run else {"import": "Imported", "sync": "Synced"}[verb]
    name = f"{os.path.basename(done.source.path)} ({done.source.how.name})"
    click.echo(plain(f"{head} {name}: {summary}"))


def _news(update: Update, path: str) -> Iterable[str]:
    """What a document has changed of a project, and what it is told."""
    for task_id in update.added:
        yield f"task {task_id} added"
    for name, keys in update.changed.items():
        yield f"{name} updated: {', '.join(keys)}"
    for name, keys in update.given.items():
        yield f"to the file: {name}" + (f": {', '.join(keys)}" if keys else "")
    for name, keys in update.conflicts.items():
        yield (
            f"{name} in conflict: {', '.join(keys)}: both have changed it; say whose word counts:"
            f" `sow sync {path} --prefer file`, or project"
        )
    for name, one in update.rejected.items():
        yield f"{name} rejected: {one.reason}"
        yield f"  {one.hint}"
    for name in update.gone:
        yield f"{name} is no longer in the document, and stays here"


def _again(done: Exchanged) -> str:
    """The command that keeps the same file in step, as it can be typed here."""
    if done.source.how.name == GITHUB:
        return f"sow sync --format {GITHUB}"
    near = os.path.relpath(done.source.path)
    return f"sow sync {shlex.quote(done.source.path if near.startswith('..') else near)}"


def _lines(done: Plan, again: str) -> Iterable[str]:
    for record, task, _ in done.adds:
        yield f"[{task.id}] added: {task.name} ({task.status})" + _named(record.id)
    for record, change, keys in done.changes:
        told = ", ".join(keys) or "status"
        yield f"[{change.task.id}] updated: {told} ({change.task.status})" + _named(record.id)
    for name, raw in done.give.items():
        title = _title(raw)
        yield f"to the file: {title or name}{_status(raw)}" + (_named(name) if title else "")
    for conflict in done.conflicts:
        yield (
            f"[{conflict.task_id}] in conflict: {', '.join(conflict.keys)}: both have changed it"
            f" ({conflict.place}); say whose word counts: `{again} --prefer file`, or project"
        )
    for one in done.rejected:
        yield f"rejected: {one.place}{f' {one.id}' if one.id else ''}: {one.reason}"
        yield f"          {one.hint.replace('sow sync FILE', again)}"
    for record, project in done.elsewhere:
        yield f"in project {project}: {record.place}{_named(record.id)}"
    for record in done.left:
        yield f"no room here: {record.place}{_named(record.id)}"
    for name, task_id in done.gone:
        yield f"[{task_id}] is no longer in the file, and stays here: {name}"


def _named(record: str) -> str:
    return f" from {record}" if record else ""


def _title(raw: Raw) -> str:
    """What a record is about, in a line."""
    from sow.formats.texts import headline

    known = (raw.get(key) for key in ("description", "text", "title", "func_path"))
    return next((headline(text) for text in known if text), "")


def _status(raw: Raw) -> str:
    if "done" in raw:
        return " (done)" if raw["done"] else " (open)"
    return f" ({raw['status']})" if "status" in raw else ""
