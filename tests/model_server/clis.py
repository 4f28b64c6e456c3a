"""The real agent CLIs for tests: where each one is."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest


def find_cli(name: str) -> Path | None:
    """The program that SOW_TEST_<NAME> names, else the one that `scripts/setup test` installed, else PATH's.

    `name`: claude, codex, gemini, opencode, claude-agent-acp or codex-acp.
    """
    if named := os.environ.get(_variable(name)):
        return Path(named)
    # Claude's comes in the wheel of its SDK, the others from npm (tests/real/clis).
    installed = _bundled_claude() if name == "claude" else Path(sys.prefix) / "clis" / "bin" / name
    if installed is not None and installed.is_file():
        return installed
    found = shutil.which(name)
    return Path(found) if found else None


def cli_binary(name: str) -> Path:
    """The real program; skips the test, with a reason that says how to get it, where there is none."""
    found = find_cli(name)
    if found is None:
        pytest.skip(
            f"NO REAL {name.upper()}: its tests did not run. Install it with `scripts/setup test`, "
            f"put `{name}` on PATH, or name one in {_variable(name)}"
        )
    return found


def _variable(name: str) -> str:
    return f"SOW_TEST_{name.upper().replace('-', '_')}"


def _bundled_claude() -> Path | None:
    sdk = importlib.util.find_spec("claude_agent_sdk")
    return None if sdk is None or sdk.origin is None else Path(sdk.origin).parent / "_bundled" / "claude"
