"""A person with a project that has come to its end, a remote, and a stand-in for GitHub."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.cli.parts import ROOT, Person, Said, copied, person

from sow.change import Change
from sow.layout import PROJECT
from sow.task import Task

BRANCH = "feat/add-login"
AT = "2026-11-21T09:00:00.000Z"


class Home:
    """A repository with one commit and the project `add-login`, whose tasks were done by hand."""

    def __init__(self, folder: Path, *new: str, made: bool = False) -> None:
        self.origin = folder / "origin.git"
        self.gh_file = folder / "gh.json"
        self.who = Person(folder / "repo", folder / "home") if made else person(folder)
        if not made:
            self.who.git("config", "user.name", "Ada")
            self.who.git("config", "user.email", "ada@example.org")
            self.who.commit(a__txt="a\n")
            self.who.done("project", "new", "Add login", *new)

    def copied(self, folder: Path) -> Home:
        """The same in another folder, which is there and empty."""
        copied(self.main.parent, folder)
        return Home(folder, made=True)

    @property
    def main(self) -> Path:
        return self.who.folder

    @property
    def folder(self) -> Path:
        """The project's worktree."""
        return self.main / ".sow/worktrees" / BRANCH

    @property
    def runtime(self) -> Path:
        return self.main / ".sow/runtime/add-login"

    def settings(self, text: str) -> None:
        """The repository's settings, ignored by the person's own git status."""
        self.who.write(".sow/config.yaml", text)

    # -- tasks --------------------------------------------------------------------------------

    def work(self, **files: str) -> None:
        """Commits files on the project's branch, as merged tasks do (`__` for a dot)."""
        self.who.at(self.folder).commit(**files)

    def done(self, name: str, message: str = "", **files: str) -> str:
        """Adds a task that is completed, with its files on the project's branch; gives its id."""
        task_id = self.add(name)
        if files:
            self.work(**files)
        result: Any = {"status": "success", "message": message} if message else None
        self.change(task_id, lambda task: task.replace(result=result).complete(at=AT))
        return task_id

    def add(self, name: str) -> str:
        told = self.who.done("task", "add", name, "--agent", "implementer", "--project", "add-login")
        return told.partition("[")[2][:3]

    def change(self, task_id: str, move: Any) -> None:
        def change(task: Task) -> Change:
            return Change(task=move(task))

        with self.who.inside():
            from sow.cli import opening

            opening.caller().meant("add-login").change_task(task_id, change)

    def own_branch(self, task_id: str, **files: str) -> Path:
        """A worktree of a task with a commit of its own; gives its folder."""
        folder = self.main / f".sow/worktrees/{BRANCH}--{task_id}"
        self.who.git("worktree", "add", "--quiet", "-b", f"{BRANCH}--{task_id}", str(folder), BRANCH)
        if files:
            self.who.at(folder).commit(**files)
        self.change(task_id, lambda task: task.replace(worktree=str(folder), branch=f"{BRANCH}--{task_id}"))
        return folder

    # -- the forge ----------------------------------------------------------------------------

    def with_forge(self, **state: Any) -> Home:
        """A bare remote `origin` with `main`, and a `gh` that is logged in."""
        self.who.git("init", "--quiet", "--bare", str(self.origin))
        self.who.git("remote", "add", "origin", str(self.origin))
        self.who.git("push", "--quiet", "origin", "main")
        self.gh_file.write_text(json.dumps({"login": True, "pulls": [], "calls": [], **state}))
        self.program("gh", f'exec {sys.executable} -S -E {ROOT}/tests/agents/gh.py "$@"')
        self.who.more["GH_STAND_IN"] = str(self.gh_file)
        self.settings("finish: {forge: gh}\n")
        return self

    def program(self, name: str, text: str) -> Path:
        """A shell program that is first on the person's PATH."""
        path = self.who.home / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        self.who.more["PATH"] = (
            f"{path.parent}{os.pathsep}{Person(self.main, self.who.home).environment['PATH']}"
        )
        return path

    @property
    def gh(self) -> dict[str, Any]:
        held: dict[str, Any] = json.loads(self.gh_file.read_text())
        return held

    def asked_of_gh(self, *words: str) -> list[list[str]]:
        return [call for call in self.gh["calls"] if call[: len(words)] == list(words)]

    # -- the end ------------------------------------------------------------------------------

    def finish(self, *words: str, **more: str) -> Said:
        return self.who.at(".", **more).sow("project", "finish", *words, "--yes")

    def told(self) -> list[dict[str, Any]]:
        """The events of the project's end."""
        lines = [line for path in self.runtime.glob("events/*") for line in path.read_text().splitlines()]
        found = [json.loads(line) for line in lines]
        return [event for event in found if event["type"] in ("project.finished", "project.deleted")]

    def merges(self) -> list[str]:
        """The trailers of the merges of projects into `main`."""
        log = self.who.git("log", "--merges", "--format=%(trailers:key=Sow-Project,valueonly)", "main")
        return [line for line in log.splitlines() if line]

    def branches(self) -> list[str]:
        return self.who.git("for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()

    def worktrees(self) -> list[str]:
        lines = self.who.git("worktree", "list", "--porcelain").splitlines()
        return [line.removeprefix("worktree ") for line in lines if line.startswith("worktree ")]

    def is_gone(self) -> bool:
        """Whether nothing is left of the project but what is kept: its final state and its past."""
        assert json.loads(self.who.done("project", "list", "--json")) == []
        assert not (self.folder / PROJECT).exists()
        assert not (self.main / ".sow/runtime/.removal").exists()
        assert not (self.runtime / "finish.json").exists()
        assert (self.runtime / "final/project/state.yaml").exists()
        assert (self.runtime / "final/project.yaml").exists()
        assert len(self.told()) <= 1
        assert not list((self.main / ".git").rglob("index.lock"))
        return True
