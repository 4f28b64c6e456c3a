"""What holds, by what was heard: each row on its own."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sow.contract.heard import Heard, Seen
from sow.contract.judging import ROWS, Record, Row, rows
from sow.contract.plan import Name, unlike
from sow.runner.attempt import Exit
from sow_executors.base import Denied, Failed, Finished, Returned, Said, Spent, Started, Used

WORD, MARK, ID, RESET = "heron-1", "ibis-1", "s-1", 1_795_264_000.0
ENDED = Exit(code=0)
SAID = (f"Remember the word {WORD}.", WORD, "Run it.")
CALL = (Used("Bash", f"echo {MARK}", "c"), Returned("c"))

GOOD: dict[Name, Heard] = {
    "first": Heard(
        "first", Finished(WORD), (Started(ID, "m"), Said(WORD), Spent(100, 20, usd=0.1)), ID, ENDED, 0.2,
        seen=Seen(SAID[:1], (), 1),
    ),
    "tool": Heard(
        "tool", Finished(WORD), (Started(ID), *CALL, Spent(200, 40, usd=0.2)), ID, ENDED, 0.2,
        seen=Seen(SAID, (MARK,), 2),
    ),
    "stop": Heard("stop", Failed("interrupted", "ended"), (Started(ID),), ID, Exit(signal=15), cut="told",
                  seconds=0.3, seen=Seen(SAID, (), 1)),
    "after": Heard("after", Finished(WORD), (Started(ID),), ID, ENDED, 0.2, seen=Seen(SAID, (), 1)),
    "lost": Heard("lost", Failed("session_not_found", "no such session"), session="s-2", seen=Seen()),
    "login": Heard("login", Failed("auth_invalid", "no"), seen=Seen(requests=1)),
    "limit": Heard("limit", Failed("usage_limit", "wait", RESET), seen=Seen(requests=1)),
}  # fmt: skip
RECORD = Record("ours", WORD, MARK, GOOD, resets_at=RESET)


def judged(what: str, record: Record) -> Row:
    return next(row for row in rows(record) if row.what == what)


def but(name: Name, **changes: Any) -> Record:
    """The good record with one turn changed."""
    return replace(RECORD, heard={**GOOD, name: replace(GOOD[name], **changes)})


def online(record: Record) -> Record:
    """The same without a model of ours."""
    heard: Mapping[Name, Heard] = {
        name: replace(each, seen=None)
        for name, each in record.heard.items()
        if name not in ("lost", "login", "limit")
    }
    return replace(record, heard=heard)


def test_of_a_good_one_all_holds() -> None:
    assert [(row.what, row.holds) for row in rows(RECORD)] == [(what, "holds") for what in ROWS]


def test_without_a_model_of_ours_what_only_it_can_tell_is_left_out() -> None:
    found = {row.what: row.holds for row in rows(online(RECORD))}
    left_out = {what for what, holds in found.items() if holds == "left out"}
    assert left_out == {"differences", "no session", "refused login", "usage limit", "limit's end"}
    assert set(found.values()) == {"holds", "left out"}


BROKEN = Failed("unknown", "broken")


@pytest.mark.parametrize(
    ("what", "record", "holds", "words"),
    [
        ("start", but("first", ending=BROKEN, reports=()), "fails", "unknown: broken"),
        ("start", but("first", ending=BROKEN), "holds", "options"),
        ("session id", but("first", reports=(Started("other"),)), "fails", "sow chose s-1, told was other"),
        ("session id", but("first", reports=()), "untold", "nothing in the output names it"),
        ("session id", replace(but("first", reports=()), ids="theirs"), "fails", "none told"),
        ("session id", replace(but("first", reports=(Started("x"),)), ids="theirs"), "holds", "x"),
        ("session id", replace(RECORD, ids="none"), "left out", "keeps no sessions"),
        ("result", but("first", ending=BROKEN), "fails", "unknown: broken"),
        ("result", but("first", ending=Finished("hm"), reports=()), "fails", "it said: hm"),
        ("result", but("first", ending=Finished(), reports=()), "untold", "no word"),
        ("exit", but("first", exit=Exit(code=3)), "holds", "exit code 3, 0.2 s after its result"),
        ("exit", but("first", exit=Exit(signal=9)), "fails", "signal 9"),
        ("exit", but("first", exit=None), "fails", "no exit status"),
        ("exit", but("first", cut="after result"), "fails", "did not end after its result"),
        ("exit", but("first", cut="late", seconds=180), "fails", "within 180 s"),
        ("exit", but("first", left=2), "holds", "2 of its processes lived on"),
        ("resume", but("tool", ending=Failed("session_not_found", "gone")), "fails", "gone"),
        ("resume", but("tool", reports=(Started("new"),)), "fails", "told was new"),
        ("resume", but("tool", seen=Seen(("Run it.",), (MARK,), 2)), "fails", "not sent"),
        ("resume", online(but("tool", ending=Finished("which word?"))), "fails", "which word?"),
        ("no session", but("lost", ending=Finished("Hello.")), "fails", "another one"),
        ("no session", but("lost", ending=BROKEN), "fails", "unknown: broken"),
        ("tool", but("tool", reports=()), "untold", "it ran, and is not told"),
        ("tool", but("tool", reports=(), seen=Seen(SAID, (), 1)), "fails", "was not run"),
        ("tool", but("tool", seen=Seen(SAID, (), 1)), "fails", "was not sent what it printed"),
        ("tool", but("tool", reports=(CALL[0], Returned("c", ok=False))), "fails", "did not come back well"),
        ("tool", but("tool", reports=(CALL[0],)), "fails", "did not come back well"),
        ("tool", but("tool", reports=(*CALL, Denied("Bash", "echo"))), "fails", "refused Bash"),
        ("tool", replace(but("tool", reports=(Denied("Bash"),)), refuses=True), "left out", "settings"),
        ("tool", online(but("tool", reports=())), "untold", "nothing of its tools"),
        ("tokens", but("first", reports=(Spent(200, 20),)), "fails", "the model gave 100 in, 20 out"),
        ("tokens", but("first", reports=(Spent(60, 20, 40),)), "holds", "60 in (40 more cached)"),
        ("tokens", but("first", reports=(Spent(200, 40),), seen=Seen(requests=1, errands=1)), "holds", "200"),
        ("tokens", but("first", reports=()), "untold", "no tokens"),
        ("differences", but("tool", reports=(Spent(300, 60),)), "fails", "told 300 in, 60 out"),
        ("differences", but("tool", reports=()), "untold", "no tokens"),
        ("price", but("tool", reports=(Spent(usd=0.3),)), "fails", "not what the second turn added"),
        ("price", but("tool", reports=()), "fails", "one turn of two"),
        ("price", online(but("tool", reports=())), "fails", "one turn of two"),
        ("stop", but("stop", exit=Exit(signal=9), seconds=8), "fails", "was killed"),
        ("stop", but("stop", left=1), "fails", "1 of its processes live on"),
        ("stop", but("stop", cut="late"), "fails", "neither"),
        ("stop", but("stop", cut="", ending=Finished("done")), "fails", "did not stay in the command"),
        ("stop", online(but("stop", cut="", ending=Finished("done"))), "left out", "did not stay"),
        ("goes on", but("after", ending=BROKEN), "fails", "unknown: broken"),
        ("refused login", but("login", ending=Finished("hello")), "fails", "told as a success: hello"),
        ("refused login", but("login", ending=Failed("network", "down")), "fails", "network: down"),
        ("usage limit", but("limit", ending=Failed("rate_limit", "slow")), "fails", "rate_limit: slow"),
        ("limit's end", but("limit", ending=Failed("usage_limit", "wait")), "fails", "not understood"),
        ("limit's end", but("limit", ending=Failed("usage_limit", "w", RESET + 3600)), "fails", "3600 s off"),
        ("limit's end", but("limit", ending=Failed("usage_limit", "w", RESET + 59)), "holds", "it ends 20"),
        ("limit's end", replace(RECORD, unseen={"limit's end": "no place"}), "untold", "no place"),
    ],
)  # fmt: skip
def test_a_row_is_judged_by_its_turn_alone(what: str, record: Record, holds: str, words: str) -> None:
    row = judged(what, record)
    assert (row.holds, words in row.seen) == (holds, True), row


def test_a_first_turn_that_failed_leaves_the_rest_out() -> None:
    record = replace(RECORD, heard={"first": replace(GOOD["first"], ending=BROKEN, reports=())})
    left_out = [row for row in rows(record) if row.holds == "left out"]
    assert {row.seen for row in left_out} == {"the first turn did not come to its end"}
    assert {"resume", "tool", "stop", "goes on"} <= {row.what for row in left_out}


def test_without_sessions_nothing_is_resumed() -> None:
    heard: dict[Name, Heard] = {name: each for name, each in GOOD.items() if name != "after"}
    record = replace(RECORD, ids="none", heard=heard)
    assert [judged(what, record).holds for what in ("session id", "resume", "goes on")] == ["left out"] * 3


@pytest.mark.parametrize(
    "session", ["5f9d2c34-7b1e-4c7d-8e2a-90a1b2c3d4e9", "ses_213a9467e001bBKHObObMJfUzZ", "s", "-"]
)
def test_an_id_that_is_none_has_the_form_of_one(session: str) -> None:
    other = unlike(session)
    assert other != session or session == "-"
    assert len(other) == len(session)
    assert [one.isdigit() for one in other] == [one.isdigit() for one in session]
    assert all(
        one in string.hexdigits for one, two in zip(other, session, strict=True) if two in string.hexdigits
    )
