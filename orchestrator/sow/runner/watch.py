"""Waits for what attempts do: one sleep for all their processes, folders and signals.

    pidfds ----+
    inotify ---+--> one selector --> wait() --> {("process", attempt), ("folder", path), ...}
    wake pipe -+

Nothing polls where the kernel can tell. Where a limit of the kernel's (open
files, inotify instances or watches) leaves something out, that one thing is
looked at four times a second.
"""

import errno
import os
import selectors
import time
from collections import deque
from collections.abc import Iterator
from signal import Signals
from types import TracebackType
from typing import Literal, Self

from inotify_simple import INotify, flags

from sow import process
from sow.process import Identity
from sow.runner import ending
from sow.runner.bounds import data_from, has_holes
from sow.runner.local import Running

Seen = tuple[Literal["process", "folder", "signal", "wake"], str]
"""What was seen, and its key: the attempt that ended, the folder that changed, the signal's name."""

_CHANGES = flags.MODIFY | flags.MOVED_TO | flags.CREATE | flags.CLOSE_WRITE
_LIMITS = (errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.ENOMEM, errno.ENOSYS)
HEARING_SECONDS = 1.0
"""How long to wait at a time where Ctrl-C is to end it: a signal that came just before ends no wait."""

_INTERVAL = 0.25
_CHUNK = 1 << 18

_Snapshot = frozenset[tuple[str, int, int]]


class Watcher:
    """Sees the end of processes, changes in folders, and signals. For one thread, but for `wake`."""

    def __init__(self) -> None:
        process.check_system()
        self._selector = selectors.DefaultSelector()
        self._processes: dict[int, Running] = {}
        self._gone: set[str] = set()
        self._polled_processes: dict[str, Identity] = {}
        self._folders: dict[int, str] = {}
        self._polled_folders: dict[str, _Snapshot] = {}
        self._inotify: INotify | None = None
        self._wake_read, self.wake_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        """`wake_fd` is for `signal.set_wakeup_fd`: each signal is then seen under its name."""
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        try:
            self._inotify = INotify(nonblocking=True)
        except OSError as error:
            _only_limits(error)
        else:
            self._selector.register(self._inotify, selectors.EVENT_READ)

    def add_process(self, running: Running) -> None:
        """See the end of an attempt, once, under its name; also if it is over already."""
        try:
            fd = process.open_pidfd(running.identity)
        except OSError as error:
            _only_limits(error)
            self._polled_processes[running.attempt] = running.identity
            return
        if fd is None:
            self._gone.add(running.attempt)
            return
        self._processes[fd] = running
        self._selector.register(fd, selectors.EVENT_READ)

    def forget_process(self, attempt: str) -> None:
        """Look at an attempt no longer."""
        self._gone.discard(attempt)
        self._polled_processes.pop(attempt, None)
        for fd in [fd for fd, running in self._processes.items() if running.attempt == attempt]:
            self._close_process(fd)

    def add_folder(self, path: str) -> None:
        """See that a file in the folder at `path` was made, written or moved in; not in folders below."""
        if path in self._polled_folders or path in self._folders.values():
            return
        if self._inotify is not None:
            try:
                self._folders[self._inotify.add_watch(path, _CHANGES | flags.ONLYDIR)] = path
                return
            except OSError as error:
                _only_limits(error)
        self._polled_folders[path] = _snapshot(path)

    def forget_folder(self, path: str) -> None:
        """Look at a folder no longer."""
        self._polled_folders.pop(path, None)
        for watch in [watch for watch, known in self._folders.items() if known == path]:
            del self._folders[watch]
            try:
                if self._inotify is not None:
                    self._inotify.rm_watch(watch)
            except OSError:
                pass  # the folder is gone, and its watch with it

    def wake(self) -> None:
        """End the `wait` that is on now, or else the next one, at once; from any thread."""
        try:
            os.write(self.wake_fd, b"\0")
        except BlockingIOError:
            pass  # the pipe is full of reasons to wake

    def wait(self, timeout: float | None = None) -> set[Seen]:
        """Sleep until something is to be seen, for at most `timeout` seconds; gives it all, each once."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            pause = 0.0 if self._gone else _until(deadline)
            if self._polled_processes or self._polled_folders:
                pause = _INTERVAL if pause is None else min(pause, _INTERVAL)
            seen = self._see(pause)
            if seen or (deadline is not None and time.monotonic() >= deadline):
                return seen

    def close(self) -> None:
        """Give all descriptors back."""
        for fd in list(self._processes):
            self._close_process(fd)
        if self._inotify is not None:
            self._inotify.close()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self.wake_fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _see(self, pause: float | None) -> set[Seen]:
        seen: set[Seen] = {("process", attempt) for attempt in self._gone}
        self._gone.clear()
        for key, _ in self._selector.select(pause):
            if key.fd in self._processes:
                seen.add(("process", self._processes[key.fd].attempt))
                self._close_process(key.fd)
            elif key.fd == self._wake_read:
                seen.update(self._signals())
            else:
                seen.update(self._changes())
        seen.update(self._poll())
        return seen

    def _close_process(self, fd: int) -> None:
        ending.reap(self._processes.pop(fd).identity)
        self._selector.unregister(fd)
        os.close(fd)

    def _signals(self) -> Iterator[Seen]:
        try:
            data = os.read(self._wake_read, 65536)
        except BlockingIOError:
            return
        for number in data:
            yield ("signal", Signals(number).name) if number else ("wake", "")

    def _changes(self) -> Iterator[Seen]:
        assert self._inotify is not None
        for event in self._inotify.read(timeout=0):
            if event.mask & flags.Q_OVERFLOW:
                # The kernel dropped some: any folder may have changed.
                yield from (("folder", path) for path in self._folders.values())
            elif event.wd in self._folders:
                yield ("folder", self._folders[event.wd])
                if event.mask & flags.IGNORED:
                    del self._folders[event.wd]

    def _poll(self) -> Iterator[Seen]:
        for attempt, identity in list(self._polled_processes.items()):
            if not process.alive(identity):
                del self._polled_processes[attempt]
                yield ("process", attempt)
        for path, before in self._polled_folders.items():
            now = _snapshot(path)
            if now != before:
                self._polled_folders[path] = now
                yield ("folder", path)


def _only_limits(error: OSError) -> None:
    """Raise again what is not the kernel saying that it has no more of something."""
    if error.errno not in _LIMITS:
        raise error


def _until(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def _snapshot(path: str) -> _Snapshot:
    found = set()
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                try:
                    stat = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                found.add((entry.name, stat.st_mtime_ns, stat.st_size))
    except FileNotFoundError:
        pass
    return frozenset(found)


class Tail:
    """Reads a growing file by whole lines, each once.

    A line longer than `limit` bytes is given as its head and its tail with a
    note between, so that memory stays bounded whatever an agent prints.
    So is one of which the middle was given back to the disk (`sow.runner.bounds`).
    Undecodable bytes become U+FFFD. A file that isn't there yet is empty; one
    that shrank is read on from its new end.
    """

    def __init__(self, path: str, offset: int = 0, limit: int = 1 << 20) -> None:
        self.path = path
        self.offset = offset
        """The bytes of all lines that were given out: start another `Tail` here to go on."""
        self._limit = limit
        self._at = offset
        self._ready: deque[tuple[str, int]] = deque()
        self._begin()

    def read(self, final: bool = False) -> Iterator[str]:
        """The lines that are whole by now, without their ends; with `final`, also a last one that has no end.

        The lines come as they are read: whoever stops in between gets the rest next time.
        """
        try:
            with open(self.path, "rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                if size < self._at:
                    self._at = self.offset = size
                    self._ready.clear()
                    self._begin()
                yield from self._give()
                while chunk := self._chunk(file.fileno()):
                    self._take(chunk)
                    yield from self._give()
        except FileNotFoundError:
            pass
        if final and self._length:
            self._end(self._at)
            yield from self._give()

    def _chunk(self, file: int) -> bytes:
        """What the file holds next; what it holds no more counts as left out of the line that is read."""
        if not has_holes(file):
            return os.pread(file, _CHUNK, self._at)
        data = data_from(file, self._at)
        if data is None:
            return b""
        self._length += data - self._at
        self._at = data
        return os.pread(file, min(os.lseek(file, data, os.SEEK_HOLE) - data, _CHUNK), data)

    def _give(self) -> Iterator[str]:
        while self._ready:
            line, self.offset = self._ready.popleft()
            yield line

    def _take(self, chunk: bytes) -> None:
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            self._hold(part)
            self._at += len(part) + 1
            self._end(self._at)
        self._hold(rest)
        self._at += len(rest)

    def _begin(self) -> None:
        self._length = 0
        self._head = bytearray()
        self._rest = bytearray()

    def _hold(self, part: bytes) -> None:
        """Keep of the line that is being read its first half a limit, and its last."""
        half = self._limit // 2
        room = half - len(self._head)
        self._length += len(part)
        self._head += part[:room]
        self._rest += part[room:]
        if len(self._rest) > half:
            del self._rest[: len(self._rest) - half]

    def _end(self, offset: int) -> None:
        left_out = self._length - len(self._head) - len(self._rest)
        note = f" [... {left_out} bytes left out ...] ".encode() if left_out else b""
        line = bytes(self._head + note + self._rest).decode("utf-8", "replace")
        self._ready.append((line, offset))
        self._begin()
