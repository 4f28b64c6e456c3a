"""What a worker says of its task: a field, a question, a note.

Where its sandbox keeps it from the state, the report goes to the attempt's
outbox, and the orchestrator applies it at the exit.
"""

import os

from sow import fields
from sow.change import Change, Event
from sow.errors import Failed, NotFound, Refused
from sow.store import Store
from sow.task import NEEDS_REVIEW, Task
from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from sow.artifacts import Act, Outcome, Shelf

LARGEST = 1024 * 1024
"""The most bytes that a report in an outbox may have."""


def set_field(store: Store, task_id: str, path: str, value: str, *, attempt: str, text: bool = False) -> Task:
    """Sets a field of the worker's own task. `attempt`: the worker's, of which a late word is refused."""
    change = fields.setting(
        path, value, now=store.now(), worker=True, text=text, metadata=store.task_metadata
    )

    def checked(task: Task) -> Change:
        _check_turn(task, attempt)
        return change(task)

    if path.split(".")[0] != "depends_on":
        return store.change_task(task_id, checked)
    from sow.ready import check_change

    def without_circle(task: Task) -> Change:
        outcome = checked(task)
        check_change(task, outcome.task, store.tasks().tasks)
        return outcome

    return store.change_dependencies(task_id, without_circle)


def hand_in(store: Store, task_id: str, message: str, *, attempt: str) -> Task:
    """Says what came of the task, and that its work is to be reviewed, as one change."""
    if not message.strip():
        raise Refused("the message is empty", "say in two or three sentences what you did")
    says = fields.setting("result.message", message, now=store.now(), worker=True, text=True)
    moves = fields.setting("status", NEEDS_REVIEW, now=store.now(), worker=True)

    def change(task: Task) -> Change:
        _check_turn(task, attempt)
        said = says(task)
        moved = moves(said.task)
        return Change(task=moved.task, events=(*said.events, *moved.events))

    return store.change_task(task_id, change)


def ask(store: Store, task_id: str, question: str, options: "tuple[str, ...]", *, attempt: str) -> Task:
    """Pauses the task with a question for a person."""
    if not question.strip():
        raise Refused("the question is empty", 'say what you need to know: `sow task ask "..."`')

    def change(task: Task) -> Change:
        _check_turn(task, attempt)
        paused = task.pause(
            question, kind="question", by=task.assigned_agent, at=store.now(), options=options
        )
        event = Event(type="task.paused", task_id=task.id, payload={"question": question, "kind": "question"})
        return Change(task=paused.replace(answer=None, error=None, error_detail=None), events=(event,))

    return store.change_task(task_id, change)


def heard(store: Store, task_id: str, at: str) -> None:
    """Takes away the answer that was given at a time: the one who had asked has heard it."""

    def change(task: Task) -> Change:
        ours = task.answer is not None and task.answer["at"] == at
        return Change(task=task.replace(answer=None) if ours else task)

    store.change_task(task_id, change)


def keep_artifact(store: Store, shelf: "Shelf", act: "Act", *, attempt: str, at: str = "") -> "Outcome":
    """Does what a worker says of an artifact of its own task. `at`: when it said so, if that was earlier."""
    from sow import attaching

    def check(task: Task, done: "Outcome") -> None:
        _check_turn(task, attempt)
        _check_approval(shelf, act, done)

    return attaching.change(store, shelf, act, at=at, check=check)


def with_artifact(held: "list[Any]", shelf: "Shelf", act: "Act", *, at: str) -> "list[Any]":
    """What a worker's act will make of the artifacts `held`. Raises Refused where it will be refused."""
    from sow import artifacts

    done = artifacts.after(held, act, shelf, at=at)
    _check_approval(shelf, act, done)
    return done.artifacts


def _check_approval(shelf: "Shelf", act: "Act", done: "Outcome") -> None:
    from sow.artifacts import Remove

    stays = not isinstance(act, Remove)
    if shelf.of == "outputs" and stays and done.event and done.artifact["approved"] is True:
        raise Refused(
            f"an agent can't approve its own output, or change one that is approved: "
            f"[{done.index}] {done.artifact['path']}",
            "report `sow task set status needs_review`: a person, or another agent, approves",
        )


def note(store: Store, task_id: str, text: str, *, at: str = "") -> None:
    """Adds an entry to the task's log.md, and tells it in the event log.

    `at`: when it was said, for a note that was laid down; it is not added twice.
    """
    task = store.task(task_id)
    if path := store.append_log(task, text, by=task.assigned_agent, at=at):
        store.tell(Event(type="agent.message", task_id=task_id, payload={"text": text}, whole=path))


def lay_down(outbox: str, report: "Mapping[str, Any]") -> None:
    """Leaves a report in the outbox. Raises Failed where not even that is allowed."""
    import time

    from sow import files, jsonlines

    path = f"{outbox}/{time.time_ns():020d}-{os.getpid()}.json"
    try:
        files.write(path, jsonlines.dump(dict(report)) + "\n")
    except (Failed, OSError) as fault:
        raise Failed(
            f"the sandbox allows neither the project's state nor {outbox}: {fault}",
            "let the agent write to that folder in the executor's settings",
        ) from fault


def with_laid_down(held: "list[Any]", shelf: "Shelf", outbox: str) -> "list[Any]":
    """The artifacts of a task as they will be once what lies in an outbox is applied to `held`.

    A worker that can only lay down means by an index what it sees, and it sees what it has said.
    """
    for name in _laid_down(outbox):
        try:
            match _read(f"{outbox}/{name}"):
                case {"verb": "artifact", "of": shelf.of, "do": dict(act)}:
                    held = with_artifact(held, shelf, _asked_for(act), at=_laid_down_at(name))
        except Refused:
            pass  # is told when it is applied
    return held


def apply_outbox(store: Store, outbox: str, task_id: str, attempt: str) -> "list[str]":
    """Applies what a worker laid down, in its order; gives what was refused, in words.

    Killed in the middle and called again, it does nothing twice.
    """
    refused: list[str] = []
    for name in _laid_down(outbox):
        path = f"{outbox}/{name}"
        try:
            _apply(store, _read(path), task_id, attempt, _laid_down_at(name))
        except (Refused, NotFound) as fault:
            refused.append(f"{name}: {fault}")
        # Renamed, not removed: it was the agent's word, and after a kill it must not count twice.
        os.rename(path, f"{path}.applied")
    return refused


def _laid_down(outbox: str) -> "list[str]":
    """The names of the reports that wait there, in their order."""
    try:
        return sorted(name for name in os.listdir(outbox) if name.endswith(".json"))
    except FileNotFoundError:
        return []


def _apply(store: Store, report: "dict[str, Any]", task_id: str, attempt: str, at: str) -> None:
    match report:
        case {"verb": "set", "field": str(field), "value": str(value)}:
            text = report.get("text") is True
            set_field(store, task_id, field, value, attempt=attempt, text=text)
        case {"verb": "ask", "question": str(question), "options": list(options)}:
            asked = store.task(task_id).question
            if asked is None or asked["text"] != question:  # else: asked before a kill
                ask(store, task_id, question, tuple(map(str, options)), attempt=attempt)
        case {"verb": "report", "message": str(message)}:
            hand_in(store, task_id, message, attempt=attempt)
        case {"verb": "log", "text": str(text)}:
            note(store, task_id, text, at=at)
        case {"verb": "artifact", "of": "inputs" | "outputs" as side, "do": dict(act)}:
            from sow.artifacts import Shelf

            shelf = Shelf(of=side, task_id=task_id)
            keep_artifact(store, shelf, _asked_for(act), attempt=attempt, at=at)
        case _:
            raise Refused(
                f"no report: {report}", "a worker sets a field, reports, asks, logs or names an artifact"
            )


def of_artifact(act: "Act") -> "dict[str, Any]":
    """An act on an artifact as a report that can be laid down. A removal says which one it has seen."""
    from sow.artifacts import Add, Set

    match act:
        case Add(type=kind, path=path, approved=approved, metadata=metadata):
            return {"add": kind, "path": path, "approved": approved, "metadata": metadata}
        case Set(index=index, field=field, value=value, text=text):
            return {"set": field, "index": index, "value": value, "text": text}
    return {"remove": act.index, "artifact": act.artifact}


def _asked_for(report: "dict[str, Any]") -> "Act":
    """What a report asks to be done with an artifact: nothing that would be done twice by a repetition."""
    from sow.artifacts import Add, Remove, Set

    match report:
        case {"add": str(kind), "path": str(path), "metadata": dict() | None as metadata}:
            return Add(
                type=kind, path=path, approved=report.get("approved") is True, metadata=metadata or None
            )
        case {"set": str(field), "index": int(index), "value": str() | None as value}:
            return Set(index=index, field=field, value=value, text=report.get("text") is True)
        case {"remove": int(index), "artifact": {"type": str(), "path": str()} as seen}:
            return Remove(index=index, artifact=seen)
    raise Refused(
        f"no report of an artifact: {report}", "a worker adds one, sets a field of one, or removes one"
    )


def _read(path: str) -> "dict[str, Any]":
    """A report. The worker may have put anything there: only a plain file of some size is read."""
    import json
    import stat

    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
                raise Refused(f"{path} is no report", "a report is a plain file of less than a megabyte")
            held = json.loads(os.read(handle, LARGEST))
        finally:
            os.close(handle)
    except (OSError, ValueError, RecursionError) as fault:
        raise Refused(f"{path} is no JSON: {fault}", "it was torn or written by another program") from fault
    return held if isinstance(held, dict) else {}


def _laid_down_at(name: str) -> str:
    """When a report was laid down, as its name has it; empty where it has another name."""
    from sow.clock import stamp

    moment = name.partition("-")[0]
    return stamp(int(moment) / 1e9) if moment.isdecimal() and len(moment) == 20 else ""


def _check_turn(task: Task, attempt: str) -> None:
    """A process of an earlier iteration has no say in this one."""
    if attempt.startswith(f"{task.id}-") and attempt.split("-")[1] != str(task.iteration):
        raise Refused(
            f"task {task.id} is in iteration {task.iteration}, and attempt {attempt} is of an earlier one",
            "stop: the next iteration has a process of its own",
        )
