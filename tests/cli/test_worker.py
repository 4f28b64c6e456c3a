"""What a worker says of its own task: by its environment, by its worktree, and where a sandbox forbids it."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cli.parts import (
    AT,
    Person,
    changed,
    everything,
    tasks_of_every_status,
    with_project,
    without_times,
)

from sow.api.worker import LIES
from sow.change import Change
from sow.cli import quick, root
from sow.errors import SowError
from sow.report import apply_outbox


@pytest.fixture
def who(tmp_path: Path) -> Person:
    """A project whose task 010 is at work in its worktree, and 020 waits."""
    made = with_project(tmp_path)
    for name in ("Mine", "Another"):
        made.done("task", "add", name, "--agent", "implementer")
    store = made.store()
    folder = store.layout.task_worktree("feat/add-login", "010")
    made.git("worktree", "add", "--quiet", "-b", "feat/add-login--010", folder, "feat/add-login")

    def begin(task: object) -> Change:
        started = store.task("010").start(
            session_id="5e5510",
            executor="script",
            at=AT,
            worktree=folder,
            branch="feat/add-login--010",
            base=None,
        )
        return Change(task=started)

    store.change_task("010", begin)
    return made


def worker(who: Person) -> Person:
    """The agent of task 010, with the variables of its attempt."""
    layout = who.store().layout
    return who.at(
        layout.task_worktree("feat/add-login", "010"), SOW_TASK_ID="010", SOW_ATTEMPT_ID="010-1-1",
        SOW_PROJECT_DIR=layout.project, SOW_PROJECT_RUNTIME=layout.runtime,
        SOW_TASK_DIR=layout.task("implementation", "010"),
    )  # fmt: skip


def without_environment(who: Person) -> Person:
    """The same agent, where its variables were dropped."""
    return who.at(who.store().layout.task_worktree("feat/add-login", "010"))


@pytest.mark.parametrize("stand", [worker, without_environment])
def test_a_worker_reports_asks_and_notes_without_naming_its_task(who: Person, stand: object) -> None:
    assert callable(stand)
    agent: Person = stand(who)
    agent.done("agent", "log", "--", "-- the tests expected the bug")
    agent.done("task", "set", "metadata.found", "3")
    assert agent.done("task", "status").startswith("Task: 010 - Mine\nStatus: in_progress\n")
    asked = agent.done("task", "ask", "Which way?", "--option", "left", "--option", "right")
    assert asked == "Task 010 is paused with your question. Stop now: the answer comes in this session.\n"
    shown = who.done("task", "show", "010")
    assert "Question (question): Which way?\n  - left\n  - right\n" in shown
    assert "metadata.found: 3\n" in shown
    store = who.store()
    note = Path(store.layout.task("implementation", "010"), "log.md").read_text()
    assert note.endswith(" implementer\n\n-- the tests expected the bug\n")


def test_a_worker_hands_its_work_in(who: Person) -> None:
    worker(who).done("task", "set", "result.message", "All green.")
    worker(who).done("task", "set", "status", "needs_review")
    assert "Status: needs_review" in who.done("task", "show", "010")
    assert "Result (success): All green." in who.done("task", "show", "010")


@pytest.mark.parametrize("stand", [worker, without_environment])
@pytest.mark.parametrize("status", ["completed", "abandoned", "pending"])
def test_a_worker_does_not_decide_about_its_own_task(who: Person, stand: object, status: str) -> None:
    assert callable(stand)
    before = everything(who.folder)
    assert stand(who).sow("task", "set", "status", status).told == (
        4,
        [
            f"sow: an agent can't set its own task to {status}",
            '     it reports `sow task set status needs_review`, or asks: `sow task ask "..."`',
        ],
    )
    assert changed(before, everything(who.folder)) == []


def test_a_worker_does_not_answer_its_own_question(who: Person) -> None:
    # Else it would be started again, and ask again, without an end.
    agent = worker(who)
    agent.done("task", "ask", "May I?")
    before = everything(who.folder)
    code, lines = agent.sow("task", "answer", "010", "Yes.").told
    assert (code, lines[0]) == (4, "sow: an agent can't answer its own question (task 010)")
    assert changed(before, everything(who.folder)) == []


def test_a_word_of_an_earlier_iteration_comes_too_late(who: Person) -> None:
    agent = worker(who)
    agent.more["SOW_ATTEMPT_ID"] = "010-7-1"
    code, lines = agent.sow("task", "set", "status", "needs_review").told
    assert code == 4
    assert lines[0].startswith("sow: task 010 is in iteration 1, and attempt 010-7-1 is of an earlier one")


@pytest.mark.parametrize("stand", [worker, without_environment])
def test_a_worker_names_what_it_brings_out_and_leaves_the_approval_to_others(
    who: Person, stand: object
) -> None:
    assert callable(stand)
    agent: Person = stand(who)
    added = agent.done("task", "output", "add", "--type", "log", "--path", "../../a.txt")
    assert added == "Added output [0] log: ../../a.txt to task 010\n"
    before = everything(who.folder)
    for words in (
        ("set", "--index", "0", "approved", "true"),
        ("add", "--type", "x", "--path", "b", "--approved"),
    ):
        code, lines = agent.sow("task", "output", *words).told
        assert (code, lines[0].startswith("sow: an agent can't approve its own output")) == (4, True)
    assert changed(before, everything(who.folder)) == []
    assert "Approved: false" in agent.done("task", "output", "list")
    who.done("task", "output", "set", "--index", "0", "approved", "true", "--id", "010")
    assert "  [0] log: ../../a.txt\n" in agent.done("task", "status")
    assert agent.sow("task", "output", "remove", "--index", "0").code == 0


def test_an_agent_that_orchestrates_names_another_task(who: Person) -> None:
    agent = worker(who)
    agent.done("task", "set", "priority", "high", "--id", "020")
    agent.done("agent", "log", "Look at this first", "--id", "020")
    assert agent.done("task", "ask", "Now?", "--id", "020") == "Task 020 is paused with your question.\n"
    assert "Priority: high" in who.done("task", "show", "020")
    assert "Status: in_progress" in who.done("task", "show", "010")


def test_what_an_agent_completes_for_another_is_not_left_unmerged(who: Person) -> None:
    folder = who.store().layout.task_worktree("feat/add-login", "010")
    who.at(folder).commit(work__txt="done\n")
    agent = worker(who)
    agent.more |= {"SOW_TASK_ID": "020", "SOW_ATTEMPT_ID": "020-1-1"}
    agent.done("task", "set", "status", "completed", "--id", "010")
    assert "Status: completed" in who.done("task", "show", "010")
    assert who.git("show", "feat/add-login:work.txt") == "done"


# Where a sandbox forbids it


def read_only(path: str, argv: Sequence[str], who: Person) -> "subprocess.CompletedProcess[str]":
    """Runs a command that can read the folder `path` and not write it."""
    if os.geteuid() == 0:
        mounted = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$PWD" && exec "$@"'
        argv = ["unshare", "--mount", "sh", "-c", mounted, path, *argv]
        probe = subprocess.run([*argv[:6], "true"], capture_output=True, check=False)
        if probe.returncode:
            pytest.skip("root may not mount here, so nothing can be kept from it")
    else:
        for folder, _, names in os.walk(path):
            for name in ("", *names):
                os.chmod(os.path.join(folder, name), 0o555 if not name else 0o444)
    try:
        return subprocess.run(
            argv, cwd=who.folder, env=who.environment, capture_output=True, text=True, check=False
        )
    finally:
        for folder, _, _ in os.walk(path):
            os.chmod(folder, 0o755)


def test_an_agent_that_would_resume_itself_is_asked_which_task_it_means(who: Person) -> None:
    said = worker(who).sow("agent", "resume", "go on")
    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines()[0] == "sow: which task? an agent can't resume itself"


def test_where_the_state_can_not_be_written_reports_lie_in_the_outbox_till_they_are_applied(
    who: Person,
) -> None:
    agent, store = worker(who), who.store()
    outbox = f"{store.layout.runtime}/attempts/010-1-1/outbox"
    os.makedirs(outbox)
    who.done("task", "output", "add", "--type", "log", "--path", "b.txt", "--id", "010")
    before = everything(Path(store.layout.project))
    said = [
        ("agent", "log", "I looked."),
        ("task", "set", "metadata.count", "007", "--string"),
        ("task", "ask", "Which way?", "--option", "left"),
        ("task", "output", "add", "--type", "log", "--path", "../../a.txt", "--metadata", "n=1", "-q"),
        ("task", "output", "set", "--index", "0", "metadata.n", "2", "-q"),
    ]
    for words in said:
        ended = read_only(store.layout.project, [sys.executable, "-m", "sow", *words], agent)
        assert (ended.returncode, ended.stderr) == (0, "")
    assert changed(before, everything(Path(store.layout.project))) == []
    assert apply_outbox(store, outbox, "010", "010-1-1") == []
    task = store.task("010")
    assert task.status == "paused"
    assert task.question
    assert task.question["text"] == "Which way?"
    assert task.metadata == {"count": "007"}
    assert [(one["path"], one["metadata"]) for one in task.outputs] == [
        ("b.txt", {"n": 2}),
        ("../../a.txt", {"n": 1}),
    ]
    assert "I looked." in Path(store.layout.task("implementation", "010"), "log.md").read_text()
    remove = [sys.executable, "-m", "sow", "task", "output", "remove", "--index", "0"]
    ended = read_only(store.layout.project, remove, agent)
    assert (ended.returncode, ended.stderr) == (0, f"note: {LIES}\n")
    assert apply_outbox(store, outbox, "010", "010-1-1") == []
    assert [one["path"] for one in store.task("010").outputs] == ["../../a.txt"]


def test_a_report_about_another_task_is_never_laid_down_as_ones_own(who: Person) -> None:
    agent, store = worker(who), who.store()
    outbox = f"{store.layout.runtime}/attempts/010-1-1/outbox"
    os.makedirs(outbox)
    of_another = ("task", "output", "add", "--type", "log", "--path", "a.md", "--id", "020")
    for words in (("task", "ask", "Now?", "--id", "020"), ("agent", "log", "Hm", "--id", "020"), of_another):
        ended = read_only(store.layout.project, [sys.executable, "-m", "sow", *words], agent)
        assert ended.returncode == 1
        assert len(ended.stderr.splitlines()) == 2
    assert os.listdir(outbox) == []


# The quick way and the long way


ARGUMENTS = st.lists(
    st.sampled_from(
        [
            "priority", "status", "name", "metadata.a.b", "metadata", "params.files.0", "result.message",
            "depends_on", "assigned_agent", "iteration", "not_before", "flavour", "high", "hihg",
            "needs_review", "completed", "paused", "007", "[1, 2]", "{", "", "--id", "010", "020", "030",
            "040", "099", "--string", "--unset", "--", "-5", "--bogus", "reviewer", "-q",
        ]
    ),
    max_size=6,
)  # fmt: skip


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Person, Person]:
    """Two equal projects with a task in every status."""
    pair = [with_project(tmp_path_factory.mktemp("twin")) for _ in range(2)]
    for one in pair:
        tasks_of_every_status(one)
    return pair[0], pair[1]


def outcome(who: Person, words: list[str], *, quickly: bool) -> tuple[object, ...]:
    """What a command came to: code, words, and the state without times."""
    with who.inside() as (out, err):
        try:
            code = quick.run(words) if quickly else None
            code = root.run(words) if code is None else code
        except SowError as fault:
            code = fault.exit_code
            sys.stderr.write(f"{fault}\n{fault.hint}\n")
        sys.stdout.flush()
        sys.stderr.flush()
        said = (out.getvalue() + err.getvalue()).decode("utf-8", "surrogateescape")
    state = {
        path: without_times(held.decode())
        for path, held in everything(Path(who.store().layout.project)).items()
    }
    events = [
        json.loads(line) for path in who.store().log.files() for line in Path(path).read_text().splitlines()
    ]
    told = [
        (event["type"], event.get("task_id"), without_times(json.dumps(event["payload"]))) for event in events
    ]
    return code, said.replace(str(who.folder), ""), state, told


@settings(max_examples=60, deadline=None, derandomize=True)
@given(words=ARGUMENTS)
def test_task_set_does_the_same_by_the_quick_way_and_by_the_long_one(
    twins: tuple[Person, Person], words: list[str]
) -> None:
    line = ["task", "set", *words]
    assert outcome(twins[0], line, quickly=True) == outcome(twins[1], line, quickly=False)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(words=st.lists(st.sampled_from(["a note", "--", "-x", "--id", "010", "099", ""]), max_size=4))
def test_agent_log_does_the_same_by_the_quick_way_and_by_the_long_one(
    twins: tuple[Person, Person], words: list[str]
) -> None:
    line = ["agent", "log", *words]
    at = [who.at(".", SOW_TASK_ID="020", SOW_ATTEMPT_ID="020-1-1") for who in twins]
    assert outcome(at[0], line, quickly=True) == outcome(at[1], line, quickly=False)
