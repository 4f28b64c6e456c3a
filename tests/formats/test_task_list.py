"""Task lists: each status and step by a table, and what comes in goes out again as it came."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.parts import AT, in_status, new_task

from sow import document
from sow.document import canonical
from sow.errors import BadFile, Refused
from sow.formats import Held, Reading, Record, Routes, TaskType, checklist, known, planning, texts
from sow.formats.planning import Options, Scene
from sow.formats.task_list import FORMAT, HERE, STATUSES, SYNONYMS, TRANSITIONS, known_status
from sow.task import Task

PARAMS = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string"}}}
ROUTES = Routes(
    roles=("implementer", "reviewer", "planner"),
    types={"refactor": TaskType("implementer"), "check": TaskType("reviewer", PARAMS)},
    agents={"Agent-3": "planner"},
)


def raw(**keys: Any) -> dict[str, Any]:
    return {"task_id": "t-1", "description": "Do it", "status": "PENDING", "task_type": "refactor", **keys}


def scene(**given: Any) -> Scene:
    return Scene(**{"held": (), "base": None, "routes": ROUTES, "at": AT, "phase": "implementation", **given})


def read(*raws: Any) -> Reading:
    return FORMAT.read("list.json", json.dumps(raws), {})


def imported(one: dict[str, Any]) -> Task:
    """The task that is made of a record, as its file holds it."""
    return stored(planning.plan(FORMAT, read(one), scene(), Options()).adds[0][1])


def stored(task: Task) -> Task:
    """The task once it was written and read again."""
    return Task.from_document(document.parse(canonical.emit(task.document()).encode(), "t").value)


def back(task: Task, description: str = "Do it") -> dict[str, Any]:
    return FORMAT.given(Held(task, description, {}), ROUTES)


# -- statuses --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "status"),
    [
        *((status, status) for status in STATUSES),
        *SYNONYMS.items(),
        ("todo", "PENDING"),
        ("In Progress", "IN_PROGRESS"),
        ("in-progress", "IN_PROGRESS"),
        (" working ", "IN_PROGRESS"),
    ],
)
def test_a_status_is_known_under_any_of_its_names_and_in_any_case(written: str, status: str) -> None:
    assert known_status(written) == known_status(written.lower()) == status
    task = imported(raw(status=written))
    assert task.status == HERE[status]
    assert back(task)["status"] == written


STEPS = {
    ("PENDING", "IN_PROGRESS"), ("PENDING", "FAILED"), ("IN_PROGRESS", "COMPLETED"),
    ("IN_PROGRESS", "FAILED"), ("IN_PROGRESS", "CANCELLED"), ("IN_PROGRESS", "BLOCKED"),
    ("FAILED", "PENDING"), ("BLOCKED", "PENDING"),
}  # fmt: skip


@pytest.mark.parametrize("after", STATUSES)
@pytest.mark.parametrize("before", STATUSES)
def test_a_second_import_takes_the_steps_of_the_table_and_lists_the_others(before: str, after: str) -> None:
    first, second = raw(status=before), raw(status=after)
    held = Held(imported(first), "Do it")
    done = planning.plan(FORMAT, read(second), scene(held=(held,), base={"t-1": first}), Options())
    if before == after:
        assert [task_id for _, task_id in done.same] == ["010"]
    elif (before, after) in STEPS:
        assert done.rejected == []
        [(_, change, keys)] = done.changes
        assert keys == ("status",)
        assert (change.task.status, back(change.task)["status"]) == (HERE[after], after)
    else:
        assert done.changes == []
        assert done.base == {"t-1": first}
        assert done.rejected[0].reason == f"status: {before} does not become {after}"


def test_the_table_has_these_steps_and_no_other() -> None:
    assert {(before, after) for before, ways in TRANSITIONS.items() for after in ways} == STEPS


@pytest.mark.parametrize("status", ["CANCELLED", "FAILED"])
def test_a_file_is_not_told_of_a_step_out_of_its_end(status: str) -> None:
    first = raw(status=status)
    held = Held(imported(first).retry(), "Do it")
    done = planning.plan(FORMAT, read(first), scene(held=(held,), base={"t-1": first}), Options("sync"))
    if status == "CANCELLED":
        assert done.rejected[0].reason == "status: CANCELLED does not become PENDING"
    assert {name: given["status"] for name, given in done.give.items()} == (
        {} if status == "CANCELLED" else {"t-1": "PENDING"}
    )


@pytest.mark.parametrize(
    ("before", "after", "goes"),
    [
        ("PENDING", "COMPLETED", True),
        ("FAILED", "CANCELLED", True),
        ("COMPLETED", "PENDING", False),
        ("CANCELLED", "IN_PROGRESS", False),
    ],
)
def test_a_sync_takes_the_sum_of_several_steps(before: str, after: str, goes: bool) -> None:
    first, second = raw(status=before), raw(status=after)
    held = Held(imported(first), "Do it")
    done = planning.plan(FORMAT, read(second), scene(held=(held,), base={"t-1": first}), Options("sync"))
    assert ([len(done.changes), len(done.rejected)]) == ([1, 0] if goes else [0, 1])


@pytest.mark.parametrize(
    ("status", "there"),
    [
        ("pending", "PENDING"), ("in_progress", "IN_PROGRESS"), ("paused", "BLOCKED"),
        ("needs_review", "IN_PROGRESS"), ("completed", "COMPLETED"), ("abandoned", "CANCELLED"),
    ],
)  # fmt: skip
def test_a_task_of_ours_is_told_in_the_words_of_the_list(status: str, there: str) -> None:
    told = back(in_status(status))
    assert told["status"] == there
    assert FORMAT.read("l", json.dumps([told]), {}).rejected == ()


def test_a_task_that_failed_here_has_the_lists_error_payload() -> None:
    error: Any = {"error_type": "timeout", "message": "no answer", "timestamp": AT, "traceback": "at 1"}
    task = in_status("in_progress").pause("try again?", kind="failure", by="orchestrator", at=AT)
    told = back(task.replace(error=error))
    assert told["status"] == "FAILED"
    assert told["result"] == {
        "status": "error", "error_code": "TIMEOUT", "message": "no answer", "details": {"traceback": "at 1"},
    }  # fmt: skip
    assert (told["result_summary"], told["assigned_to"]) == ("no answer", "implementer")


# -- who does it -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "agent"),
    [
        ({"task_type": "refactor"}, "implementer"),
        ({"task_type": "refactor", "target_agent": "reviewer"}, "reviewer"),
        ({"task_type": "refactor", "target_agent": "Agent-3"}, "planner"),
        ({"task_type": "anything", "target_agent": "reviewer"}, "reviewer"),
        ({"task_type": "planner"}, "planner"),
        ({"task_type": "check", "params": {"file": "a"}}, "reviewer"),
    ],
)
def test_a_type_is_routed_by_the_table_and_a_named_agent_goes_before_it(
    keys: dict[str, Any], agent: str
) -> None:
    task = imported(raw(**keys))
    assert (task.status, task.assigned_agent) == ("pending", agent)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"task_type": "unheard"}, "task_type: 'unheard' has no agent here"),
        ({"target_agent": "Agent-9"}, "target_agent: 'Agent-9' is no agent here"),
        ({"task_type": "check", "params": {"file": 7}}, "params.file: 7 is a whole number, not a text"),
        ({"task_type": "check"}, "params.file: is missing"),
    ],
)
def test_a_task_that_nobody_can_do_has_failed_with_a_validation_error(
    keys: dict[str, Any], message: str
) -> None:
    task = imported(raw(**keys))
    assert task.status == "paused"
    told = back(task)
    assert told["status"] == "FAILED"
    assert told["result"]["error_code"] == "VALIDATION_ERROR"
    assert told["result"]["message"] == message
    assert told["result_summary"] == told["result"]["message"]


def test_a_file_that_it_is_told_in_does_not_mend_what_another_one_said() -> None:
    """A check list has no word for a type that nobody does."""
    first = raw(task_type="unheard")
    task = imported(first)
    held = Held(task, "Do it", {task.id: checklist.FORMAT.id_of(task)})
    item = checklist.FORMAT.given(held, ROUTES)
    reading = Reading((Record(checklist.FORMAT.id_of(task), "line 1", item),))
    base = {checklist.FORMAT.id_of(task): item}
    done = planning.plan(checklist.FORMAT, reading, scene(held=(held,), base=base), Options("sync"))
    assert (done.changes, done.give, len(done.same)) == ([], {}, 1)


def test_it_is_pending_once_the_settings_know_its_type() -> None:
    first = raw(task_type="unheard")
    held = Held(imported(first), "Do it")
    routes = Routes(roles=ROUTES.roles, types={"unheard": TaskType("reviewer")})
    done = planning.plan(
        FORMAT, read(first), scene(held=(held,), base={"t-1": first}, routes=routes), Options()
    )
    task = done.changes[0][1].task
    assert (task.status, task.assigned_agent, task.error, task.question) == (
        "pending",
        "reviewer",
        None,
        None,
    )


# -- records that are none -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (7, "that is no task but a number"),
        ({"task_id": "t-1"}, "description is missing"),
        (raw(description=" "), "description is empty"),
        (raw(status="LOST"), 'status: "LOST" is none'),
        (raw(priority="URGENT"), 'priority: "URGENT" is none'),
        (raw(params=[1]), "params: should be an object, and is [1]"),
        (raw(depends_on="t-2"), 'depends_on: should be a list of task_ids, and is "t-2"'),
        (raw(depends_on=["t-1"]), "depends_on: it depends on itself"),
        (raw(depends_on=["t-9"]), "depends_on: there is no t-9"),
        (raw(original_line="x"), 'original_line: should be a line\'s number, and is "x"'),
        (raw(note="\ud800"), 'half a character in "\\ud800"'),
    ],
)
def test_a_record_that_is_none_is_listed_with_its_reason(one: Any, reason: str) -> None:
    done = planning.plan(FORMAT, read(one), scene(), Options())
    assert [rejected.reason for rejected in done.rejected] == [reason]
    assert done.rejected[0].hint
    assert done.adds == []


def test_what_depends_on_a_record_that_was_rejected_or_on_itself_is_rejected_too() -> None:
    done = planning.plan(
        FORMAT,
        read(
            raw(task_id="a", status="LOST"),
            raw(task_id="b", depends_on=["a"]),
            raw(task_id="c", depends_on=["b"]),
            raw(task_id="d", depends_on=["e"]),
            raw(task_id="e", depends_on=["d"]),
            raw(task_id="f", depends_on=["e"]),
            raw(task_id="g"),
            raw(task_id="g"),
        ),
        scene(),
        Options(),
    )
    assert [record.id for record, _, _ in done.adds] == ["g"]
    reasons = {one.id: one.reason for one in done.rejected}
    assert reasons["b"] == "depends_on: a could not be taken"
    assert reasons["c"] == "depends_on: b could not be taken"
    assert reasons["d"].endswith("is a circle")
    assert reasons["f"] == "depends_on: e could not be taken"
    assert reasons["g"] == "task_id: g is that of tasks[6], too"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "is no JSON"),
        ('{"jobs": []}', "has no list of tasks"),
        ('[{"a": 1, "a": 2}]', "has the key 'a' twice"),
        ("[NaN]", "has NaN, which is no JSON"),
        ("[" * 100_000, "is nested too deep"),
    ],
)
def test_a_file_that_is_no_list_is_refused(text: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        FORMAT.read("list.json", text, {})


# -- as it came ------------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
OPEN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
ANY = st.dictionaries(WORDS, OPEN, max_size=2)
RESULTS = (
    st.none()
    | ANY
    | st.fixed_dictionaries({"status": st.just("success")}, optional={"message": WORDS, "data": ANY})
    | st.fixed_dictionaries(
        {
            "status": st.just("error"),
            "error_code": st.sampled_from(["TIMEOUT", "OWN_CODE", "odd"]),
            "message": WORDS,
        },
        optional={"details": ANY},
    )
)
STATUS = st.sampled_from([*STATUSES, *SYNONYMS]).flatmap(lambda s: st.sampled_from([s, s.lower(), s.title()]))
TIME = st.none() | st.sampled_from(["2025-05-01T12:00:00", "2025-05-01T12:00:00.5Z", "2025-05-01", "soon"])
RAWS = st.fixed_dictionaries(
    {
        "description": WORDS.filter(str.strip),
        "status": STATUS,
        "task_type": st.sampled_from(["refactor", "planner"]),
    },
    optional={
        "priority": st.none() | st.sampled_from(["CRITICAL", "High", "normal", "LOW"]),
        "params": st.none() | ANY,
        "assigned_to": st.none() | WORDS,
        "target_agent": st.none() | st.sampled_from(["reviewer", "Agent-3", ""]),
        "result_summary": st.none() | WORDS,
        "result": RESULTS,
        "source_file": st.none() | WORDS,
        "module": st.none() | WORDS,
        "original_line": st.none() | st.integers(0, 9999),
        "timestamp_created_utc": TIME,
        "timestamp_updated_utc": TIME,
        "timestamp_aggregated_utc": TIME,
        "their_own": OPEN,
    },
)


@st.composite
def lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A list of tasks, each of which depends on some before it."""
    found: list[dict[str, Any]] = []
    for number, one in enumerate(draw(st.lists(RAWS, max_size=4))):
        before = [held["task_id"] for held in found]
        needed = draw(st.none() | st.lists(st.sampled_from(before), max_size=3)) if before else None
        found.append({"task_id": f"id {number}", **one, **({} if needed is None else {"depends_on": needed})})
    return found


@given(lists())
@settings(max_examples=40, deadline=None)
def test_what_comes_in_goes_out_as_it_came(raws: list[dict[str, Any]]) -> None:
    done = planning.plan(FORMAT, read(*raws), scene(), Options())
    assert done.rejected == []
    ids = {task.id: record.id for record, task, _ in done.adds}
    out = [FORMAT.given(Held(stored(task), text, ids), ROUTES) for _, task, text in done.adds]
    assert canonical.same(out, raws)
    held = tuple(Held(stored(task), text) for _, task, text in done.adds)
    for mode in ("import", "sync"):
        again = planning.plan(FORMAT, read(*raws), scene(held=held, base=done.base), Options(mode))
        assert (len(again.same), again.changes, again.give) == (len(raws), [], {})


@given(st.lists(ANY.map(lambda held: {**held, "task_id": "x"}), max_size=3), st.integers(0, 3), st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_list_is_written_with_new_records_and_the_rest_byte_for_byte(
    ones: list[dict[str, Any]], indent: int, inside: bool
) -> None:
    tasks = [{**one, "task_id": str(number)} for number, one in enumerate(ones)]
    text = json.dumps(
        {"head": [1, "]"], "tasks": tasks, "tail": {}} if inside else tasks, indent=indent or None
    )
    assert texts.with_tasks(text, "tasks", "task_id", {one["task_id"]: one for one in tasks}) == text
    raws = {"0": {"task_id": "0", "new": "ü"}, "9": {"task_id": "9"}}
    after = json.loads(texts.with_tasks(text, "tasks", "task_id", raws))
    now = after["tasks"] if inside else after
    kept = [{"task_id": "0", "new": "ü"}, *tasks[1:]] if tasks else [raws["0"]]
    assert canonical.same(now, [*kept, raws["9"]])
    assert not inside or (after["head"], after["tail"]) == ([1, "]"], {})


def test_a_task_of_ours_has_the_same_id_each_time_and_is_found_again_by_it() -> None:
    task = new_task("020")
    told = back(task, "task 020")
    assert told["task_id"] == back(task)["task_id"] != back(new_task("030"))["task_id"]
    done = planning.plan(FORMAT, read(told), scene(held=(Held(task, "task 020"),)), Options())
    assert [task_id for _, task_id in done.same] == ["020"]


def test_a_completion_that_changes_more_than_its_task_is_listed_and_not_done() -> None:
    def check(before: Task, after: Task) -> None:
        if after.status == "completed":
            raise Refused("not on the side", "do it here")

    first, second = raw(status="CLAIMED"), raw(status="COMPLETED", priority="LOW")
    held = Held(imported(first), "Do it")
    done = planning.plan(
        FORMAT, read(second), scene(held=(held,), base={"t-1": first}, check=check), Options()
    )
    assert ([one.reason for one in done.rejected], done.changes) == (["not on the side"], [])


# -- room ------------------------------------------------------------------------------------------


def test_a_list_with_more_tasks_than_a_project_takes_is_refused_or_taken_group_by_group() -> None:
    raws = [raw(task_id=str(n), depends_on=[str(n - 1)] if n % 2 else []) for n in range(1200)]
    with pytest.raises(Refused, match="1,200 new tasks, and room for 999"):
        planning.plan(FORMAT, read(*raws), scene(), Options())
    first = planning.plan(FORMAT, read(*raws), scene(), Options(fill=True))
    assert (len(first.adds), len(first.left)) == (998, 202)
    taken = {record.id: "first" for record, _, _ in first.adds}
    second = planning.plan(FORMAT, read(*raws), scene(elsewhere=taken), Options())
    assert {record.id for record, _, _ in second.adds} == {record.id for record in first.left}
    assert (len(second.elsewhere), second.rejected) == (998, [])


def test_a_file_is_in_no_other_format_than_it_says_and_broken_json_is_told_with_its_place() -> None:
    text = json.dumps([raw()])
    assert known.of("list.json", text) is known.meant("task-list", "list.json", text) is FORMAT
    with pytest.raises(Refused, match=r"list\.json is in the format task-list, and not omniq"):
        known.meant("omniq", "list.json", text)
    assert known.meant("checklist", "PLAN", "- [ ] Do it").name == "checklist", "nothing tells it"
    with pytest.raises(BadFile, match=r"list\.json:1:65: is no JSON"):
        known.of("list.json", text.replace('"PENDING",', '"PENDING"'))
