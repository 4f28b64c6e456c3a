"""How a project goes: its final state is kept, its branch is freed of it, its worktrees are cleared away.

    final/project.yaml --> intent --> .sow/project moves to final/ --> last commit --> worktrees, branches
                             |                                                                  |
                             +---- from here on whoever comes next completes it ---------------+

Nothing unmerged is lost by it: a branch that has work of its own stays, and so
does a worktree with anything in it that no commit has.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sow import files, original, outfit
from sow.change import Event
from sow.config import RepositoryConfig
from sow.document import canonical
from sow.errors import Busy, Failed, Refused, SowError
from sow.git import commits, review, worktrees
from sow.git.places import Places
from sow.git.repository import Git
from sow.journal import IDS, task_lock
from sow.journal import PROJECT as PROJECT_LOCK
from sow.layout import PROJECT, REMOVING, WORKTREES, Layout, Plain, is_task_branch, task_branch
from sow.store import Store
from sow.task import ABANDONED

if TYPE_CHECKING:
    from sow_schemas.documents import EventType


@dataclass(frozen=True, slots=True)
class Removal:
    """What is to be done about a project that goes, as its intent has it."""

    name: str
    branch: str
    """Its branch; empty for one that was begun outside of git, where only the state goes."""
    folder: str
    """Top of the worktree that holds the project."""
    tip: str
    """Where its branch stands."""
    last: str
    """The commit behind `tip` without the state; `tip` itself where it has none."""
    target: str
    """The branch that its work goes to: its own branch goes where everything of it is in there."""
    keep_branch: bool
    """Whether its branch stays whatever is merged."""
    event: EventType
    """The type of the event that tells it."""
    payload: Any = field(default_factory=dict)
    """What it says, as the intent has it."""
    served: Sequence[str] = ()
    """Files of the runtime folder, by name, that have served once it is gone."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A worktree or a branch that stays."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of a project that went."""

    removal: Removal
    final: str
    """The folder that keeps its final state."""
    gone: tuple[str, ...] = ()
    kept: tuple[Kept, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As `sow project delete --json` prints it."""
        return {
            **self.removal.payload,
            "gone": list(self.gone),
            "kept": [{"what": kept.what, "why": kept.why} for kept in self.kept],
            "final": self.final,
        }


def remove(
    store: Store, places: Places | Plain, removal: Removal, check: Callable[[], None], texts: dict[str, str]
) -> Removed:
    """Takes a project away; whatever is killed after its intent stands, the next command completes it.

    1. its final state is kept, with `texts` beside it by file name; 2. the intent; 3. the state leaves
    its branch; 4. it is told; 5. worktrees and branches that nobody needs go; 6. no intent. `check` is
    asked under the locks of the state and may still raise.
    """
    layout = store.layout
    with _only_one(places.main):
        with store.journal.locked(IDS, PROJECT_LOCK, *_reviving(store)):
            check()
            _keep_final(store, texts)
            intent = _write_intent(places.main, removal)
            _take_off(layout, removal)
        store.tell(Event(type=removal.event, payload=removal.payload))
        removed = _clear_away(layout, removal)
        _forget(intent)
    return removed


def settle(places: Places | Plain, store_of: Callable[[Layout], Store]) -> list[Removed]:
    """Completes what killed removals left; leaves one that is under way alone.

    What can't be completed now (a git at work there, a folder that can't be written) is left to a later
    command.
    """
    above = _intents(places.main)
    if not os.path.isdir(above):
        return []
    found = []
    with suppress(Busy), _only_one(places.main, wait_seconds=0.0):
        for name in sorted(os.listdir(above)):
            path = f"{above}/{name}"
            if name[0] == ".":  # it was not whole yet: nothing was done about it
                os.unlink(path)
                continue
            with suppress(SowError):
                found.append(_complete(places.main, path, store_of))
        with suppress(OSError):
            os.rmdir(above)
    return found


def last_commit(git: Git, name: str, tip: str, *before: str) -> str | None:
    """A commit behind `tip`, and behind `before`, without the project's state; None where it has none."""
    return commits.without(git, tip, PROJECT, f"sow: project {name} ends", *before)


def own_worktrees(git: Git, branch: str) -> list[worktrees.Worktree]:
    """The worktrees of the tasks of the project on `branch`, by their branch or else by their folder."""
    above = f"{git.places.main}/{WORKTREES}/"
    return [
        one
        for one in worktrees.all_of(git)
        if is_tasks_of(branch, one.branch or os.path.relpath(one.path, above))
    ]


def own_branches(git: Git, branch: str) -> list[str]:
    """The branches of the tasks of the project on `branch`."""
    pattern = f"refs/heads/{task_branch(branch, '*')}"
    names = git.run("for-each-ref", "--format=%(refname:lstrip=2)", pattern).splitlines()
    return [name for name in names if is_tasks_of(branch, name)]


def is_tasks_of(branch: str, name: str) -> bool:
    """Whether `name` is the branch of a task of the project on `branch`."""
    return is_task_branch(name) and name[: -len("--000")] == branch


def unmerged(git: Git, branch: str, into: str) -> int:
    """How many commits of a branch are not in the branch `into`, but for those of sow's state alone."""
    tips = git.tips(branch, into)
    tip, goal = tips.get(branch), tips.get(into)
    if tip is None or branch == into:
        return 0
    return len(review.log(git, goal, tip)) if goal else int(git.line("rev-list", "--count", tip))


# -- the state -------------------------------------------------------------------------------------


def _reviving(store: Store) -> list[str]:
    """The locks of the tasks that could still come back to life meanwhile."""
    return [task_lock(task.id) for task in store.tasks().tasks if task.status == ABANDONED]


def _keep_final(store: Store, texts: dict[str, str]) -> None:
    """Writes what is kept of the project beside its state: the whole document, and `texts`."""
    final = store.layout.final
    shutil.rmtree(final, ignore_errors=True)  # what a killed one began
    files.make_folder(final)
    with suppress(SowError):  # a file of it that is broken is kept as it is, below
        files.write(f"{final}/project.yaml", canonical.emit(original.one(store.whole())))
    for name, text in texts.items():
        files.write(f"{final}/{name}", text)


def _take_off(layout: Layout, removal: Removal) -> None:
    """Takes the state off the project's branch; done again, it does what is left of it."""
    _move(layout.project, f"{layout.final}/project")
    if not removal.branch:
        return
    git = Git(layout.main)
    for _ in range(10):
        tip = git.tip(removal.branch)
        if tip is None:
            return
        if tip not in (removal.tip, removal.last):
            last = last_commit(git, removal.name, tip) or tip
        else:
            last = removal.last
        if _stands_at(git, removal, tip, last):
            return
    raise Failed(
        f"branch {removal.branch} moves all the time while the state is taken off it",
        "see who commits to it, and repeat",
    )


def _stands_at(git: Git, removal: Removal, tip: str, last: str) -> bool:
    """Moves the project's branch to its last commit, whoever has it checked out; False if it moved on."""
    holder = worktrees.holding(git, removal.branch)
    if holder is not None:
        return commits.leave_out(Git(holder.path), PROJECT, removal.branch, tip, last)
    return tip == last or git.move_branch(removal.branch, last, tip, f"project {removal.name} ends")


def _move(path: str, to: str) -> None:
    """Moves a folder, also to another file system; what is already there stays."""
    if not os.path.isdir(path):
        return
    if os.path.isdir(to):
        shutil.rmtree(path)
        return
    try:
        os.rename(path, to)
    except OSError as fault:
        if fault.errno != errno.EXDEV:
            raise Failed(
                f"can't move {path}: {fault.strerror}", "give yourself the right to write there, and repeat"
            ) from fault
        shutil.rmtree(f"{to}.part", ignore_errors=True)
        shutil.copytree(path, f"{to}.part", symlinks=True)
        os.rename(f"{to}.part", to)
        shutil.rmtree(path)
    files.flush_folder(os.path.dirname(to))


# -- worktrees and branches ------------------------------------------------------------------------


def _clear_away(layout: Layout, removal: Removal) -> Removed:
    """Removes the worktrees and branches by which nothing is lost; says which went and which stay."""
    gone: list[str] = []
    kept: list[Kept] = []
    if removal.branch:
        _clear_trees(layout, removal, gone, kept)
    for name in os.listdir(layout.runtime):
        # Written beside, too, under `.<name>.<pid>...`, by one that was killed over it.
        if name in removal.served or name.startswith(tuple(f".{served}." for served in removal.served)):
            os.unlink(f"{layout.runtime}/{name}")
    return Removed(removal, layout.final, tuple(gone), tuple(kept))


def _clear_trees(layout: Layout, removal: Removal, gone: list[str], kept: list[Kept]) -> None:
    git = Git(layout.main)
    _tear_down(git, layout, removal.branch)
    for one in own_worktrees(git, removal.branch):
        # Its branch has what it has: that one stays where it is merged nowhere.
        _clear(git, one.path, one.branch or removal.branch, gone, kept)
    for branch in own_branches(git, removal.branch):
        _clear_branch(git, branch, removal.branch, False, gone, kept)
    if layout.folder != layout.main:
        _clear(git, layout.folder, removal.branch, gone, kept)
    _clear_branch(git, removal.branch, removal.target, removal.keep_branch, gone, kept)


def _tear_down(git: Git, layout: Layout, branch: str) -> None:
    """Clears up in the worktrees that are about to go, as far as the settings can be read."""
    settings = RepositoryConfig()
    with suppress(Refused):
        settings = RepositoryConfig.read(layout.main)
    teardown = outfit.Teardown.of(settings.worktree, os.environ)
    for one in own_worktrees(git, branch) if teardown.commands else ():
        task_id = (one.branch or one.path)[-len("000") :]
        teardown.before_removal(git, one.path, one.branch or branch, layout, task_id)
    if settings.isolation == "project" and layout.folder != layout.main:
        teardown.before_removal(git, layout.folder, branch, layout, "")


def _clear(git: Git, path: str, branch: str, gone: list[str], kept: list[Kept]) -> None:
    try:
        reason = worktrees.remove(git, path, branch)
    except SowError as fault:
        reason = str(fault)
    if reason is not None:
        kept.append(Kept(f"worktree {path}", reason))
        return
    gone.append(f"worktree {path}")
    with suppress(OSError):  # the folder above may have others in it
        os.rmdir(os.path.dirname(path))


def _clear_branch(git: Git, branch: str, into: str, keep: bool, gone: list[str], kept: list[Kept]) -> None:
    """Deletes a branch where everything of it is in the branch `into` and nobody has it checked out."""
    tip = git.tip(branch)
    if tip is None:
        return
    holder = worktrees.holding(git, branch)
    why = ""
    if keep:
        why = "as asked"
    elif branch == into:
        why = "it is where the work goes to"
    elif holder is not None:
        why = f"it is checked out in {holder.path}"
    elif count := unmerged(git, branch, into):
        why = f"{commits_of(count)} not in {into or 'any other'}"
    elif git.ask("update-ref", "-d", f"refs/heads/{branch}", tip).code:
        why = "it moved just now"
    if why:
        kept.append(Kept(f"branch {branch}", why))
    else:
        gone.append(f"branch {branch}")


def commits_of(count: int) -> str:
    """`1 commit`, `2 commits`."""
    return f"{count} commit{'s' * (count != 1)}"


# -- intents ---------------------------------------------------------------------------------------


def _intents(main: str) -> str:
    """The folder where each removal says what it is about to do."""
    return f"{main}/{REMOVING}"


def _only_one(main: str, wait_seconds: float = files.LOCK_SECONDS) -> files.Lock:
    return files.Lock(f"{main}/{REMOVING}.lock", wait_seconds=wait_seconds)


def _write_intent(main: str, removal: Removal) -> str:
    files.make_folder(_intents(main))
    path = f"{_intents(main)}/{removal.name}.json"
    # By `json`, whose escapes keep a path that is no text.
    files.write(path, json.dumps(asdict(removal)) + "\n")
    return path


def _complete(main: str, path: str, store_of: Callable[[Layout], Store]) -> Removed:
    with open(path, encoding="utf-8") as file:
        removal = Removal(**json.load(file))
    # Outside of git the folder may have been moved with all in it.
    layout = Layout(main=main, folder=removal.folder if removal.branch else main, name=removal.name)
    store = store_of(layout)
    untold = os.path.isdir(layout.project)
    with store.journal.locked(IDS, PROJECT_LOCK):
        _take_off(layout, removal)
    if untold:
        # Else it may have been told before the kill: rather not at all than twice.
        store.tell(Event(type=removal.event, payload=removal.payload))
    removed = _clear_away(layout, removal)
    _forget(path)
    return removed


def _forget(intent: str) -> None:
    os.unlink(intent)
    with suppress(OSError):
        os.rmdir(os.path.dirname(intent))
