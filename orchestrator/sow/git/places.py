"""Which repository a folder belongs to, found as git finds it but without a process.

Facts: gitrepository-layout(5), gitsubmodules(7), git-worktree(1).
"""

import os

from sow.errors import NotFound
from sow.layout import WORKTREES
from sow.value import Value


class Places(Value):
    """Where the parts of one checkout lie; all paths absolute and without links."""

    top: str
    """The top folder of this checkout; in a bare repository the same as `main`."""
    main: str
    """The main checkout, where `.sow/` lives; for a bare repository the folder whose `.git` leads to it, or
    else it itself."""
    git_dir: str
    """What belongs to this checkout alone: its HEAD and index."""
    common: str
    """What all worktrees share: branches, objects, `info/exclude`."""
    bare: bool = False
    """True where no files are checked out at `top`."""


def find(start: str) -> Places | None:
    """The checkout that `start`, a folder, stands in; None outside git.

    The environment (`GIT_DIR` and such) has no say. A submodule is a
    repository of its own, and its main checkout is itself. Raises NotFound
    where a `.git` file leads nowhere, and where nothing tells the main checkout:
    of a repository made with `--separate-git-dir` git doesn't keep it, and only
    worktrees below its `.sow/` lead there.
    """
    folder = os.path.realpath(start)
    while True:
        dot_git = f"{folder}/.git" if folder != "/" else "/.git"
        if _is_git_dir(dot_git):
            return _checkout(folder, os.path.realpath(dot_git))
        if os.path.isfile(dot_git):
            return _checkout(folder, _pointed_at(dot_git))
        if _is_git_dir(folder):
            return _inside(folder)
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def _is_git_dir(path: str) -> bool:
    if not os.path.lexists(f"{path}/HEAD"):
        return False
    if os.path.isfile(f"{path}/commondir"):
        return True
    return os.path.isdir(f"{path}/objects") and os.path.isdir(f"{path}/refs")


def _pointed_at(dot_git: str) -> str:
    """The git folder that a `.git` file names."""
    text = _read(dot_git)
    target = text[len("gitdir:") :].strip() if text.startswith("gitdir:") else ""
    git_dir = os.path.realpath(os.path.join(os.path.dirname(dot_git), target))
    if not target or not _is_git_dir(git_dir):
        raise NotFound(
            f"{dot_git} leads to no repository: it says {text.strip()[:200]!r}",
            "if the repository was moved, run `git worktree repair` in it; else make this worktree again",
        )
    return git_dir


def _checkout(folder: str, git_dir: str) -> Places:
    """The places where `folder` holds the `.git` that leads to `git_dir`."""
    common = _common(git_dir)
    core = _core(common)
    if git_dir != common:
        return Places(top=folder, main=_main(common, core, folder), git_dir=git_dir, common=common)
    if core.get("bare") == "true":
        main = _main(common, core)
        return Places(top=main, main=main, git_dir=git_dir, common=common, bare=True)
    return Places(top=folder, main=folder, git_dir=git_dir, common=common)


def _inside(git_dir: str) -> Places:
    """The places where somebody stands in a git folder itself, bare or not."""
    common = _common(git_dir)
    core = _core(common)
    if git_dir != common:
        top = os.path.dirname(_noted(git_dir))
        return Places(top=top, main=_main(common, core, top), git_dir=git_dir, common=common)
    main = _main(common, core)
    return Places(top=main, main=main, git_dir=git_dir, common=common, bare=core.get("bare") == "true")


def _common(git_dir: str) -> str:
    linked = _read(f"{git_dir}/commondir").strip()
    return os.path.realpath(os.path.join(git_dir, linked)) if linked else git_dir


def _main(common: str, core: dict[str, str], top: str = "") -> str:
    """The main checkout of a repository, seen from one that is not it, at `top`. Raises NotFound."""
    # A submodule's git folder lies in its superproject's, so git notes there where the files are.
    worktree, is_bare = core.get("worktree"), core.get("bare") == "true"
    if worktree and not is_bare:
        return os.path.realpath(os.path.join(common, worktree))
    above = os.path.dirname(common)
    if _leads(above, common):
        return above
    if is_bare:
        return common
    for path in (f"{top}/.git", *_linked(common)):
        main, below, _ = path.rpartition(f"/{WORKTREES}/")
        if below and _leads(main, common):
            return main
    raise NotFound(
        f"can't tell where the main checkout of {common} is: git does not keep it",
        f"note it there, in git's own words: `git -C {common} config core.worktree /PATH/OF/IT`",
    )


def _leads(folder: str, common: str) -> bool:
    """Whether the `.git` of `folder` is the git folder `common`, or a file that names it."""
    dot_git = f"{folder}/.git"
    if os.path.realpath(dot_git) == common:
        return True
    said = _read(dot_git)
    return said.startswith("gitdir:") and os.path.realpath(os.path.join(folder, said[7:].strip())) == common


def _linked(common: str) -> list[str]:
    """The `.git` of each linked worktree, as git has noted them."""
    try:
        names = sorted(os.listdir(f"{common}/worktrees"))
    except OSError:
        return []
    return [_noted(f"{common}/worktrees/{name}") for name in names]


def _noted(git_dir: str) -> str:
    """The `.git` of the worktree whose own git folder this is."""
    # Since git 2.48 the path may be relative to the folder that holds it.
    return os.path.realpath(os.path.join(git_dir, _read(f"{git_dir}/gitdir").strip()))


def _core(common: str) -> dict[str, str]:
    """The keys of `[core]`, lower case; `config.worktree` is the main checkout's own and wins."""
    keys: dict[str, str] = {}
    for name in ("config", "config.worktree"):
        inside = False
        for line in _read(f"{common}/{name}").splitlines():
            line = line.strip()
            if line.startswith("["):
                inside = line.lower().startswith("[core]")
            elif inside and line[:1] not in ("", "#", ";"):
                key, _, value = line.partition("=")
                keys[key.strip().lower()] = _unquoted(value.strip())
    return keys


def _unquoted(value: str) -> str:
    """A value of git's configuration without its quotes and escapes, booleans in lower case."""
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return value.lower() if value.lower() in ("true", "false") else value


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read(1 << 20)
    except OSError:
        return ""
