"""Trees, taken apart and put together beside every index: what a commit would be without one of its paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sow.errors import NotFound
from sow.git.repository import Git


def entries(git: Git, tree: str) -> list[str]:
    """The entries of the top folder of a tree or commit, as `git ls-tree` writes them."""
    return git.names("ls-tree", "-z", "--full-tree", tree)


def tops(git: Git, commits: Iterable[str]) -> list[list[str]]:
    """The entries of the top folders of several commits, given by their ids, as `entries` gives them."""
    asked = "".join(f"{commit}^{{tree}}\n" for commit in commits)
    data = git.run("cat-file", "--batch", input=asked).encode("utf-8", "surrogateescape")
    found = []
    while data:
        head, _, data = data.partition(b"\n")
        facts = head.split()
        if facts[1] != b"tree":
            raise NotFound(f"{head.decode()} in {git.folder}", "see what is wrong with it: `git fsck`")
        size = int(facts[2])
        found.append(list(_unpacked(data[:size], len(facts[0]) // 2)))
        data = data[size + 1 :]
    return found


def _unpacked(tree: bytes, id_size: int) -> Iterator[str]:
    """The entries of a tree as git keeps it: mode, name and the bytes of an id, one behind the other."""
    while tree:
        head, _, rest = tree.partition(b"\0")
        mode, _, its_name = head.decode("utf-8", "surrogateescape").partition(" ")
        kind = {"40000": "tree", "160000": "commit"}.get(mode, "blob")
        yield f"{mode:0>6} {kind} {rest[:id_size].hex()}\t{its_name}"
        tree = rest[id_size:]


def name(entry: str) -> str:
    """The name of an entry."""
    return entry.split("\t", 1)[1]


def at(git: Git, tree: str, path: str) -> str | None:
    """What is at `path`, as `<mode> <type> <id>`; None where nothing is."""
    found = git.names("ls-tree", "-z", "--full-tree", tree, "--", path)
    return found[0].split("\t", 1)[0] if found else None


def made_each(git: Git, contents: Iterable[Iterable[str]]) -> list[str]:
    """The trees of several lists of entries; their ids."""
    told = "".join("".join(f"{one}\0" for one in content) + "\0" for content in contents)
    return git.run("mktree", "-z", "--missing", "--batch", input=told).split()


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


def without_each(git: Git, commits: Sequence[str], path: str) -> list[tuple[str, str | None]]:
    """The trees of several commits without `path`, and what is there in each, as `at` gives it."""
    if "/" in path:
        return [(without(git, one, path) or f"{one}^{{tree}}", at(git, one, path)) for one in commits]
    there = tops(git, commits)
    bare = made_each(git, [[one for one in some if name(one) != path] for some in there])
    held = [next((one.split("\t", 1)[0] for one in some if name(one) == path), None) for some in there]
    return list(zip(bare, held, strict=True))


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
