"""The documents of the state as types, written by `python -m sow_schemas.generate`: do not edit.

For type checkers: what runs imports this under `TYPE_CHECKING` only.
"""

# ruff: noqa
# fmt: off

from typing import Any, Literal, NotRequired, TypedDict


class ArtifactState(TypedDict):
    """A file that a phase or a task takes in or brings out."""

    type: str
    """What the file is to the project: reference, feedback, log ... Set when the artifact is added, never
    cleared."""

    path: str
    """Where the file lies, relative to .sow/project/. Set when the artifact is added, never cleared."""

    approved: bool
    """Whether it was accepted. Set when the artifact is added, to true by an approval, back to false when
    that is withdrawn."""

    created_at: str
    """When the artifact was added. Set once, never changed."""

    metadata: NotRequired[dict[str, Any]]
    """Open: shaped by the artifact's type. Set by whoever adds the artifact, kept until they remove it. In a
    phase, sow sets `iteration` to the phase's when the artifact is added, and never changes it."""


Action = Literal["spawn", "resume", "attach"]


Reason = Literal[
    "start", "answer", "feedback", "nudge", "restart", "retry", "interrupted", "prompt", "attach"
]


Outcome = Literal["finished", "failed", "stopped", "lost", "attached"]


class Denial(TypedDict):
    """One refused call. Set when it is reported, never cleared."""

    tool: str
    """The tool. Set with the denial."""

    detail: str
    """What it was called with, in a line. Set with the denial, empty where it is not told."""

    reason: str
    """Why it was refused. Set with the denial, empty where it is not told."""


class Attempt(TypedDict):
    """One run of an executor's program: attempt.yaml in the attempt's own folder."""

    id: str
    """The attempt's name, unique in the project. Set when it is made, never changed."""

    task_id: str
    """The task that it works on. Set when it is made, never changed."""

    agent: str
    """The role. Set when it is made, never changed."""

    executor: str
    """The executor's name in the settings. Set when it is made, never changed."""

    session_id: NotRequired[str]
    """The conversation. Set before the start, or once the program names it where it chooses; never
    cleared."""

    iteration: int
    """The task's iteration. Set when it is made, never changed."""

    action: Action
    """Whether a session is opened, gone on with, or shown to a person. Set when it is made, never changed."""

    reason: NotRequired[Reason]
    """Why it was made: the task's first start, a person's answer or feedback, a question to a silent agent,
    another way into the same session, a try after a failure, an interruption, a prompt given by hand, or a
    person on a terminal. Set when it is made, never changed."""

    run_id: str
    """The run of the orchestrator that made it. Set when it is made, never changed."""

    folder: str
    """Absolute path of the folder in which the program works. Set when it is made, never changed."""

    argv: list[str]
    """The command as it is run. Set when it is made, never changed."""

    created_at: str
    """When it was made. Set once, never changed."""

    started_at: NotRequired[str]
    """When the program was started. Set then; absent in an attempt that never was."""

    ended_at: NotRequired[str]
    """When its end was recorded. Set then, never cleared."""

    pid: NotRequired[int]
    """The process id. Set at the start, never cleared; it names a process only together with `start_ticks`
    and `boot_id`."""

    start_ticks: NotRequired[int]
    """The process's start, in clock ticks since the boot. Set with `pid`, never cleared."""

    boot_id: NotRequired[str]
    """The boot of the machine in which `pid` is meant. Set with `pid`, never cleared."""

    exit_code: NotRequired[int]
    """The program's exit code. Set at its end where it exited by itself, never cleared."""

    signal: NotRequired[int]
    """The number of the signal that ended the program. Set at its end where one did, never cleared."""

    outcome: NotRequired[Outcome]
    """How the attempt ended. Set with `ended_at`, never cleared."""

    error_class: NotRequired[str]
    """The class of the failure. Set at the end of a failed attempt, never cleared."""

    message: NotRequired[str]
    """The last word of the agent, or what failed. Set at the end where there is one, never cleared."""

    cost_usd: NotRequired[float]
    """US dollars spent. Set once the program names a price, raised with it, never cleared."""

    input_tokens: NotRequired[int]
    """Tokens read, without cached ones. Set once the program tells, raised with it, never cleared."""

    output_tokens: NotRequired[int]
    """Tokens written. Set once the program tells, raised with it, never cleared."""

    cached_tokens: NotRequired[int]
    """Tokens read from the cache. Set once the program tells, raised with it, never cleared."""

    denials: NotRequired[list[Denial]]
    """Tool calls that the agent was refused. Set at the first of them, added to, never cleared."""

    turns: NotRequired[int]
    """Exchanges with the model: as many as the program tells, or as were seen of one that did not come to its
    end. Set at the end, never cleared."""

    peak_memory: NotRequired[int]
    """The most memory, in bytes, that its processes held together at any look. Set at the first look, raised
    with it, never cleared."""

    cpu_seconds: NotRequired[float]
    """Seconds of processor time that its processes used together. Set at the first look, raised with it,
    never cleared."""

    left_out: NotRequired[int]
    """How many bytes of its transcript were not kept, because it printed more than transcript_bytes. Set at
    the end, never cleared; absent where all is there."""


class AttemptChanges(TypedDict, total=False):
    """Some fields of Attempt, as `replace` takes them; None takes away one that need not be there."""

    id: str
    task_id: str
    agent: str
    executor: str
    session_id: str | None
    iteration: int
    action: Action
    reason: Reason | None
    run_id: str
    folder: str
    argv: list[str]
    created_at: str
    started_at: str | None
    ended_at: str | None
    pid: int | None
    start_ticks: int | None
    boot_id: str | None
    exit_code: int | None
    signal: int | None
    outcome: Outcome | None
    error_class: str | None
    message: str | None
    cost_usd: float | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    denials: list[Denial] | None
    turns: int | None
    peak_memory: int | None
    cpu_seconds: float | None
    left_out: int | None


Actor = Literal["person", "orchestrator", "worker", "policy", "executor"]


class Event(TypedDict):
    """One line of the event log. The types below have the payload that is written here; a type that is not
    known may have any."""

    ts: str
    """When it happened, in UTC with milliseconds. Set when the line is written, never changed."""

    run_id: str | None
    """The run of the orchestrator. Set when the line is written, null outside a run."""

    task_id: str | None
    """The task. Set when the line is written, null for what concerns the project."""

    type: str
    """What happened. Set when the line is written, never changed."""

    payload: dict[str, Any]
    """What is to be known of it, by type. Set when the line is written, never changed."""

    seq: int
    """A task's own count of events. Set when the line is written, under the task's lock; never changed."""

    actor: Actor
    """Who did it. Set when the line is written, never changed."""


EventType = Literal[
    "task.created", "task.started", "stage.progress", "artifact.written", "artifact.changed",
    "artifact.removed", "task.completed", "task.failed", "task.paused", "task.resumed", "task.needs_review",
    "task.feedback", "task.abandoned", "task.retry_scheduled", "task.changed", "task.moved", "task.removed",
    "task.restored", "session.started", "attempt.started", "attempt.ended", "agent.message", "agent.tool",
    "usage.updated", "merge.done", "merge.conflict", "teardown.failed", "lock.broken", "run.started",
    "run.ended", "project.created", "project.advanced", "project.split", "project.changed", "file.restored",
    "branch.moved", "project.continued", "project.finished", "project.deleted", "phase.changed",
    "tool.denied", "limit.reached", "limit.warning", "limit.lifted", "inbox.taken", "inbox.refused"
]


class TaskCreated(TypedDict):
    """A task came to be."""

    input: str
    """What to do, or the path of the file that says it. Set with the event."""


class TaskStarted(TypedDict):
    """A task began its work."""

    pipeline: list[str]
    """The stages that it goes through, in order. Set with the event."""


class StageProgress(TypedDict):
    """A stage got on."""

    stage: str
    """The stage. Set with the event."""

    progress: float
    """How much of it is done, from 0 to 1. Set with the event."""

    msg: str
    """What is being done. Set with the event."""


class ArtifactWritten(TypedDict):
    """A file came out."""

    path: str
    """Where it lies. Set with the event."""

    kind: str
    """What it is. Set with the event."""


class ArtifactChanged(TypedDict):
    """Fields of an artifact are another."""

    path: str
    """Where it lies. Set with the event."""

    kind: str
    """What it is. Set with the event."""

    fields: list[str]
    """Their paths. Set with the event."""


class ArtifactRemoved(TypedDict):
    """A file is no artifact any longer; it stays where it lies."""

    path: str
    """Where it lies. Set with the event."""

    kind: str
    """What it was. Set with the event."""


class TaskCompleted(TypedDict):
    """A task was completed."""

    duration_sec: float
    """Seconds from its first start to its end. Set with the event."""


class TaskFailed(TypedDict):
    """A task failed."""

    error: str
    """What failed. Set with the event."""

    stack: str
    """Where in a program it failed; empty where that is not known. Set with the event."""


QuestionKind = Literal["question", "permission", "failure", "cap"]


class TaskPaused(TypedDict):
    """A task waits for a person."""

    question: str
    """What is asked. Set with the event."""

    kind: QuestionKind
    """What is wanted. Set with the event."""


class TaskResumed(TypedDict):
    """A paused task goes on."""

    by: str
    """Who let it go on. Set with the event."""

    answer: NotRequired[str]
    """What a person answered. Set with the event where the task was paused and it was an answer that let it
    go on."""


class TaskNeedsReview(TypedDict):
    """A task's work waits for its review."""

    summary: str
    """What was done. Set with the event."""


class TaskFeedback(TypedDict):
    """A review asked for changes."""

    iteration: int
    """The iteration that it opens. Set with the event."""

    feedback: str
    """What to do better, or the path of the file that says it. Set with the event."""


class TaskAbandoned(TypedDict):
    """A task was given up."""

    reason: str
    """Why. Set with the event."""


class TaskRetryScheduled(TypedDict):
    """A task is tried again later."""

    not_before: str
    """When at the earliest. Set with the event."""

    reason: str
    """Why. Set with the event."""


class TaskChanged(TypedDict):
    """Fields of a task were changed."""

    fields: list[str]
    """Their names. Set with the event."""


class TaskMoved(TypedDict):
    """A task went to another phase."""

    source: str
    """The phase that it left. Set with the event."""

    target: str
    """The phase that it is in. Set with the event."""


class TaskRemoved(TypedDict):
    """A task was taken out of the project; its folder is kept."""

    name: str
    """What it was called. Set with the event."""


class TaskRestored(TypedDict):
    """Its last good copy took the place of a state file that was broken, gone, or changed by hand as only
    commands may."""

    kept: str
    """The name under which what lay there is kept beside; empty where there was nothing. Set with the
    event."""

    changes: NotRequired[list[str]]
    """What the file said otherwise, each with the old and the new value; empty where it could not be read.
    Set with the event, where agents were at work."""


class SessionStarted(TypedDict):
    """An agent's conversation began."""

    session_id: str
    """Its id. Set with the event."""

    executor: str
    """The executor that owns it. Set with the event."""


class AttemptStarted(TypedDict):
    """An executor's program was started."""

    attempt: str
    """The attempt. Set with the event."""

    pid: int
    """Its process id. Set with the event."""

    executor: str
    """The executor. Set with the event."""

    action: Action
    """What it does with the session. Set with the event."""


class AttemptEnded(TypedDict):
    """An executor's program ended."""

    attempt: str
    """The attempt. Set with the event."""

    outcome: Outcome
    """How it ended. Set with the event."""

    exit_code: int | None
    """The exit code, negative for a signal. Set with the event, null where it is lost."""

    peak_memory: NotRequired[int]
    """The most memory, in bytes, that its processes held together. Set with the event where it was looked
    at."""

    cpu_seconds: NotRequired[float]
    """Seconds of processor time that its processes used. Set with the event where it was looked at."""


class AgentMessage(TypedDict):
    """An agent said something."""

    text: str
    """Its words. Set with the event."""


class AgentTool(TypedDict):
    """An agent called a tool."""

    tool: str
    """The tool. Set with the event."""

    detail: str
    """What it was called with, in a line. Set with the event."""


class UsageUpdated(TypedDict):
    """An agent used up something."""

    usd: float | None
    """US dollars. Set with the event, null where the program names no price."""

    input_tokens: int
    """Tokens read. Set with the event."""

    output_tokens: int
    """Tokens written. Set with the event."""


class MergeDone(TypedDict):
    """A task's work was merged."""

    commit: str
    """The merge. Set with the event."""

    branch: str
    """The branch that was merged. Set with the event."""


class MergeConflict(TypedDict):
    """A task's work could not be merged."""

    files: list[str]
    """The files in conflict. Set with the event."""


class TeardownFailed(TypedDict):
    """A command that clears up before a worktree goes did not end well; the worktree went all the same."""

    folder: str
    """The worktree. Set with the event."""

    command: str
    """The command. Set with the event."""

    how: str
    """How it ended. Set with the event."""

    output: str
    """The last lines that it printed. Set with the event."""


class LockBroken(TypedDict):
    """A lease was taken over from a dead holder."""

    lease: str
    """The lease. Set with the event."""

    holder: str
    """Who held it. Set with the event."""


class RunStarted(TypedDict):
    """An orchestrator began."""

    jobs: int
    """How many tasks it runs at once. Set with the event."""


class RunEnded(TypedDict):
    """An orchestrator ended."""

    reason: str
    """Why. Set with the event."""


class ProjectCreated(TypedDict):
    """A project came to be."""

    name: str
    """Its name. Set with the event."""

    branch: str
    """Its branch. Set with the event."""


class ProjectAdvanced(TypedDict):
    """The project went on to another state."""

    event: str
    """The transition that was taken. Set with the event."""

    source: str
    """The state that it left. Set with the event."""

    target: str
    """The state that it is in now. Set with the event."""


class ProjectSplit(TypedDict):
    """Phases and tasks of an old project, which lay in its own file, got files of their own."""

    tasks: int
    """How many tasks there were. Set with the event."""

    renumbered: dict[str, str]
    """The tasks whose id another phase had given before, as `finalization/010`, each with its new id. Set
    with the event."""


class ProjectChanged(TypedDict):
    """Fields of the project's own document are another."""

    fields: list[str]
    """Their paths. Set with the event."""


class FileRestored(TypedDict):
    """The last good copy took the place of a state file of the project's, its type's or a phase's, which was
    changed beside sow while agents were at work."""

    file: str
    """Its path below `.sow/project/`. Set with the event."""

    kept: str
    """The name under which what lay there is kept beside; empty where there was nothing. Set with the
    event."""

    changes: list[str]
    """What it said otherwise, each with the old and the new value; empty where it could not be read. Set with
    the event."""


class BranchMoved(TypedDict):
    """A branch stands elsewhere, and neither sow nor its own agent moved it: the project's, which lost
    commits, or that of a task which is to be reviewed."""

    branch: str
    """Its name. Set with the event."""

    before: str
    """The commit that it stood at. Set with the event."""

    after: str
    """The commit that it stands at; empty where it is gone. Set with the event."""


class ProjectContinued(TypedDict):
    """A project whose branch came from elsewhere, or was left here, is gone on with."""

    name: str
    """The project's name. Set with the event."""

    branch: str
    """Its branch. Set with the event."""


FinishHow = Literal["pr", "merge", "leave"]


class ProjectFinished(TypedDict):
    """A project was brought home, and its state was taken off its branch."""

    name: str
    """The project's name. Set with the event."""

    branch: str
    """Its branch. Set with the event."""

    how: FinishHow
    """By a pull request, by a merge, or by leaving the branch, or the files outside of git. Set with the
    event."""

    target: NotRequired[str]
    """The branch that the work goes to. Set with the event; absent where the branch was left."""

    commit: NotRequired[str]
    """The merge. Set with the event where there was one."""

    pull_request: NotRequired[str]
    """Where the pull request is. Set with the event where there is one."""

    gates: list[str]
    """The gates on the project's way to its end that were not passed. Set with the event."""


class ProjectDeleted(TypedDict):
    """A project was taken away without being brought home."""

    name: str
    """The project's name. Set with the event."""

    branch: str
    """Its branch. Set with the event."""


class PhaseChanged(TypedDict):
    """Fields of a phase are another."""

    phase: str
    """The phase. Set with the event."""

    fields: list[str]
    """Their paths. Set with the event."""


class ToolDenied(TypedDict):
    """An agent was refused a tool."""

    tool: str
    """The tool. Set with the event."""

    detail: str
    """What it was called with, in a line. Set with the event."""


class LimitReached(TypedDict):
    """The limit of an account is used up: no task that uses it is started for a while."""

    executor: str
    """The executor that met it, by name. Set with the event."""

    account: str
    """The account, by the name of its file in sow's state folder. Set with the event."""

    limit: str
    """The limit's name, as the program has it; empty where it names none. Set with the event."""

    model: NotRequired[str]
    """A word in the names of the models that it is for. Set with the event, absent where it is for all."""

    until: str
    """When the next start is tried. Set with the event."""


class LimitWarning(TypedDict):
    """The limit of an account is nearly used up. Told once for each window and mark."""

    executor: str
    """The executor that met it, by name. Set with the event."""

    account: str
    """The account, by the name of its file in sow's state folder. Set with the event."""

    limit: str
    """The limit's name, as the program has it; empty where it names none. Set with the event."""

    model: NotRequired[str]
    """A word in the names of the models that it is for. Set with the event, absent where it is for all."""

    used: NotRequired[float]
    """How much is used, in percent. Set with the event, absent where the program does not say."""

    resets_at: NotRequired[str]
    """When the limit begins anew. Set with the event, absent where the program does not say."""


class LimitLifted(TypedDict):
    """The limit of an account is over sooner than was said: an agent that was started in spite of it
    works."""

    executor: str
    """The executor that met it, by name. Set with the event."""

    account: str
    """The account, by the name of its file in sow's state folder. Set with the event."""


class InboxTaken(TypedDict):
    """A file of the inbox folder became tasks, or changed some."""

    file: str
    """The file, below .sow/inbox/. Set with the event."""

    added: list[str]
    """The tasks that came with it. Set with the event."""

    updated: list[str]
    """The tasks that it changed. Set with the event."""


class InboxRefused(TypedDict):
    """A file of the inbox folder, or some of its records, could not be taken."""

    file: str
    """The file, below .sow/inbox/. Set with the event."""

    reason: str
    """Why, with the first of several. Set with the event."""


EventPayload = (
    TaskCreated | TaskStarted | StageProgress | ArtifactWritten | ArtifactChanged | ArtifactRemoved |
    TaskCompleted | TaskFailed | TaskPaused | TaskResumed | TaskNeedsReview | TaskFeedback | TaskAbandoned |
    TaskRetryScheduled | TaskChanged | TaskMoved | TaskRemoved | TaskRestored | SessionStarted |
    AttemptStarted | AttemptEnded | AgentMessage | AgentTool | UsageUpdated | MergeDone | MergeConflict |
    TeardownFailed | LockBroken | RunStarted | RunEnded | ProjectCreated | ProjectAdvanced | ProjectSplit |
    ProjectChanged | FileRestored | BranchMoved | ProjectContinued | ProjectFinished | ProjectDeleted |
    PhaseChanged | ToolDenied | LimitReached | LimitWarning | LimitLifted | InboxTaken | InboxRefused
)


class MetLimit(TypedDict):
    """A limit that is used up."""

    limit: str
    """Its name, as the program has it; empty where it names none. Set with the limit."""

    model: NotRequired[str]
    """A word in the names of the models that it is for. Set with the limit, absent where it is for all."""

    setting: str
    """The model that the one who met it was set to; empty for the program's own. Set with the limit."""

    met_at: str
    """When it was met last. Set with the limit, replaced when it is met again."""

    until: str
    """When the next start is tried. Set with the limit, brought forward when it is lifted; the limit is
    forgotten a while after it."""

    told: bool
    """Whether the program said when it ends; else the time is a guess. Set with the limit."""


class LimitWarned(TypedDict):
    """A warning that was told."""

    limit: str
    """The limit's name, as the program has it. Set with the warning."""

    model: NotRequired[str]
    """A word in the names of the models that it is for. Set with the limit, absent where it is for all."""

    used: NotRequired[float]
    """How much is used, in percent. Set with the warning, absent where the program does not say."""

    mark: float
    """The mark that was passed, in percent. Set with the warning."""

    resets_at: NotRequired[str]
    """When the limit begins anew. Set with the warning, absent where the program does not say."""

    told_at: str
    """When it was told. Set with the warning."""


class LimitTry(TypedDict):
    """A task that may be started in spite of the limits."""

    folder: str
    """The folder of its project. Set with the try."""

    task: str
    """Its id. Set with the try."""


class LimitPool(TypedDict):
    """What is known of the limits of one account, as sow/limits/<account>.json in the user's state folder
    holds it, for every project of that user on every run. It holds no secret."""

    account: str
    """The executor's type and a fingerprint of what decides whose account it is. Set with the file, never
    changed."""

    executor: str
    """The executor that used it last, by the name that its user gave it. Set with the file, replaced by each
    later limit or warning."""

    limits: list[MetLimit]
    """The limits that are used up, or were a short while ago. Set when one is met, cleared a while after its
    end."""

    warnings: list[LimitWarned]
    """The warnings that were told, the last of each limit. Set by a warning, cleared when the limit begins
    anew."""

    tries: list[LimitTry]
    """The tasks that a person lets try at once. Set by `sow task retry`, cleared by their start and with the
    limits."""

    next_start: NotRequired[str]
    """When the next task may be started, after a limit has ended: one after the other. Set by a start,
    cleared with the limits."""


class PhaseFile(TypedDict):
    """A PhaseState as its file holds it: without `tasks`."""

    status: str
    """Where the phase stands; the words are the project type's. Set when the project begins, changed by its
    statechart or a person, never cleared."""

    enabled: bool
    """Whether the project goes through this phase. Set when the project begins; a person may change it; never
    cleared."""

    created_at: str
    """When the phase was made. Set once, never changed."""

    started_at: NotRequired[str]
    """When the phase was first entered. Set then, never cleared."""

    completed_at: NotRequired[str]
    """When the phase was completed. Set then, cleared when it is entered again."""

    failed_at: NotRequired[str]
    """When the phase failed. Set then, cleared when it is entered again."""

    iteration: NotRequired[int]
    """How often the phase was entered, from 1. Set at the first entry, raised by each later one, never
    cleared."""

    metadata: NotRequired[dict[str, Any]]
    """Open: shaped by the project's type. Set by the type or a person, kept until they remove it."""

    inputs: list[ArtifactState]
    """What the phase takes in. Set to an empty list when the phase is made, never cleared."""

    outputs: list[ArtifactState]
    """What the phase brings out. Set to an empty list when the phase is made, never cleared."""


Status = Literal["pending", "in_progress", "paused", "needs_review", "completed", "abandoned"]


Priority = Literal["critical", "high", "normal", "low"]


class Answer(TypedDict):
    """An answer or feedback that the next resume delivers. Set by a person's answer, cleared once it is
    delivered."""

    text: str
    """The words to deliver. Set and cleared with the answer."""

    by: str
    """Who gave it. Set and cleared with the answer."""

    at: str
    """When it was given. Set and cleared with the answer."""


class Approval(TypedDict):
    """The work is approved and its merge still pending. Set by an approval, cleared by the merge, and by a
    conflict, which takes the approval back."""

    by: str
    """Who approved. Set and cleared with the approval."""

    at: str
    """When it was approved. Set and cleared with the approval."""


class Question(TypedDict):
    """Why the task is paused. Set by the pause, cleared by the answer and by every other move out of
    paused."""

    text: str
    """What is asked. Set and cleared with the question."""

    options: NotRequired[list[str]]
    """Answers to choose from. Set where the one who asks offers some, cleared with the question."""

    kind: QuestionKind
    """Whether an answer, a permission, a decision about a failure or about a reached cap is wanted. Set and
    cleared with the question."""

    by: str
    """Who asks: the agent's role, or the orchestrator. Set and cleared with the question."""

    asked_at: str
    """When it was asked. Set and cleared with the question."""


ErrorType = Literal["runtime", "timeout", "validation", "resource", "network", "system", "user", "unknown"]


class TaskError(TypedDict):
    """What went wrong with a task. Exactly six fields: a wire format that other programs read. What sow's
    error system adds is its sibling, `error_detail`."""

    error_type: ErrorType
    """The kind of failure. Set by the failure, cleared with the error."""

    message: str
    """What failed, for a person. Set by the failure, cleared with the error."""

    timestamp: str
    """When it failed. Set by the failure, cleared with the error."""

    traceback: NotRequired[str | None]
    """Where in a program it failed. Set where there is one, else null or absent; cleared with the error."""

    retry_count: NotRequired[int]
    """Tries again since the failure. Set to zero by the failure, raised by each try, back at zero with each
    iteration and each answer."""

    is_retryable: NotRequired[bool]
    """Whether another try can help. Set by the failure, cleared with the error."""


ResultStatus = Literal["success", "error"]


class SuccessResult(TypedDict):
    """What a task that succeeded brings out."""

    status: Literal["success"]
    """How it came out. Set with the result, cleared with it."""

    message: NotRequired[str]
    """What came out, for a person. Set with the result, always there in an error; cleared with the result."""

    data: NotRequired[dict[str, Any]]
    """Open: what the task brings out, for programs. Set in a success only, cleared with the result."""


class ErrorResult(TypedDict):
    """Why a task failed for good."""

    status: Literal["error"]
    """How it came out. Set with the result, cleared with it."""

    message: str
    """What came out, for a person. Set with the result, always there in an error; cleared with the result."""

    error_code: str
    """What went wrong, in upper case (AGENT_ERROR, FILE_NOT_FOUND, API_ERROR, VALIDATION_ERROR, TIMEOUT ...).
    Set in an error only, cleared with the result."""

    details: NotRequired[dict[str, Any]]
    """Open: what is known of the error, for programs. Set in an error only, cleared with the result."""


Result = SuccessResult | ErrorResult


class TaskState(TypedDict):
    """One task, as phases/<phase>/tasks/<id>/state.yaml holds it. The fields up to `metadata` are those of
    the original program; the ones below are sow's own, all optional, so that every file of the original stays
    valid."""

    id: str
    """Set when the task is made and never changed or given again. Numbered with gaps (010, 020), so that one
    can be put between."""

    name: str
    """What a person calls the task. Set when it is made; a person may change it; never cleared."""

    phase: str
    """The phase that the task belongs to. Set when the task is made, never cleared."""

    status: Status
    """Where the task stands. Set to pending when the task is made, changed by its moves only, never
    cleared."""

    created_at: str
    """When the task was made. Set once, never changed."""

    started_at: NotRequired[str]
    """When the task was first started. Set at the first start, kept through every iteration."""

    updated_at: str
    """When this file was last changed. Set by every write."""

    completed_at: NotRequired[str]
    """When the task ended. Set when it becomes completed or abandoned, cleared when it is opened again."""

    iteration: int
    """The round of work and review. Set to 1 when the task is made, raised by feedback and by a retry of an
    abandoned task, never lowered."""

    assigned_agent: str
    """The role that does the work. Set when the task is made; a person may change it; never cleared."""

    session_id: NotRequired[str]
    """The agent's conversation. Set before the first spawn, kept through pauses, reviews and every iteration,
    cleared when the task is completed or abandoned."""

    inputs: list[ArtifactState]
    """What the task takes in. Set to an empty list when the task is made, never cleared."""

    outputs: list[ArtifactState]
    """What the task brings out. Set to an empty list when the task is made, never cleared."""

    metadata: NotRequired[dict[str, Any]]
    """Open: shaped by the project's type. What was imported keeps its origin in `source`. Set by a person, an
    import or the project's type; kept until they remove it."""

    priority: NotRequired[Priority]
    """Which ready task goes first. Set by a person; cleared by hand only; normal where it is absent."""

    depends_on: NotRequired[list[str]]
    """Ids of the tasks that must all be completed first. Set when the task is made or by a person; kept when
    they are completed."""

    task_type: NotRequired[str]
    """Routes the task to an agent and gives `params` their schema. Set when the task is made, kept to the
    end."""

    params: NotRequired[dict[str, Any]]
    """The task type's own parameters. Set when the task is made, kept to the end."""

    executor: NotRequired[str]
    """The executor that owns `session_id`: a resume goes back to it whatever the bindings say now. Set with
    `session_id` or by a person, cleared with `session_id`."""

    not_before: NotRequired[str]
    """The task is not started earlier. Set by a retry that waits (a limit's reset, a back-off), cleared by
    the next start."""

    fresh: NotRequired[bool]
    """The next start opens a new session, with a hand-over. Set by a decision against the old session,
    cleared by that start."""

    answer: NotRequired[Answer]
    """An answer or feedback that the next resume delivers. Set by a person's answer, cleared once it is
    delivered."""

    approval: NotRequired[Approval]
    """The work is approved and its merge still pending. Set by an approval, cleared by the merge, and by a
    conflict, which takes the approval back."""

    worktree: NotRequired[str]
    """The folder in which the task works. Set before the first spawn, cleared when the worktree is
    removed."""

    question: NotRequired[Question]
    """Why the task is paused. Set by the pause, cleared by the answer and by every other move out of
    paused."""

    error: NotRequired[TaskError]
    """What went wrong last. Set by a failure, cleared when an attempt gets past the point of failure."""

    error_detail: NotRequired[dict[str, Any]]
    """What the error system knows of `error` beyond its six fields: class, confidence, suggestion, exit code.
    Set and cleared with `error`."""

    result: NotRequired[Result]
    """What came out. Set when the worker reports or the task fails for good, cleared when the next iteration
    begins; an error also when the task is completed all the same."""

    attempts: NotRequired[int]
    """Runs of an executor in this iteration. Set to 1 by the first start, raised by each later one, back at
    zero with each iteration and each answer."""

    base: NotRequired[str]
    """The commit on which the task's branch began. Set when its worktree is made, kept to the end."""

    branch: NotRequired[str]
    """The task's branch. Set when its worktree is made, kept to the end."""

    commit: NotRequired[str]
    """The commit that holds the task's work. Set when the work is handed in, replaced by each later one and
    by the merge."""


class TaskStateChanges(TypedDict, total=False):
    """Some fields of TaskState, as `replace` takes them; None takes away one that need not be there."""

    id: str
    name: str
    phase: str
    status: Status
    created_at: str
    started_at: str | None
    updated_at: str
    completed_at: str | None
    iteration: int
    assigned_agent: str
    session_id: str | None
    inputs: list[ArtifactState]
    outputs: list[ArtifactState]
    metadata: dict[str, Any] | None
    priority: Priority | None
    depends_on: list[str] | None
    task_type: str | None
    params: dict[str, Any] | None
    executor: str | None
    not_before: str | None
    fresh: bool | None
    answer: Answer | None
    approval: Approval | None
    worktree: str | None
    question: Question | None
    error: TaskError | None
    error_detail: dict[str, Any] | None
    result: Result | None
    attempts: int | None
    base: str | None
    branch: str | None
    commit: str | None


class PhaseState(TypedDict):
    """A phase of a project, whole: with its tasks. On disk it has none (see `phase_file`), for they are files
    of their own."""

    status: str
    """Where the phase stands; the words are the project type's. Set when the project begins, changed by its
    statechart or a person, never cleared."""

    enabled: bool
    """Whether the project goes through this phase. Set when the project begins; a person may change it; never
    cleared."""

    created_at: str
    """When the phase was made. Set once, never changed."""

    started_at: NotRequired[str]
    """When the phase was first entered. Set then, never cleared."""

    completed_at: NotRequired[str]
    """When the phase was completed. Set then, cleared when it is entered again."""

    failed_at: NotRequired[str]
    """When the phase failed. Set then, cleared when it is entered again."""

    iteration: NotRequired[int]
    """How often the phase was entered, from 1. Set at the first entry, raised by each later one, never
    cleared."""

    metadata: NotRequired[dict[str, Any]]
    """Open: shaped by the project's type. Set by the type or a person, kept until they remove it."""

    inputs: list[ArtifactState]
    """What the phase takes in. Set to an empty list when the phase is made, never cleared."""

    outputs: list[ArtifactState]
    """What the phase brings out. Set to an empty list when the phase is made, never cleared."""

    tasks: list[TaskState]
    """The phase's tasks by id. Set in the whole document only; there it is never absent."""


class Statechart(TypedDict):
    """Where the project stands in its type's statechart. Set when the project is made, changed by its moves,
    never cleared."""

    current_state: str
    """The state's name in the type. Set when the project is made, changed by every transition, never
    cleared."""

    updated_at: str
    """When that state was entered. Set by every transition."""


class ProjectFile(TypedDict):
    """A ProjectState as its file holds it: without `phases`."""

    name: str
    """The project's name: two or more small letters, digits and inner hyphens. Set when the project is made,
    never changed."""

    type: str
    """The project's type: standard, exploration, design, breakdown or the user's own. Set when the project is
    made, never changed."""

    branch: str
    """The git branch that the project is. Set when the project is made, never cleared."""

    description: NotRequired[str]
    """What the project is for, in a person's words. Set when the project is made or by a person, cleared by
    hand only."""

    created_at: str
    """When the project was made. Set once, never changed."""

    updated_at: str
    """When the project was last changed. Set by every write."""

    statechart: Statechart
    """Where the project stands in its type's statechart. Set when the project is made, changed by its moves,
    never cleared."""

    agent_sessions: NotRequired[dict[str, str]]
    """Sessions of agents that belong to no task (the planner, an orchestrator), by role. Set before such an
    agent's first spawn, an entry cleared when its session is given up."""


class ProjectState(TypedDict):
    """A project, whole: with its phases and their tasks. On disk it has no phases (see `project_file`), for
    they are files of their own."""

    name: str
    """The project's name: two or more small letters, digits and inner hyphens. Set when the project is made,
    never changed."""

    type: str
    """The project's type: standard, exploration, design, breakdown or the user's own. Set when the project is
    made, never changed."""

    branch: str
    """The git branch that the project is. Set when the project is made, never cleared."""

    description: NotRequired[str]
    """What the project is for, in a person's words. Set when the project is made or by a person, cleared by
    hand only."""

    created_at: str
    """When the project was made. Set once, never changed."""

    updated_at: str
    """When the project was last changed. Set by every write."""

    phases: dict[str, PhaseState]
    """The phases by name. Set in the whole document only; there it is never absent."""

    statechart: Statechart
    """Where the project stands in its type's statechart. Set when the project is made, changed by its moves,
    never cleared."""

    agent_sessions: NotRequired[dict[str, str]]
    """Sessions of agents that belong to no task (the planner, an orchestrator), by role. Set before such an
    agent's first spawn, an entry cleared when its session is given up."""


class Carry(TypedDict):
    """Its newest output of a type becomes an input of another phase. Set where work goes on with it."""

    type: str
    """The type of artifact. Set with it, never absent."""

    to: str
    """The phase that takes it in. Set with it, never absent."""


class Effect(TypedDict):
    """What becomes of one phase together with the change of state."""

    phase: str
    """The phase. Set with the effect, never absent."""

    enter: NotRequired[bool]
    """The phase is entered: its iteration goes up by one, it is in progress (or in `status`), and its ends
    are taken back. Set where it is."""

    status: NotRequired[str]
    """The phase's status from now on; `completed` and `failed` note the time. Set where it changes."""

    metadata: NotRequired[dict[str, Any]]
    """Fields of its metadata and their values from now on; null removes one. Set where a gate closes
    again."""

    carry: NotRequired[Carry]
    """Its newest output of a type becomes an input of another phase. Set where work goes on with it."""


class Initial(TypedDict):
    """How a project begins. Set by the type's author, never absent."""

    state: str
    """The state that it begins in. Set by the type's author, never absent."""

    event: NotRequired[str]
    """The transition that its making fires at once. Set where there is one."""

    effects: NotRequired[list[Effect]]
    """What becomes of its phases at once. Set where no event does it."""


class Completion(TypedDict):
    """What the completion of a task asks for beyond its approval. Set by the type's author."""

    artifact: str
    """The field of the task's metadata that names a path: where it does, the phase's outputs must have an
    artifact of that path, and the completion approves it. Set with it, never absent."""


class PhaseType(TypedDict):
    """One phase."""

    tasks: NotRequired[bool]
    """Whether it has tasks. Set by the type's author."""

    inputs: NotRequired[list[str]]
    """The types of artifacts that it takes in. Set by the type's author; any where it is absent."""

    outputs: NotRequired[list[str]]
    """The types of artifacts that it brings out. Set by the type's author; any where it is absent."""

    statuses: NotRequired[list[str]]
    """Statuses that it may have besides pending, in_progress, completed, failed and skipped. Set by the
    type's author."""

    metadata: NotRequired[dict[str, Any]]
    """The JSON Schema of the phase's metadata, checked at each write. Set by the type's author; anything goes
    where it is absent."""

    task_metadata: NotRequired[dict[str, Any]]
    """The JSON Schema of the metadata of its tasks, checked at each write. Set by the type's author; anything
    goes where it is absent."""

    completion: NotRequired[Completion]
    """What the completion of a task asks for beyond its approval. Set by the type's author."""


class MetadataGuard(TypedDict):
    """A field of a phase's metadata has a value. Set where the guard is of this kind."""

    phase: NotRequired[str]
    """The phase that it looks at. Set where that is not the state's own phase."""

    field: str
    """The field, a dotted path. Set with the guard, never absent."""

    equals: Any
    """The value that it must have. Set with the guard, never absent."""


class TasksGuard(TypedDict):
    """The tasks of a phase have come so far. Set where the guard is of this kind."""

    phase: NotRequired[str]
    """The phase that it looks at. Set where that is not the state's own phase."""

    at_least: NotRequired[int]
    """So many tasks there are. Set where there must be any; 0 where it is absent."""

    all: NotRequired[list[Status]]
    """Every task is in one of these statuses. Set where that counts; any status will do where it is
    absent."""

    completed: NotRequired[int]
    """So many tasks are completed. Set where that counts; 0 where it is absent."""


ArtifactList = Literal["inputs", "outputs"]


Which = Literal["all", "any", "newest"]


class ArtifactsGuard(TypedDict):
    """The artifacts of one type that a phase has are as they should be. Set where the guard is of this
    kind."""

    phase: NotRequired[str]
    """The phase that it looks at. Set where that is not the state's own phase."""

    of: NotRequired[ArtifactList]
    """Which of the phase's lists it looks at. Set where it is not the outputs."""

    type: str
    """The type of artifact. Set with the guard, never absent."""

    which: NotRequired[Which]
    """Whether all of them must be so, any one, or the newest. Set where it is not all; there is always at
    least one."""

    this_iteration: NotRequired[bool]
    """Only those count that came in the phase's current iteration. Set where older ones must not count
    again."""

    approved: NotRequired[bool]
    """Their approval is this. Set where that counts."""

    metadata: NotRequired[dict[str, Any]]
    """Fields of their metadata have these values. Set where that counts."""


class TaskMetadataGuard(TypedDict):
    """A field of the metadata of a phase's tasks has a value. Set where the guard is of this kind."""

    phase: NotRequired[str]
    """The phase that it looks at. Set where that is not the state's own phase."""

    field: str
    """The field, a dotted path. Set with the guard, never absent."""

    equals: Any
    """The value that it must have. Set with the guard, never absent."""

    statuses: NotRequired[list[Status]]
    """Only tasks in one of these statuses are looked at. Set where not all are."""


class DependenciesGuard(TypedDict):
    """Every dependency of a phase's tasks is known, and none goes in a circle. Set where the guard is of this
    kind."""

    phase: NotRequired[str]
    """The phase that it looks at. Set where that is not the state's own phase."""


class Guard(TypedDict):
    """One condition of a transition: what it is called, and exactly one of the kinds below."""

    text: str
    """What a person reads where it is not met. Set with the guard, never absent."""

    metadata: NotRequired[MetadataGuard]
    """A field of a phase's metadata has a value. Set where the guard is of this kind."""

    tasks: NotRequired[TasksGuard]
    """The tasks of a phase have come so far. Set where the guard is of this kind."""

    artifacts: NotRequired[ArtifactsGuard]
    """The artifacts of one type that a phase has are as they should be. Set where the guard is of this
    kind."""

    task_metadata: NotRequired[TaskMetadataGuard]
    """A field of the metadata of a phase's tasks has a value. Set where the guard is of this kind."""

    dependencies: NotRequired[DependenciesGuard]
    """Every dependency of a phase's tasks is known, and none goes in a circle. Set where the guard is of this
    kind."""


class Transition(TypedDict):
    """One way out of a state."""

    event: str
    """What happens: the word behind `sow advance`. Set with the transition, never absent."""

    target: str
    """The state that it leads to. Set with the transition, never absent."""

    description: NotRequired[str]
    """What it means, in a line. Set by the type's author."""

    guards: NotRequired[list[Guard]]
    """What must hold before it may happen, whoever asks. Set by the type's author; nothing where it is
    absent."""

    effects: NotRequired[list[Effect]]
    """What happens with it or not at all. Set by the type's author; nothing where it is absent."""


class ChartState(TypedDict):
    """One state of the statechart."""

    phase: NotRequired[str]
    """The phase that this state is about. Set by the type's author; none where it is absent."""

    prompt: NotRequired[str]
    """What is to be done in this state: printed by `sow advance` and `sow prompt`. Set by the type's
    author."""

    transitions: NotRequired[list[Transition]]
    """The ways out of it, in the order in which they are shown. Set by the type's author; none where it is
    absent."""


class ProjectType(TypedDict):
    """A type of project as data: .sow/types/<name>.yaml, and as it was when the project began,
    .sow/project/type.yaml."""

    name: str
    """The type's name, as `sow project new --type` takes it; that of its file. Set by the type's author,
    never changed."""

    description: NotRequired[str]
    """What such a project is for, in a line. Set by the type's author."""

    branch_prefixes: NotRequired[list[str]]
    """A project on a branch that begins so is of this type unless told otherwise. Set by the type's author;
    none where it is absent."""

    initial: Initial
    """How a project begins. Set by the type's author, never absent."""

    final: NotRequired[list[str]]
    """The states in which a project has come to its end. Set by the type's author; none where it is
    absent."""

    phases: dict[str, PhaseType]
    """The phases by name, in their order. Set by the type's author, never absent."""

    states: dict[str, ChartState]
    """The states by name, in their order. Set by the type's author, never absent."""


StateCommit = Literal["auto", "never"]


class StateConfig(TypedDict):
    """What becomes of the project's state files. Set by a person; absent where the defaults suit."""

    commit: NotRequired[StateCommit]
    """Whether sow commits .sow/project/ when a task and when a run ends. Set by a person; auto where it is
    absent."""


Isolation = Literal["task", "project"]


class WorktreeConfig(TypedDict):
    """What makes the worktree of a task one in which its work runs. Set by a person; absent where a checkout
    is enough."""

    setup: NotRequired[list[str]]
    """Shell commands that are run in a fresh worktree before its agent starts, until one fails. Set by a
    person; none where it is absent."""

    teardown: NotRequired[list[str]]
    """Shell commands that are run in a worktree before sow removes it, each whether or not another failed.
    Set by a person; none where it is absent."""

    setup_seconds: NotRequired[float]
    """Seconds that the commands of setup may take together before they are ended and a person is asked; 0 is
    no limit. Set by a person; 1800 where it is absent."""

    teardown_seconds: NotRequired[float]
    """Seconds that each command of teardown may take before it is ended and told as failed. Set by a person;
    120 where it is absent."""

    ports: NotRequired[int]
    """How many consecutive ports each task has to itself on this machine, as SOW_PORT_0 and so on. Set by a
    person; 0 where it is absent."""


class FinishConfig(TypedDict):
    """How `sow project finish` brings work home. Set by a person; absent where the defaults suit."""

    forge: NotRequired[str]
    """What opens a pull request: gh, glab, none, or a shell command with the placeholders {title},
    {body_file}, {branch} and {base}. Set by a person; by the remote's address where it is absent."""

    push: NotRequired[str]
    """The remote that the branch is pushed to. Set by a person; origin, or the only one there is, where it is
    absent."""

    target: NotRequired[str]
    """The branch that the work goes to. Set by a person; the default branch where it is absent."""


class TaskTypeConfig(TypedDict):
    """What a type of task means here. Set by a person; a type that is absent is routed by its name alone."""

    agent: str
    """The agent that does tasks of this type. Set with the type."""

    params: NotRequired[dict[str, Any]]
    """The JSON Schema of the parameters of such tasks, checked when one is imported. Set by a person;
    anything goes where it is absent."""


class FormatsConfig(TypedDict):
    """How tasks of other systems are taken in. Set by a person; absent where the defaults suit."""

    agent: NotRequired[str]
    """The agent that does imported tasks whose type is not known. Set by a person; such tasks fail where it
    is absent."""

    agents: NotRequired[dict[str, str]]
    """Agents of other systems by their names there, each with the agent that stands for it here. Set by a
    person; by their own names where it is absent."""


class RoleCaps(TypedDict):
    """The caps of one role's attempts, before the general ones. Set by a person; the general ones hold where
    it is silent."""

    max_turns: NotRequired[int]
    """The most exchanges with the model that an attempt may take. Set by a person; the general cap where it
    is absent."""

    max_seconds: NotRequired[float]
    """The longest that an attempt may run, in seconds; what it waits for a person is not counted. Set by a
    person; the general cap where it is absent."""

    max_budget_usd: NotRequired[float]
    """The most US dollars that an attempt may spend. Set by a person; the general cap where it is absent."""

    max_tokens: NotRequired[int]
    """The most tokens that an attempt may read and write, without cached ones. Set by a person; the general
    cap where it is absent."""

    max_memory: NotRequired[int | str]
    """The most memory that the processes of an attempt may hold together, in bytes or as a size like 4GiB.
    Set by a person; the general cap where it is absent."""


class CapsConfig(TypedDict):
    """How much one attempt of any agent may use before it is ended and a person is asked. Set by a person; no
    caps where it is absent."""

    max_turns: NotRequired[int]
    """The most exchanges with the model that an attempt may take. Set by a person; no cap where it is
    absent."""

    max_seconds: NotRequired[float]
    """The longest that an attempt may run, in seconds; what it waits for a person is not counted. Set by a
    person; no cap where it is absent."""

    max_budget_usd: NotRequired[float]
    """The most US dollars that an attempt may spend. Set by a person; no cap where it is absent."""

    max_tokens: NotRequired[int]
    """The most tokens that an attempt may read and write, without cached ones. Set by a person; no cap where
    it is absent."""

    max_memory: NotRequired[int | str]
    """The most memory that the processes of an attempt may hold together, in bytes or as a size like 4GiB.
    Set by a person; no cap where it is absent."""

    roles: NotRequired[dict[str, RoleCaps]]
    """Caps of some roles, by the role's name. Set by a person; the general caps hold for a role that is
    absent."""


class StageCaps(TypedDict):
    """How much one attempt at the stage may use before it is ended and the task has failed. agent: the lower
    one holds where the executor's or the repository's caps say so too; shell and python: max_memory alone.
    Set by a person; no caps of its own where it is absent."""

    max_turns: NotRequired[int]
    """The most exchanges with the model. Set by a person; no cap where it is absent."""

    max_seconds: NotRequired[float]
    """The longest that it may run, in seconds. Set by a person; no cap where it is absent."""

    max_budget_usd: NotRequired[float]
    """The most US dollars that it may spend. Set by a person; no cap where it is absent."""

    max_tokens: NotRequired[int]
    """The most tokens that it may read and write, without cached ones. Set by a person; no cap where it is
    absent."""

    max_memory: NotRequired[int | str]
    """The most memory that its processes may hold together, in bytes or as a size like 4GiB. Set by a person;
    no cap where it is absent."""


class Stage(TypedDict):
    """How a stage of a task file is done: an entry of `stages` in a config.yaml, or in a task's
    config_snapshot."""

    handler: NotRequired[str]
    """What does it: shell, python, agent, or one of somebody else's. Set by a person; absent only where it
    adds to an entry of a wider file."""

    command: NotRequired[str]
    """shell: the command line, with placeholders such as {input.media}. Set by a person; absent for other
    handlers."""

    call: NotRequired[str]
    """python: the function, as module:function. Set by a person; absent for other handlers."""

    prompt: NotRequired[str]
    """agent: what it is told, with placeholders. Set by a person; absent for other handlers."""

    role: NotRequired[str]
    """agent: whom the agent plays, which chooses its executor. Set by a person; implementer where it is
    absent."""

    executor: NotRequired[str]
    """agent: the executor by name, whatever the role is bound to. Set by a person; absent where the role
    chooses."""

    timeout_seconds: NotRequired[float]
    """How long the stage may take; then it is ended and the task has failed. Set by a person; no limit where
    it is absent."""

    enabled: NotRequired[bool]
    """Whether the stage is done or passed over. Set by a person; true where it is absent."""

    caps: NotRequired[StageCaps]
    """How much one attempt at the stage may use before it is ended and the task has failed. agent: the lower
    one holds where the executor's or the repository's caps say so too; shell and python: max_memory alone.
    Set by a person; no caps of its own where it is absent."""

    settings: NotRequired[dict[str, Any]]
    """Open: the handler's own; a python function finds them in `stage.settings`. Set by a person; absent
    where there are none."""


class RepositoryConfig(TypedDict):
    """A repository's settings: .sow/config.yaml, committed with it."""

    requires: NotRequired[str]
    """The versions of sow that read this format, like ">=0.1". Set by `sow init`, raised with the format,
    cleared by hand only."""

    jobs: NotRequired[int]
    """How many tasks run at once. Set by a person; 3 where it is absent, and 1 where tasks share a folder."""

    state: NotRequired[StateConfig]
    """What becomes of the project's state files. Set by a person; absent where the defaults suit."""

    isolation: NotRequired[Isolation]
    """Whether each task works in a worktree of its own or all in the project's. Set by a person; task where
    it is absent."""

    worktree: NotRequired[WorktreeConfig]
    """What makes the worktree of a task one in which its work runs. Set by a person; absent where a checkout
    is enough."""

    checks: NotRequired[list[str]]
    """Shell commands that must succeed before work counts as done. Set by a person; none where it is
    absent."""

    finish: NotRequired[FinishConfig]
    """How `sow project finish` brings work home. Set by a person; absent where the defaults suit."""

    environment: NotRequired[list[str]]
    """Names of variables that agents get from the user's environment, as glob patterns (AWS_*). Set by a
    person; none beyond sow's own where it is absent."""

    mcp: NotRequired[bool]
    """Whether agents are offered sow's own tools, by a server of the Model Context Protocol (`sow mcp`). Set
    by a person; true where it is absent."""

    task_types: NotRequired[dict[str, TaskTypeConfig]]
    """Types of tasks of other systems, by the type's name: who does them, and what their parameters are like.
    Set by a person; none where it is absent."""

    formats: NotRequired[FormatsConfig]
    """How tasks of other systems are taken in. Set by a person; absent where the defaults suit."""

    grace_seconds: NotRequired[float]
    """Seconds that an agent has to end by itself once it is told to. Set by a person; 8 where it is
    absent."""

    silence_seconds: NotRequired[float]
    """Seconds without a line of output after which an agent counts as hung; 0 turns the watch off. Set by a
    person; 0 where it is absent."""

    transcript_bytes: NotRequired[int | str]
    """How much of what one attempt prints is kept, in bytes or as a size like 1GiB; of more than that the
    middle is left out. Less than 1MiB counts as 1MiB. Set by a person; 1GiB where it is absent."""

    caps: NotRequired[CapsConfig]
    """How much one attempt of any agent may use before it is ended and a person is asked. Set by a person; no
    caps where it is absent."""

    stages: NotRequired[dict[str, Stage]]
    """How each stage of task files is done, by its name in a pipeline. Set by a person; none where it is
    absent."""


TaskFileStatus = Literal["queued", "running", "done", "failed", "canceled"]


class TaskFile(TypedDict):
    """A task as a JSON file of its own, tasks/<timestamp>_<task_id>.task.json. Keys besides these are kept,
    and looked at by nobody."""

    task_id: str
    """The task's name. Set when the file is made, never changed."""

    run_id: NotRequired[str | None]
    """What its events are marked with. Set when the file is made, never changed."""

    created_at: NotRequired[str]
    """When it was made: a time of ISO 8601, in UTC where it names no zone. Set when the file is made, never
    changed."""

    status: TaskFileStatus
    """How far it is. Set when the file is made, and by whoever runs or cancels the task."""

    type: NotRequired[str]
    """What kind of task it is, for whoever made it. Set when the file is made, never changed."""

    requested_by: NotRequired[str]
    """Who wants it. Set when the file is made, never changed."""

    tool: NotRequired[str]
    """The program that made it. Set when the file is made, never changed."""

    config_snapshot: NotRequired[dict[str, Any]]
    """Open: the settings that it is done by; `stages` goes before every config.yaml. Set when the file is
    made, frozen while it runs."""

    input: NotRequired[dict[str, Any]]
    """Open: what it takes in, paths as a rule, by name; the files are never changed. Set when the file is
    made, never changed."""

    pipeline: list[str]
    """Its stages, in their order. Set when the file is made, never changed."""

    output: NotRequired[dict[str, str | None]]
    """The paths of what it brings out, by kind. Set when the file is made, never changed."""

    error: NotRequired[str | None]
    """What went wrong, with the whole stack. Set when it failed, null in a task that is done."""


class ExecutorConfig(TypedDict):
    """One executor, under the name that bindings use. Set by the user, kept until they remove it."""

    type: str
    """How the agent is run: claude, codex, cursor, gemini, opencode, command, script or one that a plug-in
    brings. Set with the executor, never absent."""

    settings: NotRequired[dict[str, Any]]
    """The executor's settings. Open: each type has keys of its own and checks them itself. Set by the user;
    absent where the defaults suit."""

    custom_args: NotRequired[list[str]]
    """Arguments put behind sow's own. Set by the user; none where it is absent."""


class AgentsConfig(TypedDict):
    """How agents are run. Set by the user; absent where the defaults suit."""

    executors: NotRequired[dict[str, ExecutorConfig]]
    """Executors by name. Set by the user; absent where the built-in `claude-code` is enough."""

    bindings: NotRequired[dict[str, str]]
    """The executor of each role, by name: orchestrator, implementer, architect, reviewer, planner,
    researcher, decomposer and the user's own. Set by the user; a role that is absent goes to the default."""


class LimitsConfig(TypedDict):
    """How the limits of accounts are met. Set by the user; absent where the defaults suit."""

    hold_at: NotRequired[float]
    """From how many percent of a limit on no task is started until it begins anew, where the program warns of
    it. Set by the user; only a limit that is used up holds starts where it is absent."""


class UserConfig(TypedDict):
    """A user's own settings: ~/.config/sow/config.yaml. Environment variables go before it, built-in defaults
    behind it."""

    agents: NotRequired[AgentsConfig]
    """How agents are run. Set by the user; absent where the defaults suit."""

    limits: NotRequired[LimitsConfig]
    """How the limits of accounts are met. Set by the user; absent where the defaults suit."""


KeepTmp = Literal["failed", "always", "never"]


KeepRuns = Literal["failed", "always", "never"]


class WorkspaceConfig(TypedDict):
    """The settings of a workspace of task files: its config.yaml. Keys besides these are other programs' and
    left alone."""

    stages: NotRequired[dict[str, Stage]]
    """How each stage is done, by its name in a pipeline. Set by a person; none where it is absent."""

    jobs: NotRequired[int]
    """How many tasks a runner works on at once. Set by a person; 1 where it is absent."""

    keep_tmp: NotRequired[KeepTmp]
    """Of which tasks the folder below outputs/_tmp stays for a look. Set by a person; failed where it is
    absent."""

    keep_runs: NotRequired[KeepRuns]
    """Of which tasks the folders below runs stay, with all that their stages printed; the run that a failed
    task's error tells of stays in any case. Set by a person; always where it is absent."""

    stale_lock_seconds: NotRequired[float]
    """From which age on a lock of another program's, which names no process, is taken for a dead one's. Set
    by a person; 60 where it is absent."""

    grace_seconds: NotRequired[float]
    """How long a stage that is told to stop has to end by itself. Set by a person; 8 where it is absent."""
