"""What was changed in a state file beside sow, and what of it nobody but sow may change.

Pure: two documents in, words out. The rule is the one of `sow task set` and its
like: what these take, a person may write into the file as well; what they
refuse, and what goes with a status, only a command changes. An agent may hand in
or pause its own task so, as it may by a command.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sow import fields, phase
from sow.document.canonical import same
from sow.state import PutBack
from sow.task import IN_PROGRESS, NEEDS_REVIEW, PAUSED

KEPT = {
    "task": frozenset(fields.KEPT) - {"updated_at", "inputs", "outputs"} | {"status"},
    "phase": frozenset(phase.PHASE.kept) - {"inputs", "outputs"} | {"status"},
    "project": frozenset(phase.PROJECT.kept) - {"updated_at"},
}
"""The fields that only commands change, by the kind of document. Of a project's type it is all."""

LONGEST = 120
"""The most characters of a value that are told."""


def changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields whose values differ."""
    names = dict.fromkeys((*old, *new))
    return tuple(name for name in names if not same(old.get(name), new.get(name)))


def wrong(kind: str, old: Mapping[str, Any], new: Mapping[str, Any], *, own: bool = False) -> tuple[str, ...]:
    """What of a change is not to be taken, each in words with the old and the new value; empty for nothing.

    `kind`: `task`, `phase`, `project` or `type`. `own`: whether the agent of the task may have made it.
    """
    differ = changed(old, new)
    if kind == "type":
        return tuple(told(name, old, new) for name in differ)
    kept = KEPT[kind]
    if own and old["status"] == IN_PROGRESS and new["status"] in (NEEDS_REVIEW, PAUSED):
        kept = kept - ({"status"} if new["status"] == NEEDS_REVIEW else {"status", "question"})
    not_theirs = (told(name, old, new) for name in differ if name in kept)
    return (*not_theirs, *_approvals(old, new))


def put_back_words(path: str, kept: str, changes: Sequence[str]) -> str:
    """What a person is told who watches. `kept`: the name of what lay there; empty for nothing."""
    what = "; ".join(changes) or ("it could not be read as what it has to be" if kept else "it was gone")
    beside = f" What lay there is kept beside it: {kept}." if kept else ""
    return f"{path} was changed beside sow while agents were at work, and is put back: {what}.{beside}"


def put_back_question(back: PutBack) -> str:
    """What the person is asked who may have made the change to a task that nobody was at work on."""
    kept = f" (the changed one is kept beside it: {back.kept})" if back.kept else ""
    return (
        f"Its state file was changed beside sow while agents of other tasks were at work: "
        f"{'; '.join(back.changes)}. That may have been one of them, so the file is as it was{kept}. "
        "If it was you, make the change by a command (`sow task --help`). "
        f"To let the task go on as it was: `sow task retry {back.task_id}`."
    )


def _approvals(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """The artifacts that are approved now and were not."""
    for side in ("inputs", "outputs"):
        before = [artifact["path"] for artifact in old.get(side) or () if artifact["approved"]]
        for artifact in new.get(side) or ():
            if artifact["approved"] and artifact["path"] not in before:
                yield f"{side}: {artifact['path']} approved"


def told(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The change of one field in words, with the old and the new value."""
    return f"{name}: {_shown(old.get(name))} -> {_shown(new.get(name))}"


def _shown(value: Any) -> str:
    """A value in one line that is not too long; of what somebody asked or said, the words."""
    if isinstance(value, Mapping) and isinstance(value.get("text"), str):
        value = value["text"]
    line = "nothing" if value is None else " ".join(str(value).split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
