"""What a fresh session is told of those before it: the open question, the last words, the work so far.

The task itself and all feedback on it are in every first prompt; this is the
rest of what an agent would know that had gone on. Each part is bounded: a
prompt that fills the context would end the session that it opens.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sow import eventlog, files
from sow.attempt import Attempt, Attempts
from sow.config import UserConfig, executor_of
from sow.errors import SowError
from sow.eventlog import EventLog
from sow.progress import Tally, after
from sow.runner.watch import Tail
from sow.task import Task
from sow.workplace import Workplace

WORDS = 4_000
"""The most characters of the last words, and of the notes."""
DIFF = 24_000
"""The most characters of the difference."""
STAT_LINES = 60
DIFF_LINES = 20_000
"""A difference of more changed lines is not even read: its table of files tells enough."""
NAMES = 20
"""How many files that are left out are named."""

_TRANSCRIPT_BYTES = 1 << 20
_CHANGED = re.compile(r"(\d+) (?:insertion|deletion)")


@dataclass(frozen=True, slots=True)
class Packet:
    """What is known of earlier sessions; what is not is empty."""

    question: str = ""
    answer: str = ""
    """A person's, that no agent has heard yet."""
    words: str = ""
    """The last ones of the agent."""
    summary: str = ""
    """Its report of what it did."""
    notes: str = ""
    """What it wrote into the task's log."""
    stat: str = ""
    diff: str = ""
    base: str = ""
    """The commit against which the difference is."""


def text(packet: Packet) -> str:
    """The packet as a part of a prompt."""
    parts = ["Earlier work on this task may be in this folder already: look before you begin."]
    if packet.question and packet.answer:
        parts.append(f"A person was asked: {packet.question}\n\nThe answer: {packet.answer}")
    elif packet.answer:
        parts.append(f"A person answered an earlier question of yours: {packet.answer}")
    elif packet.question:
        parts.append(f"A person was asked, and has not answered: {packet.question}")
    if packet.summary:
        parts.append(f"What was reported of the work: {_end(packet.summary)}")
    if packet.words and packet.words != packet.summary:
        parts.append(
            f"The last words of the session before this one:\n\n<words>\n{_end(packet.words)}\n</words>"
        )
    if packet.notes:
        parts.append(f"The notes in the task's log, newest last:\n\n<notes>\n{_end(packet.notes)}\n</notes>")
    if packet.stat:
        parts.append(f"What was changed for this task so far:\n\n{_table(packet.stat)}")
    if packet.diff:
        parts.append(_shown(packet.diff, packet.base))
    return "\n\n".join(parts)


def cut(diff: str, most: int) -> tuple[str, list[str]]:
    """The files of a difference that have room in `most` characters, whole; the names of the others."""
    kept, left_out, room = [], [], most
    for part in re.split(r"(?m)^(?=diff --git )", diff):
        if len(part) <= room:
            kept.append(part)
            room -= len(part)
        else:
            left_out.append(_name(part))
    return "".join(kept), left_out


def open_question(lines: Iterable[bytes], task_id: str) -> str:
    """What a task asked last, by the lines of the event log; empty once its work was handed in after it."""
    asked = ""
    for line in lines:
        if b'"task.' not in line or task_id.encode() not in line:
            continue  # of most lines that is known without reading them
        event = eventlog.parse(line)
        if event is None or event["task_id"] != task_id:
            continue
        payload: Mapping[str, Any] = event["payload"]
        match event["type"]:
            case "task.paused" if payload.get("kind") != "failure":
                asked = str(payload.get("question", ""))
            case "task.needs_review" | "task.feedback" | "task.completed" | "task.abandoned":
                asked = ""
            case _:
                pass
    return asked


def of(
    task: Task, log: EventLog, folder: str, attempts: Attempts, workspace: Workplace, user: UserConfig,
    answer: str = "",
) -> Packet:  # fmt: skip
    """What earlier sessions of a task left. `folder`: the task's; `answer`: one that nobody has heard.

    What can't be read is left out: the work goes on with less.
    """
    question = notes = words = stat = diff = ""
    with suppress(SowError, OSError):
        question = open_question(log.lines(), task.id)
    with suppress(SowError):
        notes = files.text(f"{folder}/log.md").partition("\n")[2].strip()
    with suppress(SowError, OSError):
        words = _last_words(task, attempts, user)
    with suppress(SowError):
        stat = (workspace.stat(task) or "").rstrip()
        if stat and sum(map(int, _CHANGED.findall(stat.splitlines()[-1]))) <= DIFF_LINES:
            diff = workspace.diff(task) or ""
    return Packet(
        question=question,
        answer=answer,
        words=words,
        summary=task.result.get("message", "") if task.result else "",
        notes=notes,
        stat=stat,
        diff=diff,
        base=task.base or "",
    )


def _last_words(task: Task, attempts: Attempts, user: UserConfig) -> str:
    """The last words of the newest attempt that said any."""
    for attempt in reversed(attempts.of_task(task.id)):
        if said := _said(attempt, attempts, user):
            return said
    return ""


def _said(attempt: Attempt, attempts: Attempts, user: UserConfig) -> str:
    path = f"{attempts.folder(attempt.id)}/transcript.jsonl"
    if not os.path.isfile(path):
        return ""
    reader = executor_of(user.named(attempt.executor, f"attempt {attempt.id}")).reader(attempt.session_id)
    tally = Tally()
    for line in Tail(path, max(os.path.getsize(path) - _TRANSCRIPT_BYTES, 0)).read(final=True):
        tally = after(tally, reader.read(line))
    return tally.last_words.strip()


def _end(text: str) -> str:
    text = text.strip()
    return text if len(text) <= WORDS else f"… {text[-WORDS:]}"


def _table(stat: str) -> str:
    lines = stat.splitlines()
    if len(lines) <= STAT_LINES:
        return stat
    return "\n".join([*lines[: STAT_LINES - 1], f" … {len(lines) - STAT_LINES} more files", lines[-1]])


def _shown(diff: str, base: str) -> str:
    kept, left_out = cut(diff.encode("utf-8", "replace").decode(), DIFF)
    more = ""
    if left_out:
        names = ", ".join(left_out[:NAMES]) + (" …" if len(left_out) > NAMES else "")
        see = f": `git diff {base}`" if base else ""
        more = f"Left out, for they are long ({len(left_out)}): {names}. See them yourself{see}."
    shown = f"The difference:\n\n<diff>\n{kept.rstrip()}\n</diff>" if kept.strip() else ""
    return "\n\n".join(part for part in (shown, more) if part)


def _name(part: str) -> str:
    """The file that a part of a difference is about, as git writes it."""
    head = part.split("\n", 1)[0].removeprefix("diff --git ")
    return head[(len(head) + 1) // 2 :].removeprefix('"').removeprefix("b/").removesuffix('"')
