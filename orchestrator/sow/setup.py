"""What comes before work: a prepared repository, and a new project in it, all or nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from sow import files, find, jsonlines, project_types, statechart
from sow.change import Event
from sow.document import canonical
from sow.errors import Busy, Refused, SowError
from sow.git import commits, worktrees
from sow.git.excludes import ensure_excludes
from sow.git.places import Places
from sow.git.repository import Git
from sow.layout import PROJECT, RUNTIME, Layout, project_worktree
from sow.project import Plan
from sow.project_types import ProjectType
from sow.store import Store

CONFIG = """\
# Settings of this repository for sow; all of them, with their meaning: `sow schema repository_config`
requires: ">=0.1"
# jobs: 3                      # agents at once
# checks: ["make test"]        # must pass before approved work is merged; agents may run them
# environment: ["MY_APP_*"]    # variables that agents get besides the usual ones
"""


def prepare(places: Places) -> list[str]:
    """Makes what sow needs in a repository; says what it made, nothing where all was there."""
    done = []
    if ensure_excludes(places.common):
        done.append("git ignores .sow/runtime, .sow/worktrees and .sow/inbox here (info/exclude)")
    for folder in ("agents", "inbox", "runtime"):
        path = f"{places.main}/.sow/{folder}"
        if not os.path.isdir(path):
            files.make_folder(path)
            done.append(f"made .sow/{folder}/")
    config = f"{places.main}/.sow/config.yaml"
    if not os.path.exists(config):
        files.write(config, CONFIG)
        done.append("made .sow/config.yaml")
    return done


@dataclass(frozen=True, slots=True)
class Made:
    """A project that was just made, and what was done on the way that its maker should know."""

    layout: Layout
    notes: tuple[str, ...] = ()


def new_project(
    places: Places, plan: Plan, *, start: str | None, worktree: bool, store_of: Callable[[Layout], Store]
) -> Made:
    """Makes branch, worktree and state of a project; whatever is killed, all of it or nothing.

    1. nothing is in the way; 2. the repository is prepared; 3. what an earlier kill left is
    settled; 4. the intent; 5. branch and worktree; 6. the state, with one rename; 7. its first
    commit. `start`: the ref that a new branch starts from; the default branch where None.
    Raises Refused or NotFound, and then nothing was made.
    """
    repository = Git(places.main)
    kind = project_types.named(plan.type, places.main)
    _check(places, repository, plan, start, worktree)
    notes = prepare(places)
    with only_one(places):
        settle_half_made_held(places)
        _check(places, repository, plan, start, worktree)
        if commits.ensure_commit(repository):
            notes.append("the repository had no commit: made an empty first one")
        created = not repository.branch_exists(plan.branch)
        base = repository.commit_of(start or (repository.default_branch() if created else plan.branch))
        folder = project_worktree(places.main, plan.branch) if worktree else places.main
        layout = Layout(main=places.main, folder=folder, name=plan.name)
        intent = _write_intent(places, repository, plan, folder, base, created, worktree)
        try:
            if worktree:
                notes += _step_aside(repository, plan)
                worktrees.add(repository, folder, plan.branch, base)
            else:
                _switch(repository, plan.branch, base)
            store = store_of(layout)
            _place_state(layout, first_documents(plan, kind, store.now()))
        except (SowError, KeyboardInterrupt):
            _undo(places, json.loads(_read(intent)))
            _forget(intent)
            raise
        commits.commit_paths(Git(folder), [PROJECT], f"sow: project {plan.name} begins", branch=plan.branch)
        store.tell(Event(type="project.created", payload={"name": plan.name, "branch": plan.branch}))
        _forget(intent)
    return Made(layout, tuple(notes))


def settle_half_made(places: Places) -> None:
    """Completes or undoes what a killed `new_project` left; leaves one that is under way alone."""
    if not os.path.isdir(_intents(places)):
        return
    try:
        with only_one(places, wait_seconds=0.0):
            settle_half_made_held(places)
    except (Busy, worktrees.Occupied):
        return  # somebody is at it, maybe the git of the one that was killed: a later command sees to it


def settle_half_made_held(places: Places) -> None:
    """The same for a caller who is the only one."""
    folder = _intents(places)
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = f"{folder}/{name}"
        # What has another name is an intent that was not yet whole: nothing was done about it.
        intent = json.loads(_read(path)) if name.endswith(".json") else None
        if intent and os.path.exists(f"{intent['folder']}/{PROJECT}/state.yaml"):
            commits.commit_paths(Git(intent["folder"]), [PROJECT], f"sow: project {intent['name']} begins")
        elif intent:
            _undo(places, intent)
        _forget(path)
    with suppress(OSError):
        os.rmdir(folder)


def _intents(places: Places) -> str:
    """The folder where each `new_project` says what it is about to make."""
    return f"{places.main}/{RUNTIME}/new"


def only_one(places: Places, wait_seconds: float = files.LOCK_SECONDS) -> files.Lock:
    """The lock under which projects are made: who has it meets no half-made one."""
    return files.Lock(f"{places.main}/{RUNTIME}/new.lock", wait_seconds=wait_seconds)


def _check(places: Places, repository: Git, plan: Plan, start: str | None, worktree: bool) -> None:
    """Raises Refused or NotFound for whatever would be in the way of the new project."""
    repository.check_branch_name(plan.branch)
    _check_free(places, plan)
    if start:
        repository.commit_of(start)
        if repository.branch_exists(plan.branch):
            raise Refused(
                f"branch {plan.branch} exists already: it can't start from {start}", "leave --from out"
            )
    _check_checkout(repository, plan, worktree)


def _check_free(places: Places, plan: Plan) -> None:
    for layout in find.all_projects(places):
        if layout.name == plan.name:
            raise Refused(
                f"there is a project {plan.name} already, in {layout.folder}", "give this one another --name"
            )
        git_dir = find.repository(layout.folder).git_dir
        if find.branch_of(git_dir) == plan.branch:
            raise Refused(
                f"branch {plan.branch} has a project already: {layout.name}", "give this one another --branch"
            )


def _check_checkout(repository: Git, plan: Plan, worktree: bool) -> None:
    """Raises Refused where the main checkout is in the way: a branch is checked out only once."""
    current = repository.current_branch()
    if not worktree:
        if os.path.exists(f"{repository.folder}/{PROJECT}/state.yaml"):
            raise Refused(
                "this checkout has a project already", "leave --no-worktree out: each has its own worktree"
            )
        if current != plan.branch and not _is_clean(repository):
            raise Refused(
                f"the checkout has uncommitted changes, so it can't switch to {plan.branch}",
                "commit or stash them, or leave --no-worktree out",
            )
        return
    if current != plan.branch or repository.maybe_commit_of("HEAD") is None:
        return
    if repository.default_branch() == plan.branch:
        raise Refused(
            f"{plan.branch} is the default branch and is checked out here",
            "choose another --branch, or --no-worktree to work right here",
        )
    if not _is_clean(repository):
        raise Refused(
            f"the checkout is on {plan.branch} and has uncommitted changes",
            "commit or stash them, then repeat the command",
        )


def _is_clean(repository: Git) -> bool:
    """Whether nothing of the user's is uncommitted; the settings that sow has just made may be."""
    return all(change.state == "??" and change.path.startswith(".sow/") for change in repository.changes())


def _step_aside(repository: Git, plan: Plan) -> list[str]:
    """Takes the main checkout off the project's branch, and says so."""
    if repository.current_branch() != plan.branch:
        return []
    other = repository.default_branch()
    _switch(repository, other, other)
    return [f"the checkout was on {plan.branch}: it is on {other} now"]


def _switch(repository: Git, branch: str, base: str) -> None:
    """Checks `branch` out in the main checkout; made at `base` where it is missing."""
    if repository.branch_exists(branch):
        repository.run("switch", "--quiet", branch)
    else:
        repository.run("switch", "--quiet", "--create", branch, base)


def _write_intent(
    places: Places, repository: Git, plan: Plan, folder: str, base: str, created: bool, worktree: bool
) -> str:
    above = _intents(places)
    files.make_folder(above)
    path = f"{above}/{plan.name}.json"
    intent = {
        "name": plan.name, "branch": plan.branch, "folder": folder, "base": base, "created": created,
        "worktree": worktree, "was": repository.current_branch(),
    }  # fmt: skip
    files.write(path, jsonlines.dump(intent) + "\n")
    return path


def _forget(intent: str) -> None:
    os.unlink(intent)
    with suppress(OSError):
        os.rmdir(os.path.dirname(intent))


def _undo(places: Places, intent: dict[str, object]) -> None:
    """Takes back what stands of a half-made project; never a file or a commit of anybody's."""
    repository = Git(places.main)
    folder, branch, base = str(intent["folder"]), str(intent["branch"]), str(intent["base"])
    for name in os.listdir(f"{folder}/.sow") if os.path.isdir(f"{folder}/.sow") else ():
        if name.startswith(".project-"):
            shutil.rmtree(f"{folder}/.sow/{name}", ignore_errors=True)
    if intent["worktree"] and any(
        one.path == os.path.realpath(folder) for one in worktrees.all_of(repository)
    ):
        # Made whole first: what git was killed at can't be looked through for work of anybody's.
        worktrees.add(repository, folder, branch, base)
        worktrees.remove(repository, folder, branch)
    was = intent["was"]
    if isinstance(was, str) and was != repository.current_branch() and _is_clean(repository):
        _switch(repository, was, base)
    untouched = repository.tip(branch) == base and worktrees.holding(repository, branch) is None
    if intent["created"] and untouched:
        repository.run("update-ref", "-d", f"refs/heads/{branch}", base)


def first_documents(plan: Plan, kind: ProjectType, at: str) -> dict[str, str]:
    """The files of a project that begins at `at`, by their path below `.sow/project`."""
    state, phases = statechart.first(kind, at=at)
    project = {
        "name": plan.name, "type": kind.name, "branch": plan.branch,
        **({"description": plan.description} if plan.description else {}),
        "created_at": at, "updated_at": at, "statechart": {"current_state": state, "updated_at": at},
    }  # fmt: skip
    return {
        "state.yaml": canonical.emit(project),
        "type.yaml": kind.text,
        **{f"phases/{name}/state.yaml": canonical.emit(phase) for name, phase in phases.items()},
    }


def _place_state(layout: Layout, texts: Mapping[str, str]) -> None:
    beside = f"{layout.folder}/.sow/.project-{os.getpid()}"
    for name, text in texts.items():
        files.make_folder(os.path.dirname(f"{beside}/{name}"))
        files.write(f"{beside}/{name}", text)
    os.rename(beside, layout.project)
    files.flush_folder(os.path.dirname(layout.project))


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
