"""What comes before work: a prepared repository, and a new project in it, all or nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sow import continuing, files, find, project_types, statechart
from sow.change import Event
from sow.document import canonical
from sow.errors import BadFile, Busy, Failed, Refused, SowError
from sow.git import commits, include, worktrees
from sow.git.excludes import ensure_excludes
from sow.git.places import Places
from sow.git.repository import Branches, Git
from sow.layout import MAKING, PROJECT, RUNTIME, Layout, Plain, project_worktree
from sow.project import Plan, input_names
from sow.project_types import ProjectType
from sow.store import Store

if TYPE_CHECKING:
    from sow_schemas.documents import ArtifactState, PhaseFile, ProjectContinued

INPUTS = "inputs"
"""The folder of a project's first inputs, below `.sow/project`."""

INTENT_BYTES = 1 << 16
"""The most bytes that the intent of a `new_project` may have."""

CONFIG = """\
# Settings of this repository for sow; all of them, with their meaning: `sow schema repository_config`
requires: ">=0.1"
# jobs: 3                      # agents at once
# checks: ["make test"]        # must pass before approved work is merged; agents may run them
# worktree:
#   setup: ["npm ci"]          # run in a task's fresh worktree, before its agent
#   ports: 2                   # that each task has to itself, $SOW_PORT_0 ...
# caps:                        # how much one attempt of an agent may use
#   max_seconds: 3600
#   max_memory: 4GiB
# environment: ["MY_APP_*"]    # variables that agents get besides the usual ones
"""


IGNORE = """\
# sow's own, never to be committed, should this folder come under git one day
/runtime/
/worktrees/
/inbox/
"""
"""What is kept out of git where there is none that could be told so by its info/exclude."""


def prepare(places: Places | Plain) -> list[str]:
    """Makes what sow needs in a repository, or in a folder outside of git; says what it made, nothing where
    all was there."""
    done = []
    if isinstance(places, Plain):
        # First of all: what lies beside must never be met by a git without it.
        files.make_folder(f"{places.main}/.sow")
        ignore = f"{places.main}/.sow/.gitignore"
        if not os.path.lexists(ignore):
            files.write(ignore, IGNORE)
            done.append("made .sow/.gitignore")
    elif ensure_excludes(places.common):
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


StoreOf = Callable[[Layout], Store]


def new_project(
    places: Places,
    plan: Plan,
    *,
    start: str | None,
    worktree: bool,
    store_of: StoreOf,
    documents: Mapping[str, str] | None = None,
) -> Made:
    """Makes branch, worktree and state of a project; whatever is killed, all of it or nothing.

    1. nothing is in the way; 2. the repository is prepared; 3. what an earlier kill left is
    settled; 4. the intent; 5. branch and worktree; 6. the state, with one rename; 7. its first
    commit. `start`: the ref that a new branch starts from; the default branch where None.
    `documents`: the state of a project that has begun elsewhere, by path below `.sow/project`.
    Raises Refused or NotFound, and then nothing was made.
    """
    repository = Git(places.main)
    kind = project_types.named(plan.type, places.main)
    known = check_new(places, plan, start=start, worktree=worktree)
    notes = prepare(places)
    with only_one(places):
        settle_half_made_held(places, store_of)
        if worktree and repository.branches() == known:
            _check_free(places, plan)
        else:
            known = check_new(places, plan, start=start, worktree=worktree)
        set_aside(places.main, plan.name)
        if not known.tips and commits.ensure_commit(repository):
            notes.append("the repository had no commit: made an empty first one")
            known = repository.branches()
        created = plan.branch not in known.tips
        source = start or (repository.default_branch(known) if created else plan.branch)
        base = (None if start else known.tips.get(source)) or repository.commit_of(source)
        folder = project_worktree(places.main, plan.branch) if worktree else places.main
        layout = Layout(main=places.main, folder=folder, name=plan.name)
        intent = write_intent(
            places.main, name=plan.name, branch=plan.branch, folder=folder, base=base, created=created,
            worktree=worktree, was=known.current,
        )  # fmt: skip
        try:
            if worktree:
                notes += _step_aside(repository, plan)
                worktrees.add(repository, folder, plan.branch, base)
                include.bring(places.main, folder)
            else:
                _switch(repository, plan.branch, base)
            store = store_of(layout)
            place_state(layout, documents or first_documents(plan, kind, store.now()), plan.inputs)
            if documents:
                store = store_of(layout := layout.replace(embedded=True))
            store.keep_good_copies()
        except (SowError, KeyboardInterrupt):
            _undo(places, json.loads(files.contents(intent, INTENT_BYTES)))
            forget(intent)
            raise
        commits.commit_paths(Git(folder), [PROJECT], f"sow: project {plan.name} begins", branch=plan.branch)
        store.tell(Event(type="project.created", payload={"name": plan.name, "branch": plan.branch}))
        forget(intent)
    return Made(layout, tuple(notes))


def continue_project(places: Places, branch: str, *, store_of: StoreOf) -> Made:
    """Makes the worktree of a project whose branch has its state; whatever is killed, all of it or nothing.

    1. it is there and not here already; 2. the repository is prepared; 3. what an earlier kill left is
    settled; 4. the intent; 5. branch and worktree; 6. its tasks are made ready for this machine.
    Raises NotFound, Refused or Failed, and then nothing was made.
    """
    repository = Git(places.main)
    found = continuing.look(repository, branch)
    _check_name(places, found.name)
    notes = prepare(places)
    with only_one(places):
        settle_half_made_held(places, store_of)
        _check_name(places, found.name)
        set_aside(places.main, found.name)
        folder = project_worktree(places.main, branch)
        intent = write_intent(
            places.main, name=found.name, branch=branch, folder=folder, base=found.commit,
            created=not repository.branch_exists(branch), worktree=True, was=None, remote=found.remote,
        )  # fmt: skip
        try:
            layout, more = _come_in(places, json.loads(files.contents(intent, INTENT_BYTES)), store_of)
        except (SowError, KeyboardInterrupt):
            _undo(places, json.loads(files.contents(intent, INTENT_BYTES)))
            forget(intent)
            raise
        payload: ProjectContinued = {"name": found.name, "branch": branch}
        store_of(layout).tell(Event(type="project.continued", payload=payload))
        forget(intent)
    return Made(layout, (*notes, *more))


def _come_in(places: Places, intent: dict[str, str], store_of: StoreOf) -> tuple[Layout, list[str]]:
    """Makes branch and worktree of a project that is gone on with; done again, it does what is left of it."""
    repository = Git(places.main)
    name, branch, folder = intent["name"], intent["branch"], intent["folder"]
    worktrees.add(repository, folder, branch, intent["base"])
    include.bring(places.main, folder)
    layout = find.in_folder(places, folder)
    found = continuing.Found(name, intent["base"], intent["remote"])
    files.make_folder(layout.runtime)
    store = store_of(layout)
    store.settle()  # what an earlier call was killed at
    return layout, continuing.settle_in(store, repository, found)


def settle_half_made(places: Places | Plain, store_of: StoreOf) -> None:
    """Completes or undoes what a killed `new_project` or `continue_project` left; leaves one that is under
    way alone."""
    if not os.path.isdir(_intents(places.main)):
        return
    try:
        with only_one(places, wait_seconds=0.0):
            settle_half_made_held(places, store_of)
    except (Busy, worktrees.Occupied):
        return  # somebody is at it, maybe the git of the one that was killed: a later command sees to it


def settle_half_made_held(places: Places | Plain, store_of: StoreOf) -> None:
    """The same for a caller who is the only one."""
    folder = _intents(places.main)
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = f"{folder}/{name}"
        # What has another name is an intent that was not yet whole: nothing was done about it.
        intent = _intent(path) if name.endswith(".json") else {}
        if intent is None:
            continue  # it keeps nobody from anything
        if intent and "branch" not in intent:
            settle_outside(places.main, str(intent["name"]), store_of)
        elif isinstance(places, Plain):
            if intent:
                continue  # git is gone from here, and with it whatever could be completed or undone
        elif intent and "remote" in intent:
            _come_in(places, intent, store_of)
        elif intent and os.path.exists(f"{intent['folder']}/{PROJECT}/state.yaml"):
            _keep_copies(Layout(main=places.main, folder=intent["folder"], name=intent["name"]), store_of)
            commits.commit_paths(Git(intent["folder"]), [PROJECT], f"sow: project {intent['name']} begins")
        elif intent:
            _undo(places, intent)
        forget(path)
    with suppress(OSError):
        os.rmdir(folder)


def _intent(path: str) -> dict[str, Any] | None:
    """What a command was about to make; None where nobody can tell any more."""
    try:
        held = json.loads(files.contents(path, INTENT_BYTES))
    except (FileNotFoundError, BadFile, ValueError):
        return None
    return held if isinstance(held, dict) and held.keys() >= {"name", "folder"} else None


def _intents(main: str) -> str:
    """The folder where each `new_project` says what it is about to make."""
    return f"{main}/{MAKING}"


def only_one(places: Places | Plain, wait_seconds: float = files.LOCK_SECONDS) -> files.Lock:
    """The lock under which projects are made: who has it meets no half-made one."""
    return files.Lock(f"{places.main}/{RUNTIME}/new.lock", wait_seconds=wait_seconds)


def check_new(places: Places, plan: Plan, *, start: str | None, worktree: bool) -> Branches:
    """Raises Refused or NotFound for whatever would be in the way of the new project; gives the branches."""
    repository = Git(places.main)
    known = repository.branches()
    repository.check_branch_name(plan.branch, known)
    check_inputs(places.main, plan)
    _check_free(places, plan)
    if start:
        repository.commit_of(start)
        if plan.branch in known.tips:
            raise Refused(
                f"branch {plan.branch} exists already: it can't start from {start}", "leave --from out"
            )
    _check_start(repository, known, plan, start)
    _check_checkout(repository, known, plan, worktree)
    return known


def check_inputs(main: str, plan: Plan) -> None:
    """Raises Refused for files that the new project can't take in."""
    input_names(plan.inputs)
    for path in plan.inputs:
        if not os.path.isfile(path) or not os.access(path, os.R_OK):
            raise Refused(f"{path} is no file that can be read", "give --input a file")
    if plan.inputs and not project_types.named(plan.type, main).phases:
        raise Refused(f"type {plan.type} has no phase that could take an input in", "leave --input out")


def _check_start(repository: Git, known: Branches, plan: Plan, start: str | None) -> None:
    """Raises Refused where the new branch would begin with the state of another project."""
    there = plan.branch in known.tips
    if not there and start is None and not _has_commit(repository, known):
        return
    source = plan.branch if there else start or repository.default_branch(known)
    commit = (None if start else known.tips.get(source)) or repository.maybe_commit_of(source)
    if commit is None or (name := continuing.name_at(repository, commit)) is None:
        return
    if there:
        raise Refused(
            f"branch {plan.branch} has a project already: {name}",
            f"go on with it: `sow project continue --branch {plan.branch}`",
        )
    if name in (layout.name for layout in find.all_projects(repository.places)):
        how = f"finish that one first: `sow project finish {name}`"
    else:
        how = f"take it off there (`git rm -r {PROJECT}`)"
    raise Refused(
        f"{source} has the state of a project in {PROJECT}: {name}", f"{how}; or start elsewhere: --from REF"
    )


def _check_name(places: Places, name: str) -> None:
    for layout in find.all_projects(places):
        if layout.name == name:
            raise Refused(
                f"there is a project {name} already, in {layout.folder}",
                f"finish or delete that one first: `sow project delete {name}`",
            )


def _check_free(places: Places, plan: Plan) -> None:
    for layout in find.all_projects(places):
        if layout.name == plan.name:
            raise Refused(
                f"there is a project {plan.name} already, in {layout.folder}", "give this one another --name"
            )
        if layout.outside:
            continue
        git_dir = find.repository(layout.folder).git_dir
        if find.branch_of(git_dir) == plan.branch:
            raise Refused(
                f"branch {plan.branch} has a project already: {layout.name}", "give this one another --branch"
            )


def _has_commit(repository: Git, known: Branches) -> bool:
    """Whether a commit is checked out."""
    return known.current in known.tips or repository.maybe_commit_of("HEAD") is not None


def _check_checkout(repository: Git, known: Branches, plan: Plan, worktree: bool) -> None:
    """Raises Refused where the main checkout is in the way: a branch is checked out only once."""
    current = known.current
    if repository.places.bare:
        if not worktree:
            raise Refused(
                f"{repository.folder} is bare: it has no checkout to work in",
                "leave --no-worktree out: each project has its own worktree",
            )
        return
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
    if current != plan.branch or not _has_commit(repository, known):
        return
    if repository.default_branch(known) == plan.branch:
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
    if repository.places.bare or repository.current_branch() != plan.branch:
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


def set_aside(main: str, name: str) -> None:
    """Moves what is kept of an earlier project of that name out of the new one's way."""
    runtime = Layout(main=main, folder="", name=name).runtime
    if os.path.isdir(f"{runtime}/final"):
        number = 1
        while os.path.exists(f"{runtime}~{number}"):  # no project has such a name
            number += 1
        os.rename(runtime, f"{runtime}~{number}")


def write_intent(main: str, *, name: str, folder: str, **more: object) -> str:
    """Says what is about to be made, and gives the path of it; without a branch it is outside of git."""
    above = _intents(main)
    files.make_folder(above)
    path = f"{above}/{name}.json"
    # By `json`, whose escapes keep a path that is no text.
    files.write(path, json.dumps({"name": name, "folder": folder, **more}) + "\n")
    return path


def forget(intent: str) -> None:
    """Takes away what `write_intent` has said: it is done, or undone."""
    os.unlink(intent)
    with suppress(OSError):
        os.rmdir(os.path.dirname(intent))


def _undo(places: Places, intent: dict[str, object]) -> None:
    """Takes back what stands of a half-made project; never a file or a commit of anybody's."""
    repository = Git(places.main)
    folder, branch, base = str(intent["folder"]), str(intent["branch"]), str(intent["base"])
    _undo_state(folder)
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


def _undo_state(folder: str) -> None:
    """Takes back state that was not placed yet."""
    for name in os.listdir(f"{folder}/.sow") if os.path.isdir(f"{folder}/.sow") else ():
        if name.startswith(".project-"):
            shutil.rmtree(f"{folder}/.sow/{name}", ignore_errors=True)


def _keep_copies(layout: Layout, store_of: StoreOf) -> None:
    """What was killed once the state was in its place: copies of it are kept."""
    store = store_of(layout)
    store.settle()
    store.keep_good_copies()


def settle_outside(main: str, name: str, store_of: StoreOf) -> None:
    """Takes back what stands of a project half made outside of git; one whose state is there is made."""
    # Where its folder was when it was begun is of no account: it may have been moved with all in it.
    layout = Layout(main=main, folder=main, name=name, outside=True)
    _undo_state(layout.folder)
    if os.path.exists(layout.project_file):
        _keep_copies(layout, store_of)
        return
    with suppress(FileNotFoundError):
        os.unlink(layout.outside_mark)
    with suppress(OSError):  # one that was there before may hold something
        os.rmdir(layout.runtime)


def first_documents(plan: Plan, kind: ProjectType, at: str) -> dict[str, str]:
    """The files of a project that begins at `at`, by their path below `.sow/project`."""
    state, phases = statechart.first(kind, at=at)
    project = {
        "name": plan.name, "type": kind.name, "branch": plan.branch,
        **({"description": plan.description} if plan.description else {}),
        "created_at": at, "updated_at": at, "statechart": {"current_state": state, "updated_at": at},
    }  # fmt: skip
    if plan.inputs:
        first = kind.states[state].phase or next(iter(kind.phases))
        phases[first] = {**phases[first], "inputs": _artifacts(plan, kind, first, phases[first], at)}
    return {
        "state.yaml": canonical.emit(project),
        "type.yaml": kind.text,
        **{f"phases/{name}/state.yaml": canonical.emit(phase) for name, phase in phases.items()},
    }


def _artifacts(plan: Plan, kind: ProjectType, phase: str, held: PhaseFile, at: str) -> list[ArtifactState]:
    """The first inputs of a project: of the type that its phase takes in, else plain ones."""
    noted = {"metadata": {statechart.ITERATION: held["iteration"]}} if "iteration" in held else {}
    what = next(iter(kind.phases[phase].inputs), "input")
    return [
        cast(
            "ArtifactState",
            {"type": what, "path": f"{INPUTS}/{name}", "approved": False, "created_at": at, **noted},
        )
        for name in input_names(plan.inputs)
    ]


def place_state(layout: Layout, texts: Mapping[str, str], inputs: tuple[str, ...]) -> None:
    """Writes the state of a new project beside, and puts it in its place with one rename."""
    beside = f"{layout.folder}/.sow/.project-{os.getpid()}"
    for name, text in texts.items():
        files.make_folder(os.path.dirname(f"{beside}/{name}"))
        files.write(f"{beside}/{name}", text)
    for name, path in zip(input_names(inputs), inputs, strict=True):
        files.make_folder(f"{beside}/{INPUTS}")
        _copy(path, f"{beside}/{INPUTS}/{name}")
    os.rename(beside, layout.project)
    files.flush_folder(os.path.dirname(layout.project))


def _copy(path: str, to: str) -> None:
    try:
        shutil.copyfile(path, to)
        with open(to, "rb") as file:
            os.fsync(file)
    except OSError as fault:
        raise Failed(f"can't copy {path}: {fault.strerror}", "mend that and repeat") from fault
