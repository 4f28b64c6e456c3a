"""A workspace of task files that is here instead of a project: what `sow status` and others say of it."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import click

from sow.cli import opening, pairs
from sow.cli.text import plain
from sow.cli.words import age, columns, counted, tell_unknown
from sow.clock import local, moment
from sow.errors import Refused, Usage

if TYPE_CHECKING:
    from sow.api.caller import Caller
    from sow.api.workspace import Workspace
    from sow.pool import Limit
    from sow.taskfiles.detail import Detail
    from sow.taskfiles.overview import Page, Row
    from sow.taskfiles.task_file import Status

GROUPS: tuple[Status, ...] = ("running", "queued", "failed", "canceled", "done")
MOST = 10
"""So many of the tasks that have ended one way are shown: the last ones."""


def here(settings: dict[str, Any]) -> Workspace | None:
    """The workspace of task files that a command means, for no project is here; None for none."""
    caller = opening.caller()
    folder = caller.task_files(settings["project"])
    return _opened(caller, folder) if folder else None


def for_first(settings: dict[str, Any]) -> Workspace | None:
    """The workspace that is meant by who adds what can only be a task file; None for none."""
    caller = opening.caller()
    folder = caller.task_files_begun(settings["project"])
    return _opened(caller, folder) if folder else None


def named(folder: str | None) -> Workspace:
    """The workspace in a folder, or else in that of the caller or its `workspace/`. Raises NotFound."""
    caller = opening.caller()
    return _opened(caller, caller.task_files_in(folder))


def _opened(caller: Caller, folder: str) -> Workspace:
    from sow.api.workspace import Workspace

    return Workspace(caller, folder)


def hint(settings: dict[str, Any]) -> str:
    """What to do where no project is found, and task files are; empty where none are."""
    if here(settings):
        return (
            "here are task files: `sow run`, `sow status`, `sow task list`, `add`, `show`, `cancel`, `retry`"
        )
    if settings["project"] is not None or "SOW_PROJECT_DIR" in os.environ:
        return ""
    caller = opening.caller()
    folder = caller.task_files_beside()
    if not folder:
        return ""
    way = "" if folder == os.path.realpath(caller.folder) else "cd workspace && "
    return f"begin one: `sow project new DESCRIPTION`; for the task files: `{way}sophia-cli run`"


def status(held: Workspace, *, as_json: bool) -> None:
    """Prints how the tasks of a workspace are."""
    page = held.status()
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
    lines += limits(page.limits)
    parts = [f"{page.counts[group]} {group}" for group in GROUPS if page.counts[group]]
    parts += [f"{len(page.broken)} can't be read"] * bool(page.broken)
    total = counted(len(page.tasks) + len(page.broken), "task file")
    ending = f"{total}: {', '.join(parts)}" if parts else "There is no task file yet."
    return plain("\n".join([*lines, "", ending]))


def limits(known: tuple[Limit, ...]) -> list[str]:
    """The lines about the limits of accounts; none where nothing is to be said."""
    told = [f"  {line}" for limit in known for line in limit.text]
    return ["", "Limits:", *told] if told else []


# -- one task and its like ---------------------------------------------------------------------------


def tasks(held: Workspace, *, as_json: bool) -> None:
    """Prints the tasks of a workspace, a line each, in the order of their files."""
    page = held.tasks()
    if as_json:
        tell_unknown(page.broken)
        click.echo(json.dumps(page.as_json()))
        return
    rows = [
        [f"  [{_in_a_line(row.id)}]", row.status, _pipeline(row), os.path.basename(row.file)]
        for row in page.tasks
    ]
    lines = [columns(rows)] * bool(rows)
    lines += [f"  broken: {fault}\n          {fault.hint}" for fault in page.broken]
    click.echo(plain("\n".join([*lines, f"{len(page.tasks)} total tasks"])))


def show(held: Workspace, wanted: str | None, *, as_json: bool) -> None:
    """Prints one task of a workspace. Raises NotFound, Usage where none is named."""
    if wanted is None:
        raise Usage("which task?", "name it by its id; see them: `sow task list`")
    found = held.task(wanted).page()
    click.echo(json.dumps(found.as_json()) if as_json else _detail(found))


def _detail(found: Detail) -> str:
    row, document = found.row, found.document
    facts = {
        "Task": row.id,
        "Status": row.status,
        "Since": f"{row.since} ({age(row.age_seconds)})",
        "File": row.file,
        "Type": document.get("type"),
        "Run": document.get("run_id"),
        "Created": document.get("created_at"),
        "Requested by": document.get("requested_by"),
        "Tool": document.get("tool"),
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


def add(
    held: Workspace, stages: tuple[str, ...], task_id: str | None, *, inputs: tuple[str, ...],
    outputs: tuple[str, ...], task_type: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Queues a new task in a workspace, and says so. Raises Usage where no stage is named."""
    if not stages:
        raise Usage("--stage is missing", "see `sow task add --help`")
    added = held.add(
        stages, id=task_id, input=pairs.texts("--input", inputs), output=pairs.texts("--output", outputs),
        type=task_type,
    ).page()  # fmt: skip
    words = f"Added task [{_in_a_line(added.row.id)}] {_pipeline(added.row)}"
    click.echo(json.dumps(added.as_json()) if as_json else plain(words))


def cancel(held: Workspace, wanted: str, *, as_json: bool) -> None:
    """Cancels a task of a workspace, and says so."""
    done = held.task(wanted).cancel()
    ended = "; its stage is ended" if done.before == "running" else ""
    click.echo(json.dumps(done.as_json()) if as_json else plain(f"Canceled task {done.id}{ended}"))


def retry(held: Workspace, wanted: str, *, fresh: bool, as_json: bool) -> None:
    """Queues a task of a workspace again, and says so."""
    if fresh:
        raise Usage("--fresh is for the tasks of a project", "leave it out: a task file begins anew anyway")
    done = held.task(wanted).retry()
    spite = ", in spite of its account's limit" if done.in_spite else ""
    goes = "goes on" if done.status == "running" else "starts"
    words = plain(f"Task {done.id} is {done.status}: it {goes} with the next `sow run`{spite}")
    click.echo(json.dumps(done.as_json()) if as_json else words)


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


def validate(held: Workspace, *, as_json: bool) -> None:
    """Prints what is wrong with the files of a workspace. Raises Refused where anything is."""
    found = held.validate()
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
