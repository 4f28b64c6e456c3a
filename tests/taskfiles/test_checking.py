"""All that is wrong with the files of a workspace is told, each with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.taskfiles.parts import DOCUMENT, Place

from sow.taskfiles import checking
from sow.taskfiles.checking import Checked

GOOD = {"handler": "shell", "command": "cp {input.text} {output.result}"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    made = Place(tmp_path / "studio")
    made.configure({"one": GOOD})
    return made


def checked(place: Place) -> Checked:
    return checking.check(place.workspace, {"XDG_CONFIG_HOME": str(place.root / "home"), "HOME": "/nowhere"})


def told(place: Place) -> list[tuple[str, int, str, str, str]]:
    """Of each problem: the file's name, its line, the field, what is wrong, what to do."""
    found = checked(place).problems
    return [(Path(one.path).name, one.line, one.field, one.what, one.hint) for one in found]


def test_a_workspace_in_which_all_is_well_has_no_problem(place: Place) -> None:
    place.add()
    found = checked(place)
    assert found.as_json() == {"valid": True, "tasks": 1, "problems": [], "notes": []}


def test_every_problem_of_a_task_file_is_told_and_not_the_first_alone(place: Place) -> None:
    place.write(
        "a",
        '{\n"task_id": "a",\n"status": "queud",\n"pipeline": ["one", 3],\n'
        '"config_snapshot": {"stages": {"one":\n {"handlr": "shell"}}},\n"input": []\n}',
    )
    place.write("b", '{"task_id": "b",\n"status"')
    assert [(name, line, field) for name, line, field, _, _ in told(place)] == [
        ("a.task.json", 3, "status"),
        ("a.task.json", 4, "pipeline.1"),
        ("a.task.json", 6, "config_snapshot.stages.one.handlr"),
        ("a.task.json", 7, "input"),
        ("b.task.json", 2, ""),
    ]
    hints = [hint for *_, hint in told(place)]
    assert hints[0].startswith("did you mean `queued`? allowed: queued, running")
    assert hints[2].startswith("did you mean `handler`?")


@pytest.mark.parametrize(
    ("config", "line", "field", "what"),
    [
        ("jobs: many\n", 1, "jobs", '"many" is a text, not a whole number'),
        ("stages:\n  one: {handler: shel}\n", 2, "stages.one", "no stage handler is called shel"),
        ("stages:\n  one:\n    handler: shell\n", 3, "stages.one", "a shell stage needs `command`"),
        ("stages:\n  one: {command: x}\n", 2, "stages.one", "no handler is named"),
        ("stages:\n  one: {handler: shell, comand: x}\n", 2, "stages.one.comand", "is not a known field"),
        ("a: [\n", 2, "", None),
    ],
    ids=["a wrong type", "no such handler", "a needed key", "no handler", "a slip in a key", "no YAML"],
)
def test_a_problem_of_the_settings_is_told_once_with_its_line(
    place: Place, config: str, line: int, field: str, what: str | None
) -> None:
    place.add("t1")
    place.add("t2")
    (place.folder / "config.yaml").write_text(config)
    ((name, told_line, told_field, told_what, hint),) = told(place)
    assert (name, told_line, told_field) == ("config.yaml", line, field)
    assert what in (None, told_what)
    assert hint


@pytest.mark.parametrize(
    ("fields", "field", "what", "hint"),
    [
        ({"pipeline": ["on"]}, "pipeline.0", "stage on is configured nowhere", "did you mean one? "),
        ({"pipeline": ["one", "one"]}, "pipeline.1", "stage one stands in the pipeline twice", "give "),
        (
            {"input": {"txt": "a"}}, "pipeline.0", "stage one: {input.text}: the task has no input.text",
            "did you mean input.txt? ",
        ),
        (
            {"output": {"result": "workspace/inbox/in.txt"}}, "output.result",
            "is input.text (workspace/inbox/in.txt): inputs are never modified", "give ",
        ),
        (
            {"config_snapshot": {"stages": {"one": {"handler": "agent", "prompt": "x", "executor": "no"}}}},
            "pipeline.0", None, "",
        ),
    ],
    ids=["no such stage", "a stage twice", "no such input", "over an input", "no such executor"],
)  # fmt: skip
def test_what_keeps_a_queued_task_from_being_done_is_told(
    place: Place, fields: dict[str, Any], field: str, what: str | None, hint: str
) -> None:
    place.add(**fields)
    ((name, line, told_field, told_what, told_hint),) = told(place)
    assert (name, told_field) == ("20260206_t1.task.json", field)
    assert line > 1
    assert what in (None, told_what)
    assert told_hint.startswith(hint)


@pytest.mark.parametrize("status", ["running", "done", "failed", "canceled"])
def test_of_what_is_not_queued_nothing_is_asked_of_the_settings(place: Place, status: str) -> None:
    place.write("a", DOCUMENT.replace('"queued"', f'"{status}"'))
    assert told(place) == []


def test_a_key_that_is_nearly_one_of_ours_is_a_note_and_another_programs_is_none(place: Place) -> None:
    with (place.folder / "config.yaml").open("a") as file:
        file.write("keep_tpm: never\ndesktop: 3\n")
    found = checked(place)
    assert found.problems == ()
    assert [(slip.field, slip.hint[:23]) for slip in found.slips] == [("keep_tpm", "did you mean keep_tmp? ")]


def test_an_id_that_two_tasks_to_be_done_have_is_a_note(place: Place) -> None:
    for stem, status in (("a", "done"), ("b", "queued"), ("c", "queued")):
        place.write(stem, DOCUMENT.replace('"queued"', f'"{status}"'))
    (slip,) = (each for each in checked(place).slips if each.field == "task_id")
    assert "is that of b.task.json, too" in str(slip)
    assert slip.hint.endswith("by its file: c")


def test_a_link_that_leads_nowhere_is_told(place: Place) -> None:
    (place.folder / "tasks/a.task.json").symlink_to("gone")
    assert [(name, bool(what)) for name, _, _, what, _ in told(place)] == [("a.task.json", True)]
