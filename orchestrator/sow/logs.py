"""What sow does, in facts, on standard error: for `-v`, and for whoever looks for a fault."""

from __future__ import annotations

import logging
import sys

import structlog


def set_up(*, verbose: bool) -> None:
    """Sends the log to standard error: everything with `verbose`, else only what went wrong."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
