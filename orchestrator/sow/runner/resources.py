"""What attempts use of the machine: memory and processor time of all processes that bear their marks.

    /proc, listed --> those never seen: the mark --> those of an attempt: one small file each --> Sample

A look costs a listing and one read a process of an attempt: the environment of
a process is read once, for whoever is born with a mark keeps it. What a
process holds that others hold too (code, pages shared since a fork) counts for
each in `Sample.memory`; `exact` shares it out, at fifty times the cost.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from sow import process

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the processes of an attempt use at one moment."""

    memory: int = 0
    """Bytes resident, summed over the processes."""
    cpu_seconds: float = 0.0
    """Processor time of those that live, and of their ended children that somebody waited for."""
    pids: tuple[int, ...] = ()


class Meter:
    """Looks at the processes of attempts; what it has seen of one it remembers to the next look."""

    def __init__(self) -> None:
        self._marks: dict[tuple[int, int], str] = {}
        """The mark of each process there was at the last look, empty for none, by pid and inode in /proc."""

    def look(self, attempts: Iterable[str]) -> dict[str, Sample]:
        """What each of `attempts` uses now; one that has no process is left out."""
        wanted = set(attempts)
        pids: dict[str, list[int]] = {}
        for pid, mark in self._marked():
            if mark in wanted:
                pids.setdefault(mark, []).append(pid)
        return {mark: found for mark, mine in pids.items() if (found := _sum(mine)).pids}

    def _marked(self) -> list[tuple[int, str]]:
        before, self._marks = self._marks, {}
        for key in _processes():
            mark = before.get(key)
            if mark is None:
                mark = process.mark(key[0])
            # In mid-exec nothing is to be seen: it is asked again at the next look.
            if mark is not None:
                self._marks[key] = mark
        return [(pid, mark) for (pid, _), mark in self._marks.items() if mark]


def of(attempt: str) -> Sample:
    """What one attempt uses now, for whoever looks once."""
    return Meter().look([attempt]).get(attempt, Sample())


def exact(pids: Iterable[int]) -> int:
    """The bytes that these processes hold together: what several hold is shared out among them."""
    return sum(_share(pid) for pid in pids)


def _processes() -> list[tuple[int, int]]:
    """Each process by its pid and its inode in /proc, which is another one where a pid came back."""
    with os.scandir("/proc") as entries:
        return [(int(entry.name), entry.inode()) for entry in entries if entry.name.isdecimal()]


def _sum(pids: list[int]) -> Sample:
    memory, ticks, alive = 0, 0, []
    for pid in pids:
        if used := process.used(pid):
            memory += used[0] * _PAGE
            ticks += used[1]
            alive.append(pid)
    return Sample(memory, ticks / _TICK, tuple(alive))


def _share(pid: int) -> int:
    """The proportional share of one process in the memory that it maps; 0 where that can't be seen."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0
    return int(line.split()[1]) * 1024
