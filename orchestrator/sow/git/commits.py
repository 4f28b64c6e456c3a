"""Commits that sow makes: the first one, an agent's leftovers, exact paths.

They are made from trees, not by `git commit`: no hook runs, nothing is signed,
no message is edited, and what a person has staged is left staged. The order is
always objects, index, branch: a kill in between leaves files that look staged.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sow.errors import Refused
from sow.git import index, trees
from sow.git.excludes import is_ignored
from sow.git.repository import Git

FIRST = "First commit, empty, made by sow"


class Unresolved(Refused):
    """Nobody settled the conflicts in `.files`; nothing was committed and nothing is lost."""

    def __init__(self, folder: str, files: Sequence[str]) -> None:
        self.files = list(files)
        named = ", ".join(_shown(name) for name in self.files[:5]) + (" …" if len(self.files) > 5 else "")
        super().__init__(
            f"an unfinished merge in {folder} still has conflicts: {named}",
            "settle them in the files, `git add` (or `git rm`) each, and repeat",
        )


class Astray(Refused):
    """The checkout does not stand on the branch that was meant; nothing was committed."""

    def __init__(self, git: Git, branch: str) -> None:
        doing = git.unfinished()
        where = git.current_branch()
        stands = f"on branch {where}" if where else "on no branch"
        super().__init__(
            f"{git.folder} should be on branch {branch}, and is {stands}"
            + (f", in the middle of a {doing}" if doing else ""),
            f"finish or abort the {doing} there: `git {doing} --abort`"
            if doing not in (None, "merge")
            else f"go back to it there: `git switch {branch}`",
        )


def ensure_commit(git: Git) -> bool:
    """Gives a repository without any commit an empty first one; True if it did.

    Index and files are not touched: what is staged stays staged.
    """
    branch = git.current_branch()
    if branch is None or git.maybe_commit_of("HEAD") or git.run("for-each-ref", "--count=1"):
        return False
    commit = make(git, git.line("mktree", input=""), (), FIRST)
    return git.move_branch(branch, commit, None, "first commit")


def make(
    git: Git, tree: str, parents: Iterable[str], message: str, author: Mapping[str, str] | None = None
) -> str:
    """A commit of `tree` that no branch has yet; its id."""
    named = [word for parent in parents for word in ("-p", parent)]
    text = message.rstrip("\n") + "\n"
    return git.commit_line("commit-tree", tree, *named, "-F", "-", input=text, env=author or {})


def commit_leftovers(
    git: Git, message: str, *, author: str | None = None, branch: str | None = None
) -> str | None:
    """Commits everything uncommitted in the checkout; the commit, or None where nothing was.

    Untracked files that git doesn't ignore count; sow's own ignored folders
    and repositories inside the worktree that are not its submodules don't.
    `author` is `Name <mail>`; `branch` the one that must be checked out, else
    Astray is raised. An unfinished merge (or cherry-pick, or revert) whose
    conflicts are settled is concluded; else Unresolved is raised. A lock of a
    git that died is taken away, one that lives is waited for (Busy).
    """
    git = git.at_top()
    with index.held(git, dead_git=True) as mine:
        head, its_tree = _head(git, branch)
        parents = ([head] if head else []) + _merge_heads(git)
        found = _look(git, mine.env)
        if files := _unsettled(git, found.unmerged):
            raise Unresolved(git.folder, files)
        _stage(git, found, mine.env)
        tree = git.line("write-tree", env=mine.env)
        mine.keep()
        if len(parents) < 2 and tree == its_tree:
            return None
        commit = make(git, tree, parents, message, _author(author))
        _advance(git, commit, head)
        _conclude(git)
        return commit


def commit_paths(git: Git, paths: Sequence[str], message: str, *, branch: str | None = None) -> str | None:
    """Commits exactly `paths` (files or folders, relative to the top) as the working tree has them.

    What git ignores counts too; what it can't read stays as the last commit has
    it. Whatever else is staged stays staged. The commit, or None where the last
    commit has them so. With `branch`, Astray
    is raised if another one is checked out.
    """
    git = git.at_top()
    with index.held(git) as mine:
        head, its_tree = _head(git, branch)
        whole = _add_exactly(git, paths, mine.env)
        differing = ("diff-index", "--cached", "--name-only", "--ignore-submodules=none", "-z")
        staged = git.names(*differing, head or its_tree, env=mine.env)
        if whole and head and not staged:
            mine.keep()
            return None
        if whole and all(_is_in(name, paths) for name in staged):
            tree = git.line("write-tree", env=mine.env)
        else:
            tree = _tree_of_these(git, paths, head, {**mine.env, "GIT_INDEX_FILE": f"{mine.copy}.only"})
        mine.keep()
        if tree == its_tree:
            return None
        commit = make(git, tree, [head] if head else [], message)
        _advance(git, commit, head)
        return commit


def _tree_of_these(git: Git, paths: Sequence[str], head: str | None, env: Mapping[str, str]) -> str:
    """The tree of `head` with `paths` as the working tree has them; `env` names an index to make it in."""
    if head:
        git.run("read-tree", head, env=env)
    _add_exactly(git, paths, env)
    return git.line("write-tree", env=env)


def _is_in(name: str, paths: Sequence[str]) -> bool:
    return any(name == path or name.startswith(f"{path}/") for path in paths)


def without(git: Git, tip: str, path: str, message: str, *more_parents: str) -> str | None:
    """A commit behind `tip` that is like it without `path`, and that no branch has yet; its id.

    None where `tip` has no such path. `more_parents`: commits that it comes after, too.
    """
    tree = trees.without(git, tip, path)
    return None if tree is None else make(git, tree, (tip, *more_parents), message)


def leave_out(git: Git, path: str, branch: str, old: str, new: str) -> bool:
    """Moves the branch that is checked out here from `old` to `new`, which is `old` without `path`.

    False, and nothing done, where it stands elsewhere by now. The files of
    `path` are the caller's to take away; whatever else is changed or staged
    stays so. Raises Astray if another branch is checked out, Busy.
    """
    git = git.at_top()
    with index.held(git, dead_git=True) as mine:
        _must_be_on(git, branch)
        if git.tip(branch) not in (old, new):
            return False
        if names := git.names("ls-files", "-z", "--", path, env=mine.env):
            feed = "".join(f"{name}\0" for name in names)
            git.run("update-index", "--force-remove", "-z", "--stdin", input=feed, env=mine.env)
        mine.keep()
        if git.tip(branch) == old:
            _advance(git, new, old)
        return True


def stage_everything(git: Git, env: Mapping[str, str]) -> None:
    """Puts the whole working tree into the index that `env` names, as `commit_leftovers` counts it."""
    _stage(git, _look(git, env), env)


@dataclass(frozen=True, slots=True)
class _Found:
    """How a working tree differs from its index: names of files."""

    changed: set[str]
    """Those that are gone, too."""
    gone: set[str]
    others: set[str]
    """Untracked, and not ignored."""
    unmerged: dict[str, set[str]]
    """In conflict, each with the ids of its sides."""


def _look(git: Git, env: Mapping[str, str]) -> _Found:
    found = _Found(set(), set(), set(), {})
    wanted = ("--modified", "--deleted", "--unmerged", "--others", "--exclude-standard")
    for entry in git.names("ls-files", "-z", "-t", *wanted, env=env):
        tag, rest = entry[0], entry[2:]
        if tag == "?":
            found.others.add(rest)
            continue
        facts, _, name = rest.partition("\t")
        match tag:
            case "C":
                found.changed.add(name)
            case "R":
                found.gone.add(name)
            case "M":
                found.unmerged.setdefault(name, set()).add(facts.split()[1])
    return found


def _stage(git: Git, found: _Found, env: Mapping[str, str]) -> None:
    changed = found.changed | set(found.unmerged)
    # A folder where a file was: without a repository of its own it is no submodule either.
    gone = found.gone | {name for name in changed if _is_plain_folder(f"{git.folder}/{name}")}
    # A name that ends in a slash is a repository of its own: recorded by its id alone it would be lost.
    changed |= {name for name in found.others if not name.endswith("/")}
    # Names by standard input, not as pathspecs: so they may hold anything. What goes comes first, for a
    # file may stand where a folder was.
    _update(git, gone, env, "--force-remove")
    _update(git, changed - gone, env, "--add", "--remove", "--replace")


def _update(git: Git, names: set[str], env: Mapping[str, str], *how: str) -> None:
    feed = "".join(f"{name}\0" for name in sorted(names) if not is_ignored(name))
    if feed:
        git.run("update-index", *how, "-z", "--stdin", input=feed, env=env)


def _is_plain_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path) and not os.path.lexists(f"{path}/.git")


def _add_exactly(git: Git, paths: Sequence[str], env: Mapping[str, str]) -> bool:
    """Puts what is at `paths` into the index that `env` names; whether all of it could be read."""
    known = [
        path
        for path in paths
        if os.path.lexists(f"{git.folder}/{path}") or git.names("ls-files", "-z", "--", path, env=env)
    ]
    add = ("add", "--all", "--force", "--ignore-errors", "--")
    return not known or git.ask(*add, *known, ok=(0, 1), env=env).code == 0


def _must_be_on(git: Git, branch: str | None) -> None:
    if branch is not None and git.current_branch() != branch:
        raise Astray(git, branch)


def _head(git: Git, branch: str | None) -> tuple[str | None, str]:
    """The commit that is checked out, None before the first one, and its tree. Raises Astray."""
    answer = git.ask("rev-parse", "HEAD^{commit}", "HEAD^{tree}", "--symbolic-full-name", "HEAD")
    if answer.code != 0:
        _must_be_on(git, branch)
        return None, git.line("mktree", input="")
    commit, tree, name = answer.out.split()
    if branch is not None and name != f"refs/heads/{branch}":
        raise Astray(git, branch)
    return commit, tree


def _merge_heads(git: Git) -> list[str]:
    try:
        with open(f"{git.places.git_dir}/MERGE_HEAD", encoding="ascii") as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def unresolved(git: Git) -> list[str]:
    """The files in conflict that nobody has settled.

    One is settled by `git add` or `git rm`, or where its conflict was between
    lines, by a file without markers that is not just one of the sides.
    """
    return _unsettled(git, unmerged(git))


def _unsettled(git: Git, conflicts: Mapping[str, set[str]]) -> list[str]:
    return sorted(name for name, sides in conflicts.items() if not _is_settled(git, name, sides))


def unmerged(git: Git, env: Mapping[str, str] | None = None) -> dict[str, set[str]]:
    """The files in conflict, each with the ids of its sides."""
    found: dict[str, set[str]] = {}
    for entry in git.names("ls-files", "-z", "--unmerged", env=env):
        facts, _, name = entry.partition("\t")
        found.setdefault(name, set()).add(facts.split()[1])
    return found


def _is_settled(git: Git, name: str, sides: set[str]) -> bool:
    path = f"{git.folder}/{name}"
    if not os.path.lexists(path):
        return True
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        if any(line.startswith((b"<<<<<<< ", b">>>>>>> ")) for line in file):
            return False
    return git.line("hash-object", "--", name) not in sides


def _author(author: str | None) -> dict[str, str]:
    if author is None:
        return {}
    name, _, mail = author.partition("<")
    return {
        "GIT_AUTHOR_NAME": name.strip() or "sow",
        "GIT_AUTHOR_EMAIL": mail.rstrip("> ") or "sow@localhost",
    }


def _advance(git: Git, commit: str, head: str | None) -> None:
    """Moves HEAD, and the branch that it names, from `head` to `commit`."""
    was = head if head is not None else "0" * len(commit)
    git.run("update-ref", "-m", "sow: commit", "HEAD", commit, was, env=git.identity())


def _conclude(git: Git) -> None:
    """Forgets the merge, cherry-pick or revert that was just committed."""
    for name in ("MERGE_HEAD", "MERGE_MODE", "MERGE_MSG", "AUTO_MERGE", "CHERRY_PICK_HEAD", "REVERT_HEAD"):
        path = f"{git.places.git_dir}/{name}"
        if os.path.exists(path):
            os.unlink(path)


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
