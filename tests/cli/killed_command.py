"""Kills a `sow` command at the step that it is told, again and again, each time in a child of its own.

    <- 12                                 kill it at its 12th step that changes something
    -> rename /repo/.sow/...              where that was; `survived` where it came to its end before

A step is a system call by which a file comes, goes or changes its name, or the
start of a git, or another program, that may change something. Whoever asks puts
the folder back to where it was in between.
"""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from sow import cli

CALLS = ("open", "link", "rename", "replace", "mkdir", "unlink", "rmdir")
"""The functions of `os` by which files come, go and change their names; of `open`, those that make one, which
an open of a lock that is there does not.

What lies between the bytes of one file is looked at in tests/core/killed_writer.py.
"""

READS = (
    "cat-file", "check-ref-format", "config", "diff-tree", "for-each-ref", "ls-files", "merge-base",
    "rev-list", "rev-parse", "status", "symbolic-ref", "var", "version", "worktree list",
    "commit-tree", "hash-object", "merge-tree", "mktree", "write-tree",
)  # fmt: skip
"""Gits that change nothing, or add objects that nothing leads to yet: to be killed before one is to be
killed before the next step."""

MARK = "SOW_TEST_KILLED"
"""The variable by which the gits of a killed command are found: it names the folder."""

REAL_WRITE = os.write


class Fatal:
    """Counts the steps; kills this process before one of them."""

    def __init__(self, fatal_step: int, report: int) -> None:
        self.left, self.report = fatal_step, report

    def install(self) -> None:
        for name in CALLS:
            setattr(os, name, self.around(name, getattr(os, name)))
        builtins.open = self.around_open(builtins.open)
        subprocess.Popen = self.around_git(subprocess.Popen)  # type: ignore[misc, assignment]

    def around(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **more: Any) -> Any:
            if name != "open" or (words[1] & os.O_CREAT and not os.path.exists(words[0])):
                self.step(f"{name} {words[0]}")
            return real(*words, **more)

        return call

    def around_git(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(argv: list[str | bytes], *words: Any, **more: Any) -> Any:
            line = " ".join(os.fsdecode(word) for word in argv)
            _, _, said = line.partition("--literal-pathspecs ")
            if not said.startswith(READS):
                self.step(f"git {said}" if said else line)
            return real(argv, *words, **more)

        return call

    def around_open(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """The same for Python's own `open`, which makes its system calls unseen."""

        def call(path: Any, mode: str = "r", *words: Any, **more: Any) -> Any:
            if not mode.startswith("r"):
                self.step(f"open {path}")
            return real(path, mode, *words, **more)

        return call

    def step(self, place: str) -> None:
        self.left -= 1
        if self.left == 0:
            REAL_WRITE(self.report, place.encode())
            os.kill(os.getpid(), signal.SIGKILL)


def run_and_kill(words: list[str], fatal_step: int) -> str:
    """Where the command was killed, `survived` where it came to its end before that step."""
    told, report = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.environ[MARK] = os.getcwd()
        Fatal(fatal_step, report).install()
        os._exit(cli.main(words))
    os.close(report)
    with os.fdopen(told, encoding="utf-8") as pipe:
        place = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise SystemExit(f"the command ended with {status} {place}")
    return place or "survived"


def main(words: list[str]) -> None:
    """What the process does that kills `sow WORDS` in its folder."""
    for line in sys.stdin:
        print(run_and_kill(words, int(line)), flush=True)
