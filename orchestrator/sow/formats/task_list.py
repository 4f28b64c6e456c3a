"""Task lists: `master_task_list.json` and `runtime/task_list.json`, which several agents share.

    PENDING --> IN_PROGRESS --> COMPLETED | CANCELLED
     ^    \\         |
     |     v        v
     +--- FAILED, BLOCKED

The statuses and their table are data; docs/reference/formats.md says what each becomes here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from sow.clock import is_unset
from sow.errors import Refused
from sow.formats import (
    Held,
    Raw,
    Reading,
    Routes,
    Standing,
    Wanted,
    id_in,
    states,
    texts,
)
from sow.task import ABANDONED, COMPLETED, IN_PROGRESS, NEEDS_REVIEW, PAUSED, PENDING, PRIORITIES, Task

if TYPE_CHECKING:
    from sow_schemas import documents

NAME = "task-list"

KEYS = (
    "task_id", "description", "status", "priority", "task_type", "params", "assigned_to", "target_agent",
    "depends_on", "result_summary", "result", "source_file", "module", "original_line",
    "timestamp_created_utc", "timestamp_updated_utc", "timestamp_aggregated_utc",
)  # fmt: skip
"""The keys of a task, in the order in which they are written."""

STATUSES = ("PENDING", "IN_PROGRESS", "COMPLETED", "FAILED", "BLOCKED", "CANCELLED")

SYNONYMS = {
    "TODO": "PENDING",
    "CLAIMED": "IN_PROGRESS",
    "RUNNING": "IN_PROGRESS",
    "WORKING": "IN_PROGRESS",
    "PROCESSING": "IN_PROGRESS",
    "CANCELED": "CANCELLED",
}

TRANSITIONS = {
    "PENDING": ("IN_PROGRESS", "FAILED"),
    "IN_PROGRESS": ("COMPLETED", "FAILED", "CANCELLED", "BLOCKED"),
    "FAILED": ("PENDING",),
    "BLOCKED": ("PENDING",),
    "COMPLETED": (),
    "CANCELLED": (),
}
"""From a status to those that one step leads to."""

HERE: dict[str, documents.Status] = {
    "PENDING": PENDING,
    # Somebody else is at work on it: nothing is begun twice, so a person is asked before an agent starts.
    "IN_PROGRESS": PAUSED,
    "COMPLETED": COMPLETED,
    "FAILED": PAUSED,
    "BLOCKED": PAUSED,
    "CANCELLED": ABANDONED,
}
"""Each status, and that of the task which is made of it."""

THERE = {
    PENDING: "PENDING",
    IN_PROGRESS: "IN_PROGRESS",
    NEEDS_REVIEW: "IN_PROGRESS",
    COMPLETED: "COMPLETED",
    ABANDONED: "CANCELLED",
}
"""Each status of a task, and how the list has it; a paused one is FAILED after a failure, else BLOCKED."""

_CARRIED = (
    "status", "module", "target_agent", "assigned_to", "result_summary", "timestamp_created_utc",
    "timestamp_updated_utc", "timestamp_aggregated_utc",
)  # fmt: skip
"""Keys whose words are always kept: whether they are still true is told by them."""

_TEXTS = (
    "assigned_to", "target_agent", "result_summary", "source_file", "module", "timestamp_created_utc",
    "timestamp_updated_utc", "timestamp_aggregated_utc",
)  # fmt: skip


class TaskList:
    """The format of task lists."""

    name = NAME
    in_place = False
    is_one = False
    groups: tuple[tuple[str, ...], ...] = (
        ("status", "result", "result_summary", "assigned_to"),
        ("task_type", "params", "target_agent"),
    )
    soft = frozenset(("timestamp_updated_utc",))

    def fits(self, path: str, text: str) -> bool:
        """Whether it is JSON with a list of tasks that have a `task_id`."""
        tasks = texts.listed(text, "tasks")
        return bool(tasks) and all(isinstance(one, dict) and "task_id" in one for one in tasks[:1])

    def read(self, path: str, text: str, base: Mapping[str, Raw]) -> Reading:
        """The tasks of a list. Raises Refused for a file that is none."""
        tasks, above = texts.tasks(path, text, "tasks")
        return texts.reading(tasks, above, "task_id", _check, _twice)

    def wanted(self, raw: Raw, routes: Routes, at: str) -> Wanted:
        """What a record asks a task to be; one that nobody can do as it is has failed."""
        status = self.status(raw)
        agent, standing = routes.fallback(), _standing(raw, status, at)
        try:
            agent = routes.agent(raw.get("target_agent"), raw["task_type"])
            routes.check(raw["task_type"], raw.get("params"))
        except Refused as fault:
            # The list's table lets only a pending task fail at once.
            if status == "PENDING":
                standing = states.invalid(fault, at)
        description = raw["description"].strip()
        return Wanted(
            name=texts.headline(description),
            description=description,
            agent=agent,
            standing=standing,
            source=_source(raw, self._plain_of(raw)),
            task_type=raw["task_type"],
            params=raw.get("params") or None,
            priority=_priority(raw),
            depends_on=tuple(dict.fromkeys(raw.get("depends_on") or ())),
            created_at=texts.moment(raw.get("timestamp_created_utc")),
        )

    def given(self, held: Held, routes: Routes) -> dict[str, Any]:
        """The record of a task: in the words in which it came, where they still hold."""
        task, source = held.task, held.source(NAME)
        extras: Mapping[str, Any] = source.get("extras") or {}
        now = _plain(held, source, self.id_of(task))
        now |= _state(task, extras, is_ours=not source)
        now |= {key: extras[key] for key in ("module", "timestamp_aggregated_utc") if key in extras}
        if "timestamp_created_utc" in extras:
            now["timestamp_created_utc"] = extras["timestamp_created_utc"]
        elif not source:
            now["timestamp_created_utc"] = task.created_at
        if (target := _target(task, source, extras, routes)) is not None:
            now["target_agent"] = target
        elif extras.get("target_agent", "") is None:
            now["target_agent"] = None
        for key, meaning in _MEANINGS.items():
            if key in extras and meaning(extras[key]) == meaning(now.get(key)):
                now[key] = extras[key]
        unknown = {key: value for key, value in extras.items() if key not in KEYS}
        return {**{key: now[key] for key in KEYS if key in now}, **unknown}

    def id_of(self, task: Task) -> str:
        """The UUID with which a task came, or one that is always the same for a task of ours."""
        return id_in(task, NAME)

    def status(self, raw: Raw) -> str:
        """The status of a record, without its synonyms."""
        return known_status(str(raw.get("status")))

    def check_step(self, before: str, after: str, *, summed: bool) -> None:
        """Raises Refused for a step that is not in the table, or for a sum of steps to which none leads."""
        states.check_step(before, after, TRANSITIONS, summed=summed)

    def written(self, text: str, raws: Mapping[str, Raw]) -> str:
        """The list with these tasks, each in its place, new ones at the end."""
        return texts.with_tasks(text, "tasks", "task_id", raws)

    def _plain_of(self, raw: Raw) -> Callable[[Mapping[str, Any]], Raw]:
        """What would be given back for a record without its extras."""

        def plain(source: Mapping[str, Any]) -> Raw:
            now = {key: raw[key] for key in ("task_id", "task_type", "result") if key in raw}
            if "result" in now and not states.is_result(now["result"]):
                del now["result"]
            if raw.get("params"):
                now["params"] = raw["params"]
            if raw.get("depends_on"):
                now["depends_on"] = list(dict.fromkeys(raw["depends_on"]))
            if priority := _priority(raw):
                now["priority"] = priority.upper()
            now["description"] = raw["description"].strip()
            return {**now, **_place(source)}

        return plain


FORMAT = TaskList()


def known_status(status: str) -> str:
    """The one word for a status in any case and under any of its names. Raises Refused for another."""
    word = "_".join(status.upper().replace("-", " ").split())
    word = SYNONYMS.get(word, word)
    if word not in STATUSES:
        raise Refused(
            f"status: {texts.shown(status)} is none",
            f"the statuses: {', '.join(STATUSES)}; or {', '.join(SYNONYMS)}",
        )
    return word


# -- in --------------------------------------------------------------------------------------------


def _twice(task_id: str, first: str) -> Refused:
    return Refused(f"task_id: {task_id} is that of {first}, too", "give it one of its own")


def _check(raw: Any) -> None:
    """Raises Refused for what is no task of a list."""
    if not isinstance(raw, dict):
        raise Refused(
            "that is no task but " + texts.kind(raw), "a task is an object with task_id, description ..."
        )
    for key in ("task_id", "description", "status", "task_type"):
        if key not in raw:
            raise Refused(f"{key} is missing", "each task has task_id, description, status and task_type")
        if not isinstance(raw[key], str) or not raw[key].strip():
            raise texts.no_text(key, raw[key])
    known_status(raw["status"])
    _check_optional(raw)
    texts.check_characters(raw)


def _check_optional(raw: Raw) -> None:
    for key in _TEXTS:
        if not isinstance(raw.get(key), str | None):
            raise texts.no_text(key, raw[key])
    if not isinstance(raw.get("params"), dict | None):
        raise Refused(
            f"params: should be an object, and is {texts.shown(raw['params'])}", "write it in braces"
        )
    needed = raw.get("depends_on")
    if needed is not None and not (isinstance(needed, list) and all(isinstance(one, str) for one in needed)):
        raise Refused(
            f"depends_on: should be a list of task_ids, and is {texts.shown(needed)}", 'such as ["…"]'
        )
    if raw["task_id"] in (needed or ()):
        raise Refused("depends_on: it depends on itself", "take that out")
    line = raw.get("original_line")
    if line is not None and (type(line) is not int or line < 0):
        raise Refused(f"original_line: should be a line's number, and is {texts.shown(line)}", "such as 12")
    _priority(raw)


def _priority(raw: Raw) -> documents.Priority | None:
    given = raw.get("priority")
    if given is None:
        return None
    word = str(given).strip().lower()
    if word not in PRIORITIES:
        raise Refused(
            f"priority: {texts.shown(given)} is none", f"the priorities: {', '.join(PRIORITIES).upper()}"
        )
    return word


def _standing(raw: Raw, status: str, at: str) -> Standing:
    """Where the task of a record stands."""
    result = raw.get("result") if states.is_result(raw.get("result")) else None
    told = raw.get("result_summary") or (result or {}).get("message") or ""
    match status:
        case "IN_PROGRESS":
            who = raw.get("assigned_to") or "somebody"
            text = f"{who} is at work on it ({raw['status']}); answer to have an agent here take it over"
            return Standing(PAUSED, text, result=result)
        case "BLOCKED":
            return Standing(PAUSED, told or "it is blocked; answer to have an agent go on", result=result)
        case "FAILED":
            text = told or "it failed"
            return Standing(PAUSED, text, "failure", result, _error(result, text, raw, at))
        case "COMPLETED" | "CANCELLED":
            ended = texts.moment(raw.get("timestamp_updated_utc"))
            return Standing(HERE[status], result=result, ended_at=ended)
    return Standing(HERE[status], result=result)


def _error(result: Mapping[str, Any] | None, text: str, raw: Raw, at: str) -> documents.TaskError:
    code = str((result or {}).get("error_code", ""))
    error: dict[str, Any] = {
        "error_type": states.ERROR_TYPES.get(code, "unknown"),
        "message": text,
        "timestamp": texts.moment(raw.get("timestamp_updated_utc")) or at,
        "retry_count": 0,
        "is_retryable": code != "VALIDATION_ERROR",
    }
    traceback = ((result or {}).get("details") or {}).get("traceback")
    if isinstance(traceback, str):
        error["traceback"] = traceback
    return cast("documents.TaskError", error)


def _source(raw: Raw, plain: Callable[[Mapping[str, Any]], Raw]) -> dict[str, Any]:
    source: dict[str, Any] = {}
    if raw.get("source_file"):
        source["file"] = raw["source_file"]
    if raw.get("original_line") is not None:
        source["line"] = raw["original_line"]
    now = plain(source)
    source["extras"] = {
        key: value for key, value in raw.items() if key in _CARRIED or key not in now or now[key] != value
    }
    return source


def _place(source: Mapping[str, Any]) -> dict[str, Any]:
    keys = {"source_file": "file", "original_line": "line"}
    return {key: source[ours] for key, ours in keys.items() if ours in source}


# -- out -------------------------------------------------------------------------------------------


def _plain(held: Held, source: Mapping[str, Any], task_id: str) -> dict[str, Any]:
    """What a task says without what it keeps of its origin."""
    task = held.task
    now: dict[str, Any] = {
        "task_id": task_id,
        "description": held.description.strip() or task.name,
        "task_type": task.task_type or task.assigned_agent,
        **_place(source),
    }
    if task.priority:
        now["priority"] = task.priority.upper()
    if task.params:
        now["params"] = task.params
    if task.depends_on:
        now["depends_on"] = [held.ids.get(needed, needed) for needed in task.depends_on]
    return now


def _state(task: Task, extras: Mapping[str, Any], *, is_ours: bool) -> dict[str, Any]:
    """Where a task stands and what came of it, as the list has it."""
    if not is_ours and _is_as_it_came(task, extras):
        now = {
            key: extras[key]
            for key in ("status", "assigned_to", "result_summary", "timestamp_updated_utc")
            if key in extras
        }
        if task.result:
            now["result"] = task.result
        elif "result" in extras:
            now["result"] = extras["result"]
        return now
    now = {"status": _status(task), "timestamp_updated_utc": task.updated_at}
    if task.status == COMPLETED or not is_unset(task.started_at):
        now["assigned_to"] = task.assigned_agent
    if result := states.payload(task):
        now["result"] = result
        if result.get("message"):
            now["result_summary"] = result["message"]
    return now


def _is_as_it_came(task: Task, extras: Mapping[str, Any]) -> bool:
    """Whether a task still stands where its record said."""
    try:
        came = known_status(str(extras.get("status")))
    except Refused:
        return False
    return states.is_as_it_came(task, came, HERE)


def _status(task: Task) -> str:
    if task.status == PAUSED:
        return "FAILED" if task.question and task.question["kind"] == "failure" else "BLOCKED"
    return THERE[task.status]


def _target(task: Task, source: Mapping[str, Any], extras: Mapping[str, Any], routes: Routes) -> str | None:
    """The agent that a task names, where that is not who would do it anyway."""
    target = extras.get("target_agent")
    try:
        meant = routes.agent(target, task.task_type or task.assigned_agent)
    except Refused:
        meant = routes.fallback()
    return (
        target if meant == task.assigned_agent or (not source and not task.task_type) else task.assigned_agent
    )


_MEANINGS: dict[str, Callable[[Any], Any]] = {
    "status": lambda given: known_status(str(given)),
    "description": lambda given: str(given).strip(),
    "priority": lambda given: None if given is None else str(given).strip().upper(),
    "params": lambda given: given or None,
    "depends_on": lambda given: tuple(dict.fromkeys(given or ())),
    "source_file": lambda given: given or None,
    "original_line": lambda given: given,
    "result": lambda given: given if given is None or states.is_result(given) else None,
}
"""What a value of a key means: two ways to write the same are one."""
