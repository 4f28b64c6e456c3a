"""`sow review`: what waits for a person, on a terminal, a key for each decision.

    the list --> the item --> a key --> a look: diff, log, checks --> the item still
      ^                      |
      +----- a decision <----+

What waits is read anew for each item, so what comes meanwhile is met too; and
nothing is decided about a task that is no longer as it was shown.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import click

from sow.cli import complain, completion, opening, terminal
from sow.cli.task import tell_approved
from sow.cli.text import coloured, plain, styled, wrapped
from sow.cli.words import age, counted
from sow.clock import seconds
from sow.errors import SowError, Waits
from sow.task import NEEDS_REVIEW

if TYPE_CHECKING:
    import sow
    from sow.api.project import Project
    from sow.review import Approved
    from sow.state import Tasks
    from sow.waiting import Item

LOOKS = {
    "d": ("[d]iff", "what the task changed, against the project's branch"),
    "l": ("[l]og", "what its agent said and did"),
    "c": ("[c]hecks", "run the configured checks on it as it is now"),
    "e": ("[e]dit", "its description, in your editor"),
}
"""Keys that show something, or change no status: word in the menu, line in the help."""

ASKED = {
    "a": ("[a]nswer", "by an option's number or in your words; its agent goes on with it"),
    "t": ("[t]ake", "it as it is: what is there is approved and merged"),
    "r": ("[r]etry", "put it back among the waiting"),
}
"""Keys for what a task asks or failed at."""

HELD = {"a": ASKED["a"]}
"""Keys for what a process asks that waits for the answer: nothing else can be done beside it."""

HANDED_IN = {
    "a": ("[a]pprove", "merge it into the project's branch"),
    "f": ("[f]eedback", "send it back with your words: its agent goes on with them"),
}
"""Keys for what a task handed in."""

MOST_KEYS = 9
"""Options beyond are answered in words: a number of two digits is no key."""

ENDINGS = {
    "x": ("[x] abandon", "give it up; its branch and worktree stay"),
    "s": ("[s]kip", "leave it for later"),
    "q": ("[q]uit", "leave; whatever is not decided goes on waiting"),
    "?": ("[?]", "this help"),
}


@click.command()
@click.argument("task_id", metavar="[ID]", required=False, shell_complete=completion.waiting)
@click.option("--json", "as_json", is_flag=True, help="What waits, as one JSON document; nothing is asked.")
@click.pass_obj
def review(settings: dict[str, Any], task_id: str | None, as_json: bool) -> int:
    """Go through what waits for you: answer, read diffs, approve, send back.

    Questions come first, the longest wait first; then finished work. Without a terminal what waits
    is listed. The exit code is 5 while something waits, 0 when nothing does.

    \b
    Example:  sow review
              sow review 030
    """
    project = opening.project(settings)
    if task_id:
        project.task(task_id).state()
    if as_json or not terminal.is_there():
        return _list(project, task_id, as_json)
    session = Session(project, only=task_id)
    session.go_through()
    return session.tell_rest()


# -- without a person ------------------------------------------------------------------------------


def _list(project: Project, task_id: str | None, as_json: bool) -> int:
    items = [item for item in project.waiting() if task_id in (None, item.task.id)]
    if as_json:
        click.echo(json.dumps([item.as_json() for item in items]))
    else:
        for item in items:
            click.echo("\n".join([_title(item), _circumstances(item, time.time()), _question(item)]))
            click.echo(f"  decide: {_verbs(item)}\n")
        if not items:
            click.echo("Nothing waits for you.", err=True)
    _tell_broken(project.tasks())
    return Waits.exit_code if items else 0


def _tell_broken(held: Tasks) -> None:
    for broken in held.broken:
        click.echo(f"broken: {broken.message}\n        {broken.hint}", err=True)


def _verbs(item: Item) -> str:
    own = item.task.id
    if item.kind in ("review", "merge"):
        return f"sow task approve {own} | sow task feedback {own} TEXT"
    return f"sow task answer {own} TEXT | sow task retry {own} | sow task accept {own}"


# -- an item, in words -----------------------------------------------------------------------------


def _title(item: Item) -> str:
    return f"[{item.task.id}] {plain(item.task.name)}"


def _circumstances(item: Item, now: float) -> str:
    task = item.task
    what = "approved, its merge waits" if item.kind == "merge" else item.kind
    by = f"{task.assigned_agent} on {task.executor}" if task.executor else task.assigned_agent
    waits = f" · waits {age(now - seconds(item.since))}" if item.since else ""
    return f"  {what}{waits} · iteration {task.iteration} · {by}"


def _question(item: Item) -> str:
    lines = ["", wrapped(plain(item.text))] if item.text.strip() else []
    if options := item.task.options:
        lines += ["", *(f"    {n}  {plain(option)}" for n, option in enumerate(options, 1))]
    if outputs := item.task.outputs:
        lines += ["", *(plain(f"  output: {held['type']}: {held['path']}") for held in outputs)]
    return "\n".join([*lines, ""])


# -- with a person ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Session:
    """A person going through what waits in one project."""

    project: Project
    only: str | None = None
    """The one task that it is about; all that wait where None."""
    decided: int = 0
    """How many items wait no more by a decision of this session."""
    _skipped: set[Item] = field(default_factory=set)

    def go_through(self) -> None:
        """Shows item after item, until each is decided or skipped or the person leaves."""
        while items := [item for item in self._waiting() if item not in self._skipped]:
            if not self._take_up(items[0], len(items)):
                return

    def tell_rest(self) -> int:
        """Says what is left and what comes next; gives the exit code."""
        left = self.project.waiting()
        _tell_broken(self.project.tasks())
        if self.only and not self.decided and not any(item.task.id == self.only for item in left):
            status = self.project.task(self.only).state().status
            click.echo(f"Task {self.only} is {status}: nothing of it waits for you.")
        if left:
            click.echo(f"Still waiting for you: {', '.join(f'[{i.task.id}] {i.kind}' for i in left)}")
        elif not self.only:
            click.echo("Nothing waits for you." if not self.decided else "Nothing else waits for you.")
        click.echo(self._next_step(bool(left)))
        return Waits.exit_code if left else 0

    def _next_step(self, waits: bool) -> str:
        if pid := self.project.orchestrator():
            return f"`sow run` is at work (process {pid}) and goes on by itself."
        if self.project.can_go_on():
            return "Next: sow run"
        return "Next: sow review" if waits else "Next: sow status"

    def _waiting(self) -> list[Item]:
        return [item for item in self.project.waiting() if self.only in (None, item.task.id)]

    def _is_as_shown(self, item: Item) -> bool:
        return item in self._waiting()

    def _task(self, item: Item) -> sow.Task:
        return self.project.task(item.task.id)

    # -- one item -----------------------------------------------------------------------------

    def _take_up(self, item: Item, count: int) -> bool:
        """Shows an item and heeds keys until it is settled; False where the person leaves."""
        handed_in = item.kind in ("review", "merge")
        is_held = self._task(item).is_held()
        self._show(item, count, is_held=is_held)
        decisions = HANDED_IN if handed_in else HELD if is_held else ASKED
        options = [] if handed_in else item.task.options
        keys = {**_numbers(options), **decisions, **LOOKS, **ENDINGS}
        menu = "  ".join(word for word, _ in keys.values())
        while True:
            pressed = terminal.key(f"\n{menu}\n> ")
            if pressed is None or pressed == "q":
                return False
            if pressed == "s":
                self._skipped.add(item)
                return True
            try:
                if pressed in LOOKS:
                    self._look(item, pressed)
                elif _is_option(pressed, options) or (pressed in keys and pressed != "?"):
                    self._decide(item, pressed)
                elif pressed:
                    _help(keys)
            except SowError as fault:
                complain(plain(str(fault)), fault.hint)
            if not self._is_as_shown(item):
                return True

    def _show(self, item: Item, count: int, *, is_held: bool) -> None:
        task = item.task
        more = f"   ({count} wait)" if count > 1 else ""
        click.echo(f"\n{styled(_title(item), bold=True)}{more}")
        click.echo(_circumstances(item, time.time()))
        click.echo(_question(item), nl=False)
        if is_held:
            click.echo(f"\n  Its agent waits for the answer; to end it: `sow agent stop {task.id}`")
        if task.status == NEEDS_REVIEW:
            if not item.text.strip() and (words := self._task(item).last_words()):
                click.echo(f"\n{wrapped(plain(words))}")
            click.echo(f"\n{self._changes(item)}")
        for denial in self._task(item).denied():
            told = f"{denial['tool']} {denial['detail']}".rstrip()
            click.echo(f"  denied: {plain(told)}")

    def _changes(self, item: Item) -> str:
        """What a task changed, as far as that can be told."""
        stat = self._task(item).changes()
        if stat is None:
            return f"  It works in {item.task.worktree or self.project.folder} beside all others."
        return plain(stat).rstrip() if stat.strip() else "  It changes no file."

    # -- looks --------------------------------------------------------------------------------

    def _look(self, item: Item, pressed: str) -> None:
        match pressed:
            case "d":
                diff = self._task(item).diff()
                if diff is None:
                    click.echo(f"Its changes can't be told from those of others.\n{self._changes(item)}")
                elif diff.strip():
                    terminal.page(coloured(diff))
                else:
                    click.echo("It changes no file.")
            case "l":
                terminal.page("\n".join(self._log(item)) or "No agent has worked on it yet.")
            case "c":
                self._check(item)
            case _:
                terminal.edit(self._task(item).description_file())

    def _log(self, item: Item) -> Iterator[str]:
        for line in self._task(item).transcript():
            yield styled(plain(line), bold=True) if line.startswith("--- ") else plain(line)

    def _check(self, item: Item) -> None:
        checking = self._task(item).checking()
        if not checking.commands:
            click.echo("No checks are configured: name them in .sow/config.yaml, `checks: [...]`.")
            return
        for check in checking.commands:
            click.echo(f"$ {check}")
            try:
                failed = checking.run(check)
            except KeyboardInterrupt:
                click.echo("\nStopped.")
                return
            if failed:
                click.echo(plain(failed.output))
                click.echo(styled("It fails.", fg="red"))
                return
        told = f"{counted(len(checking.commands), 'check')} passed in {checking.folder}"
        click.echo(styled(told, fg="green"))

    # -- decisions ----------------------------------------------------------------------------

    def _decide(self, item: Item, pressed: str) -> None:
        """Asks what is still to be known, then does it, if the task is still as it was shown."""
        act = self._decision(item, pressed)
        if act is None:
            click.echo("Nothing was done.")
            return
        if not self._is_as_shown(item):
            click.echo(f"Task {item.task.id} was changed meanwhile: nothing was done. See it as it is now.")
            return
        try:
            act()
        finally:
            self.decided += not self._is_as_shown(item)

    def _decision(self, item: Item, pressed: str) -> Callable[[], None] | None:
        """What the person decided, ready to be done; None where they thought better of it."""
        handed_in = item.kind in ("review", "merge")
        match pressed:
            case "a" if handed_in:
                return lambda: _tell(self._task(item).approve())
            case "f":
                return self._feedback(item)
            case "a":
                return self._answer(item)
            case number if number.isdigit():
                return self._answered(item, _option(number, item.task.options))
            case "t":
                return lambda: _tell(self._task(item).accept())
            case "r":
                return self._retry(item)
            case _:
                return self._abandon(item)

    def _answer(self, item: Item) -> Callable[[], None] | None:
        options = item.task.options
        how = f"1-{len(options)}, or your words" if options else "Your words"
        typed = terminal.line(f"{how} (empty: your editor): ")
        if typed is None:
            return None
        text = _option(typed.strip(), options) or terminal.written(
            f"your answer.\n\n{_title(item)}\n{_question(item)}"
        )
        return self._answered(item, text) if text else None

    def _answered(self, item: Item, text: str) -> Callable[[], None]:
        def act() -> None:
            done = self._task(item).answer(text)
            waited = " (its agent waited for it, and goes on)" if done.reached else ""
            click.echo(f"Answered task {item.task.id}: {plain(_first_line(text))}{waited}")

        return act

    def _feedback(self, item: Item) -> Callable[[], None] | None:
        typed = terminal.line("What is to be changed? (empty: your editor): ")
        if typed is None:
            return None
        text = typed.strip() or terminal.written(
            f"your feedback.\n\n{_title(item)}\n{_question(item)}\n{self._changes(item)}"
        )
        if not text:
            return None

        def act() -> None:
            back = self._task(item).send_back(text)
            click.echo(f"Sent task {back.id} back with your feedback: iteration {back.iteration}")

        return act

    def _retry(self, item: Item) -> Callable[[], None]:
        fresh = bool(item.task.session_id) and terminal.yes("In a fresh session?")

        def act() -> None:
            self._task(item).retry(fresh=fresh)
            click.echo(f"Task {item.task.id} is pending again" + (", in a fresh session" if fresh else ""))

        return act

    def _abandon(self, item: Item) -> Callable[[], None] | None:
        task = item.task
        stays = "Its branch and worktree stay" if task.branch else "What it wrote stays"
        if not terminal.yes(f"Abandon task {task.id}? {stays}."):
            return None

        def act() -> None:
            self._task(item).abandon(f"by {self.project.caller.name}, in a review")
            click.echo(f"Abandoned task {task.id}; take it up again with `sow task retry {task.id}`")

        return act


def _tell(done: Approved) -> None:
    # What a check printed is the work of whoever wrote what it ran.
    tell_approved(replace(done, detail=plain(done.detail)))


def _numbers(options: list[str]) -> dict[str, tuple[str, str]]:
    """The keys that are options of a question, as one of the menu."""
    last = min(len(options), MOST_KEYS)
    word = "[1]" if last == 1 else f"[1-{last}]"
    return {word: (word, "answer with that option")} if last else {}


def _option(typed: str, options: list[str]) -> str:
    """The option that a number names, else what was typed."""
    return options[int(typed) - 1] if _is_option(typed, options) else typed


def _is_option(typed: str, options: list[str]) -> bool:
    return typed.isascii() and typed.isdigit() and 1 <= int(typed) <= len(options)


def _first_line(text: str) -> str:
    first, _, more = text.partition("\n")
    return f"{first} …" if more.strip() else first


def _help(keys: dict[str, tuple[str, str]]) -> None:
    for word, line in keys.values():
        click.echo(f"  {word:<12} {line}")
