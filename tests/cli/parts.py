"""What the tests of the command line share: a repository, a person in it, every byte below it."""

import errno
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from unittest import mock

from tests.copies import copy_repository, new_template
from tests.forked import sow_of

from sow import cli
from sow.change import Change
from sow.cli import opening
from sow.store import Store
from sow.task import Task

ROOT = Path(__file__).parents[2]
SOURCES = os.pathsep.join(str(ROOT / part) for part in ("orchestrator", "executors", "schemas"))
AT = "2026-11-21T09:00:00.000Z"
NOBODY = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "LC_ALL": "C.UTF-8",
    "TERM": "xterm",
    "USER": "ada",
}
"""A person who has configured nothing, not even who they are for git."""


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> tuple[int, list[str]]:
        """Exit code and complaint, of a command that printed no result."""
        assert self.out == ""
        return self.code, self.err.splitlines()


@dataclass
class Person:
    """Somebody in a folder, who calls `sow` and git."""

    folder: Path
    home: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": SOURCES,
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            **NOBODY,
            **self.more,
        }

    def at(self, folder: Path | str, **more: str) -> "Person":
        """The same person elsewhere, with `more` in the environment."""
        return Person(self.folder / folder, self.home, {**self.more, **more})

    def sow(self, *words: str, stdin: bytes = b"") -> Said:
        """Calls `sow` in this process: its one door, without the start of an interpreter."""
        with self.inside(stdin) as (out, err):
            code = cli.main(list(words))
            sys.stdout.flush()
            sys.stderr.flush()
            return Said(code, _text(out), _text(err))

    def done(self, *words: str, stdin: bytes = b"") -> str:
        """What a command prints that must succeed."""
        said = self.sow(*words, stdin=stdin)
        assert said.code == 0, said
        return said.out

    def process(self, *words: str, stdin: str | None = None) -> Said:
        """Calls `sow` as a process of its own."""
        ended = subprocess.run(
            [sys.executable, "-m", "sow", *words], cwd=self.folder, env=self.environment, input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True, text=True, timeout=120,
            check=False, preexec_fn=sow_of(words, self.environment),
        )  # fmt: skip
        return Said(ended.returncode, ended.stdout, ended.stderr)

    @contextmanager
    def inside(self, stdin: bytes = b"") -> Iterator[tuple[io.BytesIO, io.BytesIO]]:
        """This process with the person's folder, variables and three streams."""
        before, out, err = os.getcwd(), io.BytesIO(), io.BytesIO()
        with (
            mock.patch.dict(os.environ, self.environment, clear=True),
            mock.patch("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin))),
            mock.patch("sys.stdout", io.TextIOWrapper(out, encoding="utf-8")),
            mock.patch("sys.stderr", io.TextIOWrapper(err, encoding="utf-8", errors="backslashreplace")),
        ):
            os.chdir(self.folder)
            try:
                yield out, err
            finally:
                os.chdir(before)

    def git(self, *words: str, check: bool = True) -> str:
        """What the person's own git prints, in `folder`."""
        named = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org"}
        named |= {key.replace("AUTHOR", "COMMITTER"): value for key, value in named.items()}
        ended = subprocess.run(
            ["git", *words], cwd=self.folder, env={**self.environment, **named}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0 or not check, ended.stderr
        return ended.stdout.rstrip("\n")

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, **files: str) -> None:
        """Commits everything, with `files` written first (`__` for a dot)."""
        for name, text in files.items():
            self.write(name.replace("__", "."), text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--no-verify", "--allow-empty", "--message", "work")

    def store(self) -> Store:
        """The project's state, by sow's own door."""
        with self.inside():
            return opening.caller().meant()

    def settings(self, text: str) -> None:
        """The person's own settings."""
        path = self.home / ".config/sow/config.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def person(folder: Path, *git_init: str) -> Person:
    """A person in an empty repository on branch `main`."""
    (folder / "home").mkdir(parents=True)
    (folder / "repo").mkdir()
    made = Person(folder / "repo", folder / "home")
    made.git("init", "--quiet", "--initial-branch=main", *git_init)
    return made


def with_project(folder: Path, name: str = "Add login") -> Person:
    """A person in a repository with one commit and one project, `add-login`."""
    return copied(_with_project(name), folder)


@cache
def _with_project(name: str) -> Path:
    """One such folder a process: a copy is made in a tenth of the time."""
    folder = new_template()
    made = person(folder)
    made.commit(a__txt="a\n")
    made.done("project", "new", name)
    return folder


def copied(template: Path, folder: Path) -> Person:
    """The person below `template` with home and repository, now below `folder`."""
    shutil.copytree(template / "home", folder / "home", symlinks=True)
    copy_repository(template / "repo", folder / "repo")
    return Person(folder / "repo", folder / "home")


def tasks_of_every_status(who: Person) -> None:
    """Tasks 010 pending, 020 in progress, 030 paused, 040 to be reviewed, 050 completed, 060 abandoned."""
    for name in ("Wait", "Work", "Ask", "Hand in", "End", "Give up"):
        who.done("task", "add", name, "--agent", "implementer")
    store = who.store()

    def begun(task: Task) -> Task:
        return task.start(
            session_id="5e5510", executor="script", at=AT, worktree=None, branch=None, base=None
        )

    moves: dict[str, Callable[[Task], Task]] = {
        "020": begun,
        "030": lambda t: begun(t).pause("Which way?", kind="question", by="implementer", at=AT),
        "040": lambda t: begun(t).hand_in("It is done."),
        "050": lambda t: t.complete(at=AT),
        "060": lambda t: t.abandon(at=AT),
    }
    for task_id, move in moves.items():
        store.change_task(task_id, partial(_moved, move))


def _moved(move: Callable[[Task], Task], task: Task) -> Change:
    return Change(task=move(task))


def everything(folder: Path) -> Mapping[str, bytes]:
    """Every byte below `folder`, by path: state, settings, events, git's objects, refs and worktrees.

    Locks and leases are left out: they belong to processes, not to the state.
    """
    found: dict[str, bytes] = {}
    start = len(os.path.join(folder, ""))
    for above, _, names in os.walk(folder):
        for name in names:
            path = f"{above}/{name}"
            if "/.sow/runtime/" not in path or not OF_PROCESSES.search(path):
                found[path[start:]] = _held(path)
    return found


OF_PROCESSES = re.compile(r"/\.sow/runtime/(.*/)?(locks/|new\.lock$)")


def _held(path: str) -> bytes:
    """What a file holds, or where a link leads."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as fault:
        if fault.errno != errno.ELOOP:
            raise
        return os.readlink(path).encode()
    with open(file, "rb", buffering=0) as stream:
        return stream.readall()


def changed(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[str]:
    """The paths that are not as they were."""
    return sorted(path for path in {*before, *after} if before.get(path) != after.get(path))


def without_times(text: str) -> str:
    """`text` with every time of the clock replaced."""
    return re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "TIME", text)


def _text(held: io.BytesIO) -> str:
    return held.getvalue().decode("utf-8", "surrogateescape")
