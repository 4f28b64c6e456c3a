"""`kill -9`, at random moments, of the orchestrator, of agents and of writers: nothing lost, nothing twice.

A round is 4 to 6 tasks, some of which wait for others, ask, fall silent, are
sent back, or write the same lines as another. While they are worked on, whoever
is at hand is killed: `sow run`, a process of an agent (its `sow task set` among
them), `sow task approve`, `feedback`, `answer`, `set`. Then the round is brought
to its end in peace, and everything must be there, once.

The plan of a round comes from its seed; the moments of the kills are the
machine's. CI plays 3 rounds; 200 are played with

    SOW_KILL_ROUNDS=200 pytest tests/engine/test_kill.py -n 2

and one again with `-k seed-17`.
"""

import os
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.engine.stage import Run, Stage, ask, assert_sound, kill, no_turn_was_repeated, work

from sow.task import Task

ROUNDS = int(os.environ.get("SOW_KILL_ROUNDS", "3"))
PATIENCE = 60.0
"""Seconds in which a round comes to its end, kills and all."""

Step = dict[str, Any]

# Takes both sides of a conflict, and adds its own line: whatever of it was done before a kill.
JOIN = (
    "sed -i '/^<<<<<<< /d;/^=======$/d;/^>>>>>>> /d' shared.txt; "
    "grep -qx {task_id} shared.txt || echo {task_id} >> shared.txt"
)


def _turns(kind: str, name: str, chance: Random) -> list[list[Step]]:
    """The script of a task's agent."""
    pause: Step = {"wait": round(chance.uniform(0.02, 0.3), 2)}
    whole: list[Step] = [pause, {"say": "I work."}, *work(f"{name}.txt"), pause]
    match kind:
        case "asks":
            return [[pause, ask(f"What about {name}?")], whole]
        case "falls silent":
            return [[pause, {"edit": {"path": f"{name}.txt", "content": "half\n"}}], whole]
        case "shares":
            return [[pause, {"run": JOIN}, *whole]]
        case "lingers":
            return [[*whole, {"wait": 0.5}]]
        case _:
            return [whole]


class Round:
    """One project, the person who sees it through, and the one who kills."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage, self.chance = stage, Random(seed)
        self.kinds: dict[str, str] = {}
        self.said: dict[str, list[str]] = {}
        """What a person said to each task in a command that was not killed."""
        self.noted: dict[str, int] = {}
        """The number that was last set in each task's metadata by a command that was not killed."""
        self.kills: Counter[str] = Counter()
        self.to_send_back: set[str] = set()
        self._words = 0
        for number in range(self.chance.randint(4, 6)):
            kind = self.chance.choice(["plain", "asks", "falls silent", "shares", "shares", "lingers"])
            earlier = list(self.kinds)
            needed = (self.chance.choice(earlier),) if earlier and self.chance.random() < 0.4 else ()
            task_id = stage.add(*_turns(kind, f"file{number}", self.chance), depends_on=needed)
            self.kinds[task_id], self.said[task_id] = kind, []
            if self.chance.random() < 0.3:
                self.to_send_back.add(task_id)

    def with_kills(self, count: int) -> None:
        """Goes on, killing until `count` have died."""
        end = time.monotonic() + PATIENCE / 2
        run = self.stage.start("run")
        while sum(self.kills.values()) < count and time.monotonic() < end:
            if run.process.poll() is not None:
                run = self.stage.start("run")
            time.sleep(self.chance.uniform(0.0, 0.5))
            match self.chance.choice(["run", "agent", "writer", "writer", "nobody"]):
                case "run":
                    time.sleep(self.chance.uniform(0.0, 0.5))
                    self._kill(run, "orchestrator")
                case "agent":
                    self._kill_an_agent()
                case "writer":
                    self._decide_one(cut=True) if self.chance.random() < 0.8 else self._note()
                case _:
                    self._decide_one(cut=False)
        run.end() if self.chance.random() < 0.5 else self._kill(run, "orchestrator")

    def in_peace(self) -> None:
        """Goes on to the end, killing nobody."""
        end = time.monotonic() + PATIENCE
        while True:
            done = self.stage.sow("run")
            assert done.code in (0, 5), done
            assert "Traceback" not in done.output, done
            if done.code == 0:
                return
            while self._decide_one(cut=False):
                assert time.monotonic() < end, f"it comes to no end: {self.stage.statuses()}\n{done}"

    # -- helpers ------------------------------------------------------------------------------

    def _kill(self, run: Run, who: str) -> None:
        if run.process.poll() is None:
            run.kill()
            self.kills[who] += 1

    def _kill_an_agent(self) -> None:
        alive = self.stage.alive()
        if alive:
            kill(self.chance.choice(alive))
            self.kills["agent"] += 1

    def _note(self) -> None:
        """`sow task set` of a number that only grows, killed or not."""
        task_id = self.chance.choice(list(self.kinds))
        self._words += 1
        run = self.stage.start("task", "set", "metadata.number", str(self._words), "--id", task_id)
        time.sleep(self.chance.uniform(0.0, 0.3))
        self._kill(run, "task set")
        if run.end() == 0:
            self.noted[task_id] = self._words

    def _decide_one(self, *, cut: bool) -> bool:
        """Does the next thing that waits for a person; with `cut`, the command is killed in between."""
        tasks = [task for task in self.stage.store.tasks().tasks if self._command(task)]
        if not tasks:
            return False
        task = self.chance.choice(tasks) if cut else tasks[0]
        words, command = self._command(task) or ("", ())
        run = self.stage.start(*command)
        if cut:
            time.sleep(self.chance.uniform(0.05, 0.6))
            self._kill(run, f"task {command[1]}")
        code = run.end()
        assert "Traceback" not in run.output, run.output
        if code == 0 and words:
            self.said[task.id].append(words)
        if code == 0 and command[1] == "feedback":
            self.to_send_back.discard(task.id)
        return True

    def _command(self, task: Task) -> tuple[str, tuple[str, ...]] | None:
        """What a person does about a task: their words, and the command."""
        self._words += 1
        words = f"word {self._words} for {task.id}"
        match task.status:
            case "paused" if task.question and task.question["kind"] == "failure":
                return "", ("task", "retry", task.id)
            case "paused":
                return words, ("task", "answer", task.id, words)
            case "pending" if task.not_before:
                return "", ("task", "retry", task.id)
            case "needs_review" if task.id in self.to_send_back and not task.approval:
                return words, ("task", "feedback", task.id, words)
            case "needs_review":
                return "", ("task", "approve", task.id)
        return None


@pytest.mark.slow
@pytest.mark.parametrize("seed", [pytest.param(seed, id=f"seed-{seed}") for seed in range(ROUNDS)])
def test_whoever_is_killed_every_task_is_done_and_merged_once(stage: Stage, seed: int) -> None:
    played = Round(stage, seed)
    played.with_kills(played.chance.randint(3, 7))
    played.in_peace()
    print(f"seed {seed}: {len(played.kinds)} tasks, killed: {dict(played.kills)}")

    assert_sound(stage)
    assert set(stage.statuses().values()) == {"completed"}
    no_turn_was_repeated(stage, played.kinds)
    merged = Counter(trailer.rsplit("/", 1)[0] for trailer in stage.merges())
    assert merged == {f"{stage.layout.name}/{task_id}": 1 for task_id in played.kinds}
    for number, (task_id, kind) in enumerate(played.kinds.items()):
        assert stage.merged(f"file{number}.txt") == "done"
        assert (task_id in stage.merged("shared.txt").split()) == (kind == "shares")
        kept = (stage.task(task_id).metadata or {}).get("number", 0)
        assert kept >= played.noted.get(task_id, 0), "a number that was set is gone"
        told = "\n".join(stage.told(task_id))
        assert [words for words in played.said[task_id] if words not in told] == [], "words that nobody heard"
        assert len(stage.sessions(task_id)) == 1, "a session was lost"
    assert stage.git("status", "--porcelain", folder=Path(stage.layout.folder)) == ""
    assert stage.git("worktree", "list").count("\n") == 1, "worktrees of merged tasks are left"
