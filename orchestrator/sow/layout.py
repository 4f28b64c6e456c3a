"""Where everything of a project lies: the one place that knows names of files and folders.

<main>/.sow/                      settings, agents; and of sow's own: runtime/, worktrees/
<main>/.sow/runtime/<project>/    events, attempts, locks, journal, last-good; in the end, final
<folder>/.sow/project/            the project's state, in the worktree of its branch
"""

from sow.value import Value

RUNTIME = ".sow/runtime"
WORKTREES = ".sow/worktrees"
PROJECT = ".sow/project"
INBOX = ".sow/inbox"

# Beside the folders of projects, none of which can have such a name.
MAKING = f"{RUNTIME}/.new"
REMOVING = f"{RUNTIME}/.removal"
EXCHANGING = f"{RUNTIME}/.formats/locks/exchange.lock"


class Plain(Value):
    """A folder outside of git that holds `.sow/`: what `Places` are where there is git."""

    main: str
    """Absolute and without links."""


class Layout(Value):
    """The paths of one project. `main`: top of the main checkout; `folder`: top of the
    worktree that holds the project; both absolute."""

    main: str
    folder: str
    name: str
    embedded: bool = False
    """Whether phases and tasks lay in the project's file when it was found: the original's form."""
    outside: bool = False
    """Whether it was begun outside of git: its branch is a name alone, its agents work in `folder` itself,
    and nothing of it is committed or merged."""

    @property
    def project(self) -> str:
        """The folder of the state files, committed on the project's branch."""
        return f"{self.folder}/{PROJECT}"

    @property
    def project_file(self) -> str:
        return f"{self.project}/state.yaml"

    @property
    def phases(self) -> str:
        return f"{self.project}/phases"

    @property
    def type_file(self) -> str:
        """The project's type as it was when the project began."""
        return f"{self.project}/type.yaml"

    def phase_file(self, phase: str) -> str:
        return f"{self.phases}/{phase}/state.yaml"

    def tasks(self, phase: str) -> str:
        return f"{self.phases}/{phase}/tasks"

    def task(self, phase: str, task_id: str) -> str:
        """The task's folder: state.yaml, description.md, feedback/, log.md."""
        return f"{self.phases}/{phase}/tasks/{task_id}"

    def task_file(self, phase: str, task_id: str) -> str:
        return f"{self.task(phase, task_id)}/state.yaml"

    @property
    def runtime(self) -> str:
        """What this machine alone needs of the project; never committed."""
        return f"{self.main}/{RUNTIME}/{self.name}"

    @property
    def outside_mark(self) -> str:
        """The file that says that the project was begun outside of git, and stays so when git comes later."""
        return f"{self.runtime}/outside-git"

    @property
    def events(self) -> str:
        return f"{self.runtime}/events"

    @property
    def attempts(self) -> str:
        return f"{self.runtime}/attempts"

    def attempt(self, attempt: str) -> str:
        return f"{self.runtime}/attempts/{attempt}"

    @property
    def git_lock(self) -> str:
        """Whoever holds this changes what the project's folder holds by a decision, or commits it."""
        return f"{self.locks}/git.lock"

    @property
    def locks(self) -> str:
        return f"{self.runtime}/locks"

    @property
    def journal(self) -> str:
        return f"{self.runtime}/journal"

    @property
    def ids(self) -> str:
        """Where the ids of tasks are noted that were given, one a line, so that none is given twice."""
        return f"{self.runtime}/ids"

    @property
    def last_good(self) -> str:
        return f"{self.runtime}/last-good"

    def good_copy(self, name: str) -> str:
        """Where the last valid copy of a state file is kept: of a task by its id, of `project`, `type`,
        `phase-<phase>`."""
        return f"{self.last_good}/{name}.yaml"

    @property
    def removed(self) -> str:
        """Where removed tasks are kept, a folder each."""
        return f"{self.runtime}/removed"

    @property
    def formats(self) -> str:
        """What files of other systems and the project last had in common, a file each."""
        return f"{self.runtime}/formats"

    @property
    def inbox(self) -> str:
        """The inbox folder, where other programs drop files; it is that of all projects of the repository."""
        return f"{self.main}/{INBOX}"

    @property
    def finishing(self) -> str:
        """How far `sow project finish` has come; there only while it is not done."""
        return f"{self.runtime}/finish.json"

    @property
    def final(self) -> str:
        """What the project had come to when it was finished or deleted."""
        return f"{self.runtime}/final"

    def task_worktree(self, branch: str, task_id: str) -> str:
        return f"{self.main}/{WORKTREES}/{branch}--{task_id}"


def project_worktree(main: str, branch: str) -> str:
    """Where the worktree of a project's branch lies."""
    return f"{main}/{WORKTREES}/{branch}"


def task_branch(branch: str, task_id: str) -> str:
    """The branch on which a task of the project on `branch` works."""
    return f"{branch}--{task_id}"


def is_task_branch(branch: str) -> bool:
    """Whether a branch is one that `task_branch` names."""
    head, dashes, number = branch.rpartition("--")
    return bool(head and dashes) and len(number) == 3 and number.isdigit()
