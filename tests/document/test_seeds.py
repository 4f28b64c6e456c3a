"""The examples of the task schema's design: they load, they are valid, and a change is a small diff."""

import difflib
from pathlib import Path

import pytest

import sow_schemas
from sow.document import parse, read_file, strict
from sow.document.canonical import emit, same

SEEDS = sorted((Path(__file__).parent.parent / "fixtures" / "seeds").glob("*.yaml"))
CHANGES: list[tuple[str, object, str]] = [
    ("status", "completed", 'status: "completed"'),
    ("iteration", 2, "iteration: 2"),
    ("name", 'A "new" name', 'name: "A \\"new\\" name"'),
    ("assigned_agent", "reviewer", 'assigned_agent: "reviewer"'),
    ("id", "020", 'id: "020"'),
]
LATER = "2025-01-15T12:00:00.123456789Z"


def test_all_five_examples_are_there() -> None:
    assert len(SEEDS) == 5


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_an_example_loads_and_is_valid(path: Path) -> None:
    document = read_file(str(path))
    assert document.canonical, "the examples are in the quick form already"
    assert same(document.value, strict.load(path.read_bytes(), path.name).value)
    assert sow_schemas.valid("task_state", document.value)
    assert sow_schemas.problems("task_state", document.value) == []


@pytest.mark.parametrize(("field", "value", "line"), CHANGES, ids=[change[0] for change in CHANGES])
@pytest.mark.parametrize("form", ["as it is", "commented", "as Windows writes it"])
@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_a_change_of_one_field_changes_its_line_and_that_of_updated_at(
    path: Path, form: str, field: str, value: object, line: str, tmp_path: Path
) -> None:
    data = path.read_bytes()
    if form == "commented":
        data = data.replace(b"\nname:", b"\n\n# what it is called\nname:").replace(
            b"inputs: []", b"inputs: [] # none"
        )
    elif form != "as it is":
        data = data.replace(b"\n", b"\r\n")
    file = tmp_path / "state.yaml"
    file.write_bytes(data)
    document = read_file(str(file))
    changed = document.changed({**document.value, field: value, "updated_at": LATER}).encode()
    end = b"\r\n" if b"\r\n" in data else b"\n"
    diff = list(difflib.ndiff(data.decode().split("\n"), changed.decode().split("\n")))
    assert {each[2:].rstrip("\r") for each in diff if each[0] == "+"} == {line, f"updated_at: {LATER}"}
    assert len([each for each in diff if each[0] == "-"]) == 2
    assert changed.count(end) == data.count(end)
    assert sow_schemas.valid("task_state", strict.load(changed, "changed").value)


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_a_session_comes_and_goes_as_one_line(path: Path) -> None:
    document = read_file(str(path))
    without = {key: value for key, value in document.value.items() if key != "session_id"}
    bare = document.changed(without)
    lines = document.text.splitlines(keepends=True)
    assert bare == "".join(line for line in lines if not line.startswith("session_id"))
    # In the order of the schema the session stands before the inputs.
    order = [*list(without)[:8], "session_id", *list(without)[8:]]
    named = {key: {**without, "session_id": "s-1"}[key] for key in order}
    assert parse(bare.encode(), "bare").changed(named) == bare.replace("inputs:", "session_id: s-1\ninputs:")


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_an_example_written_anew_holds_the_same(path: Path) -> None:
    value = read_file(str(path)).value
    assert same(strict.load(emit(value).encode(), "anew").value, value)
