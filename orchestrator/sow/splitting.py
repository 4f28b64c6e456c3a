"""An old project taken apart: the files that its one document becomes, or what is wrong with it and where.

    state.yaml --taken in--> project --> state.yaml
                             phases  --> phases/<phase>/state.yaml
                             tasks   --> phases/<phase>/tasks/<id>/state.yaml

Whoever reads an old project reads these files before they are there, and the first write makes them: as one
change, of which the project's own file comes last. A comment goes with the field that it stands above or
beside.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sow_schemas
from sow import document, original
from sow.document import Document, canonical, strict
from sow.document.strict import Node
from sow.errors import Refused
from sow.journal import Move, Write
from sow.layout import Layout
from sow.task import HIGHEST_ID, free_id
from sow_schemas.formats import is_task_id

Place = tuple[str | int, ...]
"""Where a value stands in the document."""

PRE_SPLIT = ".pre-split"
"""What the name of a file ends in that stood in the place of one that the split made."""

_HEAD, _TAIL = "", "\n"
"""Where a file's comments stand that belong to no field of it: above the first, below the last."""


@dataclass(frozen=True, slots=True)
class Old:
    """A project that lies in one document, taken apart. All paths are absolute."""

    path: str
    """Its file."""
    text: str
    """The document, byte for byte."""
    documents: Mapping[str, Document]
    """The files that it becomes, by their paths."""
    faults: Mapping[str, Refused]
    """What is wrong with it, by the path of the file that can't be made because of that."""
    phases: tuple[str, ...]
    tasks: tuple[str, ...]
    """The paths of the tasks' files, good or not."""
    moves: Mapping[str, str]
    """The folders of tasks that get another id, each with the one where it lies now."""

    @property
    def renumbered(self) -> dict[str, str]:
        """The tasks that get another id, such as `finalization/010`, each with that id."""
        return {"/".join(old.split("/")[-3::2]): new[-3:] for new, old in self.moves.items()}


def steps(old: Old, layout: Layout, texts: Mapping[str, str]) -> tuple[list[Write | Move], dict[str, str]]:
    """What makes an old project's files, and those files by their paths; `texts`: others that come with them.

    Files that stand in their places already are kept beside. Raises Refused where something is wrong with
    the project's file.
    """
    for fault in old.faults.values():
        raise fault
    new = {**{path: held.text for path, held in old.documents.items()}, **texts}
    own = layout.project_file
    for path, text in new.items():
        if path != own:
            _keep_aside(path, text)
    rest = [Write(path=path, text=text) for path, text in new.items() if path != own]
    moves = [Move(path=path, to=to) for to, path in old.moves.items()]
    before = Write(path=_aside(own, old.text.encode()), text=old.text)
    return [*moves, before, *rest, Write(path=own, text=new[own])], new


def _keep_aside(path: str, text: str) -> None:
    """Keeps the file at `path` beside it, where it holds another text."""
    try:
        held = _bytes(path)
    except FileNotFoundError:
        return
    aside = _aside(path, held)
    if held == text.encode() or os.path.lexists(aside):
        return
    try:
        # The new file comes by a rename, so this name goes on to stand for what is there now.
        os.link(path, aside)
    except OSError:
        shutil.copy2(path, aside)  # a file system without second names


def _aside(path: str, data: bytes) -> str:
    """Where what stood at `path` is kept: beside it, and in the place of nothing else."""
    aside, number = f"{path}{PRE_SPLIT}", 1
    while os.path.lexists(aside) and _bytes(aside) != data:
        number += 1
        aside = f"{path}{PRE_SPLIT}.{number}"
    return aside


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


# -- taking apart ----------------------------------------------------------------------------------


def is_old(value: Mapping[str, Any]) -> bool:
    """Whether the project's document is one that holds its phases, too."""
    return "phases" in value


def taken_apart(held: Document, layout: Layout, used: Iterable[int]) -> Old:
    """The parts of the project whose document is `held`. `used`: the numbers of ids that are given already.

    The original counts tasks phase by phase. Where a phase's task has the id of one in a phase before, it
    gets the next free one, and the paths of its files follow.
    """
    return _Apart(held, layout, used).made()


class _Apart:
    """The parts that are found so far."""

    def __init__(self, held: Document, layout: Layout, used: Iterable[int]) -> None:
        self.held, self.layout = held, layout
        self.value = original.taken_in(held.value)
        self.loaded = strict.load(held.text.encode(), held.where)
        self.comments = _comments(held.text.removeprefix("\ufeff"), self.loaded.root)
        self.used = set(used)
        self.documents: dict[str, Document] = {}
        self.faults: dict[str, Refused] = {}
        self.tasks: list[str] = []
        self.moves: dict[str, str] = {}

    def made(self) -> Old:
        project = {key: held for key, held in self.value.items() if key != "phases"}
        self.keep("project_file", self.layout.project_file, (), project, "")
        phases = self.phases()
        ids = self.ids(phases)
        for name, phase in phases.items():
            self.phase(name, phase)
            for index, task in enumerate(_tasks(phase)):
                self.task(name, index, task, ids.get((name, index)))
        return Old(
            path=self.layout.project_file,
            text=self.held.text,
            documents=self.documents,
            faults=self.faults,
            phases=tuple(phases),
            tasks=tuple(self.tasks),
            moves=self.moves,
        )

    def phases(self) -> dict[str, Any]:
        """The phases that can be one, by name."""
        found = self.value["phases"]
        if not isinstance(found, dict):
            self.fault(self.layout.project_file, "project_state", (), self.value, "")
            return {}
        for name in found:
            if not _is_folder_name(name):
                what = f"{name!r} can't be the name of a phase, which is that of its folder"
                hint = "take small letters, digits, dashes and underscores"
                self.refuse(self.layout.project_file, ("phases", name), what, hint)
        return {name: phase for name, phase in found.items() if _is_folder_name(name)}

    def ids(self, phases: Mapping[str, Any]) -> dict[tuple[str, int], str]:
        """The new ids of tasks whose own is given in a phase before, by their phase and place there."""
        held = {
            (phase, index): task["id"]
            for phase, value in phases.items()
            for index, task in enumerate(_tasks(value))
            if _has_id(task)
        }
        taken = {*self.used, *map(int, held.values())}
        first: dict[str, str] = {}
        found: dict[tuple[str, int], str] = {}
        for (phase, index), task_id in held.items():
            if first.setdefault(task_id, phase) != phase:
                new = free_id(taken)
                if new is None:
                    what = f"task id {task_id} is given in phase {first[task_id]}, too, and no other is free"
                    hint = f"a project has {HIGHEST_ID} tasks at most: take one out"
                    place: Place = ("phases", phase, "tasks", index)
                    self.refuse(self.layout.task_file(phase, task_id), place, what, hint)
                    continue
                found[phase, index] = new
                taken.add(int(new))
                self.moves[self.layout.task(phase, new)] = self.layout.task(phase, task_id)
        return found

    def phase(self, name: str, value: Any) -> None:
        """Takes in a phase without its tasks."""
        path, place = self.layout.phase_file(name), ("phases", name)
        own = value
        if isinstance(value, dict):
            own = self.moved({key: held for key, held in value.items() if key != "tasks"})
        self.keep("phase_file", path, place, own, f"phase {name}: ")
        if isinstance(value, dict) and not isinstance(value["tasks"], list):
            self.fault(path, "phase_state", place, value, f"phase {name}: ")

    def task(self, phase: str, index: int, value: Any, new_id: str | None) -> None:
        """Takes in one task of a phase."""
        place: Place = ("phases", phase, "tasks", index)
        if new_id:
            value = {**value, "id": new_id}
        task_id = str(value.get("id")) if isinstance(value, dict) else f"[{index}]"
        path = self.layout.task_file(phase, task_id)
        if path in self.tasks:
            path = self.layout.task_file(phase, f"[{index}]")
            hint = "give one of them another id, such as 015"
            self.refuse(path, (*place, "id"), f"task {task_id} stands twice in phase {phase}", hint)
        else:
            self.keep("task_state", path, place, self.moved(value), f"task {task_id}: ")
        self.tasks.append(path)
        if path in self.documents and value["phase"] != phase:
            what = f"task {task_id}: phase is {value['phase']!r}, and it stands in phase {phase}"
            self.refuse(path, (*place, "phase"), what, f"make its phase {phase}, or move it to the other one")

    def moved(self, value: Any) -> Any:
        """A phase or task, with the paths of its artifacts as they are once folders have moved."""
        if not self.moves or not isinstance(value, dict):
            return value
        held = dict(value)
        for key in ("inputs", "outputs"):
            if isinstance(held.get(key), list):
                held[key] = [self.moved_artifact(artifact) for artifact in held[key]]
        return held

    def moved_artifact(self, artifact: Any) -> Any:
        if not isinstance(artifact, dict) or not isinstance(artifact.get("path"), str):
            return artifact
        path = artifact["path"]
        for new, old in self.moves.items():
            path = path.replace(f"{_below(old)}/", f"{_below(new)}/")
        return {**artifact, "path": path}

    # -- one file -------------------------------------------------------------------------------

    def keep(self, schema: str, path: str, place: Place, value: Any, what: str) -> None:
        """Notes a part as the file at `path`, or what is wrong with it. `what`: whose fault that would be."""
        if path in self.faults:
            return
        if not sow_schemas.valid(schema, value):
            self.fault(path, schema, place, value, what)
            return
        try:
            text = self.text(place, value)
        except canonical.Unwritable as fault:
            self.refuse(path, place, f"{what}{fault}", "give a value that a YAML file can hold")
            return
        self.documents[path] = document.parse(text.encode(), path)

    def text(self, place: Place, value: Mapping[str, Any]) -> str:
        """A part as a file: a field a line, each with its comments above it."""
        comments = self.comments.get(place, {})
        lines = [*comments.get(_HEAD, ())]
        for key in {**self.at(place), **value}:
            lines += comments.get(key, ())
            if key in value:
                lines.append(canonical.line(key, value[key], ""))
        lines += comments.get(_TAIL, ())
        return "".join(f"{line}\n" for line in lines)

    def at(self, place: Place) -> Mapping[str, Any]:
        """The mapping at a place of the document as it was written."""
        held: Any = self.held.value
        for step in place:
            held = held[step]
        return held if isinstance(held, dict) else {}

    def fault(self, path: str, schema: str, place: Place, value: object, what: str) -> None:
        """Notes the first thing that a schema has against a part."""
        found = sow_schemas.problems(schema, value)
        first = min(found, key=lambda problem: self.loaded.place((*place, *problem.path)))
        field = f"{first.where}: " if first.where else ""
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        self.refuse(path, (*place, *first.path), f"{what}{field}{first.message}{more}", first.hint)

    def refuse(self, path: str, place: Place, what: str, hint: str) -> None:
        line = self.loaded.place(place)[0]
        self.documents.pop(path, None)
        self.faults.setdefault(path, Refused(f"{self.held.where}:{line}: {what}", hint))


def _tasks(phase: Any) -> list[Any]:
    tasks = phase["tasks"] if isinstance(phase, dict) else []
    return tasks if isinstance(tasks, list) else []


def _has_id(task: Any) -> bool:
    return isinstance(task, dict) and isinstance(task.get("id"), str) and is_task_id(task["id"])


def _below(folder: str) -> str:
    """A task's folder from `phases/` on, as paths of artifacts have it, whatever they begin with."""
    return "/".join(folder.split("/")[-4:])


def _is_folder_name(name: str) -> bool:
    return name.isprintable() and "/" not in name and name[:1] not in ("", ".") and len(name.encode()) < 256


# -- comments --------------------------------------------------------------------------------------


def _comments(text: str, root: Node | None) -> Mapping[Place, Mapping[str, list[str]]]:
    """The comments of a document, by the part that they go with and its field."""
    found: dict[Place, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    if root is None or "#" not in text:
        return found
    start, before = 0, None
    for leaf, place, field in _owned(root):
        # Between leaves there are only signs, spaces and comments.
        for beside, comment in _in_gap(text, start, leaf.start):
            owner, name = before if beside and before else (place, field)
            found[owner][name].append(comment)
        if leaf.style in ("|", ">"):
            header = text[leaf.start : text.find("\n", leaf.start)]
            found[place][field] += [comment for _, comment in _in_gap(header, 0, len(header))]
        start, before = leaf.end, (place, field)
    for beside, comment in _in_gap(text, start, len(text)):
        owner, name = before if beside and before else ((), _TAIL)
        found[owner][name].append(comment)
    return found


def _in_gap(text: str, start: int, end: int) -> Iterator[tuple[bool, str]]:
    """The comments between two leaves, each with whether it stands on the line of the one before."""
    is_open = start > 0 and text[start - 1] != "\n"
    for number, line in enumerate(text[start:end].splitlines()):
        if "#" in line:
            yield is_open and number == 0, "#" + line.partition("#")[2].rstrip()


def _owned(root: Node) -> Iterator[tuple[Node, Place, str]]:
    """Every leaf of a document, with the part that it belongs to and its field there."""
    for key, held in _fields(root):
        if key.value != "phases":
            yield from _of((), key, held)
            continue
        yield key, (), "phases"
        for name, phase in _fields(held):
            yield name, ("phases", name.value), _HEAD
            yield from _owned_in_phase(("phases", name.value), phase)


def _owned_in_phase(place: Place, phase: Node) -> Iterator[tuple[Node, Place, str]]:
    for key, held in _fields(phase):
        if key.value != "tasks":
            yield from _of(place, key, held)
            continue
        yield key, place, "tasks"
        for index, task in enumerate(held.items):
            for field, value in _fields(task):
                yield from _of((*place, "tasks", index), field, value)


def _of(place: Place, key: Node, held: Node) -> Iterator[tuple[Node, Place, str]]:
    yield key, place, key.value
    for leaf in held.leaves():
        yield leaf, place, key.value


def _fields(node: Node) -> Iterator[tuple[Node, Node]]:
    return zip(node.keys, node.items, strict=True)
