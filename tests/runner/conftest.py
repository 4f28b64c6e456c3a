"""Fixtures of the runner's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.runner.parts import Attempts, attempts_in


@pytest.fixture
def attempts(tmp_path: Path) -> Iterator[Attempts]:
    with attempts_in(tmp_path) as made:
        yield made
