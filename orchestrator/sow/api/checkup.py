"""What is wrong here, and whether the agents' programs keep what sow counts on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sow import __version__, roles
from sow.api.caller import Caller
from sow.config import UserConfig
from sow.contract import checking, leftovers
from sow.contract.checking import Check, Checked
from sow.contract.plan import Part
from sow.doctor import executors, scene
from sow.doctor.examination import Entry, Room, examine
from sow.doctor.executors import Seen, Subject
from sow.doctor.finding import Level
from sow.doctor.scene import Scene
from sow.errors import NotFound, Refused, SowError
from sow.result import Result


@dataclass(slots=True)
class Examination(Result):
    """Everything that the doctor looks at: iterated, it looks, and gives each finding as it is made."""

    scene: Scene
    entries: list[Entry] = field(default_factory=list)
    """What was found so far."""
    others: Mapping[str, Room] = field(default_factory=dict)
    """What is here instead of a project: a workspace of task files."""

    def __iter__(self) -> Iterator[Entry]:
        for entry in examine(self.scene, others=self.others):
            self.entries.append(entry)
            yield entry

    @property
    def levels(self) -> Counter[Level]:
        """How many findings there are of each level, so far."""
        return Counter(entry.finding.level for entry in self.entries)

    def as_json(self) -> Any:
        """As `sow doctor --json` prints it, once all is seen."""
        levels = self.levels
        return {
            "sow": __version__,
            "folder": self.scene.folder,
            "repository": self.scene.main,
            "ok": not levels["error"],
            "errors": levels["error"],
            "warnings": levels["warning"],
            "findings": [
                {
                    "room": entry.room,
                    "check": entry.check,
                    "level": entry.finding.level,
                    "text": entry.finding.text,
                    "mend": entry.finding.mend or None,
                    "facts": dict(entry.finding.facts),
                }
                for entry in self.entries
            ],
        }


@dataclass(frozen=True, slots=True)
class Executor(Result):
    """An agent CLI that can be used, and what is seen of its program."""

    subject: Subject
    seen: Seen

    @property
    def plays_all(self) -> bool:
        """Whether it plays every role that sow has itself."""
        return set(roles.BUILT_IN) <= set(self.subject.roles)

    def as_json(self) -> Any:
        """A row of what `sow executor list --json` prints."""
        subject, seen = self.subject, self.seen
        return {
            "name": subject.choice.name,
            "type": subject.choice.type,
            "roles": list(subject.roles),
            "tasks": list(subject.tasks),
            "program": seen.program,
            "version": seen.version or None,
            "logged_in": seen.login.there if seen.login else None,
            "login": (seen.login.by or None) if seen.login else None,
            "problem": seen.wrong or seen.unsure or None,
        }


@dataclass(frozen=True, slots=True)
class Trial:
    """A check of one executor that can be made: what is looked at, and what was seen of its program."""

    scene: Scene
    made: Check
    seen: Seen

    @property
    def program(self) -> str:
        """The program and its version."""
        return f"{os.path.basename(self.seen.program or '')} {self.seen.version}".strip()


@dataclass(frozen=True, slots=True)
class Tried(Result):
    """What came out of a check."""

    trial: Trial
    checked: Checked

    def as_json(self) -> Any:
        """As `sow executor check --json` prints it."""
        made, checked, seen = self.trial.made, self.checked, self.trial.seen
        return {
            "sow": __version__,
            "executor": made.choice.name,
            "type": made.choice.type,
            "program": seen.program,
            "version": seen.version or None,
            "offline": made.is_free,
            "model": checked.model or made.model or None,
            "ok": not checked.fails,
            "rows": [{"what": row.what, "holds": row.holds, "seen": row.seen} for row in checked.rows],
            "kept": checked.kept,
        }


def examination(caller: Caller, project: str | None) -> Examination:
    """What the doctor looks at from the caller's folder.

    `project`: the name or folder of one to look at alone. Raises NotFound for one that is not there.
    """
    found = scene.look(caller.folder, caller.environment, project)
    folder = caller.task_files(project)
    if not folder:
        return Examination(found)
    from sow.taskfiles import health

    return Examination(found, others=health.rooms(folder, caller.environment))


def listed(caller: Caller, project: str | None) -> tuple[list[Executor], list[SowError]]:
    """The executors, and what is wrong with their settings. Raises Refused where these can't be read."""
    found, user = _scene(caller, project)
    rows = [Executor(subject, seen) for subject, seen in executors.listed(user, found)]
    faults = [each for each in executors.settings(found) if each.level == "error"]
    return rows, [Refused(each.text, each.mend) for each in faults]


def trial(caller: Caller, project: str | None, name: str, *, offline: bool) -> Trial:
    """A check of an executor, before anything is called.

    Raises NotFound where its program is not there, Refused where it can't be checked so.
    """
    found, user = _scene(caller, project)
    choice = user.named(name, "the command line")
    made = checking.made(choice, offline=offline)
    seen = executors.examined(Subject(choice), found)
    if seen.program is None:
        raise NotFound(f"executor {name}: {seen.wrong}", seen.mend)
    if seen.wrong:
        raise Refused(f"executor {name}: {seen.wrong}", seen.mend)
    if not made.is_free and seen.login and seen.login.there is False:
        raise Refused(f"executor {name}: nobody is logged in to {seen.program}", seen.mend)
    return Trial(found, made, seen)


def tried(caller: Caller, trial: Trial, *, keep: bool, note: Callable[[Part], None]) -> Tried:
    """Makes a check: a few short turns in a scratch folder. `note`: is told of each before it is taken."""
    for left in leftovers.clear():
        caller.tell(f"removed what a check left that was killed: {left}")
    checked = checking.taken(
        trial.made, trial.scene.environment, patterns=executors.passed(trial.scene), keep=keep, note=note
    )
    return Tried(trial, checked)


def _scene(caller: Caller, project: str | None) -> tuple[Scene, UserConfig]:
    found = scene.look(caller.folder, caller.environment, project)
    if isinstance(found.user, SowError):
        raise found.user
    return found, found.user
