"""Ports that a task has to itself: no two live tasks of this user on this machine share one.

    $XDG_STATE_HOME/sow/ports/lock
    $XDG_STATE_HOME/sow/ports/<host>-<first>.json    whose the block is that begins there

Nothing gives a block back. Whoever looks for one reads the state of the tasks
that have the others: of one that has ended, or is gone, the block is free.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from sow import document, files, process
from sow.errors import BadFile, Refused
from sow.layout import Layout
from sow.task import ENDED

RANGE = range(20000, 32768)
"""Above what programs listen on by habit, below what the kernel gives away by itself."""

LEASE_BYTES = 1 << 16
"""The most bytes that the file of a block may have."""

_LISTENING = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
"""The tables of the kernel, and how each says that a port is taken."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive ports."""

    first: int
    count: int

    @property
    def numbers(self) -> range:
        return range(self.first, self.first + self.count)

    def variables(self) -> dict[str, str]:
        """What a process finds them by."""
        each = {f"SOW_PORT_{place}": str(port) for place, port in enumerate(self.numbers)}
        return {**each, "SOW_PORT_COUNT": str(self.count)}


@dataclass(frozen=True, slots=True)
class Lease:
    """A block and the task that has it."""

    block: Block
    main: str
    folder: str
    project: str
    task_id: str
    path: str

    def is_of(self, layout: Layout, task_id: str) -> bool:
        return (self.main, self.project, self.task_id) == (layout.main, layout.name, task_id)


def of(layout: Layout, task_id: str, environment: Mapping[str, str]) -> Block | None:
    """The block that a task has; None where it has none."""
    folder = _folder(environment)
    return next((one.block for one in _leases(folder) if one.is_of(layout, task_id)), None)


def lease(layout: Layout, task_id: str, count: int, environment: Mapping[str, str]) -> Block:
    """A block of `count` ports for a task: the one that it has, if that is as large, else a new one.

    Raises Refused where there is none left, Failed where it can't be noted.
    """
    folder = _folder(environment)
    files.make_folder(folder)
    with files.Lock(f"{folder}/lock"):
        held = list(_leases(folder))
        mine = [one for one in held if one.is_of(layout, task_id)]
        for one in mine:
            if one.block.count >= count:
                return Block(one.block.first, count)
        for one in [*mine, *(one for one in held if one not in mine and not _lives(one))]:
            held.remove(one)
            with suppress(FileNotFoundError):
                os.unlink(one.path)
        taken = {port for one in held for port in one.block.numbers}
        first = choose(count, taken | listening() | _given_by_kernel())
        if first is None:
            raise Refused(
                f"no {count} ports in a row are free between {RANGE.start} and {RANGE.stop - 1}",
                f"see who listens (`ss -ltnp`) and which tasks have some ({folder})",
            )
        text = {
            "first": first, "count": count, "main": layout.main, "folder": layout.folder,
            "project": layout.name, "task": task_id,
        }  # fmt: skip
        files.write(f"{folder}/{process.host()}-{first}.json", json.dumps(text) + "\n", flushed=False)
        return Block(first, count)


def choose(count: int, taken: Collection[int], among: range = RANGE) -> int | None:
    """The lowest port of `among` at which `count` begin none of which is taken; None for none."""
    start = among.start
    for port in among:
        if port in taken:
            start = port + 1
        elif port - start == count - 1:
            return start
    return None


def listening() -> set[int]:
    """The ports on which something listens here."""
    found = set()
    for table, state in _LISTENING.items():
        for line in _lines(f"/proc/self/net/{table}")[1:]:
            words = line.split()
            if words[3] == state:
                found.add(int(words[1].rpartition(":")[2], 16))
    return found


def _given_by_kernel() -> set[int]:
    """The ports that the kernel gives to whoever asks for any."""
    for line in _lines("/proc/sys/net/ipv4/ip_local_port_range"):
        low, high = map(int, line.split())
        return set(range(low, high + 1))
    return set()


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().splitlines()
    except OSError:
        return []  # a kernel without it, or a sandbox


def _folder(environment: Mapping[str, str]) -> str:
    """Where the blocks of this user are noted."""
    state = environment.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):  # the XDG specification has us ignore such a one
        state = f"{environment.get('HOME') or os.path.expanduser('~')}/.local/state"
    return f"{state}/sow/ports"


def _leases(folder: str) -> Iterator[Lease]:
    """The blocks that are noted for this machine: a home may serve several."""
    for name in sorted(files.names(folder)):
        host, _, number = name.removesuffix(".json").rpartition("-")
        if host != process.host() or not number.isdecimal() or not name.endswith(".json"):
            continue
        path = f"{folder}/{name}"
        try:
            data = json.loads(files.contents(path, LEASE_BYTES))
            block = Block(int(data["first"]), int(data["count"]))
            yield Lease(block, data["main"], data["folder"], data["project"], data["task"], path)
        except (FileNotFoundError, BadFile, ValueError, KeyError, TypeError):
            continue  # taken away just now, or of nobody who can be asked


def _lives(one: Lease) -> bool:
    """Whether the task that has a block may still come to use it."""
    # Twice: a task that is just moved to another phase is seen in neither by who looks in the wrong moment.
    return _is_open(one) or _is_open(one)


def _is_open(one: Lease) -> bool:
    layout = Layout(main=one.main, folder=one.folder, name=one.project)
    try:
        if document.read_file(layout.project_file).value["name"] != one.project:
            return False  # another project stands there by now
        found = glob.glob(f"{glob.escape(layout.phases)}/*/tasks/{glob.escape(one.task_id)}/state.yaml")
        return any(document.read_file(path).value["status"] not in ENDED for path in found)
    except FileNotFoundError:
        return False
    except (BadFile, KeyError, TypeError):
        return True  # broken, to be mended
