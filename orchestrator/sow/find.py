"""Finds the project that a command means: by the environment, by the folder, by name.

A worker finds its project by `SOW_PROJECT_DIR`; where that was dropped, by the
worktree that it stands in. A person means the project of this worktree, or
from the main checkout the only one there is. Where its state file is broken a
project is known by the copy that this machine keeps of it, or by the last commit.

Where there is git, git says which folder is meant. Outside of it the nearest one
above that holds `.sow/` is: a place without branches and worktrees, and with one
project (see docs/adr/0010).
"""

import os

from sow import document, files
from sow.errors import NotFound, Refused, SowError, Usage
from sow.git import places
from sow.layout import INBOX, PROJECT, RUNTIME, WORKTREES, Layout, Plain, is_task_branch, project_worktree
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sow.git.places import Places


def here() -> str:
    """The folder that the command was called in. Raises NotFound where it is gone."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise NotFound("the folder that you stand in is gone", "change to one that is there") from None


def repository(start: str) -> "Places":
    """The repository of the folder `start`.

    Raises NotFound outside of one, Refused where `.sow/` is all the same: it can be made one.
    """
    found = maybe_place(start)
    if found is None:
        raise NotFound(f"{start} is in no git repository", "change to one, or make one here: `git init`")
    if isinstance(found, Plain):
        raise Refused(
            f"{found.main} is outside of git: there are no branches and no worktrees",
            f"make it a repository: `git init {found.main}`, then `sow init`",
        )
    return found


def place(start: str) -> "Places | Plain":
    """Where the folder `start` belongs to: its repository, else the nearest folder above with `.sow/` in it.

    Raises NotFound where there is neither.
    """
    found = maybe_place(start)
    if found is None:
        raise NotFound(
            f"no .sow folder in {start} or above it, and no git repository",
            "run `sow init` here, or change to a folder that has .sow/",
        )
    return found


def maybe_place(start: str) -> "Places | Plain | None":
    """The same; None where there is neither."""
    if (found := places.find(start)) is not None:
        return found
    folder = begin = os.path.realpath(start)
    while not _is_prepared(folder, trusted=folder == begin):
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
    return Plain(main=folder)


def _is_prepared(folder: str, *, trusted: bool) -> bool:
    """Whether `.sow/` is in a folder; unless that is `trusted`, one that is ours or the system's.

    Else anybody could lay one into `/tmp`, and have what its settings name run by whoever works below.
    """
    try:
        held = os.stat(f"{folder}/.sow")
    except (OSError, ValueError):
        return False
    return held.st_mode & 0o170000 == 0o040000 and (trusted or held.st_uid in (os.geteuid(), 0))


def project(start: str, environment: "Mapping[str, str]", wanted: "str | None" = None) -> Layout:
    """The project that a command in folder `start` means. `wanted`: a name or a folder, from `--project`.

    Raises NotFound where there is none, Usage where there are several to choose from,
    Refused where its state file is broken and nothing else tells which project it is.
    """
    if wanted:
        return _wanted(start, wanted)
    if told := environment.get("SOW_PROJECT_DIR"):
        folder = told.removesuffix(f"/{PROJECT}")
        return in_folder(place(folder), folder)
    here = place(start)
    if isinstance(here, Plain):
        return _only(here, start)
    folder = _folder_of_task(here) or here.top
    if _holds_project(folder) and not is_task_branch(_branch(here)):
        return in_folder(here, folder)
    if folder != here.top:
        return in_folder(here, folder)
    # From one whose state is gone nobody means another project.
    for gone in _pulled_off(here, here.top).values() if here.top != here.main else ():
        raise gone
    return _only(here, start)


def task_id(start: str, environment: "Mapping[str, str]") -> "str | None":
    """The worker's own task: by the environment, else by the task's worktree that it stands in."""
    told = environment.get("SOW_TASK_ID", "")
    if told:
        return told
    here = places.find(start)
    branch = _branch(here) if here and _folder_of_task(here) else ""
    return branch[-3:] if is_task_branch(branch) else None


def all_projects(here: "Places | Plain") -> "list[Layout]":
    """Every project of the repository: that of the main checkout, and those of its worktrees. Outside of
    git, the folder's own."""
    # A broken project is met when it is named or stood in; the others are listed.
    return _by_name(held for _, held in _each_project(here))


def _by_name(held: "Iterable[Layout | SowError]") -> "list[Layout]":
    """The projects among them, sorted."""
    return sorted((one for one in held if isinstance(one, Layout)), key=lambda layout: layout.name)


def broken_projects(here: "Places | Plain") -> "dict[str, SowError]":
    """The folders that hold a project of which nothing tells the name, each with what is wrong."""
    return {folder: held for folder, held in _each_project(here) if not isinstance(held, Layout)}


def _each_project(here: "Places | Plain") -> "Iterator[tuple[str, Layout | SowError]]":
    """Every folder that holds a project's state, and the project, or what is wrong with it."""
    for folder in _tops(here):
        if not _holds_project(folder):
            continue
        try:
            there = maybe_place(folder)
            if isinstance(there, Plain) or (there is not None and not is_task_branch(_branch(there))):
                yield folder, in_folder(here, folder)
        except SowError as fault:
            yield folder, fault


def _tops(here: "Places | Plain") -> "list[str]":
    """The folders where a project can be: the main one, and the linked worktrees."""
    linked = [] if isinstance(here, Plain) else _worktrees(here.common)
    return [here.main, *(folder for folder in linked if folder != here.main)]


def _wanted(start: str, wanted: str) -> Layout:
    """The project of that name, else the one that is meant in the folder of that name."""
    at = maybe_place(start)
    known = all_projects(at) if at else []
    for layout in known:
        if wanted == layout.name:
            return layout
    folder = os.path.join(start, wanted)
    if os.path.isdir(folder):
        return project(folder, {})
    if at and (gone := {**_lost(at), **_pulled_off(at, *_tops(at))}.get(wanted)):
        raise gone
    names = [layout.name for layout in known]
    if at is None:
        raise NotFound(
            f"project not found: {wanted}",
            "give the folder of a project, or change to its repository or folder",
        )
    raise NotFound(
        f"project not found: {wanted}",
        f"the projects of {at.main}: {', '.join(names)}"
        if names
        else "begin one: `sow project new DESCRIPTION`",
    )


def _only(here: "Places | Plain", start: str) -> Layout:
    each = [held for _, held in _each_project(here)]
    known, unknown = _by_name(each), [held for held in each if isinstance(held, SowError)]
    if len(known) == 1 and not unknown:
        return known[0]
    if len(unknown) == 1 and not known:
        raise unknown[0]
    if known or unknown:
        names = ", ".join([*(layout.name for layout in known), *(f"one that {fault}" for fault in unknown)])
        raise Usage(f"there are several projects here: {names}", "name one: --project NAME")
    for gone in _pulled_off(here, *_tops(here)).values():
        raise gone
    if hidden := _hidden(here, start):
        raise NotFound(
            f"{hidden} has a project that was begun outside of git, and belongs to the repository"
            f" {here.main} now",
            f"make it a repository of its own, and the project goes on: `git init {hidden}`",
        )
    if not os.path.isdir(f"{here.main}/.sow"):
        raise NotFound(
            f"no .sow folder in {here.main}", "run `sow init` here, then `sow project new DESCRIPTION`"
        )
    for gone in _lost(here).values():
        raise gone
    hint = "begin one: `sow project new DESCRIPTION`"
    if any(not name.startswith(".") for name in files.names_if_any(f"{here.main}/{INBOX}")):
        hint += f"; files wait in {INBOX}/ for it. If one is a whole project, begin that: `sow import FILE`"
    raise NotFound(f"no active project in {here.main}", hint)


def _pulled_off(here: "Places | Plain", *folders: str) -> "dict[str, NotFound]":
    """What is said of each project that one of the worktrees in `folders` is for and has no state of: its
    finish had published its branch without, and failed behind that, so that a pull took the state away."""
    found = {}
    for folder in folders:
        if isinstance(here, Plain) or os.path.lexists(f"{folder}/{PROJECT}/state.yaml"):
            continue
        name = _kept_name(here, folder) if os.path.isdir(folder) else ""
        if name and (tip := _finished_at(Layout(main=here.main, folder=folder, name=name))):
            found[name] = NotFound(
                f"the state of project {name} is gone from {folder}: its finish had published the branch"
                " without it, and that was pulled",
                f"bring it back, then repeat: `git -C {folder} restore --source {tip[:12]} --staged"
                f" --worktree {PROJECT}`",
            )
    return found


def _lost(here: "Places | Plain") -> "dict[str, NotFound]":
    """What is said of each project that has not ended and is in no checkout that git knows."""
    found = {}
    for name in [] if isinstance(here, Plain) else files.names(f"{here.main}/{RUNTIME}"):
        layout = Layout(main=here.main, folder="", name=name)
        branch = "" if os.path.lexists(layout.final) else _branch_by_copy(layout)
        folder = project_worktree(here.main, branch)
        if branch and os.path.lexists(f"{folder}/.git"):
            found[name] = NotFound(
                f"no active project in {here.main}: git no longer knows {folder}, the worktree of {name}",
                f"if the repository was moved: `git -C {here.main} worktree repair {folder}`, and so for each"
                " that `sow doctor` names",
            )
        elif branch:
            found[name] = NotFound(
                f"no active project in {here.main}: {branch}, the branch of {name}, is checked out nowhere",
                f"go on with it in a worktree: `sow project continue --branch {branch}`",
            )
    return found


def _branch_by_copy(layout: Layout) -> str:
    """The branch of a project by this machine's copy of its state; empty for none, and outside of git."""
    if os.path.lexists(layout.outside_mark):
        return ""
    try:
        held = document.read_file(layout.good_copy("project")).value
    except (OSError, Refused):
        return ""
    return str(held["branch"]) if held.get("name") == layout.name and held.get("branch") else ""


def _finished_at(layout: Layout) -> str:
    """The commit that a project's branch stood at when its finish published it; empty where none did."""
    if os.path.lexists(layout.final) or not os.path.lexists(layout.finishing):
        return ""
    import json

    try:
        note = json.loads(files.contents(layout.finishing, document.SIZE))
        return str(note["tip"])
    except (OSError, ValueError, KeyError, TypeError, SowError):
        return ""


def _hidden(here: "Places | Plain", start: str) -> str:
    """The folder between `start` and the top of its repository with a project that was begun before there was
    one; empty for none."""
    folder = os.path.realpath(start)
    while not isinstance(here, Plain) and folder.startswith(f"{here.top}/"):
        if _holds_project(folder) and os.path.isdir(f"{folder}/{RUNTIME}"):
            return folder
        folder = os.path.dirname(folder)
    return ""


def _holds_project(folder: str) -> bool:
    """Whether a project lies in `folder`, be its state file broken or gone."""
    path = f"{folder}/{PROJECT}"
    return os.path.lexists(f"{path}/state.yaml") or os.path.isdir(f"{path}/phases")


def in_folder(here: "Places | Plain", folder: str) -> Layout:
    """The project in `folder`, the top of a worktree of the repository `here`, or that place itself.

    Raises NotFound where there is none, Refused where nothing tells which one it is.
    """
    if not _holds_project(folder):
        raise NotFound(f"no project in {folder}", "see the projects there are: `sow project list`")
    main = here.main
    fault: SowError | None = None
    embedded = False
    try:
        name, embedded = _name_in(f"{folder}/{PROJECT}/state.yaml", (folder, main))
    except SowError as broken:
        fault, name = broken, ""
    # A name that this machine has not met may be a changed one: a project keeps its name.
    if fault or not os.path.isdir(f"{main}/{RUNTIME}/{name}"):
        name = _kept_name(here, folder) or name
    is_plain = isinstance(here, Plain)
    for gone in _pulled_off(here, folder).values() if fault else ():
        raise gone
    if not name and fault and not is_plain:
        name = _committed_name(folder)
    if not name:
        committed = f"; the last committed state: `git -C {folder} show HEAD:{PROJECT}/state.yaml`"
        raise Refused(f"failed to load project: {fault}", f"mend that{'' if is_plain else committed}")
    found = Layout(main=main, folder=folder, name=name, embedded=embedded, outside=is_plain)
    # What was begun outside stays so: git that came later knows nothing of its branch.
    begun_outside = not is_plain and folder == main and os.path.lexists(found.outside_mark)
    return found.replace(outside=True) if begun_outside else found


def _name_in(path: str, roots: "tuple[str, ...]") -> "tuple[str, bool]":
    """The name of the project whose state file is at `path`, and whether it holds the phases, too.

    Raises SowError where there is none.
    """
    try:
        held = document.read_file(path, roots=roots).value
    except FileNotFoundError:
        raise NotFound(f"{path} is gone") from None
    name = held.get("name")
    if not _is_name(name):
        raise Refused(f"{path}: name: {name!r} is no name of a project")
    return str(name), "phases" in held


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(name) and "/" not in name and not name.startswith(".")


def _kept_name(here: "Places | Plain", folder: str) -> str:
    """The name of the project on the branch of `folder`, by this machine's copies; empty for none. Of one
    begun outside of git: of the one that has not ended."""
    at = places.find(folder)
    branch = branch_of(at.git_dir) if at else ""
    names = []
    for name in files.names(f"{here.main}/{RUNTIME}"):
        layout = Layout(main=here.main, folder=folder, name=name)
        try:
            held = document.read_file(layout.good_copy("project")).value
        except (FileNotFoundError, NotADirectoryError, Refused):
            continue
        begun_outside = folder == here.main and os.path.lexists(layout.outside_mark)
        fits = not os.path.lexists(layout.final) if begun_outside else branch and held.get("branch") == branch
        if fits and held.get("name") == name:
            names.append(name)
    # A branch may have had another project before: then no guess is made.
    return names[0] if len(names) == 1 else ""


def _committed_name(folder: str) -> str:
    """The name of the project in `folder` as the last commit has it; empty where that is no better."""
    from sow.git.repository import Git

    git, blob = Git(folder), f"HEAD:{PROJECT}/state.yaml"
    try:
        size = git.ask("cat-file", "-s", blob, ok=(0, 128)).out.strip()
        if not size.isdecimal() or int(size) > document.SIZE:
            return ""
        held = document.parse(git.run("cat-file", "blob", blob).encode("utf-8", "surrogateescape"), blob)
    except SowError:
        return ""
    name = held.value.get("name")
    return str(name) if _is_name(name) else ""


def _folder_of_task(here: "Places") -> "str | None":
    """For a task's worktree: the folder of the project that the task is of."""
    branch = _branch(here)
    if not is_task_branch(branch) or not here.top.startswith(f"{here.main}/{WORKTREES}/"):
        return None
    of = branch[: -len("--000")]
    for folder in [here.main, *_worktrees(here.common)]:
        there = places.find(folder)
        if there and _branch(there) == of and _holds_project(folder):
            return folder
    return None


def _branch(here: "Places") -> str:
    """The branch that a worktree is for: a task's by its folder, for in a rebase or a check it is on none."""
    above = f"{here.main}/{WORKTREES}/"
    named = here.top.removeprefix(above)
    return named if here.top.startswith(above) and is_task_branch(named) else branch_of(here.git_dir)


def _worktrees(common: str) -> "list[str]":
    """The folders of the linked worktrees, as git has noted them."""
    folders = []
    try:
        names = sorted(os.listdir(f"{common}/worktrees"))
    except FileNotFoundError:
        return []
    for name in names:
        try:
            with open(
                f"{common}/worktrees/{name}/gitdir", encoding="utf-8", errors="surrogateescape"
            ) as file:
                noted = file.read().rstrip("\n")
        except (FileNotFoundError, NotADirectoryError):
            continue
        # Since git 2.48 the path may be relative to the folder that holds it.
        path = os.path.normpath(os.path.join(f"{common}/worktrees/{name}", noted))
        folders.append(os.path.dirname(path))
    return folders


def branch_of(git_dir: str) -> str:
    """The branch that is checked out, empty for none."""
    try:
        with open(f"{git_dir}/HEAD", encoding="utf-8", errors="surrogateescape") as file:
            head = file.read().strip()
    except OSError:
        return ""
    return head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else ""
