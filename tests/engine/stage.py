"""The bench of the engine's tests: a scratch repository, real `sow` processes, and what must hold of it.

Agents are played from scripts (docs/reference/script.md). What a test reads of
the state it reads through sow's own store; what must hold after any run,
however it was cut, is said once, in `assert_sound`.
"""

import json
import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.copies import copy_repository, git_in, new_template
from tests.forked import sow_of
from tests.waiting import until

import sow_schemas
from sow import eventlog, lease, process, project, setup
from sow.adding import Wish, add
from sow.attempt import Attempt, Attempts
from sow.config import RepositoryConfig
from sow.eventlog import EventLog
from sow.git import places
from sow.layout import Layout
from sow.review import Approved, Reviewer
from sow.store import Store
from sow.task import ENDED, STATUSES, Task
from sow.workspace import Workspace
from sow_executors import lines as script_lines

MAIN = "import sys; from sow.cli import main; sys.exit(main())"
ROOT = Path(__file__).parents[2]
SECONDS = 120.0
"""How long anything may take: far more than it does, so that only what hangs fails."""

PLAN = project.plan("A bench", branch=None, name=None)

HOMES = ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME")

Script = list[list[dict[str, Any]]]
"""Turns of steps."""


def work(name: str, text: str = "done\n") -> list[dict[str, Any]]:
    """The turn of an agent that writes one file and hands in."""
    return [{"edit": {"path": name, "content": text}}, {"report": "needs_review"}]


def ask(question: str, *options: str) -> dict[str, Any]:
    """The step of an agent that asks."""
    return {"ask": {"question": question, **({"options": list(options)} if options else {})}}


class Run:
    """A `sow` process that was started and not waited for."""

    def __init__(self, process: "subprocess.Popen[str]", output: Path) -> None:
        self.process, self._output = process, output

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        """What it has printed so far, errors among it."""
        return self._output.read_text("utf-8", "replace")

    def end(self, seconds: float = SECONDS) -> int:
        """Waits for its end; its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end in {seconds} s:\n{self.output}") from None

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """`kill -9`, and takes it off the kernel's list."""
        self.process.kill()
        self.process.wait()

    def until_it_says(self, words: str) -> None:
        """Waits for `words` in what it prints; an AssertionError where it ends without, or in vain."""
        until(lambda: words in self.output or self.process.poll() is not None, f"it said {words!r}")
        assert words in self.output, f"it ended:\n{self.output}"


class Done:
    """A `sow` command that has ended."""

    def __init__(self, code: int, output: str) -> None:
        self.code, self.output = code, output

    def __repr__(self) -> str:
        return f"exit code {self.code}:\n{self.output}"


class Stage:
    """One scratch repository with one project in it, and a person who types `sow` commands."""

    def __init__(self, tmp: Path, settings: Mapping[str, Any]) -> None:
        self.tmp = tmp
        self.main = tmp / "repository"
        self.runs: list[Run] = []
        self.prelude = ""
        """Python that a `sow` process runs first."""
        self.env = {
            "PATH": os.environ["PATH"],
            **{name: str(tmp / name.lower()) for name in HOMES},
            "LANG": "C.UTF-8",
            "USER": "ada",
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(
                str(ROOT / part) for part in ("orchestrator", "executors", "schemas")
            ),
            "SOW_AGENTS_IMPLEMENTER": "script",
        }
        for name in (*map(str.lower, HOMES), "scripts", "output"):
            (tmp / name).mkdir()
        copy_repository(_template(), self.main)
        self.branch = PLAN.branch
        self.folder = self.main / ".sow/worktrees" / PLAN.branch
        self.layout = Layout(main=str(self.main), folder=str(self.folder), name=PLAN.name)
        self.store = _store(self.layout)
        self.attempts = Attempts(self.layout)
        self.settings(**{"grace_seconds": 2, **settings})

    # -- what a person prepares ---------------------------------------------------------------

    def settings(self, **settings: Any) -> None:
        """The repository's settings."""
        (self.main / ".sow/config.yaml").write_text(yaml.safe_dump(settings))

    def user(self, executors: Mapping[str, Any]) -> None:
        """The user's settings: executors by name."""
        folder = Path(self.env["XDG_CONFIG_HOME"], "sow")
        folder.mkdir(exist_ok=True)
        (folder / "config.yaml").write_text(yaml.safe_dump({"agents": {"executors": executors}}))

    def add(self, *turns: list[dict[str, Any]], name: str = "", **wish: Any) -> str:
        """A task whose agent plays these turns; its id."""
        number = len(self.store.task_files()) + 1
        path = self.script(f"{number}.yaml", list(turns))
        agent = wish.pop("agent", "implementer")
        params = {"script": str(path), **wish.pop("params", {})}
        return add(self.store, Wish(name=name or f"Task {number}", agent=agent, params=params, **wish)).id

    def script(self, name: str, turns: Script | str) -> Path:
        path = self.tmp / "scripts" / name
        path.write_text(turns if isinstance(turns, str) else json.dumps({"turns": turns}))
        return path

    # -- what a person decides: by the same functions as the command line, without its start ----

    @property
    def person(self) -> Reviewer:
        settings = RepositoryConfig.read(str(self.main))
        workspace = Workspace.of(self.store, settings)
        return Reviewer(
            layout=self.layout, store=self.store, attempts=self.attempts, workspace=workspace,
            checks=settings.checks, environment=self.env, ports=settings.worktree.ports,
        )  # fmt: skip

    def answer(self, task_id: str, text: str = "Go on.") -> None:
        self.person.answer(task_id, text, by="ada")

    def send_back(self, task_id: str, text: str) -> None:
        self.person.send_back(task_id, text, by="ada")

    def retry(self, task_id: str, *, fresh: bool = False) -> None:
        self.person.retry(task_id, fresh=fresh)

    def approve(self, *ids: str, how: str = "merged") -> Approved:
        """Approves tasks; gives what became of the last."""
        for task_id in ids:
            done = self.person.approve(task_id, by="ada")
            assert done.how == how, done
        return done

    # -- what a person types ------------------------------------------------------------------

    def argv(self, *words: str) -> list[str]:
        """A `sow` command as a process with an interpreter of its own."""
        return [sys.executable, "-c", f"{self.prelude}\n{MAIN}", *words]

    def start(self, *words: str, **env: str) -> Run:
        """A `sow` command that goes on while the test does."""
        variables = {**self.env, **env}
        return self._started(words, variables, sow_of(words, variables, self.prelude))

    def start_interpreter(self, *words: str) -> Run:
        """The same with an interpreter of its own, whose memory is sow's alone."""
        return self._started(words, self.env, None)

    def _started(
        self, words: Sequence[str], variables: Mapping[str, str], become: Callable[[], None] | None
    ) -> Run:
        output = self.tmp / "output" / f"{len(self.runs)}.txt"
        with output.open("wb") as file:
            started = subprocess.Popen(
                self.argv(*words), cwd=self.main, env=variables, stdin=subprocess.DEVNULL, stdout=file,
                stderr=subprocess.STDOUT, text=True, preexec_fn=become,
            )  # fmt: skip
        run = Run(started, output)
        self.runs.append(run)
        return run

    def sow(self, *words: str, **env: str) -> Done:
        """A `sow` command, waited for."""
        run = self.start(*words, **env)
        return Done(run.end(), run.output)

    def run(self, *words: str, expect: int = 5) -> str:
        """`sow run`, waited for; what it printed. 5: it waits for a person."""
        done = self.sow("run", *words)
        assert done.code == expect, done
        return done.output

    def git(self, *words: str, folder: Path | None = None) -> str:
        who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
        done = subprocess.run(
            ["git", *who, *words], cwd=folder or self.main, env=self.env, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout.strip()

    def end(self) -> None:
        """Ends whatever the test left."""
        for run in self.runs:
            if run.process.poll() is None:
                run.kill()
        for pid in self.alive():
            kill(pid)

    # -- what a test looks at -----------------------------------------------------------------

    def task(self, task_id: str) -> Task:
        return self.store.task(task_id)

    def statuses(self) -> dict[str, str]:
        held = self.store.tasks()
        assert held.broken == ()
        return {task.id: task.status for task in held.tasks}

    def tried(self, task_id: str) -> list[Attempt]:
        """The attempts of a task, oldest first."""
        return self.attempts.of_task(task_id)

    def sessions(self, task_id: str) -> set[str | None]:
        """The sessions in which processes of a task's agent were; one that was never started had none."""
        began = Path(self.layout.attempts)
        return {a.session_id for a in self.tried(task_id) if (began / a.id / "transcript.jsonl").exists()}

    def alive(self) -> list[int]:
        """The processes that bear the mark of any attempt of this project."""
        names = set(os.listdir(self.layout.attempts)) if os.path.isdir(self.layout.attempts) else set()
        return [pid for mark, pids in process.marks().items() if mark in names for pid in pids]

    def is_at_work(self, task_id: str) -> bool:
        """Whether an attempt of the task has not ended yet."""
        return any(attempt.task_id == task_id for attempt in self.attempts.open())

    def events(self, task_id: str | None = None) -> list[dict[str, Any]]:
        """The events of a task, or of all, in the order in which they were written."""
        parsed = (eventlog.parse(line) for line in self.store.log.lines())
        return [event for event in parsed if event and task_id in (None, event["task_id"])]

    def told(self, task_id: str) -> list[str]:
        """The prompts that a task's agent was given, oldest first."""
        prompts = (Path(self.attempts.folder(attempt.id)) / "prompt" for attempt in self.tried(task_id))
        return [prompt.read_text() for prompt in prompts if prompt.exists()]

    def merges(self) -> list[str]:
        """The trailers of the merges in the project's branch."""
        form = "%(trailers:key=Sow-Task,valueonly,separator=%x20)"
        told = self.git("log", "--merges", "--first-parent", f"--format={form}", self.branch)
        return [line.strip() for line in told.splitlines() if line.strip()]

    def merged(self, path: str) -> str:
        """What a file holds on the project's branch."""
        return self.git("show", f"{self.branch}:{path}")


@cache
def _template() -> Path:
    """The repository with one commit and one project."""
    folder = new_template()

    git_in(folder, "init", "--quiet", "--initial-branch", "main")
    (folder / "shared.txt").write_text("one\ntwo\nthree\n")
    git_in(folder, "add", "--all")
    git_in(folder, "commit", "--quiet", "--message", "begin")
    here = places.find(str(folder))
    assert here is not None
    setup.new_project(here, PLAN, start=None, worktree=True, store_of=_store)
    return folder


def _store(layout: Layout) -> Store:
    return Store(layout, EventLog(layout.events, run_id=None, actor="person"))


@contextmanager
def staged(tmp: Path, **settings: Any) -> Iterator[Stage]:
    """A stage of which no process is left, whatever the test did."""
    with pytest.MonkeyPatch.context() as patch:
        # What the tests call of sow in this process is to see no more of the real home than its processes.
        for name in HOMES:
            patch.setenv(name, str(tmp / name.lower()))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        stage = Stage(tmp, settings)
        try:
            yield stage
        finally:
            stage.end()


def kill(pid: int) -> None:
    """`kill -9` of exactly the process that has this pid now."""
    known = process.of(pid)
    fd = known and process.open_pidfd(known)
    if fd:
        try:
            signal.pidfd_send_signal(fd, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(fd)


# What must hold


def assert_sound(stage: Stage) -> None:
    """Asserts what must hold of a project at rest, after any run that ended and any kill before it.

    Every state file valid; every task in one of the six statuses, with what
    that status owns; no process of any attempt left; every attempt ended;
    nothing half done (journal, intent, lease); no merge made twice; nothing
    unmerged deleted; events whole and counted.
    """
    tasks = _valid_tasks(stage)
    assert stage.alive() == [], "processes of agents are left"
    left_open = [attempt.id for attempt in stage.attempts.open()]
    assert left_open == [], "attempts without an end"
    _nothing_half_done(stage)
    counted = Counter(stage.merges())
    assert all(count == 1 for count in counted.values()), f"merged more than once: {counted}"
    for task in tasks:
        _work_is_there(stage, task)
    _events_are_whole(stage)


def _valid_tasks(stage: Stage) -> tuple[Task, ...]:
    held = stage.store.tasks()
    assert held.broken == (), held.broken
    given = [line for line in Path(stage.layout.runtime, "ids").read_text().split() if line]
    assert sorted(task.id for task in held.tasks) == sorted(set(given)), "a task was lost, or came twice"
    stage.store.project()
    for phase in stage.store.phases():
        stage.store.phase(phase)
    for task in held.tasks:
        assert sow_schemas.valid("task_state", task.document()), task
        assert task.status in STATUSES
        assert (task.question is not None) == (task.status == "paused"), task
        if task.status in ENDED:
            assert task.session_id is None, task
            assert task.completed_at is not None, task
        elif task.status != "pending" and task.executor == "script":
            assert task.session_id is not None, task
    return held.tasks


def _nothing_half_done(stage: Stage) -> None:
    runtime = Path(stage.layout.runtime)
    assert not (runtime / "merge.json").exists(), "a merge is half done"
    journal = Path(stage.layout.journal)
    assert not journal.exists() or not list(journal.iterdir()), "a change is half done"
    leases = list(Path(stage.layout.locks).glob("*.lease"))
    held = [found for path in leases if (found := lease.holder(str(path)))]
    alive = [str(one) for one in held if process.fate(one.holder) != "dead"]
    assert alive == [], "a lease is held by a process that lives"
    assert not list((stage.main / ".git").rglob("*.lock")), "git was left locked"
    # The state itself is committed when a run or a task ends, not at each word of a person's.
    status = stage.git("status", "--porcelain", "--", ".", ":!.sow/project", folder=stage.folder)
    assert status == "", f"the project's worktree has leftovers:\n{status}"


def _work_is_there(stage: Stage, task: Task) -> None:
    """Work that is not merged has its branch, and unfinished work its worktree."""
    if task.status == "completed" and task.commit:
        stage.git("merge-base", "--is-ancestor", task.commit, stage.branch)
    elif task.status != "completed" and task.branch:
        stage.git("rev-parse", "--verify", "--quiet", f"refs/heads/{task.branch}")
        assert task.worktree is not None
        assert Path(task.worktree, ".git").exists(), f"the worktree of task {task.id} is gone"


def _events_are_whole(stage: Stage) -> None:
    counts: dict[str | None, list[int]] = defaultdict(list)
    for event in stage.events():
        assert sow_schemas.valid("event", event), event
        counts[event["task_id"]].append(event["seq"])
    for task_id, numbers in counts.items():
        assert numbers == sorted(set(numbers)), f"the events of {task_id} are out of order: {numbers}"


def no_turn_was_repeated(stage: Stage, ids: Iterable[str]) -> None:
    """Asserts that once an attempt's report was recorded, its iteration had no further attempt."""
    for task_id in ids:
        handed_in: set[int] = set()
        for attempt in stage.tried(task_id):
            assert attempt.iteration not in handed_in, (
                f"attempt {attempt.id} ({attempt.reason}) began though its iteration was handed in: "
                f"{json.dumps([(a.id, a.action, a.reason, a.outcome) for a in stage.tried(task_id)])}"
            )
            if _handed_in(stage, attempt):
                handed_in.add(attempt.iteration)


def _handed_in(stage: Stage, attempt: Attempt) -> bool:
    """Whether the agent of this attempt said that the work is done, and was heard."""
    transcript = Path(stage.attempts.folder(attempt.id), "transcript.jsonl")
    lines = transcript.read_text().splitlines() if transcript.exists() else []  # else it never began
    events = [event for line in lines if (event := script_lines.parse(line))]
    reports = {e["call"] for e in events if e["type"] == "tool" and "needs_review" in e["detail"]}
    return any(e["type"] == "tool_result" and e["ok"] and e["call"] in reports for e in events)
