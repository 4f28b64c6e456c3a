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


def at(git: Git, tree: str, path: str) -> str | None:
    """What is at `path`, as `<mode> <type> <id>`; None where nothing is."""
    found = git.names("ls-tree", "-z", "--full-tree", tree, "--", path)
    return found[0].split("\t", 1)[0] if found else None


def made(git: Git, content: Iterable[str]) -> str:
    """The tree of these entries; its id."""
    # Missing objects are none of our business: a partial clone has them elsewhere.
    return git.line("mktree", "-z", "--missing", input="".join(f"{one}\0" for one in content))


def without(git: Git, tree: str, path: str) -> str | None:
    """The tree without `path` and without folders that it leaves empty; None where it has no such path."""
    top, _, below = path.partition("/")
    there = entries(git, tree)
    rest = [one for one in there if name(one) != top]
    if not below:
        return made(git, rest) if len(rest) < len(there) else None
    folder = _folder(there, top)
    inner = without(git, folder, below) if folder else None
    if inner is None:
        return None
    kept = [f"040000 tree {inner}\t{top}"] if entries(git, inner) else []
    return made(git, [*rest, *kept])


def placed(git: Git, tree: str, path: str, content: str) -> str:
    """The tree with `content`, as `at` gives it, at `path`, whatever was there."""
    top, _, below = path.partition("/")
    there = entries(git, tree)
    rest = [one for one in there if name(one) != top]
    if below:
        inner = _folder(there, top) or made(git, ())
        content = f"040000 tree {placed(git, inner, below, content)}"
    return made(git, [*rest, f"{content}\t{top}"])


def _folder(there: list[str], wanted: str) -> str | None:
    """The id of the folder that is called `wanted`; None where there is none."""
    for one in there:
        _, kind, its_id = one.split("\t", 1)[0].split()
        if name(one) == wanted and kind == "tree":
            return its_id
    return None
