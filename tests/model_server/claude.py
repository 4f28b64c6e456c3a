"""The environment that keeps the real `claude` on loopback."""

from __future__ import annotations

import os
from pathlib import Path


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
