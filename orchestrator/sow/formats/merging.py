"""Two versions of a record and the one that both came from: what each side changed, and where they disagree.

              the file's
    base  <               >  what both shall be, or a conflict
              the project's

Keys that only make sense together are one unit. What is in conflict stays on both sides as it is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sow.document.canonical import same
from sow.formats import Raw

Side = Literal["file", "project"]
"""Whose word counts where both have changed the same."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What becomes of a record."""

    project: dict[str, Any]
    """As the project shall have it."""
    file: dict[str, Any]
    """As the file shall have it."""
    base: dict[str, Any]
    """What both came from, once both have it so."""
    halfway: dict[str, Any]
    """The same while only the project has it so."""
    taken: tuple[str, ...] = ()
    """The keys that the file changed."""
    given: tuple[str, ...] = ()
    """The keys that the project changed."""
    conflicts: tuple[str, ...] = ()


def merge(
    base: Raw | None,
    file: Raw,
    project: Raw,
    *,
    groups: tuple[tuple[str, ...], ...] = (),
    soft: frozenset[str] = frozenset(),
    prefer: Side | None = None,
) -> Merged:
    """Merges a record of a file with that of the project. `base`: None where nobody knows it."""
    sides = [dict(file), dict(project), dict(base or {})]
    theirs, ours, _ = sides
    after = Merged(project=dict(ours), file=dict(theirs), base={}, halfway={})
    taken: list[str] = []
    given: list[str] = []
    conflicts: list[str] = []
    for unit in _units(sides, groups, soft):
        t, o, b = ({key: side[key] for key in unit if key in side} for side in sides)
        if same(t, o):
            after.base.update(t)
            after.halfway.update(t)
            continue
        changed = [key for key in unit if not same(t.get(key), o.get(key)) or (key in t) != (key in o)]
        if base is not None and same(t, b):
            side: Side | None = "project"
        elif base is not None and same(o, b):
            side = "file"
        else:
            side = prefer
        match side:
            case "project":
                _put(after.file, unit, o)
                after.base.update(o)
                after.halfway.update(b)
                given += changed
            case "file":
                _put(after.project, unit, t)
                after.base.update(t)
                after.halfway.update(t)
                taken += changed
            case None:
                after.base.update(b)
                after.halfway.update(b)
                conflicts += changed
    for key in soft:
        # A time goes with the change that it tells of.
        if given:
            _put(after.file, (key,), ours)
        if taken:
            _put(after.project, (key,), theirs)
        _put(after.base, (key,), after.file)
        _put(after.halfway, (key,), theirs)
    return Merged(
        after.project, after.file, after.base, after.halfway, tuple(taken), tuple(given), tuple(conflicts)
    )


def _units(
    sides: list[dict[str, Any]], groups: tuple[tuple[str, ...], ...], soft: frozenset[str]
) -> Iterator[tuple[str, ...]]:
    """All keys of the three, those that go together in one."""
    yield from groups
    grouped = {key for group in groups for key in group} | soft
    yield from ((key,) for key in dict.fromkeys(key for side in sides for key in side) if key not in grouped)


def _put(record: dict[str, Any], unit: tuple[str, ...], values: Mapping[str, Any]) -> None:
    for key in unit:
        if key in values:
            record[key] = values[key]
        else:
            record.pop(key, None)
