"""What agents are told: their role, their task, how to report, and what came of it.

Everything goes into the prompt itself: a CLI may replay an old system prompt
on a resume. Every `sow` command named here exists (a test walks them).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from sow import files
from sow.project_types import State
from sow.statechart import Way
from sow.task import Task

REPORT = """\
## How to report

Nobody reads what you print; the state of your task is your report. When you stop, exactly one of these
must be true:

- The work is done: run `sow task set status needs_review`. Before that, say in two or three sentences
  what you did: `sow task set result.message "..."`.
- You can't go on without a person: run `sow task ask "your question"` (add `--option "..."` for each
  answer that you can name), then stop at once. The answer comes in this same session.

Note what a colleague should know, as you go: `sow agent log "..."`.
Work only in this folder. You need not commit: what you leave uncommitted is committed for you.
Never edit anything below `.sow/`: use the `sow` commands.
"""

OWN_TOOLS = """\
Where you have the tools of the server `sow`, they do the same as these commands: `task_report`, `task_ask`,
`task_log`, and `task_show` and `feedback_read` to read your task again.
"""
"""What an agent is told that is offered them, when it opens a session."""

_OWN = "You need not commit: what you leave uncommitted is committed for you."
_SHARED = """\
Other tasks are done in it, too: change nothing that yours does not ask for.
Nothing is committed for you: what you leave is what is reviewed."""


def role_text(role: str, main: str) -> str:
    """The text of a role: the repository's own `.sow/agents/<role>.md`, else the built-in one.

    Raises Unreadable where the repository's own is no text file.
    """
    path = f"{main}/.sow/agents/{role}.md"
    if os.path.lexists(path):
        return files.text(path).strip()
    # Beside this file: `importlib.resources` would cost more than reading it.
    own = f"{os.path.dirname(__file__)}/roles/{role}.md"
    return files.text(own).strip() if os.path.isfile(own) else f"You are the {role} of this project."


def state_text(project: Mapping[str, object], here: State, ways: Sequence[Way]) -> str:
    """What is to be done in the state that a project is in, and what leads out of it.

    `project`: the project's own document.
    """
    parts = [f"# Project {project['name']}: {here.name}"]
    if project.get("description"):
        parts.append(str(project["description"]))
    parts.append(here.prompt.strip() or "This state asks for nothing in particular.")
    if ways:
        parts += ["## What leads on", "\n".join(_leading_on(way) for way in ways)]
    return "\n\n".join(parts)


def _leading_on(way: Way) -> str:
    line = f"- `sow advance {way.transition.event}` to {way.transition.target}"
    if not way.unmet:
        return f"{line}: open"
    return "\n".join([f"{line}:", *(f"  - {u.text}: {u.detail}; {u.remedy}" for u in way.unmet)])


def first(
    task: Task, role: str, description: str, feedback: Sequence[tuple[str, str]], note: str = "", *,
    shared: bool = False,
) -> str:  # fmt: skip
    """The prompt that opens a session. `note`: what a fresh session should know of earlier ones; `shared`:
    whether other tasks are done in the same folder."""
    parts = [role, f"# Task {task.id}: {task.name}", "## What to do", description.strip() or task.name]
    if feedback:
        parts.append("## Feedback so far, newest last")
        parts += [f"### {name}\n\n{text.strip()}" for name, text in feedback]
    if note:
        parts += ["## What happened before", note]
    return "\n\n".join([*parts, REPORT.replace(_OWN, _SHARED) if shared else REPORT])


def answered(text: str) -> str:
    """The prompt that brings a person's answer."""
    return (
        f"A person answers your question:\n\n<answer>\n{text}\n</answer>\n\n"
        "Go on with your task, and report as before."
    )


def to_lost_question(question: str, text: str) -> str:
    """An answer to what a process asked that has ended since, for the one that goes on."""
    return (
        f"{text}\n\n(This answers what you asked before you were cut off: {question}. "
        "That request is gone: ask again if you still need it.)"
    )


def to_lost_call(question: str, text: str) -> str:
    """An answer about a tool call at which a session had stopped, and that it can't go on with."""
    return (
        f"{text}\n\n(This is about what you asked permission for: {question}\n"
        "That call was not done. What was answered holds for the next one like it: if it was allowed and you "
        "still need it, make exactly that call again, alone.)"
    )


def reviewed(text: str, iteration: int) -> str:
    """The prompt that brings a review's feedback."""
    return (
        f"Your work was reviewed and comes back (iteration {iteration}). What to do better:\n\n{text}\n\n"
        "When it is done, run `sow task set status needs_review` again."
    )


def nudge(task: Task) -> str:
    """The prompt for an agent that stopped without a report."""
    return (
        f"You stopped, and task {task.id} is still in_progress: nobody knows how it ended. Say it now, with "
        "one command: `sow task set status needs_review` if the work is done, "
        '`sow task ask "your question"` if you need a person. If something is left to do, do it first.'
    )


def go_on(task: Task) -> str:
    """The prompt after an interruption."""
    return (
        "You were interrupted. See what is done already (the last command may or may not have taken effect), "
        f"then go on with task {task.id} and report as before."
    )


REMADE = (
    "Your worktree was removed meanwhile and is made again from your branch: what you had not committed is "
    "gone. See what is there, and do again what is missing."
)
"""What an agent is told besides whose worktree is not the one that it left."""


def own_ports(count: int) -> str:
    """Which ports the servers of a task may have, for an agent that opens a session."""
    names = "`$SOW_PORT_0`" if count == 1 else f"`$SOW_PORT_0` to `$SOW_PORT_{count - 1}`"
    return (
        f"Other tasks are worked on beside yours on this machine. Let whatever you start listen on {names}: "
        "these ports are your task's alone."
    )


def by_file(outbox: str) -> str:
    """How to report where `sow` may not be run: a file in the attempt's outbox says the same."""
    return (
        f"If you are not allowed to run `sow`, report by a file instead: write {outbox}/1.json "
        "with one of\n\n"
        '    {"verb": "set", "field": "status", "value": "needs_review"}\n'
        '    {"verb": "ask", "question": "your question", "options": ["..."]}\n\n'
        "and stop; it is read at your end."
    )
