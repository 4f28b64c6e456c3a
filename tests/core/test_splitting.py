"""Old projects, which lie in one file: read as they are, and split at the first write, whatever it is."""

# ruff: noqa: E501 - the tables hold documents and the very lines that are told of them

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.parts import (
    AT,
    OLD_STATES,
    add,
    events,
    files_below,
    keep,
    new_store,
    new_task,
    old_state,
    old_store,
    open_store,
    temporary,
)
from tests.forked import code_of

import sow_schemas
from sow import advancing, document, fields, original, splitting
from sow.change import Change
from sow.document import canonical
from sow.errors import NotFound, Refused
from sow.layout import Layout
from sow.state import Step
from sow.store import Store
from sow_schemas.documents import PhaseFile, ProjectFile

NAMES = sorted(path.stem for path in OLD_STATES.glob("*.yaml"))
EXECUTING = old_state("standard-executing")


def snapshot(store: Store) -> dict[str, bytes]:
    """Every byte of the project and of what belongs to it on this machine, but for locks."""
    found = {}
    for top in (store.layout.project, store.layout.runtime):
        for name in files_below(top):
            path = Path(top, name)
            if "/locks/" not in str(path):
                found[str(path)] = path.read_bytes()
    return found


def text_of(store: Store, name: str, text: str) -> None:
    path = Path(store.layout.project, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def set_project(store: Store, **fields: Any) -> None:
    store.change_project(lambda held: Step(project=cast("ProjectFile", {**held, **fields})))


def set_phase(store: Store, phase: str, **fields: Any) -> None:
    store.change_phase(phase, lambda held: Step(phases={phase: cast("PhaseFile", {**held, **fields})}))


# -- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_old_file_is_read_whole_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    store = old_store(tmp_path, old_state(name))
    before = snapshot(store)
    whole = store.whole()
    assert whole.tasks.broken == ()
    assert sow_schemas.valid("project_file", whole.project)
    for phase, held in whole.phases.items():
        assert sow_schemas.valid("phase_file", held)
        assert store.phase(phase) == held
    for task in whole.tasks.tasks:
        assert sow_schemas.valid("task_state", task.document())
        assert store.task(task.id) == task
        store.description(task)
        store.feedback(task)
    assert [path.split("/")[-2] for path in store.task_files()] == [task.id for task in whole.tasks.tasks]
    assert snapshot(store) == before
    assert not Path(store.layout.runtime).exists()


def test_what_is_not_set_is_not_there(tmp_path: Path) -> None:
    store = old_store(tmp_path, EXECUTING)
    assert set(store.phase("review")) == {"status", "enabled", "created_at", "inputs", "outputs"}
    task = store.task("050")
    assert (task.started_at, task.completed_at, task.session_id, task.metadata) == (None, None, None, None)
    assert store.task("030").session_id == "6ba7b810-9dad-41d1-80b4-00c04fd430c8"
    assert store.project()["agent_sessions"] == {"planner": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}


def test_its_type_is_the_built_in_one_of_its_name_and_its_statechart_goes_on(tmp_path: Path) -> None:
    store = old_store(tmp_path, EXECUTING)
    here, (way,) = advancing.ways(store)
    assert (here.name, way.transition.event, way.is_open) == (
        "ImplementationExecuting", "all_tasks_complete", False,
    )  # fmt: skip
    with pytest.raises(Refused, match=r"its state 'PlanningActive' is none of type standard"):
        advancing.ways(old_store(tmp_path / "older", old_state("standard-planning-without-iterations")))


def test_texts_beside_it_are_read_where_the_original_put_them(tmp_path: Path) -> None:
    store = old_store(tmp_path, old_state("exploration-finalizing"))
    text_of(store, "phases/finalization/tasks/010/description.md", "Move it.\n")
    text_of(store, "phases/finalization/tasks/010/feedback/001.md", "To another place.\n")
    text_of(store, "phases/exploration/tasks/010/description.md", "Find out.\n")
    for _ in range(2):
        moved, first = store.task("030"), store.task("010")
        assert (moved.phase, first.phase) == ("finalization", "exploration")
        assert (store.description(moved), store.description(first)) == ("Move it.\n", "Find out.\n")
        assert store.feedback(moved) == [("001.md", "To another place.\n")]
        store.split()
    assert not Path(store.layout.task("finalization", "010")).exists()


# -- the first write --------------------------------------------------------------------------

WRITES: dict[str, Callable[[Store], object]] = {
    "a task": lambda store: store.change_task("020", keep(priority="high")),
    "its dependencies": lambda store: store.change_dependencies("050", keep(depends_on=["020"])),
    "its log": lambda store: store.append_log(store.task("020"), "halfway", by="implementer"),
    "a new task": lambda store: add(store),
    "the project": lambda store: set_project(store, description="x"),
    "a phase": lambda store: set_phase(store, "review", enabled=True),
    "the whole": lambda store: store.change_whole(
        lambda whole: Step(project={**whole.project, "branch": "x"})
    ),
    "nothing else": lambda store: store.split(),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_the_first_write_gives_every_part_a_file_and_keeps_the_old_one(
    tmp_path: Path, write: Callable[[Store], object]
) -> None:
    store = old_store(tmp_path, EXECUTING)
    before = original.given(store.whole())
    write(store)
    assert Path(f"{store.layout.project_file}.pre-split").read_bytes() == EXECUTING
    assert Path(store.layout.type_file).read_text() == store.type().text
    for reader in (store, open_store(tmp_path)):
        whole = reader.whole()
        assert whole.tasks.broken == ()
        assert list(whole.phases) == ["implementation", "review", "finalize"]
        ids = [task.id for task in whole.tasks.tasks]
        assert [task_id for task_id in ids if task_id != "070"] == ["010", "020", "030", "040", "050", "060"]
        for path in [
            reader.layout.project_file,
            *reader.task_files(),
            *map(reader.layout.phase_file, whole.phases),
        ]:
            assert document.read_file(path).canonical, "what is read all the time is cheap to read"
    told = [event["payload"] for event in events(store) if event["type"] == "project.split"]
    assert told == [{"tasks": 6, "renumbered": {}}]
    after = original.given(store.whole())
    assert after["phases"]["finalize"] == before["phases"]["finalize"]
    assert {**after, "phases": 0, "updated_at": 0, "description": 0, "branch": 0} == {
        **before, "phases": 0, "updated_at": 0, "description": 0, "branch": 0,
    }  # fmt: skip
    assert temporary(store) == []
    assert store.journal.left() == []
    write(store)
    assert len([e for e in events(store) if e["type"] == "project.split"]) == 1, "it is split once"


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(
            lambda s: s.change_task(
                "010", lambda t: Change(task=t.pause("?", kind="question", by="a", at=AT))
            ),
            id="an illegal move",
        ),
        pytest.param(lambda s: s.change_task("020", keep(priority="urgent")), id="a value that is none"),
        pytest.param(lambda s: s.change_task("020", keep(name="caf\udce9")), id="half a character"),
        pytest.param(lambda s: s.change_task("990", keep()), id="an unknown task"),
        pytest.param(lambda s: s.change_phase("building", lambda held: Step()), id="an unknown phase"),
        pytest.param(lambda s: set_project(s, branch=""), id="no branch"),
        pytest.param(
            lambda s: set_phase(s, "implementation", metadata={"pr_number": "x"}),
            id="metadata against the type",
        ),
        pytest.param(lambda s: add(s, "020"), id="an id that is taken"),
        pytest.param(lambda s: add(s, phase="building"), id="a task of an unknown phase"),
        pytest.param(lambda s: advancing.advance(s, None), id="a guard"),
    ],
)
def test_a_refused_write_splits_nothing(tmp_path: Path, write: Callable[[Store], object]) -> None:
    store = old_store(tmp_path, EXECUTING)
    before = snapshot(store)
    with pytest.raises((Refused, NotFound)):
        write(store)
    assert snapshot(store) == before


def test_a_change_that_changes_nothing_splits_nothing(tmp_path: Path) -> None:
    store = old_store(tmp_path, EXECUTING)
    before = snapshot(store)
    store.change_task("020", keep(name="Refuse what is above the limit"))
    store.change_project(lambda held: Step(project=held))
    assert snapshot(store) == before


def test_an_id_that_a_phase_before_has_given_is_another_and_all_that_is_the_task_s_goes_with_it(
    tmp_path: Path,
) -> None:
    store = old_store(tmp_path, old_state("exploration-finalizing"))
    text_of(store, "phases/finalization/tasks/010/feedback/001.md", "To another place.\n")
    assert add(store, phase="finalization").id == "040"
    moved = store.task("030")
    assert moved.name == "Move the summary to the docs"
    assert [held["path"] for held in moved.inputs] == [
        "project/phases/finalization/tasks/030/feedback/001.md"
    ]
    assert [held["path"] for held in store.task("010").outputs] == [
        "project/phases/exploration/tasks/010/findings.md"
    ]
    assert store.feedback(moved) == [("001.md", "To another place.\n")]
    (told,) = [event["payload"] for event in events(store) if event["type"] == "project.split"]
    assert told == {"tasks": 3, "renumbered": {"finalization/010": "030"}}


def test_ids_of_folders_and_of_tasks_that_are_gone_are_not_given_again(tmp_path: Path) -> None:
    store = old_store(tmp_path, old_state("exploration-finalizing"))
    text_of(store, "phases/exploration/tasks/030/notes.md", "left over\n")
    os.makedirs(store.layout.runtime)
    Path(store.layout.runtime, "ids").write_text("040\n")
    assert [task.id for task in store.tasks().tasks] == ["010", "020", "050"]


def test_a_design_task_of_an_old_project_completes_with_its_document(tmp_path: Path) -> None:
    store = old_store(tmp_path, old_state("design-active"))
    done = store.change_task("010", lambda t: Change(task=t.approve(by="ada", at=AT).complete(at=AT)))
    assert done.status == "completed"
    assert store.phase("design")["outputs"][0]["approved"] is True
    assert Path(f"{store.layout.project_file}.pre-split").exists()


def test_a_review_that_came_before_the_phase_failed_is_of_an_older_iteration(tmp_path: Path) -> None:
    """The original does not count how often a review is entered; its first one was a failure."""
    store = old_store(tmp_path, old_state("standard-reviewing"))
    _, ways = advancing.ways(store)
    assert [way.is_open for way in ways] == [False, False]
    passed = {
        "type": "review", "path": "phases/review/reports/002.md", "approved": True,
        "created_at": "2025-12-04T10:00:00Z", "metadata": {"assessment": "fail", "iteration": 2},
    }  # fmt: skip
    set_phase(store, "review", outputs=[*store.phase("review")["outputs"], passed])
    assert advancing.advance(store, None).state.name == "ImplementationPlanning"
    set_phase(store, "implementation", metadata={"planning_approved": True, "draft_pr_created": True})
    for event in ("planning_complete", "draft_pr_created", "all_tasks_complete"):
        advancing.advance(store, event)
    assert store.phase("review")["iteration"] == 3
    _, ways = advancing.ways(store)
    assert [way.is_open for way in ways] == [False, False]


# -- files that are there already ------------------------------------------------------------


def back_to_the_original(store: Store) -> bytes:
    """The project in one file again, as `project show --strict` has it, with what that program did since."""
    text = (
        original.text(original.given(store.whole()))
        .replace("status: pending", "status: in_progress")
        .encode()
    )
    Path(store.layout.project_file).write_bytes(text)
    return text


def test_a_project_that_was_with_the_original_meanwhile_is_split_again_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    store = new_store(tmp_path)
    add(store, priority="high")
    add(store)
    left = Path(store.layout.task_file("implementation", "010")).read_bytes()
    text = back_to_the_original(store)
    back = open_store(tmp_path)
    assert (back.task("010").status, back.task("010").priority) == ("in_progress", None)
    back.change_task("020", keep(priority="low"))
    assert [(task.status, task.priority) for task in open_store(tmp_path).tasks().tasks] == [
        ("in_progress", None), ("in_progress", "low"),
    ]  # fmt: skip
    assert Path(f"{back.layout.project_file}.pre-split").read_bytes() == text
    assert Path(f"{back.layout.task_file('implementation', '010')}.pre-split").read_bytes() == left
    again = back_to_the_original(back) + b"# once more\n"
    Path(back.layout.project_file).write_bytes(again)
    open_store(tmp_path).split()
    assert Path(f"{back.layout.project_file}.pre-split").read_bytes() == text
    assert Path(f"{back.layout.project_file}.pre-split.2").read_bytes() == again


def test_tasks_and_phases_that_the_old_file_does_not_have_stay(tmp_path: Path) -> None:
    store = old_store(tmp_path, old_state("exploration-active"))
    text_of(
        store,
        "phases/exploration/tasks/050/state.yaml",
        canonical.emit(new_task("050", phase="exploration").document()),
    )
    text_of(store, "phases/planning/reports/001.md", "a folder that is no phase\n")
    text_of(
        store,
        "phases/extra/state.yaml",
        canonical.emit({"status": "x", "enabled": True, "created_at": AT, "inputs": [], "outputs": []}),
    )
    for _ in range(2):
        whole = store.whole()
        assert [task.id for task in whole.tasks.tasks] == ["010", "050"]
        assert sorted(whole.phases) == ["exploration", "extra", "finalization"]
        store.split()


def test_a_folder_without_a_task_is_told_as_in_any_project(tmp_path: Path) -> None:
    store = old_store(tmp_path, old_state("exploration-active"))
    text_of(store, "phases/exploration/tasks/050/description.md", "added, and never noted\n")
    for _ in range(2):
        (broken,) = store.tasks().broken
        assert str(broken.fault).endswith("the state file of task 050 is gone")
        store.split()


# -- what is wrong with it --------------------------------------------------------------------

FAULTS = [
    pytest.param(
        "status: paused",
        "status: waiting",
        'state.yaml:97: task 030: status: "waiting" is not allowed',
        id="a status that is none",
    ),
    pytest.param(
        'id: "030"', 'id: "30"', 'state.yaml:94: task 30: id: "30" has the wrong form', id="a short id"
    ),
    pytest.param(
        'id: "030"',
        'id: "020"',
        "state.yaml:94: task 020 stands twice in phase implementation",
        id="an id given twice",
    ),
    pytest.param(
        "again\n              phase: implementation",
        "again\n              phase: review",
        "state.yaml:96: task 030: phase is 'review', and it stands in phase implementation",
        id="another phase",
    ),
    pytest.param(
        "iteration: 2", "iteration: 0", "state.yaml:85: task 020: iteration: 0 is too small", id="iteration 0"
    ),
    pytest.param(
        "session_id: 6ba7b810",
        "sessoin_id: 6ba7b810",
        "task 030: sessoin_id: is not a known field",
        id="an unknown field",
    ),
    pytest.param(
        "status: in_progress\n        enabled",
        "status: ''\n        enabled",
        "state.yaml:21: phase implementation: status: is empty",
        id="a phase without a status",
    ),
    pytest.param(
        "    review:",
        "    ../review:",
        "'../review' can't be the name of a phase",
        id="a phase with the name of no folder",
    ),
    pytest.param(
        "branch: feat", "branch: ''\nx: feat", "state.yaml:3: branch: is empty (and 1 more)", id="no branch"
    ),
    pytest.param(
        "path: docs/limits.md",
        "path: ''",
        "task 040: outputs.0.path: is empty",
        id="an artifact without a path",
    ),
    pytest.param(
        "updated_at: 2025-11-10T11:02:27.093306-08:00",
        "updated_at: 2025-11-10",
        'task 010: updated_at: "2025-11-10" is no time',
        id="a time that is none",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "message"), FAULTS)
def test_what_is_wrong_is_told_with_its_line_and_the_rest_is_read(
    tmp_path: Path, right: str, wrong: str, message: str
) -> None:
    text = EXECUTING.decode()
    assert right in text
    store = old_store(tmp_path, text.replace(right, wrong, 1).encode())
    before = snapshot(store)
    held = store.tasks()
    assert len(held.tasks) + len(held.broken) == 6
    assert all(broken.path == store.layout.project_file for broken in held.broken)
    assert held.broken == held.broken_in("implementation")
    told = [broken.message for broken in held.broken]
    reads: list[Callable[[], object]] = [store.project, *(partial(store.phase, n) for n in store.phases())]
    for read in reads:
        try:
            read()
        except Refused as fault:
            told.append(str(fault))
    assert len(told) == 1
    assert message in told[0]
    with pytest.raises(Refused) as refused:
        store.change_task(held.tasks[0].id, keep(priority="low"))
    assert (str(refused.value), bool(refused.value.hint)) == (told[0], True)
    assert snapshot(store) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("phases: [a]", 'phases: ["a"] is a list, not a mapping', id="phases are a list"),
        pytest.param(
            "phases: {review: no}", 'phase review: "no" is a text, not a mapping', id="a phase is a text"
        ),
        pytest.param(
            "phases: {review: {status: x, enabled: true, created_at: 2025-01-01T00:00:00Z, tasks: no}}",
            'phase review: tasks: "no" is a text, not a list',
            id="tasks are a text",
        ),
        pytest.param(
            "phases: {review: {status: x, enabled: true, created_at: 2025-01-01T00:00:00Z, tasks: [no]}}",
            'task [0]: "no" is a text, not a mapping',
            id="a task is a text",
        ),
        pytest.param(
            "phases: {review: {status: x, enabled: true, created_at: 2025-01-01T00:00:00Z, tasks: [null]}}",
            "task [0]: null is not a mapping",
            id="a task is nothing",
        ),
        pytest.param(
            "phases: {review: {status: x, enabled: true, created_at: 2025-01-01T00:00:00Z, inputs: [a]}}",
            'phase review: inputs.0: "a" is a text, not a mapping',
            id="an artifact is a text",
        ),
    ],
)
def test_a_document_of_another_shape_is_told_and_no_bug(tmp_path: Path, text: str, message: str) -> None:
    head, _, tail = EXECUTING.decode().partition("phases:\n")
    chart = tail[tail.index("statechart:") :]
    store = old_store(tmp_path, f"{head}{text}\n{chart}".encode())
    with pytest.raises(Refused) as refused:
        store.split()
    assert message in str(refused.value)
    assert "state.yaml:7: " in str(refused.value)
    store.tasks()


def test_a_full_project_with_an_id_given_twice_says_so(tmp_path: Path) -> None:
    store = old_store(tmp_path, old_state("exploration-finalizing"))
    os.makedirs(store.layout.runtime)
    Path(store.layout.runtime, "ids").write_text("\n".join(f"{number:03d}" for number in range(1, 1000)))
    (broken,) = store.tasks().broken
    assert "task id 010 is given in phase exploration, too, and no other is free" in broken.message


# -- comments ---------------------------------------------------------------------------------


def taken_apart(text: str) -> splitting.Old:
    place = Layout(main="/r", folder="/r", name="x")
    return splitting.taken_apart(document.parse(text.encode(), "x"), place, ())


def test_comments_go_where_their_fields_go(tmp_path: Path) -> None:
    store = old_store(tmp_path, old_state("commented-by-hand"))
    store.split()
    assert Path(store.layout.project_file).read_text() == (
        "# Everything about the login.\n# Ada's\nname: login\ntype: standard\nbranch: feat/login\n"
        "created_at: 2025-11-10T09:00:00Z\nupdated_at: 2025-11-10T10:00:00Z\n# -- the phases\n# nearly there\n"
        'statechart: {"current_state": "ImplementationExecuting", "updated_at": "2025-11-10T10:00:00Z"}\n'
        "# the end\n"
    )
    assert Path(store.layout.phase_file("implementation")).read_text() == (
        "# first this\n# since Monday\nstatus: in_progress\nenabled: true\ncreated_at: 2025-11-10T09:00:00Z\n"
        'started_at: 2025-11-10T09:00:00Z\n# not yet\n# gates\n# by Bob\nmetadata: {"planning_approved": true}\n'
        "inputs: []\noutputs: []\n# one by one\n"
    )
    assert Path(store.layout.task_file("implementation", "010")).read_text() == (
        '# the hard one\nid: "010"\nname: "Tokens: made and checked"\nphase: implementation\n'
        "# waits for the library\nstatus: pending\ncreated_at: 2025-11-10T09:10:00Z\n"
        "updated_at: 2025-11-10T09:10:00Z\niteration: 1\nassigned_agent: implementer\n"
        '# what the designer left\n# final\ninputs: [{"type": "reference", "path": "login.md", "approved": true, '
        '"created_at": "2025-11-10T09:10:00Z"}]\noutputs: []\n# as she said it\n'
        'metadata: {"note": "Look at #42 first.\\n# this is no comment\\n"}\n'
    )


LINES = original.text(document.parse(old_state("standard-executing"), "x").value).splitlines()


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.integers(0, len(LINES) - 1),
        st.tuples(st.booleans(), st.integers(0, 20), st.text("ab #:'\"{}[]-,\t", max_size=6)),
        max_size=8,
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_no_comment_is_lost_wherever_it_stands(
    comments: dict[int, tuple[bool, int, str]], newline: str
) -> None:
    written, wanted = [], []
    for number, line in enumerate(LINES):
        beside, indent, words = comments.get(number, (False, -1, ""))
        comment = f"# {number} {words}".rstrip()
        if indent >= 0:
            wanted.append(comment)
        written += [] if indent < 0 or beside else [" " * indent + comment]
        written.append(f"{line}  {comment}" if indent >= 0 and beside else line)
    old, plain = taken_apart(newline.join(written) + newline), taken_apart("\n".join(LINES) + "\n")
    assert old.faults == {}
    found = [line for held in old.documents.values() for line in held.text.splitlines() if line[:1] == "#"]
    assert Counter(found) == Counter(wanted)
    assert {path: held.value for path, held in old.documents.items()} == {
        path: held.value for path, held in plain.documents.items()
    }


# -- many at once -----------------------------------------------------------------------------

WRITER = """
import sys, time
from tests.core.parts import add, open_store
from sow import fields
store = open_store(sys.argv[1], clock=time.time)
print("ready", flush=True)
sys.stdin.readline()
me = sys.argv[2]
if int(me) % 3 == 0:
    add(store, name=f"by {me}")
else:
    field = f"metadata.w{me}"
    store.change_task("020", fields.setting(field, me, now=store.now(), worker=False))
"""


@pytest.mark.slow
def test_of_many_first_writers_one_splits_and_each_is_heard(tmp_path: Path) -> None:
    store = old_store(tmp_path, EXECUTING)
    root = Path(__file__).parents[2]
    path = [root / "orchestrator", root / "executors", root / "schemas", root]
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(map(str, path))}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
            preexec_fn=code_of(WRITER, [str(tmp_path), str(number)], environment),
        )
        for number in range(9)
    ]  # fmt: skip
    try:
        for writer in started:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in started:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        assert [writer.wait(timeout=120) for writer in started] == [0] * 9
    finally:
        for writer in started:
            writer.kill()
            writer.wait()
    after = open_store(tmp_path)
    metadata = dict(after.task("020").metadata or {})
    assert metadata.pop("complexity") == {"level": 3, "why": "the limit is shared by all processes"}
    assert metadata == {f"w{number}": number for number in range(9) if number % 3}
    held = after.tasks()
    assert held.broken == ()
    assert sorted(task.name for task in held.tasks if task.id > "060") == ["by 0", "by 3", "by 6"]
    assert [event["type"] for event in events(store)].count("project.split") == 1
    assert Path(f"{store.layout.project_file}.pre-split").read_bytes() == EXECUTING
    assert temporary(store) == []


def test_a_first_write_of_a_person_is_told_to_be_theirs(tmp_path: Path) -> None:
    store = old_store(tmp_path, EXECUTING)
    store.change_task("020", fields.setting("priority", "high", now=AT, worker=False))
    assert [(event["type"], event["task_id"], event["seq"]) for event in events(store)] == [
        ("project.split", None, 1), ("task.changed", "020", 1),
    ]  # fmt: skip
    assert all(sow_schemas.valid("event", event) for event in events(store))
