"""The tools where task files are: what a person can do with them at the command line.

Their types are looked at when they are made, so that annotations here are no texts.
"""

from collections import deque
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from sow import Decided, Limit, Served, TaskFileNote, TaskFileRow, Workspace
from sow.api.serving import Watch
from sow.api.stop import Stop
from sow.errors import Usage
from sow.mcp import calls, told
from sow.mcp.background import Act
from sow.mcp.desk import Bench
from sow.mcp.kit import Since, Table, Words, tool
from sow.taskfiles.detail import FileRow, StageRow

MOST_EVENTS = 500
MOST_TASKS = 1000
ENDED = 10
"""So many of the tasks that have ended one way are shown on the page: the last ones."""

Status = Literal["queued", "running", "done", "failed", "canceled"]
Id = Annotated[str, Field(description="The task's id, or its file's name without `.task.json`.")]

_TOLD = ("started", "artifact", "done", "failed", "canceled", "left", "held", "limit", "waits", "problem")
"""What of a run is news to whoever waits for its end."""


@dataclass(frozen=True, slots=True)
class Brief:
    """A task in a few words."""

    id: str
    status: Status
    since: str
    pipeline: tuple[str, ...]
    stage: str | None
    """What is done now."""
    progress: float
    """Of the whole pipeline, from 0 to 1."""
    message: str | None
    """What the stage told last."""
    holder: str | None
    """Of one that runs, its runner: alive, dead, unknown, left (for the next run), foreign (not sow's)."""
    waits_until: str | None
    """When the usage limit is over that it waits for."""
    error: str | None
    """Its first line; `task_show` has the whole."""
    file: str

    @classmethod
    def of(cls, row: TaskFileRow) -> "Brief":
        """Those of a row of the page."""
        error = (row.error or "").strip().partition("\n")[0] or None
        holder = row.holder.state if row.holder else None
        return cls(
            row.id, row.status, row.since, row.pipeline, row.stage, row.progress, row.message, holder,
            row.waits_until, error, row.file,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that can't be read as a task."""

    file: str
    problem: str
    hint: str


@dataclass(frozen=True, slots=True)
class Whole:
    """A workspace on one page."""

    workspace: str
    counts: dict[str, int]
    """How many tasks there are of each status."""
    tasks: tuple[Brief, ...]
    broken: tuple[Broken, ...]
    limits: tuple[Limit, ...]
    """What is known of the limits of the user's accounts."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One task with all that is known of it."""

    task: Brief
    stages: tuple[StageRow, ...]
    inputs: tuple[FileRow, ...]
    outputs: tuple[FileRow, ...]
    document: dict[str, Any]
    """All that its file holds, its whole error among it."""


@dataclass(frozen=True, slots=True)
class Done:
    """A task after something was decided about it."""

    id: str
    file: str
    before: Status
    status: Status
    note: str


@dataclass(frozen=True, slots=True)
class End:
    """What became of a task in a run."""

    id: str
    status: str
    """done, failed, canceled, left (for the next run) or held (it waits for a limit)."""
    error: str


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended, or that it goes on."""

    running: bool
    """Whether it goes on behind this call."""
    outcomes: tuple[End, ...]
    queued: int
    """How many tasks are queued now."""
    note: str
    spent_usd: float | None = None
    """Where it had a budget."""


@dataclass(frozen=True, slots=True)
class TaskFiles:
    """What can be done with task files, as methods that are tools."""

    bench: Bench

    @property
    def _there(self) -> Workspace:
        return self.bench.workspace

    @tool(reads=True)
    def status(self) -> Whole:
        """See all on one page: what runs and how far it is, what is queued, what has ended last, and why.

        Call it first, and again whenever you have lost track. `task_list` has every task.
        """
        page = self._there.status()
        open_ = [row for row in page.tasks if row.status in ("running", "queued")]
        ended = [row for row in page.tasks if row.status not in ("running", "queued")]
        ended.sort(key=lambda row: row.age_seconds)
        last = [
            row
            for way in ("failed", "canceled", "done")
            for row in [each for each in ended if each.status == way][:ENDED]
        ]
        broken = tuple(Broken(fault.path, str(fault), fault.hint) for fault in page.broken)
        counts = {str(status): count for status, count in page.counts.items()}
        shown = tuple(map(Brief.of, [*open_, *last][:MOST_TASKS]))
        return Whole(page.workspace, counts, shown, broken, page.limits)

    @tool(reads=True)
    def task_list(
        self, *,
        status: Annotated[Status | None, Field(description="Of this status alone.")] = None,
        last: Annotated[int, Field(ge=1, le=MOST_TASKS, description="The last ones, so many at most.")] = 100,
    ) -> list[Brief]:  # fmt: skip
        """List the tasks, in the order in which they are picked up."""
        rows = [row for row in self._there.tasks().tasks if status in (None, row.status)]
        return [Brief.of(row) for row in rows[-last:]]

    @tool(reads=True)
    def task_show(self, *, id: Id) -> Detail:
        """Read one task: its stages, its inputs and outputs and whether they are there, its error whole."""
        page = self._there.task(id).page()
        return Detail(Brief.of(page.row), page.stages, page.inputs, page.outputs, dict(page.document))

    @tool()
    def task_add(
        self, *,
        pipeline: Annotated[Words, Field(description="Its stages, in their order; each is configured.")],
        id: Annotated[str | None, Field(description="What it is called; a new name where absent.")] = None,
        input: Annotated[
            Table | None, Field(description="What it takes in, by name: paths like workspace/inbox/a.mp3.")
        ] = None,
        output: Annotated[
            Table | None, Field(description="What it brings out, by kind: paths like workspace/out/a.srt.")
        ] = None,
        config: Annotated[Table | None, Field(description="Settings that it is done by.")] = None,
        type: Annotated[str | None, Field(description="What kind of task it is.")] = None,
        run_id: Annotated[str | None, Field(description="What its events are marked with.")] = None,
    ) -> Done:  # fmt: skip
        """Queue a new task. A runner that stays picks it up at once; else `run` works on it."""
        made = self._there.add(
            pipeline, id=id, input=input, output=output, config=config, type=type, run_id=run_id
        )
        row = made.page().row
        return Done(row.id, row.file, "queued", row.status, "The next `run` begins it, or one that stays.")

    @tool(destroys=True)
    def task_cancel(self, *, id: Id) -> Done:
        """Cancel a task that is queued or runs: whoever runs it ends its stage."""
        return _decided(self._there.task(id).cancel(), "It is done no more; `task_retry` queues it again.")

    @tool()
    def task_retry(self, *, id: Id) -> Done:
        """Queue a task again that failed or was canceled; have one that waits for a limit try at once."""
        done = self._there.task(id).retry()
        note = "It is tried once in spite of the limit." if done.in_spite else "It begins anew with a `run`."
        return _decided(done, note)

    @tool(lasts=True)
    def run(
        self, *,
        task: Annotated[str | None, Field(description="This task alone.")] = None,
        jobs: Annotated[int | None, Field(ge=1, le=256, description="How many tasks at once.")] = None,
        budget: Annotated[
            float | None, Field(gt=0, description="Begin nothing more once so many US dollars are spent.")
        ] = None,
        stay: Annotated[
            bool, Field(description="Go on for what is queued meanwhile; not with `wait`.")
        ] = False,
        wait: Annotated[
            bool,
            Field(description="Stay until it ends, and tell of its progress; false to let it go on."),
        ] = True,
    ) -> Ran:  # fmt: skip
        """Work on what is queued until nothing is any more.

        Other runners may be at work as well: each task is done by one. If this call is cancelled or you go,
        the stages go on, and the next run takes them up.
        """
        if stay and wait:
            raise Usage("stay and wait: that would never end", "with `stay`, set `wait` to false")

        def act(watch: Watch, stop: Stop) -> Served:
            return self._there.run(task=task, jobs=jobs, stay=stay, budget=budget, watch=watch, stop=stop)

        if wait:
            return self._ran(self._waited(act))
        if stay:
            # Nothing may be queued for hours: what is wrong is told at once all the same.
            self._there.planned(task, stay=True)
            self.bench.background.leave_to_itself(act)
        else:
            begun = self.bench.background.start(act)
            if isinstance(begun, Served):
                return self._ran(begun)
        return Ran(True, (), self._queued(), "It works. See how it does with `status`.")

    @tool(reads=True)
    def events(
        self, *,
        task: Annotated[str | None, Field(description="Of this task alone.")] = None,
        types: Annotated[Words, Field(description="Of these types alone, such as task.failed.")] = [],  # noqa: B006
        since: Since = None,
        last: Annotated[int, Field(ge=1, le=MOST_EVENTS, description="The newest, so many at most.")] = 50,
    ) -> list[told.Event]:  # fmt: skip
        """Read the event stream, oldest first: what was begun, how far it came, how it ended."""
        found = self._there.events(types=types, task=task, since=since)
        return [told.Event(e.ts, e.type, e.task_id, e.payload) for e in deque(found, maxlen=last)]

    # -- the parts ----------------------------------------------------------------------------

    def _waited(self, act: Act[TaskFileNote, Served]) -> Served:
        call = calls.current()

        def watch(note: TaskFileNote) -> None:
            if note.kind in _TOLD:
                whose = f"task {note.task_id} " if note.task_id else ""
                call.tell(f"{whose}{note.kind}: {note.text}".rstrip(": "))

        return act(watch, call.stop)

    def _queued(self) -> int:
        return sum(seen.status == "queued" for seen in self._there.look())

    def _ran(self, served: Served) -> Ran:
        ends = tuple(End(each.task_id, each.status, each.error) for each in served.outcomes)
        spent = None if served.budget_usd is None else served.spent_usd
        return Ran(False, ends, self._queued(), _ending(served), spent)


def _decided(done: Decided, note: str) -> Done:
    return Done(done.id, done.file, done.before, done.status, note)


def _ending(served: Served) -> str:
    """What is good to know of the end of a run."""
    told_ = [f"{len(served.bad)} files can't be read: see `status`."] * bool(served.bad)
    told_ += [f"{len(served.stuck)} tasks can't be claimed."] * bool(served.stuck)
    told_ += ["The budget is spent, and more would have been begun."] * served.held_back
    told_ += ["It was left; its stages go on, for the next run."] * served.interrupted
    if served.already:
        told_ += [f"Task {served.already.id} is {served.already.status} already."]
    return " ".join(told_) or "Nothing is left to do."
