"""How tasks are shown, wherever they are shown: one set of words for every command."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sow import dotted, sizes
from sow.cli import complain
from sow.cli.text import plain
from sow.clock import is_unset
from sow.document.canonical import as_json
from sow.errors import SowError, Usage
from sow.state import Broken, Tasks
from sow.task import Task


def overview(held: Tasks) -> str:
    """The tasks of a project, a line each, and what is broken."""
    lines = [f"  [{task.id}] {task.name} ({task.status})" for task in held.tasks]
    lines += [f"  broken: {broken.message}\n          {broken.hint}" for broken in held.broken]
    return plain("\n".join([*lines, f"{len(held.tasks)} total tasks"]))


def tell_broken(left_out: Iterable[Broken]) -> None:
    """Says on standard error what is broken and so left out of a result that has no place for it."""
    for broken in left_out:
        complain(f"left out: {broken.message}", broken.hint)


def tell_unknown(faults: Iterable[SowError]) -> None:
    """Says on standard error which projects are left out because nothing tells their names."""
    for fault in faults:
        complain(f"left out: {fault}", fault.hint)


def details(task: Task) -> str:
    """One task with all that a person asks of it; scripts rely on these words."""
    lines = [
        f"Task: {task.id} - {task.name}",
        f"Status: {task.status}",
        f"Phase: {task.phase}",
        f"Iteration: {task.iteration}",
        f"Assigned Agent: {task.assigned_agent}",
        f"Priority: {task.priority or 'normal'}",
    ]
    optional = {
        "Depends on": ", ".join(task.depends_on or ()),
        "Session": task.session_id,
        "Executor": task.executor,
        "Branch": task.branch,
        "Worktree": task.worktree,
        "Commit": task.commit,
        "Not before": None if is_unset(task.not_before) else task.not_before,
        "Attempts": task.attempts,
        "Approved by": task.approval["by"] if task.approval else None,
    }
    lines += [f"{name}: {value}" for name, value in optional.items() if value]
    if task.question:
        lines.append(f"Question ({task.question['kind']}): {task.question['text']}")
        lines += [f"  - {option}" for option in task.options]
    if task.error:
        lines.append(f"Error ({task.error['error_type']}): {task.error['message']}")
    if task.result:
        lines.append(f"Result ({task.result['status']}): {task.result.get('message', '')}".rstrip())
    lines += [f"metadata.{path}: {shown(value)}" for path, value in leaves(task.metadata or {})]
    lines += [f"params.{path}: {shown(value)}" for path, value in leaves(task.params or {})]
    for title, artifacts in (("Inputs", task.inputs), ("Outputs", task.outputs)):
        lines.append(f"{title} ({len(artifacts)}):")
        lines += [f"  [{number}] {held['type']}: {held['path']}" for number, held in enumerate(artifacts)]
    return plain("\n".join(lines))


def artifacts(held: Sequence[Mapping[str, Any]]) -> str:
    """The artifacts of a list, each with its index and its fields; scripts rely on these words."""
    lines = []
    for index, one in enumerate(held):
        lines += [
            f"[{index}]",
            f"  Type: {one['type']}",
            f"  Path: {one['path']}",
            f"  Approved: {shown(one['approved'])}",
            f"  Created: {one['created_at']}",
        ]
        lines += [f"  metadata.{path}: {shown(value)}" for path, value in leaves(one.get("metadata", {}))]
    return plain("\n".join(lines))


def shown(value: object) -> str:
    """A value of a document in a line: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else as_json(value)


def columns(rows: Sequence[Sequence[object]]) -> str:
    """Rows of text under each other, each column as wide as it must be, the last one open."""
    cells = [[plain(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def resources_of(row: Mapping[str, Any]) -> str:
    """What an attempt, or several, used of the machine: `1.2 GiB, 34 s CPU`; empty where nobody looked."""
    memory, peak, seconds = (row.get(key) for key in ("memory", "peak_memory", "cpu_seconds"))
    most = f"up to {sizes.told(peak)} seen" if peak else ""
    parts = [
        sizes.told(memory) if memory else most,
        f"{seconds:.{0 if seconds >= 10 else 1}f} s CPU" if seconds else "",
    ]
    return ", ".join(part for part in parts if part)


def spent(used: Mapping[str, Any]) -> str:
    """What attempts used, of money, tokens and the machine; empty for nothing."""
    tokens = used["input_tokens"] + used["output_tokens"]
    parts = [f"${used['usd']:.2f}"] if used["usd"] else []
    parts += [f"{tokens:,} tokens"] if tokens else []
    return ", ".join(filter(None, [*parts, resources_of(used)]))


def check_value(command: str, field: str, value: str | None, unset: bool) -> None:
    """Raises Usage where there is neither a VALUE nor --unset, or both."""
    if unset and value is not None:
        raise Usage("--unset takes no VALUE", f"`{command} {field} --unset`")
    if not unset and value is None:
        raise Usage(f"{field}: the VALUE is missing", f"`{command} {field} VALUE`, or --unset to remove it")


def set_told(what: str, document: Any, field: str) -> str:
    """What a field is after it was set, in a line."""
    value = dotted.at(document, field)
    return plain(f"{what}: {field} is {'not set' if value is None else shown(value)}")


def counted(number: int, thing: str) -> str:
    """`1 task`, `2 tasks`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def aside(settings: dict[str, Any], text: str) -> None:
    """Says on standard error what is good to know but no result; with `--quiet` nothing."""
    if not settings["quiet"]:
        sys.stderr.write(f"{text}\n")


def leaves(value: object, path: str = "") -> list[tuple[str, object]]:
    """What stands in a mapping, each with its dotted path."""
    if not isinstance(value, dict):
        return [(path, value)]
    return [leaf for key, held in value.items() for leaf in leaves(held, f"{path}.{key}" if path else key)]


def age(seconds: float) -> str:
    """A span of time in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(int(seconds), 0)} s"
