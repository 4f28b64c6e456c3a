"""A whole project as one document: the form in which the original program keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sow import original
from sow.errors import Refused
from sow.result import Result
from sow.state import Broken
from sow.store import Store


@dataclass(frozen=True, slots=True)
class WholeProject(Result):
    """A project with its phases, and its tasks inside of them."""

    document: Mapping[str, Any]
    """As the schema `project_state` has it."""
    broken: tuple[Broken, ...]
    """The files of tasks that could not be taken, and are left out."""

    def as_json(self) -> Any:
        """The document."""
        return dict(self.document)

    def yaml(self) -> str:
        """The document as the file that the original program reads."""
        return original.text(dict(self.document))


def of(store: Store, *, strict: bool) -> WholeProject:
    """A project as it stands. `strict`: only what the original program knows, or Refused is raised."""
    whole = store.whole()
    for broken in whole.tasks.broken if strict else ():
        raise Refused(broken.message, broken.hint)
    return WholeProject(original.given(whole) if strict else original.one(whole), whole.tasks.broken)
