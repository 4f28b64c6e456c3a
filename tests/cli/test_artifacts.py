"""Phases and artifacts by commands: what they print, which phase they mean, where paths lead."""

import json
from pathlib import Path

import pytest
from tests.cli.parts import Person, person, with_project, without_times


@pytest.fixture
def who(tmp_path: Path) -> Person:
    return with_project(tmp_path)


def folder(who: Person) -> Path:
    """The project's checkout."""
    return Path(who.store().layout.folder)


def test_artifacts_are_listed_with_the_words_that_scripts_rely_on(who: Person) -> None:
    added = who.done("output", "add", "--type", "task_list", "--path", "tasks.md", "--approved")
    assert added == "Added output [0] task_list: tasks.md to phase implementation\n"
    who.done(
        "output", "add", "--type", "review", "--path", "r.md", "--phase", "review", "--metadata", "n=1",
        "--metadata", "by.who=ada", "--metadata", "by.ok=true",
    )  # fmt: skip
    assert without_times(who.done("output", "list")) == (
        "[0]\n  Type: task_list\n  Path: tasks.md\n  Approved: true\n  Created: TIME\n"
        "  metadata.iteration: 1\n"
    )
    assert without_times(who.done("output", "list", "--phase", "review")) == (
        "[0]\n  Type: review\n  Path: r.md\n  Approved: false\n  Created: TIME\n"
        "  metadata.n: 1\n  metadata.by.who: ada\n  metadata.by.ok: true\n  metadata.iteration: 1\n"
    )
    changed = who.done("output", "set", "--index", "0", "metadata.assessment", "pass", "--phase", "review")
    assert changed == "Output [0] of phase review: metadata.assessment is pass\n"
    removed = who.done("output", "remove", "--index", "0", "--phase", "review")
    assert removed == "Removed output [0] review: r.md from phase review\n"
    empty = who.sow("output", "list", "--phase", "review")
    assert (empty.code, empty.out) == (0, "")
    assert empty.err == (
        "no outputs in phase review; add one: `sow output add --phase review --type TYPE --path PATH`\n"
    )


def test_artifacts_of_a_task_stand_in_its_status(who: Person) -> None:
    who.done("task", "add", "First", "--agent", "implementer")
    who.done("task", "input", "add", "--type", "reference", "--path", "../../a.txt", "--id", "010")
    who.done("task", "output", "add", "--type", "log", "--path", "log.md", "--id", "010", "--metadata", "n=1")
    who.done("task", "set", "metadata.done", "true", "--id", "010")
    shown = who.done("task", "status", "--id", "010")
    assert shown.endswith(
        "metadata.done: true\nInputs (1):\n  [0] reference: ../../a.txt\nOutputs (1):\n  [0] log: log.md\n"
    )
    listed = json.loads(who.done("task", "output", "list", "--id", "010", "--json"))
    assert [(one["index"], one["path"], one["metadata"]) for one in listed] == [(0, "log.md", {"n": 1})]


def test_a_path_that_names_nothing_yet_is_kept_with_a_note_of_what_may_be_meant(who: Person) -> None:
    top = folder(who)
    (top / "docs").mkdir()
    (top / "docs/login.md").write_text("x")
    (top / ".sow/project/there.md").write_text("x")

    def note(path: str, *more: str, at: Path = top) -> str:
        said = who.at(at).sow("output", "add", "--type", "task_list", "--path", path, *more)
        assert said.code == 0, said
        return said.err

    assert note("there.md") == ""
    assert note(".sow/project/phases/review/new.md") == (
        f"note: there is no {top}/.sow/project/phases/review/new.md yet\n"
    )
    assert note("docs/login.md") == (
        f"note: there is no {top}/.sow/project/docs/login.md yet; "
        "if you mean the file where you stand, that is ../../docs/login.md\n"
    )
    assert note("../../docs/login.md") == ""
    assert note("new.md", "-q") == ""
    assert note("other.md", at=top / ".sow/project/phases/review").endswith("/phases/review/other.md yet\n")
    paths = [one["path"] for one in json.loads(who.done("output", "list", "--json"))]
    assert paths == [
        "there.md", "phases/review/new.md", "docs/login.md", "../../docs/login.md", "new.md",
        "phases/review/other.md",
    ]  # fmt: skip
    moved = who.at(top / "docs").sow("output", "set", "--index", "0", "path", ".sow/project/x.md")
    assert (moved.out, moved.err) == (
        "Output [0] of phase implementation: path is x.md\n",
        f"note: there is no {top}/.sow/project/x.md yet\n",
    )


def test_phases_are_listed_in_the_order_of_their_type_and_a_broken_one_beside_the_others(who: Person) -> None:
    who.done("task", "add", "First", "--agent", "implementer")
    who.done("input", "add", "--type", "notes", "--path", "a.md")
    who.done("phase", "set", "enabled", "false", "--phase", "review")
    assert who.done("phase", "list") == (
        "*  implementation  in_progress  1 task, 1 input\n"
        "   review          pending      not enabled\n"
        "   finalize        pending\n"
    )
    path = Path(who.store().layout.phase_file("review"))
    path.write_text("status: [")
    lines = who.done("phase", "list").splitlines()
    assert lines[1].startswith(f"   review          broken       {path}:")
    rows = json.loads(who.done("phase", "list", "--json"))
    assert [(row["name"], "broken" in row) for row in rows] == [
        ("implementation", False), ("review", True), ("finalize", False)
    ]  # fmt: skip
    assert (rows[0]["current"], rows[0]["tasks"], rows[0]["status"]) == (True, 1, "in_progress")


def test_without_a_phase_that_of_the_state_is_meant_and_where_it_has_none_one_is_asked_for(
    tmp_path: Path,
) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.done("project", "new", "Which database?", "--type", "exploration")
    assert who.done("phase", "set", "metadata.pr_url", "42") == "Phase exploration: metadata.pr_url is 42\n"
    who.done("task", "add", "First", "--agent", "researcher")
    assert who.store().task("010").phase == "exploration"
    for words in (
        ("task", "set", "status", "completed", "--id", "010"),
        ("advance",),
        ("output", "add", "--type", "summary", "--path", "s.md", "--approved"),
        ("advance",),
        ("output", "add", "--type", "pr", "--path", "pr.md"),
    ):
        who.done(*words)
    assert [one["type"] for one in who.store().phase("finalization")["outputs"]] == ["pr"]
    who.done("task", "add", "Second", "--agent", "implementer")
    assert who.store().task("020").phase == "finalization"
    assert who.done("task", "move", "020", "--phase", "exploration") == "Task [020] is in phase exploration\n"
    assert who.done("task", "move", "020", "--phase", "exploration") == "Task [020] is in phase exploration\n"
    removed = who.done("task", "remove", "020")
    assert removed == f"Removed task [020]: it is kept in {who.store().layout.removed}/020\n"
    who.done("advance")
    for command in ("phase set enabled true", "input list"):
        assert who.sow(*command.split()).told == (
            2,
            [
                "sow: which phase? state Completed has none",
                "     name one: --phase exploration | finalization",
            ],
        )


def test_a_review_of_an_older_iteration_does_not_count_and_is_an_input_of_the_rework(who: Person) -> None:
    """The standard type, from planning to its last phase and once back, by commands alone."""
    who.done("task", "add", "First", "--agent", "implementer")

    def to_review() -> None:
        who.done("phase", "set", "metadata.planning_approved", "true")
        who.done("advance", "planning_complete")
        who.done("phase", "set", "metadata.draft_pr_created", "true")
        who.done("advance", "draft_pr_created")
        who.done("advance", "all_tasks_complete")

    def review(index: int, assessment: str) -> None:
        who.done("output", "add", "--type", "review", "--path", "phases/review/review.md")
        who.done("output", "set", "--index", str(index), "metadata.assessment", assessment)
        who.done("output", "set", "--index", str(index), "approved", "true")

    who.done("task", "set", "status", "completed", "--id", "010")
    to_review()
    review(0, "fail")
    assert "Advanced to: ImplementationPlanning" in who.done("advance")
    [carried] = json.loads(who.done("input", "list", "--json"))
    assert (carried["type"], carried["metadata"]) == ("review", {"assessment": "fail", "iteration": 1})
    to_review()
    who.done("output", "set", "--index", "0", "metadata.assessment", "pass")
    blocked = who.sow("advance", "review_pass")
    assert blocked.code == 4
    assert "there is no output of type review in phase review of iteration 2" in blocked.err
    review(1, "pass")
    assert "Advanced to: FinalizeChecks" in who.done("advance")


def test_the_metadata_of_an_artifact_can_be_removed_and_nothing_else_goes(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    who.done("task", "add", "First", "--agent", "implementer")
    own = ["--id", "010", "--json"]
    who.done("task", "output", "add", "--type", "log", "--path", "a.md", "--metadata", "by=ada", *own)
    (before,) = json.loads(who.done("task", "output", "list", *own))
    who.done("task", "output", "set", "--index", "0", "metadata", "--unset", *own)
    (after,) = json.loads(who.done("task", "output", "list", *own))
    assert before.pop("metadata") == {"by": "ada"}
    assert after == before
