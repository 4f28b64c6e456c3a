"""Real repositories for the tests, made with the user's git, not with sow's."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.forked import code_of

import sow
from sow.git.repository import Git

ADA = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
}

SHIM = """#!/bin/bash
git={git}
case " $* " in
*" {when} "*) {deed}; kill -9 $PPID; kill -9 $$;;
esac
exec $git "$@"
"""


class Repo:
    """A checkout and the person who works in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *args: str, check: bool = True, env: Mapping[str, str] | None = None) -> str:
        """What the person's own git prints."""
        done = subprocess.run(
            ["git", *args],
            cwd=self.folder,
            env={**os.environ, **ADA, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"git {args}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    @property
    def sow(self) -> Git:
        """sow's view of the same checkout."""
        return Git(str(self.folder))

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
        return path

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def commit(self, message: str = "work", **files: str) -> str:
        """Commits everything, with `files` written first (`__` for a dot)."""
        for name, text in files.items():
            self.write(name.replace("__", "."), text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--no-verify", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def status(self) -> list[str]:
        return self.git("status", "--porcelain").splitlines()


def new_repo(folder: Path, *args: str) -> Repo:
    """An empty repository on branch `main`."""
    folder.mkdir(parents=True, exist_ok=True)
    repo = Repo(folder)
    repo.git("init", "--quiet", "--initial-branch=main", *args)
    return repo


def python(code: str, *args: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """A process that runs `code`; it says a line when it is so far, and waits for one."""
    variables = {**os.environ, "PYTHONPATH": str(Path(sow.__file__).parents[1]), **(env or {})}
    process = subprocess.Popen(
        [sys.executable, "-c", code, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=variables,
        preexec_fn=code_of(code, args, variables),
    )
    assert process.stdout
    process.stdout.readline()
    return process


def dying_git(folder: Path, when: str, deed: str) -> str:
    """A folder for the PATH, with a git that at the command `when` does `deed` instead, and dies.

    The sow that called it dies with it. In `deed`, `$git` is the real git and
    `$2` the checkout.
    """
    where = next(place for place in os.environ["PATH"].split(":") if os.access(f"{place}/git", os.X_OK))
    shim = folder / "bin/git"
    shim.parent.mkdir()
    shim.write_text(SHIM.format(when=when, deed=deed, git=f"{where}/git"))
    shim.chmod(0o755)
    return str(shim.parent)
