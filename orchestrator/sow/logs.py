"""What sow does, in facts, on standard error: for `-v`, and for whoever looks for a fault.

structlog is loaded when something is to be said: it takes more time than all
of a `sow run` that says nothing.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

_verbose = False


def set_up(*, verbose: bool) -> None:
    """Has the log written, or not."""
    global _verbose
    _verbose = verbose


def debug(event: str, **facts: object) -> None:
    """Notes something that is of use only to whoever looks for a fault."""
    if _verbose:
        _logger().debug(event, **facts)


def info(event: str, **facts: object) -> None:
    """Notes what sow does."""
    if _verbose:
        _logger().info(event, **facts)


def warning(event: str, **facts: object) -> None:
    """Notes what is not as it should be."""
    if _verbose:
        _logger().warning(event, **facts)


@cache
def _logger() -> Any:
    import structlog

    return structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.BoundLogger,
    )
