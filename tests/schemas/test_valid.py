"""The generated checks agree with jsonschema, and the schemas say what the design says."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012
from tests.schemas.documents import damaged, documents, peer

import sow_schemas
from sow_schemas import generate, keywords

OPEN = {
    *("metadata", "task_metadata", "params", "data", "details", "error_detail", "settings", "payload"),
    *("config_snapshot", "input"),
}
TASK: dict[str, Any] = {
    "id": "010",
    "name": "Add a form",
    "phase": "implementation",
    "status": "paused",
    "created_at": "2025-01-15T10:00:00Z",
    "updated_at": "2025-01-15T11:30:00Z",
    "iteration": 1,
    "assigned_agent": "implementer",
    "inputs": [],
    "outputs": [],
}


def _peer(name: str) -> Any:
    bare = {n: {k: v for k, v in sow_schemas.load(n).items() if k != "$schema"} for n in sow_schemas.names()}
    resources = [(f"{n}.schema.json", DRAFT202012.create_resource(schema)) for n, schema in bare.items()]
    registry: Any = Registry().with_resources(resources)
    return peer(bare[name], registry)


PEERS = {name: _peer(name) for name in sow_schemas.names()}


@pytest.mark.parametrize("name", sow_schemas.names())
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_document_of_a_schema_is_valid(name: str, data: st.DataObject) -> None:
    value = data.draw(documents(name))
    assert sow_schemas.valid(name, value)
    assert PEERS[name].is_valid(value)
    assert sow_schemas.problems(name, value) == []


@pytest.mark.parametrize("name", sow_schemas.names())
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_the_generated_check_agrees_with_jsonschema(name: str, data: st.DataObject) -> None:
    value = data.draw(damaged(name))
    says = PEERS[name].is_valid(value)
    assert sow_schemas.valid(name, value) is says
    assert (sow_schemas.problems(name, value) == []) is says


@pytest.mark.parametrize("name", generate.FILES)
def test_generating_again_changes_nothing(name: str) -> None:
    written = Path(generate.__file__).with_name(name).read_text("utf-8")
    assert written == generate.FILES[name](), "run python -m sow_schemas.generate"
    assert "do not edit" in written.split("\n", 1)[0]


def test_what_a_refused_schema_would_change_is_not_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(generate, "__file__", str(tmp_path / "generate.py"))
    monkeypatch.setattr(sow_schemas, "load", lambda name: {"oneOf": []})
    with pytest.raises(keywords.Unknown, match="artifact_state: no code for oneOf"):
        generate.main()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sow_schemas.names())
def test_a_schema_is_one_of_its_draft(name: str) -> None:
    schema = sow_schemas.load(name)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema)


def _objects(schema: Any, field: str = "") -> list[tuple[str, Any]]:
    """Every schema in `schema` that describes a mapping, with the name of its field."""
    if not isinstance(schema, dict):
        return []
    own = [(field, schema)] if schema.get("type") == "object" else []
    inner = list(schema.get("properties", {}).items())
    inner += [(field, schema[key]) for key in ("items", "additionalProperties") if key in schema]
    inner += [(field, branch["then"]) for branch in schema.get("allOf", ())]
    return own + [found for name, part in inner for found in _objects(part, name)]


@pytest.mark.parametrize("name", sow_schemas.names())
def test_every_mapping_is_closed_but_those_that_are_meant_to_be_open(name: str) -> None:
    for field, schema in _objects(sow_schemas.load(name)):
        is_open = "additionalProperties" not in schema
        assert not is_open or field in OPEN, f"{field or name} takes any key"


@pytest.mark.parametrize("name", sow_schemas.names())
def test_every_field_says_when_it_is_set(name: str) -> None:
    for _, schema in _objects(sow_schemas.load(name)):
        for field, part in schema.get("properties", {}).items():
            assert "Set " in part["description"], field
            assert part["description"].endswith("."), field


def test_the_fields_of_a_task_come_in_the_original_order_and_then_ours() -> None:
    order = list(sow_schemas.fields("task_state"))
    original = "id name phase status created_at started_at updated_at completed_at iteration assigned_agent"
    assert order[:14] == [*original.split(), "session_id", "inputs", "outputs", "metadata"]
    assert order[14] == "priority"


def test_the_files_of_a_phase_and_a_project_lack_what_lies_in_other_files() -> None:
    assert "tasks" in sow_schemas.fields("phase_state")
    assert set(sow_schemas.fields("phase_state")) - set(sow_schemas.fields("phase_file")) == {"tasks"}
    assert set(sow_schemas.fields("project_state")) - set(sow_schemas.fields("project_file")) == {"phases"}
    assert "phases" not in sow_schemas.load("project_file")["required"]


def test_a_name_without_a_schema_is_told() -> None:
    with pytest.raises(KeyError, match="no schema is called 'task'"):
        sow_schemas.load("task")


def test_a_schema_that_the_generator_has_no_code_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for part, words in [
        ({"type": "string", "pattern": "^x"}, "no function"),
        ({"type": "string", "format": "email"}, "no function"),
        ({"type": "object", "patternProperties": {}}, "no code for patternProperties"),
        ({"enum": [1]}, "only for strings"),
        ({"oneOf": []}, "no code for oneOf"),
        ({"type": "array", "uniqueItems": True}, "only for strings"),
    ]:
        monkeypatch.setattr(sow_schemas, "load", lambda name, part=part: part)
        with pytest.raises(keywords.Unknown, match=words):
            generate.source()


@pytest.mark.parametrize(
    "status", ["pending", "in_progress", "paused", "needs_review", "completed", "abandoned"]
)
def test_every_status_is_valid_with_and_without_a_session(status: str) -> None:
    assert sow_schemas.valid("task_state", {**TASK, "status": status})
    assert sow_schemas.valid("task_state", {**TASK, "status": status, "session_id": "abc-123"})


def test_an_event_of_an_unknown_type_may_carry_anything() -> None:
    event = {"ts": "2026-11-21T00:00:00.000Z", "run_id": None, "task_id": None, "seq": 0, "actor": "policy"}
    assert sow_schemas.valid("event", {**event, "type": "policy.reloaded", "payload": {"any": [1]}})
    assert not sow_schemas.valid("event", {**event, "type": "run.started", "payload": {"any": [1]}})
    assert not sow_schemas.valid("event", {**event, "type": "policy.reloaded", "payload": []})
