"""Real agent CLIs against the model server: what every test here is given."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.model_server import model_server

__all__ = ["model_server"]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """On the disk: the sandbox of an agent CLI has a /dev of its own, in which our place in memory is not.

    Named by this process, which ends what is left running below it (tests/conftest.py).
    """
    with _folder() as folder:
        yield folder


@pytest.fixture
def no_tmp_path() -> Iterator[Path]:
    """Beside the CLIs: no folder above is for all to write, unlike /tmp."""
    with _folder(sys.prefix) as folder:
        yield folder


@contextmanager
def _folder(place: str | None = None) -> Iterator[Path]:
    mine = f"sow-real-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=mine, dir=place, ignore_cleanup_errors=True) as folder:
        yield Path(folder)
