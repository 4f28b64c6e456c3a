"""The catalogue: ours, other people's, and names that nobody has."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sow_executors import catalog
from sow_executors.catalog import BrokenExecutor, UnknownExecutor


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path that holds a distribution with two executors, of which one can't be loaded."""
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    points = (
        "quill = quill_executor:Quill\nbroken = no_such_module_of_theirs:X\nclaude = quill_executor:Quill\n"
    )
    (info / "entry_points.txt").write_text(f"[{catalog.GROUP}]\n{points}")
    (tmp_path / "quill_executor.py").write_text('class Quill:\n    name = "quill"\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    catalog.installed_by_others.cache_clear()
    yield tmp_path
    catalog.installed_by_others.cache_clear()
    sys.modules.pop("quill_executor", None)


def test_an_executor_of_somebody_elses_comes_by_its_entry_point(installed: Path) -> None:
    assert "quill" in catalog.names()
    assert catalog.get("quill").name == "quill"


def test_nobody_takes_the_name_of_one_of_ours(installed: Path) -> None:
    assert type(catalog.get("claude")).__module__ == "sow_executors.claude"


def test_an_executor_that_cant_be_loaded_says_which_and_why(installed: Path) -> None:
    with pytest.raises(BrokenExecutor, match=r"broken .*no_such_module_of_theirs"):
        catalog.get("broken")


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(
        UnknownExecutor, match=r"type cluade \(did you mean claude\?\); installed: .*claude, "
    ):
        catalog.get("cluade")


def test_an_executor_is_imported_when_it_is_asked_for() -> None:
    code = (
        "import sys; from sow_executors import catalog; catalog.get('cursor');"
        "print([m for m in ('claude', 'script', 'command') if f'sow_executors.{m}' in sys.modules])"
    )
    path = str(Path(catalog.__file__).parents[1])
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {path!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "[]"
