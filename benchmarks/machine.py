"""What the figures were measured on: they mean little without it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass

IN_MEMORY = ("tmpfs", "ramfs")
"""File systems on which a flush to the disk costs nothing."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine, as it was when the run began."""

    python: str
    system: str
    processors: int
    load: float
    """Processes that wanted to run, averaged over the last minute."""
    disk: str
    """The kind of file system under the scratch folder."""

    @property
    def warnings(self) -> list[str]:
        """What makes the figures worse than they could be, for people."""
        said = []
        if self.load > 0.5 * self.processors:
            said.append(
                f"the machine is busy (load {self.load:.1f} on {self.processors} processors): "
                "the ratios hold, their intervals are wide"
            )
        if self.disk in IN_MEMORY:
            said.append(
                f"the scratch folder is on {self.disk}, where durability costs nothing: "
                "point TMPDIR to a disk"
            )
        return said


def look(folder: str, python: str) -> Machine:
    """This machine. `folder`: absolute, where the scratch files lie; `python`: the version measured."""
    return Machine(
        python=python,
        system=f"{platform.system()} {platform.release()}",
        processors=len(os.sched_getaffinity(0)),
        load=round(os.getloadavg()[0], 2),
        disk=_file_system(os.path.realpath(folder)),
    )


def _file_system(path: str) -> str:
    """The type of the file system that `path` lies on, by proc(5): of the mounts above it the lowest."""
    best, kind = "", "?"
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            fields = line.split()
            place = fields[4].replace("\\040", " ")
            inside = path == place or path.startswith(place.rstrip("/") + "/")
            if inside and len(place) >= len(best):
                best, kind = place, fields[fields.index("-") + 1]
    return kind
