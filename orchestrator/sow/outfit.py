"""What makes a worktree one in which its work runs, and what clears up behind it: the commands for both.

    <attempt>/setup         the script that the attempt's shell runs before the agent (runner/attempt.py)
    <attempt>/setup.at      the command that it came to
    <git folder>/sow-setup  which commands were run in this worktree

The mark lies with what git keeps of the worktree: one that is made again has
none. It holds a hash of the commands, so others are run where those changed.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sow import files, ports
from sow.git import places, worktrees
from sow.git.repository import Git
from sow.layout import Layout
from sow.runner import attempt as folders

if TYPE_CHECKING:
    from sow.config.repository import WorktreeConfig

LAST_LINES = 20
"""How much of a command's output its failure tells."""

OUTPUT_BYTES = 1 << 16
"""How far back its last lines are looked for."""

_MARK = "sow-setup"
_HELD = "sow-setting-up"
_OVERDUE = "setup "

# Whoever is second in a worktree waits, then finds the mark. The kernel frees the lock of one that died.
_LOCKED = (
    "import fcntl, os, sys; fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600); "
    "fcntl.flock(fd, fcntl.LOCK_EX); os.dup2(fd, 9); os.execv('/bin/sh', ['sh', *sys.argv[2:]])"
)

_SCRIPT = """\
# `worktree.setup` of .sow/config.yaml, as sow runs it in a fresh worktree before its agent.
if [ "$1" != locked ]; then
    exec {python} -I -S -c {locked} {held} "$0" locked
fi
if [ "$(cat {mark} 2>/dev/null)" = {done} ]; then
    exit 0
fi
run() {{
    printf '%s\\n' "$1" >"$0.at"
    printf '$ %s\\n' "$1"
    /bin/sh -c "$1" 9>&- || exit
}}
{commands}
echo {done} >{mark}
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """A command that did not do what it is there for."""

    command: str
    how: str
    """`ended with code 1`, `was killed by SIGKILL`, ..."""
    output: str
    """The last lines that it printed."""

    def __str__(self) -> str:
        return f"`{self.command}` {self.how}"


def setup(folder: str, commands: Sequence[str]) -> str | None:
    """The script that makes the worktree `folder` ready; None where nothing is to be done any more.

    In the main checkout it never is: that is the person's own, and not fresh.
    """
    there = places.find(folder) if commands else None
    if there is None or there.git_dir == there.common:
        return None
    mark = f"{there.git_dir}/{_MARK}"
    import hashlib

    done = hashlib.sha256(json.dumps(list(commands)).encode()).hexdigest()
    if files.text(mark).strip() == done:
        return None
    return _SCRIPT.format(
        python=shlex.quote(sys.executable),
        locked=shlex.quote(_LOCKED),
        mark=shlex.quote(mark),
        held=shlex.quote(f"{there.git_dir}/{_HELD}"),
        done=done,
        commands="\n".join(f"run {shlex.quote(command)}" for command in commands),
    )


def setup_failure(attempt: str) -> Failure | None:
    """What failed of the setup of the attempt in the folder `attempt`; None where nothing did."""
    code = folders.setup_status(attempt)
    if not code:
        return None
    return _failure(attempt, _how(code))


def _failure(attempt: str, how: str) -> Failure:
    command = files.text(f"{attempt}/{folders.SETUP}.at").strip() or folders.SETUP
    printed = _last_lines(f"{attempt}/{folders.SETUP_LOG}", behind=f"$ {command}\n")
    return Failure(command, how, printed)


def overdue_note(seconds: float) -> str:
    """What is left beside an attempt, for whoever settles it, whose setup is ended after so many seconds."""
    return f"{_OVERDUE}{seconds:g}"


def overdue(note: str, attempt: str) -> Failure | None:
    """The setup that was ended, by such a note, in the attempt in the folder `attempt`.

    None for another note, and where the setup had come to a good end before it was told to end.
    """
    if not is_overdue(note) or not folders.is_setting_up(attempt):
        return None
    seconds = note.removeprefix(_OVERDUE)
    return _failure(attempt, f"was still at work after {seconds} s, the most by `worktree.setup_seconds`")


def too_large(fact: str, attempt: str) -> Failure | None:
    """The setup that was ended for a cap, of which `fact` tells; None where it had come to a good end."""
    if not folders.is_setting_up(attempt):
        return None
    return _failure(attempt, f"was ended at a cap: {fact}")


def is_overdue(note: str) -> bool:
    """Whether a note says that an attempt was ended for its setup."""
    return note.startswith(_OVERDUE)


def told(failure: Failure, attempt: str) -> str:
    """A failed setup in words for a person, with where all that it printed is kept."""
    said = "".join(f"    {line}\n" for line in failure.output.splitlines())
    said = f"\n\n{said}\n" if said else " "
    return (
        f"The worktree could not be set up, so no agent was started: {failure}.{said}"
        f"Its whole output: {attempt}/{folders.SETUP_LOG}."
    )


@dataclass(frozen=True, slots=True)
class Teardown:
    """What is run in a worktree before sow removes it."""

    commands: Sequence[str]
    environment: Mapping[str, str]
    """The variables of the person for whom it is removed."""
    seconds: float
    """How long each command may take."""

    @classmethod
    def of(cls, settings: WorktreeConfig, environment: Mapping[str, str]) -> Teardown:
        """That of a repository's settings."""
        return cls(settings.teardown, environment, settings.teardown_seconds)

    def before_removal(self, git: Git, folder: str, into: str, layout: Layout, task_id: str) -> list[Failure]:
        """Clears up in the worktree `folder` of a task, if it may go; complains of what fails, and gives it.

        Each command is run whatever became of the others; all of them again where the removal is repeated.
        `into`: the branch that has to have the work of it. Without a `task_id` it is the project's.
        """
        path = os.path.realpath(folder)
        if not self.commands or not os.path.isdir(path) or worktrees.reason_to_stay(git, path, into):
            return []
        block = ports.of(layout, task_id, self.environment) if task_id else None
        environment = {
            **self.environment,
            "SOW_PROJECT_DIR": layout.project,
            **({"SOW_TASK_ID": task_id} if task_id else {}),
            **(block.variables() if block else {}),
        }
        failed = [found for one in self.commands if (found := _run(one, path, environment, self.seconds))]
        for failure in failed:
            said = "".join(f"     {line}\n" for line in failure.output.splitlines())
            sys.stderr.write(f"sow: a teardown fails, and {path} goes all the same: {failure}\n{said}")
        return failed


def _run(command: str, folder: str, environment: Mapping[str, str], seconds: float) -> Failure | None:
    import tempfile

    with tempfile.TemporaryFile() as output:
        try:
            started = subprocess.Popen(
                ["/bin/sh", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as fault:
            return Failure(command, f"could not be started: {fault}", "")
        how = _ended(started, seconds)
        output.seek(max(output.seek(0, os.SEEK_END) - OUTPUT_BYTES, 0))
        return Failure(command, how, _last(output.read())) if how else None


def _ended(started: subprocess.Popen[bytes], seconds: float) -> str:
    """How a command ended; empty for well. One that takes too long is ended, and what it started."""
    try:
        code = started.wait(seconds)
    except subprocess.TimeoutExpired:
        return f"did not end within {seconds:g} s"
    finally:
        if started.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
            started.wait()
    return _how(128 - code if code < 0 else code) if code else ""


def _how(code: int) -> str:
    try:
        return f"was ended by {signal.Signals(code - 128).name}"
    except ValueError:
        return f"ended with code {code}"


def _last_lines(path: str, behind: str) -> str:
    """The last lines of a file, none of them before the words `behind` where these are among them."""
    try:
        with open(path, "rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - OUTPUT_BYTES, 0))
            return _last(file.read().rpartition(behind.encode("utf-8", "replace"))[2])
    except FileNotFoundError:
        return ""


def _last(data: bytes) -> str:
    return "\n".join(data.decode("utf-8", "replace").splitlines()[-LAST_LINES:])
