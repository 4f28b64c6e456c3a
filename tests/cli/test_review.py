"""The inbox as a person goes through it: on a real terminal, with real agents' processes and real git."""

import json
import re
import signal
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.person import PROMPT, Desk, Turn, asks, at_terminal, writes

from sow.cli import text as texts


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def with_a_door(desk: Desk) -> Desk:
    """The desk with one finished task on it; sent back, its agent writes what it was told."""
    again: Turn = [{"edit": {"path": "told.txt", "content": "{prompt}"}}, {"report": "needs_review"}]
    desk.task("Paint the door", writes("door.txt", "green\n"), again)
    desk.works()
    return desk


@pytest.fixture
def handed_in(desk: Desk) -> Desk:
    return with_a_door(desk)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return with_a_door(Desk(tmp_path_factory.mktemp("desk")))


@pytest.fixture
def looked_at(shared: Desk) -> Iterator[Desk]:
    """A desk like `handed_in`, for tests that must leave every byte of its state as it is."""
    before, variables = shared.bytes_of_state(), dict(shared.env)
    yield shared
    shared.env = variables
    assert shared.bytes_of_state() == before


# -- answers ---------------------------------------------------------------------------------------


def test_a_question_is_answered_by_the_number_of_an_option_and_the_agent_hears_its_words(desk: Desk) -> None:
    painted: Turn = [{"edit": {"path": "door.txt", "content": "{answer}\n"}}, {"report": "needs_review"}]
    desk.task("Paint the door", asks("Which colour?", "red", "dark green"), painted)
    desk.works()
    with desk.reviews() as person:
        assert "question" in person.sees("Which colour?")
        person.sees("2  dark green")
        person.presses("a")
        person.types("1-2, or your words", "2")
        person.sees("Answered task 010: dark green")
        person.sees("Next: sow run")
        assert person.ends() == 0
    assert desk.state()["answer"]["text"] == "dark green"
    desk.works()
    folder = Path(desk.state()["worktree"])
    assert (folder / "door.txt").read_text("utf-8") == "dark green\n"


def test_the_number_of_an_option_is_a_key_of_its_own_and_another_number_is_none(desk: Desk) -> None:
    desk.task("Paint the door", asks("Which colour?", "red", "dark green"))
    desk.works()
    with desk.reviews() as person:
        assert "[1-2]  [a]nswer" in person.sees("[?]")
        person.presses("3")
        person.sees("answer with that option")
        person.presses("2")
        person.sees("Answered task 010: dark green")
        assert person.ends() == 0
    assert desk.state()["answer"]["text"] == "dark green"


def test_words_of_ones_own_are_an_answer_and_a_number_beyond_the_options_is_one_of_them(desk: Desk) -> None:
    desk.task("Paint the door", asks("How many coats?", "one", "two"))
    desk.works()
    with desk.reviews() as person:
        person.presses("a")
        person.types("or your words", "3")
        person.sees("Answered task 010: 3")
        assert person.ends() == 0
    assert desk.state()["answer"]["text"] == "3"


def test_an_answer_can_be_written_in_the_editor_where_the_question_can_be_read(desk: Desk) -> None:
    desk.task("Paint the door", asks("Which colour?"))
    desk.works()
    desk.editor(
        "held = path.read_text()\n"
        'assert "Which colour?" in held\n'
        'path.write_text("Blue.\\n\\nTwo coats.\\n" + held)'
    )
    with desk.reviews() as person:
        person.presses("a")
        person.types("your editor", "")
        person.sees("Answered task 010: Blue. …")
        assert person.ends() == 0
    assert desk.state()["answer"]["text"] == "Blue.\n\nTwo coats."


# -- work that was handed in -----------------------------------------------------------------------


def test_work_is_read_and_approved_and_then_it_is_merged(handed_in: Desk) -> None:
    with handed_in.reviews() as person:
        person.sees("It is painted.")
        person.sees("door.txt | 1 +")
        person.presses("d")
        person.sees("+green")
        person.presses("a")
        person.sees("Approved task 010: merged as ")
        person.sees("Nothing else waits for you.")
        assert person.ends() == 0
    assert handed_in.merged("door.txt") == "green"
    assert handed_in.state()["status"] == "completed"
    commit = handed_in.state()["commit"]
    assert commit[:12] in person.seen
    assert "Sow-Task: paint/010/1" in handed_in.git("log", "-1", "--format=%B", commit)
    [told] = handed_in.events("merge.done")
    assert told["payload"]["commit"] == commit


def test_one_line_of_feedback_sends_work_back_in_its_session(handed_in: Desk) -> None:
    session = handed_in.state()["session_id"]
    with handed_in.reviews() as person:
        person.presses("f")
        person.types("What is to be changed?", "Make it darker")
        person.sees("Sent task 010 back with your feedback: iteration 2")
        person.sees("Next: sow run")
        assert person.ends() == 0
    assert handed_in.feedback() == ["Make it darker\n"]
    handed_in.works()
    state = handed_in.state()
    assert (state["iteration"], state["session_id"]) == (2, session)
    assert "Make it darker" in (Path(state["worktree"]) / "told.txt").read_text("utf-8")


@pytest.mark.parametrize(
    "program",
    [
        pytest.param('path.write_text("Make it darker\\n")', id="one that writes the file anew"),
        pytest.param('path.write_text(path.read_text() + "Make it darker")', id="one that writes at the end"),
        pytest.param(
            'path.write_text("Make it darker" + path.read_text())', id="one that writes at the head"
        ),
    ],
)
def test_feedback_from_an_editor_is_what_was_written_without_the_note(handed_in: Desk, program: str) -> None:
    handed_in.editor(program)
    with handed_in.reviews() as person:
        person.presses("f")
        person.types("your editor", "")
        person.sees("Sent task 010 back")
        assert person.ends() == 0
    assert handed_in.feedback() == ["Make it darker\n"]


@pytest.mark.parametrize(
    ("program", "said"),
    [
        pytest.param("pass", "Nothing was done.", id="leaves all as it is"),
        pytest.param('path.write_text("  \\n")', "Nothing was done.", id="empties the file"),
        pytest.param("sys.exit(3)", "the editor could not be used", id="fails"),
    ],
)
def test_an_editor_that_brings_no_words_changes_nothing_and_the_item_stays(
    looked_at: Desk, program: str, said: str
) -> None:
    looked_at.editor(program)
    with looked_at.reviews() as person:
        person.presses("f")
        person.types("your editor", "")
        person.sees(said)
        person.presses("q")
        person.sees("Still waiting for you: [010] review")
        assert person.ends() == 5


def test_the_log_shows_what_the_agent_said_and_did(looked_at: Desk) -> None:
    with looked_at.reviews() as person:
        person.presses("l")
        log = person.sees("sow task set status needs_review")
        person.presses("q")
        person.ends()
    assert "spawn (start)" in log
    assert "> edit: door.txt" in log
    assert "It is painted." in log


def test_the_checks_run_in_the_tasks_worktree_and_show_what_fails(looked_at: Desk) -> None:
    checks = ["grep green door.txt", "pwd; grep red door.txt; exit 1", "touch never"]
    (looked_at.main / ".sow/config.yaml").write_text(f"checks: {json.dumps(checks)}\n", "utf-8")
    with looked_at.reviews() as person:
        person.presses("c")
        person.sees("$ grep green door.txt")
        person.sees("$ pwd")
        person.sees("feat/paint--010")
        person.sees("It fails.")
        person.presses("q")
        assert person.ends() == 5
    assert "$ touch never" not in person.seen
    assert looked_at.state()["status"] == "needs_review"


def test_the_description_is_opened_in_the_editor(handed_in: Desk) -> None:
    handed_in.editor('path.write_text("The front door.\\n")')
    with handed_in.reviews() as person:
        person.presses("e")
        person.presses("q")
        person.ends()
    assert "The front door." in handed_in.done("task", "show", "010")


# -- what keeps a person from harm -----------------------------------------------------------------


def test_nothing_is_decided_about_a_task_that_is_no_longer_as_it_was_shown(handed_in: Desk) -> None:
    with handed_in.reviews() as person:
        person.sees(PROMPT)
        handed_in.done("task", "feedback", "010", "Somebody else was quicker")
        person.child.send("a")
        person.sees("Task 010 was changed meanwhile: nothing was done.")
        assert person.ends() == 0
    assert handed_in.state()["status"] == "in_progress"
    assert handed_in.events("merge.done") == []


def test_a_merge_that_is_blocked_says_by_which_file_and_is_made_when_it_is_out_of_the_way(
    handed_in: Desk,
) -> None:
    mine = handed_in.folder / "door.txt"
    mine.write_text("my own door\n", "utf-8")
    with handed_in.reviews() as person:
        person.presses("a")
        person.sees("its merge waits")
        person.sees("door.txt")
        person.sees("approved, its merge waits")
        assert mine.read_text("utf-8") == "my own door\n"
        mine.unlink()
        person.presses("a")
        person.sees("Approved task 010: merged as ")
        assert person.ends() == 0
    assert handed_in.merged("door.txt") == "green"
    assert len(handed_in.events("merge.done")) == 1


def test_a_conflict_is_told_and_goes_back_to_the_agent(desk: Desk) -> None:
    for colour in ("green", "red"):
        desk.task(f"Paint it {colour}", writes("door.txt", f"{colour}\n"))
    # One after the other: the inbox begins with what has waited longest.
    desk.done("run", "--jobs", "1", code=5)
    with desk.reviews() as person:
        person.presses("a")
        person.sees("Approved task 010: merged as ")
        person.presses("a")
        person.sees("task 020 was approved but conflicts in door.txt: it went back to its agent")
        person.sees("Next: sow run")
        assert person.ends() == 0
    assert desk.merged("door.txt") == "green"
    assert (desk.state("020")["status"], desk.state("020")["iteration"]) == ("in_progress", 2)


def test_work_that_fails_a_check_once_it_is_merged_goes_back_with_what_the_check_said(
    handed_in: Desk,
) -> None:
    check = "grep red door.txt || { echo the door is not red; false; }"
    (handed_in.main / ".sow/config.yaml").write_text(f"checks: [{json.dumps(check)}]\n", "utf-8")
    with handed_in.reviews() as person:
        person.presses("a")
        person.sees("the door is not red")
        person.sees("a check fails once it is merged: it went back to its agent")
        assert person.ends() == 0
    assert (handed_in.state()["status"], handed_in.state()["iteration"]) == ("in_progress", 2)
    assert handed_in.events("merge.done") == []


def test_a_key_pressed_twice_decides_nothing_about_the_next_item(desk: Desk) -> None:
    for place in ("door", "gate"):
        desk.task(f"Paint the {place}", writes(f"{place}.txt", "green\n"))
    desk.works()
    with desk.reviews() as person:
        person.presses("aaaaaa")
        person.sees("Approved task 0")
        person.presses("q")
        assert person.ends() == 5
    # Whichever was handed in first comes first.
    held = [desk.state(task_id) for task_id in ("010", "020")]
    assert sorted(task["status"] for task in held) == ["completed", "needs_review"]
    assert not any("approval" in task for task in held)


def test_what_an_agent_writes_can_play_no_tricks_on_the_terminal(desk: Desk) -> None:
    trick = "harmless\x1b[1A\x1b[2K\x1b]0;title\x07 \u202etxt"
    desk.task("Paint the door", writes("door.txt", f"{trick}\n", words=trick))
    desk.works()
    with desk.reviews() as person:
        person.presses("d")
        person.presses("l")
        person.presses("q")
        person.ends()
    assert "harmless^[[1A^[[2K^[]0;title^G <U+202E>txt" in person.seen
    for forbidden in ("\x1b[1A", "\x1b[2K", "\x1b]", "\x07", "\u202e"):
        assert forbidden not in person.seen


@given(st.text(st.characters(exclude_categories=())))
def test_plain_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    shown = texts.plain(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    assert texts.plain(shown) == shown


@pytest.mark.parametrize("text", ["a\tb\nc", "grün", "é́ 漢字 👩‍👧"])
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert texts.plain(text) == text


# -- coming, going and the order of things ---------------------------------------------------------


def test_questions_come_first_what_is_skipped_is_not_shown_again_and_the_rest_is_told(desk: Desk) -> None:
    desk.task("Paint the door", writes("door.txt", "green\n"))
    desk.task("Paint the gate", asks("Which gate?"))
    desk.works()
    before = desk.bytes_of_state()
    with desk.reviews() as person:
        assert "[010]" not in person.sees("[020] Paint the gate")
        person.presses("s")
        person.sees("[010] Paint the door")
        person.presses("s")
        person.sees("Still waiting for you: [020] question, [010] review")
        person.sees("Next: sow review")
        assert person.ends() == 5
    assert desk.bytes_of_state() == before


def test_what_comes_while_the_person_decides_is_shown_next(handed_in: Desk) -> None:
    with handed_in.reviews() as person:
        person.sees(PROMPT)
        handed_in.task("Paint the gate", asks("Which gate?"))
        handed_in.works()
        person.child.send("a")
        person.sees("Approved task 010")
        person.sees("Which gate?")
        person.presses("q")
        assert person.ends() == 5


def test_where_an_orchestrator_is_at_work_nobody_is_told_to_start_one(handed_in: Desk) -> None:
    with at_terminal(handed_in.main, handed_in.env, "run", "--watch") as orchestrator:
        orchestrator.sees("0 of 1 tasks completed")
        with handed_in.reviews() as person:
            person.presses("f")
            person.types("What is to be changed?", "Make it darker")
            person.sees(f"`sow run` is at work (process {orchestrator.child.pid}) and goes on by itself.")
            assert person.ends() == 0
        orchestrator.sees("goes on (feedback)")
        orchestrator.sees("Paint the door: needs_review")
        orchestrator.child.sendintr()
        assert orchestrator.ends() == 128 + signal.SIGINT
    assert handed_in.state()["iteration"] == 2


def test_one_task_alone_can_be_reviewed(desk: Desk) -> None:
    desk.task("Paint the door", asks("Which door?"))
    desk.task("Paint the gate", writes("gate.txt", "green\n"))
    desk.works()
    with desk.reviews("020") as person:
        person.presses("a")
        person.sees("Approved task 020")
        person.sees("Still waiting for you: [010] question")
        assert person.ends() == 5
    assert "Which door?" not in person.seen
    with desk.reviews("020") as person:
        person.sees("Task 020 is completed: nothing of it waits for you.")
        person.ends()


def test_to_abandon_is_asked_twice(handed_in: Desk) -> None:
    with handed_in.reviews() as person:
        person.presses("x")
        person.sees("Abandon task 010? Its branch and worktree stay. [y/n] ")
        person.child.send("n")
        person.sees("Nothing was done.")
        person.presses("x")
        person.sees("[y/n] ")
        person.child.send("y")
        person.sees("Abandoned task 010")
        assert person.ends() == 0
    assert handed_in.state()["status"] == "abandoned"
    assert handed_in.git("show", "feat/paint--010:door.txt") == "green"


def test_a_failure_can_be_tried_again_in_a_fresh_session(desk: Desk) -> None:
    desk.task("Paint the door", [{"fail": {"message": "No paint.", "kind": "auth_invalid"}}])
    desk.works()
    with desk.reviews() as person:
        person.sees("No paint.")
        person.presses("r")
        person.sees("In a fresh session? [y/n] ")
        person.child.send("y")
        person.sees("Task 010 is pending again, in a fresh session")
        assert person.ends() == 0
    assert (desk.state()["status"], desk.state()["fresh"]) == ("pending", True)


def test_what_a_paused_task_has_so_far_can_be_taken_as_it_is(desk: Desk) -> None:
    desk.task("Paint the door", [{"edit": {"path": "door.txt", "content": "half\n"}}, *asks("And the rest?")])
    desk.works()
    with desk.reviews() as person:
        person.presses("d")
        person.sees("+half")
        person.presses("t")
        person.sees("Approved task 010: merged as ")
        assert person.ends() == 0
    assert desk.merged("door.txt") == "half"


def test_ctrl_c_leaves_with_130_nothing_changed_and_the_terminal_as_it_was(looked_at: Desk) -> None:
    with looked_at.reviews() as person:
        modes = termios.tcgetattr(person.child.child_fd)
        person.sees(PROMPT)
        assert person.interrupts() == 128 + signal.SIGINT
    assert modes[3] & termios.ICANON


def test_help_arrows_and_unknown_keys_do_nothing(looked_at: Desk) -> None:
    with looked_at.reviews() as person:
        person.presses("?")
        person.sees("merge it into the project's branch")
        for key in ("\x1b[A", "z", "\r", "ä"):
            person.presses(key)
        person.presses("q")
        assert person.ends() == 5


@pytest.mark.parametrize(
    ("more", "coloured"),
    [
        pytest.param({}, True, id="as it is"),
        pytest.param({"NO_COLOR": "1"}, False, id="NO_COLOR"),
        pytest.param({"TERM": "dumb"}, False, id="a dumb terminal, where Enter ends a key"),
    ],
)
def test_colours_are_shown_where_they_are_wanted(
    looked_at: Desk, more: dict[str, str], coloured: bool
) -> None:
    looked_at.env |= more
    enter = "\r" if "TERM" in more else ""
    with looked_at.reviews() as person:
        person.presses(f"d{enter}")
        person.presses(f"q{enter}")
        person.ends()
    assert "+green" in person.seen
    assert ("\x1b[32m+green" in person.seen) is coloured
    assert coloured or "\x1b[3" not in person.seen


def test_a_long_diff_goes_through_the_persons_pager(looked_at: Desk) -> None:
    looked_at.env["PAGER"] = "sed 's/^/PAGED /'"
    with looked_at.reviews() as person:
        person.presses("d")
        person.sees("PAGED ")
        person.presses("q")
        person.ends()


def test_a_pager_that_is_not_there_is_no_reason_to_show_nothing(looked_at: Desk) -> None:
    looked_at.env["PAGER"] = "no-such-pager"
    with looked_at.reviews() as person:
        person.presses("d")
        person.sees("+green")
        person.presses("q")
        person.ends()


# -- without a terminal ----------------------------------------------------------------------------


def test_without_a_terminal_the_inbox_is_a_list_and_the_exit_code_says_that_it_waits(desk: Desk) -> None:
    empty = desk.sow("review")
    assert (empty.returncode, empty.stdout) == (0, "")
    assert json.loads(desk.done("review", "--json")) == []
    desk.task("Paint the door", writes("door.txt", "green\n"))
    desk.task("Paint the gate", asks("Which gate?", "left", "right"))
    desk.works()
    listed = desk.done("review", code=5)
    assert listed.index("Which gate?") < listed.index("[010] Paint the door")
    assert "sow task answer 020 TEXT" in listed
    rows = json.loads(desk.done("review", "--json", code=5))
    assert [(row["id"], row["kind"], row["options"]) for row in rows] == [
        ("020", "question", ["left", "right"]),
        ("010", "review", []),
    ]
    assert "[020]" not in desk.done("review", "010", code=5)


def test_an_unknown_task_is_not_found(looked_at: Desk) -> None:
    lost = looked_at.sow("review", "990")
    assert (lost.returncode, lost.stdout) == (3, "")
    assert lost.stderr.startswith("sow: task not found: 990\n")
    with looked_at.reviews("990") as person:
        assert person.ends() == 3
