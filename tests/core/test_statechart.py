"""Every state and every event of every type: which way leads where, what bars it, what a step makes of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.core.parts import AT, add, events, in_status, keep, new_store, new_task

import sow_schemas
from sow import advancing, document, project_types, statechart
from sow.errors import Refused
from sow.project_types import BUILT_IN
from sow.state import Broken, Step, Tasks, Whole
from sow.store import Store
from sow.task import Task

LATER = "2026-11-22T10:00:00.000Z"

WAYS = {
    "standard": {
        ("NoProject", "project_init"): "ImplementationPlanning",
        ("ImplementationPlanning", "planning_complete"): "ImplementationDraftPRCreation",
        ("ImplementationDraftPRCreation", "draft_pr_created"): "ImplementationExecuting",
        ("ImplementationExecuting", "all_tasks_complete"): "ReviewActive",
        ("ReviewActive", "review_pass"): "FinalizeChecks",
        ("ReviewActive", "review_fail"): "ImplementationPlanning",
        ("FinalizeChecks", "checks_done"): "FinalizePRReady",
        ("FinalizePRReady", "pr_ready"): "FinalizePRChecks",
        ("FinalizePRChecks", "pr_checks_pass"): "FinalizeCleanup",
        ("FinalizeCleanup", "cleanup_complete"): "NoProject",
    },
    "exploration": {
        ("Active", "begin_summarizing"): "Summarizing",
        ("Summarizing", "complete_summarizing"): "Finalizing",
        ("Finalizing", "complete_finalization"): "Completed",
    },
    "design": {
        ("Active", "complete_design"): "Finalizing",
        ("Finalizing", "complete_finalization"): "Completed",
    },
    "breakdown": {
        ("Discovery", "begin_active"): "Active",
        ("Active", "begin_publishing"): "Publishing",
        ("Publishing", "complete_breakdown"): "Completed",
    },
}
"""From a state by an event to the next state. Whatever is not here is refused."""


AFTERWARDS = {
    "standard": {
        "project_init": {"implementation": "in_progress"},
        "all_tasks_complete": {"implementation": "completed", "review": "in_progress"},
        "review_pass": {"review": "completed", "finalize": "in_progress"},
        "review_fail": {"review": "failed", "implementation": "in_progress"},
        "cleanup_complete": {"finalize": "completed"},
    },
    "exploration": {
        "begin_summarizing": {"exploration": "summarizing"},
        "complete_summarizing": {"exploration": "completed", "finalization": "in_progress"},
        "complete_finalization": {"finalization": "completed"},
    },
    "design": {
        "complete_design": {"design": "completed", "finalization": "in_progress"},
        "complete_finalization": {"finalization": "completed"},
    },
    "breakdown": {
        "begin_active": {"breakdown": "active"},
        "begin_publishing": {"breakdown": "publishing"},
        "complete_breakdown": {"breakdown": "completed"},
    },
}
"""What an event makes of the statuses of phases. Whatever is not here changes none."""


TYPES = {name: project_types.built_in(name) for name in BUILT_IN}


def artifact(type_: str, *, approved: bool = True, path: str = "a.md", **metadata: Any) -> dict[str, Any]:
    held = {"type": type_, "path": path, "approved": approved, "created_at": AT}
    return {**held, "metadata": metadata} if metadata else held


def whole(kind: str, state: str, tasks: tuple[Task, ...] = (), **phases: dict[str, Any]) -> Whole:
    """A project of a type in a state; of its phases the fields that are given."""
    held = TYPES[kind]
    _, begun = statechart.first(held, at=AT)
    documents: Any = {name: {**phase, **phases.get(name, {})} for name, phase in begun.items()}
    project: Any = {"name": "demo", "type": kind, "statechart": {"current_state": state, "updated_at": AT}}
    return Whole(project=project, phases=documents, tasks=Tasks(tasks=tasks))


def fulfilled(kind: str, state: str) -> Whole:
    """A project of a type in a state in which every guard that can hold beside the others does."""
    phases = TYPES[kind].phases
    done = tuple(
        done_task(f"{10 * number:03d}", name, metadata={"published": True})
        for number, name in enumerate(phases, 1)
        if phases[name].tasks
    )
    outputs: dict[str, dict[str, Any]] = {
        "standard": {
            "implementation": {"metadata": {"planning_approved": True, "draft_pr_created": True}},
            "review": {"iteration": 1, "outputs": [artifact("review", assessment="pass")]},
            "finalize": {
                "metadata": {"pr_checks_passed": True, "project_deleted": True},
                "outputs": [artifact("pr_body")],
            },
        },
        "exploration": {"exploration": {"outputs": [artifact("summary")]}},
        "design": {},
        "breakdown": {"breakdown": {"outputs": [artifact("discovery")]}},
    }
    return whole(kind, state, done, **outputs[kind])


def done_task(task_id: str, phase: str, **fields: Any) -> Task:
    return new_task(task_id, phase=phase, status="completed", **fields)


def every_pair() -> Iterator[tuple[str, str, str]]:
    for kind in BUILT_IN:
        held = TYPES[kind]
        for state, event in itertools.product(held.states, held.events()):
            yield kind, state, event


@pytest.mark.parametrize(("kind", "state", "event"), list(every_pair()))
def test_an_event_leads_where_the_table_says_and_nowhere_else(kind: str, state: str, event: str) -> None:
    held = fulfilled(kind, state)
    if event == "review_fail":
        held = failed_review(held)
    target = WAYS[kind].get((state, event))
    if target is None:
        with pytest.raises(Refused, match=f"event not configured.*not configured for state {state}") as said:
            statechart.way(TYPES[kind], held, event)
        assert said.value.hint == "Use 'sow advance --list' to see available transitions"
        return
    found = statechart.way(TYPES[kind], held, event)
    assert (found.transition.target, found.unmet) == (target, ())


def failed_review(held: Whole) -> Whole:
    review = {**held.phases["review"], "outputs": [artifact("review", assessment="fail")]}
    return held.replace(phases={**held.phases, "review": review})


def test_the_table_has_every_transition_of_every_type() -> None:
    for kind, ways in WAYS.items():
        states = TYPES[kind].states.values()
        assert ways == {(s.name, way.event): way.target for s in states for way in s.transitions}


# -- guards ----------------------------------------------------------------------------------------

GUARDS: list[tuple[str, str, str, Whole, str, str]] = [
    ("standard", "planning_complete", "not set",
        whole("standard", "ImplementationPlanning"),
        "Task descriptions approved", "sow phase set metadata.planning_approved true --phase implementation"),
    ("standard", "planning_complete", "not true",
        whole("standard", "ImplementationPlanning", implementation={
            "metadata": {"planning_approved": False}}),
        "Task descriptions approved", "sow phase set metadata.planning_approved true"),
    ("standard", "planning_complete", "1, not true",
        whole("standard", "ImplementationPlanning", implementation={
            "metadata": {"planning_approved": 1}}),
        "Task descriptions approved", "sow phase set"),
    ("standard", "draft_pr_created", "metadata.draft_pr_created",
        whole("standard", "ImplementationDraftPRCreation"), "Draft PR created", "sow phase set"),
    ("standard", "all_tasks_complete", "there is no task in phase implementation",
        whole("standard", "ImplementationExecuting"), "All tasks", "sow task add"),
    ("standard", "all_tasks_complete", r"020 \(paused\)",
        whole("standard", "ImplementationExecuting", (
            done_task("010", "implementation"), in_status("paused").replace(id="020"))),
        "All tasks", "sow review"),
    ("standard", "all_tasks_complete", r"020 \(pending\)",
        whole("standard", "ImplementationExecuting", (
            done_task("010", "implementation"), new_task("020"))), "All tasks", "sow run"),
    ("standard", "all_tasks_complete", "none is completed",
        whole("standard", "ImplementationExecuting", (in_status("abandoned"),)),
        "All tasks", "sow task retry"),
    ("standard", "review_pass", "there is no output of type review in phase review of iteration 1",
        whole("standard", "ReviewActive", review={"iteration": 1}), "Review approved",
        "sow output add --type review --path PATH --phase review"),
    ("standard", "review_pass", "not approved",
        whole("standard", "ReviewActive", review={
            "iteration": 1, "outputs": [artifact("review", approved=False, assessment="pass")]}),
        "Review approved", r"sow output set --index 0 approved true --phase review"),
    ("standard", "review_pass", "metadata.assessment of output .0. a.md is 'fail', not 'pass'",
        whole("standard", "ReviewActive", review={
            "iteration": 1, "outputs": [artifact("review", assessment="fail")]}),
        "Review approved", "metadata.assessment pass"),
    ("standard", "review_pass", "metadata.assessment of output .1.",
        whole("standard", "ReviewActive", review={"iteration": 1, "outputs": [
            artifact("review", assessment="pass"), artifact("review", path="b.md")]}),
        "Review approved", "--index 1"),
    ("standard", "review_pass", "of iteration 2",
        whole("standard", "ReviewActive", review={"iteration": 2, "outputs": [
            artifact("review", assessment="pass"), artifact("review", assessment="pass", iteration=1)]}),
        "Review approved", "sow output add"),
    ("standard", "pr_ready", "not approved",
        whole("standard", "FinalizePRReady", finalize={"outputs": [
            artifact("pr_body"), artifact("pr_body", approved=False, path="new.md")]}),
        "PR body approved", "--index 1"),
    ("standard", "pr_checks_pass", "pr_checks_passed",
        whole("standard", "FinalizePRChecks"), "PR checks passed", "sow phase set"),
    ("standard", "cleanup_complete", "project_deleted",
        whole("standard", "FinalizeCleanup"), "Project deleted", "sow phase set"),
    ("exploration", "begin_summarizing", "no task",
        whole("exploration", "Active"), "All exploration tasks", "sow task add"),
    ("exploration", "begin_summarizing", "needs_review",
        whole("exploration", "Active", (in_status("needs_review").replace(phase="exploration"),)),
        "All exploration tasks", "sow review"),
    ("exploration", "complete_summarizing", "no output of type summary",
        whole("exploration", "Summarizing"), "At least one summary", "sow output add --type summary"),
    ("exploration", "complete_summarizing", "output .1. b.md is not approved",
        whole("exploration", "Summarizing", exploration={"outputs": [
            artifact("summary"), artifact("summary", approved=False, path="b.md"), artifact("summary")]}),
        "At least one summary", "--index 1 approved true"),
    ("exploration", "complete_finalization", r"not completed: 010 \(abandoned\)",
        whole("exploration", "Finalizing", (in_status("abandoned").replace(phase="finalization"),)),
        "All finalization tasks", "sow task retry 010"),
    ("design", "complete_design", "none is completed",
        whole("design", "Active", (in_status("abandoned").replace(phase="design"),)), "All design tasks",
        "sow task"),
    ("design", "complete_design", "no task", whole("design", "Active"), "All design tasks", "sow task add"),
    ("design", "complete_design", r"020 \(pending\)",
        whole("design", "Active", (done_task("010", "design"), new_task("020", phase="design"))),
        "All design tasks", "sow run"),
    ("design", "complete_finalization", r"not completed: 010 \(abandoned\)",
        whole("design", "Finalizing", (in_status("abandoned").replace(phase="finalization"),)),
        "All finalization tasks", "sow task retry 010"),
    ("breakdown", "begin_active", "not approved",
        whole("breakdown", "Discovery", breakdown={"outputs": [artifact("discovery", approved=False)]}),
        "Discovery approved", "approved true"),
    ("breakdown", "begin_publishing", "no task",
        whole("breakdown", "Active"), "All units", "sow task add"),
    ("breakdown", "begin_publishing", r"020 \(pending\)",
        whole("breakdown", "Active", (done_task("010", "breakdown"), new_task("020", phase="breakdown"))),
        "All units", "sow run"),
    ("breakdown", "begin_publishing", "none is completed",
        whole("breakdown", "Active", (in_status("abandoned").replace(phase="breakdown"),)),
        "All units", "sow task retry"),
    ("breakdown", "begin_publishing", "task 010 depends on 500, which is not there",
        whole("breakdown", "Active", (done_task("010", "breakdown", depends_on=["500"]),)),
        "Dependencies known", "sow task set depends_on"),
    ("breakdown", "begin_publishing", "is a circle",
        whole("breakdown", "Active", (done_task("010", "breakdown", depends_on=["020"]),
            done_task("020", "breakdown", depends_on=["010"]))), "Dependencies known", "sow task set"),
    ("breakdown", "complete_breakdown", "metadata.published of task 010 is not set, not true",
        whole("breakdown", "Publishing", (done_task("010", "breakdown"),)),
        "Every completed unit is published", "sow task set metadata.published true --id 010"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "event", "detail", "held", "text", "remedy"), GUARDS)
def test_a_guard_says_what_is_not_met_and_the_command_that_would_meet_it(
    kind: str, event: str, detail: str, held: Whole, text: str, remedy: str
) -> None:
    found = statechart.way(TYPES[kind], held, event)
    with pytest.raises(Refused, match=f"^Transition blocked by guard: {text}.*{detail}") as said:
        raise statechart.blocked(found)
    assert said.value.hint.startswith("Guard not satisfied. Fix the guard condition")
    assert remedy in said.value.hint


def test_every_guard_of_every_type_is_in_the_table() -> None:
    guards = {
        (kind, way.event, guard.text)
        for kind in BUILT_IN
        for state in TYPES[kind].states.values()
        for way in state.transitions
        for guard in way.guards
    }
    told = [(row[0], row[1], row[4]) for row in GUARDS]
    assert {
        (kind, event, text)
        for kind, event, text in guards
        if not any(row[:2] == (kind, event) and text.startswith(row[2]) for row in told)
    } == {("standard", "review_fail", "Review approved with assessment fail")}


MET: list[tuple[str, str, Whole]] = [
    ("standard", "all_tasks_complete", whole("standard", "ImplementationExecuting", (
        done_task("010", "implementation"), in_status("abandoned").replace(id="020")))),
    ("standard", "review_pass", whole("standard", "ReviewActive", review={"iteration": 2, "outputs": [
        artifact("review", assessment="fail"), artifact("review", assessment="pass", iteration=2)]})),
    ("exploration", "begin_summarizing", whole("exploration", "Active", (
        in_status("abandoned").replace(phase="exploration"),))),
    ("exploration", "complete_finalization", whole("exploration", "Finalizing")),
    ("breakdown", "begin_active", whole("breakdown", "Discovery", breakdown={"outputs": [
        artifact("discovery"), artifact("discovery", approved=False)]})),
    ("breakdown", "complete_breakdown", whole("breakdown", "Publishing", (
        done_task("010", "breakdown", metadata={"published": True}),
        in_status("abandoned").replace(id="020", phase="breakdown")))),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "event", "held"), MET)
def test_a_guard_asks_for_no_more_than_it_says(kind: str, event: str, held: Whole) -> None:
    assert statechart.way(TYPES[kind], held, event).unmet == ()


def test_a_task_whose_file_is_broken_has_not_ended() -> None:
    held = fulfilled("standard", "ImplementationExecuting")
    path = "/p/.sow/project/phases/implementation/tasks/030/state.yaml"
    broken = Broken.of(path, Refused(f"{path}:3: status is 'done'", "mend it"))
    held = held.replace(tasks=held.tasks.replace(broken=(broken,)))
    with pytest.raises(Refused, match=r"tasks/030/state\.yaml:3"):
        raise statechart.blocked(statechart.way(TYPES["standard"], held, "all_tasks_complete"))


# -- which way is taken without a name -------------------------------------------------------------


def test_without_an_event_the_only_open_way_is_taken() -> None:
    kind = TYPES["standard"]
    passed = fulfilled("standard", "ReviewActive")
    assert statechart.open_way(kind, passed).transition.event == "review_pass"
    assert statechart.open_way(kind, failed_review(passed)).transition.event == "review_fail"
    with pytest.raises(Refused, match=r"no transition is open in state ReviewActive: .*review_fail"):
        statechart.open_way(kind, whole("standard", "ReviewActive"))
    with pytest.raises(Refused, match=r"^Transition blocked by guard: Task descriptions approved"):
        statechart.open_way(kind, whole("standard", "ImplementationPlanning"))


@pytest.mark.parametrize(("kind", "end"), [("standard", "NoProject"), ("design", "Completed")])
def test_a_project_that_has_ended_begins_again_only_by_name(kind: str, end: str) -> None:
    with pytest.raises(Refused, match=f"has come to its end: state {end}"):
        statechart.open_way(TYPES[kind], whole(kind, end))


def test_of_two_open_ways_one_must_be_named() -> None:
    text = project_types.built_in_text("exploration").replace(
        "      - event: begin_summarizing\n",
        "      - {event: give_up, target: Completed}\n      - event: begin_summarizing\n",
    )
    kind = project_types.read(document.parse(text.encode(), "t"), "t")
    with pytest.raises(Refused, match="more than one transition is open in state Active: give_up, begin"):
        statechart.open_way(kind, fulfilled("exploration", "Active"))


# -- steps -----------------------------------------------------------------------------------------


def taken(kind: str, held: Whole, event: str) -> Step:
    chart = TYPES[kind]
    return statechart.step(chart, held, statechart.way(chart, held, event).transition, at=LATER)


@pytest.mark.parametrize(
    ("kind", "state", "event"), [(k, *pair) for k, ways in WAYS.items() for pair in ways]
)
def test_a_step_leads_to_valid_documents_and_is_told(kind: str, state: str, event: str) -> None:
    step = taken(kind, fulfilled(kind, state), event)
    target = WAYS[kind][state, event]
    assert step.project is not None
    assert step.project["statechart"] == {"current_state": target, "updated_at": LATER}
    assert all(sow_schemas.valid("phase_file", phase) for phase in step.phases.values())
    statuses = {name: phase["status"] for name, phase in step.phases.items()}
    assert statuses == AFTERWARDS[kind].get(event, {})
    assert [e.payload for e in step.events] == [{"event": event, "source": state, "target": target}]


def test_a_failed_review_opens_the_next_iteration_and_closes_the_gates() -> None:
    held = failed_review(fulfilled("standard", "ReviewActive"))
    held = held.replace(phases={**held.phases, "implementation": {
        **held.phases["implementation"], "status": "completed", "completed_at": AT}})  # fmt: skip
    step = taken("standard", held, "review_fail")
    implementation, review = step.phases["implementation"], step.phases["review"]
    assert (review["status"], review["failed_at"]) == ("failed", LATER)
    assert (implementation["status"], implementation["iteration"]) == ("in_progress", 2)
    assert "completed_at" not in implementation
    assert implementation["metadata"] == {"planning_approved": False, "draft_pr_created": False}
    assert implementation["inputs"] == held.phases["review"]["outputs"]
    back = held.replace(project=step.project, phases={**held.phases, **step.phases})
    assert not statechart.way(TYPES["standard"], back, "planning_complete").is_open


def test_a_review_of_an_older_iteration_never_counts_again() -> None:
    held = fulfilled("standard", "ImplementationExecuting")
    again = taken("standard", held, "all_tasks_complete")
    held = held.replace(project=again.project, phases={**held.phases, **again.phases})
    assert held.phases["review"]["iteration"] == 2
    way = statechart.way(TYPES["standard"], held, "review_pass")
    assert [unmet.detail for unmet in way.unmet] == [
        "there is no output of type review in phase review of iteration 2"
    ]


def test_a_phase_that_is_gone_is_told_and_not_made_up() -> None:
    held = fulfilled("standard", "ImplementationExecuting")
    held = held.replace(phases={name: p for name, p in held.phases.items() if name != "review"})
    with pytest.raises(Refused, match="phase not found: review"):
        taken("standard", held, "all_tasks_complete")


@pytest.mark.parametrize(
    ("kind", "state", "statuses"),
    [
        ("standard", "ImplementationPlanning", {"implementation": "in_progress", "review": "pending",
            "finalize": "pending"}),
        ("exploration", "Active", {"exploration": "active", "finalization": "pending"}),
        ("design", "Active", {"design": "active", "finalization": "pending"}),
        ("breakdown", "Discovery", {"breakdown": "in_progress"}),
    ],
)  # fmt: skip
def test_a_project_begins_as_its_type_says(kind: str, state: str, statuses: dict[str, str]) -> None:
    begun, phases = statechart.first(TYPES[kind], at=AT)
    assert (begun, {name: phase["status"] for name, phase in phases.items()}) == (state, statuses)
    assert next(phase["iteration"] for phase in phases.values()) == 1


# -- by the store ----------------------------------------------------------------------------------


def test_a_refused_advance_changes_no_byte(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    before = {p: p.read_bytes() for p in Path(store.layout.project).rglob("*") if p.is_file()}
    for event in (None, "planning_complete", "review_pass", "nonsense", ""):
        with pytest.raises(Refused):
            advancing.advance(store, event)
    assert {p: p.read_bytes() for p in Path(store.layout.project).rglob("*") if p.is_file()} == before
    assert events(store) == []


def test_an_advance_writes_state_and_phases_and_tells_it(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    walk_to_review(store)
    assert store.project()["statechart"]["current_state"] == "ReviewActive"
    assert (store.phase("implementation")["status"], store.phase("review")["iteration"]) == ("completed", 1)
    assert [e["payload"]["target"] for e in events(store) if e["type"] == "project.advanced"] == [
        "ImplementationDraftPRCreation", "ImplementationExecuting", "ReviewActive",
    ]  # fmt: skip


def walk_to_review(store: Store) -> None:
    gates = {"planning_approved": True, "draft_pr_created": True}
    store.change_phase("implementation", phase_with(metadata=gates))
    add(store, status="completed")
    for _ in range(3):
        advancing.advance(store, None)


def phase_with(**fields: Any) -> Callable[[Any], Step]:
    """A change of phase `implementation` by some fields."""

    def change(held: Any) -> Step:
        phases: Any = {"implementation": {**held, **fields}}
        return Step(phases=phases)

    return change


def test_metadata_is_checked_by_the_type_at_the_write(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    with pytest.raises(
        Refused, match=r'metadata\.planning_approved: "yes" is a text, not true or false'
    ) as said:
        store.change_phase("implementation", phase_with(metadata={"planning_approved": "yes"}))
    assert said.value.hint == "did you mean `true`? allowed: true or false"
    store.change_phase("implementation", phase_with(metadata={"planning_approved": True, "ours": [1]}))

    units = new_store(tmp_path / "units", kind="breakdown")
    add(units, phase="breakdown")
    with pytest.raises(Refused, match=r'metadata\.published: "yes" is a text, not true or false'):
        units.change_task("010", keep(metadata={"published": "yes"}))
    with pytest.raises(Refused, match=r"the new task: metadata\.published"):
        add(units, phase="breakdown", metadata={"published": 1})
    assert len(units.tasks().tasks) == 1


def test_a_task_of_a_design_completes_only_with_its_artifact_and_approves_it(tmp_path: Path) -> None:
    store = new_store(tmp_path, kind="design")
    add(store, phase="design", metadata={"artifact_path": "adr/1.md"})
    add(store, phase="design")

    def complete(task: Task) -> Any:
        return keep(status="completed", completed_at=AT)(task)

    why = r"task 010 can't be completed: its metadata\.artifact_path 'adr/1\.md'"
    with pytest.raises(Refused, match=why) as no:
        store.change_task("010", complete)
    assert "sow output add --type design --path adr/1.md --phase design" in no.value.hint
    with pytest.raises(Refused, match="can't be completed"):
        store.check_completion(store.task("010"))
    assert store.task("010").status == "pending"

    outputs: Any = [artifact("adr", approved=False, path=path) for path in ("adr/1.md", "2.md")]
    store.change_phase("design", lambda held: Step(phases={"design": {**held, "outputs": outputs}}))
    store.change_task("010", complete)
    assert [held["approved"] for held in store.phase("design")["outputs"]] == [True, False]
    store.change_task("020", complete)
    assert store.journal.left() == []
