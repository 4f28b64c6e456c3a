"""Projects of the original program at the command line: looked at as they are, gone on with, given back."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.cli.parts import ROOT, Person, changed, everything, person
from tests.core.parts import OLD_STATES, old_state

import sow_schemas
from sow.document import strict

TEXTS = {"description.md": "Move it to docs/.\n", "log.md": "# Task Log\n", "feedback/001.md": "Elsewhere.\n"}


def with_old(folder: Path, name: str = "exploration-finalizing", *, worktree: bool = False) -> Person:
    """A person in a repository with an old project, in the checkout or in a worktree of its own."""
    who = person(folder)
    who.commit(a__txt="a\n")
    state = old_state(name)
    branch = strict.load(state, name).value["branch"]
    if worktree:
        who.git("worktree", "add", "--quiet", "-b", branch, f".sow/worktrees/{branch}")
    else:
        who.git("switch", "--quiet", "--create", branch)
    place = who.folder / (f".sow/worktrees/{branch}" if worktree else ".") / ".sow/project"
    place.mkdir(parents=True)
    (place / "state.yaml").write_bytes(state)
    if name == "exploration-finalizing":
        for text, words in TEXTS.items():
            path = place / "phases/finalization/tasks/010" / text
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(words)
    who.at(place).git("add", "--all")
    who.at(place).git("commit", "--quiet", "--message", "an old project")
    return who


LOOKS = [
    "status", "status --all", "status --json", "project list", "project status", "project status --json",
    "project show", "project show -o json", "project show --strict", "project show --strict -o json",
    "task list", "task list --json", "task show 030", "task show 010 --json", "task status --id 020",
    "advance --list", "advance --list --json", "prompt", "validate", "review --json", "events", "agent list",
    "run --dry-run", "worktree list", "phase list", "phase list --json", "output list --phase exploration",
    "input list --phase finalization", "task output list --id 010", "task input list --id 030 --json",
]  # fmt: skip


@pytest.mark.parametrize("worktree", [False, True], ids=["in the checkout", "in a worktree"])
def test_whoever_looks_at_an_old_project_changes_no_byte(tmp_path: Path, worktree: bool) -> None:
    who = with_old(tmp_path, worktree=worktree)
    before = everything(who.folder)
    for words in LOOKS:
        said = who.sow(*shlex.split(words))
        assert said.code == 0, (words, said)
    assert changed(before, everything(who.folder)) == []
    assert who.done("status").splitlines()[:5] == [
        "which-queue  (branch explore/which-queue, Finalizing)",
        "",
        "  [010] completed              What do we lose when it is killed?",
        "  [020] abandoned              How does it scale?",
        "  [030] in_progress (queued)   Move the summary to the docs",
    ]
    assert who.done("validate") == "Valid: the project, 2 phases, 3 tasks, the settings\n"
    shown = who.done("task", "show", "030")
    assert "\nMove it to docs/.\n\nFeedback 001.md:\nElsewhere.\n" in shown
    assert "feedback: project/phases/finalization/tasks/030/feedback/001.md" in shown
    assert who.done("project", "list").split() == [
        "which-queue",
        "explore/which-queue",
        "Finalizing",
        "3",
        "tasks",
    ]


def test_a_paused_task_of_an_old_project_is_in_the_inbox_and_its_session_is_kept(tmp_path: Path) -> None:
    who = with_old(tmp_path, "standard-executing")
    rows = json.loads(who.sow("review", "--json").out)
    assert [(row["id"], row["kind"], row["text"]) for row in rows] == [
        ("030", "question", "It is paused, and nobody said why."),
        ("040", "review", ""),
    ]
    who.done("task", "answer", "030", "Say it in seconds.")
    answered = who.store().task("030")
    assert (answered.status, answered.session_id) == ("in_progress", "6ba7b810-9dad-41d1-80b4-00c04fd430c8")
    assert who.done("task", "feedback", "040", "An example, please.").startswith(
        "Sent task 040 back: iteration 2"
    )
    assert "Approved task 020" not in who.sow("task", "approve", "020").out


def test_feedback_that_the_original_gave_is_not_written_over(tmp_path: Path) -> None:
    who = with_old(tmp_path)
    who.done("task", "set", "status", "needs_review", "--id", "030")
    who.done("task", "feedback", "030", "Not there.")
    assert who.store().feedback(who.store().task("030")) == [
        ("001.md", "Elsewhere.\n"),
        ("002.md", "Not there.\n"),
    ]


WRITES: dict[str, Callable[[Person], object]] = {
    "task set": lambda who: who.done("task", "set", "priority", "high", "--id", "030"),
    "task add": lambda who: who.done(
        "task", "add", "Tell", "--agent", "implementer", "--phase", "finalization"
    ),
    "agent log": lambda who: who.at(".", SOW_TASK_ID="030").done("agent", "log", "moved"),
    "task set depends_on": lambda who: who.done("task", "set", "depends_on", "010", "--id", "030"),
    "task edit": lambda who: who.at(".", EDITOR="true").done("task", "edit", "030"),
    "task move": lambda who: who.done("task", "move", "020", "--phase", "finalization"),
    "task remove": lambda who: who.done("task", "remove", "020"),
    "task input add": lambda who: who.done(
        "task", "input", "add", "--id", "030", "--type", "reference", "--path", "a.txt"
    ),
    "output add": lambda who: who.done(
        "output", "add", "--type", "pr", "--path", "../../a.txt", "--phase", "finalization"
    ),
    "phase set": lambda who: who.done("phase", "set", "metadata.pr_url", "x", "--phase", "finalization"),
    "project set": lambda who: who.done("project", "set", "description", "Which one?"),
    "task abandon": lambda who: who.done("task", "abandon", "030"),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_the_first_write_splits_it_and_says_so(tmp_path: Path, write: Callable[[Person], object]) -> None:
    who = with_old(tmp_path)
    project = who.folder / ".sow/project"
    write(who)
    assert (project / "state.yaml.pre-split").read_bytes() == old_state("exploration-finalizing")
    assert "phases" not in yaml.safe_load((project / "state.yaml").read_text())
    folder = project / "phases/finalization/tasks/030"
    assert {(folder / name).read_text().startswith(words) for name, words in TEXTS.items()} == {True}
    assert who.done("validate").startswith("Valid: the project, 2 phases, ")
    assert who.git("status", "--porcelain", "--", ".sow/runtime") == "", "git ignores what is sow's own"


def test_what_became_of_it_is_told_once_and_not_to_who_wants_quiet(tmp_path: Path) -> None:
    who = with_old(tmp_path / "told")
    said = who.sow("task", "set", "priority", "high", "--id", "030")
    assert (said.out, said.err.splitlines()) == (
        "",
        [
            f"phases and tasks of {who.folder}/.sow/project/state.yaml have files of their own now; "
            "the old one is kept beside",
            "task 010 of phase finalization is 030 now: another phase has a 010, too",
        ],
    )
    assert who.sow("task", "set", "priority", "low", "--id", "030").err == ""
    quiet = with_old(tmp_path / "quiet")
    assert quiet.sow("task", "set", "name", "Another", "--id", "030", "--quiet").err == ""
    assert quiet.store().task("030").name == "Another"
    assert 'renumbered={"finalization/010": "030"}' in quiet.done("events", "--type", "project.split")


def test_bad_input_splits_nothing(tmp_path: Path) -> None:
    who = with_old(tmp_path)
    before = everything(who.folder)
    for words in (
        "task set priority urgent --id 030", "task set name x --id 990", "task set status completed --id 020",
        "task add Name --agent nobody --phase finalization", "advance", "advance nowhere",
        "task add Name --agent implementer --phase nowhere",
        "task add Name --agent implementer --phase finalization --id 030",
        "task answer 030 yes", "task set depends_on 030 --id 030", "task move 020 --phase nowhere",
        "task remove 990", "output add --type nonsense --path a --phase finalization",
        "phase set status nonsense --phase finalization", "project set branch x",
    ):  # fmt: skip
        said = who.sow(*words.split())
        assert said.code in (3, 4), (words, said)
        assert len(said.err.splitlines()) == 2, said
    assert changed(before, everything(who.folder)) == []


def test_what_is_wrong_in_an_old_file_is_told_with_its_line_and_the_rest_is_shown(tmp_path: Path) -> None:
    who = with_old(tmp_path)
    path = who.folder / ".sow/project/state.yaml"
    path.write_text(path.read_text().replace("status: abandoned", "status: cancelled"))
    before = everything(who.folder)
    allowed = "pending, in_progress, paused, needs_review, completed, abandoned"
    fault, hint = f'{path}:47: task 020: status: "cancelled" is not allowed', f"allowed: {allowed}"
    shown = who.done("status")
    assert "[010] completed" in shown
    assert f"  broken: {fault}\n          {hint}" in shown
    checked = who.sow("validate")
    assert checked.code == 4
    assert fault in checked.out
    assert who.sow("project", "show", "--strict").told == (4, [f"sow: {fault}", f"     {hint}"])
    loose = who.sow("project", "show")
    assert (loose.code, f"broken: {fault}" in loose.err) == (0, True)
    assert who.sow("task", "set", "priority", "high", "--id", "030").told == (
        4,
        [f"sow: {fault}", f"     {hint}"],
    )
    assert changed(before, everything(who.folder)) == []


def test_a_project_given_back_to_the_original_has_only_what_that_knows(tmp_path: Path) -> None:
    who = with_old(tmp_path, "standard-executing")
    who.done("task", "set", "priority", "high", "--id", "050")
    who.done("task", "set", "metadata.due", "2026-01-01T00:00:00Z", "--id", "050")
    text = who.done("project", "show", "--strict")
    held = strict.load(text.encode(), "strict").value
    assert json.loads(who.done("project", "show", "--strict", "-o", "json")) == held
    assert sow_schemas.valid("project_state", held)
    task = next(task for task in held["phases"]["implementation"]["tasks"] if task["id"] == "050")
    assert set(task) == {
        "id", "name", "phase", "status", "created_at", "updated_at", "iteration", "assigned_agent", "inputs",
        "outputs", "metadata",
    }  # fmt: skip
    assert "priority" in who.done("project", "show")
    assert "0001-01-01" not in text
    again = person(tmp_path / "again")
    again.write(".sow/project/state.yaml", text)
    assert again.done("project", "show", "--strict") == text


def test_the_way_there_and_back_of_the_page_is_walked(tmp_path: Path) -> None:
    who = with_old(tmp_path, "exploration-active")
    who.done("init")
    who.done("task", "add", "Another question", "--agent", "researcher", "--phase", "exploration")
    text = who.done("project", "show", "--strict")
    project = who.folder / ".sow/project"
    (project / "state.yaml").write_text(text)
    before = everything(who.folder)
    assert who.done("task", "list").endswith("2 total tasks\n")
    assert changed(before, everything(who.folder)) == []
    who.done("task", "set", "name", "Where to begin?", "--id", "010")
    assert (project / "state.yaml.pre-split").read_bytes() == old_state("exploration-active")
    assert (project / "state.yaml.pre-split.2").read_text() == text


@pytest.mark.parametrize("name", sorted(path.stem for path in OLD_STATES.glob("*.yaml")))
def test_an_old_project_of_every_kind_is_valid_before_and_after_its_first_write(
    tmp_path: Path, name: str
) -> None:
    who = with_old(tmp_path, name)
    valid, listed = who.done("validate"), who.done("task", "list")
    task_id = who.store().tasks().tasks[-1].id
    who.done("task", "set", "metadata.note", "seen", "--id", task_id)
    assert (who.done("validate"), who.done("task", "list")) == (valid, listed)
    assert "note: seen" in who.done("project", "show", "--strict")


@pytest.mark.slow
def test_an_agent_goes_on_with_an_old_project_and_its_start_is_the_first_write(tmp_path: Path) -> None:
    who = with_old(tmp_path, "exploration-active", worktree=True)
    play = who.home / "play.yaml"
    steps = [{"edit": {"path": "answer.md", "content": "In the linker.\n"}}, {"report": "needs_review"}]
    play.write_text(yaml.safe_dump({"turns": [steps]}))
    rehearsal = {"executors": {"rehearsal": {"type": "script", "settings": {"script": str(play)}}}}
    who.settings(yaml.safe_dump({"agents": {**rehearsal, "bindings": {"researcher": "rehearsal"}}}))
    ran = who.process("run")
    assert (ran.code, "have files of their own now" in ran.err) == (5, True), ran
    assert who.done("task", "approve", "010").startswith("Approved task 010: merged as ")
    folder = who.folder / ".sow/worktrees/explore/cheaper-builds"
    assert (folder / "answer.md").read_text() == "In the linker.\n"
    assert (folder / ".sow/project/state.yaml.pre-split").read_bytes() == old_state("exploration-active")
    assert who.at(folder).git("status", "--porcelain") == ""
    task = who.store().task("010")
    assert (task.status, task.started_at is None, task.completed_at is None) == ("completed", False, False)
    assert "Advanced to: Summarizing" in who.done("advance")


def test_every_command_of_the_page_on_the_original_exists(tmp_path: Path) -> None:
    page = (ROOT / "docs/howto/coming-from-the-original.md").read_text()
    who = person(tmp_path)
    called = set(re.findall(r"(?:\$ |`)sow ((?:[a-z]+ ?)+)", page))
    assert len(called) > 8
    for words in called:
        verbs = words.split()[: 2 if words.split()[0] in ("task", "project", "config") else 1]
        assert who.sow(*verbs, "--help").code == 0, words


def test_an_old_project_on_a_branch_is_continued_in_a_worktree(tmp_path: Path) -> None:
    who = with_old(tmp_path)
    who.git("switch", "--quiet", "main")
    done = who.sow("project", "continue", "--branch", "explore/which-queue")
    assert (done.code, done.out.splitlines()[0]) == (0, "Continuing project which-queue"), done
    assert "task 010 of phase finalization is 030 now" in done.err
    assert who.done("task", "list").endswith("3 total tasks\n")
    assert who.store().task("030").fresh, "its session is of another machine, maybe"
    assert who.done("validate").startswith("Valid: ")


def test_a_shell_is_offered_the_tasks_of_an_old_project(tmp_path: Path) -> None:
    who = with_old(tmp_path)
    before = everything(who.folder)
    words = {"_SOW_COMPLETE": "bash_complete", "COMP_WORDS": "sow task show ", "COMP_CWORD": "3"}
    assert who.at(".", **words).done().split() == ["plain,010", "plain,020", "plain,030"]
    assert changed(before, everything(who.folder)) == []
