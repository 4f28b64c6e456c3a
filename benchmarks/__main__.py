"""The command line of the benchmarks; see `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.figures import CONFIDENCE, Figure, Ratio, verdict
from benchmarks.installed import Installed, NothingInstalled, installed
from benchmarks.rows import ROWS, Row, chosen
from benchmarks.timing import Wrong


@dataclass(frozen=True, slots=True)
class Result:
    """A row with its figure, or with what was wrong."""

    row: Row
    figure: Figure | None
    wrong: str = ""

    @property
    def verdict(self) -> str:
        return "WRONG" if self.figure is None else verdict(self.figure, self.row.goal, self.row.moonshot)

    def document(self) -> dict[str, Any]:
        """The row as JSON has it; times are seconds."""
        row = self.row
        told: dict[str, Any] = {
            "number": row.number, "name": row.name, "what": row.what, "yardstick": row.yardstick or None,
            "goal": row.goal, "moonshot": row.moonshot, "verdict": self.verdict,
        }  # fmt: skip
        if self.wrong:
            return {**told, "wrong": self.wrong}
        if isinstance(self.figure, Ratio):
            told |= {
                "ratio": self.figure.value,
                "interval": asdict(self.figure.interval),
                "rounds": len(self.figure.pairs),
                "subject_seconds": self.figure.subject,
                "yardstick_seconds": self.figure.yardstick,
            }
        elif self.figure:
            told |= {"count": self.figure.value, "of": self.figure.of}
        return told


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmarks; gives the exit code.

    0: measured, and all of it right; 1: something did not do its work, or with
    `--strict` a goal was missed; 2: the command's words are off; 3: no sow to measure.
    """
    arguments = _parser().parse_args(argv)
    try:
        rows = chosen(tuple(arguments.names))
    except KeyError as fault:
        known = ", ".join(f"{row.name} ({row.number})" for row in ROWS)
        sys.stderr.write(f"benchmarks: no row is called {fault.args[0]}\n            the rows: {known}\n")
        return 2
    try:
        with installed() as house:
            results = _measure(rows, house, arguments)
    except NothingInstalled as fault:
        sys.stderr.write(f"benchmarks: {fault}\n            install it: `pip install .`\n")
        return 3
    failed = any(result.wrong or (arguments.strict and result.verdict == "missed") for result in results)
    return int(failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What sow costs, as ratios.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these rows, by name or number")
    parser.add_argument("--quick", action="store_true", help="few rounds, small numbers: rough figures")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a goal is missed, too")
    return parser


def _measure(rows: Sequence[Row], house: Installed, arguments: argparse.Namespace) -> list[Result]:
    """Measures the rows one by one, and tells of each as it comes."""
    begun = time.monotonic()
    scratch = Path(tempfile.mkdtemp(prefix="sow-benchmarks-"))
    try:
        here = machine.look(str(scratch), house.version)
        results = []
        if not arguments.json:
            _tell_machine(here, house)
        for number, row in enumerate(rows):
            results.append(_result(row, scratch / f"{number}-{row.name}", house, arguments.quick))
            if not arguments.json:
                print(_line(results[-1]), flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if arguments.json:
        document = {
            "machine": asdict(here),
            "trouble": house.trouble or None,
            "quick": arguments.quick,
            "rows": [result.document() for result in results],
        }
        print(json.dumps(document, indent=2))
    else:
        _tell_end(results, time.monotonic() - begun)
    return results


def _result(row: Row, folder: Path, house: Installed, quick: bool) -> Result:
    folder.mkdir()
    try:
        return Result(row, row.measure(folder, house, quick))
    except Wrong as fault:
        return Result(row, None, str(fault))


def _tell_machine(here: machine.Machine, house: Installed) -> None:
    print(
        f"{here.python}, {here.system}, {here.processors} processors, load {here.load:.2f}, disk {here.disk}"
    )
    for warning in (*here.warnings, *([house.trouble] if house.trouble else ())):
        print(f"! {warning}")
    print(
        f"\n{'#':<4}{'name':<11}{'what':<32}{'yardstick':<20}{'ratio':>8}  {'interval':<15}"
        f"{'rounds':>6}{'goal':>7}  verdict"
    )


def _line(result: Result) -> str:
    row = result.row
    head = f"{row.number:<4}{row.name:<11}{row.what:<32}{row.yardstick:<20}"
    match result.figure:
        case None:
            return f"{head}  WRONG: {result.wrong}"
        case Ratio() as figure:
            sure = figure.interval
            star = "" if sure.confidence >= CONFIDENCE else "*"
            between = f"{sure.low:.2f}–{sure.high:.2f}{star}"
            return (
                f"{head}{figure.value:>8.2f}  {between:<15}{len(figure.pairs):>6}{row.goal:>7g}"
                f"  {result.verdict}  ({_time(figure.subject)} / {_time(figure.yardstick)})"
            )
        case counted:
            return (
                f"{head}{counted.value:>8}  {f'of {counted.of}':<15}{'':>6}{row.goal:>7g}  {result.verdict}"
            )


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _tell_end(results: Sequence[Result], seconds: float) -> None:
    ratios = [result.figure for result in results if isinstance(result.figure, Ratio)]
    print(f"\npy is `python -c pass`; an interval holds the median with {CONFIDENCE:.0%}.", end="")
    if any(figure.interval.confidence < CONFIDENCE for figure in ratios):
        print(" * too few rounds for that: the whole range.", end="")
    print(f" {seconds:.0f} s in all.")


if __name__ == "__main__":
    sys.exit(main())
