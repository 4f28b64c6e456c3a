"""The machine: the system, git, what the kernel allows, and room on the disk."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from sow import __version__, process, sizes
from sow.doctor.finding import Finding, error, note, ok, warning
from sow.doctor.scene import GIT_SECONDS, Scene
from sow.git import merges
from sow.git.repository import Git
from sow.layout import Plain

_INOTIFY = "/proc/sys/fs/inotify"
_FULL_BYTES = 100 << 20
_SCARCE_BYTES = 1 << 30
_FULL_INODES = 1000
_SPARE_FILES = 64
"""What sow has open beside its agents: logs, locks, the state, a git with its pipes."""
_FILES_A_JOB = 4
_SPARE_WATCHES = 16


def system(scene: Scene) -> Iterator[Finding]:
    """Processes can be named, and waited for."""
    what = f"sow {__version__}, Python {platform.python_version()}, {platform.system()} {platform.release()}"
    if sys.platform != "linux":
        yield error(f"{what}: sow needs Linux", "use it in a virtual machine or a container with Linux")
        return
    try:
        process.me()
        os.close(os.pidfd_open(os.getpid()))
    except RuntimeError as fault:
        yield error(f"{what}: {fault}", "mount it: `mount -t proc proc /proc`")
    except OSError as fault:
        yield error(
            f"{what}: the kernel refuses pidfd_open: {fault.strerror}",
            "Linux 5.3 or newer is needed; in a container that call must be allowed",
        )
    else:
        yield ok(what, sow=__version__, python=platform.python_version(), kernel=platform.release())


def git(scene: Scene) -> Iterator[Finding]:
    """There is a git, it is new enough, and knows who commits."""
    program = shutil.which("git", path=scene.environment.get("PATH", os.defpath))
    needed = ".".join(map(str, merges.NEEDED))
    if program is None:
        if isinstance(scene.places, Plain):
            yield note("there is no git program on the PATH: outside of git none is needed")
            return
        yield error("there is no git program on the PATH", f"install git {needed} or later")
        return
    here = scene.git or Git("/", GIT_SECONDS)
    version = here.version()
    named = ".".join(map(str, version))
    told = f"git {named} ({program})"
    if version < merges.NEEDED:
        yield error(f"{told}: merging needs {needed} or later", "update git", version=named)
    else:
        yield ok(told, version=named)
    if scene.git and here.identity():
        yield note(
            "git knows no name for commits here: those of sow are by `sow <sow@localhost>`",
            "tell it: `git config --global user.name NAME`, `git config --global user.email ADDRESS`",
        )


def open_files(scene: Scene) -> Iterator[Finding]:
    """As many files may be open as the agents at work need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _SPARE_FILES + _FILES_A_JOB * scene.jobs
    if _is_below(soft, needed):
        how = (
            f"raise it: `ulimit -n {needed}`" if not _is_below(hard, needed) else "ask who runs this machine"
        )
        yield warning(
            f"{soft} files may be open at once, and {scene.jobs} agents need {needed}: sow would look"
            " four times a second instead of being told",
            f"{how}, or run fewer agents: `sow run --jobs 1`",
            limit=soft,
        )
    else:
        told = "any number of" if soft == resource.RLIM_INFINITY else soft
        yield ok(f"{told} files may be open at once", limit=None if soft == resource.RLIM_INFINITY else soft)


def watches(scene: Scene) -> Iterator[Finding]:
    """The kernel tells sow what changes: there are an inotify instance and watches left."""
    limits = {name: _number(f"{_INOTIFY}/max_user_{name}") for name in ("instances", "watches")}
    used = _in_use()
    needed = {"instances": 1, "watches": _SPARE_WATCHES + 2 * scene.jobs}
    short = False
    for name, limit in limits.items():
        held = getattr(used, name)
        if limit is not None and limit - held < needed[name]:
            short = True
            yield warning(
                f"inotify: {held} of {limit} {name} are in use, and {needed[name]} more are needed: sow would"
                " look four times a second instead of being told",
                f"raise the limit: `sudo sysctl fs.inotify.max_user_{name}={2 * (held + needed[name])}`",
                **{name: held, "limit": limit},
            )
    if not short:
        told = ", ".join(f"{getattr(used, name)} of {limit} {name}" for name, limit in limits.items())
        yield ok(f"inotify: {told} in use", instances=used.instances, watches=used.watches)


def disk(scene: Scene) -> Iterator[Finding]:
    """There is room for work."""
    folder = scene.main or scene.folder
    held = os.statvfs(folder)
    free = held.f_bavail * held.f_frsize
    told = f"{sizes.told(free)} free on the disk of {folder}"
    if held.f_flag & os.ST_RDONLY:
        yield error(f"the disk of {folder} can only be read", "mount it so that it can be written")
    elif free < _FULL_BYTES:
        yield error(f"{told}: the next write may fail", _room(scene), free_bytes=free)
    elif held.f_files and held.f_favail < _FULL_INODES:
        yield error(f"the disk of {folder} takes {held.f_favail} more files", _room(scene), free_bytes=free)
    elif free < _SCARCE_BYTES:
        yield warning(f"{told}: each task has a checkout of its own", _room(scene), free_bytes=free)
    else:
        yield ok(told, free_bytes=free)


@dataclass(frozen=True, slots=True)
class InUse:
    """What this user's processes have of inotify."""

    instances: int
    watches: int


def _in_use() -> InUse:
    """What all processes of this user have."""
    held = [_held_by(int(name)) for name in os.listdir("/proc") if name.isdecimal()]
    return InUse(sum(one.instances for one in held), sum(one.watches for one in held))


def _held_by(pid: int) -> InUse:
    """What a process has; nothing where it is gone, or somebody else's."""
    instances = watches = 0
    try:
        mine = os.stat(f"/proc/{pid}").st_uid == os.getuid()
        for handle in os.listdir(f"/proc/{pid}/fd") if mine else ():
            if "inotify" in os.readlink(f"/proc/{pid}/fd/{handle}"):
                instances += 1
                with open(f"/proc/{pid}/fdinfo/{handle}", encoding="ascii", errors="replace") as file:
                    watches += sum(line.startswith("inotify ") for line in file)
    except OSError:
        pass  # a file that was closed, or a process that ended, while we looked
    return InUse(instances, watches)


def _room(scene: Scene) -> str:
    return (
        "free some space; worktrees that nobody needs: `sow worktree prune`"
        if scene.main
        else "free some space"
    )


def _is_below(limit: int, needed: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < needed


def _number(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None
