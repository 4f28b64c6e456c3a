"""What people set of phases and of the project, and to which phases tasks may go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.core.parts import add, events, files_below, new_store

import sow_schemas
from sow import document, fields, phase, project_types
from sow.errors import NotFound, Refused, Usage
from sow.phase import PHASE, PROJECT
from sow.project_types import BUILT_IN
from sow.statechart import current_phase
from sow.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return new_store(tmp_path)


def set_(store: Store, path: str, value: str, name: str = "implementation", *, text: bool = False) -> Any:
    """Sets a field of a phase; gives the phase as it is stored then."""
    known = phase.of(store.type(), name)
    after = store.change_phase(name, phase.setting(known, path, value, at=store.now(), text=text))
    assert after == store.phase(name)
    return after


def unset(store: Store, path: str, name: str = "implementation") -> Any:
    return store.change_phase(name, phase.unsetting(name, path))


def told(store: Store, kind: str) -> list[Any]:
    return [event["payload"] for event in events(store) if event["type"] == kind]


# -- phases ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*sow_schemas.fields("phase_file"), "tasks"])
def test_every_field_of_a_phase_is_set_by_its_type_or_refused_with_what_keeps_it(
    store: Store, name: str
) -> None:
    settable = {
        "status": ("skipped", "skipped"),
        "enabled": ("false", False),
        "metadata": ("{a: 1}", {"a": 1}),
    }
    if name in settable:
        typed, stored = settable[name]
        assert set_(store, name, typed)[name] == stored
        return
    acts: list[Callable[[], Any]] = [
        lambda: set_(store, name, "x"),
        lambda: set_(store, f"{name}.0", "x"),
        lambda: unset(store, name),
    ]
    for act in acts:
        with pytest.raises(Refused, match=f"{name} can't be set: ") as refused:
            act()
        assert str(refused.value).endswith(PHASE.kept[name])
    assert told(store, "phase.changed") == []


@pytest.mark.parametrize(
    ("steps", "times"),
    [
        pytest.param(["in_progress"], ["started_at"], id="begun"),
        pytest.param(["in_progress", "completed"], ["completed_at", "started_at"], id="completed"),
        pytest.param(["in_progress", "failed"], ["failed_at", "started_at"], id="failed"),
        pytest.param(["failed", "completed"], ["completed_at"], id="one end, not two"),
        pytest.param(["completed", "in_progress"], ["started_at"], id="taken up again"),
        pytest.param(["completed", "pending"], [], id="as if it had not begun"),
        pytest.param(["in_progress", "completed", "skipped"], ["started_at"], id="skipped"),
    ],
)
def test_the_times_of_a_phase_follow_its_status(store: Store, steps: list[str], times: list[str]) -> None:
    for status in steps:
        after = set_(store, "status", status, "review")
        assert after["status"] == status
    assert sorted(key for key in after if key.endswith("_at") and key != "created_at") == times
    assert "iteration" not in after, "it is entered by `sow advance` alone"


def test_the_same_status_again_changes_nothing(store: Store) -> None:
    before = set_(store, "status", "completed")
    count = len(told(store, "phase.changed"))
    assert set_(store, "status", "completed") == before
    assert len(told(store, "phase.changed")) == count


def test_a_status_is_one_of_those_of_the_phase(tmp_path: Path) -> None:
    store = new_store(tmp_path, kind="exploration")
    assert set_(store, "status", "summarizing", "exploration")["status"] == "summarizing"
    with pytest.raises(Refused, match="'summarizing' is none of phase finalization"):
        set_(store, "status", "summarizing", "finalization")
    with pytest.raises(Refused, match="status: 'complted' is none") as refused:
        set_(store, "status", "complted", "exploration")
    assert refused.value.hint.startswith("did you mean completed? the statuses: pending, in_progress")


def test_metadata_is_held_against_the_type_and_read_by_it(store: Store) -> None:
    assert set_(store, "metadata.planning_approved", "true")["metadata"] == {"planning_approved": True}
    assert set_(store, "metadata.pr_url", "42")["metadata"]["pr_url"] == "42"
    assert set_(store, "metadata.pr_number", "42")["metadata"]["pr_number"] == 42
    assert set_(store, "metadata.mine.deep", "[1]")["metadata"]["mine"] == {"deep": [1]}
    for path, value, text in (
        ("metadata.planning_approved", "yes", False),
        ("metadata.planning_approved", "true", True),
        ("metadata.pr_number", "0", False),
        ("metadata", "3", False),
    ):
        with pytest.raises(Refused, match=path) as refused:
            set_(store, path, value, text=text)
        assert refused.value.hint
    assert unset(store, "metadata.pr_url")["metadata"].keys() == {"planning_approved", "pr_number", "mine"}
    assert "metadata" not in unset(store, "metadata")


def test_a_phase_needs_its_status_and_where_nothing_is_nothing_is_removed(store: Store) -> None:
    with pytest.raises(Refused, match="status can't be removed: every phase has one"):
        unset(store, "status")
    with pytest.raises(Refused, match="there is no x to remove"):
        unset(store, "metadata.x")


def test_a_change_of_a_phase_is_told_once_and_no_change_not_at_all(store: Store) -> None:
    for _ in range(2):
        set_(store, "metadata.pr_url", "https://example.org/1")
    assert told(store, "phase.changed") == [{"phase": "implementation", "fields": ["metadata.pr_url"]}]


@pytest.mark.parametrize("name", ["nope", "", ".", "..", "../phases/review", "x" * 5000, "a\0b", "\udcff"])
def test_what_is_no_phase_is_not_found_whatever_it_looks_like(store: Store, name: str) -> None:
    before = set(files_below(store.layout.project))
    with pytest.raises(NotFound, match="phase not found") as refused:
        set_(store, "status", "completed", name)
    assert "implementation, review, finalize" in refused.value.hint
    assert set(files_below(store.layout.project)) == before


def test_a_phase_that_is_nearly_one_is_guessed(store: Store) -> None:
    with pytest.raises(NotFound) as refused:
        store.phase("finalise")
    assert refused.value.hint.startswith("did you mean finalize? ")


# -- the project ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*sow_schemas.fields("project_file"), "phases"])
def test_only_the_description_of_a_project_is_set(store: Store, name: str) -> None:
    if name == "description":
        assert store.change_project(phase.project_setting(name, "007"))["description"] == "007"
        assert store.project()["description"] == "007"
        assert told(store, "project.changed") == [{"fields": ["description"]}]
        store.change_project(phase.project_setting(name, "007"))
        assert name not in store.change_project(phase.project_unsetting(name))
        assert name not in store.project()
        assert told(store, "project.changed") == [{"fields": ["description"]}] * 2
        return
    for change in (phase.project_setting(name, "x"), phase.project_unsetting(name)):
        with pytest.raises(Refused, match=f"{name} can't be set: ") as refused:
            store.change_project(change)
        assert str(refused.value).endswith(PROJECT.kept[name])
    assert told(store, "project.changed") == []


def test_a_description_comes_where_the_schema_has_it(store: Store) -> None:
    store.change_project(phase.project_unsetting("description"))
    store.change_project(phase.project_setting("description", "of all"))
    lines = Path(store.layout.project_file).read_text().splitlines()
    assert [line.split(":")[0] for line in lines][:5] == [
        "name",
        "type",
        "branch",
        "description",
        "created_at",
    ]


# -- phases and tasks -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "state", "wanted", "given"),
    [
        pytest.param("standard", "ImplementationPlanning", None, "implementation", id="the state's own"),
        pytest.param("standard", "ReviewActive", None, "implementation", id="the state's has none"),
        pytest.param("exploration", "Finalizing", None, "finalization", id="a later one"),
        pytest.param("exploration", "Completed", None, "exploration", id="the state has no phase"),
        pytest.param("exploration", "Active", "finalization", "finalization", id="as asked for"),
        pytest.param("standard", "ReviewActive", "review", Refused, id="one without tasks"),
    ],
)
def test_a_task_goes_to_the_phase_of_the_state_or_to_the_first_that_may_have_tasks(
    kind: str, state: str, wanted: str | None, given: Any
) -> None:
    project = {"statechart": {"current_state": state}}
    if given is Refused:
        with pytest.raises(
            Refused, match="phase review has no tasks in projects of type standard"
        ) as refused:
            phase.for_tasks(project_types.built_in(kind), project, wanted)
        assert refused.value.hint == "the phases that have: implementation"
    else:
        assert phase.for_tasks(project_types.built_in(kind), project, wanted) == given


def test_the_phase_that_is_meant_is_that_of_the_state(store: Store) -> None:
    project = store.project()
    assert current_phase(store.type(), project) == "implementation"
    ended: Any = {
        **project,
        "statechart": {"current_state": "NoProject", "updated_at": project["updated_at"]},
    }
    with pytest.raises(Usage, match="which phase\\? state NoProject has none") as refused:
        current_phase(store.type(), ended)
    assert refused.value.hint == "name one: --phase implementation | review | finalize"


def test_metadata_of_a_task_is_read_by_the_type_of_its_phase(tmp_path: Path) -> None:
    store = new_store(tmp_path, kind="design")
    add(store, phase="design")

    def set_task(path: str, value: str) -> Any:
        change = fields.setting(path, value, now=store.now(), worker=False, metadata=store.task_metadata)
        return store.change_task("010", change).metadata

    assert set_task("metadata.artifact_path", "2026") == {"artifact_path": "2026"}
    assert set_task("metadata.other", "2026") == {"artifact_path": "2026", "other": 2026}
    with pytest.raises(Refused, match="artifact_path"):
        set_task("metadata", "{artifact_path: 3}")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_type_passes_every_check_that_a_type_of_the_user_s_has_to_pass(name: str) -> None:
    # Its own text is known and not looked at again: with a comment more it is anybody's.
    text = f"{project_types.built_in_text(name)}# mine\n"
    assert project_types.read(document.parse(text.encode(), name), name).name == name
