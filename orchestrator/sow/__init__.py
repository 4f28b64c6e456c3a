"""sow drives coding agents through a project of tasks and loses nothing.

    import sow

    project = sow.open()
    task = project.add("JWT middleware", agent="implementer")
    project.run()
    task.approve()

Nothing is imported here until it is asked for: every `sow` command passes
through this file, and the quick ones cost little more than the interpreter's
own start. What there is, is told in docs/reference/python.md.
"""

__version__ = "0.1.0"

__all__ = [
    "Advanced",
    "Answer",
    "Answered",
    "Approved",
    "Artifact",
    "Artifacts",
    "Attempt",
    "BadFile",
    "Begun",
    "Broken",
    "BrokenFile",
    "Busy",
    "Caller",
    "Checked",
    "Checking",
    "Cleared",
    "Continued",
    "Decided",
    "Driven",
    "Event",
    "Examination",
    "Exchanged",
    "Executor",
    "Exported",
    "Failed",
    "Feedback",
    "Finished",
    "Gone",
    "Guidance",
    "Imported",
    "Item",
    "Limit",
    "Loss",
    "NotFound",
    "Note",
    "Phase",
    "PhaseRow",
    "Plan",
    "Planned",
    "PlannedFile",
    "Played",
    "Prepared",
    "Project",
    "ProjectRow",
    "Prospect",
    "Ran",
    "Reading",
    "Refused",
    "Rehearsed",
    "Removed",
    "Repaired",
    "Repository",
    "Retried",
    "Served",
    "Settings",
    "SettingsChecked",
    "SettingsPage",
    "SowError",
    "Status",
    "Stop",
    "Task",
    "TaskFile",
    "TaskFileNote",
    "TaskFileOutcome",
    "TaskFilePage",
    "TaskFileRow",
    "TaskFileSeen",
    "TaskFiles",
    "TaskPage",
    "TaskRow",
    "TaskState",
    "Tasks",
    "Tree",
    "Trial",
    "Tried",
    "Usage",
    "Visit",
    "Waiting",
    "Waits",
    "Ways",
    "WholeProject",
    "Workspace",
    "WorkspaceChecked",
    "WorkspaceStatus",
    "open",
    "open_workspace",
    "repository",
]

_MODULES = {
    "sow.advancing": ("Advanced",),
    "sow.api.artifacts": ("Artifact", "Artifacts"),
    "sow.api.attempts": ("Attempt",),
    "sow.api.caller": ("Caller",),
    "sow.api.checking": ("Checking",),
    "sow.api.checkup": ("Examination", "Executor", "Trial", "Tried"),
    "sow.api.events": ("Event", "Reading"),
    "sow.api.exchanging": ("Exchanged", "Exported", "Imported"),
    "sow.api.moving_on": ("Rehearsed", "Ways"),
    "sow.api.opening": ("open", "open_workspace", "repository"),
    "sow.api.phase": ("Phase", "PhaseRow"),
    "sow.api.project": ("Project",),
    "sow.api.prompt": ("Guidance",),
    "sow.api.repository": ("Begun", "Continued", "Prepared", "ProjectRow", "Repository"),
    "sow.api.running": ("Driven", "Planned", "Ran"),
    "sow.api.serving": ("PlannedFile", "Served"),
    "sow.api.settings": ("Played", "Settings", "SettingsChecked", "SettingsPage"),
    "sow.api.status": ("BrokenFile", "Status", "TaskRow", "Waiting"),
    "sow.api.stop": ("Stop",),
    "sow.api.task": ("Feedback", "Retried", "Task", "TaskPage"),
    "sow.api.task_file": ("TaskFile",),
    "sow.api.trees": ("Cleared", "Gone", "Tree"),
    "sow.api.whole": ("WholeProject",),
    "sow.api.workspace": ("TaskFiles", "Workspace"),
    "sow.deleting": ("Loss",),
    "sow.errors": ("BadFile", "Busy", "Failed", "NotFound", "Refused", "SowError", "Usage", "Waits"),
    "sow.finishing": ("Finished", "Prospect"),
    "sow.pool": ("Limit",),
    "sow.project": ("Plan",),
    "sow.recovery.repair": ("Repaired",),
    "sow.removal": ("Removed",),
    "sow.review": ("Answered", "Approved"),
    "sow.scheduler.telling": ("Note",),
    "sow.state": ("Broken", "Tasks"),
    "sow.task": ("Task as TaskState",),
    "sow.taskfiles.checking": ("Checked as WorkspaceChecked",),
    "sow.taskfiles.deciding": ("Decided",),
    "sow.taskfiles.detail": ("Detail as TaskFilePage",),
    "sow.taskfiles.loader": ("Seen as TaskFileSeen",),
    "sow.taskfiles.overview": ("Page as WorkspaceStatus", "Row as TaskFileRow"),
    "sow.taskfiles.runner": ("Note as TaskFileNote", "Outcome as TaskFileOutcome"),
    "sow.validate": ("Checked",),
    "sow.visit": ("Visit",),
    "sow.waiting": ("Item",),
    "sow_executors.inbox": ("Answer",),
}
"""Where each name is, at run time: what the imports below say to a type checker, in their words."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sow.advancing import Advanced
    from sow.api.artifacts import Artifact, Artifacts
    from sow.api.attempts import Attempt
    from sow.api.caller import Caller
    from sow.api.checking import Checking
    from sow.api.checkup import Examination, Executor, Trial, Tried
    from sow.api.events import Event, Reading
    from sow.api.exchanging import Exchanged, Exported, Imported
    from sow.api.moving_on import Rehearsed, Ways
    from sow.api.opening import open, open_workspace, repository
    from sow.api.phase import Phase, PhaseRow
    from sow.api.project import Project
    from sow.api.prompt import Guidance
    from sow.api.repository import Begun, Continued, Prepared, ProjectRow, Repository
    from sow.api.running import Driven, Planned, Ran
    from sow.api.serving import PlannedFile, Served
    from sow.api.settings import Played, Settings, SettingsChecked, SettingsPage
    from sow.api.status import BrokenFile, Status, TaskRow, Waiting
    from sow.api.stop import Stop
    from sow.api.task import Feedback, Retried, Task, TaskPage
    from sow.api.task_file import TaskFile
    from sow.api.trees import Cleared, Gone, Tree
    from sow.api.whole import WholeProject
    from sow.api.workspace import TaskFiles, Workspace
    from sow.deleting import Loss
    from sow.errors import BadFile, Busy, Failed, NotFound, Refused, SowError, Usage, Waits
    from sow.finishing import Finished, Prospect
    from sow.pool import Limit
    from sow.project import Plan
    from sow.recovery.repair import Repaired
    from sow.removal import Removed
    from sow.review import Answered, Approved
    from sow.scheduler.telling import Note
    from sow.state import Broken, Tasks
    from sow.task import Task as TaskState
    from sow.taskfiles.checking import Checked as WorkspaceChecked
    from sow.taskfiles.deciding import Decided
    from sow.taskfiles.detail import Detail as TaskFilePage
    from sow.taskfiles.loader import Seen as TaskFileSeen
    from sow.taskfiles.overview import Page as WorkspaceStatus
    from sow.taskfiles.overview import Row as TaskFileRow
    from sow.taskfiles.runner import Note as TaskFileNote
    from sow.taskfiles.runner import Outcome as TaskFileOutcome
    from sow.validate import Checked
    from sow.visit import Visit
    from sow.waiting import Item
    from sow_executors.inbox import Answer
else:

    def __getattr__(name: str) -> object:
        """Imports what is asked for, the first time."""
        if name in __all__:
            from importlib import import_module

            for module, names in _MODULES.items():
                for each in names:
                    own, _, given = each.partition(" as ")
                    if name == (given or own):
                        found = globals()[name] = getattr(import_module(module), own)
                        return found
        # Also asked for each `from sow import module`, before that is looked for.
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> "list[str]":
    return [*__all__, "__version__"]
