"""The statechart of a project: which ways are open, what bars the others, what a step makes of it.

    Whole + event --guards--> Unmet ...           why not, and the command that would help
                  --effects-> Step                the next state, and the phases with it

All of it is pure: nothing is read or written here. A guard belongs to its
transition, so whoever fires it meets it; its text, the part that is not met
and the command that would meet it are one value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from sow.change import Event
from sow.clock import is_unset, moment
from sow.errors import Refused, Usage
from sow.project_types import (
    ArtifactsAre,
    DependenciesHold,
    Effect,
    Guard,
    MetadataIs,
    ProjectType,
    TaskMetadataIs,
    TasksAre,
    Transition,
)
from sow.project_types import State as ChartState
from sow.ready import circle
from sow.state import Step, Whole
from sow.task import COMPLETED, Task

if TYPE_CHECKING:
    from sow_schemas.documents import ArtifactState, PhaseFile, ProjectAdvanced, ProjectFile, Statechart

ITERATION = "iteration"
"""The field of an artifact's metadata in which sow notes the phase's iteration that it came in."""


@dataclass(frozen=True, slots=True)
class Unmet:
    """A guard that is not met."""

    text: str
    """The guard's own words."""
    detail: str
    """The part of it that is not met."""
    remedy: str
    """What would meet it, a command where there is one."""


@dataclass(frozen=True, slots=True)
class Way:
    """A transition from the current state, and what bars it."""

    transition: Transition
    unmet: tuple[Unmet, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether nothing bars it."""
        return not self.unmet


def current(kind: ProjectType, whole: Whole) -> ChartState:
    """The state that the project is in. Raises Refused for one that its type does not have."""
    return kind.state(whole.project["statechart"]["current_state"])


def current_phase(kind: ProjectType, project: ProjectFile) -> str:
    """The phase of the state that a project is in. Raises Usage where the state has none."""
    here = kind.state(project["statechart"]["current_state"])
    if here.phase is None:
        raise Usage(
            f"which phase? state {here.name} has none", f"name one: --phase {' | '.join(kind.phases)}"
        )
    return here.phase


def ways(kind: ProjectType, whole: Whole) -> list[Way]:
    """The transitions of the current state, each with what bars it."""
    return [Way(way, tuple(_unmet(way.guards, whole))) for way in current(kind, whole).transitions]


def way(kind: ProjectType, whole: Whole, event: str) -> Way:
    """The way that `event` takes from the current state. Raises Refused where it takes none."""
    here = current(kind, whole)
    found = here.transition(event)
    if found is None:
        raise Refused(
            f"event not configured: {event or 'it is empty'} is not configured for state {here.name}",
            "Use 'sow advance --list' to see available transitions",
        )
    return Way(found, tuple(_unmet(found.guards, whole)))


def open_way(kind: ProjectType, whole: Whole) -> Way:
    """The only way that is open now. Raises Refused where there is none, or more than one."""
    here = current(kind, whole)
    if here.name in kind.final:
        raise Refused(
            f"the project has come to its end: state {here.name}", "clear it up: `sow project finish`"
        )
    found = ways(kind, whole)
    free = [each for each in found if each.is_open]
    if len(free) == 1:
        return free[0]
    if free:
        events = ", ".join(each.transition.event for each in free)
        raise Refused(
            f"more than one transition is open in state {here.name}: {events}",
            "name the event: `sow advance EVENT`",
        )
    if len(found) == 1:
        raise blocked(found[0])
    reasons = "; ".join(f"{each.transition.event}: {_told(each.unmet[0])}" for each in found)
    raise Refused(
        f"no transition is open in state {here.name}: {reasons or 'there is none'}",
        "Guard not satisfied. See what each asks for: `sow advance --list`",
    )  # fmt: skip


def blocked(barred: Way) -> Refused:
    """The refusal of a transition that is barred: the first guard in its words, and what would help."""
    first = barred.unmet[0]
    more = f" (and {len(barred.unmet) - 1} more)" if len(barred.unmet) > 1 else ""
    return Refused(
        f"Transition blocked by guard: {_told(first)}{more}",
        f"Guard not satisfied. Fix the guard condition, then repeat: {first.remedy}",
    )


def _told(unmet: Unmet) -> str:
    return f"{unmet.text} ({unmet.detail})"


def step(kind: ProjectType, whole: Whole, taken: Transition, *, at: str) -> Step:
    """What taking a transition makes of the project. `at`: RFC 3339, when.

    The guards are the caller's to ask: `way` and `open_way` give them.
    """
    here = whole.project["statechart"]["current_state"]
    chart: Statechart = {"current_state": taken.target, "updated_at": at}
    project: ProjectFile = {**whole.project, "statechart": chart}
    payload: ProjectAdvanced = {"event": taken.event, "source": here, "target": taken.target}
    return Step(
        project=project,
        phases=after(taken.effects, whole.phases, at=at),
        events=(Event(type="project.advanced", payload=payload),),
    )


# -- how a project begins --------------------------------------------------------------------------


def first(kind: ProjectType, *, at: str) -> tuple[str, dict[str, PhaseFile]]:
    """State and phases of a project of this type that begins at `at`."""
    phases: dict[str, PhaseFile] = {
        name: {"status": "pending", "enabled": True, "created_at": at, "inputs": [], "outputs": []}
        for name in kind.phases
    }
    state, effects = kind.initial_state, kind.initial_effects
    fired = kind.states[state].transition(kind.initial_event) if kind.initial_event else None
    if fired:
        state, effects = fired.target, (*effects, *fired.effects)
    return state, {**phases, **after(effects, phases, at=at)}


# -- effects ---------------------------------------------------------------------------------------


def after(effects: tuple[Effect, ...], phases: Mapping[str, PhaseFile], *, at: str) -> dict[str, PhaseFile]:
    """The phases that effects change, as they are afterwards. Raises Refused for one that is not there."""
    changed: dict[str, PhaseFile] = {}
    for effect in effects:
        now = {**phases, **changed}
        changed[effect.phase] = _affected(_phase(now, effect.phase), effect, at)
        if effect.carry:
            kind, to = effect.carry
            newest = [held for held in changed[effect.phase]["outputs"] if held["type"] == kind][-1:]
            taker = {**now, **changed}
            changed[to] = _with_inputs(_phase(taker, to), newest)
    return changed


def _affected(phase: PhaseFile, effect: Effect, at: str) -> PhaseFile:
    held: dict[str, Any] = {**phase}
    if effect.enter:
        held = _entered(held, at)
    if effect.status is not None:
        held = {**with_status(cast("PhaseFile", held), effect.status, at)}
    if effect.metadata:
        given = {**held.get("metadata", {}), **effect.metadata}
        held["metadata"] = {key: value for key, value in given.items() if value is not None}
    return in_order(held)


def _entered(phase: Mapping[str, Any], at: str) -> dict[str, Any]:
    """A phase that is gone into, for the first time or again: its ends are taken back."""
    held = {key: value for key, value in phase.items() if key not in ("completed_at", "failed_at")}
    if is_unset(held.get("started_at")):
        held["started_at"] = at
    before = 0 if "iteration" not in phase and is_unset(phase.get("started_at")) else iteration(phase)
    return {**held, "status": "in_progress", "iteration": before + 1}


def iteration(phase: Mapping[str, Any]) -> int:
    """The iteration that a phase is in, from 1. The original does not always count: then its outputs tell."""
    if "iteration" in phase:
        return int(phase["iteration"])
    noted = [held.get("metadata", {}).get(ITERATION) for held in phase["outputs"]]
    last = max([1, *(number for number in noted if type(number) is int)])
    failed = phase.get("failed_at")
    if is_unset(failed) or phase["status"] == "failed":
        return last
    # It is gone into again: what came since is of this iteration, and until something did, it is the next.
    return last + all(moment(held["created_at"]) <= moment(failed) for held in phase["outputs"])


def with_status(phase: PhaseFile, status: str, at: str) -> PhaseFile:
    """A phase in another status, with the times that go with it. `at`: RFC 3339, when."""
    ends = {"completed": "completed_at", "failed": "failed_at"}
    held: dict[str, Any] = {key: value for key, value in phase.items() if key not in ends.values()}
    if status in ends:
        held[ends[status]] = at
    elif status not in ("pending", "skipped") and is_unset(held.get("started_at")):
        held["started_at"] = at
    return in_order({**held, "status": status})


def _with_inputs(phase: PhaseFile, artifacts: list[ArtifactState]) -> PhaseFile:
    new = [held for held in artifacts if held not in phase["inputs"]]
    return {**phase, "inputs": [*phase["inputs"], *new]}


_ORDER = (
    "status", "enabled", "created_at", "started_at", "completed_at", "failed_at", "iteration", "metadata",
    "inputs", "outputs",
)  # fmt: skip


def in_order(phase: Mapping[str, Any]) -> PhaseFile:
    """A phase's document with its fields in the order of the schema."""
    return cast("PhaseFile", {key: phase[key] for key in _ORDER if key in phase})


# -- guards ----------------------------------------------------------------------------------------


def _unmet(guards: tuple[Guard, ...], whole: Whole) -> Iterator[Unmet]:
    for guard in guards:
        if fault := _fault(guard, whole):
            yield Unmet(guard.text, *fault)


def _fault(guard: Guard, whole: Whole) -> tuple[str, str] | None:
    """The part of a guard that is not met and what would meet it; None where it is met."""
    match guard:
        case MetadataIs():
            return _metadata_fault(guard, whole)
        case TasksAre():
            return _unreadable(guard.phase, whole) or _tasks_fault(guard, whole)
        case ArtifactsAre():
            return _artifacts_fault(guard, whole)
        case TaskMetadataIs():
            return _unreadable(guard.phase, whole) or _task_metadata_fault(guard, whole)
        case DependenciesHold():
            return _unreadable(guard.phase, whole) or _dependencies_fault(guard, whole)


def _metadata_fault(guard: MetadataIs, whole: Whole) -> tuple[str, str] | None:
    held = _at(_phase(whole.phases, guard.phase).get("metadata", {}), guard.field)
    if same(held, guard.equals):
        return None
    what = f"metadata.{guard.field} of phase {guard.phase} is {_shown(held)}, not {_shown(guard.equals)}"
    value = guard.equals if isinstance(guard.equals, str) else _shown(guard.equals)
    return what, f"`sow phase set metadata.{guard.field} {value} --phase {guard.phase}`"


def _unreadable(phase: str, whole: Whole) -> tuple[str, str] | None:
    """A task whose file is broken may have come to anything: no guard about tasks holds."""
    if broken := whole.tasks.broken_in(phase):
        return broken[0].message, broken[0].hint
    return None


def _tasks_fault(guard: TasksAre, whole: Whole) -> tuple[str, str] | None:
    tasks = whole.tasks.of(guard.phase)
    if len(tasks) < guard.at_least:
        there = f"{len(tasks)} tasks" if tasks else "no task"
        return (
            f"there is {there} in phase {guard.phase}" if not tasks else f"phase {guard.phase} has {there}",
            f"`sow task add NAME --agent AGENT --phase {guard.phase}`",
        )
    if others := [task for task in tasks if guard.all and task.status not in guard.all]:
        listed = ", ".join(f"{task.id} ({task.status})" for task in others[:5])
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        return f"not {' or '.join(guard.all)}: {listed}{more}", _towards_an_end(others)
    done = sum(task.status == COMPLETED for task in tasks)
    if done < guard.completed:
        what = "none is completed" if not done else f"{done} of {guard.completed} are completed"
        return what, f"`sow task retry ID`, or `sow task add NAME --agent AGENT --phase {guard.phase}`"
    return None


def _towards_an_end(tasks: list[Task]) -> str:
    if any(task.status in ("paused", "needs_review") for task in tasks):
        return "`sow review`"
    if any(task.status in ("pending", "in_progress") for task in tasks):
        return "`sow run`"
    return f"`sow task retry {tasks[0].id}`"


def _artifacts_fault(guard: ArtifactsAre, whole: Whole) -> tuple[str, str] | None:
    phase = _phase(whole.phases, guard.phase)
    found = [
        (index, held)
        for index, held in enumerate(phase[guard.of])
        if held["type"] == guard.type and (not guard.this_iteration or _is_of_now(held, phase))
    ]
    word = guard.of[:-1]
    if not found:
        now = f" of iteration {iteration(phase)}" if guard.this_iteration else ""
        return (
            f"there is no {word} of type {guard.type} in phase {guard.phase}{now}",
            f"`sow {word} add --type {guard.type} --path PATH --phase {guard.phase}`",
        )
    faults = [_artifact_fault(guard, index, held) for index, held in found]
    match guard.which:
        case "any":
            return None if None in faults else faults[-1]
        case "newest":
            return faults[-1]
        case "all":
            return next((fault for fault in faults if fault), None)


def _artifact_fault(guard: ArtifactsAre, index: int, held: ArtifactState) -> tuple[str, str] | None:
    word = guard.of[:-1]
    how = f"sow {word} set --index {index}"
    # What it is comes before whether somebody approved it: an approval is of something.
    for name, wanted in guard.metadata.items():
        value = _at(held.get("metadata", {}), name)
        if not same(value, wanted):
            what = (
                f"metadata.{name} of {word} [{index}] {held['path']} is {_shown(value)}, not {_shown(wanted)}"
            )
            to = wanted if isinstance(wanted, str) else _shown(wanted)
            return what, f"`{how} metadata.{name} {to} --phase {guard.phase}`"
    if guard.approved is not None and held["approved"] is not guard.approved:
        what = f"{word} [{index}] {held['path']} is {'not ' if guard.approved else ''}approved"
        return what, f"`{how} approved {_shown(guard.approved)} --phase {guard.phase}`"
    return None


def _is_of_now(artifact: ArtifactState, phase: PhaseFile) -> bool:
    """Whether an artifact came in the phase's current iteration; one that says nothing came in the first."""
    return bool(artifact.get("metadata", {}).get(ITERATION, 1) == iteration(phase))


def _task_metadata_fault(guard: TaskMetadataIs, whole: Whole) -> tuple[str, str] | None:
    for task in whole.tasks.of(guard.phase):
        if guard.statuses and task.status not in guard.statuses:
            continue
        held = _at(task.metadata or {}, guard.field)
        if not same(held, guard.equals):
            value = guard.equals if isinstance(guard.equals, str) else _shown(guard.equals)
            return (
                f"metadata.{guard.field} of task {task.id} is {_shown(held)}, not {_shown(guard.equals)}",
                f"`sow task set metadata.{guard.field} {value} --id {task.id}`",
            )
    return None


def _dependencies_fault(guard: DependenciesHold, whole: Whole) -> tuple[str, str] | None:
    tasks = whole.tasks.of(guard.phase)
    known = whole.tasks.by_id()
    for task in tasks:
        for needed in task.depends_on or ():
            if needed not in known:
                return f"task {task.id} depends on {needed}, which is not there", _set_dependencies(task)
    if way := circle(whole.tasks.tasks):
        return f"{' -> '.join(way)} is a circle", _set_dependencies(known[way[0]])
    return None


def _set_dependencies(task: Task) -> str:
    return f"`sow task set depends_on IDS --id {task.id}`, or --unset"


# -- what the completion of a task asks for --------------------------------------------------------


def with_completed(kind: ProjectType, phase: PhaseFile, task: Task) -> PhaseFile | None:
    """The task's phase once the task is completed; None where its completion asks nothing of the phase.

    Raises Refused where the artifact that the task names is not among the phase's outputs.
    """
    known = kind.phases.get(task.phase)
    path = _at(task.metadata or {}, known.artifact_field) if known and known.artifact_field else None
    if known is None or path is None:
        return None
    mine = [index for index, held in enumerate(phase["outputs"]) if held["path"] == path]
    if not mine:
        its_type = known.outputs[0] if known.outputs else "TYPE"
        raise Refused(
            f"task {task.id} can't be completed: its metadata.{known.artifact_field} {path!r} is not among "
            f"the outputs of phase {task.phase}",
            f"add it: `sow output add --type {its_type} --path {path} --phase {task.phase}`",
        )
    approved: list[ArtifactState] = [
        {**held, "approved": True} if index in mine else held for index, held in enumerate(phase["outputs"])
    ]
    return {**phase, "outputs": approved}


# -- helpers ---------------------------------------------------------------------------------------


def _phase(phases: Mapping[str, PhaseFile], name: str) -> PhaseFile:
    if name in phases:
        return phases[name]
    raise Refused(
        f"phase not found: {name}: the project's type has it, and the project has not",
        f"bring phases/{name}/state.yaml back: `git log -- .sow/project/phases/{name}` shows where it went",
    )


def _at(held: object, path: str) -> object:
    """What is at a dotted path; None where nothing is."""
    for part in path.split("."):
        held = held.get(part) if isinstance(held, Mapping) else None
    return held


def same(one: object, other: object) -> bool:
    """Whether two values are the same in YAML: there `true` is not 1."""
    return type(one) is type(other) and one == other


def _shown(value: object) -> str:
    match value:
        case None:
            return "not set"
        case True:
            return "true"
        case False:
            return "false"
    return repr(value)
