"""The house has floors, and arrows go one way only: down.

Every import of every module is read, those inside of functions too, and held
against the plan below. A module stands on the floor of the longest prefix.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ("orchestrator", "executors", "schemas")

FLOORS = {
    1: ("wings", "sow_executors sow_schemas"),
    2: (
        "values",
        "sow sow.value sow.nearest sow.errors sow.result sow.clock sow.jsonlines sow.task sow.change"
        " sow.project sow.layout sow.logs sow.state sow.sizes sow.caps sow.pool",
    ),
    3: (
        "hands",
        "sow.files sow.document sow.process sow.runner sow.lease sow.git sow.roles sow.config sow.find"
        " sow.eventlog sow.shim sow.project_types sow.inside sow.forge sow.ports sow.outfit sow.readable"
        " sow.accounts sow.toolbox sow.writers sow.taskfiles.text",
    ),
    4: (
        "decisions",
        "sow.ready sow.progress sow.judgement sow.dotted sow.fields sow.statechart sow.phase sow.artifacts"
        " sow.course sow.pull_request sow.original sow.giving_back sow.formats"
        " sow.edits sow.visit sow.prompts sow.usage sow.budget sow.recovery.policy",
    ),
    5: ("door", "sow.journal sow.splitting sow.store sow.attempt sow.holding sow.deferring"),
    6: (
        "engine",
        "sow.attaching sow.report sow.describing sow.adding sow.moving sow.advancing sow.continuing sow.setup"
        " sow.removal sow.intake sow.catching_up sow.bringing sow.issues sow.spreading sow.dropped"
        " sow.validate sow.workplace sow.workspace sow.driving sow.allowance sow.handover sow.opened"
        " sow.record sow.turn"
        " sow.gate sow.waiting sow.review sow.obstacles sow.finishing sow.deleting sow.outside sow.branches"
        " sow.steering"
        " sow.scheduler sow.worktree sow.doctor sow.contract sow.recovery.restore sow.recovery sow.taskfiles",
    ),
    7: ("operations", "sow.api"),
    8: ("faces", "sow.cli sow.mcp sow.demo sow.__main__"),
}
"""The plan: a floor's name, and the modules that stand on it, each with all that is below it by name."""

BY_PREFIX = {prefix: floor for floor, (_, prefixes) in FLOORS.items() for prefix in prefixes.split()}


class Arrow(NamedTuple):
    """One module uses another."""

    source: str
    goal: str
    place: str
    at_once: bool
    """Whether it is followed when the module is loaded, and not later by one of its functions."""
    for_types: bool
    """Whether it is there for a type checker alone."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the three roots, by the name under which it is imported."""
    found = {}
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            parts = path.relative_to(ROOT / source).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def arrows() -> tuple[Arrow, ...]:
    return tuple(arrow for name, path in modules().items() for arrow in arrows_of(name, path))


def arrows_of(name: str, path: Path) -> Iterator[Arrow]:
    for node, later, typed in imports(ast.parse(path.read_text()).body, later=False, typed=False):
        for goal in goals(name, path, node):
            if goal != name:
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield Arrow(name, goal, place, not later and not typed, typed)


def imports(nodes: Iterable[ast.AST], *, later: bool, typed: bool) -> Iterator[tuple[ast.stmt, bool, bool]]:
    """The imports among statements and in them; of each, whether it is in a function, and for types alone.

    No expression has one, and nearly all of a module is expressions.
    """
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, later, typed
        within = later or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for blocks in ("body", "orelse", "handlers", "finalbody", "cases"):
            inner = getattr(node, blocks, [])
            yield from imports(inner, later=within, typed=typed or is_for_types(node))


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def goals(name: str, path: Path, node: ast.AST) -> Iterator[str]:
    """The modules of ours that an import loads: of `from sow import task` it is `sow.task`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in modules())
    elif isinstance(node, ast.ImportFrom):
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
        base = ".".join(part for part in (above, node.module) if part)
        for alias in node.names:
            if f"{base}.{alias.name}" in modules():
                yield f"{base}.{alias.name}"
            elif base in modules():
                yield base


def prefix_of(module: str) -> str:
    """The entry of the plan that a module belongs to; empty for none. Only `sow` itself is `sow`."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in BY_PREFIX and (prefix != "sow" or module == "sow"):
            return prefix
    return ""


def floor_of(module: str) -> int:
    return BY_PREFIX.get(prefix_of(module), 0)


@pytest.mark.parametrize("module", modules())
def test_every_module_has_a_floor(module: str) -> None:
    assert prefix_of(module), f"give {module} a floor: a line in {Path(__file__).name}"


def test_the_plan_names_nothing_that_is_not_there() -> None:
    assert [prefix for prefix in BY_PREFIX if prefix not in modules()] == []


def test_no_arrow_goes_up() -> None:
    up = [
        f"{place}: {source} ({floor_of(source)} {FLOORS[floor_of(source)][0]}) imports"
        f" {goal} ({floor_of(goal)} {FLOORS[floor_of(goal)][0]})"
        for source, goal, place, at_once, _ in arrows()
        if prefix_of(source) and prefix_of(goal) and floor_of(goal) > floor_of(source)
        # `sow` itself is the sign at the door: it names what is upstairs, and loads it when it is asked for.
        if source != "sow" or at_once
    ]
    assert up == [], "\n".join(up)


DOES_ITSELF = {
    ("sow.cli.completion", "sow.fields"): "which fields of a task nobody sets",
    ("sow.cli.completion", "sow.phase"): "which fields of a project nobody sets",
    ("sow.cli.completion", "sow.formats.known"): "the names of the formats",
    ("sow.cli.config", "sow.document.canonical"): "a value is shown as it would stand in the file",
    ("sow.cli.words", "sow.document.canonical"): "a value is shown as it stands in a file",
    ("sow.cli.words", "sow.dotted"): "a field is shown by its path",
    ("sow.cli.pairs", "sow.dotted"): "K=V is read, before it is known what for",
    ("sow.cli.formats", "sow.formats.texts"): "the headline of a record",
    ("sow.cli.demo", "sow.config"): "the demo hands in settings of its own",
    ("sow.cli.demo", "sow.git.repository"): "it proves the result by git, and not by what sow says",
    ("sow.cli.demo", "sow.roles"): "it says which variables it sets",
}
"""What commands still load of the floors below the operations, each with the reason. It may only shrink."""


def test_commands_are_written_on_the_operations() -> None:
    below_operations = range(3, floor_of("sow.api"))
    used = {
        (arrow.source, arrow.goal): arrow.place
        for arrow in arrows()
        if arrow.source.startswith("sow.cli")
        and not arrow.for_types
        and floor_of(arrow.goal) in below_operations
    }
    known = {
        (source, goal): next(
            (one for one in DOES_ITSELF if one[0] == source and goal.startswith(one[1])), None
        )
        for source, goal in used
    }
    assert [used[arrow] for arrow, reason in known.items() if reason is None] == []
    assert DOES_ITSELF.keys() == set(known.values()), "what is no longer so goes from the list"


def test_the_package_itself_loads_nothing() -> None:
    assert [arrow.place for arrow in arrows() if arrow.source == "sow" and arrow.at_once] == []


def test_the_wings_know_nothing_of_sow_and_nothing_of_each_other() -> None:
    foreign = [
        arrow
        for arrow in arrows()
        if floor_of(arrow.source) == 1 and prefix_of(arrow.goal) != prefix_of(arrow.source)
    ]
    assert foreign == []


def test_a_module_with_a_private_name_is_imported_only_beside_it() -> None:
    private = [arrow for arrow in arrows() if arrow.goal.rpartition(".")[2].startswith("_")]
    assert private, "there is one: the generated checks"
    for arrow in private:
        package = arrow.goal.rpartition(".")[0]
        assert arrow.source == package or arrow.source.startswith(f"{package}."), arrow.place


def test_the_types_of_documents_cost_nothing_that_runs() -> None:
    users = [arrow for arrow in arrows() if arrow.goal == "sow_schemas.documents"]
    assert users
    assert [arrow.place for arrow in users if arrow.at_once] == []


def test_no_module_loads_itself_by_way_of_others() -> None:
    assert circles({(arrow.source, arrow.goal) for arrow in arrows() if arrow.at_once}) == []


def test_no_circle_of_arrows_between_the_parts_of_the_plan() -> None:
    between = {(prefix_of(arrow.source), prefix_of(arrow.goal)) for arrow in arrows()}
    parts = {(source, goal) for source, goal in between if source != goal and "sow" not in (source, goal)}
    assert circles(parts) == []


def test_a_circle_is_found_where_there_is_one() -> None:
    assert circles({("a", "b"), ("b", "c"), ("c", "a"), ("a", "d")}) == [["a", "b", "c", "a"]]
    assert circles({("a", "b"), ("a", "c"), ("b", "c")}) == []


def circles(pairs: set[tuple[str, str]]) -> list[list[str]]:
    """A circle for each module that is the first, by name, of one; as the modules on its way."""
    below: dict[str, list[str]] = {}
    for source, goal in sorted(pairs):
        below.setdefault(source, []).append(goal)
    found = []
    for start in sorted(below):
        ways = [[start, goal] for goal in below[start] if goal >= start]
        seen = set[str]()
        while ways:
            way = ways.pop(0)
            if way[-1] == start:
                found.append(way)
                break
            if way[-1] not in seen:
                seen.add(way[-1])
                ways += [[*way, goal] for goal in below.get(way[-1], []) if goal >= start]
    return found
