"""Types as data: the built-in ones hold; of one's own it is told what is wrong, and in which line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sow import document, project_types
from sow.errors import NotFound, Refused
from sow.project_types import BUILT_IN, ProjectType

ROOT = Path(__file__).parents[2]

OWN = """\
name: spike
description: Try something, and throw it away.
branch_prefixes: [spike/]
initial:
  state: Trying
  effects: [{phase: trial, enter: true, status: trying}]
final: [Thrown]
phases:
  trial:
    tasks: true
    statuses: [trying]
    outputs: [notes]
    metadata: {properties: {days: {type: integer}}}
states:
  Trying:
    phase: trial
    prompt: Try it.
    transitions:
      - event: throw_away
        target: Thrown
        guards:
          - {text: Something was tried, tasks: {at_least: 1}}
          - {text: Notes were kept, artifacts: {type: notes}}
        effects: [{phase: trial, status: completed}]
  Thrown: {}
"""


def read(text: str) -> ProjectType:
    return project_types.read(document.parse(text.encode(), "spike.yaml"), "spike.yaml", schemas=True)


def own(main: Path, text: str = OWN, name: str = "spike") -> Path:
    """A type of the repository's own."""
    path = main / f".sow/types/{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


PR = "pr_url: string, project_deleted: boolean"
PHASES = {
    "standard": {
        "implementation": ("tasks", "task_list", "planning_approved: boolean, draft_pr_created: boolean, "
            "pr_url: string, pr_number: integer"),
        "review": ("", "review", "iteration: integer"),
        "finalize": ("", "pr_body", "project_deleted: boolean, pr_url: string, pr_number: integer, "
            "pr_checks_passed: boolean"),
    },
    "exploration": {"exploration": ("tasks", "summary findings", PR), "finalization": ("tasks", "pr", PR)},
    "design": {
        "design": ("tasks", "design adr architecture diagram spec", PR), "finalization": ("tasks", "pr", PR),
    },
    "breakdown": {"breakdown": ("tasks", "discovery work_unit_spec", PR)},
}  # fmt: skip
"""The phases of each type: whether it has tasks, what it brings out, the fields of its metadata."""


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_type_has_the_phases_and_fields_of_the_table(name: str) -> None:
    found = {}
    for phase in project_types.built_in(name).phases.values():
        fields = (phase.metadata or {})["properties"].items()
        told = ", ".join(f"{field}: {held['type']}" for field, held in fields)
        found[phase.name] = ("tasks" if phase.tasks else "", " ".join(phase.outputs), told)
    assert found == PHASES[name]


def test_the_prefix_of_a_branch_tells_a_built_in_type(tmp_path: Path) -> None:
    branches = ("feat/a", "fix/a", "anything", "explore/a", "design/a", "breakdown/a")
    found = [project_types.for_branch(branch, str(tmp_path)).name for branch in branches]
    assert found == ["standard", "standard", "standard", "exploration", "design", "breakdown"]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_type_is_valid_and_every_state_says_what_to_do(name: str) -> None:
    kind = project_types.built_in(name)
    assert kind.name == name
    assert kind.description
    assert all(state.prompt for state in kind.states.values())
    assert all(state.transitions for state in kind.states.values() if state.name not in kind.final)


def test_a_type_of_ones_own_is_found_by_name_and_by_the_branch(tmp_path: Path) -> None:
    own(tmp_path)
    assert project_types.names(str(tmp_path)) == (*BUILT_IN, "spike")
    assert project_types.named("spike", str(tmp_path)) == read(OWN)
    assert project_types.for_branch("spike/faster", str(tmp_path)).name == "spike"
    assert project_types.for_branch("explore/it", str(tmp_path)).name == "exploration"
    assert project_types.for_branch("", str(tmp_path)).name == "standard"


def test_the_longest_prefix_wins_and_ones_own_before_the_built_in(tmp_path: Path) -> None:
    own(tmp_path, OWN.replace("[spike/]", "[explore/deep/, design/]"))
    by_branch = {
        branch: project_types.for_branch(branch, str(tmp_path)).name
        for branch in ("explore/it", "explore/deep/it", "design/it")
    }
    assert by_branch == {"explore/it": "exploration", "explore/deep/it": "spike", "design/it": "spike"}


def test_a_type_of_ones_own_may_stand_for_a_built_in_one(tmp_path: Path) -> None:
    own(tmp_path, OWN.replace("name: spike", "name: standard"), "standard")
    assert list(project_types.named("standard", str(tmp_path)).states) == ["Trying", "Thrown"]
    assert project_types.for_branch("feat/x", str(tmp_path)).initial_state == "Trying"


def test_a_type_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    own(tmp_path)
    with pytest.raises(NotFound, match="project type not found: spice") as said:
        project_types.named("spice", str(tmp_path))
    assert said.value.hint == f"did you mean spike? the types: {', '.join((*BUILT_IN, 'spike'))}"
    for name in ("../spike", "", "Standard", "spike.yaml"):
        with pytest.raises(NotFound, match="project type not found"):
            project_types.named(name, str(tmp_path))


def test_a_broken_type_keeps_a_project_from_being_begun_only_where_none_is_named(tmp_path: Path) -> None:
    own(tmp_path)
    path = own(tmp_path, "a: [", "torn")
    assert [found for found, _ in project_types.broken(str(tmp_path))] == [str(path)]
    assert project_types.named("spike", str(tmp_path)).name == "spike"
    with pytest.raises(Refused, match=f"{path}:") as said:
        project_types.for_branch("feat/x", str(tmp_path))
    assert said.value.hint.endswith("; or say which type it is to be: --type T")


def test_a_file_whose_name_is_another_is_refused(tmp_path: Path) -> None:
    path = own(tmp_path, OWN, "other")
    with pytest.raises(Refused, match=f"{path}: name is 'spike', and the file says 'other'"):
        project_types.named("other", str(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "hint"),
    [
        ("state: Trying\n", "state: Tryin\n", 5, "'Tryin' is no state", "did you mean Trying?"),
        ("final: [Thrown]", "final: [Trown]", 7, "'Trown' is no state", "did you mean Thrown?"),
        ("target: Thrown", "target: Lost", 20, "'Lost' is no state", "there are: Trying, Thrown"),
        ("    phase: trial\n    prompt", "    phase: trail\n    prompt", 16, "'trail' is no phase", "trial"),
        ("{phase: trial, status: comp", "{phase: x, status: comp", 24, "'x' is no phase", "trial"),
        ("status: completed", "status: complete", 24, "'complete' is no status", "did you mean completed?"),
        ("status: trying}", "status: tryng}", 6, "'tryng' is no status", "did you mean trying?"),
        ("  trial:\n    tasks", "  ../trial:\n    tasks", 9, "can't be the name of a phase", "folder"),
        ("event: throw_away", "event: Throw Away", 19, "can't be the name of an event", "small letters"),
        ("tasks: {at_least: 1}", "tasks: {at_least: -1}", 22, "-1", "at least 0"),
        ("tasks: {at_least: 1}", "tasks: {at_leas: 1}", 22, "not a known field", "did you mean `at_least`?"),
        (", tasks: {at_least: 1}", "", 22, "it asks for nothing", "exactly one of metadata, tasks"),
        ("{type: notes}", "{type: notes}, dependencies: {}", 23, "artifacts and dependencies", "exactly one"),
        ("{type: notes}", "{type: note}", 23, "'note' is no type of outputs of phase trial", "notes"),
        ("    phase: trial\n    prompt", "    prompt", 21, "about no phase", "name one"),
        ("{type: integer}", "{type: whole}", 13, "it is no JSON Schema", "mend it"),
        ("  Thrown: {}", "  Thrown: {}\n  Kept: {}", 26, "no way leads to state Kept", "target"),
        ("      - event: throw", "      - {event: throw_away, target: Thrown}\n      - event: throw", 20,
            "twice", "keep one"),
        ("  state: Trying\n", "  state: Trying\n  event: begin\n", 6, "'begin' is no event", "Trying"),
        ("name: spike", "name: Spike!", 1, "Spike!", "small letters"),
        ("initial:\n  state: Trying\n", "initial:\n", 4, "state", "add it"),
        ("tasks: true", "tasks: 1", 10, "1 is a whole number, not true or false", "true or false"),
        ("event: throw_away\n", "event: throw_away\n        on: x\n", 20, "not a known field", "allowed"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_type_is_told_with_its_line(
    old: str, new: str, line: int, message: str, hint: str
) -> None:
    assert old in OWN
    with pytest.raises(Refused) as said:
        read(OWN.replace(old, new))
    assert str(said.value).startswith(f"spike.yaml:{line}: "), said.value
    assert message in str(said.value)
    assert hint in said.value.hint


def test_the_type_of_the_page_on_types_is_one() -> None:
    page = (ROOT / "docs/reference/project-types.md").read_text()
    example = re.search(r"```yaml title=project_type\n(.*?)```", page, re.DOTALL)
    assert example
    assert read(example[1]).events() == ["throw_away"]


def test_the_page_on_types_tells_every_transition() -> None:
    page = (ROOT / "docs/reference/project-types.md").read_text()
    told = set(re.findall(r"^\| (\w+) \| `(\w+)` \| (\w+) \|", page, re.MULTILINE))
    assert told == {
        (state.name, way.event, way.target)
        for name in BUILT_IN
        for state in project_types.built_in(name).states.values()
        for way in state.transitions
    }
