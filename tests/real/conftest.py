"""Real agent CLIs against the model server: what every test here is given."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.model_server import model_server

__all__ = ["model_server"]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """On the disk: the sandbox of an agent CLI has a /dev of its own, in which our place in memory is not.

    Named by this process, which ends what is left running below it (tests/conftest.py).
    """
    mine = f"sow-real-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=mine, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
