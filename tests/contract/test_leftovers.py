"""What a check of an executor leaves, and whose it is."""

import os
import tempfile
from pathlib import Path

import pytest

from sow.contract import leftovers


def test_an_attempt_of_a_check_that_goes_on_is_told_from_one_that_was_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / f"{leftovers.PREFIX}a"
    os.makedirs(folder / "attempts" / "check-start-1")
    assert not leftovers.is_checking("check-start-1")
    leftovers.hold(str(folder))
    try:
        assert leftovers.is_checking("check-start-1")
        assert not leftovers.is_checking("check-start-2")
    finally:
        leftovers.let_go(str(folder))
    assert not leftovers.is_checking("check-start-1")
