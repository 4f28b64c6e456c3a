"""What a person reads before a merge: the difference and the commits, sow's own state left out."""

from __future__ import annotations

from dataclasses import dataclass

from sow.git import commits, index
from sow.git.repository import Git, is_id

STATE = ".sow/project"

_LEFT_OUT = ("--", ":(top)", f":(top,exclude){STATE}")


@dataclass(frozen=True, slots=True)
class Logged:
    """One commit, as a list of them shows it."""

    commit: str
    author: str
    at: str
    """When it was written: RFC 3339, with the author's offset."""
    subject: str


def diff(git: Git, base: str, head: str | None = None, *, color: bool = False, stat: bool = False) -> str:
    """What `head` changes since it left `base`; without `head`, what the working tree does.

    Untracked files of the working tree count as added. `stat` gives the table
    of files instead of the lines. Bytes that are no UTF-8 come as surrogates.
    """
    how = ["--no-ext-diff", "--no-textconv", "--find-renames", f"--color={'always' if color else 'never'}"]
    how += ["--stat=100"] if stat else ["--patch"]
    since = _left(git, base, head or "HEAD")
    if head is not None:
        return git.run("--no-literal-pathspecs", "diff", *how, since, git.commit_of(head), *_LEFT_OUT)
    with index.beside(git) as mine:
        commits.stage_everything(git.at_top(), mine)
        return git.run("--no-literal-pathspecs", "diff", "--cached", *how, since, *_LEFT_OUT, env=mine)


def log(git: Git, base: str, head: str = "HEAD") -> list[Logged]:
    """The commits of `head` that are not in `base`, newest first, without those of sow's state."""
    found = git.run(
        "--no-literal-pathspecs", "log", "-z", "--full-history", "--format=%H%n%aN%n%aI%n%s",
        _commit(git, head), f"^{_commit(git, base)}", *_LEFT_OUT,
    )  # fmt: skip
    return [Logged(*record.split("\n", 3)) for record in found.split("\0") if record]


def _left(git: Git, base: str, head: str) -> str:
    """The commit at which `head` left `base`."""
    start = git.commit_of(base)
    return git.ask("merge-base", start, git.commit_of(head)).out.strip() or start


def _commit(git: Git, name: str) -> str:
    return name if is_id(name) else git.commit_of(name)
