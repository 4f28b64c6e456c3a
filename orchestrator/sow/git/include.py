"""What comes along into a new worktree: the files that git ignores and that `.worktreeinclude` names.

    main checkout             worktree
    .worktreeinclude          <git folder>/sow-included   which list was gone through
    .env        ------------> .env
    .sow/...                  .sow/runtime/.coming/       a file on its way; gone in the end

A file comes as a whole, by a link to its finished copy, and never over one
that is there: so going through the list again completes what a kill cut short.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress

from sow import files
from sow.errors import Failed, Refused
from sow.git import places
from sow.git.repository import Git
from sow.layout import RUNTIME

LIST = ".worktreeinclude"
"""The file with the patterns, at the top of the main checkout."""

LIST_BYTES = 1 << 20
"""The most bytes that it may have."""

_DONE = "sow-included"
_COMING = f"{RUNTIME}/.coming"


def bring(main: str, folder: str) -> int:
    """Copies into the worktree `folder` what of the main checkout comes along; gives how many files did.

    Once for each worktree and each text of the list. Raises Refused where a file would be written outside of
    the worktree, and for a list that can't be read; Failed where the disk refuses.
    """
    there = places.find(folder)
    if there is None or there.git_dir == there.common:
        return 0  # the main checkout itself, or no worktree at all
    try:
        listed = files.contents(f"{main}/{LIST}", LIST_BYTES)
    except FileNotFoundError:
        return 0
    import hashlib

    mark, done = f"{there.git_dir}/{_DONE}", f"{hashlib.sha256(listed).hexdigest()}\n"
    if files.text(mark) == done:
        return 0
    count = _bring_all(main, there.top)
    files.write(mark, done)
    return count


def named(main: str) -> list[str]:
    """The files of the main checkout that git ignores and the list names, from its top, sorted.

    Repositories of their own in it are left out, and what is sow's.
    """
    git = Git(main)
    if git.places.bare:
        return []
    # The list first: it names few of what may be very many.
    patterns = f"--exclude-from={main}/{LIST}"
    wanted = git.names("ls-files", "-z", "--others", "--ignored", patterns)
    mine = [name for name in wanted if not name.endswith("/") and not name.startswith(".sow/")]
    return sorted(_ignored(git, mine))


def _bring_all(main: str, folder: str) -> int:
    main, count = os.path.realpath(main), 0
    made: list[str] = []
    coming = f"{folder}/{_COMING}"
    try:
        names = [name for name in named(main) if _is_wanted(main, folder, name)]
        _check_ignored(folder, names)
        for name in names:
            count += _bring_one(main, folder, name, made)
        # The last ones first: what is made in a folder changes its time, and its mode may forbid it.
        for name in reversed(made):
            shutil.copystat(f"{main}/{name}", f"{folder}/{name}")
        shutil.rmtree(coming, ignore_errors=True)
        for path in (os.path.dirname(coming), f"{folder}/.sow"):
            with suppress(OSError):  # it has more in it than what we put there, or was never made
                os.rmdir(path)
    except OSError as fault:
        raise Failed(
            f"can't copy what {LIST} names into {folder}: {fault}",
            f"mend that, or take it out of {main}/{LIST}, and repeat",
        ) from fault
    return count


def _is_wanted(main: str, folder: str, name: str) -> bool:
    """Whether there is a file to copy, and nothing in its place. Raises Refused where the way to one of them
    leads out of its checkout."""
    source, target = f"{main}/{name}", f"{folder}/{name}"
    if not _is_file(source) or os.path.lexists(target):
        return False
    return _is_straight(main, name) and _is_straight(folder, name)


def _is_file(path: str) -> bool:
    """Whether there is a file or a link that can be copied: in a pipe or a socket is nothing to copy."""
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _is_straight(top: str, name: str) -> bool:
    """Whether no link is on the way to `name`. Raises Refused for one that leads out of the checkout."""
    above = os.path.dirname(f"{top}/{name}")
    leads = os.path.realpath(above)
    if not f"{leads}/".startswith(f"{top}/"):
        raise Refused(
            f"{name}, which {LIST} names, leads out of {top}: its folder is {leads}",
            f"take the link away, or the file out of {LIST}",
        )
    return leads == above


def _check_ignored(folder: str, names: list[str]) -> None:
    """Raises Refused for a file that git would take for the agent's work in the worktree, and commit."""
    git = Git(folder)
    seen = set(_ignored(git, names))
    exclude = f"{git.places.common}/info/exclude"
    for name in names:
        if name not in seen:
            raise Refused(
                f"{name}, which {LIST} names, would be committed in {folder}: git does not ignore it there",
                f"commit the .gitignore that names it to that branch, or name it in {exclude}",
            )


def _ignored(git: Git, names: list[str]) -> list[str]:
    """Those of the untracked files `names` that git ignores in its checkout."""
    if not names:
        return []
    # Behind `./` a name that begins with `:` is no magic.
    given = "".join(f"./{name}\0" for name in names)
    seen = git.run("check-ignore", "-z", "--stdin", input=given, ok=(0, 1)).split("\0")
    return [name.removeprefix("./") for name in seen if name]


def _bring_one(main: str, folder: str, name: str, made: list[str]) -> bool:
    """Copies one file, and the folders that it lies in; False where something is in its place already."""
    if not _make_folders(folder, os.path.dirname(name), made):
        return False
    coming = f"{folder}/{_COMING}/{os.path.basename(name)}"
    if not _is_straight(folder, f"{_COMING}/x"):
        raise OSError(f"{folder}/{_COMING} is a link")
    files.make_folder(os.path.dirname(coming))
    with suppress(FileNotFoundError):  # what a kill left
        os.unlink(coming)
    try:
        shutil.copy2(f"{main}/{name}", coming, follow_symlinks=False)
    except FileNotFoundError:
        return False  # somebody took it away just now
    return _put(coming, f"{folder}/{name}")


def _put(coming: str, target: str) -> bool:
    """Gives a finished copy its name, unless something else has it."""
    try:
        os.link(coming, target, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError:
        # A file system without such links. Nobody works here yet who could come in between.
        if os.path.lexists(target):
            return False
        os.rename(coming, target)
    return True


def _make_folders(folder: str, name: str, made: list[str]) -> bool:
    """Makes the folders of the path `name` that are missing, for this user only as long as they are filled;
    False where something else is in the way."""
    path = ""
    for part in name.split("/") if name else ():
        path = f"{path}/{part}" if path else part
        try:
            os.mkdir(f"{folder}/{path}", 0o700)
        except FileExistsError:
            if not os.path.isdir(f"{folder}/{path}"):
                return False
        else:
            made.append(path)
    return True
