"""What holds for all tests: Ctrl-C is heard, and no process outlives them, whatever fails."""

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings
from tests import pages

from sow import process
from sow.cli import SELDOM

IN_MEMORY = "/dev/shm"
ROOM = 6 << 30
"""Bytes that must be free there; all tests together take less than one GiB."""


def pytest_configure() -> None:
    """Has tests work in memory where there is room; PYTEST_DEBUG_TEMPROOT, which is pytest's, says otherwise.

    Every write of state waits for the disk, and to a `kill -9` the two are the same.
    """
    gc.disable()  # until all tests are there, of which none is garbage
    # Begun in the background by a script, they would have it ignored, and so would all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.access(IN_MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(IN_MEMORY).free >= ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", IN_MEMORY)


# How long an example takes is the machine's business: others may be at work on it.
settings.register_profile("sow", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sow")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for a process, or for a file."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with what takes longest, so that no worker is left alone with it."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Spares collections of garbage a look at all tests and modules, and forks the pages that they lie in."""
    gc.enable()
    gc.freeze()
    gc.set_threshold(*SELDOM)  # as every command does; forks mostly end before it
    with suppress(OSError):
        pages.join()


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ends the agents of tests that failed before they could: those that work below our temporary folder."""
    yield
    # Tests of real agent CLIs work elsewhere (tests/real/conftest.py).
    real = f"sow-real-{os.getpid()}-"
    ours = (str(tmp_path_factory.getbasetemp()), f"{tempfile.gettempdir()}/{real}", f"{sys.prefix}/{real}")
    for pids in process.marks().values():
        for pid in pids:
            if process.environ(pid).get("SOW_PROJECT_RUNTIME", "").startswith(ours):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
