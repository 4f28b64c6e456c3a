"""Hostile agents: whatever they do to state, git, processes and output, it harms nobody."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.engine.stage import ROOT, Stage, assert_sound, work
from tests.waiting import until

from sow import lease, sizes
from sow.process import Identity

# What they write into state files beside sow


def _sed(file: str, field: str, value: str) -> str:
    """Shell that gives a field of a state file another value, or adds it."""
    return (
        f"grep -q '^{field}:' \"{file}\" && sed -i 's|^{field}:.*|{field}: {value}|' \"{file}\" "
        f"|| echo '{field}: {value}' >> \"{file}\""
    )


def _others(stage: Stage, task_id: str) -> str:
    return stage.layout.task_file("implementation", task_id)


OWN = "$SOW_TASK_DIR/state.yaml"
APPROVAL = '{"by": "ada", "at": "2026-11-25T10:00:00Z"}'


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("status", "completed", id="completed"),
        pytest.param("approval", APPROVAL, id="approved", marks=pytest.mark.slow),
        pytest.param("session_id", '"another"', id="another session", marks=pytest.mark.slow),
    ],
)
def test_what_an_agent_writes_itself_of_what_only_sow_may_is_put_back(
    stage: Stage, field: str, value: str
) -> None:
    task_id = stage.add([{"run": _sed(OWN, field, value)}, {"say": "Ha."}], work("a.txt"))
    said = stage.run()
    task = stage.task(task_id)
    # It was asked how it ended, like any agent that reports nothing.
    assert [attempt.reason for attempt in stage.tried(task_id)] == ["start", "nudge"]
    assert (task.status, task.approval, task.attempts) == ("needs_review", None, 2)
    assert len(stage.sessions(task_id)) == 1
    (told,) = [e for e in stage.events(task_id) if e["type"] == "task.restored"]
    assert told["payload"]["changes"][0].startswith(f"{field}: ")
    assert "changed beside sow" in said
    kept = Path(stage.layout.task("implementation", task_id), told["payload"]["kept"])
    assert f"{field}: {value}" in kept.read_text()
    assert_sound(stage)


def test_an_agent_can_not_have_sow_build_on_what_it_wrote_beside_it(stage: Stage) -> None:
    forge = f"{_sed(OWN, 'approval', APPROVAL)}; sow task set metadata.note hello"
    task_id = stage.add([{"run": forge}, *work("a.txt")])
    said = stage.run()
    assert f"the state file of task {task_id} was changed beside sow" in said
    task = stage.task(task_id)
    assert (task.status, task.approval, task.metadata) == ("needs_review", None, {"note": "hello"})
    assert_sound(stage)


def test_an_agent_that_hands_in_by_hand_has_handed_in(stage: Stage) -> None:
    task_id = stage.add([{"run": _sed(OWN, "status", "needs_review")}])
    stage.run()
    assert len(stage.tried(task_id)) == 1
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        pytest.param("status", "completed", "status: pending -> completed", id="completed"),
        pytest.param(
            "session_id", '"mine"', "session_id: nothing -> mine", id="a session", marks=pytest.mark.slow
        ),
    ],
)
def test_a_change_of_another_task_is_put_back_and_a_person_is_asked(
    stage_with: Callable[..., Stage], field: str, value: str, words: str
) -> None:
    stage = stage_with(jobs=1)
    other = stage.add(work("b.txt"), name="Other", priority="low")
    last = stage.add(work("c.txt"), name="Last", depends_on=(other,))
    mine = stage.add([{"run": _sed(_others(stage, other), field, value)}, *work("a.txt")], priority="high")
    stage.run()
    assert stage.statuses() == {mine: "needs_review", other: "paused", last: "pending"}
    task = stage.task(other)
    assert task.question
    assert words in task.question["text"]
    assert (task.approval, task.session_id, task.attempts) == (None, None, None)
    assert_sound(stage)
    # Let go on, it goes on as it was.
    stage.retry(other)
    stage.run()
    assert stage.statuses()[other] == "needs_review"


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param("rm -r $(dirname {file})", id="deleted with its folder"),
        pytest.param("rm {file}; mkfifo {file}", id="a pipe", marks=pytest.mark.slow),
    ],
)
def test_a_broken_file_of_another_task_is_put_back_and_that_task_is_done(
    stage_with: Callable[..., Stage], harm: str
) -> None:
    stage = stage_with(jobs=1)
    other = stage.add(work("b.txt"), priority="low", description="Write b.\n")
    before = stage.task(other)
    mine = stage.add([{"run": harm.format(file=_others(stage, other))}, *work("a.txt")], priority="high")
    said = stage.run()
    assert stage.statuses() == {mine: "needs_review", other: "needs_review"}, said
    assert (stage.task(other).name, stage.store.description(before)) == (before.name, "Write b.\n")
    assert "Write b." in stage.told(other)[0]
    assert "changed beside sow" in said
    assert_sound(stage)


@pytest.mark.slow
def test_a_task_that_is_at_work_goes_on_when_another_agent_changes_its_file(stage: Stage) -> None:
    go, there = stage.tmp / "go", stage.tmp / "there"
    first = stage.add([{"run": f"touch {there}"}, {"wait": {"file": str(go)}}, *work("b.txt")])
    second = stage.add(
        [
            {"wait": {"file": str(there)}},
            {"run": f"{_sed(_others(stage, first), 'status', 'completed')}; touch {go}"},
            *work("a.txt"),
        ]
    )
    stage.run()
    assert stage.statuses() == {first: "needs_review", second: "needs_review"}
    assert [len(stage.tried(one)) for one in (first, second)] == [1, 1]
    assert_sound(stage)


def test_the_projects_own_files_are_put_back(stage: Stage) -> None:
    files = [Path(stage.layout.project_file), Path(stage.layout.phase_file("review"))]
    before = [path.read_text() for path in files]
    forge = _sed("$SOW_PROJECT_DIR/state.yaml", "branch", "main")
    task_id = stage.add([{"run": f"{forge}; rm -r $SOW_PROJECT_DIR/phases/review"}, *work("a.txt")])
    said = stage.run()
    assert [path.read_text() for path in files] == before
    told = [e["payload"]["file"] for e in stage.events() if e["type"] == "file.restored"]
    assert told == ["state.yaml", "phases/review/state.yaml"]
    assert all(f"{path} was changed beside sow" in said for path in files)
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


@pytest.mark.slow
def test_what_anybody_may_set_is_taken_from_the_file_too(stage_with: Callable[..., Stage]) -> None:
    stage = stage_with(jobs=1)
    other = stage.add(work("b.txt"), priority="low")
    path = _others(stage, other)
    mine = stage.add([{"run": f"{_sed(path, 'name', 'New')}; echo '# mine' >> {path}"}, *work("a.txt")])
    stage.run()
    assert (stage.task(other).name, stage.task(other).status) == ("New", "needs_review")
    assert "# mine" in Path(path).read_text()
    assert {"fields": ["name"]} in [e["payload"] for e in stage.events(other) if e["type"] == "task.changed"]
    assert not list(Path(stage.layout.phases).rglob("*.broken"))
    assert stage.statuses() == {mine: "needs_review", other: "needs_review"}


def test_what_a_person_writes_while_no_agent_is_at_work_is_theirs(stage: Stage) -> None:
    task_id = stage.add(work("a.txt"))
    path = Path(_others(stage, task_id))
    path.write_text(path.read_text().replace("status: pending", "status: abandoned"))
    other = stage.add(work("b.txt"))
    stage.run()
    assert stage.statuses() == {task_id: "abandoned", other: "needs_review"}
    assert not list(Path(stage.layout.phases).rglob("*.broken"))


# What they do with their processes and their output


def _playing(stage: Stage, *modes: str) -> dict[str, str]:
    """Tasks whose agents play modes of tests/agents/hostile.py; their ids by the mode."""
    ids = {mode: stage.add([], name=mode) for mode in modes}
    program = stage.tmp / "agent.py"
    mode_of = {task_id: mode for mode, task_id in ids.items()}
    program.write_text(
        "import runpy, sys\n"
        f"sys.argv[1:] = [{mode_of!r}[sys.argv[1]]]\n"
        f"runpy.run_path({str(ROOT / 'tests/agents/hostile.py')!r}, run_name='__main__')\n"
    )
    argv = [sys.executable, "-S", "-E", str(program), "{task_id}"]
    stage.user({"hostile": {"type": "command", "settings": {"argv": argv}}})
    stage.env |= {"SOW_AGENTS_IMPLEMENTER": "hostile"}
    return ids


HANGING = ("deaf", "daemon", "mute", "flood", "half", "stopped", "lingering")
ENDING = ("stray", "banner", "sulky")


@pytest.mark.slow
def test_agents_that_do_not_end_end_badly_or_lie_about_it_harm_nobody(
    stage_with: Callable[..., Stage],
) -> None:
    stage = stage_with(silence_seconds=8, grace_seconds=0.2, jobs=10)
    stage.prelude = "from sow.scheduler import patience; patience.AFTER_REPORT_SECONDS = 0.5"
    ids = _playing(stage, *HANGING, *ENDING)
    said = stage.run()
    assert f"the agent of task {ids['lingering']} has reported, did not exit, and is ended" in said
    assert stage.alive() == []
    asked = {mode: stage.task(task_id) for mode, task_id in ids.items()}
    assert {mode: task.status for mode, task in asked.items()} == {
        **dict.fromkeys((*HANGING, *ENDING), "paused"),
        "lingering": "needs_review",
        "sulky": "needs_review",
    }
    words = {mode: task.question["text"] for mode, task in asked.items() if task.question}
    for mode in HANGING[:-1]:
        assert "printed nothing for too long" in words[mode], mode
    # An exit of 0 is no success, and one of 1 no failure: what was reported holds.
    assert "everything is on fire" in words["banner"]
    assert [len(stage.tried(ids[mode])) for mode in ("banner", "sulky")] == [2, 1]
    assert_sound(stage)


@pytest.mark.slow
def test_an_agent_that_prints_a_gigabyte_costs_the_run_no_memory(stage_with: Callable[..., Stage]) -> None:
    stage = stage_with(jobs=2)
    ids = _playing(stage, "torrent", "banner")
    run = stage.start_interpreter("run")
    most = 0
    while run.process.poll() is None:
        most = max(most, _resident(run.pid))
        time.sleep(0.05)
    assert run.process.returncode == 5, run.output
    assert most < 150, f"the run had {most} MB in memory"
    assert stage.task(ids["torrent"]).status == "needs_review"
    assert_sound(stage)
    (attempt,) = stage.tried(ids["torrent"])
    transcript = Path(stage.attempts.folder(attempt.id), "transcript.jsonl")
    assert transcript.stat().st_size == 1_000_000_000
    transcript.unlink()  # else it would lie there for some more runs of the tests


def test_an_agent_that_prints_more_than_is_kept_is_understood_to_its_end(
    stage_with: Callable[..., Stage],
) -> None:
    stage = stage_with(transcript_bytes="1MiB")
    task_id = _playing(stage, "chatter")["chatter"]
    said = stage.run()
    assert (
        said.count("has printed more than `transcript_bytes` (1.0 MiB): the middle of that is left out") == 1
    )
    (attempt,) = stage.tried(task_id)
    assert (stage.statuses(), attempt.outcome) == ({task_id: "needs_review"}, "finished")
    transcript = Path(stage.attempts.folder(attempt.id), "transcript.jsonl")
    assert transcript.stat().st_size > 4_000_000
    assert transcript.stat().st_blocks * 512 <= 1 << 20
    assert attempt.left_out is not None
    assert attempt.left_out > 3_000_000
    logs = stage.sow("agent", "logs", task_id).output
    assert f", finished, {sizes.told(attempt.left_out)} in its middle left out\n" in logs
    assert ("First words.\n000000 x" in logs, logs.endswith("x\nLast words.\n")) == (True, True)
    assert_sound(stage)


def test_where_the_disk_can_give_nothing_back_an_agent_that_prints_too_much_is_ended(
    stage_with: Callable[..., Stage],
) -> None:
    stage = stage_with(transcript_bytes="1MiB")
    task_id = _playing(stage, "flood")["flood"]
    stage.prelude = (
        "from sow.runner import bounds\n"
        "def _punch(*given): raise OSError(95, 'Operation not supported')\n"
        "bounds._punch = _punch\n"
    )
    said = stage.run()
    assert "is ended, for the disk can't give any of it back: Operation not supported" in said
    task = stage.task(task_id)
    assert task.question is not None
    assert "printed more than `transcript_bytes` allows and was ended" in task.question["text"]
    (attempt,) = stage.tried(task_id)
    assert (task.status, attempt.outcome, attempt.left_out) == ("paused", "stopped", None)
    assert_sound(stage)


OTHER = "11111111-1111-4111-8111-111111111111"

IMPOSTOR = """
import json, os, subprocess, sys
words = sys.argv
mine = words[words.index("--session-id" if "--session-id" in words else "--resume") + 1]
good = os.environ["SOW_TASK_ID"] == GOOD
session = mine if good else OTHER
print(json.dumps({"type": "system", "subtype": "init", "session_id": session}))
print(json.dumps({
    "type": "result", "subtype": "success", "is_error": False, "result": "Done.", "session_id": session,
}), flush=True)
if good:
    subprocess.run(["sow", "task", "set", "status", "needs_review"])
sys.exit(1 if good else 0)
"""
"""Plays Claude's stream: a good result and a bad exit code, or the success of somebody else's session."""


def test_a_success_of_another_session_is_none_and_a_good_result_outweighs_the_exit_code(
    stage_with: Callable[..., Stage],
) -> None:
    stage = stage_with(jobs=2)
    good, bad = stage.add([]), stage.add([])
    program = stage.tmp / "claude"
    program.write_text(f"#!{sys.executable}\nGOOD, OTHER = {good!r}, {OTHER!r}\n{IMPOSTOR}")
    program.chmod(0o755)
    stage.user({"impostor": {"type": "claude", "settings": {"program": str(program)}}})
    stage.env |= {"SOW_AGENTS_IMPLEMENTER": "impostor"}
    stage.run()
    assert stage.statuses() == {good: "needs_review", bad: "paused"}
    assert [(each.outcome, each.exit_code) for each in stage.tried(good)] == [("finished", 1)]
    # A new session is tried once, by itself.
    told = [(each.outcome, each.error_class, each.exit_code) for each in stage.tried(bad)]
    assert told == [("failed", "session_not_found", 0)] * 2
    task = stage.task(bad)
    assert task.question is not None
    assert f"worked in session {OTHER}, not in {task.session_id}" in task.question["text"]
    assert_sound(stage)


def _resident(pid: int) -> int:
    """The memory that a process has, in megabytes; 0 for one that is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") // 1_000_000
    except (OSError, IndexError):
        return 0


@pytest.mark.slow
def test_an_agent_that_fills_its_worktree_has_done_its_work(stage_with: Callable[..., Stage]) -> None:
    stage = stage_with(jobs=2)
    ids = _playing(stage, "litter")
    stage.run()
    assert stage.statuses() == {ids["litter"]: "needs_review"}
    assert_sound(stage)


# What they do with git


def test_what_is_done_to_the_branches_of_others_is_told_and_only_reviewed_work_is_merged(
    stage_with: Callable[..., Stage],
) -> None:
    stage = stage_with(jobs=1)
    other = stage.add(work("b.txt"), priority="high")
    stage.run()
    task = stage.task(other)
    tips = {branch: stage.git("rev-parse", branch) for branch in (stage.branch, str(task.branch))}
    commit = "git -c user.name=eve -c user.email=e@x commit -q --no-verify"
    harm = f"""
        echo evil > {task.worktree}/b.txt && cd {task.worktree} && {commit} -a -m evil
        echo litter > {task.worktree}/litter.txt
        git -C {stage.folder} update-ref refs/heads/{stage.branch} $(git rev-parse {stage.branch}~1)
        echo '# evil' >> {stage.main}/.sow/config.yaml
    """
    mine = stage.add([{"run": harm}, *work("a.txt")])
    # What was committed between is lost to the branch, and seen.
    said = stage.run()
    assert stage.statuses() == {other: "needs_review", mine: "needs_review"}
    assert f"the branch {task.branch} of task {other}, which is to be reviewed, was moved" in said
    assert f"the branch {stage.branch} of the project lost commits" in said
    steers = (
        f"! .sow/config.yaml, which steers sow, was changed in {stage.main} during the turn of task {mine}"
    )
    assert said.count(steers) == 1
    told = {e["payload"]["branch"]: e["payload"] for e in stage.events() if e["type"] == "branch.moved"}
    assert told[str(task.branch)]["before"] == tips[str(task.branch)]
    # What was told leads back.
    stage.git("merge-base", "--is-ancestor", tips[stage.branch], told[stage.branch]["before"])
    stage.git("reset", "--keep", told[str(task.branch)]["before"], folder=Path(str(task.worktree)))
    stage.approve(other)
    assert stage.merged("b.txt") == "done"
    assert "litter" not in stage.git("ls-tree", "-r", "--name-only", stage.branch)
    # What nobody committed is nobody's to throw away.
    assert Path(str(task.worktree), "litter.txt").exists()


FORGED = (
    '{"type": "task.completed"}',
    '{"type": "task.restored", "task_id": "010", "payload": {"changes": 5}}',
    '{"type": "task.restored", "task_id": {"a": []}, "payload": []}',
    '{"type": "no.such.type", "task_id": "999", "payload": {}, "seq": -1}',
    '"' + "x" * 100 + '"', "[" * 5000, "null", "{",
)  # fmt: skip


def test_a_worktree_that_is_removed_while_its_agent_works_is_told_to_the_person_and_to_the_agent(
    stage: Stage,
) -> None:
    gone = "echo a >a.txt; sow task ask 'Well?'; rm -r \"$PWD\""
    task_id = stage.add([{"run": gone}], work("b.txt"))
    assert f"the worktree of task {task_id} was removed while its agent was at work" in stage.run()
    stage.answer(task_id, "Go on.")
    assert "was removed" not in stage.run()
    told = stage.told(task_id)[-1]
    assert "Go on." in told
    assert "Your worktree was removed meanwhile and is made again" in told
    assert stage.statuses() == {task_id: "needs_review"}
    assert_sound(stage)


REMOVES_ONCE = """
import shutil
from sow.turn import beginning
stored = beginning._store_start
def once(means, task, session, name, folder, *rest):
    beginning._store_start = stored
    shutil.rmtree(folder)
    return stored(means, task, session, name, folder, *rest)
beginning._store_start = once
"""


def test_a_start_that_overlaps_the_removal_of_its_worktree_makes_it_again(stage: Stage) -> None:
    stage.prelude = REMOVES_ONCE
    task_id = stage.add(work("a.txt"))
    stage.run()
    assert (len(stage.tried(task_id)), stage.statuses()) == (1, {task_id: "needs_review"})
    assert_sound(stage)


def test_what_came_into_a_worktree_between_two_turns_is_told_when_the_next_begins(stage: Stage) -> None:
    mine = stage.add(work("a.txt"), work("b.txt"))
    assert "had not left there" not in stage.run()
    folder = stage.task(mine).worktree
    stage.add([{"run": f"cd {folder} && touch stray1 stray2 stray3 stray4 stray5 stray6"}, *work("c.txt")])
    stage.run()
    stage.send_back(mine, "Do b, too.")
    said = stage.run()
    assert f"! the worktree of task {mine} held changes that its agent had not left there" in said
    assert ": stray1, stray2, stray3, stray4, stray5 and 1 more. They become part of its work" in said
    stage.send_back(mine, "Again.")
    assert "had not left there" not in stage.run(), "they are committed now"


def test_what_an_agent_writes_into_the_event_log_stops_nobody(stage: Stage) -> None:
    forged = stage.tmp / "forged"
    forged.write_bytes("\n".join(FORGED).encode() + b"\xff\n" + b"y" * 10_000_000 + b"\n")
    log = f'cat {forged} >> "$(ls -d $SOW_PROJECT_RUNTIME/events/*.ndjson | tail -1)"'
    task_id = stage.add([{"run": log}, *work("a.txt")])
    other = stage.add(work("b.txt"), depends_on=(task_id,))
    said = stage.run()
    assert stage.statuses() == {task_id: "needs_review", other: "pending"}, said
    for words in (["events"], ["events", "--json"], ["status"], ["validate"]):
        done = stage.sow(*words)
        assert "Traceback" not in done.output + said, done


# While nobody watches


def test_what_an_agent_changes_while_its_run_is_dead_is_put_back_by_the_next(stage: Stage) -> None:
    go, done = stage.tmp / "go", stage.tmp / "done"
    other = stage.add(work("b.txt"), priority="low")
    harm = f"{_sed(_others(stage, other), 'status', 'completed')}; {_sed(OWN, 'approval', APPROVAL)}"
    mine = stage.add(
        [{"say": "I wait."}, {"wait": {"file": str(go)}}, {"run": f"{harm}; touch {done}"}, *work("a.txt")],
        priority="high",
    )
    run = stage.start("run", "--json", "--jobs", "1")
    run.until_it_says("I wait.")
    run.kill()
    go.touch()
    until(done.exists)
    until(lambda: not stage.alive())
    said = stage.run("--jobs", "1")
    # Its own edit was undone by its own command before that; the other is asked about.
    assert stage.statuses() == {mine: "needs_review", other: "paused"}, said
    assert stage.task(mine).approval is None
    assert_sound(stage)


def test_after_a_killed_run_whose_agent_is_settled_a_persons_edit_is_theirs(stage: Stage) -> None:
    task_id = stage.add(work("a.txt"))
    stage.run()
    # A run that was killed after it recorded the end, and before it let go.
    held = lease.acquire(f"{stage.layout.locks}/turn-{task_id}.lease", "a turn")
    held.hand_to(Identity(boot_id="earlier", pid=1, start_ticks=1))
    path = Path(_others(stage, task_id))
    path.write_text(path.read_text().replace("status: needs_review", "status: abandoned"))
    assert stage.sow("run").code in (0, 5)
    assert stage.statuses() == {task_id: "abandoned"}
