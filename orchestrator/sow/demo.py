"""The example as a repository of its own: what `sow demo` plays.

place/                  the example's package, committed on `main`
place/.sow/config.yaml  the example's settings
place/.sow/demo/        what each agent does (NAME.yaml) and is told (NAME.md)
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sow import project, roles
from sow.adding import Wish
from sow.errors import NotFound, Refused
from sow.git import commits
from sow.git.repository import Git
from sow.project import Plan

SCRIPTS = ".sow/demo"
"""Where the scripts lie in the scratch repository, below its top."""


@dataclass(frozen=True, slots=True)
class Part:
    """One task of the example."""

    wish: Wish
    """The task, its script not yet placed."""
    name: str
    """Of its files in the scratch repository, without their endings."""
    script: Path


@dataclass(frozen=True, slots=True)
class Example:
    """The example, as its files say it."""

    folder: Path
    plan: Plan
    parts: tuple[Part, ...]
    answers: Mapping[str, str]
    """By task: what the person answers when nobody is asked."""
    reviews: Mapping[str, tuple[str | None, ...]]
    """By task, its reviews in order: feedback, or None for an approval."""


@dataclass(frozen=True, slots=True)
class Tested:
    """What a run of the package's own tests said."""

    passed: bool
    count: int
    last_line: str


def folder() -> Path:
    """Where the example is: in the installed package, or at the top of a checkout. Raises NotFound."""
    package = Path(__file__).parent
    for place in (package / "example", package.parents[1] / ".sow.example"):
        if (place / "project.yaml").is_file():
            return place
    raise NotFound(f"the example is missing from {package}", "install sow anew")


def read(place: Path) -> Example:
    """The example in a folder."""
    held = _yaml(place / "project.yaml")
    person = _yaml(place / "answers.yaml")
    return Example(
        folder=place,
        plan=project.plan(held["description"], branch=held["branch"], name=held["name"]),
        parts=tuple(_part(place, task) for task in held["tasks"]),
        answers=person.get("answers", {}),
        reviews={task: tuple(map(_review, given)) for task, given in person.get("reviews", {}).items()},
    )


def check_free(place: Path) -> None:
    """Raises Refused for a folder that is there and not empty: the demo writes over nothing."""
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise Refused(f"{place} is there already and is not an empty folder", "name another one, or none")


def lay_out(example: Example, place: Path) -> None:
    """Makes the scratch repository, in an empty folder or a new one, with one commit on `main`."""
    shutil.copytree(example.folder / "package", place, ignore=_leave_out, dirs_exist_ok=True)
    (place / SCRIPTS).mkdir(parents=True)
    shutil.copy(example.folder / "config.yaml", place / ".sow" / "config.yaml")
    for part in example.parts:
        shutil.copy(part.script, place / SCRIPTS / f"{part.name}.yaml")
        (place / SCRIPTS / f"{part.name}.md").write_text(part.wish.description, "utf-8")
    git = Git(str(place))
    git.run("init", "--quiet", "--initial-branch=main")
    commits.commit_leftovers(git, first_commit(example))


def first_commit(example: Example) -> str:
    """The message of the commit that the scratch repository begins with."""
    return f"{example.plan.name}, with tests that fail"


def wish(part: Part, place: Path) -> Wish:
    """The task of a part, with its script in the scratch repository."""
    return part.wish.replace(params={"script": str(place / SCRIPTS / f"{part.name}.yaml")})


def environment(given: Mapping[str, str], agents: tuple[str, ...]) -> dict[str, str]:
    """`given` without what it says about sow, so that each role is played from a script.

    This interpreter comes first on the PATH: the scripts call `python3`.
    """
    mine = {name: value for name, value in given.items() if not name.startswith("SOW_")}
    mine |= {roles.variable(name): "script" for name in agents}
    mine["PATH"] = os.path.dirname(sys.executable) + os.pathsep + given.get("PATH", os.defpath)
    return mine


def run_tests(place: str) -> Tested:
    """Runs the package's own tests as they are in a folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        test_command(), cwd=place, env={**kept, "PYTHONDONTWRITEBYTECODE": "1"}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    lines = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"]
    counted = re.findall(r"^Ran (\d+) tests? in", done.stderr, re.MULTILINE)
    return Tested(done.returncode == 0, int(counted[-1]) if counted else 0, lines[-1])


def test_command() -> list[str]:
    return [sys.executable, "-m", "unittest"]


def _part(place: Path, task: Mapping[str, Any]) -> Part:
    made = Wish(
        name=task["name"], agent=task["agent"], description=task["description"], task_id=task["id"],
        depends_on=tuple(task.get("depends_on", ())), priority=task.get("priority"),
    )  # fmt: skip
    script = place / task["script"]
    return Part(made, script.stem, script)


def _review(given: object) -> str | None:
    return str(given["feedback"]) if isinstance(given, dict) else None


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def _leave_out(folder: str, names: list[str]) -> list[str]:
    """What a tool has left in the example: caches, which are no part of it."""
    return [name for name in names if name == "__pycache__" or name.endswith("_cache")]
