"""Scripts are read strictly, and what is wrong is told with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sow_executors.script_file import (
    KINDS,
    MAX_BYTES,
    PLACEHOLDERS,
    Ask,
    BadScript,
    Delete,
    Run,
    Say,
    Wait,
    fill,
    parse,
    read,
)

BACKSLASH_ZERO = '"\\0"'


def turns(*steps: str) -> str:
    """A script of one turn."""
    return "turns:\n  -\n" + "".join(f"    - {step}\n" for step in steps)


def test_a_script_is_its_turns_and_a_turn_its_steps() -> None:
    text = "turns:\n- [{say: hi}, {run: ls}]\n- - wait: 1.5\n  - edit: {path: a, delete: true}\n"
    assert parse(text, "s") == ((Say("hi"), Run("ls")), (Wait(1.5), Delete("a")))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "s:1: the script is empty; it needs `turns:`", id="empty"),
        pytest.param("turns: []", "s:1: turns must be a list with at least one entry", id="no turn"),
        pytest.param("turns:\n- []", "s:2: a turn must be a list with at least one entry", id="no step"),
        pytest.param("turn: []", "s:1: unknown field of a script `turn`: did you mean `turns`?", id="field"),
        pytest.param(
            turns("say: a", "edti: {}"), "s:4: unknown step `edti`: did you mean `edit`?", id="step"
        ),
        pytest.param(
            turns("dance: x"), "s:3: unknown step `dance`: known: say, edit,", id="far from any step"
        ),
        pytest.param(turns("hang"), "s:3: step needs fields", id="a bare word"),
        pytest.param(turns("say: a\n      log: b"), "s:3: a step is one word", id="two steps in one"),
        pytest.param(
            turns("say: on"), "s:3: say must be text, and on is none; put it in quotes", id="a flag"
        ),
        pytest.param(turns("say: ''"), "s:3: say is empty", id="nothing said"),
        pytest.param(turns(f"say: {BACKSLASH_ZERO}"), "s:3: say has a character", id="nul"),
        pytest.param(
            turns("edit: {path: a}"), "s:3: edit needs exactly one of content", id="edit of nothing"
        ),
        pytest.param(turns("edit: {path: a, append: b, content: c}"), "exactly one of", id="edit two ways"),
        pytest.param(turns("edit: {content: a}"), "s:3: edit needs `path`", id="edit nowhere"),
        pytest.param(turns("edit: {path: a, path: b}"), "s:3: `path` is given twice", id="given twice"),
        pytest.param(
            turns("edit: {path: a, delete: false}"), "edit.delete can only be true", id="not deleted"
        ),
        pytest.param(turns("ask: a", "say: b"), "s:4: this step is never played", id="behind a question"),
        pytest.param(turns("exit: 0", "say: b"), "s:4: this step is never played", id="behind the exit"),
        pytest.param(turns("ask: {question: a, insist: true}"), "insist needs options", id="insist on what"),
        pytest.param(turns("report: needs review"), "s:3: report must be one word", id="no status"),
        pytest.param(turns("wait: soon"), "s:3: wait must be a number, 0 or more", id="no number"),
        pytest.param(turns("wait: -1"), "must be a number, 0 or more", id="back in time"),
        pytest.param(turns("wait: .inf"), "must be a number, 0 or more", id="for ever"),
        pytest.param(turns("wait: {seconds: 1, file: a}"), "either seconds or file", id="wait for two"),
        pytest.param(
            turns("wait: {seconds: 1, timeout: 2}"), "belongs to wait.file", id="timeout of seconds"
        ),
        pytest.param(turns("fail: {message: a, kind: netwrok}"), "did you mean `network`?", id="kind"),
        pytest.param(turns("exit: 256"), "s:3: exit must be between 0 and 255", id="exit code"),
        pytest.param(turns("exit: 1.5"), "s:3: exit must be a whole number", id="half an exit code"),
        pytest.param(turns("spend: {}"), "s:3: spend needs usd", id="spend nothing"),
        pytest.param(turns("say: '{choice}'"), "s:3: {choice} needs an `ask` with options", id="no choice"),
        pytest.param("turns:\n- &a [{say: x}]\n- *a", "s:3: not valid YAML: aliases", id="alias"),
        pytest.param("turns: [", "s:1: not valid YAML", id="torn"),
        pytest.param("a: b: c", "s:1: not valid YAML", id="colon"),
        pytest.param("\x07", "s: not valid YAML", id="control character"),
        pytest.param("[" * 5000, "s: nested too deeply", id="deep"),
        pytest.param("turns:\n- [" + "{say: x}," * 10_001 + "]", "10000 steps at most", id="many"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, words: str) -> None:
    with pytest.raises(BadScript) as raised:
        parse(text, "s")
    assert words in str(raised.value)
    assert str(raised.value).startswith("s:")


def test_a_choice_may_be_used_once_options_were_offered() -> None:
    text = "turns:\n- - ask: {question: q, options: [a, b]}\n- - say: '{choice}'\n"
    assert parse(text, "s") == ((Ask("q", ("a", "b")),), (Say("{choice}"),))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(None, "can't be read: No such file", id="missing"),
        pytest.param(b"turns:\n- \xff", ":2: byte 0xff is not UTF-8", id="latin"),
        pytest.param(b"#" * (MAX_BYTES + 1), "1048576 bytes at most", id="large"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, data: bytes | None, words: str) -> None:
    file = tmp_path / "s.yaml"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(BadScript) as raised:
        read(file)
    assert words in str(raised.value)
    assert str(file) in str(raised.value)


@given(st.text(alphabet=st.sampled_from("turns:sayedit \n-[]{},&*'\"|>0!x")) | st.text())
def test_any_text_is_a_script_or_a_bad_one(text: str) -> None:
    try:
        found = parse(text, "s")
    except BadScript as bad:
        words = str(bad)
    else:
        words = "s:" if found and all(found) else "a script without steps"
    assert words.startswith("s:")


@given(st.text(), st.text(), st.text())
def test_what_is_filled_in_is_not_read_again(before: str, prompt: str, after: str) -> None:
    values = dict.fromkeys(PLACEHOLDERS, prompt)
    before, after = before.replace("{", ""), after.replace("}", "")
    assert fill(f"{before}{{prompt}}{after}", values) == before + prompt + after


def test_other_braces_and_doubled_names_stay() -> None:
    values = dict.fromkeys(PLACEHOLDERS, "X")
    assert fill("{prompt} {{prompt}} {other} {} f'{x:>3}'", values) == "X {prompt} {other} {} f'{x:>3}'"


def test_every_kind_of_failure_can_be_played() -> None:
    for kind in KINDS:
        parse(turns(f"fail: {{message: m, kind: {kind}}}"), "s")
