"""Bringing in a whole project from a document of the original program, and telling one as such.

    document --taken apart, checked--> branch, worktree and state, as `sow project new` makes them

The document is put in its place as it is; it is split at the project's first write, as any that was found.
Brought in once more, what it has changed since is taken in (`sow.catching_up`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sow import catching_up, document, find, intake, original, project_types, setup, splitting
from sow.catching_up import Update, whole_of
from sow.document import Document, canonical
from sow.errors import BadFile, Refused
from sow.git.places import Places
from sow.layout import Layout, Plain
from sow.project import Plan
from sow.setup import StoreOf
from sow.store import Store

NAME = "original"
"""As `--format` has it."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A project that is here now."""

    layout: Layout
    plan: Plan
    tasks: int
    is_new: bool
    """False where it was here already, as the document has it."""
    notes: tuple[str, ...] = ()
    update: Update | None = None
    """What the document has changed of one that was here."""


def fits(text: str) -> bool:
    """Whether a text is such a document."""
    if "statechart" not in text or "phases" not in text:
        return False
    try:
        value = document.parse(text.encode(), "").value
    except BadFile:
        return False
    return isinstance(value, dict) and "statechart" in value and splitting.is_old(value)


def bring(
    places: Places | Plain,
    path: str,
    text: str,
    *,
    store_of: StoreOf,
    worktree: bool = True,
    dry_run: bool = False,
    update: bool = True,
) -> Brought:
    """Makes the project of a document, all or nothing; where it came in before, takes in what has changed.

    `update`: whether a project that is here is changed. Raises Refused for a document that has a fault, for a
    project that is here and did not come from one, and for news where none are to be taken.
    """
    held = document.parse(text.encode(), path)
    if not splitting.is_old(held.value):
        raise BadFile(
            path, "is no whole project: it has no phases", "take one of `sow project show --strict`"
        )
    old = _checked(held)
    value = original.taken_in(held.value)
    plan = Plan(
        name=value["name"],
        branch=value["branch"],
        type=value["type"],
        description=value.get("description", ""),
    )
    if there := next((one for one in find.all_projects(places) if one.name == plan.name), None):
        store = store_of(there)
        if (base := intake.snapshot(catching_up.snapshot_path(there))) is not None:
            news = catching_up.catch_up(store, held, base, dry_run=dry_run or not update)
            if not update and news != Update():
                raise Refused(
                    f"project {plan.name} is here already, and the document has changed since",
                    f"have it taken in: `sow import {path}`",
                )
            return Brought(there, plan, len(old.tasks), is_new=False, update=news)
        _check_same(store, old, path)
        if not dry_run:
            catching_up.note(there, _parts(old), catching_up.ids_of(held, old))
        return Brought(there, plan, len(old.tasks), is_new=False)
    if isinstance(places, Plain):
        raise Refused(
            "a whole project can be brought in only where there is git",
            f"put it in its place yourself: `cp {path} {places.main}/.sow/project/state.yaml`",
        )
    if dry_run:
        project_types.named(plan.type, places.main)
        setup.check_new(places, plan, start=None, worktree=worktree)
        return Brought(_nowhere(plan), plan, len(old.tasks), is_new=True)
    made = setup.new_project(
        places, plan, start=None, worktree=worktree, store_of=store_of, documents={"state.yaml": text}
    )
    catching_up.note(made.layout, _parts(old), catching_up.ids_of(held, old))
    return Brought(made.layout, plan, len(old.tasks), is_new=True, notes=made.notes)


def _parts(old: splitting.Old) -> dict[str, Any]:
    return {**catching_up.parts(original.given_document(whole_of(old)))}


def _checked(held: Document) -> splitting.Old:
    """The document taken apart. Raises Refused with the first of its faults."""
    old = splitting.taken_apart(held, _nowhere(None), ())
    for fault in old.faults.values():
        raise fault
    return old


def _check_same(store: Store, old: splitting.Old, path: str) -> None:
    if not canonical.same(original.given(store.whole()), original.given_document(whole_of(old))):
        name = store.layout.name
        raise Refused(
            f"there is a project {name} already, in {store.layout.folder}, and {path} says something else",
            f"see what it is: `sow --project {name} project show --strict`; or rename the other one",
        )


def _nowhere(plan: Plan | None) -> Layout:
    """A layout for what is only looked at."""
    return Layout(main="/", folder="/", name=plan.name if plan else "")
