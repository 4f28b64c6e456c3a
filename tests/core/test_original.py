"""The original program's form of a project: what it writes is read, and what it would read is written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.parts import AT, OLD_STATES, add, new_store, old_state, old_store
from tests.schemas.documents import drawn

import sow_schemas
from sow import original
from sow.document import canonical, strict
from sow.store import Store

ZERO = "0001-01-01T00:00:00Z"

# The original's types, field by field: in Go a field that nobody set has its type's zero value.
ARTIFACT: dict[str, Any] = {"type": "", "path": "", "approved": False, "created_at": ZERO, "metadata": {}}
TASK: dict[str, Any] = {
    "id": "", "name": "", "phase": "", "status": "", "created_at": ZERO, "started_at": ZERO,
    "updated_at": ZERO, "completed_at": ZERO, "iteration": 0, "assigned_agent": "", "session_id": "",
    "inputs": [], "outputs": [], "metadata": {},
}  # fmt: skip
PHASE: dict[str, Any] = {
    "status": "", "enabled": False, "created_at": ZERO, "started_at": ZERO, "completed_at": ZERO,
    "failed_at": ZERO, "iteration": 0, "metadata": {}, "inputs": [], "outputs": [], "tasks": [],
}  # fmt: skip
PROJECT: dict[str, Any] = {
    "name": "", "type": "", "branch": "", "description": "", "created_at": ZERO, "updated_at": ZERO,
    "phases": {}, "statechart": {}, "agent_sessions": {},
}  # fmt: skip
ITEMS = {"inputs": ARTIFACT, "outputs": ARTIFACT, "tasks": TASK}


def as_go(document: Any, known: dict[str, Any] = PROJECT) -> dict[str, Any]:
    """A document as the original has it once it was read, and writes it: a field of each struct, in order.

    A key that its type does not know is dropped by that program; here it is a failure.
    """
    assert set(document) <= set(known)
    held = {key: unset if document.get(key) is None else document[key] for key, unset in known.items()}
    for key, inner in ITEMS.items():
        if key in known:
            held[key] = [as_go(item, inner) for item in held[key]]
    if known is PROJECT:
        held["phases"] = {name: as_go(phase, PHASE) for name, phase in sorted(held["phases"].items())}
    if known is PHASE:
        held["tasks"] = sorted(held["tasks"], key=lambda task: str(task["id"]))
    return held


def own_fields(schema: str, known: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Values for the fields of the original's in a document, but for the lists and the mapping of others."""
    loaded = sow_schemas.load(schema)
    fields = {name: drawn(loaded["properties"][name]) for name in known if name not in (*ITEMS, "phases")}
    optional = {name: value for name, value in fields.items() if name not in loaded["required"]}
    return st.fixed_dictionaries({n: v for n, v in fields.items() if n not in optional}, optional=optional)


ARTIFACTS = st.lists(own_fields("artifact_state", ARTIFACT), max_size=1)
TASKS = st.lists(st.tuples(own_fields("task_state", TASK), ARTIFACTS, ARTIFACTS), max_size=2)
PHASES = st.dictionaries(
    st.text("aZ0_ +-", min_size=1, max_size=9),
    st.tuples(own_fields("phase_state", PHASE), ARTIFACTS, ARTIFACTS, TASKS),
    min_size=1,
    max_size=2,
)


class Quoting(yaml.SafeDumper):
    """Quotes every text: what needs it differs from one YAML to the next."""

    def ignore_aliases(self, data: object) -> bool:
        return True


Quoting.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


@st.composite
def files(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """A document of the original's, each id given once, and a file that holds it."""
    ids = iter(range(1, 100))
    phases = {}
    for name, (phase, inputs, outputs, tasks) in draw(PHASES).items():
        held = [
            {**task, "id": f"{next(ids):03d}", "phase": name, "inputs": taken, "outputs": brought}
            for task, taken, brought in tasks
        ]
        phases[name] = {**phase, "inputs": inputs, "outputs": outputs, "tasks": held}
    document = {**draw(own_fields("project_state", PROJECT)), "phases": phases}
    ways = draw(st.lists(st.sampled_from(["absent", "null", "zero"]), min_size=1, max_size=7))
    written = as_written(document, PROJECT, cycle(ways))
    flow, indent = draw(st.sampled_from([(False, 2), (False, 4), (None, 4)]))
    dumped = yaml.dump(written, Dumper=Quoting, sort_keys=False, default_flow_style=flow, indent=indent)
    return document, dumped.encode()


NEEDED = {"id", "name", "phase", "status", "created_at", "updated_at", "enabled", "type", "path", "approved"}


def as_written(held: Any, known: dict[str, Any], ways: Iterator[str]) -> dict[str, Any]:
    """A document with one of the ways to say that a field is not set: its zero, null, or nothing at all."""
    written: dict[str, Any] = {}
    for key, zero in known.items():
        if key in held and held[key] != []:
            written[key] = held[key]
        elif key not in NEEDED:
            how = next(ways)
            written |= {"absent": {}, "null": {key: None}, "zero": {key: zero}}[how]
        if key in ITEMS and written.get(key):
            written[key] = [as_written(item, ITEMS[key], ways) for item in written[key]]
    if known is PROJECT:
        written["phases"] = {name: as_written(phase, PHASE, ways) for name, phase in held["phases"].items()}
    return written


@settings(max_examples=25, deadline=None)
@given(files())
def test_what_the_original_wrote_comes_back_as_the_same_values_before_and_after_the_split(
    file: tuple[dict[str, Any], bytes],
) -> None:
    document, data = file
    with tempfile.TemporaryDirectory() as folder:
        store = old_store(Path(folder), data)
        before = original.text(original.given(store.whole()))
        store.split()
        assert original.text(original.given(store.whole())) == before
        assert Path(f"{store.layout.project_file}.pre-split").read_bytes() == data
    back = strict.load(before.encode(), "back").value
    assert canonical.same(as_go(back), as_go(document))
    assert sow_schemas.valid("project_state", back)


# Where two phases gave one id it is another afterwards: see test_splitting.py.
ONE_ID_EACH = sorted({path.stem for path in OLD_STATES.glob("*.yaml")} - {"exploration-finalizing"})


@pytest.mark.parametrize("name", ONE_ID_EACH)
def test_a_file_of_the_original_comes_back_as_the_same_values(tmp_path: Path, name: str) -> None:
    store = old_store(tmp_path, old_state(name))
    back = original.text(original.given(store.whole()))
    held = strict.load(old_state(name), name).value
    assert canonical.same(as_go(strict.load(back.encode(), "back").value), as_go(held))


def test_a_time_is_a_time_and_a_text_that_looks_like_one_is_a_text_to_any_reader(store: Store) -> None:
    metadata = {
        "due": AT,
        "at": {"updated_at": AT},
        "no": "no",
        "n": "010",
        "x": ["1e3", "0o7", "~", "a: b", ""],
    }
    add(store, name="yes", metadata=metadata, started_at=AT)
    held = yaml.safe_load(original.text(original.given(store.whole())))
    (task,) = held["phases"]["implementation"]["tasks"]
    assert task["metadata"] == metadata
    assert task["name"] == "yes"
    assert [type(task[key]).__name__ for key in ("created_at", "started_at", "id")] == ["datetime"] * 2 + [
        "str"
    ]


def test_what_only_sow_knows_is_left_out_and_what_both_know_keeps_the_original_s_order(store: Store) -> None:
    add(
        store,
        priority="high",
        task_type="fix",
        params={"n": 1},
        session_id="s",
        attempts=2,
        metadata={"n": 1},
    )
    held = original.given(store.whole())
    (task,) = held["phases"]["implementation"]["tasks"]
    assert list(task) == [key for key in TASK if key not in ("started_at", "completed_at")]
    assert [list(phase) for phase in held["phases"].values()] == [
        [key for key in PHASE if key in phase] for phase in held["phases"].values()
    ]
    assert list(held) == [key for key in PROJECT if key != "agent_sessions"]
    one = original.one(store.whole())
    assert one["phases"]["implementation"]["tasks"][0]["priority"] == "high"
    assert sow_schemas.valid("project_state", one)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)
