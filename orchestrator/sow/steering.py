"""The files that steer sow, changed while agents were at work: told, with the way to see what was changed.

    .sow/config.yaml     the repository's settings: checks, setup, caps ...
    .sow/agents/*.md     roles, by the prompts that agents get
    .sow/types/*.yaml    types of projects

All of them are read in the main checkout alone; what an agent commits of them
on its own branch is reviewed like all else. It may have been a person who
changed one there, so nothing is put back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sow import files
from sow.config.repository import repository_path
from sow.errors import SowError
from sow.git.repository import Git

FOLDERS = (".sow/agents", ".sow/types")
LARGEST = 1 << 20
"""Bytes: what is larger is no such file, and is known by that alone."""


@dataclass(slots=True)
class Steering:
    """What the files that steer sow held at the last look. `main`: the main checkout."""

    main: str
    _seen: Mapping[str, bytes] = field(default_factory=dict)

    def know(self) -> None:
        """Takes the files as they are: no agent is at work, so whoever changed them meant it."""
        self._seen = seen(self.main)

    def look(self, at_work: Collection[str]) -> list[str]:
        """What was changed since the last look, in words. `at_work`: the ids of the tasks whose agents may
        have done it, first that whose turn has ended."""
        before, self._seen = self._seen, seen(self.main)
        return [_words(self.main, name, how, at_work) for name, how in changed(before, self._seen)]


def seen(main: str) -> dict[str, bytes]:
    """What is held by each file that steers sow, by its path below `main`."""
    paths = [repository_path(main)]
    paths += [
        f"{main}/{folder}/{name}" for folder in FOLDERS for name in files.names_if_any(f"{main}/{folder}")
    ]
    found = {path.removeprefix(f"{main}/"): _content(path) for path in paths}
    return {name: held for name, held in found.items() if held is not None}


def changed(before: Mapping[str, bytes], now: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """The files that are others now, by name, each with what was done to it."""
    names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    return [
        (name, "made" if name not in before else "removed" if name not in now else "changed")
        for name in names
    ]


def _content(path: str) -> bytes | None:
    """What a file holds, or why it can't be read; None where there is none."""
    try:
        return files.contents(path, LARGEST)
    except FileNotFoundError:
        return None
    except SowError as fault:
        return str(fault).encode("utf-8", "replace")


def _words(main: str, name: str, how: str, at_work: Collection[str]) -> str:
    first, *others = at_work
    beside = f" ({', '.join(others)} at work as well)" if others else ""
    return (
        f"{name}, which steers sow, was {how} in {main} during the turn of task {first}{beside}, "
        f"and is left so, for it may have been you; {_see(main, name, how)}"
    )


def _see(main: str, name: str, how: str) -> str:
    """How to see what was changed, by what git knows of the file."""
    git = Git(main)
    try:
        if not git.ask("cat-file", "-e", f"HEAD:{name}").code:
            if git.ask("diff", "--quiet", "HEAD", "--", name).code:
                return f"see what changed: `git -C {main} diff HEAD -- {name}`"
            return f"it is as the last commit there has it: `git -C {main} log -1 -p -- {name}`"
    except SowError:
        pass  # outside of git, or it has nothing to say: the file itself has
    return "no commit has it as it was" if how == "removed" else f"no commit has it: look into {main}/{name}"
