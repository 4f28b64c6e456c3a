"""A scripted model on loopback, for rehearsals of real agent CLIs: `sow executor check --offline`, and tests.

replies    what it can answer, whatever the API
api        how an API is spoken; one module each: messages, responses, completions, contents
tools      what the same wish is called by each CLI
server     the server, and what it saw
claude ... how each CLI is kept on it: variables, and files below a home of its own
"""

from sow_executors.model_server.replies import (
    Call,
    Hang,
    Refuse,
    Reply,
    Shell,
    Stall,
    Text,
    Write,
    bash,
    overloaded,
    rate_limited,
    unauthorized,
    usage_limited,
)
from sow_executors.model_server.server import ModelServer, Request, Scenario

__all__ = [
    "Call",
    "Hang",
    "ModelServer",
    "Refuse",
    "Reply",
    "Request",
    "Scenario",
    "Shell",
    "Stall",
    "Text",
    "Write",
    "bash",
    "overloaded",
    "rate_limited",
    "unauthorized",
    "usage_limited",
]
