"""The good copies of state files: what each is called, of which file it is, and how one is kept."""

import os

from sow import document, files
from sow.errors import Failed, Refused
from sow.journal import PROJECT, task_lock
from sow.layout import Layout
from sow_schemas.formats import is_task_id


def lock_of(name: str) -> str:
    """The lock under which the state file of the good copy called `name` is written."""
    return task_lock(name) if is_task_id(name) else PROJECT


def schema_of(name: str) -> str:
    """The schema of the state file of the good copy called `name`."""
    if is_task_id(name):
        return "task_state"
    return {"project": "project_file", "type": "project_type"}.get(name, "phase_file")


def copy_of(path: str, layout: Layout) -> str:
    """The name of the good copy of the state file at `path`; empty for any other file."""
    match path.removeprefix(f"{layout.project}/").split("/"):
        case ["state.yaml"]:
            return "project"
        case ["type.yaml"]:
            return "type"
        case ["phases", phase, "state.yaml"]:
            return f"phase-{phase}"
        case ["phases", _, "tasks", task_id, "state.yaml"] if is_task_id(task_id):
            return task_id
    return ""


def keep(layout: Layout, name: str, text: str) -> None:
    """Keeps a copy of what was just written, for the day an agent breaks the file."""
    # One name for all writers: they hold the file's lock, and what a kill leaves is used again.
    beside = f"{layout.last_good}/.{lock_of(name)}.{name}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        try:
            handle = os.open(beside, flags, 0o644)
        except FileNotFoundError:
            files.make_folder(layout.last_good)
            handle = os.open(beside, flags, 0o644)
        data = text.encode()
        try:
            # Not flushed: after a power cut the state file itself is the good one.
            written = os.write(handle, data)
        finally:
            os.close(handle)
        if written == len(data):
            os.rename(beside, layout.good_copy(name))
    except (OSError, Failed):
        pass  # a full disk, a folder in the way: the state itself is written, an older copy still good


def content(path: str) -> bytes:
    """The bytes of a state file; none where it is gone, or is nothing to be read."""
    try:
        return files.contents(path, document.SIZE)
    except (FileNotFoundError, Refused):
        return b""
