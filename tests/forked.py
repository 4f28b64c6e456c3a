"""`sow` as a process of its own, without the start of an interpreter, which takes longer than most commands.

A fork of this process, which has all of sow loaded: to be waited for, signalled,
killed and looked at like any other. Whoever measures a start or memory
starts a real one, and so do agents.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import sow
import sow_executors
from sow import cli

BY_TEST = (signal.SIGTERM, signal.SIGHUP, signal.SIGALRM, signal.SIGCHLD)
"""Signals that a test may have had other plans with."""


PROGRAMS = ("__main__", "acp_bridge", "script_agent")
"""Modules that are the beginning of a process."""

HEAVY = "sow.mcp."
"""What loads a library that takes a second, which few forks need."""


@cache
def load_all() -> None:
    """Loads all of sow, which each fork of this process would do anew."""
    for package in (sow, sow_executors):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(PROGRAMS) and not module.name.startswith(HEAVY):
                importlib.import_module(module.name)


def sow_of(words: Sequence[str], env: Mapping[str, str], prelude: str = "") -> Callable[[], None]:
    """What a `preexec_fn` is to be so that the new process is `sow WORDS`, and never gets to its program.

    `prelude`: Python to run first.
    """

    def act() -> int:
        exec(prelude, {})
        return cli.main(words)

    return process_of(act, env)


def code_of(code: str, words: Sequence[str], env: Mapping[str, str]) -> Callable[[], None]:
    """What a `preexec_fn` is to be so that the new process is `python -c CODE WORDS`, with sow loaded."""

    def act() -> None:
        sys.argv = ["-c", *words]
        exec(code, {"__name__": "__main__"})

    return process_of(act, env)


def process_of(act: Callable[[], int | None], env: Mapping[str, str]) -> Callable[[], None]:
    """What a `preexec_fn` is to be so that the new process does `act` and ends with its exit code, or 0."""
    load_all()

    def become() -> None:
        code = 1
        try:
            code = _as_program(act, env)
        except SystemExit as ended:
            if not isinstance(ended.code, int):
                print(ended.code, file=sys.stderr)
            code = ended.code if isinstance(ended.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            # The test's own exit is not this process's.
            os._exit(code)

    return become


def _as_program(act: Callable[[], int | None], env: Mapping[str, str]) -> int:
    # Among them the pipe by which whoever forked waits for the program to begin.
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in BY_TEST:
        signal.signal(number, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(env)
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    code = act()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    sys.stdout.flush()
    return code or 0
