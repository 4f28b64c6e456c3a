"""The inbox folder of a repository, looked into for one project: files dropped there become its tasks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sow import dropped, files, find
from sow.api.caller import Caller
from sow.driving import Drivers
from sow.dropped import Inbox, Seen, Told
from sow.errors import BadFile, Refused, SowError
from sow.layout import Plain
from sow.result import Result
from sow.store import Store

if TYPE_CHECKING:
    from sow.bringing import Brought
    from sow.catching_up import Wish
    from sow.formats.merging import Side
    from sow.git.places import Places
    from sow.project import Plan
    from sow.turn import Turns


@dataclass(frozen=True, slots=True)
class Looked(Result):
    """What was done about the files in the inbox folder, and how each of them stands."""

    done: tuple[Told, ...]
    files: tuple[Seen, ...]
    """Those of this project, and those of which nobody can tell for which they are."""

    @property
    def bad(self) -> list[Seen]:
        """The files that were not taken, or not all of them."""
        return [one for one in self.files if one.reason]

    @property
    def text(self) -> str:
        """How many files there are, and how they stand, in words."""
        return dropped.counted(self.files)

    @property
    def exit_code(self) -> int:
        """What `sow sync` ends with: 4 where a file could not be taken."""
        return Refused.exit_code if self.bad else 0

    def as_json(self) -> Any:
        """As `sow sync --json` prints it."""
        done = [
            {"kind": one.kind, "file": one.name, "text": one.text, "tasks": [*one.tasks]} for one in self.done
        ]
        return {"done": done, "files": [dropped.document(one) for one in self.files]}


def of(
    caller: Caller, store: Store, at_work: Callable[[], bool] | None = None, prefer: Side | None = None
) -> Inbox:
    """The inbox folder. `at_work`: whether agents of the project are at work, if somebody knows it."""
    here = find.place(store.layout.main)

    def bring(path: str, read: Callable[[str], str], wish: Wish) -> Brought:
        from sow import bringing

        return bringing.bring(here, path, read, store_of=caller.store_of, wish=wish)

    others = partial(neighbours, caller, store)

    def own() -> bool:
        return bool(Drivers(store).at_work())

    def agents() -> bool:
        return (at_work or own)() or any(Drivers(one).at_work() for one in others())

    return Inbox(store, others, agents, bring, beginning(caller, here), prefer)


def of_run(caller: Caller, turns: Turns) -> Inbox:
    """The same for a run, which knows its agents."""
    return of(caller, turns.store, lambda: bool(turns.drivers.at_work()))


def neighbours(caller: Caller, store: Store) -> list[Store]:
    """The other projects of the repository."""
    there = find.all_projects(find.place(store.layout.main))
    return [caller.store_of(one) for one in there if one.name != store.layout.name]


def beginning(caller: Caller, here: Places | Plain) -> Callable[[Plan], Store] | None:
    """What makes a project beside others; None outside of git, where there is one."""
    if isinstance(here, Plain):
        return None

    def begin(plan: Plan) -> Store:
        from sow.api import engine

        return caller.store_of(engine.begin(caller, here, plan, start=None, worktree=True).layout)

    return begin


def looked(caller: Caller, store: Store, *, prefer: Side | None, dry_run: bool) -> Looked:
    """Takes in what lies there, tells it what became of it, and says how each file stands."""
    done = () if dry_run else tuple(of(caller, store, prefer=prefer).look(patient=True))
    return Looked(done, tuple(survey(caller, store)))


def look(caller: Caller, store: Store) -> list[Told]:
    """Takes in what lies there, and tells it what became of it; not for an agent."""
    return of(caller, store).look(patient=True) if _has_files(caller, store) else []


def survey(caller: Caller, store: Store) -> list[Seen]:
    """How each file stands that is this project's, or of which nobody can tell for which it is.

    One in the folder of a project that there is not is told wherever one looks.
    """
    others = neighbours(caller, store)
    theirs = {one.layout.name for one in others}
    own = ("", store.layout.name)
    seen = dropped.survey(store.layout.main, [store, *others])
    return [one for one in seen if one.project in own or (one.reason and one.project not in theirs)]


def tell(caller: Caller, turns: Turns) -> None:
    """Has the files that lie there told what was decided, as far as that can be done at once."""
    if _has_files(caller, turns.store):
        with suppress(SowError):  # the next run tells, of this as well
            of_run(caller, turns).look(patient=True)


def tell_of_project(caller: Caller, store: Store) -> None:
    """The same of what has become of the project itself."""
    if _has_files(caller, store):
        with suppress(SowError):
            of(caller, store).look(patient=True)


def _has_files(caller: Caller, store: Store) -> bool:
    """Whether there is anything to be done for a person."""
    try:
        return not caller.attempt and bool(files.names(store.layout.inbox))
    except BadFile:
        return False
