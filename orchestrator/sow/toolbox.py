"""sow's own tools for an agent: `sow mcp`, told all by which it finds the task.

A server is not given its agent's environment by every CLI, so it is handed what it needs. It bears the
attempt's mark like all that an agent starts, and is swept with the rest of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from sow_executors import base, extras

NAME = "sow"
"""What the server is called: Gemini would misread an underscore in it."""

_NEEDED = ("SOW_*", "PATH", "XDG_*")


def is_offered(
    executor: base.Executor, settings: Mapping[str, object], environment: Mapping[str, str], scratch: str
) -> bool:
    """Whether an executor can tell its agent of the tools. `environment`: what of the user's it passes on.

    `scratch`: the folder of the attempt.
    """
    return isinstance(executor, extras.OffersTools) and executor.offers_tools(settings, environment, scratch)


def tools(program: str, environment: Mapping[str, str]) -> base.Tools:
    """The server for an agent. `program`: the `sow` that starts it; `environment`: the agent's own."""
    needed = {
        name: value
        for name, value in environment.items()
        if any(fnmatchcase(name, pattern) for pattern in _NEEDED)
    }
    return base.Tools(NAME, (program, "mcp"), needed)
