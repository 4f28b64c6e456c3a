"""What lies in `runs/<task>/`: the runs of a task, how far each is, and who works on it.

runs/<task>/runner.lease        who works on the task
runs/<task>/<n>/claim.json      the task and its stages, as they were at the claim
runs/<task>/<n>/ended           nothing is left to do for that claim
runs/<task>/<n>/<number>.<try>-<stage>-<mark>/      a stage that was begun
runs/<task>/<n>/<number>.<try>-…/finished           it has ended well, all of which was told
runs/<task>/<n>/<number>.<try>-…/limited            it met a limit: until when, and where it is gone on with
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sow import files, lease, process
from sow.errors import BadFile
from sow.lease import Lease
from sow.taskfiles.stages import Hold
from sow.taskfiles.task_file import Status
from sow.taskfiles.workspace import Workspace

if TYPE_CHECKING:
    from sow_schemas.documents import KeepRuns

CLAIM = "claim.json"
END = "ended"
FINISHED = "finished"
LIMITED = "limited"


def numbered(workspace: Workspace, stem: str) -> list[int]:
    """The numbers of the runs of a task, in no order."""
    return [int(name) for name in files.names(workspace.runs(stem)) if name.isdecimal()]


def open_run(workspace: Workspace, stem: str) -> str | None:
    """The folder of the newest run of a task, where it was claimed and has no end."""
    newest = max(numbered(workspace, stem), default=0)
    folder = f"{workspace.runs(stem)}/{newest}"
    is_open = newest and os.path.exists(f"{folder}/{CLAIM}") and not os.path.exists(f"{folder}/{END}")
    return folder if is_open else None


def attempts(folder: str, number: int | str = r"\d+") -> list[str]:
    """The folders of the stages that were begun in a run, or of the one that is `number`, in their order."""
    names = [name for name in files.names(folder) if re.match(rf"{number}\.\d+-", name)]
    return [f"{folder}/{name}" for name in sorted(names, key=_order)]


def is_finished(folder: str, number: int) -> bool:
    """Whether the stage that is `number` in its pipeline has ended well in a run."""
    return any(os.path.exists(f"{attempt}/{FINISHED}") for attempt in attempts(folder, number))


def note_limit(attempt: str, hold: Hold) -> None:
    """Notes that an attempt at a stage met a limit; the next one is to be begun after that."""
    files.write(f"{attempt}/{LIMITED}", json.dumps(asdict(hold)) + "\n")


def limit(attempt: str) -> Hold | None:
    """The limit that an attempt at a stage met; None for none."""
    try:
        kept = json.loads(files.contents(f"{attempt}/{LIMITED}", 1 << 20))
        words: dict[str, Any] = {
            key: str(kept[key]) for key in ("why", "session", "account", "model") if key in kept
        }
        hold_at = kept.get("hold_at")
        return Hold(until=float(kept["until"]), hold_at=None if hold_at is None else float(hold_at), **words)
    except (FileNotFoundError, BadFile, ValueError, KeyError, TypeError, AttributeError):
        return None


def hold(folder: str) -> Hold | None:
    """What the newest attempt of a run waits for, be it over by now; None for nothing."""
    begun = attempts(folder)
    return limit(begun[-1]) if begun else None


def superfluous(keep: KeepRuns, status: Status, numbers: Iterable[int]) -> list[int]:
    """The runs of a task that nobody wants. Of one that failed the last stays: of it `error` tells."""
    match status:
        case "done" | "canceled" if keep != "always":
            return sorted(numbers)
        case "failed" if keep == "never":
            return sorted(numbers)[:-1]
    return []


def clear(workspace: Workspace, stem: str, status: Status, keep: KeepRuns) -> None:
    """Removes the runs of a task that nobody wants any more, for whoever holds its lease.

    Its folder stays: it says that the task was announced.
    """
    for number in superfluous(keep, status, numbered(workspace, stem)):
        folder = f"{workspace.runs(stem)}/{number}"
        if os.path.exists(f"{folder}/{CLAIM}") and not os.path.exists(f"{folder}/{END}"):
            continue  # it is not settled
        # First the claim: killed in between, what is left is nobody's open run.
        with suppress(FileNotFoundError):
            os.unlink(f"{folder}/{CLAIM}")
        shutil.rmtree(folder, ignore_errors=True)


def holder(workspace: Workspace, stem: str) -> Lease | None:
    """Who works on a task, or did until it died; None for nobody."""
    return lease.holder(f"{workspace.runs(stem)}/runner.lease")


def is_held(workspace: Workspace, stem: str) -> bool:
    """Whether somebody works on a task: a process that lives, or one that can't be asked from here."""
    held = holder(workspace, stem)
    return held is not None and process.fate(held.holder) != "dead"


def _order(name: str) -> tuple[int, int]:
    number, _, rest = name.partition(".")
    return int(number), int(rest.partition("-")[0])
