"""Artifacts of phases and tasks: what an act makes of a list, and of the files that hold it."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.parts import AT, add, events, files_below, in_status, new_store, put

import sow_schemas
from sow import artifacts, attaching, report, statechart
from sow.artifacts import Add, Remove, Set, Shelf
from sow.errors import NotFound, Refused
from sow.report import apply_outbox
from sow.store import Store

PHASE = Shelf(
    of="outputs", phase="review", types=("review", "notes"), elsewhere={"pr": "finalize"}, iteration=2
)
TASK = Shelf(of="inputs", task_id="010")
REVIEW = Shelf(of="outputs", phase="review")


def artifact(path: str = "a.md", kind: str = "review", **more: Any) -> dict[str, Any]:
    return {"type": kind, "path": path, "approved": False, "created_at": AT, **more}


HELD = [
    artifact(metadata={"iteration": 1}),
    artifact("b.md", metadata={"iteration": 2, "assessment": "fail"}),
]


def told(store: Store) -> list[Any]:
    """The events about artifacts: task, type, payload."""
    found = [event for event in events(store) if event["type"].startswith("artifact.")]
    return [(event["task_id"], event["type"].partition(".")[2], event["payload"]) for event in found]


# -- what an act makes of a list --------------------------------------------------------------------


def test_an_artifact_comes_last_with_the_iteration_of_its_phase() -> None:
    done = artifacts.after(HELD, Add(type="notes", path="c.md", metadata={"by": "ada"}), PHASE, at=AT)
    new = artifact("c.md", "notes", metadata={"by": "ada", "iteration": 2})
    assert (done.artifacts, done.index, done.artifact) == ([*HELD, new], 2, new)
    assert done.event
    assert (done.event.type, done.event.task_id) == ("artifact.written", None)
    assert done.event.payload == {"path": "c.md", "kind": "notes"}


def test_in_a_task_nothing_is_noted_and_any_type_may_come() -> None:
    done = artifacts.after([], Add(type="whatever", path="c.md", approved=True), TASK, at=AT)
    assert done.artifacts == [{**artifact("c.md", "whatever"), "approved": True}]
    assert done.event
    assert done.event.task_id == "010"
    kept = artifacts.after([], Add(type="x", path="c.md", metadata={"iteration": 7}), TASK, at=AT)
    assert kept.artifact["metadata"] == {"iteration": 7}


@pytest.mark.parametrize(
    ("act", "message", "hint"),
    [
        pytest.param(
            Add(type="revew", path="c.md"), "'revew' is no type of output of phase review",
            "did you mean review? the types there: review, notes", id="a slip in the type",
        ),
        pytest.param(
            Add(type="pr", path="c.md"), "'pr' is no type of output of phase review",
            "it is one of phase finalize: `--phase finalize`; the types there: review, notes",
            id="a type of another phase",
        ),
        pytest.param(
            Add(type=" ", path="c.md"), "the type of the artifact is empty", "the types there: review, notes",
            id="no type",
        ),
        pytest.param(
            Add(type="review", path="b.md"), "b.md is output [1] of phase review already",
            "change that one: `sow output set --phase review --index 1 FIELD VALUE`", id="what is there",
        ),
        pytest.param(
            Add(type="review", path="c.md", metadata={"iteration": 1}),
            "metadata.iteration can't be set: sow notes the iteration that an artifact came in",
            "add the artifact again in the iteration that it is for", id="an iteration of one's own",
        ),
        pytest.param(
            Set(index=0, field="metadata.iteration", value="2"),
            "metadata.iteration can't be set: sow notes the iteration that an artifact came in",
            "see `sow output set --help` for what can be", id="another iteration",
        ),
        pytest.param(
            Set(index=0, field="metadata", value="{iteration: 2}"),
            "metadata.iteration can't be set: sow notes the iteration that an artifact came in",
            "add the artifact again in the iteration that it is for", id="another iteration by the whole",
        ),
        pytest.param(
            Set(index=0, field="metadata.iteration", value=None),
            "metadata.iteration can't be set: sow notes the iteration that an artifact came in",
            "see `sow output set --help` for what can be", id="no iteration",
        ),
        pytest.param(
            Set(index=0, field="created_at", value=AT), "created_at can't be set: sow keeps the times",
            "see `sow output set --help` for what can be", id="a time",
        ),
        pytest.param(
            Set(index=0, field="aproved", value="true"), "unknown field: aproved", "did you mean approved?",
            id="a slip in the field",
        ),
        pytest.param(
            Set(index=0, field="type", value="pr"), "'pr' is no type of output of phase review",
            "it is one of phase finalize: `--phase finalize`; the types there: review, notes",
            id="a type that has no place there",
        ),
        pytest.param(
            Set(index=0, field="path", value=None), "path can't be removed: every artifact has one",
            "set it: `sow output set path VALUE`", id="no path",
        ),
        pytest.param(
            Set(index=2, field="approved", value="true"), "index out of range: 2",
            "phase review has 2 outputs, counted from 0: `sow output list --phase review`", id="past the end",
        ),
        pytest.param(
            Remove(index=-1), "index out of range: -1",
            "phase review has 2 outputs, counted from 0: `sow output list --phase review`", id="negative",
        ),
    ],
)  # fmt: skip
def test_what_can_t_be_is_refused_with_what_to_do(act: artifacts.Act, message: str, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        artifacts.after(HELD, act, PHASE, at=AT)
    assert (str(refused.value), refused.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("held", "hint"),
    [
        ([], "task 010 has no inputs, counted from 0: `sow task input list --id 010`"),
        ([artifact()], "task 010 has 1 input, counted from 0: `sow task input list --id 010`"),
    ],
)
def test_an_index_out_of_range_says_how_many_there_are(held: list[Any], hint: str) -> None:
    with pytest.raises(Refused, match="index out of range: 1") as refused:
        artifacts.after(held, Remove(index=1), TASK, at=AT)
    assert refused.value.hint == hint


def test_the_same_file_comes_again_in_the_next_iteration_and_as_another_type() -> None:
    again = artifacts.after(HELD, Add(type="review", path="a.md"), PHASE, at=AT)
    assert [one["metadata"]["iteration"] for one in again.artifacts] == [1, 2, 2]
    assert artifacts.after(HELD, Add(type="notes", path="b.md"), PHASE, at=AT).index == 2


def test_metadata_as_a_whole_keeps_what_sow_noted() -> None:
    whole = artifacts.after(HELD, Set(index=1, field="metadata", value="{assessment: pass}"), PHASE, at=AT)
    assert whole.artifact["metadata"] == {"assessment": "pass", "iteration": 2}
    gone = artifacts.after(HELD, Set(index=1, field="metadata", value=None), PHASE, at=AT)
    assert gone.artifact["metadata"] == {"iteration": 2}
    same = artifacts.after(HELD, Set(index=0, field="metadata", value="{iteration: 1}"), PHASE, at=AT)
    assert same.event is None


ACTS = st.one_of(
    st.builds(
        Add, type=st.sampled_from(["review", "notes", "pr"]), path=st.sampled_from(["a.md", "b.md", "c.md"]),
        approved=st.booleans(), metadata=st.none() | st.just({"k": 1}),
    ),
    st.builds(
        Set, index=st.integers(-1, 3), value=st.sampled_from([None, "true", "3", "review", "{a: 1}"]),
        field=st.sampled_from(["approved", "type", "metadata", "metadata.k", "metadata.iteration", "x"]),
    ),
    st.builds(Remove, index=st.integers(-1, 3)),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(ACTS, max_size=8))
def test_after_any_acts_each_artifact_has_its_iteration_and_nobody_else_s_is_touched(acts: list[Any]) -> None:
    held: list[Any] = []
    for act in acts:
        before = copy.deepcopy(held)
        try:
            done = artifacts.after(held, act, PHASE, at=AT)
        except Refused:
            continue
        finally:
            assert held == before, "nothing is changed in place"
        if not sow_schemas.valid("artifact_state", done.artifact):
            continue  # the store would refuse it
        others = [one for index, one in enumerate(before) if index != done.index]
        if isinstance(act, Remove):
            assert (done.artifacts, before[done.index]) == (others, done.artifact)
        else:
            assert [one for index, one in enumerate(done.artifacts) if index != done.index] == others
            assert done.artifacts[done.index] == done.artifact
        held = done.artifacts
        assert all(one["metadata"]["iteration"] == 2 for one in held)


# -- in the files of the project -------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def test_an_artifact_of_a_phase_is_kept_and_told(store: Store) -> None:
    attaching.change(store, REVIEW, Add(type="review", path="phases/review/../review/r.md"))
    attaching.change(store, REVIEW, Set(index=0, field="metadata.assessment", value="pass"))
    attaching.change(store, REVIEW, Set(index=0, field="approved", value="true"))
    attaching.change(store, REVIEW, Set(index=0, field="approved", value="true"))
    [held] = attaching.held(store, REVIEW)
    assert sow_schemas.valid("artifact_state", held)
    assert {key: held[key] for key in ("type", "path", "approved", "metadata")} == {
        "type": "review", "path": "phases/review/r.md", "approved": True,
        "metadata": {"assessment": "pass", "iteration": 1},
    }  # fmt: skip
    assert statechart._is_of_now(held, store.phase("review"))
    attaching.change(store, REVIEW, Remove(index=0))
    assert attaching.held(store, REVIEW) == []
    named = {"path": "phases/review/r.md", "kind": "review"}
    assert told(store) == [
        (None, "written", named),
        (None, "changed", {**named, "fields": ["metadata.assessment"]}),
        (None, "changed", {**named, "fields": ["approved"]}),
        (None, "removed", named),
    ]
    assert all(sow_schemas.valid("event", event) for event in events(store))


def test_an_artifact_of_a_task_is_kept_and_told(store: Store) -> None:
    add(store)
    attaching.change(store, TASK, Add(type="reference", path="../../docs/x.md", metadata={"a": 1}))
    assert attaching.held(store, TASK)[0]["metadata"] == {"a": 1}
    attaching.change(store, TASK, Set(index=0, field="path", value="y.md"))
    assert store.task("010").inputs[0]["path"] == "y.md"
    attaching.change(store, TASK, Remove(index=0))
    assert list(store.task("010").inputs) == []
    assert [(task_id, kind) for task_id, kind, _ in told(store)] == [
        ("010", "written"), ("010", "changed"), ("010", "removed")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("shelf", "act", "kind", "message"),
    [
        (Shelf(of="outputs", phase="nope"), Add(type="x", path="a"), NotFound, "phase not found: nope"),
        (Shelf(of="outputs", phase="../x"), Remove(index=0), NotFound, "phase not found: ../x"),
        (Shelf(of="outputs", task_id="099"), Add(type="x", path="a"), NotFound, "task not found: 099"),
        (REVIEW, Add(type="notes", path="a"), Refused, "'notes' is no type of output of phase review"),
        (REVIEW, Add(type="review", path="../../../a"), Refused, "leaves the repository"),
        (REVIEW, Set(index=0, field="path", value="/etc/passwd"), Refused, "leaves the repository"),
        (REVIEW, Set(index=0, field="approved", value="true"), Refused, "index out of range: 0"),
    ],
)
def test_what_is_refused_changes_nothing(
    store: Store, shelf: Shelf, act: artifacts.Act, kind: type[Exception], message: str
) -> None:
    before = {
        name: Path(store.layout.project, name).read_bytes() for name in files_below(store.layout.project)
    }
    with pytest.raises(kind, match=message):
        attaching.change(store, shelf, act)
    after = {
        name: Path(store.layout.project, name).read_bytes() for name in files_below(store.layout.project)
    }
    assert (after, told(store)) == (before, [])


def test_what_the_schema_refuses_is_refused_with_its_place(store: Store) -> None:
    attaching.change(store, REVIEW, Add(type="review", path="a.md"))
    with pytest.raises(Refused, match=r'outputs\.0\.approved: "yes" is a text, not true or false'):
        attaching.change(store, REVIEW, Set(index=0, field="approved", value="yes"))
    with pytest.raises(Refused, match=r"outputs\.0\.metadata"):
        attaching.change(store, REVIEW, Set(index=0, field="metadata", value="3"))
    assert attaching.held(store, REVIEW)[0]["approved"] is False


# -- what a worker says ----------------------------------------------------------------------------

MINE = Shelf(of="outputs", task_id="010")


@pytest.fixture
def work(store: Store) -> Store:
    put(store, in_status("in_progress"))
    return store


def test_a_worker_adds_and_removes_its_own_and_approves_none_of_it(work: Store) -> None:
    def say(act: artifacts.Act, shelf: Shelf = MINE) -> Any:
        return report.keep_artifact(work, shelf, act, attempt="010-1-1")

    say(Add(type="log", path="a.md"))
    for act in (
        Add(type="log", path="b.md", approved=True),
        Set(index=0, field="approved", value="true"),
        Set(index=0, field="approved", value=" true"),
    ):
        with pytest.raises(Refused, match="an agent can't approve its own output"):
            say(act)
    attaching.change(work, MINE, Set(index=0, field="approved", value="true"))
    with pytest.raises(Refused, match="or change one that is approved"):
        say(Set(index=0, field="path", value="c.md"))
    say(Add(type="log", path="b.md"))
    say(Remove(index=1))
    say(Add(type="reference", path="r.md", approved=True), Shelf(of="inputs", task_id="010"))
    assert [one["path"] for one in work.task("010").outputs] == ["a.md"]


def test_a_late_process_of_another_iteration_is_not_heard(work: Store) -> None:
    with pytest.raises(Refused, match="is in iteration 1"):
        report.keep_artifact(work, MINE, Add(type="log", path="a.md"), attempt="010-2-1")
    assert list(work.task("010").outputs) == []


def test_what_was_laid_down_is_done_once_in_its_order(work: Store, tmp_path: Path) -> None:
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    said = [
        {"add": "log", "path": "a.md", "approved": False, "metadata": {"n": 1}},
        {"set": "metadata.n", "index": 0, "value": "2", "text": False},
        {"add": "log", "path": "../../../out.md", "approved": False, "metadata": None},
        {"add": "log", "path": "b.md", "approved": True, "metadata": None},
        {"set": "path", "index": True},
        {"remove": 0},
        {"remove": True, "artifact": {"type": "log"}},
    ]
    for number, one in enumerate(said):
        words = {"verb": "artifact", "of": "outputs", "do": one}
        (outbox / f"{1_800_000_000_000_000_000 + number:020d}-1.json").write_text(json.dumps(words))
    refused = apply_outbox(work, str(outbox), "010", "010-1-1")
    assert [words.partition(": ")[2].split(" ")[0] for words in refused] == [
        "../../../out.md", "an", "no", "no", "no"
    ]  # fmt: skip
    [held] = work.task("010").outputs
    assert (held["path"], held["metadata"], held["created_at"][:10]) == ("a.md", {"n": 2}, "2027-01-15")
    for path in sorted(outbox.iterdir()):
        os.rename(path, str(path).removesuffix(".applied"))
    apply_outbox(work, str(outbox), "010", "010-1-1")
    assert list(work.task("010").outputs) == [held]


SEEN = [artifact("a.md"), artifact("b.md"), artifact("c.md")]


@pytest.mark.parametrize(
    ("held", "left"),
    [
        pytest.param(SEEN, ["a.md", "c.md"], id="as it was seen"),
        pytest.param(SEEN[1:], ["c.md"], id="one before it went meanwhile"),
        pytest.param([artifact("0.md"), *SEEN], ["0.md", "a.md", "c.md"], id="one came before it"),
        pytest.param([SEEN[0], SEEN[2]], ["a.md", "c.md"], id="it is gone, as it is when this is done twice"),
        pytest.param([artifact("b.md", approved=True)], [], id="something was set in it"),
        pytest.param([{**SEEN[1], "created_at": "x"}], ["b.md"], id="it came again meanwhile"),
    ],
)
def test_a_removal_that_is_heard_later_takes_away_the_one_that_was_meant(
    held: list[Any], left: list[str]
) -> None:
    done = artifacts.after(held, Remove(index=1, artifact=SEEN[1]), TASK, at=AT)
    assert [one["path"] for one in done.artifacts] == left
    assert (done.event is None) is (len(held) == len(left))
