"""How a branch moves to a merge, maybe under the feet of a person who has it checked out.

    nobody has it:   move the branch, if it still stands where we read it
    somebody has it: intent, index.lock, fast-forward on a copy of the index, index, unlock, no intent

The person's own git can't come in between, for we hold its lock. Git itself
refuses where a local change is in the way, before it touches a file. A kill
can fall anywhere: the intent then says which files may be half updated, and
`settle` tells ours from the person's by their content.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

from sow.errors import Busy, Failed
from sow.git import alive, index, places, worktrees
from sow.git.index import Index
from sow.git.repository import TOKEN, Git, gist

_Side = tuple[str, str]
"""Mode and id of a path, as a tree has it."""

_LINK = "120000"
_SUBMODULE = "160000"
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Merged:
    """The branch has the merge now."""

    commit: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """Somebody's uncommitted work, or unfinished git, is in the way; nothing was changed."""

    files: list[str]
    """What is in the way, relative to the top of the worktree; empty where it is not files."""
    reason: str


@dataclass(frozen=True, slots=True)
class Moved:
    """The branch no longer stands where the merge began: compute it again."""


@dataclass(frozen=True, slots=True)
class _Intent:
    """What is about to be done to a checkout, as the intent's file has it."""

    token: str
    branch: str
    worktree: str
    old: str
    new: str

    def write(self, path: str) -> None:
        data = asdict(self)
        data["from"], data["to"] = data.pop("old"), data.pop("new")
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        beside = f"{path}.{os.getpid()}.tmp"
        with open(beside, "wb") as file:
            file.write(json.dumps(data).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)

    @classmethod
    def read(cls, path: str) -> _Intent | None:
        """The intent at `path`; None where there is none. Raises Failed for a file that is something else."""
        try:
            with open(path, "rb") as file:
                data = json.loads(file.read())
            names = ("token", "branch", "worktree", "from", "to")
            return cls(*(str(data[name]) for name in names))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, RecursionError) as fault:
            raise Failed(
                f"{path} should say which merge was begun, and can't be read",
                "look at the worktree with `git status`, and then remove that file",
            ) from fault


def land(git: Git, branch: str, old: str, new: str, intent: str, why: str) -> Merged | Blocked | Moved:
    """Moves `branch` from `old` to its descendant `new`, with the files of whoever has it checked out.

    `intent` is the path of a file that the caller keeps for `settle`; it is
    there only while a checkout changes.
    """
    holders = worktrees.all_holding(git, branch)
    if len(holders) > 1:
        return Blocked([], f"{branch} is checked out twice: {holders[0].path} and {holders[1].path}")
    if not holders:
        if folder := worktrees.rebasing(git, branch):
            return Blocked([], f"{branch} is in the middle of a rebase or bisect in {folder}")
        return Merged(new) if git.move_branch(branch, new, old, why) else Moved()
    plan = _Intent(os.urandom(8).hex(), branch, os.path.realpath(holders[0].path), old, new)
    there = Git(plan.worktree)
    found = places.find(plan.worktree)
    if found is None or found.common != git.places.common:
        return Blocked(
            [], f"{branch} is checked out in the main checkout, which can't be found from {git.folder}"
        )
    # Before the intent: where one is, every touched file was as the branch had it.
    if files := _in_the_way(there, plan):
        return Blocked(files, _not_committed(files))
    plan.write(intent)
    try:
        return _carry_out(there, plan, intent)
    except Busy as busy:
        os.unlink(intent)
        return Blocked([], str(busy))


@contextmanager
def noted(there: Git, old: str, new: str, intent: str) -> Iterator[dict[str, str]]:
    """Notes that a git is about to change a checkout at `old`, all of it committed, into what `new` has,
    for a `with` block; whatever ends that in the middle, `take_back` undoes it.

    Gives the environment for that git, which leaves the branch where it is and says of what it is in the
    middle (`Git.unfinished`) once it is done.
    """
    branch = there.current_branch() or ""
    plan = _Intent(os.urandom(8).hex(), branch, os.path.realpath(there.folder), old, new)
    plan.write(intent)
    try:
        yield {TOKEN: plan.token}
    finally:
        take_back(intent)


def take_back(intent: str) -> None:
    """Undoes what a git was killed in before it said of what it was in the middle (see `noted`).

    Files that are as it found or would have left them, or are the first part of such a file, are put back;
    any other is the person's and stays. Raises Busy where that git still runs and goes on for too long.
    """
    plan = _Intent.read(intent)
    if plan is None:
        return
    _wait_for_git(plan)
    there = Git(plan.worktree)
    if os.path.lexists(f"{plan.worktree}/.git") and _is_untold(there, plan):
        with index.held(there, token=plan.token, intent=intent, dead_git=True) as mine:
            _forget_dead_locks(there, plan)
            there.run("read-tree", "--reset", plan.old, env=mine.env)
            _mend(there, plan, mine)
    os.unlink(intent)


def _is_untold(there: Git, plan: _Intent) -> bool:
    """Whether a checkout is where it was, and in the middle of nothing."""
    head = there.maybe_commit_of("HEAD")
    return (there.unfinished(), head, there.current_branch() or "") == (None, plan.old, plan.branch)


def settle(intent: str) -> Merged | Blocked | None:
    """Completes what `land` was killed in; None where nothing is pending.

    Waits for a git of ours that still runs, and raises Busy if it goes on for
    too long. Files that are as the merge found or left them, or that are the
    first part of such a file, are ours; any other is the person's and stays.
    None also where the branch has gone elsewhere since: the merge can be made
    again.
    """
    plan = _Intent.read(intent)
    if plan is None:
        return None
    _wait_for_git(plan)
    if not os.path.lexists(f"{plan.worktree}/.git"):
        # Without a checkout there is nothing half done: the branch moves last, and in one step.
        os.unlink(intent)
        return None
    outcome = _carry_out(Git(plan.worktree), plan, intent, again=True)
    return None if isinstance(outcome, Moved) else outcome


def _wait_for_git(plan: _Intent) -> None:
    if not alive.wait_for_end(TOKEN, plan.token, index.END_SECONDS):
        raise Busy(
            f"a git of sow's is still at work in {plan.worktree}",
            f"see `ps -p {','.join(map(str, alive.bearing(TOKEN, plan.token)))}`; when it has ended, repeat",
        )


def free(git: Git, branch: str) -> None:
    """Takes away the lock that a `land` left in a branch's checkout when it was killed with all else done."""
    for holder in worktrees.all_holding(git, branch):
        there = Git(holder.path)
        if os.path.exists(f"{there.places.git_dir}/index.lock"):
            with suppress(Busy), index.held(there):
                pass


def _carry_out(there: Git, plan: _Intent, intent: str, again: bool = False) -> Merged | Blocked | Moved:
    with index.held(there, token=plan.token, intent=intent) as mine:
        if again:
            _forget_dead_locks(there, plan)
            _mend(there, plan, mine)
        try:
            outcome = _forward(there, plan, mine)
        except BaseException:
            _mend(there, plan, mine)
            os.unlink(intent)
            raise
        # The branch is done or never begun, and files and index agree with it: the intent has served.
        os.unlink(intent)
        return outcome


def _forward(there: Git, plan: _Intent, mine: Index) -> Merged | Blocked | Moved:
    """The fast-forward, under the lock; files, index and branch agree afterwards."""
    tip = there.tip(plan.branch)
    if _is_in(there, plan, tip):
        return Merged(plan.new)
    if tip != plan.old or there.current_branch() != plan.branch:
        return Moved()
    if doing := there.unfinished():
        return Blocked([], f"a {doing} is not finished in {plan.worktree}")
    forward = ("merge", "--ff-only", "--no-overwrite-ignore", "--quiet", plan.new)
    answer = there.ask(*forward, env={**mine.env, **there.identity()})
    if _has(there, plan):
        mine.keep()
        return Merged(plan.new)
    _mend(there, plan, mine)
    files = _in_the_way(there, plan)
    return Blocked(files, _not_committed(files) if files else gist(answer.err) or "git refused")


def _has(git: Git, plan: _Intent) -> bool:
    return _is_in(git, plan, git.tip(plan.branch))


def _is_in(git: Git, plan: _Intent, tip: str | None) -> bool:
    """Whether the branch, which stands at `tip`, has the merge."""
    if tip in (None, plan.old, plan.new):
        return tip == plan.new
    return git.is_ancestor(plan.new, str(tip))


def _not_committed(files: list[str]) -> str:
    return f"{len(files)} uncommitted file{'s' if len(files) > 1 else ''} would be overwritten"


# What a merge touches, and what of it is the person's


@dataclass(frozen=True, slots=True)
class _Touched:
    """A path that differs between the two commits; a side is (mode, id), None where it has no such path."""

    path: str
    old: _Side | None
    new: _Side | None


def _touched(git: Git, plan: _Intent) -> list[_Touched]:
    fields = git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", plan.old, plan.new).split("\0")
    found = []
    for facts, path in zip(fields[::2], fields[1::2], strict=False):
        old_mode, new_mode, old_id, new_id = facts.lstrip(":").split()[:4]
        sides = [
            (mode, oid) if mode != "000000" else None
            for mode, oid in ((old_mode, old_id), (new_mode, new_id))
        ]
        found.append(_Touched(path, sides[0], sides[1]))
    return found


def _in_the_way(there: Git, plan: _Intent) -> list[str]:
    """The person's changed, staged or untracked files that the merge would change."""
    touched = _touched(there, plan)
    status = there.run(
        "status", "--porcelain", "-z", "--no-renames", "--untracked-files=no", "--ignore-submodules=dirty"
    )
    changed = {field[3:] for field in status.split("\0") if field}
    found = {one.path for one in touched} & changed
    for one in touched:
        if one.old is None and one.path not in changed:
            found.update(_untracked_at(there, one.path))
    return sorted(found)


def _untracked_at(there: Git, path: str) -> list[str]:
    """What stands where a new file is to be: the file, one that should be a folder, or files below it."""
    parts = path.split("/")
    for count in range(1, len(parts) + 1):
        upper = "/".join(parts[:count])
        full = f"{there.folder}/{upper}"
        if not os.path.lexists(full):
            return []
        if os.path.islink(full) or not os.path.isdir(full):
            return [upper] if not there.names("ls-files", "-z", "--", upper) else []
    return there.names("ls-files", "-z", "--others", "--", path)


# What a kill leaves


def _forget_dead_locks(there: Git, plan: _Intent) -> None:
    """Removes the locks of refs that our git held when it was killed over them."""
    here = there.places
    for name in ("HEAD.lock", "ORIG_HEAD.lock"):
        index.forget_dead(here.git_dir, f"{here.git_dir}/{name}")
    index.forget_dead(here.common, f"{here.common}/refs/heads/{plan.branch}.lock")


def _mend(there: Git, plan: _Intent, mine: Index) -> None:
    """Makes touched files and index agree with the branch again, as far as they are ours."""
    done = _has(there, plan)
    entries = _entries(there, mine)
    touched = [one for one in _touched(there, plan) if entries.get(one.path) in (one.old, one.new)]
    wanted = {one.path: one.new if done else one.old for one in touched}
    found = _recognised(there, touched)
    for path, now in found.items():
        if now is not None and _as_file(wanted[path]) is None:
            _unlink(there, path)
    nothing = ("0", "0" * len(plan.new))
    # What goes comes first, for a file may stand where a folder was.
    wrong = sorted((side is not None, path) for path, side in wanted.items() if entries.get(path) != side)
    feed = [(path, wanted[path] or nothing) for _, path in wrong]
    there.run(
        "update-index", "-z", "--index-info", env=mine.env,
        input="".join(f"{mode} {oid} 0\t{path}\0" for path, (mode, oid) in feed),
    )  # fmt: skip
    for path in found:
        if _as_file(wanted[path]) is not None and _is_folder(there, path):
            _remove_empty(f"{there.folder}/{path}")
    # A folder that is still in the place of a file has something of the person's in it: it stays.
    write = [
        path
        for path, now in found.items()
        if _as_file(wanted[path]) not in (None, now) and not _is_folder(there, path)
    ]
    there.run(
        "checkout-index", "--force", "-u", "-z", "--stdin", env=mine.env,
        input="".join(f"{path}\0" for path in write),
    )  # fmt: skip
    there.ask("update-index", "-q", "--refresh", env=mine.env)
    mine.keep()


def _entries(there: Git, mine: Index) -> dict[str, _Side]:
    """Every path of the index; one in conflict has an id that is no side's."""
    found = {}
    for entry in there.names("ls-files", "-z", "--stage", env=mine.env):
        facts, _, path = entry.partition("\t")
        mode, oid, stage = facts.split()
        found[path] = (mode, oid if stage == "0" else "")
    return found


def _recognised(there: Git, touched: list[_Touched]) -> dict[str, _Side | None]:
    """What is at those of the touched paths whose file is ours; None for no file.

    A file that git was killed over is the first part of one side: its id is
    left empty.
    """
    found: dict[str, _Side | None] = {}
    on_disk = _on_disk(there, [one.path for one in touched])
    for one in touched:
        now = on_disk.get(one.path)
        sides = [side for side in (_as_file(one.old), _as_file(one.new)) if side is not None]
        if now is None or now[1] in [oid for _, oid in sides]:
            found[one.path] = now
        elif now[0] != _LINK and any(_is_part(there, one.path, side) for side in sides):
            found[one.path] = (now[0], "")
    return found


def _as_file(side: _Side | None) -> _Side | None:
    """What a side has as a file: a submodule's folder is none of the merge's."""
    return None if side is None or side[0] == _SUBMODULE else side


def _on_disk(there: Git, paths: list[str]) -> dict[str, _Side]:
    """Mode and id of the files that are there; a folder is no file, and one behind a link is none of ours."""
    found: dict[str, _Side] = {}
    plain: list[str] = []
    for path in paths:
        full = f"{there.folder}/{path}"
        if os.path.realpath(os.path.dirname(full)) != os.path.dirname(full):
            continue
        if os.path.islink(full):
            found[path] = (_LINK, there.line("hash-object", "--stdin", input=os.readlink(full)))
        elif os.path.isfile(full):
            plain.append(path)
    for start in range(0, len(plain), _AT_ONCE):
        some = plain[start : start + _AT_ONCE]
        for path, oid in zip(some, there.run("hash-object", "--", *some).split(), strict=True):
            runs = os.stat(f"{there.folder}/{path}").st_mode & 0o100
            found[path] = ("100755" if runs else "100644", oid)
    return found


def _is_part(there: Git, path: str, side: _Side) -> bool:
    """Whether the file is the first part of what git writes for this side."""
    whole = there.run("cat-file", "--filters", f"--path={path}", side[1]).encode("utf-8", "surrogateescape")
    with open(f"{there.folder}/{path}", "rb") as file:
        return whole.startswith(file.read(len(whole) + 1))


def _is_folder(there: Git, path: str) -> bool:
    full = f"{there.folder}/{path}"
    return os.path.isdir(full) and not os.path.islink(full)


def _remove_empty(folder: str) -> None:
    """Removes a folder in which no file is: git was killed before it put one there, and keeps none."""
    below = list(os.walk(folder, topdown=False))
    if not any(names for _, _, names in below):
        with suppress(OSError):  # a link that leads to a folder is something of the person's
            for inner, _, _ in below:
                os.rmdir(inner)


def _unlink(there: Git, path: str) -> None:
    """Removes a file of the working tree, and the folders that it leaves empty."""
    with suppress(FileNotFoundError):
        os.unlink(f"{there.folder}/{path}")
    folder = os.path.dirname(path)
    with suppress(OSError):
        while folder:
            os.rmdir(f"{there.folder}/{folder}")
            folder = os.path.dirname(folder)
