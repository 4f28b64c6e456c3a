"""What an answer to an agent's request for permission means: pure, words in, one of its options out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sow_executors.lines import words

YES = ("yes", "y", "allow", "allowed", "ok", "okay", "approve", "approved", "go", "sure")
NO = ("no", "n", "deny", "denied", "refuse", "refused", "reject", "rejected", "never")


@dataclass(frozen=True, slots=True)
class Choice:
    """What becomes of a request: the agent's option, and words that it can't carry."""

    option: str | None
    """Its id; None where the agent offers nothing of the kind."""
    allows: bool
    words: str = ""
    said: str = ""
    """What was meant, in the words of the one who said it."""


def allowed(options: Sequence[Mapping[str, Any]]) -> Choice:
    """The option that says yes, this once where there is one."""
    return Choice(_of_kind(options, "allow_once", "allow_always"), allows=True)


def is_question(options: Sequence[Mapping[str, Any]]) -> bool:
    """Whether there are several ways to say yes: the agent wants to know something, not to be allowed it."""
    return [option.get("kind") for option in options].count("allow_once") > 1


def refused(options: Sequence[Mapping[str, Any]], said: str = "") -> Choice:
    """The option that says no, this once where there is one."""
    return Choice(_of_kind(options, "reject_once", "reject_always"), allows=False, words=said)


def chosen(text: str, options: Sequence[Mapping[str, Any]]) -> Choice:
    """What a person means: an option by its name, id or number, a plain yes or no, else a no with words."""
    said = " ".join(text.split()).casefold()
    for option in options:
        if said in (words(option.get("name")).casefold(), words(option.get("optionId")).casefold()):
            return Choice(words(option.get("optionId")), words(option.get("kind")).startswith("allow"))
    if said.isascii() and said.isdecimal() and 1 <= int(said) <= len(options):
        option = options[int(said) - 1]  # as they are numbered where they are shown
        return Choice(words(option.get("optionId")), words(option.get("kind")).startswith("allow"))
    plain = said.strip(" .!")
    if plain in YES:
        return allowed(options)
    # Never a yes by guess: whatever else it is, the agent reads it for itself.
    return refused(options, "" if plain in NO else text.strip())


def again(text: str, before: Sequence[str], options: Sequence[Mapping[str, Any]]) -> Choice | None:
    """What an answer to the same request means now; None where that can't be told, or is more than yes or no.

    `before`: the names of the options that it chose from.
    """
    said = " ".join(text.split())
    if said.isascii() and said.isdecimal():
        if not 1 <= int(said) <= len(before):
            return None
        said = before[int(said) - 1]
    choice = chosen(said, options)
    return None if choice.words or choice.option is None else replace(choice, said=said)


def _of_kind(options: Sequence[Mapping[str, Any]], *kinds: str) -> str | None:
    by_kind = {words(option.get("kind")): words(option.get("optionId")) for option in reversed(options)}
    return next((by_kind[kind] for kind in kinds if kind in by_kind), None)


def outcome(option: str | None) -> dict[str, Any]:
    """The answer to a request, as the protocol has it; without an option the turn counts as cancelled."""
    if option is None:
        return {"outcome": {"outcome": "cancelled"}}
    return {"outcome": {"outcome": "selected", "optionId": option}}
