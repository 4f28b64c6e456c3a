"""The words that scripts of the original's users look for: each stands where they look for it."""

from pathlib import Path

from tests.cli.parts import Person, person, with_project

LISTED = ["Current state: ImplementationPlanning", "Available transitions", "[BLOCKED]", "Requires: Task"]
BLOCKED = [
    "Transition blocked by guard: Task descriptions approved",
    "Guard not satisfied",
    "Fix the guard condition",
]
NO_EVENT = [
    "event not configured",
    "not configured for state ImplementationPlanning",
    "Use 'sow advance --list' to see available transitions",
]
STATUS = [
    "Task: 010 - Do it",
    "Status: pending",
    "Iteration: 1",
    "Assigned Agent: implementer",
    "metadata.key: value",
    "Inputs (1):",
    "[0] reference: docs/x.md",
    "Outputs (0):",
]
REHEARSED = [
    "Validating transition",
    "Transition is valid",
    "can be executed",
    "Target state: ImplementationDraftPRCreation",
    "To execute: sow advance planning_complete",
]


def has(who: Person, command: str, *words: str, code: int = 0) -> None:
    said = who.sow(*command.split())
    assert said.code == code, said
    shown = said.err if code else said.out
    assert [word for word in words if word not in shown] == [], shown


def test_a_project_speaks_in_the_words_that_scripts_look_for(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    has(who, "advance --list", *LISTED)
    has(who, "advance", *BLOCKED, code=4)
    has(who, "advance planning_complete --dry-run", *BLOCKED, code=4)
    has(who, "advance tomorrow", *NO_EVENT, code=4)
    assert who.done("task", "add", "Do it", "--agent", "implementer") == "Added task [010] Do it\n"
    for name in ("Two", "Three"):
        has(who, f"task add {name} --agent reviewer", "Added task [0")
    has(who, "task input add --id 010 --type reference --path docs/x.md")
    has(who, "task set --id 010 metadata.key value")
    has(who, "task status --id 010", *STATUS)
    has(who, "task status --id 070", "task not found", code=3)
    has(who, "task set --id 010 colour red", "unknown field: colour", code=4)
    has(who, "task input set --id 010 --index 4 approved true", "index out of range", code=4)
    has(who, "task input set --id 010 --index 0 approved true")
    has(who, "task input list --id 010", "[0]", "Type: reference", "Path: docs/x.md", "Approved: true")
    has(who, "phase set --phase dreams metadata.a b", "phase not found: dreams", code=3)
    has(who, "project status", "[010] Do it (pending)", "[030] Three (pending)", "3 total tasks")
    has(who, "phase set --phase implementation metadata.planning_approved true")
    has(who, "advance --dry-run", *REHEARSED)
    has(who, "advance", "Advanced to: ImplementationDraftPRCreation")


def test_where_no_project_is_or_none_that_can_be_read_it_is_said_so(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.done("init")
    has(who, "project status", "no active project", code=3)
    has(who, "project new login --type standard --no-launch", "Initialized project")
    (file,) = (who.folder / ".sow/worktrees").glob("**/.sow/project/state.yaml")
    file.write_text("project: [")
    has(who, "project status", "failed to load project", code=4)
