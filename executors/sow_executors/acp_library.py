"""The parts of the Agent Client Protocol's library that a bridge takes, and nothing else of it.

The package's own module builds a model of each of some hundred messages, which
takes four times as long as all else that a bridge does to begin; its parts can
be had without.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType

PACKAGE = "acp"


def _unopened() -> ModuleType | None:
    """The package as a place to find its parts in; None where there is none, or somebody opened it."""
    spec = find_spec(PACKAGE) if PACKAGE not in sys.modules else None
    return module_from_spec(spec) if spec else None


_place = _unopened()
if _place is not None:
    sys.modules[PACKAGE] = _place

from acp.connection import Connection  # noqa: E402
from acp.exceptions import RequestError  # noqa: E402
from acp.meta import AGENT_METHODS, CLIENT_METHODS, PROTOCOL_VERSION  # noqa: E402

if _place is not None:
    # Whoever wants the package is to have all of it.
    del sys.modules[PACKAGE]

__all__ = ["AGENT_METHODS", "CLIENT_METHODS", "PROTOCOL_VERSION", "Connection", "RequestError"]
