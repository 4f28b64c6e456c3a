"""A new project, asked for question by question: what a bare `sow project new` does on a terminal.

Enter takes what stands in brackets. Nothing is made before the last question,
and whoever leaves by Ctrl-D or Ctrl-C leaves nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import click

from sow import project
from sow.cli import complain, terminal
from sow.cli.text import plain, styled
from sow.cli.words import columns
from sow.errors import Refused, SowError
from sow.layout import project_worktree
from sow.project import Plan

if TYPE_CHECKING:
    from sow.api.repository import Repository
    from sow.project_types import ProjectType

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line has said already; it is not asked again."""

    kind: str | None = None
    branch: str | None = None
    name: str | None = None
    start: str | None = None
    inputs: tuple[str, ...] = ()
    worktree: bool = True


class _Left(Exception):
    """The person thought better of it."""


def ask(repository: Repository, given: Given) -> tuple[Plan, str | None] | None:
    """The project that the person describes, and where its branch starts; None where they leave."""
    try:
        return _Wizard(repository, given).plan()
    except _Left:
        return None


@dataclass(frozen=True, slots=True)
class _Wizard:
    repository: Repository
    given: Given

    def plan(self) -> tuple[Plan, str | None]:
        click.echo(
            "A new project. Enter takes what stands in brackets; Ctrl-D leaves, and nothing is made.\n"
        )
        kind = self._type()
        description = _line("What is to be done? ", _described)
        place = self._place if self.repository.in_git else self._named
        plan, start = place(kind, description)
        plan = plan.replace(inputs=self.given.inputs or self._inputs(kind))
        click.echo(f"\n{self._summary(plan, start)}")
        if not terminal.yes("Make it?"):
            raise _Left
        return plan, start

    def _type(self) -> ProjectType:
        if self.given.kind is not None or self.given.branch is not None:
            return self.repository.type(self.given.kind, self.given.branch)
        kinds = list(self.repository.types().values())
        click.echo("Its type:")
        rows = [[f"  {n}", kind.name, kind.description] for n, kind in enumerate(kinds, 1)]
        click.echo(columns(rows))

        def chosen(typed: str) -> ProjectType:
            if typed.isascii() and typed.isdecimal() and 1 <= int(typed) <= len(kinds):
                return kinds[int(typed) - 1]
            return self.repository.type(typed)

        return _line("Number or name [1]: ", chosen, "1")

    def _named(self, kind: ProjectType, description: str) -> tuple[Plan, str | None]:
        """A project outside of git: its name alone is asked."""
        prefix = next(iter(kind.branch_prefixes), "feat/")

        def chosen(typed: str) -> Plan:
            branch = self.given.branch
            return project.plan(description, branch=branch, name=typed, type=kind.name, prefix=prefix)

        slug = project.slug(description) or "project"
        plan = chosen(self.given.name) if self.given.name else _line(f"Name [{slug}]: ", chosen, slug)
        self.repository.check_new(plan, start=self.given.start)
        return plan, None

    def _place(self, kind: ProjectType, description: str) -> tuple[Plan, str | None]:
        """Branch, name and start: asked together again where they don't fit what there is."""
        prefix = next(iter(kind.branch_prefixes), "feat/")
        branch, name, start = self.given.branch, self.given.name, self.given.start
        slug = project.slug(description) or "project"
        while True:
            branch = self.given.branch or _word("Branch", branch or f"{prefix}{slug}")
            name = self.given.name or _word("Name", name or slug)
            if self.given.start is None and not self.repository.has_branch(branch):
                start = _word("Starts from", start or self.repository.default_branch())
            try:
                plan = project.plan(description, branch=branch, name=name, type=kind.name, prefix=prefix)
                is_usual = self.repository.has_branch(branch) or start == self.repository.default_branch()
                begins = None if is_usual else start
                self.repository.check_new(plan, start=begins, worktree=self.given.worktree)
                return plan, begins
            except SowError as fault:
                if self.given.branch:
                    raise  # it may be that which doesn't fit, and it is not asked
                complain(str(fault), fault.hint)

    def _inputs(self, kind: ProjectType) -> tuple[str, ...]:
        """Files that the first phase takes in, as many as the person names."""
        found: list[str] = []
        while kind.phases:
            prompt = "Input file (Enter: none): " if not found else "Another (Enter: no more): "
            typed = _line(prompt, str)
            if not typed:
                break
            path = os.path.abspath(os.path.expanduser(typed))
            if os.path.isfile(path) and os.access(path, os.R_OK):
                found.append(path)
            else:
                complain(f"{path} is no file that can be read", "give the path of one, or go on with Enter")
        return tuple(found)

    def _summary(self, plan: Plan, start: str | None) -> str:
        folder = self.repository.main
        where = [["  Folder", f"{folder} (no git here, so no branch)"]]
        if self.repository.in_git:
            new = f"new, from {start or self.repository.default_branch()}"
            begins = "is there" if self.repository.has_branch(plan.branch) else new
            folder = project_worktree(folder, plan.branch) if self.given.worktree else folder
            where = [["  Branch", f"{plan.branch} ({begins})"], ["  Worktree", folder]]
        rows = [
            ["  Project", plan.name],
            ["  For", plan.description],
            ["  Type", plan.type],
            *where,
            *(["  Input", path] for path in plan.inputs),
        ]
        return f"{styled('This will be made:', bold=True)}\n{columns(rows)}\n"


def _line(prompt: str, read: Callable[[str], Answer], default: str = "") -> Answer:
    """What `read` makes of a line; asked again, with its reason, where that raises."""
    while True:
        typed = terminal.line(prompt)
        if typed is None:
            raise _Left
        try:
            return read(typed.strip() or default)
        except SowError as fault:
            complain(plain(str(fault)), fault.hint)


def _word(what: str, default: str) -> str:
    return _line(f"{what} [{default}]: ", str, default)


def _described(typed: str) -> str:
    if not typed:
        raise Refused("the description is empty", "say in a few words what is to be done")
    return " ".join(typed.split())
