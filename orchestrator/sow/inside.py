"""A path inside of the repository, as an artifact keeps it: relative to `.sow/project/`.

    phases/review/review.md     a file of the project's own
    ../../docs/login.md         any other file of the repository, in the project's checkout

What a path names may be missing yet; where it leads may not: out of the
repository, by its steps or by a link.
"""

from __future__ import annotations

import os

from sow.errors import Refused
from sow.layout import PROJECT, Layout

LONGEST = 4096
"""The most bytes that a path may have: no file is found by a longer one."""


def kept(given: str, layout: Layout, start: str) -> str:
    """The path that an artifact keeps for `given`, by somebody who stands in the folder `start`.

    A relative one is meant from `.sow/project/`, and from where they stand if that is in there.
    Raises Refused for one that leaves the repository, and for one that names no file.
    """
    _check_text(given)
    folder, project = os.path.realpath(layout.folder), os.path.realpath(layout.project)
    place = _place(given, project, start)
    if not _is_in(place, folder):
        # It may be in there by another name of the folder, such as a link to it.
        place = os.path.join(os.path.realpath(os.path.dirname(place)), os.path.basename(place))
    leads = os.path.realpath(place)
    if not (_is_in(place, folder) and _is_in(leads, folder)):
        raise Refused(
            f"{given} leaves the repository: it does not lie in {folder}",
            f"give a path from {project}, such as phases/review/review.md or ../../docs/login.md",
        )
    if leads in (folder, project) or _is_in(leads, f"{folder}/.git"):
        raise Refused(f"{given} is no file of the project's", f"give the path of one, from {project}")
    return os.path.relpath(place, project)


def is_there(path: str, layout: Layout) -> bool:
    """Whether there is a file or folder at a path that `kept` gave."""
    return os.path.exists(f"{layout.project}/{path}")


def meant(given: str, layout: Layout, start: str) -> str:
    """What somebody in `start` may have meant by a relative path that names nothing; empty for nothing."""
    here = os.path.join(start, given)
    try:
        path = kept(os.path.realpath(here), layout, start) if os.path.exists(here) else ""
    except Refused:
        return ""
    return path if path and is_there(path, layout) else ""


def _check_text(given: str) -> None:
    if not given.strip():
        raise Refused("the path is empty", "name a file, from .sow/project/: --path phases/review/review.md")
    if bad := next((c for c in given if ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) < 0xE000), ""):
        raise Refused(
            f"the path {given!r} has a character in it that no artifact's path may have: {bad!r}",
            "give the file another name",
        )
    if len(given.encode()) > LONGEST:
        raise Refused(
            f"the path has {len(given)} characters, and no file can be that deep: {given[:40]} ...",
            "give a shorter one",
        )


def _place(given: str, project: str, start: str) -> str:
    """The absolute path that is meant."""
    if os.path.isabs(given):
        return os.path.normpath(given)
    below = os.path.normpath(given)
    own = os.path.normpath(f"{project}/{below.removeprefix(f'{PROJECT}/')}")
    here = os.path.normpath(os.path.join(os.path.realpath(start), given))
    if _is_in(here, project) and (os.path.lexists(here) or not os.path.lexists(own)):
        return here
    return own


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
