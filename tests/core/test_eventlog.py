"""The event log: whole lines, whoever writes, whatever is killed; and payloads as the schema has them."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.parts import AT, NOON, Ticking, add, events, in_status, new_store, new_task, put
from tests.forked import code_of

import sow_schemas
from sow import eventlog, fields, jsonlines, report
from sow.change import Event
from sow.clock import is_unset, seconds, stamp
from sow.eventlog import LINE_BYTES, EventLog
from sow.judgement import sent_back
from sow.store import Store

ROOT = Path(__file__).parents[2]


def log_in(folder: Path, clock: Any = None) -> EventLog:
    return EventLog(f"{folder}/events", run_id="run-1", actor="person", clock=clock or Ticking())


def said(text: str) -> Event:
    return Event(type="agent.message", task_id="010", payload={"text": text})


def lines(log: EventLog) -> list[bytes]:
    return list(log.lines())


def parsed(log: EventLog) -> list[dict[str, Any]]:
    return [event for line in log.lines() if (event := eventlog.parse(line))]


# -- lines ------------------------------------------------------------------------------------


def test_an_event_is_one_line_with_all_its_common_fields(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.append(said("hé\nthere"), 7)
    (line,) = lines(log)
    assert json.loads(line) == {
        "ts": "2026-11-21T12:00:01.000Z", "run_id": "run-1", "task_id": "010", "type": "agent.message",
        "payload": {"text": "hé\nthere"}, "seq": 7, "actor": "person",
    }  # fmt: skip
    assert sow_schemas.valid("event", json.loads(line))


@pytest.mark.slow
def test_lines_of_32_processes_are_never_torn_or_mixed(tmp_path: Path) -> None:
    writer = """
import sys, time
from sow.change import Event
from sow.eventlog import EventLog
log = EventLog(sys.argv[1], run_id=sys.argv[2], actor="worker", clock=time.time)
print("ready", flush=True)
sys.stdin.readline()
for n in range(40):
    log.append(Event(type="agent.message", task_id="010", payload={"text": sys.argv[2] * (n * 40)}), n)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "orchestrator")}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", writer, f"{tmp_path}/events", f"w{number:02d}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            preexec_fn=code_of(writer, [f"{tmp_path}/events", f"w{number:02d}"], environment),
        )
        for number in range(32)
    ]
    try:
        for process in running:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        for process in running:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
            process.stdin.flush()
        assert [process.communicate(timeout=100) and process.returncode for process in running] == [0] * 32
    finally:
        for process in running:
            process.kill()
            process.wait()
    written = [line for line in lines(log_in(tmp_path)) if line != b"\n"]
    assert max(map(len, written)) < LINE_BYTES
    by_writer: dict[str, list[int]] = {}
    for line in written:
        event = json.loads(line)
        by_writer.setdefault(event["run_id"], []).append(event["seq"])
    assert by_writer == {f"w{number:02d}": list(range(40)) for number in range(32)}


@pytest.mark.parametrize("left", [b'{"ts": "2026', b"{", b"\xff\xfe", b'{"type": "x"}'])
def test_a_line_torn_by_a_kill_is_closed_by_the_next_writer_and_skipped(tmp_path: Path, left: bytes) -> None:
    log = log_in(tmp_path)
    log.append(said("before"), 1)
    (path,) = log.files()
    with open(path, "ab") as file:
        file.write(left)
    log.append(said("after"), 2)
    assert lines(log)[1] == left + b"\n"
    told = [event["payload"]["text"] for event in parsed(log) if "payload" in event]
    assert told == ["before", "after"]


@pytest.mark.parametrize("line", [b"", b"\n", b"[]\n", b"12\n", b'"type"\n', b'{"type": 1}\n', b"\x00\n"])
def test_a_line_that_is_no_event_is_none(line: bytes) -> None:
    assert eventlog.parse(line) is None


@given(
    st.dictionaries(
        st.sampled_from(["text", "error", "stack", "files"]),
        st.text(st.characters(codec="utf-8"), max_size=50).map(lambda text: text * 200)
        | st.lists(st.text(max_size=40), max_size=40).map(lambda items: items * 20),
    ),
    st.sampled_from(["", "/a.md", "/é" * 300, "/long" * 800]),
)
def test_an_event_stays_below_four_kibibytes_whatever_it_tells(payload: Any, whole: str) -> None:
    log = EventLog("/nowhere", run_id="run-1", actor="worker")
    line = log._line(Event(type="agent.message", task_id="010", payload=payload, whole=whole), 1, NOON)
    assert len(line) < LINE_BYTES
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line)["payload"].keys() == payload.keys()


def test_a_long_text_is_cut_and_says_how_long_it_was(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.append(said("x" * 10_000), 1)
    text = parsed(log)[0]["payload"]["text"]
    assert text.startswith("x" * 900)
    assert text.endswith("… (10000 characters)")


def test_a_text_that_is_cut_says_which_file_has_it_whole(store: Store) -> None:
    put(store, in_status("in_progress"))
    folder, long = store.layout.task("implementation", "010"), "which? " * 1000
    report.note(store, "010", long)
    report.ask(store, "010", long, (), attempt="")
    store.change_task("010", fields.setting("status", "pending", now=AT, worker=False))
    put(store, in_status("needs_review"))
    file = store.next_feedback(store.task("010"))
    store.change_task("010", lambda task: sent_back(task, long, by="ada", at=AT, file=file))
    told = {event["type"]: event["payload"] for event in events(store)}
    cut = f"… ({len(long)} characters, whole in "
    assert told["agent.message"]["text"].endswith(f"{cut}{folder}/log.md)")
    assert told["task.paused"]["question"].endswith(f"{cut}{folder}/state.yaml)")
    assert told["task.feedback"]["feedback"].endswith(f"{cut}{file})")
    with open(file, encoding="utf-8") as held:
        assert held.read() == long.rstrip() + "\n"


def test_no_file_is_named_that_has_the_text_not_or_of_a_text_that_is_not_cut(store: Store) -> None:
    for text, held in (("short " * 20, ["short " * 20]), ("long " * 2000, ["another " * 2000])):
        event = eventlog.with_whole(said(text), {"question": {"text": held}}, "/state.yaml")
        assert b"whole in" not in store.log._line(event, 1, NOON)
    assert eventlog.with_whole(said("long " * 2000), [{"a": ["long " * 2000]}], "/s").whole == "/s"


def test_a_day_has_a_file_of_its_own_by_utc(tmp_path: Path) -> None:
    clock = Ticking(NOON + 12 * 3600 - 1.5)
    log = log_in(tmp_path, clock)
    for text in ("evening", "night"):
        log.append(said(text), 1)
    assert [os.path.basename(path) for path in log.files()] == ["2026-11-21.ndjson", "2026-11-22.ndjson"]
    assert [event["payload"]["text"] for event in parsed(log)] == ["evening", "night"]
    assert [json.loads(line)["payload"]["text"] for line in log.lines("2026-11-22")] == ["night"]


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert lines(log_in(tmp_path)) == []


# -- what our code tells ----------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def all_changes() -> Iterator[tuple[str, Any]]:
    """The changes that the modules of the core make, each with the status that it begins in."""
    for status, to in [
        ("in_progress", "needs_review"), ("in_progress", "paused"), ("paused", "pending"),
        ("in_progress", "completed"), ("pending", "abandoned"),
    ]:  # fmt: skip
        yield status, fields.setting("status", to, now=AT, worker=False)
    yield "pending", fields.setting("metadata.note", "x", now=AT, worker=False)
    yield "pending", fields.unsetting("params")


def test_every_event_of_the_core_is_valid_by_its_schema(store: Store) -> None:
    add(store, "900", name="x" * 5000)
    for status, change in all_changes():
        put(store, in_status(status).replace(params={"a": 1}))
        store.change_task("010", change)
    put(store, in_status("in_progress"))
    report.note(store, "010", "a note " * 1000)
    report.ask(store, "010", "which? " * 1000, (), attempt="")
    told = events(store)
    assert {event["type"] for event in told} == {
        "task.created", "task.needs_review", "task.paused", "task.retry_scheduled", "task.completed",
        "task.abandoned", "task.changed", "agent.message",
    }  # fmt: skip
    for event in told:
        assert sow_schemas.valid("event", event), (event, sow_schemas.problems("event", event))


def test_the_duration_of_a_task_is_told_from_its_first_start() -> None:
    begun = new_task(started_at="2026-11-21T09:59:30.5Z")
    assert fields.completed_event(begun, AT).payload == {"duration_sec": 29.5}
    for never in (None, "0001-01-01T00:00:00Z"):
        assert fields.completed_event(new_task(started_at=never), AT).payload == {"duration_sec": 0.0}


# -- json and time ----------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_a_line_of_json_holds_any_value_and_no_line_break(value: Any) -> None:
    line = jsonlines.dump(value)
    assert json.loads(line) == value
    assert "\n" not in line
    assert "\r" not in line


def test_what_json_has_no_word_for_is_refused_or_replaced() -> None:
    assert (
        jsonlines.dump([float("nan"), float("-inf"), "a\udce9b", (1, True)])
        == '[null, null, "a?b", [1, true]]'
    )
    with pytest.raises(TypeError, match="set has no form in JSON"):
        jsonlines.dump({"x": {1}})


@given(st.integers(0, 4_000_000_000_000))
def test_a_stamp_is_read_back_to_the_millisecond(milliseconds: int) -> None:
    stamped = stamp(milliseconds / 1000)
    assert stamp(seconds(stamped)) == stamped
    assert round(seconds(stamped) * 1000) == milliseconds


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T01:00:01+01:00", 1.0),
        ("1970-01-01T00:00:01.123456789Z", 1.123456),
        ("1970-01-01T00:00:01.5-00:30", 1801.5),
        ("0001-01-01T00:00:00+23:59", -62135683140.0),
        ("9999-12-31T23:59:59.999999999-23:59", 253402387139.999999),
    ],
)
def test_times_of_any_zone_and_precision_are_read(text: str, moment: float) -> None:
    assert seconds(text) == pytest.approx(moment, abs=1e-6)


def test_the_zero_date_of_go_counts_as_no_time() -> None:
    assert [is_unset(time) for time in (None, "", "0001-01-01T00:00:00Z", AT)] == [True, True, True, False]


def payloads_in_code() -> Iterator[tuple[str, str, list[str]]]:
    """Every event that the code tells: its place, its type, the keys of its payload."""
    for path in sorted((ROOT / "orchestrator").rglob("*.py")):
        text = path.read_text()
        if "Event(" not in text and "_event(" not in text:
            continue  # nothing to look for in its tree
        functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
        for function in functions:
            dicts = dicts_by_name(function)
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") in ("Event", "_event"):
                    yield from told_by(call, dicts, f"{path.relative_to(ROOT)}:{call.lineno}")


def told_by(
    call: ast.Call, dicts: dict[str, list[ast.Dict]], place: str
) -> Iterator[tuple[str, str, list[str]]]:
    given = {word.arg: word.value for word in call.keywords} | dict(
        zip(("", "type", "payload"), call.args, strict=False)
    )
    kind, payload = given["type"], given["payload"]
    found = [payload] if isinstance(payload, ast.Dict) else dicts.get(getattr(payload, "id", ""), [])
    if isinstance(kind, ast.Constant):
        for held in found:
            yield (
                place,
                str(kind.value),
                [str(key.value) for key in held.keys if isinstance(key, ast.Constant)],
            )


def dicts_by_name(function: ast.FunctionDef) -> dict[str, list[ast.Dict]]:
    """The dict literals of a function by the name that they are assigned to."""
    found: dict[str, list[ast.Dict]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
            target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
            found.setdefault(getattr(target, "id", ""), []).append(node.value)
    return found


def test_every_event_in_the_code_has_a_type_and_the_keys_that_the_schema_knows() -> None:
    known = {
        branch["if"]["properties"]["type"]["const"]: branch["then"]["properties"]["payload"]
        for branch in sow_schemas.load("event")["allOf"]
    }
    told = list(payloads_in_code())
    assert len(told) > 15, "they are found"
    for place, kind, keys in told:
        assert kind in known, f"{place}: the schema of events has no {kind}"
        assert set(known[kind]["required"]) <= set(keys) <= set(known[kind]["properties"]), f"{place}: {kind}"
