"""Fixtures of the engine's tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.engine.stage import Stage, staged


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A scratch repository with a project in it."""
    with staged(tmp_path) as made:
        yield made


@pytest.fixture
def stage_with(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Makes such a repository with settings of its own."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(staged(tmp_path, **settings))
