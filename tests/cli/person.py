"""A person in front of `sow`: a repository, a terminal of their own, fingers on the keys."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pexpect
import yaml
from tests.copies import copy_repository, git_in, new_template
from tests.forked import sow_of

from sow import adding, find, project, setup
from sow.eventlog import EventLog
from sow.layout import Layout
from sow.store import Store

ROOT = Path(__file__).parents[2]
SOURCES = os.pathsep.join(str(ROOT / part) for part in ("orchestrator", "executors", "schemas"))
SOW = (sys.executable, "-m", "sow")
PLAN = project.plan("Paint it", branch=None, name="paint")
PROMPT = "\r\n> "
"""What stands on the screen when a key is waited for."""

Turn = Sequence[Mapping[str, object]]
"""What an agent does at one prompt: the steps of a script."""


def environment(home: Path, **more: str) -> dict[str, str]:
    """The variables of a person who has configured nothing, not even who they are for git."""
    return {
        "PATH": f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": SOURCES,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm",
        "PAGER": "cat",
        "SOW_AGENTS_IMPLEMENTER": "script",
        **more,
    }


class Terminal:
    """A terminal with a `sow` command on it."""

    def __init__(self, folder: Path, env: Mapping[str, str], *words: str) -> None:
        self.child: Any = pexpect.spawn(
            SOW[0], [*SOW[1:], *words], cwd=str(folder), env=dict(env), encoding="utf-8", timeout=120,
            dimensions=(50, 120), preexec_fn=sow_of(words, env),
        )  # fmt: skip
        self.child.delaybeforesend = None
        self.seen = ""

    def sees(self, text: str) -> str:
        """Waits until `text` is on the screen; gives what came before it."""
        try:
            self.child.expect_exact(text)
        except (pexpect.TIMEOUT, pexpect.EOF) as fault:
            raise AssertionError(f"{text!r} was not seen, but {self.seen}{self.child.before}") from fault
        self.seen += self.child.before + self.child.after
        return str(self.child.before)

    def presses(self, key: str) -> None:
        """Waits to be asked for a key, and presses it."""
        self.sees(PROMPT)
        self.child.send(key)

    def types(self, question: str, text: str) -> None:
        """Waits for a question that takes a line, and types one."""
        self.sees(question)
        self.child.sendline(text)

    def interrupts(self) -> int:
        """Presses Ctrl-C, and again where it was not heard; gives the exit code.

        What comes between a prompt and Python's wait for the answer, which no
        person is fast enough for, is heard behind the next key or signal.
        """
        for _ in range(10):
            self.child.sendintr()
            if self.child.expect([pexpect.EOF, pexpect.TIMEOUT], timeout=3) == 0:
                self.seen += self.child.before
                break
        return self.ends()

    def ends(self) -> int:
        """Waits for the end of the command; gives its exit code."""
        self.child.expect(pexpect.EOF)  # once more is no fault
        self.seen += self.child.before
        self.child.close()
        assert self.child.exitstatus is not None, f"ended by signal {self.child.signalstatus}: {self.seen}"
        return int(self.child.exitstatus)


@contextmanager
def at_terminal(folder: Path, env: Mapping[str, str], *words: str) -> Iterator[Terminal]:
    """`sow WORDS` on a terminal; whatever happens, it is ended afterwards."""
    terminal = Terminal(folder, env, *words)
    try:
        yield terminal
    finally:
        terminal.child.close(force=True)


class Desk:
    """A repository with a project in it whose agents play scripts, and its person."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.main = folder / "main"
        self.scripts = folder / "scripts"
        self.scripts.mkdir()
        self.env = environment(folder / "home", **more)
        copy_repository(_template(), self.main)
        self.store = _store(Layout(main=str(self.main), folder=str(self.folder), name=PLAN.name))

    @property
    def folder(self) -> Path:
        """The project's worktree."""
        return self.main / ".sow/worktrees/feat/paint"

    def git(self, *words: str, folder: Path | None = None) -> str:
        me = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        done = subprocess.run(
            ["git", *me, *words],
            cwd=folder or self.main,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def sow(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Runs `sow WORDS` without a terminal."""
        return subprocess.run(
            [*SOW, *words], cwd=self.main, env=self.env, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=120, check=False, preexec_fn=sow_of(words, self.env),
        )  # fmt: skip

    def done(self, *words: str, code: int = 0) -> str:
        """The same for a command that must end with `code`; gives its output."""
        done = self.sow(*words)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def task(self, name: str, *turns: Turn) -> None:
        """Adds a task whose agent plays these turns."""
        script = self.scripts / f"{name.replace(' ', '-')}.yaml"
        script.write_text(yaml.safe_dump({"turns": [list(turn) for turn in turns]}, sort_keys=False), "utf-8")
        adding.add(self.store, adding.Wish(name=name, agent="implementer", params={"script": str(script)}))

    def works(self) -> None:
        """Lets the agents work until only the person can go on."""
        self.done("run", code=5)

    def state(self, task_id: str = "010") -> dict[str, Any]:
        path = self.folder / f".sow/project/phases/implementation/tasks/{task_id}/state.yaml"
        state: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
        return state

    def bytes_of_state(self) -> dict[str, bytes]:
        """Every file of the project's state, to be compared."""
        files = (self.folder / ".sow/project").rglob("*")
        return {str(path): path.read_bytes() for path in files if path.is_file()}

    def feedback(self, task_id: str = "010") -> list[str]:
        folder = self.folder / f".sow/project/phases/implementation/tasks/{task_id}/feedback"
        return [path.read_text("utf-8") for path in sorted(folder.iterdir())]

    def events(self, kind: str) -> list[dict[str, Any]]:
        lines = self.done("events", "--json").splitlines()
        return [event for event in map(json.loads, lines) if event["type"] == kind]

    def merged(self, path: str) -> str:
        """A file as the project's branch has it."""
        return self.git("show", f"feat/paint:{path}")

    def editor(self, program: str) -> None:
        """Makes a Python program, given the file's path as `path`, the person's editor."""
        place = self.scripts / "editor.py"
        place.write_text(f"import pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{program}\n", "utf-8")
        self.env["EDITOR"] = shlex.join([sys.executable, str(place)])

    @contextmanager
    def reviews(self, *words: str) -> Iterator[Terminal]:
        with at_terminal(self.main, self.env, "review", *words) as terminal:
            yield terminal


@cache
def _template() -> Path:
    """The repository with one project."""
    folder = new_template()
    git_in(folder, "init", "--quiet", "--initial-branch", "main")
    # In this process, for a test is about what comes after it.
    setup.new_project(find.repository(str(folder)), PLAN, start=None, worktree=True, store_of=_store)
    return folder


def _store(layout: Layout) -> Store:
    return Store(layout, EventLog(layout.events, run_id=None, actor="person"))


def writes(path: str, text: str, words: str = "It is painted.") -> Turn:
    """A turn that writes a file and hands the task in."""
    return [{"edit": {"path": path, "content": text}}, {"say": words}, {"report": "needs_review"}]


def asks(question: str, *options: str) -> Turn:
    """A turn that asks."""
    return [{"ask": {"question": question, **({"options": list(options)} if options else {})}}]
