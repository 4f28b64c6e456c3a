"""A workspace of task files that is here instead of a project: what `sow status` and others say of it."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import click

from sow.cli import opening
from sow.cli.text import plain
from sow.cli.words import age, columns, counted, tell_unknown
from sow.clock import local, moment
from sow.errors import NotFound, Refused, Usage

if TYPE_CHECKING:
    from sow.api.events import Reading
    from sow.taskfiles.detail import Detail
    from sow.taskfiles.overview import Page, Row
    from sow.taskfiles.task_file import Status

GROUPS: tuple[Status, ...] = ("running", "queued", "failed", "canceled", "done")
MOST = 10
"""So many of the tasks that have ended one way are shown: the last ones."""


def here(settings: dict[str, Any]) -> str:
    """The workspace of task files that a command means, for no project is here; empty for none.

    In a worker's environment, and where `.sow/` is or a project is named, nothing is looked for.
    """
    if settings["project"] is not None or "SOW_PROJECT_DIR" in os.environ:
        return ""
    start = opening.caller().folder
    folders = (f"{start}/tasks", f"{start}/workspace/tasks")
    if os.path.lexists(f"{start}/.sow") or not any(map(os.path.isdir, folders)):
        return ""
    from sow.taskfiles import workspace

    return workspace.here(start)


def hint(settings: dict[str, Any]) -> str:
    """What to do where no project is found, and task files are; empty where none are."""
    from sow.taskfiles import workspace

    if here(settings):
        return "here are task files: `sow run`, `sow status`, `sow task list`, `show`, `cancel`, `retry`"
    if settings["project"] is not None or "SOW_PROJECT_DIR" in os.environ:
        return ""
    start = opening.caller().folder
    folder = workspace.beside(start)
    if not folder:
        return ""
    way = "" if folder == os.path.realpath(start) else f"cd {workspace.NAME} && "
    return f"begin one: `sow project new DESCRIPTION`; for the task files: `{way}sophia-cli run`"


def status(folder: str, *, as_json: bool) -> None:
    """Prints how the tasks of the workspace in `folder` are."""
    from sow.taskfiles import overview
    from sow.taskfiles.workspace import Workspace

    page = overview.page(Workspace(folder), time.time())
    click.echo(json.dumps(page.as_json()) if as_json else _page(page))


def _page(page: Page) -> str:
    lines = [f"task files in {page.workspace}"]
    for group in GROUPS:
        rows = [row for row in page.tasks if row.status == group]
        if not rows:
            continue
        has_ended = group in ("failed", "canceled", "done")
        shown = sorted(rows, key=lambda row: row.age_seconds)[:MOST] if has_ended else rows
        lines += ["", group, _indented(columns([_cells(row) for row in shown]))]
        if len(rows) > len(shown):
            lines.append(f"  and {len(rows) - len(shown)} before: `sow status --json` has all")
    for fault in page.broken:
        lines += ["", f"broken: {fault}", f"        {fault.hint}"]
    parts = [f"{page.counts[group]} {group}" for group in GROUPS if page.counts[group]]
    parts += [f"{len(page.broken)} can't be read"] * bool(page.broken)
    total = counted(len(page.tasks) + len(page.broken), "task file")
    ending = f"{total}: {', '.join(parts)}" if parts else "There is no task file yet."
    return plain("\n".join([*lines, "", ending]))


# -- one task and its like ---------------------------------------------------------------------------


def tasks(folder: str, *, as_json: bool) -> None:
    """Prints the tasks of the workspace in `folder`, a line each, in the order of their files."""
    from sow.taskfiles import overview
    from sow.taskfiles.workspace import Workspace

    page = overview.page(Workspace(folder), time.time())
    if as_json:
        tell_unknown(page.broken)
        click.echo(json.dumps([row.as_json() for row in page.tasks]))
        return
    rows = [
        [f"  [{_in_a_line(row.id)}]", row.status, _pipeline(row), os.path.basename(row.file)]
        for row in page.tasks
    ]
    lines = [columns(rows)] * bool(rows)
    lines += [f"  broken: {fault}\n          {fault.hint}" for fault in page.broken]
    click.echo(plain("\n".join([*lines, f"{len(page.tasks)} total tasks"])))


def show(folder: str, wanted: str | None, *, as_json: bool) -> None:
    """Prints one task of the workspace in `folder`. Raises NotFound, Usage where none is named."""
    from sow.taskfiles import detail
    from sow.taskfiles.loader import TaskLoader
    from sow.taskfiles.serving import named
    from sow.taskfiles.workspace import Workspace

    if wanted is None:
        raise Usage("which task?", "name it by its id; see them: `sow task list`")
    place = Workspace(folder)
    seen = named(TaskLoader(place), wanted)
    try:
        found = detail.of(place, seen.path, time.time())
    except FileNotFoundError as fault:
        raise NotFound(f"{seen.path} is gone", "see what there is: `sow task list`") from fault
    click.echo(json.dumps(found.as_json()) if as_json else _detail(found))


def _detail(found: Detail) -> str:
    row, held = found.row, found.document
    facts = {
        "Task": row.id,
        "Status": row.status,
        "Since": f"{row.since} ({age(row.age_seconds)})",
        "File": row.file,
        "Type": held.get("type"),
        "Run": held.get("run_id"),
        "Created": held.get("created_at"),
        "Requested by": held.get("requested_by"),
        "Tool": held.get("tool"),
        "Progress": f"{row.progress:.0%} {_first(row.message or '')}".rstrip() if row.holder else None,
        "Runner": _held(row).removeprefix("by ") if row.holder else None,
    }
    lines = [f"{name}: {_in_a_line(value)}" for name, value in facts.items() if value]
    lines.append(f"Stages ({len(found.stages)}):")
    lines += _rows([(each.name, each.state, each.folder or "") for each in found.stages])
    for title, files in (("Inputs", found.inputs), ("Outputs", found.outputs)):
        lines.append(f"{title} ({len(files)}):")
        lines += _rows([(each.name, _in_a_line(each.given), _MISSING[each.is_there]) for each in files])
    if row.error:
        lines += ["Error:", row.error.rstrip()]
    return plain("\n".join(lines))


_MISSING = {True: "", None: "", False: "not there"}


def _in_a_line(text: str) -> str:
    return text if text.isprintable() else json.dumps(text, ensure_ascii=False)


def _rows(cells: list[tuple[str, ...]]) -> list[str]:
    return [_indented(columns(cells))] * bool(cells)


def events(
    folder: str, types: tuple[str, ...], *, task: str | None, since: str | None, follow: bool
) -> Reading:
    """The event stream of the workspace in `folder`. Raises NotFound, Usage for a `since` that is no time."""
    from sow.api.events import Reading, Wanted, moment
    from sow.taskfiles.loader import TaskLoader
    from sow.taskfiles.serving import named
    from sow.taskfiles.workspace import Workspace

    place = Workspace(folder)
    after = 0.0 if since is None else moment(since)
    wanted = None if task is None else named(TaskLoader(place), task).id
    return Reading(place.events, Wanted(types, wanted, after), follow, ending="_events.jsonl")


def cancel(folder: str, wanted: str, *, as_json: bool) -> None:
    """Cancels a task of the workspace in `folder`, and says so."""
    from sow.taskfiles import deciding
    from sow.taskfiles.workspace import Workspace

    done = deciding.cancel(Workspace(folder), wanted)
    ended = "; its stage is ended" if done.before == "running" else ""
    click.echo(json.dumps(done.as_json()) if as_json else plain(f"Canceled task {done.id}{ended}"))


def retry(folder: str, wanted: str, *, fresh: bool) -> None:
    """Queues a task of the workspace in `folder` again, and says so."""
    from sow.taskfiles import deciding
    from sow.taskfiles.workspace import Workspace

    if fresh:
        raise Usage("--fresh is for the tasks of a project", "leave it out: a task file begins anew anyway")
    done = deciding.retry(Workspace(folder), wanted)
    spite = ", in spite of its account's limit" if done.in_spite else ""
    goes = "goes on" if done.status == "running" else "starts"
    click.echo(plain(f"Task {done.id} is {done.status}: it {goes} with the next `sow run`{spite}"))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def _cells(row: Row) -> list[str]:
    head = [f"[{_in_a_line(row.id)}]", age(row.age_seconds)]
    match row.status:
        case "running":
            return [*head, f"{row.progress:.0%}", _doing(row), _held(row)]
        case "queued":
            return [*head, _pipeline(row), _waits(row.waits_until)]
        case "failed":
            return [*head, _first(row.error or "")]
    return head


def _pipeline(row: Row) -> str:
    return _first(" -> ".join(row.pipeline).replace("\n", " "))


def _doing(row: Row) -> str:
    if row.stage is None:
        return "no stage begun"
    which = f"{row.stage} ({row.pipeline.index(row.stage) + 1} of {len(row.pipeline)})"
    return f"{which}: {_first(row.message)}" if row.message and not row.waits_until else which


def _held(row: Row) -> str:
    assert row.holder
    if row.waits_until and row.holder.state in ("left", "dead"):
        return _waits(row.waits_until)
    match row.holder.state:
        case "alive":
            return f"by process {row.holder.pid}"
        case "unknown":
            return f"by process {row.holder.pid} on {row.holder.host}, which can't be asked from here"
        case "dead":
            return f"its runner, process {row.holder.pid}, is dead: `sow run` takes it up"
        case "left":
            return "no runner: `sow run` takes it up"
    return "by another program, or by nobody: see `sow doctor`"


def _waits(until: str | None) -> str:
    return f"waits for a limit until {local(moment(until), time.time())}" if until else ""


def _first(text: str) -> str:
    line = " ".join(text.partition("\n")[0].split())
    return f"{line[:97]}..." if len(line) > 100 else line


def validate(folder: str, *, as_json: bool) -> None:
    """Prints what is wrong with the files of the workspace in `folder`. Raises Refused where anything is."""
    from sow.taskfiles import checking
    from sow.taskfiles.workspace import Workspace

    found = checking.check(Workspace(folder), opening.caller().environment)
    if as_json:
        click.echo(json.dumps(found.as_json()))
    else:
        told = [f"{problem}\n    {problem.hint}" for problem in found.problems]
        told += [f"Note: {slip}\n    {slip.hint}" for slip in found.slips]
        told += [f"Valid: {counted(found.tasks, 'task file')}, the settings"] * (not found.problems)
        click.echo(plain("\n".join(told)))
    if found.problems:
        raise Refused(
            f"{counted(len(found.problems), 'problem')} in {counted(found.files, 'file')}",
            "mend each at the place named, then look again: `sow validate`",
        )
