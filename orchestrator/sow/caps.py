"""Caps of an attempt: how much one may use, when that is used up, and what a person is told then.

    settings --> Caps --+
                        +--> reached --> Reached --> told: the question of a paused task
    reports  --> Used --+

Pure. A cap holds for one attempt: an answer begins the next one, with as much again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from sow import sizes

if TYPE_CHECKING:
    from sow_executors.base import Kind

KINDS: Mapping[str, Kind] = {
    "max_turns": "max_turns",
    "max_seconds": "timeout",
    "max_budget_usd": "budget_exceeded",
    "max_tokens": "budget_exceeded",
    "max_memory": "out_of_memory",
}
"""Each cap by its setting, and the class of failure that reaching it is."""

STOPPED = "cap "
"""How the note begins that says that an attempt was ended for a cap."""


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that an attempt may use of one thing."""

    name: str
    """The setting, one of `KINDS`."""
    value: float
    """In what the setting counts: exchanges, seconds, dollars, tokens, bytes."""
    source: str = ""
    """The place of the setting: a file with the line."""


Caps = tuple[Cap, ...]
"""The caps that hold for an attempt, each name once at the most."""


@dataclass(frozen=True, slots=True)
class Used:
    """What an attempt has used so far; what is not known counts as nothing."""

    turns: int = 0
    seconds: float = 0.0
    usd: float = 0.0
    tokens: int = 0
    memory: int = 0
    """Bytes that its processes hold now."""

    def of(self, name: str) -> float:
        """How much of what that cap is about."""
        return {
            "max_turns": float(self.turns),
            "max_seconds": self.seconds,
            "max_budget_usd": self.usd,
            "max_tokens": float(self.tokens),
            "max_memory": float(self.memory),
        }[name]


@dataclass(frozen=True, slots=True)
class Reached:
    """A cap, and how much was used when that was seen."""

    cap: Cap
    used: float

    @property
    def kind(self) -> Kind:
        return KINDS[self.cap.name]

    @property
    def fact(self) -> str:
        """What was reached, in a clause: `max_turns is 30, and it began turn 31`."""
        cap, value, used = self.cap, self.cap.value, self.used
        match cap.name:
            case "max_turns":
                return f"max_turns is {value:g}, and it took {used:g}"
            case "max_seconds":
                return f"max_seconds is {value:g}, and it ran for {used:.{0 if used >= 10 else 1}f} s"
            case "max_budget_usd":
                return f"max_budget_usd is ${value:g}, and it spent ${used:.2f}"
            case "max_tokens":
                return f"max_tokens is {value:,.0f}, and it used {used:,.0f}"
            case _:
                return f"max_memory is {sizes.told(int(value))}, and it held {sizes.told(int(used))}"

    def note(self) -> str:
        """It as a line to be left beside the attempt, for whoever settles it."""
        held = {"name": self.cap.name, "value": self.cap.value, "source": self.cap.source, "used": self.used}
        return STOPPED + json.dumps(held)


def read(given: Mapping[str, object], source: Callable[[str], str]) -> Caps:
    """The caps among settings that a schema has accepted. `source`: the place of a setting, by its name."""
    return tuple(Cap(name, _value(given[name]), source(name)) for name in KINDS if name in given)


def without(given: Mapping[str, object]) -> dict[str, object]:
    """Settings without the caps among them."""
    return {name: value for name, value in given.items() if name not in KINDS}


def settings(caps: Caps, names: Iterable[str] = KINDS) -> dict[str, object]:
    """The caps of some names, as settings say them."""
    whole = ("max_turns", "max_tokens", "max_memory")
    return {cap.name: int(cap.value) if cap.name in whole else cap.value for cap in caps if cap.name in names}


def before(own: Caps, general: Caps) -> Caps:
    """The general caps, but for those that `own` ones go before."""
    mine = {cap.name for cap in own}
    return (*own, *(cap for cap in general if cap.name not in mine))


def lowest(some: Caps, others: Caps) -> Caps:
    """What holds where both hold: of each name the lower one."""
    found: dict[str, Cap] = {}
    for cap in (*some, *others):
        if cap.name not in found or cap.value < found[cap.name].value:
            found[cap.name] = cap
    return tuple(found[name] for name in KINDS if name in found)


def reached(caps: Caps, used: Used) -> Reached | None:
    """The first cap that is used up; None while there is more of everything."""
    for cap in caps:
        amount = used.of(cap.name)
        # The last turn that is allowed has begun, and may come to its end; so may memory be full.
        if amount > cap.value or (amount == cap.value and cap.name not in ("max_turns", "max_memory")):
            return Reached(cap, amount)
    return None


def by_its_own(caps: Caps, kind: Kind, used: Used) -> Reached | None:
    """The cap at which the CLI ended by itself, by the class of its failure; None for any other end."""
    if kind not in ("max_turns", "budget_exceeded"):
        return None
    cap = next((cap for cap in caps if KINDS[cap.name] == kind and cap.name != "max_tokens"), None)
    return Reached(cap, max(used.of(cap.name), cap.value)) if cap else None


def from_note(text: str) -> Reached | None:
    """What a `note` says; None for another text."""
    if not text.startswith(STOPPED):
        return None
    try:
        held = cast("dict[str, object]", json.loads(text.removeprefix(STOPPED)))
        name, source = str(held["name"]), str(held["source"])
        found = Reached(Cap(name, _number(held["value"]), source), _number(held["used"]))
    except (ValueError, TypeError, KeyError):
        return None
    return found if name in KINDS else None


def told(found: Reached, task_id: str) -> str:
    """What a person is asked about an attempt that reached a cap."""
    where = f" in {found.cap.source}" if found.cap.source else ""
    return (
        f"The agent reached a cap: {found.fact}. Its session and its work are kept. "
        f'Answer to let it go on with as much again: `sow task answer {task_id} "Go on."`. '
        f"For more than that, raise `{found.cap.name}`{where} first."
    )


def _value(given: object) -> float:
    return float(sizes.of(given)) if isinstance(given, str) else _number(given)


def _number(given: object) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(f"{given!r} is no number")
    return float(given)
