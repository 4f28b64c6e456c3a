"""What a fresh session is told of those before it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sow.handover import DIFF, STAT_LINES, WORDS, Packet, cut, open_question, text


def file_of(name: str, lines: int) -> str:
    body = "".join(f"+line {number}\n" for number in range(lines))
    return f"diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -0,0 +1,{lines} @@\n{body}"


def test_a_difference_is_cut_at_a_file_and_small_files_behind_a_long_one_stay() -> None:
    small, long, last = file_of("a.txt", 2), file_of("deep/long lock.json", 900), file_of("z.txt", 2)
    assert cut(small + long + last, 1000) == (small + last, ["deep/long lock.json"])
    assert cut("", 10) == ("", [])


@given(
    st.lists(st.tuples(st.text("ab/ ", min_size=1, max_size=8), st.integers(0, 40)), max_size=8),
    st.integers(0, 2000),
)
def test_each_file_of_a_difference_is_whole_or_named(told: list[tuple[str, int]], most: int) -> None:
    parts = [file_of(name, lines) for name, lines in told]
    kept, left_out = cut("".join(parts), most)
    assert len(kept) <= most
    assert sum(part in kept for part in parts) >= len(parts) - len(left_out)
    assert kept.count("diff --git ") + len(left_out) == len(parts)
    assert set(left_out) <= {name for name, _ in told}


def event(kind: str, task_id: str = "010", /, **payload: object) -> bytes:
    held = {"ts": "2026-11-25T10:00:00.000Z", "type": kind, "task_id": task_id, "payload": payload}
    return json.dumps(held).encode() + b"\n"


ASKED = event("task.paused", question="Which?", kind="question")


@pytest.mark.parametrize(
    ("lines", "asked"),
    [
        pytest.param([ASKED], "Which?", id="it asked"),
        pytest.param([ASKED, event("task.resumed", by="ada", answer="A")], "Which?", id="it was answered"),
        pytest.param([ASKED, event("task.needs_review", summary="")], "", id="its work was handed in since"),
        pytest.param(
            [ASKED, event("task.paused", question="Oh", kind="failure")], "Which?", id="it failed since"
        ),
        pytest.param([event("task.paused", "020", question="x", kind="question")], "", id="another task's"),
        pytest.param([ASKED, b'{"type": "task.paused", "task_id": "010", "pay'], "Which?", id="a torn line"),
        pytest.param([], "", id="nothing"),
    ],
)
def test_the_open_question_is_the_last_one_that_its_work_has_not_settled(
    lines: list[bytes], asked: str
) -> None:
    assert open_question(lines, "010") == asked


def test_a_question_is_told_with_its_answer_or_as_open() -> None:
    assert "asked: Which?\n\nThe answer: The red one" in text(Packet(question="Which?", answer="The red one"))
    assert "has not answered: Which?" in text(Packet(question="Which?"))
    assert "Take red" in text(Packet(answer="Take red"))
    assert "asked" not in text(Packet())


def test_whatever_was_said_and_changed_the_packet_stays_small() -> None:
    stat = "\n".join(f" file-{number}.txt | 2 ++" for number in range(5000))
    diff = "".join(file_of(f"file-{number}.txt", 50) for number in range(5000))
    packet = Packet(
        "q", "a", "w" * 99_999, "s" * 99_999, "n" * 99_999, f"{stat}\n 5000 files changed", diff, "abc"
    )
    told = text(packet)
    assert len(told) < 3 * WORDS + DIFF + STAT_LINES * 40 + 2000
    assert "4941 more files" in told
    assert " 5000 files changed" in told
    assert "`git diff abc`" in told
    assert "file-4999.txt" not in told
