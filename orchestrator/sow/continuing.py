"""A project that is on a branch and in no worktree: found there, and made at home on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sow import document, find
from sow.attempt import Attempts
from sow.change import Change, Event
from sow.errors import Failed, NotFound, Refused, SowError
from sow.git import remotes
from sow.git.places import Places
from sow.git.repository import Git
from sow.layout import PROJECT, WORKTREES, Layout, Plain, task_branch
from sow.store import Store
from sow.task import ENDED, Task


@dataclass(frozen=True, slots=True)
class Found:
    """A project on a branch."""

    name: str
    commit: str
    """Where the branch stands, here or on the remote."""
    remote: str = ""
    """The remote that it was found on; empty where it is a local branch."""


def here(places: Places | Plain, branch: str) -> Layout | None:
    """The project of a branch, where it is in a worktree already; outside of git, that of the folder."""
    for layout in find.all_projects(places):
        if _branch(layout) == branch:
            return layout
    return None


def _branch(layout: Layout) -> str:
    """The branch that a project is on; of one outside of git, the one that it names."""
    if not layout.outside:
        return find.branch_of(find.repository(layout.folder).git_dir)
    try:
        return str(document.read_file(layout.project_file, roots=(layout.folder,)).value.get("branch", ""))
    except (FileNotFoundError, SowError):
        return ""


def look(git: Git, branch: str) -> Found:
    """The project on a branch of this repository, else on one of a remote.

    Raises NotFound where there is no such branch or no project on it, Refused for one that can't be read,
    Failed where a remote can't be reached.
    """
    tip, remote = git.tip(branch), ""
    if tip is None:
        tip, remote = _on_a_remote(git, branch)
    name = name_at(git, tip, branch)
    if name is None:
        raise NotFound(
            f"branch {branch} has no project: there is no {PROJECT}/state.yaml on it",
            f"begin one on it: `sow project new DESCRIPTION --branch {branch}`",
        )
    return Found(name, tip, remote)


def name_at(git: Git, commit: str, branch: str = "") -> str | None:
    """The name of the project that a commit has the state of; None where it has none.

    Raises Refused for a state that can't be read, or that is another branch's than `branch`.
    """
    place = f"{commit[:12]}:{PROJECT}/state.yaml"
    answer = git.ask("cat-file", "blob", f"{commit}:{PROJECT}/state.yaml")
    if answer.code:
        return None
    held = document.parse(answer.out.encode("utf-8", "surrogateescape"), place).value
    name, of = held.get("name"), held.get("branch")
    if not isinstance(name, str) or not isinstance(of, str) or "/" in name or name[:1] in ("", "."):
        raise Refused(
            f"failed to load project: {place}: it has no name or no branch", "mend it on its branch"
        )
    if branch and of != branch:
        raise Refused(
            f"the project {name} on branch {branch} says that its branch is {of}",
            f"give the branch its name back: `git branch -m {branch} {of}`",
        )
    return name


def settle_in(store: Store, git: Git, found: Found) -> list[str]:
    """Makes a project's open tasks ready for this machine; says what of their work is not here.

    Done again, it does what is left of it: a worktree of another machine's is forgotten, a session that no
    attempt here has had is begun anew at the next start, branches of tasks come from the remote.
    """
    attempts = Attempts(store.layout)
    notes = []
    if found.remote:
        try:
            remotes.fetch_like(git, found.remote, task_branch(store.branch(), "*"))
        except Failed as fault:
            notes.append(f"{fault}: branches of tasks may be missing")
    for task in store.tasks().tasks:
        if task.status not in ENDED:
            try:
                _make_at_home(store, attempts, task)
            except SowError as fault:
                notes.append(f"task {task.id} is as it was: {fault}")
            notes += list(_missing(git, found, task))
    return notes


def _make_at_home(store: Store, attempts: Attempts, task: Task) -> None:
    """Takes out of a task what only the machine that worked on it has."""
    ours = f"{store.layout.main}/{WORKTREES}/"
    foreign = task.worktree is not None and not task.worktree.startswith(ours)
    unknown = task.session_id is not None and not task.fresh and not attempts.of_task(task.id)
    if not foreign and not unknown:
        return

    def change(current: Task) -> Change:
        after = current.replace(
            worktree=None if foreign else current.worktree, fresh=True if unknown else current.fresh
        )
        fields = [*(["worktree"] if foreign else []), *(["fresh"] if unknown else [])]
        return Change(
            task=after, events=(Event(type="task.changed", task_id=task.id, payload={"fields": fields}),)
        )

    store.change_task(task.id, change)


def _missing(git: Git, found: Found, task: Task) -> Iterator[str]:
    """Brings a task's branch here from the remote; says where it is on none."""
    if not task.branch or git.branch_exists(task.branch):
        return
    there = git.maybe_commit_of(f"refs/remotes/{found.remote}/{task.branch}") if found.remote else None
    if there:
        git.move_branch(task.branch, there, None, f"from {found.remote}")
    else:
        yield f"task {task.id}: its branch {task.branch} is not here; its work is where it was done"


def _on_a_remote(git: Git, branch: str) -> tuple[str, str]:
    """Where a branch stands on the first remote that has it, and the remote's name."""
    names = remotes.all_of(git)
    unreachable: Failed | None = None
    for remote in names:
        try:
            tip = remotes.fetch(git, remote, branch)
        except Failed as fault:
            unreachable = unreachable or fault
            tip = git.maybe_commit_of(f"refs/remotes/{remote}/{branch}")
        if tip:
            return tip, remote
    if unreachable:
        raise unreachable
    where = f" and on no remote ({', '.join(names)})" if names else ""
    raise NotFound(f"there is no branch {branch!r} here{where}", "`git branch -a` shows what there is")
