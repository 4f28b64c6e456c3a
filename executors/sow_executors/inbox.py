"""An attempt's inbox: what a living process of it waits to hear, and the answers that reach it.

    <request>.question   {text, options, kind}, locked by the kernel for as long as its asker waits
    <request>.answer     {text, by, at}, from whoever answers
    <request>.heard      the same, once the asker has read it, or a later one who asked the same

The lock is the proof that somebody waits: it goes with its holder, whatever ends
that, so a question without one is nobody's, and an answer to it is left to a resume.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sow_executors.lines import parse, words

QUESTION, ANSWER, HEARD = ".question", ".answer", ".heard"

_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a living process waits to hear."""

    name: str
    text: str
    options: tuple[str, ...] = ()
    kind: str = "question"


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody said to a question."""

    text: str
    by: str = ""
    at: str = ""
    """When it was given (RFC 3339)."""
    refuses: bool = False
    """Nobody was asked: it stands for a no, and `text` says why."""


class Asking:
    """A question of this process that stands in the inbox until `close`."""

    def __init__(self, folder: str, question: Question) -> None:
        """Puts the question there, whole and locked at once. Raises OSError."""
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._base = f"{folder}/{question.name}"
        beside = f"{folder}/.{question.name}.{os.getpid()}"
        held = {"text": question.text, "options": list(question.options), "kind": question.kind}
        self._file = open(beside, "w", encoding="utf-8")  # noqa: SIM115 - its lock lasts as long as it is open
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.write(json.dumps(held) + "\n")
        self._file.flush()
        os.rename(beside, self._base + QUESTION)

    def answer(self) -> Answer | None:
        """The answer, once there is one; it counts as heard from then on."""
        found = _answer(self._base + ANSWER)
        if found is not None:
            os.replace(self._base + ANSWER, self._base + HEARD)
        return found

    def leave(self) -> None:
        """Waits no longer, and leaves the question as one that nobody waits for."""
        self._file.close()

    def close(self) -> Answer | None:
        """Waits no longer; gives an answer that came at the last moment."""
        with suppress(FileNotFoundError):
            os.unlink(self._base + QUESTION)
        self._file.close()
        return self.answer()


def waiting(folder: str) -> list[Question]:
    """The questions in an inbox that a living process waits to have answered, by name."""
    return [question for name in _names(folder, QUESTION) if (question := _open_question(folder, name))]


def left(folder: str) -> list[Question]:
    """The questions that nobody waits for any more, though nobody had heard an answer."""
    return [held for name in _names(folder, QUESTION) if (held := _left_question(folder, name))]


def late(folder: str) -> list[tuple[Question, Answer]]:
    """The questions that nobody waits for any more, each with an answer that came too late to be heard."""
    found = (
        (_left_question(folder, name), _answer(f"{folder}/{name}{ANSWER}")) for name in _names(folder, ANSWER)
    )
    return [(question, answer) for question, answer in found if question and answer]


def take(folder: str, request: str) -> bool:
    """Makes an answer one that was heard; whether it was there: of those who try, one takes it."""
    try:
        os.rename(f"{folder}/{request}{ANSWER}", f"{folder}/{request}{HEARD}")
    except FileNotFoundError:
        return False
    return True


def answer_path(folder: str, request: str) -> str:
    """Where the answer to a request is to be written, whole."""
    return f"{folder}/{request}{ANSWER}"


def answer_text(answer: Answer) -> str:
    """An answer as its file holds it."""
    told: dict[str, Any] = {"text": answer.text, "by": answer.by, "at": answer.at}
    return json.dumps({**told, "refuses": True} if answer.refuses else told) + "\n"


def answer_to(folder: str, request: str) -> Answer | None:
    """The answer to a request, heard or not; None where there is none."""
    return _answer(f"{folder}/{request}{ANSWER}") or _answer(f"{folder}/{request}{HEARD}")


def is_heard(folder: str, at: str) -> bool:
    """Whether the answer that was given at a time was read by the one who had asked."""
    return any(
        found.at == at for name in _names(folder, HEARD) if (found := _answer(f"{folder}/{name}{HEARD}"))
    )


def _open_question(folder: str, name: str) -> Question | None:
    found = _look(folder, name)
    # An asker that has read its answer holds the lock for a moment longer.
    answered = any(os.path.lexists(f"{folder}/{name}{suffix}") for suffix in (ANSWER, HEARD))
    return found[0] if found and found[1] and not answered else None


def _left_question(folder: str, name: str) -> Question | None:
    found = _look(folder, name)
    return found[0] if found and not found[1] else None


def _look(folder: str, name: str) -> tuple[Question, bool] | None:
    """A question, and whether its asker waits."""
    try:
        handle = _open(f"{folder}/{name}{QUESTION}")
    except OSError:
        return None
    try:
        held = _parsed(handle)
        # A lock that is shared: two who look at once don't take each other for the asker.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        waits = False
    except BlockingIOError:
        waits = True
    finally:
        os.close(handle)
    return (_question(name, held), waits) if held else None


def _question(name: str, held: Mapping[str, Any]) -> Question:
    options = held.get("options")
    listed = tuple(map(words, options)) if isinstance(options, list) else ()
    return Question(name, words(held.get("text")), listed, words(held.get("kind")))


def _answer(path: str) -> Answer | None:
    found = held(path)
    if found is None:
        return None
    said, by, at = (words(found.get(key)) for key in ("text", "by", "at"))
    return Answer(said, by, at, found.get("refuses") is True)


def held(path: str) -> dict[str, Any] | None:
    """What a file of an inbox holds; None where there is none, or nothing to be read in it."""
    try:
        handle = _open(path)
    except OSError:
        return None
    try:
        return _parsed(handle)
    finally:
        os.close(handle)


def _open(path: str) -> int:
    """A file for reading. The worker may have put anything there: nothing waits for a pipe's other end."""
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _parsed(handle: int) -> dict[str, Any] | None:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        return None
    return parse(os.read(handle, _MOST).decode("utf-8", "replace"))


def _names(folder: str, suffix: str) -> Iterator[str]:
    """The requests that have a file of a kind; one that is not whole yet begins with a dot."""
    try:
        found = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    for name in found:
        if name.endswith(suffix) and name[0] != ".":
            yield name.removesuffix(suffix)
