"""Roles: who an agent can be. A repository describes its own in `.sow/agents/<name>.md`."""

import os

from sow.errors import NotFound
from sow.nearest import did_you_mean

BUILT_IN = ("orchestrator", "implementer", "architect", "reviewer", "planner", "researcher", "decomposer")

VARIABLES = "SOW_AGENTS_"
"""How the variables begin that choose the executor of a role."""


def known(main: str) -> "tuple[str, ...]":
    """The roles that an agent can have in the repository whose main checkout is at `main`."""
    try:
        own = [name[:-3] for name in os.listdir(f"{main}/.sow/agents") if name.endswith(".md")]
    except (FileNotFoundError, NotADirectoryError):
        own = []
    return (*BUILT_IN, *sorted(set(own) - set(BUILT_IN)))


def check(role: str, main: str) -> None:
    """Raises NotFound for a role that nobody has described."""
    there = known(main)
    if role in there:
        return
    hint = f"{did_you_mean(role, there)}the agents here: {', '.join(there)}"
    if role.replace("-", "").replace("_", "").isalnum() and role.isascii():
        hint += f"; describe one of your own in .sow/agents/{role}.md"
    raise NotFound(f"agent not found: {role or 'its name is empty'}", hint)


def variable(role: str) -> str:
    """The environment variable that chooses the executor of a role."""
    return VARIABLES + role.upper().replace("-", "_")
