"""The real `claude` program for tests: where it is, and the environment that keeps it on loopback."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

MISSING = (
    "NO REAL CLAUDE: its tests did not run. Install it with `pip install claude-agent-sdk`, "
    "put `claude` on PATH, or name one in SOW_TEST_CLAUDE"
)


def find_claude() -> Path | None:
    """The program that SOW_TEST_CLAUDE names, else the SDK wheel's, else the one on PATH."""
    if named := os.environ.get("SOW_TEST_CLAUDE"):
        return Path(named)
    sdk = importlib.util.find_spec("claude_agent_sdk")
    if sdk is not None and sdk.origin is not None:
        bundled = Path(sdk.origin).parent / "_bundled" / "claude"
        if bundled.is_file():
            return bundled
    found = shutil.which("claude")
    return Path(found) if found else None


def claude_binary() -> Path:
    """The real program; skips the test, with a reason that says how to get it, where there is none."""
    found = find_claude()
    if found is None:
        pytest.skip(MISSING)
    return found


def env_for_claude(home: Path, url: str, *, subscription: bool = False) -> dict[str, str]:
    """A whole environment under which `claude` talks to `url` alone and writes below `home` alone.

    With `subscription` it signs in as an account with usage limits instead of with an API key.
    """
    credential = "CLAUDE_CODE_OAUTH_TOKEN" if subscription else "ANTHROPIC_API_KEY"
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "CLAUDE_CONFIG_DIR": str(home / ".claude"),
        "ANTHROPIC_BASE_URL": url,
        credential: "sk-ant-no-real-key",
        "IS_SANDBOX": "1",  # containers run tests as root, where it refuses to skip permissions otherwise
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "DISABLE_TELEMETRY": "1",
    }
