"""Trees, taken apart and put together beside every index: what a commit would be without one of its paths."""

from __future__ import annotations

from collections.abc import Iterable

from sow.git.repository import Git


def entries(git: Git, tree: str) -> list[str]:
    """The entries of the top folder of a tree or commit, as `git ls-tree` writes them."""
    return git.names("ls-tree", "-z", "--full-tree", tree)


def name(entry: str) -> str:
    """The name of an entry."""
    return entry.split("\t", 1)[1]


def entry(git: Git, tree: str, wanted: str) -> str | None:
    """The entry of the top folder that is called `wanted`; None where there is none."""
    return next((one for one in entries(git, tree) if name(one) == wanted), None)


def made(git: Git, content: Iterable[str]) -> str:
    """The tree of these entries; its id."""
    # Missing objects are none of our business: a partial clone has them elsewhere.
    return git.line("mktree", "-z", "--missing", input="".join(f"{one}\0" for one in content))


def without(git: Git, tree: str, path: str) -> str | None:
    """The tree without `path` and without folders that it leaves empty; None where it has no such path."""
    top, _, below = path.partition("/")
    there = entries(git, tree)
    rest = [one for one in there if name(one) != top]
    if len(rest) == len(there):
        return None
    if not below:
        return made(git, rest)
    inner = without(git, f"{tree}:{top}", below)
    if inner is None:
        return None
    kept = [f"040000 tree {inner}\t{top}"] if entries(git, inner) else []
    return made(git, [*rest, *kept])
