"""`sow status`: everything on one page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from sow.cli import opening, workspace
from sow.cli.text import plain
from sow.cli.words import age, counted, resources_of, tell_unknown
from sow.clock import seconds
from sow.errors import NotFound
from sow.task import COMPLETED, IN_PROGRESS, PAUSED, PENDING

if TYPE_CHECKING:
    from sow.api.status import Status, TaskRow, Waiting


@click.command()
@click.option("--all", "everything", is_flag=True, help="Every project of this repository.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def status(settings: dict[str, Any], everything: bool, as_json: bool) -> None:
    """See everything on one page: tasks, what runs, what waits for you, what it cost.

    Where there is no .sow/, but a folder tasks/ or workspace/tasks/ with task files in it, those
    are shown: by state, with their progress and who works on each.

    \b
    Example:  sow status
              sow status --all --json
    """
    if not everything and (place := workspace.here(settings)):
        workspace.status(place, as_json=as_json)
        return
    if everything:
        repository = opening.repository(settings)
        projects = repository.projects()
        if not projects:
            raise NotFound("no active project", "begin one: `sow project new DESCRIPTION`")
        tell_unknown(repository.broken().values())
    else:
        projects = [opening.project(settings)]
    pages = [project.status() for project in projects]
    if as_json:
        documents = [page.as_json() for page in pages]
        click.echo(json.dumps(documents if everything else documents[0]))
        return
    click.echo("\n\n".join(text(page) for page in pages))


def text(page: Status) -> str:
    """The page for a person."""
    branch = "no git" if page.outside else f"branch {page.branch}"
    lines = [f"{page.project}  ({branch}, {page.state})", ""]
    for row in page.tasks:
        lines.append(f"  [{row.id}] {_mark(row):<22} {row.name}{_more(row)}")
    if not page.tasks and not page.broken:
        lines.append('  no tasks yet: sow task add "..." --agent implementer')
    for broken in page.broken:
        lines += [f"  broken: {broken.message}", f"          {broken.hint}"]
    for way, out in page.stuck.items():
        lines += ["", f"Waiting for each other, so none of them starts: {way}", f"  {out}"]
    if page.waits:
        lines += ["", "Waiting for you (sow review):"]
        lines += [_waiting(item, page.now) for item in page.waits]
    lines += workspace.limits(page.limits)
    if page.inbox.files:
        lines += ["", f"Inbox folder: {page.inbox.text}"]
        for one in page.inbox.files:
            if one["reason"]:
                lines += [f"  {one['state']}: {one['file']}: {one['reason']}", f"    {one['hint']}"]
    done = sum(row.status == COMPLETED for row in page.tasks)
    bad = f", {counted(len(page.broken), 'broken file')}" if page.broken else ""
    lines += ["", f"{len(page.tasks)} total tasks, {done} completed{bad}{_spent(page.spent)}"]
    return plain("\n".join(lines))


def _spent(spent: dict[str, Any]) -> str:
    cost = f"   spent ${spent['usd']:.2f}" if spent["usd"] else ""
    tokens = spent["input_tokens"] + spent["output_tokens"]
    cost += f"   {tokens:,} tokens" if tokens else ""
    return cost + (f"   {spent['cpu_seconds']:,.0f} s CPU" if spent["cpu_seconds"] >= 1 else "")


def _waiting(item: Waiting, now: float) -> str:
    since = f", {age(now - seconds(item.since))}" if item.since else ""
    head = f"  [{item.id}] {item.kind}{since}"
    return f"{head}: {_first(item.text)}" if item.text else head


def _mark(row: TaskRow) -> str:
    if row.status == IN_PROGRESS:
        return "in_progress (running)" if row.running else "in_progress (queued)"
    return row.status


def _more(row: TaskRow) -> str:
    parts = [f"setting up, {age(row.setting_up)}"] if row.setting_up is not None else []
    parts += [used] if (used := resources_of(row.as_json())) else []
    if row.iteration > 1:
        parts.append(f"iteration {row.iteration}")
    if row.depends_on and row.status == PENDING:
        parts.append(f"after {', '.join(row.depends_on)}")
    if row.not_before and row.status == PENDING:
        parts.append(f"not before {row.not_before}")
    elif row.limited:
        parts.append("waits for its account's limit")
    if row.error and row.status in (PENDING, PAUSED):
        parts.append(_first(row.error))
    return f"  ({'; '.join(parts)})" if parts else ""


def _first(text: str) -> str:
    line = " ".join(text.split())
    return f"{line[:97]}..." if len(line) > 100 else line
