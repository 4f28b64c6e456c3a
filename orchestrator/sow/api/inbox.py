"""The inbox folder of a repository, looked into for one project: files dropped there become its tasks."""

from __future__ import annotations

from collections.abc import Callable
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


def of(caller: Caller, store: Store, at_work: Callable[[], bool] | None = None) -> Inbox:
    """The inbox folder. `at_work`: whether an agent may be writing just now, if somebody knows it already."""
    here = find.place(store.layout.main)

    def bring(path: str, text: str) -> Brought:
        from sow import bringing

        # It says where tasks stand, and nothing of who wrote it: a person has the news taken in.
        return bringing.bring(here, path, text, store_of=caller.store_of, update=False)

    def agents() -> bool:
        return bool(Drivers(store).at_work())

    return Inbox(store, partial(neighbours, caller, store), at_work or agents, bring, beginning(caller, here))


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


def looked(caller: Caller, store: Store, *, dry_run: bool) -> Looked:
    """Takes in what lies there, tells it what became of it, and says how each file stands."""
    done = () if dry_run else tuple(of(caller, store).look(patient=True))
    return Looked(done, tuple(survey(caller, store)))


def look(caller: Caller, store: Store) -> list[Told]:
    """Takes in what lies there, and tells it what became of it; not for an agent."""
    return of(caller, store).look(patient=True) if _has_files(caller, store) else []


def survey(caller: Caller, store: Store) -> list[Seen]:
    """How each file stands that is this project's, or of which nobody can tell for which it is."""
    seen = dropped.survey(store.layout.main, [store, *neighbours(caller, store)])
    return [one for one in seen if one.project in ("", store.layout.name)]


def tell(caller: Caller, turns: Turns) -> None:
    """Has the files that lie there told what was decided, as far as that can be done at once."""
    if _has_files(caller, turns.store):
        try:
            of_run(caller, turns).look()
        except SowError:
            pass  # the next run tells, of this as well


def _has_files(caller: Caller, store: Store) -> bool:
    """Whether there is anything to be done for a person."""
    try:
        return not caller.attempt and bool(files.names(store.layout.inbox))
    except BadFile:
        return False
