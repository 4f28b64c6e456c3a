"""The classes of failure: apart, for the agent that plays scripts needs nothing else of the contract."""

from typing import Literal

Kind = Literal[
    "rate_limit",
    "usage_limit",
    "billing_exhausted",
    "overloaded",
    "server_error",
    "network",
    "auth_invalid",
    "access_denied",
    "model_not_found",
    "context_overflow",
    "output_limit",
    "invalid_request",
    "content_filter",
    "session_not_found",
    "session_conflict",
    "tool_permission_denied",
    "missing_tool",
    "setup_failed",
    "config_invalid",
    "max_turns",
    "budget_exceeded",
    "timeout",
    "out_of_memory",
    "interrupted",
    "crash_signal",
    "unknown",
]
"""A class of failure, by the names that policies use."""
