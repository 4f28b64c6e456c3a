"""The example can be finished: its scripts, played in a real repository, make all its tests pass."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.executors.script_stage import Played, Stage

from sow_executors import script_file
from sow_executors.script_file import Ask, SetStatus

EXAMPLE = Path(__file__).parents[2] / ".sow.example"
PROJECT: dict[str, Any] = yaml.safe_load((EXAMPLE / "project.yaml").read_text("utf-8"))
PERSON: dict[str, Any] = yaml.safe_load((EXAMPLE / "answers.yaml").read_text("utf-8"))
TASKS: dict[str, dict[str, Any]] = {task["id"]: task for task in PROJECT["tasks"]}
BRANCH: str = PROJECT["branch"]

FLAW = "from tally.ledger import balances; print(sum(balances(['ann paid 9 for bob, cem']).values()))"


def run(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


@dataclass
class Repository:
    """A scratch repository out of the example's package, and tasks worked at in it as sow would."""

    tmp: Path
    approved: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        shutil.copytree(EXAMPLE / "package", self.main, ignore=shutil.ignore_patterns("__pycache__"))
        self.git("init", "-q", "-b", BRANCH)
        self.commit(self.main, "begin")

    @property
    def main(self) -> Path:
        return self.tmp / "main"

    @property
    def env(self) -> dict[str, str]:
        names = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.tmp),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **dict.fromkeys(names, "test@example.org"),
        }

    def git(self, *words: str, folder: Path | None = None) -> str:
        done = run(["git", *words], folder or self.main, self.env)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout.strip()

    def commit(self, folder: Path, words: str) -> None:
        self.git("add", "-A", folder=folder)
        self.git("commit", "-q", "--allow-empty", "-m", words, folder=folder)

    def python(self, *words: str, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
        return run([sys.executable, *words], folder or self.main, self.env)

    def begin(self, task_id: str) -> Stage:
        """A worktree of the task's own, off the project's branch."""
        script = str(EXAMPLE / TASKS[task_id]["script"])
        stage = Stage(self.tmp / task_id, f"s-{task_id}", task_id, {"script": script})
        self.git("worktree", "add", "-q", "-b", f"{BRANCH}--{task_id}", str(stage.folder))
        return stage

    def merge(self, task_id: str) -> None:
        self.git("merge", "-q", "--no-edit", f"{BRANCH}--{task_id}")
        self.approved.append(task_id)

    def work(self, stage: Stage, answers: Mapping[str, str]) -> None:
        """The task from its first prompt to the approval, with the example's reviews."""
        reviews: Iterator[Any] = iter(PERSON["reviews"].get(stage.task_id, ()))
        played = turn_of(stage.spawn(TASKS[stage.task_id]["description"]))
        while True:
            checks_hold(self, stage)
            self.commit(stage.folder, f"{stage.task_id}: a turn")
            match stage.calls[-1]:
                case ["task", "ask", *_]:
                    played = turn_of(stage.resume(answers[stage.task_id]))
                case ["task", "set", "status", "needs_review"]:
                    review: Any = next(reviews, "approve")
                    if review == "approve":
                        break
                    played = turn_of(stage.resume(review["feedback"]))
                case other:
                    pytest.fail(f"{stage.task_id} ended with {other} and {played.end}")


def turn_of(played: Played) -> Played:
    assert played.kind == "finished", played.end
    return played


def checks_hold(repository: Repository, stage: Stage) -> None:
    for check in yaml.safe_load((EXAMPLE / "config.yaml").read_text("utf-8"))["checks"]:
        done = run(["/bin/sh", "-c", check], stage.folder, repository.env)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_at_first_the_tests_of_every_part_fail(repository: Repository) -> None:
    for part in ("money", "split", "ledger", "settle"):
        done = repository.python("-m", "unittest", f"tests.test_{part}")
        assert done.returncode == 1, part
        assert "NotImplementedError" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("order", list(permutations(["010", "020"])), ids=" before ".join)
def test_at_the_end_all_tests_pass_and_the_readme_is_right(
    repository: Repository, order: Sequence[str]
) -> None:
    side_by_side = [repository.begin(task_id) for task_id in order]
    for stage in side_by_side:
        repository.work(stage, PERSON["answers"])
    for stage in side_by_side:
        repository.merge(stage.task_id)
    for task_id in ("030", "040"):
        repository.work(repository.begin(task_id), PERSON["answers"])
        repository.merge(task_id)

    tests = repository.python("-m", "unittest", "-v")
    assert tests.returncode == 0, tests.stderr
    assert "test_a_payer_who_does_not_share_is_owed_the_whole_bill" in tests.stderr
    assert repository.python("-c", FLAW).stdout == "0\n"
    assert repository.git("status", "--porcelain") == ""
    shown = repository.python("-m", "tally", "trip.txt").stdout
    readme = (repository.main / "README.md").read_text("utf-8")
    assert "".join(f"    {line}".rstrip() + "\n" for line in shown.splitlines()) in readme


@pytest.mark.parametrize(
    ("answer", "choice", "shares"),
    [
        pytest.param(PERSON["answers"]["020"], "front", [334, 333, 333], id="the example's"),
        pytest.param("Hm, the back, I think", "back", [333, 333, 334], id="the other"),
    ],
)
def test_what_the_person_answers_is_what_is_built(
    repository: Repository, answer: str, choice: str, shares: list[int]
) -> None:
    stage = repository.begin("020")
    repository.work(stage, {"020": answer})
    split = "import json; from tally.split import split; print(json.dumps(split(1000, list('abc'))))"
    built = json.loads(repository.python("-c", split, folder=stage.folder).stdout)
    assert built == dict(zip("abc", shares, strict=True))
    assert f"the {choice} of the list bears" in (stage.folder / "README.md").read_text("utf-8")
    assert repository.python("-m", "unittest", "tests.test_split", folder=stage.folder).returncode == 0


def test_the_first_turn_of_the_ledger_passes_its_tests_and_has_the_flaw_that_the_review_names(
    repository: Repository,
) -> None:
    for task_id in ("010", "020"):
        repository.work(repository.begin(task_id), PERSON["answers"])
        repository.merge(task_id)
    stage = repository.begin("030")
    turn_of(stage.spawn())
    assert stage.calls[-1] == ["task", "set", "status", "needs_review"]
    assert repository.python("-m", "unittest", "tests.test_ledger", folder=stage.folder).returncode == 0
    assert repository.python("-c", FLAW, folder=stage.folder).stdout == "-900\n"
    [feedback, last] = PERSON["reviews"]["030"]
    assert "ann paid 9 for bob, cem" in feedback["feedback"]
    assert last == "approve"

    code = (stage.folder / "tally" / "ledger.py").read_text("utf-8")
    turn_of(stage.resume(feedback["feedback"]))
    assert repository.python("-c", FLAW, folder=stage.folder).stdout == "0\n"
    # The new test is one that the flawed code fails.
    (stage.folder / "tally" / "ledger.py").write_text(code, "utf-8")
    again = repository.python("-m", "unittest", "tests.test_ledger", folder=stage.folder)
    assert "FAIL: test_a_payer_who_does_not_share" in again.stderr


def test_a_task_sent_back_once_more_still_passes(repository: Repository) -> None:
    stage = repository.begin("020")
    repository.work(stage, PERSON["answers"])
    before = repository.git("rev-parse", "HEAD^{tree}", folder=stage.folder)
    turn_of(stage.resume("Look at it again."))
    repository.commit(stage.folder, "again")
    assert repository.git("rev-parse", "HEAD^{tree}", folder=stage.folder) == before


def test_the_tasks_are_as_the_example_promises() -> None:
    assert list(TASKS) == ["010", "020", "030", "040"]
    assert [task.get("depends_on", []) for task in TASKS.values()] == [[], [], ["010", "020"], ["030"]]
    played = {task_id: script_file.read(EXAMPLE / task["script"]) for task_id, task in TASKS.items()}
    asking = [task_id for task_id, turns in played.items() if any(isinstance(t[-1], Ask) for t in turns)]
    assert asking == list(PERSON["answers"]) == ["020"]
    assert [task_id for task_id in played if task_id in PERSON["reviews"]] == ["030"]
    assert all(turns[-1][-1] == SetStatus("needs_review") for turns in played.values())
    scripts = {f"scripts/{file.name}" for file in (EXAMPLE / "scripts").iterdir()}
    assert scripts == {task["script"] for task in TASKS.values()}


def test_every_file_that_the_readme_names_is_there() -> None:
    readme = (EXAMPLE / "README.md").read_text("utf-8")
    named = re.findall(r"^\| `([\w./]+)` \|", readme, re.MULTILINE)
    assert sorted(named) == sorted(
        f"{entry.name}/" if entry.is_dir() else entry.name
        for entry in EXAMPLE.iterdir()
        if entry.name != "README.md"
    )
