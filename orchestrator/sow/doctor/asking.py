"""Asks a foreign program something, and has an answer or none after a while, whatever it does.

It has no terminal and no input. When the answer is there, or does not come, it
is ended with all that it started: its group, and whatever bears its mark. What
it prints beyond the first part is dropped.
"""

from __future__ import annotations

import os
import secrets
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress

from sow import process
from sow.errors import Failed
from sow.git import alive
from sow_executors.base import Command
from sow_executors.extras import Answer

MARK = "SOW_ASKED"
"""The variable by which a program that was asked is found again, and all that it started."""

_MOST = 64 * 1024
_LOOKS = 20


class Silent(Failed):
    """A program that gave no answer in time."""

    hint = "see for yourself what it waits for: run it in a terminal"

    def __init__(self, command: Command, seconds: float) -> None:
        super().__init__(f"`{' '.join(command.argv)}` gave no answer within {seconds:g} s")


class Asker:
    """Asks programs, from any number of threads; whoever is interrupted ends all that is being asked."""

    def __init__(self) -> None:
        self._asked: set[int] = set()
        self._is_over = False
        self._lock = threading.Lock()

    def ask(self, command: Command, env: Mapping[str, str], seconds: float) -> Answer:
        """What `command` says, under the environment `env` and its own over it.

        Raises Silent after `seconds`, Failed where it can't be started.
        """
        mark = secrets.token_hex(8)
        with self._start(command, {**env, **command.env, MARK: mark}) as started:
            try:
                out, err = _heard(started, time.monotonic() + seconds)
            finally:
                # Its pid is its group's number, and nobody else's, until it is waited for.
                with self._lock:
                    _end_group(started.pid)
                    self._asked.discard(started.pid)
                _end_marked(mark)
            code = started.wait()
        if out is None or err is None:
            raise Silent(command, seconds)
        return Answer(out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), code)

    def end(self) -> None:
        """Ends whatever is being asked, and asks nothing any more."""
        with self._lock:
            self._is_over = True
            for pid in self._asked:
                _end_group(pid)

    def _start(self, command: Command, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._is_over:
                raise Failed(f"{command.argv[0]} was not asked any more", "repeat the command")
            try:
                started = subprocess.Popen(
                    command.argv, cwd=command.folder, env=env, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                )  # fmt: skip
            except (OSError, ValueError) as fault:
                why = fault.strerror if isinstance(fault, OSError) else str(fault)
                raise Failed(
                    f"{command.argv[0]} can't be started: {why}", "install it anew, or mend that"
                ) from fault
            self._asked.add(started.pid)
            return started


def _heard(started: subprocess.Popen[bytes], deadline: float) -> tuple[bytes | None, bytes | None]:
    """What it printed on both streams until its end; None where that did not come in time.

    Its end counts, not that of its streams: a child that it left may hold those open.
    """
    assert started.stdout is not None
    assert started.stderr is not None
    out, err = started.stdout.fileno(), started.stderr.fileno()
    held = {out: bytearray(), err: bytearray()}
    with ExitStack() as stack:
        end = os.pidfd_open(started.pid)
        stack.callback(os.close, end)
        selector = stack.enter_context(selectors.DefaultSelector())
        selector.register(end, selectors.EVENT_READ)
        for stream in held:
            os.set_blocking(stream, False)
            selector.register(stream, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            ready = {key.fd for key, _ in selector.select(left)}
            for stream in ready & held.keys():
                if not _take(stream, held[stream]):
                    selector.unregister(stream)
            if end in ready:
                for stream, data in held.items():
                    _take(stream, data)
                return bytes(held[out]), bytes(held[err])
    return None, None


def _take(stream: int, held: bytearray) -> bool:
    """Adds what is to be read now; False at the end of the stream."""
    try:
        data = os.read(stream, _MOST)
    except BlockingIOError:
        return True
    held += data[: _MOST - len(held)]
    return bool(data)


def _end_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _end_marked(mark: str) -> None:
    """Ends what left the group; a few looks, for there may be more of it meanwhile."""
    for _ in range(_LOOKS):
        left = [known for pid in alive.bearing(MARK, mark) if (known := process.of(pid))]
        if not left:
            return
        for known in left:
            if (handle := process.open_pidfd(known)) is not None:
                with suppress(ProcessLookupError, PermissionError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                os.close(handle)
