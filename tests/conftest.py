"""What holds for all tests: no process outlives them, whatever fails."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

from sow import process


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ends the agents of tests that failed before they could: those that work below our temporary folder."""
    yield
    ours = str(tmp_path_factory.getbasetemp())
    for pids in process.marks().values():
        for pid in pids:
            if process.environ(pid).get("SOW_PROJECT_RUNTIME", "").startswith(ours):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
