"""What holds for all tests: Ctrl-C is heard, and no process outlives them, whatever fails."""

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from tests import pages

from sow import process
from sow.cli import SELDOM

IN_MEMORY = "/dev/shm"
ROOM = 6 << 30
"""Bytes that must be free there; all tests together take less than one GiB."""


TESTS = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    """Has tests work in memory where there is room; PYTEST_DEBUG_TEMPROOT, which is pytest's, says otherwise.

    Every write of state waits for the disk, and to a `kill -9` the two are the same.
    """
    gc.disable()  # until all tests are there, of which none is garbage
    # Begun in the background by a script, they would have it ignored, and so would all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.access(IN_MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(IN_MEMORY).free >= ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", IN_MEMORY)
    if [config.rootpath / arg for arg in config.args] == [TESTS]:
        alone = {"workerid": "gw0", "workercount": 1}
        config.args = _beginning_elsewhere(getattr(config, "workerinput", alone))


def _beginning_elsewhere(worker: dict[str, Any]) -> list[str]:
    """All tests, for each worker from another one on.

    To rewrite the asserts of a module takes longer than all else that is done to collect it. What
    one worker has rewritten is there for those who come to it later.
    """
    modules = Counter(path.relative_to(TESTS).parts[0] for path in TESTS.rglob("test_*.py"))
    parts = sorted(modules)
    # One that replaces another counts on.
    number = int(worker["workerid"].removeprefix("gw")) % worker["workercount"]
    passed = modules.total() * number // worker["workercount"]
    first = next(i for i in range(len(parts)) if sum(modules[part] for part in parts[: i + 1]) > passed)
    return [str(TESTS / part) for part in (*parts[first:], *parts[:first])]


# How long an example takes is the machine's business: others may be at work on it.
settings.register_profile("sow", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sow")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for a process, or for a file."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with what takes longest, so that no worker is left alone with it; the same for each worker."""
    items.sort(key=lambda item: (item.get_closest_marker("slow") is None, item.path))


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
