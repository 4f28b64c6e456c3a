"""`sow phase`: the phases of the project, and the fields that people set of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from sow.cli import completion, opening
from sow.cli.commands import Group
from sow.cli.words import aside, check_value, columns, counted, set_told

if TYPE_CHECKING:
    from sow.api.phase import PhaseRow


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
    rows = opening.project(settings).phases()
    if as_json:
        click.echo(json.dumps([row.as_json() for row in rows]))
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
    phase = opening.project(settings).phase(name)
    after = phase.unset(field) if value is None else phase.set(field, value, text=text)
    told = {"name": phase.name, **after}
    click.echo(json.dumps(told) if as_json else set_told(f"Phase {phase.name}", after, field))


def _cells(row: PhaseRow) -> list[object]:
    mark, held = "*" if row.current else " ", row.document
    if held is None:
        return [mark, row.name, "broken", row.broken]
    facts = [counted(row.tasks, "task")] if row.tasks else []
    facts += [counted(len(held[of]), of[:-1]) for of in ("inputs", "outputs") if held[of]]
    facts += [f"iteration {held['iteration']}"] if held.get("iteration", 1) > 1 else []
    facts += [] if held["enabled"] else ["not enabled"]
    return [mark, row.name, held["status"], ", ".join(facts)]
