"""`sow demo`: a small project from failing tests to merged work, played before your eyes.

Each step is shown as the command that you would have typed, and is what that
command does: the same scheduler, the same reviews, real processes, real git.
Only the agents are played, from files.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sow import demo as scratch
from sow import roles
from sow.api.caller import Caller
from sow.api.repository import Repository
from sow.cli import run as running
from sow.cli import terminal
from sow.cli.review import Session
from sow.cli.task import tell_approved
from sow.cli.text import styled, wrapped
from sow.cli.watching import face
from sow.config import UserConfig
from sow.errors import INTERRUPTED, Failed, SowError, Waits
from sow.git.repository import Git
from sow.task import COMPLETED

if TYPE_CHECKING:
    from sow.api.project import Project
    from sow.api.running import Ran
    from sow.waiting import Item


@click.command()
@click.option("--auto", is_flag=True, help="Ask nobody: the example's own answers and reviews are given.")
@click.option("--dir", "place", metavar="DIR", help="Where; new or empty. [default: a folder below /tmp]")
def demo(auto: bool, place: str | None) -> int:
    """Watch four tasks get done in a scratch repository.

    A small Python package with failing tests; four tasks, played by agents that follow a script, so
    that no agent CLI and no model is needed. On the way one asks you something and one needs to be
    sent back. Everything else is real, and stays for you to look at.

    \b
    Example:  sow demo
              sow demo --auto --dir /tmp/tally
    """
    example = scratch.read(scratch.folder())
    folder = Path(os.path.abspath(place) if place else tempfile.mkdtemp(prefix="sow-demo-"))
    scratch.check_free(folder)
    show = Show(example, folder, alone=auto or not terminal.is_there())
    try:
        return show.play()
    except KeyboardInterrupt:
        click.echo("\nInterrupted.")
        show.tell_how_to_go_on()
        return INTERRUPTED
    except SowError:
        show.tell_how_to_go_on()
        raise


class Show:
    """One playing of the example in a folder."""

    def __init__(self, example: scratch.Example, folder: Path, *, alone: bool) -> None:
        self.example, self.folder, self.alone = example, folder, alone
        self.answers = dict(example.answers)
        self.reviews = {task: iter(given) for task, given in example.reviews.items()}
        self.roles = tuple(dict.fromkeys(part.wish.agent for part in example.parts))
        self.caller = Caller(
            folder=str(folder),
            environment=scratch.environment(os.environ, self.roles),
            by="the example" if alone else "",
            # None of the user's own: the agents are played.
            settings=UserConfig("the demo's settings"),
        )
        self.project: Project | None = None

    def play(self) -> int:
        """Makes the repository and the project, lets agents and person take turns, proves the result."""
        project = self._begin()
        self._show_tests(project, should_pass=False)
        self._add_tasks(project)
        for command in self._exports():
            self._typed(command)
        click.echo("The agents of this project are played from files.")
        while True:
            ran = self._run(project)
            if ran.interrupted:
                self.tell_how_to_go_on()
                return INTERRUPTED
            if ran.done:
                break
            if not ran.waits:
                raise Failed("the run ended, and nothing waits for a person", "see `sow status` there")
            if not self._review(project):
                self.tell_how_to_go_on()
                return Waits.exit_code
        return self._prove(project)

    def tell_how_to_go_on(self) -> None:
        """Says what stands, and by which commands it goes on."""
        if self.project is None:
            click.echo(f"The project was not begun yet; {self.folder} can be removed. Begin again: sow demo")
            return
        click.echo(f"The scratch repository stays in {self.folder}. Go on there by hand:")
        where = f"cd {shlex.quote(str(self.folder))}"
        for line in (*_on_the_path(), where, *self._exports(), "sow run", "sow review"):
            click.echo(f"  {line}")

    # -- the steps ----------------------------------------------------------------------------

    def _begin(self) -> Project:
        plan = self.example.plan
        click.echo(f"A small package with failing tests, and scripts for its agents, copied to {self.folder}")
        self._typed(f"cd {shlex.quote(str(self.folder))}")
        message = shlex.quote(scratch.first_commit(self.example))
        self._typed(f"git init -b main && git add -A && git commit -m {message}")
        scratch.lay_out(self.example, self.folder)
        repository = Repository(self.caller)
        self._typed("sow init")
        for line in repository.init().made:
            click.echo(line)
        self._typed(
            f"sow project new {shlex.quote(plan.description)} --branch {plan.branch} --name {plan.name}"
        )
        made = repository.begin(plan)
        self.project = made.project
        for line in made.notes:
            click.echo(line)
        click.echo(f"Initialized project {plan.name} on branch {plan.branch}")
        return made.project

    def _add_tasks(self, project: Project) -> None:
        for part in self.example.parts:
            self._typed(_adding(part))
            wish = scratch.wish(part, self.folder)
            added = project.add(
                wish.name, agent=wish.agent, description=wish.description, id=wish.task_id, phase=wish.phase,
                depends_on=wish.depends_on, priority=wish.priority, type=wish.task_type, params=wish.params,
            )  # fmt: skip
            click.echo(f"Added task [{added.id}] {wish.name}")

    def _run(self, project: Project) -> Ran:
        self._typed("sow run")
        shown = face(project.tasks().tasks, as_json=False, quiet=False)
        with shown, running.heard_signals() as stop:
            ran = project.run(watch=shown.note, stop=stop)
        running.tell(ran, as_json=False, quiet=False)
        return ran

    def _review(self, project: Project) -> bool:
        """Lets the person decide, or decides as the example says; False where nothing was decided."""
        if self.alone:
            items = project.waiting()
            for item in items:
                self._decide(item, project)
            return bool(items)
        self._hint(project)
        self._typed("sow review")
        session = Session(project)
        session.go_through()
        return session.decided > 0

    def _hint(self, project: Project) -> None:
        """Says what the example sends back: the flaw passes all tests, and is easily passed over."""
        for item in project.waiting():
            if item.kind == "review" and (feedback := self._next_feedback(item.task.id)):
                click.echo(f"\nThe example sends [{item.task.id}] back at this point, in these words:\n")
                click.echo(wrapped(feedback))

    def _next_feedback(self, task_id: str) -> str | None:
        return next(self.reviews.get(task_id, iter(())), None)

    def _decide(self, item: Item, project: Project) -> None:
        own, task = item.task.id, project.task(item.task.id)
        if item.kind == "question" and (answer := self.answers.pop(own, None)):
            self._typed(f"sow task answer {own} {shlex.quote(answer)}")
            task.answer(answer)
            click.echo(f"Answered task {own}")
        elif item.kind == "review" and (feedback := self._next_feedback(own)):
            self._typed(f"sow task feedback {own} {shlex.quote(feedback.rstrip())}")
            back = task.send_back(feedback)
            click.echo(f"Sent task {own} back: iteration {back.iteration}")
        elif item.kind == "review":
            self._typed(f"sow task approve {own}")
            tell_approved(task.approve())
        else:
            raise Failed(
                f"task {own} waits, and the example has no answer ({item.kind}): {item.text}",
                f"decide it there yourself: `sow review {own}`",
            )

    def _prove(self, project: Project) -> int:
        """Holds the end against git and the package's own tests, and says where to look."""
        plan, git = self.example.plan, Git(project.folder)
        tasks = project.tasks().tasks
        merged = [
            task for task in tasks
            if task.status == COMPLETED and task.commit and git.is_ancestor(task.commit, plan.branch)
        ]  # fmt: skip
        passed = self._show_tests(project, should_pass=True)
        if len(merged) < len(self.example.parts):
            raise Failed(
                f"{len(merged)} of {len(self.example.parts)} tasks are completed and merged on {plan.branch}",
                "see which: `sow status` there",
            )
        where = shlex.quote(str(self.folder))
        click.echo(f"\nAll {len(merged)} tasks are completed and merged on {plan.branch}; {passed}.")
        click.echo("Look at it:")
        for line in (
            *_on_the_path(),
            f"cd {where} && sow status",
            f"git -C {where} log --graph --oneline {plan.branch}",
            f"git -C {where} diff main...{plan.branch} -- . ':!.sow'",
            f"cd {shlex.quote(project.folder)} && python3 -m tally trip.txt",
        ):
            click.echo(f"  {line}")
        click.echo(f"It stays until you remove it: rm -r {where}")
        return 0

    def _show_tests(self, project: Project, *, should_pass: bool) -> str:
        """Runs the package's own tests on the project's branch; gives what they said.

        Raises Failed where they do not do as they should.
        """
        place = os.path.relpath(project.folder, self.folder)
        self._typed(f"(cd {place} && {shlex.join(scratch.test_command())})")
        tested = scratch.run_tests(project.folder)
        said = f"its {tested.count} tests {'pass' if tested.passed else 'do not pass'}"
        click.echo(f"Ran {tested.count} tests: {tested.last_line}")
        if tested.passed != should_pass:
            raise Failed(f"on {self.example.plan.branch} {said}", f"see for yourself in {project.folder}")
        return said

    # -- helpers ------------------------------------------------------------------------------

    def _typed(self, command: str) -> None:
        click.echo(f"\n{styled(f'$ {command}', bold=True)}")

    def _exports(self) -> Iterator[str]:
        for role in self.roles:
            yield f"export {roles.variable(role)}=script"


def _adding(part: scratch.Part) -> str:
    """The command that adds the task of a part, typed at the top of the scratch repository."""
    wish, files = part.wish, f"{scratch.SCRIPTS}/{part.name}"
    words = ["sow", "task", "add", wish.name, "--agent", wish.agent, "--id", str(wish.task_id)]
    for needed in wish.depends_on:
        words += ["--depends-on", needed]
    if wish.priority:
        words += ["--priority", wish.priority]
    return f'{shlex.join(words)} --param script="$PWD/{files}.yaml" --description - < {files}.md'


def _on_the_path() -> list[str]:
    """What makes `sow` a command in the person's shell, where it is none yet."""
    beside = os.path.dirname(sys.executable)
    if shutil.which("sow") or not os.access(f"{beside}/sow", os.X_OK):
        return []
    return [f"export PATH={shlex.quote(beside)}:$PATH"]
