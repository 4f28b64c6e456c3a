"""The real agent CLIs for tests: where each one is, and the environment that keeps it on loopback."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest

from sow_executors.extras import Offline
from sow_executors.model_server import claude, codex, gemini, opencode


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


# Each a whole environment under which the program talks to `url` alone and writes below `home` alone.


def env_for_claude(home: Path, url: str, *, subscription: bool = False) -> dict[str, str]:
    """With `subscription` it signs in as an account with usage limits instead of with an API key."""
    return _laid(home, claude.offline({}, str(home), url, subscription=subscription))


def env_for_codex(home: Path, url: str) -> dict[str, str]:
    return _laid(home, codex.offline({}, str(home), url))


def env_for_gemini(home: Path, url: str) -> dict[str, str]:
    return _laid(home, gemini.offline({}, str(home), url))


def env_for_opencode(home: Path, url: str) -> dict[str, str]:
    return _laid(home, opencode.offline({}, str(home), url))


def _laid(home: Path, offline: Offline) -> dict[str, str]:
    for name, text in offline.files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), **offline.env}
