"""Through the real door: a state file or settings with a fault, and what a person reads of it.

File, line, field, value, what is allowed, the nearest allowed one. What each
keyword of each schema says is tested beside the schemas; here it is shown.
"""

# ruff: noqa: E501 - the table holds the very lines that are printed

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.parts import Person, changed, everything, with_project

TIME = "a time like 2026-11-20T08:30:00Z"
STATUSES = "pending, in_progress, paused, needs_review, completed, abandoned"
TASK = "phases/implementation/tasks/010/state.yaml"
PHASE = "phases/review/state.yaml"
PROJECT = "state.yaml"

WITHOUT_APPROVED = """\
inputs:
  - type: reference
    path: a.md
    approved: true
    created_at: 2026-11-20T08:30:00Z
  - type: reference
    path: b.md
    created_at: 2026-11-20T08:30:00Z
"""
ROWS = [
    # a kind of fault: the file, what is replaced in it and by what; line, field, fault, what to do
    (
        "an unknown field", TASK, "status: pending", "statsu: pending",
        4, "statsu: is not a known field", "did you mean `status`?",
    ),
    (
        "an unknown field of a small mapping", PROJECT, '"updated_at": "', '"updatedat": "',
        7, "statechart.updatedat: is not a known field",
        "did you mean `updated_at`? allowed: current_state, updated_at",
    ),
    (
        "a field that is nothing like any", PHASE, "inputs: []", "inputs: []\ncolour: red",
        5, "colour: is not a known field",
        "allowed: status, enabled, created_at, started_at, completed_at, failed_at, iteration, metadata, inputs,"
        " outputs",
    ),
    ("a missing field", TASK, "name: First\n", "", 1, "name: is missing", "add it: a text that is not empty"),
    (
        "a missing field in a list", TASK, "inputs: []\n", WITHOUT_APPROVED,
        14, "inputs.1.approved: is missing", "add it: true or false",
    ),
    (
        "a number in quotes", TASK, "iteration: 1", 'iteration: "1"',
        7, 'iteration: "1" is a text, not a whole number', "did you mean `1`? allowed: a whole number of at least 1",
    ),
    (
        "an id without quotes", TASK, 'id: "010"', "id: 10",
        1, "id: 10 is a whole number, not a text",
        'did you mean `"010"`? allowed: three digits in quotes, like "010"',
    ),
    (
        "a word for true", PHASE, "enabled: true", "enabled: yes",
        2, 'enabled: "yes" is a text, not true or false', "did you mean `true`? allowed: true or false",
    ),
    (
        "nothing where a list belongs", PHASE, "inputs: []", "inputs:",
        4, "inputs: null is not a list",
        "did you mean `[]`? allowed: a list, each item a mapping with type, path, approved, created_at",
    ),
    (
        "a word that is none of a few", TASK, "status: pending", "status: complete",
        4, 'status: "complete" is not allowed', f"did you mean `completed`? allowed: {STATUSES}",
    ),
    (
        "a word like none of a few", TASK, "status: pending", "status: done",
        4, 'status: "done" is not allowed', f"allowed: {STATUSES}",
    ),
    (
        "a name of another form", PROJECT, "name: add-login", "name: Add Login",
        1, 'name: "Add Login" has the wrong form',
        "did you mean `add-login`? allowed: small letters, digits and inner hyphens, two at least, like add-login",
    ),
    (
        "a line break in an id", TASK, 'id: "010"', 'id: "010\\n"',
        1, 'id: "010\\n" has a line break in it', 'did you mean `"010"`? allowed: three digits in quotes, like "010"',
    ),
    (
        "a time of another form", TASK, r"re:created_at: .*", "created_at: 2026-11-20 08:30",
        5, 'created_at: "2026-11-20 08:30" is no time', f"did you mean `2026-11-20T08:30:00Z`? allowed: {TIME}",
    ),
    (
        "a day that no calendar has", PHASE, r"re:created_at: .*", "created_at: 2026-02-30T00:00:00Z",
        3, 'created_at: "2026-02-30T00:00:00Z" is no time', f"did you mean `2026-02-28T00:00:00Z`? allowed: {TIME}",
    ),
    (
        "a number that is too small", TASK, "iteration: 1", "iteration: 0",
        7, "iteration: 0 is too small", "did you mean `1`? allowed: a whole number of at least 1",
    ),
    (
        "an empty text", PROJECT, "branch: feat/add-login", 'branch: ""',
        3, "branch: is empty", "allowed: a text that is not empty",
    ),
    (
        "an item twice", TASK, "inputs: []", "inputs: []\ndepends_on:\n  - '020'\n  - '020'",
        12, 'depends_on.1: "020" stands here a second time', "keep one of the two",
    ),
    (
        "deep in a list", TASK, "outputs: []",
        'outputs: [{"type": "log", "path": "", "approved": 0, "created_at": "2026-11-20T08:30:00Z"}]',
        10, "outputs.0.path: is empty (and 1 more)", "allowed: a text that is not empty",
    ),
    (
        "a field of an error in a success", TASK, "inputs: []",
        "inputs: []\nresult:\n  status: success\n  error_code: TIMEOUT",
        12, 'result.error_code: "TIMEOUT" has no place where status is success', "remove it",
    ),
    (
        "a field that an error needs", TASK, "inputs: []",
        "inputs: []\nresult:\n  status: error\n  error_code: TIMEOUT",
        10, "result.message: is missing where status is error", "add it: a text",
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Person:
    made = with_project(tmp_path_factory.mktemp("desk"))
    made.done("task", "add", "First", "--agent", "implementer")
    made.done("task", "add", "Second", "--agent", "implementer")
    return made.at(".sow/worktrees/feat/add-login")


@pytest.fixture
def spoil(desk: Person, request: pytest.FixtureRequest) -> Iterator[tuple[Path, str]]:
    """The file with its fault, put right again afterwards."""
    _, name, old, new, *_ = request.param
    path = desk.folder / ".sow/project" / name
    good = path.read_text()
    bad = re.sub(old[3:], new, good, count=1) if old.startswith("re:") else good.replace(old, new, 1)
    assert bad != good
    path.write_text(bad)
    yield path, name
    path.write_text(good)


@pytest.mark.parametrize(
    ("spoil", "line", "fault", "to_do"),
    [pytest.param(row, *row[4:], id=row[0]) for row in ROWS],
    indirect=["spoil"],
)
def test_a_fault_is_told_with_file_line_field_value_and_what_is_allowed(
    desk: Person, spoil: tuple[Path, str], line: int, fault: str, to_do: str
) -> None:
    path, name = spoil
    before = everything(desk.folder)
    checked = desk.sow("validate")
    # Of a file with several it tells each.
    first = fault.partition(" (and ")[0]
    assert checked.out.splitlines()[:2] == [f"{path}:{line}: {first}", f"    {to_do}"]
    assert (checked.code, checked.err.splitlines()[0].endswith(" in 1 file")) == (4, True)
    if name == TASK:
        listed = desk.done("task", "list").splitlines()
        assert listed[1:3] == [f"  broken: {path}:{line}: {fault}", f"          {to_do}"]
        assert "[020] Second (pending)" in listed[0]
        shown = desk.sow("task", "show", "010")
        assert shown.told == (4, [f"sow: {path}:{line}: {fault}", f"     {to_do}"])
    assert changed(before, everything(desk.folder)) == []


@pytest.mark.parametrize(
    ("text", "fault", "to_do"),
    [
        pytest.param(
            "agents:\n  bindings: {}\n  executors:\n    mine:\n      tpye: claude\n",
            "5: agents.executors.mine.tpye: is not a known field",
            "did you mean `type`? allowed: type, settings, custom_args",
            id="a misspelt key",
        ),
        pytest.param(
            'agents: {executors: {mine: {type: claude, settings: {yolo_mode: "yes"}}}}\n',
            '1: agents.executors.mine.settings.yolo_mode: "yes" is a text, not true or false',
            "did you mean `true`? allowed: true or false",
            id="a word for true",
        ),
    ],
)
def test_a_fault_of_the_users_settings_is_told_with_its_line(
    desk: Person, text: str, fault: str, to_do: str
) -> None:
    desk.settings(text)
    path = desk.home / ".config/sow/config.yaml"
    try:
        assert desk.sow("config", "show").told == (4, [f"sow: {path}:{fault}", f"     {to_do}"])
    finally:
        path.unlink()


@pytest.mark.parametrize(
    ("text", "fault", "to_do"),
    [
        pytest.param(
            "# ours\njobs: 1000\n", "2: jobs: 1000 is too large",
            "did you mean `256`? allowed: a whole number from 1 to 256", id="a number that is too large",
        ),
        pytest.param(
            "grace_seconds: 0\n", "1: grace_seconds: 0 is too small", "allowed: a number above 0", id="a bound",
        ),
        pytest.param(
            "checks: make test\n", '1: checks: "make test" is a text, not a list',
            'did you mean `["make test"]`? allowed: a list, each item a text that is not empty',
            id="one item for a list",
        ),
    ],
)  # fmt: skip
def test_a_fault_of_the_repositorys_settings_is_told_with_its_line(
    desk: Person, text: str, fault: str, to_do: str
) -> None:
    path = desk.folder.parents[3] / ".sow/config.yaml"
    good = path.read_text()
    path.write_text(text)
    try:
        assert desk.sow("run", "--dry-run").told == (4, [f"sow: {path}:{fault}", f"     {to_do}"])
    finally:
        path.write_text(good)
