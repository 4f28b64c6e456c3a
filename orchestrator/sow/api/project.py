"""A project that is open: everything that can be asked of it, and done in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from sow.api.opened import Opened
from sow.api.task import Task

if TYPE_CHECKING:
    from sow.advancing import Advanced
    from sow.api.attempts import Attempt
    from sow.api.caller import Caller
    from sow.api.events import Reading
    from sow.api.exchanging import Exchanged, Exported
    from sow.api.inbox import Looked
    from sow.api.moving_on import Rehearsed, Ways
    from sow.api.phase import Phase, PhaseRow
    from sow.api.running import Driven, Planned, Ran, Watch
    from sow.api.status import Status
    from sow.api.stop import Stop
    from sow.api.whole import WholeProject
    from sow.deleting import Loss
    from sow.finishing import Finished, How, Prospect
    from sow.formats.merging import Side
    from sow.layout import Layout
    from sow.project_types import ProjectType
    from sow.recovery.repair import Repaired
    from sow.removal import Removed
    from sow.state import Broken, Tasks
    from sow.validate import Checked
    from sow.waiting import Item
    from sow_schemas.documents import Priority, ProjectFile


class Project:
    """A project, as the one who opened it may see and change it.

    It holds no state: whatever is asked is read anew. Two of them may be open in one process, and threads may
    share one.
    """

    def __init__(self, caller: Caller, layout: Layout) -> None:
        """For `sow.open`, and for `Repository`."""
        self._opened = Opened(caller=caller, layout=layout)

    def __repr__(self) -> str:
        return f"<sow.Project {self.name} in {self.folder}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Project):
            return NotImplemented
        return self._opened.layout == other._opened.layout

    def __hash__(self) -> int:
        return hash(self._opened.layout)

    @property
    def name(self) -> str:
        """Its name, which it keeps."""
        return self._opened.layout.name

    @property
    def folder(self) -> str:
        """The folder that holds it: the worktree of its branch, or outside of git the folder itself."""
        return self._opened.layout.folder

    @property
    def main(self) -> str:
        """The main checkout of its repository, where settings and what is never committed lie."""
        return self._opened.layout.main

    @property
    def outside(self) -> bool:
        """Whether it was begun outside of git, and has neither branches nor worktrees."""
        return self._opened.layout.outside

    @property
    def caller(self) -> Caller:
        """Who has opened it: a person, or a worker."""
        return self._opened.caller

    # -- reading ------------------------------------------------------------------------------

    def status(self) -> Status:
        """Everything on one page: tasks, what runs, what waits for a person, what it cost. `sow status`."""
        from sow.api import status

        return status.look(self._opened.caller, self._opened.store())

    def tasks(self) -> Tasks:
        """The states of all tasks, in the order of their ids, and beside them the files that are broken."""
        return self._opened.store().tasks()

    def task(self, task_id: str | None = None) -> Task:
        """One task, by its id; a worker's own without one.

        Whether it is there is seen when something is asked of it. Raises Usage where no task is meant.
        """
        return Task(self._opened, task_id)

    def waiting(self) -> list[Item]:
        """What waits for a person, the longest wait first; questions before reviews. `sow review`."""
        from sow.waiting import waiting

        return waiting(self._opened.store().tasks().tasks)

    def events(
        self, *, types: Sequence[str] = (), task: str | None = None, since: str | None = None,
        follow: bool = False, stop: Stop | None = None,
    ) -> Reading:  # fmt: skip
        """What happened, from its beginning: `sow events`.

        `types`, `task`: only these. `since`: from this day or time on, in RFC 3339, or how long ago, as `2h`.
        `follow`: never ends, and gives what happens as it does, until `stop` ends it. Raises NotFound for a
        task that is not there, Usage for what is no time.
        """
        return self._opened.events(types=types, task=task, since=since, follow=follow, stop=stop)

    def attempts(self, *, ended: bool = True) -> list[Attempt]:
        """The runs of agents, by id; without `ended` those alone that have no end yet. `sow agent list`."""
        from sow.api import attempts
        from sow.attempt import Attempts

        return attempts.listed(Attempts(self._opened.store().layout), ended=ended)

    def type(self) -> ProjectType:
        """Its type, as it was when the project began. Raises Refused where that can't be read."""
        return self._opened.store().type()

    def document(self) -> ProjectFile:
        """The project's own document, without its phases and tasks."""
        return self._opened.store().project()

    def broken(self) -> tuple[Broken, ...]:
        """The project's and the phases' own files that can't be taken as they are."""
        return self._opened.store().broken_files()

    def whole(self, *, strict: bool = False) -> WholeProject:
        """The whole project as one document, tasks inside of phases: `sow project show`.

        `strict`: only what the original program knows. Raises Refused where the project's file or that of a
        phase is broken, and with `strict` where that of a task is; else a broken task is left out.
        """
        from sow.api import whole

        return whole.of(self._opened.store(), strict=strict)

    def phases(self) -> list[PhaseRow]:
        """The phases, in the order of the project's type: `sow phase list`."""
        from sow.api import phase

        return phase.listed(self._opened.store())

    def phase(self, name: str | None = None) -> Phase:
        """One phase, by its name; without one that of the project's state."""
        from sow.api import phase

        return phase.named(self._opened, name)

    def prompt(self, name: str | None = None) -> str:
        """Guidance for agents: for the project's state, or of that name. `sow prompt`.

        `name`: a state of the project's type, a role, or `report`. Raises NotFound.
        """
        from sow.api import prompt

        return prompt.of_project(self._opened, name)

    # -- tasks --------------------------------------------------------------------------------

    def add(
        self, name: str, *, agent: str, description: str = "", id: str | None = None,
        phase: str | None = None, depends_on: Sequence[str] = (), priority: Priority | None = None,
        type: str | None = None, params: Mapping[str, Any] | None = None,
    ) -> Task:  # fmt: skip
        """Adds a task: `sow task add`.

        `agent`: the role of who does it. `description`: what to do; the name where empty. `id`: three digits,
        the next free ten where None. `phase`: that of the project's state, or the first with tasks, where
        None. `depends_on`: the ids of tasks that must be completed before. Raises NotFound for an agent or a
        phase that is not there, Refused for whatever else is wrong; then nothing is added.
        """
        from sow import adding

        wish = adding.Wish(
            name=name, agent=agent, description=description, task_id=id, phase=phase,
            depends_on=tuple(depends_on), priority=priority, task_type=type,
            params=dict(params) if params else None,
        )  # fmt: skip
        return self.task(adding.add(self._opened.store(), wish).id)

    # -- running ------------------------------------------------------------------------------

    def run(
        self, *, task: str | None = None, jobs: int | None = None, stay: bool = False,
        budget: float | None = None, watch: Watch | None = None, stop: Stop | None = None,
    ) -> Ran:  # fmt: skip
        """Lets agents work until nothing can go on without a person: `sow run`. It blocks.

        `task`: only this one. `jobs`: how many at once; what is configured, or 3, where None. `stay`: goes on
        for what is added and decided meanwhile, until `stop` ends it. `budget`: nothing more is started once
        so many US dollars are spent. `watch`: is called with each thing that happens. Raises Busy while
        another orchestrator works on the project, NotFound, Refused for settings that are wrong. What raises
        out of it, an exception of `watch` as well, leaves the agents running: the next run adopts them.
        """
        from sow.api import inbox, running

        turns = self._opened.turns()
        if task is not None:
            turns.store.task(task)
        return running.run(
            turns, task=task, jobs=jobs, stay=stay, budget=budget, watch=watch, stop=stop,
            inbox=inbox.of_run(self.caller, turns),
        )  # fmt: skip

    def planned(self, task: str | None = None) -> list[Planned]:
        """What a run would start now, in its order: `sow run --dry-run`."""
        from sow.api import running

        turns = self._opened.turns()
        if task is not None:
            turns.store.task(task)
        return running.planned(turns, task)

    def check_run(self, task: str | None = None) -> None:
        """Raises what a run would raise before it does anything; else nothing is done.

        For whoever leaves a run to itself, and would hear of it too late: see `run`.
        """
        from sow.scheduler import alone

        turns = self._opened.turns()
        if task is not None:
            turns.store.task(task)
        alone.check(turns)

    def spawn(
        self, prompt: str, *, agent: str = "", watch: Watch | None = None, stop: Stop | None = None
    ) -> Driven:
        """Adds a task that `prompt` describes, starts its agent, and stays until its turn ends.

        `agent`: the role, implementer where empty. `watch` is called with the added task first. See
        `Task.spawn`.
        """
        from sow.api import running

        opened = self._opened
        return running.spawn_new(
            opened.caller, opened.layout, prompt, role=agent or running.IMPLEMENTER, watch=watch, stop=stop
        )

    # -- the project itself -------------------------------------------------------------------

    def set(self, field: str, value: str, *, text: bool = False) -> ProjectFile:
        """Sets a field of the project: its `description`. Gives the document as it is then."""
        from sow import phase

        return self._opened.store().change_project(phase.project_setting(field, value, text=text))

    def unset(self, field: str) -> ProjectFile:
        """Removes a field of the project. Raises Refused for one that it needs."""
        from sow import phase

        return self._opened.store().change_project(phase.project_unsetting(field))

    def advance(self, event: str | None = None) -> Advanced:
        """Takes the project to its next state: by `event`, or by the only transition that is open.

        What it changes is written as one. Raises Refused where there is none, or its guard is not met.
        """
        from sow import advancing
        from sow.api import inbox

        store = self._opened.store()
        advanced = advancing.advance(store, event)
        inbox.tell_of_project(self.caller, store)
        return advanced

    def ways(self) -> Ways:
        """The state of the project, and the transitions out of it, each with what bars it."""
        from sow.api import moving_on

        return moving_on.ways(self._opened.store())

    def rehearse(self, event: str | None = None) -> Rehearsed:
        """The transition that `advance` would take; nothing is changed.

        Raises Refused where there is none. A guard that bars it is told in the way.
        """
        from sow.api import moving_on

        return moving_on.rehearse(self._opened.store(), event)

    # -- its end ------------------------------------------------------------------------------

    def prospect(
        self, *, how: How | None = None, target: str = "", draft: bool = False, strict: bool = False,
        pr_url: str = "",
    ) -> Prospect:  # fmt: skip
        """What `finish` would do, asked in the same words: `sow project finish --dry-run`.

        Raises Usage where it can't be told how the work goes home, Refused, Waits or Busy for what is in the
        way.
        """
        from sow.api import ending

        return ending.prospect(self._opened, ending.wish(how, target, draft, strict, pr_url))

    def finish(
        self, *, how: How | None = None, target: str = "", draft: bool = False, strict: bool = False,
        pr_url: str = "", tell: Callable[[str], None] | None = None,
    ) -> Finished:  # fmt: skip
        """Finishes it: checks, a pull request or a merge, and then everything is cleared up.

        `how`: `pr`, `merge` or `leave`; as configured where None. `target`: the branch that the work goes to;
        the default branch where empty. `draft`: the pull request is one. `strict`: only where every gate was
        passed. `pr_url`: the pull request is open already, there. `tell`: is given a line about each step.
        Done again after a failure or a kill, it goes on from where it was. Raises as `prospect`, and Failed
        where a check or a program fails.
        """
        from sow.api import ending

        wish = ending.wish(how, target, draft, strict, pr_url)
        return ending.finish(self._opened, wish, tell or self._opened.caller.tell)

    def loss(self) -> Loss:
        """What goes and what stays where it is deleted. Raises Refused for work that no commit has, Busy."""
        from sow.api import ending

        return ending.loss(self._opened)

    def delete(self, *, keep_branch: bool = False) -> Removed:
        """Deletes it: its state, its worktrees, and the branches that are merged. Raises as `loss`."""
        from sow.api import ending

        return ending.delete(self._opened, keep_branch=keep_branch)

    # -- other systems ------------------------------------------------------------------------

    def import_tasks(
        self, file: str | PathLike[str], *, format: str | None = None, agent: str | None = None,
        phase: str | None = None, fill: bool = False, dry_run: bool = False,
    ) -> Exchanged:  # fmt: skip
        """Takes in the tasks of another system's file: all that can be taken, or nothing. `sow import`.

        `format`: told by the file where None. `agent`: who does tasks whose type has none here. `phase`:
        where new ones go. `fill`: takes as many as there is room for; else more than that go into further
        projects, which are made. What could not be taken is listed with its reason. Raises NotFound, Refused,
        Busy.
        """
        from sow.api import exchanging
        from sow.formats.planning import Options

        return exchanging.opened(
            self.caller, self._opened.store(), fspath(file), format, agent, phase, dry_run=dry_run
        ).done(Options("import", fill=fill), dry_run=dry_run)

    def import_issues(
        self, *, labels: Sequence[str] = (), comment: bool = False, agent: str | None = None,
        phase: str | None = None, fill: bool = False, dry_run: bool = False,
    ) -> Exchanged:  # fmt: skip
        """Takes in the issues that `gh` knows of; for the rest see `import_tasks`.

        `labels`: only those with them. `comment`: says in each issue which task it is;
        where one can't be told, the result's `fault` says why.
        """
        from sow.api import exchanging
        from sow.formats.planning import Options

        return exchanging.issues(
            self.caller, self._opened.store(), Options("import", fill=fill), agent=agent, phase=phase,
            labels=labels, comment=comment, close=False, dry_run=dry_run,
        )  # fmt: skip

    def sync(
        self, file: str | PathLike[str], *, format: str | None = None, agent: str | None = None,
        phase: str | None = None, fill: bool = False, prefer: Side | None = None, dry_run: bool = False,
    ) -> Exchanged:  # fmt: skip
        """Keeps another system's file and the project in step, both ways; for the rest see `import_tasks`.

        `prefer`: `file` or `project`, whose word counts where both have changed the same; where None both
        stay, and the conflict is listed.
        """
        from sow.api import exchanging
        from sow.formats.planning import Options

        return exchanging.opened(
            self.caller, self._opened.store(), fspath(file), format, agent, phase, dry_run=dry_run
        ).done(Options("sync", fill=fill, prefer=prefer), dry_run=dry_run)

    def sync_issues(
        self, *, labels: Sequence[str] = (), close: bool = False, agent: str | None = None,
        phase: str | None = None, fill: bool = False, prefer: Side | None = None, dry_run: bool = False,
    ) -> Exchanged:  # fmt: skip
        """Takes in what the issues that `gh` knows of have changed; for the rest see `sync`.

        `labels`: only those with them. `close`: closes those whose tasks have ended; where one can't be, the
        result's `fault` says why.
        """
        from sow.api import exchanging
        from sow.formats.planning import Options

        options = Options("sync", fill=fill, prefer=prefer, dropped=True)
        return exchanging.issues(
            self.caller, self._opened.store(), options, agent=agent, phase=phase,
            labels=labels, comment=False, close=close, dry_run=dry_run,
        )  # fmt: skip

    def sync_inbox(self, *, prefer: Side | None = None, dry_run: bool = False) -> Looked:
        """Takes in the files of the inbox folder, and tells them what became of their tasks.

        `sow run` does so all the time. `prefer`: `file` or `project`, whose word counts where both have
        changed the same. `dry_run`: only says how each file stands.
        """
        from sow.api import inbox

        return inbox.looked(self.caller, self._opened.store(), prefer=prefer, dry_run=dry_run)

    def export(
        self, path: str | PathLike[str] | None = None, *, format: str | None = None, force: bool = False,
        agent: str | None = None,
    ) -> Exported:  # fmt: skip
        """Gives the tasks out in another system's format, to the file `path` where there is one.

        `format`: told by the file where None, or `task-list`. `force`: writes over a file that says something
        else. Raises Refused.
        """
        from sow.api import exchanging

        return exchanging.exported(
            self.caller,
            self._opened.store(),
            how=format,
            path=fspath(path) if path else None,
            force=force,
            agent=agent,
        )

    # -- its health ---------------------------------------------------------------------------

    def validate(self) -> Checked:
        """All problems of all its files, and of the settings; nothing is changed. `sow validate`."""
        from sow import validate

        return validate.check(self._opened.store(), self.caller.environment)

    def repair(self, *, dry_run: bool = False) -> Repaired:
        """Mends what is broken and has one right answer; what is left is told. `sow repair`."""
        from sow.recovery import repair

        return repair.repair(self._opened.store(), self.caller.environment, dry_run=dry_run)

    def orchestrator(self) -> int | None:
        """The process that runs its agents now; None for none."""
        from sow import lease, process

        held = lease.holder(f"{self._opened.layout.locks}/orchestrator.lease")
        return held.holder.identity.pid if held and process.fate(held.holder) != "dead" else None

    def can_go_on(self) -> bool:
        """Whether a run would find something to do, now or later."""
        from sow.attempt import Attempts
        from sow.ready import Ready

        store = self._opened.store()
        return bool(Attempts(store.layout).open() or Ready(store.tasks().tasks).take(float("inf")))

    def task_types(self) -> dict[str, str]:
        """The types that its tasks can have, each with the role that does it, as configured."""
        from sow.config import RepositoryConfig

        return {name: kind["agent"] for name, kind in RepositoryConfig.read(self.main).task_types.items()}

    def checks(self) -> tuple[str, ...]:
        """The commands that must succeed before work is merged, as configured."""
        from sow.config import RepositoryConfig

        return RepositoryConfig.read(self.main).checks
