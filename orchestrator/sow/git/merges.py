"""Merges, computed beside every working tree and made once.

    base ---- into ------- merge        the tree comes from `git merge-tree`,
        \\                /             .sow/ from the side of `into`,
         ---- branch ----              the trailer says which work it is

A conflict is known before anything has changed, and nobody's files are touched
but by the fast-forward at the end (see `landing`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sow.errors import Failed, Refused
from sow.git import commits, landing, trees
from sow.git.landing import Blocked, Merged
from sow.git.repository import Git, GitFailed, ending, is_id

KEEP = ".sow"
"""What stays as the branch that is merged into has it, when a task's work is merged."""

Fault = TypeVar("Fault")

NEEDED = (2, 38)
"""The git that can merge without a working tree."""

_TRIES = 50

_MARKERS = ("-c", "merge.conflictStyle=merge")


@dataclass(frozen=True, slots=True)
class AlreadyMerged:
    """A merge with these trailers is in the branch already."""

    commit: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """The two sides can't be joined by themselves; nothing was changed."""

    files: list[str]


@dataclass(frozen=True, slots=True)
class Nothing:
    """Every commit is in the branch already; no merge was made for it."""


Outcome = Merged | AlreadyMerged | Conflict | Blocked | Nothing


def merge(
    git: Git,
    commit: str,
    into: str,
    message: str,
    trailers: Sequence[str],
    intent: str,
    *,
    since: str | None = None,
    keep_ours: str | None = KEEP,
    vet: Callable[[str], Fault | None] = lambda commit: None,
) -> Outcome | Fault:
    """Merges `commit` into the branch `into`, whoever has that checked out.

    `trailers` are lines like `Sow-Task: demo/010/1`: a merge that bears them
    all is never made twice. `since` is a commit before which none can be.
    `intent` is the path of a file for `settle`, which the caller calls first
    after a kill; one caller at a time, by a `GitLease`. `keep_ours` is the path
    that stays as `into` has it; with None there is none such. `vet` is asked about
    the merge commit before the branch moves: what it gives, if not None, is
    given back, and nothing was changed. Raises NotFound for a
    missing branch or commit, Failed for a git that is too old or histories
    that have nothing in common.
    """
    landing.settle(intent)
    theirs = commit if is_id(commit) else git.commit_of(commit)
    for _ in range(_TRIES):
        ours = git.commit_of(f"refs/heads/{into}")
        if done := find_merge(git, into, trailers, since):
            landing.free(git, into)
            return AlreadyMerged(done)
        bases = _bases(git, ours, theirs)
        if bases == [theirs]:
            return Nothing()
        joined = _join(git, ours, theirs, bases, keep_ours)
        if isinstance(joined, Conflict):
            return joined
        made = commits.make(git, joined, (ours, theirs), _with_trailers(message, trailers))
        if (fault := vet(made)) is not None:
            return fault
        landed = landing.land(git, into, ours, made, intent, f"merge {theirs[:12]}")
        if not isinstance(landed, landing.Moved):
            return landed
    raise Failed(
        f"branch {into} moved {_TRIES} times while it was merged into",
        "see who commits to it all the time, and repeat",
    )


def find_merge(git: Git, into: str, trailers: Sequence[str], since: str | None = None) -> str | None:
    """The newest merge in the branch `into` whose message has all `trailers` as lines, or None."""
    if not trailers:
        return None
    span = [f"refs/heads/{into}", *([f"^{since}"] if since else [])]
    # The merge's first parent is the branch itself, so it stands in the first line of descent.
    found = git.run(
        "log", "-z", "--first-parent", "--merges", "--no-show-signature", "--format=%H%n%B",
        "--fixed-strings", f"--grep={trailers[0]}", *span, "--",
    )  # fmt: skip
    for record in found.split("\0"):
        commit, *lines = record.split("\n")
        # The search is for a part of a line: /1 would find /12.
        if all(trailer in lines for trailer in trailers):
            return commit
    return None


def merge_check(git: Git, one: str, other: str, *, keep_ours: str | None = KEEP) -> list[str]:
    """The files over which `one` and `other` would conflict; nothing is changed."""
    ours, theirs = git.commit_of(one), git.commit_of(other)
    joined = _join(git, ours, theirs, _bases(git, ours, theirs), keep_ours)
    return joined.files if isinstance(joined, Conflict) else []


def bring(git: Git, branch: str, intent: str, *, keep_ours: str = KEEP) -> list[str]:
    """Merges `branch` into the checkout, for its agent to settle; the files in conflict.

    Without a conflict the merge is committed and the list empty. With one it
    is left open, markers in the files; called again in that state it only
    names what is still unsettled. `.sow/` is taken from `branch`. `intent` is
    the path of a file for `landing.take_back`, by which what was killed before
    git had noted its merge is undone first; one caller at a time. Raises
    Refused where something is uncommitted.
    """
    git = git.at_top()
    landing.take_back(intent)
    theirs = git.commit_of(f"refs/heads/{branch}")
    doing = git.unfinished()
    if doing == "merge":
        _take(git, git.commit_of("MERGE_HEAD"), keep_ours)
        return commits.unresolved(git)
    if doing is not None:
        raise Refused(f"a {doing} is not finished in {git.folder}", ending(doing, git.folder))
    if dirty := git.dirty_files():
        raise Refused(
            f"{git.folder} has uncommitted changes: {', '.join(dirty[:3])}", "commit them first, and repeat"
        )
    if git.is_ancestor(theirs, "HEAD"):
        return []
    words = f"Bring {branch} into {git.current_branch() or 'this work'}"
    head = git.commit_of("HEAD")
    with landing.noted(git, head, _as_git_merges(git, head, theirs), intent) as env:
        answer = git.ask(
            *_MARKERS, "merge", "--no-ff", "--no-commit", "--no-overwrite-ignore", "-m", words, theirs,
            env={**git.identity(), **env},
        )  # fmt: skip
    if git.unfinished() != "merge":
        raise Failed(
            f"git can't merge {branch} into {git.folder}: {answer.err.strip()}", "mend that, and repeat"
        )
    _take(git, theirs, keep_ours)
    left = sorted(commits.unmerged(git))
    if not left:
        commits.commit_leftovers(git, words)
    return left


def _as_git_merges(git: Git, head: str, theirs: str) -> str:
    """A commit with what `git merge` will put into the files, markers and all."""
    merging = ("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", "HEAD", theirs)
    tree = git.run(*_MARKERS, *merging, ok=(0, 1)).split("\0")[0]
    return commits.make(git, tree, (head, theirs), f"{head} with {theirs}")


def _bases(git: Git, ours: str, theirs: str) -> list[str]:
    """The best commits that both have: just `theirs` where all of it is in `ours`. Raises Failed for none."""
    bases = git.ask("merge-base", "--all", ours, theirs, ok=(0, 1)).out.split()
    if not bases:
        raise Failed(
            f"can't merge {theirs[:12]} into {ours[:12]}: unrelated histories", "look at `git log --graph`"
        )
    return bases


def _join(git: Git, ours: str, theirs: str, bases: Sequence[str], keep: str | None) -> str | Conflict:
    """The tree of both sides joined, or the files over which they can't be."""
    sides, kept = [ours, theirs], None
    if keep is not None:
        # It is taken out of all sides first: so nothing in it can conflict, nor be renamed in or out of it.
        (mine, kept), (other, _), *bare = trees.without_each(git, (ours, theirs, *bases), keep)
        # Several bases are merged with each other first, by what they have in common.
        older = [_parents(git, base) if len(bases) > 1 else [] for base in bases]
        roots = [
            _like(git, base, tree, parents, keep)
            for base, (tree, _), parents in zip(bases, bare, older, strict=True)
        ]
        sides = [_like(git, ours, mine, roots, keep), _like(git, theirs, other, roots, keep)]
    answer = git.ask("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", *sides)
    if answer.code not in (0, 1):
        if git.version() < NEEDED:
            raise Failed(
                f"this git is {'.'.join(map(str, git.version()))}, and merging needs 2.38 or later",
                "update git",
            )
        raise GitFailed(("merge-tree", *sides), git.folder, answer.code, answer.err)
    tree, *files = answer.out.split("\0")
    if answer.code == 1:
        return Conflict(sorted({name for name in files if name}))
    return trees.placed(git, tree, str(keep), kept) if kept else tree


def _like(git: Git, commit: str, tree: str, parents: Sequence[str], path: str) -> str:
    """A commit like `commit` with other parents, and a tree without `path`."""
    return commits.make(git, tree, parents, f"{commit} without {path}")


def _parents(git: Git, commit: str) -> list[str]:
    return git.line("rev-list", "--parents", "--max-count=1", commit).split()[1:]


def _take(git: Git, commit: str, name: str) -> None:
    """Makes `name` in index and working tree what it is in `commit`; what git ignores there stays."""
    if trees.at(git, commit, name):
        git.run("checkout", "--no-overlay", "--quiet", commit, "--", name)
    else:
        git.run("rm", "-r", "-f", "--quiet", "--ignore-unmatch", "--", name)


def _with_trailers(message: str, trailers: Sequence[str]) -> str:
    return "\n".join([message.rstrip("\n"), *([""] if trailers else []), *trailers])
