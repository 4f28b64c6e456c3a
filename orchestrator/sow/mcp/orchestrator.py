"""The tools of an agent that drives others: what a person can do at the command line.

Their types are looked at when they are made, so that annotations here are no texts.
"""

from collections import deque
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import Field

import sow.review
from sow.api import running
from sow.api.artifacts import Artifacts
from sow.api.attempts import Attempt
from sow.api.project import Project
from sow.api.repository import Repository
from sow.api.status import Status
from sow.api.stop import Stop
from sow.api.task import Task
from sow.errors import Usage
from sow.mcp import calls, told, worker
from sow.mcp.background import Act
from sow.mcp.desk import Desk
from sow.mcp.kit import Since, Table, Words, tool
from sow.mcp.wording import Worded
from sow.mcp.worker import Side, Text, page
from sow.scheduler.telling import Note
from sow.task import Task as State

T = TypeVar("T")

MOST_EVENTS = 500
MOST_LINES = 2000

Id = Annotated[str, Field(description="The task's id, three digits such as 010.")]
Named = Annotated[
    str | None, Field(description="Another project than the one of this folder, by its name or folder.")
]
Role = Annotated[str | None, Field(description="Another role than the task's own, for this turn.")]
Wait = Annotated[
    bool,
    Field(
        description="Stay until it ends, and tell of its progress; false to let it go on behind this call."
    ),
]
OfTask = Annotated[str | None, Field(description="Of this task, by its id.")]
Phase = Annotated[str | None, Field(description="The phase; that of the project's state where absent.")]

_TOLD = ("added", "started", "settled", "changed", "problem", "limit", "waits")
"""What of a run is news to whoever waits for its end."""


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """What an orchestrating agent may do, as methods that are tools."""

    desk: Desk
    worded: Worded
    """Commands in what is told, called by the tools that do the same."""

    def _task(self, task_id: str, project: str | None) -> Task:
        return self.desk.project(project).task(task_id)

    # -- looking ------------------------------------------------------------------------------

    @tool(reads=True)
    def status(self, *, project: Named = None) -> Status:
        """See the whole project on one page: every task, what runs, what waits for a word, what it cost.

        Call it first, and again whenever you have lost track. `waits` is what to answer or review.
        """
        return self.desk.project(project).status()

    @tool(reads=True)
    def task_show(self, *, id: Id, project: Named = None) -> told.Page:
        """Read one task: its state, what is to be done, the feedback so far, what was used."""
        return page(self._task(id, project).page())

    @tool(reads=True)
    def task_diff(self, *, id: Id, project: Named = None) -> str:
        """Read what a task changes against the project's branch. Call it before you approve."""
        diff = self._task(id, project).diff()
        return "It can't be told from the work of others." if diff is None else diff or "It changes no file."

    @tool(reads=True)
    def agent_list(
        self, *,
        ended: Annotated[bool, Field(description="Those that have ended, too.")] = False,
        project: Named = None,
    ) -> list[Attempt]:  # fmt: skip
        """List the agents that run, or all that ever did, with what each has used."""
        return self.desk.project(project).attempts(ended=ended)

    @tool(reads=True)
    def agent_logs(
        self, *, id: Id,
        lines: Annotated[int, Field(ge=1, le=MOST_LINES, description="How many of the last lines.")] = 200,
        project: Named = None,
    ) -> str:  # fmt: skip
        """Read what the agents of a task said and did, the last lines of it."""
        last = deque(self._task(id, project).transcript(), maxlen=lines)
        return "\n".join(last) or "No agent has worked on it yet."

    @tool(reads=True)
    def events(
        self, *,
        task: Annotated[str | None, Field(description="Of this task alone, by its id.")] = None,
        types: Annotated[Words, Field(description="Of these types alone, such as task.completed.")] = [],  # noqa: B006
        since: Since = None,
        last: Annotated[int, Field(ge=1, le=MOST_EVENTS, description="The newest, so many at most.")] = 50,
        project: Named = None,
    ) -> list[told.Event]:  # fmt: skip
        """Read the log of what happened, oldest first: what agents did, what failed, who decided what."""
        found = self.desk.project(project).events(types=types, task=task, since=since)
        return [told.Event(e.ts, e.type, e.task_id, e.payload) for e in deque(found, maxlen=last)]

    @tool(reads=True)
    def guidance(
        self, *,
        name: Annotated[
            str | None, Field(description="A role, a state of the project's type, or `report`.")
        ] = None,
        project: Named = None,
    ) -> str:  # fmt: skip
        """Read what the project's state asks for now and what leads on, or the guidance of that name."""
        return self.worded(self.desk.project(project).prompt(name))

    @tool(reads=True)
    def project_list(self) -> list[told.Project]:
        """List the projects of this repository. One of their names is what `project` takes elsewhere."""
        rows = Repository(self.desk.caller).listed()
        return [told.Project(row.name, row.branch, row.state, row.tasks, row.folder) for row in rows]

    # -- tasks --------------------------------------------------------------------------------

    @tool()
    def task_add(
        self, *,
        name: Annotated[str, Field(description="What it is, in a few words.")],
        agent: Annotated[
            str, Field(description="The role that does it: implementer, reviewer, researcher, planner ...")
        ],
        description: Annotated[
            str, Field(description="What to do, as Markdown: all that its agent needs to know.")
        ] = "",
        depends_on: Annotated[Words, Field(description="Ids of tasks that must be completed before.")] = [],  # noqa: B006
        priority: Literal["critical", "high", "normal", "low"] | None = None,
        phase: Annotated[str | None, Field(description="Where it goes, if not where the project is.")] = None,
        id: Annotated[str | None, Field(description="Three digits; the next free ten where absent.")] = None,
        type: Annotated[str | None, Field(description="The type of task.")] = None,
        params: Annotated[Table | None, Field(description="Parameters of the task.")] = None,
        project: Named = None,
    ) -> told.Done:  # fmt: skip
        """Add a task to the project. Its agent starts with the next `run`, or with `agent_spawn`."""
        added = self.desk.project(project).add(
            name, agent=agent, description=description, id=id, phase=phase, depends_on=depends_on,
            priority=priority, type=type, params=params,
        )  # fmt: skip
        return _done(added.state(), "It starts with the next `run`, or with `agent_spawn`.")

    @tool(repeats=True)
    def task_set(
        self, *, id: Id,
        field: Annotated[str, Field(description="A dotted path: priority, depends_on, metadata.x.y ...")],
        value: Annotated[str, Field(description="Read by the field's type; in metadata and params YAML.")],
        text: Text = False,
        project: Named = None,
    ) -> told.Done:  # fmt: skip
        """Set one field of a task. What sow itself keeps (times, session, question) can't be set."""
        task = self._task(id, project)
        task.set(field, value, text=text)
        return _done(task.state(), f"{field} is set.")

    @tool(repeats=True)
    def task_describe(
        self, *, id: Id,
        description: Annotated[str, Field(description="What to do, as Markdown, in place of what stood.")],
        project: Named = None,
    ) -> told.Done:  # fmt: skip
        """Say anew what is to be done in a task. An agent that works on it already is not told."""
        task = self._task(id, project)
        task.set_description(description)
        return _done(task.state(), "Its description is this now.")

    @tool()
    def task_log(
        self, *, id: Id, text: Annotated[str, Field(description="What to note.")], project: Named = None
    ) -> told.Done:
        """Note something in a task's log, for whoever reads it later."""
        task = self._task(id, project)
        task.log(text)
        return _done(task.state(), "It is noted in its log.")

    @tool()
    def task_answer(
        self, *, id: Id,
        text: Annotated[
            str, Field(description="The answer. To a request for permission: an option, yes or no.")
        ],
        project: Named = None,
    ) -> told.Done:  # fmt: skip
        """Answer the question of a paused task.

        Its agent goes on at once where it waits for that, else with the next `run` or `agent_resume`.
        """
        done = self._task(id, project).answer(text)
        goes_on = (
            "Its agent waited for it, and goes on." if done.reached else "It goes on with the next `run`."
        )
        return _done(done.task, goes_on)

    @tool()
    def task_feedback(
        self, *, id: Id,
        text: Annotated[str, Field(description="What to do better.")],
        project: Named = None,
    ) -> told.Done:  # fmt: skip
        """Send work that was handed in back to its agent: the next iteration, in the same session."""
        return _done(
            self._task(id, project).send_back(text), "Its next iteration begins with the next `run`."
        )

    @tool()
    def task_approve(self, *, id: Id, project: Named = None) -> told.Approved:
        """Approve work that was handed in: it is merged into the project's branch, and completed.

        Read its `task_diff` first. `conflict` and `check failed` have sent it back to its agent; `blocked`
        waits until somebody has put away the files that are in the way.
        """
        return _approved(self._task(id, project).approve())

    @tool()
    def task_accept(self, *, id: Id, project: Named = None) -> told.Approved:
        """Take what is there of a paused or unfinished task as its result, and approve it."""
        return _approved(self._task(id, project).accept())

    @tool()
    def task_retry(
        self, *, id: Id,
        fresh: Annotated[
            bool, Field(description="In a new session, which is told what happened before.")
        ] = False,
        project: Named = None,
    ) -> told.Done:  # fmt: skip
        """Put a paused, waiting or abandoned task back among those that a run starts."""
        return _done(self._task(id, project).retry(fresh=fresh).task, "It starts with the next `run`.")

    @tool(destroys=True)
    def task_abandon(
        self, *, id: Id,
        reason: Annotated[str, Field(description="Why, for the log.")],
        project: Named = None,
    ) -> told.Done:  # fmt: skip
        """Give a task up. Its branch and worktree stay, and `task_retry` takes it up again."""
        return _done(self._task(id, project).abandon(reason), "Nothing of it was deleted.")

    @tool(repeats=True)
    def task_move(
        self, *, id: Id, phase: Annotated[str, Field(description="Where it goes.")], project: Named = None
    ) -> told.Done:
        """Move a task to another phase, while no agent is at work on it."""
        return _done(self._task(id, project).move(phase), "It was moved.")

    @tool(destroys=True)
    def task_remove(self, *, id: Id, project: Named = None) -> str:
        """Take a task out of the project. Its folder is kept aside, and its id is never given again.

        Refused while others depend on it, and while it has work that is not merged: abandon it then.
        """
        return f"It is kept in {self._task(id, project).remove()}"

    # -- agents -------------------------------------------------------------------------------

    @tool(lasts=True)
    def run(
        self, *,
        task: Annotated[str | None, Field(description="This task alone, by its id.")] = None,
        jobs: Annotated[int | None, Field(ge=1, le=256, description="How many agents at once.")] = None,
        budget: Annotated[
            float | None, Field(gt=0, description="Start nothing more once so many US dollars are spent.")
        ] = None,
        stay: Annotated[
            bool, Field(description="Go on for what is added and decided meanwhile; not with `wait`.")
        ] = False,
        wait: Wait = True,
        project: Named = None,
    ) -> told.Ran:  # fmt: skip
        """Let agents work on all tasks that are ready, until nothing can go on without a word of yours.

        It takes minutes or hours. Then answer and review what `waits` names, and run again. If this call is
        cancelled or you go, the agents work on, and the next run takes them up.
        """
        if stay and wait:
            raise Usage("stay and wait: that would never end", "with `stay`, set `wait` to false")
        there = self.desk.project(project)

        def act(watch: running.Watch, stop: Stop) -> running.Ran:
            return there.run(task=task, jobs=jobs, stay=stay, budget=budget, watch=watch, stop=stop)

        if stay:
            # Nothing may be ready for hours: what is wrong is told at once all the same.
            there.check_run(task)
            self.desk.background.leave_to_itself(act)
            return _goes_on(there)
        match self._waited(act) if wait else self.desk.background.start(act):
            case Note():
                return _goes_on(there)
            case done:
                spent = None if done.budget_usd is None else done.spent_usd
                tasks = tuple(map(told.Brief.of, done.tasks))
                return told.Ran(done.left_running, done.done, done.waits, tasks, spent)

    @tool(lasts=True)
    def agent_spawn(
        self, *,
        id: Annotated[str | None, Field(description="The task; a new one is added where absent.")] = None,
        prompt: Annotated[
            str, Field(description="Said instead of what the task calls for; of a new task, what to do.")
        ] = "",
        agent: Role = None,
        wait: Wait = True,
        project: Named = None,
    ) -> told.Turn:  # fmt: skip
        """Start the agent of one task, and stay until its turn ends: it hands in, asks, or fails.

        Without id it adds a task first, that `prompt` describes. For several at once, call `run`, or
        this with `wait` false.
        """
        there = self.desk.project(project)
        if id is None and not prompt:
            raise Usage("id and prompt are both missing", "name a task, or say what is to be done")

        def act(watch: running.Watch, stop: Stop) -> running.Driven:
            if id is None:
                return there.spawn(prompt, agent=agent or running.IMPLEMENTER, watch=watch, stop=stop)
            return there.task(id).spawn(prompt, agent=agent or "", watch=watch, stop=stop)

        return self._turn(act, wait=wait)

    @tool(lasts=True)
    def agent_resume(
        self, *, id: Id,
        prompt: Annotated[str, Field(description="Answers its question, or says what to do better.")],
        agent: Role = None,
        wait: Wait = True,
        project: Named = None,
    ) -> told.Turn:  # fmt: skip
        """Go on with the session of a task at once, and stay until that turn ends.

        The prompt answers its question, or sends its work back, or is what an unfinished one goes on with.
        """
        task = self._task(id, project)

        def act(watch: running.Watch, stop: Stop) -> running.Driven:
            return task.resume(prompt, agent=agent or "", watch=watch, stop=stop)

        return self._turn(act, wait=wait)

    @tool(destroys=True)
    def agent_stop(self, *, id: Id, project: Named = None) -> told.Done:
        """End the agent of a task, and all that it started. Its session is kept, to go on with later."""
        return _done(self._task(id, project).stop(), "Its agent is stopped.")

    def _waited(self, act: Act[Note, T]) -> T:
        call = calls.current()

        def watch(note: Note) -> None:
            if note.kind in _TOLD:
                call.tell(f"{f'task {note.task.id} ' if note.task else ''}{note.kind}: {note.text}")

        return act(watch, call.stop)

    def _turn(self, act: Act[Note, running.Driven], *, wait: bool) -> told.Turn:
        match self._waited(act) if wait else self.desk.background.start(act):
            case Note(task=State() as task):
                return told.Turn(told.Brief.of(task), True, "It works. See how it does with `status`.")
            case running.Driven(task, interrupted):
                note = "It goes on by itself." if interrupted else _after(task)
                return told.Turn(told.Brief.of(task), interrupted, note)
        raise AssertionError("a turn has a task")

    # -- the project --------------------------------------------------------------------------

    @tool()
    def project_new(
        self, *,
        description: Annotated[str, Field(description="What it is about, in a sentence.")],
        branch: Annotated[str | None, Field(description="It may exist; the type names it if absent.")] = None,
        type: Annotated[
            str | None, Field(description="standard, exploration, design, breakdown or one of your own.")
        ] = None,
        name: Annotated[str | None, Field(description="From the description where absent.")] = None,
    ) -> told.Begun:  # fmt: skip
        """Begin a project: a branch, a worktree and a state, all or nothing."""
        made = Repository(self.desk.caller).new(description, branch=branch, type=type, name=name)
        plan = made.plan
        return told.Begun(plan.name, plan.type, plan.branch, made.project.folder, tuple(made.notes))

    @tool(reads=True)
    def ways(self, *, project: Named = None) -> told.Standing:
        """See the state of the project, and what leads out of it: each step, and what bars it."""
        return self._standing(self.desk.project(project))

    @tool()
    def advance(
        self, *,
        event: Annotated[str | None, Field(description="The only open one where absent; see `ways`.")] = None,
        project: Named = None,
    ) -> told.Standing:  # fmt: skip
        """Take the project to its next state. What the new state asks for is told by `guidance`."""
        there = self.desk.project(project)
        there.advance(event)
        return self._standing(there)

    def _standing(self, there: Project) -> told.Standing:
        held = there.ways().as_json()
        for way in held["transitions"]:
            for unmet in way["unmet"]:
                unmet["remedy"] = self.worded(unmet["remedy"])
        return told.Standing(held["state"], [told.Way(**way) for way in held["transitions"]])

    @tool(repeats=True)
    def phase_set(
        self, *,
        field: Annotated[str, Field(description="status, enabled or metadata.x, as the type allows.")],
        value: Annotated[str, Field(description="Read by the field's type.")],
        phase: Phase = None,
        text: Text = False,
        project: Named = None,
    ) -> str:  # fmt: skip
        """Set one field of a phase, as a step to the next state may require."""
        there = self.desk.project(project).phase(phase)
        there.set(field, value, text=text)
        return f"{field} of phase {there.name} is set."

    @tool(reads=True)
    def artifact_list(
        self, *, of: Side, task: OfTask = None, phase: Phase = None, project: Named = None
    ) -> list[told.Artifact]:
        """List the files that a phase or a task takes in or brings out."""
        return worker.artifacts(self._artifacts(of, task, phase, project))

    @tool()
    def artifact_add(
        self, *, of: Side,
        type: Annotated[str, Field(description="As the project's type names it: review, summary ...")],
        path: worker.Place,
        approved: bool = False,
        metadata: Annotated[Table | None, Field(description="What its type asks for.")] = None,
        task: OfTask = None,
        phase: Phase = None,
        project: Named = None,
    ) -> told.Artifact:  # fmt: skip
        """Name a file that a phase or a task takes in or brings out; a step may require one."""
        held = self._artifacts(of, task, phase, project)
        return worker.add_artifact(held, type, path, approved=approved, metadata=metadata)

    @tool(repeats=True)
    def artifact_set(
        self, *, of: Side, index: worker.Index, field: worker.Part, value: worker.Given = None,
        text: Text = False,
        unset: worker.Unset = False,
        task: OfTask = None,
        phase: Phase = None,
        project: Named = None,
    ) -> str:  # fmt: skip
        """Change an artifact: approve it, or correct its path, its type or its metadata."""
        held = self._artifacts(of, task, phase, project)
        return worker.set_artifact(held, index, field, value, text=text, unset=unset)

    @tool()
    def artifact_remove(
        self, *, of: Side, index: worker.Index, task: OfTask = None, phase: Phase = None,
        project: Named = None,
    ) -> str:  # fmt: skip
        """Take an artifact off the list of a phase or a task; its file stays where it is."""
        return worker.remove_artifact(self._artifacts(of, task, phase, project), index)

    def _artifacts(
        self, of: Literal["inputs", "outputs"], task: str | None, phase: str | None, project: str | None
    ) -> Artifacts:
        if task and phase:
            raise Usage("task and phase: an artifact belongs to one of them", "name one")
        there = self.desk.project(project)
        owner = there.task(task) if task else there.phase(phase)
        return owner.inputs if of == "inputs" else owner.outputs


def _done(task: State, note: str) -> told.Done:
    return told.Done(told.Brief.of(task), note)


def _goes_on(there: Project) -> told.Ran:
    """What is told of a run that goes on behind its call."""
    return told.Ran(True, False, (), tuple(map(told.Brief.of, there.tasks().tasks)))


def _approved(done: sow.review.Approved) -> told.Approved:
    return told.Approved(told.Brief.of(done.task), done.how, done.commit, done.files, done.detail)


def _after(task: State) -> str:
    return {
        "needs_review": "Its work is handed in: read `task_diff`, then `task_approve` or `task_feedback`.",
        "paused": "It waits for an answer: `task_answer`, or `agent_resume` to go on at once.",
        "completed": "It is completed.",
    }.get(task.status, "It has not come to its end: `run` goes on with it.")
