"""Task files: one JSON object a file, `<timestamp>_<task_id>.task.json`, as runners of workspaces have them.

    queued --> running --> done | failed | canceled

What a project does with one is told in the file as a runner would tell it; docs/Task_System_Spec_v0.1.md
is the whole of the format. What has no place there stands under `result`, a key that runners leave alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sow_schemas
from sow.errors import Refused
from sow.formats import Held, Raw, Reading, Routes, Standing, Wanted, id_in, json_text, states, texts
from sow.task import ABANDONED, COMPLETED, IN_PROGRESS, NEEDS_REVIEW, PAUSED, PENDING, Task
from sow.taskfiles import text as one_object

if TYPE_CHECKING:
    from sow_schemas import documents

NAME = "task-file"

KEYS = (
    "task_id", "run_id", "created_at", "status", "type", "requested_by", "tool", "config_snapshot", "input",
    "pipeline", "output", "error", "result",
)  # fmt: skip
"""The keys of a task, in the order in which they are written."""

PARAMS = ("config_snapshot", "input", "pipeline", "output")
"""What a task is done by: its parameters here."""

TRANSITIONS = {
    "queued": ("running", "canceled"),
    "running": ("done", "failed", "canceled"),
    # Nothing leaves these by itself; who wants a task done again writes `queued` into it.
    "failed": ("queued",),
    "canceled": ("queued",),
    "done": (),
}
"""From a status to those that one step leads to."""

HERE: dict[str, documents.Status] = {
    "queued": PENDING,
    # A runner is at work on it: nothing is begun twice, so a person is asked before an agent starts.
    "running": PAUSED,
    "done": COMPLETED,
    "failed": PAUSED,
    "canceled": ABANDONED,
}
"""Each status, and that of the task which is made of it."""

THERE = {
    PENDING: "queued",
    IN_PROGRESS: "running",
    NEEDS_REVIEW: "running",
    COMPLETED: "done",
    ABANDONED: "canceled",
}
"""Each status of a task, and how a file has it; a paused one is failed after a failure, else running."""


class TaskFile:
    """The format of task files."""

    name = NAME
    in_place = False
    is_one = True
    groups: tuple[tuple[str, ...], ...] = (("status", "error", "result"), ("type", *PARAMS))
    soft: frozenset[str] = frozenset()

    def fits(self, path: str, text: str) -> bool:
        """Whether it is one JSON object with a task's id, a status and a pipeline."""
        if text.lstrip("\ufeff \t\r\n")[:1] != "{" or '"pipeline"' not in text:
            return False
        try:
            return {"task_id", "status", "pipeline"}.issubset(texts.parsed("", text))
        except Refused:
            return False

    def read(self, path: str, text: str, base: Mapping[str, Raw]) -> Reading:
        """The one task of a file. Raises Refused for a file that is none."""
        held = one_object.parse(text.encode(), path)
        return texts.reading([held.value], "task", "task_id", _check, _twice)

    def wanted(self, raw: Raw, routes: Routes, at: str) -> Wanted:
        """What a record asks a task to be; one that nobody can do as it is has failed."""
        params = {key: raw[key] for key in PARAMS if key in raw}
        agent, standing = routes.fallback(), _standing(raw, at)
        try:
            agent = routes.agent(None, raw["type"]) if raw.get("type") else agent
            routes.check(raw.get("type"), params)
        except Refused as fault:
            if raw["status"] == "queued":
                standing = states.invalid(fault, at)
        description = _description(raw)
        return Wanted(
            name=texts.headline(description),
            description=description,
            agent=agent,
            standing=standing,
            source={"extras": {key: value for key, value in raw.items() if key not in _TOLD or value == ""}},
            task_type=raw.get("type") or None,
            params=params,
            created_at=texts.moment(raw.get("created_at")),
        )

    def given(self, held: Held, routes: Routes) -> dict[str, Any]:
        """The record of a task: in the words in which it came, where they still hold."""
        task, source = held.task, held.source(NAME)
        extras: Mapping[str, Any] = source.get("extras") or {}
        raw: dict[str, Any] = {"task_id": self.id_of(task), **extras}
        if source:
            params = task.params or {}
            raw |= {key: params[key] for key in PARAMS if key in params}
            raw |= {"type": task.task_type} if task.task_type else {}
        else:
            what = {"name": task.name, "description": held.description.strip()}
            raw |= {"created_at": task.created_at, "type": task.task_type or task.assigned_agent}
            raw |= {"input": what, "pipeline": [task.assigned_agent]}
        if not source or not states.is_as_it_came(task, _came(extras), HERE):
            raw |= _state(task, extras)
        return {**{key: raw[key] for key in KEYS if key in raw}, **raw}

    def id_of(self, task: Task) -> str:
        """The id with which a task came, or one that is always the same for a task of ours."""
        return id_in(task, NAME)

    def status(self, raw: Raw) -> str:
        """The status of a record."""
        return str(raw.get("status"))

    def check_step(self, before: str, after: str, *, summed: bool) -> None:
        """Raises Refused for a step that is not in the table, or for a sum of steps to which none leads."""
        states.check_step(before, after, TRANSITIONS, summed=summed)

    def written(self, text: str, raws: Mapping[str, Raw]) -> str:
        """The file with its task as it is now; in the file as it was nothing else is another."""
        if not text.strip():
            if len(raws) != 1:
                raise Refused(
                    f"a task file holds one task, and there are {len(raws):,}",
                    "name the file that one came from: --output FILE; or give out all: --format task-list",
                )
            return json.dumps(dict(next(iter(raws.values()))), indent=2, ensure_ascii=False) + "\n"
        held = one_object.parse(text.encode(), "the file")
        if others := [name for name in raws if name != held.value.get("task_id")]:
            raise Refused(
                f"the file is one task, and has no place for {others[0]}", "export to a file of its own"
            )
        for raw in raws.values():
            text = json_text.edited(text, raw)
        return text


FORMAT = TaskFile()

_TOLD = ("task_id", "type", *PARAMS)
"""Keys that a task says itself; the words of all others are kept."""


def _twice(task_id: str, first: str) -> Refused:
    return Refused(f"task_id: {task_id} is there already", "give it one of its own")


def _check(raw: Any) -> None:
    """Raises Refused for what is no task of a runner's."""
    known = sow_schemas.fields("task_file")
    value = {key: part for key, part in raw.items() if key in known}
    for problem in sow_schemas.problems("task_file", value):
        raise Refused(
            f"{problem.where}: {problem.message}" if problem.where else problem.message, problem.hint
        )
    texts.check_characters(raw)


def _came(extras: Mapping[str, Any]) -> str:
    return str(extras.get("status"))


def _standing(raw: Raw, at: str) -> Standing:
    """Where the task of a record stands."""
    status = str(raw["status"])
    result = raw["result"] if states.is_result(raw.get("result")) else None
    match status:
        case "running":
            who = "a runner is at work on it (running); answer to have an agent here take it over"
            return Standing(PAUSED, who, result=result)
        case "failed":
            told = texts.headline(raw.get("error") or "") or "it failed"
            error: documents.TaskError = {
                "error_type": "runtime", "message": told, "timestamp": at, "retry_count": 0,
                "is_retryable": True,
            }  # fmt: skip
            if raw.get("error"):
                error["traceback"] = raw["error"]
            return Standing(PAUSED, told, "failure", result, error)
    return Standing(HERE[status], result=result)


def _state(task: Task, extras: Mapping[str, Any]) -> dict[str, Any]:
    """Where a task stands and what came of it, as a runner would tell it."""
    now: dict[str, Any] = {"status": _status(task), "error": None}
    if task.question and now["status"] == "failed":
        error: Mapping[str, Any] = task.error or {}
        now["error"] = error.get("traceback") or error.get("message") or task.question["text"]
    if result := states.payload(task):
        now["result"] = result
    elif states.is_result(extras.get("result")):
        now["result"] = None
    return now


def _status(task: Task) -> str:
    if task.status == PAUSED:
        return "failed" if task.question and task.question["kind"] == "failure" else "running"
    return THERE[task.status]


def _description(raw: Raw) -> str:
    """What is to be done, for an agent that knows nothing of runners."""
    if isinstance(raw.get("description"), str) and raw["description"].strip():
        head = raw["description"].strip()
    else:
        kind = f"{raw['type']} " if raw.get("type") else ""
        head = f"{kind}{raw['task_id']}: {', then '.join(raw['pipeline']) or 'nothing to be done'}"
    parts = [head]
    for title, key in (
        ("It takes in", "input"),
        ("It brings out", "output"),
        ("Settings", "config_snapshot"),
    ):
        if raw.get(key):
            rows = "\n".join(f"- {name}: {_word(value)}" for name, value in raw[key].items())
            parts.append(f"{title}:\n\n{rows}")
    return "\n\n".join(parts)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
