"""What the commands that workers call all the time may not import: see docs/adr/0002."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from tests.copies import copy_repository, new_template

ROOT = Path(__file__).parents[2]
ROOTS = [str(ROOT / name) for name in ("orchestrator", "executors", "schemas")]
HEAVY = {
    *("re", "json", "typing", "dataclasses", "pathlib", "enum", "subprocess", "datetime", "functools"),
    *("click", "yaml", "jsonschema", "structlog", "rich"),
}
LISTED = "import sys; sys.stderr.write(' '.join(sys.modules))"


class Worker:
    """A worker with a task in progress, in a project of its own."""

    def __init__(self, folder: Path) -> None:
        self.main = folder / "repository"
        self.main.mkdir()
        self.project = self.main / ".sow/worktrees/feat/costs/.sow/project"
        self.state = self.project / "phases/implementation/tasks/010/state.yaml"
        self.person = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"),
            "GIT_CONFIG_NOSYSTEM": "1",
        }  # fmt: skip
        self.worker = {
            **self.person, "SOW_PROJECT_DIR": str(self.project), "SOW_TASK_ID": "010",
            "SOW_ATTEMPT_ID": "010-1-1", "SOW_PROJECT_RUNTIME": str(self.main / ".sow/runtime/costs"),
        }  # fmt: skip

    def begin(self) -> None:
        """The repository, with the project and its task."""
        self._run(["git", "init", "-q", "-b", "main"], self.person)
        self.sow("init")
        self.sow("project", "new", "What sow costs", "--name", "costs")
        self.sow("task", "add", "A task", "--agent", "implementer", "--id", "010")
        pending = self.state.read_text("utf-8")
        started = "status: in_progress\nstarted_at: 2026-11-21T10:00:00.000Z"
        self.state.write_text(pending.replace("status: pending", started), "utf-8")

    def sow(self, *words: str) -> None:
        self._run([sys.executable, "-I", "-c", self._program(words)], self.person)

    def imported(self, *words: str) -> set[str]:
        """What one call by the worker loads beyond what the interpreter always does."""
        bare = self._run([sys.executable, "-I", "-c", LISTED], self.worker)
        call = self._run([sys.executable, "-I", "-c", f"{self._program(words)}; {LISTED}"], self.worker)
        return set(call.split()) - set(bare.split())

    def _program(self, words: tuple[str, ...]) -> str:
        return (
            f"import sys; sys.path[:0] = {ROOTS!r}; from sow.cli import main; "
            f"code = main({list(words)!r}); code and sys.exit(code)"
        )

    def _run(self, argv: list[str], env: dict[str, str]) -> str:
        done = subprocess.run(argv, cwd=self.main, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr


@cache
def _begun() -> Worker:
    """One such worker a process."""
    made = Worker(new_template())
    made.begin()
    return made


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    made = Worker(tmp_path)
    copy_repository(_begun().main, made.main)
    return made


@pytest.mark.parametrize(
    ("words", "written"),
    [
        pytest.param(("task", "set", "status", "needs_review"), "status: needs_review\n", id="a report"),
        pytest.param(("task", "set", "priority", "high"), "priority: high\n", id="a word"),
        pytest.param(("task", "set", "metadata.tries", "5"), 'metadata: {"tries": 5}\n', id="a number"),
        pytest.param(("agent", "log", "halfway"), None, id="a note"),
    ],
)
def test_a_workers_call_imports_nothing_heavy(
    worker: Worker, words: tuple[str, ...], written: str | None
) -> None:
    imported = worker.imported(*words)
    assert imported & HEAVY == set()
    assert "sow.store" in imported
    if written is None:
        assert "\nhalfway\n" in (worker.state.parent / "log.md").read_text("utf-8")
    else:
        assert written in worker.state.read_text("utf-8")


def test_the_version_costs_a_few_modules_of_our_own(worker: Worker) -> None:
    built_in = {"gc"}
    assert worker.imported("--version") - built_in == {"sow", "sow.cli", "sow.errors", "sow.value"}


def test_the_list_of_what_is_heavy_would_notice_a_slip(worker: Worker) -> None:
    assert {"click", "re", "enum"} <= worker.imported("task", "show", "010")


def test_a_run_that_finds_nothing_to_do_loads_nothing_that_only_others_need(worker: Worker) -> None:
    """What a run says with `-v`, terminals, prompts on a screen: each is more than the rest of its start."""
    worker.sow("task", "abandon", "010")
    loaded = worker.imported("run")
    assert "sow.scheduler" in loaded
    assert loaded & {"structlog", "rich", "pexpect", "asyncio", "jsonschema", "acp", "pydantic"} == set()
    # These cost some ms each.
    assert loaded & {"importlib.resources", "pathlib", "hashlib", "secrets"} == set()
