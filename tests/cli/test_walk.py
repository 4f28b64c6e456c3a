"""Every built-in type, and one of one's own, is walked from its first state to its last by commands only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.parts import Person, person

from sow import project_types
from sow.project_types import BUILT_IN


def begun(tmp_path: Path, kind: str) -> Person:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.done("project", "new", "Walk it", "--type", kind)
    return who


def state(who: Person) -> str:
    return str(json.loads(who.done("advance", "--list", "--json"))["state"])


def walk(who: Person, steps: list[tuple[str, list[str], str]]) -> None:
    """Takes each step: barred at first where a guard asks for something, open once that was done."""
    for before, commands, after in steps:
        assert state(who) == before
        if commands:
            barred = who.sow("advance", "--dry-run")
            assert barred.code == 4, before
            assert "blocked by guard" in barred.err or "no transition is open" in barred.err, before
        for command in commands:
            who.done(*command.split(" "))
        head, _, guidance = who.done("advance").partition("\n\n")
        assert head.splitlines() == [f"Current state: {before}", f"Advanced to: {after}"]
        assert guidance
        assert who.done("validate").startswith("Valid: ")
    assert guidance in who.done("prompt")


ADD = "task add Something --agent implementer --phase {}"
DOWN = "task set status completed --id {}"
APPROVE = "output set --index {} approved true --phase {}"

STANDARD = [
    (
        "ImplementationPlanning",
        ["phase set metadata.planning_approved true"],
        "ImplementationDraftPRCreation",
    ),
    (
        "ImplementationDraftPRCreation",
        ["phase set metadata.draft_pr_created true"],
        "ImplementationExecuting",
    ),
    ("ImplementationExecuting", [ADD.format("implementation"), DOWN.format("010")], "ReviewActive"),
]  # fmt: skip
REVIEWED = [
    "output add --type review --path phases/review/review-{n}.md --phase review",
    "output set --index {n} metadata.assessment {how} --phase review",
    APPROVE.format("{n}", "review"),
]
WALKS = {
    "standard": [
        *STANDARD,
        # A review that fails leads back, and the gates that were passed are closed again.
        ("ReviewActive", [each.format(n=0, how="fail") for each in REVIEWED], "ImplementationPlanning"),
        *STANDARD[:2],
        ("ImplementationExecuting", [], "ReviewActive"),
        ("ReviewActive", [each.format(n=1, how="pass") for each in REVIEWED], "FinalizeChecks"),
        ("FinalizeChecks", [], "FinalizePRReady"),
        ("FinalizePRReady", ["output add --type pr_body --path pr.md", APPROVE.format(0, "finalize")],
            "FinalizePRChecks"),
        ("FinalizePRChecks", ["phase set metadata.pr_checks_passed true"], "FinalizeCleanup"),
        ("FinalizeCleanup", ["phase set metadata.project_deleted true"], "NoProject"),
    ],
    "exploration": [
        ("Active", [ADD.format("exploration"), "task abandon 010"], "Summarizing"),
        ("Summarizing", ["output add --type summary --path s.md", APPROVE.format(0, "exploration")],
            "Finalizing"),
        ("Finalizing", [ADD.format("finalization"), DOWN.format("020")], "Completed"),
    ],
    "design": [
        ("Active", [ADD.format("design"), "task set metadata.artifact_path adr/1.md --id 010",
            "output add --type adr --path adr/1.md", DOWN.format("010")], "Finalizing"),
        ("Finalizing", [ADD.format("finalization"), DOWN.format("020")], "Completed"),
    ],
    "breakdown": [
        ("Discovery", ["output add --type discovery --path d.md", APPROVE.format(0, "breakdown")], "Active"),
        ("Active", [ADD.format("breakdown"), DOWN.format("010")], "Publishing"),
        ("Publishing", ["task set metadata.published true --id 010"], "Completed"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", BUILT_IN)
def test_a_type_is_walked_to_its_end_by_commands_only(tmp_path: Path, kind: str) -> None:
    who = begun(tmp_path, kind)
    steps = WALKS[kind]
    open_at_once = [step for step in steps if step[0] == "Finalizing"]
    if open_at_once:  # without a task of its own a finalization has nothing to wait for
        before, commands, after = open_at_once[0]
        steps = [step for step in steps if step[0] != "Finalizing"]
        walk(who, steps)
        for command in commands[:1]:
            who.done(*command.split(" "))
        walk(who, [(before, commands[1:], after)])
    else:
        walk(who, steps)
    assert state(who) in project_types.built_in(kind).final
    ended = who.sow("advance")
    assert ended.told == (4, [f"sow: the project has come to its end: state {state(who)}",
        "     clear it up: `sow project finish`"])  # fmt: skip


def test_a_design_approves_the_artifact_of_a_completed_task(tmp_path: Path) -> None:
    who = begun(tmp_path, "design")
    who.done("task", "add", "Decide", "--agent", "architect", "--phase", "design")
    who.done("task", "set", "metadata.artifact_path", "adr/1.md", "--id", "010")
    refused = who.sow("task", "set", "status", "completed", "--id", "010")
    assert refused.told == (4, [
        "sow: task 010 can't be completed: its metadata.artifact_path 'adr/1.md' is not among the outputs of "
        "phase design",
        "     add it: `sow output add --type design --path adr/1.md --phase design`",
    ])  # fmt: skip
    who.done("output", "add", "--type", "adr", "--path", "adr/1.md")
    who.done("task", "set", "status", "completed", "--id", "010")
    assert [held["approved"] for held in json.loads(who.done("output", "list", "--json"))] == [True]


OWN = """\
name: spike
branch_prefixes: [spike/]
initial: {state: Trying, effects: [{phase: trial, enter: true}]}
final: [Thrown]
phases: {trial: {tasks: true, outputs: [notes], metadata: {properties: {days: {type: integer}}}}}
states:
  Trying:
    phase: trial
    prompt: Try it.
    transitions:
      - event: throw_away
        target: Thrown
        guards: [{text: Notes were kept, artifacts: {type: notes}}]
        effects: [{phase: trial, status: completed}]
  Thrown: {prompt: It is over.}
"""


def test_a_type_of_ones_own_is_chosen_by_the_branch_kept_with_the_project_and_walked(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.write(".sow/types/spike.yaml", OWN)
    who.commit(a__txt="a\n")
    said = who.sow("project", "new", "Try it", "--branch", "spike/it")
    assert "Type: spike" in said.err
    # What holds is the type as it was: a change of it changes no project that is under way.
    other = OWN.replace("notes]", "scribbles]").replace("type: notes", "type: scribbles")
    who.write(".sow/types/spike.yaml", other)
    refused = who.sow("output", "add", "--type", "scribbles", "--path", "s.md")
    assert refused.code == 4
    assert "notes" in refused.err
    assert who.sow("phase", "set", "metadata.days", "many").code == 4
    walk(who, [("Trying", ["phase set metadata.days 3", "output add --type notes --path n.md"], "Thrown")])
    assert who.done("prompt").startswith("# Project try-it: Thrown\n\nTry it\n\nIt is over.")


def test_a_broken_type_of_ones_own_is_told_and_nothing_is_made(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.write(".sow/types/spike.yaml", OWN.replace("target: Thrown", "target: Trown"))
    who.commit(a__txt="a\n")
    refused = who.sow("project", "new", "Try it", "--type", "spike")
    assert refused.code == 4
    place = f"{who.folder}/.sow/types/spike.yaml:12: states.Trying.transitions.0.target: 'Trown' is no state"
    assert place in refused.err
    assert "did you mean Thrown?" in refused.err
    assert who.done("project", "list", "--json") == "[]\n"
