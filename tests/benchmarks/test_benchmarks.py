"""`python -m benchmarks` as a person runs it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.__main__ import Result
from benchmarks.figures import Count, Ratio
from benchmarks.rows import ROWS, chosen

from benchmarks import timing

ROOT = Path(__file__).parents[2]
COPIED = ("orchestrator", "executors", "schemas", ".sow.example", "pyproject.toml", "README.md", "benchmarks")


def run(home: Path, root: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: held for name, held in os.environ.items() if name.startswith(("PATH", "PIP_", "SSL_"))}
    env = {**kept, "HOME": str(home), "TMPDIR": str(home / "scratch")}
    argv = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(argv, cwd=root, env=env, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.slow
def test_a_quick_run_installs_sow_measures_and_leaves_nothing_behind(tmp_path: Path) -> None:
    root, scratch = tmp_path / "checkout", tmp_path / "scratch"
    scratch.mkdir()
    root.mkdir()
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, root / name)
    done = run(tmp_path, root, "version", "set", "--quick", "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    told = json.loads(done.stdout)
    assert [row["name"] for row in told["rows"]] == ["version", "set"]
    for row in told["rows"]:
        assert row["interval"]["low"] <= row["ratio"] <= row["interval"]["high"]
        assert row["subject_seconds"] > 0.001
        assert row["yardstick_seconds"] > 0.001
        assert row["rounds"] >= 6
    assert told["machine"]["processors"] >= 1
    if told["trouble"] is None:
        folder = next((root / ".benchmarks/venv/lib").glob("python*/site-packages"))
        assert (folder / "sow/cli").is_dir()
        assert not list(folder.glob("setuptools*"))
    assert os.listdir(scratch) == []


def test_an_unknown_row_is_named_with_those_there_are(tmp_path: Path) -> None:
    done = run(tmp_path, ROOT, "verson")
    assert done.returncode == 2
    assert "no row is called verson" in done.stderr
    assert "version (1)" in done.stderr


def test_rows_are_chosen_by_number_or_by_name() -> None:
    assert [row.name for row in chosen(("2", "dispatch"))] == ["set", "log", "dispatch"]
    assert chosen(()) == list(ROWS)


def test_a_document_tells_a_ratio_with_its_interval_and_a_count_without() -> None:
    version, survivors = chosen(("version", "survivors"))
    ratio = Result(version, Ratio(((0.03, 0.02),) * 7)).document()
    assert (ratio["ratio"], ratio["rounds"], ratio["verdict"]) == (pytest.approx(1.5), 7, "missed")
    assert ratio["interval"]["confidence"] >= 0.95
    count = Result(survivors, Count(2, 37)).document()
    assert (count["count"], count["of"], count["verdict"]) == (2, 37, "missed")
    assert "interval" not in count


def test_a_process_that_fails_is_no_figure(tmp_path: Path) -> None:
    argv = ["/bin/sh", "-c", "echo it broke >&2; exit 3"]
    with pytest.raises(timing.Wrong, match="ended with 3, not 0: it broke"):
        timing.clock(argv, {}, str(tmp_path / "output"))


def test_processes_at_once_are_timed_to_the_end_of_the_last(tmp_path: Path) -> None:
    commands = [["/bin/sleep", "0.2"], ["/bin/true"], ["/bin/sleep", "0.2"]]
    assert 0.2 <= timing.clock_all(commands, {}, str(tmp_path / "output")).seconds < 0.4 + 5
