"""The types of documents say what the schemas say: the fields, what stands in them, what may be absent."""

import copy
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.schemas.documents import damaged, documents

import sow_schemas
from sow.attempt import Attempt
from sow.config import RepositoryConfig
from sow.task import PRIORITIES, STATUSES, Task
from sow.value import Value
from sow_schemas import documents as typed_documents
from sow_schemas import keywords, typed

ROOT = Path(__file__).parents[2]
TYPES = {name: getattr(typed_documents, sow_schemas.load(name)["title"]) for name in sow_schemas.names()}


def fits(value: Any, kind: Any) -> bool:
    """Whether `value` is of a type as a type checker sees it."""
    if is_typeddict(kind):
        fields = get_type_hints(kind)
        return (
            isinstance(value, dict)
            and kind.__required_keys__ <= value.keys() <= fields.keys()
            and all(fits(held, fields[name]) for name, held in value.items())
        )
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return any(fits(value, each) for each in inner)
    if origin is Literal:
        return any(type(value) is type(each) and value == each for each in inner)
    if origin is list:
        return isinstance(value, list) and all(fits(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(held, inner[1]) for held in value.values())
    if kind is Any:
        return True
    return type(value) in {float: (float, int)}.get(kind, (kind,))


@pytest.mark.parametrize("name", sow_schemas.names())
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_valid_document_is_of_its_type(name: str, data: st.DataObject) -> None:
    assert fits(data.draw(documents(name)), TYPES[name])


@pytest.mark.parametrize("name", sow_schemas.names())
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_what_is_not_of_its_type_is_not_valid(name: str, data: st.DataObject) -> None:
    value = data.draw(damaged(name))
    assert fits(value, TYPES[name]) or not sow_schemas.valid(name, value)


@pytest.mark.parametrize("name", sow_schemas.names())
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_document_that_lacks_a_field_or_has_an_unknown_one_is_not_of_its_type(
    name: str, data: st.DataObject
) -> None:
    value = data.draw(documents(name))
    required = sow_schemas.load(name)["required"]
    if required:
        short = copy.deepcopy(value)
        del short[data.draw(st.sampled_from(required))]
        assert not fits(short, TYPES[name])
    assert not fits({**value, "no such field": 1}, TYPES[name])


def test_the_words_of_the_program_are_those_of_the_schema() -> None:
    assert get_args(typed_documents.Status) == STATUSES
    assert get_args(typed_documents.Priority) == PRIORITIES


@pytest.mark.parametrize(("value", "name"), [(Task, "task_state"), (Attempt, "attempt")])
def test_the_fields_of_a_value_are_those_of_its_schema(value: type[Value], name: str) -> None:
    assert value._fields == tuple(sow_schemas.fields(name)), "the same, in the order of writing"
    needed = [field for field in value._fields if not hasattr(value, field)]
    assert needed == [field for field in value._fields if field in sow_schemas.load(name)["required"]]


def test_the_settings_that_a_repository_can_give_are_those_that_the_program_heeds() -> None:
    given = set(sow_schemas.fields("repository_config")) - {
        "requires"
    }  # that one is heeded before all others
    heeded = set(RepositoryConfig.__dataclass_fields__) - {
        "jobs_sharing"
    }  # what `jobs` is in a shared folder
    assert {"commit_state" if name == "state" else name for name in given} == heeded


@pytest.mark.parametrize("name", typed.REPLACED)
def test_what_replace_takes_is_any_field_and_none_for_one_that_can_be_absent(name: str) -> None:
    fields = get_type_hints(TYPES[name])
    changes = getattr(typed_documents, f"{TYPES[name].__name__}Changes")
    required = TYPES[name].__required_keys__
    assert changes.__required_keys__ == frozenset()
    assert get_type_hints(changes) == {
        field: kind if field in required else kind | None for field, kind in fields.items()
    }


TEXT = {"type": "string", "description": "A text."}


def mapping(title: str = "Thing", **properties: Any) -> dict[str, Any]:
    return {
        "title": title, "description": "A thing.", "type": "object", "properties": properties, "required": [],
        "additionalProperties": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        pytest.param(mapping(a={"enum": ["x"]}), "a type needs a `title`", id="a choice without a name"),
        pytest.param(mapping(title="a b"), "a type needs a `title`", id="a name that no class can have"),
        pytest.param(
            mapping(a={**mapping("Other", b=TEXT)}, c={**mapping("Other")}),
            "c: there is another Other",
            id="two things of one name",
        ),
        pytest.param(
            {**mapping(), "properties": {"a-b": TEXT}},
            "can't have the field 'a-b'",
            id="a field that is no name",
        ),
        pytest.param(mapping(a={**TEXT, "description": 'a """'}), "docstring", id="quotes in a description"),
        pytest.param(mapping(a={"title": "A", "enum": ['"']}), "no code for", id="a quote in a choice"),
        pytest.param(
            mapping(a={**TEXT, "contentEncoding": "base64"}),
            "a: no code for contentEncoding",
            id="a keyword",
        ),
    ],
)
def test_a_schema_that_can_not_be_put_into_types_is_refused(
    monkeypatch: pytest.MonkeyPatch, schema: Any, words: str
) -> None:
    monkeypatch.setattr(sow_schemas, "load", lambda name: schema)
    with pytest.raises(keywords.Unknown, match=words):
        typed.source()


MISTAKES = """\
from sow.attempt import Attempt
from sow.change import Event
from sow.store import Store
from sow.task import Task
from sow_schemas.documents import ProjectFile, TaskState


def mistakes(store: Store, task: Task, attempt: Attempt, document: TaskState) -> None:
    task.replace(questoin=None)
    task.replace(status="done")
    task.document()["asigned_agent"]
    store.phase("review")["enabeld"]
    attempt.replace(outcome="ended")
    attempt.replace(exit_kode=1)
    Event(type="task.pausd", task_id="010", payload={"question": "?", "kind": "question"})
    Event(type="task.paused", task_id="010", payload={"question": "?", "knid": "question"})
    held: ProjectFile = {**store.project(), "current_state": "Active"}
"""
"""From line 9 on, each line uses a field or a word that no schema has."""


@pytest.mark.slow
def test_a_type_checker_knows_every_field_and_word_of_the_schemas(tmp_path: Path) -> None:
    path = tmp_path / "mistakes.py"
    path.write_text(MISTAKES)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    told = {int(line.split(":")[1]) for line in done.stdout.splitlines() if "error:" in line}
    assert told == set(range(9, len(MISTAKES.splitlines()) + 1)), done.stdout + done.stderr
