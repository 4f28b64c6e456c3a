"""Opens what a command needs, and no more: a store for the quick ones, the whole engine for `run`.

The only place that knows all parts; what they need is handed to them here.
"""

import os
import time

from sow import find
from sow.errors import BadFile, SowError
from sow.eventlog import EventLog
from sow.git import places
from sow.layout import MAKING, REMOVING
from sow.store import Store
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sow.allowance import Allowance
    from sow.config import RepositoryConfig, UserConfig
    from sow.deleting import Deleter
    from sow.dropped import Inbox, Seen, Told
    from sow.finishing import Finisher
    from sow.git.places import Places
    from sow.layout import Layout, Plain
    from sow.outside.ending import Deleter as OutsideDeleter
    from sow.outside.ending import Finisher as OutsideFinisher
    from sow.project import Plan
    from sow.removal import Removed
    from sow.review import Reviewer
    from sow.setup import Made
    from sow.splitting import Old
    from sow.task import Task
    from sow.turn import Turns
    from sow_schemas.documents import Actor


def layout(wanted: "str | None" = None) -> "Layout":
    """The project that the command means."""
    settle_half_made()
    return find.project(find.here(), os.environ, wanted)


def settle_half_made(at: "Places | Plain | None" = None) -> "list[Removed]":
    """Completes or undoes the projects that a killed command half made or half took away here.

    What it had locked of git is free again. Gives those that went. Workers leave that alone.
    `at`: another place than this folder's.
    """
    here = None if os.environ.get("SOW_ATTEMPT_ID") else at or find.maybe_place(find.here())
    if here and os.path.isdir(f"{here.main}/{MAKING}"):
        from sow import setup

        setup.settle_half_made(here, store_of)
    for git_dir in _locked(here.common) if isinstance(here, places.Places) else ():
        from sow.git import index

        index.settle(git_dir)
    if here and os.path.isdir(f"{here.main}/{REMOVING}"):
        from sow import removal

        return removal.settle(here, store_of)
    return []


def _locked(common: str) -> "list[str]":
    """The git folders of the repository whose index somebody has locked, or had when they died."""
    linked = f"{common}/worktrees"
    names = os.listdir(linked) if os.path.isdir(linked) else []
    folders = [common, *(f"{linked}/{name}" for name in names)]
    return [folder for folder in folders if os.path.exists(f"{folder}/index.lock")]


def store_of(layout: "Layout") -> Store:
    """The state of a project for a person who begins or ends it."""
    log = EventLog(layout.events, run_id=os.environ.get("SOW_RUN_ID"), actor="person")
    return Store(layout, log, on_split=_tell_split)


def store(wanted: "str | None" = None, *, actor: "Actor | None" = None, run_id: "str | None" = None) -> Store:
    """The state of that project. `actor`: who changes it, for the event log."""
    place = layout(wanted)
    who = actor or _actor()
    log = EventLog(place.events, run_id=run_id or os.environ.get("SOW_RUN_ID"), actor=who)
    held = Store(place, log, on_split=_tell_split)
    if held.journal.left() and not os.environ.get("SOW_ATTEMPT_ID"):
        try:
            held.journal.settle()  # a killed writer's change is completed before anybody looks
        except BadFile:
            pass  # an intent that nobody can read: whoever changes what it is about is told
    return held


def _actor() -> "Actor":
    return "worker" if os.environ.get("SOW_ATTEMPT_ID") else "person"


def _tell_split(old: "Old") -> None:
    """Says what became of an old project, and sees to it that git ignores what it has now."""
    import click

    from sow.cli.words import aside
    from sow.git.excludes import ensure_excludes

    if here := places.find(os.path.dirname(old.path)):
        ensure_excludes(here.common)
    context = click.get_current_context(silent=True)
    settings = (context and context.find_object(dict)) or {"quiet": False}
    aside(settings, f"phases and tasks of {old.path} have files of their own now; the old one is kept beside")
    for task, new_id in old.renumbered.items():
        phase, _, old_id = task.partition("/")
        aside(settings, f"task {old_id} of phase {phase} is {new_id} now: another phase has a {old_id}, too")


def person() -> str:
    """Who answers and approves, as state files name them: the login name."""
    return os.environ.get("SOW_ATTEMPT_ID") or os.environ.get("USER") or os.environ.get("LOGNAME") or "person"


def repository(wanted: "str | None" = None) -> "Places":
    """The repository that the command means. `wanted`: a folder in it, from `--project`.

    Raises Refused in a folder of sow's that is outside of git, NotFound where there is neither.
    """
    return find.repository(folder(wanted))


def place(wanted: "str | None" = None) -> "Places | Plain":
    """The repository that the command means, or the folder outside of git that holds `.sow/`."""
    return find.place(folder(wanted))


def folder(wanted: "str | None" = None) -> str:
    """The folder that the command means: the one that it was called in, or that of `--project`."""
    from sow.errors import NotFound

    start = find.here()
    if wanted is None:
        return start
    named = os.path.join(start, wanted)
    if not os.path.isdir(named):
        raise NotFound(f"no folder {wanted}", "this command takes a repository's folder as --project DIR")
    return named


def own_task(task_id: "str | None") -> str:
    """The task that a command means: the one named, or a worker's own."""
    from sow.errors import Usage

    known = task_id if task_id is not None else find.task_id(find.here(), os.environ)
    if known is None:
        raise Usage("which task? this is no task's worktree", "name it by its id; see them: `sow task list`")
    return known


def is_own(task_id: "str | None") -> bool:
    """Whether a worker speaks of its own task: the one of its attempt, or where its environment was
    dropped, the one in whose worktree it stands."""
    return task_id is None or (
        bool(os.environ.get("SOW_ATTEMPT_ID")) and task_id == os.environ.get("SOW_TASK_ID")
    )


def turns(
    wanted: "str | None" = None,
    *,
    actor: "Actor" = "orchestrator",
    run_id: "str | None" = None,
    verbose: bool = False,
    user: "UserConfig | None" = None,
    environment: "Mapping[str, str] | None" = None,
) -> "Turns":
    """All that it takes to run agents in that project.

    `user` and `environment`: instead of the user's settings and this process's variables.
    """
    import uuid

    from sow import logs
    from sow.attempt import Attempts
    from sow.config import RepositoryConfig, UserConfig
    from sow.driving import Drivers
    from sow.outside.folder import Folder
    from sow.runner.local import LocalRunner
    from sow.turn import Turns
    from sow.workspace import Workspace

    logs.set_up(verbose=verbose)
    run = run_id or os.environ.get("SOW_RUN_ID") or f"run-{uuid.uuid4().hex[:12]}"
    held = store(wanted, actor=actor, run_id=run)
    settings = RepositoryConfig.read(held.layout.main)
    variables = dict(os.environ if environment is None else environment)
    chosen = user or UserConfig.read(os.environ)
    return Turns(
        layout=held.layout,
        store=held,
        attempts=Attempts(held.layout),
        workspace=Folder.of(held) if held.layout.outside else Workspace.of(held, settings, variables),
        drivers=Drivers(held),
        runner=LocalRunner(base_env={}),
        user=chosen,
        repository=settings,
        environment=variables,
        run_id=run,
        clock=time.time,
        allowance=allowance(held.layout, chosen, settings, variables),
    )


def inbox(turns: "Turns") -> "Inbox":
    """The inbox folder of the repository, looked into for that project."""
    return _inbox(turns.store, lambda: bool(turns.drivers.at_work()))


def inbox_of(store: Store) -> "Inbox":
    """The same for a command that starts no agents."""
    from sow.driving import Drivers

    return _inbox(store, lambda: bool(Drivers(store).at_work()))


def _inbox(held: Store, at_work: "Callable[[], bool]") -> "Inbox":
    from sow import bringing
    from sow.dropped import Inbox

    here = find.place(held.layout.main)

    def bring(path: str, text: str) -> "bringing.Brought":
        # It says where tasks stand, and nothing of who wrote it: a person has the news taken in.
        return bringing.bring(here, path, text, store_of=store_of, update=False)

    return Inbox(held, lambda: neighbours(held, here), at_work, bring, begin_project(here))


def neighbours(held: Store, here: "Places | Plain") -> "list[Store]":
    """The other projects of the repository."""
    return [store_of(one) for one in find.all_projects(here) if one.name != held.layout.name]


def begin_project(here: "Places | Plain") -> "Callable[[Plan], Store] | None":
    """What makes a project beside others; None outside of git, where there is one."""
    from sow.layout import Plain

    if isinstance(here, Plain):
        return None
    return lambda plan: store_of(begin(here, plan, start=None, worktree=True).layout)


def look_into_inbox(held: Store) -> "list[Told]":
    """Takes in what lies in the inbox folder, and tells it what has become of it; not for an agent."""
    if os.environ.get("SOW_ATTEMPT_ID") or not _names(held.layout.inbox):
        return []
    return inbox_of(held).look(patient=True)


def dropped(held: Store) -> "list[Seen]":
    """How each file in the inbox folder stands."""
    from sow import dropped as folder

    return folder.survey(held.layout.main, [held, *neighbours(held, find.place(held.layout.main))])


def _names(folder: str) -> "list[str]":
    from sow import files

    try:
        return files.names(folder)
    except BadFile:
        return []


def allowance(
    layout: "Layout", user: "UserConfig", settings: "RepositoryConfig", variables: "Mapping[str, str]"
) -> "Allowance":
    """What the limits of the user's accounts allow in a project."""
    from sow.accounts import Accounts
    from sow.allowance import Allowance

    return Allowance(Accounts(variables), layout.folder, user, variables, settings.environment, time.time)


def check_can_start(turns: "Turns", task: "Task", role: str = "") -> None:
    """Raises NotFound where the program that would play the task is not on this machine, SessionOpen where
    somebody else has its session open.

    To be called before anything is changed; what can't be told by the name is left to the start.
    """
    import shutil
    import uuid

    from sow.config import executor_of
    from sow.errors import NotFound, Refused
    from sow_executors.base import BadSettings, Turn

    turns.check_session(task)
    role = role or task.assigned_agent
    choice = turns.choice(task.replace(assigned_agent=role))
    executor = executor_of(choice)
    # What a start would say is found by asking for its command: an executor starts nothing itself.
    rehearsal = Turn(
        prompt=task.name, folder=turns.layout.folder, scratch=turns.layout.runtime,
        session_id=str(uuid.uuid4()), role=role, task_id=task.id, settings=choice.settings,
        custom_args=choice.custom_args, params=task.params or {},
    )  # fmt: skip
    try:
        executor.spawn(rehearsal)
        names = executor.program(choice.settings)
    except BadSettings as fault:
        raise Refused(
            f"executor {choice.name}: {fault}", "mend it in the file that `sow config path` names"
        ) from fault
    path = turns.environment.get("PATH", os.defpath)
    # A path below the agent's folder is nowhere yet.
    if not any(shutil.which(name, path=path) or ("/" in name and name[0] != "/") for name in names):
        raise NotFound(
            f"no program {names[0]} here: executor {choice.name} ({choice.source}) needs it to be {role}",
            "install it, or choose another executor in the settings: `sow config show`, `sow config init`",
        )


def reviewer(turns: "Turns") -> "Reviewer":
    """What does a person's decisions, with the parts of `turns`."""
    from sow.review import Reviewer

    return Reviewer(
        layout=turns.layout,
        store=turns.store,
        attempts=turns.attempts,
        workspace=turns.workspace,
        checks=turns.repository.checks,
        environment=turns.environment,
        ports=turns.repository.worktree.ports,
    )


def prepare(here: "Places | Plain") -> "list[str]":
    """Makes what sow needs there; says what it made, nothing where all was there."""
    from sow import setup
    from sow.layout import Plain
    from sow.outside import beginning

    return beginning.prepare(here) if isinstance(here, Plain) else setup.prepare(here)


def check_new(
    here: "Places | Plain", plan: "Plan", *, start: "str | None" = None, worktree: bool = True
) -> None:
    """Raises Refused or NotFound for whatever would be in the way of a new project there."""
    from sow import setup
    from sow.layout import Plain
    from sow.outside import beginning

    if isinstance(here, Plain):
        beginning.check_new(here, plan, start=start)
    else:
        setup.check_new(here, plan, start=start, worktree=worktree)


def begin(here: "Places | Plain", plan: "Plan", *, start: "str | None", worktree: bool) -> "Made":
    """Makes a new project there: with a branch where there is git, else in the folder."""
    from sow import setup
    from sow.layout import Plain
    from sow.outside import beginning

    if isinstance(here, Plain):
        return beginning.new_project(here, plan, start=start, store_of=store_of)
    return setup.new_project(here, plan, start=start, worktree=worktree, store_of=store_of)


def finisher(turns: "Turns", tell: "Callable[[str], None]") -> "Finisher | OutsideFinisher":
    """What ends the project, with the parts of `turns`. `tell`: is given a line about each step."""
    from sow.finishing import Finisher
    from sow.outside import ending
    from sow.workspace import Workspace

    if not isinstance(turns.workspace, Workspace):
        return ending.Finisher(
            layout=turns.layout, store=turns.store, attempts=turns.attempts, settings=turns.repository,
            environment=turns.environment, tell=tell,
        )  # fmt: skip
    return Finisher(
        layout=turns.layout,
        places=find.repository(turns.layout.folder),
        store=turns.store,
        attempts=turns.attempts,
        workspace=turns.workspace,
        settings=turns.repository,
        environment=turns.environment,
        tell=tell,
    )


def deleter(turns: "Turns") -> "Deleter | OutsideDeleter":
    """What takes the project away, with the parts of `turns`."""
    from sow.deleting import Deleter
    from sow.outside import ending

    if turns.layout.outside:
        return ending.Deleter(layout=turns.layout, store=turns.store, attempts=turns.attempts)

    return Deleter(
        layout=turns.layout,
        places=find.repository(turns.layout.folder),
        store=turns.store,
        attempts=turns.attempts,
        settings=turns.repository,
    )


def decisions(wanted: "str | None" = None, *, verbose: bool = False) -> "tuple[Turns, Reviewer]":
    """The parts for a person's decision, after what a killed orchestrator left was completed.

    Where an orchestrator lives, it does that itself.
    """
    from sow import lease
    from sow.recovery.restore import RESTORING, restore

    parts = turns(wanted, actor=_actor(), verbose=verbose)
    deciding = reviewer(parts)
    _tell_inbox_at_the_end(parts)
    try:
        held = lease.acquire(f"{parts.layout.locks}/orchestrator.lease", RESTORING)
    except lease.Held:
        return parts, deciding
    try:
        restore(parts, deciding, adopt=False)
    finally:
        held.release()
    return parts, deciding


def _tell_inbox_at_the_end(turns: "Turns") -> None:
    """Has the files of the inbox folder told, once the command has ended, what was decided."""
    import click

    context = click.get_current_context(silent=True)
    if context is None or os.environ.get("SOW_ATTEMPT_ID") or not _names(turns.layout.inbox):
        return

    def tell() -> None:
        try:
            inbox(turns).look()
        except SowError:
            pass  # the next run tells, of this as well

    context.call_on_close(tell)
