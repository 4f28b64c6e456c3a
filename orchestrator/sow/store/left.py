"""What killed writers left beside the files that they wrote, and how it is swept."""

import os

from sow import files
from sow.journal import PROJECT, task_lock
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sow.journal import Journal
    from sow.store.parts import Parts


def temporary(parts: "Parts") -> "list[tuple[str, str]]":
    """The temporary files of writers, killed or just at it: each path with the locks that it needs."""
    found = []
    for lock, folder in _folders_by_lock(parts):
        for name in sorted(files.names_if_any(folder)):
            is_ours = name.startswith(".") and name.endswith(".tmp")
            if is_ours and not os.path.isdir(path := f"{folder}/{name}"):
                found.append((path, lock or name[1:].partition(".")[0]))
    return found


def sweep(journal: "Journal", path: str, lock: str) -> None:
    """Removes what a writer was killed at; under its locks, so that it is not one that lives."""
    with journal.locked(*lock.split("+")):
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass


def half_added(parts: "Parts") -> "list[str]":
    """Folders of tasks that a killed `add_task` left, or that one makes just now."""
    layout = parts.layout
    return [f"{layout.tasks(phase)}/{name}" for phase, name in parts.listed()[1] if name.startswith(".new-")]


def sweep_half_added(parts: "Parts") -> None:
    """Removes what a killed `add_task` left, for who holds the lock for ids."""
    for path in half_added(parts):
        import shutil

        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


def _folders_by_lock(parts: "Parts") -> "Iterator[tuple[str, str]]":
    """The folders that writers write in, each with the lock that they hold; "" where files name it."""
    layout = parts.layout
    yield PROJECT, layout.project
    for phase in parts.phases():
        yield PROJECT, os.path.dirname(layout.phase_file(phase))
    yield "", layout.journal
    yield "", layout.last_good
    for path in parts.task_files():
        folder = os.path.dirname(path)
        lock = task_lock(os.path.basename(folder))
        yield lock, folder
        yield lock, f"{folder}/feedback"
