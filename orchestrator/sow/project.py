"""A project as a value: its name, its branch, its phases, the documents they begin as."""

import unicodedata

from sow.errors import Refused
from sow.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from sow_schemas.documents import PhaseFile, ProjectFile

TYPE_BY_PREFIX = {"explore/": "exploration", "design/": "design", "breakdown/": "breakdown"}
"""A branch's prefix names the type of its project; any other branch is a standard one."""

LONGEST_NAME = 50


class Plan(Value):
    """What a new project will be, before anything of it exists."""

    name: str
    branch: str
    type: str
    description: str


def plan(description: str, *, branch: "str | None", name: "str | None") -> Plan:
    """The new project that a description asks for; name and branch may be given.

    Raises Refused for a name that no project can have, or a type that is not there yet.
    """
    words = " ".join(description.split())
    for what, given in (("the description", words), ("--branch", branch), ("--name", name)):
        _check_text(what, given or "")
    chosen = name or slug(words if words else (branch or "").rpartition("/")[2])
    if not is_name(chosen):
        what = (
            f"{chosen!r} can't be the name of a project" if chosen else "there is no name in the description"
        )
        raise Refused(
            what, "a name is lower-case letters, digits and dashes, two at least: give one with --name"
        )
    on = branch or f"feat/{chosen}"
    kind = next((kind for prefix, kind in TYPE_BY_PREFIX.items() if on.startswith(prefix)), "standard")
    if kind != "standard":
        raise Refused(
            f"projects of type {kind} (branch {on}) are not there yet: only standard ones are",
            "choose a branch with another prefix, such as feat/",
        )
    return Plan(name=chosen, branch=on, type=kind, description=words)


def _check_text(what: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as fault:
        raise Refused(f"{what} is not UTF-8 at character {fault.start + 1}", "give it in UTF-8") from None


def slug(words: str) -> str:
    """`words` as the name of a project: ASCII, lower case, dashes, cut at a word."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    parts = "".join(c if c.isalnum() else " " for c in plain).split()
    name = ""
    for part in parts:
        longer = f"{name}-{part}" if name else part
        if len(longer) > LONGEST_NAME:
            break
        name = longer
    return name or "-".join(parts)[:LONGEST_NAME].strip("-")


def is_name(name: str) -> bool:
    """Whether `name` can be a project's: `^[a-z0-9][a-z0-9-]*[a-z0-9]$`."""
    letters = set("abcdefghijklmnopqrstuvwxyz0123456789-")
    return len(name) > 1 and set(name) <= letters and name[0] != "-" and name[-1] != "-"


def first_documents(plan: Plan, at: str) -> "dict[str, ProjectFile | PhaseFile]":
    """The documents of a project that begins at `at`, by their path below `.sow/project`."""
    phases = {"implementation": "in_progress", "review": "pending", "finalize": "pending"}
    whole: ProjectFile = {
        "name": plan.name,
        "type": plan.type,
        "branch": plan.branch,
        "description": plan.description,
        "created_at": at,
        "updated_at": at,
        "statechart": {"current_state": "ImplementationPlanning", "updated_at": at},
    }
    if not plan.description:
        del whole["description"]
    documents: dict[str, ProjectFile | PhaseFile] = {"state.yaml": whole}
    for phase, status in phases.items():
        documents[f"phases/{phase}/state.yaml"] = _first_phase(status, at)
    return documents


def _first_phase(status: str, at: str) -> "PhaseFile":
    if status == "in_progress":
        return {
            "status": status, "enabled": True, "created_at": at, "started_at": at, "iteration": 1,
            "inputs": [], "outputs": [],
        }  # fmt: skip
    return {"status": status, "enabled": True, "created_at": at, "inputs": [], "outputs": []}
