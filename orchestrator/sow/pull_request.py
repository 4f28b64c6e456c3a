"""What a pull request says: its title, and its text from tasks, decisions and reviews."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sow.state import Whole
from sow.task import ABANDONED, COMPLETED, Task

LONGEST_TITLE = 120
LONGEST_BODY = 60_000
"""In characters; forges take 65536 and more."""

LONGEST_REVIEW = 10_000

_MARK = re.compile(r"\n*<!-- written by sow, ([0-9a-f]{12}) -->\s*\Z")
"""The last line of a text of ours, with its digest: only one that nobody has changed is written over."""


@dataclass(frozen=True, slots=True)
class Said:
    """A question of an agent's, and what a person answered."""

    task_id: str
    question: str
    answer: str
    by: str


def title(whole: Whole) -> str:
    """The project's description in one line, else its name."""
    words = " ".join(whole.project.get("description", "").split()) or whole.project["name"]
    return words if len(words) <= LONGEST_TITLE else f"{words[: LONGEST_TITLE - 1].rstrip()}…"


def body(
    whole: Whole, decisions: Iterable[Said] = (), reasons: Mapping[str, str] | None = None, review: str = ""
) -> str:
    """The text in Markdown. `reasons`: why tasks were abandoned, by id; `review`: the newest one."""
    tasks = whole.tasks.tasks
    parts = [
        whole.project.get("description", ""),
        _section("What was done", [_done(task) for task in tasks if task.status == COMPLETED]),
        _section("Decisions", [_decision(said) for said in decisions]),
        _section("Abandoned", [_abandoned(t, reasons or {}) for t in tasks if t.status == ABANDONED]),
        _section("Review", [_cut(review.strip(), LONGEST_REVIEW)] if review.strip() else []),
    ]
    text = "\n\n".join(part for part in parts if part)
    # A comment that an agent begins would hide from the reader what comes after it.
    return marked(_cut(text.replace("<!--", "&lt;!--"), LONGEST_BODY))


def marked(text: str) -> str:
    """`text` with the line below by which it is known as ours."""
    return f"{text.strip()}\n\n<!-- written by sow, {_digest(text)} -->\n".lstrip()


def is_ours(text: str) -> bool:
    """Whether a pull request's text may be written over: it is empty, or as sow has written it."""
    found = _MARK.search(text)
    return not text.strip() or (found is not None and found[1] == _digest(text[: found.start()]))


def _digest(text: str) -> str:
    # By words: forges change the ends of lines.
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()[:12]


def decisions(events: Iterable[Mapping[str, Any]]) -> list[Said]:
    """Questions and answers as the event log has them, in the order of the answers."""
    asked: dict[str, str] = {}
    found = []
    for event in events:
        task_id, payload = event.get("task_id"), event.get("payload")
        if not isinstance(task_id, str) or not isinstance(payload, dict):
            continue
        if event.get("type") == "task.paused":
            asked[task_id] = str(payload.get("question", "")) if payload.get("kind") == "question" else ""
        elif event.get("type") == "task.resumed" and payload.get("answer") and asked.get(task_id):
            by = str(payload.get("by", ""))
            found.append(Said(task_id, asked.pop(task_id), str(payload["answer"]), by))
    return found


def reasons(events: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Why tasks were abandoned, by id, as the event log has it."""
    return {
        str(event["task_id"]): str(event["payload"].get("reason", ""))
        for event in events
        if event.get("type") == "task.abandoned" and isinstance(event.get("payload"), dict)
    }


def newest(whole: Whole, kind: str, *, approved: bool = False) -> str | None:
    """The path of the newest output of a type, relative to `.sow/project`; None where there is none."""
    found = [
        held["path"]
        for phase in whole.phases.values()
        for held in phase["outputs"]
        if held["type"] == kind and (held["approved"] or not approved)
    ]
    return found[-1] if found else None


def _section(heading: str, parts: list[str]) -> str:
    return "\n".join([f"## {heading}", "", *parts]) if parts else ""


def _done(task: Task) -> str:
    message = task.result.get("message", "") if task.result else ""
    return _item(f"**{_line(task.name)}** ({task.id})", message)


def _decision(said: Said) -> str:
    by = f", {said.by}" if said.by else ""
    return _item(f"**{_line(said.question)}** (task {said.task_id}{by})", said.answer)


def _abandoned(task: Task, reasons: Mapping[str, str]) -> str:
    reason = _line(reasons.get(task.id, ""))
    return f"- {_line(task.name)} ({task.id})" + (f": {reason}" if reason else "")


def _item(head: str, text: str) -> str:
    """A point of a list, with text of any number of lines inside it."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    if len(lines) < 2:
        return f"- {head}: {lines[0].strip()}" if lines else f"- {head}"
    return "\n".join([f"- {head}:", "", *(f"  {line}".rstrip() for line in lines)])


def _line(text: str) -> str:
    return " ".join(text.split())


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest].rstrip()}\n\n… ({len(text)} characters in all)"
