"""`sow prompt`: what agents are told, for whoever drives them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.parts import person, with_project

from sow import project_types, roles


def test_without_a_name_it_says_what_the_state_asks_for(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    text = who.done("prompt")
    assert text.startswith(
        "# Project add-login: ImplementationPlanning\n\nAdd login\n\nPlan the work as tasks"
    )
    assert text.splitlines()[-2:] == [
        "- `sow advance planning_complete` to ImplementationDraftPRCreation:",
        "  - Task descriptions approved: metadata.planning_approved of phase implementation is not set, "
        "not true; `sow phase set metadata.planning_approved true --phase implementation`",
    ]


def test_a_role_a_state_and_how_to_report_are_found_by_name(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    who.write(".sow/agents/poet.md", "You write verse.\n")
    assert who.done("prompt", "reviewer").startswith("You are a reviewer.")
    assert who.done("prompt", "poet") == "You write verse.\n"
    assert who.done("prompt", "report").startswith("## How to report")
    assert who.done("prompt", "ReviewActive").startswith("Review the whole")
    assert json.loads(who.done("prompt", "poet", "--json")) == {"name": "poet", "text": "You write verse."}


def test_the_list_names_what_can_be_printed(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    listed = [row["name"] for row in json.loads(who.done("prompt", "--list", "--json"))]
    assert listed == [*project_types.built_in("standard").states, *roles.BUILT_IN, "report"]
    assert all(who.done("prompt", name).strip() for name in listed)
    assert [line.split()[0] for line in who.done("prompt", "--list").splitlines()] == listed


def test_roles_are_there_without_a_project_and_without_git(tmp_path: Path) -> None:
    who = person(tmp_path)
    assert who.done("prompt", "planner").startswith("You are a planner.")
    assert who.at(tmp_path).done("prompt", "planner").startswith("You are a planner.")
    assert who.sow("prompt").code == 3


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("prompt", "reviewr"), 3, ["sow: prompt not found: reviewr",
            "     did you mean reviewer? see them: `sow prompt --list`"]),
        (("prompt", ""), 3, ["sow: prompt not found: its name is empty",
            "     see them: `sow prompt --list`"]),
        (("prompt", "../roles/planner"), 3, ["sow: prompt not found: ../roles/planner",
            "     did you mean planner? see them: `sow prompt --list`"]),
        (("prompt", "planner", "--list"), 2, ["sow: --list takes no NAME", "     `sow prompt --list`"]),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told(
    tmp_path: Path, words: tuple[str, ...], code: int, said: list[str]
) -> None:
    assert with_project(tmp_path).sow(*words).told == (code, said)
