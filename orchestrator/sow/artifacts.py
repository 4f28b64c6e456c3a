"""Artifacts: the files that a phase or a task takes in and brings out. What an act makes of a list of them.

    list + Add | Set | Remove --> list', and the event that tells it

All of it is pure. In a phase, sow notes with each artifact the iteration that
it came in, so that a review of an older one never counts again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from sow import dotted
from sow.change import Event
from sow.document.canonical import same
from sow.dotted import Form
from sow.errors import Refused
from sow.nearest import did_you_mean
from sow.statechart import ITERATION
from sow.value import Value

if TYPE_CHECKING:
    from sow_schemas.documents import ArtifactChanged, EventPayload, EventType

Document = Any
"""A document whose fields are set by name, where no type can follow: the schema checks what is written."""


class Shelf(Value):
    """Where artifacts stand: the inputs or the outputs of a phase or of a task."""

    of: Literal["inputs", "outputs"]
    phase: str | None = None
    task_id: str | None = None
    types: tuple[str, ...] = ()
    """The types of artifacts that may stand there; empty for any."""
    elsewhere: Mapping[str, str] = {}
    """Types of artifacts that stand in other phases, each with such a phase."""
    iteration: int | None = None
    """What is noted with each that comes; None in a task."""

    @property
    def word(self) -> str:
        """What one of them is: `input` or `output`."""
        return self.of[:-1]

    @property
    def owner(self) -> str:
        """Whose they are: `phase review`, `task 010`."""
        return f"task {self.task_id}" if self.task_id else f"phase {self.phase}"

    @property
    def group(self) -> str:
        """The group of commands for what stands here."""
        return f"sow task {self.word}" if self.task_id else f"sow {self.word}"

    def command(self, verb: str) -> str:
        """The command that does `verb` here, without what it is to be done with."""
        whose = f"--id {self.task_id}" if self.task_id else f"--phase {self.phase}"
        return f"{self.group} {verb} {whose}"


class Add(Value):
    """An artifact comes. `path`: as `sow.inside.kept` gives it."""

    type: str
    path: str
    approved: bool = False
    metadata: Document | None = None


class Set(Value):
    """A field of an artifact is set, or where `value` is None removed."""

    index: int
    field: str
    value: str | None
    text: bool = False
    """Whether the value is text, whatever it looks like."""


class Remove(Value):
    """An artifact goes from the list; its file stays."""

    index: int
    artifact: Document | None = None
    """The one that is meant, as it was seen, for a word that is heard later: where another stands at the
    index by then, it is looked for; one that is gone already is what was asked for."""


Act = Add | Set | Remove


class Outcome(Value):
    """What an act made of a list of artifacts."""

    artifacts: list[Document]
    index: int
    """Which one it was about."""
    artifact: Document
    """That one: as it is now, or as it was where it is gone."""
    event: Event | None
    """What tells it; None where nothing is another."""


def after(held: list[Document], act: Act, shelf: Shelf, *, at: str) -> Outcome:
    """What `act` makes of the artifacts `held`. `at`: RFC 3339, when.

    Raises Refused for an unknown type, field or index, a value that is none, and an artifact that is there.
    """
    match act:
        case Add():
            return _added(held, act, shelf, at)
        case Set():
            return _changed(held, act, shelf)
        case Remove():
            return _removed(held, act, shelf)


def _added(held: list[Document], act: Add, shelf: Shelf, at: str) -> Outcome:
    _check_type(act.type, shelf)
    metadata = dict(act.metadata or {})
    if shelf.iteration is not None:
        if ITERATION in metadata:
            raise _noted()
        metadata[ITERATION] = shelf.iteration
    for index, one in enumerate(held):
        before = one.get("metadata", {}).get(ITERATION, 1)
        if (one["type"], one["path"]) == (act.type, act.path) and shelf.iteration in (None, before):
            raise Refused(
                f"{act.path} is {shelf.word} [{index}] of {shelf.owner} already",
                f"change that one: `{shelf.command('set')} --index {index} FIELD VALUE`",
            )
    new: Document = {"type": act.type, "path": act.path, "approved": act.approved, "created_at": at}
    new |= {"metadata": metadata} if metadata else {}
    event = _event(shelf, "artifact.written", {"path": act.path, "kind": act.type})
    return Outcome(artifacts=[*held, new], index=len(held), artifact=new, event=event)


def _changed(held: list[Document], act: Set, shelf: Shelf) -> Outcome:
    old = _at(held, act.index, shelf)
    form = _form(shelf)
    top = dotted.top(act.field, form)
    if act.value is None:
        value = dotted.without(old.get(top), act.field, form)
    else:
        value = dotted.put(old.get(top), act.field, act.value, form, text=act.text)
    if act.field == "type":
        _check_type(str(value), shelf)
    if top == "metadata" and shelf.iteration is not None:
        value = _with_iteration(old.get("metadata", {}), value)
    new = {**old, top: value} if value is not None else {k: v for k, v in old.items() if k != top}
    if same(new, old):
        return Outcome(artifacts=held, index=act.index, artifact=old, event=None)
    payload: ArtifactChanged = {"path": new["path"], "kind": new["type"], "fields": [act.field]}
    event = _event(shelf, "artifact.changed", payload)
    rest = [new if index == act.index else one for index, one in enumerate(held)]
    return Outcome(artifacts=rest, index=act.index, artifact=new, event=event)


def _removed(held: list[Document], act: Remove, shelf: Shelf) -> Outcome:
    place = act.index
    if act.artifact is not None:
        alike = [index for index, one in enumerate(held) if _is_one(one, act.artifact)]
        if not alike:
            return Outcome(artifacts=held, index=place, artifact=act.artifact, event=None)
        place = place if place in alike else alike[0]
    gone = _at(held, place, shelf)
    rest = [one for index, one in enumerate(held) if index != place]
    event = _event(shelf, "artifact.removed", {"path": gone["path"], "kind": gone["type"]})
    return Outcome(artifacts=rest, index=place, artifact=gone, event=event)


def _is_one(one: Document, other: Document) -> bool:
    """Whether two artifacts are the same one, whatever was set in it meanwhile."""
    return all(one.get(key) == other.get(key) for key in ("type", "path", "created_at"))


def _form(shelf: Shelf) -> Form:
    kept = {"created_at": "sow keeps the times"}
    if shelf.iteration is not None:
        kept[f"metadata.{ITERATION}"] = _NOTED
    return Form(
        thing="an artifact",
        schema="artifact_state",
        command=f"{shelf.group} set",
        shown_by=shelf.command("list"),
        kept=kept,
        needed=("type", "path", "approved"),
    )


_NOTED = "sow notes the iteration that an artifact came in"


def _noted() -> Refused:
    return Refused(
        f"metadata.{ITERATION} can't be set: {_NOTED}",
        "add the artifact again in the iteration that it is for",
    )


def _with_iteration(old: Document, new: Any) -> Any:
    """Metadata that is set or removed as a whole keeps what sow noted in it, and gets nothing of the kind."""
    given = new if isinstance(new, dict) else {}
    if ITERATION in given and not same(given[ITERATION], old.get(ITERATION)):
        raise _noted()
    if ITERATION not in old or (new is not None and not isinstance(new, dict)):
        return new
    return {**given, ITERATION: old[ITERATION]}


def _check_type(kind: str, shelf: Shelf) -> None:
    """Raises Refused for a type of artifact that has no place there."""
    if not kind.strip():
        raise Refused(
            "the type of the artifact is empty", _known(shelf) or "say what it is: reference, log ..."
        )
    if shelf.types and kind not in shelf.types:
        meant = did_you_mean(kind, shelf.types)
        if other := shelf.elsewhere.get(kind):
            meant = f"it is one of phase {other}: `--phase {other}`; "
        raise Refused(f"{kind!r} is no type of {shelf.word} of {shelf.owner}", f"{meant}{_known(shelf)}")


def _known(shelf: Shelf) -> str:
    return f"the types there: {', '.join(shelf.types)}" if shelf.types else ""


def _at(held: list[Document], index: int, shelf: Shelf) -> Document:
    if 0 <= index < len(held):
        return held[index]
    many = {0: f"no {shelf.of}", 1: f"1 {shelf.word}"}.get(len(held), f"{len(held)} {shelf.of}")
    raise Refused(
        f"index out of range: {index}",
        f"{shelf.owner} has {many}, counted from 0: `{shelf.command('list')}`",
    )


def _event(shelf: Shelf, kind: EventType, payload: EventPayload) -> Event:
    return Event(type=kind, task_id=shelf.task_id, payload=payload)
