"""What tests need around `sow_executors.model_server`; a conftest imports `model_server` from here."""

from collections.abc import Iterator

import pytest
from tests.model_server.clis import (
    cli_binary,
    env_for_claude,
    env_for_codex,
    env_for_gemini,
    env_for_opencode,
    find_cli,
)

from sow_executors.model_server import ModelServer

__all__ = [
    "cli_binary",
    "env_for_claude",
    "env_for_codex",
    "env_for_gemini",
    "env_for_opencode",
    "find_cli",
    "model_server",
]


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """A server of the test's own; whatever it holds back is let go at the end."""
    with ModelServer() as server:
        yield server
