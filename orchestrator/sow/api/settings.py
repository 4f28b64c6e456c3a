"""The settings that hold: the user's, the repository's, and who plays which role by them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sow import caps, find, roles
from sow.api.caller import Caller
from sow.config import UserConfig, user_path
from sow.config.reading import Source
from sow.config.repository import repository_path
from sow.errors import SowError
from sow.result import Result
from sow_executors import catalog

if TYPE_CHECKING:
    from sow.config.check import Finding
    from sow.config.file import Draft
    from sow.config.settings import Setting


@dataclass(frozen=True, slots=True)
class Played(Result):
    """Who plays a role."""

    role: str
    executor: str
    source: Source
    """Where that is said."""
    type: str | None = None
    """Of the executor; None where there is no such."""
    settings: Mapping[str, Any] | None = None
    custom_args: tuple[str, ...] = ()
    fault: SowError | None = None
    """Why nobody can play it."""

    def as_json(self) -> Any:
        """A row of `roles` in what `sow config show --json` prints."""
        return {
            "role": self.role,
            "executor": self.executor,
            "source": source_as_json(self.source),
            "type": self.type,
            "settings": dict(self.settings or {}),
            "custom_args": list(self.custom_args),
            "error": str(self.fault) if self.fault else None,
        }


@dataclass(frozen=True, slots=True)
class SettingsPage(Result):
    """Every setting, with where it was given."""

    path: str
    """Of the user's file."""
    user: tuple[Setting, ...]
    repository_path: str | None
    """Of the repository's file; None outside of one."""
    repository: tuple[Setting, ...]
    roles: tuple[Played, ...]

    @property
    def types(self) -> tuple[str, ...]:
        """The types of executors that there are."""
        return tuple(catalog.names())

    def as_json(self) -> Any:
        """As `sow config show --json` prints it."""
        shared = self.repository_path
        return {
            "user": _file(self.path, self.user),
            "repository": _file(shared, self.repository) if shared else None,
            "roles": [each.as_json() for each in self.roles],
            "types": list(self.types),
        }


@dataclass(frozen=True, slots=True)
class SettingsChecked(Result):
    """All that is wrong with the settings."""

    files: tuple[str, ...]
    """The paths of those that were looked at, be they there or not."""
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> list[Finding]:
        """Those that are no mere notes."""
        return [finding for finding in self.findings if not finding.is_note]

    def as_json(self) -> Any:
        """As `sow config validate --json` prints it."""
        rows = [finding_as_json(finding) for finding in self.findings]
        return {"valid": not self.wrong, "files": list(self.files), "findings": rows}


class Settings:
    """The settings that hold for a caller. It holds no state: whatever is asked is read anew."""

    def __init__(self, caller: Caller, main: str | None) -> None:
        """`main`: the folder whose `.sow/` is meant; None where there is none. For `Repository.settings`."""
        self._caller, self._main = caller, main

    @property
    def path(self) -> str:
        """Where the user's settings lie, be they there or not."""
        return user_path(self._caller.environment)

    def init(self) -> str:
        """Writes a file of settings to begin with; gives its path. Raises Refused where there is one."""
        from sow.config import file

        file.begin(self.path)
        return self.path

    def show(self) -> SettingsPage:
        """Every setting, with where it was given. Raises Refused for a file that is wrong."""
        from sow.config import settings as every

        user = UserConfig.read(self._caller.environment)
        return SettingsPage(
            path=user.path,
            user=tuple(every.of_user(user, self._roles, self._caller.environment)),
            repository_path=repository_path(self._main) if self._main else None,
            repository=tuple(every.of_repository(self._main)) if self._main else (),
            roles=tuple(self._played(user, role) for role in self._roles),
        )

    def validate(self) -> SettingsChecked:
        """All that is wrong with the settings, and with the variables."""
        from sow.config import check

        found = check.everything(self._caller.environment, self._main)
        paths = [self.path, *([repository_path(self._main)] if self._main else [])]
        return SettingsChecked(tuple(paths), tuple(found))

    def reset(self) -> str | None:
        """Moves the user's file aside, so that the defaults hold; gives its new path, None for no file."""
        from sow.config import file

        return file.set_aside(self.path, time.time())

    def draft(self, kept: str | None = None) -> Draft:
        """A draft of the user's file, to be edited and put in its place.

        `kept`: the path of one that was kept. Raises NotFound where that is gone.
        """
        from sow.config.file import Draft

        return Draft.again(self.path, self._caller.path(kept)) if kept else Draft.begin(self.path)

    def drafts(self) -> list[str]:
        """The paths of the drafts that were kept."""
        from sow.config import file

        return file.drafts(self.path)

    def check(self, draft: Draft, held: bytes) -> list[Finding]:
        """What is wrong with the text of a draft."""
        from sow.config import check

        return check.user_text(held, draft.path, self._roles)

    def executors(self) -> dict[str, str]:
        """The names by which an executor can be chosen, each with its type: the user's own, and the types."""
        from sow.config.user import names, type_by_name

        configured = UserConfig.read(self._caller.environment).executors
        kinds = {name: str(held["type"]) for name, held in configured.items()}
        return {name: kinds.get(name) or type_by_name(name) for name in names(configured)}

    @property
    def _roles(self) -> tuple[str, ...]:
        return roles.known(self._main) if self._main else roles.BUILT_IN

    def _played(self, user: UserConfig, role: str) -> Played:
        """Who plays a role; with the complaint where nobody can."""
        name, source = user.bound(role, self._caller.environment)
        try:
            choice = user.named(name, str(source))
        except SowError as fault:
            return Played(role, name, source, fault=fault)
        held = {**choice.settings, **caps.settings(choice.caps)}
        return Played(role, name, source, choice.type, held, tuple(choice.custom_args))


def of(caller: Caller, project: str | None) -> Settings:
    """The settings for a folder, the caller's own where `project` is None."""
    if project:
        return Settings(caller, caller.at(project).place().main)
    found = find.maybe_place(caller.folder)
    return Settings(caller, found.main if found else None)


def source_as_json(source: Source) -> dict[str, Any]:
    """Where a setting was given."""
    if source.variable:
        return {"kind": "environment", "variable": source.variable}
    if source.file:
        return {"kind": "file", "path": source.file, "line": source.line or None}
    return {"kind": "default"}


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """One thing that a check found."""
    return {
        "severity": "note" if finding.is_note else "error",
        "source": source_as_json(finding.source),
        "field": finding.field or None,
        "value": finding.value,
        "message": finding.message,
        "hint": finding.hint,
    }


def _file(path: str, shown: Iterable[Setting]) -> dict[str, Any]:
    rows = [{"key": each.key, "value": each.value, "source": source_as_json(each.source)} for each in shown]
    return {"path": path, "exists": os.path.exists(path), "settings": rows}
