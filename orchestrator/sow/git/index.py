"""The index of a checkout, held as git holds it and changed beside.

sow takes `index.lock` itself, works on a copy of the index, and puts the copy
in place by a rename. While it holds the lock nobody's git can change the index
or switch the branch there. The lock names its holder, so what a killed sow
leaves is known for its own, and is taken away; a lock of anybody else's git
is waited for.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sow import process
from sow.errors import Busy
from sow.git import alive
from sow.git.repository import TOKEN, Git
from sow.process import Identity

WAIT_SECONDS = 10.0
"""How long another git may keep the index before we say so."""

END_SECONDS = 60.0
"""How long a git that outlived its sow may take to end."""


@dataclass(frozen=True, slots=True)
class Index:
    """The index while it is held; git commands given `env` see and change the copy only."""

    path: str
    copy: str
    token: str

    @property
    def env(self) -> dict[str, str]:
        return {"GIT_INDEX_FILE": self.copy, TOKEN: self.token}

    def keep(self) -> None:
        """The copy, as it is now, becomes the checkout's index."""
        if os.path.exists(self.copy):
            # The copy stays, so that more can be done on it: what is renamed is a copy of the copy.
            beside = f"{self.copy}.keep"
            shutil.copy2(self.copy, beside)
            os.replace(beside, self.path)


@dataclass(frozen=True, slots=True)
class _Holder:
    """What an `index.lock` of sow's says."""

    token: str
    pid: int
    start: int
    boot: str
    namespace: int
    intent: str

    def is_dead(self, seconds: float = END_SECONDS) -> bool:
        """Whether neither the sow that took the lock nor, within `seconds`, a git that it started lives."""
        if not self.has_gone():
            return False
        return self.boot != process.boot_id() or alive.wait_for_end(TOKEN, self.token, seconds)

    def has_gone(self) -> bool:
        """Whether the sow that wanted the lock has ended."""
        if self.boot != process.boot_id():
            return True
        mine = Identity(boot_id=self.boot, pid=self.pid, start_ticks=self.start)
        return self.namespace == process.pid_namespace() and not process.alive(mine)


@contextmanager
def held(
    git: Git, *, token: str = "", intent: str = "", dead_git: bool = False, wait: float | None = None
) -> Iterator[Index]:
    """Holds the index of the checkout for a `with` block; nothing of it changes without `keep`.

    `intent` is the file that says what is done under the lock: where it still
    exists, only who names it too may take the lock from a dead holder.
    `dead_git`: take the lock also from a git of anybody's that provably died.
    Raises Busy after `wait` seconds, by default WAIT_SECONDS.
    """
    git_dir = git.places.git_dir
    lock = f"{git_dir}/index.lock"
    token = token or os.urandom(8).hex()
    wait = WAIT_SECONDS if wait is None else wait
    end, pause = time.monotonic() + wait, 0.002
    while not _create(lock, token, intent):
        if _clear(git_dir, git.folder, intent, dead_git):
            continue
        if time.monotonic() >= end:
            raise Busy(
                f"another git is at work in {git.folder}: {lock} has been there for {wait:g} s",
                "wait for it to end; if it died, remove that file; then repeat",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    index = Index(path=f"{git_dir}/index", copy=f"{git_dir}/index.sow-{token}", token=token)
    try:
        with suppress(FileNotFoundError):
            # With its times: by them git knows which files it must look into again.
            shutil.copy2(index.path, index.copy)
        yield index
    finally:
        _sweep(index.copy)
        _sweep_unlinked(lock)
        # Whoever removed our lock by hand may have let another git take it.
        found = _holder(lock)
        if found is not None and found.token == token:
            os.unlink(lock)


@contextmanager
def beside(git: Git) -> Iterator[dict[str, str]]:
    """Environment for git commands that see and change a copy of the index; it is thrown away."""
    copy = f"{git.places.git_dir}/index.sow-{os.urandom(8).hex()}"
    try:
        with suppress(FileNotFoundError):
            shutil.copy2(f"{git.places.git_dir}/index", copy)
        yield {"GIT_INDEX_FILE": copy}
    finally:
        _sweep(copy)


def dead_sow(lock: str) -> bool | None:
    """Whether the sow that took an `index.lock` is dead, and every git of it; None where no sow took it."""
    found = _holder(lock)
    return None if found is None else found.is_dead(0.0)


def settle(git_dir: str) -> None:
    """Takes away the `index.lock` of a sow that died, unless a merge that was cut short goes on from it."""
    if dead_sow(f"{git_dir}/index.lock"):
        with suppress(Busy):
            _clear(git_dir, git_dir, "", dead_git=False)


def forget_dead(git_dir: str, path: str) -> None:
    """Removes a lock file of git's at `path`, in `git_dir`, if whoever made it is provably dead."""
    if os.path.exists(path) and not alive.in_use(git_dir, path):
        with suppress(FileNotFoundError):
            os.unlink(path)


def _create(lock: str, token: str, intent: str) -> bool:
    """Takes the lock, with its holder's name in it from the first moment; False if it is taken."""
    me = process.me()
    holder = {
        "sow": token,
        "pid": me.pid,
        "start": me.start_ticks,
        "boot": me.boot_id,
        "namespace": process.pid_namespace(),
        "intent": intent,
    }
    # A name that nobody had: what a holder with this token was killed over may be the lock itself, linked.
    beside = f"{lock}.{token}.{os.urandom(4).hex()}"
    with open(beside, "x", encoding="utf-8", errors="surrogateescape") as file:
        file.write(json.dumps(holder) + "\n")
    try:
        os.link(beside, lock)
    except (FileExistsError, FileNotFoundError):  # it is taken; or swept by who took the lock from the dead
        return False
    except OSError as fault:
        if fault.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        return _create_without_links(beside, lock)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(beside)
    return True


def _sweep_unlinked(lock: str) -> None:
    """Removes what sows that died left on their way to the lock; the caller holds it."""
    folder, name = os.path.split(lock)
    for entry in os.listdir(folder):
        if entry.startswith(f"{name}."):
            left = _holder(f"{folder}/{entry}")
            if left is not None and left.has_gone():
                with suppress(FileNotFoundError):
                    os.unlink(f"{folder}/{entry}")


def _create_without_links(beside: str, lock: str) -> bool:
    try:
        handle = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        return False
    with open(handle, "wb") as file, open(beside, "rb") as text:
        file.write(text.read())
    return True


def _clear(git_dir: str, checkout: str, intent: str, dead_git: bool) -> bool:
    """Takes away a lock whose holder is dead; True if it is worth another try at once."""
    lock = f"{git_dir}/index.lock"
    # Of two sows that find a dead holder only one may look and remove, or the second would remove the
    # first one's new lock.
    guard = os.open(f"{git_dir}/index.sow", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not os.path.exists(lock):
            return True
        holder = _holder(lock)
        if holder is None:
            if not dead_git or alive.in_use(git_dir, lock):
                return False
        elif not holder.is_dead():
            return False
        elif holder.intent and holder.intent != intent and os.path.exists(holder.intent):
            raise Busy(
                f"a merge was cut short in {checkout}",
                "run `sow status`: it completes the merge; then repeat",
            )
        else:
            _sweep(f"{git_dir}/index.sow-{holder.token}")
            _sweep(f"{lock}.{holder.token}")
        with suppress(FileNotFoundError):
            os.unlink(lock)
        return True
    finally:
        os.close(guard)


def _holder(lock: str) -> _Holder | None:
    try:
        with open(lock, "rb") as file:
            data = json.loads(file.read(4096))
        return _Holder(
            token=str(data["sow"]),
            pid=int(data["pid"]),
            start=int(data["start"]),
            boot=str(data["boot"]),
            namespace=int(data["namespace"]),
            intent=str(data["intent"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sweep(copy: str) -> None:
    """Removes a copy and whatever git made beside it."""
    folder, name = os.path.split(copy)
    for entry in os.listdir(folder):
        if entry.startswith(name):
            with suppress(FileNotFoundError):
                os.unlink(f"{folder}/{entry}")
