"""An ACP agent as a process: its pipes as messages, its life, and its end with all that it started."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sow_executors.acp_library import Connection
from sow_executors.lines import parse

LONGEST_LINE = 64 * 1024 * 1024
MOST_TRAFFIC = 256 * 1024 * 1024


class Wire:
    """The agent's pipes as messages: what is no JSON object is passed over, and all is kept in a file."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        traffic: Path,
        heed: Callable[[Mapping[str, Any]], None],
    ) -> None:
        """`heed`: is given each message that comes, in its order, before anybody else."""
        self._reader, self._writer, self._heed = reader, writer, heed
        self._kept = 0
        self._traffic = open(traffic, "wb", opener=_private)  # noqa: SIM115 - as long as the wire
        self._rest = bytearray()
        self.closed = asyncio.Event()
        """The agent says nothing more."""

    async def send(self, message: dict[str, Any]) -> None:
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        self._keep(b"> ", line)
        self._writer.write(line)
        await self._writer.drain()

    async def receive(self) -> dict[str, Any] | None:
        while (line := await self._line()) is not None:
            self._keep(b"< ", line)
            message = parse(line.decode("utf-8", "replace"))
            if message is None:
                continue  # a banner, a warning: some agents print them there
            self._heed(message)
            return message
        self.closed.set()
        return None

    async def close(self) -> None:
        with suppress(OSError):
            self._writer.close()

    async def _line(self) -> bytes | None:
        """The next line; one that is longer than any message is passed over."""
        too_long = False
        while True:
            head, end, rest = self._rest.partition(b"\n")
            if end:
                self._rest = rest
                if not too_long:
                    return bytes(head) + b"\n"
                too_long = False
                continue
            if len(self._rest) > LONGEST_LINE:
                too_long = True
                self._rest.clear()
            try:
                more = await self._reader.read(1 << 16)
            except OSError:
                more = b""
            if not more:
                return None
            self._rest += more

    def _keep(self, way: bytes, line: bytes) -> None:
        self._kept += len(line)
        if self._kept <= MOST_TRAFFIC:
            self._traffic.write(way + line)
            self._traffic.flush()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


class Life:
    """Of the agent's own process: `over` once it has ended, whoever holds its pipes then."""

    def __init__(self, agent: asyncio.subprocess.Process) -> None:
        self.over = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        try:
            self._fd = os.pidfd_open(agent.pid)
        except ProcessLookupError:
            self.over.set()
        else:
            self._loop.add_reader(self._fd, self._ended)

    def _ended(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self.over.set()

    async def wait(self, seconds: float) -> None:
        """Waits for its end, for so long at the most."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.over.wait(), seconds)


async def end(agent: asyncio.subprocess.Process, life: Life, connection: Connection, seconds: float) -> None:
    """Ends the agent and its whole group: the end of its input, TERM, KILL."""
    with suppress(ConnectionError, OSError, asyncio.TimeoutError):
        await asyncio.wait_for(connection.close(), seconds)
    await life.wait(seconds)
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(agent.pid, number)
        except (ProcessLookupError, PermissionError):
            break  # nobody is left of it
        if number == signal.SIGTERM:
            await _group_ended(agent.pid, seconds)
    await life.wait(1.0)
    for _ in range(50):  # that it ended is seen a moment before with what
        if agent.returncode is not None:
            return
        await asyncio.sleep(0.02)


async def _group_ended(group: int, seconds: float) -> None:
    """Waits until nobody is left of a group: of its members only the leader can be waited for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return
        await asyncio.sleep(0.02)
