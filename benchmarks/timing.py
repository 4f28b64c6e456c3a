"""Runs and times processes: bare ones, so that the timing adds little and to both sides alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from benchmarks.figures import Ratio

Times = Callable[[int], float]
"""Does the work of one round (its number is given) and gives the seconds that it took."""


class Wrong(Exception):
    """What was timed did not do its work: the figure would be worth nothing."""


@dataclass(frozen=True, slots=True)
class Clocked:
    """Processes that were run: how long all of them took, what they printed on both outputs."""

    seconds: float
    output: str


def back_to_back(subject: Times, yardstick: Times, rounds: int) -> Ratio:
    """Times both in rounds 1 to `rounds`, the order flipped each time, after round 0 for warmth."""
    pairs = []
    for number in range(rounds + 1):
        if number % 2:
            before = yardstick(number)
            pair = (subject(number), before)
        else:
            pair = (subject(number), yardstick(number))
        if number:
            pairs.append(pair)
    return Ratio(tuple(pairs))


def once(subject: Times, yardstick: Times) -> Ratio:
    """One round, for work that is long enough to pay for its own start.

    So long that the load may change meanwhile: the yardstick is timed before and after, and its mean counts.
    """
    before, took, after = yardstick(0), subject(1), yardstick(2)
    return Ratio(((took, (before + after) / 2),))


def clock(argv: Sequence[str], env: Mapping[str, str], output: str, *, code: int = 0) -> Clocked:
    """Runs one process in this folder; `output` is a file that its outputs replace.

    Raises Wrong where it does not end with `code`.
    """
    return clock_all([argv], env, output, code=code)


def clock_all(
    commands: Sequence[Sequence[str]], env: Mapping[str, str], output: str, *, code: int = 0
) -> Clocked:
    """Runs the commands all at once, and waits for the last. Raises Wrong where one fails."""
    open(output, "wb").close()
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_APPEND, 0),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    begun = perf_counter()
    pids = [os.posix_spawn(argv[0], list(argv), env, file_actions=actions) for argv in commands]
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    seconds = perf_counter() - begun
    with open(output, encoding="utf-8", errors="replace") as file:
        said = file.read()
    for argv, ended in zip(commands, codes, strict=True):
        if ended != code:
            raise Wrong(f"`{' '.join(argv)[-120:]}` ended with {ended}, not {code}: {said[-500:].strip()}")
    return Clocked(seconds, said)
