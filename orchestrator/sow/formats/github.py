"""GitHub issues, as `gh issue list --json` prints them: an open one is a task to do, a closed one is done.

An issue keeps its address with the task, and the task says it to its agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sow.errors import Refused
from sow.formats import (
    Held,
    Raw,
    Reading,
    Routes,
    Standing,
    Wanted,
    own_id,
    source_of,
    states,
    texts,
)
from sow.task import ABANDONED, COMPLETED, PENDING, Task

if TYPE_CHECKING:
    from sow_schemas import documents

NAME = "github"

FIELDS = ("number", "title", "body", "labels", "state", "stateReason", "url")
"""The fields of an issue that are asked for."""

TRANSITIONS = {"OPEN": ("CLOSED", "NOT_PLANNED"), "CLOSED": (), "NOT_PLANNED": ()}
"""From a status to those that one step leads to: what was done here stays done when its issue is reopened."""

HERE: dict[str, documents.Status] = {"OPEN": PENDING, "CLOSED": COMPLETED, "NOT_PLANNED": ABANDONED}
"""Each status, and that of the task which is made of it."""


class Issues:
    """The format of GitHub issues."""

    name = NAME
    in_place = False
    is_one = False
    groups: tuple[tuple[str, ...], ...] = (("state", "stateReason"),)
    soft: frozenset[str] = frozenset()

    def fits(self, path: str, text: str) -> bool:
        """Whether it is a JSON list of issues, each with a title and its address."""
        found = texts.listed(text, "issues")
        return bool(found) and isinstance(found[0], dict) and found[0].keys() >= {"title", "url", "state"}

    def read(self, path: str, text: str, base: Mapping[str, Raw]) -> Reading:
        """The issues of a list. Raises Refused for a file that is none."""
        issues, above = texts.tasks(path, text, "issues")
        return texts.reading(issues, above, "url", _check, _twice)

    def wanted(self, raw: Raw, routes: Routes, at: str) -> Wanted:
        """What an issue asks a task to be; the first of its labels that is a known type says who does it."""
        kind = next((name for name in _labels(raw) if name in routes.types), None)
        agent, standing = routes.fallback(), Standing(HERE[self.status(raw)])
        try:
            agent = routes.agent(None, kind) if kind else agent
        except Refused as fault:
            if standing.status == PENDING:
                standing = states.invalid(fault, at)
        body = (raw.get("body") or "").strip()
        return Wanted(
            name=texts.headline(raw["title"]),
            description="\n\n".join(filter(None, (raw["title"], body, f"Issue: {raw['url']}"))),
            agent=agent,
            standing=standing,
            source={"extras": dict(raw)},
        )

    def given(self, held: Held, routes: Routes) -> dict[str, Any]:
        """The issue of a task: as it came, but for whether it is open."""
        task, source = held.task, held.source(NAME)
        raw: dict[str, Any] = dict(source.get("extras") or {})
        if not source:
            raw = {
                "url": self.id_of(task),
                "title": task.name,
                "body": held.description.strip(),
                "labels": [],
            }
        now = {COMPLETED: "CLOSED", ABANDONED: "NOT_PLANNED"}.get(task.status, "OPEN")
        if not source or self.status(raw) != now:
            raw["state"] = "OPEN" if now == "OPEN" else "CLOSED"
            raw["stateReason"] = {"OPEN": "", "CLOSED": "COMPLETED"}.get(now, now)
        return raw

    def id_of(self, task: Task) -> str:
        """The address of an issue, or what stands for one that is always the same for a task of ours."""
        return str(source_of(task, NAME).get("id") or f"urn:uuid:{own_id(task)}")

    def status(self, raw: Raw) -> str:
        """Whether an issue is open, done or not to be done."""
        closed = str(raw.get("state")).upper() == "CLOSED"
        if closed and str(raw.get("stateReason")).upper() == "NOT_PLANNED":
            return "NOT_PLANNED"
        return "CLOSED" if closed else "OPEN"

    def check_step(self, before: str, after: str, *, summed: bool) -> None:
        """Raises Refused for an issue that was reopened."""
        states.check_step(before, after, TRANSITIONS, summed=summed)

    def written(self, text: str, raws: Mapping[str, Raw]) -> str:
        """The list with these issues, each in its place, new ones at the end."""
        return texts.with_tasks(text, "issues", "url", raws)


FORMAT = Issues()


def _twice(address: str, first: str) -> Refused:
    return Refused(f"url: {address} is there already", "take one of them out")


def _check(raw: Any) -> None:
    """Raises Refused for what is no issue."""
    if not isinstance(raw, dict):
        raise Refused(f"that is no issue but {texts.kind(raw)}", f"an issue has {', '.join(FIELDS)}")
    for key in ("title", "url", "state"):
        if not isinstance(raw.get(key), str) or not raw[key].strip():
            raise Refused(f"{key}: should be a text, and is {texts.shown(raw.get(key))}", "ask gh for it")
    if raw["state"].upper() not in ("OPEN", "CLOSED"):
        raise Refused(f"state: {texts.shown(raw['state'])} is none", "the states: OPEN, CLOSED")
    if not isinstance(raw.get("body"), str | None):
        raise Refused(f"body: should be a text, and is {texts.shown(raw['body'])}", "ask gh for it")
    texts.check_characters(raw)


def _labels(raw: Raw) -> list[str]:
    """The names of an issue's labels."""
    held = raw.get("labels")
    found = (
        [one.get("name") if isinstance(one, dict) else one for one in held if one]
        if isinstance(held, list)
        else []
    )
    return [name for name in found if isinstance(name, str)]
