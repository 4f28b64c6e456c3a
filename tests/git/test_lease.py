"""One git at a time in a worktree."""

import os
import signal
from pathlib import Path

import pytest
from tests.git.parts import python

from sow.errors import Busy
from sow.git.lease import GitLease

HOLD = """
import sys
from sow.git.lease import GitLease
with GitLease(sys.argv[1]):
    print(flush=True)
    sys.stdin.readline()
"""


def test_a_lease_is_refused_with_the_name_of_its_holder_and_freed_by_its_death(tmp_path: Path) -> None:
    path = str(tmp_path / "locks/git")
    with python(HOLD, path) as holder:
        with (
            pytest.raises(Busy, match=f"held by process {holder.pid} for longer than 0.05 s"),
            GitLease(path, 0.05),
        ):
            pass
        holder.send_signal(signal.SIGKILL)
    with GitLease(path, 5):
        assert Path(path).read_text() == f"{os.getpid()}\n"


def test_a_lease_that_is_given_back_can_be_taken(tmp_path: Path) -> None:
    path = str(tmp_path / "git")
    for _ in range(2):
        with GitLease(path, 0), pytest.raises(Busy), GitLease(path, 0):
            pass
