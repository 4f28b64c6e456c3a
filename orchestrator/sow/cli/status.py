"""`sow status`: everything on one page."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import click

from sow import find
from sow.accounts import Accounts
from sow.attempt import Attempts, seen, summed
from sow.cli import opening
from sow.cli.text import plain
from sow.cli.words import age, resources_of, standing, tell_unknown
from sow.clock import is_unset, seconds, stamp
from sow.config import RepositoryConfig, UserConfig
from sow.errors import NotFound, SowError
from sow.pool import Pool, words
from sow.review import inbox
from sow.runner.attempt import setting_up_for
from sow.runner.local import LocalRunner, Running
from sow.runner.resources import Sample
from sow.store import Store
from sow.task import IN_PROGRESS, PENDING, Task


@click.command()
@click.option("--all", "everything", is_flag=True, help="Every project of this repository.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def status(settings: dict[str, Any], everything: bool, as_json: bool) -> None:
    """See everything on one page: tasks, what runs, what waits for you, what it cost.

    \b
    Example:  sow status
              sow status --all --json
    """
    if everything:
        layouts = find.all_projects(opening.place(settings["project"]))
        if not layouts:
            raise NotFound("no active project", "begin one: `sow project new DESCRIPTION`")
        stores = [opening.store(layout.folder) for layout in layouts]
        tell_unknown(find.broken_projects(opening.place(settings["project"])).values())
    else:
        stores = [opening.store(settings["project"])]
    pages = [page(store) for store in stores]
    if as_json:
        click.echo(json.dumps(pages if everything else pages[0]))
        return
    click.echo("\n\n".join(text(held) for held in pages))


def page(store: Store) -> dict[str, Any]:
    """The state of a project in figures and lists, as `--json` prints it."""
    held = store.tasks()
    now = store.clock()
    pools = Accounts(os.environ).all(now)
    limited = _limited(store, held.tasks) if pools else set()
    attempts = Attempts(store.layout)
    every, samples = seen(attempts.all())
    running = {a.task_id: a.id for a in every if not a.ended and _runs(attempts, a.id)}
    preparing = {task_id: setting_up_for(attempts.folder(one), now) for task_id, one in running.items()}
    return {
        "project": store.layout.name,
        **standing(store),
        "folder": store.layout.folder,
        "outside": store.layout.outside,
        "tasks": [
            _row(task, running.get(task.id), samples, preparing.get(task.id), limited=task.id in limited)
            for task in held.tasks
        ],
        "waits": [
            {"id": i.task.id, "kind": i.kind, "text": i.text, "since": i.since} for i in inbox(held.tasks)
        ],
        "broken": [
            {"path": b.path, "message": b.message, "hint": b.hint}
            for b in (*store.broken_files(), *held.broken)
        ],
        "spent": summed(every),
        "limits": [_limit(pool, now) for pool in pools],
        "inbox": _inbox(store),
        "now": now,
    }


def text(held: dict[str, Any]) -> str:
    """The page for a person."""
    branch = "no git" if held["outside"] else f"branch {held['branch']}"
    lines = [f"{held['project']}  ({branch}, {held['state']})", ""]
    for row in held["tasks"]:
        lines.append(f"  [{row['id']}] {_mark(row):<22} {row['name']}{_more(row)}")
    if not held["tasks"] and not held["broken"]:
        lines.append('  no tasks yet: sow task add "..." --agent implementer')
    for broken in held["broken"]:
        lines += [f"  broken: {broken['message']}", f"          {broken['hint']}"]
    if held["waits"]:
        lines += ["", "Waiting for you (sow review):"]
        lines += [_waiting(item, held["now"]) for item in held["waits"]]
    if told := [line for limit in held["limits"] for line in limit["text"]]:
        lines += ["", "Limits:", *(f"  {line}" for line in told)]
    if there := held["inbox"]["files"]:
        lines += ["", f"Inbox folder: {held['inbox']['text']}"]
        for one in there:
            if one["reason"]:
                lines += [f"  {one['state']}: {one['file']}: {one['reason']}", f"    {one['hint']}"]
    done = sum(row["status"] == "completed" for row in held["tasks"])
    spent = held["spent"]
    cost = f"   spent ${spent['usd']:.2f}" if spent["usd"] else ""
    tokens = spent["input_tokens"] + spent["output_tokens"]
    cost += f"   {tokens:,} tokens" if tokens else ""
    cost += f"   {spent['cpu_seconds']:,.0f} s CPU" if spent["cpu_seconds"] >= 1 else ""
    lines += ["", f"{len(held['tasks'])} total tasks, {done} completed{cost}"]
    return plain("\n".join(lines))


def _limited(store: Store, tasks: Iterable[Task]) -> set[str]:
    """The tasks whose next start waits for a limit of the account that they use."""
    try:
        user, settings = UserConfig.read(os.environ), RepositoryConfig.read(store.layout.main)
    except SowError:
        return set()  # `sow run` will say what is wrong with them
    allowance = opening.allowance(store.layout, user, settings, os.environ)
    found = set()
    for task in tasks:
        if task.status in (PENDING, IN_PROGRESS):
            with suppress(SowError):
                if allowance.hold(task, user.for_task(task, os.environ)):
                    found.add(task.id)
    return found


def _inbox(store: Store) -> dict[str, Any]:
    """What lies in the inbox folder, for this project or nobody knows for which."""
    if not os.path.isdir(store.layout.inbox) or not os.listdir(store.layout.inbox):
        return {"files": [], "text": "no files"}
    from sow import dropped

    try:
        there = [one for one in opening.dropped(store) if one.project in ("", store.layout.name)]
    except SowError as fault:
        return {"files": [], "text": str(fault)}
    return {"files": [dropped.document(one) for one in there], "text": dropped.counted(there)}


def _limit(pool: Pool, now: float) -> dict[str, Any]:
    held = [(met.until, met.limit) for met in pool.limits if met.until > now]
    return {
        "account": pool.account,
        "executor": pool.executor,
        "used_up": [{"limit": limit, "until": stamp(until)} for until, limit in held],
        "warnings": [
            {
                "limit": one.limit,
                "used": one.used,
                "resets_at": None if one.resets_at is None else stamp(one.resets_at),
            }
            for one in pool.warnings
        ],
        "text": words(pool, now),
    }


def _waiting(item: dict[str, Any], now: float) -> str:
    since = f", {age(now - seconds(item['since']))}" if item["since"] else ""
    head = f"  [{item['id']}] {item['kind']}{since}"
    return f"{head}: {_first(item['text'])}" if item["text"] else head


def _row(
    task: Task, attempt: str | None, samples: dict[str, Sample], setting_up: float | None, *, limited: bool
) -> dict[str, Any]:
    sample = samples.get(attempt or "")
    return {
        "id": task.id,
        "name": task.name,
        "status": task.status,
        "running": attempt,
        "setting_up": setting_up,
        "memory": sample.memory if sample else None,
        "cpu_seconds": sample.cpu_seconds if sample else None,
        "agent": task.assigned_agent,
        "iteration": task.iteration,
        "priority": task.priority or "normal",
        "depends_on": list(task.depends_on or ()),
        "not_before": None if is_unset(task.not_before) else task.not_before,
        "limited": limited and not attempt,
        "error": task.error["message"] if task.error else None,
    }


def _mark(row: dict[str, Any]) -> str:
    if row["status"] == IN_PROGRESS:
        return "in_progress (running)" if row["running"] else "in_progress (queued)"
    return str(row["status"])


def _more(row: dict[str, Any]) -> str:
    parts = [f"setting up, {age(row['setting_up'])}"] if row["setting_up"] is not None else []
    parts += [used] if (used := resources_of(row)) else []
    if row["iteration"] > 1:
        parts.append(f"iteration {row['iteration']}")
    if row["depends_on"] and row["status"] == "pending":
        parts.append(f"after {', '.join(row['depends_on'])}")
    if row["not_before"] and row["status"] == "pending":
        parts.append(f"not before {row['not_before']}")
    elif row["limited"]:
        parts.append("waits for its account's limit")
    if row["error"] and row["status"] in ("pending", "paused"):
        parts.append(_first(row["error"]))
    return f"  ({'; '.join(parts)})" if parts else ""


def _runs(attempts: Attempts, attempt: str) -> bool:
    try:
        return isinstance(LocalRunner(base_env={}).look(attempts.folder(attempt)), Running)
    except SowError:
        return True  # on another machine or in another container: its record says that it runs


def _first(text: str) -> str:
    line = " ".join(text.split())
    return f"{line[:97]}..." if len(line) > 100 else line
