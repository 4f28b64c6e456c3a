"""A new project outside of git: its state in the folder, all or nothing."""

from __future__ import annotations

import os

from sow import files, find, project_types, setup
from sow.change import Event
from sow.errors import Failed, Refused, SowError
from sow.layout import PROJECT, Layout, Plain
from sow.project import Plan
from sow.setup import Made, StoreOf


def new_project(place: Plain, plan: Plan, *, start: str | None, store_of: StoreOf) -> Made:
    """Makes the state of a project in its folder; whatever is killed, all of it or nothing.

    1. nothing is in the way; 2. the folder is prepared; 3. what an earlier kill left is settled; 4. the
    intent; 5. the mark by which it stays a project outside of git; 6. the state, with one rename.
    Raises Refused, and then nothing was made.
    """
    kind = project_types.named(plan.type, place.main)
    check_new(place, plan, start=start)
    notes = setup.prepare(place)
    layout = Layout(main=place.main, folder=place.main, name=plan.name, outside=True)
    with setup.only_one(place):
        setup.settle_half_made_held(place, store_of)
        check_new(place, plan, start=start)
        setup.set_aside(place.main, plan.name)
        intent = setup.write_intent(place.main, name=plan.name, folder=place.main)
        try:
            store = store_of(layout)
            files.make_folder(layout.runtime)
            _mark(layout)
            setup.place_state(layout, setup.first_documents(plan, kind, store.now()), plan.inputs)
            store.keep_good_copies()
        except (SowError, KeyboardInterrupt):
            setup.settle_outside(place.main, plan.name, store_of)
            setup.forget(intent)
            raise
        store.tell(Event(type="project.created", payload={"name": plan.name, "branch": plan.branch}))
        setup.forget(intent)
    notes.append(
        "there is no git here: agents work in this folder itself, one at a time, and nothing is merged"
    )
    return Made(layout, tuple(notes))


def prepare(place: Plain) -> list[str]:
    """Makes what sow needs in a folder outside of git; says what it made. A project that came there without
    its mark, by a copy or because its repository is gone, is one outside of git from then on."""
    done = setup.prepare(place)
    for layout in find.all_projects(place):
        if not os.path.lexists(layout.outside_mark):
            files.make_folder(layout.runtime)
            _mark(layout)
            done.append(f"project {layout.name} is one outside of git from now on")
    return done


def _mark(layout: Layout) -> None:
    try:
        os.close(os.open(layout.outside_mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
    except OSError as fault:
        raise Failed(
            f"can't write {layout.outside_mark}: {fault.strerror}", "give yourself the right to, and repeat"
        ) from fault
    files.flush_folder(layout.runtime)


def check_new(place: Plain, plan: Plan, *, start: str | None) -> None:
    """Raises Refused for whatever would be in the way of the new project."""
    if start is not None:
        raise Refused(
            f"--from {start}: there is no git in {place.main}, so no branch starts anywhere",
            "leave --from out, or make a repository here: `git init`, then `sow init`",
        )
    if plan.branch.startswith("-") or not plan.branch.isprintable() or " " in plan.branch:
        raise Refused(
            f"{plan.branch!r} can't be the name of a branch",
            "take letters, digits, `-`, `_` and single slashes, or leave --branch out",
        )
    setup.check_inputs(place.main, plan)
    for layout in find.all_projects(place):
        raise Refused(
            f"there is a project in {place.main} already, and outside of git a folder has one: {layout.name}",
            f"end that one first: `sow project finish`, `sow project delete {layout.name}`",
        )
    if os.path.lexists(f"{place.main}/{PROJECT}"):
        for fault in find.broken_projects(place).values():
            raise Refused(
                f"there is a project in {place.main} already, and it is broken: {fault}", fault.hint
            )
        raise Refused(f"{place.main}/{PROJECT} is in the way", "move it away, and repeat")
