"""Files that people wrote keep what people wrote: every comment, and every line that no command set."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.parts import AT, add, new_store

from sow import attaching, fields, phase
from sow.artifacts import Add, Remove, Set, Shelf
from sow.document import strict
from sow.errors import Refused
from sow.store import Store

Path_ = tuple[str | int, ...]

PROJECT = """\
# 1 the project of Ada
name: demo           # 2 never change this
type: exploration
branch: 'feat/demo'

description: "Which database?"   # 3 her words
created_at: 2025-01-15T10:30:00+01:00
updated_at: 2025-01-15T10:30:00+01:00   # 4 sow writes it
statechart:
  # 5 where it stands
  current_state: Active
  updated_at: 2025-01-15T10:30:00+01:00
# 6 the end
"""
PHASE = """\
# 7 the phase
status: active      # 8 by hand
enabled: true

created_at: 2025-01-15T10:30:00+01:00
started_at: 2025-01-15T10:30:00+01:00  # 9 roughly
iteration: 2
metadata:
  # 10 from the old tracker
  pr_url: "https://example.org/1"   # 11 a draft
  mine: {level: 3, by: 'Ada'}       # 12 her estimate
  list:
    - one    # 13
    - two
inputs: [{type: notes, path: "a.md", approved: false, created_at: 2025-01-15T10:30:00+01:00}]  # 14
outputs:
  # 15 the first
  - type: summary
    path: s.md       # 16 the draft
    approved: false
    created_at: 2025-01-15T10:30:00+01:00
    metadata: {iteration: 1, by: ada}
  - {type: findings, path: f.md, approved: true, created_at: 2025-01-15T10:30:00+01:00}   # 17 hers
  # 18 the last
  - type: findings
    approved: true   # 19 by Ada
    path: 'g.md'
    created_at: 2025-01-15T10:30:00+01:00
    metadata:
      # 20 which iteration
      iteration: 2
"""
TASK = """\
id: '010'
name: Read the manuals   # 21 all of them
phase: exploration       # 22 for now
status: pending
created_at: 2025-01-15T10:30:00+01:00
updated_at: 2025-01-15T10:30:00+01:00
iteration: 1

assigned_agent: researcher
inputs:
  # 23 what the designer left
  - type: reference
    path: context/login.md     # 24
    approved: true
    created_at: 2025-01-15T10:30:00+01:00
outputs: [ # 25 in brackets
  {type: log, path: a.md, approved: false, created_at: 2025-01-15T10:30:00+01:00}, # 26
  {type: log, path: b.md, approved: false, created_at: 2025-01-15T10:30:00+01:00} ]
metadata:
  complexity: {level: 3, by: "Ada"}   # 27 her estimate
# 28 the end
"""

Command = tuple[str, Any]

FIELDS = st.sampled_from(["type", "path", "approved", "metadata.by", "metadata.deep.er", "metadata"])
VALUES = st.sampled_from(["true", "false", "42", "x.md", "findings", "{a: [1, 2]}", None])
ACTS = st.one_of(
    st.builds(
        Add, type=st.sampled_from(["summary", "findings"]), path=st.sampled_from(["n.md", "../../m.md"]),
        approved=st.booleans(),
    ),
    st.builds(Set, index=st.integers(0, 3), field=FIELDS, value=VALUES, text=st.booleans()),
    st.builds(Remove, index=st.integers(0, 3)),
)  # fmt: skip
SIDES = st.sampled_from(["inputs", "outputs"])
OF_PHASES = st.tuples(
    st.sampled_from(
        ["status", "enabled", "metadata.pr_url", "metadata.mine.level", "metadata.list.1", "metadata.new.one",
         "metadata"]
    ),
    st.sampled_from(["completed", "summarizing", "true", "42", "[1, {a: b}]", "text: # no", None]),
)  # fmt: skip
OF_TASKS = st.sampled_from(
    [
        ("priority", "high"),
        ("metadata.complexity.level", "4"),
        ("metadata.n", "1"),
        ("metadata.complexity", None),
    ]
)
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.tuples(st.just("phase"), OF_PHASES),
    st.tuples(st.just("project"), st.sampled_from(["other words", "a: b # c", "", None])),
    st.tuples(st.just("task"), OF_TASKS),
    st.tuples(st.just("artifact of the phase"), st.tuples(SIDES, ACTS)),
    st.tuples(st.just("artifact of the task"), st.tuples(SIDES, ACTS)),
    st.tuples(st.just("move"), st.sampled_from(["exploration", "finalization"])),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(COMMANDS, min_size=1, max_size=6))
def test_any_sequence_of_commands_keeps_every_comment_and_every_line_that_it_did_not_set(
    commands: list[Command],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = new_store(Path(folder), kind="exploration")
        add(store, phase="exploration")
        Path(store.layout.project_file).write_text(PROJECT)
        Path(store.layout.phase_file("exploration")).write_text(PHASE)
        Path(store.layout.task_file("exploration", "010")).write_text(TASK)
        for command in commands:
            before = texts(store)
            try:
                carry_out(store, command)
            except Refused:
                assert texts(store) == before
                continue
            for name, text in texts(store).items():
                keeps_what_people_wrote(before[name], text, removed(command, name))
        held = store.tasks()
        assert (len(held.tasks), held.broken) == (1, ())


def carry_out(store: Store, command: Command) -> None:
    match command:
        case "phase", (path, None):
            store.change_phase("exploration", phase.unsetting("exploration", path))
        case "phase", (path, value):
            known = phase.of(store.type(), "exploration")
            store.change_phase("exploration", phase.setting(known, path, value, at=AT))
        case "project", None:
            store.change_project(phase.project_unsetting("description"))
        case "project", value:
            store.change_project(phase.project_setting("description", value))
        case "task", (path, None):
            store.change_task("010", fields.unsetting(path))
        case "task", (path, value):
            store.change_task("010", fields.setting(path, value, now=store.now(), worker=False))
        case "artifact of the phase", (side, act):
            attaching.change(store, Shelf(of=side, phase="exploration"), act)
        case "artifact of the task", (side, act):
            attaching.change(store, Shelf(of=side, task_id="010"), act)
        case "move", goal:
            store.move_task("010", goal)


def texts(store: Store) -> dict[str, str]:
    """The three files, wherever the task is."""
    return {
        "project": Path(store.layout.project_file).read_text(),
        "phase": Path(store.layout.phase_file("exploration")).read_text(),
        "task": Path(store.task_files()[0]).read_text(),
    }


def removed(command: Command, name: str) -> Path_:
    """The item of a list that a command removes from a file: what stands behind it moves up."""
    match command:
        case str(what), (str(side), Remove(index=index)) if what.endswith(name):
            return (side, index)
    return ()


def keeps_what_people_wrote(before: str, after: str, gone: Path_) -> None:
    old, new = leaves(before), leaves(after)
    stays = {path: moved_up(path, gone) for path in old if not gone or path[: len(gone)] != gone}
    same = {path for path, now in stays.items() if now in new and _is(old[path].value, new[now].value)}
    came = new.keys() - stays.values()
    # What stands in brackets is written anew as a whole where something comes into it or goes.
    touched = {old[path].unit for path in old.keys() - same}
    touched |= {unit for path in came for unit in brackets(before) if path[: len(unit)] == unit}
    for path in same:
        if old[path].unit not in touched:
            assert new[stays[path]].text == old[path].text, f"the line of {path} was not set"
    with_field = {n for path in old.keys() - stays.keys() | _unset(stays, new) for n in notes(old[path].line)}
    assert [note for note in notes(before) if note not in {*notes(after), *with_field}] == []


def _unset(stays: dict[Path_, Path_], new: dict[Path_, Leaf]) -> set[Path_]:
    """The leaves that are gone: what is written behind them, on their line, may go with them."""
    return {path for path, now in stays.items() if now not in new}


def notes(text: str) -> list[str]:
    """The numbers of the comments."""
    return re.findall(r"# (\d+)\b", text)


@dataclass(frozen=True)
class Leaf:
    """A scalar of a document: its value, its line, and that line without a comment."""

    value: object
    line: str
    text: str
    unit: Path_
    """The outermost brackets that it stands in; itself where it stands in none."""


def leaves(text: str) -> dict[Path_, Leaf]:
    """Every scalar, and every list and mapping in which nothing is, by its path."""
    lines = text.split("\n")

    def walk(node: strict.Node, path: Path_, unit: Path_ | None) -> Iterator[tuple[Path_, Leaf]]:
        unit = path if node.flow and unit is None else unit
        if not node.items:
            line = lines[node.line]
            bare = re.sub(r"\s+# \d.*", "", line)
            yield path, Leaf(node.value, line, bare, path if unit is None else unit)
        for below, item in _below(node, path):
            yield from walk(item, below, unit)

    root = strict.load(text.encode(), "it").root
    assert root is not None
    return dict(walk(root, (), None))


def brackets(text: str) -> set[Path_]:
    """The paths of the lists and mappings that stand in brackets and in no others."""
    return {path for leaf in leaves(text).values() for path in (leaf.unit,)}


def _below(node: strict.Node, path: Path_) -> Iterator[tuple[Path_, strict.Node]]:
    for index, item in enumerate(node.items):
        yield (*path, node.keys[index].value if node.keys else index), item


def moved_up(path: Path_, gone: Path_) -> Path_:
    """Where a leaf is once the item at `gone` is removed from its list."""
    if gone and path[: len(gone) - 1] == gone[:-1] and isinstance(place := path[len(gone) - 1], int):
        last = gone[-1]
        assert isinstance(last, int)
        return (*gone[:-1], place - 1, *path[len(gone) :]) if place > last else path
    return path


def _is(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other
