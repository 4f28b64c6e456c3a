"""Bringing in a whole project from a document of the original program, and telling one as such.

    document --taken apart, checked--> branch, worktree and state, as `sow project new` makes them

The document is put in its place as it is; it is split at the project's first write, as any that was found.
Brought in once more, what it has changed since is taken in (`sow.catching_up`); in step, it is told what
the project has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sow import catching_up, document, files, find, intake, original, project_types, setup, splitting
from sow.catching_up import Update, Wish, whole_of
from sow.document import Document, canonical
from sow.errors import BadFile, Busy, Refused
from sow.git.places import Places
from sow.intake import Snapshot
from sow.layout import Layout, Plain
from sow.project import Plan
from sow.setup import StoreOf
from sow.store import Store

NAME = "original"
"""As `--format` has it."""

_TRIES = 5
"""How often a document is read anew because somebody else has written it meanwhile."""


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
    """What became of one that was here."""


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
    read: Callable[[str], str],
    *,
    store_of: StoreOf,
    wish: Wish = Wish(),  # noqa: B008 - frozen
    worktree: bool = True,
    dry_run: bool = False,
) -> Brought:
    """Makes the project of a document, all or nothing; where it came in before, takes in what has changed.

    `wish.back`: whether the document, too, is told what has changed here. Raises Refused for a document that
    has a fault, and for a project that is here and did not come from one; Busy.
    """
    held = _document(path, read(path))
    old = _checked(held)
    value = original.taken_in(held.value)
    plan = Plan(
        name=value["name"],
        branch=value["branch"],
        type=value["type"],
        description=value.get("description", ""),
    )
    if there := next((one for one in find.all_projects(places) if one.name == plan.name), None):
        known = Brought(there, plan, len(old.tasks), is_new=False)
        with intake.alone(there):
            if (base := intake.snapshot(catching_up.snapshot_path(there))) is not None:
                news = _in_step(store_of(there), path, read, base, wish, dry_run=dry_run)
                return replace(known, update=news)
            _check_same(store_of(there), old, path)
            if not dry_run:
                catching_up.note(there, _parts(old), catching_up.ids_of(held, old), path)
        return known
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
        places, plan, start=None, worktree=worktree, store_of=store_of, documents={"state.yaml": held.text}
    )
    catching_up.note(made.layout, _parts(old), catching_up.ids_of(held, old), path)
    return Brought(made.layout, plan, len(old.tasks), is_new=True, notes=made.notes)


def _in_step(
    store: Store, path: str, read: Callable[[str], str], base: Snapshot, wish: Wish, *, dry_run: bool
) -> Update:
    """Takes in what a document has changed of a project that is here, and tells it what that has changed.

    Raises Refused, and Busy where the document is changed all the time.
    """
    for _ in range(_TRIES):
        held = _document(path, read(path))
        _checked(held)
        done = catching_up.catch_up(store, held, base, wish, dry_run=dry_run)
        if dry_run or done.after is None:
            return done.update
        # Somebody may have written it since: theirs is looked at first.
        if done.text == held.text or files.replace(path, held.text, done.text):
            catching_up.keep(store.layout, done.after)
            return done.update
        base = intake.snapshot(catching_up.snapshot_path(store.layout)) or base
    raise Busy(f"{path} is changed faster than it can be read", "try again when it is at rest")


def _document(path: str, text: str) -> Document:
    held = document.parse(text.encode(), path)
    if not splitting.is_old(held.value):
        raise BadFile(
            path, "is no whole project: it has no phases", "take one of `sow project show --strict`"
        )
    return held


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
