"""`sow phase`: the phases of the project, and the fields that people set of them."""

from __future__ import annotations

import json
from typing import Any

import click

from sow import dotted, statechart
from sow import phase as phases
from sow.cli import completion, opening
from sow.cli.commands import Group
from sow.cli.text import plain
from sow.cli.words import aside, columns, counted, shown
from sow.errors import SowError, Usage
from sow.store import Store


@click.group(cls=Group)
def phase() -> None:
    """See the phases of the project, and set their fields."""


@phase.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def list_(settings: dict[str, Any], as_json: bool) -> None:
    """List the phases of the project; a star marks that of its state.

    \b
    Example:  sow phase list
    """
    rows = _rows(opening.store(settings["project"]))
    if as_json:
        click.echo(json.dumps(rows))
    elif rows:
        click.echo(columns([_cells(row) for row in rows]))
    else:
        aside(settings, "the project has no phases: `sow validate` tells what is wrong with it")


@phase.command("set")
@click.argument("field", shell_complete=completion.phase_fields)
@click.argument("value", required=False, shell_complete=completion.phase_values)
@click.option(
    "--phase", "name", metavar="P", help="The phase. [default: that of the project's state]",
    shell_complete=completion.phases,
)  # fmt: skip
@click.option("--string", "text", is_flag=True, help="Take VALUE as text, whatever it looks like.")
@click.option("--unset", is_flag=True, help="Remove the field.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def set_(
    settings: dict[str, Any], field: str, value: str | None, name: str | None, text: bool, unset: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Set FIELD of a phase to VALUE; FIELD may be a dotted path.

    What can be set: `status`, whose times follow, `enabled`, and `metadata.*`, held against what the
    project's type says of it. VALUE is read by the field's type; where nothing is said of that it is YAML.

    \b
    Example:  sow phase set metadata.planning_approved true
              sow phase set status skipped --phase review
    """
    check_value("sow phase set", field, value, unset)
    store = opening.store(settings["project"])
    chosen = of(store, name)
    if value is None:
        after = store.change_phase(chosen, phases.unsetting(chosen, field))
    else:
        known = phases.of(store.type(), chosen)
        change = phases.setting(known, field, value, at=store.now(), text=text)
        after = store.change_phase(chosen, change)
    click.echo(json.dumps({"name": chosen, **after}) if as_json else told(f"Phase {chosen}", after, field))


def of(store: Store, wanted: str | None) -> str:
    """The phase that a command means: the one named, or that of the project's state."""
    return wanted if wanted is not None else statechart.current_phase(store.type(), store.project())


def check_value(command: str, field: str, value: str | None, unset: bool) -> None:
    """Raises Usage where there is neither a VALUE nor --unset, or both."""
    if unset and value is not None:
        raise Usage("--unset takes no VALUE", f"`{command} {field} --unset`")
    if not unset and value is None:
        raise Usage(f"{field}: the VALUE is missing", f"`{command} {field} VALUE`, or --unset to remove it")


def told(what: str, document: Any, field: str) -> str:
    """What a field is after it was set, in a line."""
    value = dotted.at(document, field)
    return plain(f"{what}: {field} is {'not set' if value is None else shown(value)}")


def _rows(store: Store) -> list[dict[str, Any]]:
    kind = store.type()
    here = kind.state(store.project()["statechart"]["current_state"]).phase
    tasks = store.tasks()
    rows = []
    for name in store.phases():
        row = {
            "name": name,
            "current": name == here,
            "tasks": len(tasks.of(name)) + len(tasks.broken_in(name)),
        }
        try:
            rows.append({**row, **store.phase(name)})
        except SowError as fault:
            rows.append({**row, "broken": str(fault)})
    order = list(kind.phases)
    return sorted(rows, key=lambda row: order.index(row["name"]) if row["name"] in order else len(order))


def _cells(row: dict[str, Any]) -> list[object]:
    mark = "*" if row["current"] else " "
    if "broken" in row:
        return [mark, row["name"], "broken", row["broken"]]
    facts = [counted(row["tasks"], "task")] if row["tasks"] else []
    facts += [counted(len(row[of]), of[:-1]) for of in ("inputs", "outputs") if row[of]]
    facts += [f"iteration {row['iteration']}"] if row.get("iteration", 1) > 1 else []
    facts += [] if row["enabled"] else ["not enabled"]
    return [mark, row["name"], row["status"], ", ".join(facts)]
