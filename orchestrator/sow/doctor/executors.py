"""The agents' programs: whether they are there, which version, and whether somebody is logged in.

A program must be there if a role is bound to it, if it is configured, or if a
task waits for it; any other is only told. Each is asked in the environment
that its agents will have, and of secrets it is only told that they are there.
"""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from sow import roles
from sow.accounts import Accounts
from sow.config import (
    ExecutorChoice,
    RepositoryConfig,
    UserConfig,
    bad_settings,
    check,
    executor_of,
    user_path,
)
from sow.config.reading import Source
from sow.config.repository import repository_path
from sow.contract import leftovers
from sow.doctor.finding import Finding, Level, error, note, ok, told, warning
from sow.doctor.scene import Scene
from sow.errors import SowError
from sow.pool import words
from sow.runner import environment
from sow.task import ENDED, Task
from sow_executors import catalog
from sow_executors.base import BadSettings, Command, Executor, Turn
from sow_executors.extras import Answer, Examined, Login
from sow_executors.lines import one_line

VERSION_SECONDS = 20.0
"""A program of 200 MB that nobody started today takes some."""
LOGIN_SECONDS = 20.0
"""A CLI may ask its servers."""

_AT_ONCE = 8
_SESSION = "0b6c1f0e-4a63-4f0e-9a55-1d8f6c2a7b10"


@dataclass(frozen=True, slots=True)
class Subject:
    """An executor, and who counts on it."""

    choice: ExecutorChoice
    roles: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    """Those that go on in a session of it, whatever is bound now."""
    needed: bool = False

    @property
    def whom(self) -> str:
        """Whom it plays, for people."""
        if self.roles:
            return f"for {', '.join(self.roles)}"
        if self.tasks:
            return f"for task {', '.join(self.tasks[:5])}{' …' if len(self.tasks) > 5 else ''}"
        return "configured, and bound to no role" if self.needed else "no role is bound to it"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of an executor's program."""

    program: str | None = None
    """Its path."""
    version: str = ""
    login: Login | None = None
    """None where it was not asked, or gave no answer."""
    wrong: str = ""
    """Why no agent can be started."""
    unsure: str = ""
    """What could not be found out."""
    mend: str = ""


# -- settings --------------------------------------------------------------------------------------


def settings(scene: Scene) -> Iterator[Finding]:
    """The user's settings can be read, and what they, the variables and the tasks name is there."""
    shared = repository_path(scene.main) if scene.main else None
    every = check.everything(scene.environment, scene.main)
    found = [one for one in every if one.source.file != shared]
    for one in found:
        place = f"{one.source}: " if one.source.file else ""
        yield (note if one.is_note else error)(f"{place}{one.message}", one.hint)
    if isinstance(scene.user, UserConfig):
        for task in _open_tasks(scene):
            if name := _goes_on_in(task):
                yield from _raised(scene.user, name, f"task {task.id}, which has a session of it")
    if not found:
        path = user_path(scene.environment)
        yield ok(f"{path} is valid" if os.path.exists(path) else "no settings of yours: the defaults hold")


def _raised(user: UserConfig, name: str, source: str) -> Iterator[Finding]:
    try:
        user.named(name, source)
    except SowError as fault:
        yield told(fault)


# -- programs --------------------------------------------------------------------------------------


def programs(scene: Scene) -> Iterator[Finding]:
    """The programs of the executors, asked side by side."""
    if isinstance(scene.user, SowError):
        yield note("executors: not looked at, because your settings can't be read")
        return
    with ThreadPoolExecutor(_AT_ONCE, "executor") as pool:
        found = subjects(scene.user, scene)
        yield from map(judged, found, pool.map(lambda subject: examined(subject, scene), found))


def checks(scene: Scene) -> Iterator[Finding]:
    """No check was killed in the middle."""
    for folder in leftovers.left():
        yield warning(
            f"{folder}: a check of an executor was killed; its agent may still run",
            "end and remove it by another one: `sow executor check NAME --offline`",
            folder=folder,
        )


def limits(scene: Scene) -> Iterator[Finding]:
    """The limits of the user's accounts that were met, or warned of."""
    now = time.time()
    for pool in Accounts(scene.environment).all(now):
        for line in words(pool, now):
            mend = "try at once all the same: `sow task retry ID` of one of them, then `sow run`"
            waits = any(met.until > now for met in pool.limits)
            yield note(line, mend if waits else "", account=pool.account)


def subjects(user: UserConfig, scene: Scene) -> list[Subject]:
    """The executors that there are: those that play a role, the configured ones, all others."""
    found: dict[str, Subject] = {}

    def add(name: str, source: str, *, role: str = "", task: str = "", needed: bool = False) -> None:
        try:
            held = found.get(name) or Subject(user.named(name, source))
        except SowError:
            return  # told with the settings
        played = (*held.roles, role) if role else held.roles
        tasks = (*held.tasks, task) if task else held.tasks
        found[name] = replace(held, roles=played, tasks=tasks, needed=held.needed or needed)

    chosen = {role: user.bound(role, scene.environment) for role in _roles(scene)}
    anything = any(source != Source() for _, source in chosen.values())
    tasks = _open_tasks(scene)
    awaited = {task.assigned_agent for task in tasks if not _goes_on_in(task)}
    for role, (name, source) in chosen.items():
        # A default that nobody chose counts where it is all there is, or where a task waits for it.
        counts = source != Source() or not anything or role in awaited
        add(name, str(source), role=role, needed=counts)
    for task in tasks:
        if goes_on := _goes_on_in(task):
            add(goes_on, f"task {task.id}", task=task.id, needed=True)
    for name in user.executors:
        add(name, user.path, needed=True)
    played = {subject.choice.type for subject in found.values()}
    for name in catalog.names():
        if name not in played and _is_complete(name):
            add(name, str(Source()))
    return list(found.values())


def listed(user: UserConfig, scene: Scene) -> list[tuple[Subject, Seen]]:
    """Every executor that there is, types that lack settings too, each with what is seen of its program."""
    found = subjects(user, scene)
    played = {subject.choice.type for subject in found}
    found += [Subject(user.named(name, str(Source()))) for name in catalog.names() if name not in played]
    with ThreadPoolExecutor(_AT_ONCE, "executor") as pool:
        try:
            return list(zip(found, pool.map(lambda subject: examined(subject, scene), found), strict=True))
        except KeyboardInterrupt:
            scene.asker.end()
            raise


def _roles(scene: Scene) -> tuple[str, ...]:
    return roles.known(scene.main) if scene.main else roles.BUILT_IN


def _open_tasks(scene: Scene) -> list[Task]:
    """The tasks that have not ended."""
    every = (task for store in scene.stores for task in store.tasks().tasks)
    return [task for task in every if task.status not in ENDED]


def _goes_on_in(task: Task) -> str:
    """The executor that a task goes on in, because it has a session of it; empty for none."""
    return task.executor or "" if task.session_id and not task.fresh else ""


def _is_complete(name: str) -> bool:
    """Whether an executor of that type is one without any settings."""
    try:
        return bool(catalog.get(name, {}).program({}))
    except (BadSettings, catalog.BrokenExecutor):
        return False


def examined(subject: Subject, scene: Scene) -> Seen:
    """What is seen of an executor's program: it is asked for its version, and who is logged in."""
    choice = subject.choice
    try:
        executor = executor_of(choice)
        names = _checked(executor, choice)
    except SowError as fault:
        return Seen(wrong=str(fault).removeprefix(f"executor {choice.name}: "), mend=fault.hint)
    program = _found(names, scene.environment.get("PATH", os.defpath))
    if program is None:
        mend = "install it, or bind these roles to another executor: `sow config show`, `sow config path`"
        sought = "" if any("/" in name for name in names) else " on the PATH"
        return Seen(wrong=f"no program {' or '.join(names)}{sought}", mend=mend)
    if not isinstance(executor, Examined):
        return Seen(program)
    env = environment.build(scene.environment, (*executor.environment, *passed(scene)), {})

    def ask(command: Command, seconds: float) -> Answer:
        return scene.asker.ask(command, env, seconds)

    return _asked(executor, program, scene.main or scene.folder, env, ask)


def judged(subject: Subject, seen: Seen) -> Finding:
    """What it means that this was seen: no error where nobody needs the executor."""
    login = seen.login.there if seen.login else None
    what = f"{os.path.basename(seen.program or '')} {seen.version}".strip()
    words = [f"{what} ({seen.program})"] if seen.program else []
    words += [word for word in (seen.wrong, seen.unsure) if word]
    if seen.login and login:
        words.append(f"logged in by {seen.login.by}" if seen.login.by else "logged in")
    bad = bool(seen.wrong) or login is False
    level: Level = "ok" if subject.roles or subject.needed else "note"
    if bad or seen.unsure:
        level = "note" if not subject.needed else "error" if bad else "warning"
    if login is False:
        words.append("nobody is logged in")
    facts = {
        "name": subject.choice.name, "type": subject.choice.type, "roles": list(subject.roles),
        "tasks": list(subject.tasks), "needed": subject.needed, "program": seen.program,
        "version": seen.version or None, "logged_in": login,
    }  # fmt: skip
    mend = seen.mend if subject.needed else ""
    return Finding(level, f"{subject.choice.name}: {', '.join(words)}; {subject.whom}", mend, facts)


def _asked(
    executor: Examined,
    program: str,
    folder: str,
    env: Mapping[str, str],
    ask: Callable[[Command, float], Answer],
) -> Seen:
    """What the program itself says of its version, and of whether somebody is logged in."""
    try:
        answer = ask(executor.asks_version(program, folder), VERSION_SECONDS)
    except SowError as fault:
        return Seen(program, wrong=str(fault), mend=fault.hint)
    version = executor.version(answer)
    if not version:
        said = one_line(f"{answer.out} {answer.err}", 80) or "nothing"
        wrong = f"it is another program of that name, or a version that sow does not know: it says {said!r}"
        mend = "put the right one first on the PATH, or give its path as `program` in the executor's settings"
        return Seen(program, wrong=wrong, mend=mend)
    question = executor.asks_login(program, folder)
    try:
        answer = ask(question, LOGIN_SECONDS) if question else Answer("")
    except SowError as fault:
        return Seen(program, version, unsure=f"whether somebody is logged in: {fault}", mend=fault.hint)
    login = executor.login(answer, env)
    log_in = f"`{shlex.join(executor.logs_in(os.path.basename(program)))}`"
    if login.there is None:
        unsure = "it does not tell whether somebody is logged in"
        return Seen(program, version, login, unsure=unsure, mend=f"if nobody is: {log_in}")
    return Seen(program, version, login, mend="" if login.there else f"log in: {log_in}")


def _checked(executor: Executor, choice: ExecutorChoice) -> tuple[str, ...]:
    """The names of the program, once the executor has found no fault with its settings."""
    # What a start would say is found by asking for its command. A script may come with the task.
    rehearsal = Turn(
        prompt="", folder="/", scratch="/", session_id=_SESSION, settings=choice.settings,
        custom_args=choice.custom_args, params={"script": "rehearsal.yaml"},
    )  # fmt: skip
    try:
        executor.spawn(rehearsal)
        return executor.program(choice.settings)
    except BadSettings as fault:
        raise bad_settings(choice.name, fault) from fault


def _found(names: tuple[str, ...], path: str) -> str | None:
    """Where the program is. One with a path below the agent's folder is nowhere yet, and taken as it is."""
    for name in names:
        if "/" in name and not os.path.isabs(name):
            return name
        if found := shutil.which(name, path=path):
            return found
    return None


def passed(scene: Scene) -> tuple[str, ...]:
    """The variables that the repository passes to its agents, as patterns."""
    return scene.settings.environment if isinstance(scene.settings, RepositoryConfig) else ()
