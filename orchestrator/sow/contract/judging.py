"""What holds, by what was heard. Pure: turns in, a row a promise out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sow.contract.heard import Heard
from sow.contract.plan import Name
from sow.runner.attempt import Exit
from sow_executors.base import Denied, Failed, Finished, Returned, SessionIds, Spent, Started, Used
from sow_executors.lines import one_line

Holds = Literal["holds", "fails", "untold", "left out"]
"""`untold`: this CLI tells nothing of it, and sow does not count on it. `left out`: it was not tried."""

RESET_WITHIN = 100.0
"""Seconds by which the end of a limit may be missed: some CLIs tell it in words, to the minute."""

PRICE_WITHIN = 0.2
"""The part by which a price may miss what the answers cost: a turn that is counted twice is further off."""


@dataclass(frozen=True, slots=True)
class Row:
    """One promise, and whether it holds."""

    what: str
    holds: Holds
    seen: str
    """What was observed, or why nothing was."""


@dataclass(frozen=True, slots=True)
class Record:
    """All that was heard in one check, and what it is held against."""

    ids: SessionIds
    word: str
    mark: str
    heard: Mapping[Name, Heard]
    """The turns that were taken, each in the session of the first that goes on in it."""
    refuses: bool = False
    """Whether shell commands are refused under these settings."""
    resets_at: float = 0.0
    """When the limit that was played ends, in seconds since the epoch."""
    unseen: Mapping[str, str] = field(default_factory=dict)
    """What can't be seen of it, by row, and why."""


Judge = Callable[[Record], tuple[Holds, str]]


def rows(record: Record) -> list[Row]:
    """Every promise, and whether it holds."""
    return list(_rows(record))


def _rows(record: Record) -> Iterator[Row]:
    for what, (needed, judge) in ROWS.items():
        missing = next((name for name in needed if name not in record.heard), None)
        if what in record.unseen:
            yield Row(what, "untold", record.unseen[what])
        elif missing:
            yield Row(what, "left out", _why_missing(record, missing))
        else:
            yield Row(what, *judge(record))


def _why_missing(record: Record, name: Name) -> str:
    first = record.heard.get("first")
    if first is None or not isinstance(first.ending, Finished):
        return "the first turn did not come to its end"
    if name in ("login", "limit") or (name == "lost" and record.ids != "none"):
        return "only where sow plays the model: --offline"
    if record.ids == "none":
        return "it keeps no sessions: each turn is a conversation of its own"
    return "it told no session that it could go on in"


# -- the first turn --------------------------------------------------------------------------------


def _start(record: Record) -> tuple[Holds, str]:
    heard = record.heard["first"]
    if isinstance(heard.ending, Failed) and not heard.reports:
        return "fails", _failure(heard.ending)
    started = next(heard.of(Started), None)
    model = f", model {started.model}" if started and started.model else ""
    return "holds", f"it took sow's options and the prompt{model}"


def _session_id(record: Record) -> tuple[Holds, str]:
    heard = record.heard["first"]
    told = list(dict.fromkeys(started.session_id for started in heard.of(Started)))
    match record.ids:
        case "none":
            return "left out", "it keeps no sessions"
        case "ours" if not told:
            return "untold", f"sow chose {heard.session}, and nothing in the output names it"
        case "ours":
            same = told == [heard.session]
            return _holds(same), f"sow chose {heard.session}, told was {'the same' if same else _list(told)}"
        case _:
            return _holds(len(told) == 1 and bool(told[0])), f"made by the CLI: {_list(told) or 'none told'}"


def _result(record: Record) -> tuple[Holds, str]:
    heard = record.heard["first"]
    if isinstance(heard.ending, Failed):
        return "fails", _failure(heard.ending)
    if not heard.words:
        return "untold", "it came to its end, and tells no word of its agent's"
    return _answered(record, heard)


def _exit(record: Record) -> tuple[Holds, str]:
    heard = record.heard["first"]
    if heard.cut == "after result":
        return "fails", "it did not end after its result; sow ends such a one after a while"
    if heard.cut:
        return "fails", f"it did not end within {heard.seconds:.0f} s"
    after = "" if heard.lived_on is None else f", {heard.lived_on:.1f} s after its result"
    left = f"; {heard.left} of its processes lived on, and were ended" if heard.left else ""
    # With which code is its own matter: what it told counts.
    return _holds(heard.exit is not None and heard.exit.signal is None), f"{_status(heard.exit)}{after}{left}"


def _answered(record: Record, heard: Heard) -> tuple[Holds, str]:
    """Whether the agent said the word that it was asked for."""
    lines = heard.words.splitlines()
    said = next((line for line in lines if record.word in line), heard.words)
    return _holds(record.word in heard.words), (
        f"asked for {record.word}, it said: {one_line(said, 80) or 'nothing'}"
    )


# -- the same session again ------------------------------------------------------------------------


def _resume(record: Record) -> tuple[Holds, str]:
    return _gone_on(record, record.heard["tool"])


def _goes_on(record: Record) -> tuple[Holds, str]:
    return _gone_on(record, record.heard["after"])


def _gone_on(record: Record, heard: Heard) -> tuple[Holds, str]:
    """Whether a turn went on in the session of the first, and knew what was said there."""
    if record.ids == "none":
        return "left out", "it keeps no sessions"
    if isinstance(heard.ending, Failed):
        return "fails", _failure(heard.ending)
    told = {started.session_id for started in heard.of(Started)} - {heard.session}
    if told:
        return "fails", f"asked for session {heard.session}, told was {_list(sorted(told))}"
    if heard.seen is not None:
        knew = any(record.word in text for text in heard.seen.said)
        return _holds(knew), f"the model was {'sent' if knew else 'not sent'} what was said before"
    return _answered(record, heard)


def _lost(record: Record) -> tuple[Holds, str]:
    """Whether a session that there is not is told as that: then sow begins a new one, with a hand-over."""
    ending = record.heard["lost"].ending
    if isinstance(ending, Finished):
        said = one_line(ending.text, 80) or "without a word"
        return "fails", f"it began another one, and told a success: {said}"
    return _holds(ending.kind == "session_not_found"), _failure(ending)


def _tool(record: Record) -> tuple[Holds, str]:
    heard = record.heard["tool"]
    called = [used for used in heard.of(Used) if record.mark in used.detail or not used.detail]
    back = {returned.call: returned.ok for returned in heard.of(Returned)}
    ran = None if heard.seen is None else any(record.mark in result for result in heard.seen.results)
    if denied := list(heard.of(Denied)):
        why = f"it was refused {denied[0].tool}: {one_line(denied[0].reason or denied[0].detail, 80)}"
        return ("left out", f"{why} (its settings refuse commands)") if record.refuses else ("fails", why)
    if called and ran is not False:
        ok = back.get(called[0].call, False)
        told = f"{called[0].tool}: {called[0].detail or record.mark}".rstrip(": ")
        return _holds(ok), f"{told}, {'and it came back' if ok else 'which did not come back well'}"
    if called:
        return "fails", f"{called[0].tool} is told as used, and the model was not sent what it printed"
    if isinstance(heard.ending, Failed):
        return "fails", _failure(heard.ending)
    if ran is False:
        return "fails", "the command that the model called for was not run"
    if ran:
        return "untold", "it ran, and is not told"
    other = next(heard.of(Used), None)
    return "untold", f"of its tools it tells {other.tool} alone" if other else "it tells nothing of its tools"


# -- what it cost ----------------------------------------------------------------------------------


def _tokens(record: Record) -> tuple[Holds, str]:
    return _counted(record.heard["first"])


def _differences(record: Record) -> tuple[Holds, str]:
    """Whether a turn that goes on tells what it added, and not what the session has used."""
    heard = record.heard["tool"]
    if heard.seen is None and _tokens_of(heard.spent):
        return "left out", f"{_amounts(heard.spent)}; whether that is a difference, only --offline can tell"
    return _counted(heard)


def _counted(heard: Heard) -> tuple[Holds, str]:
    spent = heard.spent
    if not _tokens_of(spent):
        return "untold", "it tells no tokens"
    assert spent is not None
    if heard.seen is None:
        return "holds", _amounts(spent)
    right = (
        spent.input_tokens + spent.cached_tokens in heard.seen.input_tokens
        and spent.output_tokens in heard.seen.output_tokens
    )
    given = f"{heard.seen.input_tokens.start} in, {heard.seen.output_tokens.start} out"
    return _holds(right), _amounts(spent) if right else f"told {_amounts(spent)}; the model gave {given}"


def _price(record: Record) -> tuple[Holds, str]:
    first, second = record.heard["first"], record.heard["tool"]
    usd = [(heard.spent.usd or 0.0) if heard.spent else 0.0 for heard in (first, second)]
    if not any(usd):
        return "untold", "it names no price"
    told = f"${usd[0]:.4f}, then ${usd[1]:.4f}"
    if not all(usd):
        return "fails", f"{told}: it names the price of one turn of two"
    if first.seen is None or second.seen is None:
        return "holds", told
    # Every answer of the server's costs the same, so that the price goes by their number.
    least = usd[0] * second.seen.requests / max(first.seen.requests + first.seen.errands, 1)
    most = usd[0] * (second.seen.requests + second.seen.errands) / max(first.seen.requests, 1)
    right = (1 - PRICE_WITHIN) * least <= usd[1] <= (1 + PRICE_WITHIN) * most
    return _holds(right), told if right else f"{told}: not what the second turn added"


def _tokens_of(spent: Spent | None) -> int:
    return 0 if spent is None else spent.input_tokens + spent.cached_tokens + spent.output_tokens


def _amounts(spent: Spent | None) -> str:
    if spent is None:
        return "nothing"
    cached = f" ({spent.cached_tokens:,} more cached)" if spent.cached_tokens else ""
    return f"{spent.input_tokens:,} in{cached}, {spent.output_tokens:,} out"


# -- its ends --------------------------------------------------------------------------------------


def _stop(record: Record) -> tuple[Holds, str]:
    heard = record.heard["stop"]
    if heard.cut == "late":
        return "fails", f"it neither ran the command nor ended within {heard.seconds:.0f} s"
    if heard.cut != "told":
        said = _failure(heard.ending) if isinstance(heard.ending, Failed) else one_line(heard.words, 80)
        said = said or "it said nothing"
        why = f"it did not stay in the command to be stopped in: {said}"
        return ("fails" if heard.seen is not None and not record.refuses else "left out"), why
    if heard.left:
        return "fails", f"{heard.left} of its processes live on"
    if heard.exit is not None and heard.exit.signal == 9:
        return "fails", f"it did not end at a TERM within {heard.seconds:.0f} s, and was killed"
    return "holds", f"{_status(heard.exit)}, {heard.seconds:.1f} s after a TERM; no process is left"


def _login(record: Record) -> tuple[Holds, str]:
    ending = record.heard["login"].ending
    if isinstance(ending, Finished):
        return "fails", f"told as a success: {one_line(ending.text, 80) or 'without a word'}"
    return _holds(ending.kind == "auth_invalid"), _failure(ending)


def _limit(record: Record) -> tuple[Holds, str]:
    ending = record.heard["limit"].ending
    if isinstance(ending, Finished):
        return "fails", f"told as a success: {one_line(ending.text, 80) or 'without a word'}"
    return _holds(ending.kind == "usage_limit"), _failure(ending)


def _reset(record: Record) -> tuple[Holds, str]:
    ending = record.heard["limit"].ending
    if isinstance(ending, Finished) or ending.resets_at is None:
        return "fails", "when the limit ends was not understood"
    off = abs(ending.resets_at - record.resets_at)
    wrong = f": {off:.0f} s off" if off > RESET_WITHIN else ""
    until = time.strftime("%Y-%m-%d %H:%M", time.localtime(ending.resets_at))
    return _holds(not wrong), f"it ends {until}{wrong}"


# -- words -----------------------------------------------------------------------------------------


def _holds(true: bool) -> Holds:
    return "holds" if true else "fails"


def _failure(failed: Failed) -> str:
    return f"{failed.kind}: {one_line(failed.message, 160)}"


def _status(left: Exit | None) -> str:
    if left is None:
        return "no exit status"
    return f"exit code {left.code}" if left.signal is None else f"ended by signal {left.signal}"


def _list(names: list[str]) -> str:
    return ", ".join(names)


ROWS: Mapping[str, tuple[tuple[Name, ...], Judge]] = {
    "start": (("first",), _start),
    "session id": (("first",), _session_id),
    "result": (("first",), _result),
    "exit": (("first",), _exit),
    "resume": (("tool",), _resume),
    "tool": (("tool",), _tool),
    "tokens": (("first",), _tokens),
    "differences": (("tool",), _differences),
    "price": (("first", "tool"), _price),
    "stop": (("stop",), _stop),
    "goes on": (("after",), _goes_on),
    "no session": (("lost",), _lost),
    "refused login": (("login",), _login),
    "usage limit": (("limit",), _limit),
    "limit's end": (("limit",), _reset),
}
"""The promises in order: the turns that each is judged by, and its judge."""
