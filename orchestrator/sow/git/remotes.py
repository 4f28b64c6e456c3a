"""Remotes: which one work goes to, and what goes there and comes from there."""

from __future__ import annotations

from sow.errors import Failed, NotFound, Refused
from sow.git.repository import Git, gist


def all_of(git: Git) -> list[str]:
    """The names of the remotes, the one that git itself would take first."""
    names = git.run("remote").splitlines()
    return sorted(names, key=lambda name: (name != "origin", name))


def chosen(git: Git, wanted: str) -> str | None:
    """The remote of that name; without a name `origin`, or the only one there is, or None.

    Raises NotFound for one that is not there.
    """
    names = all_of(git)
    if wanted:
        if wanted in names:
            return wanted
        raise NotFound(
            f"there is no remote {wanted} in {git.folder}", f"the remotes: {', '.join(names) or 'none'}"
        )
    return names[0] if "origin" in names or len(names) == 1 else None


def address(git: Git, remote: str) -> str:
    """Where a remote is pushed to; empty where nobody has said."""
    return git.ask("remote", "get-url", "--push", remote).out.strip()


def push(git: Git, remote: str, commit: str, branch: str) -> None:
    """Makes the remote's branch stand at `commit`. What the remote's has is never lost.

    Raises Refused where it has commits that `commit` has not, Failed where it can't be reached.
    """
    answer = git.talk("push", "--porcelain", remote, f"{commit}:refs/heads/{branch}")
    if answer.code == 0:
        return
    if any(sign in answer.out for sign in ("(fetch first)", "(non-fast-forward)")):
        raise Refused(
            f"{remote} has commits on {branch} that are not here",
            f"bring them in: `git -C {git.folder} pull --no-rebase {remote} {branch}`, then repeat",
        )
    raise Failed(
        f"git push to {remote} failed: {_said(answer.out, answer.err)}",
        f"see for yourself: `git -C {git.folder} push {remote} {branch}`",
    )


def follow(git: Git, remote: str, branch: str) -> None:
    """Tells the person's own `git push` and `git pull` on a branch where to, if it can be told."""
    git.ask("branch", "--quiet", f"--set-upstream-to={remote}/{branch}", branch)


def fetch(git: Git, remote: str, branch: str) -> str | None:
    """Brings the branch of a remote here, as `<remote>/<branch>`; its commit, or None where it has none.

    Raises Failed where the remote can't be reached.
    """
    name = f"refs/remotes/{remote}/{branch}"
    answer = git.talk("fetch", "--no-tags", "--quiet", remote, f"+refs/heads/{branch}:{name}")
    if answer.code == 0:
        return git.maybe_commit_of(name)
    if "couldn't find remote ref" in answer.err:
        return None
    raise Failed(
        f"git fetch from {remote} failed: {_said('', answer.err)}",
        f"see for yourself: `git -C {git.folder} fetch {remote} {branch}`",
    )


def fetch_like(git: Git, remote: str, pattern: str) -> None:
    """Brings the branches of a remote here that are like `pattern`, with one `*`. Raises Failed."""
    refs = f"+refs/heads/{pattern}:refs/remotes/{remote}/{pattern}"
    answer = git.talk("fetch", "--no-tags", "--quiet", remote, refs)
    if answer.code:
        raise Failed(
            f"git fetch from {remote} failed: {_said('', answer.err)}",
            f"see for yourself: `git -C {git.folder} fetch {remote}`",
        )


def _said(out: str, err: str) -> str:
    """What git, or a hook of the person's or the remote's, gives as its reason."""
    rejected = [line.split("\t")[-1] for line in out.splitlines() if line.startswith("!")]
    lines = [line.strip() for line in err.splitlines() if line.startswith("remote:")]
    return "; ".join([*rejected[:1], *lines[:3]]) or gist(err) or "it gave no reason"
