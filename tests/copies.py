"""Repositories that are made once a process, and copied for each test: that takes a tenth of the time."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from pathlib import Path


def new_template() -> Path:
    """An empty folder that is there as long as this process."""
    folder = Path(tempfile.mkdtemp(prefix="sow-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def git_in(folder: Path, *words: str) -> None:
    """A git of somebody who has configured nothing but who they are."""
    nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    named = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    subprocess.run(
        ["git", *named, *words],
        cwd=folder,
        env={**os.environ, **nothing},
        stdin=subprocess.DEVNULL,
        check=True,
    )


def copy_repository(template: Path, repository: Path) -> None:
    """Copies a repository whose worktrees lie below it; `repository` is not there yet, or empty."""
    shutil.copytree(template, repository, symlinks=True, dirs_exist_ok=True)
    # Both ends of the link between repository and worktree name the other by its whole path.
    for linked in (repository / ".git/worktrees").iterdir():
        there = os.fsdecode((linked / "gitdir").read_bytes().strip())
        there = there.replace(str(template), str(repository))
        (linked / "gitdir").write_bytes(os.fsencode(f"{there}\n"))
        Path(there).write_bytes(os.fsencode(f"gitdir: {linked}\n"))
