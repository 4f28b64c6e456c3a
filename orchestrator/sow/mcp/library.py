"""The parts of the SDK that a server on standard streams takes, and as little else of it as can be.

Its packages load a client, a second server and what HTTP needs when they are opened, a quarter of the time
and of the memory of a start; their parts can be had without. Each agent that sow starts has such a server.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType

_PACKAGES = ("mcp", "mcp.server", "mcp.server.lowlevel")


def _unopened() -> dict[str, ModuleType]:
    """The packages as places to find their parts in; none where somebody has opened them already."""
    places: dict[str, ModuleType] = {}
    if "mcp" in sys.modules:
        return places
    for name in _PACKAGES:
        spec = find_spec(name)
        if spec is None:
            break
        places[name] = sys.modules[name] = module_from_spec(spec)
    return places


_places = _unopened()

from mcp.server.context import ServerRequestContext  # noqa: E402
from mcp.server.lowlevel.server import NotificationOptions, Server  # noqa: E402
from mcp.server.session import ServerSession  # noqa: E402
from mcp.server.stdio import stdio_server  # noqa: E402
from mcp.server.subscriptions import (  # noqa: E402
    InMemorySubscriptionBus,
    ListenHandler,
    ResourcesListChanged,
    ResourceUpdated,
)
from mcp.shared.exceptions import MCPError  # noqa: E402

for _name in _places:
    # Whoever wants a package is to have all of it.
    del sys.modules[_name]

__all__ = [
    "InMemorySubscriptionBus",
    "ListenHandler",
    "MCPError",
    "NotificationOptions",
    "ResourceUpdated",
    "ResourcesListChanged",
    "Server",
    "ServerRequestContext",
    "ServerSession",
    "stdio_server",
]
