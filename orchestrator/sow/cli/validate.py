"""`sow validate`: every state file against its schema."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from sow.cli import opening
from sow.cli.text import plain
from sow.cli.words import counted
from sow.errors import Refused, SowError


@click.command()
@click.pass_obj
def validate(settings: dict[str, Any]) -> None:
    """Check every state file of the project.

    \b
    Example:  sow validate
    """
    store = opening.store(settings["project"])
    faults: list[SowError] = []
    reads: list[Callable[[], object]] = [store.project, *(partial(store.phase, p) for p in store.phases())]
    for read in reads:
        try:
            read()
        except SowError as fault:
            faults.append(fault)
    held = store.tasks()
    lines = [f"{fault}\n    {fault.hint}" for fault in faults]
    lines += [f"{broken.message}\n    {broken.hint}" for broken in held.broken]
    for line in lines:
        click.echo(plain(line))
    if lines:
        raise Refused(f"{counted(len(lines), 'state file')} not valid", "mend the lines named above")
    click.echo(
        f"Valid: the project, {counted(len(store.phases()), 'phase')}, {counted(len(held.tasks), 'task')}"
    )
