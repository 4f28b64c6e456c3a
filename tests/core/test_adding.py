"""Adding tasks and planning projects: what is wrong is said before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.parts import AT, files_below, new_store

import sow_schemas
from sow import adding, document, project, project_types, setup
from sow.adding import Wish
from sow.errors import NotFound, Refused
from sow.files import TEXT_BYTES
from sow.state import Step
from sow.store import Store
from sow.task import Task


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def wish(**more: Any) -> Wish:
    return Wish(**{"name": "JWT middleware", "agent": "implementer", **more})


def test_a_task_is_added_as_it_was_wished_for(store: Store) -> None:
    adding.add(store, wish())
    added = adding.add(
        store,
        wish(name="  two\n words ", description="Do it.\n\n", depends_on=("010", "010"), priority="high",
             task_type="code", params={"files": 3}, task_id="015", phase="implementation"),
    )  # fmt: skip
    assert added == store.task("015")
    assert (added.name, added.phase, added.depends_on, added.iteration) == (
        "two words",
        "implementation",
        ["010"],
        1,
    )
    assert (added.priority, added.task_type, added.params) == ("high", "code", {"files": 3})
    assert store.description(added) == "Do it.\n"


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        pytest.param({"name": " \n "}, Refused, "name", id="no name"),
        pytest.param(
            {"agent": "implementor"}, NotFound, "agent not found: implementor", id="an unknown agent"
        ),
        pytest.param({"phase": "building"}, NotFound, "phase not found: building", id="an unknown phase"),
        pytest.param(
            {"phase": "review"}, Refused, "phase review has no tasks", id="a phase that may have no tasks"
        ),
        pytest.param({"depends_on": ("900",)}, Refused, "no such task", id="an unknown dependency"),
        pytest.param({"task_id": "20"}, Refused, "is no task id", id="no id"),
        pytest.param({"priority": "urgent"}, Refused, "priority", id="no priority"),
        pytest.param({"name": "caf\udce9"}, Refused, "caf", id="half a character"),
        pytest.param({"description": "x" * (TEXT_BYTES + 1)}, Refused, "16,777,217 bytes long", id="a book"),
    ],
)
def test_a_wish_that_can_t_be_is_refused_and_leaves_nothing_behind(
    store: Store, changes: dict[str, Any], kind: type[Exception], message: str
) -> None:
    before = set(files_below(store.layout.project))
    with pytest.raises(kind, match=message) as refused:
        adding.add(store, wish(**changes))
    assert getattr(refused.value, "hint", "")
    assert set(files_below(store.layout.project)) == before
    assert adding.add(store, wish()).id == "010"


def test_a_task_goes_to_the_phase_that_the_project_is_in(tmp_path: Path) -> None:
    store = new_store(tmp_path, kind="exploration")
    assert adding.add(store, wish()).phase == "exploration"

    def finalizing(held: Any) -> Step:
        project: Any = {**held, "statechart": {"current_state": "Finalizing", "updated_at": AT}}
        return Step(project=project)

    store.change_project(finalizing)
    assert adding.add(store, wish()).phase == "finalization"
    assert adding.add(store, wish(phase="exploration")).phase == "exploration"


@given(st.text(max_size=80))
def test_any_words_make_the_name_of_a_project_or_are_refused(words: str) -> None:
    if not project.is_name(project.slug(" ".join(words.split()))):
        with pytest.raises(Refused) as refused:
            project.plan(words, branch=None, name=None)
        assert "--name" in refused.value.hint
        return
    plan = project.plan(words, branch=None, name=None)
    assert project.is_name(plan.name)
    assert len(plan.name) <= project.LONGEST_NAME
    for path, text in setup.first_documents(plan, project_types.built_in("standard"), AT).items():
        schema = {"state.yaml": "project_file", "type.yaml": "project_type"}.get(path, "phase_file")
        held = document.parse(text.encode(), path).value
        assert sow_schemas.valid(schema, held), sow_schemas.problems(schema, held)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("Add OAuth login", "add-oauth-login"),
        ("Füge Straßen & Wege hinzu!", "fuge-straen-wege-hinzu"),
        ("fix: 404 on /users/{id}", "fix-404-on-users-id"),
        ("x" * 80, "x" * 50),
    ],
)
def test_a_description_is_shortened_to_a_name(words: str, name: str) -> None:
    assert project.slug(words) == name


@pytest.mark.parametrize("name", ["", "a", "-a", "a-", "A", "a_b", "a b", "../a", "a\n"])
def test_what_is_no_name_is_refused(name: str) -> None:
    assert not project.is_name(name)


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        pytest.param("Fix it", "Fix it", id="one line"),
        pytest.param("\n  \n## Fix  it ##\n\nNow.", "Fix it ##", id="a heading below empty lines"),
        pytest.param("ab " * 40, f"{'ab ' * 24}...", id="a line longer than a name"),
        pytest.param("x" * 300, f"{'x' * 72} ...", id="a line without a gap"),
    ],
)
def test_a_task_for_a_prompt_is_named_by_the_first_line(prompt: str, name: str) -> None:
    made = adding.from_prompt(prompt, "planner")
    assert (made.name, made.description, made.agent) == (name, prompt, "planner")


def test_a_task_that_is_refused_when_it_is_made_leaves_nothing(store: Store) -> None:
    before = list(files_below(store.layout.project))

    def refuse(task: Task) -> None:
        raise NotFound(f"nobody can do task {task.id}", "")

    with pytest.raises(NotFound, match="nobody can do task 010"):
        adding.add(store, wish(), check=refuse)
    assert list(files_below(store.layout.project)) == before
    assert adding.add(store, wish()).id == "010"
