"""The repository: what sow needs in it, its worktrees, and what earlier processes left behind."""

from __future__ import annotations

import os
from collections.abc import Iterator

from sow import dropped, process, project_types
from sow.attempt import Attempts
from sow.contract import leftovers
from sow.doctor.finding import Finding, error, note, ok, told, warning
from sow.doctor.scene import Scene
from sow.errors import Busy, SowError
from sow.git import alive, index, worktrees
from sow.git.excludes import IGNORED
from sow.git.places import Places
from sow.layout import INBOX, MAKING, REMOVING, RUNTIME, Plain
from sow.runner.local import Ended, LocalRunner, NeverStarted
from sow.task import ABANDONED
from sow.worktree import Owned, Worktrees


def place(scene: Scene) -> Iterator[Finding]:
    """It is one, and prepared for sow."""
    match scene.places:
        case None:
            yield note(
                f"{scene.folder} is in no git repository, and no folder above has .sow/: of projects nothing"
                " was looked at",
                "change to a repository, or prepare this folder: `sow init`",
            )
        case Plain(main=main):
            yield ok(
                f"{main} is prepared for sow, outside of git: agents work in it, one at a time", main=main
            )
        case Places(main=main, common=common):
            if not scene.is_reached:
                yield error(
                    f"{common} should be reached from {main}, and its .git does not lead there",
                    f"note where the main checkout is: `git -C {common} config core.worktree /PATH/OF/IT`",
                )
            elif not os.path.isdir(f"{main}/.sow"):
                yield note(f"{main} is not prepared for sow yet", "prepare it: `sow init`", main=main)
            else:
                yield ok(f"{main} is prepared for sow", main=main)
        case fault:
            yield told(fault)


def settings(scene: Scene) -> Iterator[Finding]:
    """Its settings can be read, and are those that a person means."""
    yield from _unread(scene)
    if isinstance(scene.settings, SowError):
        yield told(scene.settings)
    elif scene.main and os.path.exists(f"{scene.main}/.sow/config.yaml"):
        yield ok(f"{scene.main}/.sow/config.yaml is valid")


def _unread(scene: Scene) -> Iterator[Finding]:
    """Settings on a branch of a bare repository: nobody reads them."""
    git = scene.git
    if git is None or not git.places.bare or not (known := git.branches()).tips:
        return
    branch, path = git.default_branch(known), ".sow/config.yaml"
    if git.ask("cat-file", "-e", f"refs/heads/{branch}:{path}").code == 0:
        yield warning(
            f"branch {branch} has {path}, and it is not read: the repository is bare, and its settings are"
            f" {scene.main}/{path}",
            f"take over what holds: `git -C {scene.main} show {branch}:{path}`",
        )


def types(scene: Scene) -> Iterator[Finding]:
    """The repository's own types of projects can be used."""
    for path, fault in project_types.broken(scene.main) if scene.main else ():
        yield error(str(fault), fault.hint, path=path)


def writable(scene: Scene) -> Iterator[Finding]:
    """What sow writes there can be written."""
    if not isinstance(scene.places, Places | Plain):
        return
    main = scene.places.main
    shared = [scene.places.common] if isinstance(scene.places, Places) else []
    folders = (main, f"{main}/.sow", f"{main}/{RUNTIME}", *shared)
    locked = [
        folder for folder in folders if os.path.isdir(folder) and not os.access(folder, os.W_OK | os.X_OK)
    ]
    for folder in locked:
        yield error(f"{folder} can't be written", f"give yourself the right to: `ls -ld {folder}`")


def ignored(scene: Scene) -> Iterator[Finding]:
    """Git ignores what is never to be committed, and has none of it."""
    git = scene.git
    # Of a bare one git can't say: it ignores nothing where nothing is checked out.
    if git is None or git.places.bare or not os.path.isdir(f"{scene.main}/.sow"):
        return
    probes = {f"{folder}x": folder for folder in IGNORED}
    ask = ("--no-literal-pathspecs", "check-ignore", "-z", "--no-index", "--stdin")
    found = git.run(*ask, ok=(0, 1), input="".join(f"{probe}\0" for probe in probes)).split("\0")
    missing = [folder for probe, folder in probes.items() if probe not in found]
    if missing:
        yield error(
            f"git does not ignore {', '.join(missing)}: what agents print could be committed",
            "put that into info/exclude: `sow init`",
        )
    else:
        yield ok("git ignores what is never to be committed")
    if tracked := git.names("ls-files", "-z", "--", *(folder.rstrip("/") for folder in IGNORED)):
        yield warning(
            f"git has {tracked[0]}{' and more' if len(tracked) > 1 else ''}, which is never to be committed",
            f"take it out: `git rm -r --cached {' '.join(sorted({_top(path) for path in tracked}))}`",
        )


def inbox(scene: Scene) -> Iterator[Finding]:
    """What was dropped into the inbox folder was taken."""
    if scene.main is None or not os.path.lexists(f"{scene.main}/{INBOX}"):
        return
    seen = dropped.survey(scene.main, (*scene.stores, *scene.others))
    for one in seen:
        if one.reason:
            yield warning(f"{INBOX}/{one.name}: {one.state}: {one.reason}", one.hint, file=one.name)
    new = [one for one in seen if one.state == "new"]
    if new and not (scene.stores or scene.others):
        yield warning(
            f"{INBOX}/{new[0].name}{' and more' if len(new) > 1 else ''}: there is no project that takes it",
            "begin one: `sow project new DESCRIPTION`",
        )
    elif new:
        names = ", ".join(one.name for one in new[:5]) + (" ..." if len(new) > 5 else "")
        yield note(f"{INBOX}: not looked at yet: {names}", "taken in by `sow run`, or at once: `sow sync`")
    elif seen and not any(one.reason for one in seen):
        yield ok(f"{INBOX}: all files are taken ({len(seen)})")


def half_made(scene: Scene) -> Iterator[Finding]:
    """No project was left half made, or half gone."""
    for place, what, done in (
        (MAKING, "being made, or its making", "completed or undone"),
        (REMOVING, "going, or its end", "completed"),
    ):
        folder = f"{scene.main}/{place}"
        for name in sorted(os.listdir(folder)) if scene.main and os.path.isdir(folder) else ():
            if name.endswith(".json"):
                yield warning(
                    f"project {name.removesuffix('.json')} is just {what} was cut short",
                    f"{done} by the next command: `sow project list`",
                )


def trees(scene: Scene) -> Iterator[Finding]:
    """Every worktree belongs to somebody who needs it."""
    held = scene.worktrees
    if held is None:
        return
    if torn := worktrees.torn(held.places.common):
        yield warning(
            f"git was ended while it noted a worktree, and lists none since: {torn[0]}",
            "take that away: `sow worktree prune`",
        )
        return
    every = held.all()
    found = [finding for one in every if (finding := _about(held, one))]
    known = {os.path.realpath(one.path) for one in worktrees.all_of(held.git)}
    found += _left(held.above, known)
    yield from found
    if every and not found:
        yield ok(f"all worktrees are needed ({len(every)})")


def _about(held: Worktrees, one: Owned) -> Finding | None:
    """What is to be said of a worktree; None where it is as it should be, or told elsewhere."""
    owner = one.owner
    prune = "clear it away: `sow worktree prune`"
    if owner.unknown or (owner.kind == "project" and not one.at.gone):
        return None
    if one.at.gone:
        again = "; the next start makes it again" if owner.needs_it else ""
        return warning(f"the folder of the worktree {one.path} ({owner.name}) is gone{again}", prune)
    if owner.needs_it:
        return None
    status = f"{owner.name} is {owner.task.status}" if owner.task else "no task knows of it"
    text = f"the worktree {one.path} is left: {status}"
    why = held.why_not(one)
    if why is None:
        return warning(text, prune)
    kept = f"{text}; it stays: {why}"
    look = f"look at it: `git -C {one.path} status`"
    # What was abandoned is kept on purpose.
    return note(kept, look) if owner.task and owner.task.status == ABANDONED else warning(kept, look)


def _left(above: str, known: set[str]) -> Iterator[Finding]:
    """Folders among the worktrees that are none."""
    rests = worktrees.half_removed(above)
    for rest in rests:
        yield warning(
            f"{rest} is the rest of a removal that was cut short", "remove it: `sow worktree prune`"
        )
    for folder, names, files in os.walk(above):
        names[:] = [name for name in names if f"{folder}/{name}" not in rests]
        if not files and ".git" not in names:
            continue  # a part of the name of a branch
        names[:] = []
        if os.path.realpath(folder) not in known:
            mend = f"look at what is in it, and move it away: `ls -la {folder}`"
            if ".git" in files:
                mend = f"if the repository was moved: `git worktree repair {folder}`; else move it away"
            yield warning(f"{folder} is no worktree of this repository", mend)


def locks(scene: Scene) -> Iterator[Finding]:
    """No git left a lock when it died."""
    if not isinstance(scene.places, Places):
        return
    common = scene.places.common
    for path in _lock_files(common):
        dead_sow = index.dead_sow(path)
        if dead_sow:
            yield warning(f"{path} was left by a sow that was killed", "taken away by the next: `sow run`")
        elif dead_sow is None and not alive.in_use(common, path):
            yield error(
                f"{path} was left by a git that is gone: nobody can commit there", f"remove it: `rm {path}`"
            )


def _lock_files(common: str) -> list[str]:
    """The lock files of git's in a repository, those of its worktrees among them."""
    linked = f"{common}/worktrees"
    folders = [common, *(f"{linked}/{name}" for name in sorted(_names(linked)))]
    names = ("index.lock", "HEAD.lock", "config.lock", "packed-refs.lock")
    found = [f"{folder}/{name}" for folder in folders for name in names]
    for folder, _, files in os.walk(f"{common}/refs"):
        found += [f"{folder}/{name}" for name in sorted(files) if name.endswith(".lock")]
    return [path for path in found if os.path.lexists(path)]


def processes(scene: Scene) -> Iterator[Finding]:
    """No process of an attempt outlives it."""
    above = f"{scene.main}/{RUNTIME}/" if scene.main else ""
    elsewhere: list[int] = []
    for mark, pids in sorted(process.marks().items()):
        held = next((env for pid in pids if (env := process.environ(pid))), None)
        if held is None:
            continue  # they have ended by now
        runtime = held.get("SOW_PROJECT_RUNTIME", "")
        if above and runtime.startswith(above):
            if _is_orphan(scene, runtime, mark):
                yield _orphans(mark, pids)
        elif not os.path.isdir(f"{runtime}/attempts/{mark}") and not leftovers.is_checking(mark):
            elsewhere += pids
    if elsewhere:
        yield note(
            f"of an attempt that is nowhere to be found there still run {_named(elsewhere)}",
            f"if they are left over: `kill {' '.join(map(str, elsewhere))}`",
        )


def _is_orphan(scene: Scene, runtime: str, mark: str) -> bool:
    """Whether an attempt is over, and nobody is about to end what is left of it."""
    folder = f"{runtime}/attempts/{mark}"
    if not os.path.isdir(folder):
        return True
    for store in (*scene.stores, *scene.others):
        if store.layout.runtime == runtime:
            try:
                # One whose end is not recorded is ended by who settles it.
                return Attempts(store.layout).read(mark).ended
            except SowError:
                break
    try:
        return isinstance(LocalRunner(base_env={}).look(folder), Ended | NeverStarted)
    except Busy:
        return False


def _orphans(mark: str, pids: list[int]) -> Finding:
    text = f"attempt {mark} is over, and of its processes there still run {_named(pids)}"
    return error(text, f"end them: `kill {' '.join(map(str, pids))}`", attempt=mark, pids=pids)


def _named(pids: list[int]) -> str:
    """Processes with their programs; never their arguments, which may hold a secret."""
    named = [f"{pid} ({os.path.basename((process.argv(pid) or ('?',))[0])})" for pid in pids[:5]]
    return ", ".join(named) + (" …" if len(pids) > 5 else "")


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _top(path: str) -> str:
    """The ignored folder that a path lies in."""
    return next(folder for folder in IGNORED if path.startswith(folder)).rstrip("/")
