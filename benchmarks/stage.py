"""A scratch repository with a project in it, and the clean environments of who works there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.installed import Installed
from benchmarks.timing import Wrong

NAME = "bench"
TASK = "001"
ATTEMPT = f"{TASK}-1-1"

REPORT = {"verb": "set", "field": "status", "value": "needs_review"}
NO_OP = (
    "/bin/sh",
    "-c",
    f"echo '{json.dumps(REPORT)}' >\"$SOW_PROJECT_RUNTIME/attempts/$SOW_ATTEMPT_ID/outbox/1.json\"",
)
"""An agent that does nothing but hand its work in, by the outbox, at the price of one small shell."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A repository below `folder`, with one project and its first task."""

    folder: Path
    house: Installed
    variables: Mapping[str, str] = field(default_factory=dict)
    """Set for sow, besides the few that it needs."""

    @property
    def main(self) -> Path:
        return self.folder / "repository"

    @property
    def runtime(self) -> Path:
        return self.main / ".sow/runtime" / NAME

    @property
    def tasks(self) -> Path:
        return self.project / "phases/implementation/tasks"

    @property
    def project(self) -> Path:
        return self.main / ".sow/worktrees/feat" / NAME / ".sow/project"

    @property
    def output(self) -> str:
        """The file that takes what a timed process prints."""
        return str(self.folder / "output")

    @property
    def shim(self) -> str:
        """The `sow` that workers find first on their PATH; it is there after the first run."""
        return str(self.main / ".sow/runtime/bin/sow")

    @property
    def person(self) -> dict[str, str]:
        """The environment of a person who uses sow, and nothing of this process's own."""
        home = str(self.folder / "home")
        return {
            "PATH": f"{os.path.dirname(self.house.python)}:{os.defpath}",
            "HOME": home,
            "XDG_CONFIG_HOME": f"{home}/.config",
            "LANG": "C.UTF-8",
            "USER": "bench",
            "GIT_CONFIG_NOSYSTEM": "1",
            **self.variables,
        }

    @property
    def worker(self) -> dict[str, str]:
        """The environment of the first task's agent, as sow gives it."""
        person = self.person
        return {
            **person,
            "PATH": f"{os.path.dirname(self.shim)}:{person['PATH']}",
            "SOW_TASK_ID": TASK,
            "SOW_TASK_DIR": str(self.tasks / TASK),
            "SOW_PROJECT_DIR": str(self.project),
            "SOW_PROJECT_RUNTIME": str(self.runtime),
            "SOW_RUN_ID": "run-bench",
            "SOW_ATTEMPT_ID": ATTEMPT,
        }

    def sow(self, *words: str, code: int = 0) -> str:
        """Runs sow, untimed, as the person; gives what it printed. Raises Wrong where it fails."""
        return self._run([self.house.sow, *words], code)

    def state(self, task_id: str = TASK) -> Path:
        """The state file of a task."""
        return self.tasks / task_id / "state.yaml"

    def task(self, task_id: str = TASK) -> dict[str, Any]:
        """A task as sow itself reads it."""
        held: dict[str, Any] = json.loads(self.sow("task", "show", task_id, "--json"))
        return held

    def events(self) -> list[dict[str, Any]]:
        """All events of the project; raises ValueError where a line of the log is torn."""
        files = sorted((self.runtime / "events").glob("*.ndjson"))
        return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]

    def fill(self, count: int) -> None:
        """Gives the project `count` tasks like the first, all pending, and no past. At most 999."""
        pending = (self.folder / "pending.yaml").read_text("utf-8")
        for name in ("attempts", "events", "last-good"):
            shutil.rmtree(self.runtime / name, ignore_errors=True)
        for number in range(1, count + 1):
            task_id = f"{number:03d}"
            state = self.state(task_id)
            if not state.parent.exists():
                shutil.copytree(self.tasks / TASK, state.parent)
            state.write_text(pending.replace(f'id: "{TASK}"', f'id: "{task_id}"'), "utf-8")

    def _run(self, argv: Sequence[str], code: int = 0) -> str:
        done = subprocess.run(argv, cwd=self.main, env=self.person, capture_output=True, text=True)
        if done.returncode != code:
            raise Wrong(f"`{' '.join(argv)}` ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.stdout


def stage(
    folder: Path,
    house: Installed,
    *,
    executors: Mapping[str, Sequence[str]] | None = None,
    settings: Mapping[str, object] | None = None,
    variables: Mapping[str, str] | None = None,
) -> Stage:
    """Makes the repository, its project and its first task, all by sow itself.

    `executors`: the command line that plays each role, by role; the no-op agent
    plays the implementer where it is silent. `settings`: of the repository.
    """
    made = Stage(folder, house, variables or {})
    made.main.mkdir(parents=True)
    users = folder / "home/.config/sow"
    users.mkdir(parents=True)
    (users / "config.yaml").write_text(_user_config({"implementer": NO_OP, **(executors or {})}), "utf-8")
    made._run(["git", "init", "--quiet", "--initial-branch=main"])
    made.sow("init")
    kept = {"isolation": "project", **(settings or {})}
    (made.main / ".sow/config.yaml").write_text(json.dumps(kept) + "\n", "utf-8")
    made.sow("project", "new", "What sow costs", "--name", NAME)
    made.sow("task", "add", "A task like many", "--agent", "implementer", "--id", TASK)
    shutil.copy(made.state(), folder / "pending.yaml")
    return made


def worked_on(folder: Path, house: Installed) -> Stage:
    """A stage whose first task an agent has just handed in: its state file is a real one."""
    made = stage(folder, house)
    made.sow("--quiet", "run", code=5)
    if made.task()["status"] != "needs_review":
        raise Wrong("the no-op agent's task was not handed in")
    return made


def _user_config(executors: Mapping[str, Sequence[str]]) -> str:
    """The user's settings, as JSON, which is YAML: an executor for each role."""
    return json.dumps(
        {
            "agents": {
                "executors": {
                    f"bench-{role}": {"type": "command", "settings": {"argv": list(argv)}}
                    for role, argv in executors.items()
                },
                "bindings": {role: f"bench-{role}" for role in executors},
            }
        }
    )
