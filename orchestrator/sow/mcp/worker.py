"""The tools of a worker, each about its own task and about no other.

Their types are looked at when they are made, so that annotations here are no texts.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from sow.api.artifacts import Artifacts
from sow.api.task import Task, TaskPage
from sow.api.worker import LIES
from sow.errors import Usage
from sow.mcp import calls
from sow.mcp.desk import Desk
from sow.mcp.kit import Table, Words, tool
from sow.mcp.told import Artifact, Feedback, Heard, Page

STOP = "Stop now: the answer comes in this same session."

Side = Annotated[Literal["inputs", "outputs"], Field(description="What it takes in, or what it brings out.")]
Text = Annotated[bool, Field(description="Take the value as text, whatever it looks like.")]
Place = Annotated[str, Field(description="From .sow/project/; any other file like ../../docs/login.md.")]
Index = Annotated[int, Field(ge=0, description="Its place in `artifact_list`.")]
Part = Annotated[str, Field(description="type, path, approved or metadata.x.")]
Given = Annotated[str | None, Field(description="Read by the field's type; in metadata YAML.")]
Unset = Annotated[bool, Field(description="Remove the field, instead of a value.")]
About = Annotated[Table | None, Field(description="More to know of it, by name.")]


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker may do, as methods that are tools."""

    desk: Desk

    @property
    def _task(self) -> Task:
        return self.desk.task()

    @tool(reads=True)
    def task_show(self) -> Page:
        """Read your task again: its state, what is to be done, the feedback so far, what was used.

        Call it when you are not sure what was asked, or what has been answered.
        """
        return page(self._task.page())

    @tool(reads=True)
    def feedback_read(self) -> list[Feedback]:
        """Read what reviews of your work asked you to do better, oldest first."""
        return [Feedback(each.name, each.text) for each in self._task.feedback()]

    @tool()
    def task_log(
        self, *, text: Annotated[str, Field(description="What a colleague should know, in a few sentences.")]
    ) -> str:
        """Note something in your task's log, for whoever reads it later.

        A decision and its reason, a surprise, a way that led nowhere.
        """
        task = self._task
        task.log(text)
        return f"Noted in the log of task {task.id}."

    @tool(lasts=True)
    def task_ask(
        self, *,
        question: Annotated[str, Field(description="What you need to know, and all that it takes to say.")],
        options: Annotated[Words, Field(description="Answers that you can name; any other may come.")] = [],  # noqa: B006
        wait: Annotated[
            bool, Field(description="Stay in this call until the answer comes, which may take hours.")
        ] = False,
    ) -> Heard:  # fmt: skip
        """Ask a person what only a person can decide; your task is paused with the question.

        Unless you wait, stop at once after it: you are started again, in this same session, with the
        answer. Ask instead of guessing where the task contradicts what you find.
        """
        if not wait:
            self._task.ask(question, options)
            return Heard(None, None, STOP)
        answer = self._task.ask(question, options, wait=True, stop=calls.current().stop)
        if answer is None:
            return Heard(None, None, f"Nobody could be waited for, but the question stands. {STOP}")
        return Heard(answer.text, answer.by, "Go on with your task.")

    @tool(repeats=True)
    def task_report(
        self, *,
        message: Annotated[
            str, Field(description="What you did, in two or three sentences, for the one who reviews it.")
        ],
    ) -> str:  # fmt: skip
        """Report that the work of your task is done: it goes to review. Stop after it.

        Call it once, as the last thing. What you leave uncommitted in your folder is part of the work. If
        you can't go on without a person, call task_ask instead.
        """
        task = self._task
        task.hand_in(message)
        return f"Task {task.id} goes to review. Stop now."

    # -- artifacts ----------------------------------------------------------------------------

    @tool(reads=True)
    def artifact_list(self, *, of: Side) -> list[Artifact]:
        """List the files that your task takes in, or those that it brings out."""
        return artifacts(self._artifacts(of))

    @tool()
    def artifact_add(
        self, *, of: Side,
        type: Annotated[str, Field(description="What it is, in a word: report, log, reference ...")],
        path: Place,
        approved: Annotated[bool, Field(description="Never of an output: others approve it.")] = False,
        metadata: About = None,
    ) -> Artifact:  # fmt: skip
        """Name a file that your task takes in or brings out, for whoever reviews it or builds on it.

        The file stays where it is, and may be missing yet.
        """
        return add_artifact(self._artifacts(of), type, path, approved=approved, metadata=metadata)

    @tool(repeats=True)
    def artifact_set(
        self, *, of: Side, index: Index, field: Part, value: Given = None, text: Text = False,
        unset: Unset = False,
    ) -> str:  # fmt: skip
        """Correct an artifact of your task: path, type or metadata. You can't approve an output."""
        return set_artifact(self._artifacts(of), index, field, value, text=text, unset=unset)

    @tool()
    def artifact_remove(self, *, of: Side, index: Index) -> str:
        """Take an artifact off the list of your task; its file stays where it is."""
        return remove_artifact(self._artifacts(of), index)

    def _artifacts(self, of: Literal["inputs", "outputs"]) -> Artifacts:
        return self._task.inputs if of == "inputs" else self._task.outputs


def page(held: TaskPage) -> Page:
    """A page of the API's, as tools give it."""
    feedback = tuple(Feedback(each.name, each.text) for each in held.feedback)
    return Page(held.state.shown(), held.description, feedback, held.used)


def artifacts(held: Artifacts) -> list[Artifact]:
    """All of a list, as tools give them."""
    return [Artifact.of(each) for each in held.all()]


def add_artifact(
    held: Artifacts, kind: str, path: str, *, approved: bool, metadata: dict[str, Any] | None
) -> Artifact:
    """Adds one; gives it with what whoever named the file should know."""
    added = held.add(kind, path, approved=approved, metadata=metadata)
    note = held.note(path) or None
    if added is None:
        return Artifact(None, kind, path, approved, metadata, f"{LIES}; {note}" if note else LIES)
    return replace(Artifact.of(added), note=note)


def set_artifact(
    held: Artifacts, index: int, field: str, value: str | None, *, text: bool, unset: bool
) -> str:
    """Sets or removes a field of one; gives that in words."""
    if (value is None) is not unset:
        raise Usage(
            f"{field}: " + ("unset takes no value" if unset else "the value is missing"),
            "name a value, or set `unset` to true to remove the field",
        )
    done = held.unset(index, field) if value is None else held.set(index, field, value, text=text)
    note = held.note(value) if field == "path" and value is not None else ""
    return _told(done, f"{field} of artifact {index} is {'removed' if unset else 'set'}.", note)


def remove_artifact(held: Artifacts, index: int) -> str:
    """Takes one off the list; gives that in words."""
    done = held.remove(index)
    gone = f" {done.document['path']}" if done else ""
    return _told(done, f"Artifact {index}{gone} is off the list; its file stays.")


def _told(done: object, words: str, note: str = "") -> str:
    return "\n".join(line for line in (words if done else f"note: {LIES}", note) if line)
